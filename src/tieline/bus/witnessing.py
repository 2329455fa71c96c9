"""Checkpoints of audits on their way to who sees them in another zone, and the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error, NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from tieline.bus.replies import ask_site
from tieline.config.own_points import DMZ
from tieline.model import RefusedError, RemoteError, TielineError, UnavailableError, subjects
from tieline.security.audit.notes import Checkpoint, Note, write_surely
from tieline.security.audit.tiles import PRIVATE
from tieline.security.audit.vouching import site_of
from tieline.security.audit.witness import Answer, Submission, submission_of

TIMEOUT_S = 10.0
SHORTEST_S = 5.0
LONGEST_S = 600.0
"""After so long a checkpoint is seen again, so that it is known to be the newest."""
WITNESSED = "witnessed"

log = structlog.get_logger()

Ask = Callable[[bytes], Awaitable[bytes]]
See = Callable[[str, Submission], Awaitable[Answer]]
"""Sees a log's checkpoint, the log given by its name."""

_encode = msgspec.msgpack.Encoder().encode
_submissions = msgspec.msgpack.Decoder(Submission)
_answers = msgspec.msgpack.Decoder(Answer)


class HandIn:
    """Hands the checkpoints of one audit in, and keeps what the witness has signed in the audit's private folder."""

    def __init__(self, folder: Path, ask: Ask, monotonic: Callable[[], float]) -> None:
        self._folder = folder
        self._ask = ask
        self._monotonic = monotonic
        self._answer: Answer | None = None
        self._seen: tuple[bytes, float] | None = None
        self._refusal = ""
        self._wait_s = SHORTEST_S
        """After so long the same is handed in again, where the records are not at the center yet to be compared."""

    async def hand_in(self) -> None:
        """Hands in what is new. Raises `UnavailableError` where that cannot be done now, `RefusedError`, once, where it is refused."""
        for _ in range(3):  # the first answer may only say what the witness has
            submission = await asyncio.to_thread(self._next)
            if submission is None:
                return
            answer = await self._asked(submission)
            if answer.refusal:
                if answer.refusal == self._refusal:
                    return
                self._refusal = answer.refusal
                raise RefusedError(answer.refusal)
            has_moved = self._answer is None or answer.first != self._answer.first
            self._wait_s = SHORTEST_S if has_moved else min(2 * self._wait_s, LONGEST_S)
            self._answer, self._refusal = answer, ""
            if answer.cosigned:
                self._seen = submission.checkpoint, self._monotonic()
                await asyncio.to_thread(self._keep, answer.cosigned)
                return

    def _next(self) -> Submission | None:
        try:
            submission = submission_of(self._folder, self._answer)
        except (OSError, ValueError) as error:
            raise UnavailableError(f"the audit in {self._folder} cannot be handed in: {error}") from error
        if submission is None or self._seen is None or self._answer is None:
            return submission
        wait_s = self._wait_s if 0 <= self._answer.first < self._answer.size else LONGEST_S
        is_due = submission.checkpoint != self._seen[0] or self._monotonic() - self._seen[1] >= wait_s
        return submission if is_due else None

    async def _asked(self, submission: Submission) -> Answer:
        try:
            return _answers.decode(await self._ask(_encode(submission)))
        except msgspec.MsgspecError as error:
            raise RemoteError(f"the answer of the witness makes no sense: {error}") from error
        except NoRespondersError as error:
            raise UnavailableError("the witness of the audit cannot be reached") from error
        except (NatsTimeoutError, TimeoutError, Error) as error:
            raise UnavailableError(f"the witness of the audit did not answer: {str(error) or type(error).__name__}") from error

    def _keep(self, cosigned: bytes) -> None:
        try:
            write_surely(self._folder / PRIVATE / WITNESSED, cosigned, temporary=self._folder / PRIVATE / "witnessed.new")
        except OSError as error:
            raise UnavailableError(f"the audit in {self._folder} cannot be written: {error}") from error


def of_site(client: Client, site: str) -> Ask:
    """How a site asks the center."""

    async def ask(payload: bytes) -> bytes:
        answer = await client.request(subjects.checkpoint(site), payload, timeout=TIMEOUT_S)
        return bytes(answer.data)

    return ask


def of_center(client: Client) -> Ask:
    """How the center asks the DMZ."""

    async def ask(payload: bytes) -> bytes:
        answer = await ask_site(client, subjects.AUDIT_WITNESS, payload, role=subjects.CENTER_ROLE, site=DMZ, timeout_s=TIMEOUT_S)
        return bytes(answer.data)

    return ask


async def see_sites(client: Client, sites: Iterable[str], see: See) -> None:
    """At the center: sees what sites hand in, until cancelled. A site speaks for its own audit only."""

    async def answer(message: Msg) -> None:
        site = subjects.site_of(message.subject)
        if message.reply.startswith(f"{subjects.inbox(subjects.edge_role(site))}."):
            await _answer(client, message, see, site)

    await _serve(client, [subjects.checkpoint(site) for site in sites], answer)


async def see_center(client: Client, logs: Iterable[str], see: See) -> None:
    """In the DMZ: sees what the center hands in of these audits, until cancelled."""
    named = set(logs)

    async def answer(message: Msg) -> None:
        try:
            site = site_of(Checkpoint.parse(Note.parse(_submissions.decode(message.data).checkpoint).text).origin)
        except (msgspec.MsgspecError, ValueError):
            site = ""
        if message.reply.startswith(f"{subjects.site_inbox(subjects.CENTER_ROLE, DMZ)}."):
            await _answer(client, message, see, site if site in named else "")

    await _serve(client, [subjects.AUDIT_WITNESS], answer)


async def _serve(client: Client, named: Iterable[str], answer: Callable[[Msg], Awaitable[None]]) -> None:
    subscriptions = [await client.subscribe(subject, cb=answer) for subject in named]
    try:
        await asyncio.Event().wait()
    finally:
        if client.is_connected:
            for subscription in subscriptions:
                await subscription.unsubscribe()


async def _answer(client: Client, message: Msg, see: See, site: str) -> None:
    try:
        submission = _submissions.decode(message.data)
        answer = await see(site, submission) if site else Answer(0, refusal="this is no audit that is seen here")
    except msgspec.MsgspecError as error:
        answer = Answer(0, refusal=f"what is handed in makes no sense: {error}")
    except RefusedError as error:
        answer = Answer(0, refusal=str(error))
    except TielineError as error:
        log.error("checkpoint of an audit not seen", audit=site, reason=str(error))
        return  # it is handed in again
    try:
        await client.publish(message.reply, _encode(answer))
    except Error as error:
        log.warning("answer to a checkpoint not sent", audit=site, reason=str(error) or type(error).__name__)
