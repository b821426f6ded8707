"""The form made of a programme's questions, and the reasons it shows."""

from __future__ import annotations

import pytest
from django.template import Context, Template
from django.utils import translation

from dure.hub.calls.forms import ApplicationForm, worded
from dure.hub.portal.reasons import sentence
from dure.vocabulary.frozen import Text
from dure.vocabulary.plans import Reason
from dure.vocabulary.programme import FormField

LABEL = Text(ko="물음", en="Question")
PAIR = [
    {"value": "a", "label": {"ko": "가", "en": "A"}},
    {"value": "b", "label": {"ko": "나", "en": "B"}},
]


def question(kind: str, **more: object) -> FormField:
    return FormField.model_validate({"id": "q", "label": LABEL, "kind": kind, **more})


def shown(form: ApplicationForm, language: str = "en") -> str:
    template = Template('{% for field in form %}{% include "portal/field.html" %}{% endfor %}')
    with translation.override(language):
        return template.render(Context({"form": form}))


@pytest.mark.parametrize(
    ("field", "holds"),
    [
        (question("text"), '<input type="text" name="q"'),
        (question("long_text"), '<textarea name="q"'),
        (question("integer"), 'inputmode="numeric"'),
        (question("date"), '<input type="date" name="q"'),
        (question("share"), '<input type="text" name="q"'),
        (question("boolean"), '<input type="radio" name="q" value="yes"'),
        (question("choice", choices=PAIR), '<input type="radio" name="q" value="a"'),
        (question("choice", choices=PAIR * 3), '<select name="q"'),
    ],
)
def test_every_kind_of_question_has_an_input(field: FormField, holds: str) -> None:
    assert holds in shown(ApplicationForm((field,)))


def test_what_was_mistyped_is_shown_again_with_its_problem() -> None:
    problems = {"q": Reason(code="answer.not_a_number")}
    with translation.override("en"):
        form = ApplicationForm(
            (question("integer"),), typed={"q": "four <b>"}, problems=worded(problems)
        )
    page = shown(form)
    assert 'value="four &lt;b&gt;"' in page
    assert 'aria-invalid="true"' in page
    assert 'id="id_q_error"><p class="error">Please write a whole number.' in page
    assert "id_q_error" in page.split("aria-describedby=")[1][:40]


def test_saved_answers_come_back_as_they_are_typed() -> None:
    form = ApplicationForm((question("boolean"),), saved={"q": False})
    assert 'value="no" id="id_q_1" checked' in shown(form)


def test_a_question_is_asked_in_the_readers_language() -> None:
    with translation.override("ko"):
        form = ApplicationForm((question("integer", minimum=1, maximum=32),))
    page = shown(form, "ko")
    assert "물음" in page
    assert "1부터 32까지." in page


def test_a_reason_groups_numbers_and_keeps_words() -> None:
    reason = Reason(code="ledger.charge", params={"amount": 1234567, "pool": "naver"})
    with translation.override("en"):
        assert (
            sentence(reason) == "Used by the project: 1,234,567 accelerator-seconds on pool naver."
        )


def test_a_reason_in_a_page_is_escaped() -> None:
    reason = Reason(code="allocation.standing", params={"holder": "<script>"})
    page = Template("{% load dure %}{% reason given %}").render(Context({"given": reason}))
    assert "&lt;script&gt;" in page


def test_an_old_decisions_reason_stays_readable() -> None:
    assert sentence({"code": "gone.code", "params": {}}) == "gone.code"
    with translation.override("en"):
        assert "{pool}" in sentence({"code": "ledger.charge", "params": {"amount": 1}})
