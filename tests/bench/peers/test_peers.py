"""Peers: what the Python ones share is what the oracle wants, and the table tells what ran. No peer runs here."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from tests.bench.oracle import Record, count_dead, differences, expected, published
from tests.bench.workload import workload

from .report import FLOOR, WORKER, Run, Sitting, save, spread, table
from .spec import PEERS, ROOT
from .work import read_row, window_start, write_result


def a_run(engine: str, cpu_us: float, *, number: int = 1, **wrong: int) -> Run:
    return Run(engine=engine, round=number, events=1_000, wall_s=0.1, cpu_us=cpu_us, peak_mb=100.0, wrong=wrong)


def a_sitting(*runs: Run) -> Sitting:
    return Sitting(job="W", title="sums", runs=list(runs))


def test_what_python_peers_share_gives_what_the_oracle_wants() -> None:
    events: list[Record] = [(0, event.key, event.value) for event in workload(3_000)]
    totals: dict[tuple[int, int], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    seen: set[tuple[int, int]] = set()
    results: list[Record] = []
    for _, key, value in events:
        row = read_row(value or b"")
        if row is None or (row["id"], row["lsn"]) in seen:
            continue
        seen.add((row["id"], row["lsn"]))
        window = row["customer_id"], window_start(row)
        totals[window] = totals[window][0] + 1, totals[window][1] + row["amount"]
        results.append((0, key, write_result(row, *totals[window])))

    wanted, dead = expected(events)

    assert differences(wanted, published(results)) == dict.fromkeys(differences({}, {}), 0)
    assert dead == count_dead(events) == sum(read_row(value or b"") is None for _, _, value in events) > 0


def test_what_is_no_json_or_has_no_row_is_invalid() -> None:
    assert [read_row(value) for value in (b"{", b"[]", b'{"after":null}', b'{"after":{}}')] == [None] * 4


def test_ratios_are_taken_within_a_round_and_a_round_may_lack_an_engine() -> None:
    sitting = a_sitting(
        a_run(WORKER, 10.0), a_run("quix", 100.0), a_run(WORKER, 20.0, number=2), a_run("quix", 100.0, number=2),
        a_run(WORKER, 5.0, number=3),
    )  # fmt: skip

    assert sitting.ratios("quix") == [10.0, 5.0]
    assert spread([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)


def test_a_sitting_is_broken_by_a_wrong_result_where_exactly_once_was_promised() -> None:
    assert not a_sitting(a_run(WORKER, 1.0, lost=0), a_run("bytewax", 1.0, lost=1)).broken
    assert a_sitting(a_run(WORKER, 1.0, lost=0), a_run("quix", 1.0, lost=1)).broken
    assert a_sitting(a_run(WORKER, 1.0, lost=1)).broken
    assert Sitting(job="W", title="sums", runs=[], failed=["quix"]).broken


def test_the_table_has_a_line_for_each_engine_and_says_who_was_wrong(tmp_path: Path) -> None:
    sitting = a_sitting(a_run(FLOOR, 1.0), a_run(WORKER, 4.0, lost=0), a_run("quix", 400.0, lost=3))

    told = table(sitting)
    cells = [list(column.cells) for column in told.columns]

    assert cells[0] == ["floor", "contract-streams", PEERS["quix"].title]
    assert cells[-2] == ["0.25", "1.00", "100.00"]
    assert cells[-1] == ["", "correct", "wrong in 1 of 1"]
    assert '"ratios": [\n        100.0\n      ]' in save(sitting, tmp_path).read_text()


def test_readme_says_of_each_peer_what_it_promises_and_how_it_was_tuned() -> None:
    section = (ROOT / "README.md").read_text("utf-8").partition("### Peers\n")[2].partition("\n## ")[0]
    rows = {row[0]: row[1:] for row in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", section, re.M)}

    assert {title: rows.get(title) for title in (peer.title for peer in PEERS.values())} == {
        peer.title: (peer.guarantee, peer.form, peer.tuned) for peer in PEERS.values()
    }
