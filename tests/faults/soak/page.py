"""Page: the verdict, the pictures and a table of all faults, in one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from .notes import Alarm, AnyNote, Began, Ended, Restarted, Struck

PASS, FAIL, OPEN = "PASS", "FAIL", "not ended"


def verdict_of(ended: Ended | None) -> str:
    """``OPEN``: the run goes on, or was killed."""
    if ended is None:
        return OPEN
    return FAIL if any(ended.checks.values()) else PASS


def write_page(notes: Sequence[AnyNote], pictures: Mapping[str, Path], folder: Path) -> Path:
    """Where it is."""
    began = next((note for note in notes if isinstance(note, Began)), None)
    ended = next((note for note in notes if isinstance(note, Ended)), None)
    drawn = "".join(f"<figure>{_svg(file)}</figure>" for file in pictures.values())
    verdict = verdict_of(ended)
    page = folder / "index.html"
    page.write_text(
        PAGE.format(
            verdict=verdict, kind=verdict.split()[0].lower(), head=escape(_head(began)), checks=_checks(ended),
            figures=_figures(ended), pictures=drawn, faults=_faults(notes), others=_others(notes),
        ), "utf-8",
    )  # fmt: skip
    return page


def _svg(file: Path) -> str:
    """Without what stands before the picture's own element."""
    text = file.read_text("utf-8")
    return text[text.index("<svg") :]


def _head(began: Began | None) -> str:
    if began is None:
        return ""
    return (f"{began.began} UTC, commit {began.commit}: {began.hours:g} h, seed {began.seed}, "
            f"{began.rate} orders a second")  # fmt: skip


def _checks(ended: Ended | None) -> str:
    if ended is None:
        return "<li>no verdict: the run goes on, or was killed</li>"
    return "".join(
        f'<li class="{"fail" if wrong else "pass"}">{escape(what)}{f": {escape(wrong)}" if wrong else ""}</li>'
        for what, wrong in ended.checks.items()
    )


def _figures(ended: Ended | None) -> str:
    figures = {} if ended is None else ended.figures
    return "".join(f"<tr><th>{escape(name)}</th><td>{value:,.6g}</td></tr>" for name, value in figures.items())


def _faults(notes: Sequence[AnyNote]) -> str:
    rows = []
    for note in notes:
        if isinstance(note, Struck):
            back = "not in time" if note.back_s is None else f"{note.back_s - note.healed_s:.0f}"
            lasted = f"{note.healed_s - note.begun_s:.0f}"
            cells = (note.number, clock(note.begun_s), note.name, note.detail, lasted, back)
            rows.append(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>")
    return "".join(rows)


def _others(notes: Sequence[AnyNote]) -> str:
    told = [(note.at_s, f"alarm: {note.text}") for note in notes if isinstance(note, Alarm)]
    told += [(note.at_s, f"worker {note.worker} ended with code {note.code} and was started again")
             for note in notes if isinstance(note, Restarted)]  # fmt: skip
    return "".join(f"<li>{clock(at_s)} {escape(text)}</li>" for at_s, text in sorted(told)) or "<li>nothing</li>"


def clock(seconds: float) -> str:
    """Time since the start, as 1:02:03."""
    return f"{int(seconds) // 3_600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Soak</title><style>
body {{ font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1280px; color: #1c2024; background: #fff }}
figure {{ margin: 1.2rem 0 }} figure svg {{ width: 100%; height: auto }}
table {{ border-collapse: collapse }}
td, th {{ text-align: left; padding: .3rem .8rem; border-bottom: 1px solid #e2e5e9 }}
th {{ font-weight: 500 }} thead th {{ background: #f5f6f8 }}
.pass {{ color: #12703a }} .fail {{ color: #b3121f }} .not {{ color: #8a5a00 }} h1 span {{ font-size: 1rem }}
</style></head><body><h1>Soak <span class="{kind}">{verdict}</span></h1><p>{head}</p>
<ul>{checks}</ul>{pictures}
<p>A fault's number stands above it: shaded dark until it was healed, light until the canaries' latency was back.</p>
<h2>Figures</h2><table>{figures}</table>
<h2>Faults</h2><table><thead><tr><th>number</th><th>at</th><th>fault</th><th>what exactly</th><th>lasted, s</th>
<th>back after, s</th></tr></thead><tbody>{faults}</tbody></table>
<h2>Alarms and restarts by the supervisor</h2><ul>{others}</ul>
</body></html>
"""
