"""What of the rules and the supply a play does not play, in words: nothing is left out in silence.

- A note is a sentence of the report and of the command, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from dure.twin.words import Say
from dure.vocabulary.marking import gettext_noop as _
from dure.vocabulary.programme import Programme
from dure.vocabulary.programme.reclaim import (
    IdleJob,
    LateReport,
    LinearExpiry,
    ReclaimRule,
    UseAgainstAward,
    UseAgainstPlan,
)


class Note(NamedTuple):
    """A sentence with what fills it."""

    text: str
    params: tuple[tuple[str, str | int], ...] = ()

    def said(self, say: Say = str) -> str:
        """The sentence in the reader's language."""
        return say(self.text).format(**dict(self.params))


def scenario_notes(rules: Iterable[ReclaimRule]) -> Iterator[Note]:
    """What the twin assumes about rules of reclaim, or does not execute."""
    for rule in rules:
        named = (("rule", rule.id),)
        match rule:
            case IdleJob():
                yield Note(_("Rule {rule} looks at single jobs; it is not played."), named)
            case LateReport():
                yield Note(_("Rule {rule} looks at reports; it is not played."), named)
            case UseAgainstPlan():
                yield Note(
                    _(
                        "Rule {rule} asks for each project's own plan of use; it is played with an"
                        " even use over the term."
                    ),
                    named,
                )
                yield _hours(rule.id)
            case UseAgainstAward() | LinearExpiry():
                yield _hours(rule.id)


def _hours(rule: str) -> Note:
    return Note(
        _(
            "Rule {rule} takes hours and no servers: its notices and pull-backs are counted, and"
            " the servers stay."
        ),
        (("rule", rule),),
    )


def programme_notes(programme: Programme | None, starts: date) -> Iterator[Note]:
    """What of a programme file a play leaves out."""
    if programme is None:
        return
    if programme.unit != "server":
        yield Note(
            _("The programme awards {unit}s; the twin's rounds and shares are in servers."),
            (("unit", programme.unit),),
        )
    yield from _supply(programme, starts)
    yield from _caps(programme)


def _supply(programme: Programme, starts: date) -> Iterator[Note]:
    standing = programme.standing_allocations
    if standing:
        yield Note(
            _(
                "The programme's {count} standing allocations ({servers} servers) are not played;"
                " the scenario's own allocations stand instead."
            ),
            (("count", len(standing)), ("servers", sum(one.servers for one in standing))),
        )
    for _provider, _cluster, pool in programme.pools():
        if pool.arrangement == "rehearsal":
            yield Note(
                _("Pool {pool} is the operator's own for rehearsals; it is not played."),
                (("pool", pool.id),),
            )
        elif pool.available_until or (pool.available_from and pool.available_from > starts):
            yield Note(
                _("Pool {pool} is played on all days, though its supply is for a part of them."),
                (("pool", pool.id),),
            )


def _caps(programme: Programme) -> Iterator[Note]:
    """Caps and floors by sector, region, track or size: the twin's projects have none of them."""
    bounds = [quota.id for quota in programme.quotas if quota.enforcement != "target"]
    bounds += [rule.id for rule in programme.allotment.rules]
    for name in bounds:
        yield Note(
            _(
                "Bound {name} of the programme is not played: the twin's projects have no sector,"
                " region, track or size class."
            ),
            (("name", name),),
        )
    if programme.allotment.region_bonus_points:
        yield Note(_("The programme's bonus points for regions are not played."))


MOVES = Note(_("A project's jobs run on the pool of its own; they do not move between pools."))
"""Said of every play."""
