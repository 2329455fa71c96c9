"""Findings: what a supervisor of GOOSE or sampled values noticed, told often enough and not more often.

There are occurrences (a gap in the sequence) and conditions, which begin and end (no message in time). Each kind of finding of each stream
may be told a few times at once, then once in a while: occurrences are counted meanwhile and told together; of a condition that comes and
goes, the state that it is in is told when the time has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tieline.model import Now


class FindingKind(StrEnum):
    """Kinds of findings; conditions are marked."""

    EXPIRED = "expired"
    """Condition: no message within the time allowed to live, or none since the supervision began."""
    LOSS = "loss"
    """State or sequence numbers (SV: sample counts) were skipped."""
    REPLAY = "replay"
    """A message that is older than one that came before it; it was not used."""
    DUPLICATE = "duplicate"
    """The newest message once more."""
    RESTART = "restart"
    """The publisher began to count anew."""
    TIME_BACKWARD = "time_backward"
    """A new state that claims to be older than the one before it."""
    UNANNOUNCED_CHANGE = "unannounced_change"
    """Values that changed although the state number did not."""
    CONFIGURATION = "configuration"
    """Condition: confRev, datSet or goID are not the expected ones; the values are not used."""
    ENTRIES = "entries"
    """Condition: number or types of the values are not the expected ones; the values are not used."""
    ADDRESS = "address"
    """Condition: destination, APPID or VLAN are not the expected ones."""
    NEEDS_COMMISSIONING = "needs_commissioning"
    """Condition: the publisher says that its control block is not configured completely."""
    SIMULATION = "simulation"
    """Condition: simulated messages are on the network."""
    SYNCHRONIZATION = "synchronization"
    """Condition, SV only: the samples are not synchronized."""
    SECOND_PUBLISHER = "second_publisher"
    """The same control block was sent from another source; it was not used as long as the first one lives."""
    UNKNOWN_PUBLISHER = "unknown_publisher"
    """A control block that nobody expects."""
    MALFORMED = "malformed"
    """Octets that make no message."""
    STORM = "storm"
    """Condition: more messages than a sound network carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to tell."""

    kind: FindingKind
    time_us: int
    """Microseconds since 1970-01-01 UTC."""
    stream: str = ""
    """gocbRef or svID; empty where it is about the network."""
    text: str
    count: int = 1
    """How often it occurred since it was told last."""
    is_over: bool = False
    """A condition ended."""


class _Log:
    __slots__ = ("allowance", "count", "refilled_s", "text", "told", "wanted")

    def __init__(self, allowance: float, now_s: float) -> None:
        self.allowance = allowance
        self.refilled_s = now_s
        self.count = 0
        self.text = ""
        self.told: str | None = None
        self.wanted: str | None = None

    @property
    def is_due(self) -> bool:
        return self.count > 0 or self.wanted != self.told


class FindingLog:
    """Collects findings and holds back those that would be too many."""

    def __init__(self, *, burst: int = 4, refill_s: float = 15.0) -> None:
        self._burst = burst
        self._refill_s = refill_s
        self._logs: dict[tuple[FindingKind, str], _Log] = {}
        self._held: set[tuple[FindingKind, str]] = set()
        self._findings: list[Finding] = []

    def occurred(self, kind: FindingKind, stream: str, text: str, now: Now, count: int = 1) -> None:
        """Something happened."""
        log = self._log(kind, stream, now)
        log.count += count
        log.text = text
        self._tell(kind, stream, log, now)

    def holds(self, kind: FindingKind, stream: str, text: str | None, now: Now) -> None:
        """A condition is as `text` says; None where it is over, or never was."""
        if text is None and (kind, stream) not in self._logs:
            return
        log = self._log(kind, stream, now)
        log.wanted = text
        self._tell(kind, stream, log, now)

    def tick(self, now: Now) -> None:
        """Tells what was held back, where its time has come."""
        for kind, stream in tuple(self._held):
            self._tell(kind, stream, self._logs[kind, stream], now)

    def next_deadline(self) -> float | None:
        """When `tick` has something to tell, on the monotonic clock."""
        return min((self._due_s(self._logs[each]) for each in self._held), default=None)

    def take(self) -> list[Finding]:
        """The findings since the last call."""
        findings, self._findings = self._findings, []
        return findings

    def _log(self, kind: FindingKind, stream: str, now: Now) -> _Log:
        log = self._logs.get((kind, stream))
        if log is None:
            log = self._logs[kind, stream] = _Log(self._burst, now.monotonic_s)
        return log

    def _due_s(self, log: _Log) -> float:
        return log.refilled_s + (1.0 - log.allowance) * self._refill_s

    def _tell(self, kind: FindingKind, stream: str, log: _Log, now: Now) -> None:
        if not log.is_due:
            self._held.discard((kind, stream))
            return
        if log.allowance < 1.0 and now.monotonic_s < self._due_s(log):
            self._held.add((kind, stream))
            return
        gained = (now.monotonic_s - log.refilled_s) / self._refill_s
        log.allowance = max(0.0, min(self._burst, log.allowance + gained) - 1.0)
        log.refilled_s = now.monotonic_s
        self._held.discard((kind, stream))
        if log.count:
            text, count, is_over = log.text, log.count, False
            log.count = 0
        else:
            text, count, is_over = log.wanted or log.told or "", 1, log.wanted is None
            log.told = log.wanted
        self._findings.append(Finding(kind=kind, time_us=now.utc_us, stream=stream, text=text, count=count, is_over=is_over))
