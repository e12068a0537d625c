"""Metrics: what is counted, and when internal errors are too many."""

from __future__ import annotations

from pathlib import Path

from streams.errors import DecodeError, InternalError, PipelineError
from streams.ledger import Ledger, Outcome
from streams.pipeline.task import Task
from streams.records import RecordBatch, SourceRecord
from streams.state.stores.memory import MemoryStore
from streams.worker.batches import INTERNAL_ERROR_RATIO
from streams.worker.metrics import WorkerMetrics
from streams.worker.owned import OwnedTask
from tests.pipeline.transactional import builders as transactional

from .builders import TOPIC, a_record, a_run, an_engine, owned_task

MINUTE_MS = 60_000


def a_ledger(processed: int = 0, *dead: PipelineError) -> dict[str, Ledger]:
    """Outcomes of one batch of the pipeline ``things``."""
    ledger = Ledger(processed + len(dead))
    ledger.end(Outcome.PROCESSED, processed)
    for error in dead:
        record = SourceRecord(topic="t", partition=0, offset=0, timestamp_ms=0, key=None, value=b"")
        ledger.bury(record, error)
    return {"things": ledger}


def value(metrics: WorkerMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_events_are_counted_by_outcome_and_dead_letters_by_reason() -> None:
    metrics = WorkerMetrics()

    metrics.count("t", a_ledger(7, DecodeError("json", "broken"), InternalError(ValueError())))
    metrics.count("t", a_ledger(1))

    assert (metrics.totals, metrics.reasons) == (
        {"processed": 8, "dead": 2},
        {"decode_failed": 1, "internal_error": 1},
    )
    of_topic = {"pipeline": "things", "topic": "t", "source": "topic"}
    assert value(metrics, "cdc_events_total", **of_topic, outcome="processed") == 8
    assert value(metrics, "cdc_events_total", **of_topic, outcome="dead") == 2
    assert value(metrics, "cdc_dead_letters_total", pipeline="things", reason="decode_failed") == 1


def test_dead_letters_of_results_are_no_outcomes_of_events() -> None:
    metrics, ledger = WorkerMetrics(), Ledger(0)
    ledger.note_results(a_ledger(1, DecodeError("json", "broken"))["things"])

    metrics.count("", {"things": ledger})

    assert (metrics.totals, metrics.reasons) == ({}, {"decode_failed": 1})
    assert value(metrics, "cdc_dead_results_total", pipeline="things", reason="decode_failed") == 1
    assert value(metrics, "cdc_dead_letters_total", pipeline="things", reason="decode_failed") is None


def test_events_too_late_for_a_table_are_counted_by_table() -> None:
    metrics = WorkerMetrics()
    ledger = a_ledger(3)
    ledger["things"].late_by_table["per_minute"] = 2

    metrics.count("t", ledger)

    assert value(metrics, "cdc_late_events_total", table="per_minute") == 2


def test_nothing_is_counted_before_it_is_committed(tmp_path: Path) -> None:
    engine = an_engine(tmp_path)
    owned = owned_task(engine)
    owned.note(owned.task.process(a_run(a_record()).batch(), now_ms=2_000))

    assert engine.metrics.totals == {}

    owned.abort()
    owned.note(owned.task.process(a_run(a_record()).batch(), now_ms=2_000))
    owned.task.prepare_checkpoint()
    owned.committed({}, engine.metrics, now_ms=3_000)

    assert engine.metrics.totals == {"processed": 1}
    assert value(engine.metrics, "cdc_event_latency_seconds_sum") == 4


def test_a_lone_internal_error_is_no_reason_to_stop() -> None:
    metrics = WorkerMetrics()

    assert metrics.note_internal_errors(a_ledger(0, InternalError(ValueError())), now_ms=0) <= INTERNAL_ERROR_RATIO


def test_more_than_one_in_a_hundred_of_a_minute_is_too_much() -> None:
    metrics = WorkerMetrics()
    metrics.note_internal_errors(a_ledger(1_989), now_ms=0)

    few = metrics.note_internal_errors(a_ledger(0, *[InternalError(ValueError())] * 20), now_ms=1)
    many = metrics.note_internal_errors(a_ledger(0, InternalError(ValueError())), now_ms=2)

    assert few <= INTERNAL_ERROR_RATIO < many


def test_errors_of_the_minute_before_are_forgotten() -> None:
    metrics = WorkerMetrics()
    metrics.note_internal_errors(a_ledger(0, *[InternalError(ValueError())] * 50), now_ms=0)

    ratio = metrics.note_internal_errors(a_ledger(0, InternalError(ValueError())), now_ms=MINUTE_MS + 1)

    assert ratio == 0.001


def test_what_is_told_of_a_task_goes_with_it(tmp_path: Path) -> None:
    engine = an_engine(tmp_path)
    owned_task(engine, a_record()).observe(engine.metrics, {TOPIC: 5}, 3_000)
    place = {"topic": "things.v1", "partition": "0"}
    before = value(engine.metrics, "cdc_lag_records", **place)

    engine.metrics.forget_tasks()

    assert (before, value(engine.metrics, "cdc_lag_records", **place)) == (5, None)
    assert value(engine.metrics, "cdc_watermark_delay_seconds", pipeline="things", partition="0") is None
    assert value(engine.metrics, "cdc_events_total", pipeline="things", topic="things.v1", source="topic",
                 outcome="processed") == 1  # fmt: skip


def test_transactions_that_were_not_whole_are_counted_when_they_are_committed() -> None:
    sub = transactional.sub_of(transactional.whole())
    owned, metrics = OwnedTask(Task(sub, 0, MemoryStore()), must_commit=False), WorkerMetrics()
    log = transactional.Log()
    log.append(transactional.ORDERS, transactional.a_value(1, xid=7))
    owned.inputs.add(log.batch(transactional.ORDERS, 0, 1))

    def release(now_ms: int) -> RecordBatch | None:
        return owned.inputs.next_batch(lambda _: True, now_ms=now_ms)

    assert release(0) is None
    owned.observe(metrics, {}, 0)
    assert value(metrics, "cdc_held_transactions", topic="cdc.transaction", partition="0") == 1
    batch = release(transactional.TIMEOUT_MS)
    assert batch is not None
    owned.note(owned.task.process(batch, now_ms=2_000))
    of_it = {"topic": "cdc.transaction", "reason": "timeout"}
    assert value(metrics, "cdc_incomplete_transactions_total", **of_it) is None

    owned.task.prepare_checkpoint()
    for _ in range(2):  # and not again with the next checkpoint
        owned.committed({}, metrics, now_ms=3_000)
        owned.task.prepare_checkpoint()
        owned.observe(metrics, {}, 0)

    assert value(metrics, "cdc_incomplete_transactions_total", **of_it) == 1
    assert value(metrics, "cdc_held_transactions", topic="cdc.transaction", partition="0") == 0
