"""`tieline remote`: grants and sessions in the terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from tieline.cli.center_api import CenterApi
from tieline.model import ConfigError

ALIVE = {"asked", "approved"}


def ask(api: CenterApi, target: str, reason: str, minutes: float, begin: str) -> None:
    """Asks for a grant. Raises `TielineError`."""
    parts = target.split("/")
    if len(parts) != 3:
        raise ConfigError(f"{target!r} is no target; write SITE/DEVICE/SERVICE, for example northgate/rtu-1/dnp3")
    site, device, service = parts
    made = api.post("remote/grants", site=site, device=device, service=service, reason=reason, minutes=minutes, begin=begin)
    say(f"{made['id']} asked; somebody else approves it with: tieline remote approve {made['id']}")


def decide(api: CenterApi, grant: str, action: str, *, reason: str = "", code: str = "") -> None:
    """Approves or refuses. Raises `TielineError`."""
    show_code(api, code)
    path = f"remote/grants/{grant}/{action}"
    made = api.post(path, reason=reason) if action == "refuse" else api.post(path)
    until = f", {_moment(made['begin'])} to {_moment(made['end'])}" if made["state"] == "approved" else ""
    say(f"{made['id']} {made['state']}: {made['person']} to {_target(made)}{until}")


def print_ticket(api: CenterApi, grant: str, code: str) -> None:
    """A ticket, alone on standard output. Raises `TielineError`."""
    show_code(api, code)
    given = api.post(f"remote/grants/{grant}/ticket")
    say(given["ticket"])
    print(f"good once, within {given['lasts_s']:g} s, at {given['door']}", file=sys.stderr)  # noqa: T201


def cut(api: CenterApi, name: str, reason: str) -> None:
    """Ends a grant and its sessions, or all. Raises `TielineError`."""
    done = api.post("remote/cut", name=name, reason=reason)
    say(f"cut: {', '.join(done['sessions']) or 'no session'} of {', '.join(done['grants']) or 'no grant'}")


def show_code(api: CenterApi, code: str) -> None:
    """Shows the second factor, where one is given. Raises `TielineError`."""
    if code:
        api.post("login/second-factor", code=code)


def list_grants(api: CenterApi, *, everything: bool, as_json: bool) -> None:
    """Grants, newest first; then what there is to ask for. Raises `TielineError`."""
    found = api.get("remote")
    grants = [each for each in found["grants"] if everything or each["state"] in ALIVE]
    if as_json:
        say(json.dumps(grants, indent=2))
        return
    _table(
        ("grant", "state", "person", "target", "from", "to", "decided by", "reason"),
        (
            (
                each["id"],
                each["state"],
                each["person"],
                _target(each),
                _moment(each["begin"]),
                _moment(each["end"]),
                each["decided_by"],
                each["words"] or each["reason"],
            )
            for each in grants
        ),
    )
    if found["targets"]:
        say("\nto be asked for: " + ", ".join(_target(each) for each in found["targets"]))


def list_sessions(api: CenterApi, *, everything: bool, as_json: bool) -> None:
    """Sessions, newest first. Raises `TielineError`."""
    found = [each for each in api.get("remote")["sessions"] if everything or each["state"] != "closed"]
    if as_json:
        say(json.dumps(found, indent=2))
        return
    _table(
        ("session", "state", "person", "target", "since", "until", "up B", "down B", "from", "reason"),
        (
            (
                each["id"],
                each["state"],
                each["person"],
                _target(each),
                _moment(each["opened"]),
                _moment(each["closed"] or each["end"]),
                str(each["up_bytes"]),
                str(each["down_bytes"]),
                each["address"],
                each["words"] or each["reason"],
            )
            for each in found
        ),
    )


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(text, flush=True)  # noqa: T201 - what the command is for


def _target(body: Any) -> str:
    return f"{body['site']}/{body['device']}/{body['service']}"


def _moment(text: str | None) -> str:
    return "" if text is None else f"{text[:19]}Z"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
