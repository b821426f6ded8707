"""Owners' work that ended with a node, laid to one node each."""

from __future__ import annotations

from datetime import UTC, datetime

from dure.backends.slurm.counting import Books, Run
from dure.backends.slurm.held import Held, Named
from dure.backends.slurm.lost_work import lost_by_node
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.protocol import LostWork, NodeHealth, NodeState

POOL = SlurmPool(pool="p", model="B200", partition="main", accelerators=64)
SITE = SlurmSite(cluster="c", pools=(POOL,))
BOOKS = Books(
    SITE,
    Held(
        accounts={"p-one": Named(project="one"), "l-one": Named(project="one", pool="p")},
        qos={"g-a": Named(project="one", allocation="a", pool="p")},
    ),
)
ENDED = 1_775_220_000


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def run(row: int = 1, **changes: object) -> Run:
    facts: dict[str, object] = {
        "job": "7", "row": row, "state": "NODE_FAIL", "start_s": ENDED - 3600, "end_s": ENDED,
        "account": "p-one", "qos": "g-a", "user": "ann", "partition": "main",
        "tres": "gres/gpu=16", "nodes": "n[1-2]",
    }  # fmt: skip
    return Run(**{**facts, **changes})  # type: ignore[arg-type]  # its fields, by name


def node(name: str, state: NodeState = "down", since: int = ENDED) -> NodeHealth:
    return NodeHealth(node=name, pool="p", state=state, since=at(since))


def lost(*rows: Run, health: tuple[NodeHealth, ...]) -> dict[str, tuple[LostWork, ...]]:
    ordinals = {one.row: number for number, one in enumerate(rows, 1)}
    return lost_by_node(rows, ordinals=ordinals, books=BOOKS, health=health)


def test_a_gang_is_lost_with_the_node_that_went_out_as_it_ended() -> None:
    found = lost(run(), health=(node("n1", since=ENDED - 900), node("n2", since=ENDED + 1)))
    assert found == {
        "n2": (
            LostWork(
                job="7", attempt=1, allocation="a", accelerators=16,
                started=at(ENDED - 3600), ended=at(ENDED),
            ),
        )
    }  # fmt: skip


def test_of_two_that_went_out_together_it_is_the_first_by_name() -> None:
    assert set(lost(run(), health=(node("n2"), node("n1")))) == {"n1"}


def test_a_node_that_is_back_is_not_blamed() -> None:
    assert lost(run(), health=(node("n1", "up"), node("n2", "unknown"))) == {}


def test_only_owners_work_that_failed_with_its_node_counts() -> None:
    health = (node("n1"),)
    for other in (
        run(state="FAILED"),
        run(state="PREEMPTED"),
        run(account="l-one", qos="lent"),
        run(account="somebody", qos="normal"),
        run(tres="cpu=8"),
        run(end_s=None),
    ):
        assert lost(other, health=health) == {}


def test_each_start_of_a_job_is_its_own() -> None:
    again = run(2, start_s=ENDED + 60, end_s=ENDED + 600)
    (found,) = lost(run(), again, health=(node("n1"),)).values()
    assert [(one.job, one.attempt) for one in found] == [("7", 1), ("7", 2)]
