"""Stations as the runner of a line drives them: link layer, session, and whoever wants to know what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tieline.config.dnp3 import Dnp3Connection, Dnp3TcpServer, Dnp3TlsServer
from tieline.model import Now
from tieline.protocols.dnp3.line import Session
from tieline.protocols.dnp3.link import LinkStation


class StationOwner(Protocol):
    """Who made a session and takes its events. Both calls are synchronous and come from the event loop."""

    def on_activity(self, now: Now) -> None:
        """Something came, or time passed: the session may have events. What it is asked now is sent with the same call."""
        ...

    def on_channel(self, reason: str | None) -> None:
        """A channel to the peer is there (None), or there is none and why: it could not be had, or it ended. May be repeated."""
        ...


@dataclass(eq=False, slots=True)
class Station:
    """One end of an association with one peer."""

    link: LinkStation
    session: Session
    owner: StationOwner
    accept_broadcast: bool = False
    max_fragment: int = 2048
    peer_hosts: tuple[str, ...] = ()
    """Where it listens: from where its peer may come; empty for anywhere."""

    @property
    def key(self) -> tuple[int, int, bool]:
        """What frames for it are recognized by."""
        return self.link.local, self.link.remote, self.link.is_master


def make_station(
    connection: Dnp3Connection,
    *,
    local: int,
    remote: int,
    is_master: bool,
    session: Session,
    owner: StationOwner,
    accept_self_address: bool = False,
) -> Station:
    """A station with the link layer that a connection describes; an outstation accepts broadcasts."""
    link = LinkStation(
        local,
        remote,
        is_master=is_master,
        confirmed=connection.link_confirm,
        timeout_s=connection.link_timeout_s,
        retries=connection.link_retries,
        keep_alive_s=connection.keep_alive_s or None,
        accept_self_address=accept_self_address,
    )
    return Station(
        link,
        session,
        owner,
        accept_broadcast=not is_master,
        max_fragment=connection.max_fragment,
        peer_hosts=connection.peer_hosts if isinstance(connection, Dnp3TcpServer | Dnp3TlsServer) else (),
    )
