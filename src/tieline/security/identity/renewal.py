"""Renews certificates while their roles run.

A certificate of which a third of its life or less is left is issued anew where the authority's key is; where it is not, it is asked for
over EST, or somebody copies the new one beside the old. Either way the files have changed, whoever changed them: contexts made of them use
the new certificate for their next connections, and servers that read the files themselves are told.

A connection that is open keeps what it was opened with: neither TLS nor NATS looks at a certificate again after the handshake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from tieline.model import ConfigError, TielineError
from tieline.security.identity.authority import Authority, read_life
from tieline.security.identity.credentials import Credentials

LONGEST_WAIT = timedelta(hours=1)
SHORTEST_WAIT = timedelta(seconds=0.5)
LOOKS_A_LIFE = 20
"""So often a certificate is looked at in its life."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Kept:
    credentials: Credentials
    on_renewed: Callable[[], None] | None
    content: bytes = field(repr=False)
    stamp: tuple[int, ...]
    """Of the files that the content was read from."""
    has_failed: bool = False
    has_asked_in_vain: bool = False


class Renewal:
    """Certificates of roles that run here. It has no clock of its own for waiting: call `look`, again after what it says."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._kept: list[_Kept] = []

    def keep(self, credentials: Credentials, on_renewed: Callable[[], None] | None = None) -> None:
        """From now on; `on_renewed` is called when the files have changed. Raises `ConfigError` where they cannot be read."""
        stamp = _stamp(credentials)
        self._kept.append(_Kept(credentials, on_renewed, _read(credentials), stamp))

    def has_changed(self) -> bool:
        """Whether somebody has changed the files since they were looked at: quickly told, and worth a `look` at once."""
        return any(_stamp(kept.credentials) != kept.stamp for kept in self._kept)

    def has_due(self) -> bool:
        """Whether any has to be asked for elsewhere."""
        return bool(self._due())

    def fetch_due(self, fetch: Callable[[Credentials], None]) -> None:
        """Asks elsewhere for what is due, which may take its time; `look` takes up what came.

        What cannot be had is logged once and asked for again.
        """
        for kept in self._due():
            try:
                fetch(kept.credentials)
                kept.has_asked_in_vain = False
            except TielineError as error:
                if not kept.has_asked_in_vain:
                    kept.has_asked_in_vain = True
                    log.error("certificate cannot be renewed", role=kept.credentials.name, reason=str(error))

    def _due(self) -> list[_Kept]:
        if self._authority.issuer.is_here:
            return []
        return [kept for kept in self._kept if self._authority.is_due(kept.credentials)]

    def look(self) -> timedelta:
        """Renews what is due, reloads what has changed; says how long nothing needs to be looked at again.

        What cannot be renewed is logged once and tried again: the certificate that there is serves until its end.
        """
        for kept in self._kept:
            try:
                self._look_at(kept)
                kept.has_failed = False
            except TielineError as error:
                if not kept.has_failed:
                    kept.has_failed = True
                    log.error("certificate cannot be renewed", role=kept.credentials.name, reason=str(error))
        return min((self._wait(kept) for kept in self._kept), default=LONGEST_WAIT)

    def _look_at(self, kept: _Kept) -> None:
        self._authority.credentials(kept.credentials.name, hosts=kept.credentials.hosts)
        kept.stamp = _stamp(kept.credentials)
        content = _read(kept.credentials)
        if content == kept.content:
            return
        kept.credentials.reload()
        kept.content = content
        if kept.on_renewed is not None:
            kept.on_renewed()
        until, _ = read_life(kept.credentials)
        log.info("certificate renewed", role=kept.credentials.name, until=until.isoformat())

    def _wait(self, kept: _Kept) -> timedelta:
        try:
            _, life = read_life(kept.credentials)
        except TielineError:
            return SHORTEST_WAIT if kept.has_failed else LONGEST_WAIT
        return max(SHORTEST_WAIT, min(LONGEST_WAIT, life / LOOKS_A_LIFE))


def _stamp(credentials: Credentials) -> tuple[int, ...]:
    """Another one whenever a file was replaced or written to; empty where one is missing."""
    try:
        found = [path.stat() for path in (credentials.certificate, credentials.key)]
    except OSError:
        return ()
    return tuple(number for each in found for number in (each.st_ino, each.st_size, each.st_mtime_ns))


def _read(credentials: Credentials) -> bytes:
    try:
        return credentials.certificate.read_bytes() + credentials.key.read_bytes()
    except OSError as error:
        raise ConfigError(f"the certificate of {credentials.name} cannot be read: {error}") from error
