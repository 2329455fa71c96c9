"""`tieline fetch`: samples that a site has kept, brought to the center through the bus; what the center lacks can be stored there."""

from __future__ import annotations

import asyncio
import difflib
import fnmatch
import json
import random
import socket
import sys
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tieline.model import VALIDITY, Batch, ConfigError, Samples, UnavailableError

if TYPE_CHECKING:
    import pyarrow as pa
    from nats.aio.client import Client

    from tieline.bus.fetching import FetchAnswer, Place

REQUEST_TIMEOUT_S = 10.0
ATTEMPTS = 3
RETRY_S = 1.0
ON_THE_WAY_US = 30_000_000
"""What is younger may still be on its way to the center by itself."""
FRESH_US = 95_000_000
"""An own point is reported every minute; half as much again and five seconds later it is stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked for: points by id with their paths, and a range of time in microseconds."""

    site: str
    paths: dict[int, str]
    start_us: int
    end_us: int


@dataclass(slots=True)
class Progress:
    """What has come so far."""

    samples: int = 0
    stored: int = 0
    until_us: int | None = None
    kept: tuple[int, int] | None = None


def run(site: str, points: str, start: str, end: str, data: Path, output: str | None, file: Path | None, *, store: bool) -> None:
    """Fetches, and writes the samples or stores them. Raises `TielineError` with what is known where it cannot."""
    from tieline.cli.query import check_format, write_answer

    output = output or ("table" if file is not None or not store else "")
    if output:
        check_format(output, file)
    wanted = find(data, site, points, start, end)
    if store:
        wanted = settled(data, wanted)
    progress = Progress()
    with asyncio.Runner() as runner:
        chunks = _chunks(data, wanted, progress, store=store)
        try:
            pulled = _pull(runner, chunks)
            first = next(pulled, None)
            if first is None:
                raise ConfigError(_nothing(wanted, progress, is_storing=store))
            if output:
                write_answer(_as_table(wanted, chain([first], pulled)), output, file)
            else:
                deque(pulled, maxlen=0)
        except UnavailableError as error:
            raise UnavailableError(_interrupted(str(error), progress, file, is_storing=store)) from error
        finally:
            runner.run(chunks.aclose())
    if store:
        print(  # noqa: T201
            f"{progress.samples} samples fetched, {progress.stored} of them were not at the center and are stored there",
            file=sys.stderr,
        )


def find(data: Path, site: str, patterns: str, start: str, end: str) -> Wanted:
    """What the center's historian knows under these names. Raises `ConfigError` where it knows nothing, with what is close."""
    from tieline.cli.run import historian_folder
    from tieline.historian import query
    from tieline.io import SystemClock
    from tieline.web.times import parse_time

    now = SystemClock().now_us()
    try:
        start_us, end_us = parse_time(start, now), parse_time(end, now)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if not start_us < end_us:
        raise ConfigError(f"the range from {start} to {end} is empty; the earlier time comes first")
    known = query(historian_folder(data), "SELECT id, site, device || '/' || name AS name FROM points ORDER BY path").read_all()
    sites = sorted(set(known["site"].to_pylist()))
    if site not in sites:
        raise ConfigError(f"there is no site {site!r}; {_close(site, sites)}")
    ids = {row["name"]: int(row["id"]) for row in known.to_pylist() if row["site"] == site}
    names: dict[str, int] = {}
    for pattern in filter(None, (part.strip().removeprefix(f"{site}/") for part in patterns.split(","))):
        found = fnmatch.filter(ids, pattern) if any(wild in pattern for wild in "*?[") else [pattern] if pattern in ids else []
        if not found:
            raise ConfigError(f"{site} has no point {pattern!r}; {_close(pattern, list(ids))}")
        names.update({name: ids[name] for name in found})
    if not names:
        raise ConfigError("name at least one point as device/name; * and ? stand for any characters")
    return Wanted(site=site, paths={number: f"{site}/{name}" for name, number in names.items()}, start_us=start_us, end_us=end_us)


def settled(data: Path, wanted: Wanted) -> Wanted:
    """The part of it that the site does not send by itself any more: what is on its way need not be fetched.

    Raises `UnavailableError` where the site still sends a backlog, or it is not known whether it does.
    """
    from tieline.cli.run import historian_folder
    from tieline.historian import query
    from tieline.io import SystemClock

    statement = (
        "SELECT epoch_us(time) AS time, value, quality FROM newest "
        "WHERE site = $1 AND device = 'tieline' AND point = 'backfill_batches'"
    )
    rows = query(historian_folder(data), statement, [wanted.site]).read_all().to_pylist()
    now = SystemClock().now_us()
    if not rows or rows[0]["quality"] & VALIDITY or now - rows[0]["time"] > FRESH_US:
        raise UnavailableError(f"{wanted.site} has not said lately whether it still sends a backlog; --store waits for that")
    if rows[0]["value"]:
        raise UnavailableError(f"{wanted.site} still sends a backlog of {rows[0]['value']:g} batches; store when it is here")
    return replace(wanted, end_us=min(wanted.end_us, now - ON_THE_WAY_US))


def _close(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(names[:8])}{' ...' if len(names) > 8 else ''}"


async def _chunks(data: Path, wanted: Wanted, progress: Progress, *, store: bool) -> AsyncGenerator[Samples, None]:
    """The samples as the site gives them, by time and point, stored already where that is asked for."""
    from tieline.bus import connected
    from tieline.cli.run import open_authority
    from tieline.model import subjects

    ports = _bus_ports(data)
    credentials = open_authority(data).credentials(subjects.FETCH_ROLE)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connected(ports, credentials))
        storing = _Storing(client, data, wanted) if store else None
        after: Place | None = None
        while True:
            answer = await _ask(client, wanted, after)
            samples = answer.samples
            progress.kept = answer.kept
            if storing is not None and len(samples):
                progress.stored += await storing.store(samples)
            progress.samples += len(samples)
            if len(samples):
                progress.until_us = int(samples.time[-1])
                yield samples
            if answer.after is None:
                return
            if after is not None and answer.after <= after:
                raise UnavailableError(f"{wanted.site} answers the same again and again; update its Tieline")
            after = answer.after


async def _ask(client: Client, wanted: Wanted, after: Place | None) -> FetchAnswer:
    from nats.errors import Error, NoRespondersError

    from tieline.bus.fetching import FetchRequest, decode_fetch_answer, encode_fetch
    from tieline.bus.replies import ask_site
    from tieline.model import subjects

    request = encode_fetch(FetchRequest(points=list(wanted.paths), start_us=wanted.start_us, end_us=wanted.end_us, after=after))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            message = await ask_site(
                client,
                subjects.fetch(wanted.site),
                request,
                role=subjects.FETCH_ROLE,
                site=wanted.site,
                timeout_s=REQUEST_TIMEOUT_S,
            )
            return decode_fetch_answer(message.data)
        except NoRespondersError:
            problem = f"{wanted.site} cannot be reached, or keeps no history of its own ([local] enabled = false)"
        except (Error, TimeoutError) as error:
            problem = f"{wanted.site} does not answer: {str(error) or 'timeout'}"
        if attempt < ATTEMPTS:
            await asyncio.sleep(RETRY_S)
    raise UnavailableError(problem)


class _Storing:
    """Puts onto the center's stream what its historian does not have yet."""

    def __init__(self, client: Client, data: Path, wanted: Wanted) -> None:
        self._client = client
        self._data = data
        self._site = wanted.site
        self._incarnation = random.SystemRandom().getrandbits(63)
        self._sequence = 0

    async def store(self, samples: Samples) -> int:
        """How many of them were not there; on return they are on the center's disk."""
        from tieline.bus import publish
        from tieline.model import Purpose, subjects

        new = samples.take(await asyncio.to_thread(self._is_new, samples))
        if len(new):
            self._sequence += 1
            batch = Batch(
                site=self._site,
                incarnation=self._incarnation,
                sequence=self._sequence,
                samples=new,
                purpose=Purpose.BACKFILL,
                may_repeat=True,
            )
            await publish(self._client, batch, subject=subjects.center_batches(self._site))
        return len(new)

    def _is_new(self, samples: Samples) -> np.typing.NDArray[np.bool_]:
        from tieline.cli.run import historian_folder
        from tieline.historian import open_asker

        asker = open_asker(historian_folder(self._data))
        try:
            points = np.unique(samples.point).tolist()
            held = Samples.from_arrow(asker.samples(points, int(samples.time[0]), int(samples.time[-1]) + 1))
        finally:
            asker.close()
        return ~np.isin(_places(samples), _places(held))


def _places(samples: Samples) -> np.typing.NDArray[np.void]:
    """Time and point of each sample as one value that can be compared."""
    places = np.empty(len(samples), dtype=[("time", np.int64), ("point", np.uint32)])
    places["time"], places["point"] = samples.time, samples.point
    return places


def _bus_ports(data: Path) -> list[int]:
    """The ports of the center's bus servers, as they have written them down themselves."""
    found = []
    for file in sorted((data.absolute() / "center").glob("bus*/ports/*.ports")):
        with suppress(OSError, ValueError, KeyError, IndexError):  # it has just gone, or is being written
            found.append(int(json.loads(file.read_text())["nats"][0].rsplit(":", 1)[1]))
    if not any(map(_answers, found)):
        raise UnavailableError(f"no center runs with {data}; fetch where it runs, with its --data")
    return found


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def _pull(runner: asyncio.Runner, chunks: AsyncIterator[Samples]) -> Iterator[Samples]:
    while True:
        try:
            yield runner.run(_next(chunks))
        except StopAsyncIteration:
            return


async def _next(chunks: AsyncIterator[Samples]) -> Samples:
    return await anext(chunks)


def _as_table(wanted: Wanted, chunks: Iterable[Samples]) -> pa.RecordBatchReader:
    """The samples as rows: point by path, time, value, quality."""
    import pyarrow as pa

    schema = pa.schema(
        [("point", pa.string()), ("time", pa.timestamp("us", "UTC")), ("value", pa.float64()), ("quality", pa.uint16())]
    )
    ids = np.array(sorted(wanted.paths), np.uint32)
    paths = pa.array([wanted.paths[number] for number in ids.tolist()])

    def batches() -> Iterator[pa.RecordBatch]:
        for samples in chunks:
            plain = samples.to_arrow()
            names = paths.take(pa.array(np.searchsorted(ids, samples.point)))
            yield pa.RecordBatch.from_arrays([names, *plain.columns[1:]], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _interrupted(problem: str, progress: Progress, file: Path | None, *, is_storing: bool) -> str:
    if progress.until_us is None:
        return problem
    from tieline.web.times import iso

    until = iso(progress.until_us)
    said = f"{problem}; {progress.samples} samples up to {until} had come"
    if is_storing:
        said += f", {progress.stored} of them were new and are stored"
    if file is not None:
        said += f", {file} was not written"
    return f"{said}; ask again from {until}"


def _nothing(wanted: Wanted, progress: Progress, *, is_storing: bool) -> str:
    from tieline.web.times import iso

    if progress.kept is None:
        return f"{wanted.site} keeps nothing yet"
    oldest, newest = map(iso, progress.kept)
    said = f"{wanted.site} keeps nothing of these points for that time; it keeps {oldest} to {newest}"
    return (
        f"{said}, and --store leaves out the last {ON_THE_WAY_US // 1_000_000} s, which may be on their way"
        if is_storing
        else said
    )
