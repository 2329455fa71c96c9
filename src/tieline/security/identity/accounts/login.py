"""Logging in and out: a name and a password, or what a provider vouches for; then a second factor, where one is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from tieline.config.fields import Role
from tieline.config.people import PersonSection
from tieline.model import Now
from tieline.security.identity.accounts.errors import (
    LoginRefusedError,
    NotPermittedError,
    TooManyFailuresError,
    WeakPasswordError,
)
from tieline.security.identity.accounts.factors import Factors
from tieline.security.identity.accounts.identity import Identity
from tieline.security.identity.accounts.parts import Parts
from tieline.security.identity.accounts.passwords import problems_of
from tieline.security.identity.accounts.records import Account, Logins
from tieline.security.identity.accounts.secret_values import hash_of, new_value
from tieline.security.identity.accounts.sessions import Session, Stage
from tieline.security.identity.accounts.throttle import Key, network_of

WRONG = "the name or the password is wrong"
LONGEST_NAME = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a browser gets when a session begins or goes a step further."""

    session: Session
    value: str
    """For the session's cookie."""
    device: str | None = None
    """For the cookie by which the browser is known again; None where it has it."""


class Login:
    """Proves who people are. What hashes passwords takes a tenth of a second: call it in a thread. Safe to use from several."""

    def __init__(self, parts: Parts, factors: Factors) -> None:
        self._parts = parts
        self._factors = factors

    def by_password(self, name: str, password: str, *, address: str, device: str = "") -> Entry:
        """Begins a session. Raises `LoginRefusedError`, for unknown names after the same work as for others.

        `device` is the value by which the browser is known from an earlier login; it spares its owner the failures of others.
        """
        parts = self._parts
        name = name.strip().lower()[:LONGEST_NAME]
        with parts.lock:
            is_person = name in parts.people
            is_known = is_person and bool(device) and parts.records.is_device_of(name, hash_of(device))
            keys = [Key("device", hash_of(device))] if is_known else [Key("account", name), Key("address", network_of(address))]
            unseen = self._begin(keys)
            account = parts.records.account(name) if is_person else None
        hashed = None if account is None else account.password
        is_right = parts.hasher.is_right(password, hashed)
        renewed = parts.hasher.hash(password) if is_right and hashed is not None and parts.hasher.is_outdated(hashed) else None
        with parts.lock:
            now = parts.now()
            account = parts.records.account(name) if is_right else None
            if account is None or account.password != hashed:
                self._refuse_password(name, address, keys, unseen)
            self._check_usable(account, address, now)
            session, value = self._enter(account, address, "password", now)
            parts.throttle.succeed(keys)
            if renewed is not None:
                parts.records.renew_hash(name, renewed)
            given = None if is_known else new_value()
            parts.records.note_device(name, hash_of(given or device), now.utc_us)
            return Entry(session=session, value=value, device=given)

    def by_provider(self, name: str, *, address: str, provider: str) -> Entry:
        """Begins a session for a person that a provider vouches for. Raises `LoginRefusedError` where nobody here is called so."""
        parts = self._parts
        with parts.lock:
            now = parts.now()
            if name not in parts.people:
                parts.record(
                    actor="nobody",
                    action="login",
                    outcome="refused",
                    detail={"address": address, "way": "provider", "provider": provider, "reason": "not a person of the folder"},
                )
                raise LoginRefusedError("the provider knows you, but the utility folder has no person of that name")
            parts.records.ensure(name, now.utc_us)
            account = parts.records.drop_one_time_secret(name)
            self._check_usable(account, address, now)
            session, value = self._enter(account, address, "provider", now)
            return Entry(session=session, value=value)

    def before(self, person: str) -> Logins | None:
        """The login before the last one, with what failed after it; None where there was none."""
        parts = self._parts
        with parts.lock:
            account = parts.records.account(person)
        return None if account is None or account.before.time_us is None else account.before

    def find(self, value: str) -> Session | None:
        """The session that a browser shows the value of, half-way ones too; None where it does not live."""
        parts = self._parts
        with parts.lock:
            session = parts.sessions.find(value, parts.now())
            return session if session is not None and self._is_welcome(session.person) else None

    def identity(self, session: Session, address: str) -> Identity | None:
        """Who that is; None while the login is not complete."""
        if session.stage != "full":
            return None
        person = self._parts.people[session.person]
        return self._identity(person, frozenset(person.roles), session.name, session.controls_for_s, address, is_token=False)

    def token_identity(self, value: str, address: str) -> Identity | None:
        """Who shows this API token; None where it is not good."""
        parts = self._parts
        with parts.lock:
            token = parts.tokens.find(value, parts.now())
            if token is None or not self._is_welcome(token.person):
                return None
        person = parts.people[token.person]
        roles = frozenset(role for role in person.roles if role in token.roles)
        return self._identity(person, roles, token.name, token.controls_for_s, address, is_token=True)

    def lives(self, identity: Identity) -> bool:
        """Whether the session or token still does; for connections that outlast a request."""
        parts = self._parts
        with parts.lock:
            now = parts.now()
            if not self._is_welcome(identity.person):
                return False
            if identity.is_token:
                return parts.tokens.named(identity.session, now) is not None
            session = parts.sessions.named(identity.session, now)
            return session is not None and session.stage == "full"

    def touch(self, session: Session) -> None:
        """The person did something."""
        parts = self._parts
        with parts.lock:
            parts.sessions.touch(session.name, parts.now())

    def show_code(self, session: Session, code: str, *, address: str) -> Entry:
        """A code of an app, or a recovery code: goes on with the login, or permits control. Raises `LoginRefusedError`."""
        with self._parts.lock:
            self._factors.check_code(session.person, code, address=address)
            return self._advance(session, has_factor=True)

    def show_key(self, session: Session, answer: dict[str, object], *, address: str) -> Entry:
        """The same with a security key's answer to `Factors.ask_key`."""
        with self._parts.lock:
            self._factors.check_key(session, answer, address=address)
            return self._advance(session, has_factor=True)

    def show_code_with_token(self, identity: Identity, code: str) -> None:
        """A code permits control to who shows an API token. Raises `LoginRefusedError`."""
        parts = self._parts
        with parts.lock:
            self._factors.check_code(identity.person, code, address=identity.address, is_token=True)
            parts.tokens.permit_control(identity.session, parts.now())

    def set_up(self, session: Session) -> Entry:
        """Goes on after a second factor was set up, which was proven by that."""
        with self._parts.lock:
            return self._advance(session, has_factor=True)

    def change_password(self, session: Session, old: str, new: str, *, address: str) -> Entry:
        """Changes the password; every other session of the person ends.

        Raises `LoginRefusedError` where the old one is wrong, `WeakPasswordError` with every rule that the new one breaks.
        """
        parts = self._parts
        name = session.person
        keys = [Key("password", name)]
        with parts.lock:
            if session.stage not in {"full", "change_password"}:
                raise NotPermittedError("log in completely before you change the password")
            unseen = self._begin(keys)
            account = parts.records.account(name)
            former = parts.records.former_passwords(name)
        hashed = None if account is None else account.password
        if not parts.hasher.is_right(old, hashed) or hashed is None:
            with parts.lock:
                self._record_failure(name, "password_change", address, "wrong password", keys, unseen)
            raise LoginRefusedError("the password so far is wrong")
        with parts.lock:
            parts.throttle.succeed(keys)
        problems = problems_of(new, name)
        if not problems and parts.hasher.is_any_of(new, [hashed, *former] if parts.settings.password_history else [hashed]):
            problems = ["the password was used before; choose another"]
        if problems:
            raise WeakPasswordError(problems)
        made = parts.hasher.hash(new)
        with parts.lock:
            now = parts.now()
            held = parts.records.account(name)
            if held is None or held.password != hashed or parts.sessions.named(session.name, now) is None:
                raise LoginRefusedError("the account changed meanwhile; log in again")
            parts.record(actor=name, action="password_changed", target=name, outcome="done", detail={"address": address})
            parts.records.set_password(name, made, now.utc_us, keep_former=parts.settings.password_history)
            parts.sessions.end_all_of(name, but=session.name)
            return self._advance(session, has_factor=False)

    def out(self, session: Session, *, address: str) -> None:
        """Ends the session."""
        parts = self._parts
        with parts.lock:
            parts.record(
                actor=session.person, action="logout", target=session.person, detail=_at(address, session), outcome="done"
            )
            parts.sessions.end(session.name)

    def out_everywhere(self, session: Session, *, address: str) -> None:
        """Ends every session and API token of the person, and forgets the browsers that were known."""
        parts, person = self._parts, session.person
        with parts.lock:
            parts.record(actor=person, action="logout_everywhere", target=person, detail=_at(address, session), outcome="done")
            parts.sessions.end_all_of(person)
            parts.tokens.revoke_all_of(person)
            parts.records.forget_devices(person)

    def _begin(self, keys: Sequence[Key]) -> int:
        """Counts an attempt, or raises; how many were refused before."""
        throttle = self._parts.throttle
        if wait_s := throttle.begin(keys, self._parts.now().monotonic_s):
            raise TooManyFailuresError(wait_s)
        return throttle.take_unseen(keys)

    def _refuse_password(self, name: str, address: str, keys: Sequence[Key], unseen: int) -> NoReturn:
        reason = "wrong password" if name in self._parts.people and self._parts.records.account(name) else "unknown name"
        self._record_failure(name, "login", address, reason, keys, unseen)
        if name in self._parts.people:
            self._parts.records.note_failure(name)
        raise LoginRefusedError(WRONG)

    def _record_failure(self, name: str, action: str, address: str, reason: str, keys: Sequence[Key], unseen: int) -> None:
        """What was typed as a name is recorded only where it is one: it may be a password."""
        parts = self._parts
        now = parts.now()
        who = name if name in parts.people else "nobody"
        wait_s = max(parts.throttle.wait_s(key, now.monotonic_s) for key in keys)
        parts.record(
            actor=who,
            action=action,
            target=who,
            outcome="refused",
            detail={
                "address": address,
                "reason": reason,
                "failures": max(parts.throttle.failures(key) for key in keys),
                "waits_s": round(wait_s, 1),
                "refused_before": unseen,
            },
        )

    def _check_usable(self, account: Account, address: str, now: Now) -> None:
        """For who has proven to be the account's owner: says why it cannot be used."""
        if account.locked is not None:
            reason = "the account is locked; ask a security administrator"
        elif account.must_change and account.expires_us is not None and now.utc_us >= account.expires_us:
            reason = "the one-time secret has expired; ask for another"
        else:
            return
        self._parts.record(
            actor=account.name,
            action="login",
            target=account.name,
            outcome="refused",
            detail={"address": address, "reason": reason},
        )
        raise LoginRefusedError(reason)

    def _enter(self, account: Account, address: str, way: str, now: Now) -> tuple[Session, str]:
        stage = self._stage(account, has_factor=False)
        self._parts.record(
            actor=account.name,
            action="login",
            target=account.name,
            outcome="done",
            detail={"address": address, "way": way, "next": "" if stage == "full" else stage},
        )
        self._parts.records.note_login(account.name, address, now.utc_us)
        return self._parts.sessions.begin(account.name, stage, address, now)

    def _advance(self, session: Session, *, has_factor: bool) -> Entry:
        parts = self._parts
        now = parts.now()
        account = parts.records.account(session.person)
        if account is None or parts.sessions.named(session.name, now) is None:
            raise LoginRefusedError("the session has ended; log in again")
        has_passed = has_factor or session.stage in {"change_password", "full"}
        stage = self._stage(account, has_factor=has_passed)
        value = parts.sessions.rotate(session.name, now, stage=stage, permits_control=has_factor)
        advanced = parts.sessions.named(session.name, now)
        assert advanced is not None
        return Entry(session=advanced, value=value)

    def _stage(self, account: Account, *, has_factor: bool) -> Stage:
        """What is to be done before the login is complete, one after the other."""
        is_asked = self._parts.settings.second_factor == "always"
        has_any = self._factors.has_any(account.name)
        if is_asked and has_any and not has_factor:
            return "second_factor"
        if account.must_change:
            return "change_password"
        return "enroll" if is_asked and not has_any else "full"

    def _is_welcome(self, person: str) -> bool:
        account = self._parts.records.account(person)
        return person in self._parts.people and account is not None and account.locked is None

    def _identity(
        self, person: PersonSection, roles: frozenset[Role], session: str, controls_for_s: float, address: str, *, is_token: bool
    ) -> Identity:
        return Identity(
            person=person.name,
            roles=roles,
            areas=frozenset(person.areas) if person.areas else None,
            has_second_factor=self._parts.settings.second_factor == "never" or controls_for_s > 0,
            session=session,
            address=address,
            is_token=is_token,
        )


def _at(address: str, session: Session) -> dict[str, object]:
    return {"address": address, "session": session.name}
