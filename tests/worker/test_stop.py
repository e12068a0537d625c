"""Stop: the process ends at once, with a code and a reason that holds no row's value."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streams.worker.stop import ExitCode

SECRET = "ada@example.test"


def run(code: str) -> subprocess.CompletedProcess[str]:
    program = f"import logging\nlogging.basicConfig()\nfrom streams.worker.stop import *\n{code}\nprint('went on')"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_code_has_a_number_of_its_own(code: ExitCode) -> None:
    assert (ExitCode(code.value), code.value > 1) == (code, True)


def test_the_process_ends_with_the_code_and_says_why() -> None:
    ended = run("stop_process(ExitCode.STATE_REFUSED, 'orders[3]: why')")

    assert (ended.returncode, ended.stdout) == (6, "")
    assert "stopping with exit code 6 (state_refused): orders[3]: why" in ended.stderr


def test_not_even_a_handler_of_every_exception_keeps_it_running() -> None:
    ended = run("try: stop_process(ExitCode.OVERDUE, 'why')\nexcept BaseException: pass")

    assert (ended.returncode, ended.stdout) == (4, "")


def test_an_unexpected_exception_is_told_by_type_and_place_never_by_its_text() -> None:
    ended = run(f"try: int('{SECRET}')\nexcept ValueError as error: stop_for(error, 'batch of orders[3]@17')")

    assert ended.returncode == ExitCode.BUG
    assert "batch of orders[3]@17: ValueError at <string>:4" in ended.stderr
    assert SECRET not in ended.stderr


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            "from streams.state.stores.base import StoreFailedError\n"
            "error = StoreFailedError('/data/orders/3 cannot be read or written')",
            ExitCode.STORE_FAILED,
            "/data/orders/3 cannot be read or written; the next start rebuilds it from the changelogs",
        ),
        (
            "from confluent_kafka import KafkaError, KafkaException\n"
            "error = KafkaException(KafkaError(KafkaError._TIMED_OUT))",
            ExitCode.BROKER_AWAY,
            "batch of orders[3]@17: Kafka says _TIMED_OUT; start again",
        ),
    ],
)
def test_what_store_and_kafka_refuse_is_no_bug(error: str, code: ExitCode, said: str) -> None:
    ended = run(f"{error}\nstop_for(error, 'batch of orders[3]@17')")

    assert ended.returncode == code
    assert said in ended.stderr


FULL_PIPE = """
import os
from streams.worker import stop
stop.LOG_SECONDS = 0.1
os.set_blocking(2, False)
try:
    while True:
        os.write(2, b"x" * 65_536)
except BlockingIOError:
    os.set_blocking(2, True)
stop.stop_process(stop.ExitCode.OVERDUE, "why")
"""


def test_a_log_that_nobody_reads_does_not_keep_the_process() -> None:
    with subprocess.Popen([sys.executable, "-c", FULL_PIPE], stderr=subprocess.PIPE) as process:
        assert process.wait(30) == ExitCode.OVERDUE
