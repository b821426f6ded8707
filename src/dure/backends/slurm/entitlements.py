"""What bindings, lent shares and the time come to in Slurm. Pure.

- A binding is a QOS that may hold its number of accelerators at once and preempts lent work; a
  budget is a limit of accelerator minutes that never decays.
- What may start nothing runs no more jobs than it has (`jobs` 0); what takes nothing new takes no
  submissions (`submitted` 0). Its number stays as it is, so what runs is within its right.
- A binding that has not begun takes jobs, which wait; one that is ended or over takes none.
- A lent share is an account of its own whose jobs can use the QOS `lent` only. Lent work charges
  nothing, blocks no owner's place in the plan of the scheduler, and is requeued when preempted.
- Where more stands in a partition than the site gives, all lent work together has the part that is
  given (`lent_limits`). Owners are never limited together: whom a limit stops preempts nothing.
- A seat is of a person in an account on a pool's partition, with exactly the QOS of the bindings
  that name the person; the largest that may start work is the default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple

from dure.backends.slurm import names
from dure.backends.slurm.held import Held
from dure.backends.slurm.objects import (
    NO_LIMITS,
    Account,
    Association,
    Limits,
    Objects,
    Qos,
    Seat,
)
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.protocol import Binding, LentShare, MemberAccess

OWNERS_PRIORITY: Final = 1000
"""Of the QOS: far above lent work's 0, whatever the site's other QOS have."""

_KEPT: Final = re.compile(r"[A-Za-z0-9](?:[ A-Za-z0-9._/+-]{0,60}[A-Za-z0-9._/+-])?")
"""Quotes become others, commas split, and a database of latin letters turns the rest into `?`."""

PLACES: Final = 1000
"""Places that the order of lent shares tells apart; more than shares that wait on any pool."""


def wanted(
    held: Held, now: datetime, site: SlurmSite, *, lent_in_all: Limits = NO_LIMITS
) -> Objects:
    """All that is ours in Slurm at this time, what is retiring included."""
    bindings = [
        *(
            _Entitlement(b, p, _limits(b, p, now))
            for b in held.bindings
            if (p := site.pool(b.pool))
        ),
        *(
            _Entitlement(b, p, _stopped(b, p))
            for b in (retired.binding for retired in held.retiring)
            if b and (p := site.pool(b.pool))
        ),
    ]
    shares = [
        *(_Share(s, p, _share(s, p)) for s in held.lent if (p := site.pool(s.pool))),
        *(
            _Share(s, p, _no_more(p))
            for s in (retired.share for retired in held.retiring)
            if s and (p := site.pool(s.pool))
        ),
    ]
    if not bindings and not shares:
        return Objects()
    qos = {one.name: one for one in map(_qos, bindings)}
    qos[names.LENT] = lent_qos(lent_in_all)
    accounts = {one.name: one for one in _accounts(bindings, shares)}
    seats = {one.seat: one for one in _seats(bindings, shares)}
    return Objects(qos=qos, accounts=accounts, associations=seats)


def next_edge(held: Held, now: datetime) -> datetime | None:
    """When time alone next changes what is wanted."""
    edges = (edge for b in held.bindings for edge in (b.starts, b.ends) if edge > now)
    return min(edges, default=None)


def lent_limits(site: SlurmSite, standing: Mapping[str, int]) -> Limits:
    """What all lent work together may hold; `standing`: how many stand in the partition, by pool.

    A number without a type counts accelerators of every type.
    """
    counted = {
        tres: [p for p in site.pools if tres in {p.tres, f"gres/{p.gres}"}]
        for tres in {pool.tres for pool in site.pools}
    }
    parted = {pool.pool for pool in site.pools if pool.accelerators < standing.get(pool.pool, 0)}
    return Limits(
        tres=tuple(
            (tres, sum(pool.accelerators for pool in pools))
            for tres, pools in sorted(counted.items())
            if parted & {pool.pool for pool in pools}
        )
    )


def lent_qos(limits: Limits) -> Qos:
    """The one QOS of all lent work."""
    return Qos(
        name=names.LENT,
        description=names.MARK,
        priority=0,
        preempt_mode="requeue",
        flags=("NoReserve",),
        usage_factor=0.0,
        limits=limits,
    )


def description(project: str) -> str:
    """A project's id, as far as it comes back from Slurm and from its database as it was."""
    return project.lower() if _KEPT.fullmatch(project) else names.plain(project)


class _Entitlement(NamedTuple):
    binding: Binding
    pool: SlurmPool
    limits: Limits

    @property
    def qos(self) -> str:
        return names.allocation_qos(self.binding.allocation, self.pool.suffix)


class _Share(NamedTuple):
    share: LentShare
    pool: SlurmPool
    limits: Limits

    @property
    def account(self) -> str:
        return names.lent_account(self.share.project, self.pool.suffix)


def _limits(binding: Binding, pool: SlurmPool, now: datetime) -> Limits:
    if binding.state != "active" or now >= binding.ends:
        return _stopped(binding, pool)
    return replace(_numbers(binding, pool), jobs=0 if now < binding.starts else None)


def _stopped(binding: Binding, pool: SlurmPool) -> Limits:
    return replace(_numbers(binding, pool), jobs=0, submitted=0)


def _numbers(binding: Binding, pool: SlurmPool) -> Limits:
    """Slurm counts a budget in minutes; a part of one is not given."""
    budget = binding.accelerator_seconds
    return Limits(
        tres=pool.amounts(binding.accelerators),
        tres_minutes=() if budget is None else ((pool.tres, budget // 60),),
    )


def _share(share: LentShare, pool: SlurmPool) -> Limits:
    return Limits(tres=pool.amounts(share.max_accelerators))


def _no_more(pool: SlurmPool) -> Limits:
    return Limits(tres=pool.amounts(0), jobs=0, submitted=0)


def _qos(of: _Entitlement) -> Qos:
    return Qos(
        name=of.qos,
        description=names.MARK,
        priority=OWNERS_PRIORITY,
        preempt=(names.LENT,),
        flags=("DenyOnLimit", "NoDecay") if of.limits.tres_minutes else ("DenyOnLimit",),
        limits=of.limits,
    )


def _accounts(bindings: Sequence[_Entitlement], shares: Sequence[_Share]) -> Iterator[Account]:
    yield Account(name=names.TOP, description=names.TOP, organization=names.TOP, parent="root")
    for binding, _, _ in bindings:
        yield _account(names.project_account(binding.project), binding.project)
    for one in shares:
        yield _account(
            one.account,
            one.share.project,
            limits=one.limits,
            priority=max(1, PLACES - one.share.order),
        )


def _account(
    name: str, project: str, *, limits: Limits = NO_LIMITS, priority: int | None = None
) -> Account:
    return Account(
        name=name,
        description=description(project),
        organization=names.TOP,
        parent=names.TOP,
        limits=limits,
        priority=priority,
    )


def _seats(bindings: Sequence[_Entitlement], shares: Sequence[_Share]) -> Iterator[Association]:
    grants: dict[Seat, list[_Entitlement]] = {}
    for one in bindings:
        account = names.project_account(one.binding.project)
        for person in _people(one.binding.members):
            grants.setdefault(Seat(person, account, one.pool.partition), []).append(one)
    for seat, held in grants.items():
        yield Association(seat, tuple(sorted(one.qos for one in held)), _largest(held).qos)
    for lent in shares:
        for person in _people(lent.share.members):
            seat = Seat(person, lent.account, lent.pool.partition)
            yield Association(seat, (names.LENT,), names.LENT)


def _people(members: Iterable[MemberAccess]) -> Iterator[str]:
    """Who could ever submit; nobody of another name can log in."""
    return (name for member in members if (name := names.username(member.username)))


def _largest(held: Sequence[_Entitlement]) -> _Entitlement:
    """Of those that start work; by name where they are equal."""
    return min(held, key=lambda one: (one.limits.jobs == 0, -one.binding.accelerators, one.qos))
