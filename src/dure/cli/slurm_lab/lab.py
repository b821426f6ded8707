"""Bringing a lab up, breaking parts of it, and ending it."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import tenacity

from dure.cli.slurm_lab import database, packages, processes, writing
from dure.cli.slurm_lab.ports import NoPortsFree, Ports, claimed
from dure.cli.slurm_lab.shape import Folder, Shape

_NODE: Final = "slurmd-{name}"
_SERVERS: Final = ("slurmctld", "slurmdbd", "mariadbd", "munged")
_KEPT: Final = "lab.json"
_READY_S: Final = 60.0
_COMMANDS: Final = "/usr/bin:/usr/local/bin"
_AT_ONCE: Final = 40
"""Daemons of nodes that are started before they are waited for."""

Told = Callable[[str], None]


class NoLabHere(LookupError):
    """The folder holds no lab."""


class UnableToStart(RuntimeError):
    """A part of the lab does not come up; the message names it and its log."""


def _quiet(_said: str) -> None:
    return


@dataclass(slots=True)
class Lab:
    """One cluster in one folder. `up` again after `kill` continues with what was stored."""

    root: Path
    shape: Shape = field(default_factory=Shape)
    _children: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.root = self.root.resolve()

    @classmethod
    def of(cls, root: Path) -> Lab:
        """The lab that was made in this folder. Raises NoLabHere."""
        kept = root / _KEPT
        if not kept.is_file():
            msg = f"{root}: there is no lab here"
            raise NoLabHere(msg)
        found = json.loads(kept.read_text())
        return cls(root, Shape(**{**found, "extra": tuple(found["extra"])}))

    @property
    def folder(self) -> Folder:
        return Folder(self.root)

    @property
    def environment(self) -> dict[str, str]:
        """For every command that is to reach this lab."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_"))}
        return own | {
            "SLURM_CONF": str(self.folder.slurm_conf),
            "MYSQL_UNIX_PORT": str(self.folder.database_socket),
            "SLURM_TIME_FORMAT": "%s",
            "TZ": "UTC",
            "PATH": f"{self.commands}:{os.environ.get('PATH', os.defpath)}",
        }

    @property
    def commands(self) -> str:
        """The folders of Slurm's commands, by colons: what a site's description names."""
        return f"{self.shape.programs}:{_COMMANDS}" if self.shape.programs else _COMMANDS

    def up(self, told: Told = _quiet) -> None:
        """Starts everything and returns when all nodes are idle.

        Raises PackagesMissing, UnableToStart.
        """
        packages.require()
        if self.is_up:
            raise UnableToStart("this lab is up already")
        self.folder.make()
        (self.root / _KEPT).write_text(json.dumps(asdict(self.shape)))
        try:
            with self._ports() as ports:
                self._start(ports, told)
        except BaseException:
            self.kill()
            raise

    def _start(self, ports: Ports, told: Told) -> None:
        self._start_munge()
        self._start_database()
        told("database")
        version = packages.slurm_version(self._program("slurmctld"))
        writing.configure(
            self.shape, self.folder, ports, version=version, slurmd=self._node_daemon()
        )
        self.start_accounting()
        told("accounting")
        self.start_controller()
        told("controller")
        if not self.shape.sleeping:
            self.start_nodes(self.shape.node_names)
        self._wait(self._all_idle, f"{self.shape.nodes} idle nodes", "slurmctld")
        told("nodes")

    def kill(self) -> None:
        """Ends every process of the lab at once; its files stay."""
        daemons = (processes.of_pid_file(self.folder, name) for name in self._daemons())
        mine = {pid for pid in daemons if pid is not None}
        processes.end(mine)
        _end_of(self._children)
        processes.end(processes.steps(self.folder) | processes.jobs(self.folder))

    def remove(self) -> None:
        """Ends it and deletes its folder."""
        self.kill()
        shutil.rmtree(self.root)

    def run(
        self, *command: str, check: bool = True, timeout_s: float = 60, user: str | None = None
    ) -> str:
        """What a client of Slurm prints. Raises CalledProcessError where `check`.

        `user`: another Unix user who runs it, from the root folder; only root may ask for it.
        """
        return subprocess.run(  # noqa: S603  # a client of Slurm, in the lab's environment
            command, env=self.environment, capture_output=True, text=True, check=check,
            timeout=timeout_s, stdin=subprocess.DEVNULL,
            user=user, group=_group(user), extra_groups=None if user is None else (),
            cwd=None if user is None else "/",
        ).stdout  # fmt: skip

    @property
    def is_up(self) -> bool:
        """Whether the controller runs."""
        return processes.of_pid_file(self.folder, "slurmctld") is not None

    @property
    def accounting_is_up(self) -> bool:
        """Whether slurmdbd runs."""
        return processes.of_pid_file(self.folder, "slurmdbd") is not None

    def states(self) -> dict[str, str]:
        """The state of each node, as sinfo has it."""
        lines = self.run("sinfo", "-h", "-N", "-o", "%N %T").splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def start_nodes(self, names: Iterable[str]) -> None:
        """Starts the nodes' daemons."""
        slurmd = self._node_daemon()
        waiting: list[subprocess.Popen[bytes]] = []
        for name in names:
            (self.root / "spool" / name).mkdir(exist_ok=True)
            waiting.append(self._begin([*slurmd, "-N", name]))
            if len(waiting) == _AT_ONCE:
                _end_of(waiting)
        _end_of(waiting)

    def kill_node(self, name: str) -> None:
        """The node dies with everything on it: its daemon, its steps, its jobs' processes."""
        daemon = processes.of_pid_file(self.folder, _NODE.format(name=name))
        processes.end([] if daemon is None else [daemon])
        processes.end(processes.steps(self.folder, name) | processes.jobs(self.folder, name))

    def kill_jobs(self) -> None:
        """What jobs started dies at once, wherever it runs; Slurm sees that it has ended."""
        processes.end(processes.jobs(self.folder))

    def hang_node(self, name: str) -> None:
        """The node's daemon answers no more, and what runs there goes on."""
        self._signal_node(name, signal.SIGSTOP)

    def wake_node(self, name: str) -> None:
        """The hanging daemon goes on."""
        self._signal_node(name, signal.SIGCONT)

    def mend_nodes(self) -> None:
        """Starts what was killed, wakes what hangs, resumes what is down or drained.

        Returns when all nodes are idle. Raises UnableToStart.
        """
        away = [name for name, seen in self.states().items() if not seen.startswith("idle")]
        for name in away:
            daemon = processes.of_pid_file(self.folder, _NODE.format(name=name))
            if daemon is None:
                self.start_nodes([name])
            else:
                processes.send([daemon], signal.SIGCONT)
            self.run("scontrol", "update", f"nodename={name}", "state=resume", check=False)
        self._wait(self._all_idle, f"{self.shape.nodes} idle nodes", "slurmctld")

    def kill_controller(self) -> None:
        """slurmctld dies at once."""
        self._kill_server("slurmctld")

    def kill_accounting(self) -> None:
        """slurmdbd dies at once."""
        self._kill_server("slurmdbd")

    def start_controller(self) -> None:
        """slurmctld, answering."""
        mild = ["-i"] if self.shape.programs else []  # 26.05 is not to miss what it never wrote
        self._execute([str(self._link("slurmctld")), *mild], "slurmctld")
        self._wait(self._answers("scontrol", "ping"), "slurmctld", "slurmctld")

    def start_accounting(self) -> None:
        """slurmdbd, answering; slurmctld makes its cluster known itself."""
        self._execute([str(self._program("slurmdbd"))], "slurmdbd")
        asked = ("sacctmgr", "-n", "-P", "list", "cluster", "format=cluster")
        self._wait(self._answers(*asked), "slurmdbd", "slurmdbd")

    def _daemons(self) -> tuple[str, ...]:
        nodes = (_NODE.format(name=name) for name in self.shape.node_names)
        return (*nodes, *_SERVERS)

    def _signal_node(self, name: str, how: signal.Signals) -> None:
        daemon = processes.of_pid_file(self.folder, _NODE.format(name=name))
        if daemon is None:
            msg = f"node {name} has no daemon"
            raise LookupError(msg)
        processes.send([daemon], how)

    def _kill_server(self, name: str) -> None:
        pid = processes.of_pid_file(self.folder, name)
        processes.end([] if pid is None else [pid])
        self.folder.pid_file(name).unlink(missing_ok=True)

    def _start_munge(self) -> None:
        key = self.root / "munge" / "key"
        if not key.exists():
            key.write_bytes(os.urandom(128))
            key.chmod(0o400)
        where = self.root / "munge"
        self._execute(
            [
                str(packages.program("munged")),
                f"--socket={self.folder.munge_socket}",
                f"--key-file={key}",
                f"--log-file={where}/munged.log",
                f"--pid-file={self.folder.pid_file('munged')}",
                f"--seed-file={where}/seed",
                "--num-threads=4",
                "--force",  # a folder that only this user may enter is meant
            ],
            "munged",
        )

    def _start_database(self) -> None:
        user = getpass.getuser()
        try:
            database.make_files(self.folder, user=user)
        except database.UnableToMakeFiles as error:
            raise UnableToStart(str(error)) from None
        server = self._begin(database.server(self.folder, user=user))
        self._children.append(server)  # the only one that does not leave us by itself
        self._wait(partial(_is_served, self.folder.database_socket), "mariadbd", "mariadbd")
        self.run(*database.asking(self.folder, database.opened_to_slurm(self.shape.cluster)))

    @contextmanager
    def _ports(self) -> Iterator[Ports]:
        """The ports that the lab had, or free ones, its own until this ends."""
        kept = self.root / "etc" / "port"
        if kept.exists():
            yield Ports(int(kept.read_text()))
            return
        try:
            with claimed(self.shape.nodes) as ports:
                kept.write_text(str(ports.base))
                yield ports
        except NoPortsFree as error:
            raise UnableToStart(str(error)) from None

    def _node_daemon(self) -> list[str]:
        """slurmd, and the slurmstepd that it is to start; another Slurm's knows its own."""
        stepd = [] if self.shape.programs else ["-d", str(packages.program("slurmstepd"))]
        return [str(self._link("slurmd")), *stepd]

    def _link(self, name: str) -> Path:
        """Slurm's daemons look at the name they are called by: it must be the plain one."""
        link = self.root / "bin" / name
        if not link.is_symlink():
            link.symlink_to(self._program(name))
        return link

    def _program(self, name: str) -> Path:
        own = Path(self.shape.programs) / name
        return own if self.shape.programs else packages.program(name)

    def _begin(self, command: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  # a program of the system's packages
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _execute(self, command: list[str], name: str) -> None:
        """For what returns when it has become a daemon, or is done."""
        done = subprocess.run(  # noqa: S603  # a program of the system's packages
            command, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise UnableToStart(f"{name}: {(done.stderr or done.stdout).strip()}")

    def _answers(self, *command: str) -> Callable[[], bool]:
        def asked() -> bool:
            try:
                self.run(*command, timeout_s=10)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                return False
            return True

        return asked

    def _all_idle(self) -> bool:
        try:
            states = self.states()
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
        return len(states) == self.shape.nodes and set(states.values()) <= {"idle", "idle~"}

    def _wait(self, ready: Callable[[], bool], what: str, log: str) -> None:
        waiting = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda found: not found),
            stop=tenacity.stop_after_delay(_READY_S),
            wait=tenacity.wait_fixed(0.05),
        )
        try:
            waiting(ready)
        except tenacity.RetryError:
            where = self.folder.log(log)
            raise UnableToStart(f"{what} not there after {_READY_S:.0f} s; see {where}") from None


def _end_of(started: list[subprocess.Popen[bytes]]) -> None:
    for one in started:
        one.wait()
    started.clear()


def _group(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as asked:
        try:
            asked.connect(str(path))
        except OSError:
            return False
    return True
