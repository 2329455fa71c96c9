"""Data type templates: what a logical node of a type consists of (IEC 61850-6, clause 9.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

MOST_STEPS = 50_000
"""Elements of one logical node type, structures counted; real ones stay below 5,000."""
DEEPEST = 16
"""Levels of data objects and attributes below a logical node; the standard's own types need seven."""

_MOST_SUB_TYPES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumType:
    """An enumeration: ordinals and their words."""

    id: str
    values: tuple[tuple[int, str], ...]
    line: int = field(default=0, compare=False)

    def word(self, ordinal: int) -> str | None:
        """The word of an ordinal; None where it has none."""
        return next((word for number, word in self.values if number == ordinal), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeType:
    """A data attribute (DA) of a data object type, or a component (BDA) of a structure."""

    name: str
    b_type: str
    """Basic type as IEC 61850-6 spells it: `BOOLEAN`, `FLOAT32`, `Dbpos`, `Quality`, `Timestamp`, `Enum`, `Struct` ..."""
    type: str = ""
    """The id of its DAType (`Struct`) or EnumType (`Enum`)."""
    fc: str = ""
    """Functional constraint; empty in structures, which take that of the attribute they are in."""
    count: int = 0
    """Elements of an array; 0 is no array."""
    value: str | None = None
    """What every instance has unless it says otherwise."""
    triggers: frozenset[str] = frozenset()
    """Of `dchg`, `qchg`, `dupd`."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataObjectType:
    """A data object (DO) of a logical node type, or a sub data object (SDO)."""

    name: str
    type: str
    count: int = 0
    is_transient: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LNodeType:
    """A logical node type: its data objects in order."""

    id: str
    ln_class: str
    members: tuple[DataObjectType, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DOType:
    """A data object type: a common data class, with its attributes and sub data objects in order."""

    id: str
    cdc: str
    members: tuple[AttributeType | DataObjectType, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DAType:
    """A structure: its components in order."""

    id: str
    members: tuple[AttributeType, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A data attribute that holds a value, below a logical node of some type."""

    data_object: str
    """The (sub) data object it belongs to, `Pos` or `A.phsA`."""
    attribute: str
    """Its path there, `stVal` or `cVal.mag.f`."""
    fc: str
    cdc: str
    """Common data class of `data_object`."""
    b_type: str
    enum: EnumType | None
    count: int
    default: str | None
    triggers: frozenset[str]

    @property
    def path(self) -> str:
        """Below the logical node, `A.phsA.cVal.mag.f`."""
        return f"{self.data_object}.{self.attribute}"


@dataclass(frozen=True, kw_only=True)
class Templates:
    """All types of a file by their ids; every instance refers to them, and none copies them."""

    ln_types: Mapping[str, LNodeType] = field(default_factory=dict)
    do_types: Mapping[str, DOType] = field(default_factory=dict)
    da_types: Mapping[str, DAType] = field(default_factory=dict)
    enum_types: Mapping[str, EnumType] = field(default_factory=dict)

    @cached_property
    def _leaves(self) -> dict[str, tuple[Leaf, ...]]:
        return {}

    @cached_property
    def _slots(self) -> dict[tuple[type, str], Mapping[str, AttributeType | DataObjectType]]:
        return {}

    @cached_property
    def _resolved(self) -> dict[tuple[str, str], AttributeType | DataObjectType | None]:
        return {}

    @cached_property
    def _constraints(self) -> dict[str, tuple[frozenset[str], tuple[str, ...]]]:
        return {}

    @cached_property
    def _words(self) -> dict[str, Mapping[str, int]]:
        return {}

    def leaves(self, ln_type: str) -> tuple[Leaf, ...]:
        """Every attribute with a value of a logical node of this type, in order.

        Types that are not there are left out, and so is what lies beyond `DEEPEST` levels or `MOST_STEPS` elements: a type that
        contains itself gives a finite answer. Arrays are one leaf with their `count`.
        """
        found = self._leaves.get(ln_type)
        if found is None:
            found = self._leaves[ln_type] = tuple(_Expansion(self).of(ln_type))
        return found

    def data_object(self, ln_type: str, path: str) -> DOType | None:
        """The type of the (sub) data object at a path like `A.phsA`; array indices as in `HA.phsAHar(3)` are allowed."""
        each: LNodeType | DOType | None = self.ln_types.get(ln_type)
        found: DOType | None = None
        for name in path.split("."):
            slot = self.slot(each, name)
            each = found = self.do_types.get(slot.type) if isinstance(slot, DataObjectType) else None
            if found is None:
                return None
        return found

    def attribute(self, do_type: DOType, path: str) -> tuple[AttributeType, str] | None:
        """The attribute at a path like `mag.f` of a data object, a structure perhaps, and its functional constraint."""
        each: DOType | DAType | None = do_type
        found: AttributeType | None = None
        fc = ""
        for name in path.split("."):
            slot = self.slot(each, name)
            if not isinstance(slot, AttributeType):
                return None
            found = slot
            fc = fc or found.fc
            each = self.da_types.get(found.type) if found.b_type == "Struct" else None
        return (found, fc) if found else None

    def resolve(self, ln_type: str, path: str) -> AttributeType | DataObjectType | None:
        """What a path below a logical node of this type leads to, `A.phsA.cVal.mag.f`; None where it leads nowhere."""
        key = (ln_type, path)
        if key not in self._resolved:
            self._resolved[key] = self._resolve(ln_type, path)
        return self._resolved[key]

    def _resolve(self, ln_type: str, path: str) -> AttributeType | DataObjectType | None:
        each: LNodeType | DOType | DAType | None = self.ln_types.get(ln_type)
        found: AttributeType | DataObjectType | None = None
        for name in path.split("."):
            found = self.slot(each, name)
            if isinstance(found, DataObjectType):
                each = self.do_types.get(found.type)
            elif found is not None and found.b_type == "Struct":
                each = self.da_types.get(found.type)
            else:
                each = None
        return found

    def is_cut_off(self, ln_type: str, path: str) -> bool:
        """Whether a path leads nowhere because a type on its way is not there; that is the type's own mistake."""
        names = path.split(".")
        for end in range(1, len(names) + 1):
            found = self.resolve(ln_type, ".".join(names[:end]))
            if found is None:
                return False
            if isinstance(found, DataObjectType) and found.type not in self.do_types:
                return True
            if isinstance(found, AttributeType) and found.b_type == "Struct" and found.type not in self.da_types:
                return True
        return False

    def slot(self, within: LNodeType | DOType | DAType | None, name: str) -> AttributeType | DataObjectType | None:
        """The member of that name; an array index behind the name is passed over."""
        if within is None:
            return None
        key = (type(within), within.id)
        members = self._slots.get(key)
        if members is None:
            members = self._slots[key] = {member.name: member for member in within.members}
        return members.get(name) or members.get(name.partition("(")[0])

    def ordinal(self, enum_type: str, word: str) -> int | None:
        """What a word of an enumeration stands for; None where there is no such enumeration or word."""
        words = self._words.get(enum_type)
        if words is None:
            known = self.enum_types.get(enum_type)
            words = self._words[enum_type] = {name: number for number, name in (known.values if known else ())}
        return words.get(word)

    def has_fc(self, do_type: str, fc: str) -> bool:
        """Whether data objects of this type have an attribute with a functional constraint, themselves or below.

        Beyond a number of types that no real data object has, the answer is yes without looking.
        """
        reached, waiting = {do_type}, [do_type]
        while waiting:
            constraints, below = self._own_constraints(waiting.pop())
            if fc in constraints:
                return True
            for each in below:
                if each not in reached:
                    if len(reached) >= _MOST_SUB_TYPES:
                        return True
                    reached.add(each)
                    waiting.append(each)
        return False

    def _own_constraints(self, do_type: str) -> tuple[frozenset[str], tuple[str, ...]]:
        known = self._constraints.get(do_type)
        if known is None:
            each = self.do_types.get(do_type)
            members = each.members if each else ()
            constraints = frozenset(member.fc for member in members if isinstance(member, AttributeType))
            below = dict.fromkeys(member.type for member in members if isinstance(member, DataObjectType))
            known = self._constraints[do_type] = constraints, tuple(below)
        return known


class _Expansion:
    """Walks one logical node type. Steps are counted, so that types within types within types end."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._steps = 0

    def of(self, ln_type: str) -> Iterator[Leaf]:
        node = self._templates.ln_types.get(ln_type)
        for member in node.members if node else ():
            yield from self._object(member, member.name, 1)

    def _may_go_on(self, depth: int) -> bool:
        self._steps += 1
        return self._steps <= MOST_STEPS and depth <= DEEPEST

    def _object(self, slot: DataObjectType, path: str, depth: int) -> Iterator[Leaf]:
        do_type = self._templates.do_types.get(slot.type)
        if do_type is None or not self._may_go_on(depth):
            return
        for member in do_type.members:
            if isinstance(member, DataObjectType):
                yield from self._object(member, f"{path}.{member.name}", depth + 1)
            else:
                yield from self._attribute(member, do_type, path, member.name, member.fc, slot.count, depth + 1)

    def _attribute(
        self, slot: AttributeType, do_type: DOType, data_object: str, path: str, fc: str, count: int, depth: int
    ) -> Iterator[Leaf]:
        if not self._may_go_on(depth):
            return
        count = slot.count or count
        if slot.b_type != "Struct":
            yield Leaf(
                data_object=data_object,
                attribute=path,
                fc=fc,
                cdc=do_type.cdc,
                b_type=slot.b_type,
                enum=self._templates.enum_types.get(slot.type) if slot.b_type == "Enum" else None,
                count=count,
                default=slot.value,
                triggers=slot.triggers,
            )
            return
        structure = self._templates.da_types.get(slot.type)
        for member in structure.members if structure else ():
            yield from self._attribute(member, do_type, data_object, f"{path}.{member.name}", fc, count, depth + 1)
