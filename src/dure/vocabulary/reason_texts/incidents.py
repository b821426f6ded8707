"""Sentences of incidents: what failed, who is hit, what is given back, what returns."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "incidents.node_failed": _("Server {node} no longer answers or is out of order: {said}"),
    "incidents.node_drained": _("The provider took server {node} out of service: {said}"),
    "incidents.node_removed": _("Server {node} was taken out of the pool: it failed too often."),
    "incidents.device_fault": _(
        "Accelerator {device} of server {node} reported {kind} {code}. The server takes no new "
        "work until it was started anew."
    ),
    "incidents.planned": _("Server {node} is under announced maintenance ({window})."),
    "incidents.joined_fault": _(
        "Accelerator {device} of server {node} reported {kind} {code} as well. This belongs to the "
        "same incident."
    ),
    "incidents.joined_work": _(
        "Work that ended with server {node} is known now. Jobs hit: {jobs}."
    ),
    "incidents.returned": _("Server {node} is back in service."),
    "incidents.restarted": _("Server {node} was started anew and is back in service."),
    "incidents.gone": _("Server {node} is no longer part of the cluster."),
    "incidents.released_by_hand": _(
        "{who} says that server {node} is repaired: it may go back into service."
    ),
    "incidents.spare_same_block": _("Server {spare} of the same block stands in for it."),
    "incidents.spare_elsewhere": _(
        "No server of the same block was spare; server {spare} stands in for it."
    ),
    "incidents.no_spare": _(
        "No spare server was left: the pool has less than it promised until the server returns."
    ),
    "incidents.credit_lost_work": _(
        "Job {job} ended with server {node}. Its lost work is given back: {hours} "
        "accelerator-hours."
    ),
    "incidents.credit_capacity": _(
        "While server {node} was out and no spare was left, a part of what was promised was "
        "missing. Given back: {hours} accelerator-hours."
    ),
    "incidents.credits_together": _(
        "Outages that something is given back for: {outages}. Given back in all: {hours} "
        "accelerator-hours."
    ),
    "incidents.lemon": _(
        "Server {node} failed {failures} times within {days} days, more often than the rule "
        "allows. Its removal from the pool waits for a person."
    ),
    "incidents.maintenance_announced": _(
        "Maintenance of {pool} is announced from {starts} to {ends}. Servers out of service: "
        "{servers} of {of_servers}. Jobs that would run into it wait until it is over. {why}"
    ),
    "incidents.maintenance_withdrawn": _(
        "The maintenance of {pool} announced from {starts} to {ends} will not take place."
    ),
}
