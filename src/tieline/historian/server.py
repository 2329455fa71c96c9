"""Answers questions of other processes over a Unix socket, one thread for each connection.

Threads and not coroutines: DuckDB blocks, and a hop between an event loop and a thread costs as much as a small query takes.
Back-pressure is the socket's own, since the next batch is computed when the last one is sent. One more thread watches over the
queries that run, and interrupts those whose time is over or whose asker has gone.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

import duckdb
import structlog

from tieline.historian import wire
from tieline.historian.errors import QueryError, one_line
from tieline.historian.reader import Reader
from tieline.historian.store import Historian
from tieline.model import LocalError, TielineError, UnavailableError

if TYPE_CHECKING:
    import pyarrow as pa

log = structlog.get_logger(__name__)

TIME_LIMIT_S = 60.0
CONNECTIONS = 64
_WATCH_S = 0.1


@dataclass(slots=True, eq=False)
class _Running:
    reader: Reader
    asker: socket.socket
    deadline: float
    is_late: bool = field(default=False)


class HistorianServer:
    """Serves one historian at `historian.sock` in its folder, for its own user only."""

    def __init__(self, historian: Historian, *, time_limit_s: float = TIME_LIMIT_S, connections: int = CONNECTIONS) -> None:
        self._historian = historian
        self._folder = historian.path.parent
        self._time_limit_s = time_limit_s
        self._free = threading.BoundedSemaphore(connections)
        self._limit = connections
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._lock = threading.Condition()
        self._askers: set[socket.socket] = set()
        self._running: set[_Running] = set()
        self._is_watching = False
        self._stopping = threading.Event()

    @property
    def socket_path(self) -> Path:
        """Where the socket is."""
        return self._folder / wire.SOCKET_NAME

    def start(self) -> Self:
        """Binds the socket and begins to answer.

        Raises `UnavailableError` where the folder takes no socket.
        """
        if self._listener is not None:
            raise LocalError("this server runs already")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Whatever lies there is left over: the file's lock says that no other process owns this historian.
            self.socket_path.unlink(missing_ok=True)
            with wire.socket_address(self._folder) as address:
                listener.bind(address)
            self.socket_path.chmod(0o600)  # before listen: nobody can have connected
            listener.listen(128)
        except OSError as error:
            listener.close()
            raise UnavailableError(f"the socket {self.socket_path} cannot be made: {error.strerror or error}") from error
        self._listener = listener
        for work in (self._accept, self._watch):
            thread = threading.Thread(target=work, name=f"historian {work.__name__.strip('_')}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def stop(self) -> None:
        """Interrupts what runs, closes all connections and removes the socket; harmless when repeated."""
        if self._listener is None:
            return
        with self._lock:
            self._stopping.set()
            for asker in self._askers:
                with suppress(OSError):
                    asker.shutdown(socket.SHUT_RDWR)
            self._lock.notify_all()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.socket_path.unlink(missing_ok=True)
        for thread in self._threads:
            thread.join()
        for _ in range(self._limit):  # every connection's thread has gone
            self._free.acquire()
        self._listener = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._stopping.is_set():
            try:
                asker, _ = self._listener.accept()
            except OSError:
                if self._stopping.is_set():
                    return
                log.warning("historian connection refused", socket=str(self.socket_path))
                continue
            with self._lock:
                if self._stopping.is_set() or not self._free.acquire(blocking=False):
                    with suppress(OSError):
                        asker.send(wire.frame(wire.UNAVAILABLE, b"the historian has too many askers; try again later"))
                    asker.close()
                    continue
                self._askers.add(asker)
            threading.Thread(target=self._converse, args=(asker,), name="historian asker", daemon=True).start()

    def _converse(self, asker: socket.socket) -> None:
        try:
            with self._historian.reader() as reader:
                while (request := _read_request(asker)) is not None:
                    self._answer(asker, reader, request)
        except (OSError, ValueError, TielineError, duckdb.Error):
            pass  # the asker has gone, or talks nonsense
        finally:
            with self._lock:
                self._askers.discard(asker)
            asker.close()
            self._free.release()

    def _answer(self, asker: socket.socket, reader: Reader, request: wire.Request) -> None:
        running = _Running(reader, asker, time.monotonic() + self._time_limit_s)
        with self._lock:
            self._running.add(running)
            if not self._is_watching:
                self._is_watching = True
                self._lock.notify_all()
        try:
            _send(asker, _run(reader, request))
        except QueryError as error:
            said = f"the query took longer than {self._time_limit_s:g} s" if running.is_late else one_line(error)
            asker.sendall(wire.frame(wire.ERROR, said.encode()))
        except TielineError as error:
            asker.sendall(wire.frame(wire.UNAVAILABLE, one_line(error).encode()))
        finally:
            with self._lock:
                self._running.discard(running)
                if self._stopping.is_set():
                    self._lock.notify_all()

    def _watch(self) -> None:
        with self._lock:
            while self._running or not self._stopping.is_set():
                for running in self._running:
                    self._look_at(running)
                # An interrupt that comes just before the query begins is lost, hence again and again.
                self._is_watching = bool(self._running)
                self._lock.wait(_WATCH_S if self._is_watching else None)

    def _look_at(self, running: _Running) -> None:
        overdue = time.monotonic() - running.deadline
        running.is_late = overdue >= 0
        if running.is_late or self._stopping.is_set() or _has_gone(running.asker):
            running.reader.interrupt()
        if overdue >= self._time_limit_s:  # the query has ended, but nobody reads the answer
            with suppress(OSError):
                running.asker.shutdown(socket.SHUT_RDWR)


def _run(reader: Reader, request: wire.Request) -> pa.RecordBatchReader | pa.Table:
    match request:
        case wire.Query():
            return reader.query(request.statement, request.parameters)
        case wire.SamplesOf():
            return reader.samples(request.points, request.start_us, request.end_us)
        case wire.HistoryOf():
            return reader.history(request.points, request.start_us, request.end_us, request.buckets)
        case wire.StatisticsOf():
            return reader.statistics(request.points, request.start_us, request.end_us, request.holds_us)


def _send(asker: socket.socket, answer: pa.RecordBatchReader | pa.Table) -> None:
    batches = iter(answer.to_batches(max_chunksize=65_536) if hasattr(answer, "to_batches") else answer)
    first = next(batches, None)
    if first is None:
        head, body = wire.data_frame(answer.schema, None)
        asker.sendall(b"".join((head, body, wire.END_FRAME)))
        return
    held = None
    for batch in chain((first,), batches):
        if held is not None:
            asker.sendall(held[0])
            asker.sendall(held[1])
        held = wire.data_frame(answer.schema, batch)
    assert held is not None
    asker.sendall(b"".join((*held, wire.END_FRAME)))


def _read_request(asker: socket.socket) -> wire.Request | None:
    head = _receive(asker, wire.LENGTH.size)
    if head is None:
        return None
    (length,) = wire.LENGTH.unpack(head)
    if length > wire.MAX_REQUEST:
        raise ValueError(f"a request of {length} bytes is too long")
    body = _receive(asker, length)
    return None if body is None else wire.decode_request(body)


def _receive(asker: socket.socket, length: int) -> bytes | None:
    received = bytearray()
    while len(received) < length:
        piece = asker.recv(length - len(received))
        if not piece:
            return None
        received += piece
    return bytes(received)


def _has_gone(asker: socket.socket) -> bool:
    poll = select.poll()
    try:
        poll.register(asker, select.POLLRDHUP)
    except (OSError, ValueError):
        return True
    return bool(poll.poll(0))
