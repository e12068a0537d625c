"""Config: the customer's file as written, the same as YAML and JSON, and every mistake at once with its line."""

from __future__ import annotations

import ast
import json
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from streams.capture.config import CaptureConfig, config_schema, read_config
from streams.capture.outgoing.rules import FilterRule, Format, MaskMethod, MaskRule, RouteRule, Rules
from streams.contracts.documents import DocumentError
from streams.contracts.literals import parse_literal
from streams.contracts.validation import check_schema
from streams.errors import ConfigurationError

WRITTEN = (Path(__file__).parents[1] / "fixtures" / "cdc_config.py").read_text("utf-8")
LITERAL = ast.literal_eval(WRITTEN.partition("=")[2].strip())
SOURCE = LITERAL["source"]
CUSTOMER = CaptureConfig(
    database="postgresql://source_db",
    tables=("users", "orders", "products"),
    plugin="wal2json",
    topics={"users": "cdc.users.v1", "orders": "cdc.orders.v1", "products": "cdc.products.v1"},
    format=Format.AVRO,
    registry="http://schema-registry:8081",
    rules=Rules(
        filters=(FilterRule(condition="op != 'DELETE'"),),
        masks=(MaskRule(fields=("ssn", "credit_card"), method=MaskMethod.REDACT),),
        routes=(
            RouteRule(table="users", topic="cdc.users.v1.warehouse"),
            RouteRule(table="users", topic="cdc.users.v1.cache"),
        ),
    ),
)


def problems_of(text: str, file: str = "capture.yaml") -> list[str]:
    try:
        read_config(text, file)
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    return []


def changed(**sections: object) -> str:
    """The customer's configuration as JSON, with other sections."""
    return json.dumps({**LITERAL, **sections})


def with_rules(*rules: dict[str, object]) -> str:
    return changed(transformations=list(rules))


def test_the_customers_file_is_read_as_written() -> None:
    assert read_config(WRITTEN, "cdc_config.py") == CUSTOMER


def test_yaml_and_json_say_the_same() -> None:
    out = StringIO()
    YAML().dump(LITERAL, out)

    assert read_config(out.getvalue(), "capture.yaml") == CUSTOMER
    assert read_config(json.dumps(LITERAL, indent=2), "capture.json") == CUSTOMER


def test_everything_else_has_a_default_and_can_be_said() -> None:
    least = {"source": {"type": "postgres", "connection": "postgres://h", "tables": ["t"]}, "sink": {"type": "kafka"}}
    most = {
        "source": {"type": "postgres", "connection": "postgres://h", "tables": ["t", "u"], "keys": {"t": ["a", "b"]},
                   "slot": "s", "publication": "p", "heartbeat": 1},
        "sink": {"type": "kafka", "topic_prefix": "shop", "partitions": 7, "format": "json",
                 "sinks": {"w": {"topic": "warehouse"}, "c": {"topics": {"t": "t.cache"}}}},
        "transformations": [
            {"type": "mask", "fields": ["a"], "method": "hash", "tables": ["t"], "missing": "ok"},
            {"type": "filter", "condition": "x > 1", "tables": ["u"]},
            {"type": "route", "rules": {"t": ["c", {"to": "w", "where": "x > 1"}], "u": ["c"]}},
        ],
    }  # fmt: skip

    assert read_config(json.dumps(least), "c.json") == CaptureConfig(
        database="postgres://h", tables=("t",), topics={"t": "cdc.t.v1"}
    )
    assert read_config(json.dumps(most), "c.json") == CaptureConfig(
        database="postgres://h", tables=("t", "u"), topics={"t": "shop.t.v1", "u": "shop.u.v1"},
        keys={"t": ("a", "b")}, prefix="shop", partitions=7, slot="s", publication="p", heartbeat_s=1.0,
        rules=Rules(
            filters=(FilterRule(condition="x > 1", tables=frozenset({"u"})),),
            masks=(MaskRule(fields=("a",), method=MaskMethod.HASH, tables=frozenset({"t"}), may_be_missing=True),),
            routes=(RouteRule(table="t", topic="t.cache"), RouteRule(table="t", topic="warehouse", condition="x > 1"),
                    RouteRule(table="u", topic="shop.u.v1.c")),
        ),
    )  # fmt: skip


def test_every_mistake_is_told_at_once_with_its_line_and_the_nearest_word() -> None:
    text = (
        WRITTEN.replace('"capture_mode"', '"captur_mode"')
        .replace('"kafka"', '"kafkaa"')
        .replace('"avro"', '"avor"')
        .replace('"type": "mask"', '"typ": "mask"')
    )

    assert problems_of(text, "cdc_config.py") == [
        "cdc_config.py:6: source.captur_mode: unknown key 'captur_mode'; did you mean capture_mode?",
        "cdc_config.py:20: transformations[1].typ: unknown key 'typ'; did you mean type?",
        "cdc_config.py:9: sink.type: did you mean kafka?",
        "cdc_config.py:15: sink.format: did you mean avro?",
        "cdc_config.py:20: transformations[1].type: is required",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (with_rules({"type": "filter"}), "transformations[0].condition: is required"),
        (with_rules({"type": "mask"}), "transformations[0].fields: is required"),
        (with_rules({"type": "route"}), "transformations[0].rules: is required"),
        (with_rules({"type": "filter", "condition": "op ="}), "transformations[0].condition: incomplete"),
        (with_rules({"type": "filter", "condition": "TRUE", "fields": ["a"]}), "a filter has no fields"),
        (with_rules({"type": "mask", "fields": ["a"], "tables": ["user"]}), "user is not in source.tables; did"),
        (with_rules({"type": "mask", "fields": ["a"], "method": "hsh"}), "method: did you mean hash?"),
        (with_rules({"type": "mask", "fields": ["a"]}, {"type": "mask", "fields": ["a"]}), "a is masked already"),
        (with_rules({"type": "mask", "fields": ["a"]}, {"type": "filter", "condition": "lower(a) = 'x'"}),
         "it reads a, which a mask before it covers; put the filter first"),
        (with_rules({"type": "route", "rules": {"usres": ["w"]}}), "usres is not in source.tables; did you mean"),
        (with_rules({"type": "route", "rules": {"users": ["w", {"to": "w"}]}}), "w is there twice"),
        (with_rules({"type": "route", "rules": {"users": [{"to": "w", "where": "(("}]}}), "users[0].where: "),
        (with_rules({"type": "route", "rules": {"users": [{"where": "TRUE"}]}}), "has none of the shapes"),
        (changed(sink={"type": "kafka", "format": "avro"}), "sink.format: avro needs schema_registry"),
        (changed(sink={"type": "kafka", "topics": {"user": "x"}}), "sink.topics.user: user is not in source.tables"),
        (changed(sink={"type": "kafka", "topics": {"users": "x", "orders": "x"}}), "x is the topic of several tables"),
        (changed(sink={"type": "kafka", "sinks": {"warehose": {"topic": "x"}}}), "no route leads to warehose; did you"),
        (changed(sink={"type": "kafka", "sinks": {"cache": {"topic": "cdc.orders.v1"}}}), "is a table's own topic"),
        (changed(source={**SOURCE, "type": "mysql"}), "source.type: must be one of: postgres"),
        (changed(source={**SOURCE, "connection": "mysql://h"}), "source.connection: must match ^postgres"),
        (changed(source={**SOURCE, "tables": []}), "source.tables: "),
        (changed(source={**SOURCE, "slto": 1}, sink={"type": "kafka", "format": "avro"}), "format: avro needs"),
        ("[1]", "must be object"),
        ("a: [", "no valid YAML"),
    ],
)  # fmt: skip
def test_a_mistake_says_where_and_what(text: str, says: str) -> None:
    assert any(says in problem for problem in problems_of(text)), problems_of(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import os\ncdc_config = {}", "f.py:1: only cdc_config = {…} is read and nothing is run"),
        ("cdc_config = {\n 'source': open('/etc/passwd')}", "f.py:2: only literals are read"),
        ("cdc_config = {'a': f'{1}'}", "f.py:1: only literals are read"),
        ("cdc_config = {'a': b'x'}", "f.py:1: text, numbers, lists"),
        ("cdc_config = {**other}", "f.py:1: keys are text"),
        ("cdc_config = {1: 2}", "f.py:1: keys are text"),
        ("cdc_config = {'a': 1,\n 'a': 2}", "f.py:2: 'a' is there twice"),
        ("a = {}\nb = {}", "there are 2 values to choose from"),
        ("'''only words'''", "there are 0 values to choose from"),
        ("cdc_config = {", "f.py:1: no valid Python: '{' was never closed"),
        ("x = " + "[" * 500 + "]" * 500, "f.py"),
        ("cdc_config = '\x00'", "no valid Python"),
    ],
)
def test_a_python_file_is_read_and_never_run(text: str, says: str) -> None:
    assert any(says in problem for problem in problems_of(text, "f.py")), problems_of(text, "f.py")


def test_a_python_file_may_have_words_another_name_or_none() -> None:
    literal = WRITTEN.partition("=")[2]

    documented, other = f'"""Ours."""\n# yes\n{WRITTEN}', f"other = {{}}\n{WRITTEN}"

    for text in (documented, other, f"shop: dict = {literal}", literal.strip()):
        assert read_config(text, "f.py") == CUSTOMER


def test_no_problem_and_no_repr_shows_the_password() -> None:
    secret = "postgres://me:secret@h"

    assert "secret" not in str(problems_of(changed(source={**SOURCE, "connection": secret, "slto": 1})))
    assert "secret" not in repr(read_config(changed(source={**SOURCE, "connection": secret}), "c.json"))
    assert "secret" not in str(problems_of("cdc_config = {'connection': 'postgres://me:secret@h' +", "f.py"))


@given(st.text(max_size=60) | st.text("{}[]'\":,=x1 \n", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_literal(text, "f.py", name="cdc_config")
    except DocumentError as error:
        assert error.problem.file == "f.py"


def test_the_grammar_is_a_json_schema_and_explains_itself() -> None:
    assert check_schema(config_schema()) == ()


def test_the_example_of_the_page_is_read() -> None:
    page = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    example = "cdc_config = {" + page.partition("```python\ncdc_config = {")[2].partition("```")[0]

    config = read_config(example, "README.py")

    assert config.topics == {"users": "cdc.users.v1", "orders": "cdc.orders.v1"}
    assert [route.topic for route in config.rules.routes] == ["cdc.users.v1.warehouse", "cache.v1"]
