"""Batteries: a plain dispatch of their own until somebody sets a power, and a state of charge that limits both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tieline.config.grid import Storage

Column = npt.NDArray[np.float64]

_RAMP_PER_S = 0.1  # of the rated power
_DROOP_HZ = 0.4  # deviation of the frequency at which the whole rated power would be used
_CHARGE_HOURS = (10.0, 15.0)
_DISCHARGE_HOURS = (17.0, 21.0)


class Batteries:
    """Power and state of charge of all storage units; power is positive when discharging."""

    def __init__(self, units: Sequence[Storage]) -> None:
        self._rated = np.array([unit.rated_mw for unit in units]) * 1e6
        self._capacity_j = np.array([unit.capacity_mwh for unit in units]) * 3.6e9
        self._one_way = np.sqrt(np.array([unit.efficiency_percent for unit in units]) / 100)
        self._stored_j = self._capacity_j * np.array([unit.initial_percent for unit in units]) / 100
        self._remote = np.full(len(units), np.nan)
        self.wanted: Column = np.zeros(len(units))
        self.power: Column = np.zeros(len(units))

    @property
    def charge_percent(self) -> Column:
        """State of charge."""
        percent: Column = 100 * self._stored_j / self._capacity_j
        return percent

    @property
    def stored_wh(self) -> Column:
        """Energy that can be discharged."""
        energy: Column = self._stored_j * self._one_way / 3600
        return energy

    @property
    def use(self) -> Column:
        """Power over rated power, without sign."""
        share: Column = np.abs(self.power) / self._rated
        return share

    def set_power(self, index: int, watts: float) -> None:
        """Asks for a power; NaN returns to the unit's own dispatch."""
        self._remote[index] = np.clip(watts, -self._rated[index], self._rated[index])
        if np.isfinite(watts):
            self.wanted[index] = self._remote[index]

    def step(self, seconds: float, local_hour: Column, frequency: float, energized: npt.NDArray[np.bool_]) -> None:
        """Follows what is asked, as fast as the converter ramps and as far as the charge lasts."""
        is_charging = (_CHARGE_HOURS[0] <= local_hour) & (local_hour < _CHARGE_HOURS[1])
        is_discharging = (_DISCHARGE_HOURS[0] <= local_hour) & (local_hour < _DISCHARGE_HOURS[1])
        schedule = self._rated * (0.7 * is_discharging - 0.6 * is_charging)
        own = np.clip(schedule + self._rated * (50.0 - frequency) / _DROOP_HZ, -self._rated, self._rated)
        self.wanted = np.where(np.isnan(self._remote), own, self._remote)
        ramp = _RAMP_PER_S * seconds * self._rated
        power = self.power + np.clip(self.wanted - self.power, -ramp, ramp)
        most = self._stored_j * self._one_way / seconds
        least = -(self._capacity_j - self._stored_j) / self._one_way / seconds
        self.power = np.where(energized, np.clip(power, least, most), 0.0)
        drawn = np.where(self.power > 0, self.power / self._one_way, self.power * self._one_way)
        self._stored_j = np.clip(self._stored_j - drawn * seconds, 0.0, self._capacity_j)
