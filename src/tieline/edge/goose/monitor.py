"""The monitor of one interface: frames from the station bus, samples and events to the gateway.

    opening ──(interface there)──► listening ──(interface gone)──► opening, after a back-off
       └────(not there)────► opening, after a back-off

It listens only. Nothing is ever sent, no IED depends on it, and it takes no part in protection.
"""

from __future__ import annotations

import asyncio
import random as _random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from tieline.edge.goose.points import GooseBlock
from tieline.edge.goose.values import BlockValues
from tieline.io import Backoff, Clock
from tieline.io.packet import PacketChannel, open_packet
from tieline.model import Event, LocalError, Now, Samples, Severity, UnavailableError
from tieline.protocols.goose import (
    ETHERTYPE_GOOSE,
    Expired,
    Finding,
    FindingKind,
    StreamStatus,
    Subscriber,
    SubscriberSettings,
    Update,
)

REFRESH_S = 10.0
"""So often the values of living publishers are repeated; exception reporting keeps what it needs of them."""

REFRESH_LAG_US = 1_000_000
"""They are repeated as of so long ago: a change from before that would have come."""

LONGEST_WAIT_S = 1.0
CLOCK_STEP_US = 1_000_000
"""A step of the gateway's clock beyond this is taken for one."""

DROPS_REPORTED_S = 60.0

SEVERITY = {
    FindingKind.EXPIRED: Severity.ERROR,
    FindingKind.CONFIGURATION: Severity.ERROR,
    FindingKind.ENTRIES: Severity.ERROR,
    FindingKind.DUPLICATE: Severity.INFO,
    FindingKind.RESTART: Severity.INFO,
}
"""What is not here is a warning; the end of a condition is for information."""

OnSamples = Callable[[Samples], None]
OnEvent = Callable[[Event], None]
OpenInterface = Callable[[str, Iterable[int]], PacketChannel]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorHealth:
    """How a monitor is doing; counts since it was made."""

    is_up: bool
    """The interface can be read."""
    frames: int
    dropped: int
    """Frames that the kernel had no room for."""
    malformed: int
    unknown: int
    """Frames of publishers that nobody expects."""
    streams: tuple[StreamStatus, ...]


class GooseMonitor:
    """Supervises the GOOSE publishers on one interface."""

    def __init__(
        self,
        site: str,
        interface: str,
        blocks: Iterable[GooseBlock],
        *,
        on_samples: OnSamples,
        on_event: OnEvent,
        clock: Clock,
        settings: SubscriberSettings | None = None,
        open_interface: OpenInterface = open_packet,
        random: Callable[[], float] = _random.random,
    ) -> None:
        """Raises `LocalError` where two blocks have the same reference."""
        self.site = site
        self.interface = interface
        self._values: dict[str, BlockValues] = {}
        for block in blocks:
            if block.expected.gocb_ref in self._values:
                raise LocalError(f"two control blocks are named {block.expected.gocb_ref}")
            self._values[block.expected.gocb_ref] = BlockValues(block)
        self._on_samples, self._on_event = on_samples, on_event
        self._clock = clock
        self._open = open_interface
        self._backoff = Backoff(random, first_s=1.0, cap_s=30.0)
        now = self._now()
        self._subscriber = Subscriber([each.block.expected for each in self._values.values()], now, settings)
        self._alive: set[str] = set()
        self._channel: PacketChannel | None = None
        self._is_missed = False
        self._dropped_before = 0
        self._told_drops = 0
        self._drops_due = now.monotonic_s
        self._refresh_due = now.monotonic_s + REFRESH_S
        self._clock_difference = now.utc_us - round(now.monotonic_s * 1e6)

    @property
    def health(self) -> MonitorHealth:
        """A snapshot."""
        return MonitorHealth(
            is_up=self._channel is not None,
            frames=self._subscriber.frames,
            dropped=self._dropped(),
            malformed=self._subscriber.malformed,
            unknown=self._subscriber.unknown,
            streams=tuple(self._subscriber.status()),
        )

    async def run(self) -> None:
        """Listens until cancelled; whatever the network does becomes quality and events, never an error."""
        while True:
            try:
                channel = self._open(self.interface, [ETHERTYPE_GOOSE])
            except UnavailableError as error:
                self._miss(str(error))
            else:
                try:
                    await self._listen(channel)
                except UnavailableError as error:
                    self._miss(str(error))
                finally:
                    self._channel = None
                    self._dropped_before += channel.statistics.dropped
                    channel.close()
            await self._pause(self._backoff.next_wait())

    async def _listen(self, channel: PacketChannel) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        self._channel = channel
        loop.add_reader(channel.fileno(), readable.set)
        try:
            if self._is_missed:
                self._is_missed = False
                self._tell("goose_interface_restored", Severity.INFO, f"the interface {self.interface} can be read again")
            while True:
                readable.clear()
                frames = channel.receive()
                if frames:
                    self._backoff.reset()
                self._step(frames)
                try:
                    async with asyncio.timeout(self._wait_s()):
                        await readable.wait()
                except TimeoutError:
                    pass  # the clock is due
        finally:
            loop.remove_reader(channel.fileno())

    async def _pause(self, wait_s: float) -> None:
        """Waits without an interface; publishers expire meanwhile."""
        end = self._clock.monotonic() + wait_s
        while (left := end - self._clock.monotonic()) > 0:
            await asyncio.sleep(min(left, self._wait_s()))
            self._step([])

    def _wait_s(self) -> float:
        due = min(self._subscriber.next_deadline(), self._refresh_due)
        return min(max(due - self._clock.monotonic(), 0.0), LONGEST_WAIT_S)

    def _step(self, frames: list[bytes]) -> None:
        """Takes what came, and looks at the clock."""
        now = self._now()
        self._check_clock(now)
        results = self._subscriber.receive(frames, now) if frames else self._subscriber.tick(now)
        parts = self._samples(results, now) if results else []
        if now.monotonic_s >= self._refresh_due:
            self._refresh_due = now.monotonic_s + REFRESH_S
            parts += [self._values[each].refresh(now.utc_us - REFRESH_LAG_US) for each in sorted(self._alive)]
        samples = Samples.concatenate(parts)
        if len(samples):
            self._on_samples(samples)
        for finding in self._subscriber.findings():
            self._report(finding)
        self._report_drops(now)

    def _samples(self, results: list[Update | Expired], now: Now) -> list[Samples]:
        """Samples in the order of the messages; those of one publisher that follow each other are taken together."""
        parts: list[Samples] = []
        waiting: dict[str, list[Update]] = {}
        for result in results:
            gocb_ref = result.expected.gocb_ref
            if isinstance(result, Update):
                self._alive.add(gocb_ref)
                waiting.setdefault(gocb_ref, []).append(result)
                continue
            self._alive.discard(gocb_ref)
            parts.append(self._values[gocb_ref].take(waiting.pop(gocb_ref, []), now.utc_us))
            parts.append(self._values[gocb_ref].expire(now.utc_us))
        return [*parts, *(self._values[gocb_ref].take(updates, now.utc_us) for gocb_ref, updates in waiting.items())]

    def _check_clock(self, now: Now) -> None:
        difference = now.utc_us - round(now.monotonic_s * 1e6)
        if abs(difference - self._clock_difference) > CLOCK_STEP_US:
            self._clock_difference = difference
            for values in self._values.values():
                values.clock_stepped(now.utc_us)

    def _now(self) -> Now:
        return Now(self._clock.monotonic(), self._clock.now_us())

    # Events

    def _report(self, finding: Finding) -> None:
        values = self._values.get(finding.stream)
        severity = Severity.INFO if finding.is_over else SEVERITY.get(finding.kind, Severity.WARNING)
        what = (
            f"{finding.text} ({finding.count} times)"
            if finding.count > 1 and finding.kind is not FindingKind.LOSS
            else finding.text
        )
        if finding.is_over:
            what = f"no longer: {what}"
        text = f"GOOSE {finding.stream}: {what}" if finding.stream else f"GOOSE on {self.interface}: {what}"
        device = values.block.device if values is not None else ""
        self._on_event(
            Event(time=finding.time_us, site=self.site, device=device, kind=f"goose_{finding.kind}", severity=severity, text=text)
        )

    def _report_drops(self, now: Now) -> None:
        if now.monotonic_s < self._drops_due:
            return
        self._drops_due = now.monotonic_s + LONGEST_WAIT_S
        dropped = self._dropped()
        if dropped > self._told_drops:
            text = f"{dropped - self._told_drops} frames on {self.interface} were dropped: more came than could be taken"
            self._tell("goose_frames_dropped", Severity.WARNING, text)
            self._told_drops = dropped
            self._drops_due = now.monotonic_s + DROPS_REPORTED_S

    def _dropped(self) -> int:
        return self._dropped_before + (self._channel.statistics.dropped if self._channel is not None else 0)

    def _miss(self, reason: str) -> None:
        """Says once that the interface is not there."""
        if not self._is_missed:
            self._is_missed = True
            self._tell("goose_interface_lost", Severity.ERROR, reason)

    def _tell(self, kind: str, severity: Severity, text: str) -> None:
        log.info("goose interface", interface=self.interface, kind=kind)
        self._on_event(Event(time=self._clock.now_us(), site=self.site, kind=kind, severity=severity, text=text))
