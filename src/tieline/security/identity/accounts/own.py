"""What people do with their own sessions and API tokens."""

from __future__ import annotations

from collections.abc import Collection

from tieline.config.fields import Role
from tieline.security.identity.accounts.errors import NotPermittedError
from tieline.security.identity.accounts.parts import Parts
from tieline.security.identity.accounts.sessions import Session
from tieline.security.identity.accounts.tokens import MOST_A_PERSON, Token

DAY_US = 86_400_000_000


class Own:
    """Sessions and tokens of who asks. Safe to use from several threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def sessions(self, session: Session) -> list[Session]:
        """The person's sessions, the newest first."""
        with self._parts.lock:
            return self._parts.sessions.of(session.person, self._parts.now())

    def end_session(self, session: Session, name: str) -> None:
        """Ends another one of the person's. Raises `NotPermittedError` where there is none."""
        parts = self._parts
        with parts.lock:
            if name not in {one.name for one in parts.sessions.of(session.person, parts.now())}:
                raise NotPermittedError("there is no such session")
            self._record(session, "logout", {"ended": name})
            parts.sessions.end(name)

    def tokens(self, session: Session) -> list[Token]:
        """The person's API tokens, the newest first."""
        with self._parts.lock:
            return self._parts.tokens.of(session.person, self._parts.now())

    def make_token(self, session: Session, label: str, roles: Collection[Role], days: int) -> tuple[Token, str]:
        """A token for some of the person's roles, and its value, to be shown once.

        Raises `NotPermittedError` where the person has not all of the roles, or the folder does not permit so many days.
        """
        parts = self._parts
        longest = parts.settings.token_days
        with parts.lock:
            held = parts.people[session.person].roles
            if beyond := sorted(set(roles).difference(held)):
                raise NotPermittedError(
                    f"you do not have the role {', '.join(beyond)} yourself; you have {', '.join(held) or 'none'}"
                )
            if not roles:
                raise NotPermittedError(f"a token is made for one role at least; you have {', '.join(held) or 'none'}")
            if not 1 <= days <= longest:
                raise NotPermittedError(f"a token lives from 1 to {longest} days ([login] token_days)")
            if len(parts.tokens.of(session.person, parts.now())) >= MOST_A_PERSON:
                raise NotPermittedError(f"there are {MOST_A_PERSON} tokens already; revoke one")
            self._record(session, "token_made", {"label": label, "roles": " ".join(sorted(roles)), "days": days})
            return parts.tokens.make(session.person, label, roles, days * DAY_US, parts.now())

    def revoke_token(self, session: Session, name: str) -> None:
        """Ends one of the person's tokens. Raises `NotPermittedError` where there is none."""
        parts = self._parts
        with parts.lock:
            token = next((one for one in parts.tokens.of(session.person, parts.now()) if one.name == name), None)
            if token is None:
                raise NotPermittedError("there is no such token")
            self._record(session, "token_revoked", {"label": token.label, "token": name})
            parts.tokens.revoke(session.person, name)

    def _record(self, session: Session, action: str, detail: dict[str, object]) -> None:
        where: dict[str, object] = {"address": session.address, "session": session.name}
        self._parts.record(actor=session.person, action=action, target=session.person, detail=where | detail, outcome="done")
