"""Addresses of the months' pages."""

from django.urls import path

from dure.hub.reports import pages

urlpatterns = [
    path("months/", pages.months, name="months"),
    path("months/close/", pages.close, name="month-close"),
    path("months/<int:year>/<int:month>/", pages.month, name="month"),
    path("months/<int:year>/<int:month>/statement.csv", pages.as_csv, name="month-csv"),
    path("months/<int:year>/<int:month>/statement.xlsx", pages.as_xlsx, name="month-xlsx"),
]
