"""One round: read the facts, find the awards, give each application its outcome and reason."""

from __future__ import annotations

from dure.engine.allocation.explain import Explainer
from dure.engine.allocation.facts import Outcome, Request, RoundPlan, RoundPolicy, RoundSnapshot
from dure.engine.allocation.limits import Award, read
from dure.engine.allocation.solve import solve
from dure.vocabulary.plans import Header, Reason


def plan(snapshot: RoundSnapshot, policy: RoundPolicy, header: Header) -> RoundPlan:
    """The round's plan: one outcome per request, in order of rank.

    The order of the snapshot's entries changes nothing; the same inputs give the same plan.
    """
    round_ = read(snapshot, policy)
    solution = solve(round_)
    explainer = Explainer(round_, solution.awards)
    return RoundPlan(
        header=header,
        intents=tuple(
            _outcome(request, solution.awards.get(request.application), explainer.why(request))
            for request in round_.requests
        ),
        objective=solution.merit,
        bound=solution.bound,
        optimal=solution.merit == solution.bound,
    )


def _outcome(request: Request, award: Award | None, reason: Reason) -> Outcome:
    application = request.application
    if award is None:
        return Outcome(
            application=application, outcome="waitlisted", pool=None, servers=0, reason=reason
        )
    return Outcome(
        application=application,
        outcome="awarded" if award.servers == request.servers else "reduced",
        pool=award.pool,
        servers=award.servers,
        reason=reason,
    )
