"""The whole data model of an IED, attribute by attribute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tieline.protocols.iec61850.scl.document import Scl
from tieline.protocols.iec61850.scl.ied import Ied
from tieline.protocols.iec61850.scl.templates import Leaf


@dataclass(frozen=True, slots=True)
class DataAttribute:
    """A data attribute of an IED that holds a value; what it has in common with others of its type is in `leaf`, once."""

    logical_node: str
    """`MBQ01CTRL/CSWI1`."""
    leaf: Leaf
    value: str | None
    """As the file configures it, for this instance or for its type; None where it does not."""

    @property
    def reference(self) -> str:
        """`MBQ01CTRL/CSWI1.Pos.stVal`."""
        return f"{self.logical_node}.{self.leaf.path}"


def data_model(scl: Scl, ied: Ied) -> Iterator[DataAttribute]:
    """Every data attribute of an IED's servers, in the order of the file. An array is one attribute with its `count`."""
    for device in ied.devices():
        for node in device.nodes:
            own = {each.path: each.value for each in reversed(node.values)}
            path = f"{device.name}/{node.name}"
            for leaf in scl.templates.leaves(node.type):
                yield DataAttribute(path, leaf, own.get(leaf.path, leaf.default))
