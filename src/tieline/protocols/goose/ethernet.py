"""Ethernet II with 802.1Q tags, and the header that GOOSE and sampled values share (IEC 61850-8-1 annex C, IEC 61850-9-2 annex A)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tieline.model import LocalError
from tieline.protocols.goose.errors import FrameError

ETHERTYPE_GOOSE = 0x88B8
ETHERTYPE_SV = 0x88BA
ETHERTYPE_VLAN = 0x8100

MAX_FRAME = 9_018
"""Octets of the longest frame that is looked at: a jumbo frame. The standard's own limit is a single frame of 1,518 and its tag."""

_HEADER_SIZE = 8
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a frame comes from and goes to."""

    destination: str
    """A MAC address as `01:0c:cd:01:00:01`."""
    source: str
    app_id: int
    vlan_id: int | None = None
    """None where there is no tag; 0 where the tag carries a priority only."""
    vlan_priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What stands before a PDU, and where in the frame the PDU is."""

    address: Address
    ethertype: int
    reserved_1: int
    """Its highest bit marks a simulated message (edition 2); the lower twelve are the size of a security extension (IEC 62351-6)."""
    reserved_2: int
    start: int
    stop: int
    """What follows is padding, a security extension, or the trailer of PRP."""


def parse_mac(text: str) -> bytes:
    """The six octets of `01:0c:cd:01:00:01` or `01-0C-CD-01-00-01`. Raises `LocalError`."""
    if not _MAC.fullmatch(text):
        raise LocalError(f"{text!r} is not a MAC address such as 01:0c:cd:01:00:01")
    return bytes.fromhex(text.replace(":", "").replace("-", ""))


def read_envelope(frame: bytes) -> Envelope:
    """Reads everything before the PDU of a GOOSE or SV frame. Raises `FrameError`."""
    if not 14 <= len(frame) <= MAX_FRAME:
        raise FrameError(f"a frame cannot have {len(frame)} octets", len(frame))
    at = 12
    ethertype = int.from_bytes(frame[at : at + 2], "big")
    tag: int | None = None
    if ethertype == ETHERTYPE_VLAN and len(frame) >= 18:
        tag = int.from_bytes(frame[14:16], "big")
        at = 16
        ethertype = int.from_bytes(frame[at : at + 2], "big")
    if ethertype not in {ETHERTYPE_GOOSE, ETHERTYPE_SV}:
        raise FrameError(f"ethertype {ethertype:04x} is neither GOOSE nor sampled values", at)
    at += 2
    if at + _HEADER_SIZE > len(frame):
        raise FrameError("the frame ends within its header", len(frame))
    length = int.from_bytes(frame[at + 2 : at + 4], "big")
    if length < _HEADER_SIZE or at + length > len(frame):
        raise FrameError(f"the header says {length} octets, the frame has {len(frame) - at}", at + 2)
    return Envelope(
        address=Address(
            destination=frame[:6].hex(":"),
            source=frame[6:12].hex(":"),
            app_id=int.from_bytes(frame[at : at + 2], "big"),
            vlan_id=None if tag is None else tag & 0xFFF,
            vlan_priority=0 if tag is None else tag >> 13,
        ),
        ethertype=ethertype,
        reserved_1=int.from_bytes(frame[at + 4 : at + 6], "big"),
        reserved_2=int.from_bytes(frame[at + 6 : at + 8], "big"),
        start=at + _HEADER_SIZE,
        stop=at + length,
    )


def build_frame(address: Address, ethertype: int, pdu: bytes, *, reserved_1: int = 0, reserved_2: int = 0) -> bytes:
    """A frame without padding or check sequence, which the network card adds. Raises `LocalError` for what no header can hold."""
    size = len(pdu) + _HEADER_SIZE
    tag = b""
    if address.vlan_id is not None:
        if not 0 <= address.vlan_id <= 0xFFF or not 0 <= address.vlan_priority <= 7:
            raise LocalError(f"no tag can hold VLAN {address.vlan_id} with priority {address.vlan_priority}")
        tag = (ETHERTYPE_VLAN << 16 | address.vlan_priority << 13 | address.vlan_id).to_bytes(4, "big")
    numbers = (ethertype, address.app_id, size, reserved_1, reserved_2)
    if any(not 0 <= number <= 0xFFFF for number in numbers):
        raise LocalError(f"no header can hold APPID {address.app_id:#x} and {size} octets")
    header = b"".join(number.to_bytes(2, "big") for number in numbers)
    frame = parse_mac(address.destination) + parse_mac(address.source) + tag + header + pdu
    if len(frame) > MAX_FRAME:
        raise LocalError(f"a frame of {len(frame)} octets is too long")
    return frame
