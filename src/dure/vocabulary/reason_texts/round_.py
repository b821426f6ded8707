"""Sentences of the round decision, and of the smallest change that would have served somebody.

Common parameters: `place` of the application in the round's order, `window` the months meant
(counted from 1, such as `3-8`), `minimum` servers it needs, `room` servers left, `short` servers
missing, `limit` the quota, organisation or rule that is full, `cutoff` the worst place served.
"""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "round.awarded": _(
        "Awarded all that was requested, in pool {pool}, at place {place}. Servers of {model}:"
        " {servers}; months of the round: {window}."
    ),
    "round.reduced": _(
        "Awarded {servers} of the {wanted} servers requested of {model}, in pool {pool}, at place"
        " {place} (month {window}): the pool has no more room for it."
    ),
    "round.reduced_quota": _(
        "Awarded {servers} of the {wanted} servers requested of {model}, in pool {pool}, at place"
        " {place} (month {window}): the quota {limit} is used up."
    ),
    "round.reduced_organisation_cap": _(
        "Awarded {servers} of the {wanted} servers requested of {model}, in pool {pool}, at place"
        " {place} (month {window}): the organisation {limit} has reached the most one organisation"
        " may hold."
    ),
    "round.reduced_rule": _(
        "Awarded {servers} of the {wanted} servers requested of {model}, in pool {pool}, at place"
        " {place} (month {window}): the rule {limit} allows no more."
    ),
    "round.reduced_would_pass_over": _(
        "Awarded {servers} of the {wanted} servers requested of {model}, in pool {pool}, at place"
        " {place} (month {window}). More would reach a floor of the round, which is the only reason"
        " why a better-placed application waits while a worse-placed one is served."
    ),
    "round.better_ranked_ahead": _(
        "On the waitlist at place {place}. In the pools it accepts, better-placed applications of"
        " the same class came first; the last one served was at place {cutoff}; places to make up:"
        " {behind}. Its score is {cutoff_score}, this application's {score}; the difference is"
        " {points}. Servers of {model} needed in one pool: {minimum}. Pool {pool} comes nearest"
        " with {room} left (month {window}), {short} too few."
    ),
    "round.pool_full": _(
        "On the waitlist at place {place}. Servers of {model} needed in one pool: {minimum}. Pool"
        " {pool} comes nearest with {room} left (month {window}), {short} too few. Of the same"
        " class, only applications whose servers would not do for this one were served after it,"
        " down to place {cutoff}: fewer servers, other months or no whole blocks."
    ),
    "round.other_classes_ahead": _(
        "On the waitlist at place {place}. Servers of {model} needed in one pool: {minimum}. Pool"
        " {pool} comes nearest with {room} left (month {window}), {short} too few. No application"
        " of the same class was served from the pools it accepts in its months."
    ),
    "round.quota_full": _(
        "On the waitlist at place {place}. Servers left in the quota {limit} (month {window}):"
        " {room}; the application needs {minimum}, {short} more than that."
    ),
    "round.organisation_cap": _(
        "On the waitlist at place {place}. Servers that the organisation {limit} may still hold"
        " (month {window}): {room}; the application needs {minimum}, {short} more than that."
    ),
    "round.rule_full": _(
        "On the waitlist at place {place}. Servers left under the rule {limit} (month {window}):"
        " {room}; the application needs {minimum}, {short} more than that."
    ),
    "round.floor_ahead": _(
        "On the waitlist at place {place}. Server-months kept for the group {limit}: {least}. To"
        " reach them, an application of that group at place {cutoff} is served, though it stands"
        " after this one. Servers of {model} needed in one pool: {minimum}. Pool {pool} comes"
        " nearest with {room} left (month {window}), {short} too few."
    ),
    "round.blocks_full": _(
        "On the waitlist at place {place}. Whole free blocks needed in one pool: {blocks}. Pool"
        " {pool} comes nearest with {room} left (month {window}), {short} too few."
    ),
    "round.blocks_split": _(
        "On the waitlist at place {place}. Whole free blocks needed in one pool: {blocks}. Pool"
        " {pool} has as many in every month (month {window}), but not the same ones throughout,"
        " and servers cannot move between blocks during a term."
    ),
    "round.outscored": _(
        "On the waitlist with a score of {score}. The round serves the applications that reach the"
        " most score for their servers and months together, and the plan found gives the room to"
        " others; the lowest score served from the pools it accepts is {cutoff_score}. Servers"
        " of {model} needed in one pool: {minimum}. Pool {pool} comes nearest with {room} left"
        " (month {window}), {short} too few."
    ),
    "round.would_pass_over": _(
        "On the waitlist at place {place}. Pool {pool} has the {minimum} of {model} that it needs"
        " (month {window}). Serving it would reach a floor of the round, which is the only reason"
        " why a better-placed application waits while a worse-placed one is served."
    ),
    "round.ineligible": _(
        "Left out of the round: the application no longer meets the rules of eligibility. Rules"
        " not met: {rules}."
    ),
    "round.pool_too_small": _(
        "On the waitlist. Servers needed in one pool: {minimum}; the most that a pool of this round"
        " with an acceptable model ({models}) offers in the months asked for is {largest}, {short}"
        " too few."
    ),
    "round.no_pool": _(
        "On the waitlist. This round offers no servers with an acceptable model ({models}) in the"
        " months asked for."
    ),
    "change.fewer_servers": _(
        "It would have been served in this plan if {servers} of {model} were enough instead of"
        " {minimum}, which is {fewer} fewer: pool {pool} has room for that (month {window})."
    ),
    "change.other_model": _(
        "It would have been served in this plan if it also accepted {model}: the {servers} that it"
        " would need of it are left in pool {pool} (month {window})."
    ),
    "change.later_start": _(
        "It would have been served in this plan if it could start in month {start} instead of month"
        " {bound} at the latest: pool {pool} then has the {minimum} of {model} that it needs."
    ),
    "change.earlier_start": _(
        "It would have been served in this plan if it could start in month {start} instead of month"
        " {bound} at the earliest: pool {pool} then has the {minimum} of {model} that it needs."
    ),
    "change.shorter": _(
        "It would have been served in this plan if it asked for fewer months, {months} instead of"
        " {asked}: pool {pool} has the {minimum} of {model} that it needs (month {window})."
    ),
    "change.without_blocks": _(
        "It would have been served in this plan if it did not ask for whole blocks: pool {pool} has"
        " the {minimum} of {model} that it needs (month {window})."
    ),
    "change.more_points": _(
        "With a score of {score} or more, {points} above its own, it would have come before the"
        " application at place {cutoff}, the last one served of its class whose servers would do"
        " for it: {minimum} in pool {pool} (month {window}). Places to make up: {places}."
    ),
}
