"""Load: the extension, if it was built. There is a compiler where a worker is installed, or there is not."""

from __future__ import annotations

from types import ModuleType

extension: ModuleType | None
try:
    from . import lane as extension
except ImportError:
    extension = None
