"""Messages and what they carry: against pysnmp's own encoding, against RFC 3414's examples, and against anything."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from typing import Any

import pysnmp.proto.secmod.rfc3414  # noqa: F401  (its parts import each other: the package has to come first)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters

from tests.snmp_agents import KEYS
from tieline.model import LocalError
from tieline.protocols.snmp import ResponseError, SnmpKeys, Value, oid
from tieline.protocols.snmp.manager import Manager, Step
from tieline.protocols.snmp.messages import Flag, Message, Security, decode_message, encode_message
from tieline.protocols.snmp.pdu import Kind, Pdu, as_response, decode_scoped, encode_scoped
from tieline.protocols.snmp.receiver import Receiver, Refused
from tieline.protocols.snmp.security import SECURE, Credentials, EngineTime

ENGINE = b"\x80\x00\x00\x00\x05engine"
OIDS = st.tuples(st.integers(0, 1), st.integers(0, 39), st.lists(st.integers(0, 2**32 - 1), max_size=12)).map(
    lambda parts: (parts[0], parts[1], *parts[2])
)
VALUES = st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1), st.binary(max_size=300), OIDS)
PDUS = st.builds(
    Pdu,
    st.sampled_from(list(Kind)),
    st.integers(0, 2**31 - 1),
    st.lists(st.tuples(OIDS, VALUES), max_size=6).map(tuple),
    st.integers(0, 18),
    st.integers(0, 100),
)
CREDENTIALS = Credentials.of(KEYS)
NAMES = {
    Kind.GET: "get-request",
    Kind.GET_NEXT: "get-next-request",
    Kind.RESPONSE: "response",
    Kind.SET: "set-request",
    Kind.GET_BULK: "get-bulk-request",
    Kind.INFORM: "inform-request",
    Kind.TRAP: "snmpV2-trap",
    Kind.REPORT: "report",
}


@settings(max_examples=40)
@given(PDUS)
def test_a_pdu_comes_back_as_it_was_and_pysnmp_reads_the_same(pdu: Pdu) -> None:
    octets = encode_scoped(pdu, ENGINE)
    assert decode_scoped(octets) == pdu
    assert decode_scoped(octets + b"padding") == pdu
    theirs, rest = decoder.decode(octets, asn1Spec=ScopedPDU())
    assert not rest
    assert bytes(theirs[0]) == ENGINE
    body = theirs[2].getComponent()
    assert theirs[2].getName() == NAMES[pdu.kind]
    assert [tuple(binding[0]) for binding in body[3]] == [name for name, _ in pdu.bindings]


THEIRS: list[tuple[Any, Value | None]] = [
    (rfc1902.Integer32(-5), -5),
    (rfc1902.Counter32(2**32 - 1), 2**32 - 1),
    (rfc1902.Gauge32(2**31), 2**31),
    (rfc1902.TimeTicks(1), 1),
    (rfc1902.Counter64(2**64 - 1), 2**64 - 1),
    (rfc1902.OctetString(b"text"), b"text"),
    (rfc1902.IpAddress("192.0.2.1"), bytes((192, 0, 2, 1))),
    (rfc1902.Opaque(b"\x9f\x78"), b"\x9f\x78"),
    (rfc1902.ObjectIdentifier((2, 999, 4_294_967_295)), (2, 999, 4_294_967_295)),
    (rfc1905.noSuchObject, None),
    (rfc1905.noSuchInstance, None),
    (rfc1905.endOfMibView, None),
]


@pytest.mark.parametrize(("theirs", "ours"), THEIRS, ids=lambda each: type(each).__name__)
def test_every_type_that_pysnmp_writes_is_read(theirs: Any, ours: Value | None) -> None:
    body = rfc1905.ResponsePDU()
    for position, number in enumerate((7, 0, 0)):
        body[position] = number
    binding = rfc1905.VarBind()
    binding[0] = (1, 3, 6, 1)
    slot = binding.setComponentByPosition(1)[1]
    if ours is None:
        slot[{0x80: "noSuchObject", 0x81: "noSuchInstance", 0x82: "endOfMibView"}[encoder.encode(theirs)[0]]] = theirs
    else:
        inner = slot.setComponentByName("value").getComponent()
        is_simple = type(theirs) in {rfc1902.Integer32, rfc1902.OctetString, rfc1902.ObjectIdentifier}
        choice = inner.setComponentByName("simple" if is_simple else "application-wide").getComponent()
        choice.setComponentByType(theirs.tagSet, theirs)
    body.setComponentByPosition(3)[3][0] = binding
    scoped = ScopedPDU()
    scoped[0], scoped[1] = ENGINE, b""
    scoped.setComponentByPosition(2)[2]["response"] = body
    assert decode_scoped(encoder.encode(scoped)).bindings == (((1, 3, 6, 1), ours),)


def test_a_counter_without_its_leading_zero_is_read_as_it_was_meant() -> None:
    octets = encode_scoped(Pdu(Kind.RESPONSE, 1, (((1, 3), -1),)), b"")
    assert octets.endswith(b"\x02\x01\xff")
    assert decode_scoped(octets[:-3] + b"\x41\x01\xff").bindings == (((1, 3), 255),)


@pytest.mark.parametrize("name", [(), (1,), (1, 3, -1), (1, 3, 2**32)])
def test_what_is_no_object_identifier_cannot_be_asked_for(name: tuple[int, ...]) -> None:
    with pytest.raises(LocalError):
        encode_scoped(Pdu(Kind.GET, 1, ((name, None),)), b"")


def test_a_response_bears_what_the_request_did() -> None:
    inform = Pdu(Kind.INFORM, 5, (((1, 3, 6), 7), ((1, 3, 7), b"x")))
    assert decode_scoped(as_response(encode_scoped(inform, ENGINE))) == replace(inform, kind=Kind.RESPONSE)


MESSAGES = st.builds(
    Message,
    message_id=st.integers(0, 2**31 - 1),
    flags=st.sampled_from([1, 3, 5, 7]),
    security=st.builds(
        Security,
        engine_id=st.one_of(st.just(bytes(32)), st.binary(max_size=32)),
        boots=st.integers(0, 2**31 - 1),
        time_s=st.integers(0, 2**31 - 1),
        user=st.binary(max_size=32),
        mac=st.binary(min_size=12, max_size=48),
        salt=st.binary(max_size=8),
    ),
    data=PDUS.map(lambda pdu: encode_scoped(pdu, ENGINE)),
)


@settings(max_examples=40)
@given(MESSAGES)
def test_a_message_comes_back_as_it_was_and_pysnmp_reads_the_same(message: Message) -> None:
    octets, at = encode_message(message)
    mac = message.security.mac
    assert octets[at : at + len(mac)] == mac
    read = decode_message(octets)
    assert replace(read, signed=b"") == message
    assert read.signed == octets[:at] + bytes(len(mac)) + octets[at + len(mac) :]
    theirs, _ = decoder.decode(octets, asn1Spec=SNMPv3Message())
    parameters, _ = decoder.decode(theirs[2], asn1Spec=UsmSecurityParameters())
    security = message.security
    assert (int(theirs[1][0]), bytes(theirs[1][2])) == (message.message_id, bytes((message.flags,)))
    assert tuple(parameters.values()) == (
        security.engine_id,
        security.boots,
        security.time_s,
        security.user,
        security.mac,
        security.salt,
    )


WHOLE = CREDENTIALS.at(ENGINE).seal(
    Message(message_id=5, flags=SECURE, security=Security(boots=1, time_s=2), data=b""), Pdu(Kind.TRAP, 1, (((1, 3), 5),)), ENGINE
)
SCOPED = encode_scoped(Pdu(Kind.RESPONSE, 5, (((1, 3, 6, 1), 7), ((1, 3, 6, 2), b"text"), ((1, 3, 6, 3), None))), ENGINE)


def mutations(octets: bytes) -> st.SearchStrategy[bytes]:
    places = st.tuples(st.integers(0, len(octets) - 1), st.integers(0, 255))

    def changed(changes: list[tuple[int, int]], end: int) -> bytes:
        made = bytearray(octets)
        for at, value in changes:
            made[at] = value
        return bytes(made[:end])

    return st.builds(changed, st.lists(places, max_size=4), st.integers(0, len(octets)))


@given(st.one_of(st.binary(max_size=200), mutations(WHOLE), mutations(SCOPED)))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    for read in (decode_message, decode_scoped, as_response):
        try:
            read(octets)
        except ResponseError:
            continue


@given(st.one_of(st.binary(max_size=200), mutations(WHOLE)))
def test_nothing_but_the_whole_message_is_heard(octets: bytes) -> None:
    reception = Receiver(b"\x80\x00\x00\x00\x04us", 1, 0.0).receive(octets, {"sw": CREDENTIALS}, 0.0)
    assert octets == WHOLE or reception.result is None or isinstance(reception.result, Refused)
    assert reception.result is not None or reception.reply


@given(st.one_of(st.binary(max_size=200), mutations(WHOLE)))
def test_an_answer_that_nobody_asked_for_changes_nothing(octets: bytes) -> None:
    manager = Manager(CREDENTIALS, lambda bits: 2**bits - 1)
    manager.ask(Kind.GET, ())
    manager.datagram(0.0)
    with contextlib.suppress(ResponseError):
        assert manager.receive(octets, 0.0) is Step.IGNORED
    assert manager.engine_id is None


def test_a_key_is_that_of_the_standard_s_example() -> None:
    keys = SnmpKeys(user="u", auth="sha", auth_secret="maplesyrup", priv_secret="maplesyrup")
    local = Credentials.of(keys).at(bytes(11) + b"\x02")
    assert local.auth_key.hex() == "6695febc9288e36282235fc7151f128497b38f3f"  # RFC 3414, A.3.2


@pytest.mark.parametrize(
    ("auth", "priv", "octets"), [("sha256", "aes128", 16), ("sha384", "aes192", 24), ("sha512", "aes256", 32)]
)
def test_other_keys_are_made_alike_with_other_digests(auth: str, priv: str, octets: int) -> None:
    keys = replace(KEYS, auth=auth, priv=priv)  # type: ignore[arg-type]
    local = Credentials.of(keys).at(ENGINE)
    for secret, key in ((KEYS.auth_secret, local.auth_key), (KEYS.priv_secret, bytes(local.priv_key))):
        first = hashlib.new(auth, (secret.encode() * 2**20)[: 2**20]).digest()  # RFC 3414, A.2
        made = hashlib.new(auth, first + ENGINE + first).digest()
        assert key == (made if secret == KEYS.auth_secret else made[:octets])


def test_secrets_are_not_shown() -> None:
    assert KEYS.auth_secret not in repr(KEYS)
    assert KEYS.priv_secret not in repr(KEYS)
    assert oid("1.3.6") == (1, 3, 6)


def test_a_clock_is_followed_and_what_is_older_than_its_window_refused() -> None:
    time = EngineTime(boots=3, time_s=1000, taken_s=0.0)
    assert time.accepts(3, 1000, 150.9)
    assert not time.accepts(3, 1000, 151.0)
    assert time.accepts(3, 1100, 200.0)  # a slow clock: ours is set to it
    assert time.at(250.0) == 1150
    assert not time.accepts(2, 5000, 250.0)
    assert time.accepts(4, 0, 250.0)
    assert not time.accepts(3, 1150, 250.0)
    assert not EngineTime(boots=2**31 - 1, time_s=5, taken_s=0.0).accepts(
        2**31 - 1, 5, 0.0
    )  # that engine has to be configured anew


def test_a_trap_is_heard_once_and_an_older_one_not_at_all() -> None:
    receiver, local = Receiver(b"\x80\x00\x00\x00\x04us", 1, 0.0), CREDENTIALS.at(ENGINE)

    def trap(number: int, time_s: int, boots: int = 2) -> bytes:
        message = Message(message_id=number, flags=SECURE, security=Security(boots=boots, time_s=time_s), data=b"")
        return local.seal(message, Pdu(Kind.TRAP, 9, ()), ENGINE)

    senders = {"sw": CREDENTIALS}
    assert not isinstance(receiver.receive(trap(1, 1000), senders, 0.0).result, Refused)
    assert receiver.receive(trap(1, 1000), senders, 1.0).result is Refused.REPEATED
    assert receiver.receive(trap(2, 800), senders, 1.0).result is Refused.OLD
    assert receiver.receive(trap(3, 9999, boots=1), senders, 1.0).result is Refused.OLD
    assert not isinstance(receiver.receive(trap(4, 1000, boots=3), senders, 1.0).result, Refused)


def test_a_question_is_no_notification_and_an_inform_to_a_former_engine_of_ours_is_told_the_present_one() -> None:
    us = b"\x80\x00\x00\x00\x04us"
    receiver, senders = Receiver(us, 1, 0.0), {"sw": CREDENTIALS}

    def sealed(engine_id: bytes, kind: Kind) -> bytes:
        message = Message(message_id=1, flags=SECURE | Flag.REPORTABLE, security=Security(boots=1, time_s=0), data=b"")
        return CREDENTIALS.at(engine_id).seal(message, Pdu(kind, 9, ()), engine_id)

    assert receiver.receive(sealed(us, Kind.GET), senders, 0.0).result is Refused.NONSENSE
    assert receiver.receive(sealed(us, Kind.TRAP), senders, 0.0).result is Refused.NONSENSE
    reception = receiver.receive(sealed(b"\x80\x00\x00\x00\x04former", Kind.INFORM), senders, 0.0)
    assert reception.result is None
    assert decode_message(reception.reply).security.engine_id == us
