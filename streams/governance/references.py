"""References: how services name a contract and the versions of it that they speak."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from streams.contracts.iglu import split_format

EVERY_VERSION = "*-*-*"
_MAJOR = re.compile(r"v([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+))?)?")
_VERSION = re.compile(r"(?:[0-9]+|\*)-(?:[0-9]+|\*)-(?:[0-9]+|\*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A contract, and which versions of it are meant."""

    contract: str
    """``vendor/name`` of a dataset, or the name of an interface that is agreed on elsewhere."""
    version: str
    """``M-R-A``, any part may be ``*``: v2 is ``2-*-*``."""

    def __str__(self) -> str:
        return self.contract if self.version == EVERY_VERSION else f"{self.contract} {self.version}"

    def meets(self, other: Reference) -> bool:
        """Whether some version is both."""
        pairs = zip(self.version.split("-"), other.version.split("-"), strict=True)
        is_met = all(one == another or "*" in (one, another) for one, another in pairs)
        return is_met and self.contract == other.contract


def parse_reference(text: str, datasets: Iterable[str]) -> Reference:
    """``orders/v1``, ``com.acme.shop/orders/1-*-*`` or ``iglu:com.acme.shop/orders/jsonschema/1-0-0``.

    A name without a vendor is a dataset of this folder if one has it (``-`` is ``_``), else foreign. Raises
    ``ValueError`` that says how one is written.

    >>> parse_reference("orders/v1", ["com.acme.shop/orders"])
    Reference(contract='com.acme.shop/orders', version='1-*-*')
    """
    name, _, version = split_format(text)[0].rpartition("/")
    major = _MAJOR.fullmatch(version)
    if major is not None:
        version = "-".join(part or "*" for part in major.groups())
    if not all(name.split("/")) or name.count("/") > 1 or not _VERSION.fullmatch(version):
        raise ValueError("write it as name/v1, or vendor/name/1-*-* (MODEL-REVISION-ADDITION)")
    if "/" in name:
        return Reference(contract=name, version=version)
    by_name = [(dataset.rpartition("/")[2], dataset) for dataset in datasets]
    same = [dataset for held, dataset in by_name if held == name]
    same = same or [dataset for held, dataset in by_name if held == name.replace("-", "_")]
    if len(same) > 1:
        raise ValueError(f"{name} is in several places; write one of: {', '.join(same)}")
    return Reference(contract=same[0] if same else name, version=version)
