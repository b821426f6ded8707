"""Outages of nodes: what opens and ends an incident, who is hit, what they get back."""

from dure.engine.incidents.credits import capacity_lost, work_lost
from dure.engine.incidents.device_codes import judged
from dure.engine.incidents.facts import (
    Close,
    Credit,
    Fault,
    Incident,
    IncidentIntent,
    IncidentPlan,
    IncidentSnapshot,
    Join,
    Lost,
    NodeFacts,
    Open,
    PoolFacts,
    Promise,
    Propose,
    Window,
)
from dure.engine.incidents.planning import plan

__all__ = [
    "Close",
    "Credit",
    "Fault",
    "Incident",
    "IncidentIntent",
    "IncidentPlan",
    "IncidentSnapshot",
    "Join",
    "Lost",
    "NodeFacts",
    "Open",
    "PoolFacts",
    "Promise",
    "Propose",
    "Window",
    "capacity_lost",
    "judged",
    "plan",
    "work_lost",
]
