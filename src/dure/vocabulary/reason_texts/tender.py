"""Sentences of supply calls.

Common parameters: `rank` and `score` of the bid, its `price` (the least it can be bought for, where
it divides), `rule` the id of the award rule that decided.
"""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "tender.won": _(
        "Chosen at rank {rank} with {score} points. Servers for public use: {servers}; price:"
        " {price}."
    ),
    "tender.reduced": _(
        "Chosen in part at rank {rank} with {score} points. Servers for public use: {servers};"
        " price: {price}. The rule {rule} leaves room for no more."
    ),
    "tender.budget": _(
        "Not chosen at rank {rank} with {score} points. The bids chosen before it leave {room} of"
        " the budget; its price is {price}, {short} more than that."
    ),
    "tender.budget_value": _(
        "Not chosen at rank {rank} with {score} points. Other bids bring more computing power times"
        " points for the budget of {budget}; its price is {price}."
    ),
    "tender.most_winners": _(
        "Not chosen at rank {rank} with {score} points. At most {most} bids are chosen; the last of"
        " them has {cutoff} points."
    ),
    "tender.minimum": _(
        "Not chosen at rank {rank} with {score} points. With it the budget could no longer reach"
        " the minimum {rule} of {at_least}."
    ),
    "tender.cluster_too_small": _(
        "Not chosen at rank {rank} with {score} points. Servers for public use that each winner"
        " needs in one cluster (rule {rule}): {at_least}; the most in one of its own: {largest}."
    ),
    "tender.share_of_budget": _(
        "Not chosen at rank {rank} with {score} points. One winner may take at most {most} of the"
        " budget; its price is {price}."
    ),
    "tender.one_centre": _(
        "Not chosen at rank {rank} with {score} points. What is bought must stand in one data"
        " centre; the bid needs {centres}."
    ),
    "tender.several": _(
        "Not chosen at rank {rank} with {score} points. Several rules stand in its way together:"
        " {rules}."
    ),
    "tender.conflict": _(
        "Nobody is chosen: these rules cannot be met together by the bids there are: {rules}."
    ),
    "tender.below_pass_mark": _(
        "Not chosen: {score} points are below the pass mark of {pass_mark}."
    ),
    "tender.too_few_reviews": _("Not chosen: too few reviews of the bid have been given."),
    "tender.failed_inspection": _("No longer considered: the site inspection failed."),
    "tender.withdrawn": _("No longer considered: the bidder withdrew after the choice."),
    "tender.own_use_is_all": _("Own use leaves no server for the public."),
    "tender.does_not_divide": _("This does not divide into {parts} equal parts."),
    "tender.too_many_parts": _(
        "The bid could be bought in more than {most} ways. Please offer larger parts."
    ),
    "tender.bid_received": _("Your bid {bid} has been received."),
    "tender.documents_refused": _(
        "The bid did not pass the document check. Rules not met: {rules}."
    ),
    "tender.documents_passed": _("The bid passed the document check."),
    "tender.inspection_passed": _("The site inspection was passed."),
    "tender.price_agreed": _("The price is set to {price}, {by} below the bid."),
    "tender.change_price": _(
        "With all points as they are, it would have been chosen at a price lower by {by}."
    ),
    "tender.change_points": _(
        "With all else as it is, it would have been chosen with {points} more points."
    ),
}
