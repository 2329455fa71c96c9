"""What a member of a data set consists of, in the order in which a server sends it (IEC 61850-8-1, clause 8.1.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tieline.protocols.iec61850.scl.common_data_classes import Role, is_numeric, role_of, values_among
from tieline.protocols.iec61850.scl.templates import (
    DEEPEST,
    AttributeType,
    DataObjectType,
    DOType,
    Templates,
)

MOST_PARTS = 5_000
"""Attributes of one member of a data set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An attribute within a member of a data set."""

    data_object: str
    """`Pos`, `A.phsA`."""
    attribute: str
    """`stVal`, `cVal.mag.f`."""
    cdc: str
    fc: str
    b_type: str
    enum_type: str
    position: tuple[int, ...]
    """From the value of the member down through its structures; empty is the value itself."""
    is_array: bool
    role: Role

    @property
    def path(self) -> str:
        """Below the logical node."""
        return f"{self.data_object}.{self.attribute}"


class Members:
    """The parts of data set members; those of the same type are worked out once."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._known: dict[tuple[str, str, str, str], tuple[Part, ...]] = {}

    def parts(self, ln_type: str, do_name: str, da_name: str, fc: str) -> tuple[Part, ...]:
        """The parts of the member with these names at a logical node of this type; none where it leads nowhere."""
        key = (ln_type, do_name, da_name, fc)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = tuple(_with_roles(_Walk(self._templates, fc).of(ln_type, do_name, da_name), da_name, fc))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    data_object: str
    attribute: str
    do_type: DOType
    slot: AttributeType
    position: tuple[int, ...]
    is_array: bool


class _Walk:
    """Walks the types below one member; steps are counted, so that hostile types end."""

    def __init__(self, templates: Templates, fc: str) -> None:
        self._templates = templates
        self._fc = fc
        self._steps = 0

    def of(self, ln_type: str, do_name: str, da_name: str) -> Iterator[_Found]:
        if not do_name:
            node = self._templates.ln_types.get(ln_type)
            having = [slot for slot in (node.members if node else ()) if self._templates.has_fc(slot.type, self._fc)]
            for index, slot in enumerate(having):
                yield from self._object(slot, slot.name, (index,), is_array=False)
            return
        do_type = self._templates.data_object(ln_type, do_name)
        if do_type is None:
            return
        if not da_name:
            yield from self._members(do_type, do_name, (), is_array=False)
            return
        found = self._templates.attribute(do_type, da_name)
        if found and found[1] == self._fc:
            yield from self._attribute(do_type, do_name, da_name, found[0], (), is_array=False)

    def _object(self, slot: DataObjectType, path: str, position: tuple[int, ...], *, is_array: bool) -> Iterator[_Found]:
        do_type = self._templates.do_types.get(slot.type)
        if do_type is not None and len(position) <= DEEPEST:
            yield from self._members(do_type, path, position, is_array=is_array or bool(slot.count))

    def _members(self, do_type: DOType, path: str, position: tuple[int, ...], *, is_array: bool) -> Iterator[_Found]:
        index = 0
        for slot in do_type.members:
            self._steps += 1
            if self._steps > MOST_PARTS:
                return
            if isinstance(slot, AttributeType):
                if slot.fc == self._fc:
                    yield from self._attribute(do_type, path, slot.name, slot, (*position, index), is_array=is_array)
                    index += 1
            elif self._templates.has_fc(slot.type, self._fc):
                yield from self._object(slot, f"{path}.{slot.name}", (*position, index), is_array=is_array)
                index += 1

    def _attribute(
        self, do_type: DOType, data_object: str, path: str, slot: AttributeType, position: tuple[int, ...], *, is_array: bool
    ) -> Iterator[_Found]:
        self._steps += 1
        if self._steps > MOST_PARTS or len(position) > DEEPEST:
            return
        is_array = is_array or bool(slot.count)
        if slot.b_type != "Struct":
            yield _Found(
                data_object=data_object, attribute=path, do_type=do_type, slot=slot, position=position, is_array=is_array
            )
            return
        structure = self._templates.da_types.get(slot.type)
        for index, component in enumerate(structure.members if structure else ()):
            yield from self._attribute(
                do_type, data_object, f"{path}.{component.name}", component, (*position, index), is_array=is_array
            )


def _with_roles(walk: Iterator[_Found], da_name: str, fc: str) -> Iterator[Part]:
    found = list(walk)
    values = _values(found, da_name)
    for each in found:
        path = each.attribute
        role = role_of(path, each.slot)
        if not each.is_array and role is Role.OTHER and (each.data_object, path) in values and is_numeric(each.slot.b_type):
            role = Role.VALUE
        yield Part(
            data_object=each.data_object,
            attribute=path,
            cdc=each.do_type.cdc,
            fc=fc,
            b_type=each.slot.b_type,
            enum_type=each.slot.type if each.slot.b_type == "Enum" else "",
            position=each.position,
            is_array=each.is_array,
            role=role,
        )


def _values(found: Sequence[_Found], da_name: str) -> frozenset[tuple[str, str]]:
    """What is asked for by its own name is a value; of a whole data object those that its common data class has."""
    by_object: dict[str, list[str]] = {}
    for each in found:
        by_object.setdefault(each.data_object, []).append(each.attribute)
    chosen = {name: values_among(paths) for name, paths in by_object.items()}
    if da_name and len(found) == 1:
        chosen = {name: frozenset(paths) for name, paths in by_object.items()}
    return frozenset((name, path) for name, paths in chosen.items() for path in paths)
