"""The table that job_submit.lua reads: what stands in it, and when it is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests import bindings

from dure.backends.slurm import refusals
from dure.backends.slurm.held import Held, Retired
from dure.backends.slurm.reading import spent
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.protocol import AllocationState, Binding, LentShare, MemberAccess

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LEAD = MemberAccess(username="kim", role="lead")


def site(**more: object) -> SlurmSite:
    pools = (
        SlurmPool(pool="b", model="B200", partition="main", accelerators=64),
        SlurmPool(pool="h", model="H100", partition="old", accelerators=8, type="h100", suffix="h"),
    )
    return SlurmSite.model_validate({"cluster": "lab", "pools": pools} | more)


def binding(allocation: str = "a1", **said: object) -> Binding:
    month = timedelta(days=30)
    usual = {"project": "a", "pool": "b", "servers": 2, "members": (LEAD,)}
    period = {"starts": NOW - month, "ends": NOW + month}
    return bindings.binding(allocation, 16, now=NOW, **(usual | period | said))


def share() -> LentShare:
    return bindings.share("a", 8, pool="b", members=(LEAD,))


def rows(text: str, kind: str) -> list[list[str]]:
    return [line.split("\t")[1:] for line in text.splitlines() if line.startswith(f"{kind}\t")]


def test_each_allocation_and_each_share_is_a_line_with_who_may_use_it() -> None:
    held = Held(bindings=(binding(), binding("b1", project="b", pool="h")), lent=(share(),))
    text = refusals.table(held, site(portal="https://hub.example"), now=NOW)
    assert rows(text, "site") == [["lent", "https://hub.example"]]
    assert rows(text, "project") == [["p-a", "a", "kim"], ["p-b", "b", "kim"]]
    began, over = "1777680000", "1782864000"
    assert rows(text, "grant") == [
        ["g-a1", "a1", "p-a", "main", "gpu", "", "16", "active", began, over, "0", "", "kim"],
        ["g-b1@h", "b1", "p-b", "old", "gpu", "h100", "16", "active", began, over, "0", "", "kim"],
    ]
    assert rows(text, "share") == [["l-a", "p-a", "main", "gpu", "", "8", "kim"]]


def test_the_first_line_tells_one_table_from_another_and_the_last_counts() -> None:
    one = refusals.table(Held(bindings=(binding(), binding("a2"))), site(), now=NOW)
    turned = refusals.table(Held(bindings=(binding("a2"), binding())), site(), now=NOW)
    other = refusals.table(Held(bindings=(binding(),)), site(), now=NOW)
    assert one == turned
    assert one.splitlines()[0] != other.splitlines()[0]
    assert one.splitlines()[-1] == f"end\t{len(one.splitlines()) - 2}"


def test_since_when_nothing_starts_is_remembered_from_the_table_before() -> None:
    def table(state: AllocationState, before: str, hours: int) -> str:
        held = Held(bindings=(binding(state=state),))
        return refusals.table(held, site(), now=NOW + timedelta(hours=hours), before=before)

    frozen = table("frozen", table("active", "", 0), 1)
    still = table("frozen", frozen, 5)
    assert rows(frozen, "grant")[0][10] == str(int((NOW + timedelta(hours=1)).timestamp()))
    assert still == frozen
    assert rows(table("frozen", "", 5), "grant")[0][10] == "0"  # nobody knows


def test_what_was_taken_away_is_said_to_be_ended_while_its_jobs_run_out() -> None:
    held = Held(retiring=(Retired(binding=binding()),))
    assert rows(refusals.table(held, site(), now=NOW), "grant")[0][7] == "ended"


def test_a_used_up_budget_is_marked() -> None:
    text = refusals.table(Held(bindings=(binding(),)), site(), now=NOW, spent={"g-a1"})
    assert rows(text, "grant")[0][11] == "spent"


@pytest.mark.parametrize("name", ["a,b", "a\tb", "a b", "a\nend\t0", "", "-rf", "김철수"])
def test_a_name_that_no_unix_user_has_stays_out(name: str) -> None:
    members = (LEAD, MemberAccess(username=name))
    text = refusals.table(Held(bindings=(binding(members=members),)), site(), now=NOW)
    assert rows(text, "grant")[0][12] == "kim"


def test_an_id_of_several_lines_is_one_field_of_one_line() -> None:
    odd = binding("a\tb\nend\t0\n'\"", project="과제\r1")
    text = refusals.table(Held(bindings=(odd,)), site(), now=NOW)
    assert len(text.splitlines()) == 5
    assert rows(text, "grant")[0][1] == "a b end 0 '\""
    assert rows(text, "project")[0][1] == "과제 1"


def test_processors_that_go_with_the_accelerators_are_said_where_they_are_limited() -> None:
    pools = tuple(pool.model_copy(update={"cpus": 128}) for pool in site().pools)
    text = refusals.table(Held(bindings=(binding(),)), site(pools=pools), now=NOW)
    assert rows(text, "grant")[0][6] == "16:256"


def test_a_pool_that_the_site_does_not_have_is_left_out() -> None:
    text = refusals.table(Held(bindings=(binding(pool="elsewhere"),)), site(), now=NOW)
    assert rows(text, "grant") == []


def test_the_table_is_written_where_the_site_says_and_only_when_it_changes(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "dure-accounts"
    theirs.symlink_to(mine)
    named = site(submit_table=str(theirs))
    refusals.keep(Held(bindings=(binding(),)), named, now=NOW)
    first = mine.stat()
    refusals.keep(Held(bindings=(binding(),)), named, now=NOW + timedelta(days=1))
    assert mine.stat().st_ino == first.st_ino
    assert theirs.is_symlink()
    refusals.keep(Held(), named, now=NOW)
    assert "grant" not in mine.read_text()


def test_a_damaged_table_is_made_anew(tmp_path: Path) -> None:
    place = tmp_path / "dure-accounts"
    place.write_bytes(b"\xff\xfe not text")
    refusals.keep(Held(bindings=(binding(),)), site(submit_table=str(place)), now=NOW)
    assert rows(place.read_text(), "grant")


def test_that_it_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    refusals.keep(Held(), site(submit_table=str(tmp_path / "no" / "folder" / "t")), now=NOW)
    refusals.keep(Held(), site(), now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_script_comes_with_the_package() -> None:
    assert "function slurm_job_submit" in refusals.script()


def test_slurmctld_says_which_budgets_are_used_up() -> None:
    said = (
        "QOS=normal(1) GrpTRES=cpu=N(0) GrpTRESMins=cpu=N(3),gres/gpu=N(12)\n"
        "QOS=g-full(5) GrpTRES=gres/gpu=8(8) GrpTRESMins=cpu=N(3),gres/gpu=60(60)\n"
        "QOS=g-left(6) GrpTRES=gres/gpu=8(8) GrpTRESMins=cpu=N(3),gres/gpu=60(59)\n"
        "QOS=g-none(7) GrpTRES=gres/gpu=0(0) GrpTRESMins=cpu=N(0),gres/gpu=N(99)\n"
    )
    assert spent(said) == {"g-full"}
