"""Asks the historian: over its socket while its owner runs, else by opening the file, read only. Both give the same answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tieline.historian import wire
from tieline.historian.connection import FILE_NAME, connect, new_cursor, require_version
from tieline.historian.errors import QueryError
from tieline.historian.pieces import Pieces
from tieline.historian.reader import Parameters, Reader
from tieline.historian.schema import load_catalog
from tieline.historian.series import SeriesCache
from tieline.model import UnavailableError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_GONE = "the historian has gone while it was answering"


def query(data_dir: Path, statement: str, parameters: Parameters = None) -> pa.RecordBatchReader:
    """The answer to one statement, read as it comes.

    Raises `QueryError` where the statement is wrong or not allowed, also from the reader that it returns, and `UnavailableError`
    where there is no historian in that folder.
    """
    import pyarrow as pa

    asker = open_asker(data_dir)
    try:
        answer = asker.query(statement, parameters)
    except BaseException:
        asker.close()
        raise

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from answer
        finally:
            asker.close()

    return pa.RecordBatchReader.from_batches(answer.schema, batches())


def open_asker(data_dir: Path) -> Client | FileReader:
    """Whatever answers for the historian in that folder: its server, or its file."""
    with suppress(ConnectionError, FileNotFoundError):
        return Client(data_dir)
    try:
        return FileReader(data_dir)
    except UnavailableError as error:
        with suppress(ConnectionError, FileNotFoundError):  # its owner has just come up
            return Client(data_dir)
        raise error from None


class FileReader(Reader):
    """Reads the file of a historian that does not run."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir.absolute() / FILE_NAME
        if not path.exists():
            raise UnavailableError(f"there is no historian in {data_dir}")
        self._connection: duckdb.DuckDBPyConnection = connect(path, read_only=True)
        try:
            cursor = new_cursor(self._connection)
            require_version(cursor, path)
            catalog = load_catalog(cursor)
            super().__init__(cursor, lambda: catalog, SeriesCache())
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the file; harmless when repeated."""
        super().close()
        self._connection.close()


class Client:
    """One connection to a historian's server, for one question at a time."""

    def __init__(self, data_dir: Path) -> None:
        """Raises `ConnectionError` or `FileNotFoundError` where no server lives."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with wire.socket_address(data_dir.absolute()) as address:
                self._socket.connect(address)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Ends the connection, and a query that still runs."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def query(self, statement: str, parameters: Parameters = None) -> pa.RecordBatchReader:
        """`Reader.query`; read the answer to its end before the next question."""
        return self._ask(wire.Query(statement, _plain(parameters)))

    def samples(self, points: Sequence[int], start_us: int, end_us: int) -> pa.Table:
        """`Reader.samples`."""
        return self._ask(wire.SamplesOf([int(point) for point in points], start_us, end_us)).read_all()

    def history(self, points: Sequence[int], start_us: int, end_us: int, buckets: int) -> pa.Table:
        """`Reader.history`."""
        return self._ask(wire.HistoryOf([int(point) for point in points], start_us, end_us, buckets)).read_all()

    def statistics(self, points: Sequence[int], start_us: int, end_us: int, holds_us: Sequence[int]) -> pa.Table:
        """`Reader.statistics`."""
        return self._ask(wire.StatisticsOf([int(point) for point in points], start_us, end_us, list(holds_us))).read_all()

    def _ask(self, request: wire.Request) -> pa.RecordBatchReader:
        import pyarrow as pa

        try:
            self._socket.sendall(wire.encode_request(request))
        except OSError as error:
            raise UnavailableError(_GONE) from error
        first = self._frame()
        assert first is not None  # an answer begins with data or raises
        schema, batches = _opened(first)

        def rest() -> Iterator[pa.RecordBatch]:
            yield from batches
            while (body := self._frame()) is not None:
                yield from _opened(body)[1]

        return pa.RecordBatchReader.from_batches(schema, rest())

    def _frame(self) -> bytes | None:
        kind, length = wire.HEAD.unpack(self._receive(wire.HEAD.size))
        return _meaning(kind, self._receive(length))

    def _receive(self, length: int) -> bytes:
        received = bytearray(length)
        view = memoryview(received)
        while view:
            try:
                count = self._socket.recv_into(view)
            except OSError as error:
                raise UnavailableError(_GONE) from error
            if not count:
                raise UnavailableError(_GONE)
            view = view[count:]
        return bytes(received)


class AsyncClient:
    """Asks a historian's server from a coroutine, several questions at once over as many connections.

    A question whose task is cancelled takes its connection with it, and the server ends the query.
    """

    def __init__(self, data_dir: Path, *, connections: int = 8) -> None:
        self._folder = data_dir.absolute()
        self._free = asyncio.Semaphore(connections)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def close(self) -> None:
        """Closes the connections that are idle; those in use close when their answer ends."""
        self._free = asyncio.Semaphore(0)
        while self._idle:
            self._idle.pop()[1].close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def query(self, statement: str, parameters: Parameters = None) -> pa.Table:
        """The whole answer to one statement; raises as `query` does."""
        return await self._ask(wire.Query(statement, _plain(parameters)))

    async def samples(self, points: Sequence[int], start_us: int, end_us: int) -> pa.Table:
        """`Reader.samples`."""
        return await self._ask(wire.SamplesOf([int(point) for point in points], start_us, end_us))

    async def history(self, points: Sequence[int], start_us: int, end_us: int, buckets: int) -> pa.Table:
        """`Reader.history`."""
        return await self._ask(wire.HistoryOf([int(point) for point in points], start_us, end_us, buckets))

    async def statistics(self, points: Sequence[int], start_us: int, end_us: int, holds_us: Sequence[int]) -> pa.Table:
        """`Reader.statistics`."""
        return await self._ask(wire.StatisticsOf([int(point) for point in points], start_us, end_us, list(holds_us)))

    async def pieces(self, points: Sequence[int], start_us: int, end_us: int) -> AsyncIterator[pa.Table]:
        """The samples of the range in consecutive pieces, each as `samples` gives it, of so many rows as fit into memory."""
        pieces = Pieces(start_us, end_us)
        for start, end in pieces:
            found = await self.samples(points, start, end)
            pieces.took(len(found))
            if len(found):
                yield found

    async def stream(self, statement: str, parameters: Parameters = None) -> AsyncIterator[pa.RecordBatch]:
        """The answer to one statement batch by batch, at the pace of its reader; the first batch may be empty.

        Leave it with `aclosing` where it may not be read to its end.
        """
        async with self._connection() as (reader, writer):
            writer.write(wire.encode_request(wire.Query(statement, _plain(parameters))))
            is_first = True
            while (body := await _read_frame(reader)) is not None:
                schema, batches = _opened(body)
                if is_first and not batches:
                    yield _no_rows(schema)
                is_first = False
                for batch in batches:
                    yield batch

    async def _ask(self, request: wire.Request) -> pa.Table:
        import pyarrow as pa

        async with self._connection() as (reader, writer):
            writer.write(wire.encode_request(request))
            bodies = []
            while (body := await _read_frame(reader)) is not None:
                bodies.append(body)
        opened = [_opened(body) for body in bodies]
        return pa.Table.from_batches([batch for _, batches in opened for batch in batches], opened[0][0])

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        async with self._free:
            pair = self._idle.pop() if self._idle else None
            if pair is not None and (pair[0].at_eof() or pair[1].is_closing()):  # the server was restarted
                pair[1].close()
                pair = None
            pair = pair or await self._connect()
            try:
                yield pair
            except QueryError:  # the answer was complete: the connection is as good as new
                self._idle.append(pair)
                raise
            except BaseException:
                pair[1].close()
                raise
            self._idle.append(pair)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            with wire.socket_address(self._folder) as address:
                return await asyncio.open_unix_connection(address, limit=1 << 20)
        except OSError as error:
            raise UnavailableError(f"no historian runs in {self._folder}") from error


async def _read_frame(reader: asyncio.StreamReader) -> bytes | None:
    try:
        kind, length = wire.HEAD.unpack(await reader.readexactly(wire.HEAD.size))
        return _meaning(kind, await reader.readexactly(length) if length else b"")
    except (asyncio.IncompleteReadError, OSError) as error:
        raise UnavailableError(_GONE) from error


def _meaning(kind: bytes, body: bytes) -> bytes | None:
    if kind == wire.DATA:
        return body
    if kind == wire.END:
        return None
    said = body.decode(errors="replace")
    raise QueryError(said) if kind == wire.ERROR else UnavailableError(said)


def _opened(body: bytes) -> tuple[pa.Schema, list[pa.RecordBatch]]:
    import pyarrow as pa

    with pa.ipc.open_stream(body) as stream:
        return stream.schema, list(stream)


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _plain(parameters: Parameters) -> list[Any] | dict[str, Any] | None:
    if parameters is None:
        return None
    return dict(parameters) if hasattr(parameters, "keys") else list(parameters)
