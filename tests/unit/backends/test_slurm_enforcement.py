"""What a Slurm site can enforce is read from its configuration, and each shortfall names its line.

The texts are what Slurm 22.05.8 printed on a cluster of 4 x 8; each case spoils one thing of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dure.backends.slurm import settings
from dure.backends.slurm.enforcement import Examined, examined
from dure.backends.slurm.findings import Asked
from dure.backends.slurm.settings import Settings
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.vocabulary.reasons import CATALOGUE

SAID = Path(__file__).parent / "slurm_22_05"
NOW_S = 1_795_353_282
POOL = SlurmPool(pool="p", model="B200", partition="main", accelerators=32)


def said(name: str) -> str:
    return (SAID / f"{name}.txt").read_text(encoding="utf-8")


def cluster(**config: str) -> Settings:
    """The recorded cluster, with other values in its slurm.conf."""
    read = settings.config(said("config"))
    read |= {key.lower(): value for key, value in config.items()}
    diagnosis = said("diagnosis")
    return Settings(
        version=settings.version(read["slurm_version"]),
        release=read["slurm_version"],
        cluster=read["clustername"],
        config=read,
        partitions=settings.partitions(said("partitions")),
        devices=settings.devices(said("nodes")),
        has_blocks=settings.has_blocks(said("topology")),
        accounting_answers=True,
        tracked=settings.tracked(said("tracked")),
        registered=settings.registered(said("clusters")),
        admin_level=settings.admin_level(said("admins"), "root"),
        priorities=settings.priorities(said("qos")),
        waiting_records=settings.waiting_records(diagnosis),
        clock_s=settings.clock_s(diagnosis),
    )


def judged(
    found: Settings,
    *,
    grace_s: int = 30,
    pools: tuple[SlurmPool, ...] = (POOL,),
    user: str = "root",
    table: str | None = "/etc/slurm/dure-accounts",
) -> Examined:
    site = SlurmSite(cluster="lab", pools=pools, submit_table=table)
    asked = Asked(site=site, grace_s=grace_s, user=user, is_root=user == "root", now_s=NOW_S)
    return examined(found, asked)


def faults(made: Examined) -> dict[str, tuple[str, str]]:
    """Code -> (level, line to change) of what is not as it should be."""
    return {
        finding.says.code: (finding.level, finding.change)
        for finding in made.findings
        if finding.level != "ok" and finding.says.code != "slurm.bound"
    }


def with_partition(**words: str) -> Settings:
    found = cluster()
    (main,) = found.partitions
    changed = main.model_copy(update={"said": {**main.said, **words}})
    return found.model_copy(update={"partitions": (changed,)})


def test_a_cluster_as_it_should_be_has_no_fault_and_enforces_everything() -> None:
    made = judged(cluster())
    assert faults(made) == {}
    can = made.capabilities
    assert (can.enforces_limits, can.preempts_lent, can.requeues_lent) == (True, True, True)
    assert (can.engine_version, can.grace_s) == ("22.05.8", 30)
    assert [finding.says.code for finding in can.findings] == ["slurm.bound"]


def test_everything_that_was_looked_at_is_said() -> None:
    about = {finding.about for finding in judged(cluster()).findings}
    assert {
        "Slurm", "AccountingStorageType", "AccountingStorageEnforce", "AccountingStorageTRES",
        "PreemptType", "PreemptMode", "JobRequeue", "PriorityType", "PriorityWeightQOS", "KillWait",
        "AuthInfo", "PartitionName=main", "JobSubmitPlugins", "TopologyPlugin", "agent's user",
        "clock",
    } <= about  # fmt: skip


PREEMPTION = "PreemptType=preempt/qos\nPreemptMode=REQUEUE"
TRES = "AccountingStorageTRES=gres/gpu:b200,gres/gpu"
SPOILED = [
    ("AccountingStorageEnforce", "associations,limits,qos", "slurm.budgets_kill", "problem",
     "AccountingStorageEnforce=associations,limits,qos,safe"),
    ("AccountingStorageEnforce", "none", "slurm.limits_unenforced", "problem",
     "AccountingStorageEnforce=associations,limits,qos,safe"),
    ("AccountingStorageEnforce", "associations,nosteps,safe", "slurm.limits_unenforced", "problem",
     "AccountingStorageEnforce=associations,nosteps,safe,limits,qos"),
    ("AccountingStorageEnforce", "associations,limits,qos,safe,nojobs", "slurm.jobs_unrecorded",
     "problem", "AccountingStorageEnforce=associations,limits,qos,safe"),
    ("AccountingStorageType", "accounting_storage/none", "slurm.no_accounting", "problem",
     "AccountingStorageType=accounting_storage/slurmdbd"),
    ("AccountingStorageTRES", "cpu,mem,node,gres/gpu:b200", "slurm.untracked", "problem", TRES),
    ("AccountingStorageTRES", "cpu,mem,node,gres/gpu", "slurm.model_unrecorded", "note",
     "AccountingStorageTRES=gres/gpu,gres/gpu:b200"),
    ("PreemptType", "preempt/none", "slurm.no_preemption", "problem", PREEMPTION),
    ("PreemptType", "(null)", "slurm.no_preemption", "problem", PREEMPTION),
    ("PreemptType", "preempt/partition_prio", "slurm.no_preemption", "problem", PREEMPTION),
    ("PreemptMode", "OFF", "slurm.preemption_off", "problem", PREEMPTION),
    ("PreemptMode", "CANCEL", "slurm.preemption_otherwise", "note", ""),
    ("JobRequeue", "0", "slurm.not_requeued", "problem", "JobRequeue=1"),
    ("PreemptExemptTime", "00:10:00", "slurm.preemption_exempt", "note",
     "PreemptExemptTime=00:00:00"),
    ("SchedulerParameters", "bf_interval=60", "slurm.oldest_first", "note",
     "SchedulerParameters=bf_interval=60,preempt_youngest_first"),
    ("SchedulerParameters", "(null)", "slurm.oldest_first", "note",
     "SchedulerParameters=preempt_youngest_first"),
    ("PriorityType", "priority/basic", "slurm.no_priorities", "problem",
     "PriorityType=priority/multifactor"),
    ("PriorityWeightQOS", "0", "slurm.qos_outweighed", "problem", "PriorityWeightQOS=100000"),
    ("PriorityWeightAge", "200000", "slurm.qos_outweighed", "problem", "PriorityWeightQOS=1000000"),
    ("PriorityWeightAssoc", "0", "slurm.order_unweighted", "note", "PriorityWeightAssoc=10000"),
    ("KillWait", "5 sec", "slurm.grace_short", "problem", "KillWait=30"),
    ("KillWait", "120 sec", "slurm.grace_long", "note", "KillWait=30"),
    ("AuthInfo", "socket=/run/munge.sock", "slurm.requeue_delay", "note",
     "AuthInfo=socket=/run/munge.sock,cred_expire=30"),
    ("AuthInfo", "(null)", "slurm.requeue_delay", "note", "AuthInfo=cred_expire=30"),
    ("JobSubmitPlugins", "(null)", "slurm.no_submit_script", "note", "JobSubmitPlugins=lua"),
    ("Epilog", "/etc/slurm/epilog.sh", "slurm.epilog", "note", ""),
    ("Epilog[0]", "/etc/slurm/epilog.sh", "slurm.epilog", "note", ""),
    ("ClusterName", "other", "slurm.other_cluster", "problem",
     "site.yaml: cluster: other, or slurm_conf: the right slurm.conf"),
    ("SLURM_VERSION", "21.08.6", "slurm.version_old", "problem", ""),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "code", "level", "change"), SPOILED)
def test_a_spoiled_setting_is_named_with_the_line_that_mends_it(
    key: str, value: str, code: str, level: str, change: str
) -> None:
    found = faults(judged(cluster(**{key: value})))
    assert found[code] == (level, change)


def test_the_line_that_mends_it_mends_it() -> None:
    known = cluster().config
    lines = [
        (key, value, code, dict(line.partition("=")[::2] for line in change.splitlines()))
        for key, value, code, level, change in SPOILED
        if level == "problem"
    ]
    ours = [row for row in lines if row[3] and all(name.lower() in known for name in row[3])]
    assert len(ours) == 15
    for key, value, code, mended in ours:
        assert code not in faults(judged(cluster(**{key: value} | mended)))


def test_a_submit_script_without_its_table_is_noted() -> None:
    assert faults(judged(cluster(), table=None)) == {
        "slurm.no_submit_table": ("note", "site.yaml: submit_table: /etc/slurm/dure-accounts")
    }


def test_what_is_not_enforced_is_not_promised() -> None:
    unlimited = judged(cluster(AccountingStorageEnforce="associations")).capabilities
    assert not unlimited.enforces_limits
    uncounted = judged(cluster(AccountingStorageTRES="cpu,mem")).capabilities
    assert not uncounted.enforces_limits
    stuck = judged(cluster(PreemptMode="OFF")).capabilities
    assert (stuck.preempts_lent, stuck.requeues_lent, stuck.take_back_bound_s) == (
        False, False, None,
    )  # fmt: skip
    lost = judged(cluster(JobRequeue="0")).capabilities
    assert (lost.preempts_lent, lost.requeues_lent) == (True, False)
    hasty = judged(cluster(KillWait="5 sec")).capabilities
    assert hasty.grace_s == 5
    assert judged(cluster(KillWait="120 sec")).capabilities.grace_s == 120


@pytest.mark.parametrize(
    ("config", "bound_s"),
    [
        ({"KillWait": "2 sec"}, 7),
        ({"KillWait": "30 sec"}, 35),
        ({"PreemptExemptTime": "00:01:00"}, 95),
        ({"CompleteWait": "8 sec"}, 43),
        ({"SchedulerParameters": "defer,preempt_youngest_first"}, 95),
        ({"SchedulerParameters": "defer,sched_interval=10,preempt_youngest_first"}, 45),
    ],
)
def test_the_bound_of_an_owners_start_is_what_is_configured(
    config: dict[str, str], bound_s: int
) -> None:
    assert judged(cluster(**config)).capabilities.take_back_bound_s == bound_s


def test_a_track_that_slurmctld_has_not_taken_up_yet_needs_a_restart() -> None:
    found = cluster().model_copy(update={"tracked": ("cpu", "mem", "node")})
    assert faults(judged(found))["slurm.not_tracked_yet"] == (
        "problem", "systemctl restart slurmctld",
    )  # fmt: skip
    assert not judged(found).capabilities.enforces_limits


def test_newer_versions_have_other_lines() -> None:
    """PreemptParameters came with 23.02, requeue_delay with 25.11."""
    newer = {"SLURM_VERSION": "25.11.4", "PreemptParameters": "(null)", "AuthInfo": "(null)"}
    found = faults(judged(cluster(**newer, SchedulerParameters="(null)")))
    assert found["slurm.oldest_first"] == ("note", "PreemptParameters=youngest_first")
    assert found["slurm.requeue_delay"] == ("note", "SchedulerParameters=requeue_delay=30")
    mended = newer | {"PreemptParameters": "youngest_first"}
    assert faults(judged(cluster(**mended, SchedulerParameters="requeue_delay=2"))) == {}


def test_the_sites_own_qos_may_go_first_and_weigh_more() -> None:
    found = cluster().model_copy(update={"priorities": (("normal", 0), ("urgent", 100_000))})
    assert faults(judged(found)) == {
        "slurm.qos_outweighed": ("problem", "PriorityWeightQOS=10000000"),
        "slurm.higher_qos": ("note", ""),
    }


@pytest.mark.parametrize(
    ("words", "code", "level", "change"),
    [
        ({"AllowAccounts": "chem"}, "slurm.partition_closed", "problem",
         "PartitionName=main … AllowAccounts=ALL"),
        ({"AllowQos": "normal"}, "slurm.partition_closed", "problem",
         "PartitionName=main … AllowQos=ALL"),
        ({"State": "DOWN"}, "slurm.partition_down", "problem",
         "scontrol update PartitionName=main State=UP"),
        ({"QoS": "cap"}, "slurm.partition_qos", "note", ""),
        ({"OverSubscribe": "EXCLUSIVE"}, "slurm.whole_nodes", "note", ""),
        ({"DefaultTime": "NONE"}, "slurm.no_time_limit", "note",
         "PartitionName=main … DefaultTime=01:00:00 MaxTime=7-00:00:00"),
        ({"MaxTime": "7-00:00:00"}, "slurm.short_sight", "note",
         ("SchedulerParameters=sched_interval=2,bf_interval=2,sched_min_interval=0,"
          "batch_sched_delay=0,preempt_youngest_first,bf_window=10080")),
    ],
)  # fmt: skip
def test_a_partition_that_falls_short_is_named(
    words: dict[str, str], code: str, level: str, change: str
) -> None:
    assert faults(judged(with_partition(**words))) == {code: (level, change)}


def test_a_pool_that_is_not_there_or_smaller_than_promised_is_named() -> None:
    gone = POOL.model_copy(update={"partition": "gpu"})
    assert faults(judged(cluster(), pools=(gone,))) == {
        "slurm.no_partition": ("problem", "site.yaml: partition: one of main")
    }
    large = POOL.model_copy(update={"accelerators": 64})
    assert faults(judged(cluster(), pools=(large,))) == {
        "slurm.fewer_accelerators": ("problem", "site.yaml: accelerators: 32")
    }
    npu = POOL.model_copy(update={"gres": "npu"})
    assert "slurm.no_accelerators" in faults(judged(cluster(), pools=(npu,)))


def test_a_part_of_a_partition_is_named_with_what_owners_and_lent_work_may_hold_at_once() -> None:
    made = judged(cluster(), pools=(POOL.model_copy(update={"accelerators": 24}),))
    assert faults(made) == {
        "slurm.part_of_partition": (
            "problem",
            "PartitionName=main Nodes=<nodes with 24 accelerators>, or site.yaml: accelerators: 32",
        )
    }
    (said,) = (f.says for f in made.findings if f.says.code == "slurm.part_of_partition")
    assert said.params == {"partition": "main", "found": 32, "given": 24, "both": 32}
    assert made.capabilities.enforces_limits


def test_nodes_that_sleep_unseen_are_suspected() -> None:
    large = POOL.model_copy(update={"accelerators": 64})
    asleep = faults(judged(cluster(SuspendProgram="/etc/slurm/suspend"), pools=(large,)))
    assert asleep["slurm.nodes_hidden"] == ("note", "PrivateData=cloud")


def test_several_types_need_their_names_their_tracks_and_a_submit_script() -> None:
    nodes = said("nodes") + "n5|main|gpu:a100:4\nn6|main|gpu:a100:4(S:0-1)\n"
    found = cluster(JobSubmitPlugins="(null)").model_copy(
        update={"devices": settings.devices(nodes)}
    )
    untyped = faults(judged(found))
    assert untyped["slurm.several_types"][0] == "problem"
    assert untyped["slurm.untyped_escapes"] == ("problem", "JobSubmitPlugins=lua")
    assert not judged(found).capabilities.enforces_limits
    two = (
        POOL.model_copy(update={"type": "b200"}),
        SlurmPool(
            pool="q", model="A100", partition="main", accelerators=8, type="a100", suffix="q"
        ),
    )
    typed = faults(judged(found, pools=two))
    assert typed["slurm.type_untracked"] == (
        "problem",
        "AccountingStorageTRES=gres/gpu,gres/gpu:b200,gres/gpu:a100",
    )


def test_an_agent_without_rights_says_which_command_gives_them() -> None:
    found = cluster().model_copy(update={"admin_level": "operator"})
    assert faults(judged(found, user="dure")) == {
        "slurm.may_not_write": (
            "problem", "sacctmgr add user dure account=root AdminLevel=Admin",
        )
    }  # fmt: skip
    admin = cluster().model_copy(update={"admin_level": "administrator"})
    assert faults(judged(admin, user="dure")) == {"slurm.not_root": ("note", "")}
    slurm = cluster(SlurmUser="slurm(64030)")
    assert faults(judged(slurm, user="slurm")) == {"slurm.not_root": ("note", "")}


def test_daemons_that_are_away_behind_or_in_another_time_are_problems() -> None:
    away = cluster().model_copy(update={"accounting_answers": False})
    assert faults(judged(away))["slurm.accounting_away"][0] == "problem"
    stranger = cluster().model_copy(update={"registered": ("elsewhere",)})
    assert faults(judged(stranger))["slurm.not_registered"][0] == "problem"
    behind = cluster().model_copy(update={"waiting_records": 40})
    assert faults(judged(behind)) == {"slurm.records_waiting": ("note", "")}
    late = cluster().model_copy(update={"clock_s": NOW_S - 61})
    assert faults(judged(late))["slurm.clock"][0] == "problem"


def test_every_sentence_is_filled() -> None:
    """Of all that the cases above find."""
    for key, value, *_ in SPOILED:
        for finding in judged(cluster(**{key: value})).findings:
            assert "{" not in CATALOGUE[finding.says.code].format_map(finding.says.params)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30 sec", 30), ("00:02:00", 120), ("7-00:00:00", 604_800), ("90", 90),
        ("UNLIMITED", None), ("NONE", None), ("", None),
    ],
)  # fmt: skip
def test_times_are_read(text: str, seconds: int | None) -> None:
    assert settings.seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("SwitchName=block1 Level=0 LinkSpeed=1 Nodes=n[1-4]\n", True),
        ("BlockName=block1 BlockIndex=0 Nodes=n[1-18] BlockSize=18\n", True),
        ("No topology information available\n", False),
        ("", False),
    ],
)
def test_blocks_are_seen_in_a_tree_and_in_blocks(text: str, *, blocks: bool) -> None:
    assert settings.has_blocks(text) is blocks
