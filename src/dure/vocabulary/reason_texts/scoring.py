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
    "scoring.ranked_corrected": _(
        "Rank {rank} with {score} points after correction for the reviewers. The plain mean of"
        " {reviews} reviews is {raw_score} points."
    ),
    "scoring.ranked_corrected_by_tie_break": _(
        "Rank {rank} with {score} points after correction for the reviewers. The plain mean of"
        " {reviews} reviews is {raw_score} points. Other applications have the same score; their"
        " order follows from the published seed {seed}."
    ),
    "scoring.below_pass_mark_corrected": _(
        "Not ranked: {score} points after correction for the reviewers are below the pass mark of"
        " {pass_mark}. The plain mean of {reviews} reviews is {raw_score} points."
    ),
    "scoring.groups_apart": _(
        "The reviewers fall into {groups} groups that have no application in common. How strict one"
        " group is beside another cannot be told from the points; a correction compares reviewers"
        " within a group only."
    ),
    "scoring.same_scores": _(
        "{reviewer} gave all {reviews} applications the same {points} points, which tells nothing"
        " of their order."
    ),
    "scoring.reviewers_alike": _(
        "The reviewers differ no more than chance makes them differ. The corrected score is the"
        " plain mean."
    ),
    "scoring.too_few_to_correct": _(
        "There are too few reviews to tell the reviewers' leniency from the applications' merit."
        " The plain mean counts."
    ),
}
