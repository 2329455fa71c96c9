"""The association without a network: what comes, in whatever pieces, and what is never let through."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
from open61850 import ber
from open61850.mms import pdu

from tieline.model import LocalError, RemoteError
from tieline.protocols.iec61850.mms import answers, library
from tieline.protocols.iec61850.mms.errors import RejectError, ServiceError
from tieline.protocols.iec61850.mms.library import Selectors
from tieline.protocols.iec61850.mms.names import Name, name_of, reference_of
from tieline.protocols.iec61850.mms.session import Answered, Associated, Denied, Informed, Session
from tieline.protocols.iec61850.mms.transport import MAX_UNIT, Transport
from tieline.protocols.iec61850.mms.types import Array, Component, MmsType, Simple, Structure, decode_type, find, leaves
from tieline.protocols.iec61850.mms.values import AccessError, Bits, Moment, Value, decode_values

CONFIRM = bytes.fromhex("0300000b06d00001000100")
# What libiec61850 1.6 answered to the association request, taken from a capture on the loopback.
ACCEPTED = bytes.fromhex(
    "0e8605061301001601021402000234020001c1743172a003800101a26b830400000001a512300780010081025101300780010081025101614f304d020101a0486146a107060528ca220203a203020100a305a103020100be2f282d020103a028a926800300fde881010582010583010aa416800101810305f100820c03ee1c00000002000040ed18"
)


def packet(unit: bytes, *, is_last: bool = True) -> bytes:
    return bytes([3, 0]) + (len(unit) + 7).to_bytes(2, "big") + bytes([2, 0xF0, 0x80 if is_last else 0]) + unit


def opened() -> Session:
    session = Session()
    session.start()
    session.receive(CONFIRM + packet(ACCEPTED))
    session.take()
    return session


def answer(number: int, service: bytes) -> bytes:
    return packet(pdu.wrap(ber.encode_tlv(0xA1, ber.encode_tlv(0x02, ber.encode_unsigned(number)) + service)))


def test_an_association_is_asked_for_once_the_transport_is_confirmed() -> None:
    session = Session(Selectors(transport=b"\x00\x02"))
    session.start()
    request = session.take()
    assert request[:2] == b"\x03\x00"
    assert b"\xc2\x02\x00\x02" in request
    assert session.receive(CONFIRM) == []
    assert session.take()[7] == 0x0D  # session CONNECT
    (event,) = session.receive(packet(ACCEPTED))
    assert isinstance(event, Associated)
    assert event.accepted.max_pdu == 65_000
    assert session.is_open


def test_requests_are_numbered_and_answers_find_them() -> None:
    session = opened()
    first, second = session.request(library.identify()), session.request(library.identify())
    assert first != second
    found = session.receive(answer(second, b"\xa2\x00") + answer(first, b"\xa2\x00"))
    assert [each.request for each in found if isinstance(each, Answered)] == [second, first]


def test_one_octet_at_a_time_is_the_same_as_all_at_once() -> None:
    stream = CONFIRM + packet(ACCEPTED) + answer(1, b"\xa4\x05\xa1\x03\x83\x01\xff")
    whole, pieces = Session(), Session()
    whole.start()
    pieces.start()
    at_once = whole.receive(stream)
    assert [event for octet in stream for event in pieces.receive(bytes([octet]))] == at_once
    assert len(at_once) == 2


def test_a_request_before_the_association_changes_nothing() -> None:
    session = Session()
    with pytest.raises(LocalError):
        session.request(library.identify())
    session.start()
    with pytest.raises(LocalError):
        session.start()


def test_errors_and_rejects_belong_to_their_requests() -> None:
    session = opened()
    error = ber.encode_tlv(0xA2, ber.encode_tlv(0x80, b"\x07") + ber.encode_tlv(0xA2, ber.encode_tlv(0xA0, b"\x87\x01\x02")))
    reject = ber.encode_tlv(0xA4, ber.encode_tlv(0x80, b"\x08") + b"\x81\x01\x01")
    denied, rejected = session.receive(packet(pdu.wrap(error)) + packet(pdu.wrap(reject)))
    assert isinstance(denied, Denied)
    assert isinstance(denied.error, ServiceError)
    assert (denied.request, denied.error.error_class, denied.error.code) == (7, 7, 2)
    assert "no such object" in str(denied.error)
    assert isinstance(rejected, Denied)
    assert isinstance(rejected.error, RejectError)
    assert rejected.request == 8


def test_an_information_report_names_its_list_or_its_variables() -> None:
    session = opened()
    report = ber.encode_tlv(0xA3, ber.encode_tlv(0xA0, b"\xa1\x05\x80\x03RPT" + b"\xa0\x03\x83\x01\x00"))
    (event,) = session.receive(packet(pdu.wrap(report)))
    assert event == Informed("RPT", (), b"\x83\x01\x00")
    name = pdu._variable_list([pdu.ObjectName("GGIO1$CO$SPCSO1$Oper", "LD")])
    other = ber.encode_tlv(0xA3, ber.encode_tlv(0xA0, name + b"\xa0\x03\x83\x01\x00"))
    (event,) = session.receive(packet(pdu.wrap(other)))
    assert event == Informed("", (Name("LD", "GGIO1$CO$SPCSO1$Oper"),), b"\x83\x01\x00")


@pytest.mark.parametrize("unit", [b"", b"\x19\x00", b"\x09\x00", b"\x01\x00\x01\x00", b"\x01\x00\x01\x00\x61\x80", b"\xff" * 40])
def test_what_is_no_data_ends_the_association(unit: bytes) -> None:
    with pytest.raises(RemoteError):
        opened().receive(packet(unit))


def test_a_unit_without_an_end_is_bounded() -> None:
    transport = Transport()
    transport.receive(CONFIRM)
    with pytest.raises(RemoteError, match="longer than"):
        transport.receive(packet(bytes(8000), is_last=False) * 20)
    assert len(transport._unit) <= MAX_UNIT + 8000


def test_a_unit_in_packets_is_put_together() -> None:
    transport = Transport()
    assert transport.receive(CONFIRM + packet(b"abc", is_last=False) + packet(b"def")) == [b"abcdef"]
    sizes = Transport()
    sizes.receive(bytes.fromhex("0300000e09d00001000100c00107"))
    sent = sizes.send(bytes(500))
    assert max(len(each) for each in [sent[:4], sent[4 : 4 + 128]]) <= 132
    echo = Transport()
    echo.receive(CONFIRM)
    assert echo.receive(sent) == [bytes(500)]


@pytest.mark.parametrize("flaw", ["nested", "wide", "long tags"])
def test_hostile_octets_cost_little(flaw: str) -> None:
    nested = b""
    while len(nested) < 60_000:
        nested = b"\xa2\x83" + len(nested).to_bytes(3, "big") + nested
    content = {"nested": nested, "wide": b"\xa2\x00" * 30_000, "long tags": b"\xbf" + b"\xff" * 60_000}[flaw]
    report = b"\x01\x00\x01\x00" + ber.encode_tlv(
        0x61,
        ber.encode_tlv(
            0x30,
            b"\x02\x01\x03"
            + ber.encode_tlv(
                0xA0, ber.encode_tlv(0xA3, ber.encode_tlv(0xA0, b"\xa1\x05\x80\x03RPT" + ber.encode_tlv(0xA0, content)))
            ),
        ),
    )
    packets = b"".join(
        packet(report[start : start + 8000], is_last=start + 8000 >= len(report)) for start in range(0, len(report), 8000)
    )
    begin = time.process_time()
    try:
        for event in opened().receive(packets):
            assert isinstance(event, Informed)
            decode_values(event.results)
    except RemoteError:
        assert flaw != "wide"
    assert time.process_time() - begin < 0.5


def test_damaged_streams_give_events_or_an_error_and_nothing_else() -> None:
    generator = random.Random(9506)
    report = ber.encode_tlv(0xA3, ber.encode_tlv(0xA0, b"\xa1\x05\x80\x03RPT" + b"\xa0\x06\xa2\x04\x83\x01\x00\x05"))
    good = answer(1, b"\xa4\x05\xa1\x03\x83\x01\xff") + packet(pdu.wrap(report)) + packet(ACCEPTED)
    start = CONFIRM + packet(ACCEPTED)
    errors = 0
    for turn in range(20_000):
        session = opened() if turn % 2 else Session()
        stream = bytearray(good if turn % 2 else start + good)
        if not turn % 2:
            session.start()
        for _ in range(generator.randrange(1, 5)):
            stream[generator.randrange(len(stream))] = generator.randrange(256)
        try:
            session.receive(bytes(stream))
        except RemoteError:
            errors += 1
    assert 0 < errors < 20_000


def test_damaged_answers_give_values_or_an_error_and_nothing_else() -> None:
    generator = random.Random(12)
    names = b"\xa0\x0a\x1a\x03ABC\x1a\x03DEF\x81\x01\x00"
    mms_type = b"\x80\x01\x00\xa2\x1a\xa2\x18\xa1\x16\x30\x08\x80\x01f\xa1\x03\x87\x01\x08\x30\x0a\x80\x01q\xa1\x05\x84\x01\xf3"
    members = b"\x80\x01\x00\xa1\x0e\x30\x0c\xa0\x0a\xa1\x08\x1a\x02LD\x1a\x02AB"
    readers: list[tuple[Callable[[bytes], object], bytes]] = [
        (answers.names, names),
        (decode_type, mms_type),
        (answers.data_set, members),
        (answers.written, b"\x81\x00\x80\x01\x03"),
        (answers.results, b"\xa1\x03\x83\x01\x00"),
        (answers.deleted, b"\x80\x01\x01\x81\x01\x01"),
        (decode_values, b"\xa2\x03\x83\x01\xff"),
    ]
    for reader, content in readers:
        for _ in range(3_000):
            damaged = bytearray(content)
            for _ in range(generator.randrange(0, 4)):
                damaged[generator.randrange(len(damaged))] = generator.randrange(256)
            try:
                reader(bytes(damaged))
            except RemoteError:
                continue


def test_values_are_what_mms_means() -> None:
    octets = b"".join(
        [
            b"\x83\x01\xff",
            b"\x85\x02\xff\x38",
            b"\x86\x02\x01\x00",
            b"\x87\x05\x08\x3f\xc0\x00\x00",
            b"\x8a\x02on",
            b"\x89\x02\x01\x02",
            b"\x84\x02\x06\x80",
            b"\x91\x08\x00\x00\x00\x01\x80\x00\x00\x2a",
            b"\x8c\x06\x00\x00\x00\x01\x00\x01",
            b"\xa2\x03\x83\x01\x00",
            b"\x80\x01\x0a",
            b"\x9d\x01\x00",
        ]
    )
    assert decode_values(octets) == [
        True,
        -200,
        256,
        1.5,
        "on",
        b"\x01\x02",
        Bits(2, 2),
        Moment(1_500_000, 0x2A),
        Moment(441_763_200_000_000 + 86_400_001_000),
        (False,),
        AccessError(10),
        None,
    ]


def test_bits_are_counted_from_the_first() -> None:
    bits = Bits.of({1, 2}, 10)
    assert [bit for bit in range(12) if bits.has(bit)] == [1, 2]


def test_names_go_from_references_to_mms_and_back() -> None:
    name = name_of("IED1LD0/MMXU1.A.phsA.cVal.mag.f", "MX")
    assert name == Name("IED1LD0", "MMXU1$MX$A$phsA$cVal$mag$f")
    assert reference_of(name) == "IED1LD0/MMXU1.A.phsA.cVal.mag.f[MX]"
    assert name_of("IED1LD0/LLN0$States") == name_of("IED1LD0/LLN0.States") == Name("IED1LD0", "LLN0$States")
    with pytest.raises(LocalError):
        name_of("MMXU1.A")


def test_types_have_paths_and_leaves() -> None:
    mms_type = Structure(
        (Component("ST", Structure((Component("stVal", Simple("boolean")), Component("h", Array(3, Simple("integer", 8)))))),)
    )
    assert find(mms_type, "ST$stVal") == Simple("boolean")
    assert find(mms_type, "ST$nothing") is None
    assert find(mms_type, "ST$stVal$deeper") is None
    assert [path for path, _ in leaves(mms_type)] == ["ST$stVal", "ST$h"]


@pytest.mark.parametrize(
    ("value", "mms_type"),
    [
        (300, Simple("unsigned", 8)),
        (-1, Simple("unsigned", 32)),
        (1 << 31, Simple("integer", 32)),
        ("x", Simple("boolean")),
        ((True,), Structure(())),
        (1e300, Simple("float", 32)),
        (1, Array(2, Simple("integer", 8))),
        (True, Simple("utc-time")),
    ],
)
def test_a_value_that_does_not_fit_is_our_mistake(value: Value, mms_type: MmsType) -> None:
    with pytest.raises(LocalError):
        library.encode(value, mms_type)


def test_values_are_bounded_in_depth() -> None:
    content = b"\x83\x01\x00"
    for _ in range(20):
        content = ber.encode_tlv(0xA2, content)
    decode_values(content)
    for _ in range(20):
        content = ber.encode_tlv(0xA2, content)
    with pytest.raises(RemoteError, match="deeper"):
        decode_values(content)
