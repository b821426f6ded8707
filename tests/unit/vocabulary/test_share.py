"""A share as people write it; and none that takes minutes to read."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dure.quantities import Share


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        ("12%", Fraction(3, 25)),
        ("0.12", Fraction(3, 25)),
        (0.12, Fraction(3, 25)),
        (1e-05, Fraction(1, 100_000)),
        ("3/25", Fraction(3, 25)),
        (" 12.5 % ", Fraction(1, 8)),
        (".5", Fraction(1, 2)),
        ("1", Fraction(1)),
    ],
)
def test_a_share_is_read_exactly(written: str | float, exact: Fraction) -> None:
    assert Share.parse(written) == exact


@pytest.mark.parametrize("written", ["1e-99999999", "1e99999999%", "nan", "inf", "", "%", "1_0%"])
def test_what_is_no_share_is_refused_at_once(written: str) -> None:
    with pytest.raises(ValueError, match="not a share"):
        Share.parse(written)
