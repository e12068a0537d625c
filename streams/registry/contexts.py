"""Contexts: registries inside of one, each with subjects, ids and terms of its own.

A subject of another context than the default one is called ``:.team:orders-value``. Source: Confluent's documentation
of schema contexts.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from . import refusals
from .catalog import Catalog
from .model import Contents
from .registry import Registry
from .store import RegistryStore

DEFAULT = "."
EVERYWHERE = ":*:"
FOLDER = "contexts"
NOTHING = Catalog(Contents())
"""What a context holds that nothing was ever registered in."""
_QUALIFIED = re.compile(r":(\.[^:]*):(.*)", re.DOTALL)
_NAME = re.compile(r"\.[A-Za-z0-9._+%~-]{1,200}")


def split_subject(name: str) -> tuple[str | None, str]:
    """(context that ``name`` says, subject in it).

    >>> split_subject(":.team:orders-value"), split_subject("orders-value")
    (('.team', 'orders-value'), (None, 'orders-value'))
    """
    match = _QUALIFIED.fullmatch(name) if name[:1] == ":" else None
    return (None, name) if match is None else (match[1], match[2])


def full_subject(context: str, subject: str) -> str:
    """The name by which a subject is known everywhere; of all subjects of a context, empty."""
    return f":{context}:{subject}" if subject and context != DEFAULT else subject


class Contexts:
    """The registry of the default context, and those beside it: each keeps a folder inside of its folder."""

    def __init__(self, default: Registry) -> None:
        self._by_name = {DEFAULT: default}
        self._folder = default.folder / FOLDER
        for place in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            self._by_name[unquote(place.name)] = Registry(RegistryStore(place))

    def find(self, name: str) -> Registry | None:
        """The registry of a context; ``None`` where nothing was ever registered."""
        return self._by_name.get(name)

    def obtain(self, name: str) -> Registry:
        """The same, begun where there is none; raises 42208 for what is no name of a context."""
        found = self._by_name.get(name)
        if found is None:
            if not _NAME.fullmatch(name):
                raise refusals.bad_subject(f":{name}:")
            place = self._folder / quote(name, safe="")
            found = self._by_name[name] = Registry(RegistryStore(place))
        return found

    def names(self) -> list[str]:
        """The default one, and those that hold something."""
        return [name for name, registry in self.all() if name == DEFAULT or registry.catalog.is_used]

    def all(self) -> list[tuple[str, Registry]]:
        """By name."""
        return sorted(self._by_name.items())

    async def close(self) -> None:
        """Leave all folders."""
        for registry in self._by_name.values():
            await registry.close()
