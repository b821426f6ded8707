"""A play's results as Parquet: a row a job, a project, and a pool's month where it was counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dure.twin.accounts import MonthAccount
from dure.twin.run import Play
from dure.twin.setting import DAY_S


def write(play: Play, folder: Path, months: Sequence[MonthAccount] = ()) -> tuple[Path, ...]:
    """Writes jobs, allocations and months of the play; the files' names hold policy and seed."""
    import pyarrow as pa  # noqa: PLC0415  # heavy: only who keeps results pays
    import pyarrow.parquet as pq  # noqa: PLC0415  # the same

    folder.mkdir(parents=True, exist_ok=True)
    tables = {"jobs": _jobs(play), "allocations": _allocations(play)}
    if months:
        tables["months"] = _months(months)
    written = []
    for name, columns in tables.items():
        written.append(folder / f"{name}-{play.policy}-{play.seed}.parquet")
        pq.write_table(pa.table(columns), written[-1])
    return tuple(written)


_STATE = ("status", "start_s", "end_s", "turn_s", "asked_s", "held_s", "left_s", "lost_s")
_GIVEN = ("submit_s", "work_s", "limit_s", "width")


def _jobs(play: Play) -> dict[str, object]:
    columns: dict[str, list[np.ndarray[Any, Any]]] = {}
    keys = np.array([project.key for project in play.setting.projects])
    for site in play.sites:
        world = site.world
        part = {name: getattr(world.jobs, name) for name in _GIVEN}
        part |= {name: getattr(world.state, name) for name in (*_STATE, "taken", "failed")}
        part["project"] = keys[play.work.project[site.rows]]
        part["pool"] = np.full(len(site.rows), site.pool.id)
        part["row"] = site.rows
        for name, values in part.items():
            columns.setdefault(name, []).append(values)
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    order = np.argsort(whole["row"], kind="stable")
    return {name: values[order] for name, values in whole.items() if name != "row"}


def _allocations(play: Play) -> dict[str, object]:
    rows: list[dict[str, object]] = []
    for site in play.sites:
        state = site.world.state
        for account, index in enumerate(site.projects):
            one = play.register.standings[index]
            rows.append(
                {
                    "project": one.project.key,
                    "pool": site.pool.id,
                    "servers_at_start": one.project.servers,
                    "servers_at_end": one.servers,
                    "from_day": one.from_s // DAY_S,
                    "until_day": one.until_s // DAY_S,
                    "still_waits": bool(one.position),
                    "owner_accelerator_seconds": int(state.owner_as[account]),
                    "lent_accelerator_seconds": int(state.lent_as[account]),
                    "jobs_waiting": int(state.waiting[account]),
                }
            )
    return {name: [row[name] for row in rows] for name in rows[0]}


def _months(months: Sequence[MonthAccount]) -> dict[str, object]:
    """The six are in accelerator-seconds."""
    rows = [
        {
            "month": one.month,
            "pool": one.account.pool,
            "seconds": one.account.seconds,
            "accelerators": one.account.accelerators,
            **one.account.split.model_dump(),
        }
        for one in months
    ]
    return {name: [row[name] for row in rows] for name in rows[0]}
