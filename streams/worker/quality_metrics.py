"""Metrics of quality: what rules were asked and where they were broken, and the scores that follow.

Counters are of this process since it started, and scores are of these counters: 1 - failed / checked. Scores of any
span of time, and of all workers, come of the counters in Prometheus.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from streams.ledger import Ledger, RuleId
from streams.pipeline.findings import newest_times, open_findings
from streams.pipeline.rules.plan import Stage
from streams.pipeline.tables import PipelineTables


class QualityMetrics:
    """Counters, scores and objectives."""

    def __init__(self, registry: CollectorRegistry) -> None:
        rule = ["pipeline", "dataset", "dimension", "rule"]
        self._checks = Counter("cdc_quality_checks", "Times a rule was asked.", rule, registry=registry)
        self._failures = Counter("cdc_quality_failures", "Times a rule was broken.", rule, registry=registry)
        self._rule_score = Gauge(
            "cdc_quality_rule_score_ratio", "Score of a rule.", ["dataset", "rule"], registry=registry
        )
        self._score = Gauge(
            "cdc_quality_score_ratio", "Score of a dimension.", ["dataset", "dimension"], registry=registry
        )
        self._dataset_score = Gauge(
            "cdc_quality_dataset_score_ratio", "Score of a dataset.", ["dataset"], registry=registry
        )
        of = ["pipeline", "dataset"]
        self._findings = Gauge(
            "cdc_quality_open_findings", "Open findings.", [*of, "rule", "partition"], registry=registry
        )
        self._freshness = Gauge("cdc_freshness_seconds", "Age of the newest row.", of, registry=registry)
        self._objective = Gauge("cdc_freshness_objective_seconds", "What it may be.", of, registry=registry)
        self.checked: Counts[RuleId] = Counts()
        self.failed: Counts[RuleId] = Counts()

    def count(self, pipeline: str, ledger: Ledger) -> None:
        """Add what has been committed."""
        if not ledger.checked:
            return
        for rule, checked in ledger.checked.items():
            failed = ledger.failed.get(rule, 0)
            self._checks.labels(pipeline, *rule).inc(checked)
            self._failures.labels(pipeline, *rule).inc(failed)
            self.checked[rule] += checked
            self.failed[rule] += failed
        for dataset, dimension, name in ledger.checked:
            self._rule_score.labels(dataset, name).set(self.score(dataset, dimension, name))
            self._score.labels(dataset, dimension).set(self.score(dataset, dimension))
            self._dataset_score.labels(dataset).set(self.score(dataset))

    def score(self, *of: str) -> float:
        """1 - failed / checked of a dataset, of a dimension of it, or of one rule."""
        rules = [rule for rule in self.checked if rule[: len(of)] == of]
        checked = sum(self.checked[rule] for rule in rules)
        return 1 - sum(self.failed[rule] for rule in rules) / checked if checked else 1.0

    def observe(self, standings: Iterable[tuple[Stage, PipelineTables]], partition: int, now_ms: int) -> None:
        """How the stages of a task stand."""
        for stage, tables in standings:
            for (dataset, _, name), count in open_findings(stage, tables).items():
                self._findings.labels(stage.pipeline, dataset, name, str(partition)).set(count)
            for rule, newest_ms in newest_times(stage, tables):
                self._freshness.labels(stage.pipeline, rule.id[0]).set((now_ms - newest_ms) / 1000)
                self._objective.labels(stage.pipeline, rule.id[0]).set(rule.max_delay_ms / 1000)

    def forget_tasks(self) -> None:
        """What was said of their stages is another worker's to say."""
        for gauge in (self._findings, self._freshness, self._objective):
            gauge.clear()

    def totals(self) -> Mapping[str, Mapping[str, int]]:
        """By dataset and rule what was asked and what was broken."""
        return {
            f"{dataset} {name}": {"checked": self.checked[dataset, dimension, name],
                                  "failed": self.failed[dataset, dimension, name]}
            for dataset, dimension, name in sorted(self.checked)
        }  # fmt: skip
