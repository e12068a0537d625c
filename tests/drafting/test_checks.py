"""CHECK constraints as PostgreSQL writes them: plain ones are bounds and lists, the rest stays a condition."""

from __future__ import annotations

from decimal import Decimal

import pytest

from streams.drafting.table.checks import Bound, Condition, Listed, Matched, Said, Sized, read_check


def a_bound(limit: str, *, column: str = "n", lower: bool = True, exclusive: bool = False) -> Bound:
    return Bound(column=column, limit=Decimal(limit), is_lower=lower, is_exclusive=exclusive)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("(n >= 0)", [a_bound("0")]),
        ("(n > '-1.5'::numeric)", [a_bound("-1.5", exclusive=True)]),
        ("((0)::numeric <= n)", [a_bound("0")]),
        ("((n >= 0) AND (n < 150))", [a_bound("0"), a_bound("150", lower=False, exclusive=True)]),
        ("((n >= 1) AND (n <= 9))", [a_bound("1"), a_bound("9", lower=False)]),
        ("(s = ANY (ARRAY['new'::text, 'it''s'::text]))", [Listed(column="s", values=("new", "it's"))]),
        (
            "((s)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            [Listed(column="s", values=("a", "b"))],
        ),
        ("((k = 1) OR (k = 2) OR (k = 3))", [Listed(column="k", values=(Decimal(1), Decimal(2), Decimal(3)))]),
        ("(char_length((s)::text) = 3)", [Sized(column="s", least=3, most=3)]),
        ("((length(s) > 0) AND (length(s) <= 5))", [Sized(column="s", least=1), Sized(column="s", most=5)]),
        ("(s ~ '^[A-Z]{2}$'::text)", [Matched(column="s", pattern="^[A-Z]{2}$")]),
    ],
)
def test_plain_constraints_are_read(sql: str, said: list[Said]) -> None:
    assert list(read_check(sql)) == said


@pytest.mark.parametrize(
    "sql",
    [
        "ends_at > starts_at",
        "born > CAST('1900-01-01' AS DATE)",
        "k = 1 OR j = 2",
        "s = 'a' OR n > 3",
        "s ~ '\\d+'",
        "s ~ '(?i)a'",
        "s ~ 'a+?'",
        "NOT s IS NULL",
        "s > 'b'",
    ],
)
def test_what_is_not_plain_stays_as_it_is(sql: str) -> None:
    (said,) = read_check(sql)

    assert isinstance(said, Condition)


def test_a_domain_speaks_of_the_column_that_has_it() -> None:
    assert read_check("(VALUE > 0)", "rate") == (a_bound("0", column="rate", exclusive=True),)
    assert read_check("(lower(VALUE) <> 'x'::text)", "Odd Name") == (Condition(sql="LOWER(\"Odd Name\") <> 'x'"),)


def test_what_is_no_sql_of_ours_is_kept() -> None:
    assert read_check("a @@@ b ===") == (Condition(sql="a @@@ b ==="),)
