"""What of a cluster's configuration falls short of what the programme promises, and what mends it.

- Pure: one function for each subject, from what Slurm says to findings. Every thing that was looked
  at gives at least one finding, so that an operator sees what was looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from dure.backends.slurm.findings import Asked, fine, line, note, problem
from dure.backends.slurm.refusals import TABLE
from dure.backends.slurm.settings import Settings, seconds
from dure.backends.slurm.shortfalls_of_pools import pools
from dure.protocol import SiteFinding

OLDEST: Final = (22, 5)
"""The oldest that the project's tests run on; before it nothing is known."""

OWN_PREEMPTION_KEY: Final = (23, 2)
"""From here on PreemptParameters; before, SchedulerParameters with the prefix `preempt_`."""

OWN_REQUEUE_DELAY: Final = (25, 11)
"""From here on SchedulerParameters=requeue_delay; before, the life of a credential is the delay."""

CREDENTIAL_S: Final = 120
"""Slurm's default of AuthInfo=cred_expire."""

QUICK_REQUEUE_S: Final = 30
"""A shorter delay is not worth a remark; a shorter credential may expire in a slow prolog."""

KILL_WAIT_S: Final = 30
"""Slurm's default."""

GRANT_PRIORITY: Final = 1000
"""Priority of the QOS of an allocation."""

CLOCK_S: Final = 5
"""NTP keeps clocks within milliseconds; asking takes less than a second or two on a busy one."""

_PREEMPTION: Final = "PreemptType=preempt/qos\nPreemptMode=REQUEUE"
"""Both at once: slurmctld does not start where one is set and the other is off."""

_NEEDED: Final = ("associations", "limits", "qos")
_RIVALS: Final = ("Age", "Fairshare", "JobSize", "Partition", "Assoc")
_MAY_WRITE: Final = frozenset({"administrator", "admin"})


def all_findings(found: Settings, asked: Asked) -> tuple[SiteFinding, ...]:
    """Every check, in the order an operator would go through them."""
    return (
        *_version(found, asked),
        *_accounting(found),
        *_enforcement(found),
        *_tracking(found, asked),
        *_preemption(found),
        *_priorities(found),
        *_waits(found, asked),
        *pools(found, asked),
        *_submission(found, asked),
        *_topology(found),
        *_privileges(found, asked),
        *_clock(found, asked),
    )


def _version(found: Settings, asked: Asked) -> Iterator[SiteFinding]:
    if found.version < OLDEST:
        oldest = f"{OLDEST[0]}.{OLDEST[1]:02}"
        yield problem("Slurm", found.release, "slurm.version_old", oldest=oldest)
    else:
        yield fine("Slurm", found.release)
    expected = asked.site.cluster
    if found.cluster.lower() != expected.lower():
        change = f"site.yaml: cluster: {found.cluster}, or slurm_conf: the right slurm.conf"
        yield problem(
            "ClusterName", found.cluster, "slurm.other_cluster", change, expected=expected
        )


def _accounting(found: Settings) -> Iterator[SiteFinding]:
    kind = found.word("AccountingStorageType")
    if not kind.endswith("slurmdbd"):
        change = "AccountingStorageType=accounting_storage/slurmdbd"
        yield problem("AccountingStorageType", kind, "slurm.no_accounting", change)
        return
    if not found.accounting_answers:
        yield problem("slurmdbd", "", "slurm.accounting_away", "systemctl start slurmdbd")
        return
    yield fine("AccountingStorageType", kind)
    if found.cluster.lower() not in found.registered:
        change = "AccountingStorageHost=<host of slurmdbd>, then restart slurmctld"
        yield problem("slurmdbd", ",".join(found.registered), "slurm.not_registered", change)
    if found.waiting_records:
        yield note("slurmdbd", f"{found.waiting_records}", "slurm.records_waiting")


def _enforcement(found: Settings) -> Iterator[SiteFinding]:
    key = "AccountingStorageEnforce"
    words = found.words(key)
    missing = [] if "all" in words else [word for word in _NEEDED if word not in words]
    change = line(key, [w for w in words if w != "nojobs"], (*_NEEDED, "safe"))
    said = found.word(key)
    if missing:
        yield problem(key, said, "slurm.limits_unenforced", change, missing=", ".join(missing))
    if "safe" not in words and "all" not in words:
        yield problem(key, said, "slurm.budgets_kill", change)
    if "nojobs" in words:
        yield problem(key, said, "slurm.jobs_unrecorded", change)
    if not missing and {"safe", "all"} & set(words) and "nojobs" not in words:
        yield fine(key, said)


def _tracking(found: Settings, asked: Asked) -> Iterator[SiteFinding]:
    key = "AccountingStorageTRES"
    listed, said = found.words(key), found.word(key)
    names = sorted({pool.gres for pool in asked.site.pools})
    generic = [f"gres/{name}" for name in names]
    typed = [f"gres/{name}:{kind}" for name in names for kind in found.types(name) if kind]
    limited = {pool.tres for pool in asked.site.pools}
    default = {"cpu", "mem", "energy", "node", "billing", "fs/disk", "vmem", "pages"}
    change = line(key, [word for word in listed if word not in default], (*generic, *typed))
    lacking = [tres for tres in (*generic, *typed) if tres not in listed]
    for tres in lacking:
        if tres in generic:
            yield problem(key, said, "slurm.untracked", change, tres=tres)
        elif tres in limited:
            yield problem(key, said, "slurm.type_untracked", change, tres=tres)
        else:
            yield note(key, said, "slurm.model_unrecorded", change)
    late = [t for t in (*generic, *typed) if t in listed and t not in found.tracked]
    if late and found.accounting_answers:
        restart = "systemctl restart slurmctld"
        yield problem(key, ",".join(late), "slurm.not_tracked_yet", restart)
    elif not lacking:
        yield fine(key, said)


def _preemption(found: Settings) -> Iterator[SiteFinding]:
    kind, mode = found.word("PreemptType"), found.word("PreemptMode").upper()
    if kind != "preempt/qos":
        yield problem("PreemptType", kind, "slurm.no_preemption", _PREEMPTION)
    else:
        yield fine("PreemptType", kind)
    if mode in {"", "OFF", "GANG"}:
        yield problem("PreemptMode", mode, "slurm.preemption_off", _PREEMPTION)
    elif "REQUEUE" not in mode:
        yield note("PreemptMode", mode, "slurm.preemption_otherwise")
    else:
        yield fine("PreemptMode", mode)
    requeue = found.word("JobRequeue")
    if requeue == "0":
        yield problem("JobRequeue", requeue, "slurm.not_requeued", "JobRequeue=1")
    else:
        yield fine("JobRequeue", requeue)
    if exempt := seconds(found.word("PreemptExemptTime")):
        said = found.word("PreemptExemptTime")
        change = "PreemptExemptTime=00:00:00"
        yield note("PreemptExemptTime", said, "slurm.preemption_exempt", change, seconds=exempt)
    yield _youngest_first(found)
    for key in ("Epilog", "EpilogSlurmctld"):
        if said := found.word(key) or found.word(f"{key}[0]"):
            yield note(key, said, "slurm.epilog")


def _youngest_first(found: Settings) -> SiteFinding:
    if found.version >= OWN_PREEMPTION_KEY:
        key, word = "PreemptParameters", "youngest_first"
    else:
        key, word = "SchedulerParameters", "preempt_youngest_first"
    if word in found.words(key):
        return fine(key, word)
    return note(key, found.word(key), "slurm.oldest_first", line(key, found.words(key), (word,)))


def _priorities(found: Settings) -> Iterator[SiteFinding]:
    kind = found.word("PriorityType")
    if kind != "priority/multifactor":
        change = "PriorityType=priority/multifactor"
        yield problem("PriorityType", kind, "slurm.no_priorities", change)
        return
    yield fine("PriorityType", kind)
    decay = found.word("PriorityDecayHalfLife")
    yield fine("PriorityDecayHalfLife", decay, "slurm.budgets_stand")
    weight = _weight(found, "QOS")
    others = sum(_weight(found, name) for name in _RIVALS)
    highest = max([GRANT_PRIORITY, *(rank for _, rank in found.priorities)])
    enough = math.ceil((others + 1) * highest / GRANT_PRIORITY)
    if weight < enough:
        change = f"PriorityWeightQOS={10 ** max(5, len(str(enough)))}"
        yield problem(
            "PriorityWeightQOS", str(weight), "slurm.qos_outweighed", change, others=others
        )
    else:
        yield fine("PriorityWeightQOS", str(weight))
    if not _weight(found, "Assoc"):
        change = f"PriorityWeightAssoc={max(1, weight // 10)}"
        yield note("PriorityWeightAssoc", "0", "slurm.order_unweighted", change)
    higher = [name for name, rank in found.priorities if rank > GRANT_PRIORITY]
    if higher:
        yield note("QOS", str(highest), "slurm.higher_qos", names=", ".join(higher))


def _waits(found: Settings, asked: Asked) -> Iterator[SiteFinding]:
    said = found.word("KillWait")
    wait, grace = kill_wait_s(found), asked.grace_s
    change = f"KillWait={grace}"
    if wait < grace:
        yield problem("KillWait", said, "slurm.grace_short", change, found=wait, grace=grace)
    elif wait > grace:
        yield note("KillWait", said, "slurm.grace_long", change, found=wait, grace=grace)
    else:
        yield fine("KillWait", said)
    delay = requeue_delay_s(found)
    if found.version >= OWN_REQUEUE_DELAY:
        key, option = "SchedulerParameters", "requeue_delay"
    else:
        key, option = "AuthInfo", "cred_expire"
    if delay > QUICK_REQUEUE_S:
        kept = [word for word in found.words(key) if not word.startswith(f"{option}=")]
        change = line(key, kept, (f"{option}={QUICK_REQUEUE_S}",))
        yield note(key, found.word(key), "slurm.requeue_delay", change, found=delay)
    else:
        yield fine(key, f"{option}={delay}")


def _submission(found: Settings, asked: Asked) -> Iterator[SiteFinding]:
    key = "JobSubmitPlugins"
    words, said = found.words(key), found.word(key)
    change = line(key, words, ("lua",))
    several = any(len(found.types(pool.gres)) > 1 for pool in asked.site.pools)
    if "lua" in words and asked.site.submit_table is None:
        change = f"site.yaml: submit_table: {table_of(found)}"
        yield note(key, said, "slurm.no_submit_table", change)
    elif "lua" in words:
        yield fine(key, said)
    elif several:
        yield problem(key, said, "slurm.untyped_escapes", change)
    else:
        yield note(key, said, "slurm.no_submit_script", change)


def _topology(found: Settings) -> Iterator[SiteFinding]:
    said = found.word("TopologyPlugin")
    if found.has_blocks:
        yield fine("TopologyPlugin", said)
    else:
        plugin = "block" if found.version >= (23, 11) else "tree"
        change = f"TopologyPlugin=topology/{plugin}, and topology.conf with the blocks' nodes"
        yield note("TopologyPlugin", said, "slurm.no_blocks", change)


def _privileges(found: Settings, asked: Asked) -> Iterator[SiteFinding]:
    is_slurm = found.word("SlurmUser").partition("(")[0] == asked.user
    level = "root" if asked.is_root else found.admin_level or "none"
    if not (asked.is_root or is_slurm or level in _MAY_WRITE):
        change = f"sacctmgr add user {asked.user} account=root AdminLevel=Admin"
        yield problem(
            "agent's user", asked.user, "slurm.may_not_write", change,
            user=asked.user, level=level,
        )  # fmt: skip
    elif not asked.is_root:
        yield note("agent's user", asked.user, "slurm.not_root", user=asked.user)
    else:
        yield fine("agent's user", asked.user)


def _clock(found: Settings, asked: Asked) -> Iterator[SiteFinding]:
    if found.clock_s is None:
        return
    apart = abs(found.clock_s - asked.now_s)
    if apart > CLOCK_S:
        change = "timedatectl set-ntp true, on both machines"
        yield problem("clock", f"{apart} s", "slurm.clock", change, seconds=apart)
    else:
        yield fine("clock", f"{apart} s")


def table_of(found: Settings) -> str:
    """Where the submit script looks for its table: in its own folder, beside slurm.conf."""
    folder = found.word("SLURM_CONF").rpartition("/")[0] or "/etc/slurm"
    return f"{folder}/{TABLE}"


def kill_wait_s(found: Settings) -> int:
    """What a job that was told to end has until it is killed."""
    said = seconds(found.word("KillWait"))
    return KILL_WAIT_S if said is None else said


def requeue_delay_s(found: Settings) -> int:
    """How long a requeued job may not start."""
    credential = found.option("AuthInfo", "cred_expire")
    delay = int(credential) if credential else CREDENTIAL_S
    if found.version < OWN_REQUEUE_DELAY:
        return delay
    own = found.option("SchedulerParameters", "requeue_delay")
    return int(own) if own else delay


def _weight(found: Settings, of: str) -> int:
    said = found.word(f"PriorityWeight{of}")
    return int(said) if said.isdigit() else 0
