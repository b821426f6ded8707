"""Whatever Slurm has and should have: the commands lead there, and nothing grows first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.backends.paper_sacctmgr import PaperSacctmgr

from dure.backends.slurm import names
from dure.backends.slurm.comparing import observed
from dure.backends.slurm.entitlements import wanted
from dure.backends.slurm.held import Held, Retired
from dure.backends.slurm.objects import Limits, Objects, Qos
from dure.backends.slurm.reading import InForce
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.backends.slurm.writing import Load, Steps, steps
from dure.protocol import Binding, LentShare, MemberAccess

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SITE = SlurmSite(
    cluster="lab",
    pools=(
        SlurmPool(pool="one", model="H100", partition="main", accelerators=64),
        SlurmPool(
            pool="two", model="A100", partition="old", accelerators=64, type="a100", suffix="old"
        ),
    ),
)
POOLS = st.sampled_from(["one", "two", "nowhere"])
IDS = st.sampled_from(["a", "b-1", "C", "과제", "x" * 50])
DAYS = st.integers(-3, 3).map(lambda days: NOW + timedelta(days=days))
PEOPLE = st.lists(
    st.sampled_from(["kim", "Lee", "park", "no one", "a@b.kr"]), unique=True, max_size=3
).map(lambda users: tuple(MemberAccess(username=user) for user in users))

bindings = st.builds(
    Binding,
    allocation=IDS,
    project=IDS,
    pool=POOLS,
    servers=st.just(1),
    accelerators=st.integers(0, 64),
    state=st.sampled_from(["active", "frozen", "draining", "ended"]),
    members=PEOPLE,
    starts=DAYS,
    ends=DAYS,
    generation=st.integers(1, 3),
    accelerator_seconds=st.none() | st.integers(0, 10_000),
)
shares = st.builds(
    LentShare,
    project=IDS,
    pool=POOLS,
    order=st.integers(0, 3),
    max_accelerators=st.integers(0, 64),
    members=PEOPLE,
)


def _possible(held: Held) -> bool:
    """What is retiring is not held any more."""
    return not any(
        one.share and held.share(one.share.project, one.share.pool) for one in held.retiring
    )


helds: st.SearchStrategy[Held] = st.builds(
    Held,
    bindings=st.lists(bindings, max_size=4, unique_by=lambda b: (b.allocation, b.pool)).map(tuple),
    lent=st.lists(shares, max_size=3, unique_by=lambda s: (s.project, s.pool)).map(tuple),
    retiring=st.lists(st.builds(Retired, share=shares), max_size=1).map(tuple),
).filter(_possible)


def _want(held: Held) -> Objects:
    return wanted(held, NOW, SITE)


def _steps(have: Objects, want: Objects) -> Steps:
    known = {seat.user for seat in have.associations}
    return steps(have, want, cluster="lab", known=known)


@given(helds, helds)
def test_the_commands_lead_to_what_is_wanted_and_close_the_rest(before: Held, after: Held) -> None:
    have, want = _want(before), _want(after)
    paper = PaperSacctmgr(have)
    planned = _steps(have, want)
    assert paper.run(planned.reductions) == planned.reduced
    found = paper.run(planned.increases)
    assert {name: found.qos[name] for name in want.qos} == want.qos
    assert {name: found.accounts[name] for name in want.accounts} == want.accounts
    assert {seat: found.associations[seat] for seat in want.associations} == want.associations
    rest = found.qos.keys() - want.qos.keys()
    assert all(found.qos[name].limits.submitted == 0 for name in rest)
    for seat, one in found.associations.items():
        if seat not in want.associations and one.open:
            assert found.accounts[seat.account].limits.submitted == 0


@given(helds, helds)
def test_no_reduction_gives_anything_and_together_they_take_all(before: Held, after: Held) -> None:
    have, want = _want(before), _want(after)
    reduced = PaperSacctmgr(have).run(_steps(have, want).reductions)
    for name, qos in reduced.qos.items():
        assert _within(qos.limits, have.qos[name].limits)
        if name in want.qos:
            assert _within(qos.limits, want.qos[name].limits)
    for name, account in reduced.accounts.items():
        assert _within(account.limits, have.accounts[name].limits)
        if name in want.accounts:
            assert _within(account.limits, want.accounts[name].limits)


@given(helds)
def test_equal_states_need_no_command(held: Held) -> None:
    planned = _steps(_want(held), _want(held))
    assert planned.reductions == planned.increases == ()


@given(helds, helds)
def test_a_person_slurm_knows_keeps_the_default_account(before: Held, after: Held) -> None:
    have, want = _want(before), _want(after)
    known = {seat.user for seat in have.associations}
    for step in _steps(have, want).increases:
        if isinstance(step, Load):
            named = [line for line in step.text.splitlines() if line.startswith("User - ")]
            new = [line for line in named if "DefaultAccount" in line]
            assert not any(f"'{user}'" in line for line in new for user in known)


@given(helds)
def test_what_was_written_is_observed_as_it_is_held(held: Held) -> None:
    have = _want(held)
    found = observed(held, have, have, _in_force(have), SITE)
    assert found.bindings == tuple(b for b in held.bindings if SITE.pool(b.pool))
    assert found.lent == tuple(s for s in held.lent if SITE.pool(s.pool))


@given(helds, st.data())
def test_a_change_by_hand_is_seen_at_the_binding_it_hits(held: Held, data: st.DataObject) -> None:
    have = _want(held)
    ours = sorted(have.qos.keys() - {names.LENT})
    if not ours:
        return
    name = data.draw(st.sampled_from(ours))
    spoiled = data.draw(st.sampled_from(SPOILED))
    hit = replace(have, qos={**have.qos, name: _spoil(have.qos[name], spoiled)})
    found = observed(held, have, hit, _in_force(hit), SITE)
    before = observed(held, have, have, _in_force(have), SITE)
    assert found != before
    assert len(set(before.bindings) - set(found.bindings)) == 1


SPOILED = ("tres", "jobs", "flags", "preempt", "priority")


def _spoil(qos: Qos, what: str) -> Qos:
    limits = qos.limits
    match what:
        case "tres":
            return replace(qos, limits=replace(limits, tres=((limits.tres[0][0], 65),)))
        case "jobs":
            return replace(qos, limits=replace(limits, jobs=7))
        case "flags":
            return replace(qos, flags=())
        case "preempt":
            return replace(qos, preempt=("normal",))
    return replace(qos, priority=7)


def _in_force(objects: Objects) -> dict[str, InForce]:
    qos = {name: InForce(one.limits, 0) for name, one in objects.qos.items()}
    return qos | {name: InForce(one.limits, 0) for name, one in objects.accounts.items()}


def _within(one: Limits, other: Limits) -> bool:
    least = dict(one.tres)
    return (
        all(least.get(what, number + 1) <= number for what, number in other.tres)
        and (other.jobs is None or one.jobs in {0, other.jobs})
        and (other.submitted is None or one.submitted == 0)
    )
