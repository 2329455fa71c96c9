"""What drives the network: the habits of customers, the sun, clouds, the air, and chance (all of it seeded)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]

DAY_S = 86_400.0

# Share of the peak, hour by hour of local solar time; weekday, then weekend.
_PROFILES: dict[str, tuple[list[float], list[float]]] = {
    "residential": (
        [38, 34, 32, 31, 32, 37, 50, 62, 60, 54, 51, 50, 53, 52, 50, 52, 60, 74, 90, 96, 92, 80, 64, 48],
        [42, 37, 34, 32, 32, 34, 40, 50, 62, 68, 70, 70, 72, 68, 64, 63, 68, 79, 90, 93, 88, 78, 65, 51],
    ),
    "commercial": (
        [28, 27, 26, 26, 27, 32, 45, 66, 84, 92, 95, 96, 94, 95, 95, 92, 86, 76, 62, 52, 45, 38, 33, 30],
        [26, 25, 25, 25, 25, 27, 31, 38, 47, 54, 58, 60, 59, 57, 55, 52, 48, 43, 39, 36, 33, 31, 29, 27],
    ),
    "industrial": (
        [62, 60, 60, 60, 62, 70, 84, 92, 95, 96, 96, 94, 90, 94, 95, 92, 86, 80, 76, 74, 72, 70, 66, 64],
        [46, 45, 44, 44, 44, 45, 47, 49, 50, 50, 50, 49, 48, 48, 48, 48, 47, 47, 46, 46, 46, 46, 46, 46],
    ),
    "constant": ([100] * 24, [100] * 24),
}
PROFILES = tuple(_PROFILES)
_TABLE = np.array([_PROFILES[name] for name in PROFILES], np.float64) / 100


def share_of_peak(profile: npt.NDArray[np.intp], local_s: float) -> Column:
    """The share of its peak that a load of each profile (an index into `PROFILES`) takes; `local_s` is seconds since 1970."""
    day, second = divmod(local_s, DAY_S)
    hour = second / 3600
    before = int(hour)
    is_weekend = int((int(day) + 3) % 7 >= 5)  # 1970-01-01 was a Thursday
    shape = _TABLE[profile, is_weekend]
    between: Column = shape[:, before] + (shape[:, (before + 1) % 24] - shape[:, before]) * (hour - before)
    return between


class Walk:
    """Random walks that return to zero (Ornstein-Uhlenbeck), exact for any step."""

    def __init__(self, rng: np.random.Generator, size: int, *, spread: float, memory_s: float) -> None:
        self._rng = rng
        self._spread = spread
        self._memory_s = memory_s
        self.value: Column = rng.normal(0, spread, size)

    def step(self, seconds: float) -> Column:
        """The values some seconds later."""
        kept = float(np.exp(-seconds / self._memory_s))
        self.value = kept * self.value + self._rng.normal(0, self._spread * np.sqrt(1 - kept * kept), len(self.value))
        return self.value


def sun(latitude: Column, longitude: Column, utc_s: float) -> tuple[Column, Column]:
    """Elevation and azimuth (from north, clockwise) of the sun in radians; good to about a degree."""
    day = (utc_s / DAY_S) % 365.2425
    turn = 2 * np.pi * (day - 80) / 365.2425
    declination = np.radians(23.45) * np.sin(turn)
    equation_min = 9.87 * np.sin(2 * turn) - 7.53 * np.cos(turn) - 1.5 * np.sin(turn)
    hour_angle = np.radians(((utc_s % DAY_S) / 240 + longitude + equation_min / 4) - 180)
    phi = np.radians(latitude)
    elevation = np.arcsin(np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle))
    azimuth = np.pi + np.arctan2(np.sin(hour_angle), np.cos(hour_angle) * np.sin(phi) - np.tan(declination) * np.cos(phi))
    return elevation, azimuth


def irradiance(elevation: Column, azimuth: Column, tilt_deg: Column, facing_deg: Column, transmittance: Column) -> Column:
    """W/m2 on tilted modules: a clear sky (Haurwitz) behind clouds, one part in six of it diffuse."""
    height = np.sin(elevation)
    with np.errstate(over="ignore", divide="ignore"):
        clear = np.where(height > 0.01, 1098 * height * np.exp(-0.057 / np.maximum(height, 0.01)), 0.0)
    tilt = np.radians(tilt_deg)
    incidence = height * np.cos(tilt) + np.cos(elevation) * np.sin(tilt) * np.cos(azimuth - np.radians(facing_deg))
    direct = clear * 5 / 6 * np.maximum(incidence, 0) / np.maximum(height, 0.1)
    column: Column = transmittance * np.minimum(direct + clear / 6 * (1 + np.cos(tilt)) / 2, 1200.0)
    return column


def air_temperature(latitude: Column, local_s: Column, utc_s: float) -> Column:
    """Degrees Celsius by season and hour, before chance has its say."""
    season = np.cos(2 * np.pi * ((utc_s / DAY_S) % 365.2425 - 20) / 365.2425) * np.sign(latitude)
    hour = (local_s % DAY_S) / 3600
    temperature: Column = 12 - 10 * season + 5 * np.cos(2 * np.pi * (hour - 15) / 24)
    return temperature
