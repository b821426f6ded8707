"""Sentences of the scoring decision."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "scoring.ranked": _("Rank {rank} with {score} points from {reviews} reviews."),
    "scoring.ranked_by_tie_break": _(
        "Rank {rank} with {score} points from {reviews} reviews. Other applications have the same"
        " score; their order follows from the published seed {seed}."
    ),
    "scoring.below_pass_mark": _(
        "Not ranked: {score} points from {reviews} reviews are below the pass mark of {pass_mark}."
    ),
    "scoring.too_few_reviews": _(
        "Not ranked: {reviews} of the {required} required reviews have been given."
    ),
}
