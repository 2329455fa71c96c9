"""Point list rows for the tests of the codec."""

from __future__ import annotations

from typing import Any

import numpy as np

from tieline.config.modbus import ModbusRow
from tieline.model import PointId
from tieline.protocols.modbus import Image, plan_reads


def make_row(**columns: Any) -> ModbusRow:
    default = {"name": "p", "kind": "analog", "table": "holding_register", "address": 0, "poll": "fast"}
    return ModbusRow.model_validate(default | columns)


class Memory:
    """What a device holds, answered as the standard has it; among it words that make NaN, infinities and huge numbers."""

    PECULIAR = (0x0000, 0xFFFF, 0x7F80, 0xFF80, 0x7FC0, 0x7FF0, 0xFFF8, 0x0020, 0x807F, 0xF07F, 0x8000)

    def __init__(self, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.bits = {table: random.integers(0, 2, 65536, dtype=np.uint8) for table in (1, 2)}
        self.registers = {table: random.integers(0, 65536, 65536, dtype=np.uint16) for table in (3, 4)}
        for words in self.registers.values():
            is_peculiar = random.random(len(words)) < 0.3
            words[is_peculiar] = random.choice(np.array(self.PECULIAR, np.uint16), is_peculiar.sum())

    def answer(self, pdu: bytes) -> bytes:
        function, address, count = pdu[0], int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if function <= 2:
            data = np.packbits(self.bits[function][address : address + count], bitorder="little").tobytes()
        else:
            data = self.registers[function][address : address + count].astype(">u2").tobytes()
        return bytes((function, len(data))) + data


def make_image(rows: list[ModbusRow], **limits: int) -> Image:
    blocks = plan_reads(rows, **({"max_registers": 125, "max_bits": 2000, "max_gap": 16} | limits))
    return Image(rows, [PointId(number) for number in range(len(rows))], blocks)


def fill(image: Image, memory: Memory, time_us: int = 1) -> None:
    for number, block in enumerate(image.blocks):
        image.store(number, block.request.payload(memory.answer(block.request.pdu)), time_us)


def in_row_order(image: Image, column: np.ndarray) -> np.ndarray:
    ordered = np.empty_like(column)
    ordered[image.order] = column
    return ordered
