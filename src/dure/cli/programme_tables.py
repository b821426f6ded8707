"""A programme as tables for the terminal, and its summary as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from dure.cli.terminal import Language
from dure.vocabulary.frozen import Text
from dure.vocabulary.programme import Pool, Programme, SizeClass

FIGURES: Final = {
    "accelerators": "accelerators",
    "programme_accelerators": "for the programme",
    "awardable_nodes": "servers to award",
}


def summary(programme: Programme) -> dict[str, Any]:
    """What `check` tells of a good file."""
    return {
        "id": programme.id,
        "name": programme.name.model_dump(),
        "agency": programme.agency.model_dump(),
        "unit": programme.unit,
        "currency": programme.currency,
        "time_zone": programme.time_zone,
        "pools": [
            {
                "provider": provider.id,
                "cluster": cluster.id,
                "pool": pool.id,
                "model": pool.model,
                "engine": cluster.engine,
                "arrangement": pool.arrangement,
                "nodes": pool.nodes,
                "own_use_nodes": pool.own_use_nodes,
                "programme_nodes": pool.programme_nodes,
                "accelerators": pool.accelerators,
                "programme_accelerators": pool.programme_accelerators,
            }
            for provider, cluster, pool in programme.pools()
        ],
        "published_figures": [f.model_dump(mode="json") for f in programme.published_figures],
        "calls": [
            {**call.model_dump(mode="json"), "awardable_nodes": awardable(programme, call.pools)}
            for call in programme.calls
        ],
        "tracks": [track.model_dump(mode="json") for track in programme.tracks],
        "rules": rule_counts(programme),
    }


def rule_counts(programme: Programme) -> dict[str, int]:
    """How many rules of each sort the programme has."""
    return {
        "form fields": len(programme.form),
        "eligibility": len(programme.eligibility),
        "criteria": len(programme.rubric.criteria),
        "quotas": len(programme.quotas),
        "cost shares": len(programme.cost_shares),
        "reclaim": len(programme.reclaim),
    }


def awardable(programme: Programme, pools: tuple[str, ...]) -> int:
    """Servers that the named pools can award."""
    return sum(pool.awardable_nodes for _, _, pool in programme.pools() if pool.id in pools)


def print_summary(console: Console, programme: Programme, spoken: Language) -> None:
    name, agency = said(programme.name, spoken), said(programme.agency, spoken)
    console.print(f"[bold]{name}[/bold]  {programme.id}, {agency}", highlight=False)
    console.print(supply_table(programme))
    if programme.published_figures:
        console.print(figures_table(programme, spoken))
    console.print(calls_table(programme, spoken))
    console.print(tracks_table(programme, spoken))
    counts = ", ".join(f"{count} {name}" for name, count in rule_counts(programme).items())
    console.print(f"rules: {counts}", highlight=False)


def list_table(programmes: Mapping[str, Programme], spoken: Language) -> Table:
    table = _table("Programmes", ("name", "unit"))
    for heading in ("programme", "agency"):
        table.add_column(heading)
    for name, p in programmes.items():
        table.add_row(name, p.unit, said(p.name, spoken), said(p.agency, spoken))
    return table


def supply_table(programme: Programme) -> Table:
    table = _table("Supply", ("pool", "model", "arrangement"))
    for heading in ("nodes", "own", "accelerators", "programme"):
        table.add_column(heading, justify="right", no_wrap=True)
    for _, _, pool in programme.pools():
        table.add_row(pool.id, pool.model, pool.arrangement, *_amounts([pool]))
    table.add_section()
    for arrangement in ("acquired", "leased", "rehearsal"):
        pools = [pool for _, _, pool in programme.pools() if pool.arrangement == arrangement]
        if pools:
            table.add_row("total", "", arrangement, *_amounts(pools), style="bold")
    return table


def _amounts(pools: list[Pool]) -> tuple[str, ...]:
    sums = (
        sum(pool.nodes for pool in pools),
        sum(pool.own_use_nodes for pool in pools),
        sum(pool.accelerators for pool in pools),
        sum(pool.programme_accelerators for pool in pools),
    )
    return tuple(f"{amount:,}" for amount in sums)


def figures_table(programme: Programme, spoken: Language) -> Table:
    table = _table("Published figures (the pools add up to each)", ("figure", "counts"))
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("source", overflow="fold")
    for f in programme.published_figures:
        table.add_row(said(f.label, spoken), FIGURES[f.figure], f"{f.value:,}", f.source)
    return table


def calls_table(programme: Programme, spoken: Language) -> Table:
    table = _table("Calls", ("call", "opens", "closes", "supply from"))
    table.add_column("servers", justify="right", no_wrap=True)
    table.add_column("name", overflow="fold")
    for call in programme.calls:
        dates = map(str, (call.opens, call.closes, call.supply_from))
        offered = f"{awardable(programme, call.pools):,}"
        table.add_row(call.id, *dates, offered, said(call.label, spoken))
    return table


def tracks_table(programme: Programme, spoken: Language) -> Table:
    table = _table(f"Tracks (in {programme.unit}s)", ("track", "size class"))
    for heading in ("from", "to"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("also", "review", "name"):
        table.add_column(heading)
    for track in programme.tracks:
        for size in track.size_classes:
            edges = (f"{size.min_amount:,}", f"{size.max_amount:,}", _other_bounds(size))
            table.add_row(track.id, size.id, *edges, size.review, said(size.label, spoken))
    return table


def _other_bounds(size: SizeClass) -> str:
    models = {**size.min_amount_by_model, **size.max_amount_by_model}
    bounds = [f"{model} {'-'.join(map(str, size.bounds(model)))}" for model in models]
    if size.max_accelerators is not None:
        bounds.append(f"{size.max_accelerators} at a time")
    return ", ".join(bounds)


def form_table(programme: Programme, spoken: Language) -> Table:
    table = _table("Form", ("field", "kind", "required"))
    table.add_column("question")
    for field in programme.form:
        needed = "yes" if field.required else ""
        table.add_row(field.id, field.kind, needed, said(field.label, spoken))
    return table


def rules_table(programme: Programme, spoken: Language) -> Table:
    table = _table("Rules", ("rule", "kind"))
    table.add_column("what the applicant reads")
    for rule in (*programme.eligibility, *programme.reclaim):
        table.add_row(rule.id, rule.kind, said(rule.say, spoken))
    return table


def _table(title: str, names: tuple[str, ...]) -> Table:
    """A table that reads well on 80 columns; `names` are columns never broken."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def said(text: Text, spoken: Language) -> str:
    return text.ko if spoken == "ko" else text.en
