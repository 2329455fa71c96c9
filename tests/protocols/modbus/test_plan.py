"""The fewest requests, checked against every possible way to combine the values."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.model import ConfigError
from tieline.protocols.modbus import plan_reads, split_block

from .rows import make_row

TYPES = {1: "uint16", 2: "float32", 4: "float64"}

register_rows = st.lists(
    st.builds(
        lambda address, length: make_row(address=address, type=TYPES[length]), st.integers(0, 24), st.sampled_from([1, 2, 4])
    ),
    max_size=7,
)
bit_rows = st.lists(
    st.builds(lambda address, bits: make_row(table="coil", address=address, bits=bits), st.integers(0, 60), st.integers(1, 4)),
    max_size=7,
)


def partitions(items: list[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    for rest in partitions(items[1:]):
        yield [[items[0]], *rest]
        for position, part in enumerate(rest):
            yield [*rest[:position], [items[0], *part], *rest[position + 1 :]]


def is_allowed(rows, part: list[int], limit: int, gap: int) -> bool:
    spans = sorted((rows[index].address, rows[index].address + rows[index].length) for index in part)
    end = spans[0][1]
    for start, stop in spans:
        if start - end > gap:
            return False
        end = max(end, stop)
    return end - spans[0][0] <= limit


def check(rows, blocks, limit: int, gap: int) -> None:
    served = sorted(index for block in blocks for index in block.rows)
    assert served == list(range(len(rows)))
    for block in blocks:
        assert is_allowed(rows, list(block.rows), limit, gap)
        assert block.request.count <= limit
        for index in block.rows:
            assert block.request.address <= rows[index].address
            assert rows[index].address + rows[index].length <= block.end


@given(register_rows, st.integers(4, 20), st.integers(0, 6))
def test_no_way_to_combine_registers_needs_fewer_requests(rows, limit, gap):
    blocks = plan_reads(rows, max_registers=limit, max_bits=2000, max_gap=gap)
    check(rows, blocks, limit, gap)
    fewest = min(
        len(way) for way in partitions(list(range(len(rows)))) if all(is_allowed(rows, part, limit, gap) for part in way)
    )
    assert len(blocks) == fewest


@given(bit_rows, st.integers(4, 60), st.integers(0, 2))
def test_no_way_to_combine_bits_needs_fewer_requests(rows, limit, gap):
    blocks = plan_reads(rows, max_registers=125, max_bits=limit, max_gap=gap)
    check(rows, blocks, limit, 16 * gap)
    fewest = min(
        len(way) for way in partitions(list(range(len(rows)))) if all(is_allowed(rows, part, limit, 16 * gap) for part in way)
    )
    assert len(blocks) == fewest


def test_tables_are_never_mixed_and_the_last_address_is_reached():
    rows = [make_row(table=table, address=65535) for table in ("coil", "discrete_input", "holding_register", "input_register")]
    blocks = plan_reads(rows, max_registers=125, max_bits=2000, max_gap=124)
    assert sorted(block.request.pdu for block in blocks) == [bytes((function, 255, 255, 0, 1)) for function in (1, 2, 3, 4)]


def test_a_thousand_floats_take_seventeen_requests():
    rows = [make_row(address=2 * number, type="float32") for number in range(1000)]
    blocks = plan_reads(rows, max_registers=125, max_bits=2000, max_gap=0)
    assert [block.request.count for block in blocks] == [124] * 16 + [16]


def test_a_value_that_no_request_can_hold_is_the_engineers_mistake():
    with pytest.raises(ConfigError, match="takes 4"):
        plan_reads([make_row(type="float64")], max_registers=3, max_bits=2000, max_gap=0)


def test_a_block_is_split_at_its_gaps_first():
    rows = [make_row(address=address) for address in (0, 1, 5, 6)]
    (block,) = plan_reads(rows, max_registers=125, max_bits=2000, max_gap=16)
    assert [(piece.request.address, piece.request.count) for piece in split_block(rows, block)] == [(0, 2), (5, 2)]


@given(st.one_of(register_rows, bit_rows).filter(bool), st.integers(0, 16))
def test_splitting_ends_with_single_values_or_ones_that_overlap_and_loses_none(rows, gap):
    todo = list(plan_reads(rows, max_registers=125, max_bits=2000, max_gap=gap))
    done = []
    while todo:
        block = todo.pop()
        pieces = split_block(rows, block)
        assert sorted(index for piece in pieces for index in piece.rows) == sorted(block.rows)
        if len(pieces) == 1:
            done.append(block)
        else:
            todo += pieces
    check(rows, done, 2000, 0)
    for block in done:
        starts = {rows[index].address for index in block.rows}
        assert len(starts) == 1 or block.request.count < sum(rows[index].length for index in block.rows)
