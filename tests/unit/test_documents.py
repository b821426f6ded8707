"""The documents keep what they say: links lead somewhere, commands exist, every word is explained.

- What is checked is what a change elsewhere breaks without anybody noticing.
- The list of words is the design's; it is written here so that none falls out of the glossary.
"""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import Final

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from dure.cli.main import app

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
DECISIONS: Final = sorted(ROOT.glob("docs/decisions/*.md"))

HEADINGS: Final = ["Context", "Decision", "Consequences", "What would change our mind"]

WORDS: Final = {
    "programme": "사업",
    "call": "공모",
    "application": "신청",
    "bid": "제안",
    "request line": "신청 자원",
    "review": "평가",
    "panel": "평가위원회",
    "round": "배분 회차",
    "allocation": "할당",
    "agreement": "협약",
    "provider": "공급사",
    "site": "센터",
    "cluster": "클러스터",
    "pool": "자원 풀",
    "block": "블록",
    "accelerator": "가속기",
    "site agent": "사이트 에이전트",
    "lend": "빌려주기",
    "take back": "회수",
    "reclaim, pull back": "환수",
    "waitlist": "대기",
    "usage record": "사용 기록",
    "ledger": "원장",
    "settlement": "정산",
    "cost share": "자부담",
    "twin": "디지털 트윈",
    "listing": "등록 모델",
    "endpoint": "엔드포인트",
}

LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
FENCED: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE: Final = re.compile(r"`([^`\n]+)`")
COMMAND: Final = re.compile(r"(?:^|[\s/(])(dure(?: [^|#\n]*)?)")
TARGET: Final = re.compile(r"\bmake (slurm-lab|[a-z]+)")
HOST: Final = re.compile(r"https?://([^/\s)\"`]+)")
PLACES_OF_A_MACHINE: Final = re.compile(r"/(?:home|root|work|opt|tmp)/\w")

NAMED_HOSTS: Final = frozenset({"semver.org", "hub.example.org", "127.0.0.1:8000"})
"""Addresses that documents may name: a standard, an example, this machine."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(document: Path) -> set[str]:
    """What a heading is called in a link, as the usual renderers make it."""
    heads = re.findall(r"^#+ (.+)$", FENCED.sub("", document.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


def broken_links(document: Path) -> list[str]:
    found = LINK.findall(FENCED.sub("", document.read_text()))
    broken = []
    for link in (inline or image for inline, image in found):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def code_of(text: str) -> list[str]:
    """The lines of fenced blocks and the inline code."""
    blocks = [line for block in FENCED.findall(text) for line in block.splitlines()[1:-1]]
    return blocks + CODE.findall(FENCED.sub("", text))


def commands(document: Path) -> list[list[str]]:
    """Each use of `dure`, as its words."""
    return [
        found.split()[1:]
        for line in code_of(document.read_text())
        for found in COMMAND.findall(line)
    ]


def unknown_part(words: list[str]) -> str | None:
    """The first word or option of a use of `dure` that the command does not know."""
    command = get_command(app)
    rest = list(takewhile(lambda word: word not in {"--", "…"}, words))
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        word = rest.pop(0)
        if word not in command.commands:
            return word
        command = command.commands[word]
    known = {"--help", *(opt for p in command.params for opt in (*p.opts, *p.secondary_opts))}
    return next((w for w in rest if w.startswith("--") and w not in known), None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken_links(document) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_every_command_named_exists(document: Path) -> None:
    unknown = [(words, part) for words in commands(document) if (part := unknown_part(words))]
    assert unknown == []


def test_the_readme_names_the_commands_of_every_group() -> None:
    groups = {words[0] for words in commands(ROOT / "README.md") if words}
    assert groups >= {"programme", "hub", "agent", "round"}


def test_every_make_target_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named_in_code = {
        target
        for document in DOCUMENTS
        for line in code_of(document.read_text())
        for target in TARGET.findall(line)
    }
    assert {"demo", "test"} <= named_in_code <= targets


def test_every_setting_of_the_hub_stands_in_the_readme() -> None:
    settings = (ROOT / "src/dure/hub/settings.py").read_text()
    read = set(re.findall(r"(?:environ\.get|_whole)\(\s*\"(DURE_\w+)\"", settings))
    told = set(re.findall(r"^\| `(DURE_\w+)`", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert read == told


@pytest.mark.parametrize("record", DECISIONS, ids=named)
def test_a_decision_record_has_its_four_headings(record: Path) -> None:
    assert re.findall(r"^## (.+)$", record.read_text(), re.MULTILINE) == HEADINGS


def test_decision_records_are_numbered_without_gaps() -> None:
    assert [int(record.name[:4]) for record in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_glossary_explains_every_word_of_the_design() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$",
        (ROOT / "GLOSSARY.md").read_text(),
        re.MULTILINE,
    )
    korean = {word: translations.split(", ")[0] for word, translations, _, _ in rows}
    assert {word: korean.get(word) for word in WORDS} == WORDS


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_no_document_names_a_machine_or_a_registry(document: Path) -> None:
    text = document.read_text()
    assert PLACES_OF_A_MACHINE.findall(text) == []
    assert set(HOST.findall(text)) <= NAMED_HOSTS


def test_files_that_the_glossary_and_the_architecture_name_exist() -> None:
    source = ROOT / "src" / "dure"
    places = [
        code
        for name in ("GLOSSARY.md", "ARCHITECTURE.md", "docs/explanations/threat-model.md")
        for code in CODE.findall(FENCED.sub("", (ROOT / name).read_text()))
        if re.fullmatch(r"[\w.-]+/[\w./-]+", code)
    ]
    missing = [p for p in places if not ((source / p).exists() or (ROOT / p).exists())]
    assert (missing, len(places) > len(WORDS)) == ([], True)
