"""Detectors that look at the process image once a second; times are microseconds UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tieline.config.detection import Disagreement, Missing, Residual
from tieline.edge.detection.voice import Column, Episodes, Index, Mask, Voice, amount, is_plain, name_of
from tieline.edge.image import ProcessImage
from tieline.model import Event, Now, Point, is_good

_SOFTEST = 1e-9


class MissingDetector:
    """Nothing came of a point for too long, by the monotonic clock."""

    def __init__(self, points: Sequence[Point], settings: Sequence[Missing]) -> None:
        self._voice = Voice(points, "data_missing")
        self._for_s = np.array([missing.for_s for missing in settings])
        self._heard = np.zeros(len(points), np.bool_)
        self._since_s = np.full(len(points), np.nan)
        self._episodes = Episodes(len(points))

    def hear(self, index: Index) -> None:
        """Samples of these points have come, whatever they are worth."""
        self._heard[index] = True

    def tick(self, now: Now) -> Iterator[Event]:
        """An event when nothing has come for too long, one when something comes again."""
        is_heard = self._heard | np.isnan(self._since_s)
        lasted_s = now.monotonic_s - self._since_s
        self._since_s[is_heard] = now.monotonic_s
        self._heard[:] = False
        everyone = np.arange(len(self._for_s))
        began, ended = self._episodes.update(everyone, (lasted_s >= self._for_s) & ~is_heard)
        for number in began.tolist():
            yield from self._voice.say(number, now.utc_us, f"has sent nothing for {lasted_s[number]:.0f} s")
        for number in ended.tolist():
            yield from self._voice.say(number, now.utc_us, f"sends again after {lasted_s[number]:.0f} s", has_ended=True)


class _Compared:
    """Points beside others, as rows of the image; places without another point repeat the first."""

    def __init__(self, points: Sequence[Point], others: Sequence[Sequence[Point]], image: ProcessImage) -> None:
        self.image = image
        self.points = points
        self.others = others
        self.row = _rows(image, points)
        width = max((len(each) for each in others), default=0)
        self.is_there = np.array([[place < len(each) for place in range(width)] for each in others], np.bool_).reshape(-1, width)
        self.other_rows = np.array([_rows(image, [*each, *[each[0]] * (width - len(each))]) for each in others], np.intp).reshape(
            -1, width
        )

    @property
    def own(self) -> Column:
        """What the points stand at."""
        return self.image.value[self.row]

    @property
    def of_others(self) -> Column:
        """What the others stand at, one row for each point."""
        return self.image.value[self.other_rows]

    def are_usable(self) -> Mask:
        """Where a point and all its others are finite and good."""
        usable = is_good(self.image.quality) & is_plain(self.image.value)
        together: Mask = usable[self.row] & (usable[self.other_rows] | ~self.is_there).all(axis=1)
        return together


class DisagreementDetector:
    """A point further from the median of the redundant ones than the tolerance, for some time."""

    def __init__(
        self, points: Sequence[Point], settings: Sequence[Disagreement], others: Sequence[Sequence[Point]], image: ProcessImage
    ) -> None:
        self._voice = Voice(points, "disagreement")
        self._compared = _Compared(points, others, image)
        self._tolerance = np.array([each.tolerance for each in settings])
        self._for_s = np.array([each.for_s for each in settings])
        self._since_s = np.full(len(points), np.nan)
        self._episodes = Episodes(len(points))

    def tick(self, now: Now) -> Iterator[Event]:
        """An event when a point has disagreed for long enough, one when it agrees again."""
        compared = self._compared
        own = compared.own
        beside = np.where(compared.is_there, compared.of_others, np.nan)
        usable = compared.are_usable()
        beside[~usable] = 0.0
        middle = np.nanmedian(beside, axis=1)
        is_apart = usable & (np.abs(own - middle) > self._tolerance)
        self._since_s = np.where(is_apart, np.where(np.isnan(self._since_s), now.monotonic_s, self._since_s), np.nan)
        lasting = is_apart & (now.monotonic_s - self._since_s >= self._for_s)
        everyone = np.arange(len(own))
        # What cannot be compared now neither begins nor ends.
        began, ended = self._episodes.update(
            everyone, np.where(usable, lasting | (is_apart & self._episodes.is_on), self._episodes.is_on)
        )
        for number in began.tolist():
            point = compared.points[number]
            others = ", ".join(
                f"{name_of(other)} {amount(other, float(beside[number, place]))}"
                for place, other in enumerate(compared.others[number])
            )
            text = f"says {amount(point, float(own[number]))}, but {others}"
            yield from self._voice.say(number, now.utc_us, text)
        for number in ended.tolist():
            text = f"agrees again: {amount(compared.points[number], float(own[number]))}"
            yield from self._voice.say(number, now.utc_us, text, has_ended=True)


class ResidualDetector:
    """Learns `value = w . neighbors + b` of each point by recursive least squares with a forgetting factor, all points at once.

    Regressors and value are scaled by running means of their squares, so that units do not matter. What lies further from the
    prediction than `deviations` standard deviations of the residual for `for_s` is a finding; meanwhile nothing is learned.
    """

    def __init__(
        self,
        points: Sequence[Point],
        settings: Sequence[Residual],
        others: Sequence[Sequence[Point]],
        image: ProcessImage,
        period_s: float = 1.0,
    ) -> None:
        self._voice = Voice(points, "unusual_value")
        self._compared = _Compared(points, others, image)
        count, width = self._compared.other_rows.shape
        self._deviations = np.array([each.deviations for each in settings])
        self._for_s = np.array([each.for_s for each in settings])
        self._forgetting = np.exp(-period_s / np.array([each.memory_s for each in settings]))
        self._warm_up = np.array([each.warm_up_s / period_s for each in settings])
        size = width + 1
        self._weights = np.zeros((count, size))
        self._covariance = np.tile(np.eye(size) * 1e4, (count, 1, 1))
        self._scale = np.zeros((count, width + 1))
        self._variance = np.zeros(count)
        self._learned = np.zeros(count)
        self._since_s = np.full(count, np.nan)
        self._episodes = Episodes(count)
        self._period_s = period_s

    def tick(self, now: Now) -> Iterator[Event]:
        """An event when a point has left its relation for long enough, one when it is back."""
        compared = self._compared
        usable = compared.are_usable()
        own = np.where(usable, compared.own, 0.0)
        beside = np.where(usable[:, None] & compared.is_there, compared.of_others, 0.0)
        numbers = np.hstack([beside, own[:, None]])
        scale = np.sqrt(np.maximum(np.where(self._learned[:, None] == 0, numbers**2, self._scale), _SOFTEST))
        regressors = np.hstack([beside / scale[:, :-1], np.ones((len(own), 1))])
        target = own / scale[:, -1]
        predicted = np.einsum("ij,ij->i", self._weights, regressors)
        residual = target - predicted
        deviation = np.sqrt(self._variance) + 1e-6
        is_warm = self._learned >= self._warm_up
        is_off = usable & is_warm & (np.abs(residual) > self._deviations * deviation)
        self._since_s = np.where(is_off, np.where(np.isnan(self._since_s), now.monotonic_s, self._since_s), np.nan)
        lasting = is_off & (now.monotonic_s - self._since_s >= self._for_s)
        everyone = np.arange(len(own))
        is_on = np.where(usable, lasting | (is_off & self._episodes.is_on), self._episodes.is_on)
        began, ended = self._episodes.update(everyone, is_on)
        expected = predicted * scale[:, -1]
        for number in began.tolist():
            point = compared.points[number]
            others = ", ".join(
                f"{name_of(other)} {amount(other, float(beside[number, place]))}"
                for place, other in enumerate(compared.others[number])
            )
            text = (
                f"says {amount(point, float(own[number]))}; beside {others} it is usually {amount(point, float(expected[number]))} "
                f"(off by {abs(residual[number]) / deviation[number]:.1f} standard deviations)"
            )
            yield from self._voice.say(number, now.utc_us, text)
        for number in ended.tolist():
            text = f"is as usual again: {amount(compared.points[number], float(own[number]))}"
            yield from self._voice.say(number, now.utc_us, text, has_ended=True)
        self._learn(usable & ~is_off, numbers, regressors, residual)

    def _learn(self, where: Mask, numbers: Column, regressors: Column, residual: Column) -> None:
        if not where.any():
            return
        x, error, forgetting = regressors[where], residual[where], self._forgetting[where]
        covariance = self._covariance[where]
        direction = np.einsum("nij,nj->ni", covariance, x)
        gain = direction / (forgetting + np.einsum("ni,ni->n", x, direction))[:, None]
        self._weights[where] += gain * error[:, None]
        covariance -= np.einsum("ni,nj->nij", gain, direction)
        covariance /= forgetting[:, None, None]
        # Directions that nothing excites would grow for ever under forgetting.
        trace = np.einsum("nii->n", covariance)
        covariance *= np.minimum(1.0, 1e6 / np.maximum(trace, 1e-300))[:, None, None]
        self._covariance[where] = (covariance + covariance.transpose(0, 2, 1)) / 2
        weight = np.maximum(1 - forgetting, 1 / (self._learned[where] + 1))
        self._scale[where] = (1 - weight[:, None]) * self._scale[where] + weight[:, None] * numbers[where] ** 2
        after = error * (1 - np.einsum("ni,ni->n", x, gain))
        self._variance[where] = (1 - weight) * self._variance[where] + weight * after * error
        self._learned[where] += 1


def _rows(image: ProcessImage, points: Sequence[Point]) -> Index:
    return image.rows(np.array([point.id for point in points], np.uint32))
