"""Which certificates belong to a zone: the roles of its sites, of the DMZ, of the center, of those who read from an enterprise zone."""

from __future__ import annotations

from collections.abc import Iterable

from tieline.model import subjects


def roles_of_zone(kind: str, name: str, sites: Iterable[str]) -> tuple[str, ...]:
    """The names in the certificates of the roles that run in a zone of this kind."""
    match kind:
        case "substation" | "plant":
            return tuple(role for site in sites for role in (subjects.edge_role(site), subjects.local_role(site)))
        case "dmz":
            return (subjects.DMZ_ROLE,)
        case "control_center":
            return subjects.CENTER_ROLES
        case "enterprise":
            return (subjects.it_role(name),)
        case _:
            return ()
