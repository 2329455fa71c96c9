"""Types of variables, as a server describes them (ISO 9506-2, GetVariableAccessAttributes)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tieline.model import RemoteError
from tieline.protocols.iec61850.mms.ber import MAX_DEPTH, Field, field_at, fields, signed, text, unsigned

_KINDS = {
    3: "boolean",
    4: "bit-string",
    5: "integer",
    6: "unsigned",
    7: "float",
    9: "octet-string",
    10: "visible-string",
    12: "binary-time",
    16: "mms-string",
    17: "utc-time",
}


@dataclass(frozen=True, slots=True)
class Simple:
    """A type without parts; `size` in bits, octets or characters, negative for "at most"."""

    kind: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a structure."""

    name: str
    type: MmsType


@dataclass(frozen=True, slots=True)
class Structure:
    """Parts in their order."""

    components: tuple[Component, ...]

    def component(self, name: str) -> MmsType | None:
        """The type of a part."""
        return next((each.type for each in self.components if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Array:
    """Elements of one type."""

    count: int
    element: MmsType


MmsType: TypeAlias = Simple | Structure | Array


def find(mms_type: MmsType, path: str) -> MmsType | None:
    """What stands at `A$B$C` below a type; an empty path is the type itself."""
    found: MmsType | None = mms_type
    for part in path.split("$") if path else ():
        found = found.component(part) if isinstance(found, Structure) else None
    return found


def leaves(mms_type: MmsType, path: str = "") -> Iterator[tuple[str, MmsType]]:
    """Paths and types of all that has no parts, in the order in which values come; an array counts as one leaf."""
    if isinstance(mms_type, Structure):
        for each in mms_type.components:
            yield from leaves(each.type, f"{path}${each.name}" if path else each.name)
    else:
        yield path, mms_type


def decode_type(content: bytes) -> MmsType:
    """The type in an answer to GetVariableAccessAttributes; raises `RemoteError`."""
    for found in fields(content):
        if found.tag == 0xA2:
            return _type_at(content, field_at(content, found.start, found.stop), 1)
    raise RemoteError("the description of a type is missing")


def _type_at(data: bytes, found: Field, depth: int) -> MmsType:
    if depth > MAX_DEPTH:
        raise RemoteError(f"types are nested deeper than {MAX_DEPTH} levels")
    number = found.tag & 0x1F
    if number == 2:
        return _structure(data, found, depth)
    if number == 1:
        count, element = 0, None
        for part in fields(data, found.start, found.stop):
            if part.tag == 0x81:
                count = unsigned(data, part)
            elif part.tag == 0xA2:
                element = _type_at(data, field_at(data, part.start, part.stop), depth + 1)
        if element is None:
            raise RemoteError("an array has no type of element")
        return Array(count, element)
    kind = _KINDS.get(number, "unknown")
    if kind == "float":
        width = next(fields(data, found.start, found.stop), None)
        return Simple(kind, 32 if width is None else unsigned(data, width))
    has_size = kind not in {"boolean", "binary-time", "utc-time", "unknown"} and found.stop > found.start
    return Simple(kind, signed(data, found) if has_size else None)


def _structure(data: bytes, found: Field, depth: int) -> Structure:
    components = []
    for part in fields(data, found.start, found.stop):
        if part.tag != 0xA1:
            continue
        for each in fields(data, part.start, part.stop):
            name, mms_type = "", None
            for item in fields(data, each.start, each.stop):
                if item.tag == 0x80:
                    name = text(data, item)
                elif item.tag == 0xA1:
                    mms_type = _type_at(data, field_at(data, item.start, item.stop), depth + 1)
            if mms_type is None:
                raise RemoteError("a part of a structure has no type")
            components.append(Component(name, mms_type))
    return Structure(tuple(components))
