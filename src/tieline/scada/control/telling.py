"""What control tells operators as events, of the site that it is about: what is refused or lost here, of which no site knows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from tieline.io import Clock
from tieline.model import Event, Outcome, Point, PointId, Result, Severity
from tieline.model.control import Operation, Person, ProgramRun, Tag

_KINDS = {
    Result.REFUSED: ("command_refused", Severity.WARNING),
    Result.FAILED: ("command_failed", Severity.ERROR),
    Result.UNKNOWN: ("command_unknown", Severity.ERROR),
}


class Telling:
    """Makes events; one about a point that is at no site is told nobody."""

    def __init__(self, points: Mapping[PointId, Point], on_event: Callable[[Event], None], clock: Clock) -> None:
        self._points = points
        self._on_event = on_event
        self._clock = clock

    def refused(self, person: Person, point: PointId, value: float, why: str) -> None:
        """The person wanted that value, and does not get it."""
        self._command(point, value, person.name, Result.REFUSED, why)

    def outcome(self, operation: Operation, outcome: Outcome) -> None:
        """What became of a command; what was done is told by its site."""
        if outcome.result is not Result.DONE:
            self._command(operation.point, operation.value, operation.requester, outcome.result, outcome.reason)

    def tag(self, tag: Tag, points: Collection[Point], kind: str, words: str) -> None:
        """A tag that hangs on these points was hung on or taken off."""
        for site in sorted({point.site for point in points}):
            self._tell(site, "", kind, Severity.INFO, f"{tag.target}: {words}: {tag.reason}")

    def stopped(self, run: ProgramRun, point: Point) -> None:
        """A run of a switching program has stopped at the step that operates the point."""
        text = f"switching program {run.program} of {run.person} stopped: {run.words}"
        self._tell(point.site, point.device, "program_stopped", Severity.WARNING, text)

    def _command(self, id_: PointId, value: float, who: str, result: Result, why: str) -> None:
        point = self._points.get(id_)
        if point is not None:
            kind, severity = _KINDS[result]
            self._tell(point.site, point.device, kind, severity, f"{point.path} to {value:g} by {who}, {result}: {why}")

    def _tell(self, site: str, device: str, kind: str, severity: Severity, text: str) -> None:
        self._on_event(Event(time=self._clock.now_us(), site=site, device=device, kind=kind, severity=severity, text=text))
