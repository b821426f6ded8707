"""The names of decisions, outcomes and steps, in the reader's language."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

KINDS: Final[dict[str, Promise]] = {
    "screening": pgettext_lazy("kind of decision", "Screening"),
    "assignment": pgettext_lazy("kind of decision", "Assignment of reviewers"),
    "scoring": pgettext_lazy("kind of decision", "Ranking"),
    "round": pgettext_lazy("kind of decision", "Allocation round"),
    "waitlist": pgettext_lazy("kind of decision", "Promotion from the waitlist"),
    "lending": pgettext_lazy("kind of decision", "Lending"),
    "reclaim": pgettext_lazy("kind of decision", "Reclaim"),
    "tender": pgettext_lazy("kind of decision", "Choice among bids"),
    "incidents": pgettext_lazy("kind of decision", "Incidents"),
}

OUTCOMES: Final[dict[str, Promise]] = {
    "awarded": pgettext_lazy("outcome of a round", "Awarded"),
    "reduced": pgettext_lazy("outcome of a round", "Awarded in part"),
    "waitlisted": pgettext_lazy("outcome of a round", "On the waitlist"),
    "ineligible": pgettext_lazy("outcome of a round", "No longer eligible"),
}

OUTCOME_TONES: Final = {
    "awarded": "positive",
    "reduced": "info",
    "waitlisted": "warning",
    "ineligible": "negative",
}

POLICIES: Final[dict[str, Promise]] = {
    "strict-rank": pgettext_lazy("way to choose", "Strictly by rank"),
    "score-weighted": pgettext_lazy("way to choose", "Most points per server, whatever the rank"),
    "lottery": pgettext_lazy("way to choose", "Lottery within bands of scores"),
}
