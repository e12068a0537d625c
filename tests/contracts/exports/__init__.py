"""Exports: what other tools make of them."""
