"""Long lists, a page at a time."""

from __future__ import annotations

from typing import Final, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

PAGE_SIZE: Final = 50
"""Rows of one page: two screens on a desk, and the query budget's unit (our choice)."""

M = TypeVar("M", bound=Model)


def listing(request: HttpRequest, rows: QuerySet[M], *, size: int = PAGE_SIZE) -> Page[M]:
    """The page that `?page=` names; the nearest one where there is no such page."""
    return Paginator(rows, size).get_page(request.GET.get("page"))
