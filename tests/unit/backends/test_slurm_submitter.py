"""Whose jobs are handed in, and the folders made for them where their users write too."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dure.backends.contract import JobRefused
from dure.backends.slurm import submitter
from dure.backends.slurm.submitter import Submitter, make_folder, tail
from dure.backends.slurm.tools import Person

US = Submitter(  # noqa: S604  # a user's shell, not a call of one
    name="ann",
    person=Person(uid=os.geteuid(), gid=os.getegid(), groups=()),
    home="/",
    shell="/bin/sh",
    is_us=True,
)
ANN = Submitter(  # noqa: S604  # as above
    name="ann",
    person=Person(uid=12_345, gid=12_345, groups=()),
    home="/",
    shell="/bin/sh",
    is_us=False,
)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """What a provider names as `jobs_folder`."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def script(shared: Path) -> Path:
    return shared / "dure-jobs" / "ann" / "token" / "job.sh"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_jobs_folder_stands_in_a_tree_of_ours_and_the_providers_stays_as_it_is(
    shared: Path,
) -> None:
    make_folder(script(shared), "#!/bin/sh\n", US)
    assert script(shared).read_text() == "#!/bin/sh\n"
    assert mode(script(shared)) == 0o600
    assert mode(script(shared).parent) == 0o700
    assert mode(shared / "dure-jobs") == mode(shared / "dure-jobs" / "ann") == 0o711
    assert mode(shared) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
def test_only_the_jobs_folder_and_its_script_become_the_users() -> None:
    with TemporaryDirectory(dir="/tmp") as root:  # pytest's own folders let no other user in
        Path(root).chmod(0o711)
        made = script(Path(root))
        make_folder(made, "", ANN)
        assert made.stat().st_uid == made.parent.stat().st_uid == ANN.person.uid
        assert made.parent.parent.stat().st_uid == 0


@pytest.mark.parametrize("part", ["dure-jobs", "dure-jobs/ann"])
def test_a_link_in_the_place_of_a_folder_of_ours_is_not_followed(
    shared: Path, tmp_path: Path, part: str
) -> None:
    victim = tmp_path / "etc"
    victim.mkdir()
    (shared / part).parent.mkdir(mode=0o711, exist_ok=True)
    (shared / part).symlink_to(victim)
    with pytest.raises(JobRefused, match="no folder of Dure's"):
        make_folder(script(shared), "", US)
    assert list(victim.iterdir()) == []


def test_a_folder_of_ours_that_others_may_write_into_is_not_used(shared: Path) -> None:
    (shared / "dure-jobs").mkdir()
    (shared / "dure-jobs").chmod(0o777)
    with pytest.raises(JobRefused, match="not a folder that Dure made"):
        make_folder(script(shared), "", US)
    assert mode(shared / "dure-jobs") == 0o777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
@pytest.mark.parametrize("part", [".", "dure-jobs", "dure-jobs/ann"])
def test_a_folder_of_another_user_on_the_way_is_not_used(shared: Path, part: str) -> None:
    (shared / part).mkdir(parents=True, exist_ok=True)
    os.chown(shared / part, 12_345, 12_345)
    with pytest.raises(JobRefused, match=r"can replace what is in|not a folder that Dure made"):
        make_folder(script(shared), "", US)


def test_a_jobs_folder_that_others_write_into_needs_the_sticky_bit(shared: Path) -> None:
    shared.chmod(0o777)
    with pytest.raises(JobRefused, match=r"can replace what is in .*scratch.*jobs_folder"):
        make_folder(script(shared), "", US)
    assert not (shared / "dure-jobs").exists()
    shared.chmod(0o1777)
    make_folder(script(shared), "", US)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder to another group")
def test_a_jobs_folder_may_be_writable_by_the_agents_own_group_alone(shared: Path) -> None:
    shared.chmod(0o775)
    make_folder(script(shared), "", US)
    os.chown(shared, -1, 12_345)
    with pytest.raises(JobRefused, match="can replace what is in"):
        make_folder(script(shared).parents[1] / "other" / "job.sh", "", US)


def test_a_jobs_folder_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(JobRefused, match="is not there"):
        make_folder(script(tmp_path / "scratch"), "", US)
    assert not (tmp_path / "scratch").exists()


def test_a_user_who_may_not_enter_the_jobs_folder_is_told_what_the_provider_does(
    shared: Path,
) -> None:
    shared.chmod(0o700)
    with pytest.raises(JobRefused, match=r"ann may not enter .*; .* `jobs_folder` in site\.yaml"):
        make_folder(script(shared), "", ANN)
    assert not (shared / "dure-jobs").exists()


def test_no_job_is_handed_in_as_a_system_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(JobRefused, match=r"system account .*`lowest_uid`"):
        submitter.submitter("daemon", lowest_uid=1000)
    assert submitter.submitter("daemon", lowest_uid=1).name == "daemon"
    assert submitter.submitter("root", lowest_uid=1000).is_us


def test_the_first_file_with_something_in_it_is_read_from_its_end(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "log").write_bytes(b"0123456789")
    paths = [tmp_path / name for name in ("missing", "empty", "log")]
    assert tail(paths, 4, US) == b"6789"
    assert tail(paths[:2], 4, US) == b""


def test_a_pipe_in_the_place_of_a_log_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    (tmp_path / "batch").write_bytes(b"said")
    assert tail([tmp_path / "log", tmp_path / "batch"], 4, US) == b"said"


def test_a_reader_that_hangs_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitter, "_TAIL", "exec sleep 60")
    monkeypatch.setattr(submitter, "READ_S", 0.05)
    assert tail([tmp_path / "log"], 4, US) == b""
    (left,) = submitter._left
    assert left.wait(timeout=5) < 0
    monkeypatch.undo()
    tail([tmp_path / "log"], 4, US)
    assert submitter._left == []


def test_who_reads_a_log_has_none_of_the_agents_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DURE_ENROL_TOKEN", "secret")
    monkeypatch.setattr(submitter, "_TAIL", "env")
    assert b"secret" not in tail([tmp_path / "log"], 4, US)
