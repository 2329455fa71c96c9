"""The outstations that a gateway is: what its drivers measure, presented to SCADA masters that are there already.

One database for an outstation, one association with its own events for each master. Samples come in columns and go into the database in
columns; the database makes the events. Nothing can be commanded this way: control has one door, and it is not here. Nor does a master
set the gateway's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import structlog

from tieline.config import Site
from tieline.config.outstation import Outstation as OutstationConfig
from tieline.config.outstation import OutstationRow
from tieline.edge.dnp3.channels import StationChannel
from tieline.edge.dnp3.opening import StationChannels
from tieline.edge.dnp3.quality import flag_class, flags
from tieline.edge.dnp3.stations import Station, make_station
from tieline.io import Clock
from tieline.model import STATUS, Event, Now, Samples, Severity
from tieline.protocols.dnp3.commands import Command, CommandStatus, OperateMode
from tieline.protocols.dnp3.measurements import POINT_TYPES, Flag, PointType
from tieline.protocols.dnp3.outstation import Database, Outstation, OutstationSettings, Points, TimeWritten

OnEvent = Callable[[Event], None]

_STATES = {PointType.BINARY_INPUT: 1, PointType.BINARY_OUTPUT_STATUS: 1, PointType.DOUBLE_BIT_BINARY_INPUT: 3}
_MOST_RUNS = 64  # where types alternate more often than that, the order between types is given up

log = structlog.get_logger()


class PresentedOutstation:
    """One outstation of the site, for all its masters. `run` it, and give it what the drivers measure."""

    def __init__(self, config: OutstationConfig, *, channel: StationChannel, on_event: OnEvent, clock: Clock) -> None:
        self.config = config
        self._channel = channel
        self._clock = clock
        self._objects = _Objects(config.rows, [int(point.id) for point in config.points])
        self.database = Database(self._objects.tables())
        self._associations = [
            _Association(config, master, self.database, on_event=on_event, clock=clock) for master in config.masters
        ]
        self._was_asked = False
        self._is_waking = False

    async def run(self) -> None:
        """Serves its masters until cancelled; a place that cannot be had is tried again."""
        async with asyncio.TaskGroup() as tasks:
            for association in self._associations:
                name = f"outstation {self.config.path} for {association.master}"
                tasks.create_task(self._channel.run(association.station), name=name)

    def take(self, samples: Samples) -> None:
        """New values; those of points that are not presented are left out."""
        # What happened before the first master came is told by the values alone: its first poll reads them.
        self._was_asked = self._was_asked or any(association.has_channel for association in self._associations)
        has_events = False
        for kind, index, part, scale, offset in self._objects.of(samples):
            value, marks = _encode(kind, part, scale, offset)
            made = self.database.update(kind, index, value, marks, part.time, with_events=self._was_asked)
            has_events |= made > 0
        if has_events and not self._is_waking:
            self._is_waking = True
            asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        self._is_waking = False
        for association in self._associations:
            if association.has_channel:
                self._channel.wake(association.station)


class _Association:
    """One master; the owner of its station, and the handler of commands that it must not give."""

    def __init__(self, config: OutstationConfig, master: int, database: Database, *, on_event: OnEvent, clock: Clock) -> None:
        self.master = master
        self.has_channel = False
        self._config = config
        self._database = database
        self._on_event = on_event
        self._clock = clock
        self._is_told: bool | None = None
        self._has_written_time = False
        connection = config.connection
        settings = OutstationSettings(
            max_fragment=connection.max_fragment,
            event_capacity=(config.event_buffer,) * 3,
            confirm_timeout_s=connection.timeout_s,
            unsolicited_allowed=config.unsolicited,
            restart_allowed=False,
            max_open_files=0,
        )
        now = Now(clock.monotonic(), clock.now_us())
        self.session = Outstation(settings, database, self, now)
        self.station: Station = make_station(
            connection, local=config.outstation, remote=master, is_master=False, session=self.session, owner=self
        )

    def on_activity(self, now: Now) -> None:  # noqa: ARG002
        """Takes the session's events: what a master sets is noted, and nothing here follows it."""
        for event in self.session.events():
            if isinstance(event, TimeWritten) and not self._has_written_time:
                self._has_written_time = True
                log.info("time of a master ignored", outstation=self._config.path, master=self.master)

    def on_channel(self, reason: str | None) -> None:
        """A master came, or is gone."""
        self.has_channel = reason is None
        if self._is_told is self.has_channel:
            return
        self._is_told = self.has_channel
        path = self._config.path
        if reason is None:
            self._report("master_connected", Severity.INFO, f"{path}: there is a connection for master {self.master}")
        else:
            text = f"{path}: there is no connection for master {self.master}: {reason}"
            self._report("master_lost", Severity.WARNING, text)

    def select(self, index: int, command: Command) -> CommandStatus:  # noqa: ARG002
        """Refuses."""
        is_there = any(
            (table := self._database.table(kind)) is not None and (table.find(np.array([index])) >= 0).all()
            for kind in (PointType.BINARY_OUTPUT_STATUS, PointType.ANALOG_OUTPUT_STATUS)
        )
        return CommandStatus.NOT_AUTHORIZED if is_there else CommandStatus.NOT_SUPPORTED

    def operate(self, index: int, command: Command, mode: OperateMode) -> CommandStatus:  # noqa: ARG002
        """Refuses."""
        return self.select(index, command)

    def write_string(self, index: int, value: bytes) -> bool:  # noqa: ARG002
        """Refuses."""
        return False

    def _report(self, kind: str, severity: Severity, text: str) -> None:
        self._on_event(
            Event(
                time=self._clock.now_us(),
                site=self._config.site,
                device=self._config.name,
                kind=kind,
                severity=severity,
                text=text,
            )
        )


class _Objects:
    """Which objects a point is; a point may be several."""

    def __init__(self, rows: Sequence[OutstationRow], ids: Sequence[int]) -> None:
        order = np.argsort(np.array(ids, np.int64), kind="stable")
        self._ids = np.array(ids, np.uint32)[order]
        ordered = [rows[place] for place in order.tolist()]
        self._rows = ordered
        self._group = np.array([row.group for row in ordered], np.int64)
        self._index = np.array([row.index for row in ordered], np.int64)
        self._scale = np.array([row.scale for row in ordered], np.float64)
        self._offset = np.array([row.offset for row in ordered], np.float64)

    def tables(self) -> dict[PointType, Points]:
        """The points of the database, by type."""
        tables = {}
        for group in sorted(set(self._group.tolist())):
            rows = [row for row in self._rows if row.group == group]
            kind, _ = POINT_TYPES[group]
            tables[kind] = Points(
                index=[row.index for row in rows],
                event_class=[row.assigned_class for row in rows],
                static_variation=[row.variation for row in rows],
                event_variation=[row.event_variation for row in rows],
                deadband=[row.deadband / abs(row.scale) for row in rows],
            )
        return tables

    def of(
        self, samples: Samples
    ) -> list[tuple[PointType, npt.NDArray[np.int64], Samples, npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
        """For each run of one type: the objects' indexes, samples, scales and offsets, in the order of the samples."""
        first = np.searchsorted(self._ids, samples.point, "left")
        count = np.searchsorted(self._ids, samples.point, "right") - first
        source = np.repeat(np.arange(len(samples)), count)
        if not len(source):
            return []
        nth = np.arange(len(source)) - np.repeat(np.cumsum(count) - count, count)
        place = np.repeat(first, count) + nth
        group = self._group[place]
        starts = np.concatenate(([0], np.flatnonzero(np.diff(group)) + 1))
        if len(starts) > _MOST_RUNS:
            order = np.argsort(group, kind="stable")
            source, place, group = source[order], place[order], group[order]
            starts = np.concatenate(([0], np.flatnonzero(np.diff(group)) + 1))
        runs = []
        for start, stop in zip(starts.tolist(), [*starts.tolist()[1:], len(group)], strict=True):
            here = place[start:stop]
            kind, _ = POINT_TYPES[int(group[start])]
            part = samples.take(source[start:stop])
            runs.append((kind, self._index[here], part, self._scale[here], self._offset[here]))
        return runs


def _encode(
    kind: PointType, samples: Samples, scale: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.uint8]]:
    """Values and flags as the database holds them."""
    value = (samples.value - offset) / scale
    marks = flags(flag_class(kind))[samples.quality & STATUS]
    highest = _STATES.get(kind)
    if highest is not None:
        value = np.rint(value)
        is_right = (value >= 0) & (value <= highest)
    else:
        is_right = np.isfinite(value)
    if not is_right.all():  # what was never read, or is no state: nothing bad may look good
        value = np.where(is_right, value, 0.0)
        never = np.where(np.isnan(samples.value), np.uint8(Flag.RESTART), np.uint8(0))
        marks = np.where(is_right, marks, (marks & np.uint8(0xFF ^ Flag.ONLINE)) | never)
    return value, marks


def make_outstations(site: Site, on_event: OnEvent, *, channels: StationChannels, clock: Clock) -> list[PresentedOutstation]:
    """The outstations that a site presents."""
    return [
        PresentedOutstation(config, channel=channels.of(config.connection), on_event=on_event, clock=clock)
        for config in site.outstations
    ]
