"""Remote access as the screens find it at the center: grants, tickets, cutting, and what there is to see."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import assert_never

import msgspec
import structlog
from nats.aio.client import Client

from tieline.bus import remote
from tieline.config import Utility
from tieline.io import Clock
from tieline.model import Now, RefusedError, TielineError
from tieline.scada.remote.files import recording_file
from tieline.scada.remote.ledger import Detail, Ledger, about
from tieline.scada.remote.sessions import Sessions
from tieline.scada.remote.store import RemoteStore
from tieline.security.audit import AuditLog
from tieline.security.authority import Right, may
from tieline.security.identity.accounts.identity import Identity
from tieline.security.identity.signing import Signer
from tieline.security.remote import frames
from tieline.security.remote.desk import RemoteDesk
from tieline.security.remote.records import Grant, Session, SessionState

TICK_S = 0.5
CARE_S = 3_600.0
A_DAY_US = 86_400_000_000

log = structlog.get_logger()


class RemoteService:
    """The center's end. `run` it."""

    def __init__(
        self,
        utility: Utility,
        client: Client,
        signer: Signer,
        *,
        audit: AuditLog,
        store: RemoteStore,
        folder: Path,
        door: str,
        clock: Clock,
        new_id: Callable[[], str] = lambda: secrets.token_hex(6),
    ) -> None:
        """`folder` is for the recordings; `door` is where the DMZ takes connections, HOST:PORT."""
        self._utility = utility
        self._client = client
        self._folder = folder
        self._door = door
        self._clock = clock
        self._desk = RemoteDesk(
            utility.remote,
            {site.name: site.remote for site in utility.sites},
            grants=store.grants(),
            sessions=store.sessions(),
            new_id=new_id,
        )
        self._store = store
        self._ledger = Ledger(self._desk, audit, store)
        self._sessions = Sessions(utility, client, signer, self._ledger, folder=folder, clock=clock)

    async def run(self) -> None:
        """Serves until cancelled; sessions that run then end."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sessions.run(), name="sessions")
            tasks.create_task(remote.answer_remote(self._client, self.answer), name="answer screens")
            tasks.create_task(self._tick(), name="end grants")
            tasks.create_task(self._care(), name="care for recordings")

    async def answer(self, request: remote.AnyRemoteRequest) -> object:
        """What was asked for. Raises `TielineError`: `RefusedError` above all."""
        who = request.who
        if who is None:
            raise RefusedError("nobody is logged in, and nobody gets remote access without a name")
        desk, ledger, now_us = self._desk, self._ledger, self._clock.now_us()
        match request:
            case remote.ReadRemote():
                return self._state(who)
            case remote.AskGrant(site=site, device=device, service=service):
                ask = partial(desk.ask, who, site, device, service, request.reason, request.begin_us, request.minutes, now_us)
                return await ledger.decide(who, "remote_ask", f"{site}/{device}/{service}", ask)
            case remote.ApproveGrant(grant=grant):
                return await ledger.decide(who, "remote_approve", grant, partial(desk.approve, who, grant, now_us))
            case remote.RefuseGrant(grant=grant):
                refuse = partial(desk.refuse, who, grant, request.reason, now_us)
                return await ledger.decide(who, "remote_refuse", grant, refuse)
            case remote.AskTicket(grant=grant):
                return await self._ticket(who, grant)
            case remote.Cut():
                return await self._cut(who, request.name, request.reason)
            case remote.CutPerson(person=person):
                await self._cut_person(who, person)
                return None
            case remote.FindRecording(session=session):
                return await self._find_recording(who, session)
            case _:
                assert_never(request)

    def _state(self, who: Identity) -> remote.RemoteState:
        desk, now_us = self._desk, self._clock.now_us()
        grants = [each for each in desk.grants.values() if desk.may_see(who, each)]
        sessions = [self._counted(each) for each in desk.sessions.values() if desk.may_see(who, each)]
        return remote.RemoteState(
            now_us=now_us,
            door=self._door,
            longest_minutes=self._utility.remote.longest_hours * 60,
            grants=tuple(
                remote.SeenGrant(
                    each,
                    may_approve=desk.may_approve(who, each),
                    may_cut=desk.is_alive(each) and desk.may_cut(who, each),
                    may_use=each.person == who.person and each.is_usable(now_us),
                )
                for each in reversed(grants)
            ),
            sessions=tuple(
                remote.SeenSession(each, may_cut=each.state is not SessionState.CLOSED and desk.may_cut(who, each))
                for each in reversed(sessions)
            ),
            targets=tuple(
                remote.Target(site.name, each.device, each.name, each.host, each.port, each.description)
                for site in self._utility.sites
                if site.remote.allowed and may(who, Right.ASK_REMOTE, site.name)
                for each in site.remote.services
            ),
        )

    def _counted(self, session: Session) -> Session:
        up_bytes, down_bytes = self._sessions.counted(session)
        return msgspec.structs.replace(session, up_bytes=up_bytes, down_bytes=down_bytes)

    async def _ticket(self, who: Identity, name: str) -> remote.TicketGiven:
        ledger = self._ledger
        async with ledger.turn:
            secret = secrets.token_bytes(frames.TICKET_BYTES)
            detail: Detail = {"grant": name, "session": who.session, "address": who.address}
            try:
                ticket = self._desk.ticket(who, name, secret, Now(self._clock.monotonic(), self._clock.now_us()))
            except RefusedError as error:
                await ledger.record(who.person, "remote_ticket", name, detail | {"reason": str(error)}, "refused")
                raise
            grant = self._desk.grant(name)
            await ledger.record(who.person, "remote_ticket", grant.target, detail, "issued")
            self._desk.issue(ticket)
            return remote.TicketGiven(secret.hex(), self._utility.remote.ticket_s, grant, self._door)

    async def _cut(self, who: Identity, name: str, reason: str) -> remote.CutDone:
        words = f"cut by {who.person}" + (f": {reason}" if reason else "")
        desk, now_us = self._desk, self._clock.now_us()
        async with self._ledger.soon():
            try:
                if name:
                    session = desk.sessions.get(name)
                    ended = [desk.withdraw(who, name if session is None else session.grant, words, now_us)]
                else:
                    ended = desk.withdraw_all(who, words, now_us)
            except RefusedError as error:
                await self._ledger.record_end(who.person, "remote_cut", name or "all", {"reason": str(error)}, "refused")
                raise
            return await self._end(who.person, "remote_cut", ended, who.session)

    async def _cut_person(self, who: Identity, person: str) -> None:
        if who.person != person and not may(who, Right.MANAGE_ACCOUNTS):
            raise RefusedError(f"{who.person} may not end the remote access of {person}")
        words = f"the account of {person} was changed by {who.person}"
        async with self._ledger.soon():
            await self._end(who.person, "remote_cut", self._desk.end_of_person(person, words, self._clock.now_us()), who.session)

    async def _end(self, actor: str, action: str, ended: list[Grant], browser: str = "") -> remote.CutDone:
        """Grants end, and their sessions with them: also where neither audit nor store can be written."""
        names: list[str] = []
        for grant in ended:
            sessions = [each.id for each in self._desk.sessions_of(grant.id)]
            detail = about(grant) | {"sessions": ", ".join(sessions), "session": browser}
            await self._ledger.record_end(actor, action, grant.target, detail, str(grant.state))
            self._desk.put(grant)
            for session in sessions:
                self._sessions.cut(session, grant.words)
            names += sessions
        for grant in ended:
            await self._ledger.keep_end(grant)
        return remote.CutDone(tuple(grant.id for grant in ended), tuple(names))

    async def _find_recording(self, who: Identity, name: str) -> remote.RecordingPlace:
        record = partial(self._ledger.record, who.person, "remote_read_recording")
        session = self._desk.sessions.get(name) or await asyncio.to_thread(self._store.session, name)
        words = ""
        if not may(who, Right.REVIEW_REMOTE):
            words = f"{who.person} may not read recordings of remote access"
        elif session is None:
            words = f"there is no session {name}"
        elif session.state is not SessionState.CLOSED:
            words = f"the session {name} has not ended yet"
        if words or session is None:
            await record(name, {"reason": words, "session": who.session}, "refused")
            raise RefusedError(words)
        await record(session.target, {"id": name, "session": who.session}, "read")
        return remote.RecordingPlace(str(recording_file(self._folder, name)), session)

    async def _tick(self) -> None:
        """Ends grants whose time is over."""
        while True:
            self._desk.forget_tickets(Now(self._clock.monotonic(), self._clock.now_us()))
            if self._desk.over(self._clock.now_us()):
                async with self._ledger.soon():
                    await self._end("tieline", "remote_end", self._desk.over(self._clock.now_us()))
            await asyncio.sleep(TICK_S)

    async def _care(self) -> None:
        """Deletes recordings that are kept long enough."""
        while True:
            try:
                before = self._clock.now_us() - self._utility.remote.keep_days * A_DAY_US
                for name in await asyncio.to_thread(self._store.older_than, before):
                    await self._ledger.record("tieline", "remote_delete_recording", name, {}, "deleted")
                    recording_file(self._folder, name).unlink(missing_ok=True)
                    await asyncio.to_thread(self._store.forget, name)
            except (TielineError, OSError) as error:
                log.error("old recordings not deleted", reason=str(error))
            await asyncio.sleep(CARE_S)
