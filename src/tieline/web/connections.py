"""Connections that do not take more than their share: requests have to arrive in time, and one address has not all of them.

Whoever connects and sends a request a byte at a time, or none at all, costs a descriptor and memory before anybody has logged in.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from tieline.security.identity.accounts.throttle import network_of

PATIENCE_S = 20.0
"""So long may a request take to arrive, with its body."""
MOST_AN_ADDRESS = 256
"""Connections of one address (IPv6: of its /64) that are no WebSockets: a control room behind one address, six for each browser."""
DESCRIPTORS = 8_192


def protocol(*, patience_s: float = PATIENCE_S, most_an_address: int = MOST_AN_ADDRESS) -> type[H11Protocol]:
    """HTTP/1.1 for uvicorn with these bounds, counted over the connections of one server."""
    held: Counter[str] = Counter()

    class Bounded(H11Protocol):
        _network = ""
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            self._network = network_of(self.client[0] if self.client else "")
            held[self._network] += 1
            if held[self._network] > most_an_address:
                transport.abort()
            else:
                self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            self._leave()
            super().connection_lost(exc)

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            self._leave()
            super().handle_websocket_upgrade(event)

        def _watch(self) -> None:
            is_awaited = bool(self._network) and self.conn.their_state in {h11.IDLE, h11.SEND_BODY}
            if is_awaited and self._deadline is None:
                self._deadline = self.loop.call_later(patience_s, self.transport.abort)
            elif not is_awaited:
                self._forget_deadline()

        def _forget_deadline(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _leave(self) -> None:
            self._forget_deadline()
            if self._network:
                held[self._network] -= 1
                if not held[self._network]:
                    del held[self._network]
                self._network = ""

    return Bounded


def permit_descriptors() -> None:
    """As many open files as the system lets this process have, up to a bound: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
