"""Pages of what-if scenarios: side by side, one in detail, the form, and proposing one."""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dure.engine.allocation.scenario import UnableToChange
from dure.hub import clock
from dure.hub.allocations import round_queries, scenario_queries, scenarios
from dure.hub.allocations import side_by_side as tables
from dure.hub.allocations.decisions import PlanRefused, StalePlan
from dure.hub.allocations.folding import every_group_asked, is_long
from dure.hub.allocations.models import Decision, Scenario
from dure.hub.allocations.scenario_forms import DifferenceFilter, ScenarioForm
from dure.hub.allocations.scenario_queries import CHANGES
from dure.hub.calls.models import Call
from dure.hub.calls.windows import NotAtThisStage
from dure.hub.people.gate import Action, may, require
from dure.hub.people.models import User
from dure.hub.portal.signed_in import signed_in
from dure.hub.portal.templatetags.dure import pages, words
from dure.hub.supply.queries import rules
from dure.vocabulary.scenario import Change

LONGEST_NUMBER: Final = 9
"""Digits of a plan's number; a longer one is no number that the database could look for."""


@require_safe
@signed_in
def side_by_side(request: HttpRequest, by: User, key: str) -> HttpResponse:
    call = round_queries.a_call(key=key, by=by)
    base = scenario_queries.a_base(call=call, number=_number(request), by=by)
    found: dict[str, object] = {"call": call, "base": base}
    if base is not None:
        whole = every_group_asked(request.GET.dict())
        seen = tables.side_by_side(base=base, by=by, whole=whole)
        found |= {
            "seen": seen,
            "is_long": seen.is_long,
            "whole": whole,
            "rounds": scenario_queries.rounds_of(call=call, by=by),
            "may_add": may(by, Action.SOLVE_ROUND),
        }
    return render(request, "allocations/scenarios.html", found)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def add(request: HttpRequest, by: User, key: str) -> HttpResponse:
    """Asks what is to be otherwise; plans it on POST."""
    require(by, Action.SOLVE_ROUND)
    call = round_queries.a_call(key=key, by=by)
    base = scenario_queries.a_base(call=call, number=_number(request), by=by)
    if base is None:
        messages.warning(request, _("A plan is needed first: scenarios start from it."))
        return redirect("round", key=key)
    raw = scenarios.raw_standings(base)
    form = ScenarioForm(base, raw=bool(raw), typed=request.POST.dict() if request.POST else None)
    if request.method == "POST":
        change = form.change(raw)
        made = _added(request, form, base, change, by) if change else None
        if made is not None:
            return _to_the_table(base)
    return render(
        request, "allocations/scenario_add.html", {"call": call, "base": base, "form": form}
    )


def _added(
    request: HttpRequest, form: ScenarioForm, base: Decision, change: Change, by: User
) -> Scenario | None:
    """The scenario; None, with what is wrong said, where there is none."""
    try:
        made = scenarios.add_scenario(decision=base, change=change, by=by, now=clock.now())
    except UnableToChange as error:
        form.refuse(error)
    except scenarios.ScenarioNameTaken:
        form.add_error("name", _("This plan has a scenario of this name. Please choose another."))
    except PlanRefused as refused:
        messages.error(request, _("The check refused the plan: %(why)s") % {"why": refused})
    else:
        if made.refusal:
            messages.warning(request, scenario_queries.refusal(made, base))
        else:
            messages.success(
                request,
                _("Scenario “%(name)s” is planned. Nothing is awarded by it.")
                % {"name": made.name},
            )
        return made
    return None


@require_safe
@signed_in
def detail(request: HttpRequest, by: User, key: str, pk: int) -> HttpResponse:
    call = round_queries.a_call(key=key, by=by)
    scenario = scenario_queries.a_scenario(call=call, pk=pk, by=by)
    sectors = rules(call.programme).sectors
    filters = DifferenceFilter(
        request.GET,
        change=CHANGES.items(),
        sector=[(one.id, words(one.label)) for one in sectors],
    )
    whole = every_group_asked(request.GET.dict())
    dimensions = scenario_queries.by_group(scenario)
    page = pages(scenario_queries.differences(scenario=scenario, by=by, **filters.kept), request)
    found = {
        "call": call,
        "scenario": scenario,
        "said": scenario_queries.said(scenario),
        "refusal": scenario_queries.refusal(scenario, scenario.decision),
        "dimensions": dimensions if whole else scenario_queries.folded(dimensions),
        "is_long": any(is_long(one.groups) for one in dimensions),
        "whole": whole,
        "filters": filters,
        "page": page,
        "rows": scenario_queries.titled(list(page)),
        "may_change": may(by, Action.SOLVE_ROUND),
        "may_propose": _may_propose(scenario, call, by),
    }
    return render(request, "allocations/scenario.html", found)


def _may_propose(scenario: Scenario, call: Call, by: User) -> bool:
    due = call.state == Call.State.RANKED and scenario.report is not None
    return due and may(by, Action.SOLVE_ROUND)


@require_POST
@signed_in
def remove(request: HttpRequest, by: User, key: str, pk: int) -> HttpResponse:
    require(by, Action.SOLVE_ROUND)
    call = round_queries.a_call(key=key, by=by)
    scenario = scenario_queries.a_scenario(call=call, pk=pk, by=by)
    scenarios.remove_scenario(scenario=scenario, by=by, now=clock.now())
    messages.success(request, _("Scenario “%(name)s” is removed.") % {"name": scenario.name})
    return _to_the_table(scenario.decision)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def propose(request: HttpRequest, by: User, key: str, pk: int) -> HttpResponse:
    """Says what proposing does; does it on POST."""
    require(by, Action.SOLVE_ROUND)
    call = round_queries.a_call(key=key, by=by)
    scenario = scenario_queries.a_scenario(call=call, pk=pk, by=by)
    if request.method == "POST":
        return _propose(request, by, scenario, key)
    found = {"call": call, "scenario": scenario, "said": scenario_queries.said(scenario)}
    return render(request, "allocations/scenario_propose.html", found)


def _propose(request: HttpRequest, by: User, scenario: Scenario, key: str) -> HttpResponse:
    try:
        decision = scenarios.propose_scenario(scenario=scenario, by=by, now=clock.now())
    except StalePlan:
        said = _("The programme has moved on since this plan was made. Make the plan again.")
        messages.warning(request, said)
    except NotAtThisStage:
        messages.warning(request, _("The call is not at the stage of its round."))
    except (scenarios.SupplyMissing, scenarios.ApplicationsMissing) as missing:
        messages.error(request, str(missing))
    else:
        messages.success(
            request,
            _("Plan %(number)s is proposed. Nothing is awarded before it is approved.")
            % {"number": decision.number},
        )
        return redirect("round", key=key)
    return redirect("scenario", key=key, pk=scenario.pk)


def _to_the_table(base: Decision) -> HttpResponse:
    key = base.call.key if base.call else ""
    return redirect(f"{reverse('scenarios', args=[key])}?plan={base.number}")


def _number(request: HttpRequest) -> int | None:
    """The plan that the address asks for; the latest where it asks for none that could be."""
    asked = request.GET.get("plan", "")
    return int(asked) if asked.isdecimal() and len(asked) <= LONGEST_NUMBER else None
