"""Addresses of the pages of reviewers, of a call's review and of its ranking."""

from django.urls import path

from dure.hub.reviews import board_pages, pages, ranking_pages

urlpatterns = [
    path("reviews/", pages.mine, name="my-reviews"),
    path("reviews/me/", pages.profile, name="my-expertise"),
    path("reviews/<int:pk>/", pages.review, name="review"),
    path("reviews/<int:pk>/conflict/", pages.conflict, name="review-conflict"),
    path("calls/<str:key>/reviewers/", board_pages.board, name="call-reviewers"),
    path("calls/<str:key>/reviewers/replace/", board_pages.replace, name="reviewers-replace"),
    path("calls/<str:key>/reviewers/close/", board_pages.close, name="stage-close"),
    path("calls/<str:key>/ranking/", ranking_pages.ranking, name="ranking"),
    path("calls/<str:key>/ranking/reviewers/", ranking_pages.reviewers, name="ranking-reviewers"),
    path(
        "calls/<str:key>/ranking/sensitivity/",
        ranking_pages.sensitivity,
        name="ranking-sensitivity",
    ),
]
