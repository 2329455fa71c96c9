"""Builders of the substation section."""

from __future__ import annotations

from tieline.protocols.iec61850.scl import substation as sub
from tieline.protocols.iec61850.scl.element import Element
from tieline.protocols.iec61850.scl.quantities import Quantity

_GROUNDED = "grounded"
_PLACES = frozenset({"Substation", "VoltageLevel", "Bay"})


def l_node(element: Element) -> sub.LNode | None:
    """An LNode."""
    ln_class = element.required("lnClass")
    if not ln_class:
        return None
    ied = element.get("iedName")
    return sub.LNode(
        ied="" if ied == "None" else ied,
        ld_inst=element.get("ldInst"),
        prefix=element.get("prefix"),
        ln_class=ln_class,
        ln_inst=element.get("lnInst"),
        line=element.line,
    )


def terminal(element: Element) -> sub.Terminal:
    """A Terminal. Tools disagree whether the path or the names are the truth; IEC 61850-6 says the path."""
    names = [element.get(key) for key in ("substationName", "voltageLevelName", "bayName", "cNodeName")]
    node = element.get("connectivityNode").strip()
    last = names[3] or node.rpartition("/")[2]
    if not node and all(names):
        node = "/".join(names)
    if not node and last != _GROUNDED:
        element.error("is connected to nothing", 'write connectivityNode="substation/level/bay/node"')
    return sub.Terminal(name=element.get("name"), node=node, is_grounded=last == _GROUNDED, line=element.line)


def connectivity_node(element: Element) -> sub.ConnectivityNode | None:
    """A ConnectivityNode. Without a path it has that of the places it is in."""
    name = element.required("name")
    if not name:
        return None
    names = [name]
    place = element.parent
    while place is not None and place.tag in _PLACES:
        names.append(place.get("name"))
        place = place.parent
    here = "/".join(reversed(names))
    path = element.get("pathName").strip()
    if path and path != here:
        element.warn("the path is not that of where it stands", f"write {here}", value=path)
    return sub.ConnectivityNode(name=name, path=path or here, line=element.line)


def function(element: Element) -> sub.Function:
    """A Function or SubFunction, also one of equipment (EqFunction, EqSubFunction)."""
    return sub.Function(
        name=element.required("name"),
        type=element.get("type"),
        description=element.get("desc"),
        l_nodes=element.of(sub.LNode),
        functions=element.of(sub.Function),
        line=element.line,
    )


def _all_l_nodes(element: Element) -> tuple[sub.LNode, ...]:
    """Its own, and those of the functions that equipment has."""
    own = element.of(sub.LNode)
    within = [link for each in element.of(sub.Function) for link in _flat(each)]
    return (*own, *within)


def _flat(each: sub.Function) -> tuple[sub.LNode, ...]:
    return (*each.l_nodes, *(link for below in each.functions for link in _flat(below)))


def sub_equipment(element: Element) -> sub.SubEquipment:
    """A SubEquipment."""
    return sub.SubEquipment(
        name=element.required("name"),
        phase=element.get("phase", "none"),
        description=element.get("desc"),
        l_nodes=_all_l_nodes(element),
        line=element.line,
    )


def conducting_equipment(element: Element) -> sub.ConductingEquipment | None:
    """A ConductingEquipment."""
    name = element.required("name")
    if not name:
        return None
    x, y = _coordinates(element)
    return sub.ConductingEquipment(
        name=name,
        type=element.required("type"),
        description=element.get("desc"),
        terminals=element.of(sub.Terminal),
        l_nodes=_all_l_nodes(element),
        parts=element.of(sub.SubEquipment),
        x=x,
        y=y,
        line=element.line,
    )


def tap_changer(element: Element) -> sub.TapChanger:
    """A TapChanger."""
    return sub.TapChanger(
        name=element.required("name"), type=element.get("type"), l_nodes=_all_l_nodes(element), line=element.line
    )


def transformer_winding(element: Element) -> sub.TransformerWinding:
    """A TransformerWinding."""
    return sub.TransformerWinding(
        name=element.required("name"),
        description=element.get("desc"),
        terminals=element.of(sub.Terminal),
        tap_changer=element.first(sub.TapChanger),
        l_nodes=_all_l_nodes(element),
        line=element.line,
    )


def power_transformer(element: Element) -> sub.PowerTransformer | None:
    """A PowerTransformer."""
    name = element.required("name")
    if not name:
        return None
    x, y = _coordinates(element)
    return sub.PowerTransformer(
        name=name,
        description=element.get("desc"),
        windings=element.of(sub.TransformerWinding),
        l_nodes=_all_l_nodes(element),
        x=x,
        y=y,
        line=element.line,
    )


def general_equipment(element: Element) -> sub.GeneralEquipment:
    """A GeneralEquipment."""
    return sub.GeneralEquipment(
        name=element.required("name"),
        type=element.get("type"),
        description=element.get("desc"),
        l_nodes=_all_l_nodes(element),
        line=element.line,
    )


def bay(element: Element) -> sub.Bay | None:
    """A Bay."""
    name = element.required("name")
    if not name:
        return None
    x, y = _coordinates(element)
    return sub.Bay(
        name=name,
        description=element.get("desc"),
        equipment=element.of(sub.ConductingEquipment),
        transformers=element.of(sub.PowerTransformer),
        general=element.of(sub.GeneralEquipment),
        nodes=element.of(sub.ConnectivityNode),
        functions=element.of(sub.Function),
        l_nodes=element.of(sub.LNode),
        x=x,
        y=y,
        line=element.line,
    )


def voltage_level(element: Element) -> sub.VoltageLevel | None:
    """A VoltageLevel."""
    name = element.required("name")
    if not name:
        return None
    voltage = element.first(Quantity)
    frequency = element.attributes.get("nomFreq")
    return sub.VoltageLevel(
        name=name,
        description=element.get("desc"),
        voltage_v=voltage.value if voltage else None,
        frequency_hz=element.as_number(frequency, "nomFreq") if frequency else None,
        bays=element.of(sub.Bay),
        transformers=element.of(sub.PowerTransformer),
        general=element.of(sub.GeneralEquipment),
        functions=element.of(sub.Function),
        l_nodes=element.of(sub.LNode),
        line=element.line,
    )


def substation(element: Element) -> sub.Substation | None:
    """A Substation."""
    name = element.required("name")
    if not name:
        return None
    return sub.Substation(
        name=name,
        description=element.get("desc"),
        voltage_levels=element.of(sub.VoltageLevel),
        transformers=element.of(sub.PowerTransformer),
        general=element.of(sub.GeneralEquipment),
        functions=element.of(sub.Function),
        l_nodes=element.of(sub.LNode),
        line=element.line,
    )


def _coordinates(element: Element) -> tuple[float | None, float | None]:
    """From the namespace of coordinates, which has had several addresses."""
    found: dict[str, float | None] = {"x": None, "y": None}
    for key, text in element.attributes.items():
        if key.endswith(("}x", "}y", ":x", ":y")):
            found[key[-1]] = element.as_number(text, key[-1])
    return found["x"], found["y"]
