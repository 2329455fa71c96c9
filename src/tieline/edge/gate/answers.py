"""What became of earlier commands, so that one that comes twice acts once, over a restart too."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tieline.model import AuditRecord, Command, Outcome, Point, PointId, Result

MOST_ANSWERS = 4_096
RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Answered:
    """A command that has its outcome."""

    point: PointId
    value: float
    outcome: Outcome

    def is_same(self, command: Command) -> bool:
        """Whether it asked for the same, and not only under the same id."""
        return self.point == command.point and self.value == command.value


@dataclass(frozen=True, slots=True)
class Released:
    """A release that the audit knows."""

    command: str
    path: str
    point: PointId
    value: float
    time_us: int
    requester: str


class Answers:
    """The outcomes of the latest commands, by their id."""

    def __init__(self) -> None:
        self._of: OrderedDict[str, Answered] = OrderedDict()

    def of(self, command: str) -> Answered | None:
        """What became of the command of that id, where it is remembered."""
        return self._of.get(command)

    def add(self, point: PointId, value: float, outcome: Outcome) -> None:
        """Remembers; the oldest is forgotten for it."""
        self._of[outcome.command] = Answered(point, value, outcome)
        while len(self._of) > MOST_ANSWERS:
            self._of.popitem(last=False)


def recall(
    records: Iterable[AuditRecord], points: Mapping[str, Point], answers: Answers
) -> tuple[list[Released], list[Released]]:
    """Learns from the audit: all releases, oldest first, and those of which the audit knows no end. `points` are under their paths."""
    released: dict[str, Released] = {}
    open_: dict[str, Released] = {}
    for record in records:
        command, point, value = record.detail.get("id"), points.get(record.target), record.detail.get("value")
        if not isinstance(command, str):
            continue
        if record.action == "command" and point is not None and isinstance(value, int | float):
            if record.outcome == RELEASED:
                release = Released(command, record.target, point.id, float(value), record.time_us, record.actor)
                released[command] = open_[command] = release
            elif record.outcome in set(Result):
                outcome = Outcome(command=command, time=record.time_us, result=Result(record.outcome), reason=_reason(record))
                answers.add(point.id, float(value), outcome)
        elif record.action == "command_outcome" and command in open_ and record.outcome in set(Result):
            ended = open_.pop(command)
            outcome = Outcome(command=command, time=record.time_us, result=Result(record.outcome), reason=_reason(record))
            answers.add(ended.point, ended.value, outcome)
    return list(released.values()), list(open_.values())


def _reason(record: AuditRecord) -> str:
    return str(record.detail.get("reason", ""))
