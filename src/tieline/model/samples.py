"""Samples: what was measured, in columns.

`Samples` holds four numpy columns of one length. It is the form in which drivers, edge, bus, historian and live state hand
measurements to each other; `to_arrow` and `from_arrow` share the same memory with Arrow, so neither copies.

| column  | dtype   | meaning                                                        |
|---------|---------|----------------------------------------------------------------|
| point   | uint32  | the point's id                                                 |
| time    | int64   | microseconds since 1970-01-01 UTC (Arrow `timestamp[us, UTC]`) |
| value   | float64 | engineering units; NaN where nothing was ever read             |
| quality | uint16  | `tieline.model.Quality`                                        |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

PointColumn = npt.NDArray[np.uint32]
TimeColumn = npt.NDArray[np.int64]
ValueColumn = npt.NDArray[np.float64]
QualityColumn = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Measurements in columns of equal length; the arrays are not to be changed after construction."""

    point: PointColumn
    time: TimeColumn
    value: ValueColumn
    quality: QualityColumn

    def __post_init__(self) -> None:
        if not len(self.point) == len(self.time) == len(self.value) == len(self.quality):
            raise ValueError("the columns of samples differ in length")

    def __len__(self) -> int:
        return len(self.point)

    @classmethod
    def of(cls, point: Any, time: Any, value: Any, quality: Any = 0) -> Self:
        """Samples from anything that numpy can broadcast; handy for few of them."""
        columns = np.broadcast_arrays(
            np.asarray(point, np.uint32),
            np.asarray(time, np.int64),
            np.asarray(value, np.float64),
            np.asarray(quality, np.uint16),
        )
        return cls(*(np.atleast_1d(np.ascontiguousarray(column)) for column in columns))

    @classmethod
    def empty(cls) -> Self:
        """No samples."""
        return cls.of([], [], [], [])

    @classmethod
    def concatenate(cls, parts: Iterable[Samples]) -> Self:
        """All parts one after another; empty for no parts."""
        held = list(parts)
        if not held:
            return cls.empty()
        return cls(
            np.concatenate([part.point for part in held]),
            np.concatenate([part.time for part in held]),
            np.concatenate([part.value for part in held]),
            np.concatenate([part.quality for part in held]),
        )

    def take(self, where: npt.NDArray[np.bool_] | npt.NDArray[np.intp] | slice) -> Samples:
        """The rows that a mask, an index array or a slice selects."""
        return Samples(self.point[where], self.time[where], self.value[where], self.quality[where])

    def to_arrow(self) -> pa.RecordBatch:
        """The same memory as an Arrow record batch of `arrow_schema()`."""
        import pyarrow as pa

        columns = [pa.array(self.point), pa.array(self.time).view(pa.timestamp("us", "UTC"))]
        columns += [pa.array(self.value), pa.array(self.quality)]
        return pa.record_batch(columns, schema=arrow_schema())

    @classmethod
    def from_arrow(cls, batch: pa.RecordBatch | pa.Table) -> Self:
        """Samples over the memory of an Arrow batch or table of `arrow_schema()`.

        Raises `ValueError` where the schema differs.
        """
        if batch.schema.names != arrow_schema().names:
            raise ValueError(f"expected the columns {arrow_schema().names}, got {batch.schema.names}")
        import pyarrow as pa

        point, time, value, quality = (batch.column(name) for name in arrow_schema().names)
        time = time.cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        return cls(
            np.asarray(point.to_numpy(zero_copy_only=False), np.uint32),
            np.asarray(time.to_numpy(zero_copy_only=False), np.int64),
            np.asarray(value.to_numpy(zero_copy_only=False), np.float64),
            np.asarray(quality.to_numpy(zero_copy_only=False), np.uint16),
        )


def arrow_schema() -> pa.Schema:
    """The Arrow schema of samples."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("point", pa.uint32(), nullable=False),
            pa.field("time", pa.timestamp("us", "UTC"), nullable=False),
            pa.field("value", pa.float64(), nullable=False),
            pa.field("quality", pa.uint16(), nullable=False),
        ]
    )
