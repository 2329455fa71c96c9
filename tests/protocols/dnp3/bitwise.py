"""Frames made octet by octet and bit by bit, by another way than the one under test."""

from __future__ import annotations


def crc(data: bytes) -> int:
    """CRC-16/DNP by its definition: most significant bit first over reflected octets, generator 3D65h."""
    register = 0
    for octet in data:
        for bit in range(8):
            carry = (register >> 15) ^ (octet >> bit & 1)
            register = (register << 1) & 0xFFFF
            if carry:
                register ^= 0x3D65
    return int(f"{register ^ 0xFFFF:016b}"[::-1], 2)


def checked(data: bytes) -> bytes:
    return data + crc(data).to_bytes(2, "little")


def frame(control: int, destination: int, source: int, payload: bytes = b"") -> bytes:
    header = bytes((5, 0x64, 5 + len(payload), control)) + destination.to_bytes(2, "little") + source.to_bytes(2, "little")
    blocks = [checked(payload[start : start + 16]) for start in range(0, len(payload), 16)]
    return checked(header) + b"".join(blocks)
