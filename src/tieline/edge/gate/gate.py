"""The command gate: what asks for an operation, and everything that has to be so before a device is told.

    command -> answered before? -> point -> value -> age -> local/remote -> interlocks -> how often -> one at a time
            -> audit -> driver -> feedback -> audit, event -> outcome

Whoever asks, asks here: the center, the site's own automation, its screen. Each check that fails refuses with words. What passes
is in the audit, on the disk, before the driver hears of it; a command whose end the audit does not know when the gateway
starts again is unknown for ever, and is not repeated. Time is told by `tick`; the gate sets no timers of its own.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import structlog

from tieline.config.gate import Gate as Plan
from tieline.edge.driver import UnconfirmedError
from tieline.edge.gate.answers import RELEASED, Answers, Released, recall
from tieline.edge.gate.following import Following
from tieline.edge.gate.interlocks import Interlocks
from tieline.edge.gate.limits import Limits
from tieline.edge.image import ProcessImage
from tieline.io import Clock
from tieline.model import (
    VALIDITY,
    Command,
    Event,
    LocalError,
    Now,
    Outcome,
    Point,
    PointId,
    PointKind,
    RefusedError,
    Result,
    Severity,
    TielineError,
    UnavailableError,
)
from tieline.security.audit import AuditLog

AUTOMATION = "automation/"
"""Origins that begin so are functions of the site's own automation."""
LOCAL = "local"
"""Origins that begin so are people at the site."""

MOST_UNDER_WAY = 256
"""Commands at a time, of all points."""

TOLD_AGAIN_S = 60.0
"""A refusal that automation gets again and again is recorded and told so often."""

RECALLED_RECORDS = 10_000
"""So many records of the audit are read at the start."""

ENDED = "the gateway ended while the command was under way"

_KINDS = {
    Result.DONE: ("command_done", Severity.INFO),
    Result.REFUSED: ("command_refused", Severity.WARNING),
    Result.FAILED: ("command_failed", Severity.ERROR),
    Result.UNKNOWN: ("command_unknown", Severity.ERROR),
}

_NUMBER = re.compile(r"[-+]?[0-9.]+(?:e[-+]?[0-9]+)?")

log = structlog.get_logger()


class Operable(Protocol):
    """What the gate needs of a driver, see `tieline.edge.driver.Driver`."""

    async def write(self, point: PointId, value: float) -> None:
        """Makes the device take the value and returns when it has confirmed."""
        ...


class Gate:
    """One site's command gate. `run` it, `tick` it; `operate` and `submit` are the ways in."""

    def __init__(
        self,
        plan: Plan,
        points: Sequence[Point],
        image: ProcessImage,
        drivers: Mapping[str, Operable],
        audit: AuditLog,
        *,
        on_event: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        """`drivers` are under the names of their devices, and looked at when a command comes: they may be made later."""
        self._plan = plan
        self._points = {point.id: point for point in points}
        self._image = image
        self._drivers = drivers
        self._audit = audit
        self._on_event = on_event
        self._clock = clock
        self._interlocks = Interlocks(plan.interlocks, image)
        self._limits = Limits(plan.limits)
        self._switch = None if plan.local_switch is None else image.row(plan.local_switch)
        self._answers = Answers()
        self._open: list[Released] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._under_way: dict[str, tuple[Command, asyncio.Future[Outcome]]] = {}
        self._busy: set[PointId] = set()
        self._told: dict[tuple[str, PointId, float | None, str], float] = {}
        """When automation was refused what and why, where that was recorded."""
        self._deadlines: dict[asyncio.Future[None], float] = {}
        self._followings: dict[asyncio.Future[None], Following] = {}
        self._recall()

    @property
    def under_way(self) -> int:
        """Commands that have no outcome yet."""
        return len(self._under_way)

    async def run(self) -> None:
        """Works until cancelled; what is under way then is in the audit without an end."""
        for released in self._open:
            await self._end_earlier(released)
        self._open.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await asyncio.get_running_loop().create_future()
        finally:
            self._tasks = None

    async def operate(self, command: Command, origin: str, *, reason: str = "") -> Outcome:
        """What became of the command. Never raises for anything that a command, a device or a disk does.

        `origin` is `center/<person>`, `automation/<function>`, or `local/<who>`. A caller that is cancelled stops nothing.
        """
        outcome = self._begin(command, origin, reason)
        return outcome if isinstance(outcome, Outcome) else await asyncio.shield(outcome)

    def submit(self, command: Command, origin: str, on_outcome: Callable[[Outcome], None], *, reason: str = "") -> None:
        """As `operate`, for callers that do not wait; `on_outcome` may be called before this returns."""
        outcome = self._begin(command, origin, reason)
        if isinstance(outcome, Outcome):
            on_outcome(outcome)
        else:
            outcome.add_done_callback(lambda future: None if future.cancelled() else on_outcome(future.result()))

    def outcome_of(self, command: str) -> Outcome | None:
        """What became of the command of that id, where it has an outcome that is remembered."""
        answered = self._answers.of(command)
        return None if answered is None else answered.outcome

    def record(self, *, actor: str, action: str, target: str, detail: Mapping[str, object]) -> None:
        """Something else for the audit, which is no command; stored soon after this returns."""
        append = partial(self._audit.append, actor=actor, action=action, target=target, detail=detail)
        if self._tasks is not None:
            self._tasks.create_task(self._append_surely(append), name=f"record {action}")

    def tick(self, now: Now) -> None:
        """Time has passed: what waited too long ends, and feedback that came is seen."""
        for future, following in list(self._followings.items()):
            if not future.done() and following.is_fulfilled(self._image):
                future.set_result(None)
        for future, deadline in list(self._deadlines.items()):
            if not future.done() and now.monotonic_s >= deadline:
                future.set_result(None)

    def _begin(self, command: Command, origin: str, reason: str) -> Outcome | asyncio.Future[Outcome]:
        answered = self._answers.of(command.id)
        if answered is not None:
            return answered.outcome if answered.is_same(command) else self._reject(command, "the id is that of another command")
        if command.id in self._under_way:
            other, future = self._under_way[command.id]
            is_same = (other.point, other.value) == (command.point, command.value)
            return future if is_same else self._reject(command, "the id is that of another command")
        if self._tasks is None:
            return self._reject(command, "the gateway is starting or ending")
        if len(self._under_way) >= MOST_UNDER_WAY:
            return self._reject(command, f"{MOST_UNDER_WAY} commands are under way")
        future = asyncio.get_running_loop().create_future()
        self._under_way[command.id] = (command, future)
        self._tasks.create_task(self._answer(command, origin, reason, future), name=f"command {command.id}")
        return future

    def _reject(self, command: Command, why: str) -> Outcome:
        """A refusal that is no decision about the command's content, and that is not remembered for its id."""
        outcome = self._outcome(command, Result.REFUSED, why)
        self._tell(command, command.requester, outcome)
        return outcome

    async def _answer(self, command: Command, origin: str, reason: str, future: asyncio.Future[Outcome]) -> None:
        try:
            outcome = await self._decide(command, origin, reason)
            if not origin.startswith(AUTOMATION):  # it uses no id twice, and would crowd out those of others
                self._answers.add(command.point, command.value, outcome)
            if not future.done():
                future.set_result(outcome)
        finally:
            del self._under_way[command.id]
            if not future.done():
                future.set_result(self._outcome(command, Result.UNKNOWN, ENDED))

    async def _decide(self, command: Command, origin: str, reason: str) -> Outcome:
        point = self._points.get(command.point)
        refusal = self._refusal(command, origin, point)
        if not refusal and command.point in self._busy:
            refusal = "another command for the point is under way"
        if refusal or point is None:
            outcome = self._outcome(command, Result.REFUSED, refusal)
            if not self._is_told_already(command, origin, point, refusal):
                await self._note(command, origin, reason, point, outcome)
                self._tell(command, origin, outcome)
            return outcome
        self._busy.add(point.id)
        try:
            outcome = await self._release(command, origin, reason, point)
        finally:
            self._busy.discard(point.id)
        self._tell(command, origin, outcome)
        return outcome

    def _is_told_already(self, command: Command, origin: str, point: Point | None, refusal: str) -> bool:
        """Whether automation was refused the same a moment ago: it may ask in every scan, and a disk is not endless.

        A setpoint is the same whatever its value, and a reason whatever the numbers in it.
        """
        if not origin.startswith(AUTOMATION):
            return False
        value = command.value if point is not None and point.kind is PointKind.CONTROL else None
        key, now = (origin, command.point, value, _NUMBER.sub("", refusal)), self._clock.monotonic()
        if now < self._told.get(key, -math.inf) + TOLD_AGAIN_S:
            return True
        self._told = {each: at for each, at in self._told.items() if now < at + TOLD_AGAIN_S} | {key: now}
        return False

    def _refusal(self, command: Command, origin: str, point: Point | None) -> str:
        """Why the command is refused as things are; nothing where it is permitted."""
        if point is None:
            return f"this site has no point {command.point}"
        if not point.kind.is_writable:
            return f"{point.path} is of the kind {point.kind}, which takes no commands"
        if point.device not in self._drivers:
            return f"{point.path} belongs to no device that takes commands"
        now_us = self._clock.now_us()
        if now_us >= command.expires:
            return f"the command expired {(now_us - command.expires) / 1e6:.1f} s ago"
        return (
            _value_refusal(point, command.value)
            or self._local_refusal(origin)
            or self._interlocks.refusal(point.id, command.value, now_us)
            or self._limits.refusal(point.id, self._clock.monotonic())
        )

    def _local_refusal(self, origin: str) -> str:
        plan = self._plan
        if self._switch is None or origin.startswith(LOCAL):
            return ""
        if plan.automation_when_local and origin.startswith(AUTOMATION):
            return ""
        position, kind = float(self._image.value[self._switch]), self._image.points[self._switch].kind
        is_between = kind is PointKind.DOUBLE and position not in {1, 2} and position != plan.local_when
        if int(self._image.quality[self._switch]) & VALIDITY or not math.isfinite(position) or is_between:
            return "whether the site is in local is not known"
        return "the site is in local" if position == plan.local_when else ""

    async def _release(self, command: Command, origin: str, reason: str, point: Point) -> Outcome:
        try:
            detail = _detail(command, origin, reason)
            append = partial(self._audit.append, actor=command.requester, action="command", target=point.path)
            await asyncio.to_thread(append, detail=detail, outcome=RELEASED)
        except TielineError as error:
            return self._outcome(command, Result.REFUSED, str(error))
        refusal = self._refusal(command, origin, point)  # a disk may have been slow
        if refusal:
            result, why = Result.REFUSED, refusal
        else:
            self._limits.count(point.id, self._clock.monotonic())
            result, why = await self._act(point, command.value)
        outcome = self._outcome(command, result, why)
        await self._note_end(command, point, outcome)
        return outcome

    async def _act(self, point: Point, value: float) -> tuple[Result, str]:
        feedback = self._plan.feedbacks.get(point.id)
        following = None if feedback is None else Following.begin(feedback, value, self._image)
        assert self._tasks is not None
        writing = self._tasks.create_task(_write(self._drivers[point.device], point, value), name=f"write {point.path}")
        if not await self._done_within(writing, self._plan.write_timeout_s):
            writing.cancel()
            return Result.UNKNOWN, f"the device has not confirmed within {self._plan.write_timeout_s:g} s"
        if writing.cancelled():
            return Result.UNKNOWN, "the driver gave up before the device confirmed"
        result, why = writing.result()
        if following is None or result not in {Result.DONE, Result.UNKNOWN}:
            return result, why
        if await self._is_followed(following):
            return Result.DONE, why and f"{why}; {following.feedback.point.name} shows that it has acted"
        if result is Result.UNKNOWN:
            return result, f"{why}; {following.in_words(self._image)}"
        is_known = following.is_known(self._image)
        return Result.FAILED if is_known else Result.UNKNOWN, f"the device confirmed, but {following.in_words(self._image)}"

    async def _done_within(self, task: asyncio.Task[tuple[Result, str]], seconds: float) -> bool:
        deadline: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deadlines[deadline] = self._clock.monotonic() + seconds
        awaited: set[asyncio.Future[Any]] = {task, deadline}
        try:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._deadlines[deadline]
            deadline.cancel()
        return task.done()

    async def _is_followed(self, following: Following) -> bool:
        if following.is_fulfilled(self._image) and following.feedback.expects != "change":
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._followings[future] = following
        self._deadlines[future] = self._clock.monotonic() + following.feedback.within_s
        try:
            await future
        finally:
            del self._followings[future], self._deadlines[future]
        return following.is_fulfilled(self._image)

    def _outcome(self, command: Command, result: Result, why: str) -> Outcome:
        return Outcome(command=command.id, time=self._clock.now_us(), result=result, reason=why)

    async def _note(self, command: Command, origin: str, reason: str, point: Point | None, outcome: Outcome) -> None:
        detail = _detail(command, origin, reason) | {"reason": outcome.reason}
        target = str(command.point) if point is None else point.path
        append = partial(self._audit.append, actor=command.requester, action="command", target=target)
        await self._append_surely(partial(append, detail=detail, outcome=str(outcome.result)))

    async def _note_end(self, command: Command, point: Point, outcome: Outcome) -> None:
        detail = {"id": command.id, "reason": outcome.reason}
        append = partial(self._audit.append, actor=command.requester, action="command_outcome", target=point.path)
        await self._append_surely(partial(append, detail=detail, outcome=str(outcome.result)))

    async def _append_surely(self, append: Callable[[], object]) -> None:
        """A record of what has happened already: where it cannot be stored, at least that is told."""
        try:
            await asyncio.to_thread(append)
        except (UnavailableError, LocalError) as error:
            self._event("audit_failed", Severity.ERROR, str(error))

    def _tell(self, command: Command, origin: str, outcome: Outcome) -> None:
        point = self._points.get(command.point)
        kind, severity = _KINDS[outcome.result]
        name = str(command.point) if point is None else point.path
        why = f": {outcome.reason}" if outcome.reason else ""
        device = "" if point is None else point.device
        self._event(kind, severity, f"{name} to {command.value:g} by {origin}, {outcome.result}{why}", device)

    def _event(self, kind: str, severity: Severity, text: str, device: str = "") -> None:
        site = next((point.site for point in self._points.values()), "")
        self._on_event(Event(time=self._clock.now_us(), site=site, device=device, kind=kind, severity=severity, text=text))

    def _recall(self) -> None:
        """Takes outcomes and counts from the audit."""
        records = self._audit.since(max(0, self._audit.last - RECALLED_RECORDS), RECALLED_RECORDS)
        paths = {point.path: point for point in self._points.values()}
        released, self._open = recall(records, paths, self._answers)
        now_us, monotonic_s = self._clock.now_us(), self._clock.monotonic()
        for each in released:
            age_s = max(0.0, (now_us - each.time_us) / 1e6)
            self._limits.count(each.point, monotonic_s - age_s)
        for each in self._open:
            self._answers.add(each.point, each.value, self._lost(each))

    def _lost(self, released: Released) -> Outcome:
        return Outcome(command=released.command, time=self._clock.now_us(), result=Result.UNKNOWN, reason=ENDED)

    async def _end_earlier(self, released: Released) -> None:
        outcome, point = self._lost(released), self._points[released.point]
        command = Command(
            id=released.command, point=released.point, value=released.value, requester=released.requester, expires=0
        )
        await self._note_end(command, point, outcome)
        self._tell(command, released.requester, outcome)


def _value_refusal(point: Point, value: float) -> str:
    if not math.isfinite(value):
        return f"{value} is no value"
    if point.kind is PointKind.CONTROL and value not in {0, 1}:
        return f"{value:g} is neither 0 nor 1"
    if point.low is not None and value < point.low:
        return f"{value:g} {point.unit} is below {point.low:g} {point.unit}, the lowest value of {point.path}"
    if point.high is not None and value > point.high:
        return f"{value:g} {point.unit} is above {point.high:g} {point.unit}, the highest value of {point.path}"
    return ""


async def _write(driver: Operable, point: Point, value: float) -> tuple[Result, str]:
    try:
        await driver.write(point.id, value)
    except UnconfirmedError as error:
        return Result.UNKNOWN, str(error)
    except RefusedError as error:
        return Result.REFUSED, str(error)
    except TielineError as error:
        return Result.FAILED, str(error)
    except Exception as error:  # a driver's mistake is no reason to stop the gate, and nobody knows what it did
        log.exception("driver failed", point=point.path)
        return Result.UNKNOWN, f"the driver failed: {error!r}"
    return Result.DONE, ""


def _detail(command: Command, origin: str, reason: str) -> dict[str, object]:
    return {
        "id": command.id,
        "value": command.value,
        "origin": origin,
        "wanted": reason,
        "expires": command.expires,
    }
