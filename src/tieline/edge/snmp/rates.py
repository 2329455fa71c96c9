"""What counters of interfaces say between two polls: utilization, errors and discards a second.

A counter says something only together with an earlier reading of it. A difference is none, and the rate is not known (NaN), where

- the agent has started again meanwhile: its sysUpTime (hundredths of a second, over after 497 days) has not gone on by what our own clock
  says, but for `UPTIME_SLACK`;
- it says that the counter was interrupted: ifCounterDiscontinuityTime is another one (RFC 2863, clause 3.1.5);
- the counter was counted in 32 bits before and in 64 now, or the other way round;
- 32 bits can have gone round more than once at the speed of the port: after 34 s at 1 Gbit/s;
- it would take more than the port can carry, which is how a start is recognized that sysUpTime does not show;
- the speed has changed meanwhile: of which speed would it be a share?
- the earlier reading is too old: an average over an outage is nobody's utilization.

Agents keep what they count for some seconds before they count anew (net-snmp: 3 s), so two looks in quick succession show nothing, or
twice as much: `Meter` measures from the newest reading that is old enough, and repeats what it has found until there is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatColumn = npt.NDArray[np.float64]

IN_OCTETS, OUT_OCTETS, IN_ERRORS, OUT_ERRORS, IN_DISCARDS, OUT_DISCARDS = range(6)
"""Columns of `Reading.counters`."""
COUNTERS = 6

SHORTEST_S = 1e-3
"""No two answers come so soon after each other."""
TICKS_PER_S = 100.0
UPTIME_SLACK = (5.0, 0.1)
"""Seconds, and share of the time between the readings, by which sysUpTime and our clock may differ."""
SMALLEST_FRAME_BITS = (64 + 20) * 8
"""With preamble and gap (IEEE 802.3): bounds frames, and so errors and discards, a second."""
BURST_SHARE = 0.1
"""By so much a rate may exceed what the port carries: agents count at moments of their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The counters of all ports of a node at one poll; every array has one row for each port, in the same order in each reading."""

    time_s: float
    """Monotonic, when the answer was here."""
    uptime_ticks: int
    """sysUpTime of the agent, in hundredths of a second."""
    counters: npt.NDArray[np.uint64]
    """Shape (ports, 6)."""
    bits: npt.NDArray[np.uint8]
    """Shape (ports, 6): 64 or 32, 0 where the agent does not have the counter."""
    discontinuity_ticks: npt.NDArray[np.int64]
    """ifCounterDiscontinuityTime; 0 where there is none."""
    speed_mbps: FloatColumn
    """What the agent says; NaN where it does not, as of a port that is down."""


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """For each port; NaN where it is not known."""

    in_percent: FloatColumn
    out_percent: FloatColumn
    errors_per_s: FloatColumn
    """Both ways."""
    discards_per_s: FloatColumn

    @classmethod
    def unknown(cls, ports: int) -> Rates:
        """Nothing is known of any port."""
        return cls(*(np.full(ports, np.nan) for _ in range(4)))


def rates_between(before: Reading, after: Reading, design_mbps: FloatColumn) -> Rates:
    """Of the time between two readings; `design_mbps` is the speed of a port whose agent does not say it, NaN where nobody does."""
    elapsed_s = after.time_s - before.time_s
    ports = len(after.counters)
    if elapsed_s < SHORTEST_S or has_restarted(before, after):
        return Rates.unknown(ports)
    speed_mbps = np.where(after.speed_mbps > 0, after.speed_mbps, design_mbps)
    speed_mbps[speed_mbps <= 0] = np.nan
    changes = _changes(before, after)
    most = _most_per_s(speed_mbps)
    per_s = changes / elapsed_s
    may_have_gone_round = (after.bits == 32) & (most * elapsed_s >= 2**32)
    per_s[may_have_gone_round | (per_s > most * (1 + BURST_SHARE) + 1)] = np.nan
    is_same_speed = (before.speed_mbps == after.speed_mbps) | ~np.isfinite(before.speed_mbps) | ~np.isfinite(after.speed_mbps)
    percent = np.where(is_same_speed[:, None], per_s[:, :2] * 8 / (speed_mbps[:, None] * 1e6) * 100, np.nan)
    return Rates(
        in_percent=percent[:, IN_OCTETS],
        out_percent=percent[:, OUT_OCTETS],
        errors_per_s=_together(per_s, after.bits, IN_ERRORS),
        discards_per_s=_together(per_s, after.bits, IN_DISCARDS),
    )


def has_restarted(before: Reading, after: Reading) -> bool:
    """Whether the agent began anew between the two."""
    elapsed_s = after.time_s - before.time_s
    told_s = (after.uptime_ticks - before.uptime_ticks) % 2**32 / TICKS_PER_S
    slack_s, share = UPTIME_SLACK
    return abs(told_s - elapsed_s) > slack_s + share * abs(elapsed_s)


def _changes(before: Reading, after: Reading) -> FloatColumn:
    """By how much each counter has grown, around its end where it got there; NaN where that cannot be told."""
    grown = after.counters - before.counters  # of uint64, so modulo 2**64
    grown = np.where(after.bits == 32, grown & np.uint64(0xFFFF_FFFF), grown)
    is_known = (after.bits != 0) & (after.bits == before.bits)
    is_known &= (after.discontinuity_ticks == before.discontinuity_ticks)[:, None]
    return np.where(is_known, grown.astype(np.float64), np.nan)


def _most_per_s(speed_mbps: FloatColumn) -> FloatColumn:
    """Shape (ports, 6): what the port can carry; infinite where its speed is not known."""
    speed_bps = np.where(np.isfinite(speed_mbps), speed_mbps * 1e6, np.inf)
    most = np.empty((len(speed_bps), COUNTERS))
    most[:, :IN_ERRORS] = (speed_bps / 8)[:, None]
    most[:, IN_ERRORS:] = (speed_bps / SMALLEST_FRAME_BITS)[:, None]
    return most


def _together(per_s: FloatColumn, bits: npt.NDArray[np.uint8], first: int) -> FloatColumn:
    """Both directions; of the one that the agent counts where it does not count the other."""
    both = slice(first, first + 2)
    is_counted = bits[:, both] != 0
    total = np.where(is_counted, per_s[:, both], 0.0).sum(axis=1)
    return np.where(is_counted.any(axis=1), total, np.nan)


class Meter:
    """The rates of a node's ports from one poll to the next."""

    def __init__(self, design_mbps: FloatColumn, *, shortest_s: float, longest_s: float) -> None:
        """Readings that are nearer to each other than `shortest_s` are not compared, nor those further apart than `longest_s`."""
        self._design_mbps = design_mbps
        self._shortest_s = shortest_s
        self._longest_s = longest_s
        self._base: Reading | None = None
        self.rates = Rates.unknown(len(design_mbps))
        """The newest."""

    def take(self, reading: Reading) -> Rates:
        """The rates with one more reading."""
        base = self._base
        if base is not None and not has_restarted(base, reading):
            elapsed_s = reading.time_s - base.time_s
            if elapsed_s < self._shortest_s:
                return self.rates
            if elapsed_s <= self._longest_s:
                self._base, self.rates = reading, rates_between(base, reading, self._design_mbps)
                return self.rates
        self._base, self.rates = reading, Rates.unknown(len(self._design_mbps))
        return self.rates

    def forget(self) -> None:
        """What is not known any more is not repeated; the next reading is still compared with the newest one, if it is not too old."""
        self.rates = Rates.unknown(len(self._design_mbps))
