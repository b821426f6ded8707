"""sacctmgr on paper: what its commands do to the objects of one cluster, as seen on 22.05.

The obvious twin of the real one: `tests/contract/test_slurm_binding.py` sees that the real one does
the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import replace

from dure.backends.slurm.objects import Account, Association, Limits, Objects, Qos, Seat
from dure.backends.slurm.writing import Command, Load, Step


class PaperSacctmgr:
    """Starts with some objects; every object that a command touches is kept in `touched`."""

    def __init__(self, objects: Objects) -> None:
        self.qos = dict(objects.qos)
        self.accounts = dict(objects.accounts)
        self.seats = dict(objects.associations)
        self.commands = 0

    @property
    def objects(self) -> Objects:
        return Objects(qos=self.qos, accounts=self.accounts, associations=self.seats)

    def run(self, steps: Iterable[Step]) -> Objects:
        for step in steps:
            self.commands += 1
            match step:
                case Command(argv):
                    self._command(*argv)
                case Load(text):
                    self._load(text)
        return self.objects

    def _command(self, immediate: str, verb: str, kind: str, *words: str) -> None:
        assert immediate == "-i"
        if verb == "add":
            self._add(kind, words[0].split(","), _words(words[1:]))
            return
        assert words[0] == "where"
        at = words.index("set") if "set" in words else len(words)
        where, change = _words(words[1:at]), _words(words[at + 1 :])
        listed = where.pop("name").split(",")
        assert verb == "modify", verb
        self._modify(kind, listed, where, change)

    def _add(self, kind: str, listed: list[str], words: dict[str, str]) -> None:
        for name in listed:
            match kind:
                case "qos":
                    assert name not in self.qos
                    blank = Qos(name=name, description=name, priority=0)
                    self.qos[name] = _qos(blank, words)
                case "account":
                    assert name not in self.accounts
                    blank_account = Account(
                        name=name, description=name, organization=name, parent="root"
                    )
                    self.accounts[name] = _account(blank_account, words)
                    assert self.accounts[name].parent in {"root", *self.accounts}
                case "user":
                    seat = Seat(name, words["account"], words["partition"])
                    assert seat not in self.seats
                    self._sit(seat, words)

    def _sit(self, seat: Seat, words: dict[str, str]) -> None:
        assert seat.account in self.accounts
        one = Association(seat, tuple(sorted(words["QOS"].split(","))), words["DefaultQOS"])
        assert set(one.qos) <= self.qos.keys()
        self.seats[seat] = one

    def _modify(
        self, kind: str, listed: list[str], where: dict[str, str], change: dict[str, str]
    ) -> None:
        for name in listed:
            match kind:
                case "qos":
                    self.qos[name] = _qos(self.qos[name], change)
                case "account":
                    self.accounts[name] = _account(self.accounts[name], change)
                case "user":
                    seat = Seat(name, where["account"], where["partition"])
                    self.seats[seat] = _seat(self.seats[seat], change)

    def _load(self, text: str) -> None:
        cluster, *lines = text.splitlines()
        assert cluster.startswith("Cluster - ")
        parent = ""
        for line in lines:
            kind, _, rest = line.partition(" - ")
            name, *words = (shlex.split(word)[0] for word in _split(rest))
            given = _words(words)
            match kind:
                case "Parent":
                    parent = name
                case "Account":
                    self._add("account", [name], {"Parent": parent, **given})
                case "User":
                    self._sit(Seat(name, parent, given["Partition"]), given)


def _split(line: str) -> list[str]:
    """At colons outside quotes."""
    parts, quoted = [""], False
    for letter in line:
        quoted ^= letter == "'"
        if letter == ":" and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _words(words: Iterable[str]) -> dict[str, str]:
    return {word.partition("=")[0]: word.partition("=")[2] for word in words if word != "set"}


def _qos(qos: Qos, words: dict[str, str]) -> Qos:
    found = replace(qos, limits=_limits(qos.limits, words))
    for word, value in words.items():
        match word:
            case "Description":
                found = replace(found, description=value)
            case "Priority":
                found = replace(found, priority=int(value))
            case "GraceTime":
                found = replace(found, grace_s=int(value))
            case "Preempt":
                found = replace(found, preempt=tuple(sorted(filter(None, value.split(",")))))
            case "PreemptMode":
                found = replace(found, preempt_mode=value)
            case "Flags":
                flags = () if value == "-1" else tuple(sorted(value.split(",")))
                found = replace(found, flags=flags)
            case "UsageFactor":
                found = replace(found, usage_factor=float(value))
    return found


def _account(account: Account, words: dict[str, str]) -> Account:
    priority = words.get("Priority")
    return replace(
        account,
        description=words.get("Description", account.description),
        organization=words.get("Organization", account.organization),
        parent=words.get("Parent", account.parent),
        priority=account.priority if priority is None else _number(priority),
        limits=_limits(account.limits, words),
    )


def _seat(seat: Association, words: dict[str, str]) -> Association:
    qos = tuple(sorted(words["QOS"].split(","))) if "QOS" in words else seat.qos
    default = words.get("DefaultQOS", seat.default_qos)
    jobs = words.get("GrpJobs")
    return Association(seat.seat, qos, default, seat.open if jobs is None else jobs == "-1")


def _limits(limits: Limits, words: dict[str, str]) -> Limits:
    jobs, submitted = words.get("GrpJobs"), words.get("GrpSubmitJobs")
    return Limits(
        tres=_tres(limits.tres, words.get("GrpTRES", "")),
        tres_minutes=_tres(limits.tres_minutes, words.get("GrpTRESMins", "")),
        jobs=limits.jobs if jobs is None else _number(jobs),
        submitted=limits.submitted if submitted is None else _number(submitted),
    )


def _tres(tres: tuple[tuple[str, int], ...], said: str) -> tuple[tuple[str, int], ...]:
    found = dict(tres)
    for pair in filter(None, said.split(",")):
        what, _, number = pair.rpartition("=")
        found[what] = int(number)
    return tuple(sorted((what, number) for what, number in found.items() if number >= 0))


def _number(said: str) -> int | None:
    return None if said == "-1" else int(said)
