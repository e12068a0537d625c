"""``streams contracts check`` and ``bump``: what people, CI servers and GitHub see of the gates."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import run as run_program
from xml.etree import ElementTree as Xml

import pytest
from click.testing import CliRunner, Result

from streams.cli.contracts import command
from tests.contracts.builders import a_contract, a_folder
from tests.governance.builders import MIGRATION, PLACE, TEXT, a_version, commit, committed, versions

FIRST = a_version("1-0-0")
WRONG = a_version("1-0-1", required=("id", "note"), note=TEXT)
CONTRACT = "com.acme/things/contract.yaml"
KEYED = a_contract("{name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 1}")


@pytest.fixture(autouse=True)
def outside_of_workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


def run(*arguments: object, schemas: Path) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments), "--schemas", str(schemas)])


def a_draft(folder: Path, text: str) -> Path:
    return a_folder(folder, {"com.acme/things/draft.json": text})


def test_bump_writes_the_version_that_the_change_asks_for_and_the_gate_takes_it(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, {**versions(v1_0_0=FIRST), CONTRACT: KEYED})
    a_draft(folder, a_version("1-0-0", note=TEXT))

    result = run("bump", "com.acme/things", schemas=folder)

    assert result.exit_code == 0, result.output
    assert (folder / PLACE / "1-0-1").read_text() == a_version("1-0-1", note=TEXT) + "\n"
    assert (folder / PLACE / "1-0-0").read_text() == FIRST
    assert (folder / CONTRACT).read_text() == KEYED.replace("1.0.0", "1.0.1")
    assert not (folder / "com.acme/things/draft.json").exists()
    assert run("check", schemas=folder).exit_code == 0


@pytest.mark.parametrize(
    ("draft", "step", "version"),
    [
        (a_version("1-0-0", note=TEXT), "addition", "1-0-1"),
        (a_version("1-0-0", id={"type": "integer", "minimum": 1}), "revision", "1-1-0"),
        (a_version("1-0-0", required=("id", "note"), note=TEXT), "model", "2-0-0"),
        (a_version("1-0-0").replace('"type": "object"', '"title": "T", "type": "object"'), "addition", "1-0-1"),
        (FIRST, "none", "1-0-0"),
    ],
)
def test_the_bump_follows_from_the_change(tmp_path: Path, draft: str, step: str, version: str) -> None:
    folder = a_folder(tmp_path / "schemas", versions(v1_0_0=FIRST))
    file = tmp_path / "draft"
    file.write_text(draft)

    report = json.loads(run("bump", "com.acme/things", "--from", file, "--output", "json", schemas=folder).output)

    assert (report["bump"], report["new"]) == (step, version)
    assert report["written"] == ([] if version == "1-0-0" else [f"{PLACE}/{version}"])
    needs = step in ("revision", "model")
    assert report["migration"] == (f"{MIGRATION}/{version}.yaml" if needs else None)
    assert file.exists()


@pytest.mark.parametrize(
    ("suffix", "kind", "old", "new", "version"),
    [
        ("avsc", "avro", '{"type": "record", "name": "t", "fields": []}\n',
         '{"type": "record", "name": "t", "fields": [{"name": "a", "type": "int", "default": 0}]}\n', "1-0-1"),
        ("proto", "protobuf", 'syntax = "proto3";\nmessage T { int64 a = 1; }\n',
         'syntax = "proto3";\nmessage T { string a = 1; }\n', "1-1-0"),
    ],
)  # fmt: skip
def test_drafts_of_avro_and_protobuf_are_published_beside(
    tmp_path: Path, suffix: str, kind: str, old: str, new: str, version: str
) -> None:
    files = {**versions(v1_0_0=FIRST), CONTRACT: KEYED, f"com.acme/things/{kind}/1-0-0": old}
    folder = a_folder(tmp_path, {**files, f"com.acme/things/draft.{suffix}": new})

    result = run("bump", "com.acme/things", schemas=folder)

    assert result.exit_code == 0, result.output
    assert (folder / "com.acme/things" / kind / version).read_text() == new
    assert (folder / CONTRACT).read_text() == KEYED
    assert run("check", schemas=folder).exit_code == 0


def test_several_drafts_are_wrong_use_and_one_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, {**versions(v1_0_0=FIRST), "com.acme/things/draft.avsc": "{"})
    assert run("bump", "com.acme/things", schemas=folder).exit_code == 1

    a_draft(folder, FIRST)
    assert run("bump", "com.acme/things", schemas=folder).exit_code == 2


def test_a_dry_run_writes_nothing_and_a_new_dataset_begins_at_its_first_version(tmp_path: Path) -> None:
    folder = a_draft(tmp_path, '{"type": "object"}')

    told = run("bump", "com.acme/things", "--dry-run", schemas=folder).output
    assert "would write com.acme/things/jsonschema/1-0-0" in told
    assert not (folder / PLACE).exists()
    assert run("bump", "com.acme/things", schemas=folder).exit_code == 0
    assert json.loads((folder / PLACE / "1-0-0").read_text()) == {
        "self": {"vendor": "com.acme", "name": "things", "format": "jsonschema", "version": "1-0-0"},
        "type": "object",
    }


@pytest.mark.parametrize("draft", ["{", "[]", '{"type": "objekt"}', '{"type": "object", "self": {"name": "others"}}'])
def test_a_draft_that_is_no_schema_of_the_dataset_is_refused(tmp_path: Path, draft: str) -> None:
    folder = a_draft(a_folder(tmp_path, versions(v1_0_0=FIRST)), draft)

    assert run("bump", "com.acme/things", schemas=folder).exit_code == 1
    assert [file.name for file in (folder / PLACE).iterdir()] == ["1-0-0"]


def test_no_draft_and_no_dataset_are_wrong_use(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, versions(v1_0_0=FIRST))

    assert run("bump", "com.acme/things", schemas=folder).exit_code == 2
    assert run("bump", "things", schemas=folder).exit_code == 2
    assert run("check", "--base", "nowhere", schemas=folder).exit_code == 2


def test_recorded_versions_are_what_sha256sum_checks_and_an_edit_is_seen(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, versions(v1_0_0=FIRST))

    assert run("check", "--record", schemas=folder).exit_code == 0
    run_program(["sha256sum", "--check", "published.sha256"], cwd=folder, capture_output=True, check=True)
    a_draft(folder, a_version("1-0-0", note=TEXT))
    assert run("bump", "com.acme/things", schemas=folder).exit_code == 0
    assert run("check", schemas=folder).exit_code == 0
    a_folder(folder, versions(v1_0_0=a_version("1-0-0", examples=[])))
    assert run("check", schemas=folder).exit_code == 1
    assert run("check", "--record", schemas=folder).exit_code == 1


def test_what_the_base_does_not_know_may_be_recorded_again(tmp_path: Path) -> None:
    folder = committed(tmp_path, versions(v1_0_0=FIRST))
    a_folder(folder, versions(v1_0_1=a_version("1-0-1", note=TEXT)))
    assert run("check", "--record", schemas=folder).exit_code == 0
    a_folder(folder, versions(v1_0_1=a_version("1-0-1", text=TEXT)))

    assert run("check", "--base", "main", schemas=folder).exit_code == 1
    assert run("check", "--base", "main", "--record", schemas=folder).exit_code == 0
    assert run("check", "--base", "main", schemas=folder).exit_code == 0
    commit(tmp_path)
    a_folder(folder, versions(v1_0_1=a_version("1-0-1", note=TEXT)))
    assert run("check", "--base", "main", "--record", schemas=folder).exit_code == 1


def test_without_a_base_the_main_branch_says_which_versions_are_published(tmp_path: Path) -> None:
    folder = committed(tmp_path, {**versions(v1_0_0=FIRST), CONTRACT: KEYED})
    a_folder(folder, {CONTRACT: KEYED.replace("active", "deprecated")})
    assert run("check", schemas=folder).exit_code == 0

    a_folder(folder, versions(v1_0_0=a_version("1-0-0", note=TEXT)))
    result = run("check", schemas=folder)

    assert (result.exit_code, "a published version never changes" in result.output) == (1, True)


def test_what_the_main_branch_has_under_a_wrong_number_is_still_refused(tmp_path: Path) -> None:
    folder = committed(tmp_path, versions(v1_0_0=FIRST, v1_0_1=WRONG))

    assert run("check", schemas=folder).exit_code == 1


def test_junit_has_a_case_for_each_file_and_its_failure(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "schemas", versions(v1_0_0=FIRST, v1_0_1=WRONG))
    report = tmp_path / "report.xml"

    assert run("check", "--junit", report, schemas=folder).exit_code == 1

    suite = Xml.parse(report).getroot()[0]
    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", "2", "1")
    fine, wrong = suite
    assert (fine.get("name"), len(fine)) == (f"{PLACE}/1-0-0", 0)
    assert (wrong.get("name"), wrong[0].tag) == (f"{PLACE}/1-0-1", "failure")
    assert "self.version: wrong bump" in str(wrong[0].get("message"))


@pytest.mark.parametrize("arguments", [("--github",), ()])
def test_github_shows_each_problem_at_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    folder = a_folder(tmp_path / "schemas", versions(v1_0_0=FIRST, v1_0_1=WRONG))
    monkeypatch.chdir(tmp_path)
    if not arguments:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")

    lines = run("check", *arguments, schemas=folder).output.splitlines()

    shown = [line for line in lines if line.startswith("::error ")]
    assert shown[0].startswith(f"::error file=schemas/{PLACE}/1-0-1,line=7,title=self.version::wrong bump: 1-0-0 to")
    assert len(shown) == 2
    assert not any(line.startswith("::") for line in run("check", "--no-github", schemas=folder).output.splitlines())


def test_json_has_every_problem_with_its_place(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, versions(v1_0_0=FIRST, v1_0_1=WRONG))

    problems = json.loads(run("check", "--output", "json", schemas=folder).output)["problems"]

    assert [(one["file"], one["line"], one["path"]) for one in problems] == [
        (f"{PLACE}/1-0-1", 7, "self.version"),
        (f"{PLACE}/1-0-1", 1, ""),
    ]
