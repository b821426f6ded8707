"""What stands between the projects and the programme while the play runs: the twin's register."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from dure.engine import reclaim
from dure.engine.lending import Lend
from dure.twin.desired import Office
from dure.twin.policies.facts import Ints
from dure.twin.project import MONTH_S, Project
from dure.twin.setting import Setting


@dataclass(slots=True)
class Standing:
    """One project now. Amounts in accelerator-seconds, times in seconds of the play.

    `state`: its facts for reclaim as they stood when it was last promised something or changed.
    """

    project: Project
    servers: int
    from_s: int
    until_s: int
    awarded: int = 0
    used: int = 0
    taken: int = 0
    days: deque[reclaim.DayUse] = field(default_factory=deque)
    notice: reclaim.Notice | None = None
    pulled_back: tuple[str, ...] = ()
    position: int = 0
    state: reclaim.AllocationState | None = None

    def holds_at(self, now_s: int) -> bool:
        """Whether it has servers at this instant."""
        return self.servers > 0 and self.from_s <= now_s < self.until_s

    def promise(self, servers: int, *, from_s: int, per_server: int, months: int) -> None:
        """A new allocation, with a clean account."""
        self.servers, self.position = servers, 0
        self.from_s, self.until_s = from_s, from_s + months * MONTH_S
        self.awarded = servers * per_server * months * MONTH_S
        self.used = self.taken = 0
        self.notice, self.pulled_back, self.state = None, (), None


@dataclass(frozen=True, slots=True)
class Event:
    """What a control step did to one project.

    notice, withdraw, pull_back, award (by a round), promote (from the waitlist), give_up or expire.
    """

    at_s: int
    what: str
    project: str
    servers: int


@dataclass(slots=True)
class Register:
    """By pool: `lent` and `rights`, who may borrow; `offices`, what its site was told; `borrowed`,
    each account's accelerator-seconds on loan at the beginning of the last weeks; `borrowing`, the
    facts that lending was decided on.
    """

    standings: list[Standing]
    lent: dict[int, set[tuple[str, str]]] = field(default_factory=dict)
    rights: dict[int, tuple[Lend, ...]] = field(default_factory=dict)
    offices: dict[int, Office] = field(default_factory=dict)
    borrowed: dict[int, deque[Ints]] = field(default_factory=dict)
    borrowing: dict[int, tuple[tuple[int, int, int, int], ...]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    plans: dict[str, int] = field(default_factory=dict)

    def waiting(self) -> list[Standing]:
        """Who waits, the first in line first."""
        found = [one for one in self.standings if one.position]
        found.sort(key=lambda one: one.position)
        return found

    def note(self, at_s: int, what: str, standing: Standing, servers: int = 0) -> None:
        """Keeps what was done."""
        self.events.append(Event(at_s, what, standing.project.key, servers))


def begin(setting: Setting, *, remember_days: int) -> Register:
    """The register on the first day."""
    standings = []
    for project in setting.projects:
        per_server = setting.pools[project.pool].accelerators_per_node
        standings.append(
            Standing(
                project=project,
                servers=project.servers,
                from_s=project.from_s,
                until_s=project.until_s,
                awarded=project.servers * per_server * (project.until_s - project.from_s),
                days=deque(maxlen=remember_days),
                position=project.position,
            )
        )
    return Register(standings)
