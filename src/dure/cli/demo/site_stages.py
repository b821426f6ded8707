"""From signed agreements to the closed month."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from dure.cli.demo.context import MONTH, YEAR, Context, at
from dure.cli.demo.local_site import DemoStuck, LocalSite
from dure.cli.demo.programme import REHEARSAL
from dure.cli.demo.simulated_sites import SimulatedSites
from dure.hub import clock
from dure.hub.allocations import operations as allocations
from dure.hub.allocations import reclaiming
from dure.hub.allocations.models import Allocation, Decision, ReclaimNotice, WaitlistEntry
from dure.hub.loop import Step, step
from dure.hub.reports import files
from dure.hub.reports import operations as reports

QUIET_EVERY = 26
"""Every so-manieth awardee hardly uses its award; an assumption of the demo."""

DECLINES = 1
"""Winners gave awards back in 2025 (zdnet 2025-11-07); here one does not sign."""


class SitesFailed(RuntimeError):
    """An agent or a step of the loop met problems that a demo must not hide."""


def sign_agreements(context: Context) -> list[str]:
    """The awardees sign, one declines; returns the allocations whose owners will be quiet."""
    clock.rehearse(at(3, 3, 11))
    offered = list(
        Allocation.objects.filter(state=Allocation.State.OFFERED)
        .select_related("project__application__applicant", "project__application__call")
        .order_by("key")
    )
    quiet: list[str] = []
    with context.stage("Agreements signed", len(offered)) as done:
        for first in range(0, len(offered), 50):
            with transaction.atomic():
                for index, one in enumerate(offered[first : first + 50], start=first):
                    _answer(context, one, declines=index < DECLINES)
                    if index % QUIET_EVERY == QUIET_EVERY - 1:
                        quiet.append(one.key)
                    done()
        _steward(context, at(3, 3, 12))
    return quiet


def _answer(context: Context, allocation: Allocation, *, declines: bool) -> None:
    application = allocation.project.application
    if application is None:
        return
    now = clock.now()
    if declines:
        allocations.decline_agreement(allocation=allocation, by=application.applicant, now=now)
        context.seen.declined += 1
        return
    signed = allocations.sign_agreement(allocation=allocation, by=application.applicant, now=now)
    if application.call.key == REHEARSAL:
        reclaiming.exempt(allocation=signed, rule="poor-use", by=context.operator, now=now)


def _steward(context: Context, now: datetime) -> Step:
    """One step of the hub's loop; whoever is promoted signs."""
    clock.rehearse(now)
    done = step(programme=context.programme, now=now)
    if done.failed:
        raise SitesFailed(f"the hub's loop: {done.failed}")
    if "waitlist" in done.made:
        for allocation in done.made["waitlist"].allocations.select_related(
            "project__application__applicant", "pool"
        ):
            application = allocation.project.application
            if application is not None:
                allocations.sign_agreement(allocation=allocation, by=application.applicant, now=now)
                context.seen.promoted.append(
                    (application.number, allocation.pool.key, allocation.servers)
                )
    return done


def _settle(sites: SimulatedSites, now: datetime) -> None:
    problems = sites.settle(now)
    if problems:
        raise SitesFailed("; ".join(problems[:5]))


EVERY: Final = timedelta(days=4)
"""A site may be silent that long and nothing is lost; each report costs the demo a second."""


def _days(context: Context, sites: SimulatedSites, *, until: datetime) -> None:
    """Every few days, and on the last: the sites report, then the steward looks."""
    day = clock.now().replace(minute=0, second=0)
    while day < until:
        day = min(day + EVERY, until)
        _settle(sites, day)
        _steward(context, day)


def bind(context: Context, sites: SimulatedSites) -> None:
    """The agents pull what was agreed, make it so, and owners begin to work."""
    with context.stage("Bound to the simulated clusters", 2) as done:
        for hour in (12, 13):
            _settle(sites, at(3, 3, hour))
            done()


def first_weeks(context: Context, sites: SimulatedSites) -> None:
    """Owners work; what is idle is lent to the waitlist."""
    with context.stage("Two weeks of use, idle capacity lent", 1):
        _days(context, sites, until=at(3, 16, 13))


def lend_on_this_machine(context: Context) -> LocalSite:
    """Real processes: lend, take back, resume."""
    logs = context.home / "out"
    local = LocalSite(
        home=context.home / "agents" / "this-machine",
        logs=logs,
        programme=context.programme,
        engine=context.engine,
    )
    with context.stage("This machine: train, lend, take back", 5) as done:
        context.seen.take_back = local.rehearse(by=context.operator, said=done)
    return local


def take_back_unused(context: Context, sites: SimulatedSites) -> None:
    """Notice, grace, a proposal that a person approves, and the next on the waitlist."""
    with context.stage("Under-use: notice, pull-back, promotion", 3) as done:
        _days(context, sites, until=at(3, 18, 14))
        context.seen.notices = ReclaimNotice.objects.count()
        done()
        _days(context, sites, until=at(3, 24, 14))
        _approve_pull_backs(context)
        _settle(sites, clock.now() + timedelta(minutes=1))
        done()
        _days(context, sites, until=at(3, 31, 14))


def _approve_pull_backs(context: Context) -> None:
    proposed = (
        Decision.objects.filter(kind="reclaim", state=Decision.State.PROPOSED)
        .order_by("-number")
        .first()
    )
    if proposed is None:
        raise DemoStuck("no pull-back was proposed although owners hardly used their awards")
    now = clock.now()
    allocations.approve_decision(decision=proposed, by=context.operator, now=now)
    for intent in proposed.plan["intents"]:
        if intent["act"] == "pull_back":
            context.seen.reclaimed.append(
                (intent["allocation"], intent["rule"], intent["freed_servers"])
            )
    _steward(context, now)


def close_month(context: Context, sites: SimulatedSites, local: LocalSite) -> None:
    """Every agent says its last of the month; the month closes into CSV and a workbook."""
    with context.stage("March closed: CSV and workbook", 3) as done:
        _settle(sites, at(4, 1, 1))
        problems = local.finish()
        if problems:
            raise SitesFailed("; ".join(problems))
        done()
        closed = reports.close_month(
            programme=context.programme,
            year=YEAR,
            month_number=MONTH,
            by=context.operator,
            now=clock.now(),
        )
        context.seen.month = closed
        done()
        for name, content in (
            ("statement-2026-03.csv", files.csv_bytes(closed)),
            ("statement-2026-03.xlsx", files.xlsx_bytes(closed)),
        ):
            path = context.home / "out" / name
            path.write_bytes(content)
            context.seen.files.append(path)
        context.seen.clock_offset_s = clock.rehearse(at(4, 1, 1))


def waiting_now() -> int:
    """How many still wait."""
    return WaitlistEntry.objects.filter(state=WaitlistEntry.State.WAITING).count()
