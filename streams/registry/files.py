"""Files: the schemas of ``schemas/`` as subjects of the registry.

``schemas/com.acme.shop/orders/jsonschema/1-0-0`` is a version of the subject ``com.acme.shop.orders``. Where a dataset
is in several formats, the first of them is that, and Avro beside JSON Schema ``com.acme.shop.orders.avro``. Versions
and ids are given when a file is first seen, in the order of SchemaVer, and kept for ever: a later start finds them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from streams.contracts import Contract, Contracts
from streams.contracts.registry import SchemaKind
from streams.errors import ConfigurationError, Problem

from .catalog import Catalog
from .model import Change, Draft, Reference, StoredVersion, compact
from .registering import as_new

_KINDS = {"jsonschema": SchemaKind.JSON, "avro": SchemaKind.AVRO, "protobuf": SchemaKind.PROTOBUF}


def subject_of(contract_subject: str, *, leads: bool = True) -> str:
    """``iglu:com.acme.shop/orders/jsonschema`` as ``com.acme.shop.orders``; ``leads``: its dataset's name means it."""
    vendor, name, kind = contract_subject.removeprefix("iglu:").split("/")
    return f"{vendor}.{name}" if leads else f"{vendor}.{name}.{kind}"


def take_over(catalog: Catalog, contracts: Contracts) -> Iterator[Change]:
    """One change after the other, each to be applied before the next is asked for.

    Raises ``ConfigurationError`` where a file that was served says something else now: its id means the old text.
    """
    served = sorted({**contracts.families, **contracts.beside}.items())
    by_uri = {held.uri: held for _, family in served for held in family.versions}
    known = {held.origin: held for held in catalog.all_versions(deleted=True) if held.origin}
    problems = [_edited(held) for uri, held in known.items()
                if uri in by_uri and not _is_same(catalog.schema_of(held).text, by_uri[uri])]  # fmt: skip
    if problems:
        raise ConfigurationError(problems)
    changed = [replace(held, is_deleted=uri not in by_uri) for uri, held in known.items()
               if held.is_deleted is (uri in by_uri)]  # fmt: skip
    if changed:
        yield Change(versions=tuple(changed))
    for uri in _in_order(by_uri):
        if uri not in known:
            draft = _draft(catalog, by_uri[uri], by_uri)
            subject = subject_of(by_uri[uri].subject, leads=by_uri[uri].subject in contracts.families)
            change = as_new(catalog, subject, draft, origin=uri).change
            if change is not None:
                yield change


def _is_same(kept: str, contract: Contract) -> bool:
    text = _text_of(contract)
    return kept == text if contract.format == "protobuf" else bool(json.loads(kept) == json.loads(text))


def _text_of(contract: Contract) -> str:
    """As it is kept: JSON without white space, Protobuf as it is written."""
    if contract.format == "protobuf":
        return contract.text
    return compact(contract.schema if contract.format == "jsonschema" else json.loads(contract.text))


def _edited(held: StoredVersion) -> Problem:
    message = (
        f"was served as version {held.version} of {held.subject}, id {held.schema_id}, and says something else now;"
        " put it back, and write the change as a new version"
    )
    return Problem(file=held.origin, message=message)


def _draft(catalog: Catalog, contract: Contract, by_uri: Mapping[str, Contract]) -> Draft:
    references = sorted(set(_references(contract.schema)) & by_uri.keys())
    places = [(uri, place) for uri in references if (place := _place(catalog, uri)) is not None]
    return Draft(
        kind=_KINDS[contract.format],
        text=_text_of(contract),
        references=tuple(Reference(name=uri, subject=held.subject, version=held.version) for uri, held in places),
    )


def _place(catalog: Catalog, uri: str) -> StoredVersion | None:
    versions = catalog.versions(subject_of(uri.rpartition("/")[0]), deleted=True)
    return next((version for version in versions if version.origin == uri), None)


def _in_order(by_uri: Mapping[str, Contract]) -> list[str]:
    """What others refer to stands before them; versions of a subject in their order."""
    done: dict[str, None] = {}

    def visit(uri: str, path: tuple[str, ...]) -> None:
        for needed in sorted(set(_references(by_uri[uri].schema)) & by_uri.keys()):
            if needed not in (*path, uri):
                visit(needed, (*path, uri))
        done.setdefault(uri)

    for uri in by_uri:
        visit(uri, ())
    return list(done)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        held = schema.get("$ref")
        if isinstance(held, str) and held.startswith("iglu:"):
            yield held.partition("#")[0]
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)
