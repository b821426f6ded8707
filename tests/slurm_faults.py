"""A site on real Slurm under load, what can break there, and the books that must be right after.

- A hub, the agent's own command and Slurm's daemons, each a process of its own; the agent reaches
  the hub by a wire that can be cut.
- The load goes on through a fault: owner's jobs, which take accelerators back from lent ones, and
  one guaranteed job on the first node that runs from before the faults until after them.
- The truth is sacct's: every run of every job, its seconds and accelerators. The hub must have each
  run as segments that tile it once.
"""

from __future__ import annotations

import contextlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from tests.answering import free_port
from tests.slurm_lab import site_of
from tests.unit.agent import site_hub
from tests.unit.agent.site_hub import BEARER, CLUSTER, SiteHub

from dure.agent import inspection
from dure.agent.site import SlurmConfig
from dure.agent.state import Home, StateFolder
from dure.cli.slurm_lab import Lab, Shape, processes
from dure.protocol import (
    Binding,
    Credential,
    Desired,
    LentShare,
    MemberAccess,
    UsageRecord,
)

SHAPE: Final = Shape(
    nodes=3, accelerators=4, block_nodes=3, kill_wait_s=2, extra=("SlurmdTimeout=5",)
)
"""A node that is silent is down after 5 s, the least that Slurm knows, instead of 300."""

VICTIM: Final = "n3"
"""The node that dies and hangs; the guaranteed job that nothing may touch runs on n1."""

AGENT: Final = "from dure.cli.agent_commands import app; app()"
OWNER, GUEST = "own", "guest"
SETTLED_WITHIN_S: Final = 300.0
"""On two busy cores a hundred short jobs take two minutes."""

QUEUE: Final = 20
"""More jobs than that are not handed in: what is lost or doubled shows in few as in many."""

_FIELDS: Final = "JobIDRaw,Start,End,State,Account,AllocTRES"

Run = tuple[int, int, int]
"""What held accelerators: start, end, accelerators."""

Runs = dict[str, list[Run]]
"""By job."""


class Wire:
    """The network between agent and hub: cut, it takes connections and answers nothing."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._whole = threading.Event()
        self._whole.set()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        """What was begun while it was cut breaks off; what comes now goes through."""
        self._whole.set()
        while self._open:
            one = self._open.pop()
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.mend()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(near)
            if self._whole.is_set():
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._to))
        except OSError:
            near.close()  # as an address where nobody listens
            return
        self._open.append(far)
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not self._whole.is_set():
                    return  # lost on the way; the connection hangs until it is mended
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@dataclass
class Site:
    """Everything that runs, and how it is broken and mended."""

    lab: Lab
    folder: Path
    hub: subprocess.Popen[bytes] | None = None
    agent: subprocess.Popen[bytes] | None = None
    wire: Wire = field(init=False)
    records: SiteHub = field(init=False)
    state: StateFolder = field(init=False)
    port: int = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.records = SiteHub(self.folder / "hub.sqlite")
        self.port = free_port()
        self.wire = Wire(self.port)
        self.state = StateFolder(self.folder / "state")
        now = datetime.now(UTC)
        credential = Credential.model_validate(
            {"cluster": CLUSTER, "token": BEARER, "expires": now + timedelta(days=90)}
        )
        self.state.prepare()
        self.state.keep_home(
            Home(hub=f"http://127.0.0.1:{self.wire.port}", credential=credential, issued_at=now)
        )
        said = site_of(self.lab).model_dump()
        quick = {"report_every_s": 1, "tend_every_s": 1.0, "segment_s": 60}
        quick["first_back_off_s"] = 0  # else the load's last jobs stay out of the way for minutes
        self.state.keep_site(SlurmConfig(**(said | quick)))
        self.records.want(_wanted(self.lab.shape))

    def start_hub(self) -> None:
        command = [sys.executable, site_hub.__file__, str(self.folder / "hub.sqlite")]
        self.hub = subprocess.Popen([*command, str(self.port)])
        until(lambda: _listens(self.port), "the hub listens")

    def kill_hub(self) -> None:
        _kill(self.hub)

    def start_agent(self) -> None:
        with (self.folder / "agent.log").open("ab") as log:
            self.agent = subprocess.Popen(
                [sys.executable, "-c", AGENT, "run", "--state", str(self.state.root)], stderr=log
            )

    def kill_agent(self) -> None:
        _kill(self.agent)

    def bound(self) -> bool:
        """Whether the hub's word is in force: the last that is set are the members' seats."""
        asked = ("sacctmgr", "-nP", "show", "assoc", "user=root", "format=account")
        return {f"p-{OWNER}", f"l-{GUEST}"} <= set(self.lab.run(*asked).split())

    def close(self) -> None:
        if self.agent is not None and self.agent.poll() is None:
            self.agent.send_signal(signal.SIGTERM)
            self.agent.wait(timeout=60)
        self.kill_hub()
        self.wire.close()
        self.records.database.close()

    def submit(self, *options: str, run: str) -> str:
        """A job's number, or nothing while Slurm takes none."""
        command = ("sbatch", "--parsable", "-o", "/dev/null", *options, f"--wrap={run}")
        try:
            return self.lab.run(*command, check=False, timeout_s=30).strip()
        except subprocess.TimeoutExpired:
            return ""

    def truth(self, since_job: int) -> tuple[Runs, dict[str, list[str]]]:
        """What sacct says of our jobs after a number: their runs, and every run's state."""
        said = self.lab.run(
            "sacct", "-a", "-X", "-D", "-n", "-P", "-S", "now-1days", f"--format={_FIELDS}"
        )
        runs: Runs = defaultdict(list)
        states: dict[str, list[str]] = defaultdict(list)
        for line in said.splitlines():
            job, start, end, state, account, tres = line.split("|")
            if int(job) <= since_job or account not in {f"p-{OWNER}", f"l-{GUEST}"}:
                continue
            states[job].append(state)
            held = [int(w.partition("=")[2]) for w in tres.split(",") if w.startswith("gres/gpu=")]
            if held and start.isdigit() and end.isdigit() and int(start) < int(end):
                runs[job].append((int(start), int(end), held[0]))
        return {job: sorted(found) for job, found in runs.items()}, states

    def counted(self, since_job: int) -> Runs:
        """What the hub has of the same jobs, each attempt's segments joined where they meet."""
        segments: dict[tuple[str, int], list[UsageRecord]] = defaultdict(list)
        for _, _, _, content, _ in self.records.usage():
            record = UsageRecord.model_validate_json(content)
            if int(record.job) > since_job:
                segments[record.job, record.attempt].append(record)
        runs: Runs = defaultdict(list)
        for (job, _), records in segments.items():
            for record in sorted(records, key=lambda record: record.start):
                start, end = int(record.start.timestamp()), int(record.end.timestamp())
                before = runs[job][-1] if runs[job] else (0, 0, 0)
                if before[1:] == (start, record.accelerators):
                    runs[job][-1] = (before[0], end, record.accelerators)
                else:
                    runs[job].append((start, end, record.accelerators))
        return {job: sorted(found) for job, found in runs.items()}

    def problems(self) -> str:
        """What the agent says is wrong now."""
        with contextlib.suppress(OSError, ValueError):
            return "; ".join(inspection.status(self.state).problems)
        return ""

    def arrived(self) -> int:
        """How many reports the hub has been told, repeats included."""
        row = self.records.database.execute("select count(*) from reports").fetchone()
        return int(row[0])

    def said_through(self, instant: float) -> bool:
        """Whether all use until then is at the hub."""
        with contextlib.suppress(OSError, ValueError):
            found = inspection.status(self.state)
            through = found.complete_through
            said = found.waiting_reports == 0
            return through is not None and through.timestamp() > instant and said
        return False


class Load:
    """Jobs that come while something breaks."""

    def __init__(self, site: Site, *, seed: int) -> None:
        self._site, self._chance = site, random.Random(seed)  # noqa: S311  # a load, no secret
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        model = self._site.lab.shape.model  # see the trap of untyped requests in slurm-faults.md
        while not self._stopping.wait(0.5):
            if len(_queued(self._site)) > QUEUE:
                continue
            size = self._chance.choice((1, 1, 2, 4))
            lasts = self._chance.uniform(0.5, 3)
            self._site.submit(
                "-A", f"p-{OWNER}", f"--gres=gpu:{model}:{size}", run=f"sleep {lasts:.1f}"
            )
            size, lasts = self._chance.choice((1, 2, 4)), self._chance.uniform(2, 6)
            self._site.submit(
                "-A",
                f"l-{GUEST}",
                f"--gres=gpu:{model}:{size}",
                "--requeue",
                run=f"sleep {lasts:.1f}",
            )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one fault did to the books and the jobs."""

    fault: str
    times: int
    jobs: int
    runs: int
    accelerator_seconds: int
    lost: int
    doubled: int
    forgotten: int
    """Counted by the hub while it ran, and overwritten in Slurm's accounting by the next run."""
    touched: int
    """Guaranteed jobs that did not run once, to their end, though their node stood."""
    seconds: float

    @property
    def holds(self) -> bool:
        return (self.lost, self.doubled, self.touched) == (0, 0, 0)


def play(
    site: Site, fault: str, strike: Callable[[Site], None], *, times: int, seed: int = 1
) -> Outcome:
    """The fault so often, under load; then everything ends, is counted and compared."""
    began = time.monotonic()
    anchor = int(
        site.submit(
            "-A", f"p-{OWNER}", f"--gres=gpu:{site.lab.shape.model}:1", "-w", "n1", run="sleep 7200"
        )
    )
    until(lambda: _state(site, str(anchor)) == "RUNNING", "the guaranteed job runs")
    started = _started(site, anchor)
    with Load(site, seed=seed):
        for _ in range(times):
            time.sleep(2)
            strike(site)
    until(lambda: _queued(site) == {str(anchor)}, "every job ends", within_s=SETTLED_WITHIN_S)
    touched = int(_state(site, str(anchor)) != "RUNNING" or _started(site, anchor) != started)
    site.lab.run("scancel", str(anchor))
    until(lambda: not _queued(site), "the guaranteed job ends")
    ended = time.time() + 1
    until(lambda: site.said_through(ended), "all use is said", within_s=SETTLED_WITHIN_S)
    truth, states = site.truth(anchor - 1)
    counted = site.counted(anchor - 1)
    spared = _spared(site, states, victim=strike in (kill_node, hang_node))
    compared = [_compared(truth.get(job, []), counted.get(job, [])) for job in {*truth, *counted}]
    lost, doubled, forgotten = (sum(column) for column in zip(*compared, strict=True))
    return Outcome(
        fault=fault,
        times=times,
        jobs=len(truth),
        runs=sum(map(len, truth.values())),
        accelerator_seconds=sum(map(_held, truth.values())),
        lost=lost,
        doubled=doubled + len(site.records.conflicts()),
        forgotten=forgotten,
        touched=touched + spared,
        seconds=time.monotonic() - began,
    )


def all_of(*strikes: Callable[[Site], None]) -> Callable[[Site], None]:
    """One after the other, under the same load."""

    def strike(site: Site) -> None:
        for one in strikes:
            one(site)

    return strike


def kill_agent(site: Site) -> None:
    """kill -9 at a random moment of its work; another is started as a supervisor would."""
    site.kill_agent()
    site.start_agent()


def without_hub(down_s: float) -> Callable[[Site], None]:
    def strike(site: Site) -> None:
        site.kill_hub()
        time.sleep(down_s)
        site.start_hub()

    return strike


def restart_controller(site: Site) -> None:
    """As an upgrade or a changed slurm.conf does it: told to end, it writes down what it knows."""
    pid = processes.of_pid_file(site.lab.folder, "slurmctld")
    processes.end([] if pid is None else [pid], how=signal.SIGTERM)
    site.lab.start_controller()
    time.sleep(2)


def without_accounting(down_s: float) -> Callable[[Site], None]:
    def strike(site: Site) -> None:
        site.lab.kill_accounting()
        time.sleep(down_s)
        site.lab.start_accounting()

    return strike


def kill_node(site: Site) -> None:
    """The node dies with everything on it and comes back when Slurm has noticed."""
    site.lab.kill_node(VICTIM)
    until(lambda: _node(site).startswith("down"), "Slurm notices", within_s=90)
    site.lab.start_nodes([VICTIM])
    _back(site)


def hang_node(site: Site) -> None:
    """The node's daemon is silent until Slurm has given it up, while its jobs run on."""
    site.lab.hang_node(VICTIM)
    until(lambda: _node(site).startswith("down"), "Slurm notices", within_s=90)
    site.lab.wake_node(VICTIM)
    _back(site)


def cut_network(down_s: float) -> Callable[[Site], None]:
    def strike(site: Site) -> None:
        site.wire.cut()
        time.sleep(1)
        before = site.arrived()
        time.sleep(down_s)
        assert site.arrived() == before, "a report came through the cut"
        site.wire.mend()

    return strike


def fill_disk(down_s: float) -> Callable[[Site], None]:
    """The spool must stand on a file system of its own (`small_disk`)."""

    def strike(site: Site) -> None:
        ballast = site.state.root / "spool" / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        until(lambda: "of the spool is full" in site.problems(), "the agent says that it is full")
        time.sleep(down_s)
        ballast.unlink()

    return strike


@contextlib.contextmanager
def small_disk(site: Site) -> Iterator[bool]:
    """The spool on half a megabyte while the agent is away; whether that was possible (root)."""
    place = site.state.root / "spool"
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    site.kill_agent()
    waiting = sorted((place / "waiting").glob("*.json"))
    newest = sorted(place.rglob("*.json"), key=lambda path: path.name)[-1:]
    kept = {path.relative_to(place): path.read_bytes() for path in (*newest, *waiting)}
    done = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    if done:
        for path, content in kept.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(content)
    site.start_agent()
    try:
        yield done
    finally:
        if done:
            site.kill_agent()
            last = {path.relative_to(place): path.read_bytes() for path in place.rglob("*.json")}
            subprocess.run(["umount", str(place)], check=True)
            for path, content in last.items():
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_bytes(content)
            site.start_agent()


def until(holds: Callable[[], bool], what: str, *, within_s: float = 60) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(0.1)


def _wanted(shape: Shape) -> Desired:
    members = (MemberAccess(username="root"),)
    now = datetime.now(UTC).replace(microsecond=0)
    everything = shape.nodes * shape.accelerators
    binding = Binding(
        allocation="a", project=OWNER, pool="pool", servers=2, accelerators=2 * everything // 3,
        members=members, starts=now - timedelta(days=1), ends=now + timedelta(days=1), generation=1,
    )  # fmt: skip
    share = LentShare(
        project=GUEST, pool="pool", order=0, max_accelerators=everything, members=members
    )
    return Desired(cluster=CLUSTER, revision=1, bindings=(binding,), lent=(share,), grace_s=2)


def _spared(site: Site, states: dict[str, list[str]], *, victim: bool) -> int:
    """Owner's jobs that did not run exactly once to their end though no node of theirs died."""
    owners = site.lab.run(
        "sacct", "-a", "-X", "-n", "-P", "-S", "now-1days", "-A", f"p-{OWNER}",
        "--format=JobIDRaw,NodeList",
    )  # fmt: skip
    nodes = dict(line.split("|") for line in owners.splitlines())
    mine = {job: said for job, said in states.items() if job in nodes}
    cancelled = [job for job, said in mine.items() if said[0].startswith("CANCELLED")]
    wrong = [
        job
        for job, said in mine.items()
        if said != ["COMPLETED"] and not (victim and "NODE_FAIL" in said)
    ]
    return len(set(wrong) - set(cancelled[:1]))  # the guaranteed one is ended by us


def _held(runs: list[Run]) -> int:
    return sum((end - start) * many for start, end, many in runs)


def _compared(truth: list[Run], counted: list[Run]) -> tuple[int, int, int]:
    """Accelerator-seconds of one job: lost, counted twice, and forgotten by Slurm."""
    lost = sum(_alone(run, counted) for run in truth if run not in counted)
    twice = sum(_shared(one, [other]) for n, one in enumerate(counted) for other in counted[:n])
    forgotten = 0
    for run in counted:
        if run in truth:
            continue
        if _shared(run, truth):
            twice += _alone(run, truth)
        else:
            forgotten += _held([run])
    return lost, twice, forgotten


def _shared(run: Run, others: list[Run]) -> int:
    """Accelerator-seconds of a run that others have too."""
    start, end, many = run
    return sum(
        max(0, min(end, other_end) - max(start, other_start)) * min(many, other_many)
        for other_start, other_end, other_many in others
    )


def _alone(run: Run, others: list[Run]) -> int:
    return _held([run]) - _shared(run, others)


def _state(site: Site, job: str) -> str:
    return site.lab.run("squeue", "-h", "-j", job, "-o", "%T", check=False).strip()


def _started(site: Site, job: int) -> str:
    return site.lab.run("squeue", "-h", "-j", str(job), "-o", "%S", check=False).strip()


def _queued(site: Site) -> set[str]:
    return set(site.lab.run("squeue", "-h", "-a", "-o", "%A", check=False).split())


def _node(site: Site) -> str:
    return site.lab.states().get(VICTIM, "")


def _back(site: Site) -> None:
    until(lambda: not _node(site).startswith("down"), "the node is back", within_s=90)


def _kill(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
