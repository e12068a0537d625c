"""Stores: where the tasks of this worker keep their state, as ``STREAMS_STORE`` says. All functions block."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from streams.errors import ConfigurationError, Problem
from streams.settings import Settings
from streams.state.stores.base import Store
from streams.state.stores.memory import MemoryStore
from streams.state.stores.rocksdb import RocksStore, StoreLockedError

from .assignor import Place
from .stop import ExitCode, stop_process

logger = logging.getLogger("streams.worker")


class Stores(Protocol):
    """One store for each task."""

    def prepare(self) -> None:
        """Whether there can be stores at all; raises ``ConfigurationError``, ``StoreAwayError``."""

    def kept_here(self) -> Iterable[Place]:
        """Tasks whose state others would have to restore."""

    def name_of(self, place: Place) -> str:
        """How a store is called in the log."""

    def open(self, place: Place) -> Store:
        """The store of a task, as it was left; an empty one in place of one that cannot be read."""

    def renew(self, place: Place, store: Store) -> Store:
        """An empty one in place of ``store``."""


class MemoryStores:
    """Stores that are rebuilt each time."""

    def prepare(self) -> None:
        """Nothing is needed."""

    def kept_here(self) -> Iterable[Place]:
        """None outlives its task."""
        return ()

    def name_of(self, place: Place) -> str:
        """How a store is called in the log."""
        return f"state of {place[0]}[{place[1]}]"

    def open(self, place: Place) -> Store:
        """An empty store."""
        return MemoryStore()

    def renew(self, place: Place, store: Store) -> Store:
        """Another empty store."""
        return MemoryStore()


class FolderStores:
    """RocksDB, a folder for each task."""

    def __init__(self, folder: Path) -> None:
        self._folder_of_all = folder

    def prepare(self) -> None:
        """Folders are made as they are needed."""

    def kept_here(self) -> Iterable[Place]:
        """Tasks of which this worker has state on its disk."""
        if self._folder_of_all.is_dir():
            for folder in self._folder_of_all.glob("*/[0-9]*"):
                yield folder.parent.name, int(folder.name)

    def _folder(self, place: Place) -> Path:
        return self._folder_of_all / place[0] / str(place[1])

    def name_of(self, place: Place) -> str:
        """How a store is called in the log."""
        return f"local state {self._folder(place)}"

    def open(self, place: Place) -> Store:
        """The store of a task; ends the process where another one has it."""
        folder = self._folder(place)
        try:
            return RocksStore(folder)
        except StoreLockedError:
            stop_process(ExitCode.STORE_FAILED, f"another process holds {folder}; two workers of one STREAMS_INSTANCE?")
        except Exception as error:  # rocksdict's one exception: corrupt files
            if "No space left" in str(error):
                stop_process(ExitCode.STORE_FAILED, f"no space is left for {folder}; free some, start again")
            logger.warning("local state %s is corrupt: rebuilding it from the changelogs", folder)
            shutil.rmtree(folder)
            return RocksStore(folder)

    def renew(self, place: Place, store: Store) -> Store:
        """A new folder."""
        store.close()
        shutil.rmtree(self._folder(place))
        return RocksStore(self._folder(place))


def stores_of(settings: Settings, instance: str) -> Stores:
    """What ``STREAMS_STORE`` names; raises ``ConfigurationError`` where the client for it is not installed."""
    if settings.store == "memory://":
        return MemoryStores()
    if settings.store == "rocksdb://":
        return FolderStores(settings.data / settings.app / instance)
    try:
        from .redis_stores import RedisStores
    except ModuleNotFoundError:
        message = "the client is not installed: pip install 'contract-streams[redis]'"
        raise ConfigurationError([Problem(file="STREAMS_STORE", message=message)]) from None
    return RedisStores(settings.resolve(settings.store), settings.app)
