"""From a device of the utility folder to the driver's settings.

A point that commands something shows the status of what it commands, and a setting its value, where the device has one to read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tieline.config.iec61850 import Iec61850Device, Iec61850Tls, ReportSource
from tieline.edge.iec61850.settings import ControlledPoint, Iec61850Settings, MonitoredPoint, ReportBlock
from tieline.model import Point, PointKind
from tieline.protocols.iec61850.mms.control import ControlModel, OriginCategory
from tieline.protocols.iec61850.mms.library import Selectors
from tieline.protocols.iec61850.mms.names import Name, name_of
from tieline.protocols.iec61850.scl import SclPoint, data_model
from tieline.protocols.iec61850.scl.templates import Leaf

_CATEGORIES = {
    "station_control": OriginCategory.STATION_CONTROL,
    "remote_control": OriginCategory.REMOTE_CONTROL,
    "automatic_station": OriginCategory.AUTOMATIC_STATION,
    "automatic_remote": OriginCategory.AUTOMATIC_REMOTE,
    "maintenance": OriginCategory.MAINTENANCE,
}


def settings_of(device: Iec61850Device) -> Iec61850Settings:
    """How the server that the device is gets associated, acquired and operated."""
    connection = device.connection
    return Iec61850Settings(
        host=connection.host,
        port=connection.port,
        tls=connection if isinstance(connection, Iec61850Tls) else None,
        selectors=_selectors(device),
        timeout_s=connection.timeout_s,
        keepalive_s=connection.keep_alive_s,
        poll_s=device.polls.period_s,
        command_timeout_s=device.commands.timeout_s,
        reservation_s=device.reports.reservation_s,
        monitored=tuple(_monitored(device)),
        controlled=tuple(_controlled(device)),
        reports=tuple(_block(source, with_references=device.reports.with_references) for source in device.report_sources),
    )


def _selectors(device: Iec61850Device) -> Selectors:
    """Those of the SCL file; what it does not have is as most servers have it."""
    address, usual = device.address, Selectors()
    title = address.ap_title.replace(",", " ").replace(".", " ").split()
    is_title = bool(title) and all(part.isascii() and part.isdigit() for part in title)
    return Selectors(
        transport=address.tsel or usual.transport,
        session=address.ssel or usual.session,
        presentation=address.psel or usual.presentation,
        ap_title=tuple(map(int, title)) if is_title else usual.ap_title,
        ae_qualifier=usual.ae_qualifier if address.ae_qualifier is None else address.ae_qualifier,
    )


def _monitored(device: Iec61850Device) -> Iterator[MonitoredPoint]:
    model = {each.reference: each.leaf for each in data_model(device.scl, device.ied)}
    for point, row, described in zip(device.points, device.rows, device.described, strict=True):
        if row.source == "goose":
            continue
        if described.control is not None:
            status = _status(point, described, model)
            if status is not None:
                yield replace(status, scale=row.scale, offset=row.offset)
            continue
        node = described.reference.partition(".")[0]
        quality, time = ("" if not path else f"{node}.{path}" for path in (described.quality, described.time))
        yield MonitoredPoint(
            point=point,
            value=name_of(described.object_reference, described.fc),
            quality=name_of(quality, described.fc) if quality else None,
            time=name_of(time, described.fc) if time else None,
            scale=row.scale,
            offset=row.offset,
        )


def _status(point: Point, described: SclPoint, model: Mapping[str, Leaf]) -> MonitoredPoint | None:
    """What reports the output that a point commands (IEC 61850-7-3, 7.5); None where the device reports none."""
    for attribute in ("stVal", "mxVal.f", "mxVal.i", "valWTr.posVal"):
        value = f"{described.reference}.{attribute}"
        leaf = model.get(value)
        if leaf is None:
            continue
        quality, time = (
            name_of(each, leaf.fc) if each in model else None for each in (f"{described.reference}.q", f"{described.reference}.t")
        )
        is_switched = leaf.b_type == "Dbpos" and point.kind is PointKind.CONTROL
        return MonitoredPoint(point=point, value=name_of(value, leaf.fc), quality=quality, time=time, is_switched=is_switched)
    return None


def _controlled(device: Iec61850Device) -> Iterator[ControlledPoint]:
    commands = device.commands
    for point, row, described in zip(device.points, device.rows, device.described, strict=True):
        if not point.kind.is_writable:
            continue
        control = described.control
        is_operated = control is not None
        yield ControlledPoint(
            point=point,
            target=name_of(described.reference if is_operated else described.object_reference, described.fc),
            model=ControlModel(int(control.model)) if control is not None and control.model is not None else None,
            category=_CATEGORIES[commands.category],
            identity=commands.identity,
            interlock_check=commands.interlock_check,
            synchro_check=commands.synchro_check,
            scale=row.scale,
            offset=row.offset,
        )


def _block(source: ReportSource, *, with_references: bool) -> ReportBlock:
    domain, _, node = source.logical_node.partition("/")
    control = source.control
    return ReportBlock(
        name=Name(domain, f"{node}${'BR' if control.is_buffered else 'RP'}${control.name}"),
        instances=source.instances,
        data_set=Name(domain, f"{node}${control.data_set}") if control.data_set else None,
        members=tuple(name_of(reference, fc) for reference, fc in source.members),
        conf_rev=control.conf_rev,
        integrity_s=source.integrity_s,
        buffer_time_s=source.buffer_time_s,
        with_references=with_references,
    )
