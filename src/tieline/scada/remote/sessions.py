"""Sessions at the center: opened by a ticket and a site's word, relayed, permitted several times a second, ended.

    DMZ: ticket -> redeemed -> audit -> recording begun -> signed order -> site: connected -> audit -> the DMZ may go on

Whoever ends a session, both ends are told at once and hear no permission any more; a process at either end that hangs or is cut off finds
that out by itself (`tieline.security.remote.tenure`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus.connection import subscribed
from tieline.bus.replies import ask_site
from tieline.config import Utility
from tieline.io import Clock
from tieline.model import Now, RefusedError, RemoteError, TielineError, UnavailableError, subjects
from tieline.scada.remote.files import RecordingFile, mend, recording_file
from tieline.scada.remote.ledger import Detail, Ledger
from tieline.scada.remote.relay import Relay
from tieline.security.identity.signing import Signer
from tieline.security.remote import frames, order
from tieline.security.remote.frames import Close, Frame, NotOpened, Open, Opened
from tieline.security.remote.recording import Packets, Way
from tieline.security.remote.records import Session, SessionState
from tieline.security.remote.tenure import PERMIT_S

ORDER_S = 12.0
"""A site has connected to the device, or said why not, within this time."""
MOST_WAITING = 4_096
MOST_REFUSALS = 60
"""Tickets that are not good and are recorded one by one in a minute; the next record after those says how many more there were."""
A_MINUTE_S = 60.0
INTERRUPTED = "remote access ended while the session ran"

log = structlog.get_logger()


@dataclass(slots=True)
class _Running:
    session: Session
    line: str
    relay: Relay
    file: RecordingFile
    is_told: bool = False


class Sessions:
    """All sessions of a center. `run` it."""

    def __init__(self, utility: Utility, client: Client, signer: Signer, ledger: Ledger, *, folder: Path, clock: Clock) -> None:
        """`folder` is for the recordings."""
        self._sites = [site.name for site in utility.sites]
        self._settings = utility.remote
        self._client = client
        self._signer = signer
        self._ledger = ledger
        self._folder = folder
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._lines: dict[str, _Running] = {}
        self._outgoing: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        """Bounded by the windows of the sessions."""
        self._refusals_since_s = float("-inf")
        self._refusals = 0
        self._left_out = 0

    async def run(self) -> None:
        """Serves until cancelled; sessions that run then end."""
        await self._recover()
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            heard = {
                subjects.REMOTE_OPEN: self._on_open,
                subjects.remote_line_up(): self._on_up,
                # One each: the DMZ passes on no wildcard that reaches beyond what a site may publish.
                **{subjects.remote_down(site): self._on_down for site in self._sites},
            }
            tasks.create_task(self._publish(), name="send")
            async with subscribed(self._client, heard, pending_msgs_limit=MOST_WAITING):
                await self._tick()

    def counted(self, session: Session) -> tuple[int, int]:
        """The bytes that have passed, up and down."""
        running = self._running.get(session.id)
        return (session.up_bytes, session.down_bytes) if running is None else (running.relay.up_bytes, running.relay.down_bytes)

    def cut(self, name: str, words: str) -> None:
        """Ends a session at once."""
        running = self._running.get(name)
        if running is not None:
            running.relay.end(words)
            self._tell(running, words, is_cut=True)

    async def _recover(self) -> None:
        """What a crash left: sessions that nobody ended, recordings whose last bytes were never passed on."""
        for session in self._ledger.desk.running():
            path = recording_file(self._folder, session.id)
            try:
                sha256, up, down = await asyncio.to_thread(mend, path)
            except TielineError as error:
                log.error("recording cannot be mended", session=session.id, reason=str(error))
                sha256, up, down = "", 0, 0
            await self._close(session.id, INTERRUPTED, up, down, sha256)

    # What the ends send.

    async def _on_open(self, message: Msg) -> None:
        if message.reply.startswith(f"{subjects.inbox(subjects.DMZ_ROLE)}."):
            self._tasks.create_task(self._answer_open(message), name="open a session")

    async def _on_up(self, message: Msg) -> None:
        self._take(self._lines.get(message.subject.split(".")[2]), "up", message.data)

    async def _on_down(self, message: Msg) -> None:
        _, _, site, name, _ = message.subject.split(".")
        running = self._running.get(name)
        if running is not None and running.session.site == site:
            self._take(running, "down", message.data)

    def _take(self, running: _Running | None, way: Way, payload: bytes) -> None:
        if running is None:
            return
        try:
            running.relay.take(way, frames.decode(payload))
        except RemoteError as error:
            running.relay.end(str(error))

    async def _answer_open(self, message: Msg) -> None:
        outcome: Opened | NotOpened
        try:
            outcome = await self._open(frames.decode_open(message.data))
        except TielineError as error:
            outcome = NotOpened(str(error))
        try:
            await message.respond(frames.encode(outcome))
        except Error as error:  # nothing is permitted on that line then, and it closes
            log.warning("answer to the DMZ not sent", reason=str(error) or type(error).__name__)

    async def _open(self, asked: Open) -> Opened:
        """The session that a ticket opens. Raises `TielineError` with the reason."""
        ledger, idle_s = self._ledger, self._settings.idle_minutes * 60.0
        async with ledger.turn:
            running = await self._begin(asked, idle_s)
        session = running.session
        try:
            await self._order(session, idle_s)
            async with ledger.turn:
                opened = ledger.desk.opened(session)
                await ledger.record(session.person, "remote_opened", session.target, {"id": session.id}, "open")
                if running.relay.why:
                    raise RefusedError(running.relay.why)
                await ledger.keep(opened)
        except TielineError as error:
            self.cut(session.id, str(error))
            raise
        return Opened(session.id, session.target, session.end_us, idle_s)

    async def _begin(self, asked: Open, idle_s: float) -> _Running:
        ledger = self._ledger
        try:
            session = self._redeem(asked)
        except RefusedError as error:
            await self._refuse(asked.address, str(error))
            raise
        detail: Detail = {
            "id": session.id,
            "grant": session.grant,
            "why": session.reason,
            "address": session.address,
            "port": session.port,
            "end": session.end_us,
        }
        await ledger.record(session.person, "remote_open", session.target, detail, "permitted")
        file = await asyncio.to_thread(
            RecordingFile,
            recording_file(self._folder, session.id),
            most_bytes=self._settings.most_session_mb * 1_000_000,
            free_bytes=self._settings.free_mb * 1_000_000,
        )
        try:
            await ledger.keep(session)
        except TielineError:
            file.close()
            raise
        send = partial(self._send, session, asked.line)
        packets = Packets(session, ledger.desk.grant(session.grant).host)
        relay = Relay(packets, file, send, self._clock, end_us=session.end_us, idle_s=idle_s)
        running = self._running[session.id] = self._lines[asked.line] = _Running(session, asked.line, relay, file)
        self._tasks.create_task(self._run(running), name=f"session {session.id}")
        return running

    def _redeem(self, asked: Open) -> Session:
        session = self._ledger.desk.redeem(asked.ticket, asked.address, self._now())
        if asked.line in self._lines:
            raise RefusedError("the DMZ has a connection of this name already")
        return session

    async def _refuse(self, address: str, why: str) -> None:
        now_s = self._clock.monotonic()
        if now_s >= self._refusals_since_s + A_MINUTE_S:
            self._refusals_since_s, self._refusals = now_s, 0
        self._refusals += 1
        if self._refusals > MOST_REFUSALS:
            self._left_out += 1
            return
        detail: Detail = {"reason": why, "address": address, "left_out": self._left_out}
        self._left_out = 0
        await self._ledger.record("unverified", "remote_open", "dmz", detail, "refused")

    async def _order(self, session: Session, idle_s: float) -> None:
        """The site has connected to the device. Raises `TielineError` with the reason where it has not."""
        now_us = self._clock.now_us()
        number = await asyncio.to_thread(self._ledger.store.number, session.site, now_us)
        payload = order.sign(
            order.Order(
                session=session.id,
                grant=session.grant,
                person=session.person,
                reason=session.reason[:400],
                site=session.site,
                device=session.device,
                service=session.service,
                port=session.port,
                issued_us=now_us,
                end_us=session.end_us,
                idle_s=idle_s,
                number=number,
            ),
            self._signer,
        )
        subject, site = subjects.remote_order(session.site), session.site
        try:
            message = await ask_site(self._client, subject, payload, role=subjects.REMOTE_ROLE, site=site, timeout_s=ORDER_S)
        except (Error, TimeoutError) as error:
            raise UnavailableError(f"{session.site} cannot be reached: {str(error) or 'it does not answer'}") from error
        answer = order.decode_answer(message.data)
        if answer.session != session.id or not answer.is_open:
            raise RefusedError(f"{session.site} has not connected: {answer.words or 'its answer is for another session'}")

    # What runs, and its end.

    async def _run(self, running: _Running) -> None:
        session, relay = running.session, running.relay
        try:
            await relay.run()
        finally:
            relay.end(INTERRUPTED)  # where it is cancelled; otherwise it has ended already
            self._tell(running, relay.why, is_cut=False)
            del self._running[session.id], self._lines[running.line]
            try:
                await asyncio.to_thread(relay.finish)
            except TielineError as error:
                log.error("recording has no end", session=session.id, reason=str(error))
            await self._close(session.id, relay.why, relay.up_bytes, relay.down_bytes, running.file.sha256)

    async def _close(self, name: str, words: str, up_bytes: int, down_bytes: int, sha256: str) -> None:
        ledger = self._ledger
        async with ledger.soon():
            closed = ledger.desk.closed(
                name, words, self._clock.now_us(), up_bytes=up_bytes, down_bytes=down_bytes, sha256=sha256
            )
            detail: Detail = {
                "id": name,
                "grant": closed.grant,
                "reason": words,
                "up_bytes": up_bytes,
                "down_bytes": down_bytes,
                "sha256": sha256,
            }
            await ledger.record_end(closed.person, "remote_close", closed.target, detail, str(SessionState.CLOSED))
            await ledger.keep_end(closed)

    async def _tick(self) -> None:
        while True:
            now = self._now()
            for running in tuple(self._running.values()):
                running.relay.tick(now)
            await asyncio.sleep(PERMIT_S)

    def _tell(self, running: _Running, words: str, *, is_cut: bool) -> None:
        """Both ends hear that it is over, once."""
        if not running.is_told:
            running.is_told = True
            for way in ("up", "down"):
                self._send(running.session, running.line, way, Close(words, is_cut))

    def _send(self, session: Session, line: str, way: Way, frame: Frame) -> None:
        subject = subjects.remote_up(session.site, session.id) if way == "up" else subjects.remote_line_down(line)
        self._outgoing.put_nowait((subject, frames.encode(frame)))

    async def _publish(self) -> None:
        while True:
            subject, payload = await self._outgoing.get()
            try:
                await self._client.publish(subject, payload)
            except Error as error:  # what is lost is seen at the next frame, and by whoever is not permitted any more
                log.debug("frame of remote access not sent", reason=str(error) or type(error).__name__)

    def _now(self) -> Now:
        return Now(self._clock.monotonic(), self._clock.now_us())
