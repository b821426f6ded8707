"""What a play comes to, in figures.

- Conservation is checked exactly: the accelerator-seconds of owner, lent, idle, held and down add
  up to accelerators x seconds of every pool and step; UnableToAccount says where they do not.
- Useful is what was run less what was lost and less what restarts cost.
- The work-conserving bound is what no scheduler could exceed: work done by t is at most, for every
  s before t, the work that unlimited capacity would have done by s plus the healthy capacity of
  [s, t). It is taken on the play's steps, which can only raise it.
- A guarantee is missed when a job at its turn stands under the guarantee later than the grace and
  the site's sweep allow, and a second for the order of events.
- Work lost to one take-back is taken over the jobs that no failure of a node hit.
- Every decision of a step carries its reasons by type, so how many are explained is no figure.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from dure.engine.scheduling import job_rows as jr
from dure.twin.energy import Energy, Spent, energy_of
from dure.twin.fairness import fairness
from dure.twin.fragments import fragments
from dure.twin.outages import down_as
from dure.twin.policies.facts import Floats, Ints
from dure.twin.run import Play
from dure.twin.site import SERIES, Site
from dure.vocabulary.frozen import Frozen

HOUR_S: Final = 3600
CLASSES: Final = ("part of a node", "one node", "2 to 8 nodes", "more than 8 nodes")
_MOST_NODES: Final = 8


class UnableToAccount(RuntimeError):
    """Accelerator-seconds are missing or counted twice."""


class Waits(Frozen):
    """Hours from submission to first start, of the jobs of one size that started."""

    jobs: int
    started: int
    mean_h: float
    p50_h: float
    p95_h: float


class Metrics(Frozen):
    """Shares are of the healthy capacity unless said otherwise; None: nothing to measure."""

    policy: str
    seed: int
    jobs: int
    left_out: int
    finished: int
    never_started: int
    capacity_hours: float
    owner_hours: float
    lent_hours: float
    lent_share: float
    idle_hours: float
    held_hours: float
    down_hours: float
    occupancy: float
    useful_occupancy: float
    bound_share: float | None
    lost_hours: float
    restart_hours: float
    take_backs: int
    take_backs_per_1000_h: float | None
    lost_per_take_back_h: float | None
    repeat_victims: int
    gone: int
    node_failures: int
    take_back_p50_s: float | None
    take_back_p95_s: float | None
    take_back_p99_s: float | None
    guaranteed_starts: int
    guarantee_p50_s: float | None
    guarantee_p95_s: float | None
    guarantee_p99_s: float | None
    guarantee_misses: int
    effective_training_time: float | None
    fairness: float | None
    least_served: float | None
    finish_time_fairness: float | None
    finish_time_worst: float | None
    fragmentation: float
    unusable_free: float
    largest_free_gang: float
    wait_mean_h: float | None
    wait_p95_h: float | None
    waits: dict[str, Waits]
    owner_kwh: float | None
    lent_kwh: float | None
    idle_kwh: float | None
    down_kwh: float | None
    kwh_per_useful_hour: float | None
    notices: int
    pull_backs: int
    promotions: int


def measure(play: Play, *, alone: Ints | None = None) -> Metrics:
    """Every figure of one play. Raises UnableToAccount.

    `alone`: when each job finished where its project had an island (`fairness.ends_of`).
    """
    series = series_of(play)
    total = dict(zip(SERIES, (int(x) for x in series.sum(axis=0)), strict=True))
    jobs = _all_jobs(play)
    healthy = sum(total.values()) - total["down"]
    run = total["owner"] + total["lent"]
    lost = int((jobs["lost_s"] * jobs["width"]).sum())
    restarts = _restart_cost(jobs)
    useful = run - lost - restarts
    bound = work_conserving_bound(play, series)
    even = fairness(play, alone)
    free = fragments([(site.looks, site.world.jobs.width) for site in play.sites])
    drawn = _energy(play)
    return Metrics(
        policy=play.policy,
        seed=play.seed,
        jobs=len(jobs["width"]),
        left_out=play.work.left_out,
        finished=int((jobs["status"] == jr.DONE).sum()),
        never_started=int((jobs["start_s"] < 0).sum()),
        capacity_hours=sum(total.values()) / HOUR_S,
        **{f"{name}_hours": total[name] / HOUR_S for name in SERIES},
        lent_share=total["lent"] / run if run else 0.0,
        occupancy=run / healthy,
        useful_occupancy=useful / healthy,
        bound_share=useful / bound if bound else None,
        lost_hours=lost / HOUR_S,
        restart_hours=restarts / HOUR_S,
        **_take_backs(jobs, run),
        repeat_victims=int((jobs["taken"] > 1).sum()),
        gone=int((jobs["status"] == jr.GONE).sum()),
        node_failures=int(jobs["failed"].sum()),
        **_guarantees(jobs, play.bound_s),
        effective_training_time=_effective(jobs),
        fairness=even.jain,
        least_served=even.least_served,
        finish_time_fairness=even.finish_mean,
        finish_time_worst=even.finish_worst,
        fragmentation=free.partly_used,
        unusable_free=free.unusable,
        largest_free_gang=free.largest_gang,
        **_waiting(jobs),
        **drawn._asdict(),
        kwh_per_useful_hour=_for_use(drawn, useful),
        **_decided(play),
    )


def series_of(play: Play) -> Ints:
    """Accelerator-seconds by step and kind, of all pools, checked to add up."""
    whole = None
    for site in play.sites:
        steps = np.array(site.series, np.int64)
        expected = site.pool.nodes * site.pool.accelerators_per_node * play.step_s
        wrong = np.flatnonzero(steps.sum(axis=1) != expected)
        if len(wrong) or (steps < 0).any():
            at = int(wrong[0]) if len(wrong) else -1
            msg = f"pool {site.pool.id}, step {at}: {steps[at].tolist()} is not {expected}"
            raise UnableToAccount(msg)
        whole = steps if whole is None else whole + steps
    assert whole is not None  # noqa: S101  # a setting has a pool
    return whole


def size_class(width: Ints, per_node: int) -> Ints:
    """The place in CLASSES."""
    edges = np.array([per_node, per_node + 1, _MOST_NODES * per_node + 1])
    classes: Ints = np.searchsorted(edges, width, side="right").astype(np.int64)
    return classes


def _jobs(site: Site) -> dict[str, Ints]:
    state, given = site.world.state, site.world.jobs
    names = ("status", "start_s", "end_s", "turn_s", "asked_s", "held_s", "lost_s", "left_s")
    taken = {name: getattr(state, name) for name in (*names, "taken", "failed")}
    return {
        **taken,
        "submit_s": given.submit_s,
        "work_s": given.work_s,
        "width": given.width,
        "restart_s": given.restart_s,
        "row": site.rows,
        "size": size_class(given.width, site.pool.accelerators_per_node),
        "node": np.full(len(given.width), site.pool.accelerators_per_node, np.int64),
    }


def _all_jobs(play: Play) -> dict[str, Ints]:
    parts = [_jobs(site) for site in play.sites]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _restart_cost(jobs: dict[str, Ints]) -> int:
    """Restarts so far: one for each stop, less the one that a stopped job still waits for."""
    stopped = np.isin(jobs["status"], (jr.WAITING, jr.PAUSED, jr.HOLDING, jr.GONE))
    again = np.maximum(0, jobs["taken"] + jobs["failed"] - stopped)
    return int((again * jobs["restart_s"] * jobs["width"]).sum())


def work_conserving_bound(play: Play, series: Ints) -> int:
    """Accelerator-seconds of work that no scheduler could exceed over the play."""
    steps = len(series)
    edges = np.arange(steps + 1, dtype=np.int64) * play.step_s
    whole = np.array([play.setting.capacity_of(p.pool) for p in play.setting.projects])
    work = play.work
    rate = np.zeros(steps + 2, np.int64)
    done = np.zeros(steps + 2, np.int64)
    fits = work.width <= whole[work.project]
    begin, end = work.submit_s[fits], work.submit_s[fits] + work.work_s[fits]
    for at, sign in ((begin, 1), (np.minimum(end, edges[-1]), -1)):
        step = at // play.step_s
        width = sign * work.width[fits]
        np.add.at(done, step + 1, width * ((step + 1) * play.step_s - at))
        np.add.at(rate, step + 1, width)
    arrived = np.cumsum(np.cumsum(rate) * play.step_s - rate * play.step_s + done)[: steps + 1]
    healthy = np.concatenate([[0], np.cumsum(series.sum(axis=1) - series[:, 4])])
    return int(healthy[-1] + (arrived - healthy).min())


def _percentile(values: Ints, share: float) -> float | None:
    return float(np.percentile(values, share)) if len(values) else None


def _guarantees(jobs: dict[str, Ints], bound_s: int) -> dict[str, float | int | None]:
    held, asked, turn = jobs["held_s"], jobs["asked_s"], jobs["turn_s"]
    back = (held - asked)[(asked >= 0) & (held >= 0)]
    delay = (held - turn)[(turn >= 0) & (held >= 0)]
    return {
        "take_back_p50_s": _percentile(back, 50),
        "take_back_p95_s": _percentile(back, 95),
        "take_back_p99_s": _percentile(back, 99),
        "guaranteed_starts": len(delay),
        "guarantee_p50_s": _percentile(delay, 50),
        "guarantee_p95_s": _percentile(delay, 95),
        "guarantee_p99_s": _percentile(delay, 99),
        "guarantee_misses": int((delay > bound_s + 1).sum()),
    }


def _effective(jobs: dict[str, Ints]) -> float | None:
    """Work over time from first start to end, of finished jobs of a node and more, by width."""
    rows = (jobs["status"] == jr.DONE) & (jobs["width"] >= jobs["node"])
    took = ((jobs["end_s"] - jobs["start_s"]) * jobs["width"])[rows].sum()
    return float((jobs["work_s"] * jobs["width"])[rows].sum() / took) if took else None


def _take_backs(jobs: dict[str, Ints], run: int) -> dict[str, float | int | None]:
    taken, sound = int(jobs["taken"].sum()), jobs["failed"] == 0
    victims = int(jobs["taken"][sound].sum())
    lost = int((jobs["lost_s"] * jobs["width"])[sound].sum())
    return {
        "take_backs": taken,
        "take_backs_per_1000_h": taken * 1000 * HOUR_S / run if run else None,
        "lost_per_take_back_h": lost / HOUR_S / victims if victims else None,
    }


def _energy(play: Play) -> Energy:
    pools = []
    for site in play.sites:
        owner, lent, *rest = (int(x) for x in np.array(site.series, np.int64).sum(axis=0))
        down = down_as(site.world) if site.pool.energy else 0
        pools.append(
            Spent(
                draw=site.pool.energy,
                per_node=site.pool.accelerators_per_node,
                owner=owner,
                lent=lent,
                idle=sum(rest) - down,
                down=down,
            )
        )
    return energy_of(pools)


def _for_use(drawn: Energy, useful: int) -> float | None:
    """kWh of the nodes that were up for each hour of an accelerator's useful work."""
    if drawn.owner_kwh is None or drawn.lent_kwh is None or drawn.idle_kwh is None or not useful:
        return None
    return (drawn.owner_kwh + drawn.lent_kwh + drawn.idle_kwh) * HOUR_S / useful


def _waiting(jobs: dict[str, Ints]) -> dict[str, object]:
    started = jobs["start_s"] >= 0
    wait = (jobs["start_s"] - jobs["submit_s"]) / HOUR_S
    every = wait[started]
    classes = {}
    for place, name in enumerate(CLASSES):
        of_class = jobs["size"] == place
        hours: Floats = wait[of_class & started]
        classes[name] = Waits(
            jobs=int(of_class.sum()),
            started=len(hours),
            mean_h=float(hours.mean()) if len(hours) else 0.0,
            p50_h=float(np.percentile(hours, 50)) if len(hours) else 0.0,
            p95_h=float(np.percentile(hours, 95)) if len(hours) else 0.0,
        )
    return {
        "wait_mean_h": float(every.mean()) if len(every) else None,
        "wait_p95_h": float(np.percentile(every, 95)) if len(every) else None,
        "waits": classes,
    }


def _decided(play: Play) -> dict[str, int]:
    did = [event.what for event in play.register.events]
    return {
        "notices": did.count("notice"),
        "pull_backs": did.count("pull_back"),
        "promotions": did.count("promote"),
    }
