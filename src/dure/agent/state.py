"""What an agent keeps between its lives, in one folder.

    credential.json   the hub's address and this cluster's credential, readable by the owner only
    site.yaml         which engine this site runs, written by the provider
    desired.json      the last desired state that was understood: the site runs on it alone
    health.json       how the last step went, for `dure agent status`
    jobs.socket       where the running agent takes jobs for an engine without a command of its own
    spool/            reports on their way to the hub
    engine/           the local engine's own record
    lock              held by the running agent

- Every file is replaced whole (see `durable`); a file that cannot be read is a named error.
- The hub's latest word holds, also where its revision went back (a hub restored from a backup);
  a single binding's late change is refused by the engine, by its generation.
- Two agents on one folder would both write reports: the second is refused.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeVar

import yaml
from pydantic import AwareDatetime, ValidationError

from dure.agent.site import SITE, SiteConfig
from dure.agent.spool import Limits, Spool
from dure.backends import durable
from dure.protocol import Credential, Desired
from dure.vocabulary.frozen import Frozen

PRIVATE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700

Kept = TypeVar("Kept", bound=Frozen)


class StateError(Exception):
    """The base: the state folder is not as the agent needs it. The message says what to do."""


class NotEnrolled(StateError):
    """There is no credential yet."""


class AlreadyRunning(StateError):
    """Another agent holds the folder."""


class StateDamaged(StateError):
    """A file in the folder cannot be read as what it should be."""


class Home(Frozen):
    """Where the agent reports, as whom, and since when it has this credential."""

    hub: str
    credential: Credential
    issued_at: AwareDatetime


class Health(Frozen):
    """How the last exchange with the hub and the last step went."""

    at: AwareDatetime
    hub: Literal["reached", "away", "refused"]
    problems: tuple[str, ...] = ()


class StateFolder:
    """The folder and its files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        """Makes the folder, readable by its owner only."""
        self.root.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Holds the folder for one agent; the kernel lets go however the process ends."""
        self.prepare()
        with (self.root / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                msg = f"another agent runs on {self.root}; stop it first"
                raise AlreadyRunning(msg) from error
            yield

    def is_held(self) -> bool:
        """Whether an agent runs on the folder now."""
        try:
            with (self.root / "lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def home(self) -> Home:
        """The credential and its hub; raises `NotEnrolled`."""
        home = self._read(self.root / "credential.json", Home)
        if home is None:
            msg = (
                f"{self.root} holds no credential; ask the hub's operator for a token and run "
                f"`dure agent enrol --hub URL --token TOKEN --state {self.root}`"
            )
            raise NotEnrolled(msg)
        return home

    def keep_home(self, home: Home) -> None:
        """Keeps the credential; it is on the disk when this returns."""
        self.prepare()
        self._keep(self.root / "credential.json", home)

    def desired(self) -> Desired | None:
        """The last desired state that was understood, or None on a fresh site."""
        return self._read(self.root / "desired.json", Desired)

    def keep_desired(self, desired: Desired) -> None:
        """Keeps what the hub says now."""
        self._keep(self.root / "desired.json", desired)

    def health(self) -> Health | None:
        """How the last step went, or None before the first."""
        return self._read(self.root / "health.json", Health)

    def keep_health(self, health: Health) -> None:
        """Notes how the step went."""
        self._keep(self.root / "health.json", health)

    def site(self) -> SiteConfig:
        """The provider's description of the site; raises `StateDamaged` with the field."""
        path = self.root / "site.yaml"
        try:
            return SITE.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            msg = (
                f"{path} is missing; enrol with --pool, --model and --slots, which writes it, or "
                "on a Slurm cluster let `dure agent discover` propose it"
            )
            raise StateDamaged(msg) from error
        except yaml.YAMLError as error:
            msg = f"{path} is not YAML: {' '.join(str(error).split())}"
            raise StateDamaged(msg) from error
        except ValidationError as error:
            raise StateDamaged(f"{path}: {_first(error)}") from error

    def keep_site(self, site: SiteConfig) -> None:
        """Writes the description, for the provider to edit."""
        self.prepare()
        written = yaml.safe_dump(site.model_dump(mode="json"), sort_keys=False)
        durable.write(self.root / "site.yaml", written.encode())

    def spool(self, limits: Limits | None = None) -> Spool:
        """The outgoing reports."""
        return Spool(self.root / "spool", limits)

    def _keep(self, path: Path, fact: Frozen) -> None:
        durable.write(path, fact.model_dump_json().encode(), mode=PRIVATE)

    def _read(self, path: Path, kind: type[Kept]) -> Kept | None:
        try:
            return kind.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            msg = f"{path} cannot be read ({_first(error)}); restore it or enrol the site anew"
            raise StateDamaged(msg) from None  # the cause would quote the token


def _first(error: ValidationError) -> str:
    """The first complaint: the field and what is wrong, without the input (it may be a secret)."""
    first = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(map(str, first["loc"])).removeprefix("local").removeprefix("slurm").lstrip(".")
    return f"{field or 'the document'}: {first['msg']}"
