"""Contexts: subjects, ids, terms and deletes of one are nothing to another; Confluent's clients go by them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from .running import USER, USER_OF_TEXT, USER_WITH_NAME, ask, code_of, put, running

TEAM = ":.team:user"
PATH = f"/subjects/{quote(TEAM)}"


def test_ids_and_subjects_of_a_context_are_its_own(tmp_path: Path) -> None:
    for start in range(2):  # a second start finds what was kept
        with running(tmp_path, None) as url:
            assert (put(url, "user", USER), put(url, TEAM, USER_OF_TEXT), put(url, TEAM, USER_OF_TEXT)) == (1, 1, 1)

            assert ask(url, "GET", "/contexts") == (200, [".", ".team"])
            assert ask(url, "GET", "/schemas/ids/1")[1]["schema"] == USER
            assert ask(url, "GET", f"/schemas/ids/1?subject={quote(TEAM)}")[1]["schema"] == USER_OF_TEXT
            assert ask(url, "GET", "/contexts/.team/schemas/ids/1")[1]["schema"] == USER_OF_TEXT
            held = ask(url, "GET", f"{PATH}/versions/latest")[1]
            assert (held["subject"], held["version"], held["id"], held["schema"]) == (TEAM, 1, 1, USER_OF_TEXT)
            assert ask(url, "GET", "/contexts/.team/subjects/user/versions/latest")[1] == held
            assert ask(url, "POST", "/contexts/.team/subjects/user", {"schema": USER_OF_TEXT})[1]["id"] == 1
            assert code_of(url, "POST", "/subjects/user", {"schema": USER_OF_TEXT}) == (404, 40403)
            assert ask(url, "GET", f"/schemas/ids/1/versions?subject={quote(TEAM)}") == (
                200, [{"subject": TEAM, "version": 1}]
            ), start  # fmt: skip


def test_lists_are_of_all_contexts_or_of_those_asked_for(url: str) -> None:
    put(url, "user", USER)
    put(url, TEAM, USER)
    put(url, ":.other:home", USER)
    everywhere = [":.other:home", TEAM, "user"]

    for query, subjects in (
        ("", everywhere), ("?subjectPrefix=:*:", everywhere), ("?subjectPrefix=:*:us", [TEAM, "user"]),
        ("?subjectPrefix=", ["user"]), ("?subjectPrefix=:.team:", [TEAM]), ("?subjectPrefix=:.none:", []),
    ):  # fmt: skip
        assert sorted(ask(url, "GET", f"/subjects{query}")[1]) == sorted(subjects), query
    assert ask(url, "GET", "/contexts/.other/subjects")[1] == [":.other:home"]
    assert [held["subject"] for held in ask(url, "GET", "/schemas")[1]] == ["user"]
    assert [held["subject"] for held in ask(url, "GET", "/schemas?subjectPrefix=:.team:")[1]] == [TEAM]
    guid = ask(url, "GET", "/subjects/user/versions/1")[1]["guid"]
    assert ask(url, "GET", f"/schemas/guids/{guid}/ids")[1] == [
        {"context": held, "id": 1} for held in (".", ".other", ".team")
    ]


def test_terms_and_deletes_are_of_one_context(url: str) -> None:
    put(url, "user", USER)
    put(url, TEAM, USER)
    whole = f"/config/{quote(':.team:')}"
    assert ask(url, "PUT", whole, {"compatibility": "NONE"})[0] == 200
    assert ask(url, "GET", whole)[1] == ask(url, "GET", "/contexts/.team/config")[1] == {"compatibilityLevel": "NONE"}
    assert ask(url, "GET", "/config")[1]["compatibilityLevel"] == "BACKWARD"

    assert put(url, TEAM, USER_OF_TEXT) == 2
    assert code_of(url, "POST", "/subjects/user/versions", {"schema": USER_OF_TEXT}) == (409, 409)
    assert ask(url, "DELETE", PATH) == (200, [1, 2])
    assert ask(url, "GET", "/subjects")[1] == ["user"]


def test_references_stay_in_their_context(url: str) -> None:
    put(url, TEAM, USER)
    put(url, "user", USER)
    home = '{"type": "record", "name": "Home", "fields": [{"name": "owner", "type": "User"}]}'
    inside = [{"name": "User", "subject": "user", "version": 1}]

    assert put(url, ":.team:home", home, references=inside) == 2
    held = ask(url, "GET", "/contexts/.team/schemas/ids/2")[1]["references"]
    assert held == [{"name": "User", "subject": TEAM, "version": 1}]
    elsewhere = {"schema": home, "references": [{"name": "User", "subject": TEAM, "version": 1}]}
    assert code_of(url, "POST", "/subjects/home/versions", elsewhere) == (422, 42201)


@pytest.mark.parametrize("name", [":.te/am:user", ":*:user", ":.team:", ":.:", ":team:user"])
def test_what_is_no_name_of_a_context_is_refused_and_begins_none(url: str, name: str) -> None:
    assert code_of(url, "POST", f"/subjects/{quote(name, safe='')}/versions", {"schema": USER}) == (422, 42208)
    assert code_of(url, "DELETE", "/subjects/" + quote(":.none:user")) == (404, 40401)
    assert code_of(url, "GET", "/contexts/.none/subjects/user/versions/1") == (404, 40401)
    assert ask(url, "GET", "/contexts")[1] == ["."]


def test_confluents_serializers_write_and_read_in_a_context(url: str) -> None:
    client = SchemaRegistryClient({"url": url, "max.retries": 0})
    client.register_schema("other", Schema(USER_OF_TEXT, "AVRO"))
    conf = {"subject.name.strategy": lambda context, record: f":.team:{context.topic}-value"}
    about = SerializationContext("topic", MessageField.VALUE)

    data = AvroSerializer(client, USER_WITH_NAME, conf=conf)({"id": 7, "name": "b"}, about)
    assert data[:5] == b"\0\0\0\0\1"  # as is the id of the other schema
    fresh = SchemaRegistryClient({"url": url, "max.retries": 0})
    assert AvroDeserializer(fresh, conf=conf)(data, about) == {"id": 7, "name": "b"}
    within = SchemaRegistryClient({"url": f"{url}/contexts/.team", "max.retries": 0})
    assert within.get_latest_version("topic-value").schema.schema_str == USER_WITH_NAME
