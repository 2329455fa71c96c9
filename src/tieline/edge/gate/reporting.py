"""Hands the audit's records to the center, those first that it does not have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from tieline.model import AuditRecord, UnavailableError
from tieline.security.audit import AuditLog

PERIOD_S = 1.0
MOST_AT_ONCE = 500

log = structlog.get_logger()


class AuditReporting:
    """Reads what is new and marks it as sent when it is stored on its way; what is not marked is sent again after a restart."""

    def __init__(
        self,
        audit: AuditLog,
        add_record: Callable[[AuditRecord], None],
        settle: Callable[[], Awaitable[None]],
        *,
        keep_bytes: int,
    ) -> None:
        """`settle` returns when every record added so far will reach the center for sure, and raises `UnavailableError` where not.

        Of what the center has, at least so many bytes stay at the site.
        """
        self._audit = audit
        self._add_record = add_record
        self._settle = settle
        self._keep_bytes = keep_bytes

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                while await self.send():
                    pass
            except UnavailableError as error:
                log.warning("audit not sent", reason=str(error))
            await asyncio.sleep(PERIOD_S)

    async def send(self) -> bool:
        """Sends the next records; whether there were any. Raises `UnavailableError` where they may not arrive."""
        records = await asyncio.to_thread(self._audit.since, self._audit.sent, MOST_AT_ONCE)
        if not records:
            return False
        for record in records:
            self._add_record(record)
        await self._settle()
        await asyncio.to_thread(self._audit.mark_sent, records[-1].sequence)
        await asyncio.to_thread(self._audit.forget, keep_bytes=self._keep_bytes)
        return True
