"""A master and an outstation joined by a link that behaves badly, in fake time."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

from tieline.model import Now
from tieline.protocols.dnp3.line import Line

T0_US = 1_700_000_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What the link does to what is sent: chances for each piece, delays in seconds."""

    loss: float = 0.0
    duplication: float = 0.0
    delay_s: tuple[float, float] = (0.001, 0.003)
    splits: int = 0
    """Into how many pieces at the most what is sent at once is cut."""
    keeps_order: bool = True
    """A later piece never overtakes an earlier one."""
    seconds_between_drops: float = 0.0
    """The connection breaks after about so long; what is on its way is lost."""


class FakeLink:
    """Moves time and octets between two lines."""

    def __init__(self, first: Line, second: Line, faults: Faults, seed: int) -> None:
        self.lines = first, second
        self.faults = faults
        self.drops = 0
        self.monotonic_s = 1_000.0
        self._random = random.Random(seed)
        self._flying: list[tuple[float, int, int, bytes]] = []
        self._number = 0
        self._last_arrival_s = [0.0, 0.0]
        self._drop_at_s = self._next_drop()
        self._open_at_s: float | None = self.monotonic_s

    @property
    def now(self) -> Now:
        return Now(self.monotonic_s, T0_US + round((self.monotonic_s - 1_000.0) * 1e6))

    def run_until(self, monotonic_s: float) -> None:
        """Lets everything happen that is due until then."""
        for _ in range(1_000_000):
            self._collect()
            due_s = min(self._times(), default=float("inf"))
            if due_s > monotonic_s:
                self.monotonic_s = monotonic_s
                return
            self.monotonic_s = max(self.monotonic_s, due_s)
            self._step()
        raise AssertionError("a million steps: the sessions do something for ever")

    def _times(self) -> list[float]:
        times = [deadline for line in self.lines if (deadline := line.next_deadline()) is not None]
        if self._flying:
            times.append(self._flying[0][0])
        if self._open_at_s is not None:
            times.append(self._open_at_s)
        elif self._drop_at_s is not None:
            times.append(self._drop_at_s)
        return times

    def _step(self) -> None:
        now = self.now
        if self._open_at_s is not None and now.monotonic_s >= self._open_at_s:
            self._open_at_s = None
            for line in self.lines:
                line.opened(now)
        elif self._open_at_s is None and self._drop_at_s is not None and now.monotonic_s >= self._drop_at_s:
            self._flying.clear()
            self.drops += 1
            self._open_at_s = now.monotonic_s + self._random.uniform(0.1, 3.0)
            self._drop_at_s = self._next_drop(self._open_at_s)
            for line in self.lines:
                line.closed(now)
        while self._flying and self._flying[0][0] <= now.monotonic_s:
            _, _, target, octets = heapq.heappop(self._flying)
            self.lines[target].receive(octets, now)
        for line in self.lines:
            deadline = line.next_deadline()
            if deadline is not None and deadline <= now.monotonic_s:
                line.tick(now)

    def _collect(self) -> None:
        for source, line in enumerate(self.lines):
            if not line.is_open:
                continue
            for octets in line.take_datagrams() if line.datagrams else [line.take()]:
                for piece in self._split(octets):
                    self._send(1 - source, piece)

    def _send(self, target: int, piece: bytes) -> None:
        if not piece or self._random.random() < self.faults.loss:
            return
        for _ in range(1 + (self._random.random() < self.faults.duplication)):
            arrival_s = self.monotonic_s + self._random.uniform(*self.faults.delay_s)
            if self.faults.keeps_order:
                arrival_s = max(arrival_s, self._last_arrival_s[target])
                self._last_arrival_s[target] = arrival_s
            self._number += 1
            heapq.heappush(self._flying, (arrival_s, self._number, target, piece))

    def _split(self, octets: bytes) -> list[bytes]:
        if not self.faults.splits or len(octets) < 2:
            return [octets]
        count = self._random.randint(0, self.faults.splits - 1)
        cuts = sorted(self._random.randint(0, len(octets)) for _ in range(count))
        return [octets[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(octets)], strict=True)]

    def _next_drop(self, after_s: float | None = None) -> float | None:
        if not self.faults.seconds_between_drops:
            return None
        between_s = self.faults.seconds_between_drops
        return (self.monotonic_s if after_s is None else after_s) + self._random.uniform(0.2, 1.8) * between_s
