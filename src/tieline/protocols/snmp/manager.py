"""A manager's side of SNMPv3, one agent and one question at a time: which datagram is next, and what one that came means.

    who are you? ──(report: its engine)──► what is your time? ──(report, signed)──► question ──(response)──► done
         ▲                                        ▲                                    │  │
         └────────(another engine answers)────────┼────────────────────────────────────┘  │
                                                  └──────(not in its time window)─────────┘

The second step is the question itself with a time that cannot be right: the answer proves name and authentication key without need of the
privacy key (RFC 3414, clause 4). So of an agent that falls silent after it, the privacy key is the wrong one; agents do not say so.

Numbers of messages are random, 31 bits: an answer that bears the number of what was just asked is no repetition of an older one, and
reports that nobody can sign (of an unknown user, a wrong signature) are not from somebody who cannot listen.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import assert_never

from tieline.protocols.snmp.errors import ResponseError, SnmpAccessError, SnmpStatusError
from tieline.protocols.snmp.messages import Flag, Message, Security, decode_message, encode_message
from tieline.protocols.snmp.pdu import Kind, Pdu, decode_scoped, encode_scoped
from tieline.protocols.snmp.security import SECURE, Credentials, EngineTime, LocalKeys
from tieline.protocols.snmp.values import Oid, Value

STEPS = 6
"""So often an agent may send us back to an earlier step within one question."""

_STATS = (1, 3, 6, 1, 6, 3, 15, 1, 1)
UNSUPPORTED_LEVELS = (*_STATS, 1, 0)
NOT_IN_TIME_WINDOWS = (*_STATS, 2, 0)
UNKNOWN_USERS = (*_STATS, 3, 0)
UNKNOWN_ENGINES = (*_STATS, 4, 0)
WRONG_DIGESTS = (*_STATS, 5, 0)
DECRYPTION_ERRORS = (*_STATS, 6, 0)

_ACCESS_STATUS = {6: "noAccess", 16: "authorizationError"}


class Step(Enum):
    """What a datagram means for the question."""

    IGNORED = auto()
    """Nothing: it belongs to something else."""
    NEXT = auto()
    """There is another datagram to send."""


class _Phase(Enum):
    DISCOVERY = auto()
    SYNCHRONIZATION = auto()
    QUESTION = auto()


class Manager:
    """What is known of one agent; `random` gives bits. Not to be used for two questions at a time."""

    def __init__(self, credentials: Credentials, random: Callable[[int], int]) -> None:
        self._credentials = credentials
        self._random = random
        self._keys: LocalKeys | None = None
        self._time: EngineTime | None = None
        self._has_opened = False
        self._pdu = Pdu(Kind.GET, 0)
        self._sent: dict[int, _Phase] = {}
        self._steps = 0

    @property
    def engine_id(self) -> bytes | None:
        """Of the agent; None before it was found."""
        return self._keys.engine_id if self._keys is not None else None

    @property
    def boots(self) -> int | None:
        """How often its engine has started; None before it said so."""
        return self._time.boots if self._time is not None else None

    @property
    def is_privacy_doubtful(self) -> bool:
        """Whether it has proven its authentication key, and has never yet answered anything enciphered."""
        return self._time is not None and not self._has_opened

    def ask(self, kind: Kind, bindings: tuple[tuple[Oid, Value | None], ...], first: int = 0, second: int = 0) -> None:
        """Begins with a question; what is still on its way for another one is ignored from here on."""
        self._pdu = Pdu(kind, self._random(31), bindings, first, second)
        self._sent.clear()
        self._steps = 0

    def forget(self) -> None:
        """The agent may be another one: begins anew."""
        self._keys = self._time = None
        self._has_opened = False

    def doubt(self) -> None:
        """Asks for its time once more: the answer tells an agent that is gone from one that cannot decipher."""
        self._time = None
        self._sent.clear()

    def datagram(self, now_s: float) -> bytes:
        """What to send next, or once more after silence."""
        message_id = self._random(31)
        phase = self._phase()
        self._sent[message_id] = phase
        match phase:
            case _Phase.DISCOVERY:
                data = encode_scoped(Pdu(Kind.GET, self._pdu.request_id), b"")
                return encode_message(self._message(message_id, 0, Security(), data))[0]
            case _Phase.SYNCHRONIZATION:
                keys = self._known()
                return keys.seal(
                    self._message(message_id, SECURE, Security()), Pdu(Kind.GET, self._pdu.request_id), keys.engine_id
                )
            case _Phase.QUESTION:
                keys, time = self._known(), self._time
                assert time is not None
                security = Security(boots=time.boots, time_s=time.at(now_s))
                return keys.seal(self._message(message_id, SECURE, security), self._pdu, keys.engine_id)
            case _:
                assert_never(phase)

    def receive(self, datagram: bytes, now_s: float) -> Pdu | Step:
        """What came. A PDU is the answer, and its error-status is none.

        Raises `ResponseError` for what makes no sense (the answer may still come), `SnmpAccessError` and `SnmpStatusError`.
        """
        message = decode_message(datagram)
        phase = self._sent.get(message.message_id)
        if phase is None:
            return Step.IGNORED
        if not message.flags & Flag.AUTH:
            return self._take_unsigned(message, phase)
        if phase is not self._phase():
            return Step.IGNORED
        keys = self._known()
        if not keys.is_signed(message):
            raise ResponseError("an answer is not signed with the key that we have")
        pdu = keys.open(message)
        security = message.security
        if pdu.kind is Kind.REPORT:
            return self._take_report(pdu, security, now_s)
        if phase is _Phase.SYNCHRONIZATION:
            # An engine that has never been started before takes zeros for its time.
            self._time = EngineTime(security.boots, security.time_s, now_s)
            self._has_opened = True
            return Step.NEXT
        return self._take_response(pdu, message, now_s)

    def _phase(self) -> _Phase:
        if self._keys is None:
            return _Phase.DISCOVERY
        return _Phase.SYNCHRONIZATION if self._time is None else _Phase.QUESTION

    def _known(self) -> LocalKeys:
        assert self._keys is not None
        return self._keys

    def _message(self, message_id: int, flags: int, security: Security, data: bytes = b"") -> Message:
        return Message(message_id=message_id, flags=flags | Flag.REPORTABLE, security=security, data=data)

    def _step(self) -> Step:
        self._steps += 1
        if self._steps > STEPS:
            raise ResponseError("the agent changes its engine or its time with every answer")
        return Step.NEXT

    def _take_unsigned(self, message: Message, phase: _Phase) -> Step:
        """A report that the agent could not sign, since it does not know us, or not yet."""
        pdu = decode_scoped(message.data) if not message.flags & Flag.PRIV else None
        if pdu is None or pdu.kind is not Kind.REPORT:
            raise ResponseError("an answer is not signed")
        counter = pdu.bindings[0][0] if pdu.bindings else ()
        if counter == UNKNOWN_ENGINES or phase is _Phase.DISCOVERY:
            return self._take_engine(message.security.engine_id)
        raise self._refusal(counter)

    def _take_engine(self, engine_id: bytes) -> Step:
        if not 5 <= len(engine_id) <= 32:
            raise ResponseError("the agent does not tell which engine it is")
        if self._keys is None or self._keys.engine_id != engine_id:
            self.forget()
            self._keys = self._credentials.at(engine_id)
            return self._step()
        return Step.IGNORED

    def _take_report(self, pdu: Pdu, security: Security, now_s: float) -> Step:
        counter = pdu.bindings[0][0] if pdu.bindings else ()
        if counter == NOT_IN_TIME_WINDOWS:
            self._time = EngineTime(security.boots, security.time_s, now_s)
            return self._step()
        raise self._refusal(counter)

    def _refusal(self, counter: Oid) -> SnmpAccessError | ResponseError:
        user = self._credentials.user.decode()
        match counter:
            case c if c == UNKNOWN_USERS:
                return SnmpAccessError("user", f"the agent knows no user {user}: create it there, or correct `user`")
            case c if c == WRONG_DIGESTS:
                text = f"the agent's authentication key of user {user} is another one, or its protocol is not {self._credentials.auth}"
                return SnmpAccessError("auth", text)
            case c if c == DECRYPTION_ERRORS:
                return self.privacy_error()
            case c if c == UNSUPPORTED_LEVELS:
                return SnmpAccessError(
                    "access", f"the agent has user {user} without authentication and privacy: it needs authPriv"
                )
        return ResponseError("the agent reports what nobody knows")

    def privacy_error(self) -> SnmpAccessError:
        """What to say where the agent answers what is signed, and nothing that is enciphered."""
        user, priv = self._credentials.user.decode(), self._credentials.priv
        return SnmpAccessError("priv", f"the agent's privacy key of user {user} is another one, or its protocol is not {priv}")

    def _take_response(self, pdu: Pdu, message: Message, now_s: float) -> Pdu | Step:
        assert self._time is not None
        security = message.security
        if message.flags & SECURE != SECURE:
            raise ResponseError("an answer is less protected than the question")
        if not self._time.accepts(security.boots, security.time_s, now_s):
            raise ResponseError("an answer is older than it may be")
        self._has_opened = True
        if pdu.kind is not Kind.RESPONSE or pdu.request_id != self._pdu.request_id:
            return Step.IGNORED
        if pdu.first:
            names = [name for name, _ in pdu.bindings]
            about = names[pdu.second - 1] if 1 <= pdu.second <= len(names) else None
            if pdu.first in _ACCESS_STATUS:
                text = f"the agent gives user {self._credentials.user.decode()} no right to do that ({_ACCESS_STATUS[pdu.first]})"
                raise SnmpAccessError("access", text)
            raise SnmpStatusError(pdu.first, about)
        return pdu
