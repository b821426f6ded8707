"""Floors that cannot be met: the smallest set of bounds that conflict, and what would help.

- The bounds are floors, caps and the supply of each model. Of a conflict each is needed: with any
  one of them left out, the others can be kept.
- Supply is left out first, then caps, then floors: rules are easier to change than supply, and a
  floor that is not kept is the complaint. With floors alone in the conflict, too few apply.
- What the effort does not tell stays in the conflict.
- `instead` is a bound at which the round can be solved with all its other rules, the nearest found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import JsonValue

from dure.engine.allocation.facts import Group, PoolOffer, Request
from dure.engine.allocation.feasible import Feasible
from dure.engine.allocation.limits import Round, blocks_for, read
from dure.engine.allocation.matching import wants
from dure.engine.allocation.relaxation import relax
from dure.vocabulary.frozen import Frozen
from dure.vocabulary.plans import Reason

QUESTIONS: Final = 40
"""Questions asked of one round; a conflict of two bounds takes 10 to 25, each 0.1 s for 514."""

Kind = Literal["floor", "cap", "supply"]
ORDER: Final[tuple[Kind, ...]] = ("floor", "cap", "supply")


class ConflictingBound(Frozen):
    """One bound of a conflict: a floor or cap by its group's name, a supply by its model's.

    `bound` is in server-months for a floor, else in servers: a cap's, or the supply's in its
    fullest month. `instead`: the floor could be met at this, or the cap would have to be this; None
    where that alone does not help, and for a supply.
    """

    kind: Kind
    name: str
    bound: int
    instead: int | None = None


class Conflict(Frozen):
    """Bounds that cannot be kept together, floors first.

    `proven`: false where the round is too large to tell. `others`: no change of one of these bounds
    is enough, as others conflict too; `instead` then leaves those others out.
    """

    bounds: tuple[ConflictingBound, ...]
    proven: bool = True
    others: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups whose floors or caps conflict, each once."""
        named = (b.name for b in self.bounds if b.kind != "supply")
        return tuple(dict.fromkeys(named))

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The conflict in sentences: what, by how much, and what would help."""
        return (
            Reason(code="conflict.together" if self.proven else "conflict.not_found"),
            *(_said(bound) for bound in self.bounds),
            *self._too_few(),
            *self._remedies(),
        )

    def _too_few(self) -> Iterable[Reason]:
        if self.proven and all(b.kind == "floor" for b in self.bounds):
            yield Reason(code="conflict.too_few")

    def _remedies(self) -> Iterable[Reason]:
        useful = [b for b in self.bounds if b.instead is not None]
        if len(useful) > 1:
            yield Reason(code="conflict.any_of")
        for bound in useful:
            code = "conflict.lower" if bound.kind == "floor" else "conflict.raise"
            yield Reason(code=code, params={"group": bound.name, "to": bound.instead})
        if any(b.kind == "supply" for b in self.bounds):
            yield Reason(code="conflict.more_supply")
        if self.others:
            yield Reason(code="conflict.others")


def _said(bound: ConflictingBound) -> Reason:
    params: dict[str, JsonValue] = {"group": bound.name, "bound": bound.bound}
    if bound.kind == "floor" and bound.instead is not None:
        reach = {"reached": bound.instead, "short": bound.bound - bound.instead}
        return Reason(code="conflict.floor_missed", params=params | reach)
    return Reason(code=f"conflict.{bound.kind}", params=params)


class UnableToMeetFloors(ValueError):
    """Bounds that cannot be kept together; `groups` are those that a rule names."""

    def __init__(self, conflict: Conflict) -> None:
        self.conflict = conflict
        self.groups = conflict.groups
        named = ", ".join(f"{b.kind} of {b.name} ({b.bound})" for b in conflict.bounds)
        super().__init__(f"no plan was found that keeps these together: {named}")


def conflict_of(round_: Round) -> Conflict:
    """The bounds of a round that has no plan, of which each is needed for the conflict."""
    questions = _Questions(round_)
    every = frozenset(_bounds_of(round_))
    if questions.can_be_kept(every) is not False:
        floors = sorted(b for b in every if b.kind == "floor")
        return Conflict(bounds=tuple(questions.said(b) for b in floors), proven=False)
    smallest = _smallest(every, questions)
    useful = {b for b in smallest if questions.can_be_kept(every - {b})}
    beside = every if useful else smallest
    return Conflict(
        bounds=tuple(
            questions.said(b, _instead(b, beside, questions) if b in (useful or smallest) else None)
            for b in sorted(smallest, key=lambda b: (ORDER.index(b.kind), b.name))
        ),
        others=not useful,
    )


@dataclass(frozen=True, slots=True, order=True)
class _Bound:
    kind: Kind
    name: str


def _bounds_of(round_: Round) -> Iterable[_Bound]:
    for group in round_.policy.groups:
        if group.least is not None:
            yield _Bound("floor", group.group)
        if group.most is not None:
            yield _Bound("cap", group.group)
    for model in round_.by_model:
        yield _Bound("supply", model)


def _smallest(every: frozenset[_Bound], questions: _Questions) -> frozenset[_Bound]:
    """What is left of a conflict when everything is left out that it does not need.

    A rule may also excuse, so that without it more is forbidden: hence again until nothing goes.
    """
    kept = every
    for kind in ("supply", "cap"):
        without = frozenset(b for b in kept if b.kind != kind)
        if questions.can_be_kept(without) is False:
            kept = without
    before = None
    while kept != before:
        before = kept
        for bound in sorted(kept, key=lambda b: (-ORDER.index(b.kind), b.name)):
            if questions.can_be_kept(kept - {bound}) is False:
                kept -= {bound}
    return kept


def _instead(bound: _Bound, beside: frozenset[_Bound], questions: _Questions) -> int | None:
    """The nearest value of this bound, the others as they are, at which they can all be kept."""

    def possible(value: int) -> bool:
        return questions.can_be_kept(beside, {bound: value}) is True

    match bound.kind:
        case "floor":
            most = min(questions.bound(bound) - 1, questions.most_of(bound, beside))
            return _nearest(most, -1, 0, possible)
        case "cap":
            return _nearest(questions.bound(bound) + 1, 1, questions.asked(bound), possible)
        case "supply":
            return None


def _nearest(first: int, step: int, last: int, possible: Callable[[int], bool]) -> int | None:
    """The value nearest to `first` on the way to `last` that is possible; steps double, then halve.

    None where not even the last is.
    """
    if possible(first):
        return first
    fails, length = first, 1
    while abs(last - fails) > length and not possible(fails + step * length):
        fails, length = fails + step * length, 2 * length
    works = fails + step * length if abs(last - fails) > length else last
    if works == last and not possible(last):
        return None
    while abs(works - fails) > 1:
        middle = (works + fails) // 2
        works, fails = (middle, fails) if possible(middle) else (works, middle)
    return works


class _Questions:
    """Whether some bounds of a round can be kept together, each question answered once."""

    def __init__(self, round_: Round) -> None:
        self._round = round_
        self._groups = {group.group: group for group in round_.policy.groups}
        self._feasible = Feasible()
        self._known: dict[tuple[object, object], bool | None] = {}

    def can_be_kept(
        self, kept: frozenset[_Bound], changed: Mapping[_Bound, int] | None = None
    ) -> bool | None:
        """With some at other values; None where the effort does not tell."""
        key = (kept, tuple(sorted((changed or {}).items())))
        if key not in self._known:
            enough = len(self._known) < QUESTIONS
            self._known[key] = (
                self._feasible.ask(self._with(kept, changed or {})) if enough else None
            )
        return self._known[key]

    def said(self, bound: _Bound, instead: int | None = None) -> ConflictingBound:
        return ConflictingBound(
            kind=bound.kind, name=bound.name, bound=self.bound(bound), instead=instead
        )

    def bound(self, bound: _Bound) -> int:
        """Its value as the round has it."""
        match bound.kind:
            case "floor":
                return self._groups[bound.name].least or 0
            case "cap":
                return self._groups[bound.name].most or 0
            case "supply":
                offers = self._round.by_model[bound.name]
                months = range(self._round.snapshot.months)
                return max(sum(offer.servers[month] for offer in offers) for month in months)

    def asked(self, cap: _Bound) -> int:
        """A cap that cannot bind: what all its members ask for and already hold."""
        group = self._groups[cap.name]
        held = sum(max(h.servers, default=0) for h in self._round.snapshot.held)
        return held + sum(_largest(r, group) for r in self._round.requests)

    def most_of(self, floor: _Bound, beside: frozenset[_Bound]) -> int:
        """No plan that keeps the others gives this floor more server-months."""
        group = self._groups[floor.name]
        round_ = self._with(beside - {floor}, {})
        counted = tuple(_counting(r, group) for r in round_.requests)
        snapshot = round_.snapshot.model_copy(update={"requests": counted})
        per_server_month = 1000  # what `Request.merit` makes of one point
        relaxed = relax(replace(round_, snapshot=snapshot, requests=counted))
        return relaxed.bound // per_server_month

    def _with(self, kept: frozenset[_Bound], changed: Mapping[_Bound, int]) -> Round:
        round_ = self._round
        groups = (_bounded(group, kept, changed) for group in round_.policy.groups)
        open_ = {m for m in round_.by_model if _Bound("supply", m) not in kept}
        offers = tuple(
            _plenty(o, round_) if o.model in open_ else o for o in round_.snapshot.offers
        )
        snapshot = round_.snapshot.model_copy(update={"offers": offers})
        policy = round_.policy.model_copy(update={"groups": tuple(g for g in groups if g)})
        closed = {
            way: most
            for way, most in round_.closed.items()
            if round_.offers[way[1]].model not in open_
        }
        return replace(read(snapshot, policy, ""), requests=round_.requests, closed=closed)


def _bounded(group: Group, kept: frozenset[_Bound], changed: Mapping[_Bound, int]) -> Group | None:
    """The group with those of its bounds that are kept; None without any."""
    floor, cap = _Bound("floor", group.group), _Bound("cap", group.group)
    least = changed.get(floor, group.least) if floor in kept else None
    most = changed.get(cap, group.most) if cap in kept else None
    if least is None and most is None:
        return None
    return group.model_copy(update={"least": least, "most": most})


def _plenty(offer: PoolOffer, round_: Round) -> PoolOffer:
    """The pool with room for everybody, in blocks if it has any."""
    asking = [w for r in round_.requests for w in r.wishes if w.model == offer.model]
    blocks = sum(blocks_for(wish.servers, offer) for wish in asking)
    months = round_.snapshot.months
    whole = ((offer.block_servers,) * months,) * blocks if offer.blocks else ()
    servers = max(sum(wish.servers for wish in asking), blocks * offer.block_servers)
    return offer.model_copy(update={"servers": (servers,) * months, "blocks": whole})


def _largest(request: Request, group: Group) -> int:
    counted = (w.servers for w in request.wishes if wants(group, request, w.model))
    return max(counted, default=0)


def _counting(request: Request, group: Group) -> Request:
    """The request with a merit of one point for each server-month that counts in the group."""
    wishes = tuple(
        w.model_copy(update={"weight": int(wants(group, request, w.model))}) for w in request.wishes
    )
    return request.model_copy(update={"wishes": wishes, "score": 1})
