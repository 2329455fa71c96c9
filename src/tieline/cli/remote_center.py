"""`tieline run --remote`: remote access at the center, in a process of its own; the center starts it where the folder opens it.

Bytes of people from outside pass through it, so it is not the process that operates devices: its certificate lets it speak to sessions of
remote access and to nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import structlog

from tieline.bus import connected
from tieline.cli.renewing import renewing
from tieline.cli.run import open_authority
from tieline.config import Utility
from tieline.io import SystemClock
from tieline.model import ConfigError, subjects
from tieline.scada.remote.service import RemoteService
from tieline.scada.remote.store import RemoteStore
from tieline.security.audit import AuditLog
from tieline.security.audit.keeping import keep_checkpoints
from tieline.security.identity.signing import Signer

log = structlog.get_logger()


def remote_folder(data: Path) -> Path:
    """Where remote access keeps its grants, its audit and its recordings."""
    return data.absolute() / "center" / "remote"


def remote_address(utility: Utility, dmz: str) -> tuple[str, int] | None:
    """Where the DMZ takes connections of people; None where the folder leaves remote access off. `dmz` is its bus's HOST:PORT."""
    if utility.dmz.remote_port is None:
        return None
    return dmz.rpartition(":")[0], utility.dmz.remote_port


async def run_remote(utility: Utility, data: Path, bus_ports: Sequence[int], dmz: str) -> None:
    """Serves until cancelled. Raises `ConfigError` where the folder leaves remote access off."""
    address = remote_address(utility, dmz)
    if address is None:
        raise ConfigError("remote access is off; write remote_port in [dmz] of utility.toml")
    clock = SystemClock()
    folder = remote_folder(data)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = open_authority(data)
    credentials = authority.credentials(subjects.REMOTE_ROLE)
    signer = Signer(credentials)
    with ExitStack() as stack:
        audit = AuditLog.open(folder / "audit", "remote", clock)
        stack.callback(audit.close)
        store = RemoteStore.open(folder / "remote.db")
        stack.callback(store.close)
        async with renewing(authority, {credentials: signer.reload}), connected(bus_ports, credentials) as client:
            service = RemoteService(
                utility,
                client,
                signer,
                audit=audit,
                store=store,
                folder=folder / "recordings",
                door=f"{address[0]}:{address[1]}",
                clock=clock,
            )
            log.info("remote access runs", door=f"{address[0]}:{address[1]}")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(service.run(), name="remote access")
                tasks.create_task(keep_checkpoints(audit), name="publish checkpoints of the audit")
