"""What the frame of every page needs."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext

from dure.hub.notices.queries import unread
from dure.hub.people.models import User
from dure.hub.portal.navigation import menu
from dure.hub.portal.templatetags.dure import words
from dure.hub.supply.queries import programme


def portal(request: HttpRequest) -> dict[str, object]:
    rules = getattr(request, "programme", None) or programme()
    user = getattr(request, "user", None)
    return {
        "programme": rules,
        "programme_name": words(rules.name) if rules else gettext("Dure shared computing"),
        "agency": words(rules.agency) if rules else "",
        "zone": rules.time_zone if rules else "",
        "menu": menu(request),
        "unread": unread(by=user) if isinstance(user, User) else 0,
    }
