"""`tieline whoami` and `tieline who-can`: who may do what, as the center and as the folder have it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tieline.cli.center_api import CenterApi
from tieline.config import Utility, read_folder
from tieline.model import ConfigError, Point
from tieline.security.authority import RIGHTS, Right, in_words, who_can

EVERYWHERE = "every site"


def tell_who(api: CenterApi) -> None:
    """Prints who one is, and one's rights. Raises `TielineError`."""
    who = api.get("whoami")
    console = Console(highlight=False)
    roles = _words(who["roles"]) or "no role"
    factor = "may control now" if who["may_control"] else "a second factor is needed to control"
    console.print(f"{who['person']}: {roles}; {'by an API token' if who['is_token'] else 'in a session'}; {factor}")
    console.print(
        _table(
            ("right", "responsibility", "where", "to"),
            ((right, held["domain"], _places(held["areas"]), held["words"]) for right, held in who["rights"].items()),
        )
    )


def tell_who_can(folder: Path, right: str, site: str | None, point: str | None) -> None:
    """Prints who has the right, or who has which. Raises `ConfigError` where there is no such right, site or point."""
    utility = read_folder(folder)
    found = None if point is None else _point(utility, point)
    if site is not None:
        utility.site(site)
    wanted = _right(right or ("operate" if point else ""))
    if point is not None and wanted is not Right.OPERATE:
        raise ConfigError(f"--point is for operating; of {right} ask with --site")
    console = Console(highlight=False)
    if wanted is None:
        console.print(_overview(utility, site))
        return
    holders = who_can(utility, wanted, site=site, point=found)
    if not holders:
        console.print(f"nobody may {wanted} there: it takes the role {in_words(RIGHTS[wanted].roles)}")
        return
    console.print(f"{wanted} ({RIGHTS[wanted].domain}): {RIGHTS[wanted].words}")
    console.print(
        _table(
            ("person", "belongs to", "as", "where", "asked for besides"),
            (
                (each.person, each.responsibility, _words(each.roles), _places(each.areas), "; ".join(each.conditions))
                for each in holders
            ),
        )
    )


def _overview(utility: Utility, site: str | None) -> Table:
    """Each right with those who have it, and where where it is not everywhere."""
    return _table(
        ("right", "", "people"),
        (
            (
                right,
                RIGHTS[right].domain,
                ", ".join(
                    f"{each.person} ({', '.join(each.areas)})" if each.areas else each.person
                    for each in who_can(utility, right, site=site)
                ),
            )
            for right in Right
        ),
    )


def _right(word: str) -> Right | None:
    if not word:
        return None
    try:
        return Right(word.replace("-", "_"))
    except ValueError:
        raise ConfigError(f"there is no right {word!r}; write one of {', '.join(Right)}") from None


def _point(utility: Utility, path: str) -> Point:
    for point in utility.plant_points:
        if point.path == path:
            if not point.kind.is_writable:
                raise ConfigError(f"{path} is {point.kind}: it is not operated")
            return point
    raise ConfigError(f"there is no point {path!r}; write site/device/name")


def _words(roles: Iterable[str]) -> str:
    return ", ".join(roles).replace("_", " ")


def _places(areas: Iterable[str] | None) -> str:
    return ", ".join(areas or ()) or EVERYWHERE


def _table(columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(box=None, pad_edge=False)
    *first, last = columns
    for column in first:
        table.add_column(column, no_wrap=True)
    table.add_column(last)
    for row in rows:
        table.add_row(*row)
    return table
