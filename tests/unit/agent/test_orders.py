"""What the agent does with an order, and what it says of jobs."""

from __future__ import annotations

import pwd
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from tests.properties.test_orders import START, MortalQueue, engine, order

from dure.agent import order_desk, workplace
from dure.agent.estimating import StartEstimates
from dure.agent.order_desk import LOGS_S, BookDamaged, OrderDesk, readable
from dure.agent.orders import LOST_AFTER, SETTLES
from dure.agent.site import LocalConfig
from dure.backends.contract import (
    Backend,
    JobRefused,
    JobRequest,
    JobStatus,
    UnableToApplyNow,
)
from dure.backends.simulated import SimulatedBackend
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.protocol import JobNote, PoolInventory, StartEstimate
from dure.protocol.jobs import LONGEST_LOG, SAY_ALL_EVERY
from dure.vocabulary.plans import Reason


@pytest.fixture
def backend() -> SimulatedBackend:
    return engine()


@pytest.fixture
def desk(backend: SimulatedBackend, tmp_path: Path) -> OrderDesk:
    return OrderDesk(queue=backend, path=tmp_path / "orders.json", place=lambda _: "/")


def test_an_order_is_handed_in_and_told_of_until_its_job_has_ended(
    backend: SimulatedBackend, desk: OrderDesk
) -> None:
    news = desk.tend((order("1"),), START)
    assert [(n.order, n.state) for n in news.notes] == [("1", "pending")]
    assert news.urgent
    desk.said(news.notes)
    backend.advance(START + timedelta(seconds=60))
    news = desk.tend((order("1"),), START + timedelta(seconds=60))
    assert [n.state for n in news.notes] == ["running"]
    desk.said(news.notes)
    assert desk.tend((order("1"),), START + timedelta(seconds=65)).notes == ()
    backend.advance(START + timedelta(hours=1))
    news = desk.tend((order("1"),), START + timedelta(hours=1))
    assert [(n.state, n.exit_code) for n in news.notes] == [("completed", 0)]


def test_a_note_that_was_not_spooled_is_said_again(desk: OrderDesk) -> None:
    first = desk.tend((order("1"),), START).notes
    assert desk.tend((order("1"),), START).notes == first


def test_a_round_that_takes_longer_than_all_is_said_again_is_ended_before_the_next(
    desk: OrderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_desk, "MOST_NOTES", 2)
    told: list[str | None] = []
    for turn in range(8):
        orders = tuple(map(order, "abcdefghijkl"[: 5 + turn]))  # one more comes every turn
        notes = desk.tend(orders, START + turn * SAY_ALL_EVERY * 0.6).notes
        desk.said(notes)
        told += [note.order for note in notes]
    assert "".join(filter(None, told)) == "abcdef" + "abcdefgh" + "ab"


class Busy(MortalQueue):
    """An engine with another reason to wait each time it is asked."""

    asked = 0

    def jobs(self) -> tuple[JobStatus, ...]:
        self.asked += 1
        waits = Reason(code="job.nothing_idle", params={"accelerators": 8, "idle": self.asked})
        return tuple(job.model_copy(update={"waits": waits}) for job in super().jobs())


def test_a_reason_to_wait_that_changes_for_all_keeps_no_job_from_being_said(
    backend: SimulatedBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_desk, "MOST_NOTES", 2)
    queue = Busy(backend, iter(()))
    desk = OrderDesk(queue=queue, path=tmp_path / "orders.json", place=lambda _: "/")
    told = ""
    for _ in range(3):
        notes = desk.tend(tuple(map(order, "abcde")), START).notes
        desk.said(notes)
        told += "".join(filter(None, (note.order for note in notes)))
    assert told == "abcdea"


def test_what_the_engine_refuses_ends_the_order_with_the_engines_words(desk: OrderDesk) -> None:
    big = order("1")
    big = big.model_copy(update={"request": big.request.model_copy(update={"accelerators": 64})})
    (note,) = desk.tend((big,), START).notes
    assert note.state == "refused"
    assert "the limit is 16" in note.words
    assert note.ended == START


def test_an_order_that_is_cancelled_before_it_was_handed_in_never_is(
    backend: SimulatedBackend, desk: OrderDesk
) -> None:
    (note,) = desk.tend((order("1", wanted="cancel"),), START).notes
    assert note.state == "cancelled"
    desk.tend((order("1"),), START)
    assert backend.jobs() == ()


def test_a_cancelled_order_ends_its_job(backend: SimulatedBackend, desk: OrderDesk) -> None:
    desk.tend((order("1"),), START)
    backend.advance(START + timedelta(seconds=60))
    desk.tend((order("1", wanted="cancel"),), START + timedelta(seconds=60))
    backend.advance(START + timedelta(seconds=120))
    (note,) = desk.tend((order("1", wanted="cancel"),), START + timedelta(seconds=120)).notes
    assert note.state == "cancelled"


def test_a_job_is_ended_when_its_time_is_over(backend: SimulatedBackend, desk: OrderDesk) -> None:
    short = order("1")
    short = short.model_copy(
        update={"request": short.request.model_copy(update={"time_limit_s": 100})}
    )
    desk.tend((short,), START)
    for seconds in (60, 120, 300):
        backend.advance(START + timedelta(seconds=seconds))
        desk.tend((short,), START + timedelta(seconds=seconds))
    assert backend.jobs()[0].state == "cancelled"


def test_a_job_that_no_order_names_is_told_of_and_left_alone(
    backend: SimulatedBackend, desk: OrderDesk
) -> None:
    job = backend.submit(order("x").request.model_copy(update={"working_directory": "/"}))
    (note,) = desk.tend((), START).notes
    assert (note.order, note.job, note.state) == (None, job, "pending")
    backend.advance(START + timedelta(days=3))
    assert desk.tend((), START + timedelta(days=3)).notes == ()


def test_a_job_of_an_order_that_the_hub_has_forgotten_runs_on(
    backend: SimulatedBackend, desk: OrderDesk
) -> None:
    desk.tend((order("1"),), START)
    backend.advance(START + timedelta(seconds=60))
    desk.tend((), START + timedelta(seconds=60))
    assert backend.jobs()[0].state == "running"


class Forgetful(MortalQueue):
    """An engine that lists nothing while it is down."""

    down = False

    def jobs(self) -> tuple[JobStatus, ...]:
        return () if self.down else super().jobs()


def test_a_job_that_the_engine_lost_has_failed_after_a_while_and_not_before(
    backend: SimulatedBackend, tmp_path: Path
) -> None:
    queue = Forgetful(backend, iter(()))
    desk = OrderDesk(queue=queue, path=tmp_path / "orders.json", place=lambda _: "/")
    desk.tend((order("1"),), START)
    queue.down = True
    (note,) = desk.tend((order("1"),), START + timedelta(minutes=1)).notes
    assert note.state == "pending"
    assert note.waits is not None
    assert note.waits.code == "job.not_listed"
    (note,) = desk.tend((order("1"),), START + timedelta(minutes=1) + LOST_AFTER).notes
    assert note.state == "failed"
    assert len(backend.jobs()) == 1


def test_a_label_counts_as_its_submitters_only(backend: SimulatedBackend, desk: OrderDesk) -> None:
    foreign = order("1").request.model_copy(
        update={"working_directory": "/", "label": "1", "accelerators": 1}
    )
    backend.submit(foreign)
    stranger = order("1")
    stranger = stranger.model_copy(
        update={"request": stranger.request.model_copy(update={"project": "other"})}
    )
    (note, *_) = desk.tend((stranger,), START).notes
    assert note.state == "refused"


def test_orders_wait_while_the_book_cannot_be_read(
    backend: SimulatedBackend, tmp_path: Path
) -> None:
    path = tmp_path / "orders.json"
    path.write_text("{")
    desk = OrderDesk(queue=backend, path=path, place=lambda _: "/")
    with pytest.raises(BookDamaged, match=r"orders\.json cannot be read"):
        desk.tend((order("1"),), START)
    assert backend.jobs() == ()


class WithLogs(MortalQueue):
    """An engine whose jobs have written something."""

    written = b"step 1\n"

    def log_tail(self, job: str, *, most: int) -> bytes:
        assert job
        return self.written[-most:]


def logs(notes: tuple[JobNote, ...]) -> list[str | None]:
    return [note.log for note in notes]


def test_the_log_is_said_while_somebody_reads_it_and_when_the_job_has_ended(
    backend: SimulatedBackend, tmp_path: Path
) -> None:
    queue = WithLogs(backend, iter(()))
    desk = OrderDesk(queue=queue, path=tmp_path / "orders.json", place=lambda _: "/")
    desk.tend((order("1"),), START)
    backend.advance(START + timedelta(seconds=60))
    now = START + timedelta(seconds=60)
    assert logs(desk.tend((order("1"),), now).notes) == [None]
    news = desk.tend((order("1", wants_log=True),), now)
    assert logs(news.notes) == ["step 1\n"]
    desk.said(news.notes)
    assert desk.tend((order("1", wants_log=True),), now).notes == ()
    queue.written = b"step 2\n"
    news = desk.tend((order("1", wants_log=True),), now)
    assert (logs(news.notes), news.urgent) == (["step 2\n"], True)
    backend.advance(START + timedelta(hours=1))
    news = desk.tend((order("1"),), START + timedelta(hours=1))
    assert logs(news.notes) == ["step 2\n"]
    desk.said(news.notes)
    assert desk.tend((order("1"),), START + timedelta(hours=1)).notes == ()


class SlowLogs(WithLogs):
    """Reading what its jobs write takes some seconds of `clock`, and yields nothing."""

    clock = 0.0
    takes_s = 2.0
    reads = 0
    written = b""

    def log_tail(self, job: str, *, most: int) -> bytes:
        self.clock += self.takes_s
        self.reads += 1
        return super().log_tail(job, most=most)


def test_logs_that_are_slow_to_read_hold_a_turn_up_for_seconds_and_are_said_once(
    backend: SimulatedBackend, tmp_path: Path
) -> None:
    queue = SlowLogs(backend, iter(()))
    desk = OrderDesk(
        queue=queue,
        path=tmp_path / "orders.json",
        place=lambda _: "/",
        stopwatch=lambda: queue.clock,
    )
    five = tuple(order(str(n)) for n in range(5))
    desk.said(desk.tend(five, START).notes)
    now = START + timedelta(hours=1)
    backend.advance(now)
    told: list[str | None] = []
    for _ in range(3):
        queue.clock = 0.0
        notes = desk.tend(five, now).notes
        assert queue.clock <= LOGS_S + queue.takes_s
        told += [note.order for note in notes if note.ended]
        desk.said(notes)
    assert sorted(filter(None, told)) == ["0", "1", "2", "3", "4"]
    assert queue.reads == 5
    assert desk.tend(five, now).notes == ()


def test_a_running_jobs_log_that_is_slow_to_read_is_left_alone_for_a_while(
    backend: SimulatedBackend, tmp_path: Path
) -> None:
    queue = SlowLogs(backend, iter(()))
    desk = OrderDesk(
        queue=queue,
        path=tmp_path / "orders.json",
        place=lambda _: "/",
        stopwatch=lambda: queue.clock,
    )
    desk.tend((order("1"),), START)
    now = START + timedelta(seconds=60)
    backend.advance(now)
    watched = (order("1", wants_log=True),)
    for seconds, reads in ((0, 1), (5, 1), (59, 1), (60, 2)):
        desk.tend(watched, now + timedelta(seconds=seconds))
        assert queue.reads == reads


def test_a_log_of_any_bytes_is_text_within_its_bound() -> None:
    assert readable(b"a\x00b\xff") == "a�b�"
    for byte in (b"\xff", "가".encode(), b"a"):
        said = readable(byte * LONGEST_LOG)
        assert 0 < len(said.encode()) <= LONGEST_LOG


def test_an_unclear_try_is_given_time_to_show_its_job(
    backend: SimulatedBackend, tmp_path: Path
) -> None:
    class Hung(MortalQueue):
        tries = 0

        def submit(self, request: JobRequest) -> str:
            assert request.label == "1"
            self.tries += 1
            raise TimeoutError("sbatch did not answer")

    queue = Hung(backend, iter(()))
    desk = OrderDesk(queue=queue, path=tmp_path / "orders.json", place=lambda _: "/")
    news = desk.tend((order("1"),), START)
    assert news.problems == ("1: TimeoutError: sbatch did not answer",)
    assert news.notes[0].waits is not None
    assert news.notes[0].waits.code == "job.handing_in"
    desk.tend((order("1"),), START + SETTLES - timedelta(seconds=1))
    assert queue.tries == 1
    desk.tend((order("1"),), START + SETTLES)
    assert queue.tries == 2


LOCAL = LocalConfig(pool="p", model="m", slots=8)
PEOPLE = """\
kim|None
sys|Operator
adm|Administrator
"""


def cluster(folder: Path, *, user: str = "slurm(64030)", people: str = PEOPLE) -> SlurmSite:
    """A site with Slurm's commands, as far as they say who may command it."""
    said = {"scontrol": f"SlurmUser = {user}\n", "sacctmgr": people}
    for name, text in said.items():
        (folder / name).write_text(f"#!/bin/sh\ncat <<'E'\n{text}E\n")
        (folder / name).chmod(0o755)
    pool = SlurmPool(pool="p", model="m", partition="p", accelerators=8)
    return SlurmSite(cluster="c", pools=(pool,), commands=f"{folder}:/usr/bin:/bin")


@pytest.fixture
def unix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unix users: root, a service, and people."""
    users = {"root": 0, "munge": 120, "slurm": 1500, "kim": 2000, "sys": 2001, "adm": 2002}
    users["boss"] = users["adm"]  # another name of the same user

    def entry(name: str, uid: int) -> pwd.struct_passwd:
        return pwd.struct_passwd((name, "x", uid, uid, "", f"/home/{name}", "/bin/sh"))

    by_uid = {uid: entry(name, uid) for name, uid in reversed(users.items())}
    monkeypatch.setattr(pwd, "getpwnam", lambda name: entry(name, users[name]))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: by_uid[uid])


@pytest.mark.parametrize(
    ("username", "why"),
    [
        ("root", "this machine's administrator"),
        ("munge", r"system account .*`lowest_uid`"),
        ("slurm", "administers Slurm"),
        ("sys", "administers Slurm"),
        ("adm", "administers Slurm"),
        ("boss", "administers Slurm"),
    ],
)
def test_nobody_orders_a_job_as_one_who_commands_the_cluster(
    unix: None, tmp_path: Path, username: str, why: str
) -> None:
    place = workplace.of(cluster(tmp_path), state=tmp_path)
    with pytest.raises(JobRefused, match=why):
        place(username)


def test_a_members_jobs_run_in_their_home_and_an_unknown_users_are_the_engines_to_refuse(
    unix: None, tmp_path: Path
) -> None:
    place = workplace.of(cluster(tmp_path, user="kim2(99)"), state=tmp_path)
    assert place("kim") == "/home/kim"
    assert place("nobody-here") == "/"


def test_who_commands_the_cluster_is_asked_again_where_slurm_is_away(
    unix: None, tmp_path: Path
) -> None:
    site = cluster(tmp_path)
    (tmp_path / "sacctmgr").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(UnableToApplyNow):
        workplace.of(site, state=tmp_path)("kim")


def test_an_order_for_root_of_a_cluster_is_refused(tmp_path: Path) -> None:
    place = workplace.of(cluster(tmp_path), state=tmp_path)
    desk = OrderDesk(queue=engine(), path=tmp_path / "orders.json", place=place)
    root = order("1")
    root = root.model_copy(update={"request": root.request.model_copy(update={"username": "root"})})
    (note,) = desk.tend((root,), START).notes
    assert note.state == "refused"
    assert "administrator" in note.words


def test_a_provider_may_take_no_orders_at_all(tmp_path: Path) -> None:
    backend = engine()
    place = workplace.of(LOCAL, state=tmp_path, takes_orders=False)
    desk = OrderDesk(queue=backend, path=tmp_path / "orders.json", place=place)
    (note,) = desk.tend((order("1"),), START).notes
    assert note.state == "refused"
    assert "login node" in note.words
    assert backend.jobs() == ()


def test_under_the_local_engine_every_user_has_a_folder_that_stays_in_its_place(
    tmp_path: Path,
) -> None:
    place = workplace.of(LOCAL, state=tmp_path)
    for username in ("ann", "..", "a/../../b"):
        folder = Path(place(username))
        assert folder.is_dir()
        assert folder.parent == (tmp_path / "work").resolve()


class Estimating:
    """An engine that says when jobs would start, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def starts(self, pool: str, sizes: Iterable[int]) -> tuple[StartEstimate, ...]:
        assert pool == "p"
        self.asked.append(tuple(sizes))
        return tuple(StartEstimate(accelerators=n, lent=True, at=START) for n in self.asked[-1])


def test_starts_are_asked_now_and_then_and_only_of_what_is_not_idle() -> None:
    backend = Estimating()
    estimates = StartEstimates(cast("Backend", backend))
    pool = PoolInventory(
        pool="p", model="H200", nodes=2, accelerators=16, owner_accelerators=8, lent_accelerators=4
    )
    for seconds in (0, 30, 60):
        (said,) = estimates.added((pool,), START + timedelta(seconds=seconds), [])
        assert [one.accelerators for one in said.starts] == [8, 16]
    assert backend.asked == [(8, 16), (8, 16)]
    idle = pool.model_copy(update={"owner_accelerators": 0, "lent_accelerators": 0})
    assert estimates.added((idle,), START + timedelta(seconds=120), [])[0].starts == ()
