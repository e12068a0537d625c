"""Laws: whatever clients do, an id means one schema for ever, and what is on disk is what is answered."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streams.contracts.registry import SchemaKind
from streams.registry import deleting, registering
from streams.registry.catalog import Catalog
from streams.registry.model import Change, Draft
from streams.registry.refusals import RefusalError
from streams.registry.store import RegistryStore
from streams.registry.terms import CONFIG

SUBJECTS = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(0, 5)


def draft(number: int) -> Draft:
    return Draft(kind=SchemaKind.AVRO, text=json.dumps({"type": "record", "name": f"R{number}", "fields": []}))


class Clients(RuleBasedStateMachine):
    """Registers, deletes and restarts at random; beside the registry stands a list of what it should have."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._store = RegistryStore(Path(self._folder.name))
        self._catalog = Catalog(self._store.read())
        self._keep(Change(settings={("", CONFIG): {"compatibilityLevel": "NONE"}}))
        self.there: dict[str, dict[int, tuple[int, bool]]] = {}
        """Subject → version → (number of the schema, softly deleted)."""
        self.meaning: dict[int, int] = {}
        """Every id that was ever given → number of its schema."""

    def _keep(self, change: Change | None) -> None:
        if change is not None:
            self._store.write(change)
            self._catalog.apply(change)

    @rule(subject=SUBJECTS, number=NUMBERS)
    def register(self, subject: str, number: int) -> None:
        versions = self.there.setdefault(subject, {})
        live = [version for version, held in versions.items() if held == (number, False)]

        found = registering.register(self._catalog, subject, draft(number))
        self._keep(found.change)

        assert found.version.version == (live[-1] if live else max(versions, default=0) + 1)
        assert self.meaning.setdefault(found.schema.id, number) == number, "an id means one schema"
        versions[found.version.version] = (number, False)

    @rule(subject=SUBJECTS, is_permanent=st.booleans())
    def delete_subject(self, subject: str, is_permanent: bool) -> None:
        versions = self.there.get(subject, {})
        live = [version for version, (_, is_deleted) in versions.items() if not is_deleted]
        expected = 40401 if not versions else 40405 if is_permanent and live else 0 if is_permanent or live else 40404
        try:
            gone, change = deleting.delete_subject(self._catalog, subject, is_permanent=is_permanent)
        except RefusalError as error:
            assert error.code == expected
            return
        self._keep(change)
        assert (expected, gone) == (0, list(versions) if is_permanent else live)
        self.there[subject] = {} if is_permanent else {v: (number, True) for v, (number, _) in versions.items()}

    @rule(subject=SUBJECTS, version=st.integers(1, 4), is_permanent=st.booleans())
    def delete_version(self, subject: str, version: int, is_permanent: bool) -> None:
        versions = self.there.get(subject, {})
        missing = 40402 if versions else 40401
        number, is_deleted = versions.get(version, (0, False))
        wrong = {(True, False): 40407, (False, True): 40406}.get((is_permanent, is_deleted), 0)
        expected = missing if version not in versions else wrong
        try:
            _, change = deleting.delete_version(self._catalog, subject, str(version), is_permanent=is_permanent)
        except RefusalError as error:
            assert error.code == expected
            return
        self._keep(change)
        assert expected == 0
        if is_permanent:
            del versions[version]
        else:
            versions[version] = (number, True)

    @rule()
    def restart(self) -> None:
        self._store.close()
        self._store = RegistryStore(Path(self._folder.name))
        self._catalog = Catalog(self._store.read())

    @invariant()
    def everything_is_answered(self) -> None:
        catalog, there = self._catalog, {name: held for name, held in self.there.items() if held}
        live = {name: [v for v, (_, gone) in held.items() if not gone] for name, held in there.items()}
        assert catalog.subjects() == sorted(name for name, held in live.items() if held)
        assert catalog.subjects(deleted=True) == sorted(there)
        for name, held in there.items():
            versions = catalog.versions(name, deleted=True)
            told = {v.version: (self.meaning[v.schema_id], v.is_deleted) for v in versions}
            assert told == held
            assert all(catalog.schema(v.schema_id).text == draft(held[v.version][0]).text for v in versions)
        used = {v.schema_id for name in there for v in catalog.versions(name, deleted=True)}
        assert {schema_id for schema_id in self.meaning if catalog.has_schema(schema_id)} == used
        assert catalog.last_id == max(self.meaning, default=0)

    def teardown(self) -> None:
        self._store.close()
        self._folder.cleanup()


TestClients = Clients.TestCase
TestClients.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
