"""Transformer temperatures: the difference equations of IEC 60076-7:2018 (clause 8.2.3), for all transformers at once.

    top oil     k11 tau_o  d theta_o/dt  = ((1 + K^2 R)/(1 + R))^x  D_or - (theta_o - theta_a)
    hot spot    theta_h = theta_o + d1 - d2
                k22 tau_w  d d1/dt       = k21 D_hr K^y - d1
                tau_o/k22  d d2/dt       = (k21 - 1) D_hr K^y - d2

The standard steps them with Euler and asks for steps below half the shortest time constant; here each first-order equation is
stepped by its exact solution, which is the same for short steps and stays stable for long ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tieline.config.grid import Transformer

Column = npt.NDArray[np.float64]

_X, _Y = 0.8, 1.3  # exponents of oil and winding, ONAN and ONAF (table 4)
_K11, _K21, _K22 = 0.5, 2.0, 2.0  # medium and large power transformers (table 4)
_FANS_ON, _FANS_OFF = 65.0, 58.0  # top oil
_FANS_HELP = 0.75  # of the top-oil rise, fans running
_REFERENCE_HOT_SPOT = 98.0  # relative ageing 1 (clause 6.3, paper that is not thermally upgraded)


class Heat:
    """Oil and hot-spot temperatures of transformers, their fans and their age."""

    def __init__(self, transformers: Sequence[Transformer], *, load: float = 0.5, ambient: float = 15.0) -> None:
        """Begins in the steady state of a load factor."""

        def column(name: str) -> Column:
            return np.array([getattr(transformer, name) for transformer in transformers], np.float64)

        self._rise_oil = column("top_oil_rise_k")
        self._rise_spot = column("hot_spot_rise_k")
        self._tau_oil = column("oil_time_constant_min") * 60
        self._tau_winding = column("winding_time_constant_min") * 60
        self._loss_ratio = column("load_loss_kw") / column("no_load_loss_kw")
        count = len(transformers)
        self.fans = np.zeros(count, np.bool_)
        self.age_h: Column = np.zeros(count)
        factor = np.full(count, load)
        self.oil: Column = ambient + self._final_rise(factor)
        self._d1: Column = _K21 * self._rise_spot * factor**_Y
        self._d2: Column = (_K21 - 1) * self._rise_spot * factor**_Y

    @property
    def hot_spot(self) -> Column:
        """Of the windings."""
        return self.oil + self._d1 - self._d2

    def step(self, seconds: float, load: Column, ambient: Column) -> None:
        """Some seconds at a load factor (current over rated current) and an air temperature."""
        self.oil = _approach(self.oil, ambient + self._final_rise(load), seconds, _K11 * self._tau_oil)
        gradient = self._rise_spot * load**_Y
        self._d1 = _approach(self._d1, _K21 * gradient, seconds, _K22 * self._tau_winding)
        self._d2 = _approach(self._d2, (_K21 - 1) * gradient, seconds, self._tau_oil / _K22)
        self.fans = np.where(self.fans, self.oil > _FANS_OFF, self.oil > _FANS_ON)
        self.age_h = self.age_h + seconds / 3600 * 2 ** ((self.hot_spot - _REFERENCE_HOT_SPOT) / 6)

    def _final_rise(self, load: Column) -> Column:
        losses = (1 + load**2 * self._loss_ratio) / (1 + self._loss_ratio)
        rise: Column = losses**_X * self._rise_oil * np.where(self.fans, _FANS_HELP, 1.0)
        return rise


def _approach(value: Column, final: Column, seconds: float, time_constant_s: Column) -> Column:
    return final + (value - final) * np.exp(-seconds / time_constant_s)
