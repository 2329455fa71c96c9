"""A receiver of notifications: traps, for which the sender's clock counts, and informs, for which ours does (RFC 3414, clause 1.5.1).

Whoever sends informs asks first who we are and what our time is; he gets the reports that tell him. Nothing is believed that is not signed
and enciphered with the keys of the one who is to have sent it, and nothing twice.

    octets ──► version 1 or 2c ─────────────────────► refused: unauthenticated
       │
       └► version 3 ─► for no engine, or for our last ─► our report: who we are     (informs)
                    ─► for us, time is wrong ─────────► our report, signed: our time (informs)
                    ─► signed by one of the senders ──► heard, and acknowledged where it is an inform
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from tieline.protocols.snmp.errors import ResponseError
from tieline.protocols.snmp.manager import NOT_IN_TIME_WINDOWS, UNKNOWN_ENGINES
from tieline.protocols.snmp.messages import Flag, Message, Security, decode_message, encode_message
from tieline.protocols.snmp.pdu import Kind, Pdu, as_response, decode_scoped, encode_scoped
from tieline.protocols.snmp.security import SECURE, WINDOW_S, Credentials, EngineTime, LocalKeys

_Key = TypeVar("_Key")
_Kept = TypeVar("_Kept")

_REMEMBERED = 256
"""Notifications that would be recognized if they came again; and engines of which keys and time are kept."""


class Refused(Enum):
    """Why nothing was heard; the values are for people."""

    VERSION = "it is SNMPv1 or v2c, which anybody can send"
    NONSENSE = "it makes no sense"
    UNPROTECTED = "it is not signed and enciphered"
    KEYS = "it is not signed with the sender's keys"
    PRIVACY = "it is signed, but enciphered with another key"
    OLD = "it is older than what was heard before: a repetition, or its engine counts from zero again"
    REPEATED = "it was heard before"


@dataclass(frozen=True, slots=True)
class Heard:
    """A notification of a sender who has proven to be himself."""

    sender: str
    engine_id: bytes
    """The sender's; empty of an inform, which does not tell."""
    pdu: Pdu


@dataclass(frozen=True, slots=True)
class Reception:
    """What came of a datagram: `result` is None where it was a part of the conversation only. `reply` goes back where it came from."""

    result: Heard | Refused | None
    reply: bytes = b""


class Receiver:
    """Our engine, with one clock for all senders."""

    def __init__(self, engine_id: bytes, boots: int, started_s: float) -> None:
        """`boots` counts up from one life of the engine to the next; `started_s` is when this one began, by the monotonic clock."""
        self.engine_id = engine_id
        self._boots = boots
        self._started_s = started_s
        self._reports = 0
        self._keys: OrderedDict[tuple[str, bytes], LocalKeys] = OrderedDict()
        self._times: OrderedDict[tuple[str, bytes], EngineTime] = OrderedDict()
        self._heard: OrderedDict[tuple[str, bytes, int, int], None] = OrderedDict()

    def receive(self, datagram: bytes, senders: Mapping[str, Credentials], now_s: float) -> Reception:
        """Takes a datagram that one of these may have sent; total."""
        if datagram[:1] == b"\x30" and any(datagram[at : at + 3] in (b"\x02\x01\x00", b"\x02\x01\x01") for at in range(2, 6)):
            return Reception(Refused.VERSION)
        try:
            return self._receive(decode_message(datagram), senders, now_s)
        except ResponseError:
            return Reception(Refused.NONSENSE)

    def _receive(self, message: Message, senders: Mapping[str, Credentials], now_s: float) -> Reception:
        engine_id = message.security.engine_id
        if message.flags & SECURE != SECURE:
            if message.flags & Flag.REPORTABLE and engine_id != self.engine_id:
                return Reception(None, self._tell_engine(message, now_s))
            return Reception(Refused.UNPROTECTED)
        found = next(((name, keys) for name, keys in self._candidates(engine_id, senders) if keys.is_signed(message)), None)
        if found is None:
            return Reception(Refused.KEYS)
        sender, keys = found
        if engine_id == self.engine_id:
            if not self._is_in_time(message, now_s):
                report = Pdu(Kind.REPORT, 0, ((NOT_IN_TIME_WINDOWS, self._count()),))
                return Reception(None, keys.seal(self._answer(message, Flag.AUTH, now_s), report, self.engine_id))
        elif not self._accepts(sender, message, now_s):
            return Reception(Refused.OLD)
        try:
            data = keys.decipher(message)
            pdu = decode_scoped(data)
        except ResponseError:
            return Reception(Refused.PRIVACY)
        reply = b""
        is_inform = pdu.kind is Kind.INFORM
        if is_inform and engine_id != self.engine_id:
            return Reception(None, self._tell_engine(message, now_s))
        if is_inform:
            reply = keys.seal_scoped(self._answer(message, SECURE, now_s), as_response(data))
        elif pdu.kind is not Kind.TRAP or engine_id == self.engine_id:
            return Reception(Refused.NONSENSE)
        # An inform whose acknowledgment was lost comes again as the same request; a trap that was recorded, as the same message.
        mark = (sender, engine_id, int(is_inform), pdu.request_id if is_inform else message.message_id)
        if mark in self._heard:
            return Reception(Refused.REPEATED, reply)
        _remember(self._heard, mark, None)
        return Reception(Heard(sender, b"" if is_inform else engine_id, pdu), reply)

    def _candidates(self, engine_id: bytes, senders: Mapping[str, Credentials]) -> list[tuple[str, LocalKeys]]:
        found = []
        for name, credentials in senders.items():
            keys = self._keys.get((name, engine_id))
            if keys is None:
                keys = credentials.at(engine_id)
                _remember(self._keys, (name, engine_id), keys)
            found.append((name, keys))
        return found

    def _accepts(self, sender: str, message: Message, now_s: float) -> bool:
        security = message.security
        time = self._times.get((sender, security.engine_id))
        if time is None:
            _remember(self._times, (sender, security.engine_id), EngineTime(security.boots, security.time_s, now_s))
            return True
        return time.accepts(security.boots, security.time_s, now_s)

    def _is_in_time(self, message: Message, now_s: float) -> bool:
        security = message.security
        return security.boots == self._boots and abs(security.time_s - self._time_s(now_s)) <= WINDOW_S

    def _time_s(self, now_s: float) -> int:
        return int(now_s - self._started_s)

    def _count(self) -> int:
        self._reports = (self._reports + 1) & 0x7FFFFFFF
        return self._reports

    def _answer(self, message: Message, flags: int, now_s: float) -> Message:
        security = Security(engine_id=self.engine_id, boots=self._boots, time_s=self._time_s(now_s))
        return Message(message_id=message.message_id, flags=flags, security=security, data=b"")

    def _tell_engine(self, message: Message, now_s: float) -> bytes:
        data = encode_scoped(Pdu(Kind.REPORT, 0, ((UNKNOWN_ENGINES, self._count()),)), self.engine_id)
        return encode_message(replace(self._answer(message, 0, now_s), data=data))[0]


def _remember(kept: OrderedDict[_Key, _Kept], key: _Key, value: _Kept) -> None:
    kept[key] = value
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
