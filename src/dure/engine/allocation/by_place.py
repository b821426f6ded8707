"""A round served by place, without a solver: in milliseconds, and with a bound that proves little.

- The best place takes the most merit that it can, then the next; whoever does not fit is passed.
- Where that misses a floor or breaks rank there is no such plan; nor where place does not count.
- The bound is that of server-months at one price for each model (weak duality): no plan has more.
"""

from __future__ import annotations

import numpy as np

from dure.engine.allocation.columns import Columns, Index, columns_of
from dure.engine.allocation.excuses import justified_complaints
from dure.engine.allocation.fill import fill
from dure.engine.allocation.limits import Round, merit, missed
from dure.engine.allocation.solution import Solution


def by_place(round_: Round) -> Solution | None:
    """The awards by place; None where they would break a rule."""
    if not round_.ranked:
        return None
    awards = fill(round_, {})
    if missed(round_, awards) or justified_complaints(round_, awards):
        return None
    reached = merit(round_, awards)
    return Solution(awards, reached, max(reached, _bound(round_)), ())


def _bound(round_: Round) -> int:
    """Server-months at their price, and what each request's best way brings beyond it."""
    columns = columns_of(round_)
    if not len(columns.request):
        return 0
    taken = columns.servers * (columns.end - columns.start)
    profit, spent = columns.worth.copy(), 0
    for number, model in enumerate(columns.models):
        capacity = sum(sum(offer.servers) for offer in round_.by_model[model])
        price = _price(columns, taken, columns.model == number, capacity)
        profit -= price * taken * (columns.model == number)
        spent += price * capacity
    return spent + int(np.maximum(columns.best(profit), 0).sum())


def _price(columns: Columns, taken: Index, here: Index, capacity: int) -> int:
    """What a server-month is worth where the best paying ways have filled the capacity."""
    ways = np.flatnonzero(here)
    worth = columns.merit[ways] // (columns.end - columns.start)[ways]
    order = np.argsort(-worth, kind="stable")
    _, first = np.unique(columns.request[ways][order], return_index=True)
    each = order[np.sort(first)]
    filled = np.cumsum(taken[ways][each])
    over = np.flatnonzero(filled > capacity)
    return int(worth[each][over[0]]) if len(over) else 0
