"""Quality against a naive observer: whatever happens to rows, findings and dead letters are those of the rows now."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ..quality.builders import (
    RULES_AS_WRITTEN,
    Source,
    a_driver,
    a_pipeline_text,
    broken_rules,
    dead_rules,
    duplicates,
    open_findings,
)

IDS = st.integers(1, 4)
ROWS = st.fixed_dictionaries(
    {
        "email": st.sampled_from([None, "a@b.co", "c@d.co", "e@f.co", "no address", 17]),
        "age": st.sampled_from([None, 0, 33, 150, 151, -1]),
        "created_at": st.sampled_from([None, "2026-03-01T10:30:00Z", "2026-03-01T11:00:01Z"]),
    }
)
GOOD_ROWS = st.fixed_dictionaries(
    {"email": st.sampled_from(["a@b.co", "c@d.co"]), "age": st.sampled_from([None, 1, 2]),
     "created_at": st.just("2026-03-01T10:30:00Z")}
)  # fmt: skip
STEP = st.one_of(
    st.tuples(st.sampled_from(["change", "unsent", "again"]), IDS, ROWS),
    st.tuples(st.sampled_from(["change", "change", "unsent"]), IDS, GOOD_ROWS),
    st.tuples(st.sampled_from(["change", "change", "unsent"]), IDS, GOOD_ROWS),
    st.tuples(st.just("move"), IDS, IDS),
    st.tuples(st.sampled_from(["delete", "commit", "crash"]), IDS, st.none()),
    st.tuples(st.sampled_from(["truncate", "commit", "commit"]), st.integers(0, 2), st.none()),
)
STEPS = st.lists(STEP, min_size=10, max_size=40)
many = settings(max_examples=100, deadline=None)


class Observer:
    """Rows as they are now, and what was said of them on the way."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.seen: set[int] = set()
        """Rows that the database has, also those whose last change was dead."""
        self.checks: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.dead: list[tuple[bytes, str]] = []

    def change(self, id: int, row: dict[str, Any], omit: tuple[str, ...] = ()) -> None:
        whole = {"id": id, **row}
        if row["email"] == 17 and "email" not in omit:  # its contract says text
            self.dead.append((b'{"id": %d}' % id, "type"))
            return
        found = broken_rules(whole, omit)
        for rule in ("completeness.id", "completeness.email", "completeness.created_at", "validity.email.regex",
                     "validity.age.range", "validity.created_at.not_future", "uniqueness.id"):  # fmt: skip
            self.checks[rule] += rule.split(".")[1] not in omit
        self.failures.update(found)
        if found:
            self.dead.append((b'{"id": %d}' % id, ",".join(sorted(found))))
            return
        before = self.rows.get(id, {})
        self.rows[id] = {**whole, **{name: before.get(name) for name in omit}}


def carry_out(steps: list[Any], partitions: int, **parts: Any) -> tuple[Any, Observer]:
    """The driver and the observer after ``steps``."""
    rules = {"quality_rules.py": RULES_AS_WRITTEN, "pipelines/users.yaml": a_pipeline_text(**parts)}
    driver = a_driver(rules, partitions=partitions)
    source, observer = Source(driver), Observer()
    sent: list[dict[str, Any]] = []
    for kind, id, held in steps:
        match kind:
            case "change":
                sent.append(source.change(id, op="u" if id in observer.seen else "c", **held))
                observer.change(id, held)
                observer.seen.add(id)
            case "unsent" if id in observer.rows:
                source.change(id, op="u", omit=("email",), **held)
                observer.change(id, held, omit=("email",))
            case "again" if sent:
                driver.send(source.topic, **sent[-1])
                if b'"email": 17' in sent[-1]["value"]:  # what breaks its contract is dead each time
                    observer.dead.append((sent[-1]["key"], "type"))
            case "move" if id in observer.rows and held not in observer.seen:
                row = {name: value for name, value in observer.rows.pop(id).items() if name != "id"}
                observer.seen = observer.seen - {id} | {held}
                source.move(id, held, **row)
                observer.change(held, row)
            case "delete" if id in observer.seen:
                source.delete(id)
                observer.rows.pop(id, None)
                observer.seen.discard(id)
            case "truncate":
                source.truncate(id % partitions)
                observer.rows, observer.seen = {}, set()
            case "commit":
                driver.commit()
            case "crash":
                driver.restart(lose_uncommitted=True)
    return driver, observer


@many
@given(STEPS, st.sampled_from([1, 3]))
def test_findings_and_dead_letters_are_those_of_a_naive_observer(steps: list[Any], partitions: int) -> None:
    driver, observer = carry_out(steps, partitions)

    assert open_findings(driver) == duplicates(observer.rows, "email")
    assert dead_rules(driver) == sorted(observer.dead)
    counted = {rule: counts for rule, counts in driver.quality().items() if rule != "uniqueness.email"}
    asked = {rule: (count, observer.failures[rule]) for rule, count in observer.checks.items() if count}
    assert counted == asked


@many
@given(STEPS, st.sampled_from([1, 3]))
def test_a_mask_and_a_table_change_nothing_of_it(steps: list[Any], partitions: int) -> None:
    driver, observer = carry_out(steps, partitions, mask={"email": "hash"}, table={"name": "users"})

    assert open_findings(driver) == duplicates(observer.rows, "email")
    assert dead_rules(driver) == sorted(observer.dead)


@many
@given(STEPS, st.sampled_from([1, 3]))
def test_columns_are_unique_together(steps: list[Any], partitions: int) -> None:
    quality = {"rules": {"uniqueness": [["email", "age"]]}}
    driver, observer = carry_out(steps, partitions, quality=quality)

    wanted = duplicates(observer.rows, "email") + duplicates(observer.rows, "email", "age")
    assert open_findings(driver) == wanted
