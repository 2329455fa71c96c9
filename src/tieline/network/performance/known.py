"""What the rest of the utility folder says of the traffic of nodes: GOOSE and sampled values of SCL files, polls, Tieline's own samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from tieline.config import Device, Dnp3Device, ModbusDevice, Site
from tieline.config.iec61850 import Iec61850Device
from tieline.config.network import Network
from tieline.config.snmp import SnmpDevice
from tieline.network.result import Given, Input
from tieline.protocols.iec61850.scl import Multicast, Scl, multicasts_of
from tieline.protocols.modbus.plan import plan_reads

_TCP_FRAME = 40 + 22
"""TCP and IP headers without options; tagged Ethernet with its frame check sequence."""
_SEGMENT = 1_460
_FCS_OCTETS = 4
_DNP3_POINT_OCTETS = 7
_REPORT_OCTETS = 120
_MEMBER_OCTETS = 40
_REFERENCE_OCTETS = 60
_READ_OCTETS = 25
_EVENT_S = 1.0
_BUS_SAMPLE_OCTETS = 22
_BUS_BATCH_OCTETS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class GooseBlock:
    """A GOOSE control block."""

    frame_octets: Given
    min_time_ms: Given
    max_time_ms: Given


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledBlock:
    """A control block of sampled values."""

    frame_octets: Given
    frames_per_s: Given


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a device sends for a kind of service."""

    largest_octets: float
    frames_per_s: float
    burst_frames: float
    inputs: tuple[Input, ...]
    origin: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """By the name of the node that sends."""

    goose: Mapping[str, Sequence[GooseBlock]] = field(default_factory=dict)
    sampled: Mapping[str, Sequence[SampledBlock]] = field(default_factory=dict)
    sent: Mapping[tuple[str, str], Sent] = field(default_factory=dict)
    """By node and kind of service."""


class Folder(Protocol):
    """What is needed of a utility folder."""

    @property
    def sites(self) -> Sequence[Site]:
        """Its sites with their devices."""
        ...


def known_of(folder: Folder, network: Network) -> Known:
    """What the devices that are nodes of the network send, and each site's gateway, the source of its service of kind `bus`."""
    goose: dict[str, list[GooseBlock]] = {}
    sampled: dict[str, list[SampledBlock]] = {}
    sent: dict[tuple[str, str], Sent] = {}

    @cache
    def blocks(site: str, file: str) -> Mapping[str, Sequence[Multicast]]:
        found: dict[str, list[Multicast]] = {}
        for each in multicasts_of(files[site, file], frequency_hz=network.defaults.frequency_hz):
            if each.is_addressed:
                found.setdefault(each.ied, []).append(each)
        return found

    files: dict[tuple[str, str], Scl] = {}
    bus = {name for service in network.services if service.kind == "bus" for name in service.sources}
    for site in folder.sites:
        for device in site.devices:
            node = network.node_of_device.get(f"{site.name}/{device.name}")
            if node is None:
                continue
            if isinstance(device, Iec61850Device):
                files[site.name, device.scl_file] = device.scl
                for each in blocks(site.name, device.scl_file).get(device.ied.name, ()):
                    _multicast(each, device.scl_file, goose.setdefault(node.name, []), sampled.setdefault(node.name, []))
                sent[node.name, "mms"] = _mms(device)
            elif isinstance(device, ModbusDevice):
                sent[node.name, "modbus"] = _modbus(device)
            elif isinstance(device, Dnp3Device):
                sent[node.name, "dnp3"] = _dnp3(device)
        for name in bus:
            if network.by_name[name].site == site.name:
                sent[name, "bus"] = _bus(site)
    return Known(goose=goose, sampled=sampled, sent=sent)


def _multicast(each: Multicast, file: str, goose: list[GooseBlock], sampled: list[SampledBlock]) -> None:
    origin = f"{file}, {each.reference}"
    octets = Given(each.frame_octets + _FCS_OCTETS, f"{origin}, estimated from its data set")
    if each.is_sampled:
        if each.frames_per_s is not None:
            sampled.append(SampledBlock(frame_octets=octets, frames_per_s=Given(each.frames_per_s, origin)))
        return
    shortest = Given(each.min_time_ms, origin) if each.min_time_ms else Given(4, "default")
    longest = Given(each.max_time_ms, origin) if each.max_time_ms else Given(1_000, "default")
    goose.append(GooseBlock(frame_octets=octets, min_time_ms=shortest, max_time_ms=longest))


def _modbus(device: ModbusDevice) -> Sent:
    """Answers of all poll groups, as the driver plans them; all may be due at the same time."""
    connection = device.connection
    sizes: list[tuple[float, float]] = []
    for group, period in device.polls.items():
        rows = [row for row in device.rows if row.poll == group]
        blocks = plan_reads(
            rows, max_registers=connection.max_registers, max_bits=connection.max_bits, max_gap=connection.max_gap
        )
        sizes += [
            ((block.request.count + 7) // 8 if rows[block.rows[0]].is_bit_table else 2 * block.request.count, period)
            for block in blocks
        ]
    largest = max((octets for octets, _ in sizes), default=0.0) + 9 + _TCP_FRAME
    return Sent(
        largest_octets=largest,
        frames_per_s=sum(1 / period for _, period in sizes),
        burst_frames=max(1, len(sizes)),
        inputs=(Input(name="requests of all groups", value=len(sizes)), Input(name="points", value=len(device.rows))),
        origin=f"sites/{device.site}, {device.name}: its poll groups",
        source="Modbus Application Protocol V1.1b3 (answer: 9 octets and the data); every frame counts as the largest",
    )


def _dnp3(device: Dnp3Device) -> Sent:
    """Integrity polls, and event polls in which every point has changed."""
    points = len(device.rows)
    polls = device.polls
    octets = (4 + points * _DNP3_POINT_OCTETS) * 18 / 16 + 10
    frames = max(1, -(-int(octets) // _SEGMENT))
    periods = [polls.integrity_s, polls.events_s, polls.class_1_s, polls.class_2_s, polls.class_3_s]
    if device.unsolicited:
        periods.append(1.0)
    return Sent(
        largest_octets=min(octets, _SEGMENT) + _TCP_FRAME,
        frames_per_s=frames * sum(1 / period for period in periods if period > 0),
        burst_frames=frames,
        inputs=(
            Input(name="points", value=points),
            Input(name="octets a point", value=_DNP3_POINT_OCTETS, origin="index, flags, value of 32 bits"),
            Input(name="polls", value=", ".join(f"{period:g} s" for period in periods if period > 0)),
        ),
        origin=f"sites/{device.site}, {device.name}: its points and polls; unsolicited responses once a second",
        source="IEEE 1815 (link header 10 octets, 2 of check for every 16)",
    )


def _mms(device: Iec61850Device) -> Sent:
    """Reports with all members of their data sets, at every integrity period and at an event a second; reads where there are none."""
    octets_of_member = _MEMBER_OCTETS + (_REFERENCE_OCTETS if device.reports.with_references else 0)
    sizes: list[tuple[float, float]] = []
    for report in device.report_sources:
        per_s = 1 / max(_EVENT_S, report.buffer_time_s) + (1 / report.integrity_s if report.integrity_s > 0 else 0.0)
        sizes.append((_REPORT_OCTETS + octets_of_member * len(report.members), per_s))
    if not sizes:
        sizes.append((_REPORT_OCTETS + _READ_OCTETS * len(device.points), 1 / device.polls.period_s))
    segments = [(max(1, -(-int(octets) // _SEGMENT)), per_s) for octets, per_s in sizes]
    return Sent(
        largest_octets=min(max(octets for octets, _ in sizes), _SEGMENT) + _TCP_FRAME,
        frames_per_s=sum(frames * per_s for frames, per_s in segments),
        burst_frames=sum(frames for frames, _ in segments),
        inputs=(
            Input(name="report control blocks", value=len(device.report_sources)),
            Input(name="members of their data sets", value=sum(len(report.members) for report in device.report_sources)),
            Input(name="octets a member", value=octets_of_member, origin="value, quality, time, reason: an upper estimate"),
            Input(name="octets of a report besides", value=_REPORT_OCTETS, origin="an upper estimate"),
        ),
        origin=f"sites/{device.site}, {device.name}: its reports; an event in each once a second",
        source="IEC 61850-8-1 (MMS over TCP); every frame counts as the largest",
    )


def _bus(site: Site) -> Sent:
    """Samples of all points at the rates of their polls, in batches."""
    per_s = sum(_samples_per_s(device) for device in site.devices)
    batches = 1 / site.reporting.batch_age_s
    octets = per_s * _BUS_SAMPLE_OCTETS + batches * _BUS_BATCH_OCTETS
    each = octets / batches
    frames = max(1, -(-int(each) // _SEGMENT))
    return Sent(
        largest_octets=min(each, _SEGMENT) + _TCP_FRAME,
        frames_per_s=frames * batches,
        burst_frames=2 * frames,
        inputs=(
            Input(
                name="samples a second", value=per_s, origin="every point at each poll, once a second where it reports by itself"
            ),
            Input(name="octets a sample", value=_BUS_SAMPLE_OCTETS),
            Input(name="batches a second", value=batches, origin="batch_age_s"),
            Input(name="octets a batch", value=_BUS_BATCH_OCTETS, origin="headers, TLS, subject: an upper estimate"),
        ),
        origin=f"sites/{site.name}: its points and their polls",
        source="Tieline's own batches over TLS; nothing is saved by deadbands",
    )


def _samples_per_s(device: Device) -> float:
    if isinstance(device, ModbusDevice):
        return sum(1 / device.polls[row.poll] for row in device.rows)
    if isinstance(device, SnmpDevice):
        return len(device.points) / device.connection.period_s
    return float(len(device.points))
