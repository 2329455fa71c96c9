"""Messages of SNMPv3 (RFC 3412), to octets and back; the encoding rules and the types are those of pysnmp.

pysnmp's engine above them looks everything up in a tree of MIB objects: 110 ms of CPU for each agent at the start and twice the time for
each value, and it keeps one pair of keys for a user's name, where each agent is to have its own. So only its lower layers are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pysnmp.proto.secmod.rfc3414  # noqa: F401  (its parts import each other: the package has to come first)
from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters

from tieline.protocols.snmp.errors import ResponseError

VERSION_3 = 3
USM = 3
MOST_OCTETS = 65_507
"""Of a UDP datagram."""
LEAST_OCTETS = 484
"""Every engine takes messages as long as that (RFC 3412, clause 6)."""


class Flag(IntEnum):
    """Of msgFlags (RFC 3412, clause 6.4)."""

    AUTH = 1
    PRIV = 2
    REPORTABLE = 4


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


_SCOPED = ScopedPDU()
_MESSAGE = SNMPv3Message()
_PARAMETERS = UsmSecurityParameters()


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
