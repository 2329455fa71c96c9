"""What the engineering says of a publisher, and where its frames differ from that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from tieline.protocols.goose import data
from tieline.protocols.goose.ethernet import parse_mac
from tieline.protocols.goose.reading import Layout

_MAX_DIFFERENCES = 5


class LeafType(Enum):
    """Types of data attributes as they are told apart on the wire: the tag, and the size in bits or octets where it is part of the type."""

    BOOLEAN = (data.BOOLEAN, 0)
    INTEGER = (data.INTEGER, 0)
    """INT8 to INT64, and enumerated values."""
    UNSIGNED = (data.UNSIGNED, 0)
    FLOAT32 = (data.FLOAT, 5)
    FLOAT64 = (data.FLOAT, 9)
    DOUBLE_POINT = (data.BIT_STRING, 2)
    """Dbpos, Tcmd and the other coded enumerations of two bits."""
    QUALITY = (data.BIT_STRING, 13)
    BIT_STRING = (data.BIT_STRING, 0)
    """Of any size."""
    OCTET_STRING = (data.OCTET_STRING, 0)
    VISIBLE_STRING = (data.VISIBLE_STRING, 0)
    MMS_STRING = (data.MMS_STRING, 0)
    BINARY_TIME = (data.BINARY_TIME, 0)
    TIMESTAMP = (data.UTC_TIME, 0)

    @property
    def words(self) -> str:
        """As a person reads it."""
        return self.name.lower().replace("_", " ")


EntryType: TypeAlias = "LeafType | tuple[EntryType, ...]"
"""The type of an entry of a data set: one value, or a structure of values."""

Path: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A GOOSE control block as the SCL describes it. What is None is not compared."""

    gocb_ref: str
    conf_rev: int | None = None
    dat_set: str | None = None
    go_id: str | None = None
    entries: tuple[EntryType, ...] | None = None
    destination: str | None = None
    """The multicast address of the GSE element, as `01:0c:cd:01:00:01` or with hyphens."""
    app_id: int | None = None
    vlan_id: int | None = None
    """0 also agrees with frames that have no tag, which switches may have taken off."""

    @property
    def leaves(self) -> tuple[tuple[Path, LeafType], ...]:
        """The values one after another, each with the entry and the members that lead to it."""
        return tuple(_flat(self.entries or (), ()))


def _flat(types: tuple[EntryType, ...], path: Path) -> Iterator[tuple[Path, LeafType]]:
    for number, each in enumerate(types):
        if isinstance(each, LeafType):
            yield (*path, number), each
        else:
            yield from _flat(each, (*path, number))


def configuration_differences(expected: Expected, layout: Layout) -> list[str]:
    """How confRev, datSet and goID differ; a subscriber must not use such messages (IEC 61850-7-2, clause 18.2)."""
    message = layout.message
    pairs = (
        ("confRev", expected.conf_rev, message.conf_rev),
        ("datSet", expected.dat_set, message.dat_set),
        # Without a goID the control block's reference stands for it (IEC 61850-7-2, GoID).
        ("goID", expected.go_id, message.gocb_ref if message.go_id is None else message.go_id),
    )
    return [f"{name} is {found}, not {wanted}" for name, wanted, found in pairs if wanted is not None and wanted != found]


def entry_differences(expected: Expected, layout: Layout) -> list[str]:
    """How number and types of the entries differ; at most a handful."""
    if expected.entries is None:
        return []
    count = layout.message.num_dat_set_entries
    if count != len(expected.entries):
        return [f"the data set has {count} entries, not {len(expected.entries)}"]
    wanted, found = expected.leaves, layout.leaves
    differences = [] if len(wanted) == len(found) else [f"the data set has {len(found)} values, not {len(wanted)}"]
    for (path, kind), leaf in zip(wanted, found, strict=False):
        tag, size = kind.value
        real = layout.bit_size(leaf) if tag == data.BIT_STRING else leaf.stop - leaf.start
        if path != leaf.path or tag != leaf.tag or (size and size != real):
            place = ".".join(str(number + 1) for number in leaf.path)
            differences.append(f"entry {place} has tag {leaf.tag:02x} and size {real}, where a {kind.words} was expected")
        if len(differences) >= _MAX_DIFFERENCES:
            break
    return differences


def address_differences(expected: Expected, layout: Layout) -> list[str]:
    """How destination, APPID and VLAN differ: the values are good, the network is not as it was planned."""
    address, differences = layout.address, []
    if expected.destination is not None and parse_mac(expected.destination) != parse_mac(address.destination):
        differences.append(f"the destination is {address.destination}, not {expected.destination}")
    if expected.app_id is not None and expected.app_id != address.app_id:
        differences.append(f"APPID is {address.app_id:04X}, not {expected.app_id:04X}")
    if expected.vlan_id is not None and expected.vlan_id != (address.vlan_id or 0):
        found = "missing" if address.vlan_id is None else str(address.vlan_id)
        differences.append(f"the VLAN is {found}, not {expected.vlan_id}")
    return differences
