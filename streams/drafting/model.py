"""Drafts as values: what is known of a dataset before anybody has agreed on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from open_data_contract_standard.model import CustomProperty, SchemaProperty

from streams.contracts.columns import build_columns
from streams.contracts.model import Column

FIRST_VERSION = "1-0-0"
PII, SECRET = "pii", "secret"
Shape = dict[str, Any]
"""A JSON Schema."""
Check = Mapping[str, Any]
"""A rule of quality as ODCS writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDraft:
    """One column."""

    name: str
    shape: Shape
    logical: str | None = None
    """ODCS's ``logicalType``."""
    physical: str | None = None
    """The type as the source names it."""
    is_required: bool = False
    description: str | None = None
    classification: str | None = None
    """Guessed, always: no catalog says it."""
    scale: int | None = None
    """Digits behind the point, where ``physical`` does not say it."""
    refers_to: str | None = None
    """``users.id``: a key of another dataset."""
    quality: tuple[Check, ...] = ()

    @property
    def terms(self) -> SchemaProperty:
        """What the contract says of it, as far as it decides how values are read."""
        own = [CustomProperty(property="scale", value=self.scale)] if self.scale is not None else None
        return SchemaProperty(name=self.name, physicalType=self.physical, customProperties=own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A dataset."""

    vendor: str
    name: str
    title: str
    description: str
    columns: tuple[ColumnDraft, ...]
    topic: str
    format: str
    version: str = FIRST_VERSION
    key: tuple[str, ...] = ()
    """The columns that tell rows apart."""
    source_key: tuple[str, ...] = ()
    """What the topic is partitioned by, where that is something else."""
    table: str | None = None
    """Its name in the database."""
    quality: tuple[Check, ...] = ()
    relationships: tuple[Mapping[str, Any], ...] = ()
    """Keys of other datasets in several columns."""
    notes: tuple[str, ...] = ()
    """What a person should know before it is agreed on; never with a value."""

    @property
    def dataset(self) -> str:
        """``vendor/name``."""
        return f"{self.vendor}/{self.name}"

    @property
    def subject(self) -> str:
        """``iglu:vendor/name/jsonschema``."""
        return f"iglu:{self.dataset}/jsonschema"

    @property
    def schema(self) -> Shape:
        """The schema of its rows."""
        required = [column.name for column in self.columns if column.is_required]
        described = {"vendor": self.vendor, "name": self.name, "format": "jsonschema", "version": self.version}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "self": described,
            "title": self.title,
            "description": self.description,
            "type": "object",
            "properties": {column.name: column.shape for column in self.columns},
            **({"required": required} if required else {}),
        }

    def columns_as_read(self) -> Mapping[str, Column]:
        """The columns as expressions will see them."""
        return build_columns(self.schema, {column.name: column.terms for column in self.columns})


def or_null(shape: Shape) -> Shape:
    """``shape``, or null; beside its type a list of values must have null in it, too."""
    if "type" not in shape:
        return shape if "anyOf" not in shape else {**shape, "anyOf": [*shape["anyOf"], {"type": "null"}]}
    kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    nullable = {**shape, "type": [*dict.fromkeys([*kinds, "null"])]}
    return {**nullable, "enum": [*shape["enum"], None]} if "enum" in shape else nullable
