"""Points in time as people write them: ISO 8601, or relative to now."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LATEST_US = 200 * 31_556_952 * 1_000_000
_RELATIVE = re.compile(r"(?:now)?-(?P<count>\d{1,9}(?:\.\d{1,6})?)(?P<unit>[smhdw])")


def parse_time(text: str, now: int) -> int:
    """Microseconds since 1970-01-01 UTC. Knows `now`, `-90s`, `-1h`, `now-7d` and ISO 8601, which is UTC where it names no zone.

    Raises `ValueError` with what would be right.
    """
    moment = _read(text, now)
    if moment is None or not 0 <= moment < _LATEST_US:
        raise ValueError(
            f"{text!r} is no time from 1970 to 2169; write ISO 8601 like 2026-01-31T08:00:00Z, or relative like -1h, or now"
        )
    return moment


def _read(text: str, now: int) -> int | None:
    if text == "now":
        return now
    relative = _RELATIVE.fullmatch(text)
    if relative is not None:
        return now - round(float(relative["count"]) * _UNITS_S[relative["unit"]] * 1_000_000)
    try:
        # a plus sign in a query string arrives as a blank
        moment = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text) if "T" in text else text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def iso(us: int) -> str:
    """ISO 8601 in UTC with microseconds and `Z`."""
    return (
        datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000).isoformat(timespec="microseconds")[:-6]
        + "Z"
    )
