"""Part: what a document of AsyncAPI says of one dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .payloads import AT, Shape


def only(document: Shape, subject: str) -> Shape:
    """The part of ``document`` that is about one dataset: its messages, their channels, and what those need."""
    messages = {name: held for name, held in document["components"]["messages"].items() if _is_about(held, subject)}
    channels = {
        name: {**held, "messages": {key: one for key, one in held["messages"].items() if key in messages}}
        for name, held in document["channels"].items()
        if held["messages"].keys() & messages.keys()
    }
    operations = {
        name: held for name, held in document["operations"].items()
        if held["messages"][0]["$ref"].rpartition("/")[2] in messages
    }  # fmt: skip
    schemas = document["components"]["schemas"]
    needed: dict[str, Shape] = {}
    waiting = sorted(_named_schemas(messages))
    while waiting:
        if (name := waiting.pop()) not in needed:
            needed[name] = schemas[name]
            waiting += sorted(_named_schemas(schemas[name]))
    kept = {name: held for name, held in schemas.items() if name in needed}
    return {**document, "channels": channels, "operations": operations,
            "components": {"schemas": kept, "messages": messages}}  # fmt: skip


def _named_schemas(held: Any) -> set[str]:
    """Names of components that something refers to."""
    if isinstance(held, list):
        return {name for one in held for name in _named_schemas(one)}
    if not isinstance(held, Mapping):
        return set()
    reference = held.get("$ref")
    is_named = isinstance(reference, str) and reference.startswith(AT)
    own = {str(reference).removeprefix(AT).split("/")[0]} if is_named else set()
    return own | {name for one in held.values() for name in _named_schemas(one)}


def _is_about(message: Mapping[str, Any], subject: str) -> bool:
    uris = (message.get("x-contract", ""), *message.get("x-contracts", ()))
    return any(uri.startswith(f"{subject}/") for uri in uris)
