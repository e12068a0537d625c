"""Metrics of quality: scores follow from what was asked and what was broken; stages tell how they stand."""

from __future__ import annotations

from streams.ledger import Ledger
from streams.worker.metrics import WorkerMetrics
from streams.worker.owned import OwnedTask

from ..pipeline.test_settle import UNIQUE, Stage, plus
from .test_metrics import value

AGE, EMAIL = ("shop/users", "validity", "validity.age.range"), ("shop/users", "completeness", "completeness.email")


def a_ledger(**counts: tuple[int, int]) -> dict[str, Ledger]:
    ledger = Ledger(0)
    for name, rule in (("age", AGE), ("email", EMAIL)):
        checked, failed = counts.get(name, (0, 0))
        ledger.note_checks(rule, checked=checked, failed=failed)
    return {"users": ledger}


def test_scores_are_of_a_rule_of_a_dimension_and_of_a_dataset() -> None:
    metrics = WorkerMetrics()

    metrics.count("t", a_ledger(age=(10, 1), email=(10, 0)))
    metrics.count("t", a_ledger(age=(10, 2)))

    labels = dict(zip(("dataset", "dimension", "rule"), AGE, strict=True))
    assert value(metrics, "cdc_quality_checks_total", pipeline="users", **labels) == 20
    assert value(metrics, "cdc_quality_failures_total", pipeline="users", **labels) == 3
    assert value(metrics, "cdc_quality_rule_score_ratio", dataset="shop/users", rule=AGE[2]) == 0.85
    assert value(metrics, "cdc_quality_score_ratio", dataset="shop/users", dimension="validity") == 0.85
    assert value(metrics, "cdc_quality_score_ratio", dataset="shop/users", dimension="completeness") == 1
    assert value(metrics, "cdc_quality_dataset_score_ratio", dataset="shop/users") == 0.9
    assert metrics.quality.totals()["shop/users validity.age.range"] == {"checked": 20, "failed": 3}


def test_without_rules_there_is_nothing_to_tell() -> None:
    metrics = WorkerMetrics()

    metrics.count("t", {"users": Ledger(5)})

    assert metrics.quality.totals() == {}


def test_a_stage_tells_its_open_findings_until_it_is_somebody_elses() -> None:
    stage, metrics = Stage(), WorkerMetrics()
    stage.tell(plus("a", "[1]"), plus("a", "[2]"), plus("b", "[1]"), plus("b", "[2]")).commit()
    labels = {"pipeline": "users", "dataset": "com.acme/users", "rule": UNIQUE, "partition": "0"}

    OwnedTask(stage.task, must_commit=False).observe(metrics, {}, 0)
    assert value(metrics, "cdc_quality_open_findings", **labels) == 2

    metrics.forget_tasks()
    assert value(metrics, "cdc_quality_open_findings", **labels) is None


