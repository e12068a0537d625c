"""Quality, the step: what breaks a rule is dead or counted, told with every finding and without a value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.errors import ConfigurationError
from streams.records import SourceRecord
from streams.testing import Driver

from ..contracts.builders import a_contract, a_schema
from ..quality.builders import (
    DEAD,
    FINDINGS,
    NOW_MS,
    RULES_AS_WRITTEN,
    USER_COLUMNS,
    USER_TERMS,
    Source,
    a_driver,
    a_pipeline_text,
    dead_rules,
    open_findings,
)
from .builders import header, rows_of

COLUMNS = {
    **USER_COLUMNS,
    "born": {"type": ["string", "null"]},
    "price": {"type": ["string", "null"]},
    "amount": {"type": ["number", "null"]},
    "is_on": {"type": ["boolean", "null"]},
    "seen_ms": {"type": ["integer", "null"]},
    "tags": {"type": ["array", "null"]},
}
TERMS = (*USER_TERMS, "{name: price, physicalType: 'numeric(12,2)'}", "{name: born, physicalType: date}")
WIDE = {
    "com.acme/users/jsonschema/1-0-0": a_schema("users", properties=COLUMNS, required=("id",)),
    "com.acme/users/contract.yaml": a_contract(*TERMS, name="users"),
}


def a_ruled_driver(**quality: Any) -> Driver:
    """A driver whose pipeline has these rules."""
    return a_driver({**WIDE, "pipelines/users.yaml": a_pipeline_text(quality=quality)})


def broken_by(column: str, rule: object, value: object) -> bool:
    """Whether ``value`` breaks ``rule``."""
    driver = a_ruled_driver(rules={"validity": {column: rule}})
    Source(driver).change(1, **{column: value})
    return any(broken for _, broken in driver.quality().values())


@pytest.mark.parametrize(
    ("column", "rule", "good", "bad"),
    [
        ("age", "range:0-150", [0, 150, 33], [-1, 151]),
        ("age", "range:-5..", [-5, 99_999], [-6]),
        ("amount", "range:0.5-1.5", [0.5, 1.5, 1], [0.49, 1.51]),
        ("price", "range:0.10..", ["0.10", "1e3"], ["0.09", "NaN", "cheap"]),
        ("born", "range:1900-01-01-2026-03-01", ["1900-01-01", "2026-03-01"], ["1899-12-31", "2026-03-02", "infinity"]),
        ("created_at", "range:2026-01-01..2026-02-28", ["2026-01-01T00:00:00Z", "2026-02-28T23:59:59.999Z"],
         ["2025-12-31T23:59:59Z", "2026-03-01T00:00:00Z"]),
        ("created_at", "range:2026-01-01T12:00:00+02:00..", ["2026-01-01T10:00:00Z"], ["2026-01-01T09:59:59Z"]),
        ("created_at", "not_future", ["2026-03-01T11:00:00Z", "0044-03-15T00:00:00Z"], ["2026-03-01T11:00:00.001Z"]),
        ("created_at", "not_future:1 minute", ["2026-03-01T11:01:00Z"], ["2026-03-01T11:01:01Z"]),
        ("born", "not_future", ["2026-03-01", "-infinity", "0044-03-15 BC"], ["2026-03-03", "infinity", "10000-01-01"]),
        ("seen_ms", "not_future", [NOW_MS, 0], [NOW_MS + 1]),
        ("email", "enum:new, paid", ["new", "paid"], ["New", "", "new, paid"]),
        ("email", {"enum": ["a, b", 1]}, ["a, b", "1"], ["a"]),
        ("age", "enum:1, 2.0", [1, 2], [3]),
        ("is_on", {"enum": [True]}, [True], [False]),
        ("email", "length:1-3", ["a", "äöü"], ["", "abcd"]),
        ("email", "regex:^[a-z]+$", ["abc"], ["abc\n", "a1", ""]),
        ("email", "regex:b", ["abc"], ["ac"]),
        ("email", ["regex:^a", "regex:z$"], ["az"], ["ab", "bz"]),
    ],
)  # fmt: skip
def test_a_rule_says_what_is_valid_and_null_is(column: str, rule: object, good: list[Any], bad: list[Any]) -> None:
    if isinstance(rule, list):  # two of one word are one name
        rule = [rule[0], "length:2"]
        good, bad = ["az"], ["bz", "a"]

    assert [value for value in [*good, None] if broken_by(column, rule, value)] == []
    assert [value for value in bad if not broken_by(column, rule, value)] == []


def test_a_column_is_complete_if_it_is_there_and_not_null_however_empty() -> None:
    driver = a_ruled_driver(rules={"completeness": ["email"]})
    source = Source(driver)

    source.change(1, email="")
    source.change(2, email=None)

    assert dead_rules(driver) == [(b'{"id": 2}', "completeness.email")]


def test_a_condition_fails_where_it_is_false_and_not_where_it_is_null() -> None:
    driver = a_ruled_driver(rules={"consistency": {"adult": "age >= 18 or email is null"}})
    source = Source(driver)

    for id, age in enumerate([18, 17, None]):
        source.change(id, age=age, email="a@b.co")

    assert dead_rules(driver) == [(b'{"id": 1}', "consistency.adult")]
    (letter,) = driver.records(DEAD)
    assert header(letter, "__contract.errors.path") == "age,email"


def test_a_dead_letter_names_every_finding_and_no_value() -> None:
    driver = a_driver({"quality.py": RULES_AS_WRITTEN})
    source = Source(driver)

    source.change(7, email="secret-value", age=4711, created_at="2999-12-31T00:00:00Z")

    (letter,) = driver.records(DEAD)
    assert header(letter, "__contract.errors.code") == "quality_rule"
    assert header(letter, "__contract.errors.uri") == "iglu:com.acme/users/jsonschema/1-0-0"
    assert header(letter, "__contract.errors.rule") == (
        "validity.age.range,validity.created_at.not_future,validity.email.regex"
    )
    assert header(letter, "__contract.errors.path") == "email,age,created_at"
    told = b"".join(value or b"" for _, value in letter.headers)
    assert not any(value in told for value in (b"secret-value", b"4711", b"2999"))
    assert letter.value is not None and b"secret-value" in letter.value  # the original is untouched


def test_a_rule_that_warns_is_counted_and_lets_the_event_go_on() -> None:
    driver = a_ruled_driver(on_fail="warn", rules={"validity": {"age": "range:0-150"}})

    Source(driver).change(1, age=151)

    assert driver.ledger() == {"processed": 1}
    assert [row["age"] for row in rows_of(driver.records("users.v1")) if row] == [151]
    assert driver.quality() == {"validity.age.range": (1, 1)}


def test_one_rule_may_warn_while_another_kills_and_the_letter_tells_of_both() -> None:
    rules = {"validity": {"age": "range:0-150", "email": "length:1-"}}
    driver = a_ruled_driver(on_fail={"validity.age": "warn"}, rules=rules)
    source = Source(driver)

    source.change(1, age=151, email="a")
    source.change(2, age=151, email="")

    assert driver.ledger() == {"processed": 1, "dead": 1}
    assert dead_rules(driver) == [(b'{"id": 2}', "validity.age.range,validity.email.length")]


def test_a_pipeline_adds_to_the_rules_of_its_contract_and_may_say_them_otherwise() -> None:
    rules = {"validity": {"age": "range:0-99", "email": "length:3-"}}
    quality = {"on_fail": {"validity.email": "warn"}, "rules": rules}
    driver = a_driver({"quality.py": RULES_AS_WRITTEN, "pipelines/users.yaml": a_pipeline_text(quality=quality)})
    source = Source(driver)

    source.change(1, email="no", age=99)
    source.change(2, email="a@b.co", age=100)

    assert dead_rules(driver) == [(b'{"id": 2}', "validity.age.range")]
    assert driver.quality()["validity.email.regex"] == (2, 1)
    assert driver.quality()["validity.email.length"] == (2, 1)


def test_deletes_truncates_and_tombstones_break_nothing() -> None:
    driver = a_driver({"quality.py": RULES_AS_WRITTEN})
    source = Source(driver)

    source.delete(1)
    source.truncate()

    assert driver.ledger() == {"processed": 2, "filtered": 1}
    assert driver.quality() == {}


def test_a_column_that_was_not_sent_is_not_asked_about_however_batches_are_cut() -> None:
    """It is filled from the row that went on last, never from one that is dead."""
    quality = {"rules": {"validity": {"email": "length:1-"}, "consistency": {"short": "length(email) < age"}}}
    files = {"pipelines/users.yaml": a_pipeline_text(quality=quality, table={"name": "users"})}
    outcomes = []
    for cuts in (False, True):
        driver, sent = a_driver(files), []
        recorder = Source(driver if cuts else _Recorder(sent))  # type: ignore[arg-type]
        recorder.change(1, email="abc", age=9)
        recorder.change(1, op="u", email="", age=9)
        recorder.change(1, op="u", omit=["email"], age=2)
        _in_one_batch(driver, sent)
        outcomes.append((driver.ledger(), driver.table("users"), driver.quality(), driver.records("users.v1")))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == {"processed": 2, "dead": 1}
    assert outcomes[0][1] == {1: {"id": 1, "email": "abc", "age": 2, "created_at": "2026-03-01T10:30:00Z"}}
    assert outcomes[0][2] == {"validity.email.length": (2, 1), "consistency.short": (2, 0)}


class _Recorder:
    def __init__(self, sent: list[dict[str, Any]]) -> None:
        self._sent = sent

    def send(self, topic: str, **record: Any) -> None:
        self._sent.append(record)


def _in_one_batch(driver: Driver, sent: list[dict[str, Any]]) -> None:
    """As a worker may see them: several records of a partition at once."""
    records = [
        SourceRecord(topic="cdc.users.v1", partition=0, offset=offset, timestamp_ms=NOW_MS, **record)
        for offset, record in enumerate(sent)
    ]
    if records:
        driver._logs.records += records
        driver._process(driver._task("cdc.users.v1", 0), records)


def test_no_rules_cost_no_state_no_topic_and_no_count() -> None:
    driver = a_driver()
    source = Source(driver)

    source.change(1, age=-1)

    assert not any("quality" in name for name in driver.topics)
    assert driver.quality() == {}


def test_a_stage_has_topics_of_its_own() -> None:
    kinds = {name: kind.value for name, kind in a_driver({"quality.py": RULES_AS_WRITTEN}).topics.items()}

    assert {name: kind for name, kind in kinds.items() if "quality" in name or "unique" in name} == {
        "driver-users-quality-repartition": "repartition",
        "driver-users-quality": "output",
        "driver-users-uniqueness-email-changelog": "changelog",
        "driver-users-quality-uniqueness-email-changelog": "changelog",
        "driver-users-quality-freshness-changelog": "changelog",
        "driver-users-quality-state-changelog": "changelog",
    }


# -- what does not fit


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"completeness": ["emial"]}, "completeness[0]: no column 'emial'; did you mean email?"),
        ({"validity": {"email": "range:0-1"}}, "range is for numbers, dates and timestamps; email is text"),
        ({"validity": {"age": "range:a..b"}}, "write range:0-150"),
        ({"validity": {"age": "range:2020-01-01.."}}, ""),
        ({"validity": {"born": "range:0-150"}}, "'0' is no date; born is date"),
        ({"validity": {"born": "range:2026-02-30.."}}, "no date of the calendar"),
        ({"validity": {"age": "range:9-1"}}, "nothing lies between 9 and 1"),
        ({"validity": {"price": "range:2020-01-01.."}}, "'2020-01-01' is no number; price is numeric"),
        ({"validity": {"email": "not_future"}}, "not_future is for dates and timestamps; email is text"),
        ({"validity": {"age": "regex:^1"}}, "regex is for text; age is integer"),
        ({"validity": {"tags": "length:1-"}}, "length is for text; tags is array"),
        ({"validity": {"age": "enum:one"}}, "'one' is no number; age is integer"),
        ({"validity": {"is_on": "enum:yes"}}, "is_on is boolean: true or false"),
        ({"consistency": {"wrong": "agee > 1"}}, "no column 'agee'; did you mean age?"),
        ({"consistency": {"wrong": "age + 1"}}, "a condition is TRUE, FALSE or NULL; this is integer"),
        ({"freshness": {"max_delay": "1 hour", "measurement": "email"}}, "freshness is for dates and timestamps"),
        ({"references": {"boss_id": "usres"}}, "'usres' is no dataset"),
        ({"references": {"email": "users"}}, "email is text, the key of com.acme/users is integer"),
    ],
)
def test_what_does_not_fit_its_column_is_a_problem_at_the_start(rules: dict[str, Any], says: str) -> None:
    if not says:  # an integer may be a moment
        assert a_ruled_driver(rules=rules).topics
        return
    with pytest.raises(ConfigurationError) as caught:
        a_ruled_driver(rules=rules)

    (problem,) = caught.value.problems
    assert says in str(problem)
    assert str(problem).startswith("pipelines/users.yaml:1: quality.rules.")


def test_rules_are_checked_for_datasets_that_no_pipeline_reads_and_told_once_for_all_that_do() -> None:
    more = {
        "com.acme/spare/jsonschema/1-0-0": a_schema("spare"),
        "quality.yaml": "spare: {completeness: [nothing]}\nusers: {completeness: [nothing]}",
        "pipelines/more.yaml": a_pipeline_text("more"),
    }
    with pytest.raises(ConfigurationError) as caught:
        a_driver(more)

    assert sorted(str(problem).partition(";")[0] for problem in caught.value.problems) == [
        "quality.yaml:1: spare.completeness[0]: no column 'nothing'",
        "quality.yaml:2: users.completeness[0]: no column 'nothing'",
    ]


def test_what_is_unique_needs_rows_that_can_be_told_apart() -> None:
    keyless = {"com.acme/users/contract.yaml": "", "quality.yaml": "users: {uniqueness: [email]}"}
    contract = a_contract("{name: email, logicalType: string}", name="users")
    with pytest.raises(ConfigurationError, match="needs rows that can be told apart"):
        a_driver({**keyless, "com.acme/users/contract.yaml": contract})


def test_a_masked_column_measures_nothing_that_is_told() -> None:
    pipeline = a_pipeline_text(mask={"created_at": "redact"})
    with pytest.raises(ConfigurationError, match="created_at is masked by pipeline users"):
        a_driver({"quality.py": RULES_AS_WRITTEN, "pipelines/users.yaml": pipeline})


# -- freshness


def test_a_dataset_that_grows_old_is_a_finding_until_a_new_row_comes() -> None:
    driver = a_driver({"quality.py": RULES_AS_WRITTEN}, partitions=3)
    source = Source(driver)
    source.change(1, email="a@b.co", created_at="2026-03-01T10:30:00Z")
    source.change(2, email="c@d.co", created_at="2026-03-01T09:00:00Z")  # an older row makes nothing older

    driver.advance(ms=30 * 60_000)
    assert open_findings(driver) == {}
    driver.advance(ms=1)
    ((_, value),) = [(record.key, json.loads(record.value or b"")) for record in driver.records(FINDINGS)]
    assert value == {
        "dataset": "com.acme/users",
        "dimension": "freshness",
        "rule": "freshness",
        "columns": ["created_at"],
        "message": "younger than 1 hour",
        "newest_ms": NOW_MS - 30 * 60_000,
        "max_delay_ms": 3_600_000,
    }
    driver.restart(lose_uncommitted=True)
    driver.advance(ms=1)
    assert len(driver.records(FINDINGS)) == 1  # told once

    source.change(3, email="e@f.co", created_at="2026-03-01T11:20:00Z")
    assert open_findings(driver) == {}


def test_a_row_of_the_future_does_not_keep_a_dataset_fresh() -> None:
    driver = a_driver({"quality.py": 'quality_rules = {"users": {"freshness": {"max_delay": "1h",'
                       ' "measurement": "created_at"}}}'})  # fmt: skip
    Source(driver).change(1, created_at="2999-01-01T00:00:00Z")

    driver.advance(ms=3_600_001)

    assert sum(open_findings(driver).values()) == 1


def test_without_a_measurement_it_is_the_time_of_the_commit_that_counts() -> None:
    driver = a_driver({"quality.py": 'quality_rules = {"users": {"freshness": {"max_delay": "1h"}}}'})
    Source(driver).change(1)  # committed a minute ago

    driver.advance(ms=59 * 60_000)
    assert open_findings(driver) == {}
    driver.advance(ms=1)
    assert sum(open_findings(driver).values()) == 1


