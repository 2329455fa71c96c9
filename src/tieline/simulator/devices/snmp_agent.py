"""An SNMPv3 agent: datagrams in, datagrams out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from tieline.protocols.goose.errors import FrameError
from tieline.simulator.devices.snmp_security import Oid, Refusal, Security
from tieline.simulator.devices.snmp_table import Table

UNKNOWN_CONTEXTS = (1, 3, 6, 1, 6, 3, 12, 1, 5, 0)
_ENVELOPE_OCTETS = 200
"""What a message has besides its PDU, at the most."""
_LARGEST_ANSWER = 1_472
"""What goes into one frame of Ethernet; more would be fragments, which some firewalls drop."""


class Agent:
    """Answers for one node. Its time is that of its engine: seconds since `started_s` of the monotonic clock."""

    def __init__(self, security: Security, make_table: Callable[[], Table], *, started_s: float) -> None:
        self.security = security
        self.started_s = started_s
        self._make_table = make_table
        self._table: Table | None = None
        self._refused: Counter[Oid] = Counter()

    def restart(self, now_s: float) -> None:
        """The node came up again: its engine counts from zero, in its next life."""
        self.security.boots += 1
        self.started_s = now_s

    def renew(self) -> None:
        """What there is to tell has changed; the table is made anew when it is asked for."""
        self._table = None

    def answer(self, datagram: bytes, now_s: float, *, is_refusing: bool = False) -> bytes | None:
        """What is sent back; None for what nobody answers."""
        time_s = int(now_s - self.started_s)
        request = self.security.open(datagram, time_s)
        if request is None:
            return None
        if not isinstance(request, Refusal) and request.context:
            request = Refusal(request.message_id, UNKNOWN_CONTEXTS, 0, is_authentic=True, is_reportable=True)
        if isinstance(request, Refusal):
            self._refused[request.counter] += 1
            if not request.is_reportable:
                return None
            return self.security.report(request, self._refused[request.counter], time_s)
        room = min(request.most_octets, _LARGEST_ANSWER) - _ENVELOPE_OCTETS
        if self._table is None:
            self._table = self._make_table()
        try:
            pdu = self._table.answer(request.pdu, now_s, most_octets=room, is_refusing=is_refusing)
        except (FrameError, IndexError):
            return None
        return None if pdu is None else self.security.seal(request.message_id, pdu, time_s)
