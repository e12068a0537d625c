"""Build: one pipeline and its contract become a plan, or problems with file and line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from streams.contracts.documents import Path
from streams.contracts.model import Column, ColumnType, ContractFamily, Contracts, UnknownContractError
from streams.contracts.registry import SchemaSource
from streams.errors import Problem
from streams.records import ChangeEvent

from .canary.build import build_candidate, candidate_of, family_in_force
from .covers import partial, pseudonym, redact
from .exchange.build import is_local, make_exchanges
from .exchange.plan import Exchange, Needs
from .expressions import ExpressionError, Scope, compile_condition, compile_expression, to_json
from .formats.codecs import build_codec
from .grammar import CHANGE_FORMATS
from .groups import GroupBuilder
from .joining.build import Partner
from .joins import JoinBuilder
from .keep import compile_in_scope, known_rows
from .lookups.build import LookupBuilder
from .pairing.build import make_pairing
from .plan import Aggregation, Derivation, Evaluate, MaskRule, Plan, RowTable
from .retries.build import make_retries
from .routes import RouteBuilder
from .sources import UNREAD, check_source, deduplication_of, event_time_of, further_topics_of, partners_of
from .spec import Pipeline
from .transactional.build import make_transactional

T = TypeVar("T")


class PlanBuilder:
    """Collects what is wrong while it builds, so that one start shows every mistake."""

    def __init__(
        self,
        pipeline: Pipeline,
        contracts: Contracts,
        reads: frozenset[str],
        *,
        app: str,
        mask_key: bytes | None,
        registry: SchemaSource | None = None,
        partners: Mapping[str, Partner] | None = None,
        streams: Mapping[str, Partner] | None = None,
    ) -> None:
        self.problems: list[Problem] = []
        self._registry = registry
        self._partners = partners or {}
        self._streams = streams or {}
        self._pipeline = pipeline
        self._contracts = contracts
        self._app = app
        self._mask_key = mask_key
        self._is_change_format = pipeline.source.format in CHANGE_FORMATS
        self._reads = {*reads, *(() if pipeline.transactional is None else ("source",))}
        """Parts of the envelope that steps read: ``key``, ``source``."""
        self.columns: dict[str, Column] = {}
        """Of the row as it is at this step."""
        self._key: tuple[str, ...] = ()
        self._derived = Needs(columns=None)
        """What derived columns read of an event."""

    def build(self) -> Plan | None:
        """The plan; ``None`` where ``problems`` say why not."""
        found = self.resolve(self._pipeline.source.contract, ("source", "contract"))
        family = None if found is None else family_in_force(self, self._pipeline, found)
        if family is None:
            return None
        self.columns = dict(family.newest.columns)
        self._key = self._pipeline.source.identity or family.newest.key
        plan = self._plan(family)
        return None if self.problems else plan

    # -- shared by the parts

    def problem(self, path: Path, message: str) -> None:
        """Note a mistake at ``path`` of the file."""
        self.problems.append(self._pipeline.document.problem(path, message))

    def resolve(self, criterion: str, path: Path) -> ContractFamily | None:
        """The contract versions that ``criterion`` admits."""
        try:
            return self._contracts.resolve(criterion)
        except UnknownContractError as error:
            # A contract whose own files are wrong is reported there, and once is enough.
            if error.subject not in self._contracts.broken:
                self.problem(path, str(error))
        except ValueError as error:
            self.problem(path, str(error))
        return None

    def require_columns(self, names: tuple[str, ...], path: Path, columns: Mapping[str, Column]) -> None:
        """Each of ``names`` must be one of ``columns``."""
        for name in names:
            if name not in columns:
                self.problem(path, f"no column {name!r}; there are: {', '.join(sorted(columns))}")

    def _compiled(self, path: Path, compile_text: Callable[[], T]) -> T | None:
        try:
            return compile_text()
        except ExpressionError as error:
            self.problem(path, error.message)
            return None

    def _scope(self) -> Scope:
        return Scope(columns=self.columns, envelope=self._is_change_format)

    # -- the parts, in the order of the steps

    def _plan(self, family: ContractFamily) -> Plan:
        pipeline = self._pipeline
        event_time = event_time_of(self, pipeline.source.event_time, self.columns)
        deduplicate, by = deduplication_of(self, pipeline, self.columns, self._key)
        condition = self._condition("filter", pipeline.filter)
        where = self._condition("where", pipeline.where)
        masks = self._masks()
        lookups = LookupBuilder(self, pipeline).build(self.columns)
        joins, relation = JoinBuilder(self, pipeline, self._partners, app=self._app).build(self.columns, self._key)
        pairing = make_pairing(self, pipeline, self._streams, self.columns, self._key, app=self._app)
        derivations = self._derivations()
        table = self._table()
        local, exchanges = self._groups()
        known = table or known_rows(self, pipeline, self._key)
        routes = RouteBuilder(self, pipeline, self.columns, family.newest.key, known, local).build()
        check_source(self, pipeline, family.newest, has_registry=self._registry is not None)
        if by == "identity" or known is not None or relation is not None or any(route.is_envelope for route in routes):
            self._reads.add("source")
        reads = frozenset(self._reads)
        candidate = candidate_of(self, pipeline, family, self._contracts)
        decoding = (event_time, reads, self._registry)
        codec = UNREAD if self.problems else build_codec(pipeline.source, family, *decoding)
        canary = None if candidate is None or self.problems else build_candidate(pipeline, family, candidate, *decoding)
        attached = {attachment.table for route in routes for attachment in route.attachments}
        retries = make_retries(self, pipeline, self._key, joins, is_split=codec.split is not None)
        transactional = make_transactional(
            self, pipeline, exchanges, relation, pairing, joins, app=self._app, registry=self._registry
        )
        return Plan(
            name=pipeline.name,
            topic=pipeline.source.topic,
            contract=family,
            key=self._key,
            codec=codec,
            canary=canary,
            event_time=event_time,
            max_future_ms=pipeline.source.max_future_ms,
            deduplicate=deduplicate,
            deduplicate_by=by,
            condition=condition,
            where=where,
            masks=masks,
            lookups=lookups,
            joins=joins,
            relation=relation,
            further_topics=further_topics_of(retries, relation, transactional, joins),
            partners=partners_of(relation.local if relation else joins, pairing),
            pairing=None if pairing is None else replace(pairing, needs=self._derived),
            derivations=derivations,
            table=table,
            known=None if table is not None else known,
            aggregations=tuple(replace(held, is_attached=held.table in attached) for held in local),
            exchanges=exchanges,
            routes=routes,
            retries=retries,
            transactional=transactional,
            dead_letters=pipeline.dead_letters or f"{pipeline.source.topic}-{pipeline.name}-dlt",
            app=self._app,
            spec=pipeline.document.value,
        )

    def _groups(self) -> tuple[tuple[Aggregation, ...], tuple[Exchange, ...]]:
        """(groups that a task has whole, those that their events must travel to)."""
        pipeline = self._pipeline
        groups = GroupBuilder(self, self.columns, has_envelope=self._is_change_format)
        kept = [groups.build(spec, ("aggregate", index)) for index, spec in enumerate(pipeline.aggregates)]
        self._reads |= groups.reads
        partitioned = pipeline.source.key or self._key
        local = tuple(held for held in kept if is_local(held.by, partitioned))
        elsewhere = [held for held in kept if held not in local]
        exchanges = make_exchanges(self._app, pipeline.name, pipeline.source.topic, elsewhere, groups.needs)
        return local, tuple(held.knowing(self.columns) for held in exchanges)

    def _condition(self, step: str, text: str | None) -> Callable[[ChangeEvent], bool] | None:
        if text is None:
            return None
        condition = self._compiled(
            (step,),
            lambda: compile_in_scope(
                lambda scope: compile_condition(text, scope),
                self.columns,
                of_row=step == "where",
                envelope=self._is_change_format,
            ),
        )
        if condition is None:
            return None
        self._reads |= condition.envelope
        unsure = sorted((condition.columns & self._pipeline.mask.keys()) - set(self._key))
        if unsure and self._is_change_format:
            message = f"{', '.join(unsure)}: masked, and not always sent; a condition sees it raw or not at all"
            self.problem((step,), message)
        return condition.holds

    def _masks(self) -> tuple[MaskRule, ...]:
        rules = []
        for name, kind in self._pipeline.mask.items():
            column = self.columns.get(name)
            if column is None:
                self.require_columns((name,), ("mask", name), self.columns)
            elif (rule := self._mask(name, kind, column)) is not None:
                rules.append(rule)
        for name in (name for name, kind in self._pipeline.mask.items() if kind == "drop"):
            self.columns.pop(name, None)
        return tuple(rules)

    def _mask(self, name: str, kind: str, column: Column) -> MaskRule | None:
        is_text = column.type is ColumnType.TEXT
        match kind:
            case "drop":
                return MaskRule(column=name, cover=None)
            case "redact":
                if not column.nullable and not is_text:
                    self.problem(("mask", name), "a column that is neither text nor nullable cannot be redacted; drop")
                return MaskRule(column=name, cover=redact(column))
            case "partial":
                if not is_text:
                    self.problem(("mask", name), f"partial is for text; {name} is {column.type.value}")
                return MaskRule(column=name, cover=partial(column))
            case "hash":
                return self._hash(name, is_text)
            case _:
                evaluate = self._json_of(kind, ("mask", name), column)
                return None if evaluate is None else MaskRule(column=name, cover=None, evaluate=evaluate)

    def _hash(self, name: str, is_text: bool) -> MaskRule:
        if self._mask_key is None:
            self.problem(("mask", name), "hash needs a secret; put one in a file and set STREAMS_MASK_KEY_FILE")
        if not is_text:
            self.problem(("mask", name), f"hash is text, {name} is not; derive a text column from it")
        return MaskRule(column=name, cover=pseudonym(self._mask_key or b""))

    def _json_of(self, text: str, path: Path, column: Column | None) -> Evaluate | None:
        expression = self._compiled(path, lambda: compile_expression(text, self._scope()))
        if expression is None:
            return None
        self._reads |= expression.envelope
        evaluate, kind = expression.evaluate, column or expression.type
        if expression.type in (ColumnType.INTEGER, ColumnType.BOOLEAN):
            return evaluate
        return lambda event: to_json(evaluate(event), kind)

    def _derivations(self) -> tuple[Derivation, ...]:
        derivations = []
        for name, text in self._pipeline.derive.items():
            path: Path = ("derive", name)
            expression = self._compiled(path, lambda text=text: compile_expression(text, self._scope()))  # type: ignore[misc]  # the loop's text, bound now
            evaluate = self._json_of(text, path, None) if expression is not None else None
            if expression is None or evaluate is None:
                continue
            self._derived |= Needs(columns=None, images=expression.images, envelope=expression.envelope)
            is_of_row = not expression.images and not expression.envelope
            reads = expression.columns if is_of_row else None
            derivations.append(Derivation(column=name, evaluate=evaluate, type=expression.type, reads=reads))
            self.columns[name] = Column(name=name, type=expression.type)
        return tuple(derivations)

    def _table(self) -> RowTable | None:
        spec = self._pipeline.table
        if spec is None:
            return None
        key = spec.key or self._key
        if not key:
            self.problem(("table",), "the contract has no key; name one: table: {name: …, key: […]}")
        self.require_columns(key, ("table", "key"), self.columns)
        for name in key:
            if name in self._pipeline.mask:
                self.problem(("mask", name), f"{name} is the key of table {spec.name}; a masked key finds no row")
            if name not in self._key and self._is_change_format:
                self.problem(("table", "key"), f"{name}: on DELETE only the contract's key is known")
        return RowTable(name=spec.name, key=key)
