"""Korea's programme with this machine as one more site."""

from __future__ import annotations

from importlib.resources import files

import yaml

from dure.cli.programme_library import find_programme
from dure.vocabulary.programme import Programme

NAME = "kr-gpu-2026"
ROUND = "kr-2026-r1"
REHEARSAL = "rehearsal-2026"
LOCAL_CLUSTER = "this-machine"


def demo_programme() -> Programme:
    """The shipped file, with the lists of `rehearsal.yaml` appended to its own."""
    document = yaml.safe_load(find_programme(NAME).read_text(encoding="utf-8"))
    added = yaml.safe_load(files("dure.cli.demo").joinpath("rehearsal.yaml").read_text("utf-8"))
    for name, items in added.items():
        document[name] = [*document.get(name, []), *items]
    return Programme.model_validate(document)
