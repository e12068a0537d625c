"""Tests of aggregates over rows and of membership."""
