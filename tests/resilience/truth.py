"""What the devices did, as their journal has it, and whether the historian holds just that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.resilience.utility import EVENTS, ORDERED, POLLED, REPORTING
from tieline.historian import query
from tieline.model import VALIDITY, Quality, UnavailableError

MATCH_US = 1_500
"""DNP3 cuts a time to milliseconds; the changes of a point are hundreds of them apart."""

BOOT_US = 30_000_000
"""A device has stamped what it stands at when it starts a little before its journal begins."""

ENABLED_US = 30_000_000
"""By then the reports of an IED that has started are enabled again, or what it shows counts as lost."""

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Changes:
    """What one point did; `number` is the line of the journal, `run` the start of the device that it belongs to."""

    number: Times
    time: Times
    value: Values
    run: Times
    started: Times
    """Of each run: what time it was."""


class Journal:
    """The journal of `tieline simulate --journal`, read as far as it is written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.lines = 0
        self._found: dict[str, list[tuple[int, int, float, int]]] = {}
        self._starts: dict[str, list[int]] = {}

    def read(self) -> Journal:
        """Reads on; a last line that is not whole waits."""
        if not self._path.exists():
            return self
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                self._take(json.loads(line))
                self.lines += 1
        return self

    def _take(self, line: Mapping[str, Any]) -> None:
        starts = self._starts.setdefault(line["device"], [])
        if line["is_first"]:
            starts.append(line["time"])
            return
        for name, value in line["values"].items():
            self._found.setdefault(f"{line['device']}/{name}", []).append((self.lines, line["time"], value, len(starts) - 1))

    def changes(self, path: str) -> Changes:
        """Of a point, so far."""
        rows = self._found.get(path, [])
        number, time, value, run = (np.array(column) for column in zip(*rows, strict=True)) if rows else (np.empty(0),) * 4
        starts = np.array(self._starts.get(device_of(path), []), np.int64)
        return Changes(number.astype(np.int64), time.astype(np.int64), value.astype(np.float64), run.astype(np.int64), starts)

    @property
    def highest(self) -> int:
        """The highest number that any point has counted to."""
        return int(max((value for rows in self._found.values() for _, _, value, _ in rows), default=0))


@dataclass(slots=True)
class Found:
    """What became of the changes of one window of the journal."""

    expected: int = 0
    found: int = 0
    doubled: int = 0
    wrong: int = 0
    """With another value, or not good, or what no device has ever shown."""
    died: int = 0
    """Gone with the memory of a device that was killed; not expected."""
    examples: list[str] = field(default_factory=list)

    @property
    def missing(self) -> int:
        return self.expected - self.found

    def add(self, other: Found) -> None:
        self.expected += other.expected
        self.found += other.found
        self.doubled += other.doubled
        self.wrong += other.wrong
        self.died += other.died
        self.examples += other.examples


@dataclass(frozen=True, slots=True)
class Rows:
    """What the historian holds of a point, by time."""

    time: Times
    value: Values
    quality: npt.NDArray[np.uint16]

    @property
    def is_stamped(self) -> npt.NDArray[np.bool_]:
        """By the device."""
        stamped: npt.NDArray[np.bool_] = (self.quality & Quality.DEVICE_TIME) != 0
        return stamped

    @property
    def is_good(self) -> npt.NDArray[np.bool_]:
        good: npt.NDArray[np.bool_] = (self.quality & VALIDITY) == 0
        return good


def read_historian(folder: Path, *, since_us: int = 0) -> dict[str, Rows] | None:
    """Everything from then on, by point; None where no historian answers now."""
    statement = "SELECT site || '/' || device || '/' || point AS path, time, value, quality FROM samples "
    statement += f"WHERE time >= make_timestamptz({since_us}) ORDER BY path, time"
    try:
        table = query(folder, statement).read_all()
    except (UnavailableError, OSError):
        return None
    paths = table["path"].combine_chunks().dictionary_encode()
    codes, names = paths.indices.to_numpy(), paths.dictionary.to_pylist()
    time = table["time"].cast("int64").to_numpy()
    value, quality = table["value"].to_numpy(), table["quality"].to_numpy().astype(np.uint16)
    rows = {}
    for code, name in enumerate(names):
        chosen = codes == code
        rows[name] = Rows(time[chosen], value[chosen], quality[chosen])
    return rows


def judge(journal: Journal, held: Mapping[str, Rows], *, first: int, last: int, excused: Mapping[int, int]) -> Found:
    """What became of the changes in the journal's lines from `first` to before `last`.

    `excused` are the runs of the devices that ended by SIGKILL, with the line before which everything must have arrived: what came
    later may have died in the device's memory.
    """
    total = Found()
    for device, names in EVENTS.items():
        for name in names:
            total.add(_judge_events(f"{device}/{name}", journal, held, first, last, excused))
    for device, names in POLLED.items():
        for name in names:
            total.add(_judge_polled(f"{device}/{name}", journal, held, first, last))
    return total


def device_of(path: str) -> str:
    """`site/device` of a point's path."""
    return path.rsplit("/", 1)[0]


def _before_enabling(changes: Changes, count: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """What an IED showed since it started until somebody enabled its buffered reports: it keeps nothing before (IEC 61850-7-2, 17.2)."""
    is_before = np.zeros(len(changes.time), np.bool_)
    for run in np.unique(changes.run):
        of_run = np.flatnonzero(changes.run == run)
        arrived = np.flatnonzero(count[of_run])
        is_before[of_run[: arrived[0] if len(arrived) else len(of_run)]] = True
    return is_before & (changes.time < changes.started[changes.run] + ENABLED_US)


_NOTHING = Rows(np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint16))


def _judge_events(
    path: str, journal: Journal, held: Mapping[str, Rows], first: int, last: int, excused: Mapping[int, int]
) -> Found:
    changes, rows = journal.changes(path), held.get(path, _NOTHING)
    is_in = (changes.number >= first) & (changes.number < last)
    stamped = np.flatnonzero(rows.is_stamped)
    time, value, is_good = rows.time[stamped], rows.value[stamped], rows.is_good[stamped]
    nearest = _nearest(changes.time, time)
    is_match = nearest >= 0
    count = np.bincount(nearest[is_match], minlength=len(changes.time))
    is_wrong = np.zeros(len(changes.time), np.bool_)
    matched = np.flatnonzero(is_match)
    is_off = (value[matched] != changes.value[nearest[matched]]) | ~is_good[matched]
    is_wrong[nearest[matched[is_off]]] = True
    may_die = np.zeros(len(changes.time), np.bool_)
    for run, line in excused.items():
        may_die |= (changes.run == run) & (changes.number >= line)
    if device_of(path) in REPORTING:
        may_die |= _before_enabling(changes, count)
    died = is_in & may_die & (count == 0)
    found = Found(
        expected=int(np.count_nonzero(is_in & ~died)),
        found=int(np.count_nonzero(is_in & (count > 0))),
        doubled=int(np.sum(np.maximum(count - 1, 0)[is_in])),
        wrong=int(np.count_nonzero(is_in & is_wrong)),
        died=int(np.count_nonzero(died)),
    )
    for problem, chosen in (
        ("missing", is_in & ~died & (count == 0)),
        ("doubled", is_in & (count > 1)),
        ("wrong", is_in & is_wrong),
    ):
        found.examples += [f"{problem}: {path} {changes.value[at]:g} at {changes.time[at]}" for at in np.flatnonzero(chosen)[:5]]
    return found


def strangers(journal: Journal, held: Mapping[str, Rows]) -> list[str]:
    """What should not be there at all.

    Good values with a device's time that no device has shown at that time, good values that it has never shown, two rows of a point at
    one time, and polled values out of order.
    """
    found = []
    for device, names in EVENTS.items():
        for name in names:
            path = f"{device}/{name}"
            changes, rows = journal.changes(path), held.get(path, _NOTHING)
            known = {0.0, *changes.value.tolist()}
            is_strange = np.array([value not in known for value in rows.value.tolist()], np.bool_) & rows.is_good
            is_at_start = np.zeros(len(rows.time), np.bool_)
            for started in changes.started.tolist():
                is_at_start |= (rows.value == 0) & (np.abs(rows.time - started) < BOOT_US)
            is_strange |= rows.is_stamped & rows.is_good & (_nearest(changes.time, rows.time) < 0) & ~is_at_start
            found += [f"stranger: {path} {rows.value[at]:g} at {rows.time[at]}" for at in np.flatnonzero(is_strange)[:5]]
    for device, names in POLLED.items():
        for path in (f"{device}/{name}" for name in names):
            rows = held.get(path, _NOTHING)
            found += [f"doubled: {path} at {rows.time[at]}" for at in np.flatnonzero(np.diff(rows.time) == 0)[:5]]
            if path in ORDERED:
                shown = np.flatnonzero(rows.is_good & (rows.value > 0))  # 0 is what a device stands at when it starts
                back = shown[np.flatnonzero(np.diff(rows.value[shown]) < 0)]
                found += [f"out of order: {path} after {rows.value[at]:g} at {rows.time[at]}" for at in back[:5]]
    return found


def _judge_polled(path: str, journal: Journal, held: Mapping[str, Rows], first: int, last: int) -> Found:
    """Each value at least once. The last one may not have been polled yet."""
    changes, rows = journal.changes(path), held.get(path, _NOTHING)
    is_in = (changes.number >= first) & (changes.number < last)
    is_in[-1:] = False
    good = rows.value[rows.is_good]
    is_there = np.isin(changes.value, good)
    found = Found(
        expected=int(np.count_nonzero(is_in)),
        found=int(np.count_nonzero(is_in & is_there)),
    )
    found.examples += [f"missing: {path} {changes.value[at]:g}" for at in np.flatnonzero(is_in & ~is_there)[:5]]
    return found


def _nearest(known: Times, asked: Times) -> npt.NDArray[np.intp]:
    """Which of the known times each one is, -1 where none is near."""
    if not len(known):
        return np.full(len(asked), -1, np.intp)
    order = np.argsort(known, kind="stable")
    ordered = known[order]
    after = np.clip(np.searchsorted(ordered, asked), 1, max(1, len(known) - 1)) if len(known) > 1 else np.zeros(len(asked), int)
    before = np.maximum(after - 1, 0)
    place = np.where(np.abs(ordered[before] - asked) <= np.abs(ordered[after] - asked), before, after)
    return np.where(np.abs(ordered[place] - asked) <= MATCH_US, order[place], -1)
