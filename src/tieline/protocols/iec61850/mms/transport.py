"""ISO transport over TCP: TPKT (RFC 1006) and COTP class 0 (ISO 8073), octets to transport units and back.

    opening ──(CC)──► open ──(DR, disconnect)──► RemoteError

A unit may come in many segments; what is put together is bounded, whatever the segments say.
"""

from __future__ import annotations

from tieline.model import LocalError, RemoteError

MAX_UNIT = 70_000
"""Octets of one transport unit; an MMS PDU of 65,000 with its envelope fits."""

_VERSION = 3
_CR, _CC, _DR, _DT, _ER = 0xE0, 0xD0, 0x80, 0xF0, 0x70
_END = 0x80
_SIZE_CODE = 0x0D  # 8192 octets, the largest of class 0 (ISO 8073, clause 13.3.4)
_DEFAULT_SIZE = 65_531  # RFC 1006, clause 5: where the responder names none


class Transport:
    """One connection of a client. `receive` gives the units that are complete; `send` makes packets of one."""

    def __init__(self, *, calling: bytes = b"\x00\x01", called: bytes = b"\x00\x01") -> None:
        self.is_open = False
        """Whether the peer has confirmed the connection."""
        self._calling = calling
        self._called = called
        self._buffer = bytearray()
        self._unit = bytearray()
        self._size = 1024

    def connect(self) -> bytes:
        """The connection request."""
        parameters = bytes([0xC0, 1, _SIZE_CODE, 0xC1, len(self._calling)]) + self._calling
        parameters += bytes([0xC2, len(self._called)]) + self._called
        return _packet(bytes([6 + len(parameters), _CR, 0, 0, 0, 1, 0]) + parameters)

    def send(self, unit: bytes) -> bytes:
        """Packets that carry the unit; raises `LocalError` before the connection is open."""
        if not self.is_open:
            raise LocalError("there is no transport connection yet")
        room = self._size - 3
        starts = range(0, max(1, len(unit)), room)
        return b"".join(_packet(bytes([2, _DT, _END if s + room >= len(unit) else 0]) + unit[s : s + room]) for s in starts)

    def receive(self, data: bytes) -> list[bytes]:
        """The units that are complete now; raises `RemoteError`, after which the connection is of no use."""
        self._buffer += data
        units: list[bytes] = []
        offset = 0
        while len(self._buffer) - offset >= 4:
            if self._buffer[offset] != _VERSION:
                raise RemoteError("what came is no ISO transport packet")
            length = int.from_bytes(self._buffer[offset + 2 : offset + 4], "big")
            if length < 7:
                raise RemoteError("an ISO transport packet is too short")
            if len(self._buffer) - offset < length:
                break
            unit = self._take(bytes(self._buffer[offset + 4 : offset + length]))
            offset += length
            if unit is not None:
                units.append(unit)
        del self._buffer[:offset]
        return units

    def _take(self, packet: bytes) -> bytes | None:
        kind = packet[1] & 0xF0
        if kind == _DR:
            raise RemoteError("the device refused or ended the transport connection")
        if not self.is_open:
            if kind != _CC:
                raise RemoteError("the device did not confirm the transport connection")
            self._size = _size_of(packet)
            self.is_open = True
            return None
        if kind == _ER:
            raise RemoteError("the device reports a transport error")
        if kind != _DT:
            return None
        self._unit += packet[3:]
        if len(self._unit) > MAX_UNIT:
            raise RemoteError(f"a transport unit is longer than {MAX_UNIT} octets")
        if not packet[2] & _END:
            return None
        unit = bytes(self._unit)
        self._unit.clear()
        return unit


def _size_of(confirm: bytes) -> int:
    """The size of packets that a connection confirm allows."""
    offset, size = 7, _DEFAULT_SIZE
    while offset + 2 <= len(confirm):
        code, length = confirm[offset], confirm[offset + 1]
        if code == 0xC0 and length == 1 and offset + 2 < len(confirm) and 7 <= confirm[offset + 2] <= 0x0D:
            size = 1 << confirm[offset + 2]
        offset += 2 + length
    return size


def _packet(content: bytes) -> bytes:
    return bytes([_VERSION, 0]) + (4 + len(content)).to_bytes(2, "big") + content
