"""Registration numbers: check digits of published numbers, spellings, foreign forms."""

from __future__ import annotations

import pytest

from dure.vocabulary.registration_numbers import comparable, is_wrong, standard

# Published in the footers and filings of Samsung Electronics, Naver, Kakao.
PUBLISHED = ("124-81-00998", "220-81-62517", "120-81-47521", "130111-0006246")


@pytest.mark.parametrize("number", PUBLISHED)
def test_a_published_number_is_right_however_it_is_spelt(number: str) -> None:
    bare = number.replace("-", "")
    assert not is_wrong(number)
    assert not is_wrong(bare)
    assert comparable(number) == comparable(f" {bare[:3]} {bare[3:]} ") == bare


@pytest.mark.parametrize("number", PUBLISHED[:3])
def test_any_one_digit_mistyped_is_seen(number: str) -> None:
    for at, digit in enumerate(number):
        if digit.isdigit():
            for other in set("0123456789") - {digit}:
                mistyped = number[:at] + other + number[at + 1 :]
                # The tax office's tenth of the ninth digit leaves two values with one check digit.
                if at != 10:
                    assert is_wrong(mistyped), mistyped


@pytest.mark.parametrize("number", ["", "lessor-number", "U72200KA2013PTC097389", "12-3456789"])
def test_numbers_of_other_forms_are_left_alone(number: str) -> None:
    assert not is_wrong(number)


@pytest.mark.parametrize("number", PUBLISHED)
def test_one_number_is_kept_in_one_spelling(number: str) -> None:
    bare = number.replace("-", "")
    assert standard(bare) == standard(number) == standard(f" {bare[:3]} {bare[3:]}") == number


@pytest.mark.parametrize("number", ["", "lessor-number", "U72200KA2013PTC097389", "12-3456789"])
def test_a_number_of_another_form_is_kept_as_it_is(number: str) -> None:
    assert standard(f" {number} ") == number
