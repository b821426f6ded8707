"""What an ordinary Unix user meets on the login node of a real Slurm: what runs, and as what; what
is refused, and in which words.

Two partitions with an accelerator model each. `games` and `man` are members of projects, `mail` is
one of the site's own people, `nobody` is nobody. Every command is run by them, not by root.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from tests import bindings
from tests.slurm_lab import standing, state
from tests.waiting import eventually

from dure.backends.contract import SetBinding, SetLent
from dure.backends.slurm.backend import SlurmBackend
from dure.backends.slurm.refusals import TABLE
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.cli.slurm_lab import Lab, Shape
from dure.protocol import MemberAccess

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several Unix users at once"),
]

SHAPE: Final = Shape(
    nodes=3, block_nodes=2, second_nodes=1, second_model="h100", second_partition="second"
)
POOLS: Final = (
    SlurmPool(pool="new", model="B200", partition="main", accelerators=16, type="b200"),
    SlurmPool(
        pool="old",
        model="H100",
        partition="second",
        accelerators=8,
        cpus=8,
        type="h100",
        suffix="old",
    ),
)
PORTAL: Final = "https://portal.example"
NOW: Final = datetime.now(UTC)
DAY: Final = timedelta(days=1)
ENGLISH, KOREAN, NEITHER = "en_US.UTF-8", "ko_KR.UTF-8", "C.UTF-8"


class Said(NamedTuple):
    """What a command printed to its user, and its exit code."""

    code: int
    words: str


class Cluster(NamedTuple):
    """The lab as Dure's agent has left it."""

    lab: Lab
    table: Path

    def says(self, user: str, *command: str, lang: str = ENGLISH) -> Said:
        """What this person reads."""
        who = pwd.getpwnam(user)
        done = subprocess.run(
            command,
            env={**self.lab.environment, "LANG": lang, "LC_ALL": lang},
            user=who.pw_uid,
            group=who.pw_gid,
            extra_groups=(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Said(done.returncode, done.stdout + done.stderr)

    def sbatch(self, user: str, *options: str, lang: str = ENGLISH, run: str = "sleep 60") -> Said:
        return self.says(
            user, "sbatch", "--parsable", "-o", "/dev/null", *options, f"--wrap={run}", lang=lang
        )

    def job(self, user: str, *options: str) -> str:
        """A job that is accepted."""
        said = self.sbatch(user, *options)
        assert said.code == 0, said.words
        return said.words.split()[0]

    def of(self, job: str) -> str:
        """account qos partition request of a job, in 22.05's spelling."""
        shown = self.lab.run("squeue", "-h", "-j", job, "-O", "Account,QOS,Partition,tres-per-node")
        return " ".join(shown.split()).replace("gres/", "gres:")


def binding(
    allocation: str, accelerators: int, *, member: str = "games", **said: object
) -> SetBinding:
    people = (*bindings.members(member), MemberAccess(username="lp", role="lead"))
    usual = {"project": "a", "pool": "new", "members": people}
    bound = bindings.binding(allocation, accelerators, now=NOW, **(usual | said))
    return SetBinding(binding=bound)


def share(project: str, most: int, member: str) -> SetLent:
    return SetLent(
        share=bindings.share(project, most, pool="new", members=bindings.members(member))
    )


CHANGES: Final = (
    binding("a1", 8),
    binding("cold", 2, state="frozen"),
    binding("low", 2, state="draining"),
    binding("over", 1, state="ended"),
    binding("soon", 1, starts=NOW + DAY, ends=NOW + 2 * DAY),
    share("a", 8, "games"),
    binding("b1", 8, project="b", pool="old", member="man"),
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with standing(SHAPE) as lab:
        lab.run("sacctmgr", "-i", "add", "account", "staff")
        lab.run("sacctmgr", "-i", "add", "user", "mail", "account=staff")
        table = lab.folder.slurm_conf.with_name(TABLE)
        site = SlurmSite(
            cluster=lab.shape.cluster,
            pools=POOLS,
            slurm_conf=str(lab.folder.slurm_conf),
            commands=lab.commands,
            submit_table=str(table),
            portal=PORTAL,
        )
        folder = tmp_path_factory.mktemp("agent")
        with SlurmBackend(folder, site=site, clock=lambda: datetime.now(UTC)) as backend:
            assert backend.apply_together(CHANGES) == (None,) * len(CHANGES)
        yield Cluster(lab, table)  # an agent that looks on would write the table anew meanwhile


@pytest.fixture(autouse=True)
def _no_jobs_left(cluster: Cluster) -> Iterator[None]:
    yield
    for user in ("games", "man", "mail"):
        cluster.lab.run("scancel", "--user", user)
    eventually(lambda: not cluster.lab.run("squeue", "-h"))


def test_within_the_allocation_a_job_runs_under_it_without_a_word_about_accounts(
    cluster: Cluster,
) -> None:
    job = cluster.job("games", "--gres=gpu:8")
    assert cluster.of(job) == "p-a g-a1 main gres:gpu:b200:8"
    eventually(lambda: state(cluster.lab, job) == "RUNNING")


def test_a_partition_that_is_not_the_default_one_is_found_by_itself(cluster: Cluster) -> None:
    job = cluster.job("man", "--gres=gpu:4")
    assert cluster.of(job) == "p-b g-b1@old second gres:gpu:h100:4"
    eventually(lambda: state(cluster.lab, job) == "RUNNING")


@pytest.mark.parametrize("options", [("--qos=lent",), ("-A", "l-a"), ("-A", "p-a", "--qos=lent")])
def test_lent_work_runs_under_the_lent_account_and_is_requeued(
    cluster: Cluster, options: tuple[str, ...]
) -> None:
    job = cluster.job("games", "--gres=gpu:1", "--no-requeue", *options)
    assert cluster.of(job) == "l-a lent main gres:gpu:b200:1"
    assert "Requeue=1" in cluster.lab.run("scontrol", "show", "job", job)


def test_interactive_work_is_under_the_same_accounts(cluster: Cluster) -> None:
    shown = "SLURM_JOB_ACCOUNT", "SLURM_JOB_QOS"
    own = cluster.says("games", "srun", "--gres=gpu:1", "printenv", *shown)
    lent = cluster.says("games", "salloc", "--qos=lent", "--gres=gpu:1", "printenv", *shown)
    assert own == (0, "p-a\ng-a1\n")
    assert lent.code == 0
    assert "\nl-a\nlent\n" in f"\n{lent.words}"


def test_an_array_of_any_length_runs_at_most_the_allocation_at_once(cluster: Cluster) -> None:
    job = cluster.job("games", "--array=1-40", "--gres=gpu:4")

    def running() -> int:
        return len(cluster.lab.run("squeue", "-h", "-j", job, "-t", "running").splitlines())

    waits = ("squeue", "-h", "-j", job, "-t", "pending", "-o", "%r")
    eventually(lambda: running() == 2 and cluster.lab.run(*waits).split() == ["QOSGrpGRES"])


def test_a_foreign_job_passes_as_it_came(cluster: Cluster) -> None:
    job = cluster.job("mail", "-p", "second")
    assert cluster.of(job) == "staff normal second N/A"


# By whom, with which options; then the words that are read.
REFUSED: Final[dict[str, tuple[str, ...]]] = {
    "beyond": (
        "games", "--gres=gpu:8 -N2",
        "You ask for 16 accelerators; the allocation a1 has 8.", "Ask for 8 or fewer",
        "its lead (lp)", PORTAL,
    ),
    "beyond, in tasks": ("games", "-n 9 --gpus-per-task=1", "You ask for 9 accelerators"),
    "beyond, in all": ("games", "--gpus=9", "You ask for 9 accelerators"),
    "frozen": (
        "games", "--gres=gpu:1 --qos=g-cold",
        "The allocation cold is frozen", "running jobs go on", "its lead (lp)", "-A l-a",
    ),
    "draining": (
        "games", "--gres=gpu:1 --qos=g-low", "The allocation low is being lowered", "lp",
    ),
    "ended": ("games", "--gres=gpu:1 --qos=g-over", "The allocation over ended on", "renewal"),
    "no member": (
        "games", "--gres=gpu:1 -A p-b",
        "games is not a member of the project b. Your accounts: l-a, p-a.", "Its lead (lp) adds",
    ),
    "no member of anything": (
        "mail", "--gres=gpu:1 -A p-b", "nor of another one here", "Its lead (lp) adds",
    ),
    "nobody": ("nobody", "--gres=gpu:1", "nobody has no account here", PORTAL),
    "unknown account": (
        "games", "--gres=gpu:1 -A p-aa", "the account p-aa. Your accounts: l-a, p-a.",
    ),
    "another's QOS": (
        "games", "--gres=gpu:1 -A p-a --qos=g-b1@old",
        "The QOS g-b1@old is not of the account p-a", "g-a1",
    ),
    "another's QOS, unnamed account": (
        "games", "--gres=gpu:1 --qos=g-b1@old", "games is not a member of the project b",
    ),
    "an allocation under the lent account": (
        "games", "--gres=gpu:1 -A l-a --qos=g-a1", "for borrowed work only", "-A p-a",
    ),
    "no share": (
        "man", "--gres=gpu:1 --qos=lent", "The project b may not borrow here now", "-A p-b",
    ),
    "beyond the share": (
        "games", "--gres=gpu:8 -N2 -A l-a",
        "You ask for 16 accelerators; the project a may borrow 8 here.", "8 or fewer",
    ),
    "no accelerator": ("games", "", "asks for no accelerator", "--gres=gpu:b200:N"),
    "accelerators only implied": (
        "games", "-n 8 --ntasks-per-gpu=1", "asks for no accelerator", "--gres=gpu:b200:N",
    ),
    "too many processors": (
        "man", "--gres=gpu:1 -n 9",
        "You ask for 9 processors; 8 go with the 8 accelerators of p-b.", "-c 1 for each",
    ),
    "another model": (
        "games", "--gres=gpu:h100:1", "The partition main has b200, not h100",
    ),
    "another partition": (
        "games", "--gres=gpu:1 -p second", "nothing on the partition second", "-p main",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_says_what_to_do(cluster: Cluster, case: str) -> None:
    user, options, *words = REFUSED[case]
    said = cluster.sbatch(user, *options.split())
    assert said.code != 0
    for word in words:
        assert word in said.words
    assert cluster.lab.run("squeue", "-h") == ""


def test_who_asks_in_korean_is_answered_in_korean(cluster: Cluster) -> None:
    said = cluster.sbatch("games", "--gres=gpu:8", "-N2", lang=KOREAN).words
    assert "가속기 16장을 요청했으나 할당 a1에는 8장이 있습니다." in said
    assert "과제 책임자(lp)" in said
    assert "You ask" not in said


@pytest.mark.parametrize("command", ["sbatch", "srun", "salloc"])
def test_whose_language_cannot_be_seen_is_answered_in_both(cluster: Cluster, command: str) -> None:
    work = ("--wrap=true",) if command == "sbatch" else ("true",)
    said = cluster.says("games", command, "--gpus=9", *work, lang=NEITHER)
    assert said.code != 0
    assert "You ask for 9 accelerators" in said.words
    assert "가속기 9장을 요청했으나" in said.words


def test_a_job_for_an_allocation_that_has_not_begun_is_taken_and_waits(cluster: Cluster) -> None:
    said = cluster.sbatch("games", "--gres=gpu:1", "--qos=g-soon")
    assert said.code == 0
    assert f"begins on {(NOW + DAY).strftime('%Y-%m-%d')}" in said.words
    job = said.words.split()[0]
    waits = ("squeue", "-h", "-j", job, "-o", "%T %r")
    eventually(lambda: cluster.lab.run(*waits).strip() == "PENDING QOSGrpJobsLimit")


def test_a_used_up_budget_is_said_and_so_is_what_is_left_to_do(cluster: Cluster) -> None:
    whole = cluster.table.read_text()
    changed = [
        line.replace("\t\tgames", "\tspent\tgames") if "\tg-a1\t" in line else line
        for line in whole.splitlines(keepends=True)
    ]
    cluster.table.write_text("".join(changed).replace("\n", "0\n", 1))
    try:
        said = cluster.sbatch("games", "--gres=gpu:1", "--qos=g-a1")
    finally:
        cluster.table.write_text(whole)
    assert said.code != 0
    assert "The hours of the allocation a1 are used up." in said.words
    assert "-A l-a" in said.words


def test_what_a_user_changes_afterwards_gets_nobody_elses_right(cluster: Cluster) -> None:
    job = cluster.job("games", "--hold", "--gres=gpu:8")

    def changed(*what: str) -> Said:
        return cluster.says("games", "scontrol", "update", f"jobid={job}", *what)

    for stolen in ("account=p-b", "qos=g-b1@old", "account=staff", "qos=normal", "nice=-1000"):
        assert changed(stolen).code != 0, stolen
    assert cluster.of(job) == "p-a g-a1 main gres:gpu:b200:8"
    assert changed("gres=gpu:4").code == 0
    assert cluster.of(job) == "p-a g-a1 main gres:gpu:b200:4"


def test_a_waiting_job_can_move_to_what_is_idle_and_back(cluster: Cluster) -> None:
    job = cluster.job("games", "--hold", "--gres=gpu:8")
    for account, qos in (("l-a", "lent"), ("p-a", "g-a1")):
        said = cluster.says("games", "scontrol", "update", f"jobid={job}", f"account={account}")
        assert said.code == 0, said.words
        assert cluster.of(job).split()[:2] == [account, qos]


@pytest.mark.parametrize("damage", ["missing", "cut short", "not a table"])
def test_without_its_table_the_script_lets_jobs_pass_and_slurms_own_limits_hold(
    cluster: Cluster, damage: str
) -> None:
    log, whole = cluster.lab.folder.log("slurmctld"), cluster.table.read_text()
    before = log.read_text().count("jobs pass unread")
    if damage == "missing":
        cluster.table.unlink()
    elif damage == "cut short":
        cluster.table.write_text(whole[: len(whole) // 2].replace("\n", "0\n", 1))
    else:
        cluster.table.write_bytes(os.urandom(4096))
    try:
        for _ in range(2):
            said = cluster.sbatch("games", "--gres=gpu:b200:8", "-N2")
            assert said.code != 0
            assert "QOSGrpGRES" in said.words
            assert "You ask" not in said.words
        cluster.job("games", "--gres=gpu:b200:8")
    finally:
        cluster.table.write_text(whole)
    assert log.read_text().count("jobs pass unread") == before + 1
    assert "You ask" in cluster.sbatch("games", "--gres=gpu:8", "-N2").words


THEIRS: Final = """
local dure = dofile("{folder}/dure.lua")
function slurm_job_submit(job, partitions, submitter)
  local code = dure.submit(job, partitions, submitter)
  if code == slurm.SUCCESS then job.comment = "seen by the site" end
  return code
end
function slurm_job_modify(job, record, partitions, modifier)
  return dure.modify(job, record, partitions, modifier)
end
"""


def test_a_site_keeps_a_script_of_its_own_beside_ours(cluster: Cluster) -> None:
    folder = cluster.table.parent
    ours = folder / "job_submit.lua"
    text = ours.read_text()
    (folder / "dure.lua").write_text(text)
    _replace(ours, THEIRS.format(folder=folder))
    try:
        assert "You ask" in cluster.sbatch("games", "--gres=gpu:8", "-N2").words
        job = cluster.job("games", "--gres=gpu:8")
        assert "Comment=seen by the site" in cluster.lab.run("scontrol", "show", "job", job)
        cluster.job("mail", "-p", "second")
    finally:
        _replace(ours, text)


def _replace(script: Path, text: str) -> None:
    """Slurm reads it again when its time is another second than before."""
    second = int(script.stat().st_mtime) + 1
    script.write_text(text)
    os.utime(script, (second, second))


def test_typed_or_not_a_request_counts_against_the_allocation(cluster: Cluster) -> None:
    jobs = [cluster.job("games", option) for option in ("--gres=gpu:8", "--gpus=8", "--gres=gpu")]

    def waiting() -> dict[str, str]:
        said = cluster.lab.run("squeue", "-h", "-t", "pending", "-o", "%i %r")
        return dict(line.split() for line in said.splitlines())

    eventually(lambda: waiting() == {jobs[1]: "QOSGrpGRES", jobs[2]: "QOSGrpGRES"})
