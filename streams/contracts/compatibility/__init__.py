"""Compatibility: does a changed schema still read what was written, and is what it writes still read?"""

from .compare import KINDS, RULES, compare
from .history import Mode, Verdict, compare_history
from .model import BUMPS, Comparison, Difference, SchemaTextError

__all__ = [
    "BUMPS",
    "KINDS",
    "RULES",
    "Comparison",
    "Difference",
    "Mode",
    "SchemaTextError",
    "Verdict",
    "compare",
    "compare_history",
]
