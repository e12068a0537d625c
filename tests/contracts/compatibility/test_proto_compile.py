"""Compile: what no descriptor could hold is refused as a schema, not as an error of ours."""

from __future__ import annotations

import pytest

from streams.contracts.compatibility import SchemaTextError
from streams.contracts.compatibility.protobuf.compile import compile_text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('syntax = "proto3"; message M { string a = 99999999999; }', "from 1 to 536870911"),
        ('syntax = "proto3"; message M { string a = 0; }', "from 1 to 536870911"),
        ('syntax = "proto3"; message M { string a = -1; }', "from 1 to 536870911"),
        ('syntax = "proto3"; enum E { A = 2147483648; }', "no 32-bit integer"),
        ('edition = "99999999999"; message M {}', "not known here"),
        ('syntax = "proto3"; message M { string a = 1 [json_name "b"]; }', "says nothing"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(SchemaTextError, match=why):
        compile_text(text)


def test_numbers_at_the_ends_of_the_range_and_editions_are_taken() -> None:
    field = compile_text('syntax = "proto3"; message M { string a = 536870911; }').message_type[0].field[0]
    enum = compile_text('syntax = "proto2"; enum E { A = -2147483648; }').enum_type[0]

    assert (field.number, enum.value[0].number) == (536_870_911, -(1 << 31))
    assert compile_text('edition = "2023"; message M {}').edition == 1000
