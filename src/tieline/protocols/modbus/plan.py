"""Which requests a poll group needs: the fewest that the device's limits allow.

Values are intervals of one table. Sorted by their start, each joins the open block as long as the block stays within the limit and the
gap before it is tolerable; otherwise it opens the next one. No plan has fewer blocks: the first must begin where the first value does,
ending it later is impossible, and a later beginning of the next only lets it reach further. A value is never divided, so
it cannot be torn between two answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from tieline.config.modbus import ModbusRow, Table
from tieline.model import ConfigError
from tieline.protocols.modbus.wire import ReadRequest

BIT_TABLES: frozenset[Table] = frozenset({"coil", "discrete_input"})
_TABLES: tuple[Table, ...] = get_args(Table)


@dataclass(frozen=True, slots=True)
class Block:
    """One read request and the indices of the rows that it serves."""

    request: ReadRequest
    rows: tuple[int, ...]

    @property
    def end(self) -> int:
        """The address after the last one."""
        return self.request.address + self.request.count


def plan_reads(rows: Sequence[ModbusRow], *, max_registers: int, max_bits: int, max_gap: int) -> tuple[Block, ...]:
    """The fewest blocks that read all rows, table by table in the order of addresses.

    `max_gap` is in registers; in bit tables it allows as many bytes of unwanted bits. Raises `ConfigError` for a value that no
    request of that size can hold.
    """
    blocks: list[Block] = []
    for table in _TABLES:
        is_bits = table in BIT_TABLES
        limit, gap = (max_bits, 16 * max_gap) if is_bits else (max_registers, max_gap)
        indices = [index for index, row in enumerate(rows) if row.table == table]
        blocks += _cover(rows, indices, table, limit, gap)
    return tuple(blocks)


def _cover(rows: Sequence[ModbusRow], indices: Iterable[int], table: Table, limit: int, gap: int) -> list[Block]:
    blocks: list[Block] = []
    held: list[int] = []
    start = end = 0
    for index in sorted(indices, key=lambda index: (rows[index].address, rows[index].length)):
        row = rows[index]
        if row.length > limit:
            raise ConfigError(f"{row.name} takes {row.length} of the table {table}, but a request may read {limit} only")
        stop = max(end, row.address + row.length)
        if held and (stop - start > limit or row.address - end > gap):
            blocks.append(Block(ReadRequest(table, start, end - start), tuple(held)))
            held = []
        if not held:
            start, stop = row.address, row.address + row.length
        held.append(index)
        end = stop
    if held:
        blocks.append(Block(ReadRequest(table, start, end - start), tuple(held)))
    return blocks


def split_block(rows: Sequence[ModbusRow], block: Block) -> tuple[Block, ...]:
    """The block in smaller pieces: at its gaps where it has any, otherwise in two halves; the block alone where it cannot be split."""
    table = block.request.table
    pieces = _cover(rows, block.rows, table, block.request.count, 0)
    if len(pieces) > 1:
        return tuple(pieces)
    ordered = sorted(block.rows, key=lambda index: (rows[index].address, rows[index].length))
    # A cut is possible where a value begins that none before it reaches into.
    cuts, end = [], 0
    for position, index in enumerate(ordered):
        if position and rows[index].address >= end:
            cuts.append(position)
        end = max(end, rows[index].address + rows[index].length)
    if not cuts:
        return (block,)
    cut = min(cuts, key=lambda position: abs(position - len(ordered) / 2))
    limit = block.request.count
    return (*_cover(rows, ordered[:cut], table, limit, 0), *_cover(rows, ordered[cut:], table, limit, 0))
