"""SNMPv3 as an agent speaks it: messages, keys, authentication and privacy of the user-based security model (RFC 3412, 3414, 3826, 7860).

Written apart from what the gateway speaks, so that each proves the other.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from tieline.config.snmp import SnmpConnection
from tieline.protocols.goose.ber import element, integer, read_header, unsigned
from tieline.protocols.goose.errors import FrameError

LARGEST_OCTETS = 65_507
"""Of a UDP datagram."""
_LEAST_OCTETS = 484
_WINDOW_S = 150
_PASSWORD_OCTETS = 1 << 20
_VERSION_3 = 3
_USM = 3

_AUTH, _PRIV, _REPORTABLE = 1, 2, 4

UNSUPPORTED_LEVELS = (1, 3, 6, 1, 6, 3, 15, 1, 1, 1, 0)
NOT_IN_TIME_WINDOWS = (1, 3, 6, 1, 6, 3, 15, 1, 1, 2, 0)
UNKNOWN_USERS = (1, 3, 6, 1, 6, 3, 15, 1, 1, 3, 0)
UNKNOWN_ENGINES = (1, 3, 6, 1, 6, 3, 15, 1, 1, 4, 0)
WRONG_DIGESTS = (1, 3, 6, 1, 6, 3, 15, 1, 1, 5, 0)
DECRYPTION_ERRORS = (1, 3, 6, 1, 6, 3, 15, 1, 1, 6, 0)
Oid = tuple[int, ...]

_DIGESTS: dict[str, tuple[str, int]] = {
    "sha": ("sha1", 12),
    "sha224": ("sha224", 16),
    "sha256": ("sha256", 24),
    "sha384": ("sha384", 32),
    "sha512": ("sha512", 48),
}
"""Name of the digest, and octets of the HMAC that a message bears."""
_KEY_OCTETS = {"aes128": 16, "aes192": 24, "aes256": 32}


@dataclass(frozen=True, slots=True)
class Request:
    """A message that is as it must be: what is asked, and what the answer needs to find its way."""

    message_id: int
    most_octets: int
    """Of an answer."""
    context_engine: bytes
    context: bytes
    pdu: bytes
    """With its tag."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that is not: the counter that it raises. Whoever asked is told, where he can be."""

    message_id: int
    counter: Oid
    request_id: int
    is_authentic: bool
    """Whether the report is signed; it is where only the time was wrong."""
    is_reportable: bool


class Security:
    """The engine of one agent and its only user. `time_s` is that of the engine, from its start."""

    def __init__(self, connection: SnmpConnection, *, engine_id: bytes, boots: int, auth: str, priv: str) -> None:
        """`auth` and `priv` are the passwords that the keys are made from."""
        self.engine_id = engine_id
        self.boots = boots
        self._user = connection.user.encode()
        self._digest, self._mac_octets = _DIGESTS[connection.auth]
        self._auth_key = localized_key(auth, self._digest, engine_id)
        self._priv_key = localized_key(priv, self._digest, engine_id)[: _KEY_OCTETS[connection.priv]]
        self._salt = boots << 32

    def open(self, message: bytes, time_s: int) -> Request | Refusal | None:
        """What a datagram asks; None where it is no message of SNMPv3."""
        try:
            return self._open(message, time_s)
        except (FrameError, IndexError):
            return None

    def _open(self, message: bytes, time_s: int) -> Request | Refusal | None:
        tag, at, end = read_header(message, 0, len(message))
        version, at = _integer(message, at, end)
        if tag != 0x30 or version != _VERSION_3:
            return None
        _, head, after = read_header(message, at, end)
        message_id, head = _integer(message, head, after)
        most_octets, head = _integer(message, head, after)
        flags, head = _octets(message, head, after)
        model, _ = _integer(message, head, after)
        if model != _USM or len(flags) != 1:
            return None
        level = flags[0]
        _, at, body = read_header(message, after, end)
        _, at, stop = read_header(message, at, body)
        engine_id, at = _octets(message, at, stop)
        boots, at = _integer(message, at, stop)
        time, at = _integer(message, at, stop)
        user, at = _octets(message, at, stop)
        mac, mac_end = _octets(message, at, stop)
        salt, _ = _octets(message, mac_end, stop)

        def refusal(counter: Oid, *, is_authentic: bool = False) -> Refusal:
            request_id = 0 if level & _PRIV else _request_id(message, body, end)
            return Refusal(message_id, counter, request_id, is_authentic, bool(level & _REPORTABLE))

        if engine_id != self.engine_id:
            return refusal(UNKNOWN_ENGINES)
        if user != self._user:
            return refusal(UNKNOWN_USERS)
        if level & (_AUTH | _PRIV) != _AUTH | _PRIV:
            return refusal(UNSUPPORTED_LEVELS)
        signed = message[: mac_end - len(mac)] + bytes(len(mac)) + message[mac_end:end]
        if len(mac) != self._mac_octets or not hmac.compare_digest(self._mac(signed), mac):
            return refusal(WRONG_DIGESTS)
        if boots != self.boots or abs(time - time_s) > _WINDOW_S:
            return refusal(NOT_IN_TIME_WINDOWS, is_authentic=True)
        secret, _ = _octets(message, body, end)
        if len(salt) != 8:
            return refusal(DECRYPTION_ERRORS)
        plain = self._cipher(boots, time, salt).decryptor().update(secret)
        try:
            tag, at, stop = read_header(plain, 0, len(plain))
            context_engine, at = _octets(plain, at, stop)
            context, at = _octets(plain, at, stop)
        except FrameError:
            return refusal(DECRYPTION_ERRORS)
        return Request(message_id, max(most_octets, _LEAST_OCTETS), context_engine, context, plain[at:stop])

    def seal(self, message_id: int, pdu: bytes, time_s: int, *, level: int = _AUTH | _PRIV) -> bytes:
        """The message that carries a PDU, signed and enciphered; a report may be less."""
        scoped = element(0x30, element(0x04, self.engine_id) + element(0x04, b"") + pdu)
        salt = b""
        if level & _PRIV:
            self._salt += 1
            salt = (self._salt & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
            scoped = element(0x04, self._cipher(self.boots, time_s, salt).encryptor().update(scoped))
        blank = bytes(self._mac_octets if level & _AUTH else 0)
        user = self._user if level & _AUTH else b""
        names = element(0x04, self.engine_id) + _number(self.boots) + _number(time_s) + element(0x04, user)
        security = element(0x30, names + element(0x04, blank) + element(0x04, salt))
        head = element(0x30, _number(message_id) + _number(LARGEST_OCTETS) + element(0x04, bytes((level,))) + _number(_USM))
        message = element(0x30, _number(_VERSION_3) + head + element(0x04, security) + scoped)
        if not level & _AUTH:
            return message
        end = len(message) - len(scoped) - len(element(0x04, salt))
        return message[: end - len(blank)] + self._mac(message) + message[end:]

    def report(self, refusal: Refusal, count: int, time_s: int) -> bytes:
        """What tells the other side why it is not answered (RFC 3412, 7.1)."""
        pdu = response(refusal.request_id, 0, 0, element(0x30, encode_oid(refusal.counter) + counter32(count)), tag=0xA8)
        return self.seal(refusal.message_id, pdu, time_s, level=_AUTH if refusal.is_authentic else 0)

    def _mac(self, message: bytes) -> bytes:
        return hmac.digest(self._auth_key, message, self._digest)[: self._mac_octets]

    def _cipher(self, boots: int, time_s: int, salt: bytes) -> Cipher[CFB]:
        start = boots.to_bytes(4, "big") + (time_s & 0xFFFFFFFF).to_bytes(4, "big") + salt
        return Cipher(algorithms.AES(self._priv_key), CFB(start))


def localized_key(password: str, digest: str, engine_id: bytes) -> bytes:
    """The key of a user at one engine (RFC 3414, A.2)."""
    key = _password_key(password, digest)
    return hashlib.new(digest, key + engine_id + key).digest()


@lru_cache(maxsize=256)
def _password_key(password: str, digest: str) -> bytes:
    octets = password.encode()
    whole = octets * (_PASSWORD_OCTETS // len(octets) + 1)
    return hashlib.new(digest, whole[:_PASSWORD_OCTETS]).digest()


def response(request_id: int, status: int, index: int, bindings: bytes, *, tag: int = 0xA2) -> bytes:
    """A response, or with its tag a report (RFC 3416, 3)."""
    return element(tag, _number(request_id) + _number(status) + _number(index) + element(0x30, bindings))


@lru_cache(maxsize=65_536)
def encode_oid(oid: Oid) -> bytes:
    """With its tag."""
    octets = bytearray((40 * oid[0] + oid[1],))
    for number in oid[2:]:
        if number < 0x80:
            octets.append(number)
            continue
        shift = (number.bit_length() - 1) // 7 * 7
        while shift:
            octets.append(0x80 | (number >> shift & 0x7F))
            shift -= 7
        octets.append(number & 0x7F)
    return element(0x06, bytes(octets))


def decode_oid(octets: bytes) -> Oid:
    """Without its tag. Raises `FrameError`."""
    if not octets or octets[-1] & 0x80:
        raise FrameError("an object identifier is cut off", 0)
    numbers: list[int] = []
    number = 0
    for octet in octets:
        number = number << 7 | (octet & 0x7F)
        if not octet & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return (first, numbers[0] - 40 * first, *numbers[1:])


def counter32(value: int) -> bytes:
    """A Counter32, wrapped."""
    return element(0x41, unsigned(value & 0xFFFFFFFF))


def _number(value: int) -> bytes:
    return element(0x02, integer(value))


def _integer(octets: bytes, at: int, stop: int) -> tuple[int, int]:
    tag, start, end = read_header(octets, at, stop)
    if tag != 0x02:
        raise FrameError("an integer is missing", at)
    return int.from_bytes(octets[start:end], "big", signed=True), end


def _octets(octets: bytes, at: int, stop: int) -> tuple[bytes, int]:
    tag, start, end = read_header(octets, at, stop)
    if tag != 0x04:
        raise FrameError("an octet string is missing", at)
    return octets[start:end], end


def _request_id(message: bytes, at: int, end: int) -> int:
    """Of a PDU that is not enciphered; 0 where it cannot be read."""
    try:
        _, at, end = read_header(message, at, end)
        for _ in range(2):
            _, _, at = read_header(message, at, end)
        _, at, end = read_header(message, at, end)
        return _integer(message, at, end)[0]
    except FrameError:
        return 0
