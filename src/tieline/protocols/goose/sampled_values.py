"""Sampled values (IEC 61850-9-2, the 9-2LE guideline, IEC 61869-9), for monitoring: headers, and samples in columns.

A frame carries one or several ASDUs, each a sample of every channel. In both profiles a channel is a 32-bit integer and 32 bits of quality.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tieline.model import LocalError
from tieline.protocols.goose.ber import element, read_header, unsigned
from tieline.protocols.goose.data import visible
from tieline.protocols.goose.errors import FrameError
from tieline.protocols.goose.ethernet import ETHERTYPE_SV, Address, build_frame, read_envelope
from tieline.protocols.goose.template import Template, TemplateCache
from tieline.protocols.goose.timing import UtcTime

MAX_ASDUS = 64
"""Of one frame; IEC 61869-9 has up to eight."""

_PDU, _COUNT, _SECURITY, _SEQUENCE, _ASDU = 0x60, 0x80, 0xA1, 0xA2, 0x30
_SV_ID, _DAT_SET, _SMP_CNT, _CONF_REV, _REFR_TM, _SMP_SYNCH, _SMP_RATE, _SAMPLE, _SMP_MOD, _GM_IDENTITY = range(0x80, 0x8A)
_NAMES = ("svID", "datSet", "smpCnt", "confRev", "refrTm", "smpSynch", "smpRate", "sample", "smpMod", "gmIdentity")
_SIZES = {_SMP_CNT: 2, _CONF_REV: 4, _REFR_TM: 8, _SMP_SYNCH: 1, _SMP_RATE: 2, _SMP_MOD: 2, _GM_IDENTITY: 8}
_MANDATORY = (_SV_ID, _SMP_CNT, _CONF_REV, _SMP_SYNCH, _SAMPLE)
_MAX_TEXT = 129
_SIMULATED = 0x8000
_CHANNEL = np.dtype([("value", ">i4"), ("quality", ">u4")])


@dataclass(frozen=True, slots=True, kw_only=True)
class Asdu:
    """One sample of every channel; names are the standard's."""

    sv_id: str
    dat_set: str | None = None
    smp_cnt: int
    conf_rev: int
    refr_tm: UtcTime | None = None
    smp_synch: int
    """0 not synchronized, 1 by a local clock, 2 by a global one; 5 to 254 are local clocks of their own."""
    smp_rate: int | None = None
    sample: bytes
    """The channels as they stand; 8 octets each in the profiles."""
    smp_mod: int | None = None
    """What `smp_rate` counts: 0 samples a period, 1 samples a second, 2 seconds a sample."""
    gm_identity: bytes | None = None
    """Identity of the grandmaster clock (IEC 61869-9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SvFrame:
    """A frame of sampled values."""

    address: Address
    simulation: bool = False
    asdus: tuple[Asdu, ...]


class SvKey(NamedTuple):
    """What tells one stream of samples from another."""

    source: str
    app_id: int
    sv_id: str
    simulation: bool


class _Places(NamedTuple):
    """Octets of one ASDU: of each field, start and stop."""

    fields: dict[int, tuple[int, int]]


def decode_sv(frame: bytes) -> SvFrame:
    """Reads one Ethernet frame, with or without a VLAN tag. Raises `FrameError`."""
    return _dissect(frame)[0]


def _dissect(frame: bytes) -> tuple[SvFrame, list[_Places], int]:
    envelope = read_envelope(frame)
    if envelope.ethertype != ETHERTYPE_SV:
        raise FrameError(f"ethertype {envelope.ethertype:04x} is not sampled values", envelope.start - 10)
    tag, at, stop = read_header(frame, envelope.start, envelope.stop)
    if tag != _PDU or stop != envelope.stop:
        raise FrameError(f"a PDU of sampled values cannot begin with {tag:02x} and end {envelope.stop - stop} octets early", at)
    tag, start, end = read_header(frame, at, stop)
    count = int.from_bytes(frame[start:end], "big")
    if tag != _COUNT or not 1 <= end - start <= 3 or not 1 <= count <= MAX_ASDUS:
        raise FrameError(f"noASDU cannot be {frame[at:end][:9].hex()}", at)
    tag, start, after = read_header(frame, end, stop)
    if tag == _SECURITY:
        tag, start, after = read_header(frame, after, stop)
    if tag != _SEQUENCE or after != stop:
        raise FrameError("the ASDUs are missing or out of order", end)
    places: list[_Places] = []
    while start < stop:
        if len(places) == count:
            raise FrameError(f"noASDU is {count}, but there are more", start)
        tag, inner, after = read_header(frame, start, stop)
        if tag != _ASDU:
            raise FrameError(f"an ASDU begins with {tag:02x}", start)
        places.append(_asdu_places(frame, inner, after))
        start = after
    if len(places) != count:
        raise FrameError(f"noASDU is {count}, but there are {len(places)}", stop)
    asdus = tuple(_asdu(frame, each) for each in places)
    return SvFrame(address=envelope.address, simulation=bool(envelope.reserved_1 & _SIMULATED), asdus=asdus), places, stop


def _asdu_places(frame: bytes, at: int, stop: int) -> _Places:
    fields: dict[int, tuple[int, int]] = {}
    last = 0
    begin = at
    while at < stop:
        tag, start, end = read_header(frame, at, stop)
        if not max(last + 1, _SV_ID) <= tag <= _GM_IDENTITY:
            raise FrameError(f"a field with tag {tag:02x} has no place here", at)
        size = _SIZES.get(tag)
        if size is not None and end - start != size:
            raise FrameError(f"{_NAMES[tag - _SV_ID]} has {end - start} octets, not {size}", start)
        if tag <= _DAT_SET and end - start > _MAX_TEXT:
            raise FrameError(f"{_NAMES[tag - _SV_ID]} has {end - start} characters, more than {_MAX_TEXT}", start)
        fields[tag] = (start, end)
        last, at = tag, end
    for tag in _MANDATORY:
        if tag not in fields:
            raise FrameError(f"{_NAMES[tag - _SV_ID]} is missing", begin)
    return _Places(fields)


def _asdu(frame: bytes, places: _Places) -> Asdu:
    found = {tag: frame[start:stop] for tag, (start, stop) in places.fields.items()}

    def number(tag: int) -> int | None:
        return int.from_bytes(found[tag], "big") if tag in found else None

    return Asdu(
        sv_id=found[_SV_ID].decode("latin-1"),
        dat_set=found[_DAT_SET].decode("latin-1") if _DAT_SET in found else None,
        smp_cnt=int.from_bytes(found[_SMP_CNT], "big"),
        conf_rev=int.from_bytes(found[_CONF_REV], "big"),
        refr_tm=UtcTime.from_octets(found[_REFR_TM]) if _REFR_TM in found else None,
        smp_synch=found[_SMP_SYNCH][0],
        smp_rate=number(_SMP_RATE),
        sample=found[_SAMPLE],
        smp_mod=number(_SMP_MOD),
        gm_identity=found.get(_GM_IDENTITY),
    )


def encode_sv(frame: SvFrame) -> bytes:
    """The Ethernet frame. Raises `LocalError` for what the standard does not allow."""
    if not 1 <= len(frame.asdus) <= MAX_ASDUS:
        raise LocalError(f"a frame cannot have {len(frame.asdus)} ASDUs")
    asdus = b"".join(element(_ASDU, _encode_asdu(each)) for each in frame.asdus)
    pdu = element(_PDU, element(_COUNT, unsigned(len(frame.asdus))) + element(_SEQUENCE, asdus))
    return build_frame(frame.address, ETHERTYPE_SV, pdu, reserved_1=_SIMULATED if frame.simulation else 0)


def _encode_asdu(asdu: Asdu) -> bytes:
    contents = (
        _text(asdu.sv_id),
        None if asdu.dat_set is None else _text(asdu.dat_set),
        unsigned(asdu.smp_cnt, 2),
        unsigned(asdu.conf_rev, 4),
        None if asdu.refr_tm is None else asdu.refr_tm.to_octets(),
        unsigned(asdu.smp_synch, 1),
        None if asdu.smp_rate is None else unsigned(asdu.smp_rate, 2),
        asdu.sample,
        None if asdu.smp_mod is None else unsigned(asdu.smp_mod, 2),
        asdu.gm_identity,
    )
    if asdu.gm_identity is not None and len(asdu.gm_identity) != _SIZES[_GM_IDENTITY]:
        raise LocalError("gmIdentity has eight octets")
    return b"".join(element(_SV_ID + number, content) for number, content in enumerate(contents) if content is not None)


def _text(text: str) -> bytes:
    if len(text) > _MAX_TEXT:
        raise LocalError(f"a text of {len(text)} characters, more than {_MAX_TEXT}")
    return visible(text)


class SvLayout(Template):
    """What all frames of a publisher have in common."""

    def __init__(self, frame: bytes) -> None:
        self.first, self._places, stop = _dissect(frame)
        changing = [place for each in self._places for tag, place in each.fields.items() if tag in _CHANGING]
        super().__init__(frame, changing, stop)
        asdus = self.first.asdus
        self.channels = len(asdus[0].sample) // _CHANNEL.itemsize
        self.is_profiled = all(each.sv_id == asdus[0].sv_id and len(each.sample) == 8 * self.channels for each in asdus)
        """Every ASDU is of one stream, and its channels are pairs of value and quality."""
        self.key = SvKey(self.first.address.source, self.first.address.app_id, asdus[0].sv_id, self.first.simulation)

    def columns(self, tag: int, octets: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """A field of each ASDU of each frame: `[frames, ASDUs, octets]`."""
        return np.stack([octets[:, slice(*each.fields[tag])] for each in self._places], axis=1)


_CHANGING = frozenset({_SMP_CNT, _REFR_TM, _SMP_SYNCH, _SAMPLE})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SvBlock:
    """Samples of one stream in columns, in the order of their arrival: a row for each ASDU."""

    key: SvKey
    first: SvFrame
    """The first frame of this layout: its texts, revision and rate are those of all."""
    smp_cnt: npt.NDArray[np.uint16]
    smp_synch: npt.NDArray[np.uint8]
    values: npt.NDArray[np.int32]
    """`[rows, channels]`; no channels where the samples are not pairs of value and quality."""
    quality: npt.NDArray[np.uint32]


class SvReader:
    """Reads frames of sampled values by the batch."""

    def __init__(self) -> None:
        self._layouts: TemplateCache[SvLayout] = TemplateCache()

    def read(self, frames: Iterable[bytes]) -> tuple[list[SvBlock], list[tuple[bytes, FrameError]]]:
        """The samples of each layout in a batch, and the frames that make no sense, each with the reason."""
        groups: dict[SvLayout, list[bytes]] = {}
        errors = []
        for frame in frames:
            layout = self._layouts.find(frame)
            if layout is None:
                try:
                    layout = SvLayout(frame)
                except FrameError as error:
                    errors.append((frame, error))
                    continue
                self._layouts.add(frame, layout)
            groups.setdefault(layout, []).append(frame)
        return [_block(layout, group) for layout, group in groups.items()], errors


def _block(layout: SvLayout, frames: list[bytes]) -> SvBlock:
    octets = np.frombuffer(b"".join(frames), np.uint8).reshape(len(frames), layout.size)
    rows = len(frames) * len(layout.first.asdus)
    if layout.is_profiled and layout.channels:
        samples = layout.columns(_SAMPLE, octets).view(_CHANNEL).reshape(rows, layout.channels)
    else:
        samples = np.zeros((rows, 0), _CHANNEL)
    return SvBlock(
        key=layout.key,
        first=layout.first,
        smp_cnt=layout.columns(_SMP_CNT, octets).view(">u2").reshape(rows).astype(np.uint16),
        smp_synch=layout.columns(_SMP_SYNCH, octets).reshape(rows),
        values=samples["value"].astype(np.int32),
        quality=samples["quality"].astype(np.uint32),
    )
