"""Metrics of a canary: what a candidate was asked, what it would refuse and why, and the share of it."""

from __future__ import annotations

from streams.ledger import Ledger, Shadow
from streams.worker.metrics import WorkerMetrics

from .test_metrics import value


def a_ledger(judged: int, *rejected: tuple[str, str]) -> dict[str, Ledger]:
    ledger, shadow = Ledger(judged), Shadow(version="1-1-0", judged=judged, rejected=len(rejected))
    shadow.causes.update(rejected)
    ledger.note_shadow(shadow)
    return {"users": ledger}


def test_the_share_that_would_be_refused_is_of_all_that_was_asked_about() -> None:
    metrics = WorkerMetrics()

    metrics.count("t", a_ledger(8, ("pattern", "code"), ("required", "note")))
    metrics.count("t", a_ledger(2))

    of = {"pipeline": "users", "version": "1-1-0"}
    assert value(metrics, "cdc_canary_would_reject_ratio", **of) == 0.2
    assert value(metrics, "cdc_canary_events_total", **of, verdict="accepted") == 8
    assert value(metrics, "cdc_canary_events_total", **of, verdict="rejected") == 2
    assert value(metrics, "cdc_canary_causes_total", **of, code="pattern", path="code") == 1


def test_without_a_canary_there_is_nothing_to_tell() -> None:
    metrics = WorkerMetrics()

    metrics.count("t", {"users": Ledger(5)})

    assert value(metrics, "cdc_canary_would_reject_ratio", pipeline="users", version="1-1-0") is None
