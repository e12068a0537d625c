"""Expressions say what SQL says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest

from streams.contracts.model import Column, ColumnType
from streams.pipeline.expressions import (
    ExpressionError,
    Scope,
    compile_condition,
    compile_expression,
    to_json,
)
from streams.records import Operation

from .builders import SCOPE, an_event

TRUTH = {"true": True, "false": False, "null": None}


def value_of(text: str, row: Mapping[str, object] | None = None) -> object:
    return compile_expression(text, SCOPE).evaluate(an_event(row))


def refusal_of(text: str) -> str:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, SCOPE)
    return caught.value.message


# -- three-valued logic


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        ("true", "true", True, True),
        ("true", "false", False, True),
        ("true", "null", None, True),
        ("false", "true", False, True),
        ("false", "false", False, False),
        ("false", "null", False, None),
        ("null", "true", None, True),
        ("null", "false", False, None),
        ("null", "null", None, None),
    ],
)
def test_and_and_or_follow_kleene(left: str, right: str, both: bool | None, either: bool | None) -> None:
    row = {"b": TRUTH[left], "c": TRUTH[right]}

    assert value_of("b and c", row) is both
    assert value_of("b or c", row) is either


@pytest.mark.parametrize(
    ("text", "of_true", "of_false", "of_null"),
    [
        ("not b", False, True, None),
        ("b is true", True, False, False),
        ("b is not true", False, True, True),
        ("b is false", False, True, False),
        ("b is not false", True, False, True),
        ("b is unknown", False, False, True),
        ("b is not unknown", True, True, False),
        ("not b is null", True, True, False),
        ("b notnull", True, True, False),
        ("b is null", False, False, True),
        ("b is not null", True, True, False),
        ("b is distinct from null", True, True, False),
        ("b is not distinct from true", True, False, False),
        ("b = true", True, False, None),
        ("coalesce(b, false)", True, False, False),
    ],
)
def test_tests_of_truth_know_three_values(text: str, of_true: bool, of_false: bool, of_null: bool | None) -> None:
    assert [value_of(text, {"b": held}) for held in (True, False, None)] == [of_true, of_false, of_null]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i in (1, 7)", True),
        ("i in (1, 2)", False),
        ("i in (1, null)", None),
        ("i in (7, null)", True),
        ("i not in (1, 2)", True),
        ("i not in (1, null)", None),
        ("i not in (7, null)", False),
        ("j in (1, 2)", None),
        ("i in (j, 7)", True),
        ("i in (j, 8)", None),
        ("i between 1 and null", None),
        ("i between 9 and null", False),
        ("i between 7 and 7", True),
        ("i not between 1 and 7", False),
        ("i between symmetric 9 and 1", True),
        ("i between 9 and 1", False),
    ],
)
def test_membership_and_ranges_know_null(text: str, expected: bool | None) -> None:
    assert value_of(text, {"i": 7, "j": None}) is expected


def test_a_condition_holds_only_where_it_is_true() -> None:
    condition = compile_condition("i > 5", SCOPE)

    assert [condition.holds(an_event({"i": held})) for held in (6, 5, None)] == [True, False, False]


def test_a_condition_must_be_one() -> None:
    with pytest.raises(ExpressionError, match="this is integer"):
        compile_condition("i + 1", SCOPE)


# -- numbers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 % -2", 1),
        ("-7 % 2", -1),
        ("7 / 2.0", Decimal("3.5")),
        ("0.1 + 0.2", Decimal("0.3")),
        ("0.1 + 0.2 = 0.3", True),
        ("1 / 3.0", Decimal("0.3333333333333333333333333333")),
        ("i + 1", 8),
        ("i / 2", 3),
        ("e / 2", Decimal("3.5")),
        ("7 / e", Decimal(1)),
        ("e / 0", None),
        ("i::numeric / 2", Decimal("3.5")),
        ("d * 2", Decimal("5.00")),
        ("d = 2.5", True),
        ("f + 1", Decimal("1.1")),
        ("1e3", Decimal("1E+3")),
        ("round(2.5)", Decimal(3)),
        ("round(-2.5)", Decimal(-3)),
        ("round(2.345, 2)", Decimal("2.35")),
        ("round(1555, -2)", Decimal(1600)),
        ("floor(-1.5)", Decimal(-2)),
        ("ceil(-1.5)", Decimal(-1)),
        ("abs(-2)", 2),
        ("sign(-0.5)", -1),
        ("power(2, -1)", Decimal("0.5")),
        ("power(0, 0)", Decimal(1)),
        ("sqrt(16)", Decimal(4)),
        ("greatest(1, null, 3)", 3),
        ("least(i, d)", Decimal("2.50")),
    ],
)
def test_numbers_are_exact(text: str, expected: object) -> None:
    row = {"i": 7, "d": Decimal("2.50"), "e": 7, "f": Decimal("0.1")}

    assert (value_of(text, row), type(value_of(text, row))) == (expected, type(expected))


def test_no_digit_of_a_long_decimal_is_lost() -> None:
    long = Decimal("123456789012345678901234567890123456789.123456789")

    exact = [value_of(text, {"d": long}) for text in ("d", "abs(-d)", "round(d, 9)", "d + 0", "d * 1")]

    assert exact == [long] * 5
    assert value_of("d - 0.000000009", {"d": long}) == Decimal("123456789012345678901234567890123456789.12345678")


@pytest.mark.parametrize(
    "text",
    [
        "i / 0",
        "i % 0",
        "d / 0.0",
        "sqrt(-1)",
        "power(0, -1)",
        "power(-8, 0.5)",
        "t::int",
        "t::uuid",
        "t::date",
        "t::boolean",
        "left(thing, 2)",
        "not thing",
        "thing and true",
        "'12.7'::int",
        "'1e3'::int",
        "3000000000::int",
        "70000::smallint",
        "9223372036854775808::bigint",
        "1e999999999::bigint",
        "1e999999999 + 1",
    ],
)
def test_what_a_row_cannot_be_computed_for_is_null_and_stops_nothing(text: str) -> None:
    assert value_of(text, {"i": 1, "d": Decimal(1), "t": "x", "thing": 5}) is None


@pytest.mark.parametrize("text", ["i + j", "-j", "i = j", "i < j", "t || u", "lower(u)", "j::text", "i in (j)"])
def test_null_in_null_out(text: str) -> None:
    assert value_of(text, {"i": 1, "j": None, "t": "x"}) is None


# -- texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lower(t) || '-' || upper(u)", "  ann -BOB"),
        ("trim(t)", "Ann"),
        ("ltrim(t)", "Ann "),
        ("rtrim(t)", "  Ann"),
        ("trim(both 'b' from u)", "o"),
        ("trim(leading 'b' from u)", "ob"),
        ("length(t)", 6),
        ("left(u, 2)", "bo"),
        ("left(u, -1)", "bo"),
        ("right(u, 2)", "ob"),
        ("right(u, -1)", "ob"),
        ("substring(u, 2)", "ob"),
        ("substring(u from 0 for 2)", "b"),
        ("replace(u, 'b', 'p')", "pop"),
        ("reverse('abc')", "cba"),
        ("position('o' in u)", 2),
        ("starts_with(u, 'bo')", True),
        ("concat(u, null, 1, true)", "bob1t"),
        ("u || true", "bobtrue"),
        ("replace(u, '', 'x')", "bob"),
        ("u || 1.50", "bob1.50"),
        ("md5(u)", "9f9d51bc70ef21ca5c14f307980a29d8"),
        ("u like 'b%'", True),
        ("u like 'B%'", False),
        ("u ilike 'B_B'", True),
        ("u like 'b\\%'", False),
        ("u not like '%x%'", True),
        ("u not like '%o%'", False),
        ("u not ilike 'B%'", False),
        ("u !~~ 'x%'", True),
        ("'a\nb' like 'a%b'", True),
        ("u like null", None),
        ("u ~ '^b.b$'", True),
        ("u ~* 'O'", True),
        ("u !~ 'x'", True),
        ("'o' like u", False),
        ("'bob' ~ u", True),
        ("case when u = 'bob' then 1 when true then 2 end", 1),
        ("case u when 'x' then 'a' else 'b' end", "b"),
        ("case when null then 1 end", None),
        ("nullif(u, 'bob')", None),
        ("nullif(u, 'x')", "bob"),
        ("coalesce(null, u, t)", "bob"),
    ],
)
def test_texts_and_choices(text: str, expected: object) -> None:
    assert value_of(text, {"t": "  Ann ", "u": "bob"}) == expected


def test_a_pattern_out_of_the_row_that_is_none_is_null() -> None:
    assert value_of("u ~ t", {"u": "x", "t": "["}) is None


# -- times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ts", datetime(2026, 1, 31, 12, 30, 15, 500_000, tzinfo=UTC)),
        ("day", date(2026, 1, 31)),
        ("at", time(8, 30)),
        ("ts > '2026-01-31'", True),
        ("'2026-01-31T13:30:15.5+01:00' = ts", True),
        ("ts in ('2026-01-31 12:30:15.5')", True),
        ("day between '2026-01-01' and '2026-01-31'", True),
        ("at < '09:00'", True),
        ("ts::date = day", True),
        ("day::timestamp", datetime(2026, 1, 31, tzinfo=UTC)),
        ("date_trunc('hour', ts)", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("date_trunc('week', ts)", datetime(2026, 1, 26, tzinfo=UTC)),
        ("date_trunc('quarter', day)", datetime(2026, 1, 1, tzinfo=UTC)),
        ("extract(year from ts)", 2026),
        ("extract(second from ts)", Decimal("15.500000")),
        ("extract(dow from day)", 6),
        ("ts + interval '1 day'", datetime(2026, 2, 1, 12, 30, 15, 500_000, tzinfo=UTC)),
        ("ts - interval '90 minutes'", datetime(2026, 1, 31, 11, 0, 15, 500_000, tzinfo=UTC)),
        ("id = '6F1C1A4E-0000-4000-8000-000000000000'", True),
        ("ts::text", "2026-01-31T12:30:15.500000Z"),
    ],
)
def test_times_are_utc_and_compare_with_their_literals(text: str, expected: object) -> None:
    row = {
        "ts": "2026-01-31T13:30:15.5+01:00",
        "day": "2026-01-31",
        "at": "08:30:00",
        "id": "6f1c1a4e-0000-4000-8000-000000000000",
    }

    assert value_of(text, row) == expected


@pytest.mark.parametrize(
    ("unit", "held"), [("s", 1_767_225_600), ("ms", 1_767_225_600_000), ("us", 1_767_225_600_000_000)]
)
def test_an_integer_timestamp_is_in_the_columns_unit(unit: str, held: int) -> None:
    scope = Scope(columns={"ts": Column(name="ts", type=ColumnType.TIMESTAMP, unit=unit)})

    found = compile_expression("ts", scope).evaluate(an_event({"ts": held}))

    assert found == datetime(2026, 1, 1, tzinfo=UTC)


# -- names


def test_paths_reach_into_objects_and_arrays_of_any_depth() -> None:
    row = {"user": {"profile": {"name": {"first": {"latin": "Ann"}}}}, "items": [{"price": 5}, {"price": 7}]}

    found = [
        value_of(text, row)
        for text in (
            "user.profile.name.first.latin",
            "items[2].price",
            "user['profile'].name.first.latin",
            "user.nothing.there",
            "items[9].price",
            "items[1].price + 1",
        )
    ]

    assert found == ["Ann", 7, "Ann", None, None, 6]


def test_the_envelope_has_names_and_a_quoted_name_is_a_column() -> None:
    event = an_event(
        {"op": "column", "i": 2},
        operation=Operation.UPDATE,
        before={"i": 1},
        after={"i": 2, "d": Decimal("1.5")},
        source={"table": "orders", "lsn": 9},
        key={"id": 4},
    )

    found = [
        compile_expression(text, SCOPE).evaluate(event)
        for text in ("op", '"op"', "before.i", "after.d * 2", "source.table", "key.id", "before.i <> i")
    ]

    assert found == ["UPDATE", "column", 1, Decimal("3.0"), "orders", 4, True]


def test_an_image_that_is_not_there_is_null() -> None:
    assert value_of("before.i is null") is True


def test_an_expression_says_what_it_reads() -> None:
    expression = compile_expression("i + before.j > 0 and key.id = 1 and user.name is null", SCOPE)

    assert (expression.columns, expression.images, expression.envelope) == ({"i", "user"}, {"j"}, {"key"})


# -- the two views


@pytest.mark.parametrize(
    ("column", "held", "expected"),
    [
        ("d", "12.50", Decimal("12.50")),
        ("d", 3, 3),
        ("d", "NaN", None),
        ("f", Decimal("0.1"), Decimal("0.1")),
        ("raw", "AAE=", b"\0\1"),
        ("id", "6f1c1a4e-0000-4000-8000-000000000000", UUID("6f1c1a4e-0000-4000-8000-000000000000")),
        ("ts", "not a time", None),
        ("ts", 10**30, None),
        ("day", 20_484, date(2026, 1, 31)),
    ],
)
def test_the_typed_view_comes_from_the_columns_type(column: str, held: object, expected: object) -> None:
    assert value_of(column, {column: held}) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000000Z"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(3, 4, 5), "03:04:05"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\0\1", "AAE="),
        (Decimal("1.50"), Decimal("1.50")),
        (None, None),
        (True, True),
    ],
)
def test_the_json_view_of_a_typed_value(value: object, shown: object) -> None:
    assert to_json(value, ColumnType.UNKNOWN) == shown


def test_a_decimal_in_a_column_of_text_is_text() -> None:
    column = Column(name="d", type=ColumnType.DECIMAL, json_types=frozenset({"string"}))

    assert to_json(Decimal("1E+2"), column) == "100"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'12.345'::numeric(10,2)", Decimal("12.35")),
        ("123.4::numeric(4,2)", None),
        ("2.5::int", 3),
        ("'abcdef'::varchar(3)", "abc"),
        ("1::boolean", True),
        ("'t'::boolean", True),
        ("'yes'::boolean", True),
        ("' OFF '::boolean", False),
        ("'o'::boolean", None),
        ("' 12 '::int", 12),
        ("(-32768)::smallint", -32768),
        ("true::int", 1),
        ("1.50::text", "1.50"),
        ("'2026-01-02'::date", date(2026, 1, 2)),
        ("'2026-01-02T00:30:00+01:00'::timestamp", datetime(2026, 1, 1, 23, 30, tzinfo=UTC)),
        ("cast('6f1c1a4e-0000-4000-8000-000000000000' as uuid)", UUID("6f1c1a4e-0000-4000-8000-000000000000")),
        ("1e999999999::text", None),
    ],
)
def test_casts(text: str, expected: object) -> None:
    assert value_of(text) == expected


# -- what is refused, before any event is there


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("amonut > 1", "no column 'amonut'"),
        ("befor.i", "did you mean before?"),
        ("before.x", "no column 'x' in before"),
        ("lowr(t)", "did you mean lower?"),
        ("lower(i)", "i: is integer, not what lower takes; cast it"),
        ("left(t)", "incomplete: an operand or an argument is missing"),
        ("regexp_like(t, u, 'i')", "not part of this grammar"),
        ("date_trunc('day', ts, 'Europe/Berlin')", "not part of this grammar"),
        ("-t", "t: is text, not a number"),
        ("t + 1", "text is no number; cast it"),
        ("i = 'x'", "compares integer with text; cast one of them"),
        ("b = 1", "compares boolean with integer"),
        ("day = ts", "compares date with timestamp"),
        ("ts > 'yesterday'", "the text is no timestamp"),
        ("id = '1'", "the text is no uuid"),
        ("i and b", "i: is integer, not a condition"),
        ("case when i then 1 end", "i: is integer, not a condition"),
        ("coalesce(i, 'x')", "mixes integer, text"),
        ("case when b then 1 else 'x' end", "mixes integer, text"),
        ("i like '1%'", "i: is integer, not text"),
        ("t ~ '['", "no valid regular expression"),
        ("now()", "may not depend on when"),
        ("current_date", "may not depend on when"),
        ("random()", "may not depend on when"),
        ("i in (select 1)", "IN takes a list of values"),
        ("select 1", "write an expression, not a statement"),
        ("i as x", "write an expression, not a statement"),
        ("i; j", "not part of this grammar"),
        ("i +", "an operand or an argument is missing"),
        ("", "no valid SQL expression"),
        ("count(*)", "aggregates stand in aggregate: columns"),
        ("sum(i) over ()", "not part of this grammar"),
        ("t::json", "cast to JSON: not part of this grammar"),
        ("ts + interval '1 month'", "with one of: week, day"),
        ("date_trunc('blink', ts)", "no unit 'blink'"),
        ("extract(blink from ts)", "no part 'blink'"),
        ("i is json", "IS takes NULL, TRUE, FALSE or UNKNOWN"),
        ("t like 'a!%' escape '!'", "not part of this grammar"),
    ],
)
def test_a_mistake_is_refused_when_the_pipeline_is_read(text: str, says: str) -> None:
    assert says in refusal_of(text)


def test_a_refusal_says_where() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("i > 1 and amount < 2", SCOPE)

    assert caught.value.position == 10


def test_without_an_envelope_its_names_are_columns() -> None:
    plain = Scope(columns={"op": Column(name="op", type=ColumnType.TEXT)}, envelope=False)

    assert compile_expression("op", plain).evaluate(an_event({"op": "mine"})) == "mine"
    with pytest.raises(ExpressionError, match="no column 'before'"):
        compile_expression("before.op", plain)
