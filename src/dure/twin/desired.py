"""What each site of the twin should hold: the document that an agent pulls, as the hub makes it.

- Complete, never a delta, and one revision is one content: see `hub.allocations.desired`.
- A binding is kept with its standing and made anew only when what was promised has changed, at the
  next generation, so a document that says what the last one said is that one.
- Nobody is a member: the twin's jobs are not handed in by people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dure.protocol import Binding, Desired, LentShare

if TYPE_CHECKING:
    from dure.engine.lending import Lend
    from dure.twin.control import Control
    from dure.twin.standing import Standing

Promise = tuple[int, int, int]
"""Servers, from and until in seconds of the play: what makes a binding another one."""


@dataclass(slots=True)
class Office:
    """What one site was told last, and the parts it was made of."""

    told: Desired
    bindings: dict[int, tuple[Promise, Binding]] = field(default_factory=dict)
    shares: dict[str, LentShare] = field(default_factory=dict)


def document(control: Control, place: int, at_s: int) -> Desired:
    """The complete document of the site at this place, at its present revision."""
    register, site = control.register, control.sites[place]
    grace_s = control.setting.lending.grace_s
    office = register.offices.get(place)
    if office is None:
        empty = Desired(cluster=site.pool.id, revision=0, grace_s=grace_s)
        office = register.offices[place] = Office(told=empty)
    bindings = tuple(_bindings(control, office, site.projects, at_s))
    lends = register.rights.get(place, ()) if control.setting.lending.enabled else ()
    lent = tuple(_share(office, right) for right in lends)
    if (bindings, lent) != (office.told.bindings, office.told.lent):
        office.told = Desired(
            cluster=site.pool.id,
            revision=office.told.revision + 1,
            bindings=bindings,
            lent=lent,
            grace_s=grace_s,
        )
    return office.told


def _bindings(
    control: Control, office: Office, projects: list[int], at_s: int
) -> Iterator[Binding]:
    for index in projects:
        standing = control.register.standings[index]
        if standing.servers and standing.until_s > at_s:
            promise = (standing.servers, standing.from_s, standing.until_s)
            kept = office.bindings.get(index)
            if kept is None or kept[0] != promise:
                generation = kept[1].generation + 1 if kept else 1
                kept = promise, _binding(control, standing, generation)
                office.bindings[index] = kept
            yield kept[1]


def _binding(control: Control, standing: Standing, generation: int) -> Binding:
    pool = control.setting.pools[standing.project.pool]
    return Binding(
        allocation=standing.project.key,
        project=standing.project.key,
        pool=pool.id,
        servers=standing.servers,
        accelerators=standing.servers * pool.accelerators_per_node,
        starts=instant(control.setting.start, standing.from_s),
        ends=instant(control.setting.start, standing.until_s),
        generation=generation,
    )


def _share(office: Office, right: Lend) -> LentShare:
    kept = office.shares.get(right.project)
    if kept is None or (kept.order, kept.max_accelerators) != (right.order, right.max_accelerators):
        kept = LentShare(
            project=right.project,
            pool=right.pool,
            order=right.order,
            max_accelerators=right.max_accelerators,
        )
        office.shares[right.project] = kept
    return kept


def instant(start: datetime, at_s: int) -> datetime:
    """A second of the play as an instant. In UTC: a zone's clock may leap in between."""
    return start.astimezone(UTC) + timedelta(seconds=at_s)
