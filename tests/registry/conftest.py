"""A registry for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .running import running


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with running(tmp_path / "registry") as held:
        yield held
