"""Builders of IEDs: access points, logical devices and nodes, and the values of their instances."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.protocols.iec61850.scl import control_blocks as blocks
from tieline.protocols.iec61850.scl.build_control_blocks import Inputs
from tieline.protocols.iec61850.scl.build_templates import Value
from tieline.protocols.iec61850.scl.element import LONGEST_NAME, Element
from tieline.protocols.iec61850.scl.ied import (
    AccessPoint,
    Ied,
    InstanceValue,
    LogicalDevice,
    LogicalNode,
    Service,
)

_AUTHENTICATIONS = ("none", "password", "weak", "strong", "certificate")


@dataclass(frozen=True, slots=True)
class _Instance:
    """A value of an instance, and where it stands."""

    value: InstanceValue
    line: int


@dataclass(frozen=True, slots=True)
class _Instances:
    """What is within a DOI or SDI."""

    members: tuple[_Instance, ...]
    description: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class _Server:
    devices: tuple[LogicalDevice, ...]
    authentication: frozenset[str]


@dataclass(frozen=True, slots=True)
class _ServerAt:
    access_point: str


@dataclass(frozen=True, slots=True)
class _Authentication:
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Services:
    members: tuple[Service, ...]


def dai(element: Element) -> _Instances:
    """A DAI, with a value for each setting group where it has several."""
    path = _path(element)
    if path is None:
        element.error(f"the names that lead here have more than {LONGEST_NAME} characters", "shorten them")
        return _Instances((), None)
    shared = element.reader.shared
    members = tuple(
        _Instance(
            shared(InstanceValue(path=path, value=value.text, setting_group=value.setting_group)),
            element.line,
        )
        for value in element.of(Value)
    )
    return _Instances(members, None)


def sdi(element: Element) -> _Instances:
    """An SDI."""
    return _Instances(tuple(each for within in element.of(_Instances) for each in within.members), None)


def doi(element: Element) -> _Instances | None:
    """A DOI."""
    name = element.required("name")
    if not name:
        return None
    words = element.get("desc")
    description = element.reader.shared((name, words)) if words.strip() else None
    return _Instances(tuple(each for within in element.of(_Instances) for each in within.members), description)


def logical_node(element: Element) -> LogicalNode | None:
    """An LN or LN0."""
    ln_class = element.get("lnClass") or ("LLN0" if element.tag == "LN0" else "")
    if not ln_class:
        element.error("has no lnClass", 'write lnClass="..."')
        return None
    shared = element.reader.shared
    found = element.of(_Instances)
    values = [each for within in found for each in within.members]
    references = [each for inputs in element.of(Inputs) for each in inputs.members]
    return LogicalNode(
        prefix=element.get("prefix"),
        ln_class=ln_class,
        inst="" if element.tag == "LN0" else element.get("inst"),
        type=element.required("lnType"),
        description=element.get("desc"),
        data_sets=element.of(blocks.DataSet),
        reports=element.of(blocks.ReportControl),
        gooses=element.of(blocks.GSEControl),
        sampled_values=element.of(blocks.SampledValueControl),
        logs=element.of(blocks.LogControl),
        setting_control=element.first(blocks.SettingControl),
        inputs=tuple(each.ext_ref for each in references),
        input_lines=tuple(each.line for each in references),
        values=shared(tuple(each.value for each in values)),
        value_lines=tuple(each.line for each in values),
        descriptions=shared(tuple(within.description for within in found if within.description)),
        line=element.line,
    )


def logical_device(element: Element) -> LogicalDevice | None:
    """An LDevice."""
    inst = element.required("inst")
    if not inst:
        return None
    ied = element.above("IED")
    name = element.get("ldName") or element.reader.shared(f"{ied.attributes.get('name', '') if ied else ''}{inst}")
    if len(name) > 2 * LONGEST_NAME:
        element.error("the name is too long", "the standard allows 64 characters", value=name)
        return None
    nodes = element.of(LogicalNode)
    return LogicalDevice(
        inst=inst,
        name=name,
        description=element.get("desc"),
        nodes=tuple(sorted(nodes, key=lambda node: node.ln_class != "LLN0")),
        line=element.line,
    )


def authentication(element: Element) -> _Authentication:
    """An Authentication."""
    kinds = (kind for kind in _AUTHENTICATIONS if element.boolean(kind, default=kind == "none"))
    return _Authentication(frozenset(kinds))


def server(element: Element) -> _Server:
    """A Server."""
    given = element.first(_Authentication)
    return _Server(element.of(LogicalDevice), given.kinds if given else frozenset({"none"}))


def server_at(element: Element) -> _ServerAt:
    """A ServerAt."""
    return _ServerAt(element.required("apName"))


def access_point(element: Element) -> AccessPoint | None:
    """An AccessPoint."""
    name = element.required("name")
    if not name:
        return None
    own, other = element.first(_Server), element.first(_ServerAt)
    return AccessPoint(
        name=name,
        description=element.get("desc"),
        has_server=own is not None,
        server_at=other.access_point if other else "",
        devices=own.devices if own else (),
        client_nodes=element.of(LogicalNode),
        authentication=own.authentication if own else frozenset(),
        line=element.line,
    )


def service(element: Element) -> Service:
    """Any child of Services."""
    attributes = tuple(sorted((key, value) for key, value in element.attributes.items() if "}" not in key and ":" not in key))
    return element.reader.shared(Service(name=element.tag, attributes=attributes))


def services(element: Element) -> _Services:
    """The Services; its own attributes are those of a service by that name."""
    return element.reader.shared(_Services((service(element), *element.of(Service))))


def ied(element: Element) -> Ied | None:
    """An IED."""
    name = element.required("name")
    if not name:
        return None
    found = element.first(_Services)
    edition = "".join(element.get(key) for key in ("originalSclVersion", "originalSclRevision", "originalSclRelease"))
    return Ied(
        name=name,
        description=element.get("desc"),
        type=element.get("type"),
        manufacturer=element.get("manufacturer"),
        config_version=element.get("configVersion"),
        edition=edition,
        access_points=element.of(AccessPoint),
        services=found.members if found else (),
        line=element.line,
    )


def _path(element: Element) -> str | None:
    """From the data object to here, with dots, as it is below the logical node; array elements as `phsAHar(3)`."""
    names = []
    place: Element | None = element
    while place is not None and place.tag in {"DAI", "SDI", "DOI"}:
        name, index = place.attributes.get("name", ""), place.attributes.get("ix")
        names.append(f"{name}({index})" if index else name)
        place = place.parent
    if sum(map(len, names)) > LONGEST_NAME:
        return None
    return element.reader.shared(".".join(reversed(names)))
