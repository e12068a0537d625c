"""Drafting: a table or the events of a topic become the files to begin with. Start with ``model``."""
