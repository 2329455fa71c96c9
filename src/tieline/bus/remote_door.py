"""The DMZ's end of remote access: takes TLS connections of people, asks the center about their tickets, carries bytes while it may.

This is the only thing of Tieline that others than its own roles can dial. It knows no grant, no ticket, no device, and stores nothing:
what a ticket is good for says the center, to which it can speak of nothing else. Whoever has no ticket is turned away cheaply: a few
seconds for the handshake and for one short frame, so many connections at a time, so many of one address, and an address that
brought tickets that are not good has to wait.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections import Counter, deque
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from tieline.bus.connection import subscribed
from tieline.io import Clock
from tieline.model import Now, RefusedError, RemoteError, TielineError, UnavailableError, subjects
from tieline.security.identity import Credentials
from tieline.security.remote import frames
from tieline.security.remote.flow import CHUNK, Receiving, Sending
from tieline.security.remote.frames import HEAD_BYTES, HELLO, Close, Data, End, Frame, Kind, Open, Opened, Permit, Taken
from tieline.security.remote.tenure import PERMIT_S, Tenure

HANDSHAKE_S = 5.0
HELLO_S = 5.0
"""From the end of the handshake to the last byte of the ticket."""
OPEN_S = 18.0
MOST_CONNECTIONS = 256
MOST_STRANGERS = 64
"""Connections that have not shown a good ticket yet."""
MOST_OF_ADDRESS = 16
"""Of those, from one address."""
MOST_BAD = 10
BAD_S = 60.0
"""After so many tickets that were not good within so many seconds an address is not listened to."""
MOST_ADDRESSES = 10_000
MOST_WAITING = 4_096
RETRY_S = 5.0
FAREWELL_S = 0.5
"""So long a person's end has to take the reason of the end."""

log = structlog.get_logger()


class Strangers:
    """Who may even begin: how many connections without a good ticket there are, and whose tickets were not good. Sans-I/O."""

    def __init__(self) -> None:
        self._here: Counter[str] = Counter()
        self._bad: dict[str, deque[float]] = {}

    def may_enter(self, address: str, now_s: float) -> bool:
        """Whether a new connection of this address is taken."""
        if self._here.total() >= MOST_STRANGERS or self._here[address] >= MOST_OF_ADDRESS:
            return False
        bad = self._bad.get(address)
        while bad and bad[0] <= now_s - BAD_S:
            bad.popleft()
        return not bad or len(bad) < MOST_BAD

    def enter(self, address: str) -> None:
        """A connection is here."""
        self._here[address] += 1

    def leave(self, address: str) -> None:
        """It has shown its ticket, or is gone."""
        self._here[address] -= 1
        if self._here[address] <= 0:
            del self._here[address]

    def note_bad(self, address: str, now_s: float) -> None:
        """A ticket of this address was not good, or what came was none."""
        self._bad.setdefault(address, deque(maxlen=MOST_BAD)).append(now_s)
        if len(self._bad) > MOST_ADDRESSES:
            del self._bad[next(iter(self._bad))]


class RemoteDoor:
    """Listens in the DMZ. `run` it."""

    def __init__(self, client: Client, credentials: Credentials, host: str, port: int, clock: Clock) -> None:
        """Shows the certificate of the credentials, and asks for none: a ticket says who comes."""
        self._client = client
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_3
        self._context.num_tickets = 0
        credentials.load_into(self._context)
        self._host = host
        self._port = port
        self._clock = clock
        self._strangers = Strangers()
        self._lines: dict[str, _Line] = {}

    async def run(self) -> None:
        """Serves until cancelled; where the port cannot be had, that is told and tried again, and the rest of the DMZ goes on."""
        subject = subjects.remote_line_down()
        async with subscribed(self._client, {subject: self._on_frame}, pending_msgs_limit=MOST_WAITING):
            while True:
                try:
                    listener = self._listen()
                except UnavailableError as error:
                    log.error("remote access cannot be dialed", reason=str(error), retry_in_s=RETRY_S)
                    await asyncio.sleep(RETRY_S)
                else:
                    with listener:
                        await self._serve(listener)

    def _listen(self) -> socket.socket:
        try:
            family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
            listener = socket.create_server((self._host, self._port), family=family, backlog=MOST_STRANGERS)
        except OSError as error:
            where = f"{self._host}:{self._port}"
            raise UnavailableError(f"remote access cannot listen on {where}: {(error.strerror or str(error)).lower()}") from error
        listener.setblocking(False)
        return listener

    async def _serve(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        log.info("remote access can be dialed", address=f"{self._host}:{self._port}")
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    connection, peer = await loop.sock_accept(listener)
                except OSError as error:  # for example out of descriptors
                    log.warning("connection not taken", reason=str(error))
                    await asyncio.sleep(FAREWELL_S)
                    continue
                address, now_s = str(peer[0]), self._clock.monotonic()
                if not self._strangers.may_enter(address, now_s) or len(self._lines) >= MOST_CONNECTIONS:
                    connection.close()
                    continue
                self._strangers.enter(address)
                tasks.create_task(self._welcome(connection, address), name="somebody dials")

    async def _on_frame(self, message: Msg) -> None:
        line = self._lines.get(message.subject.split(".")[2])
        if line is not None:
            line.take(message.data)

    async def _welcome(self, connection: socket.socket, address: str) -> None:
        is_stranger = True
        transport: asyncio.Transport | None = None
        try:
            reader, writer = await self._shake_hands(connection)
            transport = writer.transport  # type: ignore[assignment]
            async with asyncio.timeout(HELLO_S):
                ticket = await _read_ticket(reader)
            line = _Line(f"{secrets.token_hex(8)}", reader, writer, self._client, self._clock)
            self._lines[line.name] = line
            try:
                opened = await self._ask(line, ticket, address)
                if opened is None:
                    return
                self._strangers.leave(address)
                is_stranger = False
                await line.run(opened)
            finally:
                del self._lines[line.name]
        except RemoteError as error:
            self._strangers.note_bad(address, self._clock.monotonic())
            log.debug("not a client of remote access", address=address, reason=str(error))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            log.debug("connection ended before a ticket", address=address, reason=str(error) or type(error).__name__)
        finally:
            if is_stranger:
                self._strangers.leave(address)
            if transport is not None:
                transport.abort()
            else:
                connection.close()

    async def _shake_hands(self, connection: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=CHUNK)
        protocol = asyncio.StreamReaderProtocol(reader)
        async with asyncio.timeout(HANDSHAKE_S):
            transport, _ = await loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S
            )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _ask(self, line: _Line, ticket: bytes, address: str) -> Opened | None:
        """What the ticket is good for; None where the person was told why it is not."""
        try:
            payload = frames.encode(Open(line.name, ticket, address))
            message = await self._client.request(subjects.REMOTE_OPEN, payload, timeout=OPEN_S)
            outcome = frames.decode_outcome(message.data)
        except (Error, TimeoutError, TielineError) as error:
            log.warning("the center cannot be asked about a ticket", reason=str(error) or type(error).__name__)
            await line.refuse("the center cannot be reached")
            return None
        if isinstance(outcome, Opened):
            return outcome
        self._strangers.note_bad(address, self._clock.monotonic())
        log.info("ticket refused", address=address, reason=outcome.words)
        await line.refuse(outcome.words)
        return None


class _Line:
    """One connection of a person. `run` it once the ticket is good; frames of the center go to `take`, also before."""

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: Client, clock: Clock
    ) -> None:
        self.name = name
        self._subject = subjects.remote_line_up(name)
        self._reader = reader
        self._writer = writer
        self._client = client
        self._clock = clock
        self._tenure: Tenure | None = None
        self._sending = Sending()
        self._receiving = Receiving()
        self._arrived: asyncio.Queue[Data | End | Close] = asyncio.Queue()
        """Bounded by the window."""
        self._has_room = asyncio.Event()
        self._over = asyncio.Event()
        self._why = ""

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
                    if self._tenure is not None:
                        self._tenure.permit(self._now())
                case Close(words=words, is_cut=is_cut):
                    if is_cut:
                        self._end(words)
                    else:
                        self._arrived.put_nowait(frame)
        except RemoteError as error:
            self._end(str(error))

    async def refuse(self, words: str) -> None:
        """Says why nothing comes of it."""
        await self._say_farewell(words)

    async def run(self, opened: Opened) -> None:
        """Carries bytes until it is over."""
        self._tenure = Tenure(self._now(), end_us=opened.end_us, idle_s=opened.idle_s)
        until = datetime.fromtimestamp(opened.end_us / 1e6, UTC).isoformat(timespec="seconds")
        self._writer.write(frames.pack(Kind.OPENED, f"{opened.session} {opened.target} {until}".encode()))
        works = (self._from_person(), self._to_person(), self._watch(self._tenure))
        tasks = [asyncio.create_task(work) for work in works]
        for task in tasks:
            task.add_done_callback(self._look_at)
        try:
            await self._over.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(Error):
                await self._client.publish(self._subject, frames.encode(Close(self._why or "the DMZ ended")))
        await self._say_farewell(self._why)

    def _end(self, why: str) -> None:
        if not self._why:
            self._why = why
            self._over.set()

    def _look_at(self, task: asyncio.Task[None]) -> None:
        """Where a part of it fails as nobody foresaw, the session ends, and nothing else does."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("session failed", error=repr(error))
            self._end("an internal error")

    async def _from_person(self) -> None:
        try:
            while True:
                kind, length = frames.unpack_head(await self._reader.readexactly(HEAD_BYTES))
                content = await self._reader.readexactly(length)
                match kind:
                    case Kind.DATA if content:
                        await self._pass_on(content)
                    case Kind.END:
                        await self._send(End(self._sending.sent))
                    case Kind.CLOSE:
                        await self._send(Close("the person has ended it"))
                    case Kind.ALIVE:
                        pass
                    case _:
                        raise RefusedError("what came does not belong into a session")
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            self._end("the person's connection has ended")
        except (TielineError, Error) as error:
            self._end(str(error))

    async def _pass_on(self, content: bytes) -> None:
        while self._sending.room < len(content):
            self._has_room.clear()
            await self._has_room.wait()
        if self._tenure is not None:
            self._tenure.move(self._now())
        await self._send(Data(self._sending.send(len(content)), content))

    async def _to_person(self) -> None:
        try:
            while True:
                match await self._arrived.get():
                    case Data(content=content):
                        self._writer.write(frames.pack(Kind.DATA, content))
                        await self._writer.drain()
                        if self._tenure is not None:
                            self._tenure.move(self._now())
                        if (total := self._receiving.take(len(content))) is not None:
                            await self._send(Taken(total))
                    case End():
                        self._writer.write(frames.pack(Kind.END))
                    case Close(words=words):
                        self._end(words)
        except OSError:
            self._end("the person's connection has ended")
        except Error as error:
            self._end(str(error))

    async def _watch(self, tenure: Tenure) -> None:
        while True:
            if why := tenure.why_over(self._now()):
                self._end(why)
            with suppress(Error):
                await self._send(Permit())
            await asyncio.sleep(PERMIT_S)

    async def _say_farewell(self, words: str) -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                self._writer.write(frames.pack(Kind.CLOSE, words.encode()[: frames.MOST_WORDS]))
                await self._writer.drain()
                while await self._reader.read(CHUNK):  # closed with bytes unread, the connection would lose what was said last
                    pass

    async def _send(self, frame: Frame) -> None:
        await self._client.publish(self._subject, frames.encode(frame))

    def _now(self) -> Now:
        return Now(self._clock.monotonic(), self._clock.now_us())


async def _read_ticket(reader: asyncio.StreamReader) -> bytes:
    """What a client begins with. Raises `RemoteError` where it is no client of ours."""
    if await reader.readexactly(len(HELLO)) != HELLO:
        raise RemoteError("it does not begin as a client does")
    kind, length = frames.unpack_head(await reader.readexactly(HEAD_BYTES))
    if kind is not Kind.TICKET or length != frames.TICKET_BYTES:
        raise RemoteError("it shows no ticket")
    return await reader.readexactly(length)
