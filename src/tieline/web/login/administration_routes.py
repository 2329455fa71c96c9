"""Accounts as security administrators see and change them: `/api/accounts`."""

from __future__ import annotations

import dataclasses
from functools import partial

import structlog
from fastapi import APIRouter

from tieline.bus.scada import Revoke, ScadaClient
from tieline.model import TielineError
from tieline.security.identity.accounts import Accounts, Identity, OneTimeSecret
from tieline.web.login.bodies import AccountBody, AccountsBody, LockAsked, SecretBody
from tieline.web.login.hashing import Hashing
from tieline.web.login.routes import ERRORS, Who
from tieline.web.times import iso

log = structlog.get_logger()


def administration_router(accounts: Accounts, hashing: Hashing, scada: ScadaClient | None) -> APIRouter:
    """Lists, creates, resets, locks, unlocks and removes; control is told who has lost the right to operate."""
    router = APIRouter(prefix="/api/accounts", responses=ERRORS, tags=["accounts"])
    administration = accounts.administration

    @router.get("", summary="Every person with the state of the account")
    async def states(who: Who) -> AccountsBody:
        found = [AccountBody(**dataclasses.asdict(state)) for state in administration.states(who)]
        return AccountsBody(accounts=found, may_change=who.has_role("security_administrator"))

    @router.post("/{name}", summary="Create an account; the one-time secret is shown once", status_code=201)
    async def create(name: str, who: Who) -> SecretBody:
        return _secret(await hashing.run(partial(administration.create, who, name)))

    @router.post("/{name}/reset", summary="A new one-time secret; second factors, sessions and tokens end")
    async def reset(name: str, who: Who) -> SecretBody:
        given = await hashing.run(partial(administration.reset, who, name))
        await _revoke(scada, who, name)
        return _secret(given)

    @router.post("/{name}/lock", summary="Lock an account", status_code=204)
    async def lock(name: str, asked: LockAsked, who: Who) -> None:
        administration.lock(who, name, asked.reason)
        await _revoke(scada, who, name)

    @router.post("/{name}/unlock", summary="Unlock an account", status_code=204)
    async def unlock(name: str, who: Who) -> None:
        administration.unlock(who, name)

    @router.delete("/{name}", summary="Remove an account", status_code=204)
    async def remove(name: str, who: Who) -> None:
        administration.remove(who, name)
        await _revoke(scada, who, name)

    return router


async def _revoke(scada: ScadaClient | None, who: Identity, name: str) -> None:
    """The account is as it shall be, whatever becomes of this: without control nothing is led either."""
    if scada is not None:
        try:
            await scada.ask(Revoke(who=who, person=name))
        except TielineError as error:
            log.error("control does not know who has lost the right to operate", person=name, reason=str(error))


def _secret(given: OneTimeSecret) -> SecretBody:
    return SecretBody(name=given.name, secret=given.secret, expires=iso(given.expires_us))
