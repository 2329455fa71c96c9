"""All that is taken from `open61850`: how an association is asked for and confirmed, and the encodings of requests and values.

Only its codec is used. Its client brings a thread for each association, trusts what it decodes (a structure nested a thousand times
ends the thread and leaves the association looking alive), and knows neither TLS nor data sets that a client makes; see decision 0007.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from open61850 import ber as lib_ber
from open61850 import data as lib_data
from open61850.mms import association as lib_association
from open61850.mms import pdu as lib_pdu
from open61850.mms.errors import MmsError

from tieline.model import LocalError, RemoteError
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.types import MmsType, Simple, Structure
from tieline.protocols.iec61850.mms.values import Bits, Moment, Value

_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFINE_LIST, _DELETE_LIST, _IDENTIFY = 0xAB, 0xAD, b"\x82\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    """Addresses above TCP, as the communication section of an SCL file has them (OSI-TSEL, OSI-SSEL, OSI-PSEL, OSI-AP-Title ...)."""

    transport: bytes = b"\x00\x01"
    session: bytes = b"\x00\x01"
    presentation: bytes = b"\x00\x00\x00\x01"
    ap_title: tuple[int, ...] | None = (1, 1, 1, 999, 1)
    ae_qualifier: int | None = 12
    calling_transport: bytes = b"\x00\x01"
    max_pdu: int = 65_000
    """The longest PDU that we take, in octets; longer reports come in segments."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the server agreed to."""

    max_pdu: int
    max_outstanding: int


def associate(selectors: Selectors) -> bytes:
    """The session, presentation and ACSE request with an MMS initiate inside."""
    parameters = lib_association.AssociationParameters(
        called_session_selector=selectors.session,
        called_presentation_selector=selectors.presentation,
        called_ap_title=selectors.ap_title,
        called_ae_qualifier=selectors.ae_qualifier,
        max_pdu_size=selectors.max_pdu,
    )
    return _ours(lambda: lib_association.association_request(parameters))


def accepted(unit: bytes) -> Accepted:
    """What the answer to `associate` says; raises `RemoteError` where it says no, or nonsense."""
    if len(unit) > 4096:
        raise RemoteError("the answer to the association request is too long to be one")
    try:
        found = lib_association.decode_association_response(unit)
    except (MmsError, ValueError, KeyError, IndexError, RecursionError) as error:
        raise RemoteError(f"the device does not accept the association: {error}") from error
    most = found.max_pdu_size if found.max_pdu_size is not None and found.max_pdu_size > 0 else 65_000
    return Accepted(max(512, min(most, 65_000)), max(1, min(found.max_outstanding_calling, 16)))


def request(number: int, service: bytes) -> bytes:
    """A confirmed request in its envelope."""
    return lib_pdu.wrap(lib_pdu.confirmed_request(number, service))


def read(names: Sequence[Name]) -> bytes:
    """Reads variables."""
    return _read(tuple(names))


@functools.lru_cache(maxsize=512)
def _read(names: tuple[Name, ...]) -> bytes:
    """A poll asks the same again and again, and encoding names costs as much as decoding what comes."""
    return _ours(lambda: lib_pdu.read_request([_object(name) for name in names]))


def write(names: Sequence[Name], values: Sequence[bytes]) -> bytes:
    """Writes variables; the values are encoded (`encode`)."""
    listed = lib_ber.encode_tlv(0xA0, b"".join(_listed(name) for name in names))
    return lib_ber.encode_tlv(0xA5, listed + lib_ber.encode_tlv(0xA0, b"".join(values)))


def names_of(object_class: int, domain: str = "", after: str = "") -> bytes:
    """Asks for names: 9 domains, 0 variables, 2 data sets; `after` continues a list."""
    return _ours(lambda: lib_pdu.get_name_list_request(object_class, domain or None, after or None))


def type_of(name: Name) -> bytes:
    """Asks for the type of a variable."""
    return _ours(lambda: lib_pdu.get_variable_access_attributes_request(_object(name)))


def data_set(name: Name) -> bytes:
    """Asks for the members of a data set."""
    return _ours(lambda: lib_pdu.get_named_variable_list_attributes_request(_object(name)))


def create_data_set(name: Name, members: Sequence[Name]) -> bytes:
    """Makes a data set (ISO 9506-2, DefineNamedVariableList)."""
    listed = lib_ber.encode_tlv(0xA0, b"".join(_listed(member) for member in members))
    return lib_ber.encode_tlv(_DEFINE_LIST, _encoded(name) + listed)


def delete_data_set(name: Name) -> bytes:
    """Deletes a data set (DeleteNamedVariableList, scope specific)."""
    scope = lib_ber.encode_tlv(0x80, b"\x00")
    return lib_ber.encode_tlv(_DELETE_LIST, scope + lib_ber.encode_tlv(0xA1, _encoded(name)))


def identify() -> bytes:
    """Asks who is there: the smallest question there is."""
    return _IDENTIFY


def encode(value: Value, mms_type: MmsType) -> bytes:
    """A value as a variable of this type takes it; raises `LocalError` where it does not fit."""
    return _ours(lambda: lib_data.encode_data(_data(value, mms_type)))


def _data(value: Value, mms_type: MmsType) -> lib_data.IECData:
    if isinstance(mms_type, Structure):
        if not isinstance(value, tuple) or len(value) != len(mms_type.components):
            raise LocalError(f"a structure of {len(mms_type.components)} parts does not take {value!r}")
        parts = [_data(part, component.type) for part, component in zip(value, mms_type.components, strict=True)]
        return lib_data.StructureData(parts)
    if not isinstance(mms_type, Simple):
        raise LocalError("arrays are not written")
    match mms_type.kind, value:
        case "boolean", bool():
            return lib_data.BoolData(value)
        case "integer", int() if -(1 << (mms_type.size or 32) - 1) <= value < 1 << (mms_type.size or 32) - 1:
            return lib_data.IntData(value)
        case "unsigned", int() if 0 <= value < 1 << (mms_type.size or 32):
            return lib_data.UIntData(value)
        case "float", float() | int():
            return lib_data.FloatData(float(value), double=mms_type.size == 64)
        case "bit-string", Bits():
            unused = -value.length % 8
            return lib_data.BitStringData((value.value << unused).to_bytes((value.length + 7) // 8, "big"), unused)
        case "octet-string", bytes():
            return lib_data.OctetStringData(value)
        case "visible-string", str():
            return lib_data.VisibleStringData(value)
        case "utc-time", Moment():
            return lib_data.TimestampData(_EPOCH + timedelta(microseconds=value.time_us), value.quality)
        case _:
            raise LocalError(f"{value!r} does not fit into {mms_type.kind} {mms_type.size or ''}".rstrip())


def _object(name: Name) -> lib_pdu.ObjectName:
    return lib_pdu.ObjectName(name.item, name.domain or None)


def _encoded(name: Name) -> bytes:
    return _ours(lambda: lib_pdu.encode_object_name(_object(name)))


def _listed(name: Name) -> bytes:
    return lib_ber.encode_tlv(0x30, lib_ber.encode_tlv(0xA0, _encoded(name)))


def _ours(make: Callable[[], _T]) -> _T:
    """What we ask the library to encode is ours: that it cannot is our mistake."""
    try:
        return make()
    except (ValueError, OverflowError, TypeError) as error:
        raise LocalError(f"that cannot be encoded: {error}") from error
