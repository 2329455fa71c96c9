"""Messages of SNMPv3 (RFC 3412) and what they carry (RFC 3416), to bytes and back; the encoding rules and the types are those of pysnmp.

pysnmp's engine above them looks everything up in a tree of MIB objects: 110 ms of CPU for each agent at the start and twice the time for
each value, and it keeps one pair of keys for a user's name, where each agent is to have its own. So only its lower layers are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import pysnmp.proto.secmod.rfc3414  # noqa: F401  (its parts import each other: the package has to come first)
from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters

from tieline.protocols.snmp.errors import ResponseError
from tieline.protocols.snmp.values import Oid, Value

VERSION_3 = 3
USM = 3
MOST_OCTETS = 65_507
"""Of a UDP datagram."""
LEAST_OCTETS = 484
"""Every engine takes messages as long as that (RFC 3412, clause 6)."""


class Kind(StrEnum):
    """What a PDU is for; the values are pysnmp's names."""

    GET = "get-request"
    GET_NEXT = "get-next-request"
    GET_BULK = "get-bulk-request"
    RESPONSE = "response"
    SET = "set-request"
    INFORM = "inform-request"
    TRAP = "snmpV2-trap"
    REPORT = "report"


class Flag(IntEnum):
    """Of msgFlags (RFC 3412, clause 6.4)."""

    AUTH = 1
    PRIV = 2
    REPORTABLE = 4


@dataclass(frozen=True, slots=True)
class Pdu:
    """What is asked, answered or told; a value is None where there is none."""

    kind: Kind
    request_id: int
    bindings: tuple[tuple[Oid, Value | None], ...] = ()
    first: int = 0
    """error-status, or non-repeaters."""
    second: int = 0
    """error-index, or max-repetitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """msgSecurityParameters of the user-based security model (RFC 3414, clause 2.4)."""

    engine_id: bytes = b""
    boots: int = 0
    time_s: int = 0
    user: bytes = b""
    mac: bytes = b""
    salt: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message; `data` is the scoped PDU, encoded, or enciphered where `flags` say so."""

    message_id: int
    most_octets: int = MOST_OCTETS
    """That the sender takes in an answer."""
    flags: int
    security: Security
    data: bytes
    signed: bytes = b""
    """Of a message that was received: all of it with zeros for the MAC."""


_PDUS: dict[Kind, type[Any]] = {
    Kind.GET: rfc1905.GetRequestPDU,
    Kind.GET_NEXT: rfc1905.GetNextRequestPDU,
    Kind.GET_BULK: rfc1905.GetBulkRequestPDU,
    Kind.RESPONSE: rfc1905.ResponsePDU,
    Kind.SET: rfc1905.SetRequestPDU,
    Kind.INFORM: rfc1905.InformRequestPDU,
    Kind.TRAP: rfc1905.SNMPv2TrapPDU,
    Kind.REPORT: rfc1905.ReportPDU,
}
_SCOPED = ScopedPDU()
_MESSAGE = SNMPv3Message()
_PARAMETERS = UsmSecurityParameters()
_UNCHECKED = {"verifyConstraints": False, "matchTags": False, "matchConstraints": False}


def encode_scoped(pdu: Pdu, engine_id: bytes) -> bytes:
    """The scoped PDU, for the default context of an engine."""
    body = _PDUS[pdu.kind]()
    for position, number in enumerate((pdu.request_id, pdu.first, pdu.second)):
        body.setComponentByPosition(position, number)
    bindings = body.setComponentByPosition(3).getComponentByPosition(3)
    bindings.clear()
    for position, (name, value) in enumerate(pdu.bindings):
        binding = bindings.setComponentByPosition(position).getComponentByPosition(position)
        binding.setComponentByPosition(0, name)
        slot = binding.setComponentByPosition(1).getComponentByPosition(1)
        if value is None:
            slot.setComponentByName("unSpecified", "")
        else:
            slot.setComponentByName("value").getComponent().setComponentByName("simple").getComponent().setComponentByType(
                *_typed(value)
            )
    scoped = ScopedPDU()
    scoped.setComponentByPosition(0, engine_id)
    scoped.setComponentByPosition(1, b"")
    scoped.setComponentByPosition(2).getComponentByPosition(2).setComponentByName(pdu.kind.value, body, **_UNCHECKED)
    return bytes(encoder.encode(scoped))


def _typed(value: Value) -> tuple[Any, Any]:
    made: Any
    match value:
        case int():
            made = rfc1902.Integer(value)
        case bytes():
            made = rfc1902.OctetString(value)
        case _:
            made = rfc1902.ObjectIdentifier(value)
    return made.tagSet, made


def decode_scoped(octets: bytes) -> Pdu:
    """Reads a scoped PDU. Raises `ResponseError`."""
    scoped = _decoded(octets, _SCOPED)
    choice = scoped.getComponentByPosition(2)
    body = choice.getComponent()
    numbers = [int(body.getComponentByPosition(position)) for position in range(3)]
    bindings = tuple(
        (tuple(binding.getComponentByPosition(0)), _value(binding.getComponentByPosition(1).getComponent(1)))
        for binding in body.getComponentByPosition(3)
    )
    return Pdu(Kind(choice.getName()), numbers[0], bindings, numbers[1], numbers[2])


def _value(found: Any) -> Value | None:
    if isinstance(found, univ.Null):
        return None
    if isinstance(found, univ.Integer):
        return int(found)
    if isinstance(found, univ.OctetString):
        return bytes(found)
    if isinstance(found, univ.ObjectIdentifier):
        return tuple(found)
    return None


def encode_message(message: Message) -> tuple[bytes, int]:
    """The message, and where its MAC stands."""
    whole = SNMPv3Message()
    whole.setComponentByPosition(0, VERSION_3)
    head = whole.setComponentByPosition(1).getComponentByPosition(1)
    for position, value in enumerate((message.message_id, message.most_octets, bytes((message.flags,)), USM)):
        head.setComponentByPosition(position, value)
    security = message.security
    parameters = UsmSecurityParameters()
    names = (security.engine_id, security.boots, security.time_s, security.user, security.mac, security.salt)
    for position, value in enumerate(names):
        parameters.setComponentByPosition(position, value)
    whole.setComponentByPosition(2, encoder.encode(parameters))
    data = whole.setComponentByPosition(3).getComponentByPosition(3)
    if message.flags & Flag.PRIV:
        data.setComponentByName("encryptedPDU", message.data)
        size = len(encoder.encode(univ.OctetString(message.data)))
    else:
        data.setComponentByName("plaintext", _decoded(message.data, _SCOPED))
        size = len(message.data)
    octets = bytes(encoder.encode(whole))
    # The salt comes last of the parameters, and those before the data; neither is longer than 127 octets.
    return octets, len(octets) - size - 2 - len(security.salt) - len(security.mac)


def decode_message(octets: bytes) -> Message:
    """Reads a message as far as it can be read without keys. Raises `ResponseError`."""
    if len(octets) > MOST_OCTETS:
        raise ResponseError(f"a message of {len(octets)} octets is none")
    whole = _decoded(octets, _MESSAGE)
    if int(whole.getComponentByPosition(0)) != VERSION_3:
        raise ResponseError(f"a message of version {int(whole.getComponentByPosition(0))} is not SNMPv3")
    head = whole.getComponentByPosition(1)
    if int(head.getComponentByPosition(3)) != USM:
        raise ResponseError(f"the security model {int(head.getComponentByPosition(3))} is not known here")
    flags = bytes(head.getComponentByPosition(2))[0]
    inner = bytes(whole.getComponentByPosition(2))
    parameters = _decoded(inner, _PARAMETERS)
    engine_id, user, mac, salt = (bytes(parameters.getComponentByPosition(each)) for each in (0, 3, 4, 5))
    data = whole.getComponentByPosition(3)
    is_secret = data.getName() == "encryptedPDU"
    if is_secret != bool(flags & Flag.PRIV):
        raise ResponseError("the message is not enciphered as it says")
    return Message(
        message_id=int(head.getComponentByPosition(0)),
        most_octets=int(head.getComponentByPosition(1)),
        flags=flags,
        security=Security(
            engine_id=engine_id,
            boots=int(parameters.getComponentByPosition(1)),
            time_s=int(parameters.getComponentByPosition(2)),
            user=user,
            mac=mac,
            salt=salt,
        ),
        data=bytes(data.getComponent()) if is_secret else bytes(encoder.encode(data.getComponent())),
        signed=_without_mac(octets, inner, mac, salt),
    )


def _without_mac(octets: bytes, inner: bytes, mac: bytes, salt: bytes) -> bytes:
    """The message with zeros where its MAC is: before the salt, the last of the parameters (both in the shortest form of their lengths)."""
    end = octets.find(inner) + len(inner) - 2 - len(salt)
    start = end - len(mac)
    if start < 0 or octets[start:end] != mac:
        raise ResponseError("the signature is not where it belongs")
    return octets[:start] + bytes(len(mac)) + octets[end:]


def _decoded(octets: bytes, spec: Any) -> Any:
    # What pyasn1 raises besides its own errors on octets that nobody should send is not documented.
    try:
        found, rest = decoder.decode(octets, asn1Spec=spec)
    except (PyAsn1Error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ResponseError(f"a message cannot be read: {str(error)[:100] or type(error).__name__}") from error
    if rest:
        raise ResponseError("a message has octets after its end")
    if not getattr(found, "isValue", False):
        raise ResponseError("a message lacks parts")
    return found


def bindings_of(names: Sequence[Oid]) -> tuple[tuple[Oid, Value | None], ...]:
    """Names alone, as a question has them."""
    return tuple((name, None) for name in names)
