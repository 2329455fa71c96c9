"""Golden frames of the standard, and totality: any bytes give an answer, nothing, or an error of ours."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.model import RemoteError
from tieline.protocols.modbus import (
    DeviceExceptionError,
    ExceptionCode,
    ReadRequest,
    ResponseError,
    RtuSession,
    StreamError,
    TcpSession,
    WriteRequest,
    crc16,
)

TABLES = ["coil", "discrete_input", "holding_register", "input_register"]

# Modbus Application Protocol Specification V1.1b3, the examples of clauses 6.1 to 6.4: table, address, count, request, response, data.
READS = [
    ("coil", 19, 19, "01 0013 0013", "01 03 CD6B05", "CD6B05"),
    ("discrete_input", 196, 22, "02 00C4 0016", "02 03 ACDB35", "ACDB35"),
    ("holding_register", 107, 3, "03 006B 0003", "03 06 022B 0000 0064", "022B00000064"),
    ("input_register", 8, 1, "04 0008 0001", "04 02 000A", "000A"),
]
# The same, clauses 6.5, 6.6, 6.11 and 6.12.
WRITES = [
    (WriteRequest.of_coils(172, 1, 1), "05 00AC FF00", "05 00AC FF00"),
    (WriteRequest.of_registers(1, b"\x00\x03"), "06 0001 0003", "06 0001 0003"),
    (WriteRequest.of_coils(19, 0b01_11001101, 10), "0F 0013 000A 02 CD01", "0F 0013 000A"),
    (WriteRequest.of_registers(1, b"\x00\x0a\x01\x02"), "10 0001 0002 04 000A 0102", "10 0001 0002"),
]


@pytest.mark.parametrize(("table", "address", "count", "request_hex", "response", "data"), READS)
def test_reads_look_like_the_examples_of_the_standard(table, address, count, request_hex, response, data):
    request = ReadRequest(table, address, count)
    assert request.pdu == bytes.fromhex(request_hex)
    assert request.payload(bytes.fromhex(response)) == bytes.fromhex(data)


@pytest.mark.parametrize(("request_made", "sent", "response"), WRITES)
def test_writes_look_like_the_examples_of_the_standard(request_made, sent, response):
    assert request_made.pdu == bytes.fromhex(sent)
    request_made.check(bytes.fromhex(response))


def test_the_mbap_header_looks_like_the_example_of_the_messaging_guide():
    # Modbus Messaging on TCP/IP Implementation Guide V1.0b, clause 4.3: transaction 1501h, unit FFh, read register 0005.
    session = TcpSession()
    for _ in range(0x1501):
        frame = session.request(0xFF, bytes.fromhex("03 0004 0001"))
    assert frame == bytes.fromhex("1501 0000 0006 FF 03 0004 0001")
    assert session.receive(bytes.fromhex("1501 0000 0005 FF 03 02 0005")) == bytes.fromhex("03 02 0005")


def test_the_check_bytes_are_those_of_the_serial_line_specification():
    # Modbus over Serial Line V1.02, appendix B: frame 02 07 has CRC 1241h, low byte first on the wire.
    assert crc16(b"\x02\x07") == bytes.fromhex("4112")
    assert RtuSession().request(1, bytes.fromhex("03 0000 000A")) == bytes.fromhex("01 03 0000 000A C5CD")


@pytest.mark.parametrize("code", [*ExceptionCode, 0, 77, 255])
def test_an_exception_says_its_code_in_words(code):
    request = ReadRequest("coil", 0, 1)
    with pytest.raises(DeviceExceptionError, match=f"exception {code:d}") as caught:
        request.payload(bytes((0x81, code)))
    assert (caught.value.code, caught.value.function) == (code, 1)


@pytest.mark.parametrize(
    "response", ["", "03", "04 02 0001", "03 02 00", "03 04 0001", "03 02 0001 00", "83", "83 02 00", "84 02"]
)
def test_an_answer_of_wrong_shape_is_refused(response):
    with pytest.raises(ResponseError):
        ReadRequest("holding_register", 0, 1).payload(bytes.fromhex(response))


@pytest.mark.parametrize("response", ["", "06 0001", "06 0001 0004", "06 0002 0003", "06 0001 0003 00", "10 0001 0001"])
def test_an_echo_that_differs_confirms_nothing(response):
    with pytest.raises(ResponseError):
        WRITES[1][0].check(bytes.fromhex(response))


@pytest.mark.parametrize(("table", "address", "count"), [("coil", 0, 2001), ("coil", 0, 0), ("input_register", 0, 126),
                                                         ("holding_register", 65535, 2), ("coil", -1, 1)])  # fmt: skip
def test_a_request_beyond_the_standard_cannot_be_made(table, address, count):
    with pytest.raises(ValueError, match="cannot read"):
        ReadRequest(table, address, count)


@given(st.sampled_from(TABLES), st.integers(1, 125), st.binary(max_size=260))
def test_any_response_gives_data_of_the_right_size_or_an_error_of_ours(table, count, response):
    request = ReadRequest(table, 0, count)
    with contextlib.suppress(RemoteError):
        assert len(request.payload(response)) == request.size
    with contextlib.suppress(RemoteError):
        WriteRequest.of_registers(0, b"\x00\x01" * count).check(response)


@pytest.mark.parametrize("make_session", [TcpSession, RtuSession])
@given(chunks=st.lists(st.binary(max_size=300), max_size=20), unit=st.integers(0, 255))
def test_any_bytes_give_an_answer_nothing_or_an_error_of_ours(make_session, chunks, unit):
    session = make_session()
    session.request(unit, ReadRequest("holding_register", 0, 10).pdu)
    for chunk in chunks:
        try:
            answer = session.receive(chunk)
        except (ResponseError, StreamError):
            session.reset()
        else:
            assert answer is None or len(answer) >= 1


def adu(session, unit: int, pdu: bytes) -> bytes:
    """The answer to the session's latest request."""
    if isinstance(session, RtuSession):
        frame = bytes((unit,)) + pdu
        return frame + crc16(frame)
    return session._transaction.to_bytes(2, "big") + b"\0\0" + (len(pdu) + 1).to_bytes(2, "big") + bytes((unit,)) + pdu


@pytest.mark.parametrize("make_session", [TcpSession, RtuSession])
@given(
    responses=st.lists(
        st.one_of(
            st.binary(min_size=2, max_size=250).map(lambda data: bytes((3, len(data))) + data),
            st.integers(0, 255).map(lambda code: bytes((0x83, code))),
        ),
        min_size=1,
        max_size=5,
    ),
    cut=st.integers(1, 300),
)
def test_answers_in_any_pieces_are_the_answers_in_one(make_session, responses, cut):
    session = make_session()
    for pdu in responses:
        session.request(9, ReadRequest("holding_register", 0, 10).pdu)
        frame = adu(session, 9, pdu)
        pieces = [frame[start : start + cut] for start in range(0, len(frame), cut)]
        answers = [session.receive(piece) for piece in pieces]
        assert answers == [None] * (len(pieces) - 1) + [pdu]


def test_an_answer_byte_by_byte_is_the_answer():
    for session in (TcpSession(), RtuSession()):
        session.request(9, ReadRequest("holding_register", 0, 2).pdu)
        pdu = bytes.fromhex("03 04 0001 0002")
        answers = [session.receive(bytes((byte,))) for byte in adu(session, 9, pdu)]
        assert answers == [None] * (len(answers) - 1) + [pdu]


def test_a_late_answer_is_dropped_and_counted_and_the_right_one_behind_it_found():
    session = TcpSession()
    session.request(1, ReadRequest("coil", 0, 1).pdu)
    late = adu(session, 1, b"\x01\x01\x00")
    session.abandon()
    assert session.receive(late) is None
    session.request(1, ReadRequest("coil", 0, 1).pdu)
    assert session.receive(late + adu(session, 1, b"\x01\x01\x01")) == b"\x01\x01\x01"
    assert session.late == 2


def test_an_endless_stream_of_answers_to_nothing_is_no_modbus():
    session = TcpSession()
    session.request(1, ReadRequest("coil", 0, 1).pdu)
    with pytest.raises(StreamError, match="never made"):
        session.receive(b"\xff\xff\x00\x00\x00\x03\x01\x01\x00" * 100)


def test_the_transaction_number_wraps_without_zero():
    session = TcpSession()
    numbers = {session.request(1, b"\x01\0\0\0\1")[:2] for _ in range(70_000)}
    assert len(numbers) == 65535
    assert b"\0\0" not in numbers


def test_a_write_is_confirmed_on_a_serial_line_too():
    for request, _, response in WRITES:
        session = RtuSession()
        session.request(3, request.pdu)
        answer = session.receive(adu(session, 3, bytes.fromhex(response)))
        assert answer is not None
        request.check(answer)


def test_bytes_on_a_serial_line_that_nobody_asked_for_are_dropped():
    session = RtuSession()
    assert session.receive(b"\x01\x83\x02") is None
    assert session.late == 1
