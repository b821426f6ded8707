"""Which month to close."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class MonthForm(forms.Form):
    """A month of the programme's calendar."""

    # Four digits are what a year is written with; the month must have ended to be closed anyway.
    year = forms.IntegerField(label=_("Year"), min_value=2000, max_value=9998)
    month = forms.IntegerField(label=_("Month"), min_value=1, max_value=12)
