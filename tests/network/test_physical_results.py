"""How a computed figure is judged and shown."""

from __future__ import annotations

import math

import pytest

from tieline.network.result import Input, Result, Verdict, at_least, at_most, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7.0, "7.00"),
        (78.896, "78.90"),
        (0.0375, "0.037"),
        (0.00012, "0.00012"),
        (-0.12, "-0.12"),
        (12_345.678, "12,345.68"),
        (0.0, "0.00"),
        (math.inf, "unbounded"),
        (math.nan, "not known"),
    ],
)
def test_a_figure_has_two_decimals_or_two_digits(value: float, text: str) -> None:
    assert shown(value) == text


def test_rounding_is_no_fault() -> None:
    assert at_most(0.1 + 0.2, 0.3) == (pytest.approx(0), Verdict.OK)
    assert at_least(0.3, 0.1 + 0.2)[1] is Verdict.OK
    assert at_most(1.001, 1)[1] is Verdict.FAILS
    assert at_most(math.nan, 1) == (None, Verdict.UNKNOWN)
    assert at_least(1, None) == (None, Verdict.INFORMATION)


def test_a_result_says_everything_that_is_needed_to_check_it() -> None:
    result = Result(
        what="optical loss",
        subject="trunk",
        value=math.nan,
        unit="dBm",
        formula="a + b",
        inputs=(
            Input(name="a", value=5, origin="links.csv"),
            Input(name="b", value=0.5, unit="dB"),
            Input(name="c", value="text"),
        ),
        source="a standard",
        limit=-3,
        margin=1,
        verdict=Verdict.UNKNOWN,
        note="b is missing",
    )
    assert str(result).splitlines() == [
        "trunk: optical loss not known, limit -3.00 dBm, margin 1.00 dB: unknown",
        "  b is missing",
        "  formula: a + b",
        "  with: a = 5 (links.csv); b = 0.50 dB; c = text",
        "  source: a standard",
    ]
