"""Filter of the audit chain."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from dure.hub.portal.filters import Filter, words


class EventFilter(Filter):
    """Narrows the events."""

    subject = words(_("Object"))
