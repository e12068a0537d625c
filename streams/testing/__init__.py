"""Test kit: the whole app in memory, with a clock that the test moves."""

from .driver import CommittedRecord, Driver

__all__ = ["CommittedRecord", "Driver"]
