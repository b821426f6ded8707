"""Korea's programme with this machine as one more site."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml

from dure.cli.programme_library import find_programme
from dure.vocabulary.programme import Programme

NAME = "kr-gpu-2026"
ROUND = "kr-2026-r1"
SUPPLY = "kr-2025-supply"
REHEARSAL = "rehearsal-2026"
PEERS = "peers-2026"
LOCAL_CLUSTER = "this-machine"


def demo_programme(*, engine: str) -> Programme:
    """The shipped file, with the lists of `rehearsal.yaml` appended to its own.

    `engine`: what runs the jobs on this machine.
    That scores are corrected for the reviewers is an assumption: the agency says nothing of it.
    """
    document = yaml.safe_load(find_programme(NAME).read_text(encoding="utf-8"))
    added = yaml.safe_load(files("dure.cli.demo").joinpath("rehearsal.yaml").read_text("utf-8"))
    (cluster,) = added["providers"][0]["sites"][0]["clusters"]
    cluster["engine"] = engine
    for name, items in added.items():
        document[name] = [*document.get(name, []), *items]
    document["rubric"] = {**document["rubric"], "correction": "mixed-effects"}
    document["supply_calls"].append(_call_of_2025(document["supply_calls"][0]))
    return Programme.model_validate(document)


def _call_of_2025(call_of_2026: dict[str, Any]) -> dict[str, Any]:
    """The supply call that the programme's accelerators come from, made of the file's call of 2026.

    Published are its dates and the names of the rubric's sections. Assumptions: the rubric of 2026,
    the budget, no document rules. The minimum of one cluster of 256 servers is of 2026.
    """
    return {
        **call_of_2026,
        "id": SUPPLY,
        "label": {
            "ko": "2025년 첨단 GPU 공급사 공모",
            "en": "2025 call for suppliers of advanced GPUs",
        },
        "opens": "2025-05-23",
        "closes": "2025-06-23",
        "award_on": "2025-07-28",
        "eligibility": [],
        "certificates": [],
        "award": {"objective": "strict-order", "budget": 1_460_000_000_000},
        "tie_break_seed": "kr-gpu-2026/supply/2025-06-23",
        "source": "techm, chosun: closed on 23 June, chosen on 28 July 2025",
    }
