"""Whatever nodes do: no incident twice, no credit beyond what was lost, the same plan in any order.

Histories are played step by step through the plan itself, as the hub would apply it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from dure.engine import incidents
from dure.engine.checks.incidents import violations
from dure.engine.incidents import (
    Close,
    Credit,
    Fault,
    Incident,
    IncidentIntent,
    IncidentSnapshot,
    Join,
    NodeFacts,
    Open,
    PoolFacts,
    Promise,
    Window,
)
from dure.vocabulary.plans import Header
from dure.vocabulary.programme.incidents import IncidentRules

START = datetime(2026, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
NODES = ("n1", "n2", "n3", "n4")
PER_NODE = 8
WINDOWS_OVER = 22
"""Steps after which no maintenance runs."""

Item = TypeVar("Item")

states = st.sampled_from(["up", "up", "down", "draining", "unknown"])
step = st.tuples(*[states] * len(NODES))
troubles = st.sets(st.tuples(st.sampled_from(NODES), st.sampled_from(["fault", "boot", "ours"])))
promised = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 12), st.integers(1, 2)), max_size=3
)
windows = st.lists(
    st.tuples(
        st.integers(0, 15), st.integers(1, 6), st.integers(0, 10), st.sampled_from(["", *NODES])
    ),
    max_size=2,
)
rules = st.builds(
    IncidentRules,
    credit_rate=st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(1)]),
    credit_after_minutes=st.sampled_from([0, 90]),
)


@dataclass
class Play:
    """Incidents as the hub would hold them."""

    rules: IncidentRules
    promises: tuple[Promise, ...]
    windows: tuple[Window, ...]
    incidents: dict[int, Incident] = field(default_factory=dict)
    states: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    booted: dict[str, datetime] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    ours: frozenset[str] = frozenset()
    out_hours: int = 0
    credited: int = 0

    def trouble(self, now: datetime, what: set[tuple[str, str]]) -> None:
        """Nodes report a fault, were started anew half an hour ago, or are drained by us."""
        found = sorted(name for name, kind in what if kind == "fault")
        self.faults = tuple(
            Fault(id=n, pool="p", node=name, device="0", kind="xid", code="79", at=now)
            for n, name in enumerate(found)
        )
        self.booted |= {name: now - HOUR / 2 for name, kind in what if kind == "boot"}
        self.ours = frozenset(name for name, kind in what if kind == "ours")

    def step(self, now: datetime, said: tuple[str, ...], shuffle: random.Random) -> None:
        for name, state in zip(NODES, said, strict=True):
            if self.states.get(name, ("", now))[0] != state:
                self.states[name] = (state, now)
        snapshot = self._snapshot(None)
        header = Header(number=1, generation=1, now=now)
        plan = incidents.plan(snapshot, self.rules, header)
        assert violations(snapshot, self.rules, plan) == ()
        mixed = self._snapshot(shuffle)
        assert incidents.plan(mixed, self.rules, header) == plan
        for intent in plan.intents:
            self._apply(intent)
        still = [i.node for i in self.incidents.values() if i.ends is None]
        assert len(still) == len(set(still))
        out = {name for name, (state, _) in self.states.items() if state in {"down", "draining"}}
        assert out - self.ours <= set(still)

    def _apply(self, intent: IncidentIntent) -> None:
        if isinstance(intent, Open):
            number = len(self.incidents) + 1
            self.incidents[number] = Incident(
                number=number, pool="p", node=intent.node, cause=intent.cause,
                starts=intent.starts, spare=intent.spare,
                drains=intent.drains, drains_since=intent.drains_since,
            )  # fmt: skip
        elif isinstance(intent, Close):
            ended = self.incidents[intent.incident]
            self.incidents[intent.incident] = ended.model_copy(update={"ends": intent.ends})
        elif isinstance(intent, Credit):
            self.credited += intent.amount
        elif isinstance(intent, Join):
            more = {"drains": intent.drains, "drains_since": intent.drains_since}
            known = self.incidents[intent.incident]
            self.incidents[intent.incident] = known.model_copy(update=more)

    def _snapshot(self, shuffle: random.Random | None) -> IncidentSnapshot:
        def order(items: list[Item]) -> tuple[Item, ...]:
            return tuple(shuffle.sample(items, len(items)) if shuffle else items)

        nodes = [
            NodeFacts.model_validate(
                {
                    "pool": "p", "node": n, "state": s, "since": since, "in_service_since": START,
                    "booted": self.booted.get(n), "reason": "dure:1" if n in self.ours else "",
                }
            )
            for n, (s, since) in self.states.items()
        ]  # fmt: skip
        return IncidentSnapshot(
            pools=(PoolFacts(pool="p", accelerators_per_node=PER_NODE, programme_nodes=4),),
            nodes=order(nodes),
            faults=order(list(self.faults)),
            incidents=order(list(self.incidents.values())),
            promises=order(list(self.promises)),
            windows=order(list(self.windows)),
        )


def _play(
    rule: IncidentRules,
    owners: list[tuple[int, int, int]],
    announced: list[tuple[int, int, int, str]],
) -> Play:
    return Play(
        rule,
        tuple(
            Promise(
                allocation=f"a{index}", pool="p", servers=servers,
                starts=START + start * HOUR, ends=START + (start + hours) * HOUR,
            )
            for index, (start, hours, servers) in enumerate(owners)
        ),
        tuple(
            Window(
                id=f"m{index}", pool="p", nodes=(name,) if name else (),
                starts=START + start * HOUR, ends=START + (start + hours) * HOUR,
                announced=START + start * HOUR - timedelta(days=days),
            )
            for index, (start, hours, days, name) in enumerate(announced)
        ),
    )  # fmt: skip


@given(
    st.lists(step, min_size=1, max_size=16),
    promised,
    windows,
    rules,
    st.randoms(use_true_random=False),
)
@settings(max_examples=40, deadline=None)
def test_no_incident_is_twice_and_credit_never_exceeds_what_was_missing(
    history: list[tuple[str, ...]],
    owners: list[tuple[int, int, int]],
    announced: list[tuple[int, int, int, str]],
    rule: IncidentRules,
    shuffle: random.Random,
) -> None:
    play = _play(rule, owners, announced)
    missing = Fraction(0)
    for at, said in enumerate([*history, *[("up",) * 4] * WINDOWS_OVER]):
        now = START + at * HOUR
        play.step(now, said, shuffle)
        out = [i for i in play.incidents.values() if i.ends is None]
        held = sum(p.servers for p in play.promises if p.starts <= now < p.ends)
        spared = sum(1 for i in out if _spared(play, i.node, now))
        room = 4 - held
        missing += max(0, min(len(out) - room, len(out) - spared)) if held else 0
    assert all(i.ends is not None for i in play.incidents.values())
    assert play.credited <= rule.credit_rate * PER_NODE * 3600 * missing


def _spared(play: Play, name: str, now: datetime) -> bool:
    early = timedelta(days=play.rules.announced_days)
    return any(
        w.covers("p", name) and w.announced + early <= w.starts and w.starts <= now < w.ends
        for w in play.windows
    )


@given(st.lists(st.tuples(step, troubles), min_size=2, max_size=12), windows, st.randoms())
@settings(max_examples=60, deadline=None)
def test_no_second_of_a_node_is_in_two_incidents_whatever_keeps_it_out(
    history: list[tuple[tuple[str, ...], set[tuple[str, str]]]],
    announced: list[tuple[int, int, int, str]],
    shuffle: random.Random,
) -> None:
    """With faults, new starts and our own drains, which the provider's outages overlap."""
    play = _play(IncidentRules(), [(0, 24, 2)], announced)
    for at, (said, what) in enumerate(history):
        play.trouble(START + at * HOUR, what)
        play.step(START + at * HOUR, said, shuffle)
    end = START + len(history) * HOUR
    for name in NODES:
        mine = [i for i in play.incidents.values() if i.node == name]
        for one, following in pairwise(sorted(mine, key=lambda i: i.number)):
            assert one.ends is not None
            assert one.starts <= one.ends <= following.starts <= end
