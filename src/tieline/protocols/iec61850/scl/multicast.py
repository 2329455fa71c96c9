"""GOOSE and sampled values as a network sees them: who sends what to which address in which VLAN, how large, and who listens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from tieline.protocols.iec61850.scl.communication import MulticastAddress
from tieline.protocols.iec61850.scl.control_blocks import DataSet, ExtRef, GSEControl, SampledValueControl
from tieline.protocols.iec61850.scl.document import Scl
from tieline.protocols.iec61850.scl.ied import Ied, LogicalDevice, LogicalNode
from tieline.protocols.iec61850.scl.members import Part

_Key: TypeAlias = tuple[str, str, str]
"""IED, inst of the logical device, control block."""
_Signal: TypeAlias = tuple[str, str, str, str]
"""IED, inst of the logical device, logical node, data object."""
_Control: TypeAlias = GSEControl | SampledValueControl

_ETHERNET = 14 + 4 + 8
"""Addresses, VLAN tag and EtherType; APPID, length and the two reserved words of GOOSE and SV."""
_SHORTEST_FRAME = 64
# Octets of a value as MMS data, tag and length with it, at most (IEC 61850-8-1, annex A).
_GOOSE_SIZES = {
    "BOOLEAN": 3,
    "INT8": 3,
    "INT16": 4,
    "INT24": 5,
    "INT32": 6,
    "INT64": 10,
    "INT128": 18,
    "INT8U": 4,
    "INT16U": 5,
    "INT24U": 6,
    "INT32U": 7,
    "INT64U": 11,
    "FLOAT32": 7,
    "FLOAT64": 11,
    "Enum": 3,
    "Dbpos": 4,
    "Tcmd": 4,
    "Quality": 5,
    "Timestamp": 10,
    "EntryTime": 8,
    "Check": 4,
    "Currency": 5,
    "VisString32": 34,
    "VisString64": 66,
    "VisString65": 67,
    "VisString129": 132,
    "VisString255": 259,
    "Unicode255": 259,
    "Octet6": 8,
    "Octet16": 18,
    "Octet64": 66,
    "ObjRef": 132,
    "PhyComAddr": 24,
}
# Octets of a value in an ASDU, without tag and length (IEC 61850-9-2, clause 8.6).
_SV_SIZES = {
    "BOOLEAN": 1,
    "INT8": 1,
    "INT16": 2,
    "INT24": 3,
    "INT32": 4,
    "INT64": 8,
    "INT8U": 1,
    "INT16U": 2,
    "INT24U": 3,
    "INT32U": 4,
    "FLOAT32": 4,
    "FLOAT64": 8,
    "Enum": 4,
    "Dbpos": 4,
    "Quality": 4,
    "Timestamp": 8,
    "EntryTime": 6,
}
_OTHER = 8
_MOST_SENDERS = 64
"""Control blocks with the same signal that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Multicast:
    """A GOOSE or a stream of sampled values."""

    is_sampled: bool
    """Sampled values; otherwise GOOSE."""
    ied: str
    access_point: str
    """Empty, as everything of the address is, where the communication section does not have it: it is not sent."""
    sub_network: str
    reference: str
    """Of the control block, `MBQ01PROT/LLN0.gcbTrip`."""
    stream_id: str
    """goID or svID as in the frame."""
    data_set: str
    """`MBQ01PROT/LLN0.dsTrip`."""
    members: int
    conf_rev: int
    mac: str
    app_id: int | None
    vlan_id: int | None
    vlan_priority: int | None
    min_time_ms: float | None
    max_time_ms: float | None
    frame_octets: int
    """The largest frame, addresses and VLAN tag with it; an estimate."""
    frames_per_s: float | None
    """When nothing happens; None where the file does not say."""
    subscribers: tuple[str, ...]
    """IEDs that take something from it, and those that it is addressed to."""
    line: int = 0

    @property
    def is_addressed(self) -> bool:
        """Whether it has an address to be sent to."""
        return bool(self.mac)


def multicasts_of(scl: Scl, *, frequency_hz: float = 50.0) -> tuple[Multicast, ...]:
    """Every GOOSE and stream of sampled values of a file; `frequency_hz` counts for samples per period."""
    return tuple(_Facts(scl, frequency_hz).all())


class _Facts:
    def __init__(self, scl: Scl, frequency_hz: float) -> None:
        self._scl = scl
        self._frequency_hz = frequency_hz
        self._members = scl.members
        self._addresses: dict[_Key, tuple[str, str, MulticastAddress]] = {}
        for net in scl.sub_networks:
            for point in net.access_points:
                for address in point.multicasts:
                    key = (point.ied, address.ld_inst, address.control_block)
                    self._addresses.setdefault(key, (net.name, point.access_point, address))
        self._listeners = _listeners(scl)
        self._sizes: dict[tuple[str, str, str, str, bool], int] = {}

    def all(self) -> Iterator[Multicast]:
        for ied in self._scl.ieds:
            for device in ied.devices():
                for node in device.nodes:
                    sets = {each.name: each for each in node.data_sets}
                    sizes: dict[tuple[str, bool], int] = {}
                    controls: list[_Control] = [*node.gooses, *node.sampled_values]
                    for control in controls:
                        if isinstance(control, GSEControl) and not control.is_goose:
                            continue
                        data_set = sets.get(control.data_set)
                        key = (control.data_set, isinstance(control, SampledValueControl))
                        if key not in sizes:
                            sizes[key] = self._values_octets(ied, data_set, is_sampled=key[1])
                        yield self._one(ied, device, node, control, data_set, sizes[key])

    def _one(
        self,
        ied: Ied,
        device: LogicalDevice,
        node: LogicalNode,
        control: _Control,
        data_set: DataSet | None,
        values_octets: int,
    ) -> Multicast:
        key = (ied.name, device.inst, control.name)
        net, access_point, address = self._addresses.get(key, ("", "", None))
        is_sampled = isinstance(control, SampledValueControl)
        reference = f"{device.name}/{node.name}.{control.name}"
        listeners = dict.fromkeys(each.ied for each in control.subscribers)
        listeners.update(self._listeners.get(key, {}))
        if isinstance(control, SampledValueControl):
            stream_id = control.sv_id
            octets = _sv_octets(f"{device.name}/{node.name}", control, values_octets)
            rate = self._sv_rate(control)
        else:
            stream_id = control.go_id or f"{device.name}/{node.name}$GO${control.name}"
            octets = _goose_octets(f"{device.name}/{node.name}", control, stream_id, values_octets)
            rate = 1000 / address.max_time_ms if address and address.max_time_ms else None
        return Multicast(
            is_sampled=is_sampled,
            ied=ied.name,
            access_point=access_point,
            sub_network=net,
            reference=reference,
            stream_id=stream_id,
            data_set=f"{device.name}/{node.name}.{control.data_set}" if control.data_set else "",
            members=len(data_set.members) if data_set else 0,
            conf_rev=control.conf_rev,
            mac=address.mac if address else "",
            app_id=address.app_id if address else None,
            vlan_id=address.vlan_id if address else None,
            vlan_priority=address.vlan_priority if address else None,
            min_time_ms=address.min_time_ms if address else None,
            max_time_ms=address.max_time_ms if address else None,
            frame_octets=max(_SHORTEST_FRAME, octets),
            frames_per_s=rate,
            subscribers=tuple(listeners),
            line=control.line,
        )

    def _sv_rate(self, control: SampledValueControl) -> float | None:
        if not control.sample_rate:
            return None
        if control.sample_mode == "SecPerSmp":
            return 1.0 / control.sample_rate / control.asdu_count
        rate = control.sample_rate * (self._frequency_hz if control.sample_mode == "SmpPerPeriod" else 1.0)
        return rate / control.asdu_count

    def _values_octets(self, ied: Ied, data_set: DataSet | None, *, is_sampled: bool) -> int:
        nodes = self._scl.nodes(ied)
        octets = 0
        for member in data_set.members if data_set else ():
            node = nodes.get((member.ld_inst, member.ln_name))
            if node is None:
                continue
            key = (node.type, member.do_name, member.da_name, member.fc, is_sampled)
            size = self._sizes.get(key)
            if size is None:
                parts = self._members.parts(*key[:4])
                size = self._sizes[key] = _sv_size(parts) if is_sampled else _goose_size(parts)
            octets += size
        return octets


def _goose_octets(node: str, control: GSEControl, stream_id: str, values_octets: int) -> int:
    """With the lengths of the names, and every number as long as it can get."""
    names = (f"{node}$GO${control.name}", f"{node}${control.data_set}", stream_id)
    time_allowed, time, numbers, flags, entries = 7, 10, 3 * 7, 2 * 3, 4
    fields = sum(len(name) + 2 for name in names) + time_allowed + time + numbers + flags + entries
    return _ETHERNET + 4 + fields + 4 + values_octets


def _sv_octets(node: str, control: SampledValueControl, values_octets: int) -> int:
    count, revision, synchronized, frame = 4, 6, 3, 4
    asdu = (len(control.sv_id) + 2) + count + revision + synchronized + frame + 4 + values_octets
    asdu += 10 * ("refreshTime" in control.options) + 4 * ("sampleRate" in control.options)
    asdu += (len(f"{node}${control.data_set}") + 2) * ("dataSet" in control.options)
    return _ETHERNET + 4 + 3 + 4 + control.asdu_count * asdu


def _sv_size(parts: tuple[Part, ...]) -> int:
    return sum(_SV_SIZES.get(part.b_type, _OTHER) for part in parts)


def _goose_size(parts: tuple[Part, ...]) -> int:
    structures = {part.position[:depth] for part in parts for depth in range(len(part.position))}
    return 4 * len(structures) + sum(_GOOSE_SIZES.get(part.b_type, _OTHER) for part in parts)


def _listeners(scl: Scl) -> dict[_Key, dict[str, None]]:
    """Which IEDs take something from which control block, as their inputs (ExtRef) say."""
    senders = _senders(scl)
    found: dict[_Key, dict[str, None]] = {}
    for ied in scl.ieds:
        for device in ied.devices():
            for node in device.nodes:
                for reference in node.inputs:
                    if not reference.ied or reference.ied in {"@", ied.name} or reference.service in {"Report", "Poll"}:
                        continue
                    for key in _keys(reference, senders):
                        found.setdefault(key, {})[ied.name] = None
    return found


def _keys(reference: ExtRef, senders: dict[_Signal, dict[_Key, set[str]]]) -> Iterator[_Key]:
    if reference.source_control_block:
        yield reference.ied, reference.source_ld_inst, reference.source_control_block
        return
    # Edition 1 does not say through which control block a signal comes: through each that has it.
    node = f"{reference.prefix}{reference.ln_class}{reference.ln_inst}"
    senders_of = senders.get((reference.ied, reference.ld_inst, node, reference.do_name), {})
    for key, attributes in islice(senders_of.items(), _MOST_SENDERS):
        if not reference.da_name or "" in attributes or reference.da_name in attributes:
            yield key


def _senders(scl: Scl) -> dict[_Signal, dict[_Key, set[str]]]:
    """For each data object that is sent: through which control blocks, and which attributes of it."""
    found: dict[_Signal, dict[_Key, set[str]]] = {}
    for ied in scl.ieds:
        for device in ied.devices():
            for node in device.nodes:
                data_sets = {each.name: each for each in node.data_sets}
                names = [(each.name, each.data_set) for each in node.gooses]
                names += [(each.name, each.data_set) for each in node.sampled_values]
                for name, data_set in names:
                    key = (ied.name, device.inst, name)
                    for member in data_sets[data_set].members if data_set in data_sets else ():
                        keys = found.setdefault((ied.name, member.ld_inst, member.ln_name, member.do_name), {})
                        keys.setdefault(key, set()).add(member.da_name)
    return found
