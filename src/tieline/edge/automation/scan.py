"""The scan: every function once, in declared order, over one snapshot; what one of them does wrong stops neither the scan nor others.

A function's scan that raises or takes longer than the watchdog permits is a fault: it is counted and told once, and nothing that it wanted
is done, so that its outputs stay as they are. After `most_faults` in a row the function is out of service, until somebody puts it in
service again or the gateway starts anew. A function cannot be interrupted: what it costs is measured when it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from tieline.config.function_base import Acts
from tieline.edge.automation.function import NOTHING, Action, Answer, Function, Notice, Read
from tieline.model import Now, Outcome, Result, Severity

log = structlog.get_logger()


@dataclass(slots=True)
class Entry:
    """A function in its place in the scan."""

    function: Function
    acts: Acts
    answers: list[Answer] = field(default_factory=list)
    """Those that have arrived since its last scan."""
    faults: int = 0
    """Since the gateway started."""
    faults_in_a_row: int = 0
    in_service: bool = True
    is_acting: bool = False
    logged: set[str] = field(default_factory=set)
    """Kinds of its mistakes that are in the log."""
    is_new: bool = False
    """Put in service since its last scan: it looks at what others have done meanwhile before it acts."""

    @property
    def name(self) -> str:
        """The function's."""
        return self.function.name


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a function's scan came to, and may be passed on."""

    entry: Entry
    action: Action


class Scan:
    """All functions of a site."""

    def __init__(self, entries: Sequence[Entry], *, watchdog_s: float, most_faults: int, elapsed: Callable[[], float]) -> None:
        """`elapsed` gives seconds from any origin, by which functions are timed."""
        self.entries = tuple(entries)
        self._watchdog_s = watchdog_s
        self._most_faults = most_faults
        self._elapsed = elapsed

    def run(self, now: Now, read: Read, may_act: Callable[[Acts], bool]) -> Iterator[Wanted]:
        """Scans one function after another; what each wants done comes out, unless it may not act, and what it has to say."""
        for entry in self.entries:
            entry.is_acting = entry.in_service and not entry.is_new and may_act(entry.acts)
            entry.is_new = False
            if entry.in_service:
                yield Wanted(entry, self._scan(entry, now, read))

    def _scan(self, entry: Entry, now: Now, read: Read) -> Action:
        answers, entry.answers = entry.answers, []
        begun = self._elapsed()
        try:
            action = entry.function.scan(now, read, answers, may_act=entry.is_acting)
        except Exception as error:  # noqa: BLE001 - a function's mistake must not stop the others
            _log(entry, error)
            return self._fault(entry, f"{type(error).__name__}: {error}")
        took_s = self._elapsed() - begun
        if took_s > self._watchdog_s:
            why = f"its scan took {took_s * 1000:.0f} ms, {self._watchdog_s * 1000:.0f} ms are permitted"
            if entry.is_acting:
                refused = Outcome(command="", time=now.utc_us, result=Result.REFUSED, reason=why)
                entry.answers += [Answer(request=request, outcome=refused) for request in action.requests]
            return self._fault(entry, why)
        if entry.faults_in_a_row:
            entry.faults_in_a_row = 0
            notice = Notice(kind="function_recovered", text=f"{entry.name} works again")
            action = Action(requests=action.requests, notices=(*action.notices, notice))
        return action if entry.is_acting else Action(notices=action.notices) if action.notices else NOTHING

    def _fault(self, entry: Entry, why: str) -> Action:
        entry.faults += 1
        entry.faults_in_a_row += 1
        notices = []
        if entry.faults_in_a_row == 1:
            text = f"{entry.name} has a fault, and what it commanded last stays: {why}"
            notices.append(Notice(kind="function_fault", text=text, severity=Severity.ERROR))
        if entry.faults_in_a_row >= self._most_faults:
            entry.in_service = entry.is_acting = False
            text = f"{entry.name} is out of service after {entry.faults_in_a_row} faults in a row, the last: {why}"
            notices.append(Notice(kind="function_out_of_service", text=text, severity=Severity.ERROR))
        return Action(notices=tuple(notices))


def _log(entry: Entry, error: Exception) -> None:
    """Once for each kind of mistake: to write a traceback takes longer than many scans."""
    kind = type(error).__name__
    if kind not in entry.logged:
        entry.logged.add(kind)
        log.error("automation function failed", function=entry.name, exc_info=error)


def shown_by(entry: Entry) -> Mapping[str, float]:
    """The values that a function shows; none where it fails at that."""
    try:
        return entry.function.shown()
    except Exception as error:  # noqa: BLE001 - see `Scan`
        _log(entry, error)
        return {}


def memory_of(entry: Entry) -> dict[str, Any] | None:
    """What a function wants to survive a restart; None where it fails at that."""
    try:
        return entry.function.remember()
    except Exception as error:  # noqa: BLE001 - see `Scan`
        _log(entry, error)
        return None


def remind(entry: Entry, state: Mapping[str, Any]) -> None:
    """Gives a function what it wanted to survive a restart."""
    try:
        entry.function.recall(state)
    except Exception as error:  # noqa: BLE001 - see `Scan`
        _log(entry, error)
