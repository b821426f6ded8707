"""From a call's snapshot to the plan of who reviews what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from dure.engine.assignment import expertise
from dure.engine.assignment.facts import (
    Assigned,
    AssignmentPlan,
    AssignmentPolicy,
    AssignmentSnapshot,
    Pair,
)
from dure.engine.assignment.solve import Instance, solve
from dure.engine.assignment.standing import Standing, standing
from dure.vocabulary.plans import Header, Reason

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def plan(snapshot: AssignmentSnapshot, policy: AssignmentPolicy, header: Header) -> AssignmentPlan:
    """Adds to each application the reviewers it lacks; `header.seed` mixes among equals.

    With `policy.replace_late`, reviews due by `header.now` and not given go to others.
    """
    found = standing(snapshot, policy, header.now)
    chosen = _chosen(found, header.seed)
    added = Counter(application for application, _ in chosen)
    leaving = {**found.ended, **_replaced(found, added)}
    missing = {a: need - added[a] for a, need in found.needs.items()}
    waiting = Counter(a for a, _ in found.late.keys() - leaving.keys())
    return AssignmentPlan(
        header=header,
        intents=_intents(found, chosen),
        withdrawn=tuple(_assigned(pair, why) for pair, why in sorted(leaving.items(), key=_pair)),
        short=tuple(a for a in found.submissions if missing.get(a, 0) > waiting[a]),
    )


def _replaced(found: Standing, added: Mapping[str, int]) -> dict[Pair, Reason]:
    """The late pairs whose place is taken: as many as the application now has too many."""
    late = Counter(application for application, _ in found.late)
    spare = {a: late[a] + added.get(a, 0) - found.needs.get(a, 0) for a in late}
    replaced: dict[Pair, Reason] = {}
    for pair, why in sorted(found.late.items(), key=_pair):
        if spare[pair[0]] > 0:
            spare[pair[0]] -= 1
            replaced[pair] = why
    return replaced


def _intents(found: Standing, chosen: list[Pair]) -> tuple[Assigned, ...]:
    loads = Counter(found.loads) + Counter(reviewer for _, reviewer in chosen)
    return tuple(
        _assigned(
            (application, reviewer),
            expertise.reason(
                found.submissions[application], found.reviewers[reviewer], loads[reviewer]
            ),
        )
        for application, reviewer in chosen
    )


def _assigned(pair: Pair, reason: Reason) -> Assigned:
    return Assigned(application=pair[0], reviewer=pair[1], reason=reason)


def _pair(item: tuple[Pair, Reason]) -> Pair:
    return item[0]


def _chosen(found: Standing, seed: str) -> list[Pair]:
    """The pairs to make, in the order of their ids."""
    import numpy as np  # noqa: PLC0415  # loaded where a plan is made, not where its types are read

    rows = {name: row for row, name in enumerate(found.needs)}
    columns = {name: column for column, name in enumerate(found.reviewers)}
    may = np.ones((len(rows), len(columns)), dtype=np.bool_)
    for application, reviewer in found.closed:
        if application in rows and reviewer in columns:
            may[rows[application], columns[reviewer]] = False
    limits = (found.room[name] for name in columns)
    room = np.array([len(rows) if most is None else most for most in limits], dtype=np.int64)
    may &= room > 0
    lacking = np.array(list(found.needs.values()), dtype=np.int64)
    needs = np.minimum(lacking, may.sum(axis=1))
    instance = Instance(
        needs=needs,
        lacks=lacking - needs,
        loads=np.array(list(found.loads.values()), dtype=np.int64),
        room=np.minimum(room, len(rows)),
        open=may,
        points=expertise.points(
            [found.submissions[name] for name in rows], list(found.reviewers.values())
        ),
        mix=_mix(seed, rows, columns),
    )
    applications, reviewers = list(rows), list(columns)
    return [(applications[row], reviewers[column]) for row, column in solve(instance)]


# The constants of the finaliser of splitmix64 (Steele, Lea, Flood, 2014).
_FIRST_FACTOR: Final = 0xBF58476D1CE4E5B9
_SECOND_FACTOR: Final = 0x94D049BB133111EB


def _mix(seed: str, rows: Iterable[str], columns: Iterable[str]) -> npt.NDArray[np.int64]:
    """A number of 32 bits for each pair, the same on any machine."""
    import numpy as np  # noqa: PLC0415  # likewise

    across, down = (np.array([_hash(seed, n) for n in ids], np.uint64) for ids in (columns, rows))
    mixed = across[None, :] + down[:, None]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_FIRST_FACTOR)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_SECOND_FACTOR)
    return (mixed >> np.uint64(32)).astype(np.int64)


def _hash(seed: str, name: str) -> int:
    return int.from_bytes(sha256(f"{seed}:{name}".encode()).digest()[:8], "big")
