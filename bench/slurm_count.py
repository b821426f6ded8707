"""Two thousand jobs on a real Slurm, counted by Dure and by Slurm itself.

- Arrays, gangs, heterogeneous jobs, failures, time limits, cancelled, requeued and preempted ones,
  a node that dies, one that is drained, and jobs that are nobody's of ours.
- The first truth is sacct's own arithmetic (`--truncate`), by account and QOS. The second does not
  pass slurmdbd: the lines that slurmctld writes itself when a run ends (jobcomp/filetxt).
- sreport cannot be asked: it knows full hours only, and this takes minutes.
- An agent's way of asking (a cursor, again and again while the jobs run) must give the same as one
  question at the end.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from bench.report import Result, at_least, at_most, compared, show, write
from tests.slurm_lab import site_of
from tests.slurm_play import Play, Size, settled

from dure.backends.contract import UnableToApplyNow, UsageBatch
from dure.cli.slurm_lab import Lab, Shape
from dure.metering.conservation import PoolAccount
from dure.protocol import UsageRecord

WHOLE = Size(
    lent=920, owned=920, gangs=60, failing=80, cancelled=25, requeued=25, timeouts=6, mixed=10
)
QUICK = Size(lent=40, owned=30, gangs=6, failing=4, cancelled=4, requeued=4, mixed=4)
ASK_EVERY_S = 5.0
HOW = "make bench-slurm-count; one run on 8 nodes × 8, Slurm 22.05.8"

Sums = Counter[tuple[str, str]]


class Asking(threading.Thread):
    """An agent that asks from its cursor on while the jobs run."""

    def __init__(self, play: Play) -> None:
        super().__init__(daemon=True)
        self._meter, self._over = play.meter(), threading.Event()
        self.said: dict[tuple[str, int, datetime], UsageRecord] = {}
        self.again = self.away = 0
        self.took_s: list[float] = []
        self._cursor: datetime | None = None

    def run(self) -> None:
        while not self._over.wait(ASK_EVERY_S):
            began = time.perf_counter()
            try:
                self._take(self._meter.usage(self._cursor, datetime.now(UTC)))
            except UnableToApplyNow:
                self.away += 1
            self.took_s.append(time.perf_counter() - began)

    def end(self) -> list[UsageRecord]:
        """Everything it was ever told, and what was still open."""
        self._over.set()
        self.join()
        rest, _, _ = settled(self._meter, since=self._cursor)
        self.said |= {(r.job, r.attempt, r.start): r for r in rest}
        return list(self.said.values())

    def _take(self, batch: UsageBatch) -> None:
        for record in batch.usage:
            key = (record.job, record.attempt, record.start)
            self.again += key in self.said
            assert self.said.setdefault(key, record) == record
        self._cursor = max(batch.complete_through, self._cursor or batch.complete_through)


def of_slurmctld(path: Path) -> Sums:
    """(account, QOS) -> accelerator-seconds, from the lines slurmctld wrote at each end."""
    sums: Sums = Counter()
    for line in path.read_text().splitlines():
        said = dict(re.findall(r"(\w+)=(\S*)", line))
        number = re.search(r"gres/gpu=(\d+)", line)
        start, end = _second(said["StartTime"]), _second(said["EndTime"])
        if number and start and end:
            sums[said["Account"], said["QOS"]] += int(number[1]) * (end - start)
    return +sums


def _second(text: str) -> int | None:
    if text.isdigit():
        return int(text)
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def apart(one: Sums, other: Sums) -> int:
    """The largest difference of any account and QOS."""
    return max((abs(one[pair] - other[pair]) for pair in one | other), default=0)


def table(ours: Sums, sacct: Sums, slurmctld: Sums, runs: Counter[tuple[str, str]]) -> None:
    rows = [
        (account, qos, runs[account, qos], ours[account, qos], sacct[account, qos],
         slurmctld[account, qos])
        for account, qos in sorted(sacct | ours)
    ]  # fmt: skip
    show(
        "accelerator-seconds by account and QOS; those that Dure counts to nobody have 0 there",
        ("account", "QOS", "runs", "Dure", "sacct", "slurmctld"),
        rows,
    )


def results(
    *, finished: int, ours: Sums, asked: Sums, sacct: Sums, slurmctld: Sums, account: PoolAccount,
    load_s: float, asking: Asking,
) -> list[Result]:  # fmt: skip
    split = account.split
    missing = split.total - account.accelerators * account.seconds
    return [
        at_least("finished jobs", finished, "jobs", bound=2000, how=HOW),
        at_most("off sacct, worst allocation and class", apart(ours, sacct), "s", bound=0, how=HOW),
        at_most(
            "off slurmctld's own lines, worst", apart(ours, slurmctld), "s", bound=0, how=HOW
        ),
        at_most("asked while they ran, off asked at the end", apart(ours, asked), "s", bound=0,
                how=f"{HOW}; every {ASK_EVERY_S:.0f} s from a cursor"),
        at_most("conservation: six places less all seconds", abs(missing), "s", bound=0, how=HOW),
        at_most("conservation: used and lent less counted",
                abs(split.used + split.lent - sum(ours.values())), "s", bound=0, how=HOW),
        compared("accelerator-seconds counted", sum(ours.values()), "s", how=HOW),
        compared("accelerator-seconds down", split.down, "s", how=HOW),
        compared("questions while they ran", len(asking.took_s), "questions", how=HOW),
        compared("of which could not be answered then", asking.away, "questions", how=HOW),
        compared("segments said more than once", asking.again, "segments", how=HOW),
        compared("longest question", max(asking.took_s, default=0.0), "s", how=HOW),
        compared("the jobs took", load_s, "s", how=HOW),
    ]  # fmt: skip


def main() -> None:
    size = QUICK if "--quick" in sys.argv[1:] else WHOLE
    root = Path(tempfile.mkdtemp(prefix="dure-count-", dir="/tmp"))
    lines = root / "ended.txt"
    comp = ("JobCompType=jobcomp/filetxt", f"JobCompLoc={lines}", "MaxArraySize=2001")
    lab = Lab(root, Shape(extra=comp))
    try:
        lab.up()
        played(lab, lines, size)
    finally:
        lab.kill()
        shutil.rmtree(root, ignore_errors=True)


def played(lab: Lab, lines: Path, size: Size) -> None:
    play = Play(lab, site_of(lab))
    play.write_objects()
    asking = Asking(play)
    asking.start()
    began = time.perf_counter()
    play.load(size)
    load_s = time.perf_counter() - began
    usage, down, through = settled(play.meter(), since=None)
    asked = play.counted(asking.end())
    ours, truth, written = play.counted(usage), play.truth(through), of_slurmctld(lines)
    runs = play.runs()
    table(ours, truth, written, runs)
    found = results(
        finished=play.finished(), ours=ours, asked=asked, sacct=play.ours(truth),
        slurmctld=play.ours(written), account=play.account_of(usage, down, through),
        load_s=load_s, asking=asking,
    )  # fmt: skip
    if size is WHOLE:
        write("slurm_count", found)
    else:
        show(
            "a few jobs only", ("what", "value", "unit"), [(r.bar, r.value, r.unit) for r in found]
        )


if __name__ == "__main__":
    main()
