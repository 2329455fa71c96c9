"""Accounts as a security administrator sees them. Roles are not given here: they are in the utility folder."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.model import ConfigError
from tieline.security.authority import Right, may
from tieline.security.identity.accounts.errors import NotPermittedError, WeakPasswordError
from tieline.security.identity.accounts.factors import Factors
from tieline.security.identity.accounts.identity import Identity
from tieline.security.identity.accounts.parts import Parts
from tieline.security.identity.accounts.passwords import problems_of
from tieline.security.identity.accounts.secret_values import one_time_secret
from tieline.security.identity.accounts.throttle import OF_PERSONS, Key

FIRST_SECRET_LIFE_US = 60 * 60_000_000
SECRET_LIFE_US = 72 * 3_600_000_000
TOTP_STEP_BEFORE_ANY = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeSecret:
    """A password for one login, which has to be changed there."""

    name: str
    secret: str
    expires_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What an administrator sees of a person."""

    name: str
    roles: tuple[str, ...]
    areas: tuple[str, ...]
    is_in_folder: bool
    has_account: bool
    awaits_first_login: bool
    """There is a one-time secret that was not used yet."""
    locked: str | None
    waits_s: float
    """For how long the account is made to wait after failures."""
    has_app: bool
    security_keys: int
    recovery_codes: int
    sessions: int
    tokens: int
    login_us: int | None
    """When the person logged in last; None for never."""
    login_address: str
    failures: int
    """Passwords that were refused since then."""


class Administration:
    """Creates, locks, unlocks and resets. What makes secrets hashes them: call it in a thread. Safe to use from several."""

    def __init__(self, parts: Parts, factors: Factors) -> None:
        self._parts = parts
        self._factors = factors

    def first_administrator(self) -> OneTimeSecret | None:
        """A one-time secret for the first administrator of the folder, for the console; None once an administrator has logged in.

        Each call gives a new one in place of that before. Raises `ConfigError` where nobody has the role.
        """
        parts = self._parts
        names = [person.name for person in parts.people.values() if "security_administrator" in person.roles]
        if not names:
            raise ConfigError(
                'nobody can create accounts: give a person in utility.toml the role "security_administrator" ([[people]], roles)'
            )
        with parts.lock:
            held = [account for name in names if (account := parts.records.account(name)) is not None]
            if any(not account.must_change for account in held):
                return None
        return self.from_console(names[0], life_us=FIRST_SECRET_LIFE_US)

    def from_console(self, name: str, *, life_us: int = SECRET_LIFE_US) -> OneTimeSecret:
        """A one-time secret for a person of the folder, for whoever may write the file of the accounts, as `create` and `reset` give.

        A lock ends by that: it is the way out where no administrator is left who could unlock. Raises `ConfigError` where the folder
        has no such person.
        """
        self._check_person(name)
        with self._parts.lock:
            action = "account_created" if self._parts.records.account(name) is None else "account_reset"
        given = self._give_secret("tieline", name, action, life_us, {"way": "console"})
        self._unlock_from_console(name)
        return given

    def prepare(self, name: str, password: str, *, totp_secret: bytes | None = None) -> None:
        """An account that can be used at once, for demonstrations and tests; one that is there already is left alone.

        Raises `ConfigError` where the folder has no such person, `WeakPasswordError`.
        """
        parts = self._parts
        self._check_person(name)
        if problems := problems_of(password, name):
            raise WeakPasswordError(problems)
        with parts.lock:
            if parts.records.account(name) is not None:
                return
        hashed = parts.hasher.hash(password)
        with parts.lock:
            now = parts.now()
            parts.record(actor="tieline", action="account_created", target=name, detail={"way": "prepared"}, outcome="done")
            parts.records.ensure(name, now.utc_us)
            parts.records.set_password(name, hashed, now.utc_us)
            if totp_secret is not None:
                parts.records.set_totp(name, totp_secret, TOTP_STEP_BEFORE_ANY)

    def states(self, by: Identity) -> list[AccountState]:
        """Every person of the folder, and accounts that are left over. Raises `NotPermittedError`; auditors may look too."""
        if not may(by, Right.REVIEW_ACCOUNTS):
            raise NotPermittedError("accounts are shown to security administrators and security auditors only")
        parts = self._parts
        with parts.lock:
            leftover = [one.name for one in parts.records.accounts() if one.name not in parts.people]
            return [self._state(name) for name in (*parts.people, *leftover)]

    def create(self, by: Identity, name: str) -> OneTimeSecret:
        """An account for a person of the folder, with a one-time secret. Raises `NotPermittedError`."""
        parts = self._parts
        with parts.lock:
            self._check(by, name)
            if name not in parts.people:
                raise NotPermittedError(f"there is no person {name!r} in utility.toml; who may log in is decided there")
            if parts.records.account(name) is not None:
                raise NotPermittedError(f"{name} has an account already; reset it for a new one-time secret")
        return self._give_secret(by.person, name, "account_created", SECRET_LIFE_US, _at(by))

    def reset(self, by: Identity, name: str) -> OneTimeSecret:
        """A new one-time secret; second factors are set up anew, sessions and tokens end. Raises `NotPermittedError`."""
        with self._parts.lock:
            self._check(by, name)
            self._check_has_account(name)
        return self._give_secret(by.person, name, "account_reset", SECRET_LIFE_US, _at(by))

    def reset_factors(self, by: Identity, name: str) -> None:
        """No second factor any more, for who has lost it; the password stays, sessions end. Raises `NotPermittedError`."""
        parts = self._parts
        with parts.lock:
            self._begin(by, name, "factors_reset")
            parts.records.forget_factors(name)
            parts.sessions.end_all_of(name)
            parts.tokens.end_control_of(name)

    def end_sessions(self, by: Identity, name: str) -> None:
        """Ends every session; the person can log in again. Raises `NotPermittedError`."""
        with self._parts.lock:
            self._begin(by, name, "sessions_ended")
            self._parts.sessions.end_all_of(name)

    def revoke_tokens(self, by: Identity, name: str) -> None:
        """Ends every API token. Raises `NotPermittedError`."""
        with self._parts.lock:
            self._begin(by, name, "tokens_revoked")
            self._parts.tokens.revoke_all_of(name)

    def lock(self, by: Identity, name: str, reason: str) -> None:
        """Nobody uses the account until it is unlocked; its sessions and tokens end. Raises `NotPermittedError`."""
        parts = self._parts
        with parts.lock:
            self._check(by, name)
            if name not in parts.people:
                self._check_has_account(name)
            parts.record(
                actor=by.person, action="account_locked", target=name, detail=_at(by) | {"reason": reason}, outcome="done"
            )
            parts.records.ensure(name, parts.now().utc_us)
            parts.records.lock(name, reason)
            self._end_all(name)

    def unlock(self, by: Identity, name: str) -> None:
        """The account can be used again, without waiting for what failed before. Raises `NotPermittedError`."""
        parts = self._parts
        with parts.lock:
            self._begin(by, name, "account_unlocked")
            parts.records.lock(name, None)
            parts.throttle.forget(name)

    def remove(self, by: Identity, name: str) -> None:
        """Removes the account with its second factors, sessions and tokens. Raises `NotPermittedError`."""
        with self._parts.lock:
            self._begin(by, name, "account_removed")
            self._parts.records.remove(name)

    def _begin(self, by: Identity, name: str, action: str) -> None:
        """May it be done, and is there an account: then it is recorded."""
        self._check(by, name)
        self._check_has_account(name)
        self._parts.record(actor=by.person, action=action, target=name, detail=_at(by), outcome="done")

    def _unlock_from_console(self, name: str) -> None:
        parts = self._parts
        with parts.lock:
            account = parts.records.account(name)
            if account is None or account.locked is None:
                return
            parts.record(actor="tieline", action="account_unlocked", target=name, detail={"way": "console"}, outcome="done")
            parts.records.lock(name, None)

    def _check_person(self, name: str) -> None:
        people = self._parts.people
        if name not in people:
            raise ConfigError(f"there is no person {name!r} in utility.toml; it has {', '.join(people) or 'nobody'}")

    def _check(self, by: Identity, name: str) -> None:
        if not may(by, Right.MANAGE_ACCOUNTS):
            raise NotPermittedError("accounts are administered by security administrators only")
        if by.is_token:
            raise NotPermittedError("accounts are administered in a session, not with an API token")
        if not by.has_second_factor:
            raise NotPermittedError("show your second factor first")
        if by.person == name:
            raise NotPermittedError("nobody administers the own account; ask another security administrator")

    def _check_has_account(self, name: str) -> None:
        if self._parts.records.account(name) is None:
            raise NotPermittedError(f"there is no account {name!r}")

    def _give_secret(self, by: str, name: str, action: str, life_us: int, detail: dict[str, object]) -> OneTimeSecret:
        parts = self._parts
        secret = one_time_secret()
        hashed = parts.hasher.hash(secret)
        with parts.lock:
            utc_us = parts.now().utc_us
            given = OneTimeSecret(name=name, secret=secret, expires_us=utc_us + life_us)
            parts.record(actor=by, action=action, target=name, detail=detail, outcome="done")
            parts.records.ensure(name, utc_us)
            parts.records.set_password(
                name, hashed, utc_us, expires_us=given.expires_us, keep_former=parts.settings.password_history
            )
            parts.records.forget_factors(name)
            self._end_all(name)
            parts.throttle.forget(name)
        return given

    def _end_all(self, name: str) -> None:
        self._parts.sessions.end_all_of(name)
        self._parts.tokens.revoke_all_of(name)
        self._parts.records.forget_devices(name)

    def _state(self, name: str) -> AccountState:
        parts, now = self._parts, self._parts.now()
        person, account = parts.people.get(name), parts.records.account(name)
        held = self._factors.held(name)
        return AccountState(
            name=name,
            roles=tuple(person.roles) if person else (),
            areas=tuple(person.areas) if person else (),
            is_in_folder=person is not None,
            has_account=account is not None,
            awaits_first_login=account is not None and account.must_change,
            locked=None if account is None else account.locked,
            waits_s=max(parts.throttle.wait_s(Key(kind, name), now.monotonic_s) for kind in OF_PERSONS),
            has_app=held.has_app,
            security_keys=len(held.keys),
            recovery_codes=held.recovery_codes,
            sessions=len(parts.sessions.of(name, now)),
            tokens=len(parts.tokens.of(name, now)),
            login_us=None if account is None else account.last.time_us,
            login_address="" if account is None else account.last.address,
            failures=0 if account is None else account.last.failures,
        )


def _at(by: Identity) -> dict[str, object]:
    return {"address": by.address, "session": by.session}
