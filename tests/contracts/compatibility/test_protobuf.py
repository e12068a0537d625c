"""Protobuf: what Confluent's registry and Protobuf's documentation say of changes on the wire, and what JSON minds."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from streams.contracts import compare
from streams.contracts.compatibility import Mode, SchemaTextError, compare_history

Case = tuple[str, str, bool, str | None]


def file(body: str, head: str = "", syntax: str = "proto3") -> str:
    return f'syntax = "{syntax}";\n{head}\n{body}'


def msg(fields: str, *, name: str = "M", more: str = "", head: str = "", syntax: str = "proto3") -> str:
    return file(f"message {name} {{ {fields} }}\n{more}", head, syntax)


INNER = "message Inner { string s = 1; }"
STATUS = "enum Status { ON = 0; OFF = 1; }"
PUBLISHED: list[Case] = [
    (msg("string a = 1;", head="package x;"), msg("string a = 1;", head="package y;"), True, "PACKAGE_CHANGED"),
    (msg(f"string a = 1; Inner b = 2; {INNER}"), msg(f"string a = 1; .M.Inner b = 2; {INNER}"), True, ""),
    (msg(f"Inner b = 2; {INNER}", head="package x;"), msg(f".x.M.Inner b = 2; {INNER}", head="package x;"), True, ""),
    (msg("string a = 1;"), msg("string a = 1; string b = 2;"), True, "FIELD_ADDED"),
    (msg("optional string a = 1;", syntax="proto2"),
     msg("optional string a = 1; required string b = 2;", syntax="proto2"), False, "REQUIRED_FIELD_ADDED"),
    (msg("optional string a = 1; required string b = 2;", syntax="proto2"),
     msg("optional string a = 1;", syntax="proto2"), False, "REQUIRED_FIELD_REMOVED"),
    (msg(f"int32 i = 1; {INNER}"), msg("int32 i = 1; message Inner { string s = 1; string t = 2; }"), True,
     "FIELD_ADDED"),
    (msg("string a = 1; string b = 2;"), msg("string a = 1;"), True, "FIELD_REMOVED"),
    (msg("string a = 1;"), msg("string a = 2;"), True, "FIELD_REMOVED FIELD_ADDED"),
    (msg("int32 i = 2;"), msg("int64 i = 2;"), True, None),
    (msg("string a = 2;"), msg("bytes a = 2;"), True, None),
    (msg("int32 i = 2;"), msg("Status i = 2;", more=STATUS), True, None),
    (msg("Status i = 2;", more=STATUS), msg("int32 i = 2;"), True, None),
    (msg("int32 i = 2;"), msg("M.Status i = 2; message Status { string s = 1; }", more=STATUS), False,
     "FIELD_KIND_CHANGED MESSAGE_ADDED ENUM_ADDED"),
    (msg("M.Status i = 2; message Status { string s = 1; }", more=STATUS), msg("int32 i = 2;"), False,
     "FIELD_KIND_CHANGED MESSAGE_REMOVED ENUM_REMOVED"),
    (msg("Status i = 2;", more=STATUS), msg("Status i = 2;", more="enum Status { ON = 0; AWAY = 1; }"), True,
     "ENUM_CONST_CHANGED"),
    (msg("string a = 1; string b = 2;"), msg("string a = 1; oneof o { string b = 2; int32 c = 3; }"), True, None),
    (msg("string a = 1; string b = 2;"), msg("oneof o { string a = 1; string b = 2; int32 c = 3; }"), False, None),
    (msg("oneof o { string a = 1; string b = 2; }"), msg("oneof o { string a = 1; string b = 2; int32 c = 3; }"),
     True, "ONEOF_FIELD_ADDED"),
    (msg("oneof o { string a = 1; string b = 2; int32 c = 3; }"), msg("oneof o { string a = 1; string b = 2; }"),
     False, "ONEOF_FIELD_REMOVED"),
    (msg("int32 i = 2;"), msg("Two i = 2;", more="message Two { string s = 1; }"), False,
     "MESSAGE_ADDED FIELD_KIND_CHANGED"),
    (msg("int32 i = 2;"), msg("string j = 2;"), False, "FIELD_NAME_CHANGED FIELD_SCALAR_KIND_CHANGED"),
    (msg("Two i = 2;", more="message Two { string s = 1; }"),
     msg("Three i = 2;", more="message Three { string s = 1; }"), False,
     "MESSAGE_REMOVED MESSAGE_ADDED FIELD_NAMED_TYPE_CHANGED"),
    (msg("map<string, int32> a = 2;"), msg("map<string, string> b = 2;"), False,
     "FIELD_NAME_CHANGED FIELD_SCALAR_KIND_CHANGED"),
    (msg(f"map<string, Inner> a = 2; {INNER}"), msg(f"map<string, M.Inner> a = 2; {INNER}"), True, ""),
    (msg(f"optional Inner a = 2; {INNER}"), msg(f"repeated Inner a = 2; {INNER}"), True, None),
    (msg("optional string a = 1;"), msg("repeated string a = 1;"), True, "FIELD_STRING_OR_BYTES_LABEL_CHANGED"),
    (msg("optional bytes a = 1;"), msg("repeated bytes a = 1;"), True, "FIELD_STRING_OR_BYTES_LABEL_CHANGED"),
    (msg("optional int32 a = 1;"), msg("repeated int32 a = 1;"), False, "FIELD_NUMERIC_LABEL_CHANGED"),
    (msg("string a = 1;"), msg("string a = 1;", more="message Two { string a = 1; }"), True, "MESSAGE_ADDED"),
    (msg("string a = 1;"), file("message Two { string a = 1; } message M { string a = 1; }"), True, None),
    (file("message M { string a = 1; } message N { string a = 1; }"),
     file("message N { string a = 1; } message M { string a = 1; }"), True, "MESSAGE_MOVED"),
    (msg("string a = 1;", name="Person"), msg("string a = 1;", name="Human"), False,
     "MESSAGE_REMOVED MESSAGE_ADDED"),
    (msg("enum C { U = 0; R = 1; } C c = 1;"), msg("enum C { U = 0; R = 1; G = 2; } C c = 1;"), True,
     "ENUM_CONST_ADDED"),
]  # fmt: skip
OF_THE_DOCUMENTATION: list[Case] = [
    *((msg(f"{was} i = 1;"), msg(f"{now} i = 1;"), True, None)
      for group in (("int32", "uint32", "int64", "uint64", "bool"), ("sint32", "sint64"), ("string", "bytes"),
                    ("fixed32", "sfixed32"), ("fixed64", "sfixed64")) for was in group for now in group if was != now),
    *((msg(f"{was} i = 1;"), msg(f"{now} i = 1;"), False, "FIELD_SCALAR_KIND_CHANGED")
      for was, now in (("int32", "sint32"), ("int64", "fixed64"), ("fixed32", "float"), ("fixed64", "double"),
                       ("float", "double"), ("string", "int32"), ("fixed32", "fixed64"), ("bytes", "bool"))),
    (msg("string a = 1;"), msg("oneof o { string a = 1; }"), True, None),
    (msg("string a = 1; oneof o { string b = 2; }"), msg("oneof o { string a = 1; string b = 2; }"), False, None),
    (msg("oneof o { string a = 1; } oneof p { string b = 2; }"), msg("oneof o { string a = 1; string b = 2; }"),
     False, None),
    (msg("oneof o { string a = 1; string b = 2; }"), msg("string a = 1; string b = 2;"), True, "ONEOF_REMOVED"),
    (msg("oneof o { string a = 1; string b = 2; }"), msg("oneof p { string a = 1; string b = 2; }"), True, None),
    (msg("oneof o { string a = 1; }"), msg("oneof p { int32 a = 1; }"), False, None),
    (msg("required int32 a = 1;", syntax="proto2"), msg("optional int32 a = 1;", syntax="proto2"), True,
     "FIELD_NO_LONGER_REQUIRED"),
    (msg("optional int32 a = 1;", syntax="proto2"), msg("required int32 a = 1;", syntax="proto2"), False,
     "FIELD_MADE_REQUIRED"),
    (msg("map<string, int32> a = 1;"), msg("map<int32, int32> a = 1;"), False, "FIELD_SCALAR_KIND_CHANGED"),
    (msg("string a = 1; string b = 2;"), msg("string a = 1; reserved 2; reserved \"b\";"), True, "FIELD_REMOVED"),
    *((msg("E i = 1;", more="enum E { X = 0; }"), msg(f"{kind} i = 1;", more="enum E { X = 0; }"), is_same, None)
      for kind, is_same in (("int32", True), ("uint64", True), ("bool", True), ("sint32", False), ("string", False))),
    *((msg(f"repeated {kind} a = 1;"), msg(f"{kind} a = 1;"), is_same, None)
      for kind, is_same in (("string", True), ("bytes", True), ("I", True), ("int32", False), ("double", False))),
    (msg("repeated int32 a = 1;"), msg("repeated int32 a = 1 [packed = false];"), True, ""),
    (msg("I a = 1;", more="message I { }"), msg("bytes a = 1;", more="message I { }"), False, "FIELD_KIND_CHANGED"),
    (msg("map<string, int32> a = 1;"), msg("repeated E a = 1; message E { string key = 1; int32 value = 2; }"), False,
     None),
    (msg("map<string, int32> a = 1;"), msg("map<string, int64> a = 1;"), True, None),
    (msg("map<string, I> a = 1;", more="message I { }"), msg("map<string, string> a = 1;", more="message I { }"), False,
     "FIELD_KIND_CHANGED"),
    (msg("oneof o { string a = 1; int32 b = 2; }"), msg("oneof o { bytes a = 1; int64 b = 2; }"), True, None),
    (msg("oneof o { string a = 1; int32 b = 2; }"), msg("oneof o { string a = 1; string b = 2; }"), False, None),
    (msg("oneof o { string a = 1; int32 b = 2; }"), msg("oneof o { string a = 1; } int32 b = 2;"), True, None),
    (msg("string a = 1;"), msg("oneof o { int32 a = 1; }"), False, None),
    (msg("int32 a = 1;"), msg("optional int32 a = 1;"), True, ""),
    (msg("string a = 1;"), msg("string a = 1;", syntax="proto2").replace("string a", "optional string a"), True, ""),
    (msg("message In { string s = 1; } In i = 1;"), msg("message In { int32 s = 1; } In i = 1;"), False,
     "FIELD_SCALAR_KIND_CHANGED"),
    (msg("A a = 1;", more="message A { B b = 1; } message B { A a = 1; }"),
     msg("A a = 1;", more="message A { B b = 1; } message B { A a = 1; int32 n = 2; }"), True, "FIELD_ADDED"),
    (msg("A a = 1;", more="message A { B b = 1; } message B { A a = 1; int32 n = 2; }"),
     msg("A a = 1;", more="message A { B b = 1; } message B { A a = 1; string n = 2; }"), False, None),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "compatible", "codes"), [*PUBLISHED, *OF_THE_DOCUMENTATION])
def test_changes_on_the_wire(old: str, new: str, compatible: bool, codes: str | None) -> None:
    found = compare(old, new, kind="protobuf")

    assert found.backward is compatible
    assert codes is None or {one.code for one in found.differences} == set(codes.split())
    assert compare(new, old, kind="protobuf").forward is compatible


def home(kind: str, package: str = "d") -> str:
    return f'syntax = "proto3"; package {package}; message outer {{ message Home {{ {kind} id = 1; bool on = 2; }} }}'


def user(path: str, package: str = "d") -> str:
    return f'syntax = "proto3"; import "{path}"; message M {{ .{package}.outer.Home h = 1; }}'


@pytest.mark.parametrize(
    ("old", "new", "resources", "compatible"),
    [
        (user("a.proto"), user("b.proto"), {"a.proto": home("int32"), "b.proto": home("int32")}, True),
        (user("a.proto"), user("b.proto"), {"a.proto": home("int32"), "b.proto": home("string")}, False),
        (user("a.proto"), user("b.proto", "e"), {"a.proto": home("int32"), "b.proto": home("int32", "e")}, True),
        (user("a.proto"), user("b.proto", "e"), {"a.proto": home("int32"), "b.proto": home("string", "e")}, False),
    ],
)
def test_messages_of_other_files_are_compared_through_their_fields(
    old: str, new: str, resources: dict[str, str], compatible: bool
) -> None:
    found = compare(old, new, kind="protobuf", resources=resources)

    assert found.backward is compatible
    assert compatible or "FIELD_NAMED_TYPE_CHANGED" in {one.code for one in found.differences}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("string a = 1;", "string b = 1;", "FIELD_NAME_CHANGED"),
        ("string a = 1;", 'string a = 1 [json_name = "other"];', "FIELD_JSON_NAME_CHANGED"),
        ("string a = 1;", "bytes a = 1;", "FIELD_JSON_TYPE_CHANGED"),
        ("int32 a = 1;", "bool a = 1;", "FIELD_JSON_TYPE_CHANGED"),
        ("string a = 1;", "repeated string a = 1;", "FIELD_STRING_OR_BYTES_LABEL_CHANGED"),
        ("enum E { X = 0; Y = 1; } E e = 1;", "enum E { X = 0; Z = 1; } E e = 1;", "ENUM_CONST_CHANGED"),
        ("string a = 1; string b = 2;", "string a = 1;", "FIELD_REMOVED"),
    ],
)
def test_what_json_readers_would_refuse_is_told_beside_the_wire(old: str, new: str, code: str) -> None:
    found = compare(msg(old), msg(new), kind="protobuf")

    assert found.backward
    assert "backward-json" in next(one.breaks for one in found.differences if one.code == code)


def test_numbers_of_other_widths_are_the_same_in_json() -> None:
    found = compare(msg("int32 a = 1;"), msg("int64 a = 1;"), kind="protobuf")

    assert [(one.code, one.breaks) for one in found.differences] == [("FIELD_TYPE_CHANGED", ())]


def test_a_place_is_told_by_numbers_and_a_hint_is_given() -> None:
    old, new = (msg(f"message Inner {{ {kind} s = 4; }} Inner i = 1;") for kind in ("string", "int32"))

    (found,) = compare(old, new, kind="protobuf").differences

    assert (found.code, found.path) == ("FIELD_SCALAR_KIND_CHANGED", "#/M/Inner/4")
    assert found.breaks == ("backward", "forward")
    assert found.hint


RICH = """
syntax = "proto2"; // a comment
package a.b; /* and
another */ import public "x.proto";
option java_package = "c"; option (custom).thing = { a: 1 b: "}" };
message M {
  option deprecated = true;
  required int32 id = 1 [default = -1, (opt) = { x: [1, 2] }];
  repeated group Result = 2 { optional string url = 3; }
  map<string, .a.b.M.Deep> deep = 4;
  message Deep { optional M back = 1; extensions 100 to max; }
  oneof choice { option (o) = 1; string left = 5; bytes right = 6; }
  reserved 7, 9 to 11; reserved "old";
  enum E { option allow_alias = true; A = 0; B = -1; C = 0; reserved 5; }
  optional E e = 0x10;
  optional float message = 18; optional string oneof = 19;
}
extend M { optional int32 more = 100; }
service S { rpc Do (M) returns (stream M) { option (http) = { get: "/v1" }; } rpc Go (M) returns (M); }
"""


def test_everything_a_file_can_hold_is_read() -> None:
    found = compare(RICH, RICH.replace("optional E e = 0x10", "optional sint32 e = 16"), kind="protobuf")

    assert [(one.code, one.path) for one in found.differences if "backward" in one.breaks] == [
        ("FIELD_SCALAR_KIND_CHANGED", "#/M/16")
    ]
    assert compare(RICH, RICH, kind="protobuf").bump == "none"


def descriptor() -> Any:
    return json_format.ParseDict(
        {
            "name": "m.proto", "syntax": "proto3",
            "messageType": [{
                "name": "M",
                "field": [
                    {"name": "a_b", "number": 1, "label": "LABEL_OPTIONAL", "type": "TYPE_STRING", "jsonName": "aB"},
                    {"name": "m", "number": 2, "label": "LABEL_REPEATED", "type": "TYPE_MESSAGE",
                     "typeName": ".M.MEntry", "jsonName": "m"},
                    {"name": "c", "number": 3, "label": "LABEL_OPTIONAL", "type": "TYPE_INT32", "oneofIndex": 0,
                     "jsonName": "c"},
                    {"name": "d", "number": 4, "label": "LABEL_OPTIONAL", "type": "TYPE_INT32", "oneofIndex": 1,
                     "proto3Optional": True, "jsonName": "d"},
                ],
                "nestedType": [{"name": "MEntry", "options": {"mapEntry": True}, "field": [
                    {"name": "key", "number": 1, "label": "LABEL_OPTIONAL", "type": "TYPE_STRING"},
                    {"name": "value", "number": 2, "label": "LABEL_OPTIONAL", "type": "TYPE_INT32"}]}],
                "oneofDecl": [{"name": "o"}, {"name": "_d"}],
            }],
        },
        FileDescriptorProto(),
    )  # fmt: skip


def test_text_and_descriptors_of_one_file_are_the_same() -> None:
    text = msg("string a_b = 1; map<string, int32> m = 2; oneof o { int32 c = 3; } optional int32 d = 4;")
    held = descriptor()
    data = held.SerializeToString()

    for given in (data, b64encode(data).decode(), json_format.MessageToDict(held)):
        found = compare(given, text, kind="protobuf")
        assert (found.bump, found.differences) == ("none", ())


def test_a_number_that_was_reserved_and_is_used_again_is_told() -> None:
    reserved = 'reserved 2, 5 to 7, 100 to max; reserved "b";'
    for number, is_told in ((2, True), (6, True), (3, False), (4096, True)):
        found = compare(msg(f"string a = 1; {reserved}"), msg(f"string a = 1; int32 c = {number};"), kind="protobuf")
        assert ("RESERVED_NUMBER_USED" in [one.code for one in found.differences]) is is_told
        assert found.backward
    old, new = (msg(f"enum E {{ X = 0; {inner} }} E e = 1;") for inner in ("reserved -1, 3 to 4;", "Y = 4;"))
    assert "RESERVED_NUMBER_USED" in [one.code for one in compare(old, new, kind="protobuf").differences]
    gone = compare(msg("string a = 1; string b = 2;"), msg(f"string a = 1; {reserved}"), kind="protobuf")
    assert (gone.backward, gone.forward) == (True, True)
    first = msg("string a = 1; string b = 2;")
    verdict = compare_history([first, msg(f"string a = 1; {reserved}")], msg("string a = 1; int32 c = 2;"),
                              kind="protobuf", mode=Mode.BACKWARD_TRANSITIVE)  # fmt: skip
    assert not verdict.is_compatible


@pytest.mark.parametrize(
    "used",
    [
        "string a = 2; reserved 2;", "string a = 6; reserved 5 to 7;", 'string a = 1; reserved "a";',
        "string a = 9; reserved 5 to max;", "oneof o { string a = 2; } reserved 1, 2;",
        "enum E { X = 0; Y = 3; reserved 3; } E e = 1;", 'enum E { X = 0; reserved "X"; } E e = 1;',
    ],
)  # fmt: skip
def test_what_a_message_reserves_it_must_not_use(used: str) -> None:
    with pytest.raises(SchemaTextError, match="reserves"):
        compare(msg(used), msg("string z = 1;"), kind="protobuf")


@pytest.mark.parametrize("broken", ["message M {", "message M { string a = x; }", 7, "what ~ message", {"a": 1}])
def test_what_is_no_protobuf_is_told(broken: Any) -> None:
    with pytest.raises(SchemaTextError):
        compare(msg("string a = 1;"), broken, kind="protobuf")
