"""What the screens ask of remote access, and what it answers. As with supervision, the bus lets only the web role ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

import msgspec
from nats.aio.client import Client

from tieline.bus.asking import Request, answer_all, ask
from tieline.model import subjects
from tieline.security.remote.records import Grant, Session

OPEN_S = 20.0
"""Opening a session takes a site, its device and a disk."""

A = TypeVar("A")


class SeenGrant(msgspec.Struct, frozen=True):
    """A grant, and what whoever asks may do with it now."""

    grant: Grant
    may_approve: bool
    may_cut: bool
    may_use: bool


class SeenSession(msgspec.Struct, frozen=True):
    """A session, with what has passed so far, and whether whoever asks may cut it."""

    session: Session
    may_cut: bool


class Target(msgspec.Struct, frozen=True):
    """A service that whoever asks could ask a grant for."""

    site: str
    device: str
    service: str
    host: str
    port: int
    description: str


class RemoteState(msgspec.Struct, frozen=True):
    """Remote access as far as whoever asks may see it, newest first."""

    now_us: int
    door: str
    """Where the DMZ takes connections, as the folder says: HOST:PORT."""
    longest_minutes: float
    grants: tuple[SeenGrant, ...]
    sessions: tuple[SeenSession, ...]
    targets: tuple[Target, ...]


class TicketGiven(msgspec.Struct, frozen=True):
    """A secret that opens one session, once, and soon."""

    ticket: str
    """In hexadecimal."""
    lasts_s: float
    grant: Grant
    door: str


class CutDone(msgspec.Struct, frozen=True):
    """What was ended."""

    grants: tuple[str, ...]
    sessions: tuple[str, ...]


class RecordingPlace(msgspec.Struct, frozen=True):
    """Where the recording of a session is on the disk of the center."""

    path: str
    session: Session


class ReadRemote(Request[RemoteState], frozen=True):
    """Grants, sessions, and what there is to ask for."""

    answer: ClassVar[Any] = RemoteState


class AskGrant(Request[Grant], frozen=True):
    """Asks for a grant; `begin_us` 0 for at once."""

    answer: ClassVar[Any] = Grant

    site: str
    device: str
    service: str
    reason: str
    minutes: float
    begin_us: int = 0


class ApproveGrant(Request[Grant], frozen=True):
    """A second person agrees."""

    answer: ClassVar[Any] = Grant

    grant: str


class RefuseGrant(Request[Grant], frozen=True):
    """A second person does not."""

    answer: ClassVar[Any] = Grant

    grant: str
    reason: str = ""


class AskTicket(Request[TicketGiven], frozen=True):
    """A one-time ticket for one session under the own grant."""

    answer: ClassVar[Any] = TicketGiven

    grant: str


class Cut(Request[CutDone], frozen=True):
    """Ends a grant, or that of a session, with every session under it; all of them where neither is named."""

    answer: ClassVar[Any] = CutDone

    name: str = ""
    """Of a grant or a session; empty for all."""
    reason: str = ""


class CutPerson(Request[None], frozen=True):
    """A person has lost the account or a part of it: every grant of that person ends."""

    answer: ClassVar[Any] = None

    person: str


class FindRecording(Request[RecordingPlace], frozen=True):
    """Where a recording is; that it is read goes into the audit first."""

    answer: ClassVar[Any] = RecordingPlace

    session: str


AnyRemoteRequest = ReadRemote | AskGrant | ApproveGrant | RefuseGrant | AskTicket | Cut | CutPerson | FindRecording
_requests: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(AnyRemoteRequest)


class RemoteClient:
    """Asks remote access."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def ask(self, request: Request[A]) -> A:
        """The answer. Raises `UnavailableError` where none comes, and what was raised there: `RefusedError` above all."""
        return await ask(self._client, subjects.REMOTE_ASK, request, whom="the sessions of remote access")


async def answer_remote(client: Client, answer: Callable[[AnyRemoteRequest], Awaitable[object]]) -> None:
    """Answers until cancelled, side by side; `answer` gives the result or raises `TielineError`."""
    await answer_all(client, subjects.REMOTE_ASK, _requests, answer)
