"""Builders of the data type templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from tieline.protocols.iec61850.scl.element import Element
from tieline.protocols.iec61850.scl.templates import (
    AttributeType,
    DataObjectType,
    DAType,
    DOType,
    EnumType,
    LNodeType,
    Templates,
)

FUNCTIONAL_CONSTRAINTS: Final = frozenset(
    ["ST", "MX", "SP", "SV", "CF", "DC", "SG", "SE", "SR", "OR", "BL", "EX", "CO", "BR", "RP", "LG", "GO", "GS", "MS", "US"]
)
_BASIC_TYPES = frozenset(
    [
        *("BOOLEAN", "INT8", "INT16", "INT24", "INT32", "INT64", "INT128", "INT8U", "INT16U", "INT24U", "INT32U", "INT64U"),
        *("FLOAT32", "FLOAT64", "Enum", "Dbpos", "Tcmd", "Quality", "Timestamp", "EntryTime", "VisString32", "VisString64"),
        *("VisString65", "VisString129", "VisString255", "Unicode255", "Octet64", "Octet6", "Octet16", "Struct", "Check"),
        *("ObjRef", "Currency", "PhyComAddr", "TrgOps", "OptFlds", "SvOptFlds", "LogOptFlds", "EntryID"),
    ]
)
_SPELLED = {name.lower(): name for name in _BASIC_TYPES}
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,63}$")
_LARGEST_ARRAY = 65_535
_EARTHLY = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Value:
    """A Val: of a type or of an instance."""

    text: str
    setting_group: int


@dataclass(frozen=True, slots=True)
class _EnumVal:
    ordinal: int
    word: str


def value(element: Element) -> Value:
    """A Val."""
    return element.reader.shared(Value(element.text.strip(), element.integer("sGroup", 0, 0, 255)))


def enum_value(element: Element) -> _EnumVal:
    """An EnumVal."""
    if not element.required("ord"):
        return _EnumVal(-_EARTHLY, "")
    return _EnumVal(element.integer("ord", 0, -_EARTHLY, _EARTHLY), element.reader.shared(element.text.strip()))


def enum_type(element: Element) -> EnumType | None:
    """An EnumType."""
    name = element.required("id")
    seen: dict[int, str] = {}
    for each in element.of(_EnumVal):
        if each.ordinal in seen and seen[each.ordinal] != each.word:
            element.error("two words have the same ordinal", "the first is used", value=str(each.ordinal))
        seen.setdefault(each.ordinal, each.word)
    return EnumType(id=name, values=tuple(seen.items()), line=element.line) if name else None


def attribute(element: Element) -> AttributeType | None:
    """A DA or BDA."""
    name, given = element.required("name"), element.required("bType")
    if not name or not given:
        return None
    if not _NAME.match(name):
        element.error("is no name of a data attribute", "up to 64 letters and digits", value=name)
        return None
    b_type = given if given in _BASIC_TYPES else _SPELLED.get(given.lower(), "")
    if not b_type:
        element.error("there is no such basic type", "the attribute is kept, and cannot be read", value=given)
    elif b_type != given:
        element.warn("the basic type is misspelt", f"write {b_type}", value=given)
    kind = element.get("type")
    if b_type in {"Struct", "Enum"} and not kind:
        element.error(f"is of type {b_type} without saying which", 'write type="..."')
    fc = element.get("fc")
    if element.tag == "DA" and fc not in FUNCTIONAL_CONSTRAINTS:
        element.error("there is no such functional constraint", "write for example ST, MX, CF", value=fc or "(none)")
        return None
    values = element.of(Value)
    triggers = frozenset(each for each in ("dchg", "qchg", "dupd") if element.boolean(each, default=False))
    return AttributeType(
        name=name,
        b_type=b_type or given,
        type=kind,
        fc=fc if element.tag == "DA" else "",
        count=_count(element),
        value=values[0].text if values else None,
        triggers=element.reader.shared(triggers),
        line=element.line,
    )


def data_object(element: Element) -> DataObjectType | None:
    """A DO or SDO."""
    name, kind = element.required("name"), element.required("type")
    if not name or not kind:
        return None
    if not _NAME.match(name):
        element.error("is no name of a data object", "up to 64 letters and digits", value=name)
        return None
    is_transient = element.boolean("transient", default=False)
    return DataObjectType(name=name, type=kind, count=_count(element), is_transient=is_transient, line=element.line)


def ln_type(element: Element) -> LNodeType | None:
    """An LNodeType."""
    name, ln_class = element.required("id"), element.required("lnClass")
    members = _once(element, element.of(DataObjectType))
    return LNodeType(id=name, ln_class=ln_class, members=members, line=element.line) if name else None


def do_type(element: Element) -> DOType | None:
    """A DOType."""
    name, cdc = element.required("id"), element.required("cdc")
    found = tuple(child for child in element.children if isinstance(child, AttributeType | DataObjectType))
    return DOType(id=name, cdc=cdc, members=_once(element, found), line=element.line) if name else None


def da_type(element: Element) -> DAType | None:
    """A DAType."""
    name = element.required("id")
    return DAType(id=name, members=_once(element, element.of(AttributeType)), line=element.line) if name else None


def templates(element: Element) -> Templates:
    """The DataTypeTemplates."""
    return Templates(
        ln_types=_by_id(element, element.of(LNodeType)),
        do_types=_by_id(element, element.of(DOType)),
        da_types=_by_id(element, element.of(DAType)),
        enum_types=_by_id(element, element.of(EnumType)),
    )


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class _Identified(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def line(self) -> int: ...


N = TypeVar("N", bound=_Named)
I = TypeVar("I", bound=_Identified)  # noqa: E741


def _once(element: Element, members: Iterable[N]) -> tuple[N, ...]:
    seen: dict[str, N] = {}
    for member in members:
        if member.name in seen:
            element.error("has two members of this name", "the first is used", value=member.name)
        seen.setdefault(member.name, member)
    return tuple(seen.values())


def _by_id(element: Element, types: Iterable[I]) -> Mapping[str, I]:
    seen: dict[str, I] = {}
    for each in types:
        first = seen.setdefault(each.id, each)
        if first is not each:
            say: Callable[..., None] = element.reader.findings.warn if first == each else element.reader.findings.add
            kind = type(each).__name__
            say(
                f"the id is that of the {kind} in line {first.line} already",
                "delete one" if first == each else "give it another id; the first is used",
                line=each.line,
                path=f"{element.path}/{kind}[{each.id}]",
            )
    return seen


def _count(element: Element) -> int:
    """Of an array. It may be the name of an attribute that holds the number; then the size is not known here, and 1 is assumed."""
    text = element.get("count")
    if not text:
        return 0
    if _NAME.match(text):
        return 1
    return element.as_integer(text, "count", 0, 0, _LARGEST_ARRAY)
