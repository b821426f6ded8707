"""The document that a site of the twin is told is the one that the hub would give its agent."""

from __future__ import annotations

import pytest
from tests.integration import small
from tests.integration.small import STARTED
from tests.unit.twin import tiny

from dure.hub.allocations.desired import document
from dure.hub.allocations.models import Project
from dure.hub.loop import step
from dure.hub.supply.models import Cluster
from dure.protocol import Desired

pytestmark = pytest.mark.django_db

POOL = "pool-a"
PEOPLE = ("ann", "bob", "cho")
TERM_DAYS = 184  # six months from 2 March
SAME_WORLD = {
    "starts": STARTED.date().isoformat(),
    "days": 1,
    "control_step_hours": 24,
    "supply": {"pools": [{"id": POOL, "nodes": 8, "spare_nodes": 1}]},  # of 10, 2 its provider's
    "allocations": {
        "given": [
            {"project": who, "pool": POOL, "servers": 3, "until_day": TERM_DAYS}
            for who in ("ann", "bob")
        ],
        "waiting": [{"project": "cho", "pool": POOL, "servers": 4}],
    },
}


def comparable(told: Desired, name: dict[str, str]) -> Desired:
    """Without people, numbers of revisions, and projects whose home is another pool."""
    return told.model_copy(
        update={
            "cluster": "",
            "revision": 0,
            "bindings": tuple(
                one.model_copy(
                    update={"allocation": "", "members": (), "project": name[one.project]}
                )
                for one in told.bindings
            ),
            "lent": tuple(
                one.model_copy(update={"members": (), "project": name[one.project]})
                for one in told.lent
                if one.project in name
            ),
        }
    )


def test_the_same_world_is_told_in_the_same_words() -> None:
    world = small.running()
    step(programme=world.programme, now=STARTED)
    hub = document(Cluster.objects.get(key="centre-a"))
    twin = tiny.play("pool", of=tiny.jobs((0, 60, 1, 0)), **SAME_WORLD).register.offices[0].told
    keys = {Project.objects.get(application__applicant=world[who]).key: who for who in PEOPLE}
    assert len(hub.bindings) == 2
    assert len(twin.lent) == 3
    assert comparable(twin, {who: who for who in PEOPLE}) == comparable(hub, keys)
