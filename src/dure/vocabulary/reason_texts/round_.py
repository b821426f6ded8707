"""Sentences of the round decision.

Common parameters: `rank` of the application, `minimum` servers it needs, `limit` the pool, quota
or organisation that was full, `room` servers left there, `short` servers missing.
"""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "round.awarded": _(
        "Awarded all that was requested, in pool {pool}, at rank {rank}. Servers: {servers}."
    ),
    "round.reduced": _(
        "Awarded {servers} of the {wanted} servers requested, in pool {pool}, at rank {rank}:"
        " the pool has no server left."
    ),
    "round.reduced_quota": _(
        "Awarded {servers} of the {wanted} servers requested, in pool {pool}, at rank {rank}:"
        " the quota {limit} is used up."
    ),
    "round.reduced_organisation_cap": _(
        "Awarded {servers} of the {wanted} servers requested, in pool {pool}, at rank {rank}:"
        " the organisation {limit} has reached the most one organisation may hold."
    ),
    "round.better_ranked_ahead": _(
        "On the waitlist at rank {rank}. In the pools it accepts, better-ranked applications of the"
        " same class came first; the last one served was at rank {cutoff}. Servers needed in one"
        " pool: {minimum}; the most room left is {room} in pool {limit}, {short} too few."
    ),
    "round.pool_full": _(
        "On the waitlist at rank {rank}. Servers needed in one pool: {minimum}; the"
        " most room left is {room} in pool {limit}, {short} too few. Of the same class, only"
        " smaller requests were served after it, down to rank {cutoff}."
    ),
    "round.other_classes_ahead": _(
        "On the waitlist at rank {rank}. Servers needed in one pool: {minimum}; the"
        " most room left is {room} in pool {limit}, {short} too few. No application of the same"
        " class was served from the pools it accepts."
    ),
    "round.quota_full": _(
        "On the waitlist at rank {rank}. Servers left in the quota {limit}: {room}; the"
        " application needs {minimum}, {short} more than that."
    ),
    "round.organisation_cap": _(
        "On the waitlist at rank {rank}. Servers that the organisation {limit} may still hold:"
        " {room}; the application needs {minimum}, {short} more than that."
    ),
    "round.pool_too_small": _(
        "On the waitlist. Servers needed in one pool: {minimum}; the largest pool of"
        " this round with an acceptable model ({models}) has {largest}, {short} too few."
    ),
    "round.no_pool": _(
        "On the waitlist. This round offers no servers with an acceptable model ({models})."
    ),
}
