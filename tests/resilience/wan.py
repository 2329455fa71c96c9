"""A wide-area network that fails on command: a TCP relay in a thread of its own, between those who dial the DMZ and the DMZ.

| state | what the two ends see |
|---|---|
| `up` | bytes pass |
| `cut` | connections break, new ones are refused |
| `silent` | connections stay, and nothing comes any more, until it is over; new ones are accepted and stay without an answer |
| `slow` | bytes pass late, and few at a time |
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Literal

State = Literal["up", "cut", "silent", "slow"]

DELAY_S = 0.3
SLOW_BYTES_PER_S = 100_000
_CHUNK = 65_536


class Relay:
    """Listens on a port of its own at 127.0.0.1 until `close`."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._state: State = "up"
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wan", daemon=True)
        self._thread.start()
        self._call(self._listen())

    @property
    def address(self) -> str:
        """What is dialed."""
        return f"127.0.0.1:{self.port}"

    def set(self, state: State) -> None:
        """From now on."""
        self._call(self._set(state))

    def close(self) -> None:
        """Ends everything."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, state: State) -> None:
        self._state = state
        if state == "silent":
            self._passes.clear()
        else:
            self._passes.set()
        if state == "cut":
            assert self._server is not None
            self._server.close()
            self._server = None
            self._break()
        elif self._server is None:
            await self._listen()

    def _break(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
        self._break()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            await self._passes.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
            self._writers.add(far_writer)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._pump(reader, far_writer))
                    tasks.create_task(self._pump(far_reader, writer))
            finally:
                self._writers.discard(far_writer)
                far_writer.transport.abort()
        except (OSError, ExceptionGroup, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while data := await reader.read(_CHUNK):
                await self._passes.wait()
                if self._state == "slow":
                    await asyncio.sleep(DELAY_S + len(data) / SLOW_BYTES_PER_S)
                writer.write(data)
                await writer.drain()
        raise ConnectionResetError
