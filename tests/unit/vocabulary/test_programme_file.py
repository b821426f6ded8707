"""What a programme officer reads when a file is wrong: line, field and a sentence, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dure.vocabulary.programme_file import Problem, ProgrammeFileError, parse_programme

SMALL = (Path(__file__).parent / "small_programme.yaml").read_text(encoding="utf-8")

RULES = """allotment:
  rules:
    - {{id: a, label: {{ko: 가, en: A}}, {first}}}
    - {{id: b, label: {{ko: 나, en: B}}, {second}}}
"""
NINE_OF_FIVE = "least: {servers: 9}, most: {servers: 5}"
ACADEMIA_60 = "sectors: [academia], least: {share: 60%}"
INDUSTRY_60 = "sectors: [industry], least: {share: 60%}"
PART_30 = "sectors: [academia], models: [H200], least: {share: 30%}"

# what to change, into what -> everything that is then said: "line: field: message | hint"
BROKEN: dict[str, tuple[str, str, list[str]]] = {
    "a required field is missing": (
        "currency: KRW\n",
        "",
        ["1: currency: 'currency' is missing"],
    ),
    "a field inside a list entry is missing": (
        "    memory_gb: 141\n",
        "",
        ["13: accelerators[0].memory_gb: 'memory_gb' is missing"],
    ),
    "a name is given in one language": (
        "agency: {ko: 기관, en: Agency}",
        "agency: {ko: 기관}",
        ["4: agency.en: 'en' is missing"],
    ),
    "a name is given as a sentence": (
        "agency: {ko: 기관, en: Agency}",
        "agency: Agency",
        [
            (
                "4: agency: write a group of fields here: one 'name: value' line for each"
                " | a name or sentence is written in both languages: {ko: …, en: …}"
            )
        ],
    ),
    "a field is misspelt and not told as missing too": (
        "time_zone:",
        "time_zome:",
        ["5: time_zome: there is no field 'time_zome' here | did you mean 'time_zone'?"],
    ),
    "a field of a rule is misspelt": (
        "    limit: 4",
        "    limits: 4",
        [
            "69: eligibility[0].limits: there is no field 'limits' here | did you mean 'limit'?",
        ],
    ),
    "a field is unknown and like no other": (
        "    share: 20%",
        "    share: 20%\n    xyz: 1",
        [
            (
                "61: quotas[0].xyz: there is no field 'xyz' here"
                " | known here: id, label, sectors, share, enforcement, source"
            )
        ],
    ),
    "a choice is misspelt": (
        "engine: slurm",
        "engine: slrum",
        [
            (
                "32: providers[0].sites[0].clusters[0].engine: 'slrum' is none of the choices:"
                " local, simulated, slurm, kueue | did you mean 'slurm'?"
            )
        ],
    ),
    "a kind of rule is misspelt": (
        "kind: at_most",
        "kind: at_mst",
        [
            (
                "67: eligibility[0].kind: 'at_mst' is none of the choices: one_of, at_most,"
                " at_least, affirmed, answered, sums_to, valid_until, holds_certificate,"
                " consortium, not_lessor, no_running_award, not_sanctioned, no_late_report,"
                " at_most_applications | did you mean 'at_most'?"
            )
        ],
    ),
    "a kind of rule is missing": (
        "    kind: use_against_award\n",
        "",
        [
            (
                "88: reclaim[0].kind: 'kind' is missing | write 'kind: …', one of: idle_job,"
                " late_report, linear_expiry, low_occupancy, use_against_award, use_against_plan"
            )
        ],
    ),
    "a number is not whole": (
        "nodes: 10\n",
        "nodes: 10.5\n",
        [
            "36: providers[0].sites[0].clusters[0].pools[0].nodes: write a whole number here",
        ],
    ),
    "a share is more than the whole": (
        "share: 20%",
        "share: 120%",
        ["60: quotas[0].share: a share lies between 0 and 1, not 6/5"],
    ),
    "a weight would take all memory to read": (
        "weight: 1\n",
        "weight: 1e999999999\n",
        ["20: accelerators[0].weight: write a number such as 0.8, 2 or 3/25"],
    ),
    "a day does not exist": (
        "opens: 2026-01-05",
        "opens: 2026-02-31",
        ["80: calls[0].opens: '2026-02-31' cannot be read as a date | write a day that exists"],
    ),
    "the dates run backwards": (
        "closes: 2026-01-30",
        "closes: 2026-04-30",
        ["76: calls[0]: the dates must run: opens, closes, supply_from"],
    ),
    "a value was forgotten": (
        "tie_break_seed: small/first",
        "tie_break_seed:",
        ["84: calls[0].tie_break_seed: nothing stands here; write text"],
    ),
    "a list is empty": (
        "pools: [pool]\n    opens",
        "pools: []\n    opens",
        ["79: calls[0].pools: this list needs at least 1 entry"],
    ),
    "an id holds a space": (
        "id: small\n",
        "id: small one\n",
        ["2: id: an id holds letters, digits, '.', '_' and '-', and starts with a letter or digit"],
    ),
    "the currency is a word": (
        "currency: KRW",
        "currency: won",
        ["6: currency: write the currency as three capital letters, such as KRW"],
    ),
    "the time zone is unknown": (
        "Asia/Seoul",
        "Asia/Soul",
        ["5: time_zone: 'Asia/Soul' is not a time zone; write one such as Asia/Seoul"],
    ),
    "a provider's registration number is mistyped": (
        "    name: {ko: 공급사, en: Supplier}",
        "    name: {ko: 공급사, en: Supplier}\n    registration_number: 124-81-00999",
        [
            (
                "25: providers[0].registration_number: '124-81-00999' is not right: its check digit"
                " does not fit; compare each digit"
            )
        ],
    ),
    "own use is more than the pool": (
        "own_use_nodes: 2",
        "own_use_nodes: 12",
        [
            (
                "34: providers[0].sites[0].clusters[0].pools[0]: own use (12) and spares (0) exceed"
                " the pool's 10 nodes"
            )
        ],
    ),
    "the pools do not add up to the published figure": (
        "value: 8",
        "value: 9",
        [
            "43: published_figures[0].value: published is 9, but the pools named add up to 8",
        ],
    ),
    "the rubric's points do not add up": (
        "points: 100",
        "points: 90",
        ["72: rubric: the criteria's points add up to 90, not to the rubric's total 100"],
    ),
    "a pool has no servers": (
        "nodes: 10\n",
        "nodes: 0\n",
        ["36: providers[0].sites[0].clusters[0].pools[0].nodes: this must be more than 0"],
    ),
    "floors of groups apart add up to more than the whole": (
        "form:\n",
        f"{RULES.format(first=ACADEMIA_60, second=INDUSTRY_60)}form:\n",
        [
            (
                "65: allotment.rules[1].least: these floors add up to 120 % of the programme"
                " (a 60 % of the programme, b 60 % of the programme), but there is only 100 % of"
                " the programme; lower one of them"
            )
        ],
    ),
    "a floor is above its own cap": (
        "form:\n",
        f"{RULES.format(first=NINE_OF_FIVE, second=INDUSTRY_60)}form:\n",
        [
            (
                "64: allotment.rules[0].least: the floor asks for 9 servers, but 'a' allows its"
                " group 5 servers at most; lower the floor or raise the cap"
            )
        ],
    ),
    "a quota's cap is below the floor of a part of its group": (
        "enforcement: target\nform:\n",
        f"enforcement: cap\n{RULES.format(first=PART_30, second=INDUSTRY_60)}form:\n",
        [
            (
                "64: allotment.rules[0].least: the floor asks for 30 % of the programme, but"
                " 'research' allows its group 20 % of the programme at most; lower the floor or"
                " raise the cap"
            )
        ],
    ),
    "a reference leads nowhere, though a like name is there": (
        "pools: [pool]\n    opens",
        "pools: [pol]\n    opens",
        ["79: calls[0].pools[0]: there is no pool 'pol'; did you mean 'pool'?"],
    ),
    "a reference leads nowhere": (
        "sectors: [academia]",
        "sectors: [ministry]",
        ["59: quotas[0].sectors[0]: there is no sector 'ministry'; declared: academia, industry"],
    ),
    "a model that is not declared bounds a track": (
        "{H200: 4}",
        "{B200: 4}",
        [
            (
                "50: tracks[0].max_amount_by_model.B200: there is no accelerator 'B200';"
                " declared: H200"
            ),
        ],
    ),
    "a condition asks a question that the form does not": (
        "when: {agrees: true}",
        "when: {agree: true}",
        [
            "70: eligibility[0].when.agree: there is no form field 'agree'; did you mean 'agrees'?",
        ],
    ),
    "a rule judges a field of another kind": (
        "en: Servers}, kind: integer}",
        "en: Servers}, kind: date}",
        [
            (
                "68: eligibility[0].field: a rule of kind at_most judges a field of kind integer;"
                " 'servers' is of kind date"
            )
        ],
    ),
    "an id is declared twice": (
        "{id: agrees, label",
        "{id: servers, label",
        [
            "64: form[1].id: the form field 'servers' is declared twice",
            "70: eligibility[0].when.agrees: there is no form field 'agrees'; declared: servers",
            (
                "86: cost_shares[0].reductions.agrees: there is no form field 'agrees'; declared:"
                " servers"
            ),
        ],
    ),
    "a field stands twice": (
        "    months: 12\n",
        "    months: 12\n    months: 6\n",
        ["84: calls[0].months: 'months' stands here twice, first in line 83"],
    ),
    "a field's name is no text": (
        "currency: KRW",
        "currency: KRW\nyes: 1",
        ["7: yes: a field's name must be text | put it in quotes"],
    ),
    "a tab indents": (
        "    nodes: 10",
        "\tnodes: 10",
        ["36: there is a tab here | indent with spaces"],
    ),
    "a bracket is not closed": (
        "sectors: [academia]",
        "sectors: [academia",
        [
            (
                "60: this is not readable YAML: expected ',' or ']', but got ':'"
                " | look at the colons, quotes and indentation of this line and the one above"
            )
        ],
    ),
    "an anchor is used": (
        "share: 20%",
        "share: &share 20%",
        ["60: '&name' and '*name' are not read here | write the values out"],
    ),
    "a tag is used": (
        "share: 20%",
        "share: !!python/name:os.system 20%",
        ["60: tags such as '!!int' are not read | write the values out"],
    ),
    "a control character slipped in": (
        "share: 20%",
        "share: 2\x000%",
        ["60: there is a control character here | delete it; save as UTF-8"],
    ),
    "two programmes stand in one file": (
        "currency: KRW",
        "currency: KRW\n---\nid: second",
        ["7: a second document begins here; one file holds one programme | write the values out"],
    ),
}


def said(text: str) -> list[str]:
    """Everything that is said of `text`, without the file's name; nothing if it is good."""
    try:
        parse_programme(text, file="f")
    except ProgrammeFileError as error:
        return [f"{p}{f' | {p.hint}' if p.hint else ''}"[2:] for p in error.problems]
    return []


def test_the_small_programme_is_good() -> None:
    assert said(SMALL) == []


@pytest.mark.parametrize(("old", "new", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_says(old: str, new: str, expected: list[str]) -> None:
    assert SMALL.count(old) == 1

    assert said(SMALL.replace(old, new)) == expected


def test_everything_wrong_is_said_at_once_in_the_order_of_the_file() -> None:
    text = SMALL
    for old, new in (
        ("id: small\n", "id: small one\n"),
        ("memory_gb: 141", "memory_gb: much"),
        ("pools: [pool]\n    opens", "pools: [pol]\n    opens"),
        ("supply_from: 2026-03-02", "supply_from: soon"),
        ("sectors: [academia]", "sectors: [industy]"),
    ):
        text = text.replace(old, new)

    assert [(p.line, p.field) for p in problems(text)] == [
        (2, "id"),
        (16, "accelerators[0].memory_gb"),
        (59, "quotas[0].sectors[0]"),
        (79, "calls[0].pools[0]"),
        (82, "calls[0].supply_from"),
    ]


def test_a_broken_section_does_not_make_every_reference_to_it_look_broken() -> None:
    text = SMALL.replace("  - {id: academia", "  - {idd: academia")

    assert [p.field for p in problems(text)] == ["sectors[0].idd"]


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ProgrammeFileError) as caught:
        parse_programme(text, file="f")
    return caught.value.problems
