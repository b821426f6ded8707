"""Rounds made by hand for the tests of what a round says."""

from __future__ import annotations

from typing import Any

from dure.engine.allocation.facts import (
    Group,
    PoolOffer,
    Request,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)
from dure.vocabulary.plans import Reason
from dure.vocabulary.reasons import CATALOGUE


def request(place: int, servers: int = 4, *, minimum: int | None = None, **changes: Any) -> Request:
    """A request for H200 at this rank; its score is 100 less its rank."""
    wish = Wish(model="H200", servers=servers, minimum=servers if minimum is None else minimum)
    facts: dict[str, Any] = {
        "application": f"a{place}",
        "organisation": f"org{place}",
        "region": "seoul",
        "sector": "university",
        "track": "academia",
        "size_class": "medium",
        "wishes": (wish,),
        "rank": place,
        "score": 100 - place,
    }
    return Request(**facts | changes)


def offer(servers: int | tuple[int, ...] = 8, pool: str = "h200", **changes: Any) -> PoolOffer:
    monthly = (servers,) if isinstance(servers, int) else servers
    return PoolOffer(
        **{"pool": pool, "cluster": "one", "model": "H200", "servers": monthly} | changes
    )


def snapshot(*requests: Request, offers: tuple[PoolOffer, ...], **changes: Any) -> RoundSnapshot:
    months = len(offers[0].servers)
    return RoundSnapshot(call="r1", months=months, requests=requests, offers=offers, **changes)


def policy(*groups: Group, name: str = "strict-rank") -> RoundPolicy:
    return RoundPolicy.model_validate({"policy": name, "groups": groups})


def sentence(reason: Reason) -> str:
    """The reason in English; a parameter that is missing fails here."""
    return CATALOGUE[reason.code].format(**reason.params)
