"""However Slurm's accounting is read - late, again, in any order - each second counts once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.backends.test_slurm_counting import run
from tests.unit.backends.test_slurm_nodes import line

from dure.backends import segments
from dure.backends.contract import UsageBatch
from dure.backends.slurm import counting, nodes
from dure.backends.slurm.counting import Books, Live
from dure.backends.slurm.held import Held, Named
from dure.backends.slurm.nodes import Event
from dure.backends.slurm.site import SlurmPool, SlurmSite

SITE = SlurmSite(
    cluster="lab", pools=(SlurmPool(pool="big", model="B200", partition="main", accelerators=64),)
)
BOOKS = Books(
    SITE,
    Held(
        qos={"g-a": Named(project="x", pool="big", allocation="A")},
        accounts={"p-x": Named(project="x"), "l-x": Named(project="x", pool="big")},
    ),
)
EVERY_S = 10
END_S = 120


@dataclass(frozen=True)
class Ran:
    """One run, and how late the accounting has its start and the rest of it."""

    job: int
    start_s: int
    end_s: int
    accelerators: int
    lent: bool
    lag_s: int


@st.composite
def histories(draw: st.DrawFn) -> list[Ran]:
    """Jobs, each with its runs one after the other."""
    found: list[Ran] = []
    for job in range(draw(st.integers(1, 5))):
        at = draw(st.integers(1, 60))
        lent, size = draw(st.booleans()), draw(st.integers(1, 16))
        for _ in range(draw(st.integers(1, 3))):
            length = draw(st.integers(0, 35))
            found.append(Ran(job, at, at + length, size, lent, draw(st.integers(0, 5))))
            at += length + draw(st.integers(1, 10))
    return found


def row(number: int, ran: Ran, now_s: int) -> str:
    """As sacct shows it at this instant; the end is always known, the rest of the start late."""
    whole = now_s > ran.start_s + ran.lag_s
    ended = now_s > ran.end_s
    qos = ("lent" if ran.lent else "g-a") if whole else "Unknown"
    return "|".join(
        (
            str(ran.job), str(number), "COMPLETED" if ended else "RUNNING", str(ran.start_s),
            str(ran.end_s) if ended else "Unknown", "l-x" if ran.lent else "p-x", qos, "kim",
            "main" if whole else "", f"cpu=1,gres/gpu={ran.accelerators}" if whole else "", "n1",
        )
    )  # fmt: skip


def seen(history: Sequence[Ran], since_s: int, now_s: int, order: Random) -> UsageBatch:
    """What is said at this instant when asked from `since_s` on."""
    started = [(n, ran) for n, ran in enumerate(history, 1) if ran.start_s < now_s]
    lines = [
        row(n, ran, now_s)
        for n, ran in started
        if (ran.end_s >= since_s or now_s <= ran.end_s)
        and (n % 2 or now_s > ran.start_s + ran.lag_s)
    ]
    lines += order.sample(lines, len(lines) // 2)
    order.shuffle(lines)
    rows = counting.runs("\n".join(lines))
    queue = [
        Live(
            job=str(ran.job), start_s=ran.start_s, end_s=ran.end_s if now_s > ran.end_s else None,
            account="l-x" if ran.lent else "p-x", qos="lent" if ran.lent else "g-a",
            partition="main", tres=f"gres/gpu={ran.accelerators}",
        )
        for _, ran in started
    ]  # fmt: skip
    settled_s = counting.settled(rows, queue=queue, books=BOOKS, from_s=since_s, latest_s=now_s - 1)
    every = counting.runs("\n".join(row(n, ran, now_s) for n, ran in started))
    counted = counting.holdings(
        rows,
        ordinals=counting.attempts(every),
        books=BOOKS,
        alive_jobs=counting.alive(queue),
    )
    assert not counted.lost_ends
    records, opens = counting.usage(counted, every_s=EVERY_S, settled_s=settled_s)
    return segments.batch(
        usage=records,
        open_from=map(segments.instant, opens),
        since=segments.instant(since_s),
        until=segments.instant(settled_s),
    )


@given(
    histories(),
    st.lists(st.integers(2, END_S), max_size=8),
    st.integers(0, 2**32),
)
def test_each_second_of_each_run_is_said_once_however_the_accounting_is_read(
    history: list[Ran], looks: list[int], order: int
) -> None:
    said: dict[tuple[str, int, float], tuple[float, int, str]] = {}
    cursor = 0
    draw = Random(order)  # noqa: S311  # a shuffle
    for now_s in [*sorted(looks), 1000]:
        batch = seen(history, cursor, now_s, draw)
        for r in batch.usage:
            key = (r.job, r.attempt, r.start.timestamp())
            content = (r.end.timestamp(), r.accelerators, r.kind)
            assert said.setdefault(key, content) == content
        cursor = max(cursor, int(batch.complete_through.timestamp()))
    amounts: dict[str, float] = {}
    for (name, _, start), (end, size, _) in said.items():
        amounts[name] = amounts.get(name, 0) + (end - start) * size
    for job in {ran.job for ran in history}:
        true = sum((r.end_s - r.start_s) * r.accelerators for r in history if r.job == job)
        assert amounts.get(str(job), 0) == true


@given(histories(), st.integers(2, END_S), st.integers(2, END_S), st.integers(0, 2**32))
def test_what_was_said_of_the_past_is_said_the_same_way_later(
    history: list[Ran], early: int, late: int, order: int
) -> None:
    early, late = sorted((early, late))
    first, again = (
        seen(history, 0, now_s, Random(order + now_s))  # noqa: S311  # a shuffle
        for now_s in (early, late)
    )
    through = first.complete_through
    assert [r for r in again.usage if r.start < through and r.end <= through] == [
        r for r in first.usage if r.start < through and r.end <= through
    ]


events = st.builds(
    lambda start, length, node: Event(
        node=node, start_s=start, end_s=None if length > 70 else start + length, state="DOWN",
        reason="",
    ),
    st.integers(1, 100),
    st.integers(0, 80),
    st.sampled_from(["n1", "n2"]),
)  # fmt: skip


@given(st.lists(events, max_size=5), histories(), st.integers(0, 100), st.randoms())
def test_a_node_is_down_in_each_second_of_an_event_in_which_nothing_runs_there(
    found: list[Event], history: list[Ran], from_s: int, order: Random
) -> None:
    ran = [run(row=n, start_s=r.start_s, end_s=r.end_s, nodes="n1") for n, r in enumerate(history)]
    order.shuffle(found)
    from_s = from_s // EVERY_S * EVERY_S
    known = nodes.nodes(line("n1", "IDLE") + line("n2", "IDLE"))
    outages = nodes.outages(found, known=known, ran=ran, site=SITE, from_s=from_s)
    records, opens = nodes.downtime(outages, every_s=EVERY_S, settled_s=END_S)
    for node in ("n1", "n2"):
        pieces = [(r.start.timestamp(), r.end.timestamp()) for r in records if r.node == node]
        said = [second for start, end in pieces for second in range(int(start), int(end))]
        assert len(set(said)) == len(said)
        busy = {s for r in ran if node == "n1" for s in range(r.start_s, r.end_s or 0)}
        down = {
            second
            for event in found
            if event.node == node
            for second in range(max(from_s, event.start_s), event.end_s or 10**3)
        } - busy
        last = min([END_S, *opens])
        assert {s for s in said if s < last} == {s for s in down if s < last}
