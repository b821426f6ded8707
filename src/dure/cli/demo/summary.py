"""What came of it: tables for people, one document for programs."""

from __future__ import annotations

from collections import Counter
from typing import Final

from rich.console import Console
from rich.table import Column, Table

from dure.cli.demo import world
from dure.cli.demo.context import Seen
from dure.cli.demo.site_stages import waiting_now
from dure.hub.reports.queries import statement_of
from dure.metering.conservation import SixWay
from dure.quantities import AcceleratorSeconds

PUBLISHED: Final = {"academia": 328, "industry": 161, "institute": 39}
"""Servers awarded in round 1 by sector (newsis and asiatoday, 2026-03-03)."""

PUBLISHED_PROJECTS, PUBLISHED_SERVERS, OFFERED = 159, 528, 542

TAKE_BACK_BOUND_S: Final = 1.5


def by_sector(seen: Seen) -> dict[str, tuple[int, int, int]]:
    """Sector -> applications awarded, servers asked for, servers awarded in the round."""
    asked: Counter[str] = Counter()
    given: Counter[str] = Counter()
    awarded: Counter[str] = Counter()
    if seen.round is not None:
        for row in seen.round.outcomes.select_related("application__organisation"):
            sector = row.application.organisation.sector
            asked[sector] += row.application.amount or 0
            given[sector] += row.servers
            awarded[sector] += row.servers > 0
    return {sector: (awarded[sector], asked[sector], given[sector]) for sector in PUBLISHED}


def differences(seen: Seen) -> list[str]:
    """Where the outcome differs from the published one, and why."""
    sectors = by_sector(seen)
    given = sum(servers for _, _, servers in sectors.values())
    moved = {sector: sectors[sector][2] - published for sector, published in PUBLISHED.items()}
    most = max(moved, key=lambda sector: abs(moved[sector]))
    left_over = (
        f"Servers left over: {OFFERED - given} here, {OFFERED - PUBLISHED_SERVERS} published. "
        "Here whole requests were found for all that fits; why servers were left over in the real "
        "round is not published."
    )
    largest = (
        f"Largest difference: {most}, {moved[most]:+d} servers. The published demand by sector is "
        "met exactly, but who scored how is not published: the individual applications and their "
        f"scores are generated (seed {world.SEED}), so a sector's share follows its demand."
    )
    target = (
        "The 50/30/20 split over the whole pool is a target here, not a cap: the real round gave "
        "academia and institutes 2,936 accelerators where their fifth comes to 2,091."
    )
    interview = "The real panel also held an eligibility interview; its effect is not published."
    return [left_over, largest, target, interview]


def document(seen: Seen, *, seconds: float) -> dict[str, object]:
    """Everything a program may want to know; `ok` is the exit code's reason."""
    take_back = seen.take_back
    return {
        "ok": bool(seen.checks) and all(check.holds for check in seen.checks),
        "seconds": round(seconds, 1),
        "seconds_by_stage": seen.seconds,
        "checks": [{"name": c.name, "holds": c.holds, "figures": c.figures} for c in seen.checks],
        "round_by_sector": {
            sector: {
                "projects": projects,
                "asked": asked,
                "servers": servers,
                "published_servers": PUBLISHED[sector],
            }
            for sector, (projects, asked, servers) in by_sector(seen).items()
        },
        "differences": differences(seen),
        "refused_lessor": seen.refused_lessor,
        "moved_by_correction": seen.moved_by_correction,
        "what_if": [list(one) for one in seen.what_if],
        "told": [{"en": one.en, "ko": one.ko} for one in seen.told],
        "declined": seen.declined,
        "take_back": {
            "idle_to_lent_s": take_back.idle_to_lent_s,
            "owner_start_s": take_back.owner_start_s,
            "lent_attempts": take_back.lent_attempts,
            "lent_resumed_at_step": take_back.lent_resumed_at_step,
            "accuracy": take_back.accuracy,
            "same_weights": take_back.same_weights,
        }
        if take_back
        else None,
        "reclaim_notices": seen.notices,
        "reclaimed": [list(one) for one in seen.reclaimed],
        "promoted": [list(one) for one in seen.promoted],
        "waiting": waiting_now(),
        "files": [str(path) for path in seen.files],
        "accounts": seen.accounts,
        "clock_offset_s": seen.clock_offset_s,
    }


def print_tables(console: Console, seen: Seen, report: dict[str, object]) -> None:
    """The summary as a person reads it."""
    console.print(_told(seen))
    console.print(_sectors(seen))
    for line in differences(seen):
        console.print(f"  • {line}")
    console.print(_month(seen))
    console.print(_story(seen))
    console.print(_checks(seen))
    spent = ", ".join(f"{title} {s:.1f}" for title, s in seen.seconds.items() if s >= 1)
    console.print(f"Time: {report['seconds']} s ({spent})")
    for path in seen.files:
        console.print(f"Wrote {path}")
    if report["ok"]:
        look = f"dure demo --serve-only --home {seen.home}"
        console.print(f"[bold green]Every check holds.[/] Look at it: {look}")
    else:
        console.print("[bold red]A check does not hold; see above.[/]")


def _told(seen: Seen) -> Table:
    """What was decided before the awards, in both languages."""
    table = Table("What the calls showed", "공모에서 확인한 것", show_lines=True)
    for line in seen.told:
        table.add_row(line.en, line.ko)
    return table


def _sectors(seen: Seen) -> Table:
    table = Table(
        "Sector", "Projects", "Asked", "Awarded", "Published", "Difference",
        title="Round 1: servers by sector, beside the published outcome",
    )  # fmt: skip
    sums = [0, 0, 0]
    for sector, (projects, asked, given) in by_sector(seen).items():
        sums = [sums[0] + projects, sums[1] + asked, sums[2] + given]
        table.add_row(
            sector, str(projects), f"{asked:,}", str(given), str(PUBLISHED[sector]),
            f"{given - PUBLISHED[sector]:+d}",
        )  # fmt: skip
    table.add_row(
        "total", f"{sums[0]} (published {PUBLISHED_PROJECTS})", f"{sums[1]:,}", str(sums[2]),
        str(PUBLISHED_SERVERS), f"{sums[2] - PUBLISHED_SERVERS:+d}",
        style="bold",
    )  # fmt: skip
    return table


def _month(seen: Seen) -> Table:
    names = tuple(SixWay.model_fields)
    table = Table(
        Column("Pool", no_wrap=True), *names, title="March 2026: accelerator-hours, six ways"
    )
    if seen.month is None:
        return table
    statement = statement_of(seen.month)
    for pool in statement.pools:
        table.add_row(pool.pool, *(_hours(getattr(pool.split, name)) for name in names))
    totals = (_hours(getattr(statement.totals, name)) for name in names)
    table.add_row("total", *totals, style="bold")
    return table


def _hours(accelerator_seconds: int) -> str:
    return f"{float(AcceleratorSeconds(accelerator_seconds).hours):,.0f}"


def _story(seen: Seen) -> Table:
    table = Table("What happened", "", show_header=False, title="Between the round and the month")
    table.add_row("A lessor applied and was told", seen.refused_lessor or "nothing")
    moved = f"{seen.moved_by_correction} applications changed rank"
    table.add_row("Scores corrected for lenient and strict reviewers", moved)
    table.add_row("Awards declined", str(seen.declined))
    if seen.take_back is not None:
        back = seen.take_back
        table.add_row("This machine: idle slots lent after", f"{back.idle_to_lent_s} s")
        table.add_row(
            "This machine: owner's gang started",
            f"{back.owner_start_s} s after submission (limit {TAKE_BACK_BOUND_S} s)",
        )
        table.add_row(
            "Lent job",
            f"requeued, resumed at step {back.lent_resumed_at_step}, "
            f"completed as attempt {back.lent_attempts}; accuracy {back.accuracy:.1%}; "
            f"weights {'as' if back.same_weights else 'NOT as'} in the undisturbed run",
        )
    table.add_row("Notices of under-use", str(seen.notices))
    for allocation, rule, servers in seen.reclaimed:
        table.add_row("Pulled back", f"{allocation}: {servers} servers, rule {rule}")
    for application, pool, servers in seen.promoted:
        table.add_row("Promoted from the waitlist", f"{application}: {servers} servers of {pool}")
    return table


def _checks(seen: Seen) -> Table:
    table = Table("Check", "Found", "Holds", title="Checks")
    for check in seen.checks:
        table.add_row(
            check.name, check.figures, "[green]yes[/]" if check.holds else "[bold red]NO[/]"
        )
    return table
