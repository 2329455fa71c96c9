"""Types as a server describes them, with the encodings of open61850 beside them."""

from __future__ import annotations

import pytest
from open61850 import ber
from open61850.mms import types as peer

from tieline.model import LocalError, RemoteError
from tieline.protocols.iec61850.mms.control import control_value
from tieline.protocols.iec61850.mms.names import Name, reference_of
from tieline.protocols.iec61850.mms.session import Session
from tieline.protocols.iec61850.mms.transport import Transport
from tieline.protocols.iec61850.mms.types import Array, Component, MmsType, Simple, Structure, decode_type
from tieline.protocols.iec61850.mms.values import decode_values


def answer(mms_type: peer.MmsType) -> bytes:
    return ber.encode_tlv(0x80, b"\x00") + ber.encode_tlv(0xA2, peer.encode_type_description(mms_type))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (peer.PrimitiveType("boolean"), Simple("boolean")),
        (peer.PrimitiveType("float", 64), Simple("float", 64)),
        (peer.PrimitiveType("bit-string", -13), Simple("bit-string", -13)),
        (peer.PrimitiveType("visible-string", -129), Simple("visible-string", -129)),
        (peer.PrimitiveType("utc-time"), Simple("utc-time")),
        (peer.PrimitiveType("binary-time"), Simple("binary-time")),
        (peer.PrimitiveType("integer", 32), Simple("integer", 32)),
        (peer.ArrayType(5, peer.PrimitiveType("unsigned", 8)), Array(5, Simple("unsigned", 8))),
        (peer.StructureType([("a", peer.PrimitiveType("boolean"))]), Structure((Component("a", Simple("boolean")),))),
    ],
)
def test_a_type_is_what_the_server_described(theirs: peer.MmsType, ours: MmsType) -> None:
    assert decode_type(answer(theirs)) == ours


def test_a_type_of_a_kind_that_nobody_uses_is_unknown_and_the_rest_is_there() -> None:
    theirs = peer.StructureType([("a", peer.PrimitiveType("objId")), ("b", peer.PrimitiveType("boolean"))])
    assert decode_type(answer(theirs)) == Structure((Component("a", Simple("unknown")), Component("b", Simple("boolean"))))


def test_types_that_make_no_sense_are_errors() -> None:
    deep: peer.MmsType = peer.PrimitiveType("boolean")
    for _ in range(40):
        deep = peer.StructureType([("a", deep)])
    nameless = b"\xa2\x0a\xa2\x08\xa1\x06\x30\x04\x80\x02ab"
    empty_array = b"\xa2\x05\xa1\x03\x81\x01\x05"
    for content in (answer(deep), nameless, empty_array, b"", b"\x80\x01\x00"):
        with pytest.raises(RemoteError):
            decode_type(content)


def test_a_number_does_not_fit_into_an_array() -> None:
    with pytest.raises(LocalError):
        control_value(Array(2, Simple("boolean")), 1.0)


def test_a_logical_node_has_a_reference_without_a_constraint() -> None:
    assert reference_of(Name("LD", "LLN0")) == "LD/LLN0"


def test_double_precision_is_read() -> None:
    assert decode_values(b"\x87\x09\x0b\x3f\xf8\x00\x00\x00\x00\x00\x00") == [1.5]


def test_a_unit_before_the_connection_is_our_mistake() -> None:
    with pytest.raises(LocalError):
        Transport().send(b"abc")


def test_a_server_that_concludes_ends_the_association() -> None:
    from tests.protocols.iec61850.mms.test_mms_session import opened, packet

    session: Session = opened()
    unit = b"\x01\x00\x01\x00" + ber.encode_tlv(0x61, ber.encode_tlv(0x30, b"\x02\x01\x03\xa0\x02\x8b\x00"))
    with pytest.raises(RemoteError, match="concludes"):
        session.receive(packet(unit))
