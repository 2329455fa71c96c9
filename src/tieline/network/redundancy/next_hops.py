"""Whom a node sends packets to that are for another subnet: its gateway, or what its static routes say."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.config.network import Address, Network, Node, NodeAddress, Route, Subnet


@dataclass(frozen=True, slots=True)
class NextHop:
    """A router in one of the node's subnets."""

    own: NodeAddress
    """The node's address in that subnet."""
    router: str
    address: NodeAddress
    """The router's."""


class NextHops:
    """Those of a network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._routes: dict[str, list[Route]] = {}
        for route in network.routes:
            self._routes.setdefault(route.node, []).append(route)
        self._routers: dict[Subnet, list[Address]] = {}
        for node in network.nodes:
            for each in node.addresses if node.is_router else ():
                self._routers.setdefault(each.network, []).append(each.address)

    def of(self, node: Node, target: Node) -> tuple[NextHop, ...] | None:
        """Where it sends what is for a target in none of its subnets. None where that may be anywhere.

        That is so for a router without static routes, which runs a routing protocol, and for a device whose gateway nobody describes and
        that has several routers to choose from.
        """
        if node.is_router:
            routes = self._routes.get(node.name)
            return None if routes is None else self._over(node, _longest(routes, target))
        vlans = (self._network.vlan_by_id.get(each.vlan) for each in node.addresses if each.vlan is not None)
        gateways = [vlan.gateway for vlan in vlans if vlan is not None and vlan.gateway is not None]
        if not gateways:
            gateways = [address for each in node.addresses for address in self._routers.get(each.network, ())]
            if len(gateways) != 1:
                return None
        return self._over(node, gateways)

    def along(self, source: Node, target: Node) -> tuple[NextHop, ...]:
        """One after the other, as far as each has one choice and is in no subnet of the target."""
        found: list[NextHop] = []
        subnets = {each.network for each in target.addresses}
        node, seen = source, {source.name}
        while subnets.isdisjoint(each.network for each in node.addresses):
            hops = self.of(node, target)
            if hops is None or len(hops) != 1 or hops[0].router in seen:
                break
            found.append(hops[0])
            node = self._network.by_name[hops[0].router]
            seen.add(node.name)
        return tuple(found)

    def _over(self, node: Node, vias: list[Address]) -> tuple[NextHop, ...]:
        found = []
        for via in dict.fromkeys(vias):
            owner = self._network.owner_of.get(via)
            own = next((each for each in node.addresses if via in each.network), None)
            if owner is not None and own is not None and owner.is_router and owner.name != node.name:
                found.append(NextHop(own, owner.name, next(each for each in owner.addresses if each.address == via)))
        return tuple(found)


def _longest(routes: list[Route], target: Node) -> list[Address]:
    """By the longest prefix; several where routes are alike, or the target has several addresses."""
    vias: list[Address] = []
    for each in target.addresses:
        fitting = [route for route in routes if each.address.version == route.target.version and each.address in route.target]
        longest = max((route.target.prefixlen for route in fitting), default=0)
        vias += [route.via for route in fitting if route.target.prefixlen == longest]
    return vias
