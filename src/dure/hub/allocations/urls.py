"""Addresses of the operator's home, rounds, decisions and allocations."""

from django.urls import path

from dure.hub.allocations import home_pages, member_pages, pages, round_pages, scenario_pages

urlpatterns = [
    path("operate/", home_pages.home, name="operate"),
    path("projects/<str:key>/members/", member_pages.listed, name="members"),
    path("projects/<str:key>/members/<int:pk>/remove/", member_pages.remove, name="member-remove"),
    path("operate/calls/<str:key>/<str:name>/", home_pages.step, name="call-step"),
    path("rounds/<str:key>/", round_pages.a_round, name="round"),
    path("rounds/<str:key>/solve/", round_pages.solve, name="round-solve"),
    path("rounds/<str:key>/scenarios/", scenario_pages.side_by_side, name="scenarios"),
    path("rounds/<str:key>/scenarios/add/", scenario_pages.add, name="scenario-add"),
    path("rounds/<str:key>/scenarios/<int:pk>/", scenario_pages.detail, name="scenario"),
    path(
        "rounds/<str:key>/scenarios/<int:pk>/remove/",
        scenario_pages.remove,
        name="scenario-remove",
    ),
    path(
        "rounds/<str:key>/scenarios/<int:pk>/propose/",
        scenario_pages.propose,
        name="scenario-propose",
    ),
    path("decisions/<str:programme>/<int:number>/", round_pages.decision, name="decision"),
    path(
        "decisions/<str:programme>/<int:number>/approve/",
        round_pages.approve,
        name="decision-approve",
    ),
    path(
        "decisions/<str:programme>/<int:number>/withdraw/",
        round_pages.withdraw,
        name="decision-withdraw",
    ),
    path(
        "decisions/<str:programme>/<int:number>/replay/",
        round_pages.replay,
        name="decision-replay",
    ),
    path(
        "decisions/<str:programme>/<int:number>/<str:part>.json",
        round_pages.stored,
        name="decision-part",
    ),
    path("allocations/", pages.allocations, name="allocations"),
    path("allocations/<str:key>/", pages.allocation, name="allocation"),
    path("allocations/<str:key>/sign/", pages.sign, name="agreement-sign"),
]
