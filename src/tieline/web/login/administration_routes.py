"""Accounts as security administrators see and change them: `/api/accounts`."""

from __future__ import annotations

import dataclasses
from functools import partial

import structlog
from fastapi import APIRouter

from tieline.bus.remote import CutPerson, RemoteClient
from tieline.bus.scada import Revoke, ScadaClient
from tieline.model import TielineError
from tieline.security.authority import Right, may
from tieline.security.identity.accounts import Accounts, AccountState, Identity, OneTimeSecret
from tieline.web.login.bodies import AccountBody, AccountsBody, LockAsked, SecretBody
from tieline.web.login.hashing import Hashing
from tieline.web.login.routes import ERRORS, Who
from tieline.web.times import iso

log = structlog.get_logger()


def administration_router(
    accounts: Accounts, hashing: Hashing, scada: ScadaClient | None, remote: RemoteClient | None
) -> APIRouter:
    """Lists, creates, resets, locks, unlocks and removes; control and remote access are told who has lost their rights."""
    router = APIRouter(prefix="/api/accounts", responses=ERRORS, tags=["accounts"])
    administration = accounts.administration

    @router.get("", summary="Every person with the state of the account")
    async def states(who: Who) -> AccountsBody:
        found = [_account(state) for state in administration.states(who)]
        return AccountsBody(accounts=found, may_change=may(who, Right.MANAGE_ACCOUNTS))

    @router.post("/{name}", summary="Create an account; the one-time secret is shown once", status_code=201)
    async def create(name: str, who: Who) -> SecretBody:
        return _secret(await hashing.run(partial(administration.create, who, name)))

    @router.post("/{name}/reset", summary="A new one-time secret; second factors, sessions and tokens end")
    async def reset(name: str, who: Who) -> SecretBody:
        given = await hashing.run(partial(administration.reset, who, name))
        await _revoke(scada, remote, who, name)
        return _secret(given)

    @router.post("/{name}/reset-factors", summary="Take the second factors away; sessions end", status_code=204)
    async def reset_factors(name: str, who: Who) -> None:
        administration.reset_factors(who, name)
        await _revoke(scada, remote, who, name)

    @router.post("/{name}/end-sessions", summary="End every session", status_code=204)
    async def end_sessions(name: str, who: Who) -> None:
        administration.end_sessions(who, name)
        await _revoke(scada, remote, who, name)

    @router.post("/{name}/revoke-tokens", summary="Revoke every API token", status_code=204)
    async def revoke_tokens(name: str, who: Who) -> None:
        administration.revoke_tokens(who, name)
        await _cut(remote, who, name)

    @router.post("/{name}/lock", summary="Lock an account", status_code=204)
    async def lock(name: str, asked: LockAsked, who: Who) -> None:
        administration.lock(who, name, asked.reason)
        await _revoke(scada, remote, who, name)

    @router.post("/{name}/unlock", summary="Unlock an account", status_code=204)
    async def unlock(name: str, who: Who) -> None:
        administration.unlock(who, name)

    @router.delete("/{name}", summary="Remove an account", status_code=204)
    async def remove(name: str, who: Who) -> None:
        administration.remove(who, name)
        await _revoke(scada, remote, who, name)

    return router


async def _cut(remote: RemoteClient | None, who: Identity, name: str) -> None:
    """The same of remote access: what does not run has no sessions."""
    if remote is not None:
        try:
            await remote.ask(CutPerson(who=who, person=name))
        except TielineError as error:
            log.error("remote access does not know who has lost the right to it", person=name, reason=str(error))


async def _revoke(scada: ScadaClient | None, remote: RemoteClient | None, who: Identity, name: str) -> None:
    """The account is as it shall be, whatever becomes of this: without control nothing is led either."""
    await _cut(remote, who, name)
    if scada is not None:
        try:
            await scada.ask(Revoke(who=who, person=name))
        except TielineError as error:
            log.error("control does not know who has lost the right to operate", person=name, reason=str(error))


def _account(state: AccountState) -> AccountBody:
    plain = dataclasses.asdict(state)
    login_us, address = plain.pop("login_us"), plain.pop("login_address")
    return AccountBody(**plain, last_login=None if login_us is None else iso(login_us), last_address=address)


def _secret(given: OneTimeSecret) -> SecretBody:
    return SecretBody(name=given.name, secret=given.secret, expires=iso(given.expires_us))
