"""Builders of the root element and the header."""

from __future__ import annotations

from tieline.protocols.iec61850.scl.build_communication import Communication
from tieline.protocols.iec61850.scl.document import Header, Scl
from tieline.protocols.iec61850.scl.element import Element
from tieline.protocols.iec61850.scl.ied import Ied
from tieline.protocols.iec61850.scl.substation import Substation
from tieline.protocols.iec61850.scl.templates import Templates

_EDITIONS = frozenset({"1", "2007A", "2007B", "2007B1", "2007B2", "2007B3", "2007B4", "2007B5", "2007C4", "2007C5"})


def header(element: Element) -> Header:
    """The Header."""
    return Header(
        id=element.get("id"), version=element.get("version"), revision=element.get("revision"), tool=element.get("toolID")
    )


def root(element: Element) -> Scl:
    """The SCL element."""
    edition = "".join(element.get(key) for key in ("version", "revision", "release")) or "1"
    if edition not in _EDITIONS:
        element.warn(
            "the edition is not known; read as edition 2.1", 'write version="2007" revision="B" release="4"', value=edition
        )
    found = element.first(Header)
    if found is None:
        element.warn("has no Header", 'write <Header id="..."/>')
    return Scl(
        file=element.reader.findings.file,
        edition=edition,
        header=found or Header(),
        substations=element.of(Substation),
        sub_networks=tuple(net for each in element.of(Communication) for net in each.sub_networks),
        ieds=element.of(Ied),
        templates=element.first(Templates) or Templates(),
    )
