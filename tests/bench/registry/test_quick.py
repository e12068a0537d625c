"""The benchmark runs and says what it should; of times nothing is asserted."""

from __future__ import annotations

import re

import pytest

from .__main__ import main


def test_each_look_up_is_measured_beside_the_floor(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--runs", "1", "--seconds", "0.2", "--schemas", "100"], standalone_mode=False)

    told = capsys.readouterr().out
    assert re.findall(r"^(\w+ \S+): 1 runs$", told, re.M) == [
        "GET /schemas/ids/{id}", "GET /subjects/{s}/versions/latest", "POST /subjects/{s}",
    ]  # fmt: skip
    assert len(re.findall(r"ratio: \d+\.\d\d in requests/s", told)) == 3
