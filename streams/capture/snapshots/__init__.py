"""Snapshots: rows that are there already, told between the changes of the log. Start with ``incremental``."""
