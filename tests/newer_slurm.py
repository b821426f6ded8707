"""A newer Slurm than the system's: Debian's later packages, unpacked into a folder of their own.

- Nothing of it is installed. The machine's own apt fetches the packages, from where it gets its
  own, with lists and archives in a cache folder; they are unpacked beside them.
- Its programs are started through wrappers that enter the folder (chroot) and see this machine's
  /proc, /dev, /sys, /tmp and users there. Such mounts are the started process's own and end with
  it. Only root can do this.
- Where it cannot be had, `NotHere` says why; no test needs it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROGRAMS: Final = "DURE_LAB_PROGRAMS"
"""The setting that tells the tests' labs whose programs they run."""

_PACKAGES: Final = (
    "slurmctld", "slurmd", "slurmdbd", "slurm-client", "slurm-wlm-basic-plugins",
    "bash", "coreutils", "grep", "sed",
)  # fmt: skip
_DAEMONS: Final = ("slurmctld", "slurmd", "slurmdbd", "slurmstepd")
_COMMANDS: Final = (
    "sacct", "sacctmgr", "salloc", "sbatch", "scancel", "scontrol", "sdiag", "sinfo", "sprio",
    "squeue", "srun", "sshare", "sstat",
)  # fmt: skip

_WRAPPER: Final = """\
#!/bin/sh
# Runs {program} of the packages unpacked in {tree}.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin  # a site's commands are looked for in their folder alone
exec unshare --mount sh -c '
  for seen in proc dev sys tmp; do mount --rbind /$seen "{tree}/$seen"; done
  for users in passwd group; do mount --bind /etc/$users "{tree}/etc/$users"; done
  here=$0; test -d "{tree}$here" || here=/
  exec chroot "{tree}" /usr/bin/env --chdir="$here" "$@"
' "$PWD" {program} "$@"
"""


class NotHere(Exception):
    """Why this machine cannot have that Slurm."""


def programs_of(suite: str) -> Path:
    """The folder of the programs of Debian's `suite`, made where there is none. Raises NotHere."""
    if os.geteuid() != 0:
        raise NotHere("only root can enter the folder of another Slurm")
    home = _cache() / suite
    made = home / "programs"
    if not made.is_dir():
        shutil.rmtree(home, ignore_errors=True)
        _fetch(home, suite)
        _unpack(home)
        _wrap(home)
    return made


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dure" / "newer-slurm"


def _fetch(home: Path, suite: str) -> None:
    for folder in ("sources", "lists/partial", "cache/archives/partial"):
        (home / folder).mkdir(parents=True)
    for number, text in enumerate(_sources(suite)):
        suffix = "sources" if text.startswith("Types:") else "list"
        (home / "sources" / f"{number}.{suffix}").write_text(text)
    if not any((home / "sources").iterdir()):
        raise NotHere("apt names no source of the suite that this machine runs")
    _apt(home, "update")
    _apt(home, "install", "--yes", "--download-only", *_PACKAGES)


def _sources(suite: str) -> Iterator[str]:
    """The machine's own sources of its own suite, as they would be for another."""
    own = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)
    if own is None:
        return
    apt = Path("/etc/apt")
    for file in sorted((apt / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            lines = [line for line in stanza.splitlines() if not line.startswith("#")]
            if any(re.match(rf"Suites:.*\b{own[1]}(\s|$)", line) for line in lines):
                named = [f"Suites: {suite}" if s.startswith("Suites:") else s for s in lines]
                yield "\n".join(named) + "\n"
    for file in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))):
        for line in file.read_text().splitlines() if file.exists() else ():
            if re.match(rf"deb\s.*\s{own[1]}\s", line):
                yield re.sub(rf"\s{own[1]}\s", f" {suite} ", line) + "\n"


def _apt(home: Path, *command: str) -> None:
    """apt with everything of its own in `home`, as if nothing were installed."""
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": home / "sources",
        "Dir::State::lists": home / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": home / "cache",
        "APT::Install-Recommends": "false",
        "Debug::NoLocking": "1",
    }
    given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    try:
        done = subprocess.run(
            ["apt-get", "-q", *given, *command],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise NotHere("this system has no apt-get") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
        raise NotHere(f"apt-get {command[0]}: {' '.join(said) or 'failed without a word'}")


def _unpack(home: Path) -> None:
    tree = home / "tree"
    tree.mkdir()
    for package in sorted((home / "cache" / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", package, tree], check=True)
    for name in ("passwd", "group"):
        (tree / "etc" / name).touch()
    for name in _DAEMONS:
        own = tree / "usr" / "sbin" / f"{name}-wlm"
        if own.exists():  # what dpkg's alternatives would have linked
            own.with_name(name).symlink_to(own.name)
    shell = tree / "usr" / "bin" / "sh"
    if not shell.exists():
        shell.symlink_to("bash")
    for folder in ("cache", "lists"):
        shutil.rmtree(home / folder)


def _wrap(home: Path) -> None:
    tree, made = home / "tree", home / "making"
    made.mkdir()
    for name in (*_DAEMONS, *_COMMANDS):
        folder = "sbin" if name in _DAEMONS else "bin"
        if not (tree / "usr" / folder / name).exists():
            raise NotHere(f"the packages bring no {name}")
        wrapper = made / name
        wrapper.write_text(_WRAPPER.format(tree=tree, program=f"/usr/{folder}/{name}"))
        wrapper.chmod(0o755)
    _run_once(made / "slurmctld")
    made.rename(home / "programs")


def _run_once(program: Path) -> None:
    done = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotHere(f"it does not run here: {done.stderr.strip()}")
