"""Reading studies: the list, one with its table, its files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet
from django.utils.translation import gettext

from dure.hub.people.gate import Action, NotPermitted, require
from dure.hub.people.models import User
from dure.hub.portal.reasons import sentence
from dure.hub.studies.models import Study, StudyFile
from dure.protocol.study import ResultRow, StudyResult

REPORTS: Final = {"ko": "report-ko.html", "en": "report-en.html"}
_LONG: Final = ("scenario", "result", "left_out")
"""What a list does not show."""


KEY: Final = (
    "useful_occupancy", "bound_share", "wait_mean_h", "wait_p95_h", "never_started", "lost_hours",
    "take_back_p99_s", "guarantee_misses", "promotions",
)  # fmt: skip
"""What a choice hangs on: use, waits, the cost of lending, the promise to owners, who came in."""

Row = tuple[str, tuple[tuple[str, str], ...]]
"""A figure's name, and (value, difference to the first policy) of each policy."""


@dataclass(frozen=True, slots=True)
class Column:
    """One policy of the table."""

    label: str
    says: str
    recommended: bool


@dataclass(frozen=True, slots=True)
class Table:
    """The policies side by side, in the reader's language; the key figures first."""

    columns: tuple[Column, ...]
    key: tuple[Row, ...]
    others: tuple[Row, ...]
    answer: str
    seeds: int

    @property
    def has_changes(self) -> bool:
        """Whether there is a policy to differ from the first."""
        return len(self.columns) > 1


def studies(*, by: User, state: str = "", text: str = "") -> QuerySet[Study]:
    """The studies, the latest first, narrowed where asked."""
    require(by, Action.SEE_STUDY)
    found = Study.objects.select_related("asked_by").defer(*_LONG)
    if state in Study.State.values:
        found = found.filter(state=state)
    return found.filter(name__icontains=text) if text else found


def a_study(*, pk: int, by: User) -> Study:
    """One study. Raises NotPermitted, also where there is none."""
    require(by, Action.SEE_STUDY)
    found = Study.objects.select_related("asked_by").filter(pk=pk).first()
    if found is None:
        raise NotPermitted(by, Action.SEE_STUDY)
    return found


def files(*, study: Study) -> list[StudyFile]:
    """The study's files without their content, what came with it first."""
    return list(study.files.defer("content").order_by("-is_input", "pk"))


def a_file(*, pk: int, name: str, by: User) -> StudyFile:
    """One file with its content. Raises NotPermitted, also where there is none."""
    require(by, Action.SEE_STUDY)
    found = StudyFile.objects.select_related("study").filter(study=pk, name=name).first()
    if found is None:
        raise NotPermitted(by, Action.SEE_STUDY)
    return found


def waiting_before(*, study: Study) -> int:
    """How many are played before a queued study."""
    ahead = Study.objects.filter(state__in=[Study.State.QUEUED, Study.State.RUNNING])
    return ahead.filter(pk__lt=study.pk).count()


def table(*, study: Study, language: str) -> Table | None:
    """The policies side by side; None while there is no result."""
    if study.result is None:
        return None
    result = StudyResult.model_validate(study.result)
    columns = (
        Column(gettext(one.label), gettext(one.says), one.id == result.recommended)
        for one in result.policies
    )
    parts = {row.figure: _row(row) for row in result.rows}
    return Table(
        columns=tuple(columns),
        key=tuple(parts[figure] for figure in KEY if figure in parts),
        others=tuple(row for figure, row in parts.items() if figure not in KEY),
        answer=result.answer.ko if language == "ko" else result.answer.en,
        seeds=len(result.seeds),
    )


def _row(row: ResultRow) -> Row:
    return gettext(row.label), tuple((cell.value, cell.change) for cell in row.cells)


def why_failed(study: Study) -> str:
    """The reason in words; nothing where it has not failed."""
    return sentence(study.failure) if study.failure else ""
