"""What a round's plan uses up, counted anew: pools, whole blocks and groups, month by month.

- Rows are pools, or units: a group taken together, or one organisation or region of it.
- Servers held from before count against a group's `most`; only this round counts for its `least`.
- A count above what is there is reported with the month where it is worst.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dure.engine.allocation.facts import (
    Group,
    Held,
    PoolOffer,
    Request,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)
from dure.vocabulary.plans import Violation

Whole = npt.NDArray[np.int64]

NO_BOUND: Final = 1 << 60
"""Room where nothing bounds: more than all servers there are, and far from overflowing."""

_NONE: Final = np.array([], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Served:
    """An award in a pool that is offered, of a model the request accepts, within the horizon."""

    request: Request
    wish: Wish
    offer: PoolOffer
    servers: int
    start: int
    end: int

    @property
    def blocks(self) -> int:
        """The whole blocks it takes."""
        return self.blocks_of(self.servers)

    def blocks_of(self, servers: int) -> int:
        """The whole blocks that so many servers would take in its pool; 0 where it needs none."""
        if self.request.contiguity != "blocks":
            return 0
        return -(-servers // self.offer.block_servers)


@dataclass(frozen=True, eq=False)
class Window:
    """The room left in all of so many months on end, by row and first month."""

    servers: Whole
    blocks: Whole
    most: Whole


class Units:
    """Who is under which group's bounds: one number per group, -1 where it does not bind."""

    def __init__(self, snapshot: RoundSnapshot, policy: RoundPolicy) -> None:
        self.groups = tuple(sorted(policy.groups, key=lambda g: g.group))
        self.names: list[tuple[Group, str]] = []
        self._row: dict[tuple[int, str], int] = {}
        self._named: dict[tuple[str, ...], tuple[bool, ...]] = {}
        self._found: dict[tuple[str, ...], Whole] = {}
        for n, group in enumerate(self.groups):
            for value in sorted({_value(group, r) for r in snapshot.requests} | {_ALL[group.each]}):
                self._row[n, value] = len(self.names)
                self.names.append((group, value))

    def of(self, who: Request | Held, model: str) -> Whole:
        """The unit of each group that holds this model for `who`."""
        key = (*_facets(who, model), who.organisation)
        if key not in self._found:
            units = [
                self._row.get((n, _value(group, who)), -1) if named else -1
                for n, (group, named) in enumerate(
                    zip(self.groups, self._names(key[:-1]), strict=True)
                )
            ]
            self._found[key] = np.array(units, dtype=np.int64)
        return self._found[key]

    def _names(self, facets: tuple[str, ...]) -> tuple[bool, ...]:
        if facets not in self._named:
            self._named[facets] = tuple(
                all(not names or facet in names for facet, names in zip(facets, lists, strict=True))
                for lists in map(_lists, self.groups)
            )
        return self._named[facets]


_ALL: Final = {"together": "", "organisation": "", "region": ""}
"""A group always has a unit, so that a floor nobody could meet is missed rather than forgotten."""


def _lists(group: Group) -> tuple[tuple[str, ...], ...]:
    return group.sectors, group.regions, group.tracks, group.size_classes, group.models


def _facets(who: Request | Held, model: str) -> tuple[str, ...]:
    return who.sector, who.region, who.track, who.size_class, model


def _value(group: Group, who: Request | Held) -> str:
    if group.each == "together":
        return ""
    return who.organisation if group.each == "organisation" else who.region


class Use:
    """The room that a set of awards leaves."""

    def __init__(
        self, snapshot: RoundSnapshot, policy: RoundPolicy, served: Sequence[Served]
    ) -> None:
        self.offers = tuple(sorted(snapshot.offers, key=lambda o: o.pool))
        self.units = Units(snapshot, policy)
        self.block_servers = np.array([o.block_servers for o in self.offers], dtype=np.int64)
        months = range(snapshot.months)
        self._servers = _table([o.servers for o in self.offers], snapshot.months)
        self._blocks = _table(
            [[o.whole_blocks(month) for month in months] for o in self.offers], snapshot.months
        )
        self._most = self._room_of_units(snapshot)
        self.totals = np.zeros(len(self.units.groups), dtype=np.int64)
        self._row = {o.pool: n for n, o in enumerate(self.offers)}
        models = {o.model for o in self.offers}
        self._rows = {
            model: np.array([n for n, o in enumerate(self.offers) if o.model == model])
            for model in models
        }
        self._windows: dict[int, Window] = {}
        for award in served:
            self._take(award)

    def row(self, offer: PoolOffer) -> int:
        """The pool's row in the tables."""
        return self._row[offer.pool]

    def rows(self, model: str) -> Whole:
        """The rows of a model's pools."""
        return self._rows.get(model, _NONE)

    def window(self, months: int) -> Window:
        """The room left over `months` on end, from each month that leaves so many."""
        if months not in self._windows:
            self._windows[months] = Window(
                _least(self._servers, months),
                _least(self._blocks, months),
                _least(self._most, months),
            )
        return self._windows[months]

    def exceeded(self) -> Iterator[Violation]:
        """Each bound that the awards break."""
        for offer, servers, blocks in zip(self.offers, self._servers, self._blocks, strict=True):
            yield from _overdrawn("pool", offer.pool, servers, "servers")
            yield from _overdrawn("blocks", offer.pool, blocks, "whole blocks")
        for (group, value), left in zip(self.units.names, self._most, strict=True):
            name = f"{group.group}, {value}" if value else group.group
            yield from _overdrawn(group.kind, name, left, "servers")
        for group, total in zip(self.units.groups, self.totals, strict=True):
            if group.least is not None and total < group.least:
                detail = f"group {group.group} takes {total} server-months, must take {group.least}"
                yield Violation(rule="floor_missed", detail=detail)

    def _take(self, award: Served) -> None:
        when = slice(award.start, award.end)
        row = self.row(award.offer)
        self._servers[row, when] -= award.servers
        self._blocks[row, when] -= award.blocks
        units = self.units.of(award.request, award.offer.model)
        self._most[units[units >= 0], when] -= award.servers
        self.totals[units >= 0] += award.servers * (award.end - award.start)

    def _room_of_units(self, snapshot: RoundSnapshot) -> Whole:
        names = self.units.names
        most = [NO_BOUND if g.most is None else g.most for g, _ in names]
        table = _table([[room] * snapshot.months for room in most], snapshot.months)
        for held in snapshot.held if names else ():
            units = self.units.of(held, held.model)
            table[units[units >= 0]] -= np.array(held.servers, dtype=np.int64)
        return np.maximum(table, 0)


def _table(rows: Sequence[Sequence[int]], months: int) -> Whole:
    return np.array(rows, dtype=np.int64).reshape(len(rows), months)


def _least(table: Whole, months: int) -> Whole:
    shape = (len(table), table.shape[1] - months + 1)
    found = np.full(shape, NO_BOUND, dtype=np.int64)
    for shift in range(months):
        np.minimum(found, table[:, shift : shift + shape[1]], out=found)
    return found


def _overdrawn(kind: str, name: str, left: Whole, unit: str) -> Iterator[Violation]:
    month = int(left.argmin())
    if left[month] < 0:
        detail = f"{name} by {-left[month]} {unit} in month {month}"
        yield Violation(rule=f"{kind}_exceeded", detail=detail)
