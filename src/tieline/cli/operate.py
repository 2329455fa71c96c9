"""`tieline operate`: one command from the terminal, in the three steps of every screen: select, confirm, execute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from tieline.cli.center_api import CenterApi
from tieline.model import ConfigError, UnavailableError

EXIT_CODES = {"done": 0, "refused": 3, "failed": 4, "unknown": 5}
NOT_CONFIRMED = 1
WORDS = {"open": 0.0, "off": 0.0, "close": 1.0, "closed": 1.0, "on": 1.0}
SIGNS = {"met": "✓", "refused": "✗", "open": "…", "noted": "·"}
EXECUTE_S = 125.0
ASK_AGAIN_S = 60.0
LOOK_S = 1.0


def run(
    api: CenterApi, point: str, value: str, *, reason: str, is_confirmed: bool, code: str, confirm: Callable[[str], bool]
) -> int:
    """Operates; gives the exit code. `confirm` asks the person at the terminal. Raises `TielineError`."""
    number = _number(value)
    if code:
        api.post("login/second-factor", code=code)
    selection = api.post("control/select", point=point, value=number, reason=reason)
    _say(f"select    {selection['path']} to {number:g}")
    for verdict in selection["verdicts"]:
        _say(f"  {SIGNS[verdict['standing']]} {verdict['words']}")
    if selection["is_refused"]:
        _say(f"refused   {selection['reason']}")
        return EXIT_CODES["refused"]
    if not _is_released(api, selection, number, None if is_confirmed else confirm):
        return NOT_CONFIRMED
    if not selection["is_ready"] and not _is_approved(api, selection["id"]):
        _say("refused   nobody approved it in time")
        return EXIT_CODES["refused"]
    outcome = _execute(api, selection["id"], reason)
    words = f": {outcome['reason']}" if outcome["reason"] else ""
    _say(f"{outcome['result']:<9} {selection['path']}{words} (command {outcome['command']})")
    return EXIT_CODES[outcome["result"]]


def _is_released(api: CenterApi, selection: Any, number: float, confirm: Callable[[str], bool] | None) -> bool:
    """Whether the person wants it; where not, also where they leave without an answer, the point is given free."""
    is_wanted = False
    try:
        is_wanted = confirm is None or confirm(f"execute {selection['path']} to {number:g}?")
    finally:
        if not is_wanted:
            api.post("control/cancel", selection=selection["id"])
            _say("cancelled")
    return is_wanted


def _number(value: str) -> float:
    if value.lower() in WORDS:
        return WORDS[value.lower()]
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"{value!r} is no value; write a number, or open, close, off, on") from None


def _is_approved(api: CenterApi, selection: str) -> bool:
    """Waits for the second person, for as long as the selection holds."""
    _say(f"waiting   for a second person to approve selection {selection}")
    while True:
        held = next((each for each in api.get("control", limit=1)["selections"] if each["id"] == selection), None)
        if held is None or held["is_refused"]:
            return False
        if held["is_ready"]:
            _say(f"approved  by {held['approved_by']}")
            return True
        time.sleep(LOOK_S)


def _execute(api: CenterApi, selection: str, reason: str) -> Any:
    """The outcome; where the answer is lost, it is asked for again under the same id, and nothing is done twice."""
    try:
        return api.post("control/execute", timeout_s=EXECUTE_S, selection=selection, reason=reason)
    except UnavailableError as error:
        _say(f"no answer {error}; asking what became of it")
    deadline = time.monotonic() + ASK_AGAIN_S
    while True:
        try:
            return api.get(f"control/operations/{selection}")
        except UnavailableError:
            if time.monotonic() > deadline:
                raise
        except ConfigError:
            return {"command": selection, "result": "unknown", "reason": "the center knows no such command: it was not released"}
        time.sleep(LOOK_S)


def _say(text: str) -> None:
    print(text, file=sys.stdout, flush=True)  # noqa: T201 - what the command is for
