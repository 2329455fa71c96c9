"""Commands as two other stacks read and write them, and what no command can be."""

from __future__ import annotations

import itertools
import math

import pytest
from dnp3.objects.binary_output import CROB
from hypothesis import given
from hypothesis import strategies as st
from py1815 import control as py1815

from tieline.model import LocalError
from tieline.protocols.dnp3.application import Control, Function, encode_block, encode_fragment, parse_fragment
from tieline.protocols.dnp3.commands import AnalogCommand, BinaryCommand, CommandStatus, Operation, TripClose, command_block

binary_commands = st.builds(
    BinaryCommand,
    operation=st.sampled_from(Operation),
    trip_close=st.sampled_from(TripClose),
    clear=st.booleans(),
    queue=st.booleans(),
    count=st.integers(0, 255),
    on_ms=st.integers(0, 0xFFFFFFFF),
    off_ms=st.integers(0, 0xFFFFFFFF),
)


def analog_commands(variation):
    values = {
        1: st.integers(-(2**31), 2**31 - 1),
        2: st.integers(-(2**15), 2**15 - 1),
        3: st.floats(width=32, allow_nan=False, allow_infinity=False),
        4: st.floats(allow_nan=False, allow_infinity=False),
    }[variation]
    return values.map(lambda value: AnalogCommand(value=value, variation=variation))


@given(st.integers(0, 0xFFFF), binary_commands)
def test_a_control_relay_output_block_is_the_one_of_py1815(index, command):
    octets = encode_block(command_block(index, command))
    head = bytes((12, 1, 0x17, 1, index)) if index <= 0xFF else bytes((12, 1, 0x28, 1, 0)) + index.to_bytes(2, "little")
    assert octets[: len(head)] == head
    theirs = py1815.decode_crob(octets[len(head) :])
    assert (theirs.operation, theirs.trip_close) == (command.operation, command.trip_close)
    assert (theirs.clear, theirs.queued) == (command.clear, command.queue)
    assert (theirs.count, theirs.on_time_ms, theirs.off_time_ms) == (command.count, command.on_ms, command.off_ms)
    assert theirs.status == CommandStatus.SUCCESS
    assert py1815.encode_crob(theirs) == octets[len(head) :]


def test_a_control_relay_output_block_is_the_one_of_dnp3py():
    command = BinaryCommand(operation=Operation.PULSE_ON, trip_close=TripClose.TRIP, count=3, on_ms=500, off_ms=70_000)
    octets = encode_block(command_block(7, command))[5:]
    theirs = CROB.from_bytes(octets)
    assert theirs.to_bytes() == octets == bytes.fromhex("81 03 F4010000 70110100 00")


@pytest.mark.parametrize("variation", [1, 2, 3, 4])
@given(data=st.data())
def test_an_analog_output_block_is_the_one_of_py1815(variation, data):
    command = data.draw(analog_commands(variation))
    octets = encode_block(command_block(5, command))
    assert octets[:5] == bytes((41, variation, 0x17, 1, 5))
    theirs = py1815.decode_analog_output(octets[5:], variation)
    assert (theirs.value, theirs.status) == (command.value, 0)
    assert py1815.encode_analog_output(py1815.AnalogOutput(command.value, variation)) == octets[5:]


def test_a_close_by_pulse_is_41_hex():
    command = BinaryCommand(operation=Operation.PULSE_ON, trip_close=TripClose.CLOSE, on_ms=100, off_ms=100)
    data = encode_fragment(Control(sequence=3), Function.SELECT, [command_block(10, command)])
    assert data == bytes.fromhex("C3 03 0C0117 01 0A 41 01 64000000 64000000 00")


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), binary_commands), min_size=1, max_size=5))
def test_commands_of_one_request_come_back(commands):
    sent = [command_block(index, command) for index, command in commands]
    fragment = parse_fragment(encode_fragment(Control(), Function.OPERATE, sent))
    assert fragment.fault is None
    for found, (index, command) in zip(fragment.blocks, commands, strict=True):
        assert found.points.tolist() == [index]
        assert found.records.tolist() == [(command.code, command.count, command.on_ms, command.off_ms, 0)]


def test_every_code_is_made_of_its_parts():
    codes = set()
    for operation, trip_close, clear, queue in itertools.product(Operation, TripClose, (False, True), (False, True)):
        codes.add(BinaryCommand(operation=operation, trip_close=trip_close, clear=clear, queue=queue).code)
    assert codes == {octet for octet in range(256) if octet & 0x0F <= 4}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"count": -1}, "0 to 255 times, not -1"),
        ({"count": 256}, "0 to 255 times, not 256"),
        ({"on_ms": -1}, "the on-time is 0 to 4294967295 ms, not -1"),
        ({"off_ms": 1 << 32}, "the off-time is 0 to 4294967295 ms, not 4294967296"),
    ],
)
def test_a_binary_command_out_of_bounds_is_refused(columns, message):
    with pytest.raises(LocalError, match=message):
        BinaryCommand(operation=Operation.LATCH_ON, **columns)


@pytest.mark.parametrize(
    ("variation", "value"),
    [
        *itertools.product([1, 2, 3, 4], [math.nan, math.inf, -math.inf, 10**400]),
        (1, 0.5),
        (1, 2**31),
        (1, -(2**31) - 1),
        (2, 32768),
        (2, -32769),
        (2, 1e300),
        (3, 3.5e38),
        (3, -3.5e38),
    ],
)
def test_an_analog_command_that_its_variation_cannot_hold_is_refused(variation, value):
    with pytest.raises(LocalError, match=f"g41v{variation}"):
        AnalogCommand(value=value, variation=variation)


@pytest.mark.parametrize("index", [-1, 65_536])
def test_a_command_to_an_index_that_no_outstation_has_is_refused(index):
    with pytest.raises(LocalError, match=f"not {index}"):
        command_block(index, BinaryCommand(operation=Operation.LATCH_ON))


def test_a_status_is_the_one_of_py1815_or_undefined():
    known = {int(status) for status in py1815.CommandStatus}
    for octet in range(256):
        status = CommandStatus.of(octet)
        assert status == (octet & 0x7F if octet & 0x7F in known else CommandStatus.UNDEFINED)
    assert {int(status) for status in CommandStatus} == known
