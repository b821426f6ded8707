"""The forms of incidents: narrowing the list, and announcing maintenance."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dure.hub.incidents.models import LONGEST_WHY
from dure.hub.portal.filters import Filter, any_of, words
from dure.hub.supply.models import Pool

_BETWEEN: Final = re.compile(r"[\s,]+")


class IncidentFilter(Filter):
    """Narrows the list."""

    state = any_of(_("State"))
    pool = any_of(_("Pool"))
    node = words(_("Server"))


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class MaintenanceForm(forms.Form):
    """What a provider says of a window; instants are in the programme's zone."""

    use_required_attribute = False

    pool = forms.ChoiceField(label=_("Pool"))
    nodes = forms.CharField(
        label=_("Servers"),
        required=False,
        max_length=2000,
        help_text=_("Their names in the cluster, by commas or spaces. Empty: the whole pool."),
    )
    starts_at = forms.DateTimeField(label=_("Begins"), widget=_moment())
    ends_at = forms.DateTimeField(label=_("Ends"), widget=_moment())
    why = forms.CharField(
        label=_("What for"),
        required=False,
        max_length=LONGEST_WHY,
        help_text=_("Owners read this."),
    )

    def __init__(self, pools: dict[str, Pool], data: QueryDict | None = None) -> None:
        super().__init__(data, label_suffix="")
        self._pools = pools
        field = self.fields["pool"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [(key, f"{pool.model} · {key}") for key, pool in pools.items()]

    def clean(self) -> dict[str, object]:
        given = super().clean() or {}
        starts, ends = given.get("starts_at"), given.get("ends_at")
        if isinstance(starts, datetime) and isinstance(ends, datetime) and ends <= starts:
            self.add_error("ends_at", gettext("It ends before it begins."))
        return given

    @property
    def window(self) -> dict[str, Any]:
        """What the operation takes."""
        given = self.cleaned_data
        return {
            "pool": self._pools[given["pool"]],
            "nodes": [name for name in _BETWEEN.split(given["nodes"]) if name],
            "starts_at": given["starts_at"],
            "ends_at": given["ends_at"],
            "why": given["why"],
        }
