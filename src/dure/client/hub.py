"""What a person's program asks of the hub, with a personal token.

- Reads, `replay`, and `approve` and `withdraw` (guarded by the plan's number) are safe to repeat;
  `solve` makes a new plan and is not.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from dure.client.jobs import JobAsked, JobLogView, JobsView, JobView, RouteView
from dure.client.models import (
    AllocationView,
    Approval,
    AuditView,
    CallView,
    ChoiceView,
    ClusterView,
    LedgerEntryView,
    OutcomeView,
    ProgrammeView,
    ReplayView,
    ReportView,
    RoundView,
    ScreeningView,
    SupplyCallView,
)
from dure.client.reviewers import ReplacementView, ReviewersView
from dure.client.scenarios import ScenarioAsked, ScenariosView, ScenarioView
from dure.client.scores import ScoresView, SensitivityView
from dure.client.studies import StudiesView, StudyAsked, StudyView
from dure.client.transport import Connection, read

_PROGRAMME: Final = TypeAdapter(ProgrammeView)
_CALLS: Final = TypeAdapter(tuple[CallView, ...])
_SUPPLY_CALLS: Final = TypeAdapter(tuple[SupplyCallView, ...])
_CHOICE: Final = TypeAdapter(ChoiceView)
_ROUND: Final = TypeAdapter(RoundView)
_SCREENING: Final = TypeAdapter(ScreeningView)
_OUTCOME: Final = TypeAdapter(OutcomeView)
_REPORT: Final = TypeAdapter(ReportView)
_REPLAY: Final = TypeAdapter(ReplayView)
_SCORES: Final = TypeAdapter(ScoresView)
_REVIEWERS: Final = TypeAdapter(ReviewersView)
_REPLACEMENT: Final = TypeAdapter(ReplacementView)
_SCENARIO: Final = TypeAdapter(ScenarioView)
_SCENARIOS: Final = TypeAdapter(ScenariosView)
_SENSITIVITY: Final = TypeAdapter(SensitivityView)
_ALLOCATIONS: Final = TypeAdapter(tuple[AllocationView, ...])
_LEDGER: Final = TypeAdapter(tuple[LedgerEntryView, ...])
_CLUSTERS: Final = TypeAdapter(tuple[ClusterView, ...])
_AUDIT: Final = TypeAdapter(AuditView)
_STUDY: Final = TypeAdapter(StudyView)
_STUDIES: Final = TypeAdapter(StudiesView)
_JOB: Final = TypeAdapter(JobView)
_JOBS: Final = TypeAdapter(JobsView)
_JOB_LOG: Final = TypeAdapter(JobLogView)
_ROUTE: Final = TypeAdapter(RouteView)

SOLVE_TIMEOUT_S: Final = 120.0
"""A round of 20,000 applications may take its bound of 60 s; twice that is a hub in trouble."""

CHECK_TIMEOUT_S: Final = 60.0
"""As long as the hub itself waits for the twin to check a scenario."""


class HubClient(Connection):
    """The hub's user API as the bearer of a personal token; its sentences in `language`."""

    def programme(self) -> ProgrammeView:
        """The programme in force."""
        return read(_PROGRAMME, self._get("/api/v1/programme"))

    def calls(self) -> tuple[CallView, ...]:
        """Every call the bearer may see."""
        return read(_CALLS, self._get("/api/v1/calls"))

    def screening(self, call: str) -> ScreeningView:
        """Who screening refused or would refuse now, and suspected duplicates; changes nothing."""
        return read(_SCREENING, self._get(_path("calls", call, "screening")))

    def screen(self, call: str) -> ScreeningView:
        """Screens the closed call. Cannot be undone; `Refused` (409) at another stage."""
        path = _path("calls", call, "screening")
        return read(_SCREENING, self.ask("POST", path, repeatable=False))

    def round(self, call: str) -> RoundView:
        """The latest plan of a call's round; `Refused` (404) where none was made."""
        return read(_ROUND, self._get(_path("rounds", call)))

    def solve(self, call: str) -> RoundView:
        """Makes a new draft plan. Blocks while it is solved."""
        path = _path("rounds", call, "solve")
        return read(_ROUND, self.ask("POST", path, repeatable=False, extra_wait_s=SOLVE_TIMEOUT_S))

    def approve(self, call: str, *, plan: int) -> RoundView:
        """Approves that plan; `Refused` where a later one exists. Twice is once."""
        path = _path("rounds", call, "approve")
        return read(_ROUND, self.ask("POST", path, repeatable=True, body=Approval(plan=plan)))

    def withdraw(self, call: str, *, plan: int) -> RoundView:
        """Takes one's approval of that plan back, while it waits for others'. Twice is once."""
        path = _path("rounds", call, "withdraw")
        return read(_ROUND, self.ask("POST", path, repeatable=True, body=Approval(plan=plan)))

    def outcome(self, call: str, application: str) -> OutcomeView:
        """What the latest plan of a call's round means for one application."""
        path = _path("rounds", call, "outcomes", application)
        return read(_OUTCOME, self._get(path))

    def report(self, call: str) -> ReportView:
        """What the latest plan of a call's round came to: funnel, fairness, bounds."""
        return read(_REPORT, self._get(_path("rounds", call, "report")))

    def what_if(self, call: str, asked: ScenarioAsked) -> ScenarioView:
        """Plans a scenario of the call's round and keeps it. Blocks while it is solved."""
        path = _path("rounds", call, "scenarios")
        answer = self.ask("POST", path, repeatable=False, body=asked, extra_wait_s=SOLVE_TIMEOUT_S)
        return read(_SCENARIO, answer)

    def scenarios(self, call: str, *, plan: int | None = None) -> ScenariosView:
        """A plan of the call's round, the latest if none is named, beside its scenarios."""
        path = _path("rounds", call, "scenarios")
        return read(_SCENARIOS, self._get(path, {} if plan is None else {"plan": plan}))

    def scenario(self, call: str, name: str, *, plan: int | None = None) -> ScenarioView:
        """One scenario of a plan, of the latest if none is named; `Refused` (404) if absent."""
        path = _path("rounds", call, "scenarios", name)
        return read(_SCENARIO, self._get(path, {} if plan is None else {"plan": plan}))

    def propose_scenario(self, call: str, name: str, *, plan: int) -> RoundView:
        """Makes that plan's scenario the call's proposal. `Refused` (409) where it cannot be."""
        path = _path("rounds", call, "scenarios", name, "propose")
        answer = self.ask(
            "POST", path, repeatable=False, params={"plan": plan}, extra_wait_s=SOLVE_TIMEOUT_S
        )
        return read(_ROUND, answer)

    def remove_scenario(self, call: str, name: str, *, plan: int) -> None:
        """Takes that plan's scenario away. Cannot be undone; `Refused` (404) if absent."""
        path = _path("rounds", call, "scenarios", name)
        self.ask("DELETE", path, repeatable=False, params={"plan": plan})

    def reviewers(self, call: str) -> ReviewersView:
        """How far a call's review has come: its stages, who reviews, what is late."""
        return read(_REVIEWERS, self._get(_path("rounds", call, "reviewers")))

    def replacements(self, call: str) -> ReplacementView:
        """Who would replace whom if late reviewers were replaced now; nothing is done."""
        path = _path("rounds", call, "reviewers", "late")
        return read(_REPLACEMENT, self._get(path))

    def replace_late(self, call: str) -> ReplacementView:
        """Replaces late reviewers. Safe to repeat: who was replaced is late no longer."""
        path = _path("rounds", call, "reviewers", "replace")
        return read(_REPLACEMENT, self.ask("POST", path, repeatable=True))

    def scores(self, call: str) -> ScoresView:
        """A call's latest ranking, raw beside corrected; `Refused` (404) before one."""
        return read(_SCORES, self._get(_path("rounds", call, "scores")))

    def sensitivity(self, call: str, *, places: int | None = None) -> SensitivityView:
        """Whose outcome hangs on what, the first `places` served. Blocks while it is computed."""
        path = _path("rounds", call, "scores", "sensitivity")
        params = {} if places is None else {"places": places}
        answer = self.ask("GET", path, repeatable=True, params=params, extra_wait_s=SOLVE_TIMEOUT_S)
        return read(_SENSITIVITY, answer)

    def replay(self, *, plan: int) -> ReplayView:
        """Has the hub make a plan again from what was stored with it. Blocks while it is solved."""
        path = f"/api/v1/decisions/{plan}/replay"
        return read(_REPLAY, self.ask("POST", path, repeatable=True, extra_wait_s=SOLVE_TIMEOUT_S))

    def supply_calls(self) -> tuple[SupplyCallView, ...]:
        """Every supply call."""
        return read(_SUPPLY_CALLS, self._get("/api/v1/supply-calls"))

    def choice(self, call: str) -> ChoiceView:
        """The latest plan of a supply call; `Refused` (404) where none was made."""
        return read(_CHOICE, self._get(_path("supply-calls", call, "choice")))

    def choose(self, call: str) -> ChoiceView:
        """Makes a new plan of whom to buy from."""
        path = _path("supply-calls", call, "choose")
        return read(_CHOICE, self.ask("POST", path, repeatable=False, extra_wait_s=SOLVE_TIMEOUT_S))

    def approve_choice(self, call: str, *, plan: int) -> ChoiceView:
        """Approves that plan; `Refused` where a later one exists. Twice is once."""
        path = _path("supply-calls", call, "approve")
        return read(_CHOICE, self.ask("POST", path, repeatable=True, body=Approval(plan=plan)))

    def allocations(self) -> tuple[AllocationView, ...]:
        """Every allocation the bearer may see."""
        return read(_ALLOCATIONS, self._get("/api/v1/allocations"))

    def ledger(self, *, allocation: str | None = None) -> tuple[LedgerEntryView, ...]:
        """Ledger entries, of one allocation where named."""
        return read(
            _LEDGER,
            self._get("/api/v1/ledger", {} if allocation is None else {"allocation": allocation}),
        )

    def clusters(self) -> tuple[ClusterView, ...]:
        """Every cluster with what its agent last said."""
        return read(_CLUSTERS, self._get("/api/v1/clusters"))

    def studies(self, *, before: int | None = None) -> StudiesView:
        """The latest what-if studies; those before a study's id, where one is named."""
        return read(
            _STUDIES, self._get("/api/v1/studies", {} if before is None else {"before": before})
        )

    def ask_study(self, asked: StudyAsked) -> StudyView:
        """Queues a study. Blocks while the scenario is checked; `Refused` (422) says its faults."""
        answer = self.ask(
            "POST", "/api/v1/studies", repeatable=False, body=asked, extra_wait_s=CHECK_TIMEOUT_S
        )
        return read(_STUDY, answer)

    def study(self, study: int) -> StudyView:
        """One study, with its answer and files once it is done."""
        return read(_STUDY, self._get(f"/api/v1/studies/{study}"))

    def cancel_study(self, study: int) -> StudyView:
        """Ends a study; one that is over stays as it is. Twice is once."""
        path = f"/api/v1/studies/{study}/cancel"
        return read(_STUDY, self.ask("POST", path, repeatable=True))

    def remove_study(self, study: int) -> None:
        """Takes a study and its files away. Cannot be undone."""
        self.ask("DELETE", f"/api/v1/studies/{study}", repeatable=False)

    def study_file(self, study: int, name: str) -> bytes:
        """A file of a study, as it is."""
        return self._get(_path("studies", str(study), "files", name)).content

    def jobs(
        self,
        *,
        before: int | None = None,
        state: str = "",
        project: str = "",
        mine: bool = False,
    ) -> JobsView:
        """The latest jobs the bearer may see; those before a job's id, where one is named.

        `state`: one of the states, or "open": what is not over.
        """
        params: dict[str, str | int] = {"state": state, "project": project, "mine": int(mine)}
        if before is not None:
            params["before"] = before
        return read(_JOBS, self._get("/api/v1/jobs", params))

    def submit_job(self, asked: JobAsked) -> JobView:
        """Orders a job. Twice is two jobs; `Refused` (409) says why it cannot run."""
        return read(_JOB, self.ask("POST", "/api/v1/jobs", repeatable=False, body=asked))

    def route_job(self, asked: JobAsked) -> RouteView:
        """Where the job would run and why; orders nothing."""
        return read(_ROUTE, self.ask("POST", "/api/v1/jobs/route", repeatable=True, body=asked))

    def job(self, job: int) -> JobView:
        """One job, with why it is where it is."""
        return read(_JOB, self._get(f"/api/v1/jobs/{job}"))

    def job_log(self, job: int) -> JobLogView:
        """The end of what it wrote, as its site last sent it."""
        return read(_JOB_LOG, self._get(f"/api/v1/jobs/{job}/log"))

    def cancel_job(self, job: int) -> JobView:
        """Asks the site to end a job; one that is over stays as it is. Twice is once."""
        return read(_JOB, self.ask("POST", f"/api/v1/jobs/{job}/cancel", repeatable=True))

    def verify_audit(self) -> AuditView:
        """Has the hub walk its audit chain."""
        return read(_AUDIT, self._get("/api/v1/audit/verify"))

    def _get(self, path: str, params: dict[str, str | int] | None = None) -> httpx.Response:
        return self.ask("GET", path, repeatable=True, params=params)


def _path(*parts: str) -> str:
    """Of the API; a part is one step, whatever signs are in it."""
    return "/api/v1/" + "/".join(quote(part, safe="") for part in parts)
