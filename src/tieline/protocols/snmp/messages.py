"""Messages of SNMPv3 (RFC 3412) with the parameters of the user-based security model (RFC 3414), to octets and back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from tieline.protocols.snmp.ber import INTEGER, OCTETS, SEQUENCE, element, enter, integer, read_integer
from tieline.protocols.snmp.errors import ResponseError

VERSION_3 = 3
USM = 3
MOST_OCTETS = 65_507
"""Of a UDP datagram."""
_MOST = 2**31 - 1


class Flag(IntEnum):
    """Of msgFlags (RFC 3412, clause 6.4)."""

    AUTH = 1
    PRIV = 2
    REPORTABLE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """msgSecurityParameters (RFC 3414, clause 2.4)."""

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
    flags: int
    security: Security
    data: bytes
    signed: bytes = b""
    """Of a message that was received: all of it with zeros for the MAC."""


def encode_message(message: Message) -> tuple[bytes, int]:
    """The message, and where its MAC stands."""
    security = message.security
    names = (
        element(OCTETS, security.engine_id) + integer(security.boots) + integer(security.time_s) + element(OCTETS, security.user)
    )
    salt = element(OCTETS, security.salt)
    parameters = element(OCTETS, element(SEQUENCE, names + element(OCTETS, security.mac) + salt))
    data = element(OCTETS, message.data) if message.flags & Flag.PRIV else message.data
    flags = element(OCTETS, bytes((message.flags,)))
    head = element(SEQUENCE, integer(message.message_id) + integer(MOST_OCTETS) + flags + integer(USM))
    whole = element(SEQUENCE, integer(VERSION_3) + head + parameters + data)
    return whole, len(whole) - len(data) - len(salt) - len(security.mac)


def decode_message(octets: bytes) -> Message:
    """Reads a message as far as it can be read without keys. Raises `ResponseError`."""
    at, end = enter(octets, 0, len(octets), SEQUENCE)
    version, at = _number(octets, at, end)
    if version != VERSION_3:
        raise ResponseError(f"a message of version {version} is not SNMPv3")
    inner, at_parameters = enter(octets, at, end, SEQUENCE)
    message_id, inner = _number(octets, inner, at_parameters)
    _, inner = _number(octets, inner, at_parameters)
    flags, inner = _text(octets, inner, at_parameters)
    model, _ = _number(octets, inner, at_parameters)
    if model != USM or len(flags) != 1:
        raise ResponseError(f"the security model {model} is not known here")
    inner, at_data = enter(octets, at_parameters, end, OCTETS)
    inner, stop = enter(octets, inner, at_data, SEQUENCE)
    engine_id, inner = _text(octets, inner, stop)
    boots, inner = _number(octets, inner, stop)
    time_s, inner = _number(octets, inner, stop)
    user, inner = _text(octets, inner, stop)
    mac, mac_end = _text(octets, inner, stop)
    salt, _ = _text(octets, mac_end, stop)
    if len(engine_id) > 32 or len(user) > 32:
        raise ResponseError("the name of an engine or of a user is too long")
    if flags[0] & Flag.PRIV:
        data, _ = _text(octets, at_data, end)
    else:
        enter(octets, at_data, end, SEQUENCE)
        data = octets[at_data:end]
    return Message(
        message_id=message_id,
        flags=flags[0],
        security=Security(engine_id=engine_id, boots=boots, time_s=time_s, user=user, mac=mac, salt=salt),
        data=data,
        signed=octets[: mac_end - len(mac)] + bytes(len(mac)) + octets[mac_end:end],
    )


def _number(octets: bytes, at: int, stop: int) -> tuple[int, int]:
    start, end = enter(octets, at, stop, INTEGER)
    found = read_integer(octets, start, end)
    if not 0 <= found <= _MOST:
        raise ResponseError(f"a message has {found} where a number of 31 bits belongs")
    return found, end


def _text(octets: bytes, at: int, stop: int) -> tuple[bytes, int]:
    start, end = enter(octets, at, stop, OCTETS)
    return octets[start:end], end
