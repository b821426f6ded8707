"""What job_submit.lua knows when somebody calls sbatch: the table that stands beside it.

- One line a thing, fields by tabs, replaced whole; its first line is a digest of the rest, so the
  script reads it again only when something has changed, and its last line counts the others.
- Nothing of it is secret: names, numbers and dates that a person is told when a job is refused.
- Since when a binding is frozen or being lowered is remembered in the table itself.
- Pure but for `keep`, which brings the file up to date; that it cannot be written is logged and
  stops nothing: what is told is worth less than what is enforced.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Final

import structlog

from dure.backends import durable
from dure.backends.slurm import names
from dure.backends.slurm.held import Held
from dure.backends.slurm.site import SlurmPool, SlurmSite
from dure.protocol import Binding, LentShare, MemberAccess

TABLE: Final = "dure-accounts"
"""The table's name; the script looks for it in its own folder."""

SCRIPT: Final = "job_submit.lua"

_log = structlog.get_logger("dure.agent")

_FORMAT: Final = "dure-accounts 1"
_USERNAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@$-]*")
"""What a name in passwd can be; nobody of another name can submit."""


def script() -> str:
    """The script that a site puts beside slurm.conf."""
    return resources.files(__package__).joinpath(SCRIPT).read_text(encoding="utf-8")


def table(
    held: Held, site: SlurmSite, *, now: datetime, before: str = "", spent: Collection[str] = ()
) -> str:
    """The table for what is held now.

    `before` is the table that stands there, `spent` are the QOS whose budget is used up.
    """
    bindings = _all_bindings(held)
    since = _since(before)
    lines = [
        _line("site", names.LENT, site.portal),
        *(_line(*fields) for fields in _projects(bindings, held.lent)),
        *(
            _line(*_grant(one, pool, since=since, now=now, spent=spent))
            for one in bindings
            if (pool := site.pool(one.pool)) is not None
        ),
        *(
            _line(*_share(one, pool))
            for one in sorted(held.lent, key=lambda share: (share.project, share.pool))
            if (pool := site.pool(one.pool)) is not None
        ),
    ]
    body = "\n".join(lines)
    digest = hashlib.sha256(body.encode()).hexdigest()[:16]
    return f"{_FORMAT} {digest}\n{body}\nend\t{len(lines)}\n"


def keep(held: Held, site: SlurmSite, *, now: datetime, spent: Collection[str] = ()) -> None:
    """The site's table says what is held now; one that says so already is left alone."""
    if site.submit_table is None:
        return
    path = Path(site.submit_table)
    try:
        before = read(path)
        text = table(held, site, now=now, before=before, spent=spent)
        if text != before:
            durable.write(path.resolve(), text.encode())  # through a link that the site has made
    except OSError as error:
        _log.warning("submit_table.not_written", path=str(path), why=str(error))


def read(path: Path) -> str:
    """The table that stands there, or nothing."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""  # made anew


def _all_bindings(held: Held) -> list[Binding]:
    """Those held, and what was taken away but has its QOS still."""
    present = {(one.allocation, one.pool) for one in held.bindings}
    gone = (
        one.binding.model_copy(update={"state": "ended"})
        for one in held.retiring
        if one.binding and (one.binding.allocation, one.binding.pool) not in present
    )
    return sorted((*held.bindings, *gone), key=lambda one: (one.allocation, one.pool))


def _projects(bindings: Iterable[Binding], lent: Iterable[LentShare]) -> Iterator[tuple[str, ...]]:
    leads: dict[str, set[str]] = {}
    known = [*((b.project, b.members) for b in bindings), *((s.project, s.members) for s in lent)]
    for project, members in known:
        said = {member.username for member in members if member.role == "lead"}
        leads.setdefault(project, set()).update(said)
    for project, of_it in sorted(leads.items()):
        yield "project", names.project_account(project), project, ", ".join(sorted(of_it))


def _grant(
    binding: Binding,
    pool: SlurmPool,
    *,
    since: dict[str, tuple[str, int]],
    now: datetime,
    spent: Collection[str],
) -> tuple[str, ...]:
    qos = names.allocation_qos(binding.allocation, pool.suffix)
    state, known = since.get(qos, ("", 0))
    began = known if state == binding.state else int(now.timestamp()) if state else 0
    return (
        "grant",
        qos,
        binding.allocation,
        names.project_account(binding.project),
        *_place(pool),
        _limit(binding.accelerators, pool),
        binding.state,
        str(int(binding.starts.timestamp())),
        str(int(binding.ends.timestamp())),
        str(began),
        "spent" if qos in spent else "",
        _usernames(binding.members),
    )


def _share(share: LentShare, pool: SlurmPool) -> tuple[str, ...]:
    return (
        "share",
        names.lent_account(share.project, pool.suffix),
        names.project_account(share.project),
        *_place(pool),
        _limit(share.max_accelerators, pool),
        _usernames(share.members),
    )


def _place(pool: SlurmPool) -> tuple[str, str, str]:
    return pool.partition, pool.gres, pool.type or ""


def _limit(accelerators: int, pool: SlurmPool) -> str:
    """`16`, or `16:128` where processors are limited too."""
    processors = pool.processors(accelerators)
    return str(accelerators) if pool.cpus is None else f"{accelerators}:{processors}"


def _usernames(members: Iterable[MemberAccess]) -> str:
    said = {member.username for member in members}
    return ",".join(sorted(name for name in said if _USERNAME.fullmatch(name)))


def _since(before: str) -> dict[str, tuple[str, int]]:
    """Of each QOS in a table: its state, and since when."""
    fields = (line.split("\t") for line in before.splitlines() if line.startswith("grant\t"))
    return {f[1]: (f[8], int(f[11])) for f in fields if len(f) == 14 and f[11].isdigit()}  # noqa: PLR2004  # as `_grant` writes


def _line(*fields: str) -> str:
    return "\t".join("".join(c if c.isprintable() else " " for c in field) for field in fields)
