"""Tests of ``streams.drafting``."""
