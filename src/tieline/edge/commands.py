"""What the center orders, at the site: verified, taken once, handed to the gate, answered.

    message -> signature, signer's role -> site -> number -> taken, on disk -> clocks -> age -> Gate.operate -> answer

Nobody on the way is believed. What is refused before the gate is in the audit as well, and told as an event. An order whose number
is not larger than every one before is refused, over a restart too: whoever kept it, reordered it or sends it again gets nothing done. Where
a command comes again under its id, or is asked for, the answer is what became of it then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus import commands
from tieline.bus.commands import Order, SignedCommand
from tieline.edge.command_book import CommandBook, Taken
from tieline.io import Clock
from tieline.model import (
    Command,
    Event,
    Outcome,
    Point,
    PointId,
    RefusedError,
    RemoteError,
    Result,
    Severity,
    TielineError,
    subjects,
)
from tieline.security.audit import AuditLog
from tieline.security.identity.signing import Verifier

MOST_OFFSET_S = 2.0
"""Clocks of the center and the site that differ by more make no statement about an age."""

MOST_LIFE_S = 120.0
"""No order counts for longer, whatever it says."""

MOST_WAITING = 1_000
MOST_TOLD = 60
"""Refusals of unverified messages that are recorded one by one in a minute; the next record after those says how many more there were."""
A_MINUTE_S = 60.0

NEVER_CAME = "the command never reached the site, and will not be executed any more"
ENDED = "the gateway ended before it looked at the command; nothing was done"

log = structlog.get_logger()


class Operates(Protocol):
    """What is needed of the gate, see `tieline.edge.gate.Gate`."""

    async def operate(self, command: Command, origin: str, *, reason: str = "") -> Outcome:
        """What became of the command."""
        ...

    def outcome_of(self, command: str) -> Outcome | None:
        """What became of an earlier one, where that is remembered."""
        ...


class Commands:
    """The site's end of the way from the center. `run` it."""

    def __init__(
        self,
        site: str,
        points: Iterable[Point],
        gate: Operates,
        book: CommandBook,
        audit: AuditLog,
        verifier: Verifier,
        *,
        offset_s: Callable[[], float | None],
        on_event: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        """`offset_s` says how far the center's clock is ahead of this one; None where that is not known."""
        self._site = site
        self._paths = {point.id: point.path for point in points}
        self._gate = gate
        self._book = book
        self._audit = audit
        self._verifier = verifier
        self._offset_s = offset_s
        self._on_event = on_event
        self._clock = clock
        self._turn = asyncio.Lock()
        """Orders are taken one after the other."""
        self._told_since_s = 0.0
        self._told = 0
        self._left_out = 0

    async def run(self, client: Client) -> None:
        """Answers until cancelled."""
        await self.recall()
        async with asyncio.TaskGroup() as tasks:

            async def on_message(message: Msg) -> None:
                answering = await self.begin(message.data)
                tasks.create_task(_reply(message, answering), name="answer a command")

            subject = subjects.command(self._site)
            subscription = await client.subscribe(subject, cb=on_message, pending_msgs_limit=MOST_WAITING)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                if client.is_connected:
                    await subscription.unsubscribe()

    async def recall(self) -> None:
        """Gives those that were under way when the gateway ended the outcome that its audit knows."""
        if self._book.was_damaged:
            await self._record("tieline", "commands_forgotten", "commands", {"reason": "the record of commands was damaged"}, "")
        for taken in await asyncio.to_thread(self._book.open_ones):
            outcome = self._gate.outcome_of(taken.id)
            if outcome is None:
                outcome = Outcome(command=taken.id, time=self._clock.now_us(), result=Result.REFUSED, reason=ENDED)
                detail = {"id": taken.id, "value": taken.value, "reason": ENDED}
                target = self._paths.get(taken.point, str(taken.point))
                await self._record(taken.requester, "command", target, detail, "refused")
            await asyncio.to_thread(self._book.end, outcome)

    async def answer(self, payload: bytes) -> bytes:
        """The payload of the answer to a message."""
        return await (await self.begin(payload))

    async def begin(self, payload: bytes) -> Coroutine[None, None, bytes]:
        """Takes a message; what is given back ends with the payload of the answer, and has to be awaited.

        Messages are taken in the order in which this is called; what becomes of them is awaited side by side.
        """
        async with self._turn:
            now_us = self._clock.now_us()
            try:
                signed = commands.decode_signed(payload)
                self._verify(signed, now_us)
                order = commands.decode_order(signed)
            except (RefusedError, RemoteError) as error:
                return self._refuse_unverified(str(error), payload)
            try:
                return self._finish(order, await asyncio.to_thread(self._take, order, now_us))
            except TielineError as error:
                return self._refuse(order, str(error))

    def _verify(self, signed: SignedCommand, now_us: int) -> None:
        at = datetime.fromtimestamp(now_us / 1e6, UTC)
        self._verifier.verify(commands.PURPOSE, signed.order, signed.signature, signed.certificate, at)

    def _take(self, order: Order, now_us: int) -> Taken | None:
        """The command that is under way or was; None for a question about one that never came. Its number is used from now on.

        Raises `RefusedError` where it is not taken, `UnavailableError` where that cannot be recorded.
        """
        if order.site != self._site:
            raise RefusedError(f"the order is for {order.site}")
        newest = self._book.newest
        if order.number <= newest:
            why = f"the order has number {order.number}, and {newest} was here already: it is a repetition or comes too late"
            raise RefusedError(why)
        if order.issued_us < self._book.begun_us:
            raise RefusedError("the order is older than this site's record of commands")
        earlier = self._book.find(order.id)
        refusal = "" if earlier is not None or order.is_question else self._clock_refusal(order, now_us)
        if earlier is not None and (earlier.point, earlier.value) != (order.point, order.value):
            refusal = "the id is that of another command"
        if refusal or earlier is not None or order.is_question:
            self._book.take(order.number)
            if refusal:
                raise RefusedError(refusal)
            return earlier
        taken = Taken(id=order.id, point=PointId(order.point), value=order.value, requester=order.requester)
        self._book.take(order.number, taken)
        return taken

    def _clock_refusal(self, order: Order, now_us: int) -> str:
        offset_s = self._offset_s()
        if offset_s is not None and abs(offset_s) > MOST_OFFSET_S:
            where = "ahead of" if offset_s > 0 else "behind"
            return f"the clocks differ: the center's is {abs(offset_s):.1f} s {where} the site's, and {MOST_OFFSET_S:g} s are the most"
        ahead_s = (order.issued_us - now_us) / 1e6
        if ahead_s > MOST_OFFSET_S:
            return f"the clocks differ: the command was issued {ahead_s:.1f} s ahead of the site's clock"
        if order.expires_us - order.issued_us > MOST_LIFE_S * 1e6:
            return f"the command would count for longer than {MOST_LIFE_S:g} s"
        if now_us >= order.expires_us:
            return f"the command expired {(now_us - order.expires_us) / 1e6:.1f} s ago"
        return ""

    async def _finish(self, order: Order, taken: Taken | None) -> bytes:
        if taken is not None:
            outcome = await self._operate(order) if taken.outcome is None else taken.outcome
            return commands.encode_answer(outcome, has_arrived=True)
        if not await asyncio.to_thread(self._book.has_forgotten):
            return await self._refuse(order, NEVER_CAME)
        why = "the command never came, or so long ago that the site has forgotten it; the site's audit has not"
        outcome = Outcome(command=order.id, time=self._clock.now_us(), result=Result.UNKNOWN, reason=why)
        return commands.encode_answer(outcome, has_arrived=False)

    async def _operate(self, order: Order) -> Outcome:
        """Also for one that is under way already: the gate does it once, and all who ask get its outcome."""
        command = Command(
            id=order.id, point=PointId(order.point), value=order.value, requester=order.requester, expires=order.expires_us
        )
        outcome = await self._gate.operate(command, f"center/{order.requester}", reason=order.reason)
        if outcome.result is Result.UNKNOWN and self._gate.outcome_of(order.id) is None:
            return outcome  # the gate ends meanwhile: its audit says more at the next start
        try:
            await asyncio.to_thread(self._book.end, outcome)
        except TielineError as error:  # the gate's audit has it, and gives it back after a restart
            log.error("outcome not kept", command=command.id, reason=str(error))
        return outcome

    async def _refuse(self, order: Order, why: str) -> bytes:
        """The answer to an order that is not taken. A question that is not taken is answered for no command: what became of it is
        another matter."""
        detail: dict[str, object] = {
            "id": order.id,
            "value": order.value,
            "origin": f"center/{order.requester}",
            "wanted": order.reason,
            "expires": order.expires_us,
            "number": order.number,
            "reason": why,
        }
        point = PointId(order.point)
        await self._record(order.requester, "command", self._paths.get(point, str(point)), detail, "refused")
        self._tell(f"command of {order.requester} refused: {why}", Severity.WARNING)
        return self._refusal("" if order.is_question and why != NEVER_CAME else order.id, why)

    async def _refuse_unverified(self, why: str, payload: bytes) -> bytes:
        now_s = self._clock.monotonic()
        if now_s >= self._told_since_s + A_MINUTE_S:
            self._told_since_s, self._told = now_s, 0
        if self._told >= MOST_TOLD:
            self._left_out += 1
            return self._refusal("", why)
        self._told += 1
        detail: dict[str, object] = {"reason": why, "bytes": len(payload), "left_out": self._left_out}
        self._left_out = 0
        await self._record("unverified", "command", self._site, detail, "refused")
        self._tell(f"message that is no command of the center refused: {why}", Severity.ERROR)
        return self._refusal("", why)

    async def _record(self, actor: str, action: str, target: str, detail: dict[str, object], outcome: str) -> None:
        append = partial(self._audit.append, actor=actor, action=action, target=target, detail=detail, outcome=outcome)
        try:
            await asyncio.to_thread(append)
        except TielineError as error:
            self._tell(str(error), Severity.ERROR, kind="audit_failed")

    def _refusal(self, command: str, why: str) -> bytes:
        outcome = Outcome(command=command, time=self._clock.now_us(), result=Result.REFUSED, reason=why)
        return commands.encode_answer(outcome, has_arrived=False)

    def _tell(self, text: str, severity: Severity, *, kind: str = "command_refused") -> None:
        self._on_event(Event(time=self._clock.now_us(), site=self._site, kind=kind, severity=severity, text=text))


async def _reply(message: Msg, answering: Coroutine[None, None, bytes]) -> None:
    payload = await answering
    if not message.reply:
        return
    try:
        await message.respond(payload)
    except Error as error:  # whoever asked may ask again
        log.warning("answer to a command not sent", reason=str(error) or type(error).__name__)
