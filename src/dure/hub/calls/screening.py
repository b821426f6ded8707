"""Screening as the operator sees it: the funnel, who would be or was refused and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from dure.engine import eligibility
from dure.hub.calls import candidacy
from dure.hub.calls.models import Application, Call, DuplicatePair
from dure.hub.people.gate import Action, Actor, require
from dure.hub.supply.queries import rules
from dure.vocabulary.frozen import Text


@dataclass(frozen=True, slots=True)
class Screening:
    """`submitted`: all that were; `refused` and `by_rule` count what was refused of them."""

    drafts: int
    submitted: int
    withdrawn: int
    refused: int
    by_rule: list[tuple[Text, int]]
    pairs: int
    undecided: int


def a_call(*, key: str, by: Actor) -> Call:
    """The call. Raises Call.DoesNotExist, NotPermitted."""
    require(by, Action.SEE_ROUND)
    return Call.objects.select_related("programme").get(key=key)


def overview(call: Call) -> Screening:
    """The call's funnel up to the review."""
    states = dict(call.applications.values_list("state").annotate(n=Count("pk")).order_by())
    drafts = states.get(Application.State.DRAFT, 0)
    withdrawn = states.get(Application.State.WITHDRAWN, 0)
    rulings = Counter(call.duplicate_pairs.values_list("ruling", flat=True))
    return Screening(
        drafts=drafts,
        submitted=sum(states.values()) - drafts - withdrawn,
        withdrawn=withdrawn,
        refused=states.get(Application.State.REFUSED, 0),
        by_rule=_by_rule(call),
        pairs=rulings.total(),
        undecided=rulings[""],
    )


def _by_rule(call: Call) -> list[tuple[Text, int]]:
    counts: Counter[str] = Counter()
    words: dict[str, Text] = {}
    for failures in refused(call).values_list("failures", flat=True):
        for failure in failures:
            if "rule" in failure:
                counts[failure["rule"]] += 1
                words[failure["rule"]] = Text.model_validate(failure["say"])
    return [(words[rule], count) for rule, count in counts.most_common()]


def refused(call: Call) -> QuerySet[Application]:
    """Who was refused at screening, by number."""
    return (
        call.applications.filter(state=Application.State.REFUSED)
        .select_related("organisation")
        .defer("answers")
        .order_by("number")
    )


def pairs(call: Call) -> QuerySet[DuplicatePair]:
    """The suspected duplicates, those to be decided in front, the likest first."""
    return call.duplicate_pairs.select_related(
        "first__organisation", "second__organisation"
    ).order_by("ruling", "-percent", "first__number", "second__number")


def preview(*, call: Call, by: Actor, now: datetime) -> dict[str, tuple[eligibility.Failure, ...]]:
    """What screening would find now, by number; the failures of each. Changes nothing."""
    require(by, Action.SEE_ROUND)
    submitted = list(
        call.applications.filter(state=Application.State.SUBMITTED)
        .select_related("organisation", "call__programme")
        .order_by("number")
    )
    known = candidacy.read(submitted, now)
    document = rules(call.programme)
    return {
        one.number: eligibility.failures(candidacy.candidate(one, now, known), document.eligibility)
        for one in submitted
    }
