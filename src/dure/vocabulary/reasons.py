"""The catalogue of reasons: code -> English sentence, which is also the key of its translations."""

from __future__ import annotations

from typing import Final

from dure.vocabulary.reason_texts import (
    application,
    assignment,
    conflict,
    enforcement,
    incidents,
    jobs,
    ledger,
    lending,
    month,
    panel,
    reclaim,
    round_,
    routing,
    scenario,
    scoring,
    screening,
    stewardship,
    study,
    tender,
    waitlist,
)

_MODULES: Final = (
    application,
    screening,
    stewardship,
    assignment,
    panel,
    scoring,
    round_,
    conflict,
    scenario,
    waitlist,
    lending,
    reclaim,
    ledger,
    incidents,
    jobs,
    enforcement,
    month,
    tender,
    study,
    routing,
)

CATALOGUE: Final[dict[str, str]] = {
    code: sentence for module in _MODULES for code, sentence in module.TEXTS.items()
}

if len(CATALOGUE) != sum(len(module.TEXTS) for module in _MODULES):
    raise RuntimeError("two decisions use the same reason code")
