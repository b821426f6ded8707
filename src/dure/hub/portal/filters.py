"""Filters of long lists: fields in the address, so that a narrowed list can be passed on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Choices = Iterable[tuple[str, str | Promise]]


class Filter(forms.Form):
    """Fields that narrow a list. What is not understood narrows nothing."""

    def __init__(self, data: QueryDict, **choices: Choices) -> None:
        super().__init__(data, label_suffix="")
        for name, offered in choices.items():
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = [("", _("All")), *offered]

    @property
    def kept(self) -> dict[str, str]:
        """The understood fields, by name."""
        self.is_valid()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}


def any_of(label: _StrPromise) -> forms.ChoiceField:
    """One of the choices, or all."""
    return forms.ChoiceField(label=label, required=False)


def words(label: _StrPromise) -> forms.CharField:
    """A part of some text."""
    return forms.CharField(label=label, required=False, max_length=100)
