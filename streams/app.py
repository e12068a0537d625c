"""The application: ``faust -A streams.app worker``. START HERE.

The way of one batch:

1. ``worker.transport``    Faust's consumer fetches a run of records of one partition
2. ``worker.host``         the agent ``pipelines`` hands it to the engine
3. ``worker.engine``       ``handle``: the task of that partition processes it, the open transaction takes the results
4. ``pipeline.process``    decode ▶ validate ▶ deduplicate ▶ filter ▶ mask ▶ derive ▶ table ▶ aggregate ▶ route
   ``pipeline.lane``       the same for plain records of plain pipelines, in C where there was a compiler
5. ``worker.checkpoint``   every 200 ms: window results, changelogs, offsets, commit; then the local stores

What is wrong in settings, contracts or pipelines is printed, all of it, and the process ends with exit code 2.
"""

from __future__ import annotations

import sys

from streams.contracts import read_contracts
from streams.contracts.registry import DeferredSource, SchemaSource
from streams.dsl import load_modules
from streams.errors import ConfigurationError, Problem
from streams.pipeline.compile import compile_topology
from streams.pipeline.plan import DeadLetterStyle, Limits
from streams.settings import Settings
from streams.worker.engine import Engine
from streams.worker.host import StreamsApp, build_app


def create_app() -> StreamsApp:
    """The app as the environment and ``schemas/`` describe it; raises ``ConfigurationError`` with every mistake."""
    settings = Settings.from_env()
    mask_key, problems = _mask_key(settings)
    try:
        topology = compile_topology(
            read_contracts(settings.schemas),
            app=settings.app,
            only=settings.pipelines,
            mask_key=mask_key,
            dead_letter_style=DeadLetterStyle(settings.dead_letter_style),
            limits=Limits(record_bytes=settings.max_record_bytes),
            registry=_registry(settings),
            built=load_modules(settings.pipeline_modules),
            native=settings.native,
        )
    except ConfigurationError as error:
        raise ConfigurationError([*problems, *error.problems]) from None
    if not topology.plans:
        problems = (*problems, Problem(file=f"{settings.schemas}/pipelines", message="no pipeline is there to run"))
    if problems:
        raise ConfigurationError(problems)
    return build_app(Engine(settings, topology, settings.claim_instance()))


def _registry(settings: Settings) -> SchemaSource | None:
    """The registry that records name their schemas in, if one is set; nobody has asked it yet."""
    url = settings.registry_url()
    if not url:
        return None
    # Its client takes a fifth of the time in which a worker starts, and most workers have no registry.
    from streams.contracts.registry_http import HttpRegistry

    return DeferredSource(HttpRegistry(url))


def _mask_key(settings: Settings) -> tuple[bytes | None, tuple[Problem, ...]]:
    """The secret, or what is wrong with it; a broken one stands in, so that each mistake is told once."""
    try:
        return settings.mask_key(), ()
    except ConfigurationError as error:
        return b"unreadable", error.problems


try:
    app = create_app()
except ConfigurationError as error:
    print(f"cannot start: {error}", file=sys.stderr)
    raise SystemExit(2) from None
