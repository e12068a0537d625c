"""The interface without a client: forms of answers, codes of refusals, modes, deletes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from streams.registry.serve import open_registry
from streams.registry.web.app import make_app

from .running import USER, USER_OF_TEXT, USER_WITH_NAME, ask, code_of, put, running

SORTED = '{"fields":[{"name":"id","type":{"type":"long"}}],"name":"User","type":"record"}'
OPEN_USER = {"type": "object", "properties": {"id": {"type": "integer"}}}
PROTO = 'syntax = "proto3";\npackage shop;\n\nmessage User {\n  int64 id = 1;\n}\n'


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/subjects/none/versions", None, 404, 40401),
        ("GET", "/subjects/none/versions/latest", None, 404, 40401),
        ("POST", "/subjects/none", {"schema": USER}, 404, 40401),
        ("DELETE", "/subjects/none", None, 404, 40401),
        ("DELETE", "/subjects/none/versions/1", None, 404, 40401),
        ("DELETE", "/config/none", None, 404, 40401),
        ("DELETE", "/mode/none", None, 404, 40401),
        ("GET", "/subjects/user/versions/2", None, 404, 40402),
        ("GET", "/subjects/user/versions/2/schema", None, 404, 40402),
        ("GET", "/subjects/user/versions/2/referencedby", None, 404, 40402),
        ("DELETE", "/subjects/user/versions/2", None, 404, 40402),
        ("POST", "/compatibility/subjects/user/versions/7", {"schema": USER}, 404, 40402),
        ("POST", "/compatibility/subjects/none/versions/1", {"schema": USER}, 404, 40402),
        ("GET", "/schemas/ids/99", None, 404, 40403),
        ("GET", "/schemas/ids/99/versions", None, 404, 40403),
        ("GET", "/schemas/guids/00000000-0000-0000-0000-000000000000", None, 404, 40403),
        ("POST", "/subjects/user", {"schema": '"string"'}, 404, 40403),
        ("DELETE", "/subjects/gone", None, 404, 40404),
        ("DELETE", "/subjects/user?permanent=true", None, 404, 40405),
        ("DELETE", "/subjects/gone/versions/1", None, 404, 40406),
        ("DELETE", "/subjects/user/versions/1?permanent=true", None, 404, 40407),
        ("GET", "/config/user", None, 404, 40408),
        ("GET", "/mode/user", None, 404, 40409),
        ("POST", "/subjects/user/versions", {"schema": USER_OF_TEXT}, 409, 409),
        ("POST", "/subjects/user/versions", {"schema": PROTO, "schemaType": "PROTOBUF"}, 409, 409),
        ("POST", "/subjects/user/versions", {"schema": "{"}, 422, 42201),
        ("POST", "/subjects/user/versions", {"schema": '{"type": "recor"}'}, 422, 42201),
        ("POST", "/subjects/new/versions", {"schema": '{"type": 1}', "schemaType": "JSON"}, 422, 42201),
        ("POST", "/subjects/new/versions", {"schema": '{"$ref": "a.json"}', "schemaType": "JSON"}, 422, 42201),
        ("POST", "/subjects/new/versions", {"schema": "message {", "schemaType": "PROTOBUF"}, 422, 42201),
        ("POST", "/subjects/new/versions", {"schema": PROTO.replace("int64", "Id"), "schemaType": "PROTOBUF"}, 422,
         42201),
        ("POST", "/subjects/new/versions", {"schema": "{}", "schemaType": "XML"}, 422, 42201),
        ("POST", "/subjects/new/versions", {"schema": USER, "references": [{"name": "x"}]}, 422, 42201),
        ("POST", "/subjects/new/versions", {"schema": USER, "version": 7}, 422, 42201),
        ("POST", "/subjects/new/versions", {}, 422, 42201),
        ("POST", "/subjects/new/versions", [], 422, 42201),
        ("POST", "/compatibility/subjects/user/versions", {"schema": "{"}, 422, 42201),
        ("GET", "/subjects/user/versions/x", None, 422, 42202),
        ("GET", "/subjects/user/versions/0", None, 422, 42202),
        ("GET", "/subjects/user/versions/2147483648", None, 422, 42202),
        ("PUT", "/config", {"compatibility": "SIDEWAYS"}, 422, 42203),
        ("PUT", "/config/user", {}, 422, 42203),
        ("PUT", "/mode", {"mode": "WRITEONLY"}, 422, 42204),
        ("PUT", "/mode", {}, 422, 42204),
        ("PUT", "/mode", {"mode": "IMPORT"}, 422, 42205),
        ("PUT", "/mode/user", {"mode": "READONLY_OVERRIDE"}, 422, 42205),
        ("POST", "/subjects/new/versions", {"schema": USER, "id": 7}, 422, 42205),
        ("POST", "/subjects/user/versions", {"schema": USER, "id": 7}, 422, 42207),
        ("POST", "/subjects/%00/versions", {"schema": USER}, 422, 42208),
        ("POST", "/subjects/new/versions", {"schema": " " * (4 << 20) + USER}, 422, 42209),
        ("POST", "/subjects/new/versions", {"schema": USER, "ruleSet": {"domainRules": [{}]}}, 422, 42210),
        ("PUT", "/config", {"alias": "other"}, 422, 422),
        ("POST", "/subjects/new/versions", b"{", 400, 400),
        ("GET", "/subjects?limit=many", None, 400, 400),
        ("GET", "/elsewhere", None, 404, 404),
        ("PUT", "/subjects", {}, 405, 405),
    ],
)
def test_refusals_have_confluents_codes(
    url: str, method: str, path: str, body: object, status: int, code: int
) -> None:
    put(url, "user", USER)
    put(url, "gone", '"int"')
    ask(url, "DELETE", "/subjects/gone")

    assert code_of(url, method, path, body) == (status, code)


def test_answers_are_of_the_type_that_is_asked_for(url: str) -> None:
    assert ask(url, "GET", "/subjects/") == (200, [])
    assert ask(url, "GET", "/schemas/types", accept="application/json") == (200, ["JSON", "PROTOBUF", "AVRO"])
    assert ask(url, "GET", "/subjects", accept="image/png")[0] == 406
    assert ask(url, "GET", "/v1/metadata/id")[0] == 200


def test_a_page_of_another_origin_changes_nothing(url: str) -> None:
    asked = ("POST", "/subjects/user/versions", {"schema": USER})

    assert ask(url, *asked, Origin="http://elsewhere.example")[0] == 403
    assert ask(url, "GET", "/subjects", Origin="http://elsewhere.example") == (200, [])
    assert ask(url, *asked, Origin=url)[0] == 200


def test_logs_name_subjects_and_never_schemas(url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "streams.registry")
    put(url, "user", USER)
    code_of(url, "POST", "/subjects/user/versions?x=secret", {"schema": USER_OF_TEXT})
    code_of(url, "POST", "/subjects/new/versions", {"schema": '{"type": "secret"}'})
    ask(url, "DELETE", "/subjects/user")

    assert caplog.messages == [
        "registered user version 1, id 1",
        "POST /subjects/user/versions refused: 409",
        "POST /subjects/new/versions refused: 42201",
        "deleted user versions [1]",
    ]


def test_a_schema_is_shown_by_id_guid_and_version(url: str) -> None:
    put(url, "a/b", USER)

    status, shown = ask(url, "GET", "/subjects/a%2Fb/versions/latest")
    assert (status, shown) == (200, {"subject": "a/b", "version": 1, "id": 1, "guid": shown["guid"], "schema": USER})
    facts = {"id": 1, "guid": shown["guid"], "schema": USER}
    assert ask(url, "GET", "/schemas/ids/1") == ask(url, "GET", f"/schemas/guids/{shown['guid']}") == (200, facts)
    assert ask(url, "GET", "/schemas/ids/1?fetchMaxId=true") == (200, {**facts, "maxId": 1})
    assert ask(url, "GET", "/schemas/ids/1/schema") == (200, json.loads(USER))
    assert ask(url, "GET", "/subjects/a%2Fb/versions/1/schema") == (200, json.loads(USER))
    assert ask(url, "GET", f"/schemas/guids/{shown['guid']}/ids") == (200, [{"context": ".", "id": 1}])
    assert ask(url, "GET", "/schemas?latestOnly=true&subjectPrefix=a") == (200, [shown])
    assert ask(url, "GET", "/subjects/:.:a%2Fb/versions") == (200, [1])


def test_order_of_members_makes_no_other_avro_schema(url: str) -> None:
    assert put(url, "user", USER) == put(url, "user", SORTED) == put(url, "other", SORTED) == 1


def test_what_is_written_otherwise_is_one_schema_when_it_is_normalized(url: str) -> None:
    turned = {"schema": '{"type":"object","properties":{"b":true,"a":true}}', "schemaType": "JSON"}
    sorted_ = turned | {"schema": '{"properties":{"a":true,"b":true},"type":"object"}'}
    text = "syntax = 'proto3'; package shop; /* x */ message User { int64 id = 1; }"
    proto = {"schema": text, "schemaType": "PROTOBUF"}

    _, first = ask(url, "POST", "/subjects/user/versions?normalize=true", turned)
    assert ask(url, "POST", "/subjects/user?normalize=true", sorted_)[1]["id"] == first["id"]
    assert code_of(url, "POST", "/subjects/user", turned) == (404, 40403)
    ask(url, "POST", "/subjects/proto/versions?normalize=true", proto)
    assert ask(url, "GET", "/subjects/proto/versions/1")[1]["schema"] == PROTO
    assert ask(url, "PUT", "/config/user", {"normalize": True}) == (200, {"normalize": True})
    assert ask(url, "POST", "/subjects/user", turned)[1]["id"] == first["id"]


def test_protobuf_is_read_as_text_and_as_a_descriptor_however_it_came(url: str) -> None:
    put(url, "text", PROTO, "PROTOBUF")
    _, as_descriptor = ask(url, "GET", "/subjects/text/versions/1?format=serialized")

    put(url, "descriptor", as_descriptor["schema"], "PROTOBUF")

    assert ask(url, "GET", "/subjects/descriptor/versions/1")[1]["schema"] == PROTO
    assert ask(url, "GET", "/subjects/descriptor/versions/1?format=serialized")[1]["schema"] == as_descriptor["schema"]
    assert ask(url, "GET", "/subjects/descriptor/versions/1")[1]["id"] == as_descriptor["id"] == 1


def test_compatibility_says_why_not_when_it_is_asked_to(url: str) -> None:
    put(url, "user", USER)
    asked = {"schema": USER_OF_TEXT}

    assert ask(url, "POST", "/compatibility/subjects/user/versions/latest", asked) == (200, {"is_compatible": False})
    _, said = ask(url, "POST", "/compatibility/subjects/user/versions?verbose=true", asked)
    assert said["is_compatible"] is False
    assert said["messages"][0].startswith("{errorType:'TYPE_MISMATCH'")
    assert said["messages"][-2:] == ["{oldSchemaVersion: 1}", "{compatibility: 'BACKWARD'}"]
    assert ask(url, "POST", "/compatibility/subjects/none/versions/latest", asked) == (200, {"is_compatible": True})


def test_transitive_levels_ask_every_version_others_the_last(url: str) -> None:
    optional = USER_WITH_NAME
    required = USER_WITH_NAME.replace(', "default": ""', "")
    put(url, "user", USER)
    put(url, "user", optional)

    path = "/compatibility/subjects/user/versions"
    assert ask(url, "POST", path, {"schema": required}) == (200, {"is_compatible": True})
    ask(url, "PUT", "/config/user", {"compatibility": "backward_transitive"})
    assert ask(url, "POST", path, {"schema": required}) == (200, {"is_compatible": False})
    assert code_of(url, "POST", "/subjects/user/versions", {"schema": required}) == (409, 409)


def test_json_is_judged_by_the_policy_that_is_set(url: str) -> None:
    wider = OPEN_USER | {"properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
    put(url, "user", json.dumps(OPEN_USER), "JSON")

    asked = {"schema": json.dumps(wider), "schemaType": "JSON"}
    assert ask(url, "POST", "/compatibility/subjects/user/versions", asked)[1] == {"is_compatible": False}
    assert ask(url, "PUT", "/config/user", {"compatibilityPolicy": "LENIENT"})[0] == 200
    assert ask(url, "POST", "/compatibility/subjects/user/versions", asked)[1] == {"is_compatible": True}
    assert ask(url, "GET", "/config/user?defaultToGlobal=true") == (200, {"compatibilityPolicy": "LENIENT"})


def test_each_side_is_read_with_its_own_references(url: str) -> None:
    """The type behind a name is another one in another version."""
    home = {"schema": json.dumps({"type": "record", "name": "Home", "fields": [{"name": "owner", "type": "User"}]})}
    ask(url, "PUT", "/config/user", {"compatibility": "NONE"})
    for text in (USER, USER_WITH_NAME, USER_OF_TEXT):
        put(url, "user", text)

    def refer(version: int) -> dict[str, object]:
        return home | {"references": [{"name": "User", "subject": "user", "version": version}]}

    assert ask(url, "POST", "/subjects/home/versions", refer(1))[0] == 200
    assert ask(url, "POST", "/subjects/home/versions", refer(2))[0] == 200
    assert code_of(url, "POST", "/subjects/home/versions", refer(3)) == (409, 409)
    assert code_of(url, "POST", "/subjects/home/versions", refer(-1)) == (409, 409)


def test_metadata_and_rules_are_kept_and_hold_for_the_next_version(url: str) -> None:
    rule = {"name": "r", "kind": "CONDITION", "type": "CEL", "expr": "true"}
    about = {
        "metadata": {"properties": {"owner": "shop"}, "tags": {"User.id": ["PII"]}},
        "ruleSet": {"domainRules": [rule]},
    }
    first = put(url, "user", USER, **about)

    assert put(url, "user", USER) == first
    put(url, "user", USER_WITH_NAME)
    assert about.items() <= ask(url, "GET", "/subjects/user/versions/2")[1].items()
    assert put(url, "user", USER, metadata={"properties": {"owner": "else"}}) != first


def test_an_import_brings_ids_and_versions_and_is_not_judged(url: str) -> None:
    assert ask(url, "PUT", "/mode/user", {"mode": "IMPORT"})[0] == 200

    assert put(url, "user", USER, id=100, version=5) == 100
    assert put(url, "user", USER_OF_TEXT, id=90, version=3) == 90
    assert ask(url, "GET", "/subjects/user/versions") == (200, [3, 5])
    for again in ({"id": 100, "version": 6}, {"id": 102, "version": 5}):
        asked = {"schema": USER_WITH_NAME, **again}
        assert code_of(url, "POST", "/subjects/user/versions", asked) == (422, 42205)
    assert code_of(url, "POST", "/subjects/user/versions", {"schema": USER_WITH_NAME}) == (422, 42205)
    ask(url, "DELETE", "/mode/user")
    assert put(url, "user", USER_WITH_NAME) == 101
    assert ask(url, "GET", "/subjects/user/versions") == (200, [3, 5, 6])


def test_read_only_for_all_is_stronger_than_a_subjects_own_mode(url: str) -> None:
    ask(url, "PUT", "/mode/user", {"mode": "READWRITE"})
    ask(url, "PUT", "/mode", {"mode": "READONLY"})
    put(url, "user", USER)
    assert code_of(url, "POST", "/subjects/other/versions", {"schema": USER}) == (422, 42205)
    assert code_of(url, "PUT", "/config", {"compatibility": "NONE"}) == (422, 42205)

    ask(url, "PUT", "/mode", {"mode": "READONLY_OVERRIDE"})

    assert put(url, "user", USER) == 1, "it is there"
    assert code_of(url, "POST", "/subjects/user/versions", {"schema": USER_WITH_NAME}) == (422, 42205)
    ask(url, "PUT", "/mode", {"mode": "READWRITE"})
    put(url, "user", USER_WITH_NAME)


def test_one_version_is_deleted_softly_then_for_good(url: str) -> None:
    put(url, "user", USER)
    put(url, "user", USER_WITH_NAME)

    assert ask(url, "DELETE", "/subjects/user/versions/latest") == (200, 2)
    assert ask(url, "GET", "/subjects/user/versions") == (200, [1])
    assert ask(url, "GET", "/subjects/user/versions?deleted=true") == (200, [1, 2])
    assert ask(url, "GET", "/subjects/user/versions?deletedOnly=true") == (200, [2])
    assert ask(url, "GET", "/subjects/user/versions/2?deleted=true")[1]["deleted"] is True
    assert ask(url, "GET", "/schemas/ids/2")[0] == 200
    assert ask(url, "GET", "/schemas/ids/2/subjects") == (200, [])
    assert ask(url, "GET", "/schemas/ids/2/subjects?deleted=true") == (200, ["user"])
    assert ask(url, "DELETE", "/subjects/user/versions/2?permanent=true") == (200, 2)
    assert code_of(url, "GET", "/schemas/ids/2") == (404, 40403)
    assert put(url, "user", USER_WITH_NAME) == 3


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    paths = (
        "/subjects?deleted=true", "/schemas?deleted=true", "/config", "/config/user", "/mode/user", "/schemas/ids/1",
        "/subjects/home/versions/1/referencedby", "/subjects/user/versions/1/referencedby",
    )  # fmt: skip
    home = {"schema": json.dumps({"type": "record", "name": "Home", "fields": [{"name": "owner", "type": "User"}]}),
            "references": [{"name": "User", "subject": "user", "version": 1}]}  # fmt: skip
    with running(tmp_path) as url:
        put(url, "user", USER, metadata={"properties": {"owner": "shop"}})
        put(url, "proto", PROTO, "PROTOBUF")
        put(url, "gone", '"int"')
        ask(url, "POST", "/subjects/home/versions", home)
        ask(url, "DELETE", "/subjects/gone")
        ask(url, "DELETE", "/subjects/gone?permanent=true")
        ask(url, "DELETE", "/subjects/proto")
        ask(url, "PUT", "/config", {"compatibility": "FULL"})
        ask(url, "PUT", "/config/user", {"compatibility": "NONE"})
        ask(url, "PUT", "/mode/user", {"mode": "READONLY"})
        before = [ask(url, "GET", path) for path in paths]

    with running(tmp_path) as url:
        assert [ask(url, "GET", path) for path in paths] == before
        assert put(url, "new", '"string"') == 5


async def test_a_mistake_of_its_own_is_an_answer_and_logged_without_its_words(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(request: web.Request) -> web.Response:
        raise RuntimeError("a secret")

    app = make_app(open_registry(tmp_path, None))
    app.router.add_get("/fail", fail)
    async with TestClient(TestServer(app)) as client, client.get("/fail") as answer:
        assert answer.status == 500
        assert await answer.json() == {"error_code": 500, "message": "Internal Server Error"}

    (logged,) = caplog.messages
    assert logged.startswith("GET /fail failed with RuntimeError\n") and "in fail" in logged
    assert "secret" not in logged.replace('raise RuntimeError("a secret")', "")
