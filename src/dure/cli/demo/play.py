"""The whole demo, stage after stage."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dure.cli.demo import call_stages, peer_stage, site_stages, supply_stage, world
from dure.cli.demo.checks import check_all
from dure.cli.demo.context import Context, Seen, at
from dure.cli.demo.simulated_sites import SimulatedSites
from dure.cli.demo.site_engines import SiteEngine


def play(*, home: Path, console: Console, password: str, engine: SiteEngine) -> Seen:
    """Runs every stage on a prepared folder and returns what was seen."""
    columns = (
        TextColumn("{task.description:42}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        context = Context(
            home=home, progress=progress, world=world.generate(), password=password, engine=engine
        )
        call_stages.set_up(context)
        supply_stage.run_supply_call(context)
        peer_stage.run_peer_review(context)
        call_stages.take_applications(context)
        call_stages.review_applications(context)
        call_stages.decide_rounds(context)
        quiet = site_stages.sign_agreements(context)
        sites = SimulatedSites(
            home=home / "agents", start=at(3, 1, 0), by=context.operator, quiet=quiet
        )
        site_stages.bind(context, sites)
        site_stages.first_weeks(context, sites)
        local = site_stages.lend_on_this_machine(context)
        site_stages.take_back_unused(context, sites)
        site_stages.close_month(context, sites, local)
        with context.stage("Checks", 1):
            context.seen.checks = check_all()
    return context.seen
