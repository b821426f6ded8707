"""Addresses of the reviewers' pages."""

from django.urls import path

from dure.hub.reviews import pages, ranking_pages

urlpatterns = [
    path("reviews/", pages.mine, name="my-reviews"),
    path("reviews/<int:pk>/", pages.review, name="review"),
    path("reviews/<int:pk>/conflict/", pages.conflict, name="review-conflict"),
    path("calls/<str:key>/ranking/", ranking_pages.ranking, name="ranking"),
    path("calls/<str:key>/ranking/reviewers/", ranking_pages.reviewers, name="ranking-reviewers"),
    path(
        "calls/<str:key>/ranking/sensitivity/",
        ranking_pages.sensitivity,
        name="ranking-sensitivity",
    ),
]
