"""The supervision of GOOSE publishers: frames in, changed values and findings out (IEC 61850-8-1, clause 18.1; IEC 61850-7-2, clause 18.2).

A publisher raises stNum with every change of its data and then repeats the message, raising sqNum, sooner at first and then at a steady
pace; each message says how long it may be relied upon. For every expected control block the subscriber keeps the newest message that it
accepted, and compares each one that comes:

    message against the newest              verdict
    ---------------------------------------------------------------------------------------------------------
    none yet, or the newest has expired     accepted; a restart where the numbers went back, inconsistent where t did
    same stNum, sqNum next                  a repetition (and a finding where the values differ all the same)
    same stNum, sqNum further on            messages were lost
    same stNum, same sqNum                  a duplicate, not used
    stNum next                              a change; lost messages where sqNum is not 0
    stNum further on                        changes were lost
    numbers went back, t newer              the publisher restarted
    numbers went back, t not newer          a replay, not used

Only accepted messages extend the life of a stream: neither duplicates nor replays keep it alive. GOOSE carries no proof of its origin, so
that a forged message with plausible numbers is accepted; the real publisher's next ones then are findings, until the forged stream expires.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from tieline.model import Now
from tieline.protocols.goose.errors import FrameError
from tieline.protocols.goose.expected import Expected, address_differences, configuration_differences, entry_differences
from tieline.protocols.goose.findings import Finding, FindingKind, FindingLog
from tieline.protocols.goose.reading import FrameReader, Layout, Reading, StreamKey

_MAX_UNKNOWN = 256
_LAST_NUMBER = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberSettings:
    """How patient and how talkative a subscriber is."""

    first_message_s: float = 10.0
    """A publisher that was not heard by then is reported."""
    accepts_simulated: bool = False
    """Whether messages with the simulation bit are used; else they are reported only, as by a device whose `LPHD.Sim` is off."""
    storm_frames_per_s: int = 1_000
    """Of one publisher."""
    storm_total_per_s: int = 10_000
    """Of all together, also of those that nobody expects."""
    finding_burst: int = 4
    """So many findings of one kind about one publisher are told at once ..."""
    finding_refill_s: float = 15.0
    """... and then one in so many seconds."""


class Trust(Enum):
    """What the values of a message are worth."""

    USABLE = 0
    INCONSISTENT = 1
    """They changed without a new state number, or they are older than those before a silence."""
    UNUSABLE = 2
    """The message is not the one that was engineered: its values may mean something else."""


@dataclass(frozen=True, slots=True)
class Update:
    """Values to be taken: the first ones, changed ones, or those after a silence."""

    expected: Expected
    reading: Reading
    trust: Trust
    is_change: bool
    """The values were raised at the message's `t`. Without this they are only known to hold now: the first ones, those after a silence,
    those that changed unannounced, and those whose `t` went back."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The publisher's values are not to be relied upon any more."""

    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """How a publisher is doing; counts since the subscriber was made."""

    gocb_ref: str
    key: StreamKey | None
    """Whose messages are accepted; None where there were none."""
    is_alive: bool
    st_num: int
    sq_num: int
    frames: int
    """Accepted ones."""
    changes: int
    lost: int
    """Messages and changes that were skipped."""
    replayed: int
    duplicates: int
    restarts: int


class _Stream:
    """One expected control block."""

    __slots__ = (
        "changes",
        "data",
        "deadline",
        "duplicates",
        "expected",
        "frames",
        "is_expired",
        "key",
        "layout",
        "lost",
        "replayed",
        "restarts",
        "simulated_until",
        "sq_num",
        "st_num",
        "t_us",
        "trust",
        "window",
    )

    def __init__(self, expected: Expected, deadline: float) -> None:
        self.expected = expected
        self.deadline: float = deadline
        self.key: StreamKey | None = None
        self.layout: Layout | None = None
        self.is_expired = False
        self.trust = Trust.USABLE
        self.data = b""
        self.t_us = self.st_num = self.sq_num = 0
        self.frames = self.changes = self.lost = self.replayed = self.duplicates = self.restarts = 0
        self.simulated_until: float | None = None
        self.window = 0

    @property
    def has_reference(self) -> bool:
        return self.key is not None and not self.is_expired


class Subscriber:
    """Supervises the expected publishers of one network. Supervision begins at `now`."""

    def __init__(self, expected: Iterable[Expected], now: Now, settings: SubscriberSettings | None = None) -> None:
        self._settings = settings or SubscriberSettings()
        self._reader = FrameReader()
        first = now.monotonic_s + self._settings.first_message_s
        self._streams = {each.gocb_ref: _Stream(each, first) for each in expected}
        self._log = FindingLog(burst=self._settings.finding_burst, refill_s=self._settings.finding_refill_s)
        self._unknown: dict[StreamKey, int] = {}
        self._window_start = now.monotonic_s
        self._window = 0
        self._is_storming = False
        self.frames = 0
        """All frames that came."""
        self.malformed = 0
        self.unknown = 0
        """Frames of publishers that nobody expects."""

    def receive(self, frames: Iterable[bytes], now: Now) -> list[Update | Expired]:
        """Judges frames in the order of their arrival; gives what changed. Never raises, whatever the octets are.

        Frames are judged before the clock is: after a stall of the caller, what waited in its buffers is not late.
        """
        if not self._window:
            self._window_start = now.monotonic_s
        results: list[Update | Expired] = []
        count = 0
        read, streams = self._reader.read, self._streams
        for frame in frames:
            count += 1
            try:
                reading = read(frame)
            except FrameError as error:
                self.malformed += 1
                source = frame[6:12].hex(":")
                self._log.occurred(FindingKind.MALFORMED, "", f"a frame from {source} makes no GOOSE message: {error}", now)
                continue
            stream = streams.get(reading.layout.key.gocb_ref)
            if stream is None:
                self._stranger(reading, now)
            else:
                update = self._judge(stream, reading, now)
                if update is not None:
                    results.append(update)
        self.frames += count
        self._window += count
        if self._window > self._settings.storm_total_per_s and not self._is_storming:
            self._is_storming = True
            self._log.holds(FindingKind.STORM, "", f"more than {self._settings.storm_total_per_s} GOOSE frames in a second", now)
        results += self.tick(now)
        return results

    def tick(self, now: Now) -> list[Update | Expired]:
        """Looks at the clock; to be called when `next_deadline` has come."""
        expired: list[Update | Expired] = []
        for gocb_ref, stream in self._streams.items():
            if not stream.is_expired and now.monotonic_s >= stream.deadline:
                stream.is_expired = True
                expired.append(Expired(stream.expected))
                text = "no message came since the supervision began" if stream.key is None else self._expiry(stream)
                self._log.holds(FindingKind.EXPIRED, gocb_ref, text, now)
            if stream.simulated_until is not None and now.monotonic_s >= stream.simulated_until:
                stream.simulated_until = None
                self._log.holds(FindingKind.SIMULATION, gocb_ref, None, now)
        if now.monotonic_s >= self._window_start + 1.0:
            self._roll(now)
        self._log.tick(now)
        return expired

    @staticmethod
    def _expiry(stream: _Stream) -> str:
        source = stream.key.source if stream.key is not None else "?"
        return f"no further message from {source} within the time allowed to live, after stNum {stream.st_num}, sqNum {stream.sq_num}"

    def next_deadline(self) -> float:
        """When `tick` is due at the latest, on the monotonic clock."""
        # The window of a second is for storms, which are found while frames come; when it is over matters for their end only.
        deadlines = [self._window_start + 1.0] if self._is_storming or self._window else []
        for stream in self._streams.values():
            if not stream.is_expired:
                deadlines.append(stream.deadline)
            if stream.simulated_until is not None:
                deadlines.append(stream.simulated_until)
        held = self._log.next_deadline()
        if held is not None:
            deadlines.append(held)
        return min(deadlines, default=float("inf"))

    def findings(self) -> list[Finding]:
        """The findings since the last call."""
        return self._log.take()

    def status(self) -> list[StreamStatus]:
        """A snapshot of every expected publisher."""
        return [
            StreamStatus(
                gocb_ref=gocb_ref,
                key=stream.key,
                is_alive=stream.has_reference,
                st_num=stream.st_num,
                sq_num=stream.sq_num,
                frames=stream.frames,
                changes=stream.changes,
                lost=stream.lost,
                replayed=stream.replayed,
                duplicates=stream.duplicates,
                restarts=stream.restarts,
            )
            for gocb_ref, stream in self._streams.items()
        ]

    def strangers(self) -> dict[StreamKey, int]:
        """Publishers that nobody expects, with the number of their frames; the first few hundred of them."""
        return dict(self._unknown)

    # Verdicts

    def _stranger(self, reading: Reading, now: Now) -> None:
        self.unknown += 1
        key = reading.key
        if key not in self._unknown:
            if len(self._unknown) >= _MAX_UNKNOWN:
                return
            self._unknown[key] = 0
            text = f"{key.gocb_ref} from {key.source} with APPID {key.app_id:04X} is expected by nobody"
            self._log.occurred(FindingKind.UNKNOWN_PUBLISHER, "", text, now)
        self._unknown[key] += 1

    def _judge(self, stream: _Stream, reading: Reading, now: Now) -> Update | None:
        layout, st_num, sq_num, data = reading.layout, reading.st_num, reading.sq_num, reading.data
        stream.window += 1
        if stream.window == self._settings.storm_frames_per_s + 1:
            text = f"more than {self._settings.storm_frames_per_s} messages in a second from {layout.key.source}"
            self._log.holds(FindingKind.STORM, layout.key.gocb_ref, text, now)
        if layout is not stream.layout:
            if layout.key.simulation and not self._is_simulation_used(stream, reading, now):
                return None
            if layout.key != stream.key and not self._is_adopted(stream, layout.key, now):
                return None
        if not stream.has_reference:
            return self._accept_anew(stream, reading, data, now)
        if st_num == stream.st_num and sq_num == _next(stream.sq_num):
            if data == stream.data:
                return self._accept(stream, reading, data, now)
            text = f"values changed at sqNum {sq_num} although stNum stayed {st_num}"
            self._log.occurred(FindingKind.UNANNOUNCED_CHANGE, layout.key.gocb_ref, text, now)
            return self._accept(stream, reading, data, now, is_consistent=False)
        return self._judge_irregular(stream, reading, data, now)

    def _judge_irregular(self, stream: _Stream, reading: Reading, data: bytes, now: Now) -> Update | None:
        """Everything but a repetition in sequence."""
        gocb_ref, st_num, sq_num, t_us = reading.layout.key.gocb_ref, reading.st_num, reading.sq_num, reading.t_us
        is_change = st_num == _next(stream.st_num)
        if is_change and sq_num == 0 and t_us >= stream.t_us:
            return self._accept(stream, reading, data, now, is_new=True, is_change=True)
        before, here = f"stNum {stream.st_num}, sqNum {stream.sq_num}", f"stNum {st_num}, sqNum {sq_num}"
        if st_num == stream.st_num and sq_num == stream.sq_num and t_us == stream.t_us and data == stream.data:
            stream.duplicates += 1
            self._log.occurred(FindingKind.DUPLICATE, gocb_ref, f"{here} came once more", now)
            return None
        if not is_change and (st_num < stream.st_num or (st_num == stream.st_num and sq_num <= stream.sq_num)):
            if t_us > stream.t_us:
                stream.restarts += 1
                self._log.occurred(FindingKind.RESTART, gocb_ref, f"the publisher restarted with {here} after {before}", now)
                return self._accept(stream, reading, data, now, is_new=True, is_change=True)
            stream.replayed += 1
            text = f"{here} came after {before}: a replay, or a frame that was held up"
            self._log.occurred(FindingKind.REPLAY, gocb_ref, text, now)
            return None
        if st_num == stream.st_num:
            lost, what = sq_num - stream.sq_num - 1, "messages"
        elif is_change:
            lost, what = sq_num, "messages"
        else:
            lost, what = st_num - stream.st_num - 1, "changes"
        if lost:
            stream.lost += lost
            self._log.occurred(FindingKind.LOSS, gocb_ref, f"{lost} {what} are missing between {before} and {here}", now, lost)
        if t_us < stream.t_us:
            text = f"{here} claims to be {(stream.t_us - t_us) / 1e6:.3f} s older than {before}"
            self._log.occurred(FindingKind.TIME_BACKWARD, gocb_ref, text, now)
        is_new, is_timely = st_num != stream.st_num, t_us >= stream.t_us
        if not is_new and data != stream.data:
            text = f"values changed by sqNum {sq_num} although stNum stayed {st_num}"
            self._log.occurred(FindingKind.UNANNOUNCED_CHANGE, gocb_ref, text, now)
        is_consistent = is_new or data == stream.data
        return self._accept(stream, reading, data, now, is_new=is_new, is_change=is_timely, is_consistent=is_consistent)

    def _is_simulation_used(self, stream: _Stream, reading: Reading, now: Now) -> bool:
        key = reading.key
        is_used = self._settings.accepts_simulated
        words = "used" if is_used else "not used"
        stream.simulated_until = now.monotonic_s + max(reading.time_allowed_to_live_ms / 1e3, 1.0)
        self._log.holds(FindingKind.SIMULATION, key.gocb_ref, f"simulated messages come from {key.source}; they are {words}", now)
        return is_used

    def _is_adopted(self, stream: _Stream, key: StreamKey, now: Now) -> bool:
        """Whether another publisher may take the place of the one so far."""
        known = stream.key
        if known is None:
            return True
        other = f"{key.source} (APPID {key.app_id:04X}{', simulated' if key.simulation else ''})"
        if stream.is_expired:
            text = f"messages now come from {other}, after {known.source}"
        else:
            text = f"messages also come from {other} while {known.source} is alive; they are not used"
        self._log.occurred(FindingKind.SECOND_PUBLISHER, key.gocb_ref, text, now)
        return stream.is_expired

    def _accept_anew(self, stream: _Stream, reading: Reading, data: bytes, now: Now) -> Update | None:
        gocb_ref, st_num, sq_num = reading.layout.key.gocb_ref, reading.st_num, reading.sq_num
        is_consistent = True
        if stream.key is not None:
            before, here = f"stNum {stream.st_num}, sqNum {stream.sq_num}", f"stNum {st_num}, sqNum {sq_num}"
            if (st_num, sq_num) <= (stream.st_num, stream.sq_num):
                # A restarted publisher has a newer t if its clock is right; without that, it may as well be a replay.
                is_consistent = reading.t_us > stream.t_us
                stream.restarts += 1
                self._log.occurred(FindingKind.RESTART, gocb_ref, f"after a silence {here} follows {before}", now)
            elif (lost := st_num - stream.st_num - 1 if st_num > stream.st_num else sq_num - stream.sq_num - 1) > 0:
                stream.lost += lost
                text = f"{lost} {'changes' if st_num > stream.st_num else 'messages'} are missing between {before} and {here}"
                self._log.occurred(FindingKind.LOSS, gocb_ref, text, now, lost)
        stream.is_expired = False
        self._log.holds(FindingKind.EXPIRED, gocb_ref, None, now)
        return self._accept(stream, reading, data, now, is_new=True, is_consistent=is_consistent)

    def _accept(
        self,
        stream: _Stream,
        reading: Reading,
        data: bytes,
        now: Now,
        *,
        is_new: bool = False,
        is_change: bool = False,
        is_consistent: bool = True,
    ) -> Update | None:
        """Makes a message the newest one; an update where there is something new to take from it."""
        layout = reading.layout
        stream.frames += 1
        stream.deadline = now.monotonic_s + max(reading.time_allowed_to_live_ms, 1) / 1e3
        stream.sq_num = reading.sq_num
        was = stream.trust
        if layout is not stream.layout:
            stream.layout = layout
            stream.key = layout.key
            stream.trust = self._examine(stream, layout, now)
        if is_new:
            stream.changes += reading.st_num != stream.st_num
            stream.st_num = reading.st_num
            stream.t_us = reading.t_us
        elif is_consistent and stream.trust is was:
            return None
        stream.data = data
        trust = Trust.INCONSISTENT if not is_consistent and stream.trust is Trust.USABLE else stream.trust
        return Update(stream.expected, reading, trust, is_new and is_change)

    def _examine(self, stream: _Stream, layout: Layout, now: Now) -> Trust:
        """Compares what a layout fixes with what was engineered."""
        gocb_ref, expected = layout.key.gocb_ref, stream.expected
        configuration = configuration_differences(expected, layout)
        entries = entry_differences(expected, layout)
        address = address_differences(expected, layout)
        needs = "the control block needs commissioning" if layout.message.nds_com else None
        self._log.holds(FindingKind.CONFIGURATION, gocb_ref, "; ".join(configuration) or None, now)
        self._log.holds(FindingKind.ENTRIES, gocb_ref, "; ".join(entries) or None, now)
        self._log.holds(FindingKind.ADDRESS, gocb_ref, "; ".join(address) or None, now)
        self._log.holds(FindingKind.NEEDS_COMMISSIONING, gocb_ref, needs, now)
        return Trust.UNUSABLE if configuration or entries or needs else Trust.USABLE

    def _roll(self, now: Now) -> None:
        """Begins another second of counting."""
        # A caller that was away for seconds brings frames of seconds.
        seconds = max(1, int(now.monotonic_s - self._window_start))
        for gocb_ref, stream in self._streams.items():
            if stream.window <= self._settings.storm_frames_per_s * seconds:
                self._log.holds(FindingKind.STORM, gocb_ref, None, now)
            stream.window = 0
        if self._is_storming and self._window <= self._settings.storm_total_per_s * seconds:
            self._is_storming = False
            self._log.holds(FindingKind.STORM, "", None, now)
        self._window = 0
        self._window_start = now.monotonic_s


def _next(number: int) -> int:
    """After the last of 32 bits comes 1; 0 is kept for the first message of a state (IEC 61850-8-1, clause 18.1.2.5)."""
    return 1 if number == _LAST_NUMBER else number + 1
