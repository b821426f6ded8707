"""Sentences of panels and of the stages of a review."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "panel.passed": _(
        "Passed: {share} percent of the points on average, from {evaluators} evaluators."
    ),
    "panel.passed_by_majority": _(
        "Passed: {votes} of {evaluators} evaluators recognised it, with {share} percent of the"
        " points on average."
    ),
    "panel.best_of_all": _(
        "Passed as the best of all with {share} percent of the points, as one application must be"
        " chosen."
    ),
    "panel.no_review": _("Not passed: nobody has reviewed the application."),
    "panel.no_majority": _(
        "Not passed: {votes} of {evaluators} evaluators gave at least {mark} percent of the points;"
        " more than half are needed."
    ),
    "panel.below_mean": _(
        "Not passed: {share} percent of the points on average; at least {mark} percent are needed."
    ),
    "panel.below_criterion": _(
        "Not passed: {share} percent of the points for {criterion}; at least {mark} percent are"
        " needed."
    ),
    "panel.peer_reviews_missing": _(
        "Rejected: {missing} of the {asked} reviews that the applicants were asked for are missing."
    ),
}
