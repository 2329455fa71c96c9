"""The user-based security model (RFC 3414, 3826, 7860): keys, signatures and ciphers; keys are made, and ciphers run, by pysnmp.

pysnmp's engine above them looks everything up in a tree of MIB objects: 110 ms of CPU for each agent at the start and 120 µs for each
value; it keeps one pair of keys for a user's name, where each agent is to have its own; and that a privacy key is wrong it does not tell.
So only this layer of it is used.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import Any

from pyasn1.type import univ
from pysnmp.proto.error import ProtocolError, StatusInformation
from pysnmp.proto.secmod.rfc3414.service import SnmpUSMSecurityModel

from tieline.protocols.snmp.errors import ResponseError
from tieline.protocols.snmp.messages import Flag, Message, encode_message
from tieline.protocols.snmp.pdu import Pdu, decode_scoped, encode_scoped
from tieline.protocols.snmp.values import SnmpKeys

WINDOW_S = 150
"""A message whose time differs more than that from its engine's is refused (RFC 3414, clause 2.2.3)."""
SECURE = Flag.AUTH | Flag.PRIV

_PROTOCOLS = (1, 3, 6, 1, 6, 3, 10, 1)
_AUTH: dict[str, tuple[tuple[int, ...], str, int]] = {
    "sha": ((*_PROTOCOLS, 1, 3), "sha1", 12),
    "sha224": ((*_PROTOCOLS, 1, 4), "sha224", 16),
    "sha256": ((*_PROTOCOLS, 1, 5), "sha256", 24),
    "sha384": ((*_PROTOCOLS, 1, 6), "sha384", 32),
    "sha512": ((*_PROTOCOLS, 1, 7), "sha512", 48),
}
"""Name, digest, and octets of the signature (RFC 3414, clause 6.3; RFC 7860, clause 4)."""
_BLUMENTHAL = (1, 3, 6, 1, 4, 1, 9, 12, 6, 1)
_PRIV: dict[str, tuple[int, ...]] = {"aes128": (*_PROTOCOLS, 2, 4), "aes192": (*_BLUMENTHAL, 1), "aes256": (*_BLUMENTHAL, 2)}
"""AES with longer keys has names of Cisco only; how keys are lengthened there does not matter, since digests are long enough."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of a user as they are before they belong to an engine (RFC 3414, A.2); making them takes some 10 ms."""

    user: bytes
    auth: str
    priv: str
    auth_key: Any
    priv_key: Any

    @classmethod
    def of(cls, keys: SnmpKeys) -> Credentials:
        """From the passwords."""
        auth_name = _AUTH[keys.auth][0]
        service = SnmpUSMSecurityModel.AUTH_SERVICES[auth_name]
        priv_service = SnmpUSMSecurityModel.PRIV_SERVICES[_PRIV[keys.priv]]
        return cls(
            keys.user.encode(),
            keys.auth,
            keys.priv,
            service.hash_passphrase(keys.auth_secret.encode()),
            priv_service.hash_passphrase(auth_name, keys.priv_secret.encode()),
        )

    def at(self, engine_id: bytes) -> LocalKeys:
        """The keys for one engine."""
        auth_name, digest, octets = _AUTH[self.auth]
        engine = univ.OctetString(engine_id)
        cipher = SnmpUSMSecurityModel.PRIV_SERVICES[_PRIV[self.priv]]
        return LocalKeys(
            engine_id,
            self.user,
            digest,
            octets,
            bytes(SnmpUSMSecurityModel.AUTH_SERVICES[auth_name].localize_key(self.auth_key, engine)),
            cipher,
            cipher.localize_key(auth_name, self.priv_key, engine),
        )


@dataclass(frozen=True, slots=True)
class LocalKeys:
    """A user's keys at one engine: signs, proves, enciphers and deciphers messages."""

    engine_id: bytes
    user: bytes
    digest: str
    mac_octets: int
    auth_key: bytes
    cipher: Any
    priv_key: Any

    def seal(self, message: Message, pdu: Pdu, context_engine: bytes) -> bytes:
        """The datagram of a message with this PDU; it is signed, and enciphered where the flags say so."""
        return self.seal_scoped(message, encode_scoped(pdu, context_engine))

    def seal_scoped(self, message: Message, data: bytes) -> bytes:
        """The same with a scoped PDU that is encoded already."""
        salt = b""
        security = message.security
        if message.flags & Flag.PRIV:
            secret, given = self.cipher.encrypt_data(self.priv_key, (security.boots, security.time_s, None), data)
            data, salt = bytes(secret), bytes(given)
        security = replace(security, engine_id=self.engine_id, user=self.user, mac=bytes(self.mac_octets), salt=salt)
        octets, at = encode_message(replace(message, flags=message.flags | Flag.AUTH, security=security, data=data))
        return octets[:at] + self._mac(octets) + octets[at + self.mac_octets :]

    def is_signed(self, message: Message) -> bool:
        """Whether the message is signed with this key, by this user, for this engine."""
        security = message.security
        return (
            bool(message.flags & Flag.AUTH)
            and security.user == self.user
            and security.engine_id == self.engine_id
            and hmac.compare_digest(self._mac(message.signed), security.mac)
        )

    def open(self, message: Message) -> Pdu:
        """What a message says, deciphered where it is enciphered. Raises `ResponseError`: with the wrong key it is rubbish."""
        return decode_scoped(self.decipher(message) if message.flags & Flag.PRIV else message.data)

    def decipher(self, message: Message) -> bytes:
        """The scoped PDU of a message that is enciphered. Raises `ResponseError`."""
        security = message.security
        parameters = (security.boots, security.time_s, list(security.salt))
        try:
            plain = self.cipher.decrypt_data(self.priv_key, parameters, univ.OctetString(message.data))
        except (ProtocolError, StatusInformation, ValueError) as error:
            raise ResponseError("a message cannot be deciphered") from error
        return bytes(plain)

    def _mac(self, octets: bytes) -> bytes:
        return hmac.digest(self.auth_key, octets, self.digest)[: self.mac_octets]


@dataclass(slots=True)
class EngineTime:
    """What is known of the clock of an engine that is authoritative (RFC 3414, clause 2.3)."""

    boots: int
    time_s: int
    taken_s: float
    """Our monotonic clock then."""

    def at(self, now_s: float) -> int:
        """Its time now."""
        return min(self.time_s + int(now_s - self.taken_s), 0x7FFFFFFF)

    def accepts(self, security_boots: int, security_time_s: int, now_s: float) -> bool:
        """Whether an authentic message is not too old; takes its time where it is newer (clause 3.2, step 7b)."""
        if security_boots > self.boots or (security_boots == self.boots and security_time_s > self.time_s):
            self.boots, self.time_s, self.taken_s = security_boots, security_time_s, now_s
        return security_boots == self.boots and security_time_s >= self.at(now_s) - WINDOW_S and self.boots < 0x7FFFFFFF
