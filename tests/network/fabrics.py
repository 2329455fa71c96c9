"""Random trees of bridges for comparisons with real ones."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.network.ovs import OPENVSWITCH, OPENVSWITCH_NATIVE_TAGGED
from tieline.network.segmentation.fabric import Fabric, FabricPort, PortKind, Stack, fabric

VLANS = (10, 20, 30)


def random_fabric(seed: int, *, tunnels: bool = True) -> Fabric:
    """Two to five bridges in a tree, all kinds of ports at links and at the edge, VLANs that do not always fit."""
    chance = random.Random(seed)
    count = chance.randint(2, 5)
    ports: list[FabricPort] = []
    links = []

    def add(bridge: int, *, is_link: bool) -> str:
        name = f"t{seed}b{bridge}p{sum(port.bridge == f't{seed}b{bridge}' for port in ports)}"
        ports.append(_random_port(chance, name, f"t{seed}b{bridge}", is_link=is_link, tunnels=tunnels))
        return name

    for bridge in range(count):
        if bridge:
            a = add(chance.randrange(bridge), is_link=True)
            b = add(bridge, is_link=True)
            links.append((a, b))
            if chance.random() < 0.6:  # mostly both ends are meant alike
                first, second = ports[-2], ports[-1]
                ports[-1] = replace(second, kind=first.kind, vlan=first.vlan, allowed=first.allowed, behavior=first.behavior)
    for bridge in range(count):
        for _ in range(chance.randint(1, 3)):
            add(bridge, is_link=False)
    return fabric(ports, links)


def _random_port(chance: random.Random, name: str, bridge: str, *, is_link: bool, tunnels: bool) -> FabricPort:
    trunk = chance.random() < (0.85 if is_link else 0.25)
    vlan = chance.choice(VLANS)
    if not trunk:
        kind = PortKind.TUNNEL if tunnels and chance.random() < 0.25 else PortKind.ACCESS
        return FabricPort(name=name, bridge=bridge, kind=kind, vlan=vlan, behavior=OPENVSWITCH)
    allowed = frozenset(chance.sample(VLANS, chance.randint(1, 3)))
    if chance.random() < 0.35:
        return FabricPort(name=name, bridge=bridge, kind=PortKind.TRUNK, allowed=allowed, behavior=OPENVSWITCH)
    behavior = OPENVSWITCH if chance.random() < 0.75 else OPENVSWITCH_NATIVE_TAGGED
    return FabricPort(name=name, bridge=bridge, kind=PortKind.TRUNK, vlan=vlan, allowed=allowed | {vlan}, behavior=behavior)


def frames() -> list[Stack]:
    """Without a tag, with one, with two, VLAN 0 among them."""
    outer = (0, *VLANS)
    return [(), *((tag,) for tag in outer), *((tag, inner) for tag in outer for inner in VLANS)]
