"""Addresses of what-if studies."""

from django.urls import path, register_converter

from dure.hub.studies import asking_pages, pages
from dure.hub.studies.queries import REPORTS


class ReportLanguage:
    """A language that reports are written in."""

    regex = "|".join(REPORTS)

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ReportLanguage, "report_language")

urlpatterns = [
    path("studies/", pages.studies, name="studies"),
    path("studies/new/", asking_pages.ask, name="study-ask"),
    path("studies/new/text/", asking_pages.ask_text, name="study-ask-text"),
    path("studies/<int:pk>/", pages.study, name="study"),
    path("studies/<int:pk>/progress/", pages.progress, name="study-progress"),
    path("studies/<int:pk>/report/<report_language:language>/", pages.report, name="study-report"),
    path("studies/<int:pk>/files/<str:name>", pages.download, name="study-file"),
    path("studies/<int:pk>/cancel/", pages.cancel, name="study-cancel"),
    path("studies/<int:pk>/remove/", pages.remove, name="study-remove"),
]
