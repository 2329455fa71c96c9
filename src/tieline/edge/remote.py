"""A site's end of remote access: verifies the order, connects to that one device and port, and carries bytes while it may.

    order --> signature, site, number, clocks, end, folder --> audit, on the disk --> connect --> "open"
    center --> window --> device          device --> window --> center

Nothing here listens on a network. What an order may name is what this site's own folder has; the site can refuse all of it. Each session
ends at the order's end, when the center has not permitted it for two seconds, when it idles, when either side ends it, or when a byte
was lost on the bus. All sessions of the site share one rate, so that a file that is transferred leaves room for telemetry.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus.connection import subscribed
from tieline.config import Site
from tieline.config.remote import RemoteService, services_of
from tieline.io import Clock
from tieline.model import Event, Now, RefusedError, RemoteError, Severity, TielineError, UnavailableError, subjects
from tieline.security.audit import AuditLog
from tieline.security.identity.signing import Verifier
from tieline.security.remote import frames, order
from tieline.security.remote.flow import CHUNK, Bucket, Receiving, Sending
from tieline.security.remote.frames import Close, Data, End, Frame, Permit, Taken
from tieline.security.remote.order import Acceptance, Order, OrderAnswer
from tieline.security.remote.tenure import PERMIT_S, Tenure

CONNECT_S = 5.0
MOST_WAITING = 4_096
NUMBER_FILE = "remote-number"
MOST_TOLD = 60
"""Orders that are refused and recorded one by one in a minute; the next record after those says how many more there were."""
A_MINUTE_S = 60.0

log = structlog.get_logger()


class RemoteAccess:
    """All sessions of a site. `run` it."""

    def __init__(
        self,
        site: Site,
        client: Client,
        verifier: Verifier,
        audit: AuditLog,
        *,
        folder: Path,
        offset_s: Callable[[], float | None],
        on_event: Callable[[Event], None],
        clock: Clock,
        places: Mapping[tuple[str, str], RemoteService] | None = None,
    ) -> None:
        """`folder` keeps the number of the newest order; `offset_s` says how far the center's clock is ahead, None if not known.

        `places` are where services are really to be found, by device and name; where the site's devices are, if left out.
        """
        self._site = site
        self._places = places or {(each.device, each.name): each for device in site.devices for each in services_of(device)}
        self._client = client
        self._audit = audit
        self._numbers = folder / NUMBER_FILE
        self._acceptance = Acceptance(site.name, site.remote, verifier, newest=_read_number(self._numbers), offset_s=offset_s)
        self._on_event = on_event
        self._clock = clock
        self._bucket = Bucket(site.remote.kbps * 125.0)
        self._sessions: dict[str, _Session] = {}
        self._opening = 0
        self._turn = asyncio.Lock()
        self._told_since_s = float("-inf")
        self._told = 0
        self._left_out = 0

    async def run(self) -> None:
        """Takes orders until cancelled; sessions that are open then end."""
        async with asyncio.TaskGroup() as tasks:

            async def on_order(message: Msg) -> None:
                tasks.create_task(self._answer(message, tasks), name="open a session")

            name = self._site.name
            heard = {subjects.remote_order(name): on_order, subjects.remote_up(name): self._on_frame}
            async with subscribed(self._client, heard, pending_msgs_limit=MOST_WAITING):
                await asyncio.get_running_loop().create_future()

    async def _on_frame(self, message: Msg) -> None:
        session = self._sessions.get(message.subject.split(".")[3])
        if session is not None:
            session.take(message.data)

    async def _answer(self, message: Msg, tasks: asyncio.TaskGroup) -> None:
        try:
            answer = await self._open(message.data, tasks)
        except TielineError as error:
            answer = OrderAnswer("", is_open=False, words=str(error))
        with suppress(Error):  # the center does not permit what it does not know of
            await message.respond(order.encode_answer(answer))

    async def _open(self, payload: bytes, tasks: asyncio.TaskGroup) -> OrderAnswer:
        async with self._turn:
            before = self._acceptance.newest
            try:
                taken, _ = self._acceptance.take(payload, self._clock.now_us(), len(self._sessions) + self._opening)
            except (RefusedError, RemoteError) as error:
                await self._refuse(str(error), len(payload))
                raise
            finally:
                if self._acceptance.newest != before:
                    await asyncio.to_thread(_write_number, self._numbers, self._acceptance.newest)
            await self._record(taken, "remote_open", {"why": taken.reason, "port": taken.port, "end": taken.end_us}, "permitted")
            self._opening += 1
        try:
            place = self._places[(taken.device, taken.service)]
            reader, writer = await _connect(place)
        except TielineError as error:
            await self._record(taken, "remote_close", {"reason": str(error)}, "failed")
            raise
        finally:
            self._opening -= 1
        session = _Session(self._site.name, taken, reader, writer, self._client, self._bucket, self._clock)
        self._sessions[taken.session] = session
        tasks.create_task(self._carry(session, taken), name=f"session {taken.session}")
        return OrderAnswer(taken.session, is_open=True)

    async def _carry(self, session: _Session, taken: Order) -> None:
        target = f"{taken.device}/{taken.service}"
        self._tell(f"remote access of {taken.person} to {target} opened: {taken.reason}", "remote_opened")
        try:
            await session.run()
        finally:
            del self._sessions[taken.session]
            words = session.why or "the gateway ended"
            detail: dict[str, object] = {"reason": words, "up_bytes": session.up_bytes, "down_bytes": session.down_bytes}
            self._tell(f"remote access of {taken.person} to {target} closed: {words}", "remote_closed")
            with suppress(TielineError):  # told as an event; the center's audit has it as well
                await self._record(taken, "remote_close", detail, "closed")

    async def _record(self, taken: Order, action: str, detail: dict[str, object], outcome: str) -> None:
        append = partial(
            self._audit.append,
            actor=taken.person,
            action=action,
            target=f"{taken.site}/{taken.device}/{taken.service}",
            detail={"id": taken.session, "grant": taken.grant} | detail,
            outcome=outcome,
        )
        await asyncio.to_thread(append)

    async def _refuse(self, why: str, count: int) -> None:
        now_s = self._clock.monotonic()
        if now_s >= self._told_since_s + A_MINUTE_S:
            self._told_since_s, self._told = now_s, 0
        self._told += 1
        if self._told > MOST_TOLD:
            self._left_out += 1
            return
        detail: dict[str, object] = {"reason": why, "bytes": count, "left_out": self._left_out}
        self._left_out = 0
        append = partial(
            self._audit.append, actor="unverified", action="remote_open", target=self._site.name, detail=detail, outcome="refused"
        )
        self._tell(f"order of remote access refused: {why}", "remote_refused", Severity.WARNING)
        with suppress(TielineError):  # it is refused in any case
            await asyncio.to_thread(append)

    def _tell(self, text: str, kind: str, severity: Severity = Severity.INFO) -> None:
        self._on_event(Event(time=self._clock.now_us(), site=self._site.name, kind=kind, severity=severity, text=text))


class _Session:
    """One connection to a device. `run` it; frames of the center go to `take`."""

    def __init__(
        self,
        site: str,
        taken: Order,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: Client,
        bucket: Bucket,
        clock: Clock,
    ) -> None:
        self._subject = subjects.remote_down(site, taken.session)
        self._reader = reader
        self._writer = writer
        self._client = client
        self._bucket = bucket
        self._clock = clock
        self._tenure = Tenure(self._now(), end_us=taken.end_us, idle_s=taken.idle_s)
        self._receiving = Receiving()
        self._sending = Sending()
        self._arrived: asyncio.Queue[Data | End | Close] = asyncio.Queue()
        """Bounded by the window."""
        self._has_room = asyncio.Event()
        self._over = asyncio.Event()
        self.why = ""
        """Why it is over."""

    @property
    def up_bytes(self) -> int:
        """Written to the device."""
        return self._receiving.taken

    @property
    def down_bytes(self) -> int:
        """Sent towards the person."""
        return self._sending.sent

    def take(self, payload: bytes) -> None:
        """A frame of the center has come."""
        try:
            frame = frames.decode(payload)
            match frame:
                case Data(begin=begin, content=content):
                    self._receiving.receive(begin, len(content))
                    self._arrived.put_nowait(frame)
                case End(total=total):
                    self._receiving.receive_end(total)
                    self._arrived.put_nowait(frame)
                case Taken(total=total):
                    self._sending.acknowledge(total)
                    self._has_room.set()
                case Permit():
                    self._tenure.permit(self._now())
                case Close(words=words, is_cut=is_cut):
                    if is_cut:
                        self.end(words)
                    else:
                        self._arrived.put_nowait(frame)
        except RemoteError as error:
            self.end(str(error))

    def end(self, why: str) -> None:
        """It is over, at once."""
        if not self.why:
            self.why = why
            self._over.set()

    async def run(self) -> None:
        """Carries bytes until it is over."""
        works = (self._to_device(), self._from_device(), self._watch())
        tasks = [asyncio.create_task(work) for work in works]
        for task in tasks:
            task.add_done_callback(self._look_at)
        try:
            await self._over.wait()
        finally:
            for task in tasks:
                task.cancel()
            self._writer.transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(Error):
                await self._client.publish(self._subject, frames.encode(Close(self.why or "the site's gateway ended")))

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """Where a part of it fails as nobody foresaw, the session ends, and nothing else does."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("session failed", error=repr(error))
            self.end("an internal error")

    async def _to_device(self) -> None:
        try:
            while True:
                match await self._arrived.get():
                    case Data(content=content):
                        await self._pace(len(content))
                        self._writer.write(content)
                        await self._writer.drain()
                        self._tenure.move(self._now())
                        if (total := self._receiving.take(len(content))) is not None:
                            await self._send(Taken(total))
                    case End():
                        self._writer.write_eof()
                    case Close(words=words):
                        self.end(words)
        except OSError as error:
            self.end(f"the device ended the connection: {_reason(error)}")
        except Error as error:
            self.end(f"the bus cannot be used: {error}")

    async def _from_device(self) -> None:
        try:
            while True:
                while self._sending.room <= 0:
                    self._has_room.clear()
                    await self._has_room.wait()
                content = await self._reader.read(min(CHUNK, self._sending.room))
                if not content:
                    await self._send(End(self._sending.sent))
                    return
                await self._pace(len(content))
                self._tenure.move(self._now())
                await self._send(Data(self._sending.send(len(content)), content))
        except OSError as error:
            self.end(f"the device ended the connection: {_reason(error)}")
        except Error as error:
            self.end(f"the bus cannot be used: {error}")

    async def _watch(self) -> None:
        while True:
            if why := self._tenure.why_over(self._now()):
                self.end(why)
            with suppress(Error):
                await self._send(Permit())
            await asyncio.sleep(PERMIT_S)

    async def _pace(self, count: int) -> None:
        wait_s = self._bucket.take(count, self._clock.monotonic())
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _send(self, frame: Frame) -> None:
        await self._client.publish(self._subject, frames.encode(frame))

    def _now(self) -> Now:
        return Now(self._clock.monotonic(), self._clock.now_us())


async def _connect(place: RemoteService) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the service. Raises `UnavailableError` where there is none in time."""
    try:
        async with asyncio.timeout(CONNECT_S):
            return await asyncio.open_connection(place.host, place.port, limit=2 * CHUNK)
    except (OSError, TimeoutError) as error:
        reason = "it does not answer" if isinstance(error, TimeoutError) else _reason(error)
        raise UnavailableError(f"{place.device}/{place.name} at {place.host}:{place.port} cannot be reached: {reason}") from error


def _read_number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise UnavailableError(f"{path}, the number of the newest order of remote access, cannot be read: {error}") from error


def _write_number(path: Path, number: int) -> None:
    """On the disk. Raises `UnavailableError`."""
    temporary = path.with_suffix(".new")
    try:
        with temporary.open("w", encoding="ascii") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
