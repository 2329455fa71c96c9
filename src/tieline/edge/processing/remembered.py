"""What steps remember, as plain bytes by kind of step and point, so that it survives a restart and a change of the configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tieline.edge.processing.part import Column
from tieline.edge.processing.steps import State
from tieline.edge.processing.turns import Index
from tieline.model.samples import PointColumn


@dataclass(frozen=True, slots=True)
class StepState:
    """What one stage of a chain remembers."""

    kind: str
    before: Index
    """For each point, how many steps of the same kind it has before this one."""
    ids: PointColumn
    columns: State


def remember(states: Sequence[StepState]) -> dict[str, Any]:
    """By `kind.number`: the ids of the points, and each column; little-endian."""
    found: dict[str, dict[str, bytes]] = {}
    for state in states:
        for number in np.unique(state.before).tolist():
            rows = state.before == number
            entry = found.setdefault(f"{state.kind}.{number}", {})
            for name, column in {"point": state.ids, **state.columns}.items():
                entry[name] = entry.get(name, b"") + column[rows].astype(column.dtype.newbyteorder("<")).tobytes()
    return found


def recall(states: Sequence[StepState], found: Mapping[str, Any]) -> None:
    """Fills the columns for every point that was remembered under the same kind and number; what is damaged is passed over."""
    for state in states:
        for number in np.unique(state.before).tolist():
            entry = found.get(f"{state.kind}.{number}")
            if isinstance(entry, Mapping):
                _fill(state, np.flatnonzero(state.before == number), entry)


def _fill(state: StepState, rows: Index, entry: Mapping[str, Any]) -> None:
    ids = _read(entry.get("point"), state.ids, None)
    if ids is None or not len(ids):
        return
    columns = {name: _read(entry.get(name), column, len(ids)) for name, column in state.columns.items()}
    if any(column is None for column in columns.values()):
        return
    order = np.argsort(ids, kind="stable")
    place = order[np.minimum(np.searchsorted(ids[order], state.ids[rows]), len(ids) - 1)]
    is_there = ids[place] == state.ids[rows]
    for name, column in columns.items():
        if column is not None:
            state.columns[name][rows[is_there]] = column[place[is_there]]


def _read(raw: Any, like: Column, count: int | None) -> Column | None:
    """The bytes as a column of the same type and shape, or None where they are not one of that length."""
    width = like.dtype.itemsize * int(np.prod(like.shape[1:]))
    if not isinstance(raw, bytes) or len(raw) % width or (count is not None and len(raw) != count * width):
        return None
    return np.frombuffer(raw, like.dtype.newbyteorder("<")).reshape(-1, *like.shape[1:])
