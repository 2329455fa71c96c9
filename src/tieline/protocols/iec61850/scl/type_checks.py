"""What data type templates must fulfill: every type that is referred to is there, none contains itself, none unfolds without measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from tieline.protocols.iec61850.scl.findings import Findings
from tieline.protocols.iec61850.scl.templates import (
    MOST_STEPS,
    AttributeType,
    DataObjectType,
    DAType,
    DOType,
    LNodeType,
    Templates,
)

_Type: TypeAlias = LNodeType | DOType | DAType
_Key: TypeAlias = tuple[type[_Type], str]


def check_types(templates: Templates, findings: Findings) -> None:
    """Notes what is wrong with the types, once for each place."""
    every: list[_Type] = [*templates.ln_types.values(), *templates.do_types.values(), *templates.da_types.values()]
    for each in every:
        for member in each.members:
            problem = _dangles(templates, member)
            if problem:
                findings.add(problem, "add it, or correct type", line=member.line, path=_path(each, member), value=member.type)
    sizes: dict[_Key, int] = {}
    for each in every:
        _measure(templates, each, sizes, findings)


def _dangles(templates: Templates, member: AttributeType | DataObjectType) -> str:
    if not member.type:
        return ""
    if isinstance(member, DataObjectType):
        return "" if member.type in templates.do_types else "there is no such DOType"
    if member.b_type == "Struct":
        return "" if member.type in templates.da_types else "there is no such DAType"
    if member.b_type == "Enum":
        return "" if member.type in templates.enum_types else "there is no such EnumType"
    return ""


def _below(templates: Templates, each: _Type) -> Iterator[_Type]:
    for member in each.members:
        if isinstance(member, DataObjectType):
            found: _Type | None = templates.do_types.get(member.type)
        else:
            found = templates.da_types.get(member.type) if member.b_type == "Struct" else None
        if found is not None:
            yield found


def _measure(templates: Templates, start: _Type, sizes: dict[_Key, int], findings: Findings) -> None:
    """How many attributes a type unfolds to, each type looked at once; without recursion, because types may be nested deeply."""
    open_keys: set[_Key] = set()
    stack: list[tuple[_Type, Iterable[_Type]]] = []

    def enter(each: _Type) -> None:
        open_keys.add(_key(each))
        stack.append((each, iter(_below(templates, each))))

    if _key(start) not in sizes:
        enter(start)
    while stack:
        each, below = stack[-1]
        following = next(iter(below), None)
        if following is None:
            stack.pop()
            open_keys.discard(_key(each))
            size = len(each.members) + sum(sizes.get(_key(within), 0) for within in _below(templates, each))
            sizes[_key(each)] = min(size, MOST_STEPS + 1)
            if size > MOST_STEPS and not any(sizes.get(_key(within), 0) > MOST_STEPS for within in _below(templates, each)):
                findings.add(
                    f"unfolds to more than {MOST_STEPS:,} attributes", "the rest is left out", line=each.line, path=_path(each)
                )
        elif _key(following) in open_keys:
            findings.add(
                f"contains itself through {following.id}",
                "take the recursion out",
                line=each.line,
                path=_path(each),
                value=each.id,
            )
        elif _key(following) not in sizes:
            enter(following)


def _key(each: _Type) -> _Key:
    return type(each), each.id


def _path(each: _Type, member: AttributeType | DataObjectType | None = None) -> str:
    path = f"SCL/DataTypeTemplates/{type(each).__name__}[{each.id}]"
    return f"{path}/{member.name}" if member else path
