"""Stop: crash only. What cannot go on ends the process with a code, and the supervisor starts it again."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from enum import IntEnum
from typing import NoReturn

from confluent_kafka import KafkaException

from streams.contracts.registry import RegistryUnavailableError
from streams.state.stores.base import StoreAwayError, StoreFailedError

logger = logging.getLogger("streams.worker")

LOG_SECONDS = 5.0
"""So long the last words may take."""


class ExitCode(IntEnum):
    """Why a worker ended."""

    WRONG_USE = 2
    """Files, settings or topics that must be put right first."""
    TRANSACTION_FAILED = 3
    """A commit with an unknown outcome, or another process has this instance's name."""
    OVERDUE = 4
    """Something took longer than the watchdog allows."""
    BUG = 5
    """An exception nobody expected; the log names its place in the code."""
    STATE_REFUSED = 6
    """Local or stored state that does not belong to this plan or these topics."""
    TOO_MANY_INTERNAL_ERRORS = 7
    STORE_FAILED = 8
    """State that another process has or that cannot be read, or a disk or a Redis that is full."""
    BROKER_AWAY = 9
    """No broker answers, or it refuses us: worth another try, unlike wrong use."""
    REGISTRY_AWAY = 10
    """The schema registry does not answer: no record is to blame."""
    STORE_AWAY = 11
    """The Redis that keeps the state does not answer: nothing is lost, worth another try."""


_NEXT = {
    ExitCode.TRANSACTION_FAILED: "; start again (if it comes back: has another worker this STREAMS_INSTANCE?)",
    ExitCode.OVERDUE: "; start again",
    ExitCode.BUG: "; start again, and report this line (a record that ends it again and again: streams quarantine)",
    ExitCode.TOO_MANY_INTERNAL_ERRORS: "; look at the dead letters, then start again",
}
"""What to do, where no reason says it."""


def stop_process(code: ExitCode, reason: str) -> NoReturn:
    """End now, without commit; ``reason`` names coordinates and never a row's value."""
    # Whoever reads our log may have stopped reading: that must not keep us.
    last = threading.Timer(LOG_SECONDS, os._exit, [code])
    last.daemon = True
    last.start()
    logger.critical("stopping with exit code %d (%s): %s%s", code, code.name.lower(), reason, _NEXT.get(code, ""))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def stop_for(error: BaseException, doing: str) -> NoReturn:
    """End because of an exception nobody expected; its text may quote a row, its place in the code cannot."""
    if isinstance(error, KafkaException):
        stop_process(ExitCode.BROKER_AWAY, f"{doing}: Kafka says {error.args[0].name()}; start again")
    if isinstance(error, StoreFailedError):
        code = ExitCode.STORE_AWAY if isinstance(error, StoreAwayError) else ExitCode.STORE_FAILED
        stop_process(code, f"{doing}: {error}; {error.remedy}")
    if isinstance(error, RegistryUnavailableError):
        stop_process(ExitCode.REGISTRY_AWAY, f"{doing}: {error}; nothing was set aside, start again when it answers")
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames[-6:]))
    stop_process(ExitCode.BUG, f"{doing}: {type(error).__name__} at {places}")
