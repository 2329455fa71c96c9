"""Asking: through a reader, the socket, or the file; what is refused; and that nobody waits for anybody."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from tests.historian.conftest import DAY, HOUR, NOW, batch, count, rows_of
from tieline.historian import FILE_NAME, AsyncClient, Client, Historian, HistorianServer, QueryError, query, wire
from tieline.model import Batch, Quality, Samples, UnavailableError

if TYPE_CHECKING:
    from _typeshed import TraceFunction

Open = Callable[..., Historian]

REFUSED = [
    "INSERT INTO points SELECT * FROM points",
    "DELETE FROM points",
    "WITH gone AS (DELETE FROM points RETURNING id) SELECT * FROM gone",
    "EXPLAIN ANALYZE DELETE FROM points",
    "EXPLAIN (ANALYZE) DELETE FROM points",
    "CREATE TABLE t (x INTEGER)",
    "CREATE TEMP TABLE t (x INTEGER)",
    "CREATE TABLE memory.main.t (x INTEGER)",
    "DROP VIEW samples",
    "COPY (SELECT 1) TO 'out.csv'",
    "COPY samples TO 'out.csv'",
    "ATTACH 'other.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '1GB'",
    "PRAGMA database_list",
    "CALL duckdb_tables()",
    "CHECKPOINT",
    "EXPORT DATABASE 'out'",
    "USE store",
    "BEGIN",
    "PREPARE p AS SELECT 1",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '/etc/hosts.csv'",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM force_checkpoint()",
    "FROM duckdb_secrets()",
    "SELECT sleep_ms(1000)",
    "SELECT 1; SELECT 2",
    "",
]
ALLOWED = [
    "SELECT 1",
    "WITH a AS (SELECT 1) SELECT * FROM a",
    "FROM points LIMIT 1",
    "VALUES (1), (2)",
    "DESCRIBE samples",
    "SHOW TABLES",
    "SUMMARIZE points",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT count(*) FROM samples",
    "SELECT * FROM range(3);",
    "-- a comment\nSELECT 1",
    "SELECT unnest([1, 2])",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_what_does_more_than_read_is_refused(historian: Historian, statement: str) -> None:
    with historian.reader() as reader, pytest.raises(QueryError) as refused:
        reader.query(statement).read_all()
    assert "\n" not in str(refused.value)
    assert rows_of(historian, "SELECT count(*) FROM points") == [(20,)]


@pytest.mark.parametrize("statement", ALLOWED)
def test_what_reads_is_allowed(historian: Historian, statement: str) -> None:
    assert rows_of(historian, statement)


@pytest.mark.parametrize(
    "statement", ["SELECT nothing FROM samples", "SELECT FROM WHERE", "SELECT 'x'::INTEGER", "SELECT * FROM nowhere"]
)
def test_a_mistake_is_told_in_one_line(historian: Historian, statement: str) -> None:
    with historian.reader() as reader, pytest.raises(QueryError) as told:
        reader.query(statement).read_all()
    assert "\n" not in str(told.value)
    assert "Traceback" not in str(told.value)


def test_a_reader_goes_on_after_a_mistake(historian: Historian) -> None:
    with historian.reader() as reader:
        with pytest.raises(QueryError):
            reader.query("SELECT nothing")
        assert reader.query("SELECT 1 AS one").read_all().to_pylist() == [{"one": 1}]


def test_samples_has_exactly_these_columns(historian: Historian) -> None:
    with historian.reader() as reader:
        found = reader.query("SELECT * FROM samples").schema
        assert found.names == ["site", "device", "point", "unit", "time", "value", "quality"]
        assert found.field("time").type == pa.timestamp("us", "UTC")
        assert found.field("quality").type == pa.uint16()
        names = reader.query("SELECT * FROM newest").schema.names
        assert names == found.names
        assert reader.query("SELECT * FROM events").schema.names == ["time", "site", "device", "kind", "severity", "text"]


def test_time_compares_with_now_in_utc(historian: Historian) -> None:
    ((now,),) = rows_of(historian, "SELECT epoch_us(now())")
    assert isinstance(now, int)
    samples = Samples.of(1, [now - HOUR // 2, now - 3 * HOUR // 2], 1.0)
    historian.commit([Batch(site="s", incarnation=1, sequence=1, samples=samples)])
    assert rows_of(historian, "SELECT count(*) FROM samples WHERE time > now() - INTERVAL 1 HOUR") == [(1,)]
    day = np.datetime64(now, "us").astype("datetime64[D]")
    ((found,),) = rows_of(historian, f"SELECT count(*) FROM samples WHERE time >= '{day}' AND time < '{day + 1}'")
    assert found == sum(1 for time in samples.time.tolist() if time // DAY == now // DAY)


def test_parameters_are_by_place_or_by_name(historian: Historian) -> None:
    historian.commit([batch(1)])
    assert rows_of(historian, "SELECT value FROM samples WHERE point = ?", ["point-3"]) == [(1002.0,)]
    assert rows_of(historian, "SELECT value FROM samples WHERE point = $point", {"point": "point-3"}) == [(1002.0,)]
    with historian.reader() as reader, pytest.raises(QueryError):
        reader.query("SELECT ?", [1, 2]).read_all()


def test_a_peak_of_one_sample_is_never_lost(historian: Historian) -> None:
    rows = 200_000
    values = np.full(rows, 50.0)
    values[123_456] = 9000.0
    values[77_777] = -3.0
    samples = Samples.of(1, NOW - 11 * HOUR + np.arange(rows) * 100_000, values)
    quality = np.zeros(rows, np.uint16)
    quality[5000] = Quality.INVALID
    samples = Samples(samples.point, samples.time, samples.value, quality)
    historian.commit([Batch(site="s", incarnation=1, sequence=1, samples=samples)])
    for _ in range(2):
        for buckets in (10, 1000):
            with historian.reader() as reader:
                for _ in range(3):
                    table = reader.history([1], NOW - 12 * HOUR, NOW, buckets)
                    assert table.num_rows <= buckets
                    assert (min(table["min"].to_pylist()), max(table["max"].to_pylist())) == (-3.0, 9000.0)
                    assert sum(table["count"].to_pylist()) == rows
                    assert table["severity"].to_pylist().count(2) == 1
        historian.maintain(fully=True)


def test_history_refuses_a_senseless_number_of_buckets(historian: Historian) -> None:
    with historian.reader() as reader, pytest.raises(QueryError, match="buckets"):
        reader.history([1], 0, 1, 0)


def test_points_that_cannot_exist_have_no_samples(historian: Historian) -> None:
    historian.commit([batch(1)])
    with historian.reader() as reader:
        assert reader.samples([3, 3, -1, 2**40], NOW - HOUR, NOW + HOUR).num_rows == 1
        with pytest.raises(QueryError, match="out of all bounds"):
            reader.samples([3], 0, 2**63)


def test_history_of_nothing_is_empty(historian: Historian) -> None:
    with historian.reader() as reader:
        for table in (reader.history([], 0, 1, 1), reader.history([1], 5, 5, 1), reader.history([77], NOW, NOW + HOUR, 10)):
            assert table.num_rows == 0
            assert table.schema.names == ["point", "time", "min", "max", "mean", "last", "count", "severity"]
        assert reader.samples([1], NOW, NOW + HOUR).num_rows == 0


def test_a_long_read_sees_one_moment_and_holds_nobody_up(opened: Open) -> None:
    historian = opened(seal_rows=50_000)
    historian.commit([batch(1, rows=100_000)])
    with historian.reader() as reader:
        answer = reader.query("SELECT value FROM samples")
        rows = answer.read_next_batch().num_rows
        for number in range(2, 6):
            historian.commit([batch(number, rows=20_000)])
            historian.maintain(fully=True)
        assert count(historian) == 180_000
        rows += sum(piece.num_rows for piece in answer)
        assert rows == 100_000


def test_readers_go_on_while_compaction_goes_on(opened: Open) -> None:
    historian = opened(seal_rows=1)
    stop = threading.Event()
    by_point: list[int] = []
    by_statement: list[int] = []

    def read() -> None:
        with historian.reader() as reader:
            while not stop.is_set():
                by_point.append(reader.samples(list(range(1, 21)), NOW - HOUR, NOW + HOUR).num_rows)
                by_statement.append(count(historian))

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(1, 30):
        historian.commit([batch(number, rows=100)])
        historian.maintain()
    stop.set()
    thread.join()
    for seen in (by_point, by_statement):
        assert all(rows % 100 == 0 for rows in seen)
        assert seen == sorted(seen)


def test_a_tail_that_is_sealed_while_a_reader_looks_is_not_missed(opened: Open) -> None:
    """The tail is sealed between any two instructions of the look into the catalog."""
    historian = opened()
    looking, missed, sealed = Historian._seen.__code__, [], 0

    def seal(frame: FrameType, what: str, _: object) -> TraceFunction | None:
        nonlocal sealed
        if frame.f_code is not looking:
            return None
        frame.f_trace_opcodes = True
        if what == "opcode" and frame.f_lasti == at:
            historian._seal()
            sealed += 1
        return seal

    with historian.reader() as reader:
        for number, at in enumerate(range(0, len(looking.co_code), 2), start=1):
            historian.commit([batch(number, rows=100)])
            was_traced = sys.gettrace()
            sys.settrace(seal)
            try:
                found = reader.samples(range(1, 21), NOW - HOUR, NOW + HOUR).num_rows
            finally:
                sys.settrace(was_traced)
            if found != 100 * number:
                missed.append((at, found))
    assert sealed > 20
    assert missed == []


# ---- the socket


@pytest.fixture
def served(historian: Historian) -> Iterator[HistorianServer]:
    historian.commit([batch(1, rows=1000, events=1), batch(2, NOW - 3 * DAY, rows=500)])
    historian.maintain(fully=True)
    historian.commit([batch(3, rows=100)])
    with HistorianServer(historian) as server:
        yield server


def test_the_socket_is_the_users_own(served: HistorianServer) -> None:
    assert stat.S_IMODE(served.socket_path.stat().st_mode) == 0o600


QUESTIONS = [
    "SELECT * FROM samples ORDER BY ALL",
    "SELECT * FROM newest ORDER BY ALL",
    "SELECT * FROM events",
    "SELECT * FROM quarter_hours ORDER BY ALL",
    "SELECT * FROM samples WHERE false",
    "SELECT site, count(*) AS n FROM samples WHERE device = 'device-1' GROUP BY ALL ORDER BY ALL",
    "DESCRIBE samples",
]


def test_answers_are_the_same_with_the_server_and_without(served: HistorianServer, historian: Historian, tmp_path: Path) -> None:
    with_server = [query(tmp_path, question).read_all() for question in QUESTIONS]
    served.stop()
    historian.close()
    without = [query(tmp_path, question).read_all() for question in QUESTIONS]
    for one, other in zip(with_server, without, strict=True):
        assert one.schema.equals(other.schema)
        assert one.to_pylist() == other.to_pylist()
    assert with_server[0].num_rows == 1600


async def test_the_async_client_gets_the_same(served: HistorianServer, tmp_path: Path) -> None:
    async with AsyncClient(tmp_path) as client:
        answers = await asyncio.gather(*(client.query(question) for question in QUESTIONS * 3))
        for question, answer in zip(QUESTIONS * 3, answers, strict=True):
            plain = await asyncio.to_thread(lambda asked=question: query(tmp_path, asked).read_all())
            assert answer.to_pylist() == plain.to_pylist()
        table = await client.history([1, 2], NOW - HOUR, NOW + HOUR, 100)
        assert sum(table["count"].to_pylist()) == (await client.samples([1, 2], NOW - HOUR, NOW + HOUR)).num_rows == 110
        with pytest.raises(QueryError, match="DELETE is refused"):
            await client.query("DELETE FROM points")
        assert (await client.query("SELECT $1 AS x", [5])).to_pylist() == [{"x": 5}]


async def test_a_large_answer_comes_in_pieces(served: HistorianServer, tmp_path: Path) -> None:
    async with AsyncClient(tmp_path) as client:
        pieces = [piece.num_rows async for piece in client.stream("SELECT range FROM range(300000)")]
        assert sum(pieces) == 300_000
        assert max(pieces) < 100_000
        assert [piece.num_rows async for piece in client.stream("SELECT 1 WHERE false")] == [0]


async def test_a_client_that_leaves_ends_its_query(served: HistorianServer, tmp_path: Path) -> None:
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b"
    async with AsyncClient(tmp_path, connections=1) as client:
        asking = asyncio.create_task(client.query(endless))
        while not served._running:
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        while served._running:
            await asyncio.sleep(0)
        assert (await client.query("SELECT 1 AS x")).num_rows == 1


async def test_a_client_that_stops_reading_stops_the_server(served: HistorianServer, tmp_path: Path) -> None:
    async with AsyncClient(tmp_path) as client:
        async with aclosing(client.stream("SELECT range AS x, 'text ' || range AS y FROM range(100000000)")) as pieces:
            async for _ in pieces:
                break
        while served._running:
            await asyncio.sleep(0)


def test_a_query_has_limited_time(historian: Historian, tmp_path: Path) -> None:
    with HistorianServer(historian, time_limit_s=0.2), pytest.raises(QueryError, match=r"longer than 0\.2 s"):
        query(tmp_path, "SELECT count(*) FROM range(10000000) a, range(10000000) b").read_all()


def test_a_query_has_limited_memory(opened: Open, tmp_path: Path) -> None:
    historian = opened(memory_mb=64)
    with historian.reader() as reader, pytest.raises(QueryError, match="memory"):
        reader.query("SELECT list(range) FROM range(100000000)").read_all()


def test_too_many_askers_are_turned_away(historian: Historian, tmp_path: Path) -> None:
    with HistorianServer(historian, connections=1), Client(tmp_path) as first:
        assert first.query("SELECT 1").read_all().num_rows == 1
        with Client(tmp_path) as second, pytest.raises(UnavailableError):
            second.query("SELECT 1").read_all()


def test_nonsense_on_the_socket_ends_that_connection_only(served: HistorianServer, tmp_path: Path) -> None:
    for nonsense in (b"\xff" * 40, b"\0\0\0\4junk", wire.LENGTH.pack(1) + b"\xc1"):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(served.socket_path))
            raw.sendall(nonsense)
            with suppress(ConnectionResetError):
                assert raw.recv(100) == b""
    assert query(tmp_path, "SELECT 1").read_all().num_rows == 1


def test_a_long_path_is_no_obstacle(tmp_path: Path, clock: Callable[[], int]) -> None:
    folder = tmp_path / ("a" * 60) / ("b" * 60)
    folder.mkdir(parents=True)
    assert len(os.fsencode(folder)) > 108
    with Historian.open(folder / FILE_NAME, lake=folder / "lake", clock=clock) as historian, HistorianServer(historian):
        assert query(folder, "SELECT 1 AS x").read_all().to_pylist() == [{"x": 1}]


def test_a_socket_left_over_is_replaced(historian: Historian, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "historian.sock"))
    with HistorianServer(historian):
        assert query(tmp_path, "SELECT 1").read_all().num_rows == 1


def test_a_server_that_stops_ends_its_queries(historian: Historian, tmp_path: Path) -> None:
    server = HistorianServer(historian).start()
    with Client(tmp_path) as client:
        failed: list[BaseException] = []

        def ask() -> None:
            try:
                client.query("SELECT count(*) FROM range(10000000) a, range(10000000) b").read_all()
            except (UnavailableError, QueryError) as error:
                failed.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not server._running:
            pass
        server.stop()
        thread.join()
        assert failed
    assert not server.socket_path.exists()


def test_no_historian_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="there is no historian"):
        query(tmp_path, "SELECT 1")


async def test_no_server_is_told_in_words(tmp_path: Path) -> None:
    async with AsyncClient(tmp_path) as client:
        with pytest.raises(UnavailableError, match="no historian runs"):
            await client.query("SELECT 1")


def test_a_file_that_was_not_closed_is_read_with_all_that_was_committed(historian: Historian, tmp_path: Path) -> None:
    historian.commit([batch(1)])
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob(FILE_NAME + "*"):  # as a crash leaves it: with its write-ahead log
        (copy / file.name).write_bytes(file.read_bytes())
    assert query(copy, "SELECT count(*) AS n FROM samples").read_all().to_pylist() == [{"n": 10}]
