"""Position: what is written is what is read; positions of the log are PostgreSQL's own text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.capture.position import (
    Position,
    SnapshotState,
    TableSnapshot,
    decode_position,
    encode_position,
    lsn_number,
    lsn_text,
)

LSN = st.integers(0, (1 << 64) - 1)


TASKS = st.from_type(TableSnapshot)
STATES = st.none() | st.builds(
    SnapshotState, tables=st.lists(st.text()).map(tuple), queue=st.lists(TASKS).map(tuple), is_paused=st.booleans()
)


@given(
    st.builds(
        Position,
        is_snapshot_done=st.booleans(),
        final_lsn=LSN,
        end_lsn=LSN,
        open_lsn=LSN,
        open_events=LSN,
        snapshots=STATES,
    )
)
def test_a_position_is_read_back_as_it_was_written(position: Position) -> None:
    assert decode_position(encode_position(position)) == position


def test_a_position_of_an_earlier_release_is_read() -> None:
    assert decode_position(b'{"is_snapshot_done":true,"final_lsn":5,"end_lsn":7}') == Position(
        is_snapshot_done=True, final_lsn=5, end_lsn=7
    )


@given(LSN)
def test_a_place_in_the_log_is_read_back_as_it_was_written(lsn: int) -> None:
    assert lsn_number(lsn_text(lsn)) == lsn


def test_a_place_in_the_log_is_written_as_postgresql_writes_it() -> None:
    assert lsn_text(0x16_B374_D848) == "16/B374D848"
