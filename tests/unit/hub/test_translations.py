"""No sentence without its Korean.

- The strings of code and pages are gathered anew with gettext's own tools where they are installed;
  without them only what is already in the .po file is looked at, and the test says so.
- The compiled .mo must say what the .po says.
- A translation fills in the same parameters as its sentence.
"""

from __future__ import annotations

import gettext
import re
import shutil
from ast import literal_eval
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

import dure
from dure.hub.portal.reasons import sentence
from dure.vocabulary.reasons import CATALOGUE

SOURCE = Path(dure.__file__).parent
LOCALE = SOURCE / "hub" / "locale"
PARAMETER = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


@dataclass
class Message:
    """One entry of a .po file: its parts by keyword."""

    parts: dict[str, str] = field(default_factory=dict)
    fuzzy: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.parts.get("msgctxt", ""), self.parts["msgid"]

    @property
    def said(self) -> list[str]:
        return [text for keyword, text in self.parts.items() if keyword.startswith("msgstr")]


def messages(file: Path) -> Iterator[Message]:
    """The entries of a .po file, its header left out."""
    for block in file.read_text().split("\n\n"):
        message, keyword = Message(), ""
        for line in block.splitlines():
            if line.startswith("#,"):
                message.fuzzy = "fuzzy" in line
            elif line.startswith("msg"):
                keyword, _, text = line.partition(" ")
                message.parts[keyword] = literal_eval(text)
            elif line.startswith('"'):
                message.parts[keyword] += literal_eval(line)
        if message.parts.get("msgid"):
            yield message


def po(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def untranslated(file: Path) -> list[str]:
    return [
        message.parts["msgid"]
        for message in messages(file)
        if message.fuzzy or not all(message.said)
    ]


def test_every_sentence_gathered_so_far_has_its_korean() -> None:
    assert untranslated(po("ko")) == []


@pytest.mark.skipif(
    shutil.which("xgettext") is None,
    reason="gettext is not installed: new sentences are not looked for, the .po file alone was",
)
def test_every_sentence_of_code_and_pages_is_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "dure"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("static", "__pycache__", "*.mo"))
    monkeypatch.chdir(copy)
    with override_settings(LOCALE_PATHS=[copy / "hub" / "locale"]):
        call_command("makemessages", locale=["ko"], no_location=True, no_obsolete=True, verbosity=0)
    fresh = copy / "hub" / "locale" / "ko" / "LC_MESSAGES" / "django.po"
    assert untranslated(fresh) == [], "run `make translations` and translate these"
    gone = {m.key for m in messages(po("ko"))} - {m.key for m in messages(fresh)}
    assert gone == set(), "run `make translations`: nothing says these any more"


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_compiled_file_says_what_the_written_one_says(language: str) -> None:
    with po(language).with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in messages(po(language)):
        context, msgid = message.key
        if not all(message.said):
            continue
        if "msgid_plural" in message.parts:
            plural = message.parts["msgid_plural"]
            found = (
                compiled.npgettext(context, msgid, plural, 1)
                if context
                else compiled.ngettext(msgid, plural, 1)
            )
        else:
            found = compiled.pgettext(context, msgid) if context else compiled.gettext(msgid)
        assert found == message.said[0], "the .mo file is stale: run `make translations`"


def test_a_translation_fills_in_the_same_parameters() -> None:
    differing = []
    for message in messages(po("ko")):
        plural = message.parts.get("msgid_plural", "")
        asked = set(PARAMETER.findall(message.parts["msgid"] + plural))
        differing += [
            message.parts["msgid"] for said in message.said if set(PARAMETER.findall(said)) != asked
        ]
    assert differing == []


def test_every_reason_of_the_catalogue_is_said_in_korean() -> None:
    hangul = re.compile("[가-힣]")
    assert [code for code in CATALOGUE if not hangul.search(sentence({"code": code}))] == []
