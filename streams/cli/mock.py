"""``streams contracts mock``: rows that a contract admits, or that miss its rules by a hair."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import get_args

import click
import msgspec
from confluent_kafka import KafkaException, Producer
from rich.console import Console
from rich.progress import track

from streams.contracts import Contract, Contracts, read_contracts
from streams.contracts.iglu import dataset_of
from streams.errors import ConfigurationError
from streams.quality.book import datasets_of
from streams.settings import Settings
from streams.testing.mock import Miss, Mock, NoRowError
from streams.testing.mock.records import Format, Row, key_of, value_of
from streams.testing.mock.words import MissingFakerError

from .output import output_option, schemas_option, show_rows

BREAKS_HEADER = "mock.breaks"
FLUSH_S = 30.0
encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A row and what it breaks: nothing, as a rule."""

    contract: Contract
    row: Row
    miss: Miss | None = None

    @property
    def breaks(self) -> str:
        """Where and what, such as ``amount: pattern``; empty for a valid row."""
        return "" if self.miss is None else f"{self.miss.path or '(row)'}: {self.miss.code}"


@click.command()
@click.argument("datasets", nargs=-1)
@click.option("--rows", "count", type=click.IntRange(1), default=20, show_default=True, help="Of each dataset.")
@click.option("--seed", default=1, show_default=True, help="Equal seeds and times make equal rows.")
@click.option("--at", metavar="TIME", help="Nothing is later than that; UTC without a zone [default: now].")
@click.option("--invalid", type=click.FloatRange(0, 1), default=0.0, help="Share of rows that break one rule.")
@click.option("--near-misses", is_flag=True, help="Only rows that break one rule, one for each rule.")
@click.option("--format", "form", type=click.Choice(get_args(Format)), default="rows", show_default=True,
              help="How --to and json spell a row.")
@click.option("--to", "topic", metavar="TOPIC", help="Send them there, keyed by the contract's key.")
@schemas_option
@output_option
def mock(
    datasets: tuple[str, ...], count: int, seed: int, at: str | None, invalid: float, near_misses: bool,
    form: Format, topic: str | None, schemas: Path | None, output: str,
) -> None:
    """Make rows for DATASETs, such as com.acme.shop/orders; for all of them where none is named.

    \b
      streams contracts mock orders --rows 3                         look at some
      streams contracts mock orders --output json > orders.jsonl     a line each
      streams contracts mock orders --near-misses                    one row for each rule, which breaks that alone
      streams contracts mock orders --rows 10000 --invalid 0.02 --format debezium-json --to cdc.orders.v1

    Rows keep every rule of their contract and its quality, have keys of their own, and hold keys of other datasets
    where the contract says so (relationships, references) or a name does (product_id). Nobody's data are among
    them. Of those sent with --invalid a header, mock.breaks, says what each breaks. Exit code 1: a dataset of
    which no row could be made.
    """
    if topic is not None and len(datasets) != 1:
        raise click.UsageError("--to takes the rows of one dataset: name it")
    contracts = _usable(schemas)
    at_ms = _moment_ms(at)
    maker = Mock(contracts, seed=seed, at_ms=at_ms)
    chosen = [_subject(name, contracts) for name in datasets] or sorted(contracts.families)
    share = 1.0 if near_misses else invalid
    try:
        made = [one for subject in chosen for one in _made(maker, subject, count, share, seed)]
    except (NoRowError, MissingFakerError) as error:
        raise click.ClickException(str(error)) from None
    if topic is not None:
        _send(made, topic, form, at_ms)
    elif output == "json":
        _print_lines(made, form, at_ms, is_named=len(chosen) != 1, may_break=share > 0)
    else:
        _show(made, chosen)


def _usable(schemas: Path | None) -> Contracts:
    contracts = read_contracts(schemas or Settings.from_env().schemas)
    if contracts.problems:
        raise ConfigurationError(contracts.problems)
    return contracts


def _moment_ms(text: str | None) -> int:
    if text is None:
        return time.time_ns() // 1_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("write a time such as 2026-03-01T06:00:00Z", param_hint="--at") from None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000)


def _subject(name: str, contracts: Contracts) -> str:
    found = datasets_of(name, contracts.families)
    if len(found) != 1:
        names = ", ".join(map(dataset_of, found or sorted(contracts.families))) or "none"
        told = f"can be {names}; write the vendor, too" if found else f"is no dataset; there are: {names}"
        raise click.BadParameter(f"{name!r} {told}", param_hint="DATASETS")
    return found[0]


def _made(maker: Mock, subject: str, count: int, share: float, seed: int) -> Iterator[Made]:
    """``count`` rows, a ``share`` of them spoiled; where the share is all, one near miss for each rule."""
    contract = maker.contract(subject)
    if share == 1:
        for miss in maker.misses(subject):
            yield from (Made(contract=contract, row=row) for row in miss.rows[:-1])
            yield Made(contract=contract, row=miss.rows[-1], miss=miss)
        return
    random = Random(f"{seed} {subject} invalid")
    for row in maker.rows(subject, count):
        misses = maker.misses_of(subject, row) if random.random() < share else []
        spoiled = random.choice(misses) if misses else None
        yield Made(contract=contract, row=row if spoiled is None else spoiled.rows[-1], miss=spoiled)


def _print_lines(made: list[Made], form: Format, at_ms: int, *, is_named: bool, may_break: bool) -> None:
    """A line for each row; beside it its dataset where there are several, and what it breaks where some do."""
    for number, one in enumerate(made):
        value = value_of(one.row, one.contract, form, number=number, at_ms=at_ms)
        facts: dict[str, object] = {"dataset": dataset_of(one.contract.subject)} if is_named else {}
        facts |= {"breaks": one.breaks or None} if may_break else {}
        click.echo(encode({**facts, "row": msgspec.Raw(value)}) if facts else value)


def _show(made: list[Made], chosen: list[str]) -> None:
    """A table for each dataset; what is broken comes last."""
    for subject in chosen:
        own = [one for one in made if one.contract.subject == subject]
        names = list(own[0].contract.columns) if own else []
        has_breaks = any(one.breaks for one in own)
        rows = (
            {**{name: _shown(one.row.get(name)) for name in names}, **({"breaks": one.breaks} if has_breaks else {})}
            for one in own
        )
        show_rows(rows, "table", title=dataset_of(subject))


def _shown(value: object) -> object:
    return value if value is None or isinstance(value, str | int | Decimal) else encode(value).decode()


def _send(made: list[Made], topic: str, form: Format, at_ms: int) -> None:
    producer = Producer({**Settings.from_env().librdkafka(), "partitioner": "murmur2_random", "linger.ms": 5})
    failed: list[str] = []
    console = Console(stderr=True)
    for number, one in enumerate(track(made, f"to {topic}", console=console, disable=not sys.stderr.isatty())):
        while True:
            try:
                producer.produce(
                    topic,
                    value_of(one.row, one.contract, form, number=number, at_ms=at_ms),
                    key_of(one.row, one.contract),
                    headers=[(BREAKS_HEADER, one.breaks.encode())] if one.breaks else None,
                    on_delivery=lambda error, _: None if error is None else failed.append(str(error)),
                )
                break
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                raise click.ClickException(f"cannot send to {topic}: {error}") from error
    if (left := producer.flush(FLUSH_S)) or failed:
        said = failed[0] if failed else f"no answer of the brokers in {FLUSH_S:.0f} s"
        raise click.ClickException(f"{len(failed) or left} of {len(made)} records were not taken by {topic}: {said}")
    wrong = sum(1 for one in made if one.breaks)
    click.echo(f"{len(made)} records to {topic}, {wrong} of them invalid")
