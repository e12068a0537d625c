"""Host: the Faust app that carries the engine.

Faust brings the worker command, agents, the group, signals and timers. It does not bring its commits, tables or
transactions: our topics are ``acks=False``, which makes all of them inert.
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterable
from typing import Any

import faust
from confluent_kafka import KafkaError, KafkaException
from faust.app.base import BootStrategy
from faust.transport.drivers import TRANSPORTS

from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.state.stores.base import StoreFailedError

from .engine import Engine
from .security import broker_credentials
from .source_watch import SourceWatch
from .stop import ExitCode, stop_for, stop_process
from .topics import BrokerAwayError
from .transport import RunSchema
from .trim import Trimmer
from .watchdog import Watchdog
from .web.server import WebServer

logger = logging.getLogger("streams.worker")

TRANSPORTS.aliases["streams"] = "streams.worker.transport:Transport"

FETCH_BYTES = 1 << 20
"""Of one partition at a time; with ``BUFFERED_RUNS`` it bounds what waits in memory."""
RUN_RECORDS = 8_000
BUFFERED_RUNS = 16
METADATA_MS = 30_000
"""How long it may take to see that a source has got more partitions, whose keys are no longer where they were."""
THREAD_SWITCH_S = 0.02


class Boot(BootStrategy):  # type: ignore[misc]  # Faust has no usable types
    """Our own web server in place of Faust's pages."""

    def web_server(self) -> Iterable[Any]:
        return [self.app.web_service] if self._should_enable_web() else []


class StreamsApp(faust.App):  # type: ignore[misc]
    """A Faust app with an engine."""

    BootStrategy = Boot

    def __init__(self, engine: Engine, **options: Any) -> None:
        super().__init__(engine.settings.app, **options)
        self.engine = engine
        self.inputs: Any = None
        """What the agent reads; Faust asks for its topics only after the start."""
        self.web_service = WebServer(engine)
        self.watchdog = Watchdog(engine)

    async def on_first_start(self) -> None:
        """Faust makes its folders one level at a time."""
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_start(self) -> None:
        """Prepare before anything joins the group."""
        await super().on_start()
        try:
            await self.engine.prepare()
        except ConfigurationError as error:
            stop_process(ExitCode.WRONG_USE, str(error))
        except StoreFailedError as error:
            stop_for(error, "the store")
        except BrokerAwayError as error:
            stop_process(ExitCode.BROKER_AWAY, str(error))
        except KafkaException as error:
            if error.args[0].code() == KafkaError._INVALID_ARG:
                stop_process(
                    ExitCode.WRONG_USE, f"Kafka's client: {error.args[0].str()}; correct STREAMS_KAFKA_<OPTION>"
                )
            stop_process(ExitCode.BROKER_AWAY, f"Kafka refuses what a worker needs: {error.args[0].str()}")
        self.inputs.topics = sorted(self.engine.topics)
        self.engine.port = self.consumer
        self.watchdog.start()
        _tune_interpreter()

    @property
    def web_server_url(self) -> str:
        """What the worker's banner shows."""
        return self.engine.web_url or "starting"


def build_app(engine: Engine) -> StreamsApp:
    """The app with one agent for all source topics."""
    settings = engine.settings
    app = StreamsApp(engine, **_options(settings, engine.instance))
    app.inputs = app.topic(*sorted(engine.topics), schema=RunSchema(), acks=False)

    @app.agent(app.inputs, name="pipelines")  # type: ignore[untyped-decorator]
    async def pipelines(stream: Any) -> None:
        async for run in stream:
            await engine.handle(run)

    @app.on_partitions_assigned.connect  # type: ignore[untyped-decorator]
    async def assigned(app: Any, assigned: Any, **_: Any) -> None:
        if not assigned:  # otherwise the engine takes its tasks when Faust seeks, which it does only where it can
            engine.take(set())

    @app.on_partitions_revoked.connect  # type: ignore[untyped-decorator]
    async def revoked(app: Any, revoked: Any, **_: Any) -> None:
        await engine.leave()

    @app.on_before_shutdown.connect  # type: ignore[untyped-decorator]
    async def shutdown(app: Any, **_: Any) -> None:
        await engine.leave()

    @app.task  # type: ignore[untyped-decorator]
    async def keep_time() -> None:
        await engine.keep_time()

    @app.task  # type: ignore[untyped-decorator]
    async def keep_trimming() -> None:
        await Trimmer(engine).keep_trimming()

    @app.task  # type: ignore[untyped-decorator]
    async def keep_watching() -> None:
        await SourceWatch(engine).keep_watching()

    return app


def _options(settings: Settings, instance: str) -> dict[str, Any]:
    brokers = settings.brokers.split(",")
    return {
        "broker_credentials": broker_credentials(settings.kafka),
        "broker": [f"streams://{broker.strip()}" for broker in brokers],
        "store": "memory://",
        "datadir": str(settings.data / settings.app / "faust" / instance),
        "consumer_group_instance_id": instance,
        "consumer_auto_offset_reset": "earliest",
        "consumer_max_fetch_size": FETCH_BYTES,
        "consumer_metadata_max_age_ms": METADATA_MS,
        "broker_max_poll_records": RUN_RECORDS,
        "stream_buffer_maxsize": BUFFERED_RUNS,
        "stream_wait_empty": False,
        "broker_session_timeout": 10.0,
        "broker_heartbeat_interval": 1.0,
        "broker_rebalance_timeout": 30.0,
        "broker_commit_every": 10**9,
        "broker_check_crcs": True,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "stream_recovery_delay": 0.0,
        "table_standby_replicas": 0,
    }


def _tune_interpreter() -> None:
    """What lives as long as the process is never looked at again by the collector: a third of the CPU otherwise.

    And the thread that fetches waits a little longer for the one that processes, instead of both chasing each other's
    data out of the cache of one core every 5 ms.
    """
    sys.setswitchinterval(THREAD_SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
