"""Orders are carried out exactly once, wherever the agent is killed while it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from tests.bindings import binding, members

from dure.agent.order_desk import OrderDesk
from dure.agent.orders import SETTLES
from dure.backends import durable
from dure.backends.contract import JobRequest, JobStatus, SetBinding, UnableToApplyNow
from dure.backends.simulated import SimulatedBackend, SimulatedPool
from dure.protocol import JobOrder

START = datetime(2026, 3, 2, tzinfo=UTC)


class Killed(BaseException):
    """The agent's process ends here."""


class MortalQueue:
    """The queue of an engine whose agent is killed, or which is away, at the given turns.

    "before": the engine has not taken the job; "after": it has, and nobody heard; "away": it says
    so.
    """

    def __init__(self, engine: SimulatedBackend, fates: Iterator[str]) -> None:
        self._engine, self._fates = engine, fates

    def submit(self, request: JobRequest) -> str:
        fate = next(self._fates, "")
        if fate == "before":
            raise Killed
        if fate == "away":
            raise UnableToApplyNow("away")
        job = self._engine.submit(request)
        if fate == "after":
            raise Killed
        return job

    def cancel(self, job: str) -> None:
        self._engine.cancel(job)
        if next(self._fates, "") == "after":
            raise Killed

    def jobs(self) -> tuple[JobStatus, ...]:
        return self._engine.jobs()


def engine() -> SimulatedBackend:
    """Sixteen accelerators, all of one allocation."""
    made = SimulatedBackend(
        "c",
        pools=[SimulatedPool(pool="p", model="H200", nodes=2)],
        start=START,
        seed="1",
        lent_work=False,
        failure_rate=0,
    )
    bound = binding(
        "a", 16, now=START, project="one", pool="p", servers=2, members=members("ann"),
        starts=START, ends=START + timedelta(days=30),
    )  # fmt: skip
    made.apply(SetBinding(binding=bound))
    return made


def order(name: str, **changes: object) -> JobOrder:
    request = JobRequest(
        project="one",
        allocation="a",
        pool="p",
        accelerators=4,
        command=("sleep", "600"),
        username="ann",
        working_directory="",
    )
    return JobOrder(order=name, request=request).model_copy(update=changes)


fates = st.lists(st.sampled_from(("", "before", "after", "away")), max_size=12)


@given(fates, st.integers(1, 4), st.sets(st.sampled_from("0123")))
def test_every_order_becomes_one_job_whenever_the_agent_is_killed(
    fates: list[str], count: int, cancelled: set[str]
) -> None:
    backend, fate, now = engine(), iter(fates), START
    wanted = tuple(order(str(n)) for n in range(count))
    with TemporaryDirectory() as folder:
        for turn in range(len(fates) + 4):
            now += SETTLES
            backend.advance(now)
            if turn == 2:
                wanted = tuple(
                    one.model_copy(update={"wanted": "cancel"}) if one.order in cancelled else one
                    for one in wanted
                )
            queue = MortalQueue(backend, fate)
            desk = OrderDesk(queue=queue, path=Path(folder) / "orders.json", place=lambda _: "/")
            with suppress(Killed):
                desk.tend(wanted, now)
            jobs = [job.request.label for job in backend.jobs()]
            assert len(jobs) == len(set(jobs)), "an order became two jobs"
        backend.advance(now + timedelta(hours=1))
        states = {job.request.label: job.state for job in backend.jobs()}
        for one in wanted:
            if one.order not in cancelled:
                assert states[one.order] == "completed"
            else:
                assert states.get(one.order, "cancelled") in {"cancelled", "completed"}


def test_the_book_is_on_the_disk_before_the_engine_hears(tmp_path: Path) -> None:
    backend = engine()
    path = tmp_path / "orders.json"
    seen: list[bytes] = []

    class Watching(MortalQueue):
        def submit(self, request: JobRequest) -> str:
            seen.append(path.read_bytes())
            return super().submit(request)

    OrderDesk(queue=Watching(backend, iter(())), path=path, place=lambda _: "/").tend(
        (order("1"),), START
    )
    assert b'"order":"1"' in seen[0].replace(b'": "', b'":"')
    assert not path.with_name(path.name + durable.UNFINISHED).exists()
