"""Addresses of jobs."""

from django.urls import path

from dure.hub.jobs import pages

urlpatterns = [
    path("jobs/", pages.jobs, name="jobs"),
    path("jobs/new/", pages.new, name="job-new"),
    path("jobs/new/starts/", pages.starts, name="job-starts"),
    path("jobs/<int:pk>/", pages.job, name="job"),
    path("jobs/<int:pk>/progress/", pages.progress, name="job-progress"),
    path("jobs/<int:pk>/cancel/", pages.cancel, name="job-cancel"),
]
