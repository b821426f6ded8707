"""The queue of each account: its jobs in the order of RANK, of KEY, then of their numbers.

- Each account has its own range of one array, as long as it has jobs.
- EITHER work that runs lent keeps its place, so that its turn is known when it comes.
- Beside each job of the queue stands how much it would borrow: its width, 0 if it may not or does
  not wait. So lending need not look at the jobs themselves.
"""

from __future__ import annotations

from dure.engine.scheduling import account_rows as ar
from dure.engine.scheduling import job_rows as jr
from dure.engine.scheduling.compiled import compiled
from dure.engine.scheduling.facts import Ints


@compiled
def _comes_first(job: Ints, one: int, other: int) -> bool:
    if job[jr.RANK, one] != job[jr.RANK, other]:
        return bool(job[jr.RANK, one] < job[jr.RANK, other])
    key, then = job[jr.KEY, one], job[jr.KEY, other]
    return bool(key < then or (key == then and one < other))


@compiled
def place_of(queue: Ints, account: Ints, job: Ints, of: int, one: int) -> int:
    """Where in the queue the job stands, or would."""
    low, high = account[ar.HEAD, of], account[ar.TAIL, of]
    if low < high and _comes_first(job, queue[high - 1], one):
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


@compiled
def insert(
    queue: Ints, want: Ints, account: Ints, job: Ints, of: int, one: int, amount: int
) -> None:
    """The job comes into its place, and `amount` is what it would borrow."""
    place = place_of(queue, account, job, of, one)
    head, tail = account[ar.HEAD, of], account[ar.TAIL, of]
    full = tail == _end_of(queue, account, of)
    if head > account[ar.FIRST, of] and (full or place - head < tail - place):
        for at in range(head, place):
            queue[at - 1] = queue[at]
            want[at - 1] = want[at]
        account[ar.HEAD, of] = head - 1
        place -= 1
    else:
        for at in range(tail, place, -1):
            queue[at] = queue[at - 1]
            want[at] = want[at - 1]
        account[ar.TAIL, of] = tail + 1
    queue[place] = one
    want[place] = amount


@compiled
def remove(queue: Ints, want: Ints, account: Ints, of: int, place: int) -> int:
    """The job at this place leaves; returned is the place of the one that came after it."""
    head, tail = account[ar.HEAD, of], account[ar.TAIL, of]
    if place - head <= tail - 1 - place:
        for at in range(place, head, -1):
            queue[at] = queue[at - 1]
            want[at] = want[at - 1]
        account[ar.HEAD, of] = head + 1
        return place + 1
    for at in range(place + 1, tail):
        queue[at - 1] = queue[at]
        want[at - 1] = want[at]
    account[ar.TAIL, of] = tail - 1
    return place


@compiled
def sort(queue: Ints, want: Ints, account: Ints, job: Ints, of: int) -> None:
    """Ranks have changed: the queue is put in order, by insertion, as few changed places."""
    head, tail = account[ar.HEAD, of], account[ar.TAIL, of]
    for next_one in range(head + 1, tail):
        one, amount = queue[next_one], want[next_one]
        account[ar.TAIL, of] = next_one
        place = place_of(queue, account, job, of, one)
        for at in range(next_one, place, -1):
            queue[at] = queue[at - 1]
            want[at] = want[at - 1]
        queue[place], want[place] = one, amount
    account[ar.TAIL, of] = tail
