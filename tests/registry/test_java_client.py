"""Confluent's Java client and Avro serializer against the registry, unchanged; the program is ``RegistryClient.java``.

Their providers for JSON Schema and Protobuf are published nowhere that can be reached from here.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from streams.embedded import MissingToolError

from .jars import confluent_jars

PROGRAM = Path(__file__).with_name("RegistryClient.java")
SAID = """\
register = 1
reuse = 1
evolve = 2
incompatible refused 409 409
compatible = true
not compatible = false
why = false
versions = [1, 2]
version = 2
id = 1
text = true
in a context = 1
read there = true
as before = false
latest = 2
round trip = {"id": 7, "name": "b"}
refused by the serializer = 409
reference = 3
read with references = [{name='User', subject='user', version=2}]
referenced refused 422 42206
level = NONE NONE
anything goes = 4
no level refused 404 40408
mode = READONLY READONLY
read only refused 422 42205
writable = READWRITE
delete = [1]
subjects = [topic-value, user, :.team:user]
by prefix = [user]
where = [{subject=user,version=1}]
for good = [1]
gone refused 404 40401
no id refused 404 40403
"""

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("javac") is None, reason="no javac: apt-get install openjdk-17-jdk-headless"),
]


def test_confluents_java_client_registers_evolves_is_refused_and_deletes(url: str) -> None:
    try:
        jars = confluent_jars(for_connect=False)
    except MissingToolError as error:
        pytest.skip(str(error))

    ended = subprocess.run(
        ["java", "-cp", f"{jars}/*", str(PROGRAM), url], check=False, capture_output=True, text=True, timeout=120
    )

    assert (ended.stdout, ended.returncode) == (SAID, 0), ended.stderr
