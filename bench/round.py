"""A round of the size of Korea's first, beside a spreadsheet's way and a plain model.

- The rounds are those of the tests: 514 applications for 1,714 servers, 542 offered, made from a
  seed; only the totals are the published ones. `open` has no limits beside capacity, `capped` has
  a quota for universities and a cap of eight servers an organisation.
- By rank: walk down the ranking, give each application the first pool it takes that has room.
- Plain model: CP-SAT as one writes it first. A variable per application and pool, capacity, limits,
  and strict rank for every pair of a class; the solver's defaults, one worker, eight seconds.
- All three are counted by the same few lines here, which know neither planner nor checker.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations

from bench.report import Result, Spent, at_most, compared, measure, show, write
from tests.scenarios.test_round_size import CAPPED, korea_sized

from dure.engine.allocation import Request, RoundPolicy, RoundSnapshot, plan
from dure.vocabulary.plans import Header

HEADER = Header(number=1, generation=1, now=datetime(2026, 2, 2, tzinfo=UTC))
REPEATS = 3
PLAIN_LIMIT_S = 8.0
HOW = "make bench-round; median CPU of 3 runs, the slower of two rounds; one solver thread"

Awards = dict[str, str]
"""Application -> pool. In these rounds everyone takes all or nothing."""
Limits = dict[str, int]


@dataclass(frozen=True, slots=True)
class Round:
    name: str
    facts: RoundSnapshot
    policy: RoundPolicy

    def ranked(self) -> list[Request]:
        return sorted(self.facts.requests, key=lambda r: r.rank)

    def pools(self, request: Request) -> list[str]:
        """The pools the application takes, most wanted first."""
        return [
            offer.pool
            for model in request.models
            for offer in self.facts.offers
            if offer.model == model
        ]

    def room(self) -> Limits:
        """Servers that quotas and organisations may take."""
        room = {q.quota: q.servers_left for q in self.facts.quotas}
        if self.policy.organisation_cap is not None:
            room |= {r.organisation: self.policy.organisation_cap for r in self.facts.requests}
        return room

    def limits(self, request: Request) -> set[str]:
        """The quotas and the organisation that bind the application."""
        bound = {q.quota for q in self.facts.quotas if request.sector in q.sectors}
        return bound | ({request.organisation} if self.policy.organisation_cap else set())


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a way of deciding made of a round."""

    awards: Awards
    proven: bool


ROUNDS = (
    Round("open 1", korea_sized(1), RoundPolicy()),
    Round("open 4", korea_sized(4), RoundPolicy()),
    Round("capped 2", korea_sized(2, CAPPED), RoundPolicy(organisation_cap=8)),
    Round("capped 5", korea_sized(5, CAPPED), RoundPolicy(organisation_cap=8)),
)


def by_dure(one: Round) -> Outcome:
    decided = plan(one.facts, one.policy, HEADER)
    return Outcome({i.application: i.pool for i in decided.intents if i.pool}, decided.optimal)


def by_rank(one: Round) -> Outcome:
    left = {offer.pool: offer.servers for offer in one.facts.offers}
    room = one.room()
    awards: Awards = {}
    for request in one.ranked():
        limits = one.limits(request)
        if any(room[limit] < request.servers for limit in limits):
            continue
        pool = next((p for p in one.pools(request) if left[p] >= request.servers), None)
        if pool is None:
            continue
        awards[request.application] = pool
        left[pool] -= request.servers
        for limit in limits:
            room[limit] -= request.servers
    return Outcome(awards, proven=False)


def by_plain_model(one: Round) -> Outcome:
    from ortools.sat.python import cp_model  # noqa: PLC0415  # its import is timed by itself

    model = cp_model.CpModel()
    ranked = one.ranked()
    x = {(r.application, p): model.new_bool_var("") for r in ranked for p in one.pools(r)}
    served = {r.application: sum(x[r.application, p] for p in one.pools(r)) for r in ranked}
    for request in ranked:
        model.add(served[request.application] <= 1)
    for offer in one.facts.offers:
        takers = [r for r in ranked if offer.pool in one.pools(r)]
        here = [r.servers * x[r.application, offer.pool] for r in takers]
        model.add(sum(here) <= offer.servers)
    room, taken = one.room(), {}
    for limit, most in room.items():
        members = [r for r in ranked if limit in one.limits(r)]
        taken[limit] = sum(r.servers * served[r.application] for r in members)
        model.add(taken[limit] <= most)
    full = {}
    for ahead, behind, pools in rivals(one):
        excuses = []
        for limit in sorted(one.limits(ahead) - one.limits(behind)):
            if (limit, ahead.servers) not in full:
                is_full = full[limit, ahead.servers] = model.new_bool_var("")
                enough = taken[limit] >= room[limit] - ahead.servers + 1
                model.add(enough).only_enforce_if(is_full)
            excuses.append(full[limit, ahead.servers])
        holds = sum(x[behind.application, p] for p in pools)
        model.add(holds <= served[ahead.application] + sum(excuses))
    model.maximize(sum(r.merit_per_server * r.servers * served[r.application] for r in ranked))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = PLAIN_LIMIT_S
    status = solver.solve(model)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return Outcome({}, proven=False)
    awards = {application: pool for (application, pool), v in x.items() if solver.value(v)}
    return Outcome(awards, proven=status == cp_model.OPTIMAL)


def rivals(one: Round) -> Iterator[tuple[Request, Request, list[str]]]:
    """Pairs of a class in which what the worse-ranked holds would do for the better-ranked."""
    for ahead, behind in combinations(one.ranked(), 2):
        if (ahead.track, ahead.size_class) != (behind.track, behind.size_class):
            continue
        common = [p for p in one.pools(behind) if p in one.pools(ahead)]
        if ahead.servers <= behind.servers and common:
            yield ahead, behind, common


def complaints(one: Round, awards: Awards) -> int:
    """Applications that a worse-ranked one of their class passed over, and no limit says why."""
    used: defaultdict[str, int] = defaultdict(int)
    for request in one.facts.requests:
        for limit in one.limits(request) if request.application in awards else ():
            used[limit] += request.servers
    room = one.room()
    wronged = set()
    for ahead, behind, pools in rivals(one):
        if ahead.application in awards or awards.get(behind.application) not in pools:
            continue
        own = one.limits(ahead) - one.limits(behind)
        if not any(room[limit] - used[limit] < ahead.servers for limit in own):
            wronged.add(ahead.application)
    return len(wronged)


def merit(one: Round, awards: Awards) -> float:
    """Score-weighted servers."""
    held = [r for r in one.facts.requests if r.application in awards]
    return sum(r.merit_per_server * r.servers for r in held) / 1000


def idle(one: Round, awards: Awards) -> int:
    held = sum(r.servers for r in one.facts.requests if r.application in awards)
    return sum(offer.servers for offer in one.facts.offers) - held


def compare(one: Round) -> dict[str, tuple[Outcome, Spent]]:
    return {
        "Dure": measure(lambda: by_dure(one), repeats=REPEATS),
        "by rank": measure(lambda: by_rank(one), repeats=REPEATS),
        "plain model": measure(lambda: by_plain_model(one), repeats=1),
    }


def main() -> None:
    before = time.process_time()
    by_dure(ROUNDS[0])
    cold_s = time.process_time() - before
    found = {one.name: compare(one) for one in ROUNDS}
    rows = [
        (
            one.name,
            way,
            spent.cpu_s,
            spent.wall_s,
            "yes" if outcome.proven else "no",
            idle(one, outcome.awards),
            round(merit(one, outcome.awards)),
            complaints(one, outcome.awards),
        )
        for one in ROUNDS
        for way, (outcome, spent) in found[one.name].items()
    ]
    heads = ("round", "way", "CPU s", "wall s", "proven", "idle servers", "merit", "complaints")
    show("514 applications for 1,714 servers, 542 offered", heads, rows)
    write("round", results(found, cold_s))


def results(found: dict[str, dict[str, tuple[Outcome, Spent]]], cold_s: float) -> list[Result]:
    ways = {way: [found[one.name][way] for one in ROUNDS] for way in found[ROUNDS[0].name]}
    dure, plain = ways["Dure"], ways["plain model"]
    ratios = sorted(p.cpu_s / d.cpu_s for (_, d), (_, p) in zip(dure, plain, strict=True))
    gains = [
        100 * (merit(one, d.awards) / merit(one, r.awards) - 1)
        for one, (d, _), (r, _) in zip(ROUNDS, dure, ways["by rank"], strict=True)
    ]
    cpu = {
        kind: max(found[one.name]["Dure"][1].cpu_s for one in ROUNDS if one.name.startswith(kind))
        for kind in ("open", "capped")
    }
    unproven = sum(not outcome.proven for outcome, _ in dure)
    wronged = sum(complaints(one, d.awards) for one, (d, _) in zip(ROUNDS, dure, strict=True))
    empty = sum(idle(one, d.awards) for one, (d, _) in zip(ROUNDS, dure, strict=True))
    empty_by_rank = sum(
        idle(one, d.awards) for one, (d, _) in zip(ROUNDS, ways["by rank"], strict=True)
    )
    proven = sum(outcome.proven for outcome, _ in plain)
    every = "make bench-round; over the four rounds"
    most = f"plain model stopped after {PLAIN_LIMIT_S:.0f} s where it had not proven"
    return [
        at_most(
            "a plan for a round of Korea's size, no limits beside capacity",
            cpu["open"],
            "CPU s",
            bound=1.0,
            how=HOW,
        ),
        at_most(
            "the same with a quota and a cap on each organisation",
            cpu["capped"],
            "CPU s",
            bound=1.0,
            how=HOW,
        ),
        at_most("rounds not proven optimal", unproven, "rounds", bound=0, how=every),
        at_most("justified complaints", wronged, "applications", bound=0, how=every),
        compared("first plan of a process, solver's import included", cold_s, "CPU s", how=every),
        compared("servers left idle by Dure, of 4 x 542", empty, "servers", how=every),
        compared("servers left idle by rank, of 4 x 542", empty_by_rank, "servers", how=every),
        compared("merit over serving by rank, least", min(gains), "%", how=every),
        compared("merit over serving by rank, most", max(gains), "%", how=every),
        compared("rounds the plain model proved", proven, "rounds", how=most),
        compared("plain model's CPU over Dure's, least", ratios[0], "times", how=most),
        compared("plain model's CPU over Dure's, most", ratios[-1], "times", how=most),
    ]


if __name__ == "__main__":
    main()
