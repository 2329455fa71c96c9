"""Names of things in a server: as IEC 61850-7-2 writes them, and as MMS does (IEC 61850-8-1, clause 8.1.3)."""

from __future__ import annotations

from typing import NamedTuple

from tieline.model import LocalError


class Name(NamedTuple):
    """A variable, data set or control block: `domain` is the logical device, `item` for example `MMXU1$MX$TotW$mag$f`."""

    domain: str
    item: str

    def __str__(self) -> str:
        return f"{self.domain}/{self.item}"

    def child(self, part: str) -> Name:
        """What is one level below."""
        return Name(self.domain, f"{self.item}${part}")

    @property
    def logical_node(self) -> str:
        """The logical node's name."""
        return self.item.partition("$")[0]


def name_of(reference: str, functional_constraint: str = "") -> Name:
    """The MMS name of an object reference, `LD/LN.DO.DA`, under a functional constraint; data sets have none.

    What is written as MMS does already (`LD/LN$FC$DO`) stays as it is. Raises `LocalError` where it is no reference.
    """
    domain, slash, rest = reference.partition("/")
    if not slash or not domain or not rest:
        raise LocalError(f"{reference!r} is no object reference; write LogicalDevice/LogicalNode.DataObject")
    if "$" in rest:
        return Name(domain, rest)
    node, *path = rest.split(".")
    return Name(domain, "$".join([node, *([functional_constraint] if functional_constraint else []), *path]))


def reference_of(name: Name) -> str:
    """`LD/LN.DO.DA[FC]` of a variable, for people."""
    node, *rest = name.item.split("$")
    if not rest:
        return f"{name.domain}/{node}"
    return f"{name.domain}/{'.'.join([node, *rest[1:]])}[{rest[0]}]"
