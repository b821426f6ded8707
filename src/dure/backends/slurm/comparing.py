"""What stands in Slurm of what is held, in the programme's words. Pure.

- A binding is found where slurmdbd and slurmctld both have its QOS; its number is the one found.
- Where anything else of it is not as it should be (a limit, a flag, its account, a seat, a person
  too many), it is found at generation 0, so that the next difference sets it anew. A share knows no
  generations: it is not found then.
- What is ours and open, but of nothing that is held, is found under its name in Slurm: nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from dure.backends.contract import Observed
from dure.backends.slurm import names
from dure.backends.slurm.held import Held
from dure.backends.slurm.objects import NO_LIMITS, Limits, Objects, Seat
from dure.backends.slurm.reading import InForce
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.protocol import Binding, LentShare

EVER: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


def observed(
    held: Held, want: Objects, have: Objects, in_force: Mapping[str, InForce], site: SlurmSite
) -> Observed:
    """`want` is what `held` comes to now; `have` is slurmdbd's, `in_force` slurmctld's."""
    found = _Found(want, have, in_force, _accounts_off(want, have))
    bindings = [_binding(b, found, p) for b in held.bindings if (p := site.pool(b.pool))]
    shares = [_share(s, found, p) for s in held.lent if (p := site.pool(s.pool))]
    return Observed(
        bindings=(*(b for b in bindings if b), *_nobodys_bindings(want, have, site)),
        lent=(*(s for s in shares if s), *_nobodys_shares(want, have, site)),
        grace_s=held.grace_s,
    )


def obeys(in_force: Mapping[str, InForce], objects: Objects) -> bool:
    """Whether slurmctld obeys the limits of all of these."""
    limits = {name: one.limits for name, one in objects.qos.items()}
    limits |= {n: one.limits for n, one in objects.accounts.items() if one.limits != NO_LIMITS}
    return all(_holds(one, in_force.get(name)) for name, one in limits.items())


def _holds(limits: Limits, found: InForce | None) -> bool:
    return found is not None and found.limits == limits


class _Found(NamedTuple):
    want: Objects
    have: Objects
    in_force: Mapping[str, InForce]
    accounts_off: frozenset[str]

    @property
    def lends(self) -> bool:
        """Whether the QOS that all preempt is as it should be."""
        wanted = self.want.qos[names.LENT]
        obeyed = _holds(wanted.limits, self.in_force.get(names.LENT))
        return self.have.qos.get(names.LENT) == wanted and obeyed


def _binding(binding: Binding, found: _Found, pool: SlurmPool) -> Binding | None:
    name = names.allocation_qos(binding.allocation, pool.suffix)
    wanted, kept, obeyed = found.want.qos[name], found.have.qos.get(name), found.in_force.get(name)
    if kept is None or obeyed is None:
        return None
    for limits in (obeyed.limits, kept.limits):
        number = _number(limits, pool)
        if number != binding.accelerators:
            return binding.model_copy(update={"accelerators": number})
    whole = kept == wanted and _holds(wanted.limits, obeyed) and found.lends
    if whole and names.project_account(binding.project) not in found.accounts_off:
        return binding
    return binding.model_copy(update={"generation": 0}) if binding.generation else None


def _share(share: LentShare, found: _Found, pool: SlurmPool) -> LentShare | None:
    account = names.lent_account(share.project, pool.suffix)
    kept, obeyed = found.have.accounts.get(account), found.in_force.get(account)
    if kept is None or obeyed is None or not found.lends:
        return None
    for limits in (obeyed.limits, kept.limits):
        number = _number(limits, pool)
        if number != share.max_accelerators:
            return share.model_copy(update={"max_accelerators": number})
    whole = _holds(kept.limits, obeyed) and account not in found.accounts_off
    return share if whole else None


def _number(limits: Limits, pool: SlurmPool) -> int:
    """No limit is all there is."""
    return dict(limits.tres).get(pool.tres, pool.accelerators)


def _accounts_off(want: Objects, have: Objects) -> frozenset[str]:
    """The accounts that are not as wanted, themselves or with those who sit in them."""
    wrong = {name for name, one in want.accounts.items() if have.accounts.get(name) != one}
    wrong |= {s.account for s, one in want.associations.items() if have.associations.get(s) != one}
    wrong |= {seat.account for seat in _too_many(want, have)}
    return frozenset(want.accounts if names.TOP in wrong else wrong)


def _too_many(want: Objects, have: Objects) -> list[Seat]:
    return [s for s, one in have.associations.items() if one.open and s not in want.associations]


def _nobodys_bindings(want: Objects, have: Objects, site: SlurmSite) -> list[Binding]:
    stray = [
        one
        for name, one in sorted(have.qos.items())
        if name not in want.qos and name != names.LENT and one.limits.submitted != 0
    ]
    return [
        Binding(
            allocation=one.name,
            project=one.name,
            pool=site.pools[0].pool,
            servers=0,
            accelerators=dict(one.limits.tres).get(site.pools[0].tres, 0),
            starts=EVER[0],
            ends=EVER[1],
            generation=0,
        )
        for one in stray
    ]


def _nobodys_shares(want: Objects, have: Objects, site: SlurmSite) -> list[LentShare]:
    return [
        LentShare(
            project=name,
            pool=site.pools[0].pool,
            order=0,
            max_accelerators=dict(one.limits.tres).get(site.pools[0].tres, 0),
        )
        for name, one in sorted(have.accounts.items())
        if name not in want.accounts and name != names.TOP and one.limits.submitted != 0
    ]
