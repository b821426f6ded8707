"""The one order of a round: who stands where.

- By rank, except after a lottery: there the bands of score come first, and within a band the
  hash of the published seed and the application's id, which anybody can recompute.
- A request's place is its number in this order, from 1.
"""

from __future__ import annotations

from hashlib import sha256

from dure.engine.allocation.facts import Request, RoundPolicy, RoundSnapshot


def ordered(snapshot: RoundSnapshot, policy: RoundPolicy, seed: str) -> tuple[Request, ...]:
    """The round's requests, the best place first."""
    if policy.policy != "lottery":
        return tuple(sorted(snapshot.requests, key=lambda r: r.rank))

    def drawn(request: Request) -> tuple[int, str, str]:
        return band(request, policy), draw(seed, request.application), request.application

    return tuple(sorted(snapshot.requests, key=drawn))


def band(request: Request, policy: RoundPolicy) -> int:
    """0 is the best band; below the last bound is one more."""
    reached = (n for n, least in enumerate(policy.lottery_bands) if request.score >= least)
    return next(reached, len(policy.lottery_bands))


def draw(seed: str, application: str) -> str:
    """SHA-256 of `seed:application` in hexadecimal; in one band the lower goes first."""
    return sha256(f"{seed}:{application}".encode()).hexdigest()
