"""`tieline watch`: newest values in the terminal, painted anew every second."""

from __future__ import annotations

import fnmatch
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tieline.cli.center_api import CenterApi
from tieline.model import ConfigError, UnavailableError

PERIOD_S = 1.0
PAGE = 5_000
SIGNS = {"questionable": ("?", "italic"), "invalid": ("\u00d7", "strike"), "substituted": ("s", "underline")}


def run(api: CenterApi, pattern: str, *, is_once: bool) -> None:
    """Shows until the person has seen enough, or once. Raises `TielineError`; a center that is away is waited for."""
    points = chosen(api, pattern)
    console = Console(soft_wrap=is_once)
    if is_once:
        console.print(table(points, _values(api, points), None))
        return
    with Live(console=console, auto_refresh=False, screen=sys.stdout.isatty()) as live:
        values: dict[int, Mapping[str, Any]] = {}
        while True:
            problem = None
            try:
                values = _values(api, points)
            except UnavailableError as error:
                problem = str(error)
            live.update(table(points[: max(1, console.height - 4)], values, problem), refresh=True)
            time.sleep(PERIOD_S)


def chosen(api: CenterApi, pattern: str) -> list[Mapping[str, Any]]:
    """The points that a site's name, or a pattern over `site/device/name`, means. Raises `ConfigError` where there are none."""
    found: list[Mapping[str, Any]] = []
    while True:
        page = api.get("points", limit=PAGE, offset=len(found))
        found += page["points"]
        if len(found) >= page["total"] or not page["points"]:
            break
    wanted = pattern if "/" in pattern or "*" in pattern else f"{pattern}/*" if pattern else "*"
    some = [point for point in found if fnmatch.fnmatchcase(point["path"], wanted)]
    if not some:
        raise ConfigError(f"no point is like {pattern!r}; write a site, or a pattern such as northgate/*/t1_*")
    return some


def _values(api: CenterApi, points: Sequence[Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    wanted = {point["id"] for point in points}
    sites = {point["site"] for point in points}
    query = {"site": next(iter(sites))} if len(sites) == 1 else {}
    found: dict[int, Mapping[str, Any]] = {}
    offset = 0
    while True:
        page = api.get("values", limit=PAGE, offset=offset, **query)
        found |= {each["id"]: each for each in page["values"] if each["id"] in wanted}
        offset += len(page["values"])
        if offset >= page["total"] or not page["values"]:
            return found


def table(points: Sequence[Mapping[str, Any]], values: Mapping[int, Mapping[str, Any]], problem: str | None) -> Table:
    """Rows with value, unit, quality and age; every value shows what it is worth by shape."""
    shown = Table(box=None, pad_edge=False, header_style="dim", caption=problem and f"no new values: {problem}")
    shown.add_column("point", no_wrap=True)
    shown.add_column("value", justify="right", no_wrap=True)
    shown.add_column("unit")
    shown.add_column("quality")
    shown.add_column("age", justify="right")
    for point in points:
        held = values.get(point["id"])
        if held is None or held["value"] is None:
            shown.add_row(point["path"], "—", point["unit"], "" if held is None else held["quality_words"], "")
            continue
        number = f"{held['value']:.{point['decimals']}f}"
        words = str(held["quality_words"])
        sign, style = next((look for word, look in SIGNS.items() if word in words), ("", ""))
        if held["is_stale"] or problem is not None:
            style = f"{style} dim"
        age = "" if held["age_s"] is None else f"{held['age_s']:.0f} s"
        quality = "" if words == "good" else words
        if held["is_stale"]:
            quality = f"stale, {quality}".rstrip(", ")
        shown.add_row(point["path"], Text(f"{number}{sign}", style=style.strip()), point["unit"], quality, age)
    return shown
