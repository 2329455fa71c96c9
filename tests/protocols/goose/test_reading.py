"""Reading against templates says what reading element by element says, in columns, whatever the octets are."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given

from bench.goose_fuzz import GooseTarget, SvTarget, goose_seeds, leaves, run, sv_seeds
from tests.protocols.goose.frames import EVERY_TYPE, GOLDEN, T0_US, octets
from tests.protocols.goose.strategies import goose_frames
from tieline.model import LocalError
from tieline.protocols.goose import (
    BitString,
    Boolean,
    Float32,
    FrameError,
    FrameReader,
    GooseFrame,
    Integer,
    StreamKey,
    Structure,
    Unsigned,
    UtcTime,
    VisibleString,
    decode_goose,
    encode_goose,
    read_columns,
)


def test_a_repetition_is_read_against_the_first_one() -> None:
    reader = FrameReader()
    first = reader.read(octets(st_num=5, sq_num=3))
    again = reader.read(octets(st_num=6, sq_num=4, time_allowed_to_live_ms=3_000, t=UtcTime.of(T0_US + 7, 10)))
    assert reader.repeated == 1
    assert again.layout is first.layout
    assert (again.st_num, again.sq_num, again.time_allowed_to_live_ms, again.t.us) == (6, 4, 3_000, T0_US + 7)
    assert again.key == StreamKey("02:00:00:00:00:11", 3, "NG_Q01LD0/LLN0$GO$gcbTrip", simulation=False)
    assert again.decoded() == decode_goose(again.frame)


@pytest.mark.parametrize(
    "other",
    [
        {"conf_rev": 4},
        {"dat_set": "NG_Q01LD0/LLN0$dsOpen"},
        {"go_id": "open"},
        {"simulation": True},
        {"nds_com": True},
        {"sq_num": 128},
    ],
)
def test_what_is_not_a_repetition_has_a_layout_of_its_own(other: dict[str, object]) -> None:
    reader = FrameReader()
    layouts = {id(reader.read(frame).layout) for frame in [octets(), octets(**other)] * 3}  # type: ignore[arg-type]
    assert len(layouts) == 2
    assert reader.repeated == 4


@given(goose_frames())
def test_columns_hold_the_values_of_the_message(frame: GooseFrame) -> None:
    reader = FrameReader()
    raw = encode_goose(frame)
    columns = read_columns([reader.read(raw), reader.read(raw)])
    assert reader.repeated == 1
    for row in columns.numbers:
        assert np.array_equal(row, leaves(frame.message.all_data), equal_nan=True)
    assert columns.t_us.tolist() == [frame.message.t.us] * 2
    assert columns.t_quality.tolist() == [frame.message.t.quality] * 2


def test_each_row_has_the_values_of_its_frame() -> None:
    reader = FrameReader()
    readings = [
        reader.read(
            octets(
                Structure((Float32(number / 2), BitString(number % 4, 2))),
                Integer(-number, 4),
                Unsigned(number, 3),
                Boolean(number % 2 == 0),
                UtcTime.of(T0_US + number, 0x40),
                t=UtcTime.of(T0_US + 10 * number, 0x20),
            )
        )
        for number in range(100)
    ]
    columns = read_columns(readings)
    numbers = np.arange(100)
    assert [leaf.path for leaf in columns.leaves] == [(0, 0), (0, 1), (1,), (2,), (3,), (4,)]
    assert columns.numbers[:, 0].tolist() == (numbers / 2).tolist()
    assert columns.numbers[:, 1].tolist() == (numbers % 4).tolist()
    assert columns.numbers[:, 2].tolist() == (-numbers).tolist()
    assert columns.numbers[:, 3].tolist() == numbers.tolist()
    assert columns.numbers[:, 4].tolist() == (numbers % 2 == 0).tolist()
    assert np.isnan(columns.numbers[:, 5]).all()
    assert [UtcTime.from_octets(int(bits).to_bytes(8, "big")) for bits in columns.bits[:, 5]] == [
        UtcTime.of(T0_US + number, 0x40) for number in range(100)
    ]
    assert columns.t_us.tolist() == (T0_US + 10 * numbers).tolist()
    assert set(columns.t_quality.tolist()) == {0x20}


def test_a_signaling_nan_is_not_a_number_and_no_warning() -> None:
    raw = octets(Float32(1.5)).replace(struct.pack(">f", 1.5), bytes.fromhex("7f800001"))
    assert math.isnan(read_columns([FrameReader().read(raw)]).numbers[0, 0])


def test_every_type_has_its_column() -> None:
    columns = read_columns([FrameReader().read(octets(*EVERY_TYPE))])
    assert np.array_equal(columns.numbers[0], leaves(EVERY_TYPE), equal_nan=True)
    assert columns.bits[0, 2] == 0b0_1100_0000_0001


def test_a_text_may_change() -> None:
    reader = FrameReader()
    first, second = reader.read(octets(VisibleString("open"))), reader.read(octets(VisibleString("shut")))
    assert second.layout is first.layout
    assert second.decoded().message.all_data == (VisibleString("shut"),)


def test_columns_need_frames_of_one_layout() -> None:
    reader = FrameReader()
    with pytest.raises(LocalError, match="one layout"):
        read_columns([reader.read(octets()), reader.read(octets(Boolean(True)))])
    with pytest.raises(LocalError, match="one layout"):
        read_columns([])


def test_many_publishers_do_not_fill_the_memory() -> None:
    reader = FrameReader()
    for number in range(10_000):
        reader.read(GOLDEN[:6] + number.to_bytes(6, "big") + GOLDEN[12:])
    for number in range(100):
        reader.read(octets(conf_rev=number))
    assert reader.repeated == 0
    reader.read(octets(conf_rev=99))
    assert reader.repeated == 1


def test_what_cannot_be_read_raises_every_time() -> None:
    reader = FrameReader()
    reader.read(GOLDEN)
    for _ in range(3):
        with pytest.raises(FrameError, match="numDatSetEntries"):
            reader.read(GOLDEN.replace(bytes.fromhex("8a0104"), bytes.fromhex("8a0105")))


@pytest.mark.parametrize("seed", range(4))
def test_damaged_goose_frames_give_values_or_a_remote_error(seed: int) -> None:
    read = run(GooseTarget(), goose_seeds(), 5_000, seed)
    assert 1_000 < read < 4_000


@pytest.mark.parametrize("seed", range(2))
def test_damaged_sv_frames_give_values_or_a_remote_error(seed: int) -> None:
    read = run(SvTarget(), sv_seeds(), 5_000, seed)
    assert 1_000 < read < 4_900
