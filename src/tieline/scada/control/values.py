"""Values of the live state as control may rely on them: what is bad, stale, substituted or simulated is not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tieline.config.calculation_expressions import expression_of
from tieline.config.gate import Feedback, Interlock
from tieline.model import VALIDITY, Now, Point, PointId, Quality, in_words
from tieline.rules import Expression, Value
from tieline.scada.live import LiveState

UNTRUSTED = VALIDITY | int(Quality.OLD_DATA | Quality.SUBSTITUTED | Quality.TEST | Quality.OPERATOR_BLOCKED)
"""Any of these bits, and a value satisfies nothing."""


@dataclass(frozen=True, slots=True)
class Known:
    """A value as it is known at the center."""

    point: Point
    value: float
    quality: int
    time_us: int
    is_stale: bool

    @property
    def is_trusted(self) -> bool:
        """Whether anything may be decided by it."""
        return not self.is_stale and not self.quality & UNTRUSTED

    @property
    def words(self) -> str:
        """What is wrong with it, or its value."""
        name = self.point.path
        if self.is_stale:
            return f"{name} is stale"
        if self.quality & UNTRUSTED:
            return f"{name} is {in_words(self.quality)}"
        return f"{name} shows {self.value:g} {self.point.unit}".rstrip()


class Values:
    """Looks up points in the live state."""

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self._rows = {point.id: row for row, point in enumerate(live.points)}

    def known(self, point: PointId, now: Now) -> Known | None:
        """The point's newest value; None for a point that the center does not have."""
        row = self._rows.get(point)
        if row is None:
            return None
        newest = self._live.newest(self._live.rows([point]), now.utc_us)
        time_us, value, quality = int(newest.time[0]), float(newest.value[0]), int(newest.quality[0])
        return Known(self._live.points[row], value, quality, time_us, bool(newest.is_stale[0]))


class Condition:
    """An expression over points of any site."""

    def __init__(self, interlock: Interlock, values: Values) -> None:
        self.interlock = interlock
        self._values = values
        kinds = {name: point.kind for name, point in interlock.inputs.items()}
        self._expression: Expression = expression_of(interlock.expression, kinds)

    def holds(self, now: Now) -> tuple[bool | None, str]:
        """Whether it holds, None where that is not known, and what it was decided by."""
        known = {name: self._values.known(point.id, now) for name, point in self.interlock.inputs.items()}
        values = {name: _value(each) for name, each in known.items()}
        ages = {name: max(0.0, (now.utc_us - each.time_us) / 1e6) for name, each in known.items() if each is not None}
        result = self._expression.evaluate(values, ages)
        if int(result.quality) & VALIDITY:
            untrusted = [each.words for each in known.values() if each is not None and not each.is_trusted]
            return None, "; ".join(untrusted) or in_words(int(result.quality))
        return bool(result.value == 1), _shown(known.values())


class Following:
    """Whether the live state shows that a command had its effect."""

    def __init__(self, feedback: Feedback, value: float, values: Values, now: Now) -> None:
        """Made before the command is released."""
        self._feedback = feedback
        self._values = values
        before = values.known(feedback.point.id, now)
        self._before = before.value if before is not None and before.is_trusted else None
        self._wanted = value if isinstance(feedback.expects, str) else feedback.expects
        if feedback.expects == "value" and feedback.point.kind == "double":
            self._wanted = 2.0 if value == 1 else 1.0

    def is_fulfilled(self, now: Now) -> bool:
        """It shows, with a quality that can be relied on, what it shall."""
        known = self._values.known(self._feedback.point.id, now)
        if known is None or not known.is_trusted:
            return False
        if self._feedback.expects == "change":
            return self._before is None or abs(known.value - self._before) > self._feedback.tolerance
        return abs(known.value - self._wanted) <= self._feedback.tolerance

    def is_known(self, now: Now) -> bool:
        """It shows anything that can be relied on."""
        known = self._values.known(self._feedback.point.id, now)
        return known is not None and known.is_trusted

    def words(self, now: Now) -> str:
        """What it shows."""
        known = self._values.known(self._feedback.point.id, now)
        return f"{self._feedback.point.path} is not known here" if known is None else known.words


def _value(known: Known | None) -> Value:
    if known is None:
        return Value(float("nan"), int(Quality.INVALID))
    if known.is_trusted:
        return Value(known.value, known.quality)
    return Value(known.value, (known.quality & ~VALIDITY) | int(Quality.INVALID))


def _shown(known: Iterable[Known | None]) -> str:
    return "; ".join(each.words for each in known if each is not None)
