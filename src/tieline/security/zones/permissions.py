"""Who may say and hear what at each server of the bus: the routes of the flows, gathered by role."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tieline.model import subjects
from tieline.security.zones.flows import FLOWS, End, Flow, Place, routes_of
from tieline.security.zones.plan import Plan
from tieline.security.zones.subject_sets import without_covered

_SITE = "{site}"

PLANT_ACCOUNT = "OT"
"""The account of the plant at every server."""


def account_of(zone: str) -> str:
    """The account of an enterprise zone in the DMZ."""
    return f"IT-{zone}"


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects in the order of the flows; what is not among them is refused."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


@dataclass(slots=True)
class _Gathered:
    publish: dict[str, None] = field(default_factory=dict)
    subscribe: dict[str, None] = field(default_factory=dict)

    def to_permissions(self) -> Permissions:
        return Permissions(without_covered(self.publish), without_covered(self.subscribe))


def at_site(plan: Plan, site: str) -> dict[str, Permissions]:
    """Of the roles that are clients of a site's server."""
    gathered = {role: _Gathered() for role in (subjects.edge_role(site), subjects.local_role(site))}
    for route in routes_of(plan, [site]):
        for end, said in ((route.speaker, True), (route.hearer, False)):
            if end.place is Place.SITE and not end.is_server:
                _gather(gathered[end.role], route.subjects, said=said)
    return _named(gathered)


def at_center(plan: Plan) -> dict[str, Permissions]:
    """Of the roles that are clients of the center's servers, which speak of all sites: `*` where a site is a word of its own."""
    gathered = {role: _Gathered() for role in subjects.CENTER_ROLES}
    for flow, sites, ends in _flows_at_center(plan):
        named = list(_for_sites(flow.subjects, sites))
        for end, said in ends:
            _gather(gathered[end.role], named, said=said)
    return _named(gathered)


def at_dmz(plan: Plan) -> dict[str, Permissions]:
    """Of the clients of the DMZ's server: its own role, and those who read in enterprise zones."""
    readers = [subjects.it_role(zone) for zone, _ in plan.readers]
    gathered = {role: _Gathered() for role in (subjects.DMZ_ROLE, *readers)}
    for route in routes_of(plan):
        for end, said in ((route.speaker, True), (route.hearer, False)):
            if end.place is Place.DMZ:
                _gather(gathered[end.role], route.subjects, said=said)
    return _named(gathered)


def of_leaves(plan: Plan) -> dict[str, Permissions]:
    """Of the servers that dial the DMZ, under the names in their certificates: each site's, and the center's.

    What such a server may publish is what may come from behind it, and what it may subscribe to is what may go there.
    """
    gathered: dict[str, _Gathered] = {}
    for zone in plan.zones:
        if plan.bus_conduit(zone.name) is not None:
            gathered |= {subjects.edge_role(site): _Gathered() for site in zone.sites}
            if zone.kind == "control_center":
                gathered[subjects.CENTER_ROLE] = _Gathered()
    for route in routes_of(plan):
        if route.crossings:
            for end, said in ((route.speaker, True), (route.hearer, False)):
                leaf = _leaf(end, route.site)
                if leaf is not None:
                    _gather(gathered[leaf], route.subjects, said=said)
    return _named(gathered)


def staying(plan: Plan, site: str = "") -> tuple[str, ...]:
    """Whole families of subjects of which nothing crosses between a site's server, or the center's, and the DMZ, in either direction.

    That server denies them itself, whatever the DMZ would let through. A family that crosses in one direction is not denied in the other:
    nats-server applies what is denied in one direction to both, as soon as anybody behind the DMZ subscribes to a wildcard of it.
    """
    place = Place.SITE if site else Place.CENTER
    known = [family for flow in FLOWS if place in flow.places for family in _families(flow.subjects, site)]
    crossing = {
        family
        for route in routes_of(plan, [site] if site else None)
        if route.crossings and place in {route.speaker.place, route.hearer.place}
        for family in _families(route.flow.subjects, site)
    }
    return without_covered(family for family in known if family not in crossing)


def exported(plan: Plan) -> dict[str, tuple[str, ...]]:
    """What each enterprise zone gets from the account of the plant, by the name of the zone."""
    clients = at_dmz(plan)
    return {zone: clients[subjects.it_role(zone)].subscribe for zone, _ in plan.readers}


def _families(named: Iterable[str], site: str) -> list[str]:
    """What subjects are some of: `site.>`, `$JS.API.>`, all in one role's inbox; for the center those that are of no one site."""
    found = []
    for subject in named:
        words = subject.replace(_SITE, site).split(".") if site else subject.split(".")
        head = words[: 2 if words[0] in {"$JS", "$JSC", "_INBOX"} else 1]
        if not any(_SITE in word for word in head):
            found.append(".".join([*head, ">"]))
    return found


def _leaf(end: End, site: str) -> str | None:
    match end.place:
        case Place.SITE:
            return subjects.edge_role(site)
        case Place.CENTER:
            return subjects.CENTER_ROLE
        case Place.DMZ:
            return None


def _flows_at_center(plan: Plan) -> Iterator[tuple[Flow, list[str], list[tuple[End, bool]]]]:
    """Each flow with an end at the center that some route needs, for which sites, and who says or hears it there."""
    found: defaultdict[str, tuple[dict[str, None], dict[tuple[End, bool], None]]] = defaultdict(lambda: ({}, {}))
    for route in routes_of(plan):
        sites, ends = found[route.flow.name]
        for end, said in ((route.speaker, True), (route.hearer, False)):
            if end.place is Place.CENTER and not end.is_server:
                sites[route.site] = None
                ends[end, said] = None
    for flow in FLOWS:
        if flow.name in found and found[flow.name][1]:
            sites, ends = found[flow.name]
            yield flow, list(sites), list(ends)


def _for_sites(named: Iterable[str], sites: Iterable[str]) -> Iterator[str]:
    for subject in named:
        if _SITE in subject.split("."):
            yield subject.replace(_SITE, "*")
        elif _SITE in subject:
            yield from (subject.replace(_SITE, site) for site in sites)
        else:
            yield subject


def _gather(gathered: _Gathered, named: Iterable[str], *, said: bool) -> None:
    (gathered.publish if said else gathered.subscribe).update(dict.fromkeys(named))


def _named(gathered: dict[str, _Gathered]) -> dict[str, Permissions]:
    return {role: each.to_permissions() for role, each in gathered.items()}
