from __future__ import annotations

import cmath
import math

import pytest

from tieline.model import Quality

from .plans import Station

POINTS = [
    "va analog kV", "vb analog kV", "vc analog kV", "fa analog deg", "fb analog deg", "fc analog deg",
    "ia analog A", "ib analog A", "ic analog A", "ga analog rad", "gb analog rad", "gc analog rad",
    "pa analog MW", "pb analog MW", "pc analog MW", "qa analog Mvar", "qb analog Mvar", "qc analog Mvar",
    "uab analog kV", "ubc analog kV", "uca analog kV",
]  # fmt: skip
KEYS = {
    "voltage": ["va", "vb", "vc"],
    "voltage_angle": ["fa", "fb", "fc"],
    "current": ["ia", "ib", "ic"],
    "current_angle": ["ga", "gb", "gc"],
    "active_power": ["pa", "pb", "pc"],
    "reactive_power": ["qa", "qb", "qc"],
    "line_voltage": ["uab", "ubc", "uca"],
}

U = (11.6, 11.4, 11.9)
U_DEG = (0.0, -121.0, 118.5)
I = (210.0, 190.0, 240.0)  # noqa: E741 - its symbol
I_DEG = (-25.0, -150.0, 100.0)
P = (2.0, 2.1, -1.0)
Q = (0.5, -0.25, 0.75)
LINE = (20.1, 19.6, 20.4)
GIVEN = dict(
    zip(
        [name for names in KEYS.values() for name in names],
        [*U, *U_DEG, *I, *map(math.radians, I_DEG), *P, *Q, *LINE],
        strict=True,
    )
)


def show(what: str, *keys: str, change: dict[str, float] | None = None, quality: int = 0, **more: str) -> tuple[float, int]:
    text = f'[[calculations]]\nname = "a"\nfunction = "three_phase"\nshow = "{what}"\n'
    text += "".join(f"{key} = {[f'm/{name}' for name in KEYS[key]]!r}\n" for key in keys)
    text += "".join(f'{key} = "{value}"\n' for key, value in more.items())
    alpha = Station(text, POINTS)
    given = {**GIVEN, **(change or {})}
    used = [name for key in keys for name in KEYS[key]]
    rows = [(name, 1.0, given[name], quality if name == used[-1] else 0) for name in used]
    ((_, value, found),) = alpha.of(alpha.take(*rows), "a")
    return value, found


def phasor(magnitudes: tuple[float, ...], degrees: tuple[float, ...]) -> list[complex]:
    return [cmath.rect(size, math.radians(angle)) for size, angle in zip(magnitudes, degrees, strict=True)]


PHASORS = ("voltage", "voltage_angle", "current", "current_angle")
UV, IV = phasor(tuple(1e3 * u for u in U), U_DEG), phasor(I, I_DEG)
S = sum(u * i.conjugate() for u, i in zip(UV, IV, strict=True))


@pytest.mark.parametrize(
    ("what", "keys", "more", "expected"),
    [
        ("active_power", ("active_power",), {}, sum(P)),
        ("reactive_power", ("reactive_power",), {"unit": "kvar"}, 1e3 * sum(Q)),
        ("active_power", PHASORS, {"unit": "MW"}, S.real / 1e6),
        ("reactive_power", PHASORS, {"unit": "Mvar"}, S.imag / 1e6),
        ("apparent_power", PHASORS, {"unit": "MVA"}, abs(S) / 1e6),
        ("apparent_power", ("active_power", "reactive_power"), {"unit": "MVA"}, math.hypot(sum(P), sum(Q))),
        ("apparent_power", ("voltage", "current"), {"unit": "kVA", "method": "arithmetic"},
         sum(u * i for u, i in zip(U, I, strict=True))),
        ("power_factor", ("active_power", "reactive_power"), {}, sum(P) / math.hypot(sum(P), sum(Q))),
        ("power_factor", ("active_power", "voltage", "current"), {"method": "arithmetic"},
         1e6 * sum(P) / sum(1e3 * u * i for u, i in zip(U, I, strict=True))),
        ("neutral_current", ("current", "current_angle"), {"unit": "A"}, abs(sum(IV))),
        ("line_voltage_ab", ("voltage", "voltage_angle"), {"unit": "kV"}, abs(UV[0] - UV[1]) / 1e3),
        ("line_voltage_bc", ("voltage", "voltage_angle"), {"unit": "kV"}, abs(UV[1] - UV[2]) / 1e3),
        ("line_voltage_ca", ("voltage", "voltage_angle"), {}, abs(UV[2] - UV[0]) / 1e3),
        ("voltage_unbalance", ("line_voltage",), {"method": "nema"}, 100 * (sum(LINE) / 3 - 19.6) / (sum(LINE) / 3)),
    ],
)  # fmt: skip
def test_three_phase_quantities_follow_from_their_definition(
    what: str, keys: tuple[str, ...], more: dict[str, str], expected: float
) -> None:
    assert show(what, *keys, **more) == (pytest.approx(expected, rel=1e-12), 0)


@pytest.mark.parametrize(("what", "one", "two"), [("positive", 120, 240), ("negative", 240, 120), ("zero", 0, 0)])
def test_symmetrical_components_are_those_of_fortescue(what: str, one: int, two: int) -> None:
    turned = [1, cmath.rect(1, math.radians(one)), cmath.rect(1, math.radians(two))]
    for keys, vector in ((("voltage", "voltage_angle"), UV), (("current", "current_angle"), IV)):
        expected = abs(sum(a * b for a, b in zip(turned, vector, strict=True))) / 3
        value, _ = show(f"{what}_sequence", *keys, unit="V" if keys[0] == "voltage" else "A")
        assert value == pytest.approx(expected, rel=1e-9)


def test_the_unbalance_of_line_voltages_is_negative_over_positive_sequence() -> None:
    """IEC 61000-4-30, 5.7.1: the formula in magnitudes against the phasors that close the triangle."""
    ab, bc, ca = LINE
    angle = math.acos((ab**2 + bc**2 - ca**2) / (2 * ab * bc))
    one = complex(ab, 0)
    two = cmath.rect(bc, -(math.pi - angle))
    three = -(one + two)
    a = cmath.rect(1, math.radians(120))
    positive, negative = abs(one + a * two + a * a * three), abs(one + a * a * two + a * three)
    value, quality = show("voltage_unbalance", "line_voltage")
    assert value == pytest.approx(100 * negative / positive, rel=1e-6)
    assert quality == 0


def test_balanced_voltages_have_no_unbalance() -> None:
    change = dict.fromkeys(KEYS["line_voltage"], 20.0)
    assert show("voltage_unbalance", "line_voltage", change=change)[0] == pytest.approx(0, abs=1e-5)
    assert show("voltage_unbalance", "line_voltage", change=change, method="nema") == (0.0, 0)


def test_voltages_that_close_no_triangle_have_an_invalid_unbalance() -> None:
    value, quality = show("voltage_unbalance", "line_voltage", change={"uab": 50.0})
    assert math.isnan(value)
    assert quality == int(Quality.INVALID | Quality.OVERFLOW)


@pytest.mark.parametrize("method", ["nema", "negative_sequence"])
def test_the_unbalance_of_a_dead_line_is_invalid(method: str) -> None:
    value, quality = show("voltage_unbalance", "line_voltage", change=dict.fromkeys(KEYS["line_voltage"], 0.0), method=method)
    assert math.isnan(value)
    assert quality & int(Quality.INVALID)


def test_a_power_factor_has_the_sign_of_the_active_power() -> None:
    change = {"pa": -2.0, "pb": -2.0, "pc": -2.0}
    assert show("power_factor", "active_power", "reactive_power", change=change)[0] == pytest.approx(-6 / math.hypot(6, 1))


def test_a_power_factor_without_power_is_invalid() -> None:
    change = dict.fromkeys([*KEYS["active_power"], *KEYS["reactive_power"]], 0.0)
    value, quality = show("power_factor", "active_power", "reactive_power", change=change)
    assert math.isnan(value)
    assert quality == int(Quality.INVALID | Quality.OVERFLOW)


def test_a_phase_that_is_bad_makes_the_whole_bad() -> None:
    value, quality = show("active_power", "active_power", quality=int(Quality.INVALID | Quality.FAILURE))
    assert math.isnan(value)
    assert quality == int(Quality.INVALID | Quality.FAILURE)
    value, quality = show("active_power", "active_power", quality=int(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE))
    assert value == pytest.approx(sum(P))
    assert quality == int(Quality.QUESTIONABLE | Quality.OUT_OF_RANGE)
