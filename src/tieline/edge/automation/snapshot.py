"""The process image as it was when a scan began."""

from __future__ import annotations

import math

from tieline.edge.automation.function import Reading
from tieline.edge.image import ProcessImage
from tieline.model import Now, Point


class Snapshot:
    """Copies the columns once; what arrives during the scan is for the next one."""

    def __init__(self, image: ProcessImage, now: Now, *, max_age_s: float) -> None:
        """`max_age_s` of 0 means that no value is too old."""
        self._image = image
        self._now_us = now.utc_us
        self._max_age_s = max_age_s or math.inf
        self._time = image.time.copy()
        self._value = image.value.copy()
        self._quality = image.quality.copy()

    def read(self, point: Point) -> Reading:
        """The reading of a point. Raises `ValueError` where it is not a point of the site."""
        row = self._image.row(point)
        time_us = int(self._time[row])
        age_s = max(0.0, (self._now_us - time_us) / 1e6) if time_us else math.inf
        return Reading(float(self._value[row]), int(self._quality[row]), time_us, age_s, age_s > self._max_age_s)
