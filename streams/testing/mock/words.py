"""Words: what a column of some name holds in real life.

Nothing here belongs to anybody: addresses are of example domains (RFC 2606), phone numbers of those kept for fiction,
social security numbers of an area that is never given out, and cards are what payment services publish for tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faker import Faker

PEOPLE = re.compile(r"user|customer|person|people|employee|account|contact|member|patient|student|author|seller|buyer")
_CARDS = ("4242424242424242", "4111111111111111", "5555555555554444", "2223003122003222", "378282246310005")
_CURRENCIES = ("EUR", "USD", "GBP", "CHF", "SEK", "PLN", "JPY")
_LANGUAGES = ("en", "de", "fr", "es", "it", "pl", "sv")
_STATES = ("new", "active", "paused", "done", "cancelled")

Make = Callable[["Words"], str]


class MissingFakerError(RuntimeError):
    """The extra that makes rows believable is not installed."""


class Words:
    """Texts and numbers by the names of columns; equal seeds say the same."""

    def __init__(self, random: Random) -> None:
        try:
            from faker import Faker
        except ImportError:
            raise MissingFakerError("mock data need Faker: pip install 'contract-streams[mock]'") from None
        self.random = random
        self.faker: Faker = Faker("en_US")
        self.faker.seed_instance(random.randrange(1 << 32))

    def text(self, name: str, dataset: str) -> str:
        """A text for the column ``name`` of ``dataset``."""
        lowered = name.lower()
        make = next((make for pattern, make in _TEXTS if pattern.search(lowered)), None)
        if make is not None:
            return make(self)
        if lowered.endswith("name"):
            is_of_person = PEOPLE.search(lowered) or (lowered == "name" and PEOPLE.search(dataset.lower()))
            return self.faker.name() if is_of_person else self.words(2).title()
        return self.words(2)

    def number(self, name: str) -> Decimal | None:
        """A number for the column ``name``; ``None`` where the name says nothing."""
        lowered = name.lower()
        span = next((span for pattern, span in _NUMBERS if pattern.search(lowered)), None)
        if span is None:
            return None
        low, high, digits = span
        # Small ones are many: prices, quantities and durations are like that.
        share = self.random.random() ** 2 if high > 100 else self.random.random()
        return round(Decimal(low) + Decimal(high - low) * Decimal(share), digits)

    def words(self, count: int) -> str:
        """Some words in a row."""
        return " ".join(self.faker.words(count))

    def one_of(self, choices: Sequence[str]) -> str:
        """One of ``choices``."""
        return self.random.choice(choices)


def _email(words: Words) -> str:
    return str(words.faker.safe_email())


_TEXTS: tuple[tuple[re.Pattern[str], Make], ...] = tuple(
    (re.compile(pattern), make)
    for pattern, make in (
        (r"e_?mail", _email),
        (r"first_?name|given_?name", lambda words: words.faker.first_name()),
        (r"last_?name|sur_?name|family_?name", lambda words: words.faker.last_name()),
        (r"user_?name|login|nick|handle", lambda words: words.faker.user_name()),
        (r"phone|mobile|\btel|fax", lambda words: words.faker.numerify("+1-202-555-01##")),
        (r"ssn|social_security", lambda words: words.faker.numerify("9##-##-####")),
        (r"credit_?card|card_?n|^pan$", lambda words: words.one_of(_CARDS)),
        (r"iban", lambda words: words.faker.iban()),
        (r"\bbic\b|swift", lambda words: words.faker.swift()),
        (r"street|address_?line|^address$", lambda words: words.faker.street_address()),
        (r"city|town", lambda words: words.faker.city()),
        (r"zip|postal|post_?code", lambda words: words.faker.postcode()),
        (r"country_?code|^country$|nationality", lambda words: words.faker.country_code()),
        (r"country", lambda words: words.faker.country()),
        (r"region|province|county", lambda words: words.faker.state()),
        (r"currency", lambda words: words.one_of(_CURRENCIES)),
        (r"lang|locale", lambda words: words.one_of(_LANGUAGES)),
        (r"time_?zone|^tz$", lambda words: words.faker.timezone()),
        (r"company|employer|vendor|supplier|organi[sz]ation|brand", lambda words: words.faker.company()),
        (r"job|profession|occupation", lambda words: words.faker.job()),
        (r"user_?agent|browser", lambda words: words.faker.user_agent()),
        (r"ip_?v6", lambda words: words.faker.ipv6(network="2001:db8::/32")),
        (r"(^|_)ip(_|$)|ip_?addr|ip_?v4", lambda words: words.faker.numerify("192.0.2.1##")),
        (r"mac_?addr", lambda words: words.faker.mac_address()),
        (r"url|uri|link|website|homepage", lambda words: f"https://example.com/{words.faker.slug()}"),
        (r"host|domain", lambda words: f"{words.faker.word()}.example.com"),
        (r"(^|_)id$|_ref$|reference", lambda words: words.faker.hexify("^^^^^^^^^^^^")),
        (r"source|origin|channel|producer|service|system", lambda words: f"{words.faker.word()}-service"),
        (r"fields?$|columns?$|attributes?$|keys?$|tags?$|labels?$", lambda words: words.faker.word()),
        (r"uuid|guid", lambda words: words.faker.uuid4()),
        (r"hash|digest|checksum|token|fingerprint", lambda words: words.faker.hexify("^" * 32)),
        (r"sku|ean|isbn|barcode|serial|(^|_)code$", lambda words: words.faker.bothify("???-####").upper()),
        (r"colou?r", lambda words: words.faker.color_name()),
        (r"file|path", lambda words: words.faker.file_name()),
        (r"description|comment|note|message|remark|body|text|reason|bio", lambda words: words.faker.sentence(7)),
        (r"title|subject|headline", lambda words: words.faker.sentence(4).rstrip(".")),
        (r"status|state|phase|stage", lambda words: words.one_of(_STATES)),
        (r"version", lambda words: words.faker.numerify("%.#.#")),
    )
)
_NUMBERS: tuple[tuple[re.Pattern[str], tuple[int, int, int]], ...] = tuple(
    (re.compile(pattern), span)
    for pattern, span in (
        (r"(^|_)age(_|$)", (18, 90, 0)),
        (r"lat(itude)?$", (-90, 90, 6)),
        (r"(lon|lng)(gitude)?$", (-180, 180, 6)),
        (r"percent|pct", (0, 100, 1)),
        (r"(^|_)(vat|tax)(_|$)|rate|ratio|share|discount", (0, 1, 2)),
        (r"rating|stars", (1, 5, 0)),
        (r"year", (1950, 2025, 0)),
        (r"quantity|qty|count|items|stock|pieces", (1, 40, 0)),
        (r"price|amount|total|cost|fee|revenue|paid|net|gross|value|charge", (1, 900, 2)),
        (r"balance|salary|income|limit|credit|budget", (0, 90_000, 2)),
        (r"weight|height|width|length|depth", (1, 120, 1)),
        (r"temperature", (-20, 40, 1)),
        (r"duration|elapsed|latency|seconds|minutes", (1, 5_000, 0)),
        (r"score|points", (0, 1_000, 0)),
    )
)
"""From, to, digits behind the point."""
