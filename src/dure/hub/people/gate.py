"""The one permission gate. Every operation and query passes it; no page or endpoint decides.

- What a person may do follows from their role and from what the object is to them.
- The table below is the whole policy; its golden copy is reviewed as a diff
  (`tests/scenarios/role_action_matrix.txt`).
- The steward is the hub's own loop: it acts by the programme's rules, never by a page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from dure.hub.people.models import Organisation, Role, User


class Action(StrEnum):
    MANAGE_PROGRAMME = "manage programme"
    MANAGE_CALL = "manage call"
    APPLY = "apply"
    SEE_APPLICATION = "see application"
    EDIT_APPLICATION = "edit application"
    REVIEW = "review"
    SEE_ROUND = "see round"
    SOLVE_ROUND = "solve round"
    APPROVE_DECISION = "approve decision"
    SEE_ALLOCATION = "see allocation"
    SIGN_AGREEMENT = "sign agreement"
    MANAGE_MEMBERS = "manage members"
    SEE_CLUSTER = "see cluster"
    MANAGE_CLUSTER = "manage cluster"
    SEE_LEDGER = "see ledger"
    CLOSE_MONTH = "close month"
    SEE_AUDIT = "see audit"
    MANAGE_PEOPLE = "manage people"
    PUBLISH_MODEL = "publish model"
    BID = "bid"
    SEE_BID = "see bid"
    EDIT_BID = "edit bid"
    SEE_STUDY = "see study"
    ASK_STUDY = "ask study"
    SEE_INCIDENT = "see incident"
    END_INCIDENT = "end incident"
    ANNOUNCE_MAINTENANCE = "announce maintenance"
    DECIDE_REMOVAL = "decide removal"
    RUN_JOB = "run job"
    SEE_JOB = "see job"
    CANCEL_JOB = "cancel job"


@dataclass(frozen=True, slots=True)
class Steward:
    """The hub's loop as an actor in the audit chain."""

    username: str = "steward"


STEWARD: Final = Steward()

Actor = User | Steward


class Owned(Protocol):
    """An object that says whose it is."""

    def is_of(self, user: User) -> bool: ...


class NotPermitted(Exception):
    """The actor may not do this to this object. Says no more: not even that the object exists."""

    def __init__(self, actor: Actor, action: Action) -> None:
        super().__init__(f"{actor.username} may not {action}")
        self.action = action


def _role(*roles: Role) -> Callable[[User, Owned | None], bool]:
    return lambda user, _subject: user.role in roles


def _role_or_owner(*roles: Role) -> Callable[[User, Owned | None], bool]:
    return lambda user, subject: user.role in roles or (subject is not None and subject.is_of(user))


def _owner(role: Role) -> Callable[[User, Owned | None], bool]:
    return lambda user, subject: user.role == role and (subject is None or subject.is_of(user))


def _either(
    one: Callable[[User, Owned | None], bool], other: Callable[[User, Owned | None], bool]
) -> Callable[[User, Owned | None], bool]:
    return lambda user, subject: one(user, subject) or other(user, subject)


_OPERATOR = _role(Role.OPERATOR)
_OVERSEERS = _role(Role.OPERATOR, Role.AUDITOR)

POLICY: Final[dict[Action, Callable[[User, Owned | None], bool]]] = {
    Action.MANAGE_PROGRAMME: _OPERATOR,
    Action.MANAGE_CALL: _OPERATOR,
    Action.APPLY: _role(Role.APPLICANT),
    Action.SEE_APPLICATION: _role_or_owner(Role.OPERATOR, Role.AUDITOR),
    Action.EDIT_APPLICATION: _owner(Role.APPLICANT),
    # Applicants too: in peer review they judge each other. An assignment is its reviewer's alone.
    Action.REVIEW: _either(_owner(Role.REVIEWER), _owner(Role.APPLICANT)),
    Action.SEE_ROUND: _OVERSEERS,
    Action.SOLVE_ROUND: _OPERATOR,
    Action.APPROVE_DECISION: _OPERATOR,
    Action.SEE_ALLOCATION: _role_or_owner(Role.OPERATOR, Role.AUDITOR),
    Action.SIGN_AGREEMENT: _owner(Role.APPLICANT),
    Action.MANAGE_MEMBERS: _either(_OPERATOR, _owner(Role.APPLICANT)),
    Action.SEE_CLUSTER: _role_or_owner(Role.OPERATOR, Role.AUDITOR),
    Action.MANAGE_CLUSTER: _OPERATOR,
    Action.SEE_LEDGER: _role_or_owner(Role.OPERATOR, Role.AUDITOR),
    Action.CLOSE_MONTH: _OPERATOR,
    Action.SEE_AUDIT: _OVERSEERS,
    Action.MANAGE_PEOPLE: _OPERATOR,
    Action.PUBLISH_MODEL: _owner(Role.APPLICANT),
    Action.BID: _role(Role.PROVIDER),
    Action.SEE_BID: _role_or_owner(Role.OPERATOR, Role.AUDITOR),
    Action.EDIT_BID: _owner(Role.PROVIDER),
    Action.SEE_STUDY: _OVERSEERS,
    Action.ASK_STUDY: _OPERATOR,
    # Of a cluster: its provider's people too, for theirs.
    Action.SEE_INCIDENT: _role_or_owner(Role.OPERATOR, Role.AUDITOR),
    Action.END_INCIDENT: _either(_OPERATOR, _owner(Role.PROVIDER)),
    Action.ANNOUNCE_MAINTENANCE: _either(_OPERATOR, _owner(Role.PROVIDER)),
    Action.DECIDE_REMOVAL: _OPERATOR,
    # Whose a job is: its project's members (RUN, SEE), or who handed it in (CANCEL).
    Action.RUN_JOB: _owner(Role.APPLICANT),
    Action.SEE_JOB: _role_or_owner(Role.OPERATOR, Role.AUDITOR),
    Action.CANCEL_JOB: _either(_OPERATOR, _owner(Role.APPLICANT)),
}


def may(actor: Actor, action: Action, subject: Owned | None = None) -> bool:
    """Whether the actor may; the steward may do what the programme's rules decide."""
    if isinstance(actor, Steward):
        return True
    return actor.is_active and POLICY[action](actor, subject)


def require(actor: Actor, action: Action, subject: Owned | None = None) -> None:
    """Raises NotPermitted unless the actor may."""
    if not may(actor, action, subject):
        raise NotPermitted(actor, action)


def same_organisation(user: User, organisation: Organisation | None) -> bool:
    """Whether the user belongs to the organisation (nobody belongs to none)."""
    return organisation is not None and user.organisation_id == organisation.pk
