"""Bringing a lab up, breaking parts of it, and ending it."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import tenacity

from dure.cli.slurm_lab import configuration as conf
from dure.cli.slurm_lab import packages, processes
from dure.cli.slurm_lab.shape import Folder, Shape

_FIRST_PORT: Final = 21_000
_LAST_PORT: Final = 30_000
"""Below the range that Linux hands to outgoing connections."""
_NODE: Final = "slurmd-{name}"
_SERVERS: Final = ("slurmctld", "slurmdbd", "mariadbd", "munged")
_KEPT: Final = "lab.json"
_READY_S: Final = 60.0
_AT_ONCE: Final = 40
"""Daemons of nodes that are started before they are waited for."""

_DATABASE: Final = (
    "--skip-networking",
    "--skip-name-resolve",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--innodb-lock-wait-timeout=900",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--sync-binlog=0",
    "--aria-pagecache-buffer-size=8M",
    "--key-buffer-size=1M",
    "--performance-schema=off",
    "--max-connections=64",
)
"""A lab is thrown away: nothing waits for a disk; what is committed outlives the daemon."""

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
        }

    def up(self, told: Told = _quiet) -> None:
        """Starts everything and returns when all nodes are idle.

        Raises PackagesMissing, UnableToStart.
        """
        packages.require()
        self.folder.make()
        (self.root / _KEPT).write_text(json.dumps(asdict(self.shape)))
        try:
            self._start_munge()
            self._start_database()
            told("database")
            self._configure()
            self.start_accounting()
            told("accounting")
            self.start_controller()
            told("controller")
            if not self.shape.sleeping:
                self.start_nodes(self.shape.node_names)
            self._wait(self._all_idle, f"{self.shape.nodes} idle nodes", "slurmctld")
            told("nodes")
        except BaseException:
            self.kill()
            raise

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

    def run(self, *command: str, check: bool = True, timeout_s: float = 60) -> str:
        """What a client of Slurm prints. Raises CalledProcessError where `check`."""
        return subprocess.run(  # noqa: S603  # a client of Slurm, in the lab's environment
            command, env=self.environment, capture_output=True, text=True, check=check,
            timeout=timeout_s, stdin=subprocess.DEVNULL,
        ).stdout  # fmt: skip

    @property
    def is_up(self) -> bool:
        """Whether the controller runs."""
        return processes.of_pid_file(self.folder, "slurmctld") is not None

    def states(self) -> dict[str, str]:
        """The state of each node, as sinfo has it."""
        lines = self.run("sinfo", "-h", "-N", "-o", "%N %T").splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def start_nodes(self, names: Iterable[str]) -> None:
        """Starts the nodes' daemons."""
        slurmd, slurmstepd = self._link("slurmd"), packages.program("slurmstepd")
        waiting: list[subprocess.Popen[bytes]] = []
        for name in names:
            (self.root / "spool" / name).mkdir(exist_ok=True)
            waiting.append(self._begin([str(slurmd), "-d", str(slurmstepd), "-N", name]))
            if len(waiting) == _AT_ONCE:
                _end_of(waiting)
        _end_of(waiting)

    def kill_node(self, name: str) -> None:
        """The node dies with everything on it: its daemon, its steps, its jobs' processes."""
        daemon = processes.of_pid_file(self.folder, _NODE.format(name=name))
        processes.end([] if daemon is None else [daemon])
        processes.end(processes.steps(self.folder, name) | processes.jobs(self.folder, name))

    def hang_node(self, name: str) -> None:
        """The node's daemon answers no more, and what runs there goes on."""
        self._signal_node(name, signal.SIGSTOP)

    def wake_node(self, name: str) -> None:
        """The hanging daemon goes on."""
        self._signal_node(name, signal.SIGCONT)

    def kill_controller(self) -> None:
        """slurmctld dies at once."""
        self._kill_server("slurmctld")

    def kill_accounting(self) -> None:
        """slurmdbd dies at once."""
        self._kill_server("slurmdbd")

    def start_controller(self) -> None:
        """slurmctld, answering."""
        self._execute([str(self._link("slurmctld"))], "slurmctld")
        self._wait(self._answers("scontrol", "ping"), "slurmctld", "slurmctld")

    def start_accounting(self) -> None:
        """slurmdbd, answering, with the cluster known."""
        self._execute([str(packages.program("slurmdbd"))], "slurmdbd")
        asked = ("sacctmgr", "-n", "-P", "list", "cluster", "format=cluster")
        self._wait(self._answers(*asked), "slurmdbd", "slurmdbd")
        if self.shape.cluster not in self.run(*asked).split():
            self.run("sacctmgr", "-i", "add", "cluster", self.shape.cluster)

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
        data, user = self.root / "db", getpass.getuser()
        if not (data / "mysql").is_dir():
            self._execute(
                [
                    str(packages.program("mariadb-install-db")), "--no-defaults", f"--user={user}",
                    f"--datadir={data}", "--auth-root-authentication-method=normal",
                    "--skip-test-db", "--skip-name-resolve",
                ],
                "mariadb-install-db",
            )  # fmt: skip
        server = self._begin(
            [
                str(packages.program("mariadbd")), "--no-defaults", f"--user={user}",
                f"--datadir={data}", f"--socket={self.folder.database_socket}",
                f"--pid-file={self.folder.pid_file('mariadbd')}",
                f"--log-error={self.folder.log('mariadbd')}",
                *_DATABASE,
            ]
        )  # fmt: skip
        self._children.append(server)  # the only one that does not leave us by itself
        client = (
            str(packages.program("mariadb")), "--no-defaults", "-u", "root",
            "-S", str(self.folder.database_socket), "-e",
        )  # fmt: skip
        self._wait(self._answers(*client, "select 1"), "mariadbd", "mariadbd")
        self.run(
            *client,
            "create user if not exists slurm@localhost identified by 'slurm';"
            f" grant all on slurm_acct_{self.shape.cluster}.* to slurm@localhost",
        )

    def _configure(self) -> None:
        shape, folder, ports = self.shape, self.folder, self._free_ports()
        user, host = getpass.getuser(), socket.gethostname().split(".")[0]
        etc = self.root / "etc"
        for number in range(shape.accelerators):
            device = self.root / "dev" / f"gpu{number}"
            device.unlink(missing_ok=True)
            device.symlink_to("/dev/null")
        texts = {
            "slurm.conf": conf.slurm_conf(shape, folder, ports, user=user, host=host),
            "topology.conf": conf.topology_conf(shape),
            "gres.conf": conf.gres_conf(shape, folder),
            "cgroup.conf": conf.cgroup_conf(packages.slurm_version()),
            "slurmdbd.conf": conf.slurmdbd_conf(shape, folder, ports, user=user),
        }
        for name, text in texts.items():
            (etc / name).write_text(text)
        (etc / "slurmdbd.conf").chmod(0o600)
        scripts = {
            "resume": conf.resume_program(
                folder, self._link("slurmd"), packages.program("slurmstepd")
            ),
            "suspend": conf.suspend_program(folder),
        }
        for name, text in scripts.items():
            path = self.root / "bin" / name
            path.write_text(text)
            path.chmod(0o755)

    def _free_ports(self) -> conf.Ports:
        """The ports that the lab had, or the first range of which all are free."""
        kept = self.root / "etc" / "port"
        if kept.exists():
            return conf.Ports(int(kept.read_text()))
        wide = conf.NODE_PORTS + self.shape.nodes
        for base in range(_FIRST_PORT, _LAST_PORT - wide, wide):
            if all(_is_free(base + offset) for offset in (0, 1, *range(conf.NODE_PORTS, wide))):
                kept.write_text(str(base))
                return conf.Ports(base)
        msg = f"no {wide} free ports in a row from {_FIRST_PORT} to {_LAST_PORT}"
        raise UnableToStart(msg)

    def _link(self, name: str) -> Path:
        """Slurm's daemons look at the name they are called by: it must be the plain one."""
        link = self.root / "bin" / name
        if not link.is_symlink():
            link.symlink_to(packages.program(name))
        return link

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


def _is_free(port: int) -> bool:
    with socket.socket() as asked:
        try:
            asked.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
