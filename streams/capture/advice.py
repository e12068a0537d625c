"""Advice: what a capture that cannot go on tells to do. Names, sizes and codes, never a row's value."""

from __future__ import annotations

import psycopg2
from confluent_kafka import KafkaError, KafkaException

from .position import Position, lsn_text

FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
UNREACHABLE = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE}
TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}


def slot_in_use(slot: str) -> str:
    """Somebody else reads the slot."""
    return (
        f"slot {slot} is in use by another process; stop that capture, or name another slot with --slot;"
        f" SELECT active_pid FROM pg_replication_slots WHERE slot_name = '{slot}' tells which it is"
    )


def slot_of_another(slot: str, app: str) -> str:
    """The slot is there, but Kafka knows no position of it."""
    return (
        f"slot {slot} exists, but application {app} has no position of it in Kafka: another capture may need it;"
        f" name another one with --slot, or, if nothing does: SELECT pg_drop_replication_slot('{slot}');"
    )


def slot_of_plugin(slot: str, plugin: str, wanted: str) -> str:
    """A slot keeps the plugin that it was made with."""
    return f"slot {slot} was made for {plugin}, not for {wanted}; start with --plugin {plugin}, or name another --slot"


def slot_is_gone(slot: str, position: Position) -> str:
    """The position is there, but the slot is not."""
    return (
        f"slot {slot} is gone, and with it the changes since {lsn_text(position.end_lsn)}; name a new one with --slot,"
        f" or forget its position: streams capture drop --slot {slot}; either starts with a snapshot"
    )


def slot_is_lost(slot: str) -> str:
    """The slot lagged beyond what PostgreSQL keeps."""
    return (
        f"slot {slot} is lost: PostgreSQL removed log that it needed (max_slot_wal_keep_size);"
        f" run: streams capture drop --slot {slot}; the next capture of that name starts with a snapshot"
    )


def about_kafka(error: KafkaException, slot: str, brokers: object) -> str:
    """What to do about an error of Kafka."""
    cause = error.args[0]
    if cause.code() in FENCED:
        return f"another capture has taken over slot {slot}; only one may run"
    if cause.code() in UNREACHABLE:
        return f"Kafka at {brokers} does not answer ({cause.name()}); check STREAMS_BROKERS, then start again"
    if cause.code() in TOO_LARGE:
        return too_large("a topic")
    return f"Kafka: {cause.name()}; start the capture again"


def wrong_option(error: KafkaException) -> str:
    """Kafka's client does not know an option or its value."""
    return f"Kafka's client: {error.args[0].str()}; correct STREAMS_KAFKA_<OPTION>"


def position_is_hidden(slot: str, topic: str) -> str:
    """Records behind an open transaction cannot be read."""
    return (
        f"the position of slot {slot} cannot be read: another process keeps a transaction on {topic} open;"
        " stop it, or wait until it times out, then start again"
    )


def too_large(topic: str) -> str:
    """A change does not fit into a record."""
    return (
        f"a change for {topic} is larger than Kafka takes; raise the topic's max.message.bytes"
        " (or the broker's message.max.bytes), then start again"
    )


def no_key_too_large(table: str) -> str:
    """Its rows must all fit into one transaction of Kafka."""
    return (
        f"{table} has no primary key, so its rows must be read at once, and there are too many for that;"
        f" run: ALTER TABLE {table} ADD PRIMARY KEY (…); then start again"
    )


def about_postgres(error: psycopg2.Error) -> str:
    """What to do about an error of PostgreSQL."""
    match error:
        case psycopg2.errors.InsufficientPrivilege() if "output plugin" in str(error):
            return (
                "PostgreSQL does not let wal2json be used; as a superuser run: ALTER SYSTEM SET output_plugin_libraries"
                " = pgoutput, test_decoding, wal2json; SELECT pg_reload_conf(); (or start with --plugin pgoutput)"
            )
        case psycopg2.errors.UndefinedFile():
            return (
                "the server has no wal2json; install it there (Debian: apt-get install postgresql-<version>-wal2json),"
                " or start with --plugin pgoutput"
            )
        case psycopg2.errors.InsufficientPrivilege():
            return (
                "the database user may not do this: a publication is made by the tables' owner, a slot needs the"
                " REPLICATION right, a snapshot needs SELECT on every table and no row level security"
            )
        case psycopg2.errors.ConfigurationLimitExceeded():
            return "all replication slots are taken; drop one that nobody needs, or raise max_replication_slots"
    return f"PostgreSQL: {type(error).__name__}; start the capture again"


def first_line(error: Exception) -> str:
    """Of the driver's text about a connection, which holds host and port."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
