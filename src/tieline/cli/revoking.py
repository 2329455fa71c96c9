"""Keeps who was revoked out of the bus servers of this process, and the list of what is revoked up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from cryptography.hazmat.primitives.serialization import Encoding
from nats.aio.client import Client

from tieline.bus import Server
from tieline.bus.pki import Answer, Ask, answer_asks, hear_revoked, tell_revoked
from tieline.model import RefusedError, TielineError, UnavailableError
from tieline.security.identity import Authority, Credentials
from tieline.security.identity.certificates import read_role_name
from tieline.security.identity.enrollment import Registrar
from tieline.security.identity.est import Operation
from tieline.security.identity.revocation import RevocationList, Revocations

LOOK_S = 1.0
KEEP_S = 3_600.0

log = structlog.get_logger()


class Generations:
    """Of which generation a role's certificate has to be. Our own role's is that of the certificate that we hold.

    So a role that was revoked keeps its own server: what it measures goes on to its own disk, until it is let in again.
    """

    def __init__(self, revocations: Revocations, own: Credentials) -> None:
        self._revocations = revocations
        self._own = own
        self._newest: RevocationList | None = None
        self._is_overdue = False

    def __call__(self, role: str) -> int:
        """The generation of a role that counts here."""
        if role == self._own.name:
            return self.own
        current = self._current()
        return 0 if current is None else current.generation(role)

    @property
    def own(self) -> int:
        """That of our own certificate."""
        try:
            return read_role_name(self._own.leaf().subject)[1]
        except (TielineError, ValueError):
            return 0

    def look(self, at: datetime) -> None:
        """Logs that the list is older than it should be, and that it is not any more."""
        current = self._current()
        is_overdue = current is not None and current.is_overdue(at)
        if is_overdue and not self._is_overdue and current is not None:
            log.error(
                "list of what is revoked is overdue, and still counts", number=current.number, due=current.next_update.isoformat()
            )
        self._is_overdue = is_overdue

    def _current(self) -> RevocationList | None:
        try:
            self._newest = self._revocations.current()
        except TielineError as error:  # damaged: the one that was there counts, until the center repeats it
            log.debug("list of what is revoked cannot be used", reason=str(error))
        return self._newest


async def keep_revoked_out(servers: Sequence[Server], generations: Generations, *, takes_leaves: bool = False) -> None:
    """Tells the servers who counts now, until cancelled; `takes_leaves` where other servers dial these."""
    own = generations.own
    while True:
        before, own = own, generations.own
        generations.look(datetime.now(UTC))
        for server in servers:
            try:
                if await server.renew_names(restarts=takes_leaves or own != before):
                    log.warning("bus server was told who is revoked", server=server.name)
            except UnavailableError as error:
                log.error("bus server cannot be told who is revoked", server=server.name, reason=str(error))
        await asyncio.sleep(LOOK_S)


async def keep_names(
    client: Client, servers: Sequence[Server], revocations: Revocations, generations: Generations, *, takes_leaves: bool = False
) -> None:
    """What a role away from the authority does about revocation, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hear_revoked(client, revocations), name="hear what is revoked")
        tasks.create_task(keep_revoked_out(servers, generations, takes_leaves=takes_leaves), name="keep out who is revoked")


async def serve_authority(client: Client, servers: Sequence[Server], authority: Authority, generations: Generations) -> None:
    """What the center does: issues to whom the DMZ sends, tells what is revoked, until cancelled."""
    registrar = Registrar(authority)
    if (authority.offline / "root.key").exists():
        log.info("the root's key is on this machine", folder=str(authority.offline), remedy="move it to a stick and lock it up")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tell_revoked(client, authority.revocations), name="tell what is revoked")
        tasks.create_task(keep_revoked_out(servers, generations), name="keep out who is revoked")
        if authority.issuer.is_here:
            tasks.create_task(
                answer_asks(client, lambda ask: asyncio.to_thread(answer_ask, registrar, ask)), name="issue certificates"
            )
            tasks.create_task(_keep_list(authority), name="keep the list of what is revoked")


async def _keep_list(authority: Authority) -> None:
    while True:
        try:
            await asyncio.to_thread(authority.issuer.keep_list)
        except TielineError as error:
            log.error("list of what is revoked is not made anew", reason=str(error))
        await asyncio.sleep(KEEP_S)


def answer_ask(registrar: Registrar, ask: Ask) -> Answer:
    """What the registrar says to a client of EST, as a status of HTTP."""
    try:
        match ask.operation:
            case Operation.AUTHORITIES:
                found = registrar.certificates()
            case Operation.ENROLL:
                found = [registrar.enroll(ask.csr, ask.user, ask.password)]
            case Operation.REENROLL:
                found = [registrar.reenroll(ask.csr, ask.certificate)]
            case Operation.ATTRIBUTES:
                return Answer(404, "nobody needs to be asked for that")
    except RefusedError as error:
        log.warning("no certificate issued", operation=ask.operation, user=ask.user, reason=str(error))
        return Answer(401 if ask.operation is Operation.ENROLL else 403, str(error))
    except TielineError as error:
        log.error("no certificate issued", operation=ask.operation, user=ask.user, reason=str(error))
        return Answer(503, str(error))
    return Answer(200, certificates=tuple(one.public_bytes(Encoding.DER) for one in found))
