"""Owners' work that ended with a node, by the node.

- It is what the accounting ends as NODE_FAIL; lent work costs its owner nothing and is not named.
- A gang ends with one of its nodes. Of several that are out, it is the one that went out nearest to
  the gang's end, the first of those by name: a job is lost once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from dure.backends import segments
from dure.backends.slurm.counting import Books, Run, accelerators
from dure.backends.slurm.hostlist import expand
from dure.protocol import LostWork, NodeHealth

STATE: Final = "NODE_FAIL"


def lost_by_node(
    rows: Iterable[Run],
    *,
    ordinals: Mapping[int, int],
    books: Books,
    health: Iterable[NodeHealth],
) -> dict[str, tuple[LostWork, ...]]:
    """What was lost, by the node that it was lost with."""
    nodes = {node.node: node for node in health}
    found: defaultdict[str, list[LostWork]] = defaultdict(list)
    for run in sorted(rows, key=lambda r: (r.start_s, r.row)):
        owned = books.of(run.account, run.qos)
        if run.state != STATE or run.end_s is None or owned is None or owned.allocation is None:
            continue
        ended = segments.instant(run.end_s)
        number, culprit = accelerators(run.tres, owned.pool), _culprit(run, ended, nodes)
        if number and culprit is not None:
            found[culprit].append(
                LostWork(
                    job=run.job,
                    attempt=ordinals[run.row],
                    allocation=owned.allocation,
                    accelerators=number,
                    started=segments.instant(run.start_s),
                    ended=ended,
                )
            )
    return {node: tuple(work) for node, work in found.items()}


def _culprit(run: Run, ended: datetime, nodes: Mapping[str, NodeHealth]) -> str | None:
    """None where none of its nodes is known to be out: it is back, and was said before."""
    out = [
        (abs((node.since - ended).total_seconds()), name)
        for name in expand(run.nodes)
        if (node := nodes.get(name)) is not None
        and node.state in {"down", "draining"}
        and node.since is not None
    ]
    return min(out)[1] if out else None
