"""An MMS association on the event loop: the one interface behind which the library is.

Every call has a deadline. An answer that comes later finds nobody and is dropped; what the server sends unasked goes to a callback, at
once, in the order in which it came. Nothing queues here but requests that wait for one of the few that the server takes at a time, and
they give up with their deadline.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

import structlog

from tieline.edge.driver import UnconfirmedError
from tieline.io import Channel, open_tcp
from tieline.model import RemoteError, UnavailableError
from tieline.protocols.iec61850.mms import answers, library
from tieline.protocols.iec61850.mms.library import Accepted, Selectors
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.session import Answered, Associated, Denied, Informed, MmsEvent, Session
from tieline.protocols.iec61850.mms.types import MmsType, decode_type
from tieline.protocols.iec61850.mms.values import AccessError, Value, decode_values

MOST_PAGES = 2_000
MOST_NAMES = 500_000
"""A server that has more names in a logical device than that talks nonsense."""

NAMES_A_READ = 24
"""Variables that are read at once, where they are read one by one."""

DOMAINS, VARIABLES, DATA_SETS = 9, 0, 2

log = structlog.get_logger()

OnInformed = Callable[[Informed], None]
OnClosed = Callable[[str], None]


class MmsClient(Protocol):
    """An association that is open when it is made. Calls raise `UnavailableError` where nothing was sent, `UnconfirmedError` where no
    answer came in time, `RemoteError` where the server said no or nonsense; a value that does not fit is a `LocalError`.
    """

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it."""
        ...

    @property
    def silent_since(self) -> float:
        """When the server said anything last, on the loop's clock."""
        ...

    async def names(self, object_class: int, domain: str = "") -> list[str]:
        """All domains, or a domain's variables or data sets."""
        ...

    async def type_of(self, name: Name) -> MmsType:
        """The type of a variable."""
        ...

    async def read(self, names: Sequence[Name]) -> list[Value]:
        """The values of variables, one for each; an `AccessError` in place of those that cannot be read."""
        ...

    async def read_encoded(self, names: Sequence[Name]) -> bytes:
        """The same in one request, as octets for a `Plan`."""
        ...

    async def write(self, name: Name, value: Value, mms_type: MmsType) -> AccessError | None:
        """Writes a variable; what is given is why it was not written."""
        ...

    async def data_set(self, name: Name) -> list[Name]:
        """The members of a data set."""
        ...

    async def create_data_set(self, name: Name, members: Sequence[Name]) -> None:
        """Makes a data set."""
        ...

    async def delete_data_set(self, name: Name) -> bool:
        """Deletes a data set; whether there was one that could be."""
        ...

    async def ask_alive(self) -> None:
        """Returns when the server has said anything to the smallest question."""
        ...

    def close(self) -> None:
        """Ends it at once; what waits for an answer hears that there is none. `on_closed` is not called."""
        ...


class Association:
    """`MmsClient` on a TCP or TLS channel; get one with `associate`."""

    def __init__(self, *, selectors: Selectors, timeout_s: float, on_informed: OnInformed, on_closed: OnClosed) -> None:
        self._session = Session(selectors)
        self._timeout_s = timeout_s
        self._on_informed = on_informed
        self._on_closed = on_closed
        self._channel: Channel | None = None
        self._loop = asyncio.get_running_loop()
        self._associated: asyncio.Future[Accepted] = self._loop.create_future()
        self._waiting: dict[int, asyncio.Future[Answered]] = {}
        self._slots = asyncio.Semaphore(1)
        self._ended = ""
        self.silent_since = self._loop.time()
        self.requests = 0
        self.timeouts = 0

    @property
    def is_open(self) -> bool:
        """Whether neither side has ended it."""
        return self._session.is_open and not self._ended

    async def open(self, host: str, port: int, *, tls: ssl.SSLContext | None, server_name: str | None) -> None:
        """Connects and associates, each within the timeout; raises `UnavailableError`, or `RemoteError` where the server refuses."""
        self._channel = await open_tcp(host, port, self, timeout_s=self._timeout_s, tls=tls, server_name=server_name)
        try:
            self._session.start()
            self._flush()
            try:
                async with asyncio.timeout(self._timeout_s):
                    accepted = await self._associated
            except TimeoutError as error:
                raise UnavailableError(f"{host} port {port} did not associate within {self._timeout_s:g} s") from error
        except BaseException:
            self.close()
            raise
        self._slots = asyncio.Semaphore(accepted.max_outstanding)

    # What the channel says

    def received(self, data: bytes) -> None:
        """Octets from the channel."""
        try:
            for event in self._session.receive(data):
                self.silent_since = self._loop.time()  # octets that never become a message are no sign of life
                self._take(event)
            self._flush()
        except RemoteError as error:
            self._end(str(error), error)
        except Exception as error:  # a mistake of ours must not take the event loop with it
            log.exception("association failed")
            self._end(f"an error of ours: {error}", None)

    def closed(self, reason: str) -> None:
        """The channel ended."""
        self._end(reason, None)

    def _take(self, event: MmsEvent) -> None:
        match event:
            case Associated(accepted):
                if not self._associated.done():
                    self._associated.set_result(accepted)
            case Answered(number):
                waiting = self._waiting.pop(number, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(event)
            case Denied(number, error):
                waiting = self._waiting.pop(number, None)
                if waiting is not None and not waiting.done():
                    waiting.set_exception(error)
            case Informed():
                self._on_informed(event)
            case _:
                assert_never(event)

    def _flush(self) -> None:
        output = self._session.take()
        if output and self._channel is not None:
            self._channel.send(output)

    def _end(self, reason: str, error: RemoteError | None) -> None:
        if self._ended:
            return
        was_open = self._associated.done()
        self._ended = reason or "the connection ended"
        self._let_go(error)
        if self._channel is not None:
            self._channel.close()
        if was_open:
            self._on_closed(self._ended)

    def _let_go(self, error: RemoteError | None) -> None:
        if not self._associated.done():
            self._associated.set_exception(error or UnavailableError(f"the association broke: {self._ended}"))
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            if not each.done():
                each.set_exception(UnconfirmedError(f"the association broke: {self._ended}"))

    def close(self) -> None:
        """Ends it at once."""
        if not self._ended:
            self._ended = "it was closed"
            self._let_go(None)
        if self._associated.done() and not self._associated.cancelled():
            self._associated.exception()  # nobody may wait for it any more
        if self._channel is not None:
            self._channel.close()

    async def wait_closed(self) -> None:
        """Returns when the channel is gone, once it was closed."""
        if self._channel is not None:
            await self._channel.wait_closed()

    # Requests

    async def _ask(self, service: bytes, expected: int) -> bytes:
        self.requests += 1
        sent = False
        try:
            async with asyncio.timeout(self._timeout_s), self._slots:
                if not self.is_open:
                    raise UnavailableError(f"there is no association: {self._ended or 'not yet'}")
                number = self._session.request(service)
                waiting: asyncio.Future[Answered] = self._loop.create_future()
                self._waiting[number] = waiting
                self._flush()
                sent = True
                try:
                    answer = await waiting
                finally:
                    self._waiting.pop(number, None)
        except TimeoutError as error:
            self.timeouts += 1
            if not sent:
                raise UnavailableError("too many requests wait for the device") from error
            raise UnconfirmedError(f"no answer within {self._timeout_s:g} s") from error
        if answer.service != expected:
            raise RemoteError(f"the device answered service {expected} with {answer.service}")
        return answer.content

    async def names(self, object_class: int, domain: str = "") -> list[str]:
        """All domains, or a domain's variables or data sets."""
        found: list[str] = []
        for _ in range(MOST_PAGES):
            after = found[-1] if found else ""
            page, more = answers.names(await self._ask(library.names_of(object_class, domain, after), answers.NAMES))
            found += page
            if not more or not page or page[-1] == after:
                return found
            if len(found) > MOST_NAMES:
                break
        raise RemoteError("the device has more names than anybody could want")

    async def type_of(self, name: Name) -> MmsType:
        """The type of a variable."""
        return decode_type(await self._ask(library.type_of(name), answers.TYPE))

    async def read(self, names: Sequence[Name]) -> list[Value]:
        """The values of variables."""
        found: list[Value] = []
        for start in range(0, len(names), NAMES_A_READ):
            some = names[start : start + NAMES_A_READ]
            values = decode_values(await self.read_encoded(some))
            if len(values) != len(some):
                raise RemoteError(f"{len(some)} variables were read, and {len(values)} values came")
            found += values
        return found

    async def read_encoded(self, names: Sequence[Name]) -> bytes:
        """The values in one request, as octets."""
        return answers.results(await self._ask(library.read(names), answers.READ))

    async def write(self, name: Name, value: Value, mms_type: MmsType) -> AccessError | None:
        """Writes a variable."""
        outcome = answers.written(await self._ask(library.write([name], [library.encode(value, mms_type)]), answers.WRITE))
        if len(outcome) != 1:
            raise RemoteError("the answer to a write makes no sense")
        return outcome[0]

    async def data_set(self, name: Name) -> list[Name]:
        """The members of a data set."""
        return answers.data_set(await self._ask(library.data_set(name), answers.DATA_SET))

    async def create_data_set(self, name: Name, members: Sequence[Name]) -> None:
        """Makes a data set."""
        await self._ask(library.create_data_set(name, members), answers.DEFINE)

    async def delete_data_set(self, name: Name) -> bool:
        """Deletes a data set."""
        return answers.deleted(await self._ask(library.delete_data_set(name), answers.DELETE)) > 0

    async def ask_alive(self) -> None:
        """Returns when the server has said anything."""
        try:
            await self._ask(library.identify(), 2)
        except RemoteError:
            return  # whoever says no is there


async def associate(
    host: str,
    port: int,
    *,
    timeout_s: float,
    on_informed: OnInformed,
    on_closed: OnClosed,
    tls: ssl.SSLContext | None = None,
    server_name: str | None = None,
    selectors: Selectors | None = None,
) -> Association:
    """An association with a server. Raises `UnavailableError` where it cannot be had, `RemoteError` where the server refuses it.

    `on_informed` hears what the server sends unasked, `on_closed` why the association ended; neither may raise or block.
    """
    association = Association(
        selectors=selectors or Selectors(), timeout_s=timeout_s, on_informed=on_informed, on_closed=on_closed
    )
    await association.open(host, port, tls=tls, server_name=server_name)
    return association
