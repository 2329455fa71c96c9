"""The supervision of streams of sampled values: what was lost, by their sample counts (IEC 61850-9-2, clause 8.5).

smpCnt counts the samples of a second and begins anew at 0 with the next. How far it counts is given, or is found at the first turn: the
rates of the profiles are few.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tieline.model import Now
from tieline.protocols.goose.findings import Finding, FindingKind, FindingLog
from tieline.protocols.goose.sampled_values import SvBlock, SvKey, SvReader

PROFILE_RATES = (4_000, 4_800, 5_760, 12_800, 14_400, 15_360)
"""Samples a second: 80 and 256 a period at 50 and 60 Hz (9-2LE), 96 a period at 60 Hz, and the preferred rates of IEC 61869-9."""

_MAX_UNKNOWN = 256
_WHOLE = 0x1_0000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedSv:
    """A sampled value control block as the SCL describes it. What is None is not compared."""

    sv_id: str
    conf_rev: int | None = None
    app_id: int | None = None
    samples_per_s: int | None = None
    channels: int | None = None
    timeout_s: float = 0.5
    """After so much silence the stream is reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SvStatus:
    """How a stream is doing; counts since the supervision began."""

    sv_id: str
    key: SvKey | None
    is_alive: bool
    is_synchronized: bool
    samples: int
    lost: int
    repeated: int
    """Samples that came twice or late."""


class _Stream:
    __slots__ = ("deadline", "expected", "is_expired", "key", "last", "lost", "rate", "repeated", "samples", "smp_synch")

    def __init__(self, expected: ExpectedSv, deadline: float) -> None:
        self.expected = expected
        self.deadline = deadline
        self.key: SvKey | None = None
        self.is_expired = False
        self.last: int | None = None
        self.rate = expected.samples_per_s
        self.samples = self.lost = self.repeated = 0
        self.smp_synch = 0


class SvSubscriber:
    """Supervises expected streams of samples. Supervision begins at `now`."""

    def __init__(self, expected: Iterable[ExpectedSv], now: Now, log: FindingLog | None = None) -> None:
        self._reader = SvReader()
        self._log = log or FindingLog()
        self._streams = {each.sv_id: _Stream(each, now.monotonic_s + each.timeout_s) for each in expected}
        self._unknown: set[SvKey] = set()
        self.malformed = 0
        self.unknown = 0
        """Samples of streams that nobody expects."""

    def receive(self, frames: Iterable[bytes], now: Now) -> list[SvBlock]:
        """Judges frames in the order of their arrival; gives the samples of expected streams. Never raises, whatever the octets are."""
        blocks, errors = self._reader.read(frames)
        for frame, error in errors:
            self.malformed += 1
            text = f"a frame from {frame[6:12].hex(':')} makes no sampled values: {error}"
            self._log.occurred(FindingKind.MALFORMED, "", text, now)
        accepted = [block for block in blocks if self._judge(block, now)]
        self.tick(now)
        return accepted

    def tick(self, now: Now) -> None:
        """Looks at the clock; to be called when `next_deadline` has come."""
        for sv_id, stream in self._streams.items():
            if not stream.is_expired and now.monotonic_s >= stream.deadline:
                stream.is_expired = True
                self._log.holds(FindingKind.EXPIRED, sv_id, f"no samples for {stream.expected.timeout_s:g} s", now)
        self._log.tick(now)

    def next_deadline(self) -> float:
        """When `tick` is due at the latest, on the monotonic clock."""
        deadlines = [stream.deadline for stream in self._streams.values() if not stream.is_expired]
        held = self._log.next_deadline()
        return min(deadlines if held is None else [*deadlines, held], default=float("inf"))

    def findings(self) -> list[Finding]:
        """The findings since the last call."""
        return self._log.take()

    def status(self) -> list[SvStatus]:
        """A snapshot of every expected stream."""
        return [
            SvStatus(
                sv_id=sv_id,
                key=stream.key,
                is_alive=stream.key is not None and not stream.is_expired,
                is_synchronized=stream.smp_synch > 0,
                samples=stream.samples,
                lost=stream.lost,
                repeated=stream.repeated,
            )
            for sv_id, stream in self._streams.items()
        ]

    def _judge(self, block: SvBlock, now: Now) -> bool:
        key = block.key
        stream = self._streams.get(key.sv_id)
        if stream is None:
            self.unknown += len(block.smp_cnt)
            if key not in self._unknown and len(self._unknown) < _MAX_UNKNOWN:
                self._unknown.add(key)
                text = f"samples {key.sv_id} from {key.source} with APPID {key.app_id:04X} are expected by nobody"
                self._log.occurred(FindingKind.UNKNOWN_PUBLISHER, "", text, now)
            return False
        if key.simulation:
            self._log.occurred(
                FindingKind.SIMULATION, key.sv_id, f"simulated samples come from {key.source}; they are not used", now
            )
            return False
        if stream.key is not None and stream.key != key and not stream.is_expired:
            text = f"samples also come from {key.source} while {stream.key.source} is alive; they are not used"
            self._log.occurred(FindingKind.SECOND_PUBLISHER, key.sv_id, text, now)
            return False
        if stream.key != key or stream.is_expired:
            stream.key, stream.last = key, None
        stream.is_expired = False
        stream.deadline = now.monotonic_s + stream.expected.timeout_s
        self._log.holds(FindingKind.EXPIRED, key.sv_id, None, now)
        self._examine(stream, block, now)
        self._count(stream, block, now)
        return True

    def _examine(self, stream: _Stream, block: SvBlock, now: Now) -> None:
        expected, sv_id = stream.expected, block.key.sv_id
        pairs = (
            ("confRev", expected.conf_rev, block.first.asdus[0].conf_rev),
            ("the number of channels", expected.channels, block.values.shape[1]),
        )
        wrong = [f"{name} is {found}, not {wanted}" for name, wanted, found in pairs if wanted is not None and wanted != found]
        self._log.holds(FindingKind.CONFIGURATION, sv_id, "; ".join(wrong) or None, now)
        is_elsewhere = expected.app_id is not None and expected.app_id != block.key.app_id
        where = f"APPID is {block.key.app_id:04X}, not {expected.app_id:04X}" if is_elsewhere else None
        self._log.holds(FindingKind.ADDRESS, sv_id, where, now)
        stream.smp_synch = int(block.smp_synch[-1])
        loose = None if stream.smp_synch else "the samples are not synchronized by a clock"
        self._log.holds(FindingKind.SYNCHRONIZATION, sv_id, loose, now)

    def _count(self, stream: _Stream, block: SvBlock, now: Now) -> None:
        counts = block.smp_cnt.astype(np.int64)
        stream.samples += len(counts)
        if stream.last is None:
            stream.last, counts = int(counts[0]), counts[1:]
        steps = np.diff(counts, prepend=stream.last)
        if (steps == 1).all():
            stream.last = int(counts[-1]) if len(counts) else stream.last
            return
        lost = repeated = 0
        last = stream.last
        for count in counts.tolist():
            if count < last and stream.rate is None and last + 1 in PROFILE_RATES and count < last // 2:
                stream.rate = last + 1
            # Before the rate is known, the next one of the profiles is taken for a turn.
            turn = stream.rate or next((rate for rate in PROFILE_RATES if rate > last), _WHOLE)
            step = (count - last) % turn
            if step == 0 or step > turn // 2:
                repeated += 1
                continue
            lost += step - 1
            last = count
        stream.last = last
        stream.lost += lost
        stream.repeated += repeated
        if lost:
            self._log.occurred(FindingKind.LOSS, block.key.sv_id, f"{lost} samples are missing before smpCnt {last}", now, lost)
        if repeated:
            text = f"{repeated} samples came twice or late, around smpCnt {last}"
            self._log.occurred(FindingKind.REPLAY, block.key.sv_id, text, now, repeated)
