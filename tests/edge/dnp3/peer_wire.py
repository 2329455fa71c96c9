"""A wire between a master and an outstation that the test can record, cut and make deaf."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

PATIENCE_S = 15.0
_LOOK_S = 0.05  # a peer's inner state changes without a word to us


class Watch:
    """Waits until something has come true; whoever changes anything pokes it."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def poke(self, *_: object) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], object], said: Callable[[], object] = lambda: "") -> None:
        """Returns once the condition holds. Fails after `PATIENCE_S`, with what `said` returns then."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition():
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _LOOK_S)
        except TimeoutError:
            raise AssertionError(f"did not come true within {PATIENCE_S:g} s; {said()}") from None


def split_frames(data: bytearray) -> list[bytes]:
    """Takes whole link frames off the front of octets; what cannot be one is taken whole."""
    frames = []
    while len(data) >= 10:
        if data[:2] != b"\x05\x64":
            frames.append(bytes(data))
            data.clear()
            break
        payload = data[2] - 5
        length = 10 + payload + 2 * -(-payload // 16)
        if len(data) < length:
            break
        frames.append(bytes(data[:length]))
        del data[:length]
    return frames


def payload_of(frame: bytes) -> bytes:
    """What a frame carries behind the transport octet, without the checks of its blocks."""
    blocks = frame[10:]
    return b"".join(blocks[at : at + 18][:-2] for at in range(0, len(blocks), 18))[1:]


@dataclass
class Wire:
    """A TCP proxy. The master dials `port`; the outstation is at `target`, which may change."""

    target: int
    watch: Watch
    port: int = 0
    sessions: list[list[bytes]] = field(default_factory=list)
    """The frames of each connection, both directions, in the order in which they were whole here."""
    swallows_master: bool = False
    """What the master sends is recorded and goes no further."""
    swallows_outstation: bool = False
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def frames(self) -> list[bytes]:
        """Those of all connections."""
        return [frame for session in self.sessions for frame in session]

    def functions(self, *, is_master: bool) -> list[int]:
        """The function codes of one side's fragments, in order."""
        return [
            frame[12]
            for frame in self.frames
            if len(frame) > 12 and bool(frame[3] & 0x80) is is_master and frame[3] & 0x0F in {3, 4} and frame[10] & 0x40
        ]

    def cut(self) -> None:
        """Ends every connection at once; what was under way is lost."""
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Couples a master that dialed with the outstation."""
        try:
            their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return
        self._writers |= {writer, their_writer}
        self.sessions.append([])
        both = [
            asyncio.create_task(self._pump(reader, their_writer, self.sessions[-1], is_master=True)),
            asyncio.create_task(self._pump(their_reader, writer, self.sessions[-1], is_master=False)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in (writer, their_writer):  # before anything is awaited: this may be cancelled right here
                end.transport.abort()
                self._writers.discard(end)
            for task in both:
                task.cancel()
            self.watch.poke()
            await asyncio.gather(*both, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: list[bytes], *, is_master: bool
    ) -> None:
        pending = bytearray()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                pending += data
                record += split_frames(pending)
                if not (self.swallows_master if is_master else self.swallows_outstation):
                    writer.write(data)
                    await writer.drain()
                self.watch.poke()


@contextlib.asynccontextmanager
async def wired(target: int, watch: Watch) -> AsyncIterator[Wire]:
    """A wire to the outstation that listens at `target`."""
    wire = Wire(target, watch)
    handlers: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.create_task(wire.accept(reader, writer))
        handler.add_done_callback(lambda _: writer.transport.abort())  # it may be cancelled before it begins
        handlers.add(handler)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        for outcome in await asyncio.gather(*handlers, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        await server.wait_closed()
