"""Tests of what a TRUNCATE takes, and from whom."""
