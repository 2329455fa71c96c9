"""Raw samples as a file that is written while it is sent, so that a month of them takes no more memory than an hour."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from tieline.model import Point, in_words

MAX_SAMPLES = 50_000_000
"""Of one file. Sixteen points each second for a month are 41.5 million."""
AT_ONCE = 2

Form = Literal["csv", "parquet"]
MEDIA_TYPES: dict[Form, str] = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}

_WORDS = pa.dictionary(pa.int32(), pa.string())
_FIELDS = {
    "point": _WORDS,
    "unit": _WORDS,
    "time": pa.timestamp("us", "UTC"),
    "value": pa.float64(),
    "quality": pa.uint16(),
    "quality_words": _WORDS,
}
PARQUET = pa.schema(list(_FIELDS.items()))
CSV = PARQUET.set(2, pa.field("time", pa.string())).insert(3, pa.field("time_us", pa.int64()))


class Encoder(Protocol):
    """Turns pieces of samples into the bytes of a file."""

    def encode(self, samples: pa.Table) -> bytes:
        """What the file goes on with after these samples, as `History.pieces` gives them."""
        ...

    def end(self) -> bytes:
        """What the file ends with."""
        ...


class CsvEncoder:
    """One line a sample; times in ISO 8601 UTC and in microseconds since 1970."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._names = _Names(points)
        self._has_header = False

    def encode(self, samples: pa.Table) -> bytes:
        """The lines, the first time with the header."""
        columns = self._names.columns(samples)
        times = samples.column("time")
        texts = pc.replace_substring(times.cast(pa.timestamp("us")).cast(pa.string()), " ", "T", max_replacements=1)
        columns["time"] = pc.binary_join_element_wise(texts, "Z", "")
        columns["time_us"] = times.cast(pa.int64())
        sink = io.BytesIO()
        options = pyarrow.csv.WriteOptions(include_header=not self._has_header)
        self._has_header = True
        table = pa.table([columns[name] for name in CSV.names], schema=CSV)
        pyarrow.csv.write_csv(table, sink, options)
        return sink.getvalue()

    def end(self) -> bytes:
        """The header where there was no sample."""
        return b"" if self._has_header else self.encode(_NOTHING)


class ParquetEncoder:
    """A row group for each piece; times as Parquet's timestamps, in microseconds UTC."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._names = _Names(points)
        self._sink = _Pipe()
        self._writer = pyarrow.parquet.ParquetWriter(self._sink, PARQUET, compression="zstd")

    def encode(self, samples: pa.Table) -> bytes:
        """The row group."""
        columns = self._names.columns(samples) | {"time": samples.column("time")}
        self._writer.write_table(pa.table([columns[name] for name in PARQUET.names], schema=PARQUET))
        return self._sink.drain()

    def end(self) -> bytes:
        """The footer."""
        self._writer.close()
        return self._sink.drain()


def encoder(form: Form, points: Sequence[Point]) -> Encoder:
    """An encoder for that form of file."""
    return CsvEncoder(points) if form == "csv" else ParquetEncoder(points)


async def export(pieces: AsyncIterator[pa.Table], work: Encoder, slots: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """The bytes of the file; the next piece is read when the last one has gone out."""
    async with slots:
        async for piece in pieces:
            yield await asyncio.to_thread(work.encode, _by_time(piece))
        yield await asyncio.to_thread(work.end)


class _Names:
    """Paths, units and qualities in words, as dictionary columns: each text is there once, not once a sample."""

    def __init__(self, points: Sequence[Point]) -> None:
        held = sorted(points, key=lambda point: int(point.id))
        self._ids = np.array([int(point.id) for point in held], np.uint32)
        self._paths = pa.array([point.path for point in held], pa.string())
        self._units = pa.array([point.unit for point in held], pa.string())

    def columns(self, samples: pa.Table) -> dict[str, Any]:
        place = pa.array(np.searchsorted(self._ids, samples.column("point").to_numpy()).astype(np.int32))
        quality = samples.column("quality").to_numpy()
        kinds, which = np.unique(quality, return_inverse=True)
        words = pa.array([in_words(int(kind)) for kind in kinds], pa.string())
        return {
            "point": pa.DictionaryArray.from_arrays(place, self._paths),
            "unit": pa.DictionaryArray.from_arrays(place, self._units),
            "value": samples.column("value"),
            "quality": samples.column("quality"),
            "quality_words": pa.DictionaryArray.from_arrays(pa.array(which.astype(np.int32)), words),
        }


class _Pipe(io.RawIOBase):
    """Takes what a writer writes and hands it on, without ever looking back."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held.append(bytes(data))
        return len(self._held[-1])

    def drain(self) -> bytes:
        held, self._held = self._held, []
        return b"".join(held)


def _by_time(samples: pa.Table) -> pa.Table:
    """The samples by time and point; `History.pieces` gives them by point and time."""
    time = samples.column("time").cast(pa.int64()).to_numpy()
    return samples.take(pa.array(np.argsort(time, kind="stable")))


_NOTHING = pa.table(
    {
        "point": pa.array([], pa.uint32()),
        "time": pa.array([], pa.timestamp("us", "UTC")),
        "value": pa.array([], pa.float64()),
        "quality": pa.array([], pa.uint16()),
    }
)
