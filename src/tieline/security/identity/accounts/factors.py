"""Second factors: authenticator apps, security keys, and recovery codes for who has lost both.

Whoever has none may set up the first one soon after logging in; whoever has one has to show it before anything is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from tieline.security.identity.accounts import recovery, security_keys, totp
from tieline.security.identity.accounts.errors import LoginRefusedError, NotPermittedError, TooManyFailuresError
from tieline.security.identity.accounts.parts import Parts
from tieline.security.identity.accounts.security_keys import Challenge, SecurityKey
from tieline.security.identity.accounts.sessions import Session
from tieline.security.identity.accounts.throttle import Key

FRESH_S = 600.0
"""So long after the login the first factor may be set up."""
MOST_KEYS = 10
MOST_PENDING = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a person has."""

    has_app: bool
    keys: tuple[SecurityKey, ...]
    recovery_codes: int

    @property
    def has_any(self) -> bool:
        """Whether there is a second factor; recovery codes alone are none."""
        return self.has_app or bool(self.keys)


@dataclass(frozen=True, slots=True)
class _NewApp:
    secret: bytes
    until_s: float


class Factors:
    """Sets up and checks them. Safe to use from several threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._apps: dict[str, _NewApp] = {}
        self._challenges: dict[tuple[str, str], Challenge] = {}
        """By the session's name, and for what."""

    def held(self, person: str) -> Held:
        """What the person has."""
        parts = self._parts
        with parts.lock:
            account = parts.records.account(person)
            return Held(
                has_app=account is not None and account.totp is not None,
                keys=tuple(parts.records.keys(person)),
                recovery_codes=parts.records.recovery_codes(person),
            )

    def has_any(self, person: str) -> bool:
        """Whether the person has a second factor."""
        return self.held(person).has_any

    def begin_app(self, session: Session) -> tuple[str, str]:
        """A new secret for an authenticator app, as people type it and as an `otpauth` address; it counts once a code was shown.

        Raises `NotPermittedError` where a factor has to be shown first, or the login was too long ago.
        """
        parts = self._parts
        with parts.lock:
            self._may_change(session)
            secret = totp.new_secret()
            self._drop_old()
            self._apps[session.name] = _NewApp(secret, parts.now().monotonic_s + FRESH_S)
        return totp.base32(secret), totp.address(secret, issuer=f"Tieline {parts.title}", name=session.person)

    def confirm_app(self, session: Session, code: str) -> list[str]:
        """The app shows this code: it is the person's from now on. Recovery codes, to be shown once, where there are none yet.

        Raises `LoginRefusedError` where the code is wrong; the secret stays for another try.
        """
        parts = self._parts
        with parts.lock:
            now = parts.now()
            self._may_change(session)
            pending = self._apps.get(session.name)
            if pending is None or pending.until_s < now.monotonic_s:
                raise NotPermittedError("begin to set up the app anew")
            step = totp.find_step(pending.secret, _bare(code), now.utc_us, after=0)
            if step is None:
                raise LoginRefusedError("the code is wrong; is the clock of the phone right?")
            self._record(session, "factor_added", {"factor": "app"})
            del self._apps[session.name]
            parts.records.set_totp(session.person, pending.secret, step)
            return self._first_codes(session.person)

    def remove_app(self, session: Session) -> None:
        """The app is no factor any more. Raises `NotPermittedError`."""
        parts = self._parts
        with parts.lock:
            self._may_change(session)
            account = parts.records.account(session.person)
            if account is None or account.totp is None:
                raise NotPermittedError("there is no authenticator app")
            self._record(session, "factor_removed", {"factor": "app"})
            parts.records.set_totp(session.person, None)
            self._drop_codes(session.person)

    def ask_new_key(self, session: Session, origin: str) -> dict[str, object]:
        """The options for `navigator.credentials.create`. Raises `NotPermittedError`, also where the page can have no keys."""
        parts = self._parts
        with parts.lock:
            self._may_change(session)
            self._check_origin(origin)
            held = parts.records.keys(session.person)
            if len(held) >= MOST_KEYS:
                raise NotPermittedError(f"there are {len(held)} security keys already; remove one")
            title = f"Tieline {parts.title}"
            challenge = security_keys.ask_to_register(session.person, title, origin, held, parts.now().monotonic_s)
            return self._hold(session, "register", challenge)

    def add_key(self, session: Session, answer: dict[str, object], label: str) -> list[str]:
        """The new key's answer: it is the person's from now on; recovery codes as with an app. Raises `LoginRefusedError`."""
        parts = self._parts
        with parts.lock:
            self._may_change(session)
            challenge = self._take(session, "register")
            key = security_keys.registered(challenge, answer, label, parts.now().utc_us)
            if key is None or parts.records.has_key(key.id):
                raise LoginRefusedError("the security key's answer is not right; try again")
            self._record(session, "factor_added", {"factor": "security key", "label": label})
            parts.records.add_key(session.person, key)
            return self._first_codes(session.person)

    def remove_key(self, session: Session, identifier: str) -> None:
        """That key is no factor any more. Raises `NotPermittedError`."""
        parts = self._parts
        with parts.lock:
            self._may_change(session)
            key = next((key for key in parts.records.keys(session.person) if key.id == identifier), None)
            if key is None:
                raise NotPermittedError("there is no such security key")
            self._record(session, "factor_removed", {"factor": "security key", "label": key.label})
            parts.records.remove_key(session.person, identifier)
            self._drop_codes(session.person)

    def new_recovery_codes(self, session: Session) -> list[str]:
        """Codes in place of those before, to be shown once. Raises `NotPermittedError`."""
        with self._parts.lock:
            self._may_change(session)
            if not self.has_any(session.person):
                raise NotPermittedError("set up an authenticator app or a security key first")
            self._record(session, "recovery_codes_made", {})
            return self._make_codes(session.person)

    def ask_key(self, session: Session, origin: str) -> dict[str, object]:
        """The options for `navigator.credentials.get`. Raises `NotPermittedError` where no key works here."""
        parts = self._parts
        with parts.lock:
            self._check_origin(origin)
            host = security_keys.host_of(origin)
            held = [key for key in parts.records.keys(session.person) if key.host == host]
            if not held:
                raise NotPermittedError(f"there is no security key that works at {host}; use a code")
            return self._hold(session, "prove", security_keys.ask_to_prove(origin, held, parts.now().monotonic_s))

    def check_key(self, session: Session, answer: dict[str, object], *, address: str) -> None:
        """Whether a key of the person answered what it was asked. Raises `LoginRefusedError`."""
        parts = self._parts
        with parts.lock:
            keys = self._begin(Key("factor", session.person))
            challenge = self._take(session, "prove")
            proof = security_keys.proven(challenge, answer, parts.records.keys(session.person))
            if proof is None:
                self._refuse(keys, address, "security key")
            self._accept(session.person, address, "security key")
            parts.records.count_key(proof.id, proof.sign_count)
            parts.throttle.succeed(keys)

    def check_code(self, person: str, code: str, *, address: str, is_token: bool = False) -> None:
        """Whether that is a code of the person's app, not shown before, or a recovery code, which is used up by that.

        Raises `LoginRefusedError`.
        """
        parts = self._parts
        with parts.lock:
            keys = self._begin(Key("token factor" if is_token else "factor", person))
            account = parts.records.account(person)
            if account is None:
                self._refuse(keys, address, "code")
            step = None
            if account.totp is not None:
                step = totp.find_step(account.totp, _bare(code), parts.now().utc_us, after=account.totp_step)
            if step is not None and parts.records.accept_totp(person, step):
                factor = "code"
            elif (hashed := recovery.hash_of(code)) is not None and parts.records.use_recovery_code(person, hashed):
                factor = "recovery code"
            else:
                self._refuse(keys, address, "code")
            self._accept(person, address, factor)
            parts.throttle.succeed(keys)

    def _begin(self, key: Key) -> list[Key]:
        if wait_s := self._parts.throttle.begin([key], self._parts.now().monotonic_s):
            raise TooManyFailuresError(wait_s)
        return [key]

    def _accept(self, person: str, address: str, factor: str) -> None:
        detail = {"address": address, "factor": factor}
        self._parts.record(actor=person, action="second_factor", target=person, detail=detail, outcome="done")

    def _refuse(self, keys: Sequence[Key], address: str, factor: str) -> NoReturn:
        parts = self._parts
        (key,) = keys
        parts.record(
            actor=key.name,
            action="second_factor",
            target=key.name,
            outcome="refused",
            detail={
                "address": address,
                "factor": factor,
                "failures": parts.throttle.failures(key),
                "waits_s": round(parts.throttle.wait_s(key, parts.now().monotonic_s), 1),
                "refused_before": parts.throttle.take_unseen(keys),
            },
        )
        raise LoginRefusedError(f"the {factor} is wrong, or was used already")

    def _may_change(self, session: Session) -> None:
        """Raises `NotPermittedError`."""
        parts = self._parts
        now = parts.now()
        held = parts.sessions.named(session.name, now)
        if held is None or held.stage not in {"enroll", "full"}:
            raise NotPermittedError("log in completely first")
        if self.has_any(session.person):
            if not held.controls_for_s:
                raise NotPermittedError("show your second factor first")
        elif held.age_s > FRESH_S:
            raise NotPermittedError("your login was too long ago for this; log in again")

    def _check_origin(self, origin: str) -> None:
        if not security_keys.can_have_keys(origin):
            raise NotPermittedError(
                "security keys need the center to be opened by a name (not an address) and with TLS; use an app"
            )

    def _hold(self, session: Session, purpose: str, challenge: Challenge) -> dict[str, object]:
        self._drop_old()
        self._challenges[session.name, purpose] = challenge
        return challenge.options

    def _take(self, session: Session, purpose: str) -> Challenge:
        """The question that was asked; it can be answered once."""
        challenge = self._challenges.pop((session.name, purpose), None)
        if challenge is None or challenge.until_s < self._parts.now().monotonic_s:
            raise LoginRefusedError("the security key took too long; try again")
        return challenge

    def _drop_old(self) -> None:
        now_s = self._parts.now().monotonic_s
        self._apps = {name: app for name, app in self._apps.items() if app.until_s > now_s}
        self._challenges = {name: one for name, one in self._challenges.items() if one.until_s > now_s}
        for pending in (self._apps, self._challenges):
            while len(pending) >= MOST_PENDING:
                del pending[next(iter(pending))]  # type: ignore[arg-type]  # each by its own kind of key

    def _first_codes(self, person: str) -> list[str]:
        return [] if self._parts.records.recovery_codes(person) else self._make_codes(person)

    def _make_codes(self, person: str) -> list[str]:
        codes = recovery.new_codes()
        self._parts.records.set_recovery_codes(person, [one for code in codes if (one := recovery.hash_of(code)) is not None])
        return codes

    def _drop_codes(self, person: str) -> None:
        """Recovery codes stand in for a factor; without one there is nothing to stand in for."""
        if not self.has_any(person):
            self._parts.records.set_recovery_codes(person, [])

    def _record(self, session: Session, action: str, detail: dict[str, object]) -> None:
        where: dict[str, object] = {"address": session.address, "session": session.name}
        self._parts.record(actor=session.person, action=action, target=session.person, detail=where | detail, outcome="done")


def _bare(code: str) -> str:
    return code.replace(" ", "")[:64]
