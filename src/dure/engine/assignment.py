"""Assignment: who reviews what.

- Never a reviewer with a conflict of interest: of the same organisation, of a partner's, or with a
  declared conflict. A conflict discovered later voids what was already assigned.
- Each application gets `per_application` distinct reviewers, fewer only where fewer are without a
  conflict; those applications are named in `short`.
- Loads, counting what is already assigned, are as even as possible; among even loads as many
  reviews as possible go to a reviewer of the application's field.
- Among equals the seed mixes, so reviewers overlap and their scores can be compared.
- Exact: one minimum-cost flow, in integers. Already assigned reviews stay where they are; the
  plan holds only what is added.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from pydantic import model_validator

from dure.engine.organisation_names import canonical_name
from dure.vocabulary.distinct import require_distinct
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Header, Intent, Plan, Reason


class Submission(Frozen):
    application: str
    organisation: str
    partners: tuple[str, ...] = ()
    field: str = ""


class Reviewer(Frozen):
    """`declared`: organisations or applications with which they declared a conflict."""

    reviewer: str
    organisation: str
    fields: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()


class AssignmentSnapshot(Frozen):
    """`already`: pairs (application, reviewer). A pair with someone no longer here is ignored."""

    call: str
    submissions: tuple[Submission, ...]
    reviewers: tuple[Reviewer, ...]
    already: tuple[tuple[str, str], ...] = ()

    @model_validator(mode="after")
    def _once_each(self) -> AssignmentSnapshot:
        require_distinct("application", (s.application for s in self.submissions))
        require_distinct("reviewer", (r.reviewer for r in self.reviewers))
        return self


class Assigned(Intent):
    application: str
    reviewer: str


class AssignmentPlan(Plan):
    """Intents by application and reviewer; `short`: applications with too few reviewers."""

    kind: Literal["assignment"] = "assignment"
    intents: tuple[Assigned, ...]
    short: tuple[str, ...]


class UnableToAssignError(RuntimeError):
    """The solver gave up: the instance is beyond its range of costs."""


def conflict(submission: Submission, reviewer: Reviewer) -> str | None:
    """The reason code of the reviewer's conflict of interest with the application, or None."""
    own = canonical_name(reviewer.organisation)
    applicant = canonical_name(submission.organisation)
    partners = {canonical_name(partner) for partner in submission.partners} - {""}
    declared = {canonical_name(name) for name in reviewer.declared} - {""}
    if own and own == applicant:
        return "assignment.same_organisation"
    if own in partners:
        return "assignment.partner_organisation"
    if submission.application in reviewer.declared or declared & {applicant, *partners}:
        return "assignment.declared"
    return None


def plan(snapshot: AssignmentSnapshot, per_application: int, header: Header) -> AssignmentPlan:
    """Adds to each application the reviewers it lacks; `header.seed` mixes among equals."""
    problem = _problem(snapshot, per_application, header.seed)
    chosen = sorted(
        (problem.pairs[i].application, problem.pairs[i].reviewer) for i in _solve(problem)
    )
    loads = Counter(problem.loads) + Counter(reviewer for _, reviewer in chosen)
    matched = {(p.application, p.reviewer): p.field for p in problem.pairs}
    return AssignmentPlan(
        header=header,
        intents=tuple(
            Assigned(
                application=application,
                reviewer=reviewer,
                reason=_reason(matched[application, reviewer], loads[reviewer]),
            )
            for application, reviewer in chosen
        ),
        short=problem.short,
    )


def _reason(field: str | None, load: int) -> Reason:
    if field is None:
        return Reason(code="assignment.by_load", params={"load": load})
    return Reason(code="assignment.by_field", params={"field": field, "load": load})


@dataclass(frozen=True, slots=True)
class _Pair:
    """A reviewer who may review an application; `field` is the field they share, if any."""

    application: str
    reviewer: str
    field: str | None
    mix: int


@dataclass(frozen=True, slots=True)
class _Problem:
    """`needs`: reviews to add per application, none where none is needed or possible."""

    needs: dict[str, int]
    loads: dict[str, int]
    pairs: tuple[_Pair, ...]
    short: tuple[str, ...]


# How finely the seed tells equals apart; more steps cost range in the solver's 64-bit costs.
_MIX_STEPS = 256


def _problem(snapshot: AssignmentSnapshot, per_application: int, seed: str) -> _Problem:
    submissions = sorted(snapshot.submissions, key=lambda s: s.application)
    reviewers = sorted(snapshot.reviewers, key=lambda r: r.reviewer)
    free = {s.application: [r for r in reviewers if conflict(s, r) is None] for s in submissions}
    allowed = {(application, r.reviewer) for application, rs in free.items() for r in rs}
    kept = set(snapshot.already) & allowed
    held = Counter(application for application, _ in kept)
    reach = {application: min(per_application, len(rs)) for application, rs in free.items()}
    needs = {a: reach[a] - held[a] for a in reach if reach[a] > held[a]}
    load = Counter(reviewer for _, reviewer in kept)
    return _Problem(
        needs=needs,
        loads={r.reviewer: load[r.reviewer] for r in reviewers},
        pairs=tuple(
            _pair(s, r, seed)
            for s in submissions
            if s.application in needs
            for r in free[s.application]
            if (s.application, r.reviewer) not in kept
        ),
        short=tuple(a for a in reach if max(reach[a], held[a]) < per_application),
    )


def _pair(submission: Submission, reviewer: Reviewer, seed: str) -> _Pair:
    shared = submission.field if submission.field in reviewer.fields else ""
    digest = sha256(f"{seed}:{submission.application}:{reviewer.reviewer}".encode()).digest()
    return _Pair(
        application=submission.application,
        reviewer=reviewer.reviewer,
        field=shared or None,
        mix=digest[0] % _MIX_STEPS,
    )


def _solve(problem: _Problem) -> list[int]:
    """The indices of the chosen pairs: least uneven, then fewest outside the field, then mixed.

    A flow source -> application -> reviewer -> sink, whose first arcs are the pairs.
    """
    import numpy as np  # noqa: PLC0415  # loaded where a plan is made, not where its types are read
    from ortools.graph.python import min_cost_flow  # noqa: PLC0415  # likewise

    arcs = _arcs(problem)
    if not arcs:
        return []
    reviews = sum(problem.needs.values())
    tails, heads, capacities, costs = np.array(arcs, dtype=np.int64).T
    flow = min_cost_flow.SimpleMinCostFlow()
    flow.add_arcs_with_capacity_and_unit_cost(tails, heads, capacities, costs)
    flow.set_node_supply(_SOURCE, reviews)
    flow.set_node_supply(_SINK, -reviews)
    status = flow.solve()
    if status != flow.OPTIMAL:
        msg = f"{len(problem.needs)} applications, {len(problem.loads)} reviewers: {status}"
        raise UnableToAssignError(msg)
    taken = flow.flows(np.arange(len(problem.pairs)))
    return [int(i) for i in np.flatnonzero(taken)]


_SOURCE, _SINK, _FIRST = 0, 1, 2


def _arcs(problem: _Problem) -> list[tuple[int, int, int, int]]:
    """Tail, head, capacity, cost of each arc.

    Three aims in one cost: one step of an earlier aim outweighs all of the later ones together.
    A reviewer's n-th review costs 2n - 1 steps, so the sum of the squares of the loads is least,
    and no exchange can make them more even.
    """
    reviews = sum(problem.needs.values())
    off_field = reviews * _MIX_STEPS + 1
    uneven = (reviews + 1) * off_field
    application = {name: _FIRST + i for i, name in enumerate(problem.needs)}
    reviewer = {name: _FIRST + len(application) + i for i, name in enumerate(problem.loads)}
    most = Counter(pair.reviewer for pair in problem.pairs)
    return [
        *(
            (application[p.application], reviewer[p.reviewer], 1, _cost(p, off_field))
            for p in problem.pairs
        ),
        *((_SOURCE, application[name], need, 0) for name, need in problem.needs.items()),
        *(
            (reviewer[name], _SINK, 1, (2 * n + 1) * uneven)
            for name, load in problem.loads.items()
            for n in range(load, load + most[name])
        ),
    ]


def _cost(pair: _Pair, off_field: int) -> int:
    return pair.mix + (off_field if pair.field is None else 0)
