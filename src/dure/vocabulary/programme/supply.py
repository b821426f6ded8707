"""Who supplies what: accelerators, providers, sites, clusters, pools.

- A provider's own use is a part of a pool that never enters the programme's capacity.
- A pool is the nodes of one cluster with one accelerator model; a block is nodes of a pool that
  share a fabric domain.
- Capacity the programme can award = nodes - own use - spares.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, field_validator, model_validator

from dure.vocabulary.frozen import Frozen, Text
from dure.vocabulary.programme.types import Exact, Key
from dure.vocabulary.registration_numbers import is_wrong, standard

Engine = Literal["local", "simulated", "slurm", "kueue"]
Arrangement = Literal["acquired", "leased", "rehearsal"]
"""rehearsal: the operator's own machine, for trying the programme out; in no total."""

Figure = Literal["accelerators", "programme_accelerators", "awardable_nodes"]


class AcceleratorModel(Frozen):
    """Data-sheet figures of one model; all rates dense, without sparsity."""

    id: Key
    name: str
    vendor: str
    kind: Literal["gpu", "npu"] = "gpu"
    memory_gb: int = Field(gt=0)
    bf16_tflops: int = Field(gt=0)
    fp8_tflops: int | None = Field(default=None, gt=0)
    tdp_w: int = Field(gt=0)
    link_gb_per_s: int = Field(gt=0)
    weight: Exact = Field(gt=0, description="conversion weight; the programme's reference is 1")
    source: str


class Pool(Frozen):
    """The nodes of one cluster with one accelerator model."""

    id: Key
    model: Key
    nodes: int = Field(gt=0)
    own_use_nodes: int = Field(default=0, ge=0)
    spare_nodes: int = Field(default=0, ge=0)
    accelerators_per_node: int = Field(default=8, gt=0)
    block_nodes: int = Field(default=32, gt=0)
    arrangement: Arrangement = "acquired"
    available_from: date | None = None
    available_until: date | None = None

    @model_validator(mode="after")
    def _available_for_a_time(self) -> Pool:
        first, last = self.available_from, self.available_until
        if first is not None and last is not None and last <= first:
            raise ValueError("available_until must be after available_from (the first day without)")
        return self

    @model_validator(mode="after")
    def _has_room(self) -> Pool:
        if self.own_use_nodes + self.spare_nodes > self.nodes:
            msg = (
                f"own use ({self.own_use_nodes}) and spares ({self.spare_nodes}) "
                f"exceed the pool's {self.nodes} nodes"
            )
            raise ValueError(msg)
        return self

    @property
    def programme_nodes(self) -> int:
        """Nodes for the programme's use, spares among them."""
        return self.nodes - self.own_use_nodes

    @property
    def awardable_nodes(self) -> int:
        """Servers that allocations may promise."""
        return self.programme_nodes - self.spare_nodes

    @property
    def accelerators(self) -> int:
        return self.nodes * self.accelerators_per_node

    @property
    def programme_accelerators(self) -> int:
        return self.programme_nodes * self.accelerators_per_node

    def figure(self, name: Figure) -> int:
        """One of the counts that programmes publish."""
        match name:
            case "accelerators":
                return self.accelerators
            case "programme_accelerators":
                return self.programme_accelerators
            case "awardable_nodes":
                return self.awardable_nodes


class Cluster(Frozen):
    """One engine's domain. Its site agent binds allocations there."""

    id: Key
    name: Text
    engine: Engine
    cooling: Literal["air", "liquid", "unknown"] = "unknown"
    pools: tuple[Pool, ...] = Field(min_length=1)


class Site(Frozen):
    id: Key
    name: Text
    region: Key
    clusters: tuple[Cluster, ...]


class Certification(Frozen):
    """A security certificate: held until a date, planned for one, or not at all."""

    scheme: str
    state: Literal["held", "planned", "none"]
    expires: date | None = None
    planned: date | None = None

    @model_validator(mode="after")
    def _dated(self) -> Certification:
        if self.state == "held" and self.expires is None:
            raise ValueError("a certificate that is held needs its expiry date")
        if self.state == "planned" and self.planned is None:
            raise ValueError("a planned certificate needs its plan date")
        return self


class Provider(Frozen):
    id: Key
    name: Text
    registration_number: str = ""
    sites: tuple[Site, ...]
    certifications: tuple[Certification, ...] = ()

    @field_validator("registration_number")
    @classmethod
    def _number_is_right(cls, written: str) -> str:
        if is_wrong(written):
            msg = f"{written!r} is not right: its check digit does not fit; compare each digit"
            raise ValueError(msg)
        return standard(written)


class PublishedFigure(Frozen):
    """A total the programme has published. The named pools must add up to it exactly."""

    id: Key
    label: Text
    pools: tuple[Key, ...] = Field(min_length=1)
    figure: Figure
    value: int = Field(ge=0)
    source: str


class StandingAllocation(Frozen):
    """Capacity promised outside the calls: national projects, model teams."""

    id: Key
    holder: Text
    quota: Key | None = None
    pool: Key
    servers: int = Field(gt=0)
    starts: date
    ends: date

    @model_validator(mode="after")
    def _ends_later(self) -> StandingAllocation:
        if self.ends <= self.starts:
            raise ValueError("ends must be after starts (the end day is the first day without)")
        return self
