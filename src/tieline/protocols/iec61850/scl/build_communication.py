"""Builders of the communication section."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from tieline.protocols.iec61850.scl.communication import Address, ConnectedAP, MulticastAddress, SubNetwork
from tieline.protocols.iec61850.scl.element import Element
from tieline.protocols.iec61850.scl.quantities import Quantity, scaled

_MAC = re.compile(r"^[0-9A-Fa-f]{2}([-:. ]?[0-9A-Fa-f]{2}){5}$")
_LONGEST_SELECTOR = 32


@dataclass(frozen=True, slots=True)
class Communication:
    """The Communication element."""

    sub_networks: tuple[SubNetwork, ...]


@dataclass(frozen=True, slots=True)
class _Parameters:
    """The `P` elements of an address."""

    items: tuple[tuple[str, str], ...]
    element: Element

    def get(self, name: str) -> str:
        """The value of a type, "" where there is none."""
        return next((value for key, value in self.items if key == name), "")


@dataclass(frozen=True, slots=True)
class _Parameter:
    type: str
    value: str


def quantity(element: Element) -> Quantity | None:
    """A number with a multiplier: Voltage, BitRate, MinTime, MaxTime."""
    number = element.as_number(element.text.strip() or "none", element.tag)
    multiplier = element.get("multiplier")
    value = None if number is None else scaled(number, multiplier)
    if number is not None and value is None:
        element.error("there is no such multiplier", "write for example k or M", value=multiplier)
    return None if value is None else Quantity(element.tag, value)


def parameter(element: Element) -> _Parameter | None:
    """A P."""
    kind = element.required("type")
    return _Parameter(kind, element.reader.shared(element.text.strip())) if kind else None


def parameters(element: Element) -> _Parameters:
    """An Address."""
    items = tuple((each.type, each.value) for each in element.of(_Parameter))
    kinds = [kind for kind, _ in items]
    for kind in sorted({kind for kind in kinds if kinds.count(kind) > 1} if len(kinds) < 100 else set()):
        element.error("the same parameter is given twice", "keep one; the first is used", value=kind)
    return _Parameters(items, element)


def multicast(element: Element) -> MulticastAddress | None:
    """A GSE or SMV."""
    control_block = element.required("cbName")
    given = element.first(_Parameters)
    if not control_block:
        return None
    times = {each.tag: each.value * 1000 for each in element.of(Quantity)}
    if given is None:
        element.error("has no address", "give it a MAC-Address and an APPID")
        given = _Parameters((), element)
    where = given.element
    app_id, vlan, priority = given.get("APPID"), given.get("VLAN-ID"), given.get("VLAN-PRIORITY")
    address = MulticastAddress(
        ld_inst=element.get("ldInst"),
        control_block=control_block,
        mac=_mac(given),
        app_id=_number(where, app_id, "APPID", 0xFFFF, base=16),
        vlan_id=_number(where, vlan, "VLAN-ID", 0xFFF, base=16),
        vlan_priority=_number(where, priority, "VLAN-PRIORITY", 7),
        ip=_ip(given, "IP", "a host or group address"),
        min_time_ms=times.get("MinTime"),
        max_time_ms=times.get("MaxTime"),
        is_sampled=element.tag == "SMV",
        line=element.line,
    )
    if not address.mac and not address.ip and given.items:
        element.error("has no MAC-Address", "write for example 01-0C-CD-01-00-01")
    return address


def connected_ap(element: Element) -> ConnectedAP | None:
    """A ConnectedAP."""
    ied, access_point = element.required("iedName"), element.required("apName")
    if not ied or not access_point:
        return None
    given = element.first(_Parameters)
    return ConnectedAP(
        ied=ied,
        access_point=access_point,
        address=_address(given) if given else Address(),
        multicasts=element.of(MulticastAddress),
        line=element.line,
    )


def sub_network(element: Element) -> SubNetwork:
    """A SubNetwork."""
    rate = element.first(Quantity)
    return SubNetwork(
        name=element.required("name"),
        type=element.get("type"),
        description=element.get("desc"),
        bit_rate_mbps=rate.value / 1e6 if rate else None,
        access_points=element.of(ConnectedAP),
        line=element.line,
    )


def communication(element: Element) -> Communication:
    """The Communication."""
    return Communication(element.of(SubNetwork))


def _address(given: _Parameters) -> Address:
    where = given.element
    return Address(
        ip=_ip(given, "IP", "an IP address"),
        mask=_mask(given),
        gateway=_ip(given, "IP-GATEWAY", "an IP address"),
        port=_number(where, given.get("MMS-Port"), "MMS-Port", 65535),
        psel=_selector(given, "OSI-PSEL"),
        ssel=_selector(given, "OSI-SSEL"),
        tsel=_selector(given, "OSI-TSEL"),
        ap_title=given.get("OSI-AP-Title"),
        ae_qualifier=_number(where, given.get("OSI-AE-Qualifier"), "OSI-AE-Qualifier", 2**31 - 1),
        parameters=given.items,
    )


def _number(element: Element, text: str, name: str, highest: int, base: int = 10) -> int | None:
    if not text:
        return None
    number = element.as_integer(text, name, -1, 0, highest, base)
    return None if number < 0 else number


def _mac(given: _Parameters) -> str:
    text = given.get("MAC-Address")
    if not text:
        return ""
    if not _MAC.match(text):
        given.element.error("is no MAC address", "write for example 01-0C-CD-01-00-01", value=text)
        return ""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    if not int(digits[:2], 16) & 1:
        given.element.error(
            "is no multicast address", "GOOSE uses 01-0C-CD-01-xx-xx, sampled values 01-0C-CD-04-xx-xx", value=text
        )
    return "-".join(digits[at : at + 2] for at in range(0, 12, 2))


def _ip(given: _Parameters, name: str, what: str) -> str:
    text = given.get(name)
    if not text:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        given.element.error(f"{name} is not {what}", "write for example 10.20.1.11", value=text)
        return ""


def _mask(given: _Parameters) -> str:
    text = given.get("IP-SUBNET")
    if not text:
        return ""
    try:
        ipaddress.ip_network(f"0.0.0.0/{text}", strict=True)
    except ValueError:
        given.element.error("IP-SUBNET is no mask", "write for example 255.255.255.0", value=text)
        return ""
    return text


def _selector(given: _Parameters, name: str) -> bytes:
    text = given.get(name)
    try:
        octets = bytes.fromhex(text) if len(text) <= _LONGEST_SELECTOR else None
    except ValueError:
        octets = None
    if octets is None:
        given.element.error(f"{name} is not a selector of hexadecimal octets", "write for example 0001", value=text)
        return b""
    return octets
