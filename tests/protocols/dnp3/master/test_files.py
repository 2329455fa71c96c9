"""Files are read block by block, whatever the outstation makes of it."""

from __future__ import annotations

import struct

import pytest

from tieline.protocols.dnp3.application import IIN, Function, ObjectBlock, parse_fragment
from tieline.protocols.dnp3.commands import BinaryCommand, OperateMode, Operation
from tieline.protocols.dnp3.master import FileAccess, Outcome

from .rig import NOTHING, Rig, functions, response

HANDLE = 0x11223344
LAST = 1 << 31


def status(handle: int = HANDLE, size: int = 0, code: int = 0, text: bytes = b"") -> ObjectBlock:
    return ObjectBlock.free(70, 4, struct.pack("<IIHHB", handle, size, 512, 1, code) + text)


def data(number: int, content: bytes, handle: int = HANDLE) -> ObjectBlock:
    return ObjectBlock.free(70, 5, struct.pack("<II", handle, number) + content)


def transport_status(code: int) -> ObjectBlock:
    return ObjectBlock.free(70, 6, struct.pack("<IIB", HANDLE, 0, code))


def answer(rig: Rig, *blocks: ObjectBlock, iin: IIN = NOTHING) -> str:
    """What left, behind its sequence number, and is now answered."""
    (fragment,) = rig.sent()
    rig.hear(response(int(fragment[1], 16), blocks, iin=iin))
    return fragment[3:]


def opened(**options: object) -> tuple[Rig, int]:
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now, **options)
    answer(rig, status(size=5))
    return rig, number


def test_a_file_is_opened_read_and_closed() -> None:
    rig = Rig.started()
    number = rig.master.read_file("/log.txt", rig.now)
    opening = "1a 00 08 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 ee 07 01 00 2f 6c 6f 67 2e 74 78 74"
    assert answer(rig, status(size=5)) == "19 46 03 5b 01 22 00 " + opening
    assert answer(rig, data(0, b"abc")) == "01 46 05 5b 01 08 00 44 33 22 11 00 00 00 00"
    assert answer(rig, data(1 | LAST, b"de")) == "01 46 05 5b 01 08 00 44 33 22 11 01 00 00 00"
    assert answer(rig, status()) == "1a 46 04 5b 01 0d 00 44 33 22 11 00 00 00 00 00 00 01 00 00"
    assert rig.result(number).outcome is Outcome.DONE
    assert rig.result(number).content == b"abcde"
    assert rig.sent() == []


def test_a_user_is_authenticated_before() -> None:
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now, access=FileAccess(user="jo", password="pass"))
    key = ObjectBlock.free(70, 2, struct.pack("<HHHHI", 12, 0, 12, 0, 0xCAFE))
    assert answer(rig, key) == "1d 46 02 5b 01 12 00 0c 00 02 00 0e 00 04 00 00 00 00 00 6a 6f 70 61 73 73"
    assert "fe ca 00 00" in answer(rig, status())
    answer(rig, data(LAST, b""))
    answer(rig)
    assert rig.result(number).outcome is Outcome.DONE
    assert rig.result(number).content == b""


def test_a_user_cannot_be_authenticated_where_that_is_not_known() -> None:
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now, access=FileAccess(user="jo", password="pass"))
    answer(rig, iin=IIN.NO_FUNCTION_CODE_SUPPORT)
    assert rig.result(number).outcome is Outcome.REFUSED
    assert rig.sent() == []


def test_a_user_who_is_not_let_in_reads_nothing() -> None:
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now, access=FileAccess(user="jo", password="wrong"))
    answer(rig, ObjectBlock.free(70, 2, struct.pack("<HHHHI", 12, 0, 12, 0, 0)))
    assert rig.result(number).outcome is Outcome.REFUSED
    assert rig.sent() == []


@pytest.mark.parametrize(
    ("blocks", "why"),
    [
        ((status(code=3, text=b"no"),), "is not opened: not found"),
        ((status(code=99),), "status 99"),
        ((), "holds no g70v4"),
        ((ObjectBlock.free(70, 4, b"short"),), "holds no g70v4"),
        ((ObjectBlock.free(70, 6, b"short"),), "holds no g70v4"),
    ],
)
def test_a_file_that_is_not_opened_is_refused_with_the_reason(blocks, why) -> None:
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now)
    answer(rig, *blocks)
    assert rig.result(number).outcome is Outcome.REFUSED
    assert why in rig.result(number).why
    assert rig.sent() == []


@pytest.mark.parametrize(
    ("blocks", "iin", "why"),
    [
        ((transport_status(17),), 0, "handle expired"),
        ((status(code=19),), 0, "fatal"),
        ((data(1, b"abc"),), 0, "something else"),
        ((data(0, b"abc", handle=5),), 0, "something else"),
        ((data(0, b""),), 0, "something else"),
        ((data(0, b"x" * 11),), 0, "more than 10 octets"),
        ((), 0, "holds no g70v5"),
        ((), IIN.PARAMETER_ERROR, "parameter error"),
    ],
)
def test_a_file_that_cannot_be_read_is_closed(blocks, iin, why) -> None:
    rig, number = opened(most_octets=10)
    answer(rig, *blocks, iin=IIN(iin))
    assert answer(rig, status()).startswith("1a ")
    assert rig.result(number).outcome is Outcome.REFUSED
    assert why in rig.result(number).why


def test_a_file_that_is_too_long_is_closed_before_it_is_read() -> None:
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now, most_octets=10)
    answer(rig, status(size=11))
    assert answer(rig, status()).startswith("1a ")
    assert "11 octets" in rig.result(number).why


def test_a_size_that_nobody_knows_is_no_reason_to_refuse() -> None:
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now, most_octets=10)
    answer(rig, status(size=0xFFFFFFFF))
    answer(rig, data(LAST, b"abc"))
    answer(rig)
    assert rig.result(number).content == b"abc"


def test_a_block_whose_answer_is_lost_is_asked_for_again() -> None:
    rig, number = opened()
    (first,) = rig.sent()
    rig.wait(5.0)
    assert answer(rig, data(LAST, b"abc")) == first[3:]
    answer(rig)
    assert rig.result(number).content == b"abc"


def test_an_open_or_a_close_is_not_repeated() -> None:
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now)
    rig.sent()
    rig.wait(5.0)
    assert rig.result(number).outcome is Outcome.UNCONFIRMED
    assert rig.sent() == []
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now)
    answer(rig, status())
    answer(rig, data(LAST, b"abc"))
    rig.sent()
    rig.wait(5.0)
    assert rig.result(number).content == b"abc", "what was read was read"
    assert rig.sent() == []


def test_a_lost_link_ends_a_file() -> None:
    rig, number = opened()
    rig.sent()
    rig.master.link_down(rig.now)
    rig.told()
    assert rig.result(number).outcome is Outcome.UNCONFIRMED


def test_commands_go_between_the_blocks_of_a_file() -> None:
    rig, number = opened()
    answer(rig, data(0, b"abc"))
    rig.master.operate([(1, BinaryCommand(operation=Operation.LATCH_ON))], OperateMode.DIRECT_OPERATE, rig.now)
    fragments = rig.sent()
    assert functions(fragments) == [Function.DIRECT_OPERATE]
    rig.hear(response(int(fragments[0][1], 16), parse_fragment(bytes.fromhex(fragments[0])).blocks))
    answer(rig, data(1 | LAST, b"de"))
    answer(rig)
    assert rig.result(number).content == b"abcde"


def test_a_file_in_crumbs_without_end_ends() -> None:
    rig = Rig.started()
    number = rig.master.read_file("a", rig.now, most_octets=128)
    answer(rig, status())
    for block in range(66):
        answer(rig, data(block, b"x"))
    assert answer(rig, status()).startswith("1a ")
    assert "66 blocks" in rig.result(number).why
