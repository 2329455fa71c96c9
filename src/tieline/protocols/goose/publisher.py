"""A GOOSE publisher: values in, frames at the right time out (IEC 61850-8-1, clause 18.1.2.5). For the simulator and for tests.

A change raises stNum, puts sqNum back to 0 and is sent at once. The message is then repeated after T1, twice that, four times that, and so
on up to Tmax, and from then on every Tmax; each repetition raises sqNum. timeAllowedtoLive is a multiple of the time to the next message,
so that a subscriber misses more than one before it gives up.

    first(now) ──► frame, next_deadline() ──► tick(now) ──► frame, or None where it is too early
    publish(values, now) ──► the frame of the new state
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tieline.model import LocalError, Now
from tieline.protocols.goose.data import Data
from tieline.protocols.goose.ethernet import Address
from tieline.protocols.goose.message import GooseFrame, GooseMessage, encode_goose
from tieline.protocols.goose.timing import UtcTime

_LAST_NUMBER = 0xFFFF_FFFF
_SIMULATED = 0x8000


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherSettings:
    """A GOOSE control block, its address and its times."""

    address: Address
    gocb_ref: str
    dat_set: str
    go_id: str | None = None
    conf_rev: int = 1
    simulation: bool = False
    nds_com: bool = False
    min_time_ms: int = 4
    """T1: SCL's MinTime."""
    max_time_ms: int = 1_000
    """Tmax: SCL's MaxTime."""
    lives: int = 2
    """timeAllowedtoLive in times to the next message."""
    shortest_live_ms: int = 0
    """timeAllowedtoLive is at least this: a sender without real-time scheduling allows for its own delays."""
    fixed_length: bool = False
    time_quality: int = 0x0A
    """Of `t`: significant bits of its fraction, and the clock's state."""

    def __post_init__(self) -> None:
        if not 0 < self.min_time_ms <= self.max_time_ms or self.lives < 1:
            raise LocalError("a publisher needs 0 < MinTime <= MaxTime, and at least one life")


class Publisher:
    """One GOOSE control block at work."""

    def __init__(self, settings: PublisherSettings, values: Iterable[Data], *, st_num: int = 0) -> None:
        """A publisher that was not running before begins with stNum 1; `st_num` is the number before the first."""
        self.settings = settings
        self.st_num = st_num
        self.sq_num = 0
        self._values = tuple(values)
        self._t = UtcTime(0, 0)
        self._wait_ms = settings.min_time_ms
        self._deadline: float | None = None

    @property
    def values(self) -> tuple[Data, ...]:
        """What is published now."""
        return self._values

    def next_deadline(self) -> float | None:
        """When the next repetition is due, on the monotonic clock; None before the first message."""
        return self._deadline

    def publish(self, values: Iterable[Data], now: Now) -> bytes:
        """The frame of a new state, to be sent at once. Raises `LocalError` where it cannot be encoded; then nothing was changed."""
        values = tuple(values)
        if len(values) != len(self._values):
            raise LocalError(f"the data set has {len(self._values)} entries, not {len(values)}")
        st_num = _next(self.st_num)
        t = UtcTime.of(now.utc_us, self.settings.time_quality)
        frame = self._encode(values, st_num, 0, t, self.settings.min_time_ms)
        self._values, self.st_num, self.sq_num, self._t = values, st_num, 0, t
        self._wait_ms = self.settings.min_time_ms
        self._deadline = now.monotonic_s + self._wait_ms / 1e3
        return frame

    def first(self, now: Now) -> bytes:
        """The frame of the first state: the values that it was made with."""
        return self.publish(self._values, now)

    def tick(self, now: Now) -> bytes | None:
        """The repetition that is due; None where none is. One that is late is sent once, not once for each time that was missed."""
        if self._deadline is None or now.monotonic_s < self._deadline:
            return None
        self.sq_num = _next(self.sq_num)
        self._wait_ms = min(2 * self._wait_ms, self.settings.max_time_ms)
        self._deadline += self._wait_ms / 1e3
        if self._deadline <= now.monotonic_s:
            self._deadline = now.monotonic_s + self._wait_ms / 1e3
        return self._encode(self._values, self.st_num, self.sq_num, self._t, self._wait_ms)

    def _encode(self, values: tuple[Data, ...], st_num: int, sq_num: int, t: UtcTime, wait_ms: int) -> bytes:
        settings = self.settings
        message = GooseMessage(
            gocb_ref=settings.gocb_ref,
            time_allowed_to_live_ms=max(settings.lives * wait_ms, settings.shortest_live_ms),
            dat_set=settings.dat_set,
            go_id=settings.go_id,
            t=t,
            st_num=st_num,
            sq_num=sq_num,
            simulation=settings.simulation,
            conf_rev=settings.conf_rev,
            nds_com=settings.nds_com,
            num_dat_set_entries=len(values),
            all_data=values,
        )
        reserved = _SIMULATED if settings.simulation else 0
        return encode_goose(
            GooseFrame(address=settings.address, message=message, reserved_1=reserved), fixed_length=settings.fixed_length
        )


def _next(number: int) -> int:
    return 1 if number == _LAST_NUMBER else number + 1
