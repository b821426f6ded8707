"""What the parts of a programme file call each other by, and what of it leads nowhere.

- Two tables say it all: where each kind of name is declared, and where it is referred to.
- A name is declared once.
- The checks read plain mappings and lists, so that they also tell of a file whose other parts are
  still broken; what does not have the expected shape is passed over, its own error is told anyway.
- A kind whose declarations cannot be read (`unread`) is not checked: its references would all
  look broken, and only one of them is the cause.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

Path = tuple[str | int, ...]
Disagreement = tuple[Path, str]

# `name[]` stands for every entry of the list, `name{}` for every key of the mapping.
_POOLS: Final = "providers[].sites[].clusters[].pools[]"

DECLARED: Final[dict[str, str]] = {
    "sector": "sectors[].id",
    "region": "regions[].id",
    "accelerator": "accelerators[].id",
    "provider": "providers[].id",
    "site": "providers[].sites[].id",
    "cluster": "providers[].sites[].clusters[].id",
    "pool": f"{_POOLS}.id",
    "published figure": "published_figures[].id",
    "standing allocation": "standing_allocations[].id",
    "track": "tracks[].id",
    "call": "calls[].id",
    "supply call": "supply_calls[].id",
    "form field": "form[].id",
    "eligibility rule": "eligibility[].id",
    "reclaim rule": "reclaim[].id",
    "quota": "quotas[].id",
    "group rule": "allotment.rules[].id",
    "criterion": "rubric.criteria[].id",
}

REFERRED: Final[tuple[tuple[str, str], ...]] = (
    ("providers[].sites[].region", "region"),
    (f"{_POOLS}.model", "accelerator"),
    ("published_figures[].pools[]", "pool"),
    ("standing_allocations[].pool", "pool"),
    ("standing_allocations[].quota", "quota"),
    ("tracks[].sectors[]", "sector"),
    ("tracks[].max_amount_by_model{}", "accelerator"),
    ("tracks[].size_classes[].min_amount_by_model{}", "accelerator"),
    ("tracks[].size_classes[].max_amount_by_model{}", "accelerator"),
    ("quotas[].sectors[]", "sector"),
    ("allotment.region_bonus_points{}", "region"),
    ("allotment.rules[].sectors[]", "sector"),
    ("allotment.rules[].regions[]", "region"),
    ("allotment.rules[].tracks[]", "track"),
    ("allotment.rules[].models[]", "accelerator"),
    ("eligibility[].field", "form field"),
    ("eligibility[].fields[]", "form field"),
    ("eligibility[].when{}", "form field"),
    ("eligibility[].sectors[]", "sector"),
    ("eligibility[].regions[]", "region"),
    ("calls[].tracks[]", "track"),
    ("calls[].pools[]", "pool"),
    ("calls[].stages[].criteria[]", "criterion"),
    ("calls[].stages[].panel.minimum_each{}", "criterion"),
    ("supply_calls[].models[]", "accelerator"),
    ("supply_calls[].award.minimums[].models[]", "accelerator"),
    ("cost_shares[].sector", "sector"),
    ("cost_shares[].reductions{}", "form field"),
    ("market_prices[].model", "accelerator"),
)


LIKE: Final = 0.8
"""How like a name must be to be suggested: 'pol' for 'pool', but not 'B200' for 'H200'."""


class ReferencesError(ValueError):
    """Parts of the file disagree. `problems` holds (path in the file, what is wrong)."""

    def __init__(self, problems: tuple[Disagreement, ...]) -> None:
        self.problems = problems
        super().__init__(
            "; ".join(f"{'.'.join(map(str, path))}: {text}" for path, text in problems)
        )


def broken_references(data: object, unread: Collection[str] = ()) -> Iterator[Disagreement]:
    """Every name declared twice and every name declared nowhere.

    `unread` names the top-level sections whose own errors make their declarations unknown.
    """
    known: dict[str, list[str]] = {}
    for kind, pattern in DECLARED.items():
        places = list(_names(data, pattern))
        known[kind] = list(dict.fromkeys(name for _, name in places))
        yield from _twice(kind, places)
    for pattern, kind in REFERRED:
        if _section(DECLARED[kind]) not in unread:
            for path, name in _names(data, pattern):
                if name not in known[kind]:
                    yield path, _nowhere(kind, name, known[kind])


def _section(pattern: str) -> str:
    return pattern.split(".", 1)[0].rstrip("[]")


def _twice(kind: str, places: list[tuple[Path, str]]) -> Iterator[Disagreement]:
    seen: set[str] = set()
    for path, name in places:
        if name in seen:
            yield path, f"the {kind} '{name}' is declared twice"
        seen.add(name)


def _nowhere(kind: str, name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=LIKE)
    if near:
        return f"there is no {kind} '{name}'; did you mean '{near[0]}'?"
    declared = ", ".join(known) or "none"
    return f"there is no {kind} '{name}'; declared: {declared}"


def _names(data: object, pattern: str) -> Iterator[tuple[Path, str]]:
    for path, value in _matches(data, pattern.split("."), ()):
        if isinstance(value, str):
            yield path, value


def _matches(data: object, steps: list[str], at: Path) -> Iterator[tuple[Path, object]]:
    if not steps:
        yield at, data
        return
    name, rest = steps[0], steps[1:]
    field = name.rstrip("[]{}")
    if not isinstance(data, dict) or field not in data:
        return
    value, here = data[field], (*at, field)
    if name.endswith("[]"):
        for index, item in enumerate(value if isinstance(value, list | tuple) else ()):
            yield from _matches(item, rest, (*here, index))
    elif name.endswith("{}"):
        for key in value if isinstance(value, dict) else ():
            yield (*here, key), key
    else:
        yield from _matches(value, rest, here)
