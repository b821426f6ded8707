"""A change and what is held make what is held next, or the change is refused. Pure.

- What is removed is retiring: it takes nothing new, and goes once it is quiet.
- A name that the site itself uses in Slurm is never taken.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import assert_never

from dure.backends import admission
from dure.backends.contract import (
    Change,
    ChangeRefused,
    RemoveBinding,
    RemoveLent,
    SetBinding,
    SetGrace,
    SetLent,
)
from dure.backends.slurm import names
from dure.backends.slurm.held import Held, Retired
from dure.backends.slurm.reading import Books
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.protocol import Binding, LentShare


def accepted(
    held: Held, changes: Sequence[Change], *, site: SlurmSite, books: Books
) -> tuple[Held, tuple[ChangeRefused | None, ...]]:
    """All changes in their order; a refused one leaves what is held as it was."""
    errors: list[ChangeRefused | None] = []
    for change in changes:
        try:
            held = _next(held, change, site, books)
            errors.append(None)
        except ChangeRefused as error:
            errors.append(error)
    return held, tuple(errors)


def _next(held: Held, change: Change, site: SlurmSite, books: Books) -> Held:
    match change:
        case SetBinding(binding=binding):
            return _set_binding(held, binding, site, books)
        case RemoveBinding(allocation=allocation, pool=pool):
            _pool(site, pool)
            gone = held.binding(allocation, pool)
            return held if gone is None else _without_binding(held, gone, retire=True)
        case SetLent(share=share):
            return _set_share(held, share, site, books)
        case RemoveLent(project=project, pool=pool):
            _pool(site, pool)
            left = held.share(project, pool)
            return held if left is None else _without_share(held, left, retire=True)
        case SetGrace(grace_s=grace_s):
            return held.model_copy(update={"grace_s": grace_s})
        case _:
            assert_never(change)


def _set_binding(held: Held, binding: Binding, site: SlurmSite, books: Books) -> Held:
    pool = _pool(site, binding.pool)
    before = held.binding(binding.allocation, binding.pool)
    if before is not None and not binding.generation:  # as it was found: see `comparing`
        binding = binding.model_copy(update={"generation": before.generation})
    on_pool = [b for b in held.bindings if b.pool == binding.pool]
    admission.check_binding(binding, held=on_pool, capacity=pool.accelerators)
    _free("QOS", (names.allocation_qos(binding.allocation, pool.suffix),), books.others_qos)
    _free("account", (names.project_account(binding.project),), books.others_accounts)
    _common(books)
    rest = _without_binding(held, binding, retire=False)
    bindings = sorted((*rest.bindings, binding), key=lambda b: (b.allocation, b.pool))
    return rest.model_copy(update={"bindings": tuple(bindings)})


def _set_share(held: Held, share: LentShare, site: SlurmSite, books: Books) -> Held:
    pool = _pool(site, share.pool)
    _free("account", (names.lent_account(share.project, pool.suffix),), books.others_accounts)
    _common(books)
    rest = _without_share(held, share, retire=False)
    shares = sorted((*rest.lent, share), key=lambda s: (s.order, s.project, s.pool))
    return rest.model_copy(update={"lent": tuple(shares)})


def _without_binding(held: Held, binding: Binding, *, retire: bool) -> Held:
    key = (binding.allocation, binding.pool)
    kept = tuple(b for b in held.bindings if (b.allocation, b.pool) != key)
    retiring = tuple(
        r for r in held.retiring if not r.binding or (r.binding.allocation, r.binding.pool) != key
    )
    added = (Retired(binding=binding),) if retire else ()
    return held.model_copy(update={"bindings": kept, "retiring": (*retiring, *added)})


def _without_share(held: Held, share: LentShare, *, retire: bool) -> Held:
    key = (share.project, share.pool)
    kept = tuple(s for s in held.lent if (s.project, s.pool) != key)
    retiring = tuple(
        r for r in held.retiring if not r.share or (r.share.project, r.share.pool) != key
    )
    added = (Retired(share=share),) if retire else ()
    return held.model_copy(update={"lent": kept, "retiring": (*retiring, *added)})


def _pool(site: SlurmSite, name: str) -> SlurmPool:
    pool = site.pool(name)
    if pool is None:
        known = ", ".join(one.pool for one in site.pools)
        raise ChangeRefused(f"this cluster has the pools {known}, not {name}; see site.yaml")
    return pool


def _common(books: Books) -> None:
    _free("QOS", (names.LENT,), books.others_qos)
    _free("account", (names.TOP,), books.others_accounts)


def _free(kind: str, wanted: Collection[str], others: Collection[str]) -> None:
    for name in wanted:
        if name in others:
            raise ChangeRefused(
                f"Slurm has a {kind} {name} that is not Dure's; rename or remove it there"
            )
