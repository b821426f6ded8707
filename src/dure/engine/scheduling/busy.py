"""Which accounts a pass looks at: those to which something happened, and those that were refused.

- An account that is in no bit has nothing in its queue that could start or move.
"""

from __future__ import annotations

from numba.cpython.unsafe import numbers

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Core


@compiled
def mark(core: Core, of: int) -> None:
    """The whole queue of the account is looked at."""
    core.account[ar.DIRTY, of] = ar.CHANGED
    core.busy[of >> 6] |= 1 << (of & 63)


@compiled
def mark_arrival(core: Core, of: int, one: int) -> None:
    """The job has come into the account's queue."""
    account = core.account
    if account[ar.DIRTY, of] != ar.CLEAN:
        account[ar.DIRTY, of] = ar.CHANGED
        return
    account[ar.DIRTY, of] = ar.ONE_ARRIVED
    account[ar.ARRIVED, of] = one
    core.busy[of >> 6] |= 1 << (of & 63)


@compiled
def following(core: Core, after: int) -> int:
    """The lowest account looked at above `after`, or -1."""
    start = after + 1
    word = start >> 6
    if word >= core.busy.shape[0]:
        return -1
    found = core.busy[word] & (-1 << (start & 63))
    while found == 0:
        word += 1
        if word == core.busy.shape[0]:
            return -1
        found = core.busy[word]
    return (word << 6) + int(numbers.trailing_zeros(found))


@compiled
def settle(core: Core) -> None:
    """A pass is over: who was refused is looked at again, and who was marked after his turn."""
    of = following(core, -1)
    while of >= 0:
        if core.account[ar.DIRTY, of] == ar.CLEAN and not core.account[ar.REFUSED, of]:
            core.busy[of >> 6] ^= 1 << (of & 63)
        of = following(core, of)
