"""Watched nodes as the design makes them, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.config.snmp import Measure, Neighbor, SnmpConnection, SnmpDevice, WatchedPort, WatchRow
from tieline.model import PointKind, Reporting

PORT = (
    Measure.LINK,
    Measure.IN_PERCENT,
    Measure.OUT_PERCENT,
    Measure.ERRORS_PER_S,
    Measure.DISCARDS_PER_S,
    Measure.NEIGHBOR,
    Measure.VIOLATIONS,
)
POWER = (Measure.POE, Measure.POE_W, Measure.POE_SWITCH, Measure.POE_RESTART)
NODE = (Measure.TEMPERATURE_C, Measure.UPTIME_S, Measure.FIRMWARE, Measure.POE_USED_PERCENT, Measure.DRIFT)
CONTROLS = {Measure.POE_SWITCH, Measure.POE_RESTART}


def port(
    name: str,
    neighbor: tuple[str, str] | None = None,
    *,
    mbps: float | None = 1_000.0,
    feeds: str = "",
    is_linked: bool = True,
    is_disabled: bool = False,
    addresses: tuple[str, ...] = (),
) -> WatchedPort:
    there = None if neighbor is None else Neighbor(node=neighbor[0], port=neighbor[1], interface=neighbor[1], addresses=addresses)
    return WatchedPort(
        name=name,
        slug=name.lower().replace("/", "-"),
        interface=name,
        is_linked=is_linked,
        is_disabled=is_disabled,
        speed_mbps=mbps if is_linked else None,
        neighbor=there,
        poe_class=4 if feeds else None,
        feeds=feeds,
    )


def node(
    name: str,
    ports: Sequence[WatchedPort],
    *,
    host: str = "127.0.0.1",
    snmp_port: int = 161,
    period_s: float = 30.0,
    timeout_s: float = 0.5,
    retries: int = 1,
    firmware: str = "",
    supplies: int = 0,
) -> SnmpDevice:
    rows = [_row(f"port-{each.slug}-{measure}", measure, each.name) for each in ports if each.is_linked for measure in PORT]
    rows += [_row(f"port-{each.slug}-{measure}", measure, each.name) for each in ports if each.feeds for measure in POWER]
    rows += [_row(f"supply-{number}", Measure.SUPPLY, number=number) for number in range(1, supplies + 1)]
    rows += [_row(measure, measure) for measure in NODE]
    return SnmpDevice(
        site="northgate",
        name=name,
        description="",
        rows=tuple(rows),
        points=tuple(row.to_point("northgate", name, Reporting()) for row in rows),
        connection=SnmpConnection(host=host, port=snmp_port, timeout_s=timeout_s, retries=retries, period_s=period_s),
        ports=tuple(ports),
        firmware=firmware,
        has_lldp=True,
        poe_budget_w=120.0,
    )


def _row(name: str, measure: Measure, port: str = "", number: int = 0) -> WatchRow:
    kind = PointKind.CONTROL if measure in CONTROLS else PointKind.ANALOG
    return WatchRow(name=name, kind=kind, measure=measure, port=port, number=number)
