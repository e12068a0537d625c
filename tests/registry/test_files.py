"""The schemas of ``schemas/``: subjects that clients read, with versions and ids that stay."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from streams.contracts import load_contracts
from streams.errors import ConfigurationError
from tests.contracts.builders import a_contract, a_folder

from .running import ask, code_of, put, running

SHIPPED = Path(__file__).parents[2] / "schemas"
ORDERS = "com.acme.shop.orders"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the folder that is shipped, without what only pipelines need."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "schemas", ignore=shutil.ignore_patterns("pipelines")))


def add_version(folder: Path, old: str, new: str, place: str = "com.acme.shop/orders", **change: object) -> None:
    file = folder / place / "jsonschema" / old
    held = json.loads(file.read_text("utf-8"))
    held["self"]["version"] = new
    file.with_name(new).write_text(json.dumps({**held, **change}))


def test_a_file_is_a_version_of_the_subject_of_its_vendor_and_name(tmp_path: Path, folder: Path) -> None:
    with running(tmp_path / "data", load_contracts(folder)) as url:
        assert ask(url, "GET", "/subjects") == (200, [
            ORDERS, "com.acme.shop.orders_enriched", "com.acme.shop.products", "com.acme.shop.users",
            "com.company.user_updated",
        ])  # fmt: skip
        held = ask(url, "GET", f"/subjects/{ORDERS}/versions/latest")[1]

    text = (folder / "com.acme.shop/orders/jsonschema/1-0-0").read_text("utf-8")
    assert (held["version"], held["schemaType"]) == (1, "JSON")
    assert json.loads(held["schema"]) == json.loads(text)


def test_clients_register_what_is_there_and_change_nothing(tmp_path: Path, folder: Path) -> None:
    with running(tmp_path / "data", load_contracts(folder)) as url:
        held = ask(url, "GET", f"/subjects/{ORDERS}/versions/1")[1]

        assert put(url, ORDERS, held["schema"], "JSON") == held["id"]
        assert put(url, "orders.enriched.v1-value", held["schema"], "JSON") == held["id"]
        other = {"schema": "{}", "schemaType": "JSON"}
        assert code_of(url, "POST", f"/subjects/{ORDERS}/versions", other) == (422, 42205)
        assert code_of(url, "DELETE", f"/subjects/{ORDERS}") == (422, 42205)
        assert code_of(url, "DELETE", f"/subjects/{ORDERS}/versions/1") == (422, 42205)
        assert code_of(url, "PUT", f"/mode/{ORDERS}", {"mode": "READWRITE"}) == (422, 42205)
        assert ask(url, "GET", f"/mode/{ORDERS}") == (200, {"mode": "READONLY"})


def test_a_newer_file_is_the_next_version_and_the_others_keep_their_numbers(tmp_path: Path, folder: Path) -> None:
    with running(tmp_path / "data", load_contracts(folder)) as url:
        put(url, "mine", '"string"')
        before = ask(url, "GET", "/schemas")[1]
    add_version(folder, "1-0-0", "1-1-0", title="another")
    add_version(folder, "1-0-0", "1-0-1", title="one between")

    with running(tmp_path / "data", load_contracts(folder)) as url:
        after = ask(url, "GET", "/schemas")[1]
        assert [held for held in after if held in before] == before
        added = [held for held in after if held not in before]
        assert [(held["subject"], held["version"], held["id"]) for held in added] == [(ORDERS, 2, 7), (ORDERS, 3, 8)]
        assert [json.loads(held["schema"])["self"]["version"] for held in added] == ["1-0-1", "1-1-0"]


def test_a_file_that_went_is_read_by_id_and_not_listed(tmp_path: Path, folder: Path) -> None:
    with running(tmp_path / "data", load_contracts(folder)) as url:
        held = ask(url, "GET", "/subjects/com.company.user_updated/versions/1")[1]
    (folder / "com.company").rename(tmp_path / "away")

    with running(tmp_path / "data", load_contracts(folder)) as url:
        assert code_of(url, "GET", "/subjects/com.company.user_updated/versions") == (404, 40401)
        assert ask(url, "GET", f"/schemas/ids/{held['id']}")[1]["schema"] == held["schema"]
    (tmp_path / "away").rename(folder / "com.company")

    with running(tmp_path / "data", load_contracts(folder)) as url:
        assert ask(url, "GET", "/subjects/com.company.user_updated/versions/1") == (200, held)


def test_a_file_that_says_something_else_than_it_did_is_refused(tmp_path: Path, folder: Path) -> None:
    with running(tmp_path / "data", load_contracts(folder)):
        pass
    file = folder / "com.acme.shop/orders/jsonschema/1-0-0"
    held = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps(held, indent=8))

    with running(tmp_path / "data", load_contracts(folder)):
        pass
    file.write_text(json.dumps({**held, "title": "edited"}))
    told = r"orders/jsonschema/1-0-0: was served as version 1 of com\.acme\.shop\.orders, .*new version"
    with pytest.raises(ConfigurationError, match=told), running(tmp_path / "data", load_contracts(folder)):
        pass


def test_what_files_refer_to_are_references(tmp_path: Path, folder: Path) -> None:
    uri = "iglu:com.company/user_updated/jsonschema/1-0-0"
    (folder / "com.acme.shop/orders/contract.yaml").unlink()
    add_version(folder, "1-0-0", "1-0-1", properties={"user": {"$ref": uri}}, required=["user"])

    with running(tmp_path / "data", load_contracts(folder)) as url:
        held = ask(url, "GET", f"/subjects/{ORDERS}/versions/latest")[1]
        assert held["references"] == [{"name": uri, "subject": "com.company.user_updated", "version": 1}]
        assert ask(url, "GET", "/subjects/com.company.user_updated/versions/1/referencedby") == (200, [held["id"]])


def test_avro_and_protobuf_are_served_as_they_are_written(tmp_path: Path) -> None:
    record = '{"type": "record", "name": "Thing", "fields": [{"name": "id", "type": "long"}]}'
    proto = 'syntax = "proto3";\nmessage Thing {\n  // The key\n  int64 id = 1;\n}\n'
    files = {
        "com.acme/things/avro/1-0-0": record, "com.acme/things/protobuf/1-0-0": proto,
        "com.acme/things/contract.yaml": a_contract(
            "{name: id, logicalType: integer, primaryKey: true, classification: pii}"
        ),
        "com.acme/carts/protobuf/1-0-0": proto,
    }  # fmt: skip
    folder = a_folder(tmp_path / "schemas", files)
    for _ in range(2):  # a second start finds them as they were
        with running(tmp_path / "data", load_contracts(folder)) as url:
            subjects = ask(url, "GET", "/subjects")[1]
            held = [ask(url, "GET", f"/subjects/{subject}/versions/1")[1] for subject in subjects]
            own = ask(url, "GET", "/schemas/com.acme/things/avro/1-0-0")[1]
            private = ask(url, "GET", "/search?q=class:pii")[1]["results"]

        assert subjects == ["com.acme.carts", "com.acme.things", "com.acme.things.protobuf"]
        assert [one.get("schemaType", "AVRO") for one in held] == ["PROTOBUF", "AVRO", "PROTOBUF"]
        assert (held[0]["schema"], json.loads(held[1]["schema"])) == (proto, own)
        assert own == json.loads(record)
        assert held[0]["id"] == held[2]["id"]
        assert [one["subject"] for one in private] == ["com.acme.things", "com.acme.things.protobuf"]

    a_folder(folder, {"com.acme/carts/protobuf/1-0-0": proto.replace("int64", "int32")})
    with pytest.raises(ConfigurationError, match="says something else now"), running(
        tmp_path / "data", load_contracts(folder)
    ):
        pass
