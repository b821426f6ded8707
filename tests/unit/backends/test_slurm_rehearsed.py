"""In a rehearsal every instant moves, wherever it stands in a message, and nothing else does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dure.backends.contract import JobRequest, JobStatus, SetBinding, UsageBatch
from dure.backends.slurm.rehearsed import moved
from dure.protocol import Binding, MemberAccess, NodeRecord

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BACK = timedelta(days=-236, seconds=7)

BINDING = Binding(
    allocation="a-1",
    project="owner",
    pool="pool",
    servers=1,
    accelerators=8,
    members=(MemberAccess(username="kim"),),
    starts=NOON,
    ends=NOON + timedelta(days=30),
    generation=3,
)


def test_a_binding_inside_a_change_keeps_all_but_its_period() -> None:
    there = moved(SetBinding(binding=BINDING), BACK).binding
    assert (there.starts, there.ends) == (NOON + BACK, NOON + timedelta(days=30) + BACK)
    assert there.model_copy(update={"starts": BINDING.starts, "ends": BINDING.ends}) == BINDING


def test_every_instant_of_a_batch_moves_and_one_that_is_missing_stays_so() -> None:
    node = NodeRecord(
        node="n1", pool="pool", accelerators=8, start=NOON, end=NOON + timedelta(minutes=5),
        reason="down",
    )  # fmt: skip
    batch = moved(UsageBatch(nodes=(node,), complete_through=NOON), BACK)
    assert batch.complete_through == batch.nodes[0].start == NOON + BACK
    request = JobRequest(
        project="owner", pool="pool", accelerators=1, command=("true",), username="kim",
        working_directory="/",
    )  # fmt: skip
    waiting = JobStatus(job="1", request=request, state="pending", attempt=1, submitted=NOON)
    assert moved((waiting,), BACK)[0] == waiting.model_copy(update={"submitted": NOON + BACK})


def test_there_and_back_is_the_same() -> None:
    assert moved(moved(BINDING, BACK), -BACK) == BINDING
