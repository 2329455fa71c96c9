"""How values lie in registers: numpy types, and the order of bytes on the wire."""

from __future__ import annotations

from tieline.config.modbus import DataType, WordOrder

BIG_ENDIAN: dict[DataType, str] = {
    "bits": ">u2",
    "int16": ">i2",
    "uint16": ">u2",
    "int32": ">i4",
    "uint32": ">u4",
    "int64": ">i8",
    "uint64": ">u8",
    "float32": ">f4",
    "float64": ">f8",
}
"""The numpy type of a value whose bytes stand in the order most significant first."""

INTEGER_SPAN: dict[DataType, tuple[int, int]] = {
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}


def byte_positions(order: WordOrder, registers: int) -> tuple[int, ...]:
    """Where each byte of a value, most significant first, stands among the bytes of its registers.

    ABCD is the order of the standard; CDAB has the registers in reverse, BADC the two bytes of every register, DCBA both. With four
    registers the same words hold: CDAB reads GHEFCDAB in the letters of eight bytes. A single register knows AB (ABCD, CDAB) and
    BA (BADC, DCBA).
    """
    positions = []
    for byte in range(2 * registers):
        word, half = divmod(byte, 2)
        if order in {"CDAB", "DCBA"}:
            word = registers - 1 - word
        if order in {"BADC", "DCBA"}:
            half = 1 - half
        positions.append(2 * word + half)
    return tuple(positions)
