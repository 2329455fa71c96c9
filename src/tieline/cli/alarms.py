"""`tieline alarms`: the list of alarms in the terminal, and what people do with them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tieline.cli.center_api import CenterApi
from tieline.model import ConfigError

SIGNS = {1: "■1", 2: "▲2", 3: "●3", 4: "◆4"}
STATES = {
    "normal": "normal",
    "unacknowledged": "UNACKNOWLEDGED",
    "acknowledged": "acknowledged",
    "returned_unacknowledged": "RETURNED",
    "latched_unacknowledged": "LATCHED",
    "latched_acknowledged": "latched",
    "shelved": "shelved",
    "suppressed_by_design": "suppressed",
    "out_of_service": "out of service",
}
ORDER = [
    "unacknowledged",
    "latched_unacknowledged",
    "returned_unacknowledged",
    "acknowledged",
    "latched_acknowledged",
    "shelved",
    "suppressed_by_design",
    "out_of_service",
    "normal",
]
"""What wants something of a person comes first."""
MOST_AT_ONCE = 500


def run(
    api: CenterApi, actions: Mapping[str, Sequence[str]], *, site: str | None, reason: str, minutes: float, as_json: bool
) -> int:
    """Does what is asked with alarms, `all` for all that are shown, and then shows the list; gives the exit code."""
    is_all_done = True
    for action, ids in actions.items():
        if ids:
            is_all_done &= _act(api, action, ids, site, reason, minutes)
    alarms = read_alarms(api, site)
    if as_json:
        json.dump(alarms, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(alarms))
    return 0 if is_all_done else 3


def read_alarms(api: CenterApi, site: str | None) -> list[dict[str, Any]]:
    """All alarms that are not normal, what wants something of a person first."""
    found: dict[str, dict[str, Any]] = {}
    query: dict[str, Any] = {} if site is None else {"site": site}
    while True:
        answer = api.get("alarms", **query)
        if answer["is_whole"]:
            found.clear()
        found |= {alarm["id"]: alarm for alarm in answer["alarms"]}
        if answer["is_complete"]:
            break
        query |= {"since": answer["revision"], "incarnation": answer["incarnation"], "after": answer["after"]}
    standing = [alarm for alarm in found.values() if alarm["state"] != "normal"]
    return sorted(standing, key=lambda alarm: (ORDER.index(alarm["state"]), alarm["priority"], -_time_key(alarm), alarm["id"]))


def _time_key(alarm: Mapping[str, Any]) -> int:
    return int("".join(digit for digit in alarm["raised"] or "0" if digit.isdigit()))


def lines(alarms: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table."""
    if not alarms:
        return ["no alarms"]
    rows = [
        (
            SIGNS[alarm["priority"]],
            STATES[alarm["state"]],
            (alarm["raised"] or "").replace("T", " "),
            alarm["id"],
            _reading(alarm),
            alarm["text"] + (f" ({alarm['reason']})" if alarm["reason"] else ""),
        )
        for alarm in alarms
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip() for row in rows]


def _reading(alarm: Mapping[str, Any]) -> str:
    return "" if alarm["value"] is None else f"{alarm['value']:.6g} {alarm['unit']}".rstrip()


def _act(api: CenterApi, action: str, ids: Sequence[str], site: str | None, reason: str, minutes: float) -> bool:
    if "all" in ids:
        if len(ids) > 1:
            raise ConfigError("write all, or ids, not both")
        ids = [alarm["id"] for alarm in read_alarms(api, site)]
    is_all_done = True
    for first in range(0, len(ids), MOST_AT_ONCE):
        some = list(ids[first : first + MOST_AT_ONCE])
        done = api.post(f"alarms/{action}", ids=some, reason=reason, minutes=minutes)
        for alarm, why in done["refused"].items():
            is_all_done = False
            sys.stderr.write(f"{alarm}: {why}\n")
    return is_all_done
