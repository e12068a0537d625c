"""Canary: a candidate for the next version of a contract, tried on real events without any effect."""
