"""Writes: the inverse of reading."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tieline.protocols.modbus import ReadModifyWrite, ValueRefusedError, Write, encode_write

from .rows import Memory, fill, make_image, make_row
from .test_image import FORMATS, ORDERS

SPANS = {"int16": (-(2**15), 2**15 - 1), "uint16": (0, 65535), "int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1),
         "int64": (-(2**53), 2**53), "uint64": (0, 2**53)}  # fmt: skip


def carry_out(memory: Memory, plan: Write | ReadModifyWrite) -> None:
    """What a device does with the request."""
    request = plan.request if isinstance(plan, Write) else plan.write(plan.read.payload(memory.answer(plan.read.pdu)))
    pdu = request.pdu
    function, address = pdu[0], int.from_bytes(pdu[1:3], "big")
    if function == 5:
        memory.bits[1][address] = pdu[3] == 0xFF
    elif function == 6:
        memory.registers[3][address] = int.from_bytes(pdu[3:5], "big")
    else:
        count, data = int.from_bytes(pdu[3:5], "big"), pdu[6:]
        assert len(data) == pdu[5]
        if function == 15:
            memory.bits[1][address : address + count] = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[:count]
        else:
            memory.registers[3][address : address + count] = np.frombuffer(data, ">u2")
    request.check(pdu[:5])


def read_back(row, memory: Memory) -> float:
    image = make_image([row])
    fill(image, memory)
    return float(image.samples().value[0])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", SPANS)
@given(data=st.data())
def test_an_integer_that_was_written_is_read_back(kind, order, data):
    value = data.draw(st.integers(*SPANS[kind]))
    row = make_row(kind="setpoint", type=kind, word_order=order, address=3)
    memory = Memory()
    carry_out(memory, encode_write(row, float(value)))
    assert read_back(row, memory) == value


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["float32", "float64"])
@given(data=st.data())
def test_a_float_that_was_written_is_read_back(kind, order, data):
    value = data.draw(st.floats(allow_nan=False, allow_infinity=False, width=int(kind[5:])))
    row = make_row(kind="setpoint", type=kind, word_order=order, address=3)
    memory = Memory()
    carry_out(memory, encode_write(row, value))
    assert read_back(row, memory) == value


@given(
    st.sampled_from(list(FORMATS)), st.floats(-1e4, 1e4), st.sampled_from([0.1, -0.25, 3.0]), st.sampled_from([0.0, -40.0, 7.5])
)
def test_a_scaled_value_is_read_back_within_half_a_step_or_refused(kind, value, scale, offset):
    row = make_row(kind="setpoint", type=kind, scale=scale, offset=offset)
    memory = Memory()
    try:
        carry_out(memory, encode_write(row, value))
    except ValueRefusedError:
        lowest, highest = SPANS[kind]
        assert not lowest <= round((value - offset) / scale) <= highest
        return
    step = abs(scale) / 2 if kind in SPANS else 1e-3
    assert abs(read_back(row, memory) - value) <= step * (1 + 1e-9)


@given(st.integers(0, 15), st.integers(1, 16), st.sampled_from(ORDERS), st.data())
def test_a_bit_field_changes_its_own_bits_only(bit, bits, order, data):
    assume(bit + bits <= 16)
    row = make_row(kind="control", type="bits", bit=bit, bits=bits, word_order=order)
    others = [make_row(type="bits", bit=place, word_order=order) for place in range(16) if not bit <= place < bit + bits]
    memory = Memory(data.draw(st.integers(0, 99)))
    before = [read_back(other, memory) for other in others]
    value = data.draw(st.integers(0, 2**bits - 1))
    plan = encode_write(row, value)
    assert isinstance(plan, Write if bits == 16 else ReadModifyWrite)
    carry_out(memory, plan)
    assert read_back(row, memory) == value
    assert [read_back(other, memory) for other in others] == before


@given(st.integers(1, 16), st.data())
def test_coils_that_were_written_are_read_back(bits, data):
    row = make_row(table="coil", kind="control", bits=bits, address=5)
    value = data.draw(st.integers(0, 2**bits - 1))
    memory = Memory()
    carry_out(memory, encode_write(row, value))
    assert read_back(row, memory) == value


def test_the_function_follows_from_what_is_written():
    functions = {
        5: make_row(table="coil", kind="control"),
        6: make_row(kind="setpoint"),
        15: make_row(table="coil", kind="control", bits=2),
        16: make_row(kind="setpoint", type="float32"),
    }
    for function, row in functions.items():
        plan = encode_write(row, 1)
        assert isinstance(plan, Write)
        assert plan.request.pdu[0] == function


@pytest.mark.parametrize(
    ("columns", "value", "reason"),
    [
        ({"kind": "setpoint", "type": "int16"}, 32768, "takes -32768 to 32767"),
        ({"kind": "setpoint", "type": "uint16", "scale": 0.1}, -1, "takes 0 to 6553.5"),
        ({"kind": "setpoint", "type": "uint64"}, 2.0**64, "does not fit"),
        ({"kind": "setpoint", "type": "float32"}, 1e39, "3.4e38"),
        ({"kind": "setpoint", "type": "float64", "scale": 1e-300}, 1e300, "infinite"),
        ({"kind": "setpoint"}, math.nan, "nan"),
        ({"kind": "setpoint"}, math.inf, "inf"),
        ({"kind": "control", "table": "coil"}, 2, "takes 0 to 1"),
        ({"kind": "control", "table": "coil"}, 0.5, "is a state"),
        ({"kind": "control", "type": "bits", "bits": 2}, 4, "takes 0 to 3"),
        ({"kind": "setpoint", "table": "input_register"}, 1, "cannot be written"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(columns, value, reason):
    with pytest.raises(ValueRefusedError, match=reason):
        encode_write(make_row(**columns), value)
