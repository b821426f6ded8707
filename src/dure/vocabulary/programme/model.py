"""The whole programme, and what must agree between its parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.calls import Allotment, Call, FormField, Quota, Rubric, Track
from dure.vocabulary.programme.eligibility import EligibilityRule
from dure.vocabulary.programme.money import CostShare, Lending, MarketPrice
from dure.vocabulary.programme.reclaim import ReclaimRule
from dure.vocabulary.programme.supply import (
    AcceleratorModel,
    Cluster,
    Pool,
    Provider,
    Site,
    StandingAllocation,
)
from dure.vocabulary.programme.types import Key

Unit = Literal["server", "accelerator", "accelerator-hour", "node-hour"]


class Named(Frozen):
    id: Key
    label: Text


class Programme(Frozen):
    """A body of rules, supply and money over years.

    Raises (through pydantic) one error per broken reference, located at the field that refers.
    """

    schema_version: Literal["dure.programme/1"] = Field(alias="schema")
    id: Key
    name: Text
    agency: Text
    time_zone: str
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    fiscal_year_starts_month: int = Field(default=1, ge=1, le=12)
    unit: Unit = "server"
    sectors: tuple[Named, ...] = Field(min_length=1)
    regions: tuple[Named, ...] = Field(min_length=1)
    accelerators: tuple[AcceleratorModel, ...] = Field(min_length=1)
    providers: tuple[Provider, ...] = Field(min_length=1)
    standing_allocations: tuple[StandingAllocation, ...] = ()
    tracks: tuple[Track, ...] = Field(min_length=1)
    quotas: tuple[Quota, ...] = ()
    allotment: Allotment = Allotment()
    form: tuple[FormField, ...] = ()
    eligibility: tuple[EligibilityRule, ...] = ()
    rubric: Rubric
    calls: tuple[Call, ...] = ()
    cost_shares: tuple[CostShare, ...] = ()
    market_prices: tuple[MarketPrice, ...] = ()
    lending: Lending = Lending()
    reclaim: tuple[ReclaimRule, ...] = ()
    sources: tuple[str, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            msg = f"{name!r} is not a time zone; write one such as Asia/Seoul"
            raise ValueError(msg) from error
        return name

    @model_validator(mode="after")
    def _parts_agree(self) -> Programme:
        problems = list(_disagreements(self))
        if problems:
            raise ReferencesError(problems)
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def clusters(self) -> Iterator[tuple[Provider, Site, Cluster]]:
        for provider in self.providers:
            for site in provider.sites:
                for cluster in site.clusters:
                    yield provider, site, cluster

    def pools(self) -> Iterator[tuple[Provider, Cluster, Pool]]:
        for provider, _, cluster in self.clusters():
            for pool in cluster.pools:
                yield provider, cluster, pool


class ReferencesError(ValueError):
    """Parts of the file disagree. `problems` holds (path in the file, what is wrong)."""

    def __init__(self, problems: list[tuple[tuple[str | int, ...], str]]) -> None:
        self.problems = problems
        super().__init__(
            "; ".join(f"{'.'.join(map(str, path))}: {text}" for path, text in problems)
        )


Problem = tuple[tuple[str | int, ...], str]


def _repeated(kind: str, path: str, ids: Iterable[str]) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, name in enumerate(ids):
        if name in seen:
            yield (path, index, "id"), f"{kind} {name!r} is declared twice"
        seen.add(name)


def _unknown(
    known: set[str], kind: str, refs: Iterable[tuple[tuple[str | int, ...], str]]
) -> Iterator[Problem]:
    for path, name in refs:
        if name not in known:
            near = ", ".join(sorted(known)) or "none is declared"
            yield path, f"no {kind} {name!r}; declared: {near}"


def _disagreements(p: Programme) -> Iterator[Problem]:
    sectors = {s.id for s in p.sectors}
    models = {a.id for a in p.accelerators}
    tracks = {t.id for t in p.tracks}
    fields = {f.id for f in p.form}
    quotas = {q.id for q in p.quotas}
    regions = {r.id for r in p.regions}
    for kind, path, ids in (
        ("sector", "sectors", [s.id for s in p.sectors]),
        ("region", "regions", [r.id for r in p.regions]),
        ("accelerator", "accelerators", [a.id for a in p.accelerators]),
        ("provider", "providers", [v.id for v in p.providers]),
        ("track", "tracks", [t.id for t in p.tracks]),
        ("call", "calls", [c.id for c in p.calls]),
        ("form field", "form", [f.id for f in p.form]),
        ("eligibility rule", "eligibility", [r.id for r in p.eligibility]),
        ("reclaim rule", "reclaim", [r.id for r in p.reclaim]),
        ("quota", "quotas", [q.id for q in p.quotas]),
    ):
        yield from _repeated(kind, path, ids)
    pools: set[str] = set()
    clusters: set[str] = set()
    for pi, provider in enumerate(p.providers):
        for si, site in enumerate(provider.sites):
            here: tuple[str | int, ...] = ("providers", pi, "sites", si)
            yield from _unknown(regions, "region", [((*here, "region"), site.region)])
            for ci, cluster in enumerate(site.clusters):
                if cluster.id in clusters:
                    yield (*here, "clusters", ci, "id"), f"cluster {cluster.id!r} is declared twice"
                clusters.add(cluster.id)
                for oi, pool in enumerate(cluster.pools):
                    at = (*here, "clusters", ci, "pools", oi)
                    if pool.id in pools:
                        yield (*at, "id"), f"pool {pool.id!r} is declared twice"
                    pools.add(pool.id)
                    yield from _unknown(models, "accelerator", [((*at, "model"), pool.model)])
    for ti, track in enumerate(p.tracks):
        yield from _unknown(
            sectors,
            "sector",
            [(("tracks", ti, "sectors", i), s) for i, s in enumerate(track.sectors)],
        )
        yield from _unknown(
            models,
            "accelerator",
            [(("tracks", ti, "max_amount_by_model", m), m) for m in track.max_amount_by_model],
        )
    for ci, call in enumerate(p.calls):
        yield from _unknown(
            tracks, "track", [(("calls", ci, "tracks", i), t) for i, t in enumerate(call.tracks)]
        )
        yield from _unknown(
            pools, "pool", [(("calls", ci, "pools", i), o) for i, o in enumerate(call.pools)]
        )
    for qi, quota in enumerate(p.quotas):
        yield from _unknown(
            sectors,
            "sector",
            [(("quotas", qi, "sectors", i), s) for i, s in enumerate(quota.sectors)],
        )
    for si, standing in enumerate(p.standing_allocations):
        yield from _unknown(pools, "pool", [(("standing_allocations", si, "pool"), standing.pool)])
        if standing.quota is not None:
            yield from _unknown(
                quotas, "quota", [(("standing_allocations", si, "quota"), standing.quota)]
            )
    for ri, rule in enumerate(p.eligibility):
        named = getattr(rule, "field", None)
        if named is not None:
            yield from _unknown(fields, "form field", [(("eligibility", ri, "field"), named)])
        for key in getattr(rule, "when", {}):
            yield from _unknown(fields, "form field", [(("eligibility", ri, "when", key), key)])
    for ki, cost in enumerate(p.cost_shares):
        yield from _unknown(sectors, "sector", [(("cost_shares", ki, "sector"), cost.sector)])
        yield from _unknown(
            fields,
            "form field",
            [(("cost_shares", ki, "reductions", f), f) for f in cost.reductions],
        )
    for mi, price in enumerate(p.market_prices):
        yield from _unknown(models, "accelerator", [(("market_prices", mi, "model"), price.model)])
    for region in p.allotment.region_bonus_points:
        yield from _unknown(
            regions, "region", [(("allotment", "region_bonus_points", region), region)]
        )
    split = sum((q.share for q in p.quotas), start=0)
    if p.quotas and split > 1:
        yield ("quotas",), f"the quotas' shares add up to {split}, more than the whole"
