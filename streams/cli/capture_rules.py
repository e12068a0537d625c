"""What the command line says of filters, masks and routes, and of the configuration that says it instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from streams.capture.config import CaptureConfig, read_config
from streams.capture.outgoing.rules import FilterRule, MaskMethod, MaskRule, RouteRule, Rules

FILE_SAYS = {
    "database", "tables", "prefix", "topics", "keys", "partitions", "slot", "publication", "plugin", "heartbeat_s",
    "value_format", "registry", "filters", "masks", "routes",
}  # fmt: skip
"""Parameters that a configuration has words for."""


def open_config(context: click.Context, place: Path) -> CaptureConfig:
    """The configuration; raises ``ConfigurationError``, and ``UsageError`` where flags would contradict it."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in FILE_SAYS
        and context.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"with --config, {', '.join(given)} is said in the file; leave it out here")
    try:
        text = place.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"cannot read {place}: {getattr(error, 'strerror', None) or 'it is no UTF-8'}") from None
    return read_config(text, str(place))


def rules_of(
    filters: Iterable[str], masks: Iterable[str], routes: Iterable[str], topics: Mapping[str, str]
) -> Rules:
    """Rules as flags say them; ``topics`` by captured table."""
    return Rules(
        filters=tuple(FilterRule(condition=text) for text in filters),
        masks=tuple(map(_mask, masks)),
        routes=tuple(rule for text in routes for rule in _routes(text, topics)),
    )


def _mask(text: str) -> MaskRule:
    fields, _, method = text.partition("=")
    try:
        kind = MaskMethod(method or "redact")
    except ValueError:
        known = ", ".join(held.value for held in MaskMethod)
        raise click.UsageError(f"--mask {text}: there is no method {method}, but {known}") from None
    return MaskRule(fields=words(fields), method=kind)


def _routes(text: str, topics: Mapping[str, str]) -> Iterable[RouteRule]:
    table, _, sinks = text.partition("=")
    if table not in topics or not sinks:
        raise click.UsageError(f"--route {text}: write it as table=sink[,…], of tables in --tables")
    return [RouteRule(table=table, topic=f"{topics[table]}.{sink}") for sink in words(sinks)]


def words(text: str) -> tuple[str, ...]:
    """``a,b`` as ("a", "b"), each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
