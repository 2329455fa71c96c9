"""One run of a switching program: which step is next, what is awaited, why it stopped.

    pending -> (confirmed) -> checking: before -> executing -> verifying: after -> pausing -> done -> the next step
                                    whatever fails, and whoever stops it: stopped -> resumed, or abandoned

It has no clock and sends nothing: `tick` says when a command is due, and the run is stored before that command is released. The
command's id follows from the run, the step and the attempt. A run that was under way when the center ended is stopped; when a person
resumes it, what became of its last command decides whether the step is verified or executed anew, so that nothing is repeated and
nothing skipped. Where that is not known, the person has to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tieline.config.gate import Interlock
from tieline.config.programs import Program, ProgramStep
from tieline.model import Now, Outcome, PointId, RefusedError, Result
from tieline.model.control import ProgramRun, RunState, Step, StepState

RESTARTED = "the center was restarted"
REPEAT, DONE = "repeat", "done"
"""What a person may say of a step of which nobody knows whether it acted."""

Holds = Callable[[Interlock, Now], tuple[bool | None, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A command that is to be released now."""

    command: str
    point: PointId
    value: float
    text: str


def begin(program: Program, id: str, person: str, now: Now) -> ProgramRun:  # noqa: A002 - the field's own name
    """A run that has done nothing yet."""
    return ProgramRun(
        id=id,
        program=program.name,
        fingerprint=program.fingerprint,
        person=person,
        state=RunState.RUNNING,
        step=0,
        steps=tuple(Step() for _ in program.steps),
        started_us=now.utc_us,
        changed_us=now.utc_us,
    )


def after_restart(run: ProgramRun, now: Now) -> ProgramRun:
    """The run as it is when the center begins again."""
    if run.state in {RunState.RUNNING, RunState.WAITING}:
        return replace(run, state=RunState.STOPPED, words=RESTARTED, changed_us=now.utc_us)
    return run


class Running:
    """Leads one run through its program; `run` is its present state, to be stored whenever it changed."""

    def __init__(self, program: Program, run: ProgramRun, holds: Holds) -> None:
        self.run = run
        self._program = program
        self._holds = holds
        self._deadline_s = 0.0
        self._is_confirmed = False

    def standstill(self) -> str:
        """Why nothing may be released now; nothing where it runs."""
        return "" if self.run.state is RunState.RUNNING else self.run.words or f"the run is {self.run.state}"

    def tick(self, now: Now) -> Due | None:
        """Goes on as far as it can; gives the command that is due, once."""
        while self.run.state is RunState.RUNNING:
            before = self.run
            due = self._go_on(self._program.steps[self.run.step], self._step, now)
            if due is not None or self.run is before:
                return due
        return None

    def executed(self, outcome: Outcome, now: Now) -> None:
        """What became of the command that was due; a run that was abandoned meanwhile stays so."""
        if self.run.state.is_over:
            return
        if outcome.result is Result.DONE:
            self._deadline_s = now.monotonic_s + self._program.steps[self.run.step].after_s
            self._set(now, StepState.VERIFYING, outcome.reason)
        else:
            self._fail(now, f"{outcome.result}: {outcome.reason}" if outcome.reason else str(outcome.result))

    def wait(self, words: str, now: Now) -> None:
        """Somebody has to do something before the command is released."""
        self.run = replace(self.run, state=RunState.WAITING, words=words, changed_us=now.utc_us)

    def go_on(self, now: Now) -> None:
        """Somebody has done it."""
        if self.run.state is RunState.WAITING:
            self.run = replace(self.run, state=RunState.RUNNING, words="", changed_us=now.utc_us)

    def confirm(self, now: Now) -> None:
        """A person says that the step may be executed. Raises `RefusedError` where nothing waits for that."""
        self.check_confirm()
        self._is_confirmed = True
        self.go_on(now)

    def check_confirm(self) -> None:
        """Raises `RefusedError` where no step waits to be confirmed."""
        if self.run.state is not RunState.WAITING or self._step.state is not StepState.PENDING:
            raise RefusedError("no step waits to be confirmed")

    def stop(self, words: str, now: Now) -> None:
        """Nothing more is released until it is resumed; a command that is under way ends. Raises `RefusedError` where it does not run."""
        if self.run.state not in {RunState.RUNNING, RunState.WAITING}:
            raise RefusedError(f"the run is {self.run.state}")
        self.run = replace(self.run, state=RunState.STOPPED, words=words, changed_us=now.utc_us)

    def resume(self, person: str, outcome: Outcome | None, now: Now, unknown: str = "") -> None:
        """Goes on where it stopped. `outcome` is that of the step's last command, None where it has none.

        Raises `RefusedError` where it is not stopped, the program is another one by now, or `unknown` has to say what the step did.
        """
        if self.run.state is not RunState.STOPPED:
            raise RefusedError(f"the run is {self.run.state}")
        if self.run.fingerprint != self._program.fingerprint:
            raise RefusedError("the program was changed since the run began; abandon the run and begin anew")
        state = self._resumed(outcome, unknown)
        step = self._program.steps[self.run.step]
        self._deadline_s = now.monotonic_s + {StepState.VERIFYING: step.after_s, StepState.PAUSING: step.pause_s}.get(state, 0.0)
        self._is_confirmed = False
        self._set(now, state)
        self.run = replace(self.run, state=RunState.RUNNING, person=person, words="")

    def abandon(self, words: str, now: Now) -> None:
        """It will not go on. Raises `RefusedError` where it is not stopped."""
        if self.run.state is not RunState.STOPPED:
            raise RefusedError(f"the run is {self.run.state}; stop it first" if not self.run.state.is_over else "the run is over")
        self.run = replace(self.run, state=RunState.ABANDONED, words=words, changed_us=now.utc_us)

    @property
    def _step(self) -> Step:
        return self.run.steps[self.run.step]

    def _resumed(self, outcome: Outcome | None, unknown: str) -> StepState:
        if self._step.state is StepState.PAUSING:
            return StepState.PAUSING
        if not self._step.command or outcome is None:
            return StepState.PENDING
        match outcome.result:
            case Result.DONE:
                return StepState.VERIFYING
            case Result.REFUSED | Result.FAILED:
                return StepState.PENDING
            case Result.UNKNOWN if unknown == REPEAT:
                return StepState.PENDING
            case Result.UNKNOWN if unknown == DONE:
                return StepState.VERIFYING
        raise RefusedError(
            f"nobody knows whether step {self.run.step + 1} acted ({outcome.reason}); look, and resume with {REPEAT} or {DONE}"
        )

    def _go_on(self, step: ProgramStep, at: Step, now: Now) -> Due | None:
        match at.state:
            case StepState.PENDING if step.confirm and not self._is_confirmed:
                self.wait(f"step {self.run.step + 1} has to be confirmed: {step.text}", now)
            case StepState.PENDING:
                self._deadline_s = now.monotonic_s + step.before_s
                self._set(now, StepState.CHECKING)
            case StepState.CHECKING:
                return self._check(step, at, now)
            case StepState.VERIFYING:
                self._verify(step, now)
            case StepState.PAUSING if now.monotonic_s >= self._deadline_s:
                self._finish(now)
            case _:
                pass
        return None

    def _check(self, step: ProgramStep, at: Step, now: Now) -> Due | None:
        if step.before is not None:
            holds, words = self._holds(step.before, now)
            if not holds:
                if now.monotonic_s >= self._deadline_s:
                    self._fail(now, _missing("before the step", step.before, holds, words))
                return None
        attempt = at.attempt + 1
        command = f"{self.run.id}-{self.run.step + 1}-{attempt}"
        self._put(now, replace(at, state=StepState.EXECUTING, attempt=attempt, command=command, words=""))
        return Due(command=command, point=step.point.id, value=step.value, text=step.text)

    def _verify(self, step: ProgramStep, now: Now) -> None:
        if step.after is not None:
            holds, words = self._holds(step.after, now)
            if not holds:
                if now.monotonic_s >= self._deadline_s:
                    self._fail(now, _missing(f"{step.after_s:g} s after the step", step.after, holds, words))
                return
        self._deadline_s = now.monotonic_s + step.pause_s
        self._set(now, StepState.PAUSING)

    def _finish(self, now: Now) -> None:
        self._is_confirmed = False
        self._set(now, StepState.DONE)
        following = self.run.step + 1
        if following == len(self._program.steps):
            self.run = replace(self.run, state=RunState.DONE, step=following)
        else:
            self.run = replace(self.run, step=following)

    def _fail(self, now: Now, words: str) -> None:
        self._set(now, StepState.FAILED, words)
        self.run = replace(self.run, state=RunState.STOPPED, words=f"step {self.run.step + 1}: {words}")

    def _set(self, now: Now, state: StepState, words: str = "") -> None:
        self._put(now, replace(self._step, state=state, words=words))

    def _put(self, now: Now, step: Step) -> None:
        steps = (*self.run.steps[: self.run.step], step, *self.run.steps[self.run.step + 1 :])
        self.run = replace(self.run, steps=steps, changed_us=now.utc_us)


def _missing(when: str, condition: Interlock, holds: bool | None, words: str) -> str:
    problem = "is not known" if holds is None else "is not so"
    return f"{when} it has to be so that {condition.expression}, and that {problem}" + (f" ({words})" if words else "")
