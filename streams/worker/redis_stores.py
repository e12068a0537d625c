"""Redis as the place of all stores: who may use it, and how it is found. All functions block."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, ReadOnlyError, RedisError
from redis.retry import Retry

from streams.errors import ConfigurationError, Problem
from streams.state.stores.base import Store
from streams.state.stores.redis import RedisStore, failure

from .assignor import Place

logger = logging.getLogger("streams.worker")

ANSWER_SECONDS = 5.0
"""Below what the broker lets a transaction be open: a server that is slower is told as such."""
PATIENCE_SECONDS = 15.0
PAUSE_SECONDS = 0.5


class RedisStores:
    """Stores on one server, for all workers of an application; their keys begin with ``{app:partition}``."""

    def __init__(self, url: str, app: str, *, patience_s: float = PATIENCE_SECONDS) -> None:
        self._app = app
        self._patience_s = patience_s
        parts = urlsplit(url)
        self.name = f"Redis on {parts.hostname}:{parts.port or 6379}"
        # We try again ourselves: who writes must know what has been written by then.
        self._client = redis.Redis.from_url(
            url, protocol=2, retry=Retry(NoBackoff(), 0), socket_keepalive=True,
            socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS,
        )  # fmt: skip

    def prepare(self) -> None:
        """Wait until the server answers; raises ``StoreAwayError``, and ``ConfigurationError`` if it is unfit."""
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                info = self._client.info()
                if info.get("role") == "slave":  # as the server says it; perhaps a primary until a moment ago
                    raise ReadOnlyError("it is a replica")
                problems = list(find_unfit(info))
                break
            except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
                problems = [f"{self.name} does not let us in ({type(error).__name__})"]
                break
            except (TypeError, ValueError):
                problems = ["its options are not ones of the client; see redis.Redis.from_url"]
                break
            except RedisError as error:
                if time.monotonic() > deadline:
                    raise failure(error, self.name) from error
                logger.warning("waiting for %s", self.name)
                time.sleep(PAUSE_SECONDS)
        if problems:
            raise ConfigurationError([Problem(file="STREAMS_STORE", message=problem) for problem in problems])

    def kept_here(self) -> Iterable[Place]:
        """None: whoever takes a task finds its state."""
        return ()

    def name_of(self, place: Place) -> str:
        """How a store is called in the log."""
        return f"state of {place[0]}[{place[1]}] in {self.name}"

    def open(self, place: Place) -> RedisStore:
        """The store of a task; whoever had it before has it no more."""
        topic, number = place
        tag = f"{{{self._app}:{number}}}:{topic}"
        return RedisStore(self._client, tag, uuid4().hex, name=self.name_of(place))

    def renew(self, place: Place, store: Store) -> Store:
        """The same one, emptied."""
        if not isinstance(store, RedisStore):
            raise TypeError("no store of this server's")
        store.empty()
        return store


def find_unfit(info: Mapping[str, Any]) -> Iterator[str]:
    """Why state may not be kept on a server that says this of itself."""
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        yield f"its maxmemory-policy is {policy}, and it would throw state away; set noeviction"
    if info.get("cluster_enabled"):
        yield "it is a Redis Cluster, which comes later; name a server of its own"
