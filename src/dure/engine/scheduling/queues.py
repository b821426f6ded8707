"""The queue of each account: its jobs in the order of RANK, of KEY, then of their numbers.

- Each account has its own range of one array, as long as it has jobs. An empty queue begins anew at
  the range's start, so that memory is touched only as far as queues grow.
- EITHER work that runs lent keeps its place, so that its turn is known when it comes.
- Beside each job of the queue stands how much it would borrow: its width, 0 if it may not or does
  not wait. So lending need not look at the jobs themselves.
- Its width and what it needs stand there too, so that backfill passes most of a long queue over.
"""

from __future__ import annotations

from typing import Final

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling.compiled import compiled, inlined
from dure.engine.scheduling.facts import Core, Ints
from dure.engine.scheduling.handle import move

# Core.asked
WIDTH: Final = 0
NEED: Final = 1


@inlined
def _comes_first(job: Ints, one: int, other: int) -> bool:
    if job[jr.RANK, one] != job[jr.RANK, other]:
        return bool(job[jr.RANK, one] < job[jr.RANK, other])
    key, then = job[jr.KEY, one], job[jr.KEY, other]
    return bool(key < then or (key == then and one < other))


@compiled
def place_of(queue: Ints, account: Ints, job: Ints, of: int, one: int) -> int:
    """Where in the queue the job stands, or would."""
    low, high = account[ar.HEAD, of], account[ar.TAIL, of]
    if low == high or queue[low] == one:
        return int(low)
    if queue[high - 1] == one:
        return int(high - 1)
    if _comes_first(job, queue[high - 1], one):
        return int(high)
    while low < high:
        middle = (low + high) >> 1
        if _comes_first(job, queue[middle], one):
            low = middle + 1
        else:
            high = middle
    return int(low)


@compiled
def _end_of(queue: Ints, account: Ints, of: int) -> int:
    """The end of the account's range."""
    if of + 1 < account.shape[1]:
        return int(account[ar.FIRST, of + 1])
    return int(queue.shape[0])


@inlined
def _move(core: Core, to: int, at: int, count: int) -> None:
    """So many jobs from this place on stand from that place on."""
    if count > 0:
        move(core.queue, to, at, count)
        move(core.want, to, at, count)
        for row in range(2):
            move(core.asked, (row, to), (row, at), count)


@inlined
def _set(core: Core, place: int, one: int, amount: int) -> None:
    core.queue[place] = one
    core.want[place] = amount
    core.asked[WIDTH, place] = core.job[jr.WIDTH, one]
    core.asked[NEED, place] = core.job[jr.NEED, one]


@compiled
def insert(core: Core, of: int, one: int, amount: int) -> None:
    """The job comes into its place, and `amount` is what it would borrow."""
    account = core.account
    place = place_of(core.queue, account, core.job, of, one)
    head, tail = account[ar.HEAD, of], account[ar.TAIL, of]
    full = tail == _end_of(core.queue, account, of)
    if head > account[ar.FIRST, of] and (full or place - head < tail - place):
        _move(core, head - 1, head, place - head)
        account[ar.HEAD, of] = head - 1
        place -= 1
    else:
        _move(core, place + 1, place, tail - place)
        account[ar.TAIL, of] = tail + 1
    _set(core, place, one, amount)


@compiled
def remove(core: Core, of: int, place: int) -> int:
    """The job at this place leaves; returned is the place of the one that came after it."""
    account = core.account
    head, tail = account[ar.HEAD, of], account[ar.TAIL, of]
    if tail - head == 1:
        account[ar.HEAD, of] = account[ar.TAIL, of] = account[ar.FIRST, of]
        return place + 1
    if place - head <= tail - 1 - place:
        _move(core, head + 1, head, place - head)
        account[ar.HEAD, of] = head + 1
        return place + 1
    _move(core, place, place + 1, tail - place - 1)
    account[ar.TAIL, of] = tail - 1
    return place


@compiled
def sort(core: Core, of: int) -> None:
    """Ranks have changed: the queue is put in order, by insertion, as few changed places."""
    account, queue = core.account, core.queue
    head, tail = account[ar.HEAD, of], account[ar.TAIL, of]
    for next_one in range(head + 1, tail):
        one, amount = queue[next_one], core.want[next_one]
        account[ar.TAIL, of] = next_one
        place = place_of(queue, account, core.job, of, one)
        _move(core, place + 1, place, next_one - place)
        _set(core, place, one, amount)
    account[ar.TAIL, of] = tail
