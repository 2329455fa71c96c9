"""What a recording of a session is: a pcapng file that Wireshark opens, made of the bytes that passed.

The bytes of a session are those of one TCP connection. The recording gives them the packets that they could have come in: raw IPv4
(link type 101), with a handshake, sequence numbers, checksums and an end, so that any tool follows the stream and decodes its
protocol. Addresses: the person is 192.0.2.1 (RFC 5737), the device its own IPv4 address or 198.51.100.1; the real names, who and why are
the comment of the section, as JSON. Each packet has the time at which the center passed it on, in microseconds UTC. The last one
has as comment why the session ended; a recording without it was cut off.

Format: draft-ietf-opsawg-pcapng (section header, interface description and enhanced packet blocks), little-endian.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from tieline.model import RemoteError
from tieline.security.remote.records import Session

Way = Literal["up", "down"]
"""Towards the device, towards the person."""

PERSON = "192.0.2.1"
DEVICE = "198.51.100.1"
FIRST_PORT = 49_152
MOST_BLOCK = 1_000_000
ENDING = "end: "
"""What the comment of the last packet begins with."""
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_MAGIC = 0x1A2B3C4D
_LINK_RAW = 101
_COMMENT, _APPLICATION, _NAME = 1, 4, 2
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16


class Packets:
    """Makes the blocks of one recording, in order."""

    def __init__(self, session: Session, host: str) -> None:
        self._session = session
        self._host = host
        number = int.from_bytes(hashlib.sha256(session.id.encode()).digest()[:4], "big")
        self._ports = {"up": FIRST_PORT + number % 16_000, "down": session.port}
        self._addresses = {"up": _packed(PERSON), "down": _packed(_device_address(host))}
        self._next = {"up": number, "down": number ^ 0xA5A5A5A5}
        """The next sequence number of who sends that way."""

    def begin(self, time_us: int) -> bytes:
        """The head of the file, and the handshake."""
        session = self._session
        about = {
            "session": session.id,
            "grant": session.grant,
            "person": session.person,
            "reason": session.reason,
            "target": session.target,
            "host": self._host,
            "port": session.port,
            "address": session.address,
        }
        options = _option(_COMMENT, json.dumps(about, sort_keys=True).encode()) + _option(_APPLICATION, b"Tieline") + _no_more()
        head = _block(_SECTION, struct.pack("<IHHq", _MAGIC, 1, 0, -1) + options)
        head += _block(_INTERFACE, struct.pack("<HHI", _LINK_RAW, 0, 0) + _option(_NAME, b"remote access") + _no_more())
        return (
            head
            + self._packet("up", _SYN, b"", time_us)
            + self._packet("down", _SYN | _ACK, b"", time_us)
            + self._packet("up", _ACK, b"", time_us)
        )

    def data(self, way: Way, content: bytes, time_us: int) -> bytes:
        """Bytes that passed."""
        return self._packet(way, _PSH | _ACK, content, time_us)

    def finish(self, way: Way, time_us: int) -> bytes:
        """One side sends no more."""
        return self._packet(way, _FIN | _ACK, b"", time_us)

    def end(self, words: str, time_us: int) -> bytes:
        """The session is over, and why."""
        return self._packet("down", _RST | _ACK, b"", time_us, comment=(ENDING + words).encode()[:2_000])

    def _packet(self, way: Way, flags: int, content: bytes, time_us: int, comment: bytes = b"") -> bytes:
        back: Way = "down" if way == "up" else "up"
        source, target = self._addresses[way], self._addresses[back]
        acknowledged = self._next[back] if flags & _ACK else 0
        tcp = struct.pack(
            ">HHIIBBHHH", self._ports[way], self._ports[back], self._next[way], acknowledged, 5 << 4, flags, 0xFFFF, 0, 0
        )
        pseudo = source + target + struct.pack(">BBH", 0, 6, len(tcp) + len(content))
        tcp = tcp[:16] + struct.pack(">H", _checksum(pseudo + tcp + content)) + tcp[18:]
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp) + len(content), 0, 0x4000, 64, 6, 0, source, target)
        ip = ip[:10] + struct.pack(">H", _checksum(ip)) + ip[12:]
        self._next[way] = (self._next[way] + len(content) + bool(flags & (_SYN | _FIN))) & 0xFFFFFFFF
        packet = ip + tcp + content
        body = struct.pack("<IIIII", 0, time_us >> 32, time_us & 0xFFFFFFFF, len(packet), len(packet)) + _padded(packet)
        return _block(_PACKET, body + (_option(_COMMENT, comment) + _no_more() if comment else b""))


@dataclass(frozen=True, slots=True)
class Recorded:
    """One packet of a recording."""

    time_us: int
    way: Way
    content: bytes
    is_end_of_way: bool
    """Whether who sends that way sends no more."""
    words: str
    """Why the session ended; empty but in the last packet."""


class Reader:
    """Reads a recording. `about` says who, what and why; iterate for the packets."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises `RemoteError` where the file does not begin as a recording does."""
        self._file = file
        self._sha256 = hashlib.sha256()
        self.whole_bytes = 0
        """Bytes of the blocks that were read whole: where the file is cut off behind them, this is its good part."""
        self._is_torn = False
        self.is_whole = False
        """Whether the end was there, and nothing after it; to be looked at after the last packet."""
        try:
            block = self._read_block()
        except RemoteError:
            block = None
        if block is None or block[0] != _SECTION or len(block[1]) < 16 or block[1][:4] != struct.pack("<I", _MAGIC):
            raise RemoteError("this is no recording of remote access")
        comment = _options(block[1][16:]).get(_COMMENT, b"")
        try:
            self.about: dict[str, Any] = json.loads(comment)
            self._device_port = int(self.about["port"])
        except (ValueError, TypeError, KeyError) as error:
            raise RemoteError("the head of the recording does not say what it is of") from error

    @property
    def sha256(self) -> str:
        """Of everything that was read so far."""
        return self._sha256.hexdigest()

    def __iter__(self) -> Iterator[Recorded]:
        """The packets, oldest first, as far as they are whole. Raises `RemoteError` where a block makes no sense."""
        has_ended = False
        while (block := self._read_block()) is not None:
            kind, body = block
            if kind != _PACKET:
                continue
            found = self._packet(body)
            has_ended = bool(found.words)
            yield found
        self.is_whole = has_ended and not self._is_torn

    def _packet(self, body: bytes) -> Recorded:
        try:
            _, high, low, length, _ = struct.unpack_from("<IIIII", body)
            packet = body[20 : 20 + length]
            words = _options(body[20 + length + -length % 4 :]).get(_COMMENT, b"").decode(errors="replace")
            source_port, flags = struct.unpack_from(">H", packet, 20)[0], packet[33]
        except (struct.error, IndexError) as error:
            raise RemoteError("a packet of the recording makes no sense") from error
        way: Way = "down" if packet[12:16] != _packed(PERSON) and source_port == self._device_port else "up"
        return Recorded((high << 32) | low, way, packet[40:], bool(flags & _FIN), words.removeprefix(ENDING))

    def _read_block(self) -> tuple[int, bytes] | None:
        """The next block; None at the end, and where it is cut off."""
        head = self._file.read(8)
        if len(head) < 8:
            self._sha256.update(head)
            self._is_torn = bool(head)
            return None
        kind, length = struct.unpack("<II", head)
        if not 12 <= length <= MOST_BLOCK or length % 4:
            raise RemoteError("a block of the recording makes no sense")
        rest = self._file.read(length - 8)
        self._sha256.update(head + rest)
        if len(rest) < length - 8:
            self._is_torn = True
            return None
        if struct.unpack("<I", rest[-4:])[0] != length:
            raise RemoteError("a block of the recording makes no sense")
        self.whole_bytes += length
        return kind, rest[:-4]


def _device_address(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return DEVICE
    return str(address) if address.version == 4 and str(address) != PERSON else DEVICE


def _packed(address: str) -> bytes:
    return ipaddress.IPv4Address(address).packed


def _checksum(content: bytes) -> int:
    """The Internet checksum (RFC 1071): 2**16 is 1 modulo 2**16 - 1, so the sum of the words is the number's remainder."""
    number = int.from_bytes(content + b"\0" * (len(content) % 2), "big")
    remainder = number % 0xFFFF
    return ~(remainder or (0xFFFF if number else 0)) & 0xFFFF


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, content: bytes) -> bytes:
    return struct.pack("<HH", code, len(content)) + _padded(content)


def _no_more() -> bytes:
    return struct.pack("<HH", 0, 0)


def _options(raw: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while len(raw) >= 4:
        code, length = struct.unpack_from("<HH", raw)
        if code == 0:
            break
        found[code] = raw[4 : 4 + length]
        raw = raw[4 + length + -length % 4 :]
    return found
