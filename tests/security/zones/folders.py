"""Made-up utilities without a mistake: any number of sites, zones with one site or several, hosts or none, remote access or none."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieline.bus.configuration import for_center, for_dmz, for_site, in_cluster
from tieline.config import ConduitSection, DmzSection, HostSection, RetentionSection, Site, Utility, ZoneSection
from tieline.config.site import ReportingSection
from tieline.config.utility import CenterSection
from tieline.model import subjects
from tieline.security.identity import Credentials
from tieline.security.zones import Plan, plan_of

_WORDS = ("north", "mill", "sun", "lake", "ridge", "moor", "castle", "east", "upper", "stone")
_PLACES = ("gate", "brook", "field", "side", "ton", "ford", "well", "hill")


def seeded_utility(seed: int, sites: int | None = None) -> Utility:
    """A clean utility; the same for the same seed, with 1 to 40 sites unless it is said."""
    rng = random.Random(seed)
    names = _names(rng, sites or rng.randint(1, 40))
    zones: list[ZoneSection] = []
    while names:
        taken, names = names[: (count := rng.choice((1, 1, 1, 2, 5)))], names[count:]
        zones.append(_zone(rng, f"z{len(zones)}-{taken[0]}", rng.choice(("substation", "plant")), len(zones), taken))
    zones.append(_zone(rng, "dmz", "dmz", len(zones)))
    zones.append(_zone(rng, "center", "control_center", len(zones)))
    readers = [_zone(rng, f"office-{number}", "enterprise", 200 + number) for number in range(rng.randint(0, 2))]
    conduits = [
        ConduitSection(
            source=zone.name,
            target="dmz",
            reason="telemetry",
            owner="operations",
            direction=rng.choice(("both", "both", "both", "to_target")) if zone.sites else "both",
        )
        for zone in zones
        if zone.kind != "dmz"
    ]
    conduits += [
        ConduitSection(source=zone.name, target="dmz", direction="to_source", reason="analysis", owner="data office")
        for zone in readers
    ]
    return Utility(
        folder=Path(),
        name=f"Utility {seed}",
        dmz=DmzSection(host="dmz.example", remote_port=7443 if rng.random() < 0.5 else None),
        center=CenterSection(),
        retention=RetentionSection(),
        zones=tuple(zones + readers),
        hosts=tuple(
            HostSection(name=f"{zone.name}-1", zone=zone.name, addresses=[zone.subnets[0].replace(".0/24", ".2")])
            for zone in zones
            if rng.random() < 0.7
        ),
        conduits=tuple(conduits),
        people=(),
        sites=tuple(_site(name) for zone in zones for name in zone.sites),
    )


def seeded_plan(seed: int, sites: int | None = None) -> Plan:
    """The plan of that utility."""
    return plan_of(seeded_utility(seed, sites))


def credentials_of(role: str) -> Credentials:
    """Where a role's certificate would be."""
    return Credentials(
        name=role, certificate=Path(f"/pki/{role}.crt"), key=Path(f"/pki/{role}.key"), authority=Path("/pki/authority.crt")
    )


def rendered(plan: Plan, *, servers: int = 1) -> dict[str, dict[str, Any]]:
    """The configurations of all its servers; the center has one, or a cluster of three."""
    address = f"{plan.meeting_point}:7422"
    made = {"dmz": for_dmz(plan, credentials_of(subjects.DMZ_ROLE), "10.40.0.2", 7422, enterprise_port=7423)}
    center = credentials_of(subjects.CENTER_ROLE)
    if servers == 1:
        made["center"] = for_center(plan, center, Path("/var/center"), address)
    else:
        for number in range(1, servers + 1):
            others = [7000 + other for other in range(1, servers + 1) if other != number]
            name = f"center-{number}"
            configuration = for_center(plan, center, Path("/var/center"), address)
            made[name] = in_cluster(configuration, name, center, port=7000 + number, others=others, secret="secret")
    for site in plan.sites:
        role = subjects.edge_role(site)
        made[role] = for_site(plan, site, credentials_of(role), Path("/var/site"), address)
    return made


def user_of(configuration: Mapping[str, Any], role: str, account: str = "OT") -> dict[str, Any]:
    """One of a server's users, as it stands there."""
    users: list[dict[str, Any]] = configuration["accounts"][account]["users"]
    return next(user for user in users if user["user"] == f"CN={role}")


def _names(rng: random.Random, count: int) -> list[str]:
    all_names = [f"{word}{place}" for word in _WORDS for place in _PLACES]
    rng.shuffle(all_names)
    return [all_names[number % len(all_names)] + (f"-{number}" if number >= len(all_names) else "") for number in range(count)]


def _zone(rng: random.Random, name: str, kind: Any, number: int, sites: list[str] | None = None) -> ZoneSection:
    return ZoneSection(
        name=name,
        kind=kind,
        sites=sites or [],
        security_level=rng.randint(1, 4),
        subnets=[f"10.{number // 256}.{number % 256}.0/24"],
        vlans=[100 + number],
    )


def _site(name: str) -> Site:
    return Site(name=name, title=name, kind="substation", latitude=None, longitude=None, reporting=ReportingSection(), devices=())
