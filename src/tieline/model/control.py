"""Supervisory control as people and programs see it: who asks, what is selected, what speaks against it, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tieline.model.commands import Outcome
from tieline.model.points import PointId


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who asks, as the login has found out; programs that ask are persons too, with a name such as `service/dispatch`."""

    name: str
    roles: frozenset[str]
    """Roles of IEC 62351-8: `operator`, `engineer` ..."""
    areas: frozenset[str] = frozenset()
    """Sites in which the roles hold; all where it is empty."""
    has_second_factor: bool = False
    """Whether this session was opened with a second factor."""


class Standing(StrEnum):
    """How a check stands."""

    MET = "met"
    REFUSED = "refused"
    OPEN = "open"
    """Somebody else has to do something first: the second person to approve."""
    NOTED = "noted"
    """Worth reading, and no reason to refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check says, in words, whether it speaks for or against."""

    check: str
    """A stable word: `authority`, `value`, `link`, `tag`, `interlock`, `earthing`, `parallel` ..."""
    standing: Standing
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A point that is held for one command; times are microseconds since 1970-01-01 UTC."""

    id: str
    point: PointId
    path: str
    value: float
    requester: str
    made_us: int
    expires_us: int
    verdicts: tuple[Verdict, ...]
    approved_by: str = ""

    @property
    def is_refused(self) -> bool:
        """Whether any check refuses: then nothing is held."""
        return any(verdict.standing is Standing.REFUSED for verdict in self.verdicts)

    @property
    def is_ready(self) -> bool:
        """Whether it may be executed."""
        return all(verdict.standing in {Standing.MET, Standing.NOTED} for verdict in self.verdicts)

    @property
    def reason(self) -> str:
        """What speaks against it, in words; nothing where it is ready."""
        against = (verdict.words for verdict in self.verdicts if verdict.standing in {Standing.REFUSED, Standing.OPEN})
        return "; ".join(against)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A command that was released, and its outcome as far as it is known."""

    id: str
    selection: str
    point: PointId
    path: str
    value: float
    requester: str
    approved_by: str = ""
    released_us: int
    outcome: Outcome | None = None
    """None while it is under way."""


class TagKind(StrEnum):
    """What a tag does."""

    DO_NOT_OPERATE = "do_not_operate"
    """A red tag: nobody operates what it hangs on."""
    INFORMATION = "information"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A note that hangs on a point, or on a piece of equipment and so on all points of it."""

    id: str
    kind: TagKind
    target: str
    """`site/device/name` of a point, or the name of equipment."""
    owner: str
    reason: str
    placed_us: int


class RunState(StrEnum):
    """Where a run of a switching program, or of a ramp, is."""

    RUNNING = "running"
    WAITING = "waiting"
    """A person has to confirm or approve."""
    STOPPED = "stopped"
    """May be resumed."""
    DONE = "done"
    ABANDONED = "abandoned"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self in {RunState.DONE, RunState.ABANDONED}


class StepState(StrEnum):
    """Where one step of a program is."""

    PENDING = "pending"
    CHECKING = "checking"
    """Its conditions before are awaited."""
    EXECUTING = "executing"
    """Its command is released."""
    VERIFYING = "verifying"
    """Its command is done; what it shall bring about is awaited."""
    PAUSING = "pausing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a run; `command` is the id of its last command."""

    state: StepState = StepState.PENDING
    attempt: int = 0
    command: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramRun:
    """One run of a switching program; `step` counts from 0 and is the number of steps where all are done."""

    id: str
    program: str
    fingerprint: str
    """Of the program as it was when the run began: a run does not go on with another text."""
    person: str
    """Who started or resumed it."""
    state: RunState
    step: int
    steps: tuple[Step, ...]
    words: str = ""
    """What it waits for, or why it stopped."""
    started_us: int
    changed_us: int
