"""Classes: which columns hold what is private, guessed from their names. A guess is there to be looked at."""

from __future__ import annotations

import re

from .model import PII, SECRET

_PEOPLE = (
    "e?mail", "email address", "phone", "phone number", "mobile", "telephone", "fax", "ssn", "social security",
    "social security number", "national id", "passport", "passport number", "tax id", "tax number", "iban",
    "bank account", "credit card", "card number", "first name", "last name", "full name", "given name", "surname",
    "family name", "maiden name", "user name", "birthday", "birth date", "date of birth", "dob", "born", "gender",
    "address", "street", "street address", "postal code", "post code", "zip", "zip code", "ip", "ip address", "ip addr",
    "license plate", "driver license", "latitude", "longitude",
)  # fmt: skip
_SECRETS = (
    "password", "passwd", "password hash", "secret", "token", "access token", "refresh token", "api key", "private key",
    "pin", "cvv", "cvc",
)  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def guess_class(name: str) -> str | None:
    """The class that a column called ``name`` is likely to have.

    >>> guess_class("customerEmail"), guess_class("amount")
    ('pii', None)
    """
    words = " ".join(part.lower() for part in _WORD.findall(name))
    if _ends_with(words, _SECRETS):
        return SECRET
    return PII if _ends_with(words, _PEOPLE) or _ends_with(words.replace(" ", ""), ("firstname", "lastname")) else None


def _ends_with(words: str, known: tuple[str, ...]) -> bool:
    """A name begins with whose it is, and may end with a number: ``billing_email_2``."""
    bare = re.sub(r"( [0-9]+| hash| enc| encrypted)+$", "", words)
    return any(re.search(rf"(^| ){held}$", form) for held in known for form in (words, bare))
