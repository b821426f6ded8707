"""Who belongs to a group: an empty list names everybody."""

from __future__ import annotations

from dure.engine.allocation.facts import Group, Held, Request


def wants(group: Group, request: Request, model: str) -> bool:
    """Whether what the request would hold of this model counts in the group."""
    return _named(group, request, model)


def holds(group: Group, held: Held) -> bool:
    """Whether servers promised before count in the group."""
    return _named(group, held, held.model)


def unit(group: Group, of: Request | Held) -> str:
    """Which of the group's bounds it is under: the organisation's, the region's, the only one."""
    match group.each:
        case "together":
            return ""
        case "organisation":
            return of.organisation
        case "region":
            return of.region


def _named(group: Group, of: Request | Held, model: str) -> bool:
    return (
        (not group.sectors or of.sector in group.sectors)
        and (not group.regions or of.region in group.regions)
        and (not group.tracks or of.track in group.tracks)
        and (not group.size_classes or of.size_class in group.size_classes)
        and (not group.models or model in group.models)
    )
