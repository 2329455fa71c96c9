"""`[[people]]` of `utility.toml`: who has which role, and where; and that nobody oversees their own work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from tieline.config.fields import Name, Role, Strict
from tieline.config.reading import Source

_PLANT: frozenset[str] = frozenset({"operator", "engineer", "installer"})
EXCLUSIVE: tuple[tuple[frozenset[str], frozenset[str], str], ...] = (
    (frozenset({"security_administrator"}), frozenset({"security_auditor"}), "who manages accounts would audit the own work"),
    (frozenset({"security_auditor"}), _PLANT, "who changes the plant would audit the own work"),
    (frozenset({"rbac_administrator"}), _PLANT, "who looks after the rights would oversee the own ones"),
)
"""Roles of which nobody has one of either side without a reason, and what would be wrong with it (IEC 62443-2-1, separation of duties)."""


class PersonSection(Strict):
    """Somebody with a role (IEC 62351-8)."""

    name: Name
    roles: list[Role] = Field(default_factory=list)
    areas: list[Name] = Field(default_factory=list, description="sites in which the roles hold; all where left out")
    responsibility: Literal["", "OT", "IT", "vendor"] = Field(
        default="", description="to whom the person belongs: those who run the plant, those who run the systems, or neither"
    )
    only_remote_access: bool = Field(
        default=False, description="whether the account is for remote access only: it sees no values, alarms or history"
    )
    combines_duties: str = Field(
        default="", max_length=200, description="why roles that should be apart are in one hand; without a reason they may not be"
    )


def check_people(source: Source, sites: Sequence[str]) -> None:
    """The areas of people are sites that there are, and duties are separate where nobody says why they are not."""
    people = source.document.get("people")
    for index, person in enumerate(people if isinstance(people, list) else []):
        if isinstance(person, dict):
            _check_areas(source, index, person, sites)
            _check_duties(source, index, person)


def _check_areas(source: Source, index: int, person: dict[str, Any], sites: Sequence[str]) -> None:
    areas = person.get("areas")
    for area in areas if isinstance(areas, list) else []:
        if isinstance(area, str) and area not in sites:
            source.report_key(
                ("people", index, "areas"),
                "there is no such site",
                f"write one of {', '.join(sites) or 'none: no site'}",
                value=area,
            )


def _check_duties(source: Source, index: int, person: dict[str, Any]) -> None:
    roles = person.get("roles")
    held = {role for role in roles if isinstance(role, str)} if isinstance(roles, list) else set()
    if person.get("combines_duties"):
        return
    for one, other, why in EXCLUSIVE:
        if (first := sorted(held & one)) and (second := sorted(held & other)):
            source.report_key(
                ("people", index, "roles"),
                f"one person is {first[0]} and {second[0]}: {why}",
                "give one of the roles to somebody else, or write combines_duties with the reason",
                value=person.get("name"),
            )
