"""Studies as the hub holds them, without playing any."""

from __future__ import annotations

from functools import lru_cache

from tests.integration.operated import LATER

from dure.hub.people.models import Role, User
from dure.hub.studies import queue
from dure.hub.studies.models import Study
from dure.protocol.study import TwinOffer
from dure.twin import summary

SCENARIO = """\
schema: dure.twin/1
name: {ko: 시험, en: Test}
starts: 2026-03-02
days: 2
supply: {pools: [{id: one, nodes: 4}]}
allocations: {equal_shares: {projects: 2, waiting: 1}}
demand: {synthetic: {load: 0.7}}
policies: [islands, pool]
seeds: 1
"""

RESULT: dict[str, object] = {
    "version": "dure.study/1",
    "scenario": {"ko": "시험", "en": "Test"},
    "answer": {"ko": "풀을 권합니다.", "en": "Choose the pool."},
    "recommended": "pool",
    "policies": [
        {"id": "islands", "label": "Islands", "says": "Each allocation has its own nodes."},
        {"id": "pool", "label": "Pool with lending", "says": "Idle capacity is lent."},
    ],
    "seeds": [1],
    "rows": [
        {
            "figure": "useful_occupancy",
            "label": "Useful occupancy",
            "cells": [{"value": "48.5 %", "change": ""}, {"value": "73.6 %", "change": "+25.1 %"}],
        }
    ],
}
REPORT = b"<!doctype html><title>Report</title><h1>A report</h1>"


@lru_cache
def offered() -> TwinOffer:
    """What the twin offers, asked of its code: a process of its own takes seconds."""
    return summary.offer()


def operator() -> User:
    return User.objects.filter(role=Role.OPERATOR).earliest("pk")


def queued_study(name: str = "Summer", **changes: object) -> Study:
    return Study.objects.create(
        **{
            "name": name,
            "scenario": SCENARIO,
            "policies": ["islands", "pool"],
            "seeds": 1,
            "days": 2,
            "asked_by": operator(),
            "asked_at": LATER,
            **changes,
        }
    )


def played_study(name: str = "Summer") -> Study:
    """Done, with a report in each language."""
    queued_study(name)
    study = queue.claim(now=LATER)
    assert study is not None
    files = (("report-ko.html", REPORT), ("report-en.html", REPORT), ("result.json", b"{}"))
    queue.finish(study=study, played=queue.Played(RESULT, files), now=LATER)
    return Study.objects.get(pk=study.pk)
