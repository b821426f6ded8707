"""Rounds of three sizes, made from a seed: for tests and benchmarks, never for conclusions.

- The same seed gives the same round everywhere. Only what is named as published is: Korea's first
  round of 2026 had 514 applications for 1,714 servers and 542 servers offered, in clusters of 255
  and 32 (H200) and 255 (B200). All else is assumed, and large enough to be hard.
- Sizes are geometric with a few large ones, 3.3 servers in the mean and at most 32. Scores follow
  nothing; ranks follow scores. An organisation has one sector and one region.
- A request's size is that of its first wish; another model's is what gives as much by its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, log
from random import Random
from typing import Literal

from dure.engine.allocation.facts import (
    Group,
    Held,
    PoolOffer,
    Request,
    RoundPolicy,
    RoundSnapshot,
    Wish,
)

Instance = tuple[RoundSnapshot, RoundPolicy]

WEIGHTS = {
    "H200": Fraction(1),
    "H100": Fraction(1),  # 1 H100 = 1 H200 (NIPA 2025)
    "B200": Fraction(2),  # 768 B200 in place of 512 B200 + 512 H100 (etoday 2026-01-23)
    "B300": Fraction(2),  # assumption: as the B200
    "NPU": Fraction(1, 2),  # assumption
}
MOST = {"H200": 32, "H100": 32, "B200": 16, "B300": 16, "NPU": 32}
"""Servers a request may ask for: 32 and 16 are published, the others by analogy."""

KOREA_APPLICATIONS, KOREA_SERVERS = 514, 1714
KOREA_POOLS = {
    3: (("naver-h200-a", "H200", 255), ("naver-h200-b", "H200", 32), ("kakao-b200-a", "B200", 255)),
    5: (
        ("naver-h200-a1", "H200", 128),
        ("naver-h200-a2", "H200", 127),
        ("naver-h200-b", "H200", 32),
        ("kakao-b200-a1", "B200", 128),
        ("kakao-b200-a2", "B200", 127),
    ),
}
KOREA_TAKES = (("H200",), ("B200",), ("H200", "B200"), ("B200", "H200"))

SECTORS = {"academia": 63, "industry": 30, "institute": 7}  # about the shares of round 1's demand
CAPITAL = {"seoul": 40, "gyeonggi": 20, "incheon": 5}
ELSEWHERE = {"daejeon": 10, "busan": 7, "daegu": 6, "gwangju": 6, "ulsan": 3, "jeju": 3}
BLOCK = 32


@dataclass(frozen=True, slots=True)
class Organisation:
    name: str
    sector: str
    region: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What one application asks for, before it has a rank."""

    organisation: Organisation
    wishes: tuple[Wish, ...]
    months: int
    earliest: int
    latest: int
    blocks: bool


def korea_sized(
    seed: int, *, pools: Literal[3, 5] = 3, capped: bool = False, over_months: bool = False
) -> Instance:
    """514 applications for 1,714 servers, 542 offered; whole or nothing, two size classes.

    `capped`: a quota for academia, and a cap on each organisation. `over_months`: 3, 6, 9 or 12 of
    twelve months, some with a choice of start; otherwise everything is for one and the same month.
    """
    draw = Random(seed)  # noqa: S311  # sample data
    horizon = 12 if over_months else 1
    takes = [draw.choice(KOREA_TAKES) for _ in range(KOREA_APPLICATIONS)]
    sizes = _adding_up(draw, [MOST[models[0]] for models in takes], KOREA_SERVERS)
    organisations = _organisations(draw, 250)
    asks = []
    for models, servers in zip(takes, sizes, strict=True):
        months = draw.choice((3, 6, 9, 12)) if over_months else 1
        earliest, latest = _window(draw, horizon - months)
        wishes = _wishes(models, servers, reducible=False)
        asks.append(Ask(draw.choice(organisations), wishes, months, earliest, latest, blocks=False))
    snapshot = RoundSnapshot(
        call="korea-1",
        months=horizon,
        requests=_ranked(draw, asks, tracks=dict.fromkeys(SECTORS, "open")),
        offers=tuple(
            PoolOffer(pool=pool, cluster=pool, model=model, servers=(servers,) * horizon)
            for pool, model, servers in KOREA_POOLS[pools]
        ),
        programme_servers=542,
    )
    # 330: academia was given 328. 16: no cap is published; this one binds for a few.
    groups = (Group(group="academia", sectors=("academia",), most=330), _organisation_cap(16))
    return snapshot, RoundPolicy(groups=groups if capped else ())


def five_thousand(seed: int) -> Instance:
    """5,000 applications for 20 pools of four models in one month, about three times too many."""
    draw = Random(seed)  # noqa: S311  # sample data
    models = ("H100", "H200", "B200", "NPU")
    offers = tuple(
        _blocked_offer(f"{model}-{index}", model, [(BLOCK,)] * draw.randint(6, 11))
        for model in models
        for index in range(5)
    )
    organisations = _organisations(draw, 1500)
    asks = [_ask(draw, models, draw.choice(organisations)) for _ in range(5000)]
    total = sum(offer.servers[0] for offer in offers)
    snapshot = RoundSnapshot(
        call="five-thousand",
        requests=_ranked(draw, asks, tracks=_TRACKS),
        offers=offers,
        held=_held(total // 10, months=1),
        programme_servers=total + total // 10,
    )
    groups = (
        *_quotas(total + total // 10),
        _organisation_cap(48),
        Group(group="regions", kind="rule", each="region", most=total * 30 // 100),
    )
    return snapshot, RoundPolicy(groups=groups)


def twenty_thousand(seed: int) -> Instance:
    """20,000 applications for 40 pools of five models over 24 months, about three times too many.

    3, 6 or 12 months with up to twelve months' choice of start; some blocks come free only later.
    """
    draw = Random(seed)  # noqa: S311  # sample data
    horizon, models = 24, tuple(WEIGHTS)
    offers = tuple(
        _blocked_offer(
            f"{model}-{index}",
            model,
            [_free_from(draw.choice((0, 0, 0, 0, 3, 6, 9)), horizon) for _ in range(8)],
        )
        for model in models
        for index in range(8)
    )
    organisations = _organisations(draw, 5000)
    asks = []
    for _ in range(20_000):
        months = draw.choices((3, 6, 12), (1, 2, 7))[0]
        earliest = draw.randint(0, 12) if draw.random() < 0.5 else 0
        latest = min(horizon - months, earliest + draw.randint(0, 12))
        whose = _skewed(draw, organisations)
        asks.append(_ask(draw, models, whose, months=months, earliest=earliest, latest=latest))
    total = sum(max(offer.servers) for offer in offers)
    server_months = sum(sum(offer.servers) for offer in offers)
    snapshot = RoundSnapshot(
        call="twenty-thousand",
        months=horizon,
        requests=_ranked(draw, asks, tracks=_TRACKS),
        offers=offers,
        held=_held(total // 10, months=horizon),
        programme_servers=total + total // 10,
    )
    floor = Group(
        group="non-capital",
        kind="rule",
        regions=tuple(ELSEWHERE),
        least=server_months * 2 // 5,  # they ask for 35 % of all, so that rank alone gives less
    )
    return snapshot, RoundPolicy(
        groups=(*_quotas(total + total // 10), _organisation_cap(48), floor)
    )


_TRACKS = {"academia": "research", "institute": "research", "industry": "industry"}


def _organisations(draw: Random, count: int) -> list[Organisation]:
    regions = CAPITAL | ELSEWHERE
    return [
        Organisation(
            f"org-{index:04}",
            draw.choices(list(SECTORS), list(SECTORS.values()))[0],
            draw.choices(list(regions), list(regions.values()))[0],
        )
        for index in range(count)
    ]


def _skewed(draw: Random, organisations: Sequence[Organisation]) -> Organisation:
    """The first ones much more often, as large universities apply."""
    return organisations[int(draw.random() ** 2 * len(organisations))]


def _size(draw: Random) -> int:
    """3.3 in the mean: geometric with mean 3, and 1.5 % large ones of 24 in the mean."""
    if draw.random() < 0.015:
        return draw.choice((16, 24, 32))
    return min(32, 1 + int(log(1 - draw.random()) / log(1 - 1 / 3.03)))


def _adding_up(draw: Random, most: Sequence[int], total: int) -> list[int]:
    """A size for each, none above its own `most`, all together `total`."""
    sizes = [min(limit, _size(draw)) for limit in most]
    while (over := sum(sizes) - total) != 0:
        at = draw.randrange(len(sizes))
        sizes[at] = min(most[at], max(1, sizes[at] - (1 if over > 0 else -1)))
    return sizes


def _wishes(models: Sequence[str], servers: int, *, reducible: bool) -> tuple[Wish, ...]:
    amounts = [
        min(MOST[model], ceil(servers * WEIGHTS[models[0]] / WEIGHTS[model])) for model in models
    ]
    return tuple(
        Wish(
            model=model,
            servers=amount,
            minimum=ceil(amount / 2) if reducible else amount,
            weight=WEIGHTS[model],
        )
        for model, amount in zip(models, amounts, strict=True)
    )


def _ask(
    draw: Random,
    models: Sequence[str],
    organisation: Organisation,
    *,
    months: int = 1,
    earliest: int = 0,
    latest: int = 0,
) -> Ask:
    """One to three models; a fifth can be reduced; half of those for 16 or more want blocks."""
    takes = draw.sample(models, draw.choices((1, 2, 3), (50, 35, 15))[0])
    servers = min(MOST[takes[0]], _size(draw))
    wishes = _wishes(takes, servers, reducible=draw.random() < 0.2)
    blocks = servers >= 16 and draw.random() < 0.5
    return Ask(organisation, wishes, months, earliest, latest, blocks)


def _window(draw: Random, slack: int) -> tuple[int, int]:
    """Six in ten start with the supply; the others in some window."""
    if draw.random() < 0.6:
        return 0, 0
    earliest = draw.randint(0, slack)
    return earliest, draw.randint(earliest, slack)


def _score(draw: Random) -> int:
    """Thousandths of a point: the mean of five reviewers between 40 and 100."""
    return sum(draw.randint(40_000, 100_000) for _ in range(5)) // 5


def _ranked(draw: Random, asks: Sequence[Ask], *, tracks: dict[str, str]) -> tuple[Request, ...]:
    scores = [_score(draw) for _ in asks]
    best_first = sorted(range(len(asks)), key=lambda index: (-scores[index], index))
    return tuple(
        Request(
            application=f"a-{index:05}",
            organisation=asks[index].organisation.name,
            region=asks[index].organisation.region,
            sector=asks[index].organisation.sector,
            track=tracks[asks[index].organisation.sector],
            size_class=_size_class(asks[index].wishes[0]),
            wishes=asks[index].wishes,
            months=asks[index].months,
            earliest=asks[index].earliest,
            latest=asks[index].latest,
            contiguity="blocks" if asks[index].blocks else "cluster",
            rank=rank,
            score=Fraction(scores[index], 1000),
        )
        for rank, index in enumerate(best_first, 1)
    )


def _size_class(wish: Wish) -> str:
    """Large from 64 H200 or 32 B200, which is 8 or 4 servers (heraldk 2025-12-17)."""
    return "large" if wish.servers * wish.weight >= 8 else "regular"


def _free_from(month: int, horizon: int) -> tuple[int, ...]:
    return (0,) * month + (BLOCK,) * (horizon - month)


def _blocked_offer(pool: str, model: str, blocks: Sequence[tuple[int, ...]]) -> PoolOffer:
    """A pool of blocks of 32; one server of the first is kept as a spare."""
    free = (tuple(max(0, n - 1) for n in blocks[0]), *blocks[1:])
    return PoolOffer(
        pool=pool,
        cluster=pool,
        model=model,
        servers=tuple(map(sum, zip(*free, strict=True))),
        block_servers=BLOCK,
        blocks=free,
    )


def _held(servers: int, *, months: int) -> tuple[Held, ...]:
    """What an earlier round gave to academia in the capital."""
    row = Held(
        region="seoul",
        sector="academia",
        track="research",
        size_class="large",
        model="H200",
        servers=(servers,) * months,
    )
    return (row,)


def _quotas(servers: int) -> tuple[Group, ...]:
    """Academia asks for more than half and industry for less than two fifths: the first binds."""
    shares = {"academia": 50, "industry": 40, "institute": 20}
    return tuple(
        Group(group=sector, sectors=(sector,), most=servers * share // 100)
        for sector, share in shares.items()
    )


def _organisation_cap(servers: int) -> Group:
    return Group(
        group="organisation_cap", kind="organisation_cap", each="organisation", most=servers
    )
