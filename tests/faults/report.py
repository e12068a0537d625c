"""The report: all results there are, case by case, as a table for the terminal and as a page."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .results import Result, Verdict

COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.HANG: "magenta", Verdict.UNKNOWN: "yellow"}
ZEROS = (
    "lost", "lost below the committed offset", "duplicated", "unexpected", "out of order", "wrong values",
    "dead letters lost", "dead letters too many", "not processed", "in hanging transactions", "table rows wrong",
    "store entries wrong", "acknowledged and gone", "totals lost", "totals unexpected", "totals wrong",
)  # fmt: skip
"""Figures that must be zero: their sums are told, and of all others the greatest."""


def is_fault(figure: str) -> bool:
    """Whether a figure must be zero."""
    return figure in ZEROS


@dataclass(frozen=True, kw_only=True)
class Row:
    """A case, or a variant of it."""

    case: str
    variant: str
    title: str
    protection: str
    verdicts: Counter[Verdict]
    figures: dict[str, float]
    seconds: float
    last: str
    """When and on which commit it was run last."""
    trouble: tuple[Result, ...]
    """What did not pass, newest first."""
    without: str
    """What the case showed with a protection taken out: ``fencing: 1 FAIL``."""

    @property
    def verdict(self) -> Verdict:
        """The worst there is."""
        order = (Verdict.FAIL, Verdict.HANG, Verdict.UNKNOWN)
        return next((verdict for verdict in order if self.verdicts[verdict]), Verdict.PASS)

    @property
    def faults(self) -> dict[str, float]:
        return {name: value for name, value in self.figures.items() if is_fault(name)}

    @property
    def measures(self) -> dict[str, float]:
        return {name: value for name, value in self.figures.items() if not is_fault(name)}


def rows_of(results: Iterable[Result]) -> list[Row]:
    """The last result of every shard, gathered by case and variant."""
    last = {result.shard: result for result in results}
    groups: dict[tuple[str, str], list[Result]] = {}
    bare: dict[tuple[str, str], list[Result]] = {}
    for result in sorted(last.values(), key=lambda result: (result.case, result.variant, result.seed)):
        (bare if result.without else groups).setdefault((result.case, result.variant), []).append(result)
    return [_row(group, bare.get(place, ())) for place, group in groups.items()]


def _row(group: list[Result], bare: Sequence[Result]) -> Row:
    newest = max(group, key=lambda result: result.began)
    figures: dict[str, float] = {}
    for result in group:
        for name, value in result.figures.items():
            known = figures.get(name, 0)
            figures[name] = known + value if is_fault(name) else max(known, value)
    trouble = [result for result in group if result.verdict is not Verdict.PASS]
    return Row(
        case=newest.case, variant=newest.variant, title=newest.title, protection=newest.protection, figures=figures,
        verdicts=Counter(result.verdict for result in group), seconds=sum(result.seconds for result in group),
        last=f"{newest.began} on {newest.commit}",
        trouble=tuple(sorted(trouble, key=lambda result: result.began, reverse=True)), without=_bare(bare),
    )  # fmt: skip


def _bare(results: Sequence[Result]) -> str:
    """What was seen without each protection."""
    seen = Counter((result.without, result.verdict) for result in results)
    return ", ".join(f"{word}: {count} {verdict}" for (word, verdict), count in sorted(seen.items()))


def _counts(row: Row) -> str:
    return ", ".join(f"{row.verdicts[verdict]} {verdict}" for verdict in Verdict if row.verdicts[verdict])


def _figures(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in figures.items())


def _sums(row: Row) -> str:
    """What must be zero; a word for all that is."""
    wrong = {name: value for name, value in row.faults.items() if value}
    if wrong:
        return _figures(wrong)
    return "all zero" if row.faults else "-"


def print_table(results: Iterable[Result]) -> str:
    """The table as text for the terminal."""
    table = Table(title="fault suite", title_justify="left")
    for name in ("case", "what breaks", "shards", "lost, repeated, wrong", "without", "measured", "s"):
        table.add_column(name, justify="right" if name == "s" else "left")
    for row in rows_of(results):
        counts = f"[{COLOURS[row.verdict]}]{_counts(row)}[/]"
        name = f"{row.case} {row.variant}".strip()
        table.add_row(name, row.title, counts, _sums(row), row.without, _figures(row.measures), f"{row.seconds:.0f}")
    out = io.StringIO()
    Console(file=out, width=160, force_terminal=False).print(table)
    return out.getvalue()


def write_page(results: Iterable[Result], folder: Path) -> Path:
    """The page, complete in itself; where it is."""
    rows = rows_of(results)
    total = sum((row.verdicts for row in rows), Counter())
    head = ", ".join(f"{total[verdict]} {verdict}" for verdict in Verdict)
    body = "".join(_page_row(row) for row in rows)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "report.html"
    page.write_text(PAGE.replace("{head}", escape(head)).replace("{rows}", body), "utf-8")
    return page


def _page_row(row: Row) -> str:
    told = (row.title, row.protection, row.without or "-", _sums(row), _figures(row.measures))
    cells = (*told, f"{row.seconds:.0f}", row.last)
    name = escape(f"{row.case} {row.variant}".strip())
    verdict = f'<td class="{row.verdict.lower()}">{escape(_counts(row))}</td>'
    lines = "".join(f"<li>seed {bad.seed}, {bad.profile}: {bad.verdict} {_told(bad)}</li>" for bad in row.trouble)
    more = f'<tr class="trouble"><td></td><td colspan="8"><ul>{lines}</ul></td></tr>' if lines else ""
    return f"<tr><th>{name}</th>{verdict}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>{more}"


def _told(bad: Result) -> str:
    first, _, rest = bad.message.partition("\n")
    return f"<details><summary>{escape(first[:200])}</summary><pre>{escape(rest)}</pre></details>"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Fault suite</title><style>
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem; color: #1c2024; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .45rem .7rem; border-bottom: 1px solid #e2e5e9 }
thead th { position: sticky; top: 0; background: #f5f6f8 }
tbody th { white-space: nowrap }
td.pass { color: #12703a; font-weight: 600 } td.fail { color: #b3121f; font-weight: 600 }
td.hang { color: #8a1c8f; font-weight: 600 } td.unknown { color: #8a5a00; font-weight: 600 }
.trouble td { background: #fff8f4 } pre { overflow: auto; max-height: 20rem } summary { cursor: pointer }
</style></head><body><h1>Fault suite</h1><p>{head}; of every shard its last run.</p>
<table><thead><tr><th>case</th><th>shards</th><th>what breaks</th><th>what protects</th>
<th>seen without it</th><th>lost, repeated, wrong</th>
<th>measured (greatest)</th><th>seconds</th><th>last run (UTC)</th></tr></thead><tbody>{rows}</tbody></table>
</body></html>
"""
