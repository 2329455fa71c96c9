"""Whether the field shows that a command had its effect."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tieline.config.gate import Feedback
from tieline.edge.image import ProcessImage
from tieline.model import VALIDITY, Point, PointKind, in_words


@dataclass(frozen=True, slots=True)
class Following:
    """One command whose feedback is awaited."""

    feedback: Feedback
    row: int
    value: float
    """What was commanded."""
    before: float
    """What the feedback showed when it was released; NaN where that was not known."""

    @classmethod
    def begin(cls, feedback: Feedback, value: float, image: ProcessImage) -> Following:
        """Taken before the command is released."""
        row = image.row(feedback.point)
        is_good = not int(image.quality[row]) & VALIDITY
        return cls(feedback, row, value, float(image.value[row]) if is_good else math.nan)

    def is_fulfilled(self, image: ProcessImage) -> bool:
        """The feedback shows, with good quality, what it shall."""
        if int(image.quality[self.row]) & VALIDITY:
            return False
        shown = float(image.value[self.row])
        if self.feedback.expects == "change":
            return math.isnan(self.before) or abs(shown - self.before) > self.feedback.tolerance
        return abs(shown - self._wanted()) <= self.feedback.tolerance

    def is_known(self, image: ProcessImage) -> bool:
        """The feedback says anything at all."""
        return not int(image.quality[self.row]) & VALIDITY

    def in_words(self, image: ProcessImage) -> str:
        """What the feedback shows instead."""
        point, value, quality = self.feedback.point, float(image.value[self.row]), int(image.quality[self.row])
        shown = f"{_in_words(point, value)}" if self.is_known(image) else f"{_in_words(point, value)} ({in_words(quality)})"
        return f"{point.device}/{point.name} shows {shown} after {self.feedback.within_s:g} s"

    def _wanted(self) -> float:
        if isinstance(self.feedback.expects, float):
            return self.feedback.expects
        if self.feedback.point.kind is PointKind.DOUBLE:
            return 2.0 if self.value else 1.0
        return self.value


_DOUBLE = ("between its positions", "open", "closed", "a bad position")


def _in_words(point: Point, value: float) -> str:
    if point.kind is PointKind.DOUBLE and value in (0, 1, 2, 3):
        return _DOUBLE[int(value)]
    return f"{value:g} {point.unit}".rstrip()
