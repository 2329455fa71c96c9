"""Where it is written what remote access has decided: the audit, then the store, then it counts.

Only to end something does not wait for a disk that refuses or hangs: then it counts at once, and the log says what the audit could not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import structlog

from tieline.model import RefusedError, TielineError
from tieline.scada.remote.store import RemoteStore
from tieline.security.audit import AuditLog
from tieline.security.identity.accounts.identity import Identity
from tieline.security.remote.desk import RemoteDesk
from tieline.security.remote.records import Grant, Session

PATIENCE_S = 0.6
"""So long an end waits for whoever is writing, and again for its own record."""

Detail = dict[str, object]
log = structlog.get_logger()


class Ledger:
    """A desk whose decisions are kept."""

    def __init__(self, desk: RemoteDesk, audit: AuditLog, store: RemoteStore) -> None:
        self.desk = desk
        self.store = store
        self._audit = audit
        self.turn = asyncio.Lock()
        """Decisions are taken one after the other."""

    async def decide(self, who: Identity, action: str, target: str, decide: Callable[[], Grant]) -> Grant:
        """What the rules say, kept before it counts; what they refuse is in the audit. Raises `RefusedError`, `UnavailableError`."""
        async with self.turn:
            try:
                grant = decide()
            except RefusedError as error:
                await self.record(who.person, action, target, {"reason": str(error), "session": who.session}, "refused")
                raise
            await self.record(who.person, action, grant.target, about(grant) | {"session": who.session}, str(grant.state))
            await self.keep(grant)
            return grant

    async def keep(self, changed: Grant | Session) -> None:
        """It is stored, and counts. Raises `UnavailableError` where the disk refuses; then it does not count."""
        await asyncio.to_thread(self.store.put, changed)
        self.desk.put(changed)

    async def keep_end(self, changed: Grant | Session) -> None:
        """It counts, and is stored where the disk lets it be."""
        self.desk.put(changed)
        await self._in_time(partial(self.store.put, changed), "end of remote access not stored", changed.id)

    async def record(self, actor: str, action: str, target: str, detail: Detail, outcome: str) -> None:
        """In the audit. Raises `UnavailableError` where it cannot be written."""
        append = partial(self._audit.append, actor=actor, action=action, target=target, detail=detail, outcome=outcome)
        await asyncio.to_thread(append)

    async def record_end(self, actor: str, action: str, target: str, detail: Detail, outcome: str) -> None:
        """In the audit, where it can be written soon."""
        append = partial(self._audit.append, actor=actor, action=action, target=target, detail=detail, outcome=outcome)
        await self._in_time(append, "end of remote access not in the audit", target)

    @asynccontextmanager
    async def soon(self) -> AsyncIterator[None]:
        """The turn, or none where whoever has it does not give it back in time."""
        is_ours = False
        try:
            async with asyncio.timeout(PATIENCE_S):
                is_ours = await self.turn.acquire()
        except TimeoutError:
            log.error("remote access does not wait for a disk to end something")
        try:
            yield
        finally:
            if is_ours:
                self.turn.release()

    async def _in_time(self, write: Callable[[], object], event: str, what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.to_thread(write)
        except (TielineError, TimeoutError) as error:
            log.error(event, what=what, reason=str(error) or "the disk does not answer")


def about(grant: Grant) -> Detail:
    """What the audit says of a grant."""
    return {
        "id": grant.id,
        "person": grant.person,
        "why": grant.reason,
        "address": f"{grant.host}:{grant.port}",
        "begin": grant.begin_us,
        "end": grant.end_us,
        "decided_by": grant.decided_by,
        "words": grant.words,
    }
