"""Sentences on what a Slurm site can really enforce: what a setting means for the programme."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "slurm.fine": _("As the programme needs it."),
    "slurm.version_old": _("Slurm before {oldest} has not been tried with this agent."),
    "slurm.other_cluster": _(
        "site.yaml is written for the cluster {expected}; Slurm's commands here reach another."
    ),
    "slurm.no_accounting": _(
        "Without slurmdbd Slurm knows no projects and no limits, and keeps no record that could"
        " be settled."
    ),
    "slurm.accounting_away": _(
        "slurmdbd does not answer: until it does, nothing is changed and no use is settled."
    ),
    "slurm.records_waiting": _(
        "slurmctld holds records that slurmdbd has not taken yet; use is settled only after that."
    ),
    "slurm.not_registered": _(
        "slurmdbd does not know this cluster's controller: what is changed there does not arrive."
    ),
    "slurm.limits_unenforced": _(
        "Not enforced: {missing}. Whoever submits may use more than was allocated."
    ),
    "slurm.budgets_kill": _(
        "Without `safe`, running jobs are killed when an hour budget is used up."
    ),
    "slurm.jobs_unrecorded": _("With `nojobs` no job is recorded, so no use can be settled."),
    "slurm.untracked": _(
        "{tres} is not tracked: no limit on accelerators holds, and none is counted."
    ),
    "slurm.type_untracked": _(
        "{tres} is not tracked: limits of this model do not hold beside other models."
    ),
    "slurm.model_unrecorded": _("Jobs are counted without the model of their accelerators."),
    "slurm.not_tracked_yet": _(
        "It stands in slurm.conf, but slurmctld does not count it yet: restart slurmctld."
    ),
    "slurm.no_accelerators": _("No node of the partition {partition} has {gres} in its Gres."),
    "slurm.fewer_accelerators": _(
        "The partition {partition} has fewer accelerators than the site gives to the programme:"
        " {found} instead of {given}."
    ),
    "slurm.part_of_partition": _(
        "More accelerators stand in the partition {partition} than the site gives to the"
        " programme: {found}, of which {given} are given. Allocations together hold no more than"
        " the part that is given, and neither does lent work; but both at once may hold {both}."
        " A partition of the programme's own holds them to its part."
    ),
    "slurm.several_types": _(
        "The partition {partition} has accelerators of several types ({types}) and the pool"
        " {pool} names none: their limits would be counted together."
    ),
    "slurm.untyped_escapes": _(
        "A job that asks for accelerators without naming their type escapes the limits of each"
        " type; only a submit script refuses it."
    ),
    "slurm.no_submit_script": _(
        "Limits hold without it; but whoever is refused reads Slurm's short code instead of"
        " what to do."
    ),
    "slurm.no_submit_table": _(
        "The submit script has no table to read: it lets every job pass, and Slurm's limits hold."
    ),
    "slurm.no_preemption": _(
        "Lent jobs do not give way: an owner who comes back waits until they end."
    ),
    "slurm.preemption_off": _(
        "Preemption is off: an owner who comes back waits until lent jobs end."
    ),
    "slurm.preemption_otherwise": _(
        "Lent jobs are requeued, as their own QOS says; other QOS of the site stop jobs in"
        " the site's way."
    ),
    "slurm.preemption_exempt": _(
        "A lent job is left alone until it has run this long; an owner waits as long at most."
    ),
    "slurm.epilog": _(
        "Accelerators of a stopped job are free only when the site's epilog has ended; owners"
        " wait that much longer."
    ),
    "slurm.budgets_stand": _(
        "Hour budgets neither decay nor fill up again: their QOS has the flag NoDecay."
    ),
    "slurm.not_requeued": _(
        "A lent job submitted without --requeue is lost when its owner comes back."
    ),
    "slurm.oldest_first": _(
        "Of lent jobs any may be stopped first, also one that has run for long."
    ),
    "slurm.no_priorities": _(
        "Jobs start in the order of their arrival: owners wait behind lent jobs, and hour"
        " budgets fill up again."
    ),
    "slurm.qos_outweighed": _(
        "Age, fair share, size or partition can outweigh the QOS, so an owner may wait behind"
        " others. Their weights together: {others}."
    ),
    "slurm.order_unweighted": _("The order in which projects may borrow has no effect."),
    "slurm.higher_qos": _("Jobs of the site's own QOS {names} go before those of the programme."),
    "slurm.grace_short": _(
        "Jobs are killed {found} s after they are told to end; the programme promises {grace} s."
    ),
    "slurm.grace_long": _(
        "A lent job that does not end by itself may hold its accelerators for {found} s; the"
        " programme asks for {grace} s."
    ),
    "slurm.requeue_delay": _(
        "A stopped job may not start again for {found} s; the agent lets it go on earlier where"
        " there is room."
    ),
    "slurm.no_time_limit": _(
        "A job without a time limit hides when the next one can start, and maintenance has to"
        " wait for it."
    ),
    "slurm.short_sight": _(
        "The scheduler plans {found} h ahead, jobs may take {longest} h: a large job may wait"
        " behind small ones again and again."
    ),
    "slurm.no_partition": _("The cluster has no partition {partition}, which is the pool {pool}."),
    "slurm.partition_closed": _(
        "The partition {partition} admits only some accounts or QOS: members would be refused."
    ),
    "slurm.partition_down": _("The partition {partition} starts no jobs: it is {state}."),
    "slurm.partition_qos": _(
        "The limits of the partition's QOS {qos} hold beside those of the allocations."
    ),
    "slurm.whole_nodes": _(
        "Jobs get whole nodes and are counted so, also where they ask for fewer accelerators."
    ),
    "slurm.no_blocks": _(
        "Slurm knows no blocks of nodes here: a large job may be spread over the whole fabric."
    ),
    "slurm.nodes_hidden": _("Nodes that are powered down are not seen and look as if missing."),
    "slurm.may_not_write": _(
        "The agent's user {user} may not change accounts and QOS in Slurm; its level is {level}."
    ),
    "slurm.not_root": _(
        "As {user}, the agent cannot submit jobs for others: members submit with sbatch."
    ),
    "slurm.clock": _(
        "The controller's clock differs from the agent's by {seconds} s: use would be counted at"
        " the wrong instants."
    ),
    "slurm.bound": _(
        "An owner's job starts within {seconds} s of its submission: {grace} s until the last"
        " lent job is killed, and {scheduler} s for the scheduler."
    ),
}
