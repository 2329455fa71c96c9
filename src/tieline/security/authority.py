"""Who may do what: the rights that Tieline knows, the roles that carry them, and whose responsibility they are.

The roles are those of IEC 62351-8; each right names the permissions of that standard which it stands for. Everything that decides asks
this table, and `[[control.rules]]` of the utility folder for operating. Who has which role, and where, is in `[[people]]` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, get_args

from tieline.config import Utility
from tieline.config.control import Rule
from tieline.config.fields import Role
from tieline.config.people import PersonSection
from tieline.model import Point

Domain = Literal["OT", "IT"]
"""Whose responsibility: of those who run the plant, or of those who run the systems that it is run with."""


class Right(StrEnum):
    """Something that not everybody may do."""

    VIEW = "view"
    ACKNOWLEDGE = "acknowledge"
    SHELVE = "shelve"
    TAKE_OUT = "take_out"
    OPERATE = "operate"
    TAG = "tag"
    CLEAR_TAGS = "clear_tags"
    ABANDON_PROGRAMS = "abandon_programs"
    READ_RECORDS = "read_records"
    REVIEW_ACCOUNTS = "review_accounts"
    MANAGE_ACCOUNTS = "manage_accounts"
    REVIEW_RIGHTS = "review_rights"
    ASK_REMOTE = "ask_remote"
    APPROVE_REMOTE = "approve_remote"
    CUT_REMOTE = "cut_remote"
    REVIEW_REMOTE = "review_remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class RightEntry:
    """What is known of a right."""

    words: str
    """What its holder may do."""
    domain: Domain
    permissions: tuple[str, ...]
    """Of IEC 62351-8."""
    roles: frozenset[Role]
    """Any of them carries it; of operating, what the folder's rules may name."""
    is_everywhere: bool = False
    """Whether the role has to hold in every area: what it opens is not of one site."""


EVERY_ROLE: frozenset[Role] = frozenset(get_args(Role))

RIGHTS: Mapping[Right, RightEntry] = {
    Right.VIEW: RightEntry(
        words="see live values, alarms, events and history",
        domain="OT",
        permissions=("VIEW", "READ", "REPORTING"),
        roles=EVERY_ROLE,
    ),
    Right.ACKNOWLEDGE: RightEntry(
        words="acknowledge and reset alarms", domain="OT", permissions=("CONTROL",), roles=frozenset({"operator"})
    ),
    Right.SHELVE: RightEntry(
        words="shelve alarms for a time", domain="OT", permissions=("CONTROL",), roles=frozenset({"operator"})
    ),
    Right.TAKE_OUT: RightEntry(
        words="take alarms out of service", domain="OT", permissions=("CONFIG",), roles=frozenset({"engineer"})
    ),
    Right.OPERATE: RightEntry(
        words="operate equipment and approve what others operate, as the rules of the folder say",
        domain="OT",
        permissions=("CONTROL", "SETTINGGROUP"),
        roles=frozenset({"operator", "engineer", "installer"}),
    ),
    Right.TAG: RightEntry(
        words="hang tags on equipment that one may operate, and take the own ones off",
        domain="OT",
        permissions=("CONTROL",),
        roles=frozenset({"operator", "engineer", "installer"}),
    ),
    Right.CLEAR_TAGS: RightEntry(
        words="hang tags on any equipment, and take off those of others",
        domain="OT",
        permissions=("CONTROL", "CONFIG"),
        roles=frozenset({"engineer"}),
    ),
    Right.ABANDON_PROGRAMS: RightEntry(
        words="abandon what others left of switching programs",
        domain="OT",
        permissions=("CONTROL",),
        roles=frozenset({"engineer"}),
    ),
    Right.READ_RECORDS: RightEntry(
        words="read the audit and the logs of the system",
        domain="IT",
        permissions=("FILEREAD", "SECURITY"),
        roles=frozenset({"engineer", "security_administrator", "security_auditor"}),
        is_everywhere=True,
    ),
    Right.REVIEW_ACCOUNTS: RightEntry(
        words="see everybody's account",
        domain="IT",
        permissions=("SECURITY",),
        roles=frozenset({"security_administrator", "security_auditor", "rbac_administrator"}),
    ),
    Right.MANAGE_ACCOUNTS: RightEntry(
        words="create, reset, lock and remove others' accounts",
        domain="IT",
        permissions=("SECURITY",),
        roles=frozenset({"security_administrator"}),
    ),
    Right.REVIEW_RIGHTS: RightEntry(
        words="see who may do what",
        domain="IT",
        permissions=("RBACMNT",),
        roles=frozenset({"security_administrator", "security_auditor", "rbac_administrator"}),
    ),
    Right.ASK_REMOTE: RightEntry(
        words="ask for remote access to a device, and use what another person has approved",
        domain="OT",
        permissions=("CONFIG", "SETTINGGROUP", "FILEMNGT"),
        roles=frozenset({"engineer", "installer"}),
    ),
    Right.APPROVE_REMOTE: RightEntry(
        words="approve the remote access of others",
        domain="OT",
        permissions=("CONTROL", "SECURITY"),
        roles=frozenset({"operator", "security_administrator"}),
    ),
    Right.CUT_REMOTE: RightEntry(
        words="cut remote access",
        domain="OT",
        permissions=("CONTROL", "SECURITY"),
        roles=frozenset({"operator", "engineer", "security_administrator"}),
    ),
    Right.REVIEW_REMOTE: RightEntry(
        words="see all remote access, and read the recordings of its sessions",
        domain="IT",
        permissions=("FILEREAD", "SECURITY"),
        roles=frozenset({"security_administrator", "security_auditor"}),
        is_everywhere=True,
    ),
}


def roles_of(right: Right) -> frozenset[Role]:
    """Any of these roles carries the right."""
    return RIGHTS[right].roles


def in_words(roles: Collection[str]) -> str:
    """`engineer, security administrator or security auditor`"""
    *others, last = sorted(role.replace("_", " ") for role in roles)
    return f"{', '.join(others)} or {last}" if others else last


class Holder(Protocol):
    """Somebody with roles in areas: an `Identity`, for example."""

    @property
    def roles(self) -> frozenset[Role]: ...
    @property
    def areas(self) -> frozenset[str] | None: ...


def may(who: Holder, right: Right, area: str | None = None) -> bool:
    """Whether somebody has the right: in this area, or, where none is named, anywhere that it can be had."""
    entry = RIGHTS[right]
    if not entry.roles & who.roles:
        return False
    if entry.is_everywhere:
        return who.areas is None
    return area is None or who.areas is None or area in who.areas


def rights_of(who: Holder) -> dict[Right, list[str] | None]:
    """Every right that somebody has, with the areas in which; None for all."""
    areas = None if who.areas is None else sorted(who.areas)
    return {right: areas for right in Right if may(who, right)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitled:
    """Somebody who may do something, and by what."""

    person: str
    roles: tuple[str, ...]
    """Those that carry it."""
    areas: tuple[str, ...]
    """Where; empty for everywhere."""
    responsibility: str
    """As the folder says."""
    conditions: tuple[str, ...] = ()
    """What else is asked for, in words."""


def who_can(utility: Utility, right: Right, *, site: str | None = None, point: Point | None = None) -> list[Entitled]:
    """Everybody who has the right, by name: anywhere, at a site, or, for operating, for one point."""
    return [found for person in utility.people if (found := _entitled(utility, person, right, site, point)) is not None]


def _entitled(utility: Utility, person: PersonSection, right: Right, site: str | None, point: Point | None) -> Entitled | None:
    entry = RIGHTS[right]
    place = point.site if point is not None else site
    if place is not None and person.areas and place not in person.areas:
        return None
    if entry.is_everywhere and person.areas:
        return None
    roles = frozenset(person.roles) & entry.roles
    conditions: tuple[str, ...] = ()
    if right is Right.OPERATE:
        rules = list(_rules_for(utility, person, place, point))
        roles = frozenset(person.roles) & frozenset(role for rule in rules for role in rule.roles)
        conditions = tuple(_conditions(rules, is_one_point=point is not None))
    if not roles:
        return None
    return Entitled(
        person=person.name,
        roles=tuple(sorted(roles)),
        areas=tuple(sorted(person.areas)),
        responsibility=person.responsibility,
        conditions=conditions,
    )


def _rules_for(utility: Utility, person: PersonSection, site: str | None, point: Point | None) -> Iterator[Rule]:
    """The rules by which the person operates the point, or anything there."""
    where = {each.id for each in utility.plant_points if _is_at(each, site, person.areas)} if point is None else {point.id}
    return (rule for rule in utility.control.rules if rule.roles & set(person.roles) and rule.points & where)


def _is_at(point: Point, site: str | None, areas: Collection[str]) -> bool:
    return (site is None or point.site == site) and (not areas or point.site in areas)


def _conditions(rules: Collection[Rule], *, is_one_point: bool) -> Iterator[str]:
    """What any of the rules asks for is asked for at a point that all of them are about."""
    some = "" if is_one_point else ", for some of the points"
    if any(rule.second_factor for rule in rules):
        yield "a second factor" + ("" if all(rule.second_factor for rule in rules) else some)
    if any(rule.second_person for rule in rules):
        yield "a second person" + ("" if all(rule.second_person for rule in rules) else some)
