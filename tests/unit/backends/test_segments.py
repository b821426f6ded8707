"""Cutting what was held into segments that never change once said."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dure.backends.segments import Holding, batch, cut, instant, open_since

HELD = Holding(
    job="j",
    attempt=1,
    allocation="A",
    project="P",
    pool="p",
    username="kim",
    accelerators=2,
    start_s=1000,
    end_s=None,
    outcome="completed",
)
spans = st.tuples(st.integers(0, 5000), st.integers(0, 2000), st.integers(1, 700))


@given(spans)
def test_the_segments_of_an_ended_holding_fill_it_exactly(span: tuple[int, int, int]) -> None:
    start, length, every = span
    held = replace(HELD, start_s=start, end_s=start + length)
    records = list(cut(held, every_s=every, origin_s=0, seen_s=0))
    assert sum(int((r.end - r.start).total_seconds()) for r in records) == length
    if records:
        assert records[0].start == instant(start)
        assert records[-1].end == instant(start + length)
        assert records[-1].outcome == "completed"
        assert {r.outcome for r in records[:-1]} <= {"running"}


@given(spans, st.integers(0, 2000))
def test_what_was_said_while_it_ran_is_said_again_after_it_ended(
    span: tuple[int, int, int], ran: int
) -> None:
    start, length, every = span
    grid = {"every_s": every, "origin_s": 0}
    seen = start + min(ran, length)
    running = list(cut(replace(HELD, start_s=start), seen_s=seen, **grid))
    ended = list(cut(replace(HELD, start_s=start, end_s=start + length), seen_s=0, **grid))
    assert running == ended[: len(running)]
    open_from = open_since(replace(HELD, start_s=start), seen_s=seen, **grid)
    assert open_from == (int(running[-1].end.timestamp()) if running else start)


def test_a_holding_within_one_second_holds_nothing() -> None:
    assert list(cut(replace(HELD, end_s=1000), every_s=60, origin_s=0, seen_s=0)) == []


def test_a_batch_is_complete_up_to_the_first_segment_it_leaves_out() -> None:
    held = replace(HELD, start_s=1000, end_s=1090)
    records = list(cut(held, every_s=60, origin_s=0, seen_s=0))
    said = batch(usage=records, open_from=(), since=None, until=instant(1050))
    assert [r.end for r in said.usage] == [instant(1020)]
    assert said.complete_through == instant(1020)
    rest = batch(usage=records, open_from=(), since=instant(1050), until=instant(1100))
    assert [r.end for r in rest.usage] == [instant(1080), instant(1090)]
    assert rest.complete_through == instant(1100)
