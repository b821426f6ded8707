"""What every write to a study leaves: its event in the audit chain, and its files."""

from __future__ import annotations

import hashlib
from datetime import datetime

from dure.hub.audit import operations as audit
from dure.hub.people.gate import Actor
from dure.hub.studies.models import Study, StudyFile


def tell(study: Study, what: str, by: Actor, now: datetime, **detail: object) -> None:
    """The audit event of a write to a study, in its transaction."""
    audit.record(
        by=by,
        what=what,
        subject=f"study:{study.pk}",
        at=now,
        detail={"name": study.name, **detail},
    )


def kept(study: Study, name: str, content: bytes, *, is_input: bool) -> StudyFile:
    """A file of the study, stored in the running transaction."""
    return StudyFile.objects.create(
        study=study,
        name=name,
        is_input=is_input,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        content=content,
    )
