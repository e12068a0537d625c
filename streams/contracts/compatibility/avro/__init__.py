"""Avro: what a reader's schema makes of data written under another."""
