"""Units of IEC 61850-7-3 (annex A) and of the values in an SCL file, in the words that Tieline uses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in its base unit: `Voltage` in V, `BitRate` in b/s, `MinTime` in s."""

    tag: str
    value: float


# Ordinal, symbol of Tieline, and the words of the standard's editions and of tools for it.
_UNITS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (1, "", ("none", "dimensionless")),
    (2, "m", ("m",)),
    (3, "kg", ("kg",)),
    (4, "s", ("s",)),
    (5, "A", ("A",)),
    (6, "K", ("K",)),
    (7, "mol", ("mol",)),
    (8, "cd", ("cd",)),
    (9, "°", ("deg", "°")),
    (10, "rad", ("rad",)),
    (11, "sr", ("sr",)),
    (21, "Gy", ("Gy",)),
    (22, "Bq", ("Bq", "q")),
    (23, "°C", ("°C", "degC", "C°")),
    (24, "Sv", ("Sv",)),
    (25, "F", ("F",)),
    (26, "C", ("C",)),
    (27, "S", ("S",)),
    (28, "H", ("H",)),
    (29, "V", ("V",)),
    (30, "ohm", ("ohm", "Ohm", "Ω")),
    (31, "J", ("J",)),
    (32, "N", ("N",)),
    (33, "Hz", ("Hz",)),
    (34, "lx", ("lx",)),
    (35, "lm", ("Lm", "lm")),
    (36, "Wb", ("Wb",)),
    (37, "T", ("T",)),
    (38, "W", ("W", "Watts", "Watt")),
    (39, "Pa", ("Pa",)),
    (41, "m²", ("m²", "m2")),
    (42, "m³", ("m³", "m3")),
    (43, "m/s", ("m/s",)),
    (44, "m/s²", ("m/s²", "m/s2")),
    (45, "m³/s", ("m³/s", "m3/s")),
    (46, "m/m³", ("m/m³", "m/m3")),
    (47, "M", ("M",)),
    (48, "kg/m³", ("kg/m³", "kg/m3")),
    (49, "m²/s", ("m²/s", "m2/s")),
    (50, "W/m K", ("W/m K",)),
    (51, "J/K", ("J/K",)),
    (52, "ppm", ("ppm",)),
    (53, "1/s", ("1/s", "s-1", "s^-1")),
    (54, "rad/s", ("rad/s",)),
    (55, "W/m2", ("W/m²", "W/m2")),
    (56, "J/m²", ("J/m²", "J/m2")),
    (57, "S/m", ("S/m",)),
    (58, "K/s", ("K/s",)),
    (59, "Pa/s", ("Pa/s",)),
    (60, "J/kg K", ("J/kg K",)),
    (61, "VA", ("VA",)),
    (62, "W", ()),
    (63, "var", ("VAr", "var", "VAR", "Var")),
    (64, "°", ("theta", "phi")),
    (65, "", ("cos(theta)", "cosphi", "cos_phi", "cos(phi)")),
    (66, "Vs", ("Vs",)),
    (67, "V²", ("V²", "V2")),
    (68, "As", ("As",)),
    (69, "A²", ("A²", "A2")),
    (70, "A²t", ("A²t", "A2t", "A²s")),
    (71, "VAh", ("VAh",)),
    (72, "Wh", ("Wh",)),
    (73, "varh", ("VArh", "varh")),
    (74, "V/Hz", ("V/Hz",)),
    (75, "Hz/s", ("Hz/s",)),
    (76, "char", ("char",)),
    (77, "char/s", ("char/s",)),
    (78, "kgm²", ("kgm²",)),
    (79, "dB", ("dB",)),
    (80, "J/Wh", ("J/Wh",)),
    (81, "W/s", ("W/s",)),
    (82, "l/s", ("l/s",)),
    (83, "dBm", ("dBm",)),
    (84, "h", ("h",)),
    (85, "min", ("min",)),
    (86, "Ω/m", ("Ohm/m", "Ω/m")),
    (87, "%/s", ("percent/s",)),
    (88, "A/V", ("A/V",)),
    (89, "A/Vs", ("A/Vs",)),
)
_SYMBOLS: Mapping[str, str] = {
    **{str(ordinal): symbol for ordinal, symbol, _ in _UNITS},
    **{word: symbol for _, symbol, words in _UNITS for word in words},
}

# Exponent, prefix, and other words for it; the ordinals of the enumeration are the exponents.
_MULTIPLIERS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (-24, "y", ("Yocto",)),
    (-21, "z", ("Zepto",)),
    (-18, "a", ("Atto",)),
    (-15, "f", ("Femto",)),
    (-12, "p", ("Pico",)),
    (-9, "n", ("Nano",)),
    (-6, "µ", ("Micro", "u", "μ")),
    (-3, "m", ("Milli",)),
    (-2, "c", ("Centi",)),
    (-1, "d", ("Deci",)),
    (0, "", ("none", "1")),
    (1, "da", ("Deca", "Deka")),
    (2, "h", ("Hecto",)),
    (3, "k", ("Kilo", "K")),
    (6, "M", ("Mega",)),
    (9, "G", ("Giga",)),
    (12, "T", ("Tera",)),
    (15, "P", ("Petra", "Peta")),
    (18, "E", ("Exa",)),
    (21, "Z", ("Zetta",)),
    (24, "Y", ("Yotta",)),
)
_EXPONENTS: Mapping[str, int] = {
    **{prefix: exponent for exponent, prefix, _ in _MULTIPLIERS},
    **{word: exponent for exponent, _, words in _MULTIPLIERS for word in words},
}
_PREFIXES: Mapping[int, str] = {exponent: prefix for exponent, prefix, _ in _MULTIPLIERS}


def exponent_of(multiplier: str) -> int | None:
    """The power of ten that a multiplier's word or ordinal stands for; None where it stands for none."""
    text = multiplier.strip()
    if text in _EXPONENTS:
        return _EXPONENTS[text]
    try:
        ordinal = int(text[:4])
    except ValueError:
        return None
    return ordinal if ordinal in _PREFIXES and str(ordinal) == text else None


def unit_of(si_unit: str, multiplier: str = "") -> str | None:
    """The unit in Tieline's words, `kV` or `Mvar`; None where the SIUnit is none of the standard's, "" where there is no unit.

    A ratio with the multiplier centi is `%`.
    """
    symbol = _SYMBOLS.get(si_unit.strip())
    exponent = exponent_of(multiplier)
    if symbol is None or exponent is None:
        return None
    if not symbol:
        return "%" if exponent == -2 else ""
    return f"{_PREFIXES[exponent]}{symbol}"


def scaled(value: float, multiplier: str) -> float | None:
    """A number in its base unit; None where the multiplier is none, or the number gets too large."""
    exponent = exponent_of(multiplier)
    if exponent is None:
        return None
    result = value * 10.0**exponent
    return result if math.isfinite(result) else None
