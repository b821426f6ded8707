"""The hub's API, version 1. Its document stands under `api/hub.json` and is reviewed as a diff."""

from __future__ import annotations

from ninja import NinjaAPI

from dure.hub import problems
from dure.hub.allocations.api import router as allocations
from dure.hub.allocations.scenarios_api import router as scenarios
from dure.hub.audit.api import router as audit
from dure.hub.calls.api import router as calls
from dure.hub.calls.screening_api import router as screening
from dure.hub.incidents.api import router as incidents
from dure.hub.jobs.api import router as jobs
from dure.hub.people.api import router as people
from dure.hub.reviews.api import router as reviews
from dure.hub.reviews.reviewers_api import router as reviewers
from dure.hub.studies.api import router as studies
from dure.hub.supply.api import router as supply
from dure.hub.supply.site_api import router as site
from dure.hub.tenders.api import router as tenders
from dure.hub.usage.api import router as usage

api = NinjaAPI(
    title="Dure hub",
    version="1",
    description="Site agents and people's programs talk to the hub here.",
    docs_url=None,  # the interactive page loads scripts from elsewhere
    openapi_url="openapi.json",
)
for router in (
    site, supply, calls, screening, reviewers, reviews, allocations, scenarios, jobs, tenders,
    studies, incidents, usage, audit, people,
):  # fmt: skip
    api.add_router("", router)
problems.install(api)
