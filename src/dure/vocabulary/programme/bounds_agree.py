"""Floors that no round could ever meet: found when the programme is read, before anybody applies.

- Floors of groups that share no member add up; together they exceed the whole, or a cap on a group
  that holds them all. A floor above its own rule's cap is the smallest case.
- Only like is compared with like: servers with servers, shares of the programme with such shares.
- Groups may overlap in what is not said here (who applies decides), so all else is left to the
  round, which names what conflicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Final

from dure.vocabulary.programme.allotment import Bound, GroupRule
from dure.vocabulary.programme.calls import Quota

Path = tuple[str | int, ...]

AT_ONCE: Final = 5
"""Floors looked at together; of more than so many in one conflict, no reader sees the cause."""

_DIMENSIONS: Final = ("sectors", "regions", "tracks", "size_classes", "models")


@dataclass(frozen=True)
class _Bounded:
    """A floor or cap of a group: where it stands, whom it names, how much of what."""

    path: Path
    name: str
    members: tuple[frozenset[str], ...]
    amount: Fraction
    unit: str

    @property
    def said(self) -> str:
        return f"{self.name} {_amount(self.amount, self.unit)}"

    def holds(self, other: _Bounded) -> bool:
        """Whether all of the other's members are this one's too; an empty list names everybody."""
        pairs = zip(self.members, other.members, strict=True)
        return all(not mine or (theirs and theirs <= mine) for mine, theirs in pairs)

    def shares_nobody(self, other: _Bounded) -> bool:
        pairs = zip(self.members, other.members, strict=True)
        return any(mine and theirs and not mine & theirs for mine, theirs in pairs)


def floors_above_caps(
    quotas: Sequence[Quota], rules: Sequence[GroupRule]
) -> Iterator[tuple[Path, str]]:
    """Each conflict at the last of its floors, with the others and the cap named."""
    floors = [*_of_quotas(quotas, "floor"), *_of_rules(rules, "least")]
    caps = [*_of_quotas(quotas, "cap"), *_of_rules(rules, "most"), *_wholes()]
    told: list[frozenset[Path]] = []
    for cap in caps:
        for some in _exceeding(floors, cap):
            paths = frozenset(one.path for one in some)
            over_split = cap.path == () and all(one.path[0] == "quotas" for one in some)
            if not over_split and not any(known <= paths for known in told):
                told.append(paths)
                yield some[-1].path, _message(some, cap)


def _exceeding(floors: Iterable[_Bounded], cap: _Bounded) -> Iterator[tuple[_Bounded, ...]]:
    within = [one for one in floors if one.unit == cap.unit and cap.holds(one)]
    for count in range(1, min(len(within), AT_ONCE) + 1):
        for some in combinations(within, count):
            apart = all(one.shares_nobody(other) for one, other in combinations(some, 2))
            if apart and sum(one.amount for one in some) > cap.amount:
                yield some


def _message(some: tuple[_Bounded, ...], cap: _Bounded) -> str:
    most = _amount(cap.amount, cap.unit)
    limit = f"'{cap.name}' allows its group {most} at most" if cap.path else f"there is only {most}"
    if len(some) == 1:
        return (
            f"the floor asks for {_amount(some[0].amount, some[0].unit)}, but {limit};"
            " lower the floor or raise the cap"
        )
    named = ", ".join(one.said for one in some)
    total = _amount(sum((one.amount for one in some), Fraction(0)), cap.unit)
    return f"these floors add up to {total} ({named}), but {limit}; lower one of them"


def _amount(amount: Fraction, unit: str) -> str:
    if unit == "servers":
        return f"{amount} servers"
    return f"{float(100 * amount):g} % of the {unit}"


def _of_quotas(quotas: Sequence[Quota], enforcement: str) -> Iterator[_Bounded]:
    for index, quota in enumerate(quotas):
        if quota.enforcement == enforcement and quota.sectors:
            members = (frozenset(quota.sectors), *(frozenset[str]() for _ in _DIMENSIONS[1:]))
            path = ("quotas", index, "share")
            yield _Bounded(path, quota.id, members, Fraction(quota.share), "programme")


def _of_rules(rules: Sequence[GroupRule], side: str) -> Iterator[_Bounded]:
    for index, rule in enumerate(rules):
        bound: Bound | None = rule.least if side == "least" else rule.most
        if bound is None or rule.each != "together":
            continue
        members = tuple(frozenset[str](getattr(rule, dimension)) for dimension in _DIMENSIONS)
        path = ("allotment", "rules", index, side)
        if bound.servers is not None:
            yield _Bounded(path, rule.id, members, Fraction(bound.servers), "servers")
        elif bound.share is not None:
            yield _Bounded(path, rule.id, members, Fraction(bound.share), bound.of)


def _wholes() -> Iterator[_Bounded]:
    for unit in ("programme", "round"):
        everybody = tuple(frozenset[str]() for _ in _DIMENSIONS)
        yield _Bounded((), "", everybody, Fraction(1), unit)
