"""An MMS association of a client: octets in, events out; requests in, octets out.

    connecting ──(transport confirmed)──► associating ──(accepted)──► open ──(conclude, abort, nonsense)──► RemoteError

Requests are numbered; the answer to one is an event with its number, whenever it comes. Nothing in here waits: deadlines belong to who
asks. How an association is asked for, and the encodings of requests, are those of `open61850`; what comes back is decoded here, because a
peer may send anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tieline.model import LocalError, RemoteError
from tieline.protocols.iec61850.mms import library
from tieline.protocols.iec61850.mms.ber import Field, field_at, fields, signed, text, unsigned
from tieline.protocols.iec61850.mms.errors import RejectError, ServiceError
from tieline.protocols.iec61850.mms.library import Accepted, Selectors
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.transport import Transport

_DATA = b"\x01\x00\x01\x00"
_ABORT = 0x19
_FINISH = 0x09
_MAX_ID = 0x7FFF_FFFF


@dataclass(frozen=True, slots=True)
class Associated:
    """The server has accepted; requests can be made."""

    accepted: Accepted


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a request: its service's number and content."""

    request: int
    service: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Denied:
    """A request brought an error."""

    request: int
    error: RemoteError


@dataclass(frozen=True, slots=True)
class Informed:
    """An information report: of a named list (a report says `RPT`), or of variables by name; `results` are encoded values."""

    list_name: str
    variables: tuple[Name, ...]
    results: bytes


MmsEvent: TypeAlias = Associated | Answered | Denied | Informed


class _State(Enum):
    NEW = 0
    CONNECTING = 1
    ASSOCIATING = 2
    OPEN = 3


@dataclass(slots=True)
class Session:
    """One association, from its transport connection on; a new connection needs a new session."""

    selectors: Selectors = field(default_factory=Selectors)
    is_open: bool = False
    _state: _State = _State.NEW
    _last: int = 0
    _output: bytearray = field(default_factory=bytearray)
    _transport: Transport = field(init=False)

    def __post_init__(self) -> None:
        self._transport = Transport(calling=self.selectors.calling_transport, called=self.selectors.transport)

    def start(self) -> None:
        """Asks for the connection; the association follows by itself."""
        if self._state is not _State.NEW:
            raise LocalError("a session starts once")
        self._state = _State.CONNECTING
        self._output += self._transport.connect()

    def take(self) -> bytes:
        """What is to be sent now."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def request(self, service: bytes) -> int:
        """Makes a request, and gives its number; raises `LocalError` without an association."""
        if not self.is_open:
            raise LocalError("there is no association")
        self._last = self._last % _MAX_ID + 1
        self._output += self._transport.send(library.request(self._last, service))
        return self._last

    def receive(self, data: bytes) -> list[MmsEvent]:
        """What came of these octets; raises `RemoteError`, after which the association is of no use."""
        events: list[MmsEvent] = []
        was_open = self._transport.is_open
        units = self._transport.receive(data)
        if self._transport.is_open and not was_open:
            self._state = _State.ASSOCIATING
            self._output += self._transport.send(library.associate(self.selectors))
        for unit in units:
            if self._state is _State.ASSOCIATING:
                events.append(Associated(library.accepted(unit)))
                self._state = _State.OPEN
                self.is_open = True
            else:
                event = _event_of(unit)
                if event is not None:
                    events.append(event)
        return events


def _event_of(unit: bytes) -> MmsEvent | None:
    """What a transport unit says; raises `RemoteError`."""
    if not unit.startswith(_DATA):
        if unit[:1] and unit[0] in {_ABORT, _FINISH}:
            raise RemoteError("the device ended the association")
        raise RemoteError("what came is no data of the session")
    pdu = _unwrap(unit)
    match pdu.tag:
        case 0xA1:
            return _answered(unit, pdu)
        case 0xA2:
            return _denied(unit, pdu)
        case 0xA3:
            return _informed(unit, pdu)
        case 0xA4:
            return _rejected(unit, pdu)
        case 0x8B | 0xAB:
            raise RemoteError("the device concludes the association")
        case _:
            return None


def _unwrap(unit: bytes) -> Field:
    """The MMS PDU in its presentation envelope (ISO 8823-1, fully encoded data)."""
    outer = field_at(unit, len(_DATA), len(unit))
    if outer.tag == 0x61:
        inner = field_at(unit, outer.start, outer.stop)
        for found in fields(unit, inner.start, inner.stop):
            if found.tag == 0xA0:
                return field_at(unit, found.start, found.stop)
    raise RemoteError("what came is no data of the presentation layer")


def _answered(unit: bytes, pdu: Field) -> Answered:
    number = field_at(unit, pdu.start, pdu.stop)
    if number.stop >= pdu.stop:
        raise RemoteError("an answer has no content")
    service = field_at(unit, number.stop, pdu.stop)
    return Answered(unsigned(unit, number), service.tag & 0x1F, unit[service.start : service.stop])


def _denied(unit: bytes, pdu: Field) -> Denied:
    number, error = 0, ServiceError(12, 0)
    for found in fields(unit, pdu.start, pdu.stop):
        if found.tag == 0x80:
            number = unsigned(unit, found)
        elif found.tag == 0xA2 and found.stop > found.start:
            outer = field_at(unit, found.start, found.stop)
            if outer.tag == 0xA0:
                inner = field_at(unit, outer.start, outer.stop)
                error = ServiceError(inner.tag & 0x1F, signed(unit, inner))
    return Denied(number, error)


def _rejected(unit: bytes, pdu: Field) -> Denied | None:
    number: int | None = None
    words = "the device cannot make sense of the request"
    for found in fields(unit, pdu.start, pdu.stop):
        if found.tag == 0x80:
            number = unsigned(unit, found)
        else:
            words = f"the device rejects the request (reason {found.tag & 0x1F}, code {signed(unit, found)})"
    return None if number is None else Denied(number, RejectError(words))


def _informed(unit: bytes, pdu: Field) -> Informed | None:
    service = field_at(unit, pdu.start, pdu.stop)
    if service.tag != 0xA0:
        return None
    which = field_at(unit, service.start, service.stop)
    if which.stop >= service.stop:
        raise RemoteError("an information report has no values")
    results = field_at(unit, which.stop, service.stop)
    content = unit[results.start : results.stop]
    if which.tag == 0xA1:
        named = field_at(unit, which.start, which.stop)
        return Informed(text(unit, named) if named.tag == 0x80 else "", (), content)
    return Informed("", tuple(_variable(unit, found) for found in fields(unit, which.start, which.stop)), content)


def _variable(unit: bytes, found: Field) -> Name:
    """The name of a variable in a list; one without a domain has an empty one (`LastApplError`)."""
    outer = field_at(unit, found.start, found.stop)
    return decode_name(unit, field_at(unit, outer.start, outer.stop))


def decode_name(data: bytes, found: Field) -> Name:
    """An `ObjectName`: of the server or of a domain; raises `RemoteError`."""
    if found.tag in {0x80, 0x82}:
        return Name("", text(data, found))
    if found.tag == 0xA1:
        domain = field_at(data, found.start, found.stop)
        if domain.stop < found.stop:
            return Name(text(data, domain), text(data, field_at(data, domain.stop, found.stop)))
    raise RemoteError("a name makes no sense")
