"""The decision of who starts and who makes room, on boards too tangled to stage with processes."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import combinations
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st
from tests.bindings import binding, share

from dure.backends.gangs import Work, decide
from dure.protocol import Binding, LentShare

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _binding(allocation: str, accelerators: int) -> Binding:
    return binding(allocation, accelerators, now=NOW, pool="p")


def _share(project: str, most: int) -> LentShare:
    return share(project, most, pool="p")


works = st.lists(
    st.tuples(
        st.sampled_from([None, "A", "B"]),
        st.integers(1, 6),
        st.sampled_from(["pending", "running", "stopping"]),
    ),
    max_size=12,
)


def _board(drawn: list[tuple[str | None, int, str]], capacity: int) -> list[Work]:
    """What was drawn, with no more running than there is room for."""
    found, held = [], 0
    for number, (allocation, size, state) in enumerate(drawn):
        fits = held + size <= capacity
        held += size if state != "pending" and fits else 0
        found.append(
            Work(
                job=f"j{number}",
                sequence=number,
                project=allocation or "L",
                allocation=allocation,
                accelerators=size,
                state="running"
                if state == "running" and fits
                else "stopping"
                if state == "stopping" and fits
                else "pending",
                started=number,
            )
        )
    return found


@given(works, st.integers(4, 16), st.integers(0, 8), st.integers(0, 8), st.integers(0, 16))
def test_no_decision_breaks_a_limit_or_stops_more_than_it_must(
    drawn: list[tuple[str | None, int, str]], capacity: int, a: int, b: int, most: int
) -> None:
    work = _board(drawn, capacity)
    by_name = {w.job: w for w in work}
    made = decide(
        capacity=capacity,
        now=NOW,
        bindings=[_binding("A", a), _binding("B", b)],
        lent=[_share("L", most)],
        work=work,
    )
    starts = [by_name[job] for job in made.starts]
    held = sum(w.accelerators for w in work if w.state != "pending")
    assert held + sum(w.accelerators for w in starts) <= capacity
    for allocation, limit in (("A", a), ("B", b)):
        mine = [w for w in work if w.allocation == allocation and w.state != "pending"]
        more = [w for w in starts if w.allocation == allocation]
        if more:
            assert sum(w.accelerators for w in (*mine, *more)) <= limit
    lent = [w for w in work if w.allocation is None and w.state != "pending"]
    if any(w.allocation is None for w in starts):
        borrowed = sum(w.accelerators for w in (*lent, *starts) if w.allocation is None)
        assert borrowed <= most
    assert all(by_name[job].state == "running" for job in made.preempts)
    pending = {w.job for w in work if w.state == "pending"}
    assert pending == {*made.starts, *made.waits}
    waits_for_room = any(r.code == "job.taking_back" for r in made.waits.values())
    over_share = sum(w.accelerators for w in lent) > most
    if made.preempts and not over_share:
        assert waits_for_room


@given(st.lists(st.integers(1, 6), min_size=1, max_size=7), st.integers(1, 12))
def test_victims_are_as_few_as_can_be(sizes: list[int], need: int) -> None:
    """The obvious twin tries every set of lent jobs."""
    capacity = max(sum(sizes), need)
    lent = [
        Work(
            job=f"l{n}",
            sequence=n,
            project="L",
            allocation=None,
            accelerators=size,
            state="running",
            started=n,
        )
        for n, size in enumerate(sizes)
    ]
    owner = Work(
        job="o", sequence=99, project="A", allocation="A", accelerators=need, state="pending"
    )
    made = decide(
        capacity=capacity,
        now=NOW,
        bindings=[_binding("A", need)],
        lent=[_share("L", 99)],
        work=[*lent, owner],
    )
    short = need - (capacity - sum(sizes))
    fewest = next(
        (n for n in range(len(sizes) + 1) if any(sum(c) >= short for c in combinations(sizes, n))),
        None,
    )
    assert fewest is not None
    assert len(made.preempts) == fewest
    assert sum(sizes[int(job[1:])] for job in made.preempts) >= short


def test_of_equally_few_victims_the_youngest_give_way() -> None:
    lent = [
        Work(
            job=name,
            sequence=n,
            project="L",
            allocation=None,
            accelerators=size,
            state="running",
            started=n,
        )
        for n, (name, size) in enumerate([("old", 2), ("middle", 2), ("young", 1)])
    ]
    owner = Work(job="o", sequence=9, project="A", allocation="A", accelerators=2, state="pending")
    made = decide(
        capacity=5, now=NOW, bindings=[_binding("A", 2)], lent=[_share("L", 9)], work=[*lent, owner]
    )
    assert made.preempts == ("middle",)


def test_where_nothing_suffices_nobody_is_preempted() -> None:
    lent = Work(job="l", sequence=0, project="L", allocation=None, accelerators=1, state="running")
    full = Work(job="b", sequence=1, project="B", allocation="B", accelerators=3, state="running")
    owner = Work(job="o", sequence=2, project="A", allocation="A", accelerators=2, state="pending")
    made = decide(
        capacity=4,
        now=NOW,
        bindings=[_binding("A", 2), _binding("B", 3)],
        lent=[_share("L", 9)],
        work=[lent, full, owner],
    )
    assert made.preempts == ()
    assert made.waits["o"].code == "job.pool_short"


def test_a_smaller_job_of_the_same_allocation_does_not_overtake() -> None:
    def mine(job: str, n: int, size: int, state: Literal["pending", "running"]) -> Work:
        return Work(
            job=job, sequence=n, project="A", allocation="A", accelerators=size, state=state
        )

    work = [
        mine("runs", 0, 2, "running"),
        mine("large", 1, 3, "pending"),
        mine("small", 2, 1, "pending"),
    ]
    made = decide(capacity=8, now=NOW, bindings=[_binding("A", 4)], lent=[], work=work)
    assert made.starts == ()
    assert made.waits["small"].code == "job.over_guarantee"


def test_what_is_idle_and_what_is_being_freed_are_held_for_the_owner_until_it_starts() -> None:
    def lent(job: str, n: int, size: int, state: Literal["pending", "running", "stopping"]) -> Work:
        return Work(
            job=job, sequence=n, project="L", allocation=None, accelerators=size, state=state
        )

    owner = Work(job="o", sequence=9, project="A", allocation="A", accelerators=3, state="pending")
    for state in ("running", "stopping"):
        made = decide(
            capacity=4,
            now=NOW,
            bindings=[_binding("A", 3)],
            lent=[_share("L", 9)],
            work=[
                lent("stays", 0, 1, "running"),
                lent("goes", 1, 2, "running" if state == "running" else "stopping"),
                lent("waits", 2, 1, "pending"),
                owner,
            ],
        )
        assert made.preempts == (("goes",) if state == "running" else ())
        assert made.starts == ()
        assert made.waits["o"].code == "job.taking_back"
        assert made.waits["waits"].code == "job.nothing_idle"


def test_two_owners_do_not_count_on_the_same_freed_slots() -> None:
    lent = [
        Work(
            job=f"l{n}",
            sequence=n,
            project="L",
            allocation=None,
            accelerators=2,
            state="running",
            started=n,
        )
        for n in (0, 1)
    ]
    owners = [
        Work(job=f"o{n}", sequence=n, project=a, allocation=a, accelerators=2, state="pending")
        for n, a in ((8, "A"), (9, "B"))
    ]
    made = decide(
        capacity=4,
        now=NOW,
        bindings=[_binding("A", 2), _binding("B", 2)],
        lent=[_share("L", 9)],
        work=[*lent, *owners],
    )
    assert set(made.preempts) == {"l0", "l1"}
