"""Outside: functions that pipelines of these tests ask, as a shop would write them, and what they were asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

PLACE = "tests.pipeline.lookups.outside"
RATES = {"A-1": Decimal("0.19"), "B-2": Decimal("0.07")}

asked: list[tuple[object, ...]] = []
"""Arguments of each call, in order; a test empties it."""
failures: list[BaseException] = []
"""What the next calls raise, first one first."""
moods: dict[object, str] = {}
"""By argument: ``down``, ``wrong`` or ``unknown``; a test empties it."""


def _note(*arguments: object) -> None:
    asked.append(arguments)
    if failures:
        raise failures.pop(0)


async def rate(code: str) -> Decimal | None:
    """A rate by code; of other codes there is none."""
    _note(code)
    return RATES.get(code)


async def rates(codes: list[str]) -> list[Decimal | None]:
    """The same for many at once."""
    _note(*codes)
    return [RATES.get(code) for code in codes]


async def moody(argument: str) -> Decimal | None:
    """Whatever is asked, as long as nothing is wrong with it."""
    _note(argument)
    match moods.get(argument):
        case "down":
            raise ConnectionRefusedError
        case "wrong":
            raise ValueError
        case "unknown":
            return None
    return Decimal("0.25")


async def too_few(codes: list[str]) -> list[Decimal | None]:
    """A service that loses questions."""
    _note(*codes)
    return []


async def taxed(amount: Decimal, vat: Decimal) -> Decimal | None:
    """Asks about another answer."""
    _note(amount, vat)
    return amount * (1 + vat)


async def profile(customer: int) -> dict[str, object] | None:
    """An object with numbers that are no decimals yet."""
    _note(customer)
    return {"customer": customer, "score": 0.5, "tags": ["a"]}


async def profile_or_none(customer: int) -> dict[str, object] | None:
    """Knows one customer."""
    _note(customer)
    return {"customer": customer} if customer == 7 else None


async def moment(code: str) -> datetime | None:
    """Knows its zone, except of one code."""
    _note(code)
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=None if code == "naive" else UTC)


async def text(code: str) -> str:
    """Promises text, and says something else of one code."""
    return 5 if code == "wrong" else code.lower()  # type: ignore[return-value]


async def untyped(code):  # type: ignore[no-untyped-def]
    """Says nothing of its answers."""
    return code


async def floating(code: str) -> float:
    """Would be another number."""
    return 0.1


def blocking(code: str) -> Decimal:
    """Not async."""
    return RATES[code]


VALUES: dict[str, object] = {
    "boolean": True,
    "integer": 5,
    "decimal": Decimal("1.50"),
    "text": "x",
    "timestamp": datetime(2026, 1, 2, tzinfo=UTC),
    "date": date(2026, 1, 2),
    "time": time(1, 2),
    "uuid": UUID(int=1),
    "bytes": b"x",
    "object": {"a": [1, Decimal("0.5")]},
    "array": [1, "a"],
}
