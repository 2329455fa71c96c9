"""Mistakes between the sections and rows of DNP3 outstations, those that we read and those that we are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tieline.config.checks import Use, check_names, check_span, has_right_scale
from tieline.config.dnp3 import Dnp3Connection, Dnp3Serial, Dnp3TcpServer, Dnp3TlsServer, Dnp3Udp, channel_of
from tieline.config.dnp3_points import GROUPS, Dnp3Row
from tieline.config.lines import KeyPath
from tieline.config.outline import DeviceOutline, Dnp3Outline, OutstationOutline
from tieline.config.outstation import PRESENTED, OutstationRow
from tieline.config.reading import Source
from tieline.config.rows import PointRow

_AGREED = {
    "serial": ("baud_rate", "parity", "stop_bits"),
    "tls": ("server_name", "authority_file", "certificate_file", "key_file"),
    "tls_server": ("authority_file", "certificate_file", "key_file"),
    "udp": ("local_host", "local_port"),
}
"""Transport: what all that share a channel have to agree about."""

_OF_CONTROLS = ("operation", "on_ms", "off_ms", "count")


@dataclass(frozen=True, slots=True)
class _Station:
    """A section whose connection is right: its key, its name and what it says of DNP3."""

    key: KeyPath
    name: str
    role: str
    outline: Dnp3Outline
    connection: Dnp3Connection


def _stations(devices: Iterable[DeviceOutline], outstations: Iterable[OutstationOutline]) -> Iterator[_Station]:
    for device in devices:
        settings = device.settings
        if isinstance(settings, Dnp3Outline) and settings.connection is not None:
            yield _Station(("devices", device.index), device.name, "master", settings, settings.connection)
    for outstation in outstations:
        settings = outstation.settings
        if settings.connection is not None:
            yield _Station(("outstations", outstation.index), outstation.name, "outstation", settings, settings.connection)


def dnp3_uses(devices: Iterable[DeviceOutline], outstations: Iterable[OutstationOutline]) -> Iterator[Use]:
    """The lines and sockets of all DNP3 stations."""
    for station in _stations(devices, outstations):
        connection, key = station.connection, (*station.key, "connection")
        language = f"DNP3 ({connection.transport}) as {station.role}"
        if isinstance(connection, Dnp3Serial):
            yield Use(key=(*key, "serial_port"), name=station.name, medium=("serial", connection.serial_port), language=language)
            continue
        medium: tuple[str | int, ...] = ("dial", connection.host, connection.port)
        if isinstance(connection, Dnp3TcpServer | Dnp3TlsServer):
            medium = ("listen", "tcp", connection.host, connection.port)
        elif isinstance(connection, Dnp3Udp):
            medium = ("udp", connection.host, connection.port)
            if connection.local_port:
                own = ("listen", "udp", connection.local_host, connection.local_port)
                yield Use(key=(*key, "local_port"), name=station.name, medium=own, language=language)
        yield Use(key=(*key, "host"), name=station.name, medium=medium, language=language)


def check_dnp3_channels(source: Source, devices: Iterable[DeviceOutline], outstations: Iterable[OutstationOutline]) -> None:
    """Stations on one channel agree about it, and a pair of link addresses is there once."""
    channels: dict[tuple[str | int, ...], list[_Station]] = {}
    for station in _stations(devices, outstations):
        others = channels.setdefault((station.role, *channel_of(station.connection)), [])
        if others:
            _check_agreement(source, others[0], station)
        twin = next((other for other in others if _is_confused(other, station)), None)
        if twin is not None:
            source.report_key(
                (*station.key, "outstation"),
                f"{twin.name} on the same channel has the same link addresses",
                "give each pair of outstation and master its own",
                value=station.outline.outstation,
            )
        others.append(station)


def _check_agreement(source: Source, first: _Station, station: _Station) -> None:
    for key in _AGREED.get(station.connection.transport, ()):
        theirs, ours = getattr(first.connection, key), getattr(station.connection, key)
        if theirs != ours:
            source.report_key(
                (*station.key, "connection", key),
                f"{first.name} has {'none' if theirs is None else theirs} on the same channel",
                "a channel has one setting; make them equal",
                value="none" if ours is None else ours,
            )


def _is_confused(one: _Station, other: _Station) -> bool:
    """Whether nothing tells two stations on one channel apart."""
    if one.outline.outstation is None or one.outline.outstation != other.outline.outstation:
        return False
    if not set(one.outline.masters) & set(other.outline.masters):
        return False
    hosts = [set(getattr(station.connection, "peer_hosts", ())) for station in (one, other)]
    return not all(hosts) or bool(hosts[0] & hosts[1])


def check_dnp3_points(source: Source, rows: Sequence[tuple[int, Dnp3Row]]) -> None:
    """The point list of an outstation that we read: names, objects, kinds, variations, scaling."""
    check_names(source, rows)
    _check_places(source, rows)
    for line, row in rows:
        group = GROUPS[row.group]
        if row.kind not in group.kinds:
            fitting = [str(number) for number, other in GROUPS.items() if row.kind in other.kinds]
            source.report(
                f"kind {row.kind} does not fit group {row.group}, {group.name}",
                f"write {' or '.join(fitting)}",
                line=line,
                where="group",
                value=row.group,
            )
            continue
        _check_variations(source, line, row)
        _check_columns(source, line, row)
        if has_right_scale(source, line, row.scale, row.offset, kind=row.kind, is_discrete=row.kind.is_discrete) and row.span:
            check_span(source, line, row, row.span, f"variation {row.variation or row.command_variation} of group {row.group}")


def _check_places(source: Source, rows: Iterable[tuple[int, Dnp3Row | OutstationRow]]) -> None:
    """An object is there once."""
    seen: dict[tuple[int, int], int] = {}
    for line, row in rows:
        first = seen.setdefault((row.group, row.index), line)
        if first != line:
            source.report(
                f"line {first} has the same group and index", "give each point its own", line=line, where="index", value=row.index
            )


def _check_variations(source: Source, line: int, row: Dnp3Row | OutstationRow) -> None:
    group = GROUPS[row.group]
    for column, number, variation, known in (
        ("variation", row.group, row.variation, group.variations),
        ("event_variation", group.event_group, row.event_variation, group.event_variations),
    ):
        if number is not None and variation and variation not in known:
            source.report(
                f"group {number} has no variation {variation}",
                f"write one of {', '.join(map(str, sorted(known)))}, or leave it empty",
                line=line,
                where=column,
                value=variation,
            )


def _check_columns(source: Source, line: int, row: Dnp3Row) -> None:
    """No column is filled in that means nothing for the row's group."""
    group = GROUPS[row.group]
    if group.is_written:
        for column, value in (("class", row.event_class), ("event_variation", row.event_variation or None)):
            if value is not None:
                source.report(
                    f"a {row.kind} is written, nothing reports it",
                    "leave it empty; give its feedback a row of its own",
                    line=line,
                    where=column,
                    value=value,
                )
    if row.group != 12:
        for column in _OF_CONTROLS:
            if column in row.model_fields_set:
                source.report(
                    "only controls (group 12) have that", "leave it empty", line=line, where=column, value=getattr(row, column)
                )
    elif row.operation == "latch":
        for column in _OF_CONTROLS[1:]:
            if column in row.model_fields_set:
                source.report(
                    "a latch takes no times",
                    "leave it empty, or write trip_close or pulse as operation",
                    line=line,
                    where=column,
                    value=getattr(row, column),
                )


def check_dnp3_use_of_points(source: Source, device: DeviceOutline, rows: Sequence[tuple[int, Dnp3Row]]) -> None:
    """What the section wants done with the point list finds something there to do it with."""
    table = device.table
    for key, is_wanted, is_possible, problem, remedy in (
        (
            "assign_classes",
            table.get("assign_classes") is True,
            any(row.event_class is not None for _, row in rows),
            "no row of the point list states a class",
            "fill in the class column, or leave the key out",
        ),
        (
            "write_deadbands",
            table.get("write_deadbands") is True,
            any(row.group == 30 and (row.deadband or row.deadband_percent) for _, row in rows),
            "no analog input of the point list states a deadband",
            "fill in the deadband column, or leave the key out",
        ),
        (
            "freeze_counters_s",
            isinstance(table.get("freeze_counters_s"), int | float) and table.get("freeze_counters_s", 0) > 0,
            any(row.group == 21 for _, row in rows),
            "the point list has no frozen counter",
            "add points of group 21, or leave the key out",
        ),
    ):
        if is_wanted and not is_possible:
            source.report_key(("devices", device.index, key), problem, remedy, value=str(table[key]).lower())


def check_outstation_points(
    source: Source, rows: Sequence[tuple[int, OutstationRow]], known: Mapping[str, PointRow], uncertain: Collection[str]
) -> None:
    """The list of an outstation that we are; `known` are the site's points, `uncertain` devices whose points are not all known."""
    _check_places(source, rows)
    for line, row in rows:
        _check_variations(source, line, row)
        point = known.get(row.point)
        if point is None:
            if row.point.partition("/")[0] not in uncertain:
                source.report(
                    "the site has no such point",
                    "write device/name of one that it has",
                    line=line,
                    where="point",
                    value=row.point,
                )
            continue
        if point.kind not in PRESENTED[row.group]:
            fitting = [str(number) for number, kinds in PRESENTED.items() if point.kind in kinds]
            source.report(
                f"kind {point.kind} does not fit group {row.group}, {GROUPS[row.group].name}",
                f"write {' or '.join(fitting)}",
                line=line,
                where="group",
                value=row.group,
            )
            continue
        if point.kind.is_discrete and row.deadband:
            source.report(
                f"a {point.kind} point has no deadband", "leave it empty", line=line, where="deadband", value=row.deadband
            )
        if has_right_scale(source, line, row.scale, row.offset, kind=point.kind, is_discrete=point.kind.is_discrete):
            _check_sent(source, line, row, point)


def _check_sent(source: Source, line: int, row: OutstationRow, point: PointRow) -> None:
    """What a point may stand at fits the variation that it is sent in."""
    span = GROUPS[row.group].spans.get(row.variation)
    limits = [(limit - row.offset) / row.scale for limit in (point.low, point.high) if limit is not None]
    if span is not None and limits and (min(limits) < span[0] or max(limits) > span[1]):
        source.report(
            f"the point goes from {min(limits):g} to {max(limits):g} in this scale; the variation holds {span[0]:g} to {span[1]:g}",
            "correct scale and offset, or choose another variation",
            line=line,
            where="variation",
            value=row.variation,
        )
