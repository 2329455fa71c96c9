"""Expressions as people write them: precedence, types, functions, quality."""

from __future__ import annotations

import pytest

from tieline.rules import Expression


def number(text: str) -> float:
    """The value of an expression without inputs."""
    return float(Expression.parse(text, []).evaluate({}).value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("12 / 4 / 3", 1),
        ("2 ** 3 ** 2", 64),
        ("2 * 3 ** 2", 18),
        ("2 ** -1", 0.5),
        ("(-2) ** 2", 4),
        ("-(2 ** 2)", -4),
        ("-3 + 5", 2),
        ("- -3", 3),
        ("+3", 3),
        ("7 MOD 4 * 2", 6),
        ("-7 MOD 4", -3),
        ("1 < 2 = TRUE", 1),
        ("1 = 1 <> FALSE", 1),
        ("NOT FALSE AND FALSE", 0),
        ("TRUE OR FALSE AND FALSE", 1),
        ("TRUE XOR TRUE AND FALSE", 1),
        ("TRUE OR TRUE XOR TRUE", 1),
        ("TRUE & FALSE", 0),
        ("not true or true", 1),
        ("1 + 1 > 1 AND 2 < 3", 1),
    ],
)
def test_operators_bind_as_in_structured_text(text: str, value: float) -> None:
    assert number(text) == value
