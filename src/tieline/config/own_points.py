"""The points in which Tieline's own roles say how they are: one table for their names, units and meanings.

A role's own points belong to the device `tieline` of its site; the roles without a site, the DMZ and the center, stand under sites of
their own names. The same values are Prometheus metrics: `metric_of` gives name, factor and labels of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tieline.config.device import Device
from tieline.model import Point, PointKind, Reporting, derive_point_id

OWN_DEVICE = "tieline"
"""The device to which a role's own points belong."""

CENTER = "center"
DMZ = "dmz"
ROLES = {CENTER: "Control center", DMZ: "DMZ"}
"""The roles without a site, and what people call them; no site can have such a name."""

SILENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPoint:
    """What a role says of itself."""

    name: str
    """Ends with its unit where it has one of `_UNITS`."""
    description: str
    deadband: float = 0.0
    kind: PointKind = PointKind.ANALOG


def _analog(name: str, deadband: float, description: str) -> OwnPoint:
    return OwnPoint(name=name, description=description, deadband=deadband)


def _counter(name: str, description: str) -> OwnPoint:
    return OwnPoint(name=name, description=description, kind=PointKind.COUNTER)


def _state(name: str, description: str) -> OwnPoint:
    return OwnPoint(name=name, description=description, kind=PointKind.BINARY)


EVERY_ROLE = (
    _analog("uptime_s", 3_600, "Time since the role's process was started"),
    _analog("cpu_percent", 5, "Processor time of the process, of one core"),
    _analog("memory_mb", 10, "Memory of the process"),
    _analog("loop_lag_ms", 20, "Longest delay of the event loop in the last second"),
    _analog("disk_free_mb", 100, "Free on the disk of the data directory"),
    _analog("disk_used_percent", 1, "Used of the disk of the data directory"),
    _analog("certificate_age_days", 1, "Age of the role's certificate"),
    _analog("certificate_left_days", 1, "Until the role's certificate expires"),
    _analog("bus_memory_mb", 10, "Memory of the role's bus server"),
    _counter("bus_restarts", "Times that the bus server had to be started again"),
)

GATEWAY = (
    _analog("samples_in_per_s", 20, "Samples that came out of processing"),
    _analog("samples_out_per_s", 20, "Samples that were reported"),
    _analog("memory_samples", 1_000, "Reported samples in memory, not yet in a stream of the site"),
    _counter("samples_conflated", "Samples given up for newer ones because memory was full"),
    _counter("samples_dropped", "Samples given up because the spool was full"),
    _counter("events_dropped", "Events given up because memory was full"),
    _analog("events_batches", 0, "Batches of events that the center does not have yet"),
    _analog("live_batches", 0, "Batches of live measurements that the center does not have yet"),
    _analog("backfill_batches", 0, "Batches of older measurements that the center does not have yet"),
    _analog("spool_mb", 10, "The spool on disk"),
    _analog("spool_percent", 1, "The spool, of what it may take"),
)

LINK = (
    _state("link_up", "Center can be reached"),
    _analog("link_round_trip_ms", 10, "To the center's process and back"),
    _analog("clock_offset_ms", 10, "How far the center's clock is ahead of the site's"),
)

LOCAL = (
    _analog("local_samples", 1_000, "Samples in memory, not yet in the stream of the local store"),
    _counter("local_dropped", "Samples that the local store was not fast enough for"),
)

EACH_DEVICE = (
    _state("up", "answers"),
    _counter("errors", "requests that brought no values"),
    _counter("overruns", "poll cycles that did not happen because the one before took too long"),
)

_POLLED = ("modbus", "snmp")
"""Protocols whose devices say something only when they are asked."""
EACH_POLLED_DEVICE = (_analog("cycle_percent", 5, "how long its poll cycle takes, of the period; of the worst poll group"),)

AT_CENTER = (
    _analog("stream_batches", 10, "Batches in the center's stream that the historian has not committed yet"),
    _analog("stream_percent", 1, "The center's stream, of what it may take"),
    _analog("ingest_delay_s", 1, "From a batch's last sample to its commit, at the worst in the last second"),
    _analog("rows_per_s", 100, "Samples that the historian committed"),
    _analog("historian_mb", 10, "The historian's file"),
    _counter("batches_repeated", "Batches that came twice and were stored once"),
    _counter("batches_unreadable", "Messages that were no batches"),
    _analog("alarms_standing", 0, "Alarms that stand before people"),
    _analog("alarms_unacknowledged", 0, "Alarms that nobody has acknowledged"),
    _analog("alarms_in_ten_minutes", 0, "New alarms of the last ten minutes"),
    _analog("alarms_batches", 10, "Batches in the center's stream that the alarms have not taken yet"),
)

_UNITS = {
    "_percent": ("%", "_ratio", 0.01),
    "_per_s": ("1/s", "_per_second", 1.0),
    "_days": ("d", "_seconds", 86_400.0),
    "_ms": ("ms", "_seconds", 0.001),
    "_mb": ("MB", "_bytes", 1e6),
    "_s": ("s", "_seconds", 1.0),
}
"""End of a name: the point's unit; the end of the metric's name, in Prometheus's base units, and the factor to them."""


def edge_points(site: str, devices: Sequence[Device], *, has_local_store: bool = True) -> tuple[Point, ...]:
    """The points of a site's gateway."""
    described = [*EVERY_ROLE, *GATEWAY, *LINK, *(LOCAL if has_local_store else ())]
    of_devices = [point for device in devices for point in device_points(site, device.name, is_polled=device.protocol in _POLLED)]
    return (*(_point(site, one) for one in described), *of_devices)


def device_points(site: str, device: str, *, is_polled: bool = False) -> tuple[Point, ...]:
    """What the gateway says of one device."""
    described = (*EACH_DEVICE, *(EACH_POLLED_DEVICE if is_polled else ()))
    return tuple(_point(site, one, name=f"{device}_{one.name}", description=f"{device}: {one.description}") for one in described)


def role_points(role: str) -> tuple[Point, ...]:
    """The points of the center or the DMZ."""
    return tuple(_point(role, one) for one in (*EVERY_ROLE, *(AT_CENTER if role == CENTER else ())))


def is_own(point: Point) -> bool:
    """Whether the point says something about Tieline and not about the plant."""
    return point.device == OWN_DEVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """An own point as a Prometheus metric."""

    name: str
    factor: float
    """Times the point's value."""
    device: str
    """The label; empty where the metric is of no device."""
    is_counter: bool
    description: str


def metrics_of(points: Iterable[Point], devices: Iterable[tuple[str, str]]) -> list[tuple[Point, Metric]]:
    """The metrics of those of the points that are a role's own; `devices` are the (site, name) of all devices."""
    described = {one.name: one for one in (*EVERY_ROLE, *GATEWAY, *LINK, *LOCAL, *AT_CENTER)}
    of_device = {
        (site, f"{device}_{one.name}"): (device, one) for site, device in devices for one in (*EACH_DEVICE, *EACH_POLLED_DEVICE)
    }
    found = []
    for point in points:
        if is_own(point):
            device, one = of_device.get((point.site, point.name)) or ("", described[point.name])
            found.append((point, _metric(device, one)))
    return found


def _metric(device: str, one: OwnPoint) -> Metric:
    name, factor = f"tieline_device_{one.name}" if device else f"tieline_{one.name}", 1.0
    end = _unit_end(one.name)
    if end:
        _, base, factor = _UNITS[end]
        name = name.removesuffix(end) + base
    is_counter = one.kind is PointKind.COUNTER
    words = one.description[0].upper() + one.description[1:]
    return Metric(
        name=f"{name}_total" if is_counter else name, factor=factor, device=device, is_counter=is_counter, description=words
    )


def _unit_end(name: str) -> str:
    return next((end for end in _UNITS if name.endswith(end)), "")


def _point(site: str, one: OwnPoint, *, name: str = "", description: str = "") -> Point:
    path = f"{site}/{OWN_DEVICE}/{name or one.name}"
    end = _unit_end(one.name)
    return Point(
        id=derive_point_id(path),
        site=site,
        device=OWN_DEVICE,
        name=name or one.name,
        kind=one.kind,
        unit=_UNITS[end][0] if end else "",
        description=description or one.description,
        reporting=Reporting(deadband=one.deadband, max_silence_s=SILENCE_S),
    )
