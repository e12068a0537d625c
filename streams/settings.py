"""Settings: the only reader of the environment (prefix ``STREAMS_``).

Every default lets two workers start in two shells of one machine.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

from streams.errors import ConfigurationError, Problem

PREFIX = "STREAMS_"
STORES = re.compile(r"rocksdb://|memory://|rediss?://[^/\s]+(/\d*)?(\?\S*)?")
STYLES = ("connect", "streams", "spring")
_held: list[IO[str]] = []
"""Lock files of this process's names: closing one would release it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process of this application must know of where it runs."""

    brokers: str = "127.0.0.1:9092"
    """Kafka's bootstrap servers, host:port, separated by commas."""
    schemas: Path = Path("schemas")
    data: Path = Path(".streams")
    """Local state; one folder for all workers of a machine."""
    app: str = "streams"
    """The consumer group; leads the names of changelogs."""
    instance: str = ""
    """Stable over restarts; empty: the lowest free slot, locked in ``data``."""
    store: str = "rocksdb://"
    """Where tables are kept; ``redis://`` and, with TLS, ``rediss://`` as redis-py reads them."""
    registry: str = ""
    """URL of a schema registry, or several separated by commas; empty: there is none but the schemas folder."""
    checkpoint_interval_ms: int = 200
    web_host: str = "127.0.0.1"
    web_port: int = 6066
    dead_letter_style: str = "connect"
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Aliases of the hosts in URLs of databases and registries: name to host:port."""
    kafka: Mapping[str, str] = field(default_factory=dict)
    """librdkafka's options in their own spelling, from ``STREAMS_KAFKA_<OPTION>``."""
    mask_key_file: Path | None = None
    max_record_bytes: int = 1_000_000
    lost_records: str = "refuse"
    """Where a source's retention was quicker than we: ``refuse`` waits for somebody, ``continue`` goes on."""
    native: bool = True
    """Plain records may go the quick way in C; what comes of them is the same."""
    pipelines: tuple[str, ...] | None = None
    """Which pipelines this process runs; ``None``: all."""
    pipeline_modules: tuple[str, ...] = ()
    """Python modules whose pipelines run beside those of ``schemas``."""

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Settings from ``STREAMS_*``; raises ``ConfigurationError`` with every mistake."""
        env = os.environ if environment is None else environment
        given = {name.removeprefix(PREFIX): value for name, value in env.items() if name.startswith(PREFIX)}
        problems: list[Problem] = []

        def number(name: str, default: int, unit: str) -> int:
            try:
                return int(given.get(name, default))
            except ValueError:
                problems.append(Problem(file=PREFIX + name, message=f"a whole number, please: {unit}"))
                return default

        def words(name: str) -> tuple[str, ...]:
            return tuple(part.strip() for part in given.get(name, "").split(",") if part.strip())

        settings = cls(
            brokers=given.get("BROKERS", "127.0.0.1:9092"),
            schemas=Path(given.get("SCHEMAS", "schemas")),
            data=Path(given.get("DATA", ".streams")),
            app=given.get("APP", "streams"),
            instance=given.get("INSTANCE", ""),
            store=given.get("STORE", "rocksdb://"),
            registry=given.get("REGISTRY", ""),
            checkpoint_interval_ms=number("CHECKPOINT_INTERVAL", 200, "milliseconds"),
            web_host=given.get("WEB_HOST", "127.0.0.1"),
            web_port=number("WEB_PORT", 6066, "a port"),
            dead_letter_style=given.get("DEAD_LETTER_STYLE", "connect"),
            hosts=dict(_hosts(words("HOSTS"))),
            kafka=_kafka_options(given),
            mask_key_file=Path(given["MASK_KEY_FILE"]) if given.get("MASK_KEY_FILE") else None,
            lost_records=given.get("LOST_RECORDS", "refuse"),
            max_record_bytes=number("MAX_RECORD_BYTES", 1_000_000, "bytes"),
            native=given.get("NATIVE", "1") != "0",
            pipelines=words("PIPELINES") or None,
            pipeline_modules=words("PIPELINE_MODULES"),
        )
        problems += [*_unclear(given), *settings._problems(), *_misspelt(given)]
        if problems:
            raise ConfigurationError(problems)
        return settings

    def _problems(self) -> Iterator[Problem]:
        rules = {
            "APP": (_is_name(self.app), "letters, digits, '.', '_' and '-' only: it leads the names of topics"),
            "INSTANCE": (_is_name(self.instance or "0"), "letters, digits, '.', '_' and '-' only"),
            "CHECKPOINT_INTERVAL": (10 <= self.checkpoint_interval_ms <= 5_000, "10 to 5000 milliseconds"),
            "HOSTS": (all(self.hosts.values()), "name=host:port, separated by commas"),
            "WEB_PORT": (0 <= self.web_port < 65_536, "a port, 0 to 65535"),
            "MAX_RECORD_BYTES": (self.max_record_bytes > 0, "more than 0 bytes"),
            "LOST_RECORDS": (self.lost_records in ("refuse", "continue"), "refuse or continue"),
            "DEAD_LETTER_STYLE": (self.dead_letter_style in STYLES, "connect, streams or spring"),
            "STORE": (STORES.fullmatch(self.store) is not None, "rocksdb://, memory:// or redis://host:port/number"),
            "REGISTRY": (_are_urls(self.registry), "the URL of a schema registry, such as http://schema-registry:8081"),
        }
        for name, (is_right, message) in rules.items():
            if not is_right:
                yield Problem(file=PREFIX + name, message=message)

    def mask_key(self) -> bytes | None:
        """The secret of ``mask: hash``; ``None`` where no file is set. Raises ``ConfigurationError``."""
        if self.mask_key_file is None:
            return None
        try:
            key = self.mask_key_file.read_bytes().strip()
        except OSError as error:
            raise ConfigurationError([Problem(file="STREAMS_MASK_KEY_FILE", message=str(error.strerror))]) from None
        if len(key) < 16:
            message = "the secret is shorter than 16 bytes; head -c 32 /dev/urandom | base64 makes one"
            raise ConfigurationError([Problem(file="STREAMS_MASK_KEY_FILE", message=message)])
        return key

    def claim_instance(self) -> str:
        """``instance``, or the lowest slot of this machine that is free; nobody else on this machine has it then.

        Two workers of one name would fence each other in turn for ever. The lock goes with the process, also by
        kill -9. Raises ``ConfigurationError`` where another process has it.
        """
        if self.instance:
            if self._lock(self.instance):
                return self.instance
            message = (
                f"another process on this machine runs as {self.instance}; stop it, or give this worker a name of"
                " its own (unset: the lowest free slot)"
            )
            raise ConfigurationError([Problem(file="STREAMS_INSTANCE", message=message)])
        for slot in range(10_000):
            name = f"{os.uname().nodename}-{slot}"
            if self._lock(name):
                return name
        raise ConfigurationError([Problem(file="STREAMS_INSTANCE", message="all slots are taken; name one")])

    def _lock(self, name: str) -> bool:
        """Whether ``name`` is this process's now."""
        folder = self.data / self.app
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / f"{name}.lock").open("w")
        except OSError as error:
            message = f"cannot write to {folder} ({error.strerror}); name a folder that this user may write to"
            raise ConfigurationError([Problem(file="STREAMS_DATA", message=message)]) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            return False
        _held.append(lock)
        return True

    def resolve(self, url: str) -> str:
        """``url`` with the address of its host, where ``hosts`` has one.

        >>> Settings(hosts={"source_db": "127.0.0.1:5433"}).resolve("postgresql://me@source_db:5432/shop")
        'postgresql://me@127.0.0.1:5433/shop'
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            return url  # whoever connects says what is wrong with it
        user, at, place = parts.netloc.rpartition("@")
        address = self.hosts.get(place.partition(":")[0])
        return url if address is None else urlunsplit(parts._replace(netloc=f"{user}{at}{address}"))

    def registry_url(self) -> str:
        """``registry`` with the addresses of its hosts; empty: none is set."""
        return self.resolve_all(self.registry)

    def resolve_all(self, urls: str) -> str:
        """``resolve`` of each of ``urls``, which commas separate."""
        return ",".join(self.resolve(url.strip()) for url in urls.split(",") if url.strip())

    def librdkafka(self) -> dict[str, object]:
        """Connection options of confluent-kafka's clients."""
        return {"bootstrap.servers": self.brokers, "log_level": 3, **self.kafka}


def _is_name(text: str) -> bool:
    """Fit for a topic's name and a folder's."""
    return re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}", text) is not None


def _are_urls(text: str) -> bool:
    """No URL, or http URLs separated by commas."""
    return all(re.fullmatch(r"https?://[^/\s]+\S*", url.strip()) for url in text.split(",") if text)


def _hosts(parts: Iterable[str]) -> Iterator[tuple[str, str]]:
    for part in parts:
        name, _, address = part.partition("=")
        yield name, address


def _unclear(given: Mapping[str, str]) -> Iterator[Problem]:
    """Switches that are neither on nor off."""
    if given.get("NATIVE", "1") not in ("0", "1"):
        yield Problem(file=PREFIX + "NATIVE", message="1, or 0: without the parts in C")


def _misspelt(given: Iterable[str]) -> Iterator[Problem]:
    """Names that are nearly a setting's; others are somebody else's, such as what Kubernetes sets for a service."""
    known = [held.name.upper() for held in fields(Settings)]
    known[known.index("CHECKPOINT_INTERVAL_MS")] = "CHECKPOINT_INTERVAL"
    for name in given:
        near = get_close_matches(name, known, n=1, cutoff=0.85)
        if name not in known and near and not name.startswith("KAFKA_"):
            yield Problem(file=PREFIX + name, message=f"no such setting; did you mean {PREFIX}{near[0]}?")


def _kafka_options(given: Mapping[str, str]) -> Mapping[str, str]:
    """``STREAMS_KAFKA_SECURITY_PROTOCOL`` is librdkafka's ``security.protocol``."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in given.items()
        if name.startswith("KAFKA_")
    }
