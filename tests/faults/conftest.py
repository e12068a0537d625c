"""The fault suite: what is broken from outside, what must be true afterwards, and what each run showed.

    make faults                          all cases in the long profile, each with one seed
    ONLY=FT01,FT04 make faults           these cases; SEED=7 another seed; ROUNDS=50 seeds from there on
    AGAIN=1 make faults                  also what has passed on these very sources before; else runs go on where they
                                         stopped. PROFILE=short: as ``make test`` runs it
    WITHOUT=each make faults             each case with what protects from it taken out (``without.py``): it must fail
    WITHOUT=fencing ONLY=FT05 make faults    with this protection taken out

A case is a test with a mark and the fixture ``arena`` (pipeline ``w`` on the session's broker) or ``shard`` alone::

    @pytest.mark.fault("FT01", "kill -9 of a random worker", protection="stores are written after the commit",
                       without="store_last")
    def test_…(arena: Arena) -> None:
        arena.start_all("a", "b", "c")
        with arena.load(0.1):                        # a share of what one worker was measured to take
            for _ in range(arena.pick(short=2, long=20)):
                arena.kill("a")
                arena.start("a")
                arena.await_recovery()               # a figure of the report; ``Hang`` when it does not come
        arena.judge()                                # the oracle: every figure zero

``short=True`` in the mark lets it run in ``make test``, too. Random choices come from ``arena.chance``, which the seed
decides. ``arena.figures`` go into the report, ``arena.restartable`` says after which exit codes the supervisor starts
a worker again. Cases with brokers of their own build ``Arena(shard, brokers, tmp_path, unique)`` and note their
figures in it: ``arena_of(...)`` does both. Verdicts: PASS; FAIL, an assertion did not hold; HANG, a wait ran out
(``Hang``); UNKNOWN, any other exception: the test's own trouble. ``without`` names the protection that ``WITHOUT=each``
takes out, by variant where it is a dictionary; then FAIL and HANG are what must be seen.

Results accumulate in ``.streams/faults/results.jsonl``; the end of a run prints the table of all of them and writes
``.streams/faults/report.html``.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.embedded import EmbeddedKafka
from tests.integration.cluster import Hang

from . import results
from .arena import Arena
from .capacity import measure_capacity
from .report import print_table, write_page
from .results import Result, Results, Shard, Verdict

SHARD = pytest.StashKey[Shard]()
FIGURES = pytest.StashKey[dict[str, float]]()
BEGAN = pytest.StashKey[float]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("fault") is not None:
        seeds = results.seeds()
        metafunc.parametrize("seed", seeds, ids=[f"seed{seed}" for seed in seeds])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Who is not short is for ``make faults``; who was not asked for, or has passed before, does not run."""
    kept: list[pytest.Item] = []
    gone: list[pytest.Item] = []
    for item in items:
        mark = item.get_closest_marker("fault")
        if mark is not None:
            item.stash[SHARD] = _shard_of(item, mark)
            if results.profile() == "long" or not mark.kwargs.get("short", False):
                item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.integration)
        (kept if _is_wanted(item, mark) else gone).append(item)
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = kept


def _is_wanted(item: pytest.Item, mark: pytest.Mark | None) -> bool:
    only = results.only()
    if mark is None:
        return not only
    if results.without() and not item.stash[SHARD].without:
        return False
    return (not only or mark.args[0].upper() in only) and not _is_done(item)


def _is_done(item: pytest.Item) -> bool:
    """Runs go on where they stopped; ``make test`` has no past."""
    if os.environ.get("AGAIN") or (results.profile() != "long" and not os.environ.get("ROUNDS")):
        return False
    return item.stash[SHARD] in Results().done(results.code_digest(item.path))


def _shard_of(item: pytest.Item, mark: pytest.Mark) -> Shard:
    call = getattr(item, "callspec", None)
    values: dict[str, Any] = dict(call.params) if call is not None else {}
    seed = values.pop("seed", 1)
    variant = " ".join(str(getattr(value, "__name__", value)) for value in values.values())
    return Shard(
        case=mark.args[0], variant=variant, seed=seed, profile=results.profile(), without=_without(mark, variant)
    )


def _without(mark: pytest.Mark, variant: str) -> str:
    """What is taken out of the engine; empty: nothing, or nothing that is known."""
    if (asked := results.without()) != "each":
        return asked
    own: str | dict[str, str] = mark.kwargs.get("without", "")
    return own if isinstance(own, str) else own.get(variant, "")


# -- fixtures


@pytest.fixture
def shard(request: pytest.FixtureRequest, seed: int) -> Shard:
    """What is run: case, variant, seed, profile."""
    held: Shard = request.node.stash[SHARD]
    return held


@pytest.fixture
def arena_of(
    request: pytest.FixtureRequest, shard: Shard, tmp_path: Path, unique: Callable[[str], str]
) -> Callable[[str], Arena]:
    """An arena on other brokers, its figures in the report; to be used as a context manager."""

    def build(brokers: str) -> Arena:
        arena = Arena(shard, brokers, tmp_path, unique)
        if shard.is_long:
            arena.capacity = lambda: request.getfixturevalue("capacity")
        request.node.stash[FIGURES] = arena.figures
        return arena

    return build


@pytest.fixture
def arena(kafka: EmbeddedKafka, arena_of: Callable[[str], Arena]) -> Iterator[Arena]:
    """Pipeline ``w`` on the session's broker, no workers yet."""
    with arena_of(kafka.bootstrap) as held:
        yield held


@pytest.fixture(scope="session")
def capacity(
    kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory, stamp: Callable[[str], str]
) -> float:
    """Events a second that one worker takes on this machine, now."""
    return measure_capacity(kafka.bootstrap, tmp_path_factory.mktemp("capacity"), stamp)


# -- results


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Each shard's verdict, as soon as there is one."""
    if call.when == "setup":
        item.stash[BEGAN] = time.time() - call.duration
    report = (yield).get_result()
    if SHARD not in item.stash or (call.excinfo is None and call.when != "call"):
        return
    if call.excinfo is not None and call.excinfo.errisinstance(pytest.skip.Exception):
        return
    mark = item.get_closest_marker("fault")
    assert mark is not None
    verdict = _verdict_of(call)
    if item.stash[SHARD].without and _is_misfit(item):
        verdict = Verdict.UNKNOWN
    result = _result_of(item, mark, verdict, "" if call.excinfo is None else str(call.excinfo.value))
    Results().add(result)
    if result.without and verdict is not Verdict.UNKNOWN:
        report.outcome = "passed" if result.is_as_it_should_be else "failed"
        report.longrepr = None if result.is_as_it_should_be else f"nothing is seen without {result.without}"


def _is_misfit(item: pytest.Item) -> bool:
    """What was taken out does not fit the engine any more: a worker has ended by a mistake of the suite's own."""
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    logs = [] if folder is None else [path.read_text(errors="replace") for path in folder.glob("*.log")]
    return any(re.search(r"exit code 5 \(bug\)(?!.* goes back from )", log) for log in logs)


def _verdict_of(call: pytest.CallInfo[None]) -> Verdict:
    if call.excinfo is None:
        return Verdict.PASS
    if call.when != "call":
        return Verdict.UNKNOWN
    if isinstance(call.excinfo.value, Hang):
        return Verdict.HANG
    return Verdict.FAIL if isinstance(call.excinfo.value, AssertionError) else Verdict.UNKNOWN


def _result_of(item: pytest.Item, mark: pytest.Mark, verdict: Verdict, message: str) -> Result:
    shard, began = item.stash[SHARD], item.stash[BEGAN]
    return Result(
        case=shard.case, variant=shard.variant, seed=shard.seed, profile=shard.profile, title=mark.args[1],
        protection=mark.kwargs["protection"], verdict=verdict, seconds=round(time.time() - began, 1),
        code=results.code_digest(item.path), commit=results.commit(),
        began=time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(began)), message=message[:2_000],
        figures=dict(item.stash.get(FIGURES, {})), without=shard.without,
    )  # fmt: skip


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The table of all results, and the page of it; only where the suite was asked for."""
    if results.profile() == "long" or os.environ.get("ROUNDS"):
        held = Results().read()
        terminalreporter.write_line("")
        terminalreporter.write(print_table(held))
        terminalreporter.write_line(f"page: {write_page(held, results.FOLDER)}")
