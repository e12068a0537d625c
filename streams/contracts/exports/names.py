"""Names: what columns and datasets are called where letters, digits and ``_`` are all there is."""

from __future__ import annotations

import re
from collections.abc import Container

from streams.contracts.model import Contract

_PARTS = re.compile(r"[A-Za-z]+|[0-9]+")
_OTHER = re.compile(r"[^A-Za-z0-9_]")


def pascal(*names: str) -> str:
    """``("orders_enriched", "user")`` as ``OrdersEnrichedUser``; letters and digits, a letter first."""
    parts = [part for name in names for part in _PARTS.findall(name)]
    joined = "".join(part[0].upper() + part[1:] for part in parts)
    return joined if joined[:1].isalpha() else f"N{joined}"


def identifier(name: str) -> str:
    """``name`` with ``_`` for what is neither letter nor digit; the first is no digit."""
    plain = _OTHER.sub("_", name) or "_"
    return f"_{plain}" if plain[0].isdigit() else plain


def unique(name: str, taken: Container[str]) -> str:
    """``name``, with a number behind it where it is taken."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}{number}", number + 1
    return found


def vendor_and_name(contract: Contract) -> tuple[str, str]:
    """``("com.acme.shop", "orders")``."""
    vendor, name = contract.subject.removeprefix("iglu:").split("/")[:2]
    return vendor, name


def namespace(vendor: str) -> str:
    """``com.acme-shop`` as ``com.acme_shop``."""
    return ".".join(identifier(part) for part in vendor.split(".") if part) or "_"
