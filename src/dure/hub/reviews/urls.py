"""Addresses of the reviewers' pages."""

from django.urls import path

from dure.hub.reviews import pages

urlpatterns = [
    path("reviews/", pages.mine, name="my-reviews"),
    path("reviews/<int:pk>/", pages.review, name="review"),
    path("reviews/<int:pk>/conflict/", pages.conflict, name="review-conflict"),
]
