"""What can go wrong: with one record (``PipelineError``), or with the files of a deployment (``ConfigurationError``).

A ``PipelineError`` sets one record aside and the stream goes on. A ``ConfigurationError`` stops the
process at start-up, with every mistake in one report. Neither ever holds a row's value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a file, where it is and what to do about it."""

    file: str
    message: str
    path: str = ""
    """Place inside the file, such as ``aggregate[0].window``."""
    line: int | None = None
    """Counted from 1; ``None`` where the file has no lines worth naming."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigurationError(Exception):
    """Contracts, pipelines or settings that cannot be run; every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__("\n".join([count, *map(str, self.problems)]))


class HasPath(Protocol):
    """Anything that points into a row: a violation, a finding."""

    @property
    def path(self) -> str: ...

    @property
    def code(self) -> str: ...

    @property
    def message(self) -> str: ...


class PipelineError(Exception):
    """A record cannot go on."""

    reason: ClassVar[str]
    retriable: ClassVar[bool] = False
    """True: the same bytes may succeed later."""


class DecodeError(PipelineError):
    """The bytes are not a change record of the pipeline's format."""

    reason = "decode_failed"

    def __init__(self, format_name: str, problem: str) -> None:
        super().__init__(f"not {format_name}: {problem}")
        self.format_name = format_name


class UnknownSchemaError(PipelineError):
    """The record names a contract that the pipeline does not accept, or a version that is not there."""

    reason = "contract_unknown"

    def __init__(self, accepted: str) -> None:
        super().__init__(f"the record names no version of {accepted} that schemas/ holds")
        self.accepted = accepted


class UnregisteredSchemaError(PipelineError):
    """The record names a schema that the registry does not have."""

    reason = "registry_unknown_schema"
    retriable = True

    def __init__(self, schema: int | UUID) -> None:
        named = f"GUID {schema}" if isinstance(schema, UUID) else f"id {schema}"
        super().__init__(f"the schema registry has no schema of {named}")
        self.schema = schema


class ContractViolationError(PipelineError):
    """The row breaks its contract."""

    reason = "contract_violation"

    def __init__(self, uri: str, violations: tuple[HasPath, ...]) -> None:
        fields = ", ".join(violation.path or "(row)" for violation in violations)
        super().__init__(f"{uri} is broken in: {fields}")
        self.uri = uri
        self.violations = violations


class QualityRuleError(PipelineError):
    """The row is well-formed and not believable."""

    reason = "quality_rule"

    def __init__(self, uri: str, findings: tuple[HasPath, ...]) -> None:
        told = ", ".join(f"{finding.code} ({finding.message})" for finding in findings)
        super().__init__(f"{uri}: quality rules are broken: {told}")
        self.uri = uri
        self.violations = findings
        """Every finding of the row, also those that alone would only be counted."""


class KeyMissingError(PipelineError):
    """The contract has a key and the record does not tell it."""

    reason = "key_missing"

    def __init__(self, columns: Iterable[str]) -> None:
        self.columns = tuple(columns)
        named = ", ".join(self.columns)
        super().__init__(f"no value for the key: {named}" if named else "the record has no key")


class EventTimeMissingError(PipelineError):
    """The event-time column is absent, null or no timestamp."""

    reason = "event_time_missing"

    def __init__(self, column: str) -> None:
        super().__init__(f"no event time in: {column}")
        self.column = column


class EventTimeInFutureError(PipelineError):
    """The event time is further ahead of the wall clock than the pipeline's ``max_future``."""

    reason = "event_time_in_future"

    def __init__(self, ahead_ms: int, allowed_ms: int) -> None:
        super().__init__(f"event time is {ahead_ms} ms ahead of the clock, {allowed_ms} ms are allowed")
        self.ahead_ms = ahead_ms
        self.allowed_ms = allowed_ms


class JoinMissingError(PipelineError):
    """The row that an event is to be joined with is not there, or not yet."""

    reason = "join_missing"
    retriable = True

    def __init__(self, table: str) -> None:
        super().__init__(f"no row of table {table} has the event's key")
        self.table = table


class JoinUnansweredError(JoinMissingError):
    """Whether that row is there is known in another task, which is asked."""

    def __init__(self, table: str, join: int, ref: str) -> None:
        super().__init__(table)
        self.join = join
        """Place among the joins of the pipeline."""
        self.ref = ref
        """Canonical key of the row: a value, for nobody to read but that task."""


class ParkedBehindDeadError(PipelineError):
    """It waited behind an event of its row, and that one is dead: to go on alone would break the row's order."""

    reason = "parked_behind_dead"

    def __init__(self, head: PipelineError, fingerprint: str) -> None:
        super().__init__(f"an earlier event of the row is dead: {head.reason}")
        self.fingerprint = fingerprint
        """Of the dead letter of that event: whoever finds it finds what waited behind it."""


class LookupUnavailableError(PipelineError):
    """Whoever is to be asked gives no answer: it is away, too slow, or left alone for a while."""

    reason = "lookup_unavailable"
    retriable = True

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"the look-up of {column} got no answer: {problem}")
        self.column = column


class LookupFailedError(PipelineError):
    """Whoever was asked said something that is no answer."""

    reason = "lookup_failed"
    retriable = True

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"the look-up of {column} failed: {problem}")
        self.column = column


class LookupMissingError(PipelineError):
    """The answer is that there is none, or none yet."""

    reason = "lookup_missing"
    retriable = True

    def __init__(self, column: str) -> None:
        super().__init__(f"the look-up of {column} found nothing")
        self.column = column


class RecordTooLargeError(PipelineError):
    """The record, or what would be published of it, exceeds the size a topic takes."""

    reason = "too_large"

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes, the limit is {limit_bytes}")
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes


class InternalError(PipelineError):
    """A bug: this record alone makes a step raise."""

    reason = "internal_error"

    def __init__(self, cause: BaseException) -> None:
        # The text of a foreign exception may quote the row; its type cannot.
        super().__init__(f"a step raised {type(cause).__name__}")


REASONS: frozenset[str] = frozenset(
    {
        "decode_failed",
        "contract_unknown",
        "contract_violation",
        "key_missing",
        "event_time_missing",
        "event_time_in_future",
        "quality_rule",
        "join_missing",
        "lookup_unavailable",
        "lookup_failed",
        "lookup_missing",
        "too_large",
        "internal_error",
        "parked_behind_dead",
        "registry_unknown_schema",
    }
)
"""Every reason a dead letter can carry: header and metric label, so renaming one is a breaking change."""
