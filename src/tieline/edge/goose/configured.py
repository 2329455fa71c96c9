"""From what a site listens to, as its SCL file describes it, to blocks that a monitor supervises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tieline.config import GooseMonitoring, Iec61850Device, Site
from tieline.edge.goose.monitor import GooseMonitor
from tieline.edge.goose.points import GooseBlock, GoosePoint
from tieline.io import Clock
from tieline.model import Event, Samples
from tieline.protocols.goose import Expected, LeafType
from tieline.protocols.goose.expected import EntryType
from tieline.protocols.iec61850.scl import Multicast, Slot
from tieline.protocols.iec61850.scl.ied import LogicalNode
from tieline.protocols.iec61850.scl.members import Members, Part

_TYPES = {
    "BOOLEAN": LeafType.BOOLEAN,
    **dict.fromkeys(("INT8", "INT16", "INT24", "INT32", "INT64", "INT128", "Enum"), LeafType.INTEGER),
    **dict.fromkeys(("INT8U", "INT16U", "INT24U", "INT32U", "INT64U"), LeafType.UNSIGNED),
    "FLOAT32": LeafType.FLOAT32,
    "FLOAT64": LeafType.FLOAT64,
    **dict.fromkeys(("Dbpos", "Tcmd"), LeafType.DOUBLE_POINT),
    "Quality": LeafType.QUALITY,
    "Check": LeafType.BIT_STRING,
    "Timestamp": LeafType.TIMESTAMP,
    "EntryTime": LeafType.BINARY_TIME,
    **dict.fromkeys(("Octet6", "Octet16", "Octet64"), LeafType.OCTET_STRING),
    **dict.fromkeys(
        ("VisString32", "VisString64", "VisString65", "VisString129", "VisString255", "ObjRef", "Currency"),
        LeafType.VISIBLE_STRING,
    ),
    "Unicode255": LeafType.MMS_STRING,
}


def make_monitors(
    site: Site, on_samples: Callable[[Samples], None], on_event: Callable[[Event], None], *, clock: Clock
) -> list[GooseMonitor]:
    """The monitor of the site's station bus; none where the site listens to no GOOSE."""
    if site.goose is None:
        return []
    blocks = blocks_of(site)
    return [GooseMonitor(site.name, site.goose.interface, blocks, on_samples=on_samples, on_event=on_event, clock=clock)]


def blocks_of(site: Site) -> list[GooseBlock]:
    """The GOOSE control blocks that the site listens to, each with the points whose rows say `source = goose`; empty where it does not."""
    if site.goose is None:
        return []
    devices = [device for device in site.devices if isinstance(device, Iec61850Device)]
    names = {device.ied.name: device.name for device in reversed(devices)}
    members = Members(site.goose.scl.templates)
    taken: set[int] = set()
    blocks = []
    for stream in site.goose.streams:
        points = list(_points(stream, devices, taken))
        expected = Expected(
            gocb_ref=_mms(stream.reference, "GO"),
            conf_rev=stream.conf_rev,
            dat_set=_mms(stream.data_set) if stream.data_set else None,
            go_id=stream.stream_id or None,
            entries=_entries(site.goose, stream, members),
            destination=stream.mac or None,
            app_id=stream.app_id,
            vlan_id=stream.vlan_id,
        )
        blocks.append(GooseBlock(expected=expected, device=names.get(stream.ied, stream.ied), points=tuple(points)))
    return blocks


def _points(stream: Multicast, devices: Sequence[Iec61850Device], taken: set[int]) -> Iterator[GoosePoint]:
    """What the stream brings and no stream before it."""
    for device in devices:
        for point, row, described in zip(device.points, device.rows, device.described, strict=True):
            source = next((each for each in described.sources if each.data_set == stream.data_set), None)
            if row.source == "goose" and source is not None and point.id not in taken:
                taken.add(point.id)
                yield GoosePoint(
                    point=point.id,
                    value=(source.value.member, *source.value.path),
                    quality=_path(source.quality),
                    time=_path(source.time),
                    scale=row.scale,
                    offset=row.offset,
                )


def _path(slot: Slot | None) -> tuple[int, ...] | None:
    return (slot.member, *slot.path) if slot is not None else None


def _entries(goose: GooseMonitoring, stream: Multicast, members: Members) -> tuple[EntryType, ...] | None:
    """The types of the data set's entries; None where one of them cannot be told, and so nothing is compared."""
    ied = goose.scl.ied(stream.ied)
    reference, _, name = stream.data_set.rpartition(".")
    domain, _, node_name = reference.partition("/")
    device = next((each for each in ied.devices() if each.name == domain), None) if ied else None
    node = device.node(node_name) if device else None
    data_set = node.data_set(name) if node else None
    if ied is None or data_set is None:
        return None
    entries: list[EntryType] = []
    nodes = goose.scl.nodes(ied)
    for member in data_set.members:
        holder: LogicalNode | None = nodes.get((member.ld_inst, member.ln_name))
        parts = members.parts(holder.type, member.do_name, member.da_name, member.fc) if holder else ()
        entry = None if member.index is not None else _entry(parts)
        if entry is None:
            return None
        entries.append(entry)
    return tuple(entries)


def _entry(parts: Sequence[Part], depth: int = 0) -> EntryType | None:
    """The type that parts make together: one value, or a structure of what has the same position at this depth."""
    if not parts or any(part.is_array or part.b_type not in _TYPES for part in parts):
        return None
    if len(parts) == 1 and len(parts[0].position) == depth:
        return _TYPES[parts[0].b_type]
    groups: dict[int, list[Part]] = {}
    for part in parts:
        if len(part.position) == depth:
            return None
        groups.setdefault(part.position[depth], []).append(part)
    found: list[EntryType] = []
    for group in groups.values():
        entry = _entry(group, depth + 1)
        if entry is None:
            return None
        found.append(entry)
    return tuple(found)


def _mms(reference: str, functional_constraint: str = "") -> str:
    """`MBQ01PROT/LLN0$GO$gcbTrip` of `MBQ01PROT/LLN0.gcbTrip`."""
    return reference.replace(".", f"${functional_constraint}$" if functional_constraint else "$")
