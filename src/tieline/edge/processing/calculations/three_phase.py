"""Quantities of three-phase systems from the measurements of their phases.

Phasors are made of magnitudes and angles in degrees, counted anti-clockwise; `a` is the operator exp(j 120°), so that a system of positive
sequence has its phases at 0°, -120° and 120°. Power is that of the current's direction of counting. Formulas and their sources are in
`docs/reference/calculations.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from tieline.config.calculation_sections import ThreePhaseSection
from tieline.config.calculations import Calculation
from tieline.edge.processing.calculations.fanout import Floats, Index
from tieline.edge.processing.calculations.momentary import Inputs
from tieline.edge.processing.calculations.part import Part
from tieline.edge.processing.calculations.quality import INVALID, checked, combined, is_usable, worsened
from tieline.model import Samples

Phases = npt.NDArray[np.float64]
"""A row for each evaluation, a column for each phase."""
Phasors = npt.NDArray[np.complex128]

A = np.exp(2j * np.pi / 3)
_SEQUENCES = {
    "positive_sequence": np.array([1, A, A**2]) / 3,
    "negative_sequence": np.array([1, A**2, A]) / 3,
    "zero_sequence": np.array([1, 1, 1]) / 3,
}
_LINES = {"line_voltage_ab": (0, 1), "line_voltage_bc": (1, 2), "line_voltage_ca": (2, 0)}


def phasors(magnitude: Phases, degrees: Phases) -> Phasors:
    """Complex amplitudes."""
    return np.multiply(magnitude, np.exp(1j * np.radians(degrees)), dtype=np.complex128)


def complex_power(voltage: Phasors, current: Phasors) -> Phasors:
    """P + jQ of all phases together (IEEE Std 1459, 3.1.2): the sum of U times the conjugate of I."""
    found: Phasors = (voltage * np.conj(current)).sum(axis=1)
    return found


def sequence(phasor: Phasors, which: str) -> Floats:
    """The magnitude of a symmetrical component (Fortescue)."""
    found: Floats = np.abs(phasor @ _SEQUENCES[which])
    return found


def negative_sequence_unbalance(line_voltage: Phases) -> Floats:
    """Percent, from the magnitudes between phases (IEC 61000-4-30, 5.7.1); NaN where they close no triangle."""
    squares = line_voltage**2
    beta = (squares**2).sum(axis=1) / squares.sum(axis=1) ** 2
    inner = 3 - 6 * beta
    root = np.sqrt(np.where(np.abs(inner) < 1e-12, 0.0, inner))  # at 1/2 the triangle is flat, rounding aside
    found: Floats = 100 * np.sqrt(np.maximum(1 - root, 0) / (1 + root))
    return found


def nema_unbalance(line_voltage: Phases) -> Floats:
    """Percent: the largest deviation from the mean, of the mean (NEMA MG 1, 14.36.2)."""
    mean = line_voltage.mean(axis=1)
    found: Floats = 100 * np.abs(line_voltage - mean[:, None]).max(axis=1) / mean
    return found


class ThreePhase(Part):
    """All three-phase calculations at once, those alike together."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        alike = sorted(plan, key=_formula)
        self._parts = [_Alike(list(group), row_of) for _, group in groupby(alike, key=_formula)]

    def take(self, rows: Index, samples: Samples) -> Samples:
        """The results due to these samples."""
        found = [result for part in self._parts if len(result := part.take(rows, samples))]
        return Samples.concatenate(found)


class _Alike:
    """Calculations of one formula, from inputs of the same roles."""

    def __init__(self, plan: Sequence[Calculation], row_of: dict[int, int]) -> None:
        settings = plan[0].settings
        assert isinstance(settings, ThreePhaseSection)
        self._show = settings.show
        self._method = settings.method
        self._roles = tuple(each.role for each in plan[0].inputs[::3])
        self._inputs = Inputs(plan, row_of)
        self._id = np.array([calculation.point.id for calculation in plan], np.uint32)
        self._scale = np.array([calculation.scale for calculation in plan])

    def take(self, rows: Index, samples: Samples) -> Samples:
        moments = self._inputs.take(rows, samples)
        if moments is None:
            return Samples.empty()
        columns = moments.value.reshape(len(moments.first), -1)
        given = {role: columns[:, 3 * place : 3 * place + 3] for place, role in enumerate(self._roles)}
        value = self._shown(given) * self._scale[moments.calculation]
        quality = combined(moments.quality, moments.first)
        usable = np.logical_and.reduceat(is_usable(moments.value, moments.quality), moments.first)
        quality = np.where(usable, quality, worsened(quality, np.full_like(quality, INVALID)))
        value, quality = checked(value, quality)
        return Samples(self._id[moments.calculation], moments.newest, value, quality)

    def _shown(self, given: Mapping[str, Phases]) -> Floats:
        show = self._show
        if show in _SEQUENCES:
            return sequence(_phasor(given, "voltage" if "voltage" in given else "current"), show)
        if show in _LINES:
            one, other = _LINES[show]
            voltage = _phasor(given, "voltage")
            return np.asarray(np.abs(voltage[:, one] - voltage[:, other]))
        if show == "neutral_current":
            return np.asarray(np.abs(_phasor(given, "current").sum(axis=1)))
        if show == "voltage_unbalance":
            of = nema_unbalance if self._method == "nema" else negative_sequence_unbalance
            return of(given["line_voltage"])
        if show == "active_power":
            return self._active(given)
        if show == "reactive_power":
            return self._reactive(given)
        apparent = self._apparent(given)
        return apparent if show == "apparent_power" else self._active(given) / apparent

    @staticmethod
    def _active(given: Mapping[str, Phases]) -> Floats:
        if "active_power" in given:
            return np.asarray(given["active_power"].sum(axis=1))
        return complex_power(_phasor(given, "voltage"), _phasor(given, "current")).real

    @staticmethod
    def _reactive(given: Mapping[str, Phases]) -> Floats:
        if "reactive_power" in given:
            return np.asarray(given["reactive_power"].sum(axis=1))
        return complex_power(_phasor(given, "voltage"), _phasor(given, "current")).imag

    def _apparent(self, given: Mapping[str, Phases]) -> Floats:
        if self._method == "arithmetic":
            return np.asarray((given["voltage"] * given["current"]).sum(axis=1))
        return np.hypot(self._active(given), self._reactive(given))


def _phasor(given: Mapping[str, Phases], role: str) -> Phasors:
    return phasors(given[role], given[f"{role}_angle"])


def _formula(calculation: Calculation) -> tuple[str, str, tuple[str, ...]]:
    assert isinstance(calculation.settings, ThreePhaseSection)
    return calculation.settings.show, calculation.settings.method or "", tuple(each.role for each in calculation.inputs)
