"""A session with one SNMP agent: get, walk and set over UDP, each within a time, whatever the agent does."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from tieline.io import UdpChannel, open_udp
from tieline.model import UnavailableError
from tieline.protocols.snmp.errors import ResponseError, SnmpStatusError
from tieline.protocols.snmp.manager import Manager, Step
from tieline.protocols.snmp.pdu import Kind, Pdu, bindings_of
from tieline.protocols.snmp.security import Credentials
from tieline.protocols.snmp.values import Oid, SnmpKeys, Table, Value, dotted

MOST_CELLS = 20_000
"""Of one walk; a switch of 500 ports with 40 columns has as many."""
WALK_S = 60.0
"""One walk takes no longer, however much the agent has to say."""
COLUMNS_AT_ONCE = 10
CELLS_AT_ONCE = 40
"""Asked for in one message: as many numbers make an answer of some 1200 octets, which goes through the network unbroken. Telling the agent
to keep to that does not help: net-snmp then answers genErr instead of less."""
NAMES_AT_ONCE = 40
_QUEUE = 64


class SnmpSession:
    """Asks one agent, one question at a time; further ones wait. Made with a host's address and the keys of a user there.

    Raises of all calls: `UnavailableError` where nothing is answered in time, `SnmpAccessError` where user, keys or rights are wrong (it
    says which), `SnmpStatusError` where the agent refuses, `ResponseError` where its answers make no sense.
    """

    def __init__(
        self,
        host: str,
        port: int,
        keys: SnmpKeys,
        *,
        timeout_s: float = 2.0,
        retries: int = 2,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[int], int] = secrets.randbits,
    ) -> None:
        """`timeout_s` is how long an answer may take, and `retries` how often a question is repeated after silence."""
        self.host, self.port = host, port
        self.requests = 0
        """Datagrams sent."""
        self.timeouts = 0
        """Those of them that were not answered."""
        self._keys = keys
        self._timeout_s, self._attempts = timeout_s, retries + 1
        self._monotonic, self._random = monotonic, random
        self._lock = asyncio.Lock()
        self._manager: Manager | None = None
        self._channel: UdpChannel | None = None
        self._inbox: deque[bytes] = deque(maxlen=_QUEUE)
        self._arrived = asyncio.Event()

    @property
    def engine_id(self) -> bytes | None:
        """Of the agent; None before it was found."""
        return self._manager.engine_id if self._manager is not None else None

    @property
    def engine_boots(self) -> int | None:
        """How often the agent's engine has started; None before it said so."""
        return self._manager.boots if self._manager is not None else None

    async def get(self, names: Iterable[Oid]) -> dict[Oid, Value]:
        """The values of those names that the agent has."""
        async with self._lock:
            found: dict[Oid, Value] = {}
            wanted, size = list(names), NAMES_AT_ONCE
            while wanted:
                part = wanted[:size]
                try:
                    answer = await self._ask(Kind.GET, bindings_of(part))
                except SnmpStatusError as error:
                    if error.status != "tooBig" or len(part) == 1:
                        raise
                    size = len(part) // 2
                    continue
                found |= {name: value for name, value in answer.bindings if value is not None and name in part}
                wanted = wanted[size:]
            return found

    async def walk(self, columns: Iterable[Oid], *, limit: int = MOST_CELLS, within_s: float = WALK_S) -> Table:
        """All cells of these columns, or of any subtrees; a column that the agent does not have is empty."""
        async with self._lock:
            table: Table = {column: {} for column in columns}
            walk = _Walk(table, limit)
            try:
                async with asyncio.timeout(within_s):
                    while cursors := walk.next_cursors():
                        repetitions = max(1, walk.cells_at_once // len(cursors))
                        try:
                            answer = await self._ask(Kind.GET_BULK, bindings_of(cursors), 0, repetitions)
                        except SnmpStatusError as error:
                            walk.refuse(error)
                        else:
                            walk.take(answer)
            except TimeoutError as error:
                raise UnavailableError(f"{self.host} did not come to an end of its tables within {within_s:g} s") from error
            return table

    async def set(self, values: Mapping[Oid, int | bytes]) -> None:
        """Has the agent take the values, all or none; returns when it says that it has."""
        async with self._lock:
            await self._ask(Kind.SET, tuple(values.items()))

    def close(self) -> None:
        """Gives the socket back; the next question opens another."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def received(self, data: bytes) -> None:
        """A datagram from the agent."""
        self._inbox.append(data)
        self._arrived.set()

    def closed(self, reason: str) -> None:  # noqa: ARG002
        """The socket ended; the next question opens another."""
        self._channel = None

    async def _ask(self, kind: Kind, bindings: tuple[tuple[Oid, Value | None], ...], first: int = 0, second: int = 0) -> Pdu:
        if self._manager is None:
            credentials = await asyncio.to_thread(Credentials.of, self._keys)
            self._manager = Manager(credentials, self._random)
        manager = self._manager
        manager.ask(kind, bindings, first, second)
        answer = await self._exchange(manager)
        if answer is not None:
            return answer
        if manager.is_privacy_doubtful:
            manager.doubt()
            if await self._exchange(manager, is_probe=True) is None and manager.is_privacy_doubtful:
                raise manager.privacy_error()
        manager.forget()
        raise UnavailableError(f"{self.host} port {self.port} does not answer SNMP")

    async def _exchange(self, manager: Manager, *, is_probe: bool = False) -> Pdu | None:
        """Sends what is next until there is the answer, or until a probe's first step is done; None where none came."""
        nonsense: ResponseError | None = None
        attempts = self._attempts
        while attempts:
            if self._channel is None:
                self._channel = await open_udp(self, peer_host=self.host, peer_port=self.port)
            self._inbox.clear()
            self._channel.send(manager.datagram(self._monotonic()))
            self.requests += 1
            end = self._monotonic() + self._timeout_s
            while (datagram := await self._next(end)) is not None:
                try:
                    result = manager.receive(datagram, self._monotonic())
                except ResponseError as error:
                    nonsense = error
                    continue
                if isinstance(result, Pdu):
                    return result
                if result is Step.NEXT:
                    if is_probe:
                        return None
                    attempts = self._attempts
                    break
            else:
                self.timeouts += 1
                attempts -= 1
        if nonsense is not None:
            raise nonsense
        return None

    async def _next(self, end: float) -> bytes | None:
        """The next datagram; None where the time is over, however many there are."""
        while (left_s := end - self._monotonic()) > 0:
            if self._inbox:
                return self._inbox.popleft()
            self._arrived.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._arrived.wait()
            except TimeoutError:
                break
        return None


class _Walk:
    """Which cells of a walk are there, and where it goes on."""

    def __init__(self, table: Table, limit: int) -> None:
        self.cells_at_once = CELLS_AT_ONCE
        self._table = table
        self._limit = limit
        self._cells = 0
        self._columns_at_once = COLUMNS_AT_ONCE
        self._cursors: dict[Oid, Oid] = {column: column for column in table}
        self._asked: list[Oid] = []

    def next_cursors(self) -> Sequence[Oid]:
        """What to ask for what comes after it; empty at the end."""
        self._asked = list(self._cursors)[: self._columns_at_once]
        return [self._cursors[column] for column in self._asked]

    def take(self, answer: Pdu) -> None:
        """An answer to the last cursors: rows of one cell for each (RFC 3416, clause 4.2.3); it may be cut off anywhere."""
        if not answer.bindings:
            raise ResponseError("an answer to a walk is empty")
        for position, (name, value) in enumerate(answer.bindings):
            column = self._asked[position % len(self._asked)]
            cursor = self._cursors.get(column)
            if cursor is None:
                continue
            if value is None or name[: len(column)] != column:
                del self._cursors[column]
                continue
            if name <= cursor:
                raise ResponseError(f"the agent does not come to an end: after {dotted(cursor)} comes {dotted(name)}")
            self._cells += 1
            if self._cells > self._limit:
                raise ResponseError(f"the agent's tables have more than {self._limit} cells")
            self._cursors[column] = name
            self._table[column][name[len(column) :]] = value

    def refuse(self, error: SnmpStatusError) -> None:
        """Asks for less where the answer would not have had room. Raises the error where less does not help."""
        if error.status not in {"tooBig", "genErr"} or (len(self._asked) == 1 and self.cells_at_once == 1):
            raise error
        self.cells_at_once = max(self.cells_at_once // 4, 1)
        self._columns_at_once = max(len(self._asked) // 2, 1)
