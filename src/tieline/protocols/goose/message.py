"""GOOSE messages (IEC 61850-8-1 edition 2.1, clause 18.1 and annex A): frames to values and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from tieline.model import LocalError
from tieline.protocols.goose.ber import element, read_header, unsigned
from tieline.protocols.goose.data import Data, LeafPlace, encode_data, read_data, visible
from tieline.protocols.goose.errors import FrameError
from tieline.protocols.goose.ethernet import ETHERTYPE_GOOSE, Address, Envelope, build_frame, read_envelope
from tieline.protocols.goose.timing import UtcTime

MAX_TEXT = 129
"""Characters of gocbRef, datSet and goID (VisibleString129)."""

_PDU = 0x61
_TAGS = (0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0xAB)
_GOCB_REF, _LIVE, _DAT_SET, _GO_ID, _T, _ST_NUM, _SQ_NUM, _SIMULATION, _CONF_REV, _NDS_COM, _ENTRIES, _DATA = range(12)
_NAMES = (
    "gocbRef",
    "timeAllowedtoLive",
    "datSet",
    "goID",
    "t",
    "stNum",
    "sqNum",
    "simulation",
    "confRev",
    "ndsCom",
    "numDatSetEntries",
    "allData",
)
_OPTIONAL = frozenset({_GO_ID, _SIMULATION, _NDS_COM})
_SECURITY = frozenset({0x8C, 0xAC})
"""Edition 1 has a last field `security [12] ANY OPTIONAL`, reserved for digital signatures."""
_FIXED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GooseMessage:
    """One GOOSE message; names are the standard's."""

    gocb_ref: str
    """Reference of the GOOSE control block, for example `NG_Q01LD0/LLN0$GO$gcbTrip`."""
    time_allowed_to_live_ms: int
    dat_set: str
    go_id: str | None = None
    t: UtcTime
    """When the state number was raised."""
    st_num: int
    sq_num: int
    simulation: bool = False
    """In edition 1: test."""
    conf_rev: int
    nds_com: bool = False
    """The control block needs commissioning."""
    num_dat_set_entries: int
    all_data: tuple[Data, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GooseFrame:
    """A message with the header of its frame."""

    address: Address
    message: GooseMessage
    reserved_1: int = 0
    """Its highest bit marks a simulated message from edition 2 on."""
    reserved_2: int = 0


class Span(NamedTuple):
    """Octets of a frame, from `start` up to `stop`."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dissection:
    """A frame with the places of what changes from one message to the next."""

    frame: GooseFrame
    time_allowed_to_live: Span
    t: Span
    st_num: Span
    sq_num: Span
    data: Span
    leaves: tuple[LeafPlace, ...]
    stop: int
    """Where the PDU ends."""


def decode_goose(frame: bytes) -> GooseFrame:
    """Reads one Ethernet frame, with or without a VLAN tag. Raises `FrameError`."""
    return dissect_goose(frame).frame


def dissect_goose(frame: bytes) -> Dissection:
    """Likewise, and says where things are. Raises `FrameError`."""
    envelope = read_envelope(frame)
    if envelope.ethertype != ETHERTYPE_GOOSE:
        raise FrameError(f"ethertype {envelope.ethertype:04x} is not GOOSE", envelope.start - 10)
    tag, at, stop = read_header(frame, envelope.start, envelope.stop)
    if tag != _PDU:
        raise FrameError(f"the PDU begins with {tag:02x}, not with {_PDU:02x}", envelope.start)
    if stop != envelope.stop:
        raise FrameError(f"{envelope.stop - stop} octets follow the PDU", stop)
    return _Fields(frame, at, stop).dissection(envelope)


class _Fields:
    """The fields of one PDU, in the order of the standard."""

    def __init__(self, frame: bytes, at: int, stop: int) -> None:
        self._frame = frame
        self._stop = stop
        self._spans: list[Span | None] = [None] * len(_TAGS)
        expected = 0
        while at < stop:
            tag, start, end = read_header(frame, at, stop)
            if expected > _DATA and tag in _SECURITY and end == stop:
                return
            while expected <= _DATA and tag != _TAGS[expected]:
                self._omit(expected, at)
                expected += 1
            if expected > _DATA:
                raise FrameError(f"there is no field with tag {tag:02x} after allData", at)
            self._spans[expected] = Span(start, end)
            expected += 1
            at = end
        for number in range(expected, len(_TAGS)):
            self._omit(number, stop)

    def _omit(self, number: int, at: int) -> None:
        if number not in _OPTIONAL:
            raise FrameError(f"{_NAMES[number]} is missing or out of order", at)

    def dissection(self, envelope: Envelope) -> Dissection:
        data = self._span(_DATA)
        leaves: list[LeafPlace] = []
        entries = self._count(_ENTRIES)
        all_data = read_data(self._frame, data.start, data.stop, leaves)
        if len(all_data) != entries:
            raise FrameError(f"numDatSetEntries is {entries}, but there are {len(all_data)}", data.start)
        t = self._span(_T)
        if t.stop - t.start != 8:
            raise FrameError(f"t has {t.stop - t.start} octets, not 8", t.start)
        message = GooseMessage(
            gocb_ref=self._text(_GOCB_REF),
            time_allowed_to_live_ms=self._count(_LIVE),
            dat_set=self._text(_DAT_SET),
            go_id=None if self._spans[_GO_ID] is None else self._text(_GO_ID),
            t=UtcTime.from_octets(self._frame[t.start : t.stop]),
            st_num=self._count(_ST_NUM),
            sq_num=self._count(_SQ_NUM),
            simulation=self._claim(_SIMULATION),
            conf_rev=self._count(_CONF_REV),
            nds_com=self._claim(_NDS_COM),
            num_dat_set_entries=entries,
            all_data=all_data,
        )
        return Dissection(
            frame=GooseFrame(
                address=envelope.address, message=message, reserved_1=envelope.reserved_1, reserved_2=envelope.reserved_2
            ),
            time_allowed_to_live=self._span(_LIVE),
            t=t,
            st_num=self._span(_ST_NUM),
            sq_num=self._span(_SQ_NUM),
            data=data,
            leaves=tuple(leaves),
            stop=self._stop,
        )

    def _span(self, number: int) -> Span:
        span = self._spans[number]
        assert span is not None  # a missing field was refused before
        return span

    def _text(self, number: int) -> str:
        start, stop = self._span(number)
        if stop - start > MAX_TEXT:
            raise FrameError(f"{_NAMES[number]} has {stop - start} characters, more than {MAX_TEXT}", start)
        return self._frame[start:stop].decode("latin-1")

    def _count(self, number: int) -> int:
        """An INT32U: up to four octets, or five of which the first is zero; a set highest bit is no sign."""
        start, stop = self._span(number)
        if not 1 <= stop - start <= _FIXED or (stop - start == _FIXED and self._frame[start]):
            raise FrameError(
                f"{_NAMES[number]} is {self._frame[start:stop][:9].hex()}, not an unsigned integer of 32 bits", start
            )
        return int.from_bytes(self._frame[start:stop], "big")

    def _claim(self, number: int) -> bool:
        span = self._spans[number]
        if span is None:
            return False
        if span.stop - span.start != 1:
            raise FrameError(f"{_NAMES[number]} has {span.stop - span.start} octets, not 1", span.start)
        return self._frame[span.start] != 0


def encode_goose(frame: GooseFrame, *, fixed_length: bool = False) -> bytes:
    """The Ethernet frame of a message. Raises `LocalError` for what the standard does not allow.

    With `fixed_length` the counters of the PDU take five octets whatever their value (IEC 61850-8-1 edition 2, A.3); the sizes of
    integers in the data are each value's own.
    """
    message = frame.message
    size = _FIXED if fixed_length else 0
    if message.num_dat_set_entries != len(message.all_data):
        raise LocalError(f"numDatSetEntries is {message.num_dat_set_entries}, but there are {len(message.all_data)}")
    contents = [
        _text_octets(message.gocb_ref, _GOCB_REF),
        _count_octets(message.time_allowed_to_live_ms, _LIVE, size),
        _text_octets(message.dat_set, _DAT_SET),
        None if message.go_id is None else _text_octets(message.go_id, _GO_ID),
        message.t.to_octets(),
        _count_octets(message.st_num, _ST_NUM, size),
        _count_octets(message.sq_num, _SQ_NUM, size),
        b"\x01" if message.simulation else b"\0",
        _count_octets(message.conf_rev, _CONF_REV, size),
        b"\x01" if message.nds_com else b"\0",
        _count_octets(message.num_dat_set_entries, _ENTRIES, size),
        encode_data(message.all_data),
    ]
    fields = [element(tag, content) for tag, content in zip(_TAGS, contents, strict=True) if content is not None]
    pdu = element(_PDU, b"".join(fields))
    return build_frame(frame.address, ETHERTYPE_GOOSE, pdu, reserved_1=frame.reserved_1, reserved_2=frame.reserved_2)


def _text_octets(text: str, number: int) -> bytes:
    if len(text) > MAX_TEXT:
        raise LocalError(f"{_NAMES[number]} has {len(text)} characters, more than {MAX_TEXT}")
    return visible(text)


def _count_octets(value: int, number: int, size: int) -> bytes:
    if not 0 <= value <= 0xFFFF_FFFF:
        raise LocalError(f"{_NAMES[number]} is {value}, not an unsigned integer of 32 bits")
    return unsigned(value, size)
