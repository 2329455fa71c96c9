"""What a role does for its audit while it runs: checkpoints in time, and what the utility folder was at its start."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import pwd
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from tieline.model import UnavailableError
from tieline.security.audit.log import AuditLog
from tieline.security.audit.notes import write_surely
from tieline.security.audit.tiles import PRIVATE

CHECKPOINT_S = 10.0
MOST_NAMED = 50
"""Files that a record names of those that were changed, added or removed."""

log = structlog.get_logger()


async def keep_checkpoints(audit: AuditLog, period_s: float = CHECKPOINT_S) -> None:
    """Publishes a checkpoint over what is new, again and again until cancelled."""
    is_failing = False
    while True:
        await asyncio.sleep(period_s)
        try:
            await asyncio.to_thread(audit.checkpoint)
            is_failing = False
        except UnavailableError as error:
            if not is_failing:
                log.error("checkpoint of the audit not written", reason=str(error))
            is_failing = True


def digests_of(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a utility folder, by its path within; files and folders whose names begin with a dot are none of it.

    Raises `OSError`.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") for part in parts):
            found["/".join(parts)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def record_configuration(audit: AuditLog, folder: Path) -> None:
    """Records what the utility folder is now, and what of it was changed since the last start.

    Where that cannot be read or written it is logged: a role that only measures goes on without.
    """
    try:
        _record_configuration(audit, folder)
    except (OSError, UnavailableError) as error:
        log.error("configuration not recorded", folder=str(folder), reason=str(error))


def _record_configuration(audit: AuditLog, folder: Path) -> None:
    kept = audit.folder / PRIVATE / "configuration.json"
    now = digests_of(folder)
    try:
        before = msgspec.json.decode(kept.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        before = None
    detail: dict[str, object] = {"digest": digest_of(now), "files": len(now), "started_by": _user()}
    outcome = "first"
    if before is not None:
        changed = [name for name in now if name in before and now[name] != before[name]]
        added, removed = [name for name in now if name not in before], [name for name in before if name not in now]
        outcome = "changed" if changed or added or removed else "unchanged"
        for word, names in (("changed", changed), ("added", added), ("removed", removed)):
            if names:
                detail[word] = ", ".join(_named(folder, now, name) for name in names[:MOST_NAMED])
                detail[f"{word}_files"] = len(names)
    audit.append(actor=_user(), action="configuration", target=folder.name, detail=detail, outcome=outcome)
    if before != now:
        write_surely(kept, msgspec.json.encode(now), temporary=audit.folder / PRIVATE / "configuration.new")


def digest_of(files: Mapping[str, str]) -> str:
    """One SHA-256 over all: of a line `DIGEST  PATH` for each file, in the order of their paths, as sha256sum writes them."""
    return hashlib.sha256("".join(f"{files[name]}  {name}\n" for name in sorted(files)).encode()).hexdigest()


def _named(folder: Path, now: Mapping[str, str], name: str) -> str:
    """The file with its digest and its owner."""
    if name not in now:
        return name
    try:
        owner = pwd.getpwuid((folder / name).stat().st_uid).pw_name
    except (OSError, KeyError):
        owner = "unknown"
    return f"{name} ({now[name][:16]}, of {owner})"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
