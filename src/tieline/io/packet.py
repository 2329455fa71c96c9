"""Raw Ethernet frames of chosen ethertypes from one interface, through a ring that the kernel fills (Linux, `TPACKET_V3`).

The kernel writes frames into blocks of memory that both sides see, and hands a block over when it is full or a few milliseconds old. A
flood waits in the ring while Python is busy, and taking a frame out costs no system call. What the ring could not hold is counted. A
network card takes the VLAN tag out of a frame and the kernel keeps it beside; here it is put back, so that frames are as they were on
the wire.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

from tieline.model import LocalError, UnavailableError

RING_SIZE = 8 << 20
"""Octets of the ring: some 28,000 frames of 200 octets."""

_BLOCK_SIZE = 1 << 18
_RETIRE_MS = 4
_SLOT = 2_048

# linux/if_packet.h, linux/filter.h
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_RX_RING = 5
_PACKET_STATISTICS = 6
_PACKET_VERSION = 10
_PACKET_IGNORE_OUTGOING = 23
_TPACKET_V3 = 2
_MR_ALL_MULTICAST = 2
_SO_ATTACH_FILTER = 26
_ETH_P_ALL = 3
_STATUS_USER = 1
_STATUS_VLAN_VALID = 1 << 4
_STATUS_TPID_VALID = 1 << 6
_ETHERTYPE_VLAN = 0x8100

_BLOCK = struct.Struct("=8xIII")
"""Status, number of packets, offset of the first one."""
_PACKET = struct.Struct("=I8xI4xIH6xIH")
"""Offset of the next one, octets captured, status, offset of the frame, VLAN tag, its ethertype."""
_INSTRUCTION = struct.Struct("=HBBI")


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketStatistics:
    """What came in since the socket was opened."""

    received: int
    """Frames that reached the ring."""
    dropped: int
    """Frames that the kernel had no room for."""


class PacketChannel(Protocol):
    """What users of raw frames need; tests pass one that is no socket."""

    def fileno(self) -> int:
        """Readable when there is something to receive."""
        ...

    def receive(self) -> list[bytes]:
        """Frames that wait; none where there are none. Raises `UnavailableError` where the interface is gone."""
        ...

    def send(self, frame: bytes) -> None:
        """Sends one frame. Raises `UnavailableError` where it cannot be."""
        ...

    @property
    def statistics(self) -> PacketStatistics:
        """A snapshot."""
        ...

    def close(self) -> None:
        """Ends it; harmless when repeated."""
        ...


class PacketSocket:
    """An `AF_PACKET` socket with a receive ring; get one with `open_packet`."""

    def __init__(self, sock: socket.socket, interface: str, blocks: int) -> None:
        self.interface = interface
        self._socket = sock
        self._ring = mmap.mmap(sock.fileno(), blocks * _BLOCK_SIZE)
        self._blocks = blocks
        self._next = 0
        self._received = self._dropped = 0

    def fileno(self) -> int:
        """Readable when a block is full or old enough."""
        return self._socket.fileno()

    def receive(self) -> list[bytes]:
        """The frames of the oldest block, at most some thousands; none where there is none.

        Raises `UnavailableError` when the interface went down or away; the socket is of no use then.
        """
        ring, start = self._ring, self._next * _BLOCK_SIZE
        status, count, at = _BLOCK.unpack_from(ring, start)
        if not status & _STATUS_USER:
            self._check()
            return []
        at += start
        frames = []
        for _ in range(count):
            step, size, flags, offset, tag, tag_type = _PACKET.unpack_from(ring, at)
            begin = at + offset
            if flags & _STATUS_VLAN_VALID:
                kind = tag_type if flags & _STATUS_TPID_VALID else _ETHERTYPE_VLAN
                frames.append(
                    b"%b%c%c%c%c%b"
                    % (
                        ring[begin : begin + 12],
                        kind >> 8,
                        kind & 0xFF,
                        tag >> 8 & 0xFF,
                        tag & 0xFF,
                        ring[begin + 12 : begin + size],
                    )
                )
            else:
                frames.append(ring[begin : begin + size])
            at += step
        # From here on the block is the kernel's again.
        struct.pack_into("=I", ring, start + 8, 0)
        self._next = (self._next + 1) % self._blocks
        return frames

    def _check(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise UnavailableError(f"the interface {self.interface} cannot be read: {os.strerror(code)}")

    def send(self, frame: bytes) -> None:
        """Sends one frame as it is, with the VLAN tag where it has one. Raises `UnavailableError` where the interface does not take it."""
        try:
            self._socket.send(frame)
        except OSError as error:
            raise UnavailableError(f"the interface {self.interface} does not take a frame: {error.strerror}") from error

    @property
    def statistics(self) -> PacketStatistics:
        """How many frames came and how many were dropped, as the kernel says; since the socket was opened."""
        self._count()
        return PacketStatistics(received=self._received, dropped=self._dropped)

    def _count(self) -> None:
        if self._socket.fileno() >= 0:
            octets = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)
            total, dropped, _ = struct.unpack("=III", octets)
            # The kernel counts dropped ones among all, and begins at 0 again after each look.
            self._received += total - dropped
            self._dropped += dropped

    def close(self) -> None:
        """Ends it; harmless when repeated."""
        self._count()
        self._ring.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_packet(interface: str, ethertypes: Iterable[int], *, ring_size: int = RING_SIZE) -> PacketSocket:
    """Opens an interface for frames of these ethertypes, tagged or not; frames that this machine sends are not among them.

    Raises `UnavailableError` without the capability CAP_NET_RAW, without such an interface, or where it is down.
    """
    blocks = max(2, ring_size // _BLOCK_SIZE)
    try:
        number = socket.if_nametoindex(interface)
        # Nothing arrives before it is bound, so that no frame passes the filter that is not there yet.
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    except PermissionError as error:
        raise UnavailableError(
            f"raw frames from {interface} need the capability CAP_NET_RAW: run as a user or service that has it"
        ) from error
    except OSError as error:
        raise UnavailableError(f"cannot open the interface {interface}: {error.strerror or error}") from error
    try:
        _attach_filter(sock, ethertypes)
        sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        request = struct.pack("=7I", _BLOCK_SIZE, blocks, _SLOT, blocks * _BLOCK_SIZE // _SLOT, _RETIRE_MS, 0, 0)
        sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
        sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        sock.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, struct.pack("=iHH8s", number, _MR_ALL_MULTICAST, 0, b""))
        sock.bind((interface, _ETH_P_ALL))
        # Binding to an interface that is down succeeds; the error waits at the socket.
        if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))  # noqa: TRY301 - the one place that puts it into words follows
        return PacketSocket(sock, interface, blocks)
    except OSError as error:
        sock.close()
        raise UnavailableError(f"cannot open the interface {interface}: {error.strerror or error}") from error
    except BaseException:
        sock.close()
        raise


def _attach_filter(sock: socket.socket, ethertypes: Iterable[int]) -> None:
    wanted = sorted(set(ethertypes))
    if not 1 <= len(wanted) <= 16 or not all(0x600 <= each <= 0xFFFF for each in wanted):
        raise LocalError(f"no ethertypes to listen for: {wanted}")
    code = _filter(wanted)
    program = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*each) for each in code))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(code), ctypes.addressof(program)))


def _filter(ethertypes: list[int]) -> list[tuple[int, int, int, int]]:
    """Of the classic Berkeley packet filter: load the ethertype, behind a tag where there is one; compare; take all or nothing."""
    load_half, jump_equal, give = 0x28, 0x15, 0x06
    count = len(ethertypes)
    code = [(load_half, 0, 0, 12), (jump_equal, 0, 1, _ETHERTYPE_VLAN), (load_half, 0, 0, 16)]
    code += [(jump_equal, count - number, 0, ethertype) for number, ethertype in enumerate(ethertypes)]
    return [*code, (give, 0, 0, 0), (give, 0, 0, 0x40000)]
