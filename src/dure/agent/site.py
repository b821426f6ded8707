"""The provider's description of a site, and the engine it names.

- `site.yaml` says which engine runs here and what it is called in the programme. Without a word on
  the engine it is the local one.
- Opening an engine takes it over; `engine_holds` only looks, whoever runs it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag, TypeAdapter

from dure.backends.contract import Observed
from dure.backends.local import LocalBackend
from dure.backends.local.journal import Journal
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.binder import Binder
from dure.backends.slurm.caretaker import Caretaker
from dure.backends.slurm.held import Held, Record
from dure.backends.slurm.rehearsed import RehearsedSlurm
from dure.backends.slurm.site import SlurmSite
from dure.backends.slurm.tools import Slurm
from dure.vocabulary.frozen import Frozen

REPORT_EVERY_S: Final = 30
"""Fresh enough for an operator to watch, and 2,880 quiet reports a day are a few megabytes."""

TEND_EVERY_S: Final = 5.0
"""How long a change made on the engine by hand may stand before it is put right."""


TAKES_ORDERS: Final = "whether members may hand jobs in through the hub"


class LocalConfig(Frozen):
    """This machine's accelerators as one pool of the programme, run by the local engine."""

    engine: Literal["local"] = "local"
    pool: str = Field(min_length=1, description="the pool's id in the programme file")
    model: str = Field(min_length=1, description="the accelerator model's id in the programme file")
    slots: int = Field(gt=0, description="accelerators of this machine that the engine hands out")
    engine_state: str = Field(
        default="engine", description="the engine's folder, from the state folder on"
    )
    segment_s: int = Field(
        default=300, gt=0, description="usage is cut every so many seconds; never change it"
    )
    takes_orders: bool = Field(default=True, description=TAKES_ORDERS)
    report_every_s: int = Field(default=REPORT_EVERY_S, gt=0)
    tend_every_s: float = Field(default=TEND_EVERY_S, gt=0)


class SlurmConfig(SlurmSite):
    """A cluster run by Slurm, and the agent's pace there."""

    takes_orders: bool = Field(default=True, description=TAKES_ORDERS)
    report_every_s: int = Field(default=REPORT_EVERY_S, gt=0)
    tend_every_s: float = Field(default=TEND_EVERY_S, gt=0)


def _engine(site: Any) -> str:
    if isinstance(site, dict):
        return str(site.get("engine", "local"))
    return str(getattr(site, "engine", "local"))


SiteConfig = LocalConfig | SlurmConfig

SITE: Final[TypeAdapter[SiteConfig]] = TypeAdapter(
    Annotated[
        Annotated[LocalConfig, Tag("local")] | Annotated[SlurmConfig, Tag("slurm")],
        Discriminator(
            _engine,
            custom_error_type="engine",
            custom_error_message="engine: one of local, slurm",
        ),
    ]
)
"""Reads a `site.yaml`."""

Engine = LocalBackend | SlurmBackend


def pools(config: SiteConfig) -> tuple[str, ...]:
    """The pools of the programme that stand on this site."""
    return (
        (config.pool,) if isinstance(config, LocalConfig) else tuple(p.pool for p in config.pools)
    )


def open_engine(
    config: SiteConfig,
    *,
    folder: Path,
    clock: Callable[[], datetime],
    ahead: timedelta = timedelta(0),
) -> Engine:
    """Takes the engine over; raises `StateDirectoryInUse` where another process has it.

    `ahead`: in a rehearsal, how far `clock` is ahead of this machine's, which Slurm's daemons read.
    """
    state = folder / config.engine_state
    if isinstance(config, SlurmConfig) and ahead:
        return RehearsedSlurm(state, site=config, clock=lambda: datetime.now(UTC), ahead=ahead)
    if isinstance(config, SlurmConfig):
        return SlurmBackend(state, site=config, clock=clock)
    return LocalBackend(
        state,
        pool=config.pool,
        model=config.model,
        accelerators=config.slots,
        clock=clock,
        segment_s=config.segment_s,
    )


def engine_holds(config: SiteConfig, *, folder: Path, clock: Callable[[], datetime]) -> Observed:
    """What the engine holds, read beside a running one; changes nothing.

    Raises UnableToApplyNow where Slurm is away.
    """
    state = folder / config.engine_state
    if isinstance(config, SlurmConfig):
        return slurm_books(config, folder=folder, clock=clock).observed()
    path = state / "journal.sqlite"
    if not path.exists():
        return Observed()
    journal = Journal(path)
    try:
        return Observed(
            bindings=journal.bindings(), lent=journal.lent(), grace_s=journal.fact("grace_s", 30)
        )
    finally:
        journal.close()


def slurm_caretaker(
    config: SlurmConfig, *, folder: Path, clock: Callable[[], datetime]
) -> Caretaker:
    """The nodes of the site, to be looked at beside a running agent."""
    state = folder / config.engine_state
    return Caretaker(state, slurm=Slurm.of(config), site=config, held=Held, clock=clock)


def slurm_books(config: SlurmConfig, *, folder: Path, clock: Callable[[], datetime]) -> Binder:
    """Slurm's side of the bindings, to be looked at beside a running agent."""
    state = folder / config.engine_state
    return Binder(state, slurm=Slurm.of(config), site=config, record=Record(state), clock=clock)
