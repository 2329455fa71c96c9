"""`tieline remote connect`: a port on this machine that leads to one service of one device.

Each connection of a tool gets a ticket of its own from the center, shows it to the DMZ over TLS 1.3, and carries the bytes. The second
factor is shown once, with `--code`; the center asks for it again when it is too long ago.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
from pathlib import Path

from tieline.cli.center_api import CenterApi
from tieline.cli.remote import say, show_code
from tieline.model import ConfigError, RefusedError, TielineError, UnavailableError
from tieline.security.remote.flow import CHUNK
from tieline.security.remote.frames import HEAD_BYTES, HELLO, Kind, pack, unpack_head

CONNECT_S = 10.0
ANSWER_S = 25.0
ALIVE_S = 10.0


def run(api: CenterApi, grant: str, *, dmz: str, authority: Path | None, listen: str, code: str) -> None:
    """Serves until interrupted, or the grant has ended. Raises `TielineError`."""
    context = _context(authority)
    host, port = _address(listen, "--listen")
    if dmz:
        _address(dmz, "--dmz")
    show_code(api, code)
    found = next((each for each in api.get("remote")["grants"] if each["id"] == grant), None)
    if found is None:
        raise ConfigError(f"there is no grant {grant}")
    if not found["may_use"]:
        raise RefusedError(f"the grant {grant} cannot be used now: it is {found['state']} {found['words']}".rstrip())
    tunnel = Tunnel(api, grant, dmz, context)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(tunnel.serve(host, port))
    if tunnel.refusal:
        raise RefusedError(tunnel.refusal)


class Tunnel:
    """The port, and the connections that came to it."""

    def __init__(self, api: CenterApi, grant: str, dmz: str, context: ssl.SSLContext) -> None:
        self._api = api
        self._grant = grant
        self._dmz = dmz
        self._context = context
        self._turn = asyncio.Lock()
        self._over = asyncio.Event()
        self.refusal = ""
        """Why there is no further ticket."""

    async def serve(self, host: str, port: int) -> None:
        """Until interrupted, or no ticket is to be had any more. Raises `UnavailableError` where the port cannot be had."""
        try:
            server = await asyncio.start_server(self._carry, host, port, limit=CHUNK)
        except OSError as error:
            raise UnavailableError(f"{host}:{port} cannot be listened on: {(error.strerror or str(error)).lower()}") from error
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._over.set)
        async with server:
            place = server.sockets[0].getsockname()
            say(f"connect your tool to {place[0]}:{place[1]}; it ends with this command")
            await self._over.wait()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._tunnel(reader, writer)
        except RefusedError as error:
            self.refusal = str(error)
            self._over.set()
        except (TielineError, OSError, asyncio.IncompleteReadError) as error:
            say(f"not connected: {str(error) or 'the DMZ closed the connection'}")
        finally:
            writer.transport.abort()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._turn:  # one client of the API, one question at a time
            given = await asyncio.to_thread(self._api.post, f"remote/grants/{self._grant}/ticket")
        host, port = _address(self._dmz or given["door"], "--dmz")
        try:
            async with asyncio.timeout(CONNECT_S):
                far_reader, far_writer = await asyncio.open_connection(
                    host, port, ssl=self._context, server_hostname=host, limit=2 * CHUNK
                )
        except (OSError, TimeoutError) as error:
            reason = str(error).lower() or "it does not answer"
            raise UnavailableError(f"the DMZ at {host}:{port} cannot be reached: {reason}") from error
        try:
            far_writer.write(HELLO + pack(Kind.TICKET, bytes.fromhex(given["ticket"])))
            async with asyncio.timeout(ANSWER_S):
                kind, content = await _read(far_reader)
            if kind is not Kind.OPENED:
                raise UnavailableError(content.decode(errors="replace") or "the DMZ has not opened a session")
            session, target, until = content.decode(errors="replace").split(" ", 2)
            say(f"session {session} to {target} is open, until {until} at the latest; all of it is recorded")
            words = await _both_ways(reader, writer, far_reader, far_writer)
            say(f"session {session} has ended: {words}")
        finally:
            far_writer.transport.abort()


async def _both_ways(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    far_reader: asyncio.StreamReader,
    far_writer: asyncio.StreamWriter,
) -> str:
    """Why it has ended."""

    async def send() -> str:
        while content := await reader.read(CHUNK):
            far_writer.write(pack(Kind.DATA, content))
            await far_writer.drain()
        far_writer.write(pack(Kind.END))
        while True:  # half closed: the other way goes on
            await asyncio.sleep(ALIVE_S)
            far_writer.write(pack(Kind.ALIVE))

    async def receive() -> str:
        while True:
            kind, content = await _read(far_reader)
            match kind:
                case Kind.DATA:
                    writer.write(content)
                    await writer.drain()
                case Kind.END:
                    writer.write_eof()
                case Kind.CLOSE:
                    return content.decode(errors="replace")
                case _:
                    continue

    tasks = [asyncio.create_task(send()), asyncio.create_task(receive())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    except (OSError, asyncio.IncompleteReadError) as error:
        with contextlib.suppress(OSError):
            far_writer.write(pack(Kind.CLOSE))
            await far_writer.drain()
        return str(error) or "the connection ended"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    kind, length = unpack_head(await reader.readexactly(HEAD_BYTES))
    return kind, await reader.readexactly(length)


def _context(authority: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if authority is None else str(authority))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"the authority {authority} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _address(text: str, option: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:
        raise ConfigError(f"{option} {text!r} is no address; write HOST:PORT")
    return host.strip("[]"), int(port)
