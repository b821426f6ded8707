"""A project's members on their page: its own people and the operator decide, and sites hear it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.test import Client
from tests.integration import small
from tests.integration.small import DECIDED, World

from dure.hub import clock
from dure.hub.allocations.models import Project
from dure.hub.audit.models import Event
from dure.hub.people.models import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _day_of_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: DECIDED)


def of_ann(world: World) -> tuple[Project, str]:
    project = world.allocation("ann").project
    return project, f"/projects/{project.key}/members/"


def as_(world: World, name: str, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(world[name])
    return client


def test_a_project_s_people_add_and_remove_a_partner_and_the_site_hears_of_it() -> None:
    world = small.running()
    project, path = of_ann(world)
    ann = as_(world, "ann")
    before = small.cluster().desired_revision
    added = ann.post(path, {"username": " bob "}, follow=True).content.decode()
    assert "bob is a member." in added
    assert project.members.filter(username="bob").exists()
    assert small.cluster().desired_revision > before
    page = ann.post(f"{path}{world['bob'].pk}/remove/", follow=True).content.decode()
    assert "bob is no longer a member." in page
    assert not project.members.filter(username="bob").exists()
    told = Event.objects.filter(what__startswith="member.", subject=project.key)
    assert list(told.order_by("sequence").values_list("what", "detail__user"))[-2:] == [
        ("member.added", "bob"),
        ("member.removed", "bob"),
    ]
    assert ann.post(f"{path}{world['bob'].pk}/remove/").status_code == 404


@pytest.mark.parametrize("name", ["nobody", "reviewer1", ""])
def test_a_name_that_is_no_applicant_s_is_told_at_its_field(name: str) -> None:
    world = small.decided()
    project, path = of_ann(world)
    members = set(project.members.all())
    refused = as_(world, "ann").post(path, {"username": name})
    assert refused.status_code == 422
    assert 'href="#id_username"' in refused.content.decode()
    assert set(project.members.all()) == members


def test_nobody_else_sees_or_changes_the_members() -> None:
    world = small.decided()
    project, path = of_ann(world)
    assert as_(world, "operator").get(path).status_code == 200
    for name in ("bob", "auditor", "reviewer1", "supplier"):
        assert as_(world, name).get(path).status_code == 404
        assert as_(world, name).post(path, {"username": "bob"}).status_code == 404
    assert as_(world, "ann").get("/projects/none/members/").status_code == 404
    assert not project.members.filter(username="bob").exists()
    link = f'href="{path}"'
    address = f"/allocations/{world.allocation('ann').key}/"
    assert link in as_(world, "ann").get(address).content.decode()
    assert link not in as_(world, "auditor").get(address).content.decode()


def test_many_members_are_paged_in_few_queries(
    django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    world = small.decided()
    project, path = of_ann(world)
    project.members.add(*(small.person(f"m{n:02}", Role.APPLICANT) for n in range(30)))
    client = as_(world, "ann")
    client.get(path)  # the programme's document is parsed once a process
    with django_assert_max_num_queries(12):
        page = client.get(path).content.decode()
    assert "Page 1 of 2" in page
    assert "m29" in client.get(f"{path}?page=2").content.decode()
