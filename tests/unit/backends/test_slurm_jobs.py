"""Slurm's tables read, and requests written for it: pure."""

from __future__ import annotations

import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.bindings import binding, share

from dure.backends.contract import JobRefused, JobRequest
from dure.backends.slurm import endings, queue, submission, waits
from dure.backends.slurm.handed import Handed, HandedIn
from dure.backends.slurm.held import Held, named
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.backends.slurm.stewardship import Standing
from dure.backends.slurm.submission import Place

NOW = datetime(2026, 3, 1, tzinfo=UTC)
POOL = SlurmPool(pool="pool", model="b200", partition="main", accelerators=64)
SITE = SlurmSite(cluster="lab", pools=(POOL,))
PLACE = Place(folder=Path("/shared/kim's/1a2b"))
HELD = named(
    Held(
        bindings=(binding("A", 16, now=NOW, project="P"),),
        lent=(share("L", 8),),
    ),
    SITE,
)


def request(accelerators: int, *, lent: bool = False, **more: object) -> JobRequest:
    return JobRequest.model_validate(
        {
            "project": "L" if lent else "P",
            "allocation": None if lent else "A",
            "pool": "pool",
            "accelerators": accelerators,
            "command": ("train", "--name", "it's $HOME"),
            "username": "kim",
            "working_directory": "/home/kim",
            **more,
        }
    )


def row(*fields: object) -> str:
    return "".join(f"{field!s:<100}|" for field in fields)


def owners(job: str, state: str, *, account: str | None = None, qos: str | None = None) -> str:
    return row(
        job, job.partition("_")[0], "kim",
        account or submission.account(request(8), POOL), qos or submission.qos(request(8), POOL),
        "main", state, 100, 110, 120, 130, 2, 1792, "cpu=8,mem=1G,gres/gpu=8,gres/gpu:b200=8",
        "None",
    )  # fmt: skip


def test_a_row_of_the_queue_is_read() -> None:
    (found,) = queue.rows(owners("7", "RUNNING"))
    assert (found.job, found.username, found.phase) == ("7", "kim", "running")
    assert (found.submitted_s, found.eligible_s, found.started_s, found.ended_s) == (
        100,
        110,
        120,
        130,
    )
    assert (found.restarts, found.exit_code, found.tres["gres/gpu"]) == (2, 7, 8)
    (waits,) = queue.standing((found,), HELD, SITE)
    assert (waits.project, waits.allocation, waits.pool, waits.accelerators) == (
        "P",
        "A",
        "pool",
        8,
    )


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("PENDING", "pending"),
        ("CONFIGURING", "running"),
        ("RUNNING", "running"),
        ("COMPLETING", "stopping"),
        ("COMPLETED", "completed"),
        ("CANCELLED by 1000", "cancelled"),
        ("TIMEOUT", "failed"),
        ("NODE_FAIL", "failed"),
        ("OUT_OF_MEMORY", "failed"),
        ("", "failed"),
    ],
)
def test_every_state_of_slurm_is_one_of_ours(state: str, phase: str) -> None:
    assert queue.phase(state) == phase


def test_what_is_not_a_whole_row_is_not_believed() -> None:
    whole = owners("7", "RUNNING")
    assert queue.rows(f"9|RUNNING|\n{whole}\n{whole[:300]}\nslurm_load_jobs error: x\n") == (
        queue.rows(whole)
    )


def test_half_a_number_at_the_end_of_a_full_field_is_no_number() -> None:
    full = row("7", "7", "kim", "a", "q", "main", "RUNNING", 1, 1, 1, 1, 0, 0, "X", "None").replace(
        f"{'X':<100}", "cpu=8,gres/gpu=6"
    )
    assert dict(queue.rows(full)[0].tres) == {"cpu": 8}


def test_a_name_that_may_have_been_cut_is_no_name() -> None:
    whole = owners("7", "RUNNING")
    cut = whole.replace(f"{'kim':<100}", "k" * 100)
    assert [row.username for row in queue.rows(f"{whole}\n{cut}\n")] == ["kim", ""]


def test_what_waits_of_an_array_is_ended_without_its_running_elements() -> None:
    assert queue.cancelling("12_[1-3,5,...]") == ("scancel", "--state=PENDING", "12")
    assert queue.cancelling("12_3") == ("scancel", "12_3")


def test_only_what_runs_under_a_name_of_ours_is_ours() -> None:
    lent = submission.account(request(8, lent=True), POOL)
    text = "\n".join(
        [
            owners("1", "RUNNING"),
            owners("2", "RUNNING", qos="normal"),
            owners("3", "RUNNING", account="p-else", qos="lent"),
            owners("4", "RUNNING", account=lent, qos="lent"),
            owners("6", "RUNNING", account="p-else"),
            owners("7", "RUNNING", account=lent),
            owners("8", "RUNNING", account=submission.account(request(8), POOL), qos="lent"),
            owners("5", "COMPLETED"),
        ]
    )
    found = queue.standing(queue.rows(text), HELD, SITE)
    assert [(one.job, one.project, one.allocation) for one in found] == [
        ("1", "P", "A"),
        ("4", "L", None),
    ]


def test_idle_is_what_no_job_holds_on_nodes_that_take_work() -> None:
    text = "\n".join(
        [
            row("main", "mixed", "gpu:b200:8(S:0)", "gpu:b200:3(IDX:0-2)"),
            row("main", "idle~", "gpu:b200:8", "gpu:b200:0(IDX:N/A)"),
            row("main", "planned", "gpu:b200:8", "gpu:b200:0(IDX:N/A)"),
            row("main", "mixed-", "gpu:b200:8", "gpu:b200:7(IDX:0-6)"),
            row("main", "drained", "gpu:b200:8", "gpu:b200:0(IDX:N/A)"),
            row("main", "idle*", "gpu:b200:8", "gpu:b200:0(IDX:N/A)"),
            row("other", "idle", "gpu:b200:8", "gpu:b200:0(IDX:N/A)"),
        ]
    )
    assert queue.idle(text, SITE) == {"pool": 22}


def test_a_typed_pool_counts_its_own_type_only() -> None:
    site = SlurmSite(cluster="lab", pools=(POOL.model_copy(update={"type": "h100"}),))
    text = row("main", "mixed", "gpu:b200:8,gpu:h100:4(S:0-1)", "gpu:b200:8,gpu:h100:1(IDX:0)")
    assert queue.idle(text, site) == {"pool": 3}


@pytest.mark.parametrize(
    ("accelerators", "nodes", "each"), [(1, 1, 1), (3, 1, 3), (8, 1, 8), (16, 2, 8), (64, 8, 8)]
)
def test_a_gang_is_one_task_for_each_accelerator_on_as_few_nodes_as_hold_it(
    accelerators: int, nodes: int, each: int
) -> None:
    words = submission.arguments(
        request(accelerators), POOL, token="1a2b", place=PLACE, longest="UNLIMITED"
    )
    assert f"--nodes={nodes}-{nodes}" in words
    assert f"--ntasks-per-node={each}" in words
    assert f"--gres=gpu:{each}" in words


def test_a_gang_beyond_one_node_is_whole_nodes() -> None:
    with pytest.raises(JobRefused, match="a multiple of 8"):
        submission.check(request(12), POOL, longest="UNLIMITED")
    submission.check(request(16), POOL, longest="UNLIMITED")


@pytest.mark.parametrize("name", ["", "A B", "1A", "A;rm", "A\n"])
def test_what_is_no_variables_name_is_refused(name: str) -> None:
    with pytest.raises(JobRefused, match="environment variable"):
        submission.check(request(1, environment={name: "x"}), POOL, longest="UNLIMITED")


def test_the_script_reads_the_request_as_words_and_nothing_else() -> None:
    text = submission.script(request(2, environment={"NAME": "a'; touch /x #"}), PLACE)
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    words = shlex.split(text, comments=False)
    assert words[-3:] == ["train", "--name", "it's $HOME"]
    assert "NAME=a'; touch /x #" in words


@pytest.mark.parametrize(("limit_s", "said"), [(61, "--time=2"), (None, "--time=7-00:00:00")])
def test_an_attempt_is_ended_at_its_limit_or_at_the_partitions(
    limit_s: int | None, said: str
) -> None:
    asked = request(1, time_limit_s=limit_s)
    words = submission.arguments(asked, POOL, token="1a2b", place=PLACE, longest="7-00:00:00")
    assert said in words


def test_a_job_longer_than_any_of_its_partition_is_refused() -> None:
    asked = request(1, time_limit_s=3601)
    with pytest.raises(JobRefused, match="longest job of the partition main is 01:00:00"):
        submission.check(asked, POOL, longest="01:00:00")
    submission.check(asked, POOL, longest="UNLIMITED")


def test_a_trials_answer_is_an_instant_or_none() -> None:
    said = "sbatch: Job 13 to start at 1795353644 using 1 processors on nodes n1 in partition main"
    assert submission.would_start(said) == datetime.fromtimestamp(1795353644, UTC)
    assert submission.would_start("allocation failure: Invalid qos specification") is None


def test_the_end_of_a_job_is_that_of_its_last_run() -> None:
    text = "\n".join(
        [
            "1|PREEMPTED|100|110|0:0",
            "1|COMPLETED|200|260|0:0",
            "2|PREEMPTED|100|110|0:0",
            "2|CANCELLED by 0|None|150|0:0",
            "3|FAILED|100|110|0:9",
            "4|PREEMPTED|100|110|0:0",
            "4|RUNNING|200|Unknown|0:0",
        ]
    )
    found = endings.endings(endings.runs(text))
    assert {job: (one.last.state, one.attempts) for job, one in found.items()} == {
        "1": ("completed", 2),
        "2": ("cancelled", 1),
        "3": ("failed", 1),
    }
    handed = Handed(token="t", request=request(1), submitted=NOW, folder="/x", job="3")
    status = endings.status(handed, found["3"])
    assert (status.state, status.exit_code, status.attempt) == ("failed", 137, 1)
    assert endings.status(handed, None).state == "failed"


def waiting(reason: str, *, lent: bool = False, accelerators: int = 8) -> Standing:
    return Standing(
        job="9",
        username="kim",
        project="L" if lent else "P",
        allocation=None if lent else "A",
        pool="pool",
        accelerators=accelerators,
        state="pending",
        since_s=0,
        begins_s=int(NOW.timestamp()) + 60,
        waits_for=reason,
    )


@pytest.mark.parametrize(
    ("job", "code"),
    [
        (waiting("Resources"), "job.pool_short"),
        (waiting("None"), "job.not_looked_at"),
        (waiting("QOSGrpGRES"), "job.over_guarantee"),
        (waiting("Priority", accelerators=17), "job.over_guarantee"),
        (waiting("BeginTime"), "job.waits_its_turn"),
        (waiting("Dependency"), "job.engine_says"),
        (waiting("Resources", lent=True), "job.nothing_idle"),
        (waiting("AssocGrpGRES", lent=True), "job.lent_share_full"),
        (waiting("QOSGrpGRES", lent=True), "job.lent_part_full"),
    ],
)
def test_why_a_job_waits_is_said_in_the_programmes_words(job: Standing, code: str) -> None:
    others = waits.holding((job,))
    said = waits.reason(job, held=HELD, others=others, idle=lambda: 3, now=NOW)
    assert said.code == code
    frozen = HELD.model_copy(
        update={"bindings": (HELD.bindings[0].model_copy(update={"state": "frozen"}),)}
    )
    if job.allocation and code.startswith(("job.pool", "job.over")):
        closed = waits.reason(job, held=frozen, others=others, idle=lambda: 3, now=NOW)
        assert closed.code == "job.binding_closed"


def test_while_lent_work_gives_way_the_owner_is_told_so() -> None:
    lent = Standing(
        job="1", username="kim", project="L", allocation=None, pool="pool", accelerators=8,
        state="stopping", since_s=0,
    )  # fmt: skip
    job = waiting("Resources")
    said = waits.reason(job, held=HELD, others=waits.holding((job, lent)), idle=lambda: 0, now=NOW)
    assert said.code == "job.taking_back"


def test_what_was_handed_in_is_found_again_by_who_comes_after(tmp_path: Path) -> None:
    first = HandedIn(tmp_path)
    handed = Handed(token="1a2b", request=request(1, label="o-1"), submitted=NOW, folder="/x")
    first.keep(handed)
    first.keep(handed.model_copy(update={"job": "7"}))
    again = HandedIn(tmp_path)
    found = again.of_job("7")
    assert found is not None
    assert found.request.label == "o-1"
    again.forget("1a2b")
    assert again.of_job("7") is None
    assert list(HandedIn(tmp_path)) == []
