"""However a good file is spoilt, what comes back is a programme or lines: no traceback."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dure.vocabulary.programme_file import Problem, ProgrammeFileError, parse_programme

SMALL = (Path(__file__).parent / "small_programme.yaml").read_text(encoding="utf-8")
KEYS = [match.span(1) for match in re.finditer(r"(?:^|[ {-])([A-Za-z0-9_]+):", SMALL, re.MULTILINE)]
LINES = SMALL.splitlines(keepends=True)


def problem_lines(text: str) -> list[int]:
    """The lines named; empty for a good file. Anything but a ProgrammeFileError fails the test."""
    problems: tuple[Problem, ...]
    try:
        parse_programme(text, file="f")
    except ProgrammeFileError as error:
        problems = error.problems
    else:
        return []
    assert problems
    assert all(problem.message for problem in problems)
    assert list(problems) == sorted(problems, key=lambda p: (p.line, p.column, p.field))
    return [problem.line for problem in problems]


@settings(max_examples=60, deadline=None)
@given(key=st.sampled_from(KEYS), letters=st.text("abcxyz", min_size=1, max_size=4))
def test_a_misspelt_key_is_told_with_its_own_line(key: tuple[int, int], letters: str) -> None:
    start, end = key
    spoilt = SMALL[:end] + letters + SMALL[end:]

    assert SMALL[:start].count("\n") + 1 in problem_lines(spoilt)


@settings(max_examples=60, deadline=None)
@given(dropped=st.sets(st.integers(0, len(LINES) - 1), min_size=1, max_size=4))
def test_dropped_lines_give_a_programme_or_lines_of_the_file(dropped: set[int]) -> None:
    spoilt = "".join(line for number, line in enumerate(LINES) if number not in dropped)

    assert all(1 <= line <= len(LINES) + 1 for line in problem_lines(spoilt))


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(SMALL)), typed=st.text(min_size=1, max_size=6))
def test_anything_typed_anywhere_gives_a_programme_or_lines_of_the_file(
    at: int, typed: str
) -> None:
    spoilt = SMALL[:at] + typed + SMALL[at:]

    assert all(line >= 1 for line in problem_lines(spoilt))


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.sampled_from("ab:-[]{},&*!|>'\"#%@` \n\t0123.~?"), max_size=60))
def test_any_text_at_all_gives_lines(text: str) -> None:
    assert problem_lines(text)


def test_deep_nesting_is_refused_and_not_recursed_into() -> None:
    assert problem_lines("[" * 5000) == [1]
