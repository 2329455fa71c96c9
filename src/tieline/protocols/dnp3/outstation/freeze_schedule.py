"""Freezes that the master ordered for later or again and again (FREEZE_AT_TIME, clause 4.4.9)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tieline.model import Now
from tieline.protocols.dnp3.application import IIN, ObjectBlock
from tieline.protocols.dnp3.objects import times_ms

_MOST = 32


class Freeze(Protocol):
    """Freezes the points that headers name, and says what is wrong with these."""

    def __call__(self, blocks: Iterable[ObjectBlock], utc_us: int, *, clear: bool) -> IIN: ...


@dataclass(slots=True)
class _Order:
    block: ObjectBlock
    at_us: int
    interval_us: int
    """0: once."""


class FreezeSchedule:
    """The orders of one master. Each request takes the place of the one before, so there never are many."""

    def __init__(self, freeze: Freeze) -> None:
        self._freeze = freeze
        self._orders: list[_Order] = []

    def set(self, blocks: Iterable[ObjectBlock], now: Now) -> IIN:
        """Takes the orders of a request: a time and interval (g50v2), then headers that it holds for.

        Time 0 means now without an interval, and else the next whole multiple of it. A time that has passed is now, or with an
        interval the next of its series.
        """
        when: tuple[int, int] | None = None
        iin = IIN(0)
        orders: list[_Order] = []
        for block in blocks:
            if (block.group, block.variation) == (50, 2) and block.records is not None and len(block.records) == 1:
                when = int(times_ms(block.records)[0]) * 1_000, int(block.records["interval"][0]) * 1_000
            elif when is None or len(orders) >= _MOST:
                iin |= IIN.PARAMETER_ERROR
            else:
                at_us, interval_us = when
                if at_us <= now.utc_us:
                    at_us = _next(at_us, interval_us, now.utc_us) if interval_us else now.utc_us
                orders.append(_Order(block, at_us, interval_us))
        self._orders = orders
        return iin | self.tick(now)

    def clear(self) -> None:
        """Nothing is ordered any more."""
        self._orders = []

    def tick(self, now: Now) -> IIN:
        """Carries out what is due; what is wrong with a header is said, and it is not tried again."""
        iin = IIN(0)
        left: list[_Order] = []
        for order in self._orders:
            if order.at_us > now.utc_us:
                left.append(order)
                continue
            wrong = self._freeze((order.block,), now.utc_us, clear=False)
            iin |= wrong
            if order.interval_us and not wrong:
                order.at_us = _next(order.at_us, order.interval_us, now.utc_us)
                left.append(order)
        self._orders = left
        return iin

    def next_deadline(self, now: Now) -> float | None:
        """When the next freeze is due, as long as the clock does not step."""
        if not self._orders:
            return None
        return now.monotonic_s + max(min(order.at_us for order in self._orders) - now.utc_us, 0) / 1e6


def _next(at_us: int, interval_us: int, now_us: int) -> int:
    """The first of a series that is still to come."""
    return at_us + ((now_us - at_us) // interval_us + 1) * interval_us
