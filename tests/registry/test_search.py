"""Search and description: what is found by field, tag, owner, class; what is known of one version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from streams.contracts import load_contracts

from .running import USER, USER_WITH_NAME, ask, put, running

SHIPPED = Path(__file__).parents[2] / "schemas"
USERS = "com.acme.shop.users"
PROTO = 'syntax = "proto3"; message Visit { int64 id = 1; Place place = 2; message Place { string city = 1; } }'
PAYMENT = json.dumps({
    "type": "record", "name": "Payment", "doc": "Money that came in.",
    "fields": [{"name": "iban", "type": "string", "confluent:tags": ["BANKING"], "doc": "Account of the payer."}],
})  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("search"), load_contracts(SHIPPED)) as held:
        put(held, "payments-value", PAYMENT, metadata={
            "properties": {"owner": "billing"}, "tags": {"Payment.iban": ["PERSONAL"]},
        })  # fmt: skip
        put(held, "visits-value", PROTO, "PROTOBUF")
        yield held


def found(url: str, question: str = "", **places: str) -> list[str]:
    asked = "&".join(f"{name}={quote(value)}" for name, value in {"q": question, **places}.items())
    _, said = ask(url, "GET", f"/search?{asked}")
    assert said["count"] == len(said["results"])
    return [one["subject"] for one in said["results"]]


def test_nothing_asked_is_everything(url: str) -> None:
    assert found(url) == ask(url, "GET", "/subjects")[1]


@pytest.mark.parametrize(
    ("question", "subjects"),
    [
        ("field:email", ["com.acme.shop.users", "com.company.user_updated"]),
        ("field:Place.city", ["visits-value"]),
        ("field:id class:sensitive", []),
        ("field:ssn class:sensitive", [USERS]),
        ("class:pii", ["com.acme.shop.users", "com.company.user_updated"]),
        ("owner:billing", ["payments-value"]),
        ("owner:customer-accounts", ["com.acme.shop.users"]),
        ("tag:banking", ["payments-value"]),
        ("tag:personal", ["payments-value"]),
        ("type:protobuf", ["visits-value"]),
        ("subject:shop", ["com.acme.shop.orders", "com.acme.shop.orders_enriched", "com.acme.shop.products", USERS]),
        ("money", ["payments-value"]),
        ("payer", ["payments-value"]),
        ("iglu:com.acme.shop/users", [USERS]),
        ("EMAIL acme", [USERS]),
        ("email owner:billing", []),
        ("owner:nobody", []),
    ],
)
def test_subjects_are_found_by_what_is_in_them_and_said_of_them(url: str, question: str, subjects: list[str]) -> None:
    listed = found(url, question)

    if question in ("owner:customer-accounts", "class:pii"):
        listed = [subject for subject in listed if subject in subjects]
    assert listed == subjects


def test_places_may_be_parameters(url: str) -> None:
    assert found(url, field="iban", owner="billing") == ["payments-value"]
    assert found(url, **{"class": "sensitive", "subject": "acme"}) == [USERS]


def test_a_result_says_which_fields_were_meant(url: str) -> None:
    _, said = ask(url, "GET", "/search?q=tag:banking")

    assert said["results"] == [{
        "subject": "payments-value", "version": 1, "id": said["results"][0]["id"], "schemaType": "AVRO", "uri": "",
        "title": "Payment", "description": "Money that came in.", "owner": "billing", "tags": [], "classes": [],
        "fieldCount": 1, "fields": [{
            "path": "iban", "type": "string", "description": "Account of the payer.", "tags": ["BANKING", "PERSONAL"],
        }],
    }]  # fmt: skip


def test_subjects_that_are_called_so_come_first(tmp_path: Path) -> None:
    with running(tmp_path) as url:
        put(url, "a", USER_WITH_NAME)
        put(url, "name-value", '"string"')

        assert found(url, "name") == ["name-value", "a"]


def test_what_was_registered_or_deleted_since_is_seen(tmp_path: Path) -> None:
    with running(tmp_path) as url:
        assert found(url) == []
        put(url, "user", USER)
        assert found(url, "field:name") == []
        put(url, "user", USER_WITH_NAME)
        assert found(url, "field:name") == ["user"]
        ask(url, "DELETE", "/subjects/user")
        assert found(url) == []


def described(url: str, path: str) -> dict[str, Any]:
    status, said = ask(url, "GET", f"/describe/{path}")
    assert status == 200, said
    return dict(said)


def test_one_version_is_described_with_what_it_changed(tmp_path: Path) -> None:
    home = json.dumps({"type": "record", "name": "Home", "fields": [{"name": "owner", "type": "User"}]})
    with running(tmp_path) as url:
        put(url, "user", USER)
        put(url, "user", USER_WITH_NAME)
        put(url, "home", home, references=[{"name": "User", "subject": "user", "version": 2}])

        said = described(url, "user/latest")
        assert [held["version"] for held in said["versions"]] == [1, 2]
        assert [(held["code"], held["path"], held["breaks"]) for held in said["changes"]] == [
            ("FIELD_ADDED", "#/fields/name", [])
        ]
        assert said["referencedBy"] == [{"subject": "home", "version": 1}]
        assert (said["level"], said["mode"]) == ("BACKWARD", "READWRITE")
        assert described(url, "home/1")["references"] == [{"name": "User", "subject": "user", "version": 2}]
        assert described(url, "user/1")["changes"] == []
        assert ask(url, "GET", "/describe/user/7")[0] == 404


def test_fields_of_a_file_have_classes_of_its_contract(url: str) -> None:
    said = described(url, f"{USERS}/1")

    assert said["uri"] == "iglu:com.acme.shop/users/jsonschema/1-0-0"
    assert said["fields"][1] == {
        "path": "email", "type": "string", "class": "pii",
        "description": "Where receipts go. Unique, and checked when the account is opened.",
    }  # fmt: skip
    assert said["classes"] == ["pii", "sensitive"]


def test_files_stand_at_iglus_paths(url: str) -> None:
    text = (SHIPPED / "com.acme.shop/users/jsonschema/1-0-0").read_text("utf-8")

    for prefix in ("", "/api"):
        path = f"{prefix}/schemas/com.acme.shop/users/jsonschema"
        assert ask(url, "GET", f"{path}/1-0-0", accept="application/json") == (200, json.loads(text))
        assert ask(url, "GET", path) == (200, ["iglu:com.acme.shop/users/jsonschema/1-0-0"])
        assert ask(url, "GET", f"{path}/1-0-1") == (404, {"message": "The schema is not found"})
        assert ask(url, "GET", f"{prefix}/schemas/com.nobody/users/jsonschema/1-0-0")[0] == 404
        assert ask(url, "GET", f"{path[:-11]}/avro/1-0-0")[0] == 404
