"""Registered: codecs whose schemas a registry holds, under subjects as ``subjects`` names them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from streams.contracts.registry import (
    RegisteredSchema,
    RegistryRefusedError,
    RegistryUnavailableError,
    SchemaKind,
    SchemaRegistry,
)

from ..options import CaptureError
from ..outgoing.envelope import TableShape, TableTarget
from ..postgres.facts import ColumnFacts
from .codec import Codec
from .subjects import Subjects, subject_of

logger = logging.getLogger("streams.capture")

Register = Callable[[str, SchemaKind, str], RegisteredSchema]
"""(subject, kind, text) to what the registry has of it; raises ``CaptureError``."""


class MakeCodec(Protocol):
    """A format's codec of a version of a table."""

    def __call__(
        self, topic: str, target: TableTarget, shape: TableShape, columns: tuple[ColumnFacts, ...], *,
        prefix: str, register: Register,
    ) -> Codec: ...  # fmt: skip


class RegisteredCodecs:
    """Codecs of one format; ``prefix`` leads the names of its types, as Debezium's topic prefix does."""

    def __init__(
        self, make: MakeCodec, registry: SchemaRegistry, prefix: str, subjects: Subjects = Subjects.TOPIC
    ) -> None:  # fmt: skip
        self._subjects = subjects
        self._make = make
        self._registry = registry
        self._prefix = prefix

    def codec(
        self, topic: str, target: TableTarget, shape: TableShape, columns: tuple[ColumnFacts, ...]
    ) -> Codec:
        """See ``Codecs``."""
        return self._make(topic, target, shape, columns, prefix=self._prefix, register=self._register)

    def _register(self, subject: str, kind: SchemaKind, text: str) -> RegisteredSchema:
        subject = subject_of(self._subjects, subject, kind, text)
        try:
            registered = self._registry.register(subject, kind, text)
            logger.info("subject %s has schema %s", subject, registered.id)
            return registered
        except RegistryRefusedError as error:
            raise CaptureError(
                f"{error}; set the subject's compatibility so that it takes the table's change, or give the table"
                " another topic, then start again"
            ) from None
        except RegistryUnavailableError as error:
            raise CaptureError(f"{error}; nothing is lost, start the capture again") from None
