from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline import config
from tieline.config import ModbusRow, TcpConnection
from tieline.model import PointId, Reporting
from tieline.protocols.modbus import Image, encode_write, plan_reads
from tieline.simulator import Behavior, ModbusDevice
from tieline.simulator.devices.registers import Registers

LIMITS = {"int16": 2**15, "uint16": 2**16, "int32": 2**31, "uint32": 2**32, "int64": 2**63, "uint64": 2**64}


def row(name: str = "p", **columns: object) -> ModbusRow:
    given: dict[str, object] = {"name": name, "kind": "analog", "table": "holding_register", "address": 0, "poll": "fast"}
    return ModbusRow.model_validate(given | columns)


def device(*rows: ModbusRow) -> ModbusDevice:
    return ModbusDevice(
        config.ModbusDevice(
            site="s",
            name="d",
            protocol="modbus",
            description="",
            connection=TcpConnection(host="127.0.0.1"),
            polls={"fast": 1.0},
            rows=rows,
            points=tuple(row.to_point("s", "d", Reporting()) for row in rows),
        )
    )


@pytest.mark.parametrize(
    ("order", "content"),
    [("ABCD", "41480000"), ("CDAB", "00004148"), ("BADC", "48410000"), ("DCBA", "00004841")],
)
def test_a_float_lies_in_the_order_that_its_row_says(order: str, content: str) -> None:
    registers = Registers([row(type="float32", word_order=order)])
    registers.write_points(np.array([12.5]))
    assert registers.read("holding_register", 0, 2).hex() == content


@pytest.mark.parametrize("name", LIMITS)
def test_values_beyond_a_type_go_to_its_limits(name: str) -> None:
    registers = Registers([row(type=name)])
    signed = not name.startswith("u")
    for value, limit in ((1e30, LIMITS[name] - 1), (-1e30, -LIMITS[name] if signed else 0)):
        registers.write_points(np.array([value]))
        assert registers.read_points()[0] == pytest.approx(float(limit), rel=1e-12)


def test_scale_and_offset_are_undone() -> None:
    registers = Registers([row(type="int16", scale=-0.1, offset=5.0)])
    registers.write_points(np.array([7.5]))
    assert struct.unpack(">h", registers.read("holding_register", 0, 1)) == (-25,)


def test_bit_fields_share_a_register_and_leave_its_other_bits() -> None:
    rows = [row("a", type="bits", bit=0, bits=2), row("b", type="bits", bit=5, bits=3)]
    registers = Registers(rows)
    registers.write_registers(0, b"\x80\x04")
    registers.write_points(np.array([2.0, 5.0]))
    assert registers.read("holding_register", 0, 1).hex() == "80a6"
    assert registers.read_points().tolist() == [2.0, 5.0]


def test_a_double_point_in_a_bit_table_has_its_lower_bit_first() -> None:
    registers = Registers([row(kind="double", table="discrete_input", address=3, bits=2)])
    registers.write_points(np.array([2.0]))
    assert registers.read("discrete_input", 0, 5) == bytes([0b10000])


def test_not_a_number_is_zero_in_an_integer_and_itself_in_a_float() -> None:
    registers = Registers([row("a", type="int16"), row("b", type="float32", address=1)])
    registers.write_points(np.array([np.nan, np.nan]))
    assert registers.read_points()[0] == 0
    assert np.isnan(registers.read_points()[1])


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]),
        st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]),
        st.sampled_from(["holding_register", "input_register"]),
        st.sampled_from([1.0, 0.1, -0.5, 10.0]),
        st.floats(min_value=-1, max_value=1),
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(ROWS)
def test_the_driver_reads_what_the_simulator_wrote(specified: list[tuple[str, str, str, float, float]]) -> None:
    rows, values, address = [], [], 0
    for number, (kind, order, table, scale, share) in enumerate(specified):
        rows.append(row(f"p{number}", type=kind, word_order=order, table=table, address=address, scale=scale))
        values.append(share * min(LIMITS.get(kind, 1000) / 2 - 1, 2**50) * abs(scale))
        address += rows[-1].length
    registers = Registers(rows)
    registers.write_points(np.array(values))
    blocks = plan_reads(rows, max_registers=125, max_bits=2000, max_gap=16)
    image = Image(rows, [PointId(number) for number in range(len(rows))], blocks)
    for number, block in enumerate(blocks):
        request = block.request
        image.store(number, registers.read(request.table, request.address, request.count), 1)
    samples = image.samples()
    read = dict(zip(samples.point.tolist(), samples.value.tolist(), strict=True))
    own = registers.read_points()
    for number in range(len(rows)):
        assert read[number] == pytest.approx(own[number], rel=1e-12, abs=1e-12)
        step = abs(rows[number].scale)
        raw_low = 0.0 if rows[number].type.startswith("u") else -np.inf
        if values[number] / rows[number].scale >= raw_low:
            assert own[number] == pytest.approx(values[number], rel=1e-6, abs=step / 2 + 1e-9)


@settings(deadline=None)
@given(
    st.sampled_from(["int16", "uint16", "int32", "uint32", "int64", "float32", "float64"]),
    st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]),
    st.integers(0, 32_000),
)
def test_the_simulator_takes_what_the_driver_writes(kind: str, order: str, value: int) -> None:
    written: list[tuple[int, float]] = []
    simulated = device(row(kind="setpoint", type=kind, word_order=order, address=4))
    simulated.on_write = lambda number, value: written.append((number, value))
    request = encode_write(simulated.row(0), float(value))
    assert simulated.answer(request.request.pdu)[0] < 0x80  # type: ignore[union-attr]
    assert written == [(0, float(value))]
    assert simulated.values[0] == value


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_request_has_an_answer(request: bytes) -> None:
    simulated = device(row("a", kind="setpoint"), row("b", kind="control", table="coil"), row("c", table="input_register"))
    answer = simulated.answer(request)
    assert 2 <= len(answer) <= 253
    function = request[0] if request else 0
    assert answer[0] in {function, function | 0x80}


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("0300000001", "03020000"),
        ("0300000002", "8302"),  # beyond the last address
        ("0300000000", "8303"),  # nothing asked
        ("030000007e", "8303"),  # more than 125
        ("03000000", "8303"),  # cut off
        ("0600000005", "0600000005"),
        ("0600010005", "8602"),  # not writable
        ("10000000010200ff", "1000000001"),
        ("10000000020200ff", "9003"),  # byte count does not fit
        ("060000ffff", "8603"),  # above the high limit
        ("0500001234", "8503"),  # neither on nor off
        ("2b0e0100", "ab01"),  # unknown function
    ],
)
def test_requests_are_answered_as_the_specification_says(request_: str, answer: str) -> None:
    simulated = device(row("a", kind="setpoint", high=1000), row("b", kind="control", table="coil"))
    assert simulated.answer(bytes.fromhex(request_)).hex() == answer


def test_a_refused_write_changes_nothing() -> None:
    simulated = device(row("a", kind="setpoint", high=1000))
    simulated.change({"a": 7.0})
    assert simulated.answer(bytes.fromhex("060000ffff")).hex() == "8603"
    assert simulated.answer(bytes.fromhex("0300000001")).hex() == "03020007"


def test_a_written_setpoint_shows_in_the_feedback_of_the_same_registers() -> None:
    simulated = device(row("set", kind="setpoint"), row("is", kind="analog"))
    simulated.answer(bytes.fromhex("0600000005"))
    assert simulated.values.tolist() == [5.0, 5.0]
    simulated.change({})
    assert simulated.answer(bytes.fromhex("0300000001")).hex() == "03020005"


def test_several_coils_are_written_at_once() -> None:
    coils = [row(f"c{number}", kind="control", table="coil", address=number) for number in range(10)]
    simulated = device(*coils)
    written: dict[int, float] = {}
    simulated.on_write = written.__setitem__
    assert simulated.answer(bytes.fromhex("0f0000000a020503")).hex() == "0f0000000a"
    assert [written[number] for number in range(10)] == [1, 0, 1, 0, 0, 0, 0, 0, 1, 1]
    assert simulated.answer(bytes.fromhex("010000000a")).hex() == "01020503"


def test_a_refusing_device_answers_its_exception() -> None:
    simulated = device(row())
    simulated.behavior = Behavior(manner="refusing", exception=6)
    assert simulated.answer(bytes.fromhex("0300000001")).hex() == "8306"


def test_values_of_all_points_change_together() -> None:
    simulated = device(*(row(f"p{number}", address=number) for number in range(100)))
    for step in range(3):
        simulated.publish(np.full(100, float(step)))
        registers = struct.unpack(">100H", simulated.answer(bytes.fromhex("0300000064"))[2:])
        assert all(one == other == step for one, other in pairwise(registers))
