"""One command of Slurm at a time, and what its failure means.

- Nothing is handed to a shell; the environment is ours alone: which cluster, UTC, plain English.
- An exit code is not believed: sacctmgr's is 1 where nothing was to be done, and 0 where nothing
  was done. What it printed tells known failures apart; the rest is seen by reading back.
- Slurm away or busy, or a question without an answer, is `UnableToApplyNow`; a change that it
  refuses for good is `CommandRefused`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from dure.backends.contract import ChangeRefused, UnableToApplyNow
from dure.backends.slurm.site import SlurmSite

_AWAY: Final = re.compile(
    "unable to contact slurm controller|zero bytes were transmitted|socket timed out"
    "|connection (refused|timed out|reset)|communication connection failure"
    "|problem talking to the database|database (is )?(down|busy|connection)"
    "|slurm_persist_conn_open|unable to connect|unable to establish control machine"
    "|slurm backup controller in standby|munge|unable to register|resource temporarily unavailable"
    "|unexpected message received|unable to process configuration file"
    "|transport endpoint|lock wait timeout|deadlock",
    re.IGNORECASE,
)
"""What Slurm 22.05 to 26.05 say when a daemon, its database or munge is away or busy."""

_FORBIDDEN: Final = re.compile(
    "access/permission denied|access denied|permission denied|insufficient privileges"
    "|sufficient privileges|must be run as|not in the accounting system|user does not have",
    re.IGNORECASE,
)


_NOTHING_TO_DO: Final = re.compile(
    "nothing (new )?(added|modified|deleted|to )|already exist", re.IGNORECASE
)
"""sacctmgr's exit code is 1 then."""


class CommandRefused(ChangeRefused):
    """Slurm understood the command and will not do it; `said` is what it printed."""

    def __init__(self, command: str, said: str) -> None:
        self.said = said
        super().__init__(f"{command}: {said or 'failed without a word'}")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """All of it in one line, for a message."""
        return " ".join(f"{self.err} {self.out}".split())


class Person(NamedTuple):
    """A Unix user as whom a command runs."""

    uid: int
    gid: int
    groups: tuple[int, ...]


class Slurm:
    """Runs Slurm's commands against one cluster. Safe from any thread."""

    def __init__(self, environment: Mapping[str, str], *, timeout_s: float = 60.0) -> None:
        self._environment = dict(environment)
        self._timeout_s = timeout_s

    @classmethod
    def of(cls, site: SlurmSite) -> Slurm:
        """The commands of this site."""
        return cls(environment(site), timeout_s=site.timeout_s)

    def run(
        self,
        *argv: str,
        feed: str | None = None,
        timeout_s: float | None = None,
        environment: Mapping[str, str] | None = None,
        person: Person | None = None,
        cwd: Path | None = None,
    ) -> Said:
        """Runs it to its end, whatever its exit code; `feed` is its standard input.

        `environment` is added to ours; as another `person` only root can run it. Raises
        UnableToApplyNow where the command is missing, takes too long, or says that Slurm is away.
        """
        program = shutil.which(argv[0], path=self._environment["PATH"])
        if program is None:
            raise UnableToApplyNow(
                f"{argv[0]} is in none of {self._environment['PATH']}; install Slurm's client "
                "commands here or name their folder as `commands` in site.yaml"
            )
        limit = self._timeout_s if timeout_s is None else timeout_s
        try:
            done = subprocess.run(  # noqa: S603  # a list, no shell
                [program, *argv[1:]],
                env={**self._environment, **(environment or {})},
                input=feed,
                stdin=subprocess.DEVNULL if feed is None else None,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=limit,
                check=False,
                user=None if person is None else person.uid,
                group=None if person is None else person.gid,
                extra_groups=None if person is None else person.groups,
                cwd=cwd,
            )
        except subprocess.TimeoutExpired:
            raise UnableToApplyNow(f"{argv[0]} did not answer within {limit:g} s") from None
        except OSError as error:
            raise UnableToApplyNow(f"{argv[0]} could not be started: {error}") from error
        said = Said(done.returncode, done.stdout, done.stderr)
        # What is listed may hold a person's words, such as why a node is out.
        if _AWAY.search(said.err) or (said.code != 0 and _AWAY.search(said.out)):
            raise UnableToApplyNow(f"{argv[0]}: {said.words}")
        return said

    def ask(self, *argv: str, timeout_s: float | None = None) -> str:
        """What a reading command prints. Raises UnableToApplyNow: a question is never refused for
        good, and nothing else has to wait for its answer."""
        said = self.run(*argv, timeout_s=timeout_s)
        if said.code != 0:
            raise UnableToApplyNow(f"{argv[0]}: {said.words or 'failed without a word'}")
        return said.out

    def do(self, *argv: str, feed: str | None = None, timeout_s: float | None = None) -> Said:
        """Runs a writing command; whether it did anything is seen by reading back.

        Raises UnableToApplyNow, and CommandRefused where Slurm says why it will not.
        """
        said = self.run(*argv, feed=feed, timeout_s=timeout_s)
        nothing_to_do = _NOTHING_TO_DO.search(said.words)
        if _FORBIDDEN.search(said.words) or (said.code != 0 and not nothing_to_do):
            raise CommandRefused(" ".join(argv), said.words)
        return said


def environment(site: SlurmSite) -> dict[str, str]:
    """The environment of a site's commands."""
    return environment_of(slurm_conf=site.slurm_conf, commands=site.commands)


def environment_of(*, slurm_conf: str | None, commands: str) -> dict[str, str]:
    """Nothing of ours reaches Slurm's commands but this."""
    clean = {"PATH": commands, "LC_ALL": "C", "TZ": "UTC", "SLURM_TIME_FORMAT": "%s"}
    return clean if slurm_conf is None else {**clean, "SLURM_CONF": slurm_conf}
