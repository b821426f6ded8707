"""The application form, made of the programme's questions.

- It only shows and collects: types and rules are judged by the operations, once, for pages and API.
- What was typed is shown again as it was typed, right or wrong.
- No input is `required` for the browser: a draft may be saved half done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django import forms
from django.utils.translation import gettext, gettext_lazy

from dure.hub.portal.reasons import sentence
from dure.hub.portal.templatetags.dure import words
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme import FormField

SELECT_FROM: Final = 6
"""As many choices as this are a list to open; fewer are seen at once (our choice)."""

YES_NO: Final = (("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No")))


class ApplicationForm(forms.Form):
    """One input a question. `typed()` is what was typed, by question."""

    use_required_attribute = False

    def __init__(
        self,
        questions: tuple[FormField, ...],
        *,
        typed: Mapping[str, str] | None = None,
        saved: Mapping[str, object] | None = None,
        problems: Mapping[str, str] | None = None,
    ) -> None:
        answers = {name: _as_typed(value) for name, value in (saved or {}).items()}
        super().__init__(typed, initial=answers, label_suffix="")
        for question in questions:
            self.fields[question.id] = _field(question)
        if problems:
            self.full_clean()
        for name, problem in (problems or {}).items():
            self.add_error(name if name in self.fields else None, problem)

    def typed(self) -> dict[str, object]:
        return {name: self.data.get(name, "") for name in self.fields}

    def _clean_fields(self) -> None:
        """Nothing is judged here."""
        self.cleaned_data = self.typed()


def worded(problems: Mapping[str, Reason]) -> dict[str, str]:
    """Problems of typing, by question, in the reader's language."""
    return {name: sentence(problem) for name, problem in problems.items()}


def _as_typed(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(", ".join(filter(None, entry.values())) for entry in value)
    return str(value)


def _field(question: FormField) -> forms.Field:
    choices = _choices(question)
    field: forms.Field
    if choices:
        field = forms.ChoiceField(choices=choices, widget=_widget(question))
    else:
        field = forms.CharField(widget=_widget(question))
    field.required = question.required
    field.label = words(question.label)
    field.help_text = " ".join(filter(None, [words(question.help), _bounds(question)]))
    return field


def _choices(question: FormField) -> list[tuple[str, str]]:
    if question.kind == "boolean":
        return [(value, str(label)) for value, label in YES_NO]
    offered = [(choice.value, words(choice.label)) for choice in question.choices]
    if len(offered) >= SELECT_FROM:
        return [("", gettext("Please choose")), *offered]
    return offered


def _widget(question: FormField) -> forms.Widget:
    match question.kind:
        case "long_text":
            return forms.Textarea(attrs={"rows": 5})
        case "organisations":
            return forms.Textarea(attrs={"rows": 4})
        case "integer":
            # A number input throws a mistyped value away before it can be shown again.
            return forms.TextInput(attrs={"inputmode": "numeric", "class": "input-short"})
        case "share":
            return forms.TextInput(attrs={"class": "input-short"})
        case "date":
            return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        case "boolean":
            return forms.RadioSelect()
        case "choice":
            many = len(question.choices) >= SELECT_FROM
            return forms.Select() if many else forms.RadioSelect()
        case "text":
            return forms.TextInput()


def _bounds(question: FormField) -> str:
    match question.kind:
        case "integer":
            return _between(question.minimum, question.maximum)
        case "long_text":
            return gettext("Up to %(limit)s characters.") % {"limit": f"{question.max_length:,}"}
        case "organisations":
            return gettext(
                "One organisation a line; its registration number, if it has one, after a comma."
            )
        case "share":
            return gettext("A share such as 1/5 or 20%.")
        case _:
            return ""


def _between(least: int | None, most: int | None) -> str:
    if least is not None and most is not None:
        return gettext("From %(least)s to %(most)s.") % {"least": f"{least:,}", "most": f"{most:,}"}
    if least is not None:
        return gettext("At least %(least)s.") % {"least": f"{least:,}"}
    if most is not None:
        return gettext("At most %(most)s.") % {"most": f"{most:,}"}
    return ""
