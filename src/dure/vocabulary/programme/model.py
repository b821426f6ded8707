"""The whole programme. What must agree between its parts stands in `references`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.allotment import Allotment
from dure.vocabulary.programme.bounds_agree import floors_above_caps
from dure.vocabulary.programme.calls import Call, FormField, Quota, Rubric, Track
from dure.vocabulary.programme.eligibility import EligibilityRule, misfits
from dure.vocabulary.programme.incidents import IncidentRules
from dure.vocabulary.programme.money import CostShare, Lending, MarketPrice
from dure.vocabulary.programme.reclaim import ReclaimRule
from dure.vocabulary.programme.references import ReferencesError, broken_references
from dure.vocabulary.programme.reviewing import Reviewing
from dure.vocabulary.programme.supply import (
    AcceleratorModel,
    Arrangement,
    Cluster,
    Figure,
    Pool,
    Provider,
    PublishedFigure,
    Site,
    StandingAllocation,
)
from dure.vocabulary.programme.supply_calls import SupplyCall
from dure.vocabulary.programme.types import Key, TimeZone

Unit = Literal["server", "accelerator", "accelerator-hour", "node-hour"]


class Named(Frozen):
    id: Key
    label: Text


class Programme(Frozen):
    """A body of rules, supply and money over years.

    Raises (through pydantic) one ReferencesError with every broken reference, each located at the
    field that refers.
    """

    schema_version: Literal["dure.programme/1"] = Field(alias="schema")
    id: Key
    name: Text
    agency: Text
    time_zone: TimeZone
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    fiscal_year_starts_month: int = Field(default=1, ge=1, le=12)
    unit: Unit = "server"
    sectors: tuple[Named, ...] = Field(min_length=1)
    regions: tuple[Named, ...] = Field(min_length=1)
    accelerators: tuple[AcceleratorModel, ...] = Field(min_length=1)
    providers: tuple[Provider, ...] = Field(min_length=1)
    published_figures: tuple[PublishedFigure, ...] = ()
    standing_allocations: tuple[StandingAllocation, ...] = ()
    tracks: tuple[Track, ...] = Field(min_length=1)
    quotas: tuple[Quota, ...] = ()
    allotment: Allotment = Allotment()
    form: tuple[FormField, ...] = ()
    eligibility: tuple[EligibilityRule, ...] = ()
    rubric: Rubric
    reviewing: Reviewing = Reviewing()
    calls: tuple[Call, ...] = ()
    supply_calls: tuple[SupplyCall, ...] = ()
    cost_shares: tuple[CostShare, ...] = ()
    market_prices: tuple[MarketPrice, ...] = ()
    lending: Lending = Lending()
    reclaim: tuple[ReclaimRule, ...] = ()
    incidents: IncidentRules = IncidentRules()
    sources: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _parts_agree(self) -> Programme:
        written = self.model_dump(by_alias=True)
        problems = [
            *broken_references(written),
            *self._figures_that_differ(),
            *self._over_split(),
            *floors_above_caps(self.quotas, self.allotment.rules),
            *self._unknown_lessors(),
            *self._unknown_size_classes(),
            *self._tiers_across_bands(),
            *misfits(self.eligibility, self.form),
        ]
        if problems:
            raise ReferencesError(tuple(problems))
        return self

    def _figures_that_differ(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        nodes = {pool.id: pool for _, _, pool in self.pools()}
        for index, published in enumerate(self.published_figures):
            known = [nodes[name] for name in published.pools if name in nodes]
            total = sum(pool.figure(published.figure) for pool in known)
            if len(known) == len(published.pools) and total != published.value:
                yield (
                    ("published_figures", index, "value"),
                    f"published is {published.value}, but the pools named add up to {total}",
                )

    def _over_split(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        split = sum(quota.share for quota in self.quotas)
        if split > 1:
            percent = float(100 * split)
            yield ("quotas",), f"the quotas' shares add up to {percent:g} %, more than the whole"

    def _unknown_lessors(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """A rule that excludes lessors does nothing for one that cannot be recognised."""
        lessors = {v.id for v, _, pool in self.pools() if pool.arrangement == "leased"}
        if any(rule.kind == "not_lessor" for rule in self.eligibility):
            for index, provider in enumerate(self.providers):
                if provider.id in lessors and not provider.registration_number:
                    yield (
                        ("providers", index, "registration_number"),
                        "this provider leases and a rule excludes lessors, so its number is needed",
                    )

    def _unknown_size_classes(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Tracks may each have a class of the same name, so these are not declared once."""
        known = {size.id for track in self.tracks for size in track.size_classes}
        for index, rule in enumerate(self.allotment.rules):
            for place, name in enumerate(rule.size_classes):
                if name not in known:
                    where = ("allotment", "rules", index, "size_classes", place)
                    listed = ", ".join(sorted(known))
                    yield where, f"there is no size class '{name}'; declared: {listed}"

    def _tiers_across_bands(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Where peers' points rank a call, its tiers are what the lottery draws within.

        A band over two tiers would draw a lower tier first; one within a tier would split it.
        """
        bands = self.allotment.lottery_bands
        for index, call in enumerate(self.calls):
            last = call.stages[-1] if call.stages else None
            if not bands or last is None or last.peer is None:
                continue
            judged = (c for c in self.rubric.criteria if not last.criteria or c.id in last.criteria)
            points = sum(criterion.points for criterion in judged)
            bounds = [tier * points for tier in last.peer.tiers]
            if list(bands) != bounds:
                where = ("calls", index, "stages", len(call.stages) - 1, "peer", "tiers")
                said = f"these tiers begin at {_listed(bounds)} of the stage's {points} points"
                other = f"the lottery draws within bands from {_listed(bands)}"
                todo = "write the same bounds in allotment.lottery_bands"
                yield where, f"{said}, but {other}; {todo}"

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

    def call(self, key: str) -> Call | None:
        """The demand call of that id; None once the file has dropped it."""
        return next((call for call in self.calls if call.id == key), None)

    def price_of(self, model: str) -> MarketPrice | None:
        return next((price for price in self.market_prices if price.model == model), None)

    def cost_share_of(self, sector: str) -> CostShare | None:
        return next((share for share in self.cost_shares if share.sector == sector), None)

    def total(self, figure: Figure, arrangement: Arrangement) -> int:
        """The sum of one count over the pools of one arrangement."""
        return sum(p.figure(figure) for _, _, p in self.pools() if p.arrangement == arrangement)


def _listed(bounds: Iterable[Fraction]) -> str:
    """As they would be written in the file."""
    return ", ".join(f"{float(bound):g}" for bound in bounds)
