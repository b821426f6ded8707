"""Addresses of the calls' pages."""

from django.urls import path

from dure.hub.calls import pages, screening_pages

urlpatterns = [
    path("calls/", pages.calls, name="calls"),
    path("calls/<str:key>/", pages.call, name="call"),
    path("calls/<str:key>/apply/", pages.start, name="application-start"),
    path("calls/<str:key>/screening/", screening_pages.screening, name="call-screening"),
    path("calls/<str:key>/duplicates/", screening_pages.look, name="call-duplicates"),
    path("calls/<str:key>/duplicates/<int:pair>/", screening_pages.decide, name="duplicate-decide"),
    path("applications/", pages.mine, name="my-applications"),
    path("applications/<str:number>/", pages.application, name="application"),
    path("applications/<str:number>/edit/", pages.edit, name="application-edit"),
    path("applications/<str:number>/submit/", pages.submit, name="application-submit"),
    path("applications/<str:number>/withdraw/", pages.withdraw, name="application-withdraw"),
]
