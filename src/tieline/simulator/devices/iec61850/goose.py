"""The GOOSE that simulated IEDs publish: every control block of their SCL files that has an address, on one interface.

What is in a data set comes from the data of the device's server. A change is sent as soon as the device's thread has shown it; what is
repeated, and when, is `tieline.protocols.goose.Publisher`'s. The frames look like those of real IEDs: they belong on an interface that
leads to none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog
from open61850.data import (
    ArrayData,
    BitStringData,
    BoolData,
    FloatData,
    IECData,
    IntData,
    MmsStringData,
    OctetStringData,
    StructureData,
    TimestampData,
    UIntData,
    VisibleStringData,
)
from open61850.mms.pdu import ObjectName
from open61850.server.model import Node

from tieline.io import Clock
from tieline.io.packet import PacketChannel, open_packet
from tieline.model import Now, TielineError, UnavailableError
from tieline.protocols.goose import (
    ETHERTYPE_GOOSE,
    Address,
    Array,
    BitString,
    Boolean,
    Data,
    Float32,
    Float64,
    Integer,
    MmsString,
    OctetString,
    Publisher,
    PublisherSettings,
    Structure,
    Uninterpreted,
    Unsigned,
    UtcTime,
    VisibleString,
)
from tieline.protocols.iec61850.scl import Multicast
from tieline.simulator.devices.iec61850.data import unix_us
from tieline.simulator.devices.iec61850.device import Iec61850Device

log = structlog.get_logger(__name__)

OpenInterface = Callable[[str, Iterable[int]], PacketChannel]
"""Opens an interface for frames of some ethertypes; raises `UnavailableError`."""

_SHORTEST_LIVE_MS = 500
_DEFAULT_TIMES_MS = (4.0, 1_000.0)


class GooseSender:
    """Everything that the IEDs of one site publish."""

    def __init__(
        self,
        streams: Sequence[tuple[Iec61850Device, Multicast]],
        interface: str,
        clock: Clock,
        *,
        open_interface: OpenInterface = open_packet,
    ) -> None:
        self._interface = interface
        self._clock = clock
        self._open_interface = open_interface
        self._channel: PacketChannel | None = None
        self._is_refused = False
        self._streams = [
            _Stream(device, multicast, f"02:00:5e:00:{number >> 8 & 0xFF:02x}:{number & 0xFF:02x}", self)
            for number, (device, multicast) in enumerate(streams, 1)
        ]

    def start(self) -> bool:
        """Publishes from now on; False, and a line in the log, where the interface does not let it."""
        try:
            self._channel = self._open_interface(self._interface, (ETHERTYPE_GOOSE,))
        except UnavailableError as error:
            log.warning("goose left out", interface=self._interface, reason=str(error))
            return False
        for stream in self._streams:
            stream.start()
        log.info("goose published", interface=self._interface, control_blocks=len(self._streams))
        return True

    def stop(self) -> None:
        """Publishes no more."""
        for stream in self._streams:
            stream.stop()
        if self._channel is not None:
            channel, self._channel = self._channel, None
            channel.close()

    def now(self) -> Now:
        """This moment."""
        return Now(self._clock.monotonic(), self._clock.now_us())

    def send(self, frame: bytes) -> None:
        """Sends a frame; the first of a row that is not taken is told."""
        if self._channel is None:
            return
        try:
            self._channel.send(frame)
        except UnavailableError as error:
            if not self._is_refused:
                log.warning("goose not sent", interface=self._interface, reason=str(error))
            self._is_refused = True
        else:
            self._is_refused = False


class _Stream:
    """One control block at work."""

    def __init__(self, device: Iec61850Device, multicast: Multicast, source: str, sender: GooseSender) -> None:
        self._device = device
        self._sender = sender
        self._members = [
            node for name in device.data.data_sets.get(_data_set(multicast), ()) if (node := device.data.node(name)) is not None
        ]
        self._leaves = {leaf for member in self._members for leaf in member.leaves()}
        least, most = _DEFAULT_TIMES_MS
        least = max(1.0, multicast.min_time_ms or least)
        self._settings = PublisherSettings(
            address=Address(
                destination=multicast.mac.replace("-", ":"),
                source=source,
                app_id=multicast.app_id or 0,
                vlan_id=multicast.vlan_id,
                vlan_priority=multicast.vlan_priority or 0,
            ),
            gocb_ref=_mms(multicast.reference, "$GO$"),
            dat_set=_mms(multicast.data_set, "$"),
            go_id=multicast.stream_id,
            conf_rev=multicast.conf_rev,
            min_time_ms=int(least),
            max_time_ms=int(max(least, multicast.max_time_ms or most)),
            shortest_live_ms=_SHORTEST_LIVE_MS,
        )
        self._publisher: Publisher | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._publisher = Publisher(self._settings, self._read())
        self._device.listeners.append(self._look)
        self._send(self._publisher.first(self._sender.now()))

    def stop(self) -> None:
        if self._loop is None:
            return
        self._loop = None
        self._device.listeners.remove(self._look)
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, changed: frozenset[Node]) -> None:
        """In the device's thread."""
        loop = self._loop
        if loop is not None and not self._leaves.isdisjoint(changed):
            loop.call_soon_threadsafe(self._publish, self._read())

    def _read(self) -> tuple[Data, ...]:
        with self._device.data.lock:
            return tuple(_goose_data(member.data()) for member in self._members)

    def _publish(self, values: tuple[Data, ...]) -> None:
        if self._publisher is None or self._loop is None or values == self._publisher.values:
            return
        try:
            self._send(self._publisher.publish(values, self._sender.now()))
        except TielineError as error:
            log.warning("goose not sent", device=self._device.path, reason=str(error))

    def _tick(self) -> None:
        if self._publisher is not None:
            frame = self._publisher.tick(self._sender.now())
            self._send(frame)

    def _send(self, frame: bytes | None) -> None:
        if frame is not None and self._device.behavior.manner not in {"silent", "gone"}:
            self._sender.send(frame)
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._publisher.next_deadline() if self._publisher is not None else None
        if deadline is not None and self._loop is not None:
            self._timer = self._loop.call_later(max(0.0, deadline - self._sender.now().monotonic_s), self._tick)


def _mms(reference: str, between: str) -> str:
    """`LD/LLN0.gcbTrip` as it stands in a frame, `LD/LLN0$GO$gcbTrip`."""
    return between.join(reference.rsplit(".", 1))


def _data_set(multicast: Multicast) -> ObjectName:
    domain, _, item = _mms(multicast.data_set, "$").partition("/")
    return ObjectName(item, domain)


def _goose_data(value: IECData) -> Data:
    match value:
        case BoolData():
            return Boolean(value.value)
        case IntData():
            return Integer(value.value)
        case UIntData():
            return Unsigned(value.value)
        case FloatData():
            return Float64(value.value) if value.double else Float32(value.value)
        case BitStringData():
            bits = int.from_bytes(value.value, "big") >> value.unused_bits
            return BitString(bits, len(value.value) * 8 - value.unused_bits)
        case OctetStringData():
            return OctetString(value.value)
        case VisibleStringData():
            return VisibleString(value.value)
        case MmsStringData():
            return MmsString(value.value)
        case TimestampData():
            return UtcTime.of(unix_us(value), value.quality)
        case StructureData():
            return Structure(tuple(map(_goose_data, value.members)))
        case ArrayData():
            return Array(tuple(map(_goose_data, value.elements)))
        case _:
            return Uninterpreted(value.tag, value.value)
