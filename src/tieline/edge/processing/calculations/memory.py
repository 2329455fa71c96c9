"""What calculations keep over a restart: columns with a row for each, found again by a key that says what the row is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tieline.edge.processing.calculations.fanout import Index

RESTART_US = 60_000_000
"""A stop that lasted longer is a time of which nothing is known, whatever was measured before it."""

LATEST_US = 4_000_000_000_000_000_000
"""Times beyond are not believed; sums and differences of two that are stay within 64 bits."""

Columns = Mapping[str, npt.NDArray[Any]]


def remember(keys: Sequence[str], columns: Columns) -> dict[str, Any]:
    """The columns as bytes, and the keys of their rows."""
    return {"keys": list(keys), "columns": {name: column.tobytes() for name, column in columns.items()}}


def recall(keys: Sequence[str], columns: Columns, state: object) -> Index:
    """Fills the rows whose keys are remembered; -1 or the own row of each row of the state. What is damaged changes nothing."""
    nothing = np.empty(0, np.intp)
    if not isinstance(state, Mapping) or not isinstance(state.get("columns"), Mapping):
        return nothing
    kept = state.get("keys")
    if not isinstance(kept, list | tuple) or not all(isinstance(key, str) for key in kept):
        return nothing
    read = {name: column_of(state["columns"].get(name), column.dtype, len(kept)) for name, column in columns.items()}
    if any(column is None for column in read.values()):
        return nothing
    own = {key: row for row, key in enumerate(keys)}
    rows = np.array([own.get(key, -1) for key in kept], np.intp)
    is_own = rows >= 0
    for name, column in read.items():
        assert column is not None
        columns[name][rows[is_own]] = column[is_own]
    return rows


def time_of(given: object) -> int | None:
    """A remembered time in microseconds, if it is one."""
    return given if isinstance(given, int) and abs(given) <= LATEST_US else None


def column_of(given: object, dtype: npt.DTypeLike, count: int) -> npt.NDArray[Any] | None:
    """A column from its bytes, or None where they are not of that many elements."""
    if not isinstance(given, bytes | bytearray) or len(given) != count * np.dtype(dtype).itemsize:
        return None
    return np.frombuffer(given, dtype)
