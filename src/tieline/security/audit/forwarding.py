"""Records on their way to somebody else's collector: syslog over TLS (RFC 5425), each at least once, those of a log in their order.

The protocol has no acknowledgement. So a delivery is one TLS session: records are written, the session is ended, and the receiver
ends it too. It does so when it has read everything before; where it does not, or the connection breaks, all of it is sent again. Only
then the place of each log is moved on, on the disk. While the collector is away nothing is lost: the logs are the queue.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from tieline.model import AuditRecord, UnavailableError
from tieline.security.audit.formats import framed
from tieline.security.audit.notes import write_surely

MOST_AT_ONCE = 1_000
TIMEOUT_S = 20.0

Source = Callable[[int, int], Sequence[AuditRecord]]
"""Gives the records of a log after a sequence, oldest first, at most so many. Raises `UnavailableError`."""


class Forwarder:
    """Delivers the records of some logs; one at a time for its file of places. Its calls block."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        places: Path,
        address: tuple[str, int],
        context: ssl.SSLContext,
        write: Callable[[AuditRecord], str],
        *,
        server_name: str = "",
    ) -> None:
        """`write` makes a syslog message of a record. Raises `UnavailableError` where the places cannot be read."""
        self._sources = sources
        self._file = places
        self._address = address
        self._context = context
        self._write = write
        self._server_name = server_name or address[0]
        try:
            self._places = msgspec.json.decode(places.read_bytes(), type=dict[str, int]) if places.exists() else {}
        except (OSError, msgspec.MsgspecError) as error:
            raise UnavailableError(f"up to where records were forwarded cannot be read from {places}: {error}") from error

    @property
    def places(self) -> Mapping[str, int]:
        """The sequence of the newest record of each log that was delivered."""
        return dict(self._places)

    def deliver(self) -> int:
        """Delivers what there is of each log, up to so many; how many records that was.

        Raises `UnavailableError` where the collector did not confirm them: they are delivered again.
        """
        found = {name: source(self._places.get(name, 0), MOST_AT_ONCE) for name, source in self._sources.items()}
        messages = [framed(self._write(record)) for records in found.values() for record in records]
        if not messages:
            return 0
        send_surely(messages, self._address, self._context, self._server_name)
        places = self._places | {name: max(record.sequence for record in records) for name, records in found.items() if records}
        try:
            write_surely(self._file, msgspec.json.encode(places))
        except OSError as error:
            raise UnavailableError(f"up to where records were forwarded cannot be written: {error}") from error
        self._places = places
        return len(messages)


def send_surely(messages: Sequence[bytes], address: tuple[str, int], context: ssl.SSLContext, server_name: str) -> None:
    """Sends framed messages, and returns when the receiver has ended the session after them. Raises `UnavailableError`."""
    where = f"{address[0]}:{address[1]}"
    try:
        with (
            socket.create_connection(address, timeout=TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=server_name, suppress_ragged_eofs=False) as session,
        ):
            for at in range(0, len(messages), 100):
                session.sendall(b"".join(messages[at : at + 100]))
            try:
                session.unwrap().close()
            except ssl.SSLEOFError:
                pass  # it has closed the connection without a word, and not reset it: everything was read
            except ssl.SSLError as error:
                if error.reason != "APPLICATION_DATA_AFTER_CLOSE_NOTIFY":  # it said something, which means nothing here
                    raise
    except OSError as error:  # with it TLS errors and time-outs
        raise UnavailableError(f"the collector at {where} did not take the records: {error.strerror or error}") from error
