"""Formats of source records: each makes a ``Codec`` for a contract."""
