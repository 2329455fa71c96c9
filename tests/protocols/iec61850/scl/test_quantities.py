"""Units in the words of the standard's editions and of tools become Tieline's."""

from __future__ import annotations

import pytest

from tieline.protocols.iec61850.scl.quantities import scaled, unit_of


@pytest.mark.parametrize(
    ("si_unit", "multiplier", "unit"),
    [
        ("V", "k", "kV"),
        ("A", "", "A"),
        ("W", "M", "MW"),
        ("Watts", "Mega", "MW"),
        ("62", "6", "MW"),
        ("38", "3", "kW"),
        ("VAr", "M", "Mvar"),
        ("VA", "k", "kVA"),
        ("Hz", "none", "Hz"),
        ("s", "m", "ms"),
        ("s", "µ", "µs"),
        ("s", "μ", "µs"),
        ("deg", "", "°"),
        ("°C", "", "°C"),
        ("23", "", "°C"),
        ("Wh", "k", "kWh"),
        ("VArh", "M", "Mvarh"),
        ("cos(theta)", "", ""),
        ("none", "", ""),
        ("1", "c", "%"),
        (" V ", " k ", "kV"),
        ("Ω", "", "ohm"),
        ("furlong", "", None),
        ("V", "hecta", None),
        ("V", "99", None),
        ("", "", None),
    ],
)
def test_a_unit_is_found(si_unit: str, multiplier: str, unit: str | None) -> None:
    assert unit_of(si_unit, multiplier) == unit


def test_numbers_are_scaled_to_their_base_unit() -> None:
    assert scaled(20.0, "k") == 20_000.0
    assert scaled(4.0, "m") == pytest.approx(0.004)
    assert scaled(1.0, "x") is None
    assert scaled(1e300, "Y") is None
