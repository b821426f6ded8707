"""A real Slurm and the twin's profile of it with the same jobs, side by side.

- `python -m bench.slurm_fidelity` compares the record with the twin; it takes seconds.
- `python -m bench.slurm_fidelity --record FOLDER [PLAY…]` plays on a real Slurm first, a quarter of
  an hour for each play, and writes the record anew where all four are played.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from bench.slurm_record import PLAYS, record
from tests.scenarios.slurm_plays import RECORD, Apart, apart, read, recorded, twin

from dure.twin.profiles import PROFILES, ProfileName

SHOWN: Final[tuple[ProfileName, ...]] = ("slurm-22.05", "ideal")


def _line(what: str, seen: Apart) -> str:
    waits = "".join(
        f"{seen.median_s[name]:>6.0f}{seen.p95_s[name]:>5.0f}"
        f"{seen.mean_wait_s[name][0]:>7.1f}{seen.mean_wait_s[name][1]:>7.1f}"
        for name in ("guaranteed", "lent")
    )
    counts = "".join(f"{a:>6}{b:>5}" for a, b in (seen.taken, seen.victims, seen.end_s))
    return f"{what:<34}{100 * seen.in_order:>6.1f}{waits}{counts}"


def compare(path: Path) -> None:
    """A line for each play and profile; first Slurm beside itself."""
    print("differences of waits in s (median, p95) and mean waits (one, other), by class")
    print(f"{'':<34}order% {'guaranteed':^24} {'lent':^24}  taken   victims   end s")
    for one, other in (("grace-0-a", "grace-0-b"), ("grace-10-a", "grace-10-b")):
        again = apart(recorded(read(one, path)), recorded(read(other, path)))
        print(_line(f"Slurm {one} | {other}", again))
        for play in (one, other):
            played = read(play, path)
            for name in SHOWN:
                ours = twin(played, grace_s=PLAYS[play], profile=PROFILES[name])
                print(_line(f"Slurm {play} | {name}", apart(recorded(played), ours)))


def main() -> None:
    words = sys.argv[1:]
    path = RECORD
    if words and words[0] == "--record":
        if len(words) < 2 or not set(words[2:]) <= set(PLAYS):
            sys.exit(f"--record FOLDER [PLAY…]; the plays are {', '.join(PLAYS)}")
        wanted = [play for play in PLAYS if play in words[2:]] or list(PLAYS)
        path = RECORD if len(wanted) == len(PLAYS) else Path(words[1]) / RECORD.name
        record(Path(words[1]), path, wanted)
        if path != RECORD:
            return
    compare(path)


if __name__ == "__main__":
    main()
