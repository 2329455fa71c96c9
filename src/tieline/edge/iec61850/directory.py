"""The model as the server has it: types of logical nodes, and what a data set's members mean for the points.

An engineer's list and a device may disagree. Whatever is not there is found here, named, and left out; everything else works.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tieline.edge.iec61850.client import DATA_SETS, DOMAINS, VARIABLES, MmsClient
from tieline.edge.iec61850.settings import MonitoredPoint
from tieline.model import RemoteError
from tieline.protocols.iec61850.mms.layout import Leaf, Member, Part
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.types import MmsType, Simple, find, leaves

TYPES_AT_ONCE = 4
"""Types that are asked for at once; with all of them, the last would meet their deadline before a slow server comes to them."""


@dataclass(frozen=True, slots=True)
class Browsed:
    """All names of a logical device."""

    domain: str
    variables: tuple[str, ...]
    data_sets: tuple[str, ...]

    @property
    def report_blocks(self) -> tuple[str, ...]:
        """Its report control blocks, `LLN0$BR$brcb01`."""
        return tuple(each for each in self.variables if each.count("$") == 2 and ("$BR$" in each or "$RP$" in each))


async def browse(client: MmsClient) -> list[Browsed]:
    """All logical devices of a server with their names; raises as `MmsClient` does."""
    found = []
    for domain in await client.names(DOMAINS):
        variables = await client.names(VARIABLES, domain)
        found.append(Browsed(domain, tuple(variables), tuple(await client.names(DATA_SETS, domain))))
    return found


@dataclass(slots=True)
class Directory:
    """Types of the logical nodes that matter, as the server described them in this association."""

    _types: dict[Name, MmsType] = field(default_factory=dict)

    @classmethod
    async def load(cls, client: MmsClient, names: Iterable[Name]) -> Directory:
        """Asks for the types of all logical nodes of these names; where a node's is refused, for those of its data objects."""
        directory = cls()
        wanted: dict[Name, set[Name]] = {}
        for name in names:
            object_name = Name(name.domain, "$".join(name.item.split("$")[:3]))
            wanted.setdefault(Name(name.domain, name.logical_node), set()).add(object_name)
        left = iter(wanted.items())
        async with asyncio.TaskGroup() as tasks:
            for _ in range(TYPES_AT_ONCE):
                tasks.create_task(directory._load_each(client, left), name="types of logical nodes")
        return directory

    async def _load_each(self, client: MmsClient, left: Iterator[tuple[Name, set[Name]]]) -> None:
        for node, objects in left:
            await self._load(client, node, objects)

    async def _load(self, client: MmsClient, node: Name, objects: set[Name]) -> None:
        try:
            self._types[node] = await client.type_of(node)
        except RemoteError:
            for each in sorted(objects):
                try:
                    self._types[each] = await client.type_of(each)
                except RemoteError:
                    continue

    def find(self, name: Name) -> MmsType | None:
        """The type of a variable; None where the server has none."""
        path = name.item.split("$")
        for depth in (1, 3):
            base = self._types.get(Name(name.domain, "$".join(path[:depth])))
            if base is not None:
                return find(base, "$".join(path[depth:]))
        return None

    def is_leaf(self, name: Name) -> bool:
        """Whether the server has it, and it has no parts."""
        return isinstance(self.find(name), Simple)


class Meanings:
    """What each attribute of the server means for the points."""

    def __init__(self, points: Sequence[MonitoredPoint], directory: Directory) -> None:
        self.missing: dict[int, Name] = {}
        """Rows that the server does not have, and which of their attributes."""
        self._directory = directory
        self._leaves: dict[Name, list[Leaf]] = {}
        self._prefixes: dict[int, Name] = {}
        self._parts: dict[int, set[Part]] = {}
        for row, point in enumerate(points):
            parts = [(point.value, Part.VALUE), (point.quality, Part.QUALITY), (point.time, Part.TIME)]
            named = [(name, part) for name, part in parts if name is not None]
            absent = [name for name, _ in named if not directory.is_leaf(name)]
            if absent:
                self.missing[row] = absent[0]
                continue
            for name, part in named:
                self._leaves.setdefault(name, []).append(Leaf(row, part))
            self._parts[row] = {part for _, part in named}
            self._prefixes[row] = _common([name for name, _ in named])

    def member(self, name: Name) -> Member | None:
        """What a data set's member means, or a variable that is read; None where the server does not describe it."""
        mms_type = self._directory.find(name)
        if mms_type is None:
            return None
        found = []
        for path, _ in leaves(mms_type):
            leaf_name = Name(name.domain, f"{name.item}${path}") if path else name
            found.append(tuple(self._leaves.get(leaf_name, ())))
        return Member(tuple(found))

    def to_read(self, rows: Iterable[int]) -> list[Name]:
        """Variables whose reading brings all parts of these rows, each once."""
        return list(dict.fromkeys(self._prefixes[row] for row in rows if row in self._prefixes))

    def covered(self, members: Iterable[Member]) -> set[int]:
        """Rows of which members together bring all parts."""
        brought: dict[int, set[Part]] = {}
        for member in members:
            for leaf in itertools.chain.from_iterable(member.leaves):
                brought.setdefault(leaf.row, set()).add(leaf.part)
        return {row for row, parts in brought.items() if self._parts[row] <= parts}


def _common(names: Sequence[Name]) -> Name:
    """The variable that holds them all: the value's data object, or what is deeper."""
    paths = [name.item.split("$") for name in names]
    depth = next((i for i, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1), min(map(len, paths)))
    return Name(names[0].domain, "$".join(paths[0][: max(depth, min(3, len(paths[0])))]))
