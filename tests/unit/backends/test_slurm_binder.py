"""The order in which bindings become real, and what a failure in the middle leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests import bindings
from tests.unit.backends.paper_sacctmgr import PaperSacctmgr

from dure.backends.contract import (
    Change,
    ChangeRefused,
    RemoveBinding,
    SetBinding,
    SetGrace,
    SetLent,
    UnableToApplyNow,
)
from dure.backends.reconcile import diff
from dure.backends.slurm.binder import TIDY_EVERY, Binder
from dure.backends.slurm.comparing import obeys
from dure.backends.slurm.held import Record
from dure.backends.slurm.objects import Limits, Objects, Seat
from dure.backends.slurm.reading import Books, InForce
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.backends.slurm.tidying import QUIET_S, Busy, removals
from dure.backends.slurm.tools import Slurm
from dure.backends.slurm.writing import Command, Step
from dure.protocol import Binding, Desired

START = datetime(2026, 3, 1, tzinfo=UTC)
SITE = SlurmSite(
    cluster="lab", pools=(SlurmPool(pool="pool", model="B200", partition="main", accelerators=8),)
)


class PaperBooks:
    """`Bookkeeping` on paper. `away_after` commands Slurm is away; `deaf`: what slurmctld obeys."""

    def __init__(self) -> None:
        self.paper = PaperSacctmgr(Objects())
        self.written: list[str] = []
        self.away_after: int | None = None
        self.deaf: Mapping[str, InForce] | None = None
        self.jobs = Busy()
        self.lent = Limits()

    def books(self) -> Books:
        return Books(ours=self.paper.objects, others_qos=frozenset({"normal", "g-site"}))

    books_just_seen = books

    def in_force(self, _objects: Objects) -> dict[str, InForce]:
        if self.deaf is not None:
            return dict(self.deaf)
        qos = {name: InForce(one.limits, 0) for name, one in self.paper.qos.items()}
        return qos | {name: InForce(one.limits, 0) for name, one in self.paper.accounts.items()}

    def lent_in_all(self) -> Limits:
        return self.lent

    def obeyed(self, objects: Objects) -> bool:
        return obeys(self.in_force(objects), objects)

    def write(self, steps: Sequence[Step]) -> list[Exception]:
        for step in steps:
            if self.away_after is not None and len(self.written) >= self.away_after:
                return [UnableToApplyNow("slurmdbd is away")]
            self.written.append(str(step))
            if isinstance(step, Command) and step.argv[1] == "delete":
                self._delete(*step.argv[2:])
            else:
                self.paper.run([step])
        return []

    def _delete(self, kind: str, _where: str, named: str, *where: str) -> None:
        for name in named.removeprefix("name=").split(","):
            match kind:
                case "qos":
                    del self.paper.qos[name]
                case "account" if where:
                    gone = [seat for seat in self.paper.seats if seat.account == name]
                    for seat in gone:
                        del self.paper.seats[seat]
                    del self.paper.accounts[name]

    def busy(self) -> Busy:
        return self.jobs

    def removing(self, want: Objects, busy: Busy) -> tuple[Step, ...]:
        books = self.books()
        people = {seat.user: frozenset({"elsewhere"}) for seat in books.ours.associations}
        known = Books(ours=books.ours, accounts_of=people)
        return removals(known, want, busy, {}, cluster="lab", alone=True)


class Bound:
    """A binder on paper, its clock, and what the hub wants of it."""

    def __init__(self, folder: Path, books: PaperBooks | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.now = START
        self.books = books or PaperBooks()
        self.record = Record(folder)
        self.binder = Binder(
            folder, slurm=Slurm({"PATH": ""}), site=SITE, record=self.record, clock=lambda: self.now
        )
        self.binder._books = self.books  # type: ignore[assignment]  # sacctmgr on paper

    def apply(self, *changes: Change) -> tuple[Exception | None, ...]:
        return self.binder.apply_together(changes)

    def limit(self, qos: str) -> Limits:
        return self.books.paper.qos[qos].limits


@pytest.fixture
def site(tmp_path: Path) -> Bound:
    return Bound(tmp_path)


def binding(allocation: str, accelerators: int, **more: object) -> Binding:
    usual = {"project": f"of-{allocation}", "members": bindings.members("kim")}
    return bindings.binding(allocation, accelerators, now=START, **(usual | more))


def bind(allocation: str, accelerators: int, **more: object) -> SetBinding:
    return SetBinding(binding=binding(allocation, accelerators, **more))


def limits(accelerators: int, *, closed: bool = False) -> Limits:
    nothing = 0 if closed else None
    return Limits(tres=(("gres/gpu", accelerators),), jobs=nothing, submitted=nothing)


def test_where_a_reduction_is_not_seen_in_force_nothing_is_increased(site: Bound) -> None:
    assert site.apply(bind("a", 6), bind("b", 2)) == (None, None)
    site.books.deaf = site.books.in_force(Objects())  # slurmctld hears of nothing from now on
    errors = site.apply(bind("a", 2, generation=2), bind("b", 6, generation=2))
    assert all(isinstance(error, UnableToApplyNow) for error in errors)
    assert site.limit("g-a") == limits(2)
    assert site.limit("g-b") == limits(2)


def test_a_share_that_slurmctld_did_not_hear_of_is_not_observed_as_applied(site: Bound) -> None:
    share = bindings.share("p", 6)
    assert site.apply(SetLent(share=share)) == (None,)
    site.books.deaf = site.books.in_force(Objects())
    less = share.model_copy(update={"max_accelerators": 2})
    (error,) = site.apply(SetLent(share=less))
    assert isinstance(error, UnableToApplyNow)
    assert site.binder.observed().lent == (share,)
    site.books.deaf = None
    assert site.binder.observed().lent == (less,)


def test_all_lent_work_together_has_the_part_of_its_partition_that_is_given(site: Bound) -> None:
    site.books.lent = Limits(tres=(("gres/gpu", 8),))
    share = bindings.share("p", 6)
    assert site.apply(bind("a", 4), SetLent(share=share)) == (None, None)
    assert site.limit("lent") == site.books.lent
    site.books.paper.qos["lent"] = replace(site.books.paper.qos["lent"], limits=Limits())
    assert site.binder.observed().lent == ()  # until it is right again
    assert site.apply(SetLent(share=share)) == (None,)
    assert site.limit("lent") == site.books.lent


def test_a_limit_of_all_lent_work_that_slurmctld_did_not_hear_of_is_not_as_it_should_be(
    site: Bound,
) -> None:
    share = bindings.share("p", 6)
    site.apply(SetLent(share=share))
    site.books.deaf = site.books.in_force(Objects())
    site.books.lent = Limits(tres=(("gres/gpu", 8),))
    (error,) = site.apply(SetLent(share=share))
    assert isinstance(error, UnableToApplyNow)


def test_a_write_that_broke_off_is_observed_and_made_good_at_the_next_pass(site: Bound) -> None:
    desired = Desired(
        cluster="c",
        revision=1,
        bindings=(binding("a", 4), binding("b", 4)),
        lent=(bindings.share("p", 3, order=1),),
    )
    wanted = diff(desired, site.binder.observed())
    for broken in range(4):
        site.books.away_after = len(site.books.written) + broken % 2
        site.apply(*wanted)
        site.books.away_after = None
        wanted = diff(desired, site.binder.observed())
        assert wanted
    assert set(site.apply(*wanted)) == {None}
    assert diff(desired, site.binder.observed()) == ()


def test_a_refused_change_leaves_the_others_to_be_made(site: Bound) -> None:
    errors = site.apply(bind("site", 2), bind("a", 9), bind("b", 3), bind("c", 3, pool="elsewhere"))
    assert [type(error) for error in errors] == [
        ChangeRefused, ChangeRefused, type(None), ChangeRefused
    ]  # fmt: skip
    assert "not Dure's" in str(errors[0])
    assert set(site.books.paper.qos) == {"lent", "g-b"}


def test_what_was_found_amiss_at_an_old_generation_is_set_right_by_the_hubs_word(
    site: Bound,
) -> None:
    site.apply(bind("a", 4, generation=7))
    seat = Seat("kim", "p-of-a", "main")
    site.books.paper.seats[seat] = site.books.paper.seats[seat]._replace(qos=("normal",))
    (found,) = site.binder.observed().bindings
    assert found.generation == 0
    desired = Desired(
        cluster="c", revision=1, bindings=(binding("a", 6, generation=8, state="frozen"),)
    )
    assert set(site.apply(*diff(desired, site.binder.observed()))) == {None}
    assert diff(desired, site.binder.observed()) == ()
    assert site.limit("g-a") == limits(6, closed=True)


def test_time_begins_and_ends_a_binding_without_a_word_from_the_hub(site: Bound) -> None:
    site.apply(bind("a", 4, starts=START + timedelta(hours=1), ends=START + timedelta(hours=2)))
    assert site.limit("g-a") == Limits(tres=(("gres/gpu", 4),), jobs=0)
    for hours, expected in ((1, limits(4)), (2, limits(4, closed=True))):
        site.now = START + timedelta(hours=hours)
        site.binder.refresh()
        assert site.limit("g-a") == expected
        assert [b.generation for b in site.binder.observed().bindings] == [1]


def test_an_end_that_passed_while_nobody_was_there_is_made_at_the_first_look(
    site: Bound, tmp_path: Path
) -> None:
    site.apply(bind("a", 4, ends=START + timedelta(hours=1)))
    later = Bound(tmp_path, site.books)
    later.now = START + timedelta(hours=3)
    later.binder.refresh()
    assert later.limit("g-a") == limits(4, closed=True)


def test_what_is_removed_takes_nothing_and_goes_when_it_was_quiet_for_long(site: Bound) -> None:
    site.apply(bind("a", 4), bind("b", 4), SetGrace(grace_s=9))
    site.books.jobs = Busy(qos=frozenset({"g-a"}), accounts=frozenset({"p-of-a"}))
    assert site.apply(RemoveBinding(allocation="a", pool="pool")) == (None,)
    for waited, jobs, there in (
        (QUIET_S * 3, site.books.jobs, True),
        (QUIET_S * 4, Busy(), True),
        (QUIET_S * 5 - 10, Busy(), True),
        (QUIET_S * 5, Busy(), False),
    ):
        site.books.jobs = jobs
        site.now = START + timedelta(seconds=waited)
        site.binder.refresh()
        assert ("g-a" in site.books.paper.qos) == there
        assert not there or site.limit("g-a") == limits(4, closed=True)
    assert set(site.books.paper.accounts) == {"dure", "p-of-b"}
    assert site.record.current.qos["g-a"].allocation == "a"  # to be counted still


def test_a_lost_record_closes_nothing_until_the_hub_has_spoken(site: Bound, tmp_path: Path) -> None:
    site.apply(bind("a", 4), bind("b", 4))
    anew = Bound(tmp_path / "anew", site.books)
    anew.now = START + TIDY_EVERY
    anew.binder.refresh()
    assert anew.limit("g-a") == anew.limit("g-b") == limits(4)
    assert {b.allocation for b in anew.binder.observed().bindings} == {"g-a", "g-b"}
    desired = Desired(cluster="c", revision=1, bindings=(binding("a", 4),))
    assert set(anew.apply(*diff(desired, anew.binder.observed()))) == {None}
    assert anew.binder.observed().bindings == desired.bindings
    anew.now += TIDY_EVERY
    anew.binder.refresh()
    assert set(site.books.paper.qos) == {"lent", "g-a"}


def test_the_plan_names_the_commands_and_runs_none(site: Bound) -> None:
    share = bindings.share("p", 2)
    planned = site.binder.commands((bind("a", 4), SetLent(share=share)))
    assert planned[0].startswith("sacctmgr -i add qos lent set")
    assert site.books.written == []
    assert site.record.current.bindings == ()
