"""Versions: the number that a change asks for.

SchemaVer is MODEL-REVISION-ADDITION. A contract's own version is semantic: MODEL is its major, REVISION its minor,
ADDITION its patch.
"""

from __future__ import annotations

import re

from .model import Bump

_PLACES = {"model": 0, "revision": 1, "addition": 2}
_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:[-+].*)?")
_SCHEMAVER = re.compile(r"([1-9]\d*)-(0|[1-9]\d*)-(0|[1-9]\d*)")


def next_schemaver(version: str, bump: Bump) -> str:
    """The SchemaVer after ``version``; raises ``ValueError`` for what is none.

    >>> next_schemaver("1-2-3", "revision")
    '1-3-0'
    """
    return "-".join(_next(_SCHEMAVER, version, bump))


def next_semver(version: str, bump: Bump) -> str:
    """The semantic version after ``version``; raises ``ValueError`` for what is none.

    >>> next_semver("1.2.3", "model")
    '2.0.0'
    """
    return ".".join(_next(_SEMVER, version, bump))


def _next(form: re.Pattern[str], version: str, bump: Bump) -> list[str]:
    match = form.fullmatch(version)
    if match is None:
        raise ValueError(f"{version} is no version")
    numbers = [int(number) for number in match.groups()]
    if bump == "none":
        return [str(number) for number in numbers]
    place = _PLACES[bump]
    return [str(number + (at == place)) if at <= place else "0" for at, number in enumerate(numbers)]
