"""Test kit: the whole app in memory, with a clock that the test moves."""

from .committed import CommittedRecord
from .driver import Driver

__all__ = ["CommittedRecord", "Driver"]
