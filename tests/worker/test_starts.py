"""Starts: what is noted beside an offset fits, or the worker does not start."""

from __future__ import annotations

from pathlib import Path

import msgspec

from streams.worker.starts import METADATA_BYTES, OffsetMetadata, encode_metadata, find_crowded

from .builders import PIPELINE, TOPIC, a_topology


def test_more_tables_than_can_be_noted_beside_an_offset_are_refused(tmp_path: Path) -> None:
    more = [f'  - {{table: total_of_things_{n}, by: [id], columns: {{n: "count(*)"}}}}\n' for n in range(120)]

    (problem,) = find_crowded(a_topology(tmp_path / "many", PIPELINE + "".join(more)))

    assert str(problem) == (
        f"{TOPIC}: 123 tables are too many for one topic; run some pipelines as another STREAMS_APP"
    )
    assert list(find_crowded(a_topology(tmp_path / "some", PIPELINE + "".join(more[:60])))) == []


def test_for_want_of_room_the_address_is_left_out_before_the_bounds_that_protect_the_state() -> None:
    bounds = {"changelog": 1}
    note = OffsetMetadata(t="worker", f={}, e=bounds, w="h" * METADATA_BYTES, p={"pipeline": {"step": "digest"}})

    kept = msgspec.json.decode(encode_metadata(note), type=OffsetMetadata)

    assert (kept.e, kept.w, kept.p) == (bounds, "", {})
