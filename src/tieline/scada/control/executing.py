"""From a checked selection to an outcome: audit, order, answer, feedback, audit.

    released in the audit -> checked once more -> in the book with its number -> sent -> answered -> seen at the center -> audit, book

What the audit has released and the book does not have was never sent. What the book has without an answer is asked for again, after a
restart too, by a question that makes nobody act.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import structlog

from tieline.config.gate import Feedback
from tieline.io import Clock
from tieline.model import Now, Outcome, Point, PointId, Result, TielineError
from tieline.model.control import Operation, Person, Selection
from tieline.scada.control.book import ControlBook
from tieline.scada.control.delivery import Delivery, NoAnswerError, NotSentError, Wanted
from tieline.scada.control.desk import ControlDesk
from tieline.scada.control.values import Following, Values
from tieline.security.audit import AuditLog

RELEASED = "released"
ASK_S = 10.0
"""So long an answer to a question is awaited."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is to be operated, by whom, on the strength of which selection."""

    operation: Operation
    point: Point
    person: Person
    selection: Selection
    reason: str = ""
    detail: Mapping[str, object] | None = None
    """What else the audit shall say."""


class Executing:
    """Carries out commands one at a time each; `tick` lets it see feedback and time."""

    def __init__(
        self,
        desk: ControlDesk,
        book: ControlBook,
        audit: AuditLog,
        delivery: Delivery,
        values: Values,
        feedbacks: Mapping[PointId, Feedback],
        *,
        answer_s: float,
        feedback_s: float,
        on_outcome: Callable[[Operation, Outcome], None] = lambda *_: None,
        clock: Clock,
    ) -> None:
        """`on_outcome` is told outcomes that no site tells."""
        self._desk = desk
        self._book = book
        self._audit = audit
        self._delivery = delivery
        self._values = values
        self._feedbacks = feedbacks
        self._answer_s = answer_s
        self._feedback_s = feedback_s
        self._on_outcome = on_outcome
        self._clock = clock
        self._awaited: dict[asyncio.Future[None], tuple[Following, float]] = {}

    def now(self) -> Now:
        """On both clocks."""
        return Now(self._clock.monotonic(), self._clock.now_us())

    def tick(self, now: Now) -> None:
        """Time has passed, or values came."""
        for future, (following, deadline_s) in list(self._awaited.items()):
            if not future.done() and (now.monotonic_s >= deadline_s or following.is_fulfilled(now)):
                future.set_result(None)

    async def release(self, release: Release, *, is_followed: bool = True) -> Outcome:
        """What became of it. Never raises for anything that a disk, a bus or a site does."""
        operation = release.operation
        try:
            await self._record(release, RELEASED)
        except TielineError as error:
            return await self._end_here(operation, self.outcome(operation, Result.REFUSED, str(error)), is_recorded=False)
        now = self.now()
        refusal = self._desk.recheck(release.person, release.selection, operation.value, now)  # a disk may have been slow
        if refusal:
            return await self._end_here(operation, self.outcome(operation, Result.REFUSED, refusal))
        feedback = self._feedbacks.get(release.point.id) if is_followed else None
        following = None if feedback is None else Following(feedback, operation.value, self._values, now)
        outcome, is_final, is_told = await self._order(release, following)
        end = self.end if is_told else self._end_here
        return await end(operation, outcome, is_final=is_final)

    async def refuse(self, release: Release, why: str) -> Outcome:
        """It is refused, recorded, and remembered under its id."""
        outcome = self.outcome(release.operation, Result.REFUSED, why)
        await self._surely(partial(self._append, release, "refused", why))
        return await self._end_here(release.operation, outcome, is_recorded=False)

    async def ask(self, operation: Operation, point: Point) -> Outcome | None:
        """What the site says became of it, recorded; None where it cannot be asked now."""
        wanted = Wanted(
            id=operation.id,
            point=point,
            value=operation.value,
            requester=operation.requester,
            selection=operation.selection,
            is_question=True,
        )
        number = partial(self._book.number, point.site, self._clock.now_us())
        try:
            answer = await self._delivery.order(wanted, number, within_s=ASK_S)
        except TielineError as error:
            log.info("site cannot be asked", site=point.site, command=operation.id, reason=str(error))
            return None
        if answer.id != operation.id:  # the question was refused, and says nothing about the command
            log.warning("site refused to be asked", site=point.site, command=operation.id, reason=answer.reason)
            return None
        return await self.end(operation, replace(answer.outcome, command=operation.id))

    async def end(self, operation: Operation, outcome: Outcome, *, is_final: bool = True, is_recorded: bool = True) -> Outcome:
        """Records and remembers what became of a command."""
        if is_recorded:
            await self._surely(
                partial(
                    self._audit.append,
                    actor=operation.requester,
                    action="command_outcome",
                    target=operation.path,
                    detail={"id": operation.id, "reason": outcome.reason},
                    outcome=str(outcome.result),
                )
            )
        await self._surely(partial(self._book.end, operation, outcome, is_final=is_final))
        return outcome

    async def _end_here(
        self, operation: Operation, outcome: Outcome, *, is_final: bool = True, is_recorded: bool = True
    ) -> Outcome:
        """As `end`, for what the site does not know, or does not tell."""
        self._on_outcome(operation, outcome)
        return await self.end(operation, outcome, is_final=is_final, is_recorded=is_recorded)

    def outcome(self, operation: Operation, result: Result, why: str = "") -> Outcome:
        """An outcome of now."""
        return Outcome(command=operation.id, time=self._clock.now_us(), result=result, reason=why)

    async def begin_steps(self, release: Release) -> None:
        """Records and remembers a command that is carried out in steps. Raises `UnavailableError`."""
        await self._record(release, RELEASED)
        await asyncio.to_thread(self._book.begin, release.operation, None, self._clock.now_us())

    async def _order(self, release: Release, following: Following | None) -> tuple[Outcome, bool, bool]:
        """What became of it, whether that is final, and whether its site tells it to everybody."""
        operation, point = release.operation, release.point
        wanted = Wanted(
            id=operation.id,
            point=point,
            value=operation.value,
            requester=operation.requester,
            selection=operation.selection,
            reason=release.reason,
        )
        number = partial(self._book.begin, operation, point.site, self._clock.now_us())
        try:
            answer = await self._delivery.order(wanted, number, within_s=self._answer_s)
        except NoAnswerError as error:
            return self.outcome(operation, Result.UNKNOWN, str(error)), False, False
        except NotSentError as error:
            return self.outcome(operation, Result.REFUSED, str(error)), True, False
        except TielineError as error:
            return self.outcome(operation, Result.REFUSED, f"{error}; nothing was sent"), True, False
        outcome = replace(answer.outcome, command=operation.id)
        if outcome.result is Result.DONE and following is not None:
            outcome = await self._followed(outcome, following)
            return outcome, True, outcome.result is Result.DONE
        return outcome, True, True

    async def _followed(self, outcome: Outcome, following: Following) -> Outcome:
        """The site has seen the effect; it has to be seen here as well."""
        if not following.is_fulfilled(self.now()):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._awaited[future] = following, self._clock.monotonic() + self._feedback_s
            try:
                await future
            finally:
                del self._awaited[future]
        now = self.now()
        if following.is_fulfilled(now):
            return outcome
        result = Result.FAILED if following.is_known(now) else Result.UNKNOWN
        why = f"the site confirmed, but {self._feedback_s:g} s later {following.words(now)}"
        return replace(outcome, time=now.utc_us, result=result, reason=why)

    async def _record(self, release: Release, outcome: str) -> None:
        await asyncio.to_thread(self._append, release, outcome)

    def _append(self, release: Release, outcome: str, why: str = "") -> None:
        operation = release.operation
        detail: dict[str, object] = {
            "id": operation.id,
            "selection": operation.selection,
            "value": operation.value,
            "wanted": release.reason,
            "approved_by": operation.approved_by,
            **(release.detail or {}),
        }
        if why:
            detail["reason"] = why
        self._audit.append(actor=operation.requester, action="command", target=operation.path, detail=detail, outcome=outcome)

    async def _surely(self, store: Callable[[], object]) -> None:
        """What has happened already: where it cannot be stored, at least that is told."""
        try:
            await asyncio.to_thread(store)
        except TielineError as error:
            log.error("not recorded", reason=str(error))
