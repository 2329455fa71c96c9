"""Configurations read back: which VLANs pass each port, and which has no tag there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tieline.config.network import Port, parse_vlans


@dataclass
class Reading:
    """What a configuration says of a port."""

    members: set[int] = field(default_factory=set)
    untagged_out: set[int] = field(default_factory=set)
    untagged_in: int | None = None


def described(port: Port, *, is_native_tagged: bool = False) -> Reading:
    """The same of the description."""
    native = {port.native} & port.allowed
    return Reading(
        members=set(port.allowed),
        untagged_out=set() if is_native_tagged else {vlan for vlan in native if vlan is not None},
        untagged_in=port.native if native else None,
    )


def read_bridge_commands(script: str) -> dict[str, Reading]:
    """Of `ip link set dev X master br0` and `bridge vlan add dev X vid N [pvid] [untagged]`; the bridge has no default VLAN."""
    assert "vlan_filtering 1 vlan_default_pvid 0" in script
    found: dict[str, Reading] = {}
    for line in script.splitlines():
        words = line.split()
        if words[:4] == ["ip", "link", "set", "dev"] and words[5:] == ["master", "br0"]:
            found[words[4]] = Reading()
        elif words[:3] == ["bridge", "vlan", "add"] and "self" not in words:
            assert words[3:6:2] == ["dev", "vid"]
            reading, vlan = found[words[4]], int(words[6])
            reading.members.add(vlan)
            if "untagged" in words:
                reading.untagged_out.add(vlan)
            if "pvid" in words:
                reading.untagged_in = vlan
    return found


def read_bridge_json(document: list[dict[str, object]]) -> dict[str, Reading]:
    """Of `bridge -j vlan show`."""
    found: dict[str, Reading] = {}
    for entry in document:
        vlans = entry["vlans"]
        assert isinstance(vlans, list)
        reading = found[str(entry["ifname"])] = Reading()
        for each in vlans:
            flags = each.get("flags", [])
            reading.members.add(each["vlan"])
            if "Egress Untagged" in flags:
                reading.untagged_out.add(each["vlan"])
            if "PVID" in flags:
                reading.untagged_in = each["vlan"]
    return found


def interfaces(configuration: str) -> Iterator[tuple[str, list[str]]]:
    """The blocks of a command line like IOS: the interface and its lines."""
    for block in configuration.split("\n!\n"):
        first, *rest = block.splitlines()
        if first.startswith("interface "):
            yield first.removeprefix("interface "), [line.strip() for line in rest]


def read_switchports(configuration: str) -> dict[str, Reading]:
    """Of `switchport ...` on ports that are not shut down, by the number behind the last slash."""
    found: dict[str, Reading] = {}
    for name, lines in interfaces(configuration):
        if "shutdown" in lines or not any(line.startswith("switchport mode") for line in lines):
            continue
        reading = found[re.split(r"[/ ]", name)[-1]] = Reading()
        said = dict(line.rsplit(" ", 1) for line in lines if line.startswith("switchport ") and " " in line)
        mode = said["switchport mode"]
        if mode == "access":
            vlan = int(said["switchport access vlan"])
            reading.members = reading.untagged_out = {vlan}
            reading.untagged_in = vlan
            continue
        native = int(said[f"switchport {mode} native vlan"])
        reading.members = set(parse_vlans(said[f"switchport {mode} allowed vlan"], frozenset()))
        if native in reading.members:
            reading.untagged_in, reading.untagged_out = native, {native}
    return found
