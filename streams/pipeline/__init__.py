"""Pipelines: from a file to a plan, and one batch through all of its steps. Start with ``process``."""
