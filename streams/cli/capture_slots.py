"""``streams capture slots`` and ``streams capture drop``: what captures leave on a server, and how it goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click

from streams.capture.options import CaptureError, CaptureOptions
from streams.settings import Settings

from .output import output_option, show_rows

database_option = click.option("--database", required=True, help="postgresql://user@host:port/name.")


def _options(database: str, slot: str = "") -> CaptureOptions:
    settings = Settings.from_env()
    return CaptureOptions(
        database=settings.resolve(database), tables=(), kafka=settings.librdkafka(), app=settings.app, slot=slot
    )


@click.command()
@database_option
@output_option
def slots(database: str, output: str) -> None:
    """Logical replication slots of a server, and how much log it keeps for each."""
    from streams.capture.postgres.database import Database
    from streams.capture.postgres.slots import read_slots

    with _told_plainly(), Database(_options(database), lambda: False).session() as cursor:
        show_rows([asdict(slot) for slot in read_slots(cursor)], output)


@click.command()
@database_option
@click.option("--slot", required=True, help="Nobody may read it any more.")
@click.option("--publication", help="That goes with it; only one that a capture made.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output_option
def drop(database: str, slot: str, publication: str | None, yes: bool, output: str) -> None:
    """Drop a slot and its position in Kafka. The next capture of that name begins with a snapshot."""
    from streams.capture.postgres.database import Database
    from streams.capture.postgres.slots import drop_publication, drop_slot, forget_position

    if not yes:
        click.confirm(f"changes that wait in slot {slot} are lost; drop it?", abort=True, err=True)
    options = _options(database, slot)
    with _told_plainly(), Database(options, lambda: False).session() as cursor:
        done = {"slot": drop_slot(cursor, slot), "position": forget_position(options)}
        if publication:
            done["publication"] = drop_publication(cursor, publication)
    rows = [{"what": what, "result": "dropped" if was_there else "was not there"} for what, was_there in done.items()]
    show_rows(rows, output)


@contextmanager
def _told_plainly() -> Iterator[None]:
    """What cannot be done is told in a line, with exit code 1."""
    from confluent_kafka import KafkaException
    from psycopg2 import Error

    from streams.capture.advice import about_kafka, about_postgres

    try:
        yield
        return
    except CaptureError as error:
        why = str(error)
    except KafkaException as error:
        why = about_kafka(error, "", Settings.from_env().brokers)
    except Error as error:
        why = about_postgres(error)
    click.echo(f"not done: {why}", err=True)
    sys.exit(1)
