"""Grants, tickets and sessions as rules: who may ask, approve, use and cut, and what ends by itself.

    asked --approve--> approved --ticket--> one-time secret --redeem--> session (opening) --opened--> open --> closed
      |                    |                                                 ^
      `--refuse--> refused `--withdraw, cut, its time is over--> ended ------' takes its sessions with it

Nothing is stored or told here, and no clock is read. A method that decides gives what would become of it and changes nothing; whoever
calls it writes the audit and the store first, and then hands it to `put`. So the audit is never behind what happens. Only its
SHA-256 is kept of a ticket, in memory alone: a restart makes every ticket worthless.

Separation of duties: who asked never approves, whatever the roles. A second factor is needed to ask a ticket, and to approve. To cut is
made easy: no second factor, and whoever asked or may approve can do it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from tieline.config.remote import RemoteSection, RemoteService, SiteRemote
from tieline.model import Now, RefusedError
from tieline.security.authority import Right, in_words, may, roles_of
from tieline.security.identity.accounts.identity import Identity
from tieline.security.remote.records import Grant, GrantState, Session, SessionState

T = TypeVar("T", Grant, Session)

MOST_GRANTS_WAITING = 50
"""Of one person that are asked for or approved and not over."""
MOST_TICKETS = 1_000
KEPT_GRANTS = 1_000
KEPT_SESSIONS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What was given for a secret that is kept nowhere."""

    digest: bytes
    grant: str
    person: str
    session: str
    """In which session of a browser, or by which API token, it was asked for."""
    deadline_s: float
    """On the monotonic clock."""


class RemoteDesk:
    """All grants and sessions of a center."""

    def __init__(
        self,
        settings: RemoteSection,
        sites: Mapping[str, SiteRemote],
        *,
        grants: Mapping[str, Grant] | None = None,
        sessions: Mapping[str, Session] | None = None,
        new_id: Callable[[], str],
    ) -> None:
        """`sites` are those of the folder; `grants` and `sessions` what is stored; `new_id` gives names that nobody guesses."""
        self._settings = settings
        self._sites = sites
        self._new_id = new_id
        self._tickets: dict[bytes, Ticket] = {}
        self.grants: dict[str, Grant] = dict(grants or {})
        self.sessions: dict[str, Session] = dict(sessions or {})

    def put(self, changed: Grant | Session) -> None:
        """What was decided counts from now on."""
        if isinstance(changed, Grant):
            self.grants[changed.id] = changed
            if changed.state is not GrantState.APPROVED:
                self._tickets = {key: ticket for key, ticket in self._tickets.items() if ticket.grant != changed.id}
            _forget(self.grants, KEPT_GRANTS, lambda grant: grant.state in {GrantState.REFUSED, GrantState.ENDED})
        else:
            self.sessions[changed.id] = changed
            _forget(self.sessions, KEPT_SESSIONS, lambda session: session.state is SessionState.CLOSED)

    def ask(
        self, who: Identity, site: str, device: str, service: str, reason: str, begin_us: int, minutes: float, now_us: int
    ) -> Grant:
        """A new grant, to be approved by somebody else; `begin_us` 0 for at once. Raises `RefusedError`."""
        reason = reason.strip()
        if not reason:
            raise RefusedError("a grant needs a reason, for whoever approves it and for the record")
        _check(who, Right.ASK_REMOTE, site, "ask for remote access to")
        found = self._service(site, device, service)
        longest = self._settings.longest_hours * 60
        if not 0 < minutes <= longest:
            raise RefusedError(f"a grant lasts {longest:g} minutes at the most, not {minutes:g}")
        begin_us = begin_us or now_us
        if begin_us < now_us - 60_000_000:
            raise RefusedError("a grant does not begin in the past")
        if begin_us > now_us + int(self._settings.waiting_hours * 3.6e9):
            raise RefusedError(f"a grant begins within {self._settings.waiting_hours:g} hours")
        waiting = [each for each in self.grants.values() if each.person == who.person and each.state in _ALIVE]
        if len(waiting) >= MOST_GRANTS_WAITING:
            raise RefusedError(f"{who.person} has {len(waiting)} grants already; withdraw some")
        return Grant(
            id=f"g-{self._new_id()}",
            person=who.person,
            reason=reason,
            site=site,
            device=device,
            service=service,
            host=found.host,
            port=found.port,
            asked_us=now_us,
            begin_us=begin_us,
            end_us=begin_us + int(minutes * 60e6),
        )

    def approve(self, who: Identity, grant: str, now_us: int) -> Grant:
        """The grant, approved by a second person; one that was to begin at once begins now. Raises `RefusedError`."""
        found = self._decided(who, grant, now_us, "approve")
        if not who.has_second_factor:
            raise RefusedError("to approve needs a second factor: show a code or a security key first")
        self._service(found.site, found.device, found.service)
        late = max(0, now_us - found.begin_us)
        return msgspec.structs.replace(
            found,
            state=GrantState.APPROVED,
            decided_by=who.person,
            decided_us=now_us,
            begin_us=found.begin_us + late,
            end_us=found.end_us + late,
        )

    def refuse(self, who: Identity, grant: str, words: str, now_us: int) -> Grant:
        """The grant, refused. Raises `RefusedError`."""
        found = self._decided(who, grant, now_us, "refuse")
        return msgspec.structs.replace(found, state=GrantState.REFUSED, decided_by=who.person, decided_us=now_us, words=words)

    def ticket(self, who: Identity, grant: str, secret: bytes, now: Now) -> Ticket:
        """What is known of a new ticket; hand it to `issue`. Raises `RefusedError` unless this person may use the grant now."""
        found = self.grant(grant)
        if who.person != found.person:
            raise RefusedError(f"the grant is {found.person}'s, and nobody else's")
        _check(who, Right.ASK_REMOTE, found.site, "use remote access to")
        if not who.has_second_factor:
            raise RefusedError("remote access needs a second factor: show a code or a security key first")
        self._check_usable(found, now.utc_us)
        self._check_room(found)
        if len(self._tickets) >= MOST_TICKETS:
            raise RefusedError("too many tickets wait to be used; try again in a minute")
        return Ticket(
            digest=_digest(secret),
            grant=grant,
            person=who.person,
            session=who.session,
            deadline_s=now.monotonic_s + self._settings.ticket_s,
        )

    def issue(self, ticket: Ticket) -> None:
        """The ticket counts from now on."""
        self._tickets[ticket.digest] = ticket

    def redeem(self, secret: bytes, address: str, now: Now) -> Session:
        """The session that a ticket opens; the ticket is used from now on, whatever becomes of it. Raises `RefusedError`."""
        digest = _digest(secret)
        ticket = next((each for key, each in self._tickets.items() if hmac.compare_digest(key, digest)), None)
        if ticket is None:
            raise RefusedError("the ticket is not good: never issued, used before, or withdrawn")
        del self._tickets[ticket.digest]
        if now.monotonic_s >= ticket.deadline_s:
            raise RefusedError(f"the ticket was to be used within {self._settings.ticket_s:g} s; ask for a new one")
        grant = self.grant(ticket.grant)
        self._check_usable(grant, now.utc_us)
        self._check_room(grant)
        return Session(
            id=f"r-{self._new_id()}",
            grant=grant.id,
            person=grant.person,
            reason=grant.reason,
            site=grant.site,
            device=grant.device,
            service=grant.service,
            port=grant.port,
            address=address,
            opened_us=now.utc_us,
            end_us=grant.end_us,
        )

    def opened(self, session: Session) -> Session:
        """The session, once the site has reached the device. Raises `RefusedError` where it was ended meanwhile."""
        found = self.sessions.get(session.id)
        if found is None or found.state is not SessionState.OPENING:
            raise RefusedError("the session was ended before it was open")
        return msgspec.structs.replace(found, state=SessionState.OPEN)

    def closed(
        self, session: str, words: str, now_us: int, *, up_bytes: int = 0, down_bytes: int = 0, sha256: str = ""
    ) -> Session:
        """The session, ended, with what has passed."""
        return msgspec.structs.replace(
            self.sessions[session],
            state=SessionState.CLOSED,
            closed_us=now_us,
            words=words,
            up_bytes=up_bytes,
            down_bytes=down_bytes,
            sha256=sha256,
        )

    def withdraw(self, who: Identity, grant: str, words: str, now_us: int) -> Grant:
        """The grant, ended; its sessions (`sessions_of`) are to be ended with it. For who asked, and who could approve."""
        found = self.grant(grant)
        if who.person != found.person:
            _check(who, Right.CUT_REMOTE, found.site, "cut remote access to")
        if found.state not in _ALIVE:
            raise RefusedError(f"the grant {grant} has ended already")
        return _end(found, words, now_us)

    def withdraw_all(self, who: Identity, words: str, now_us: int) -> list[Grant]:
        """Every grant that is alive and that this person may cut, ended."""
        return [
            _end(grant, words, now_us) for grant in self.grants.values() if grant.state in _ALIVE and self.may_cut(who, grant)
        ]

    def end_of_person(self, person: str, words: str, now_us: int) -> list[Grant]:
        """Every grant of somebody who has lost the account, ended."""
        return [_end(grant, words, now_us) for grant in self.grants.values() if grant.state in _ALIVE and grant.person == person]

    def over(self, now_us: int) -> list[Grant]:
        """The grants whose time is over, ended; also those that nobody has decided on in time."""
        waiting_us = int(self._settings.waiting_hours * 3.6e9)
        return [
            _end(grant, "its time is over" if grant.state is GrantState.APPROVED else "nobody approved it in time", now_us)
            for grant in self.grants.values()
            if (grant.state is GrantState.APPROVED and now_us >= grant.end_us)
            or (grant.state is GrantState.ASKED and now_us >= grant.asked_us + waiting_us)
        ]

    def forget_tickets(self, now: Now) -> None:
        """Tickets that nobody used in time."""
        self._tickets = {key: ticket for key, ticket in self._tickets.items() if now.monotonic_s < ticket.deadline_s}

    def grant(self, grant: str) -> Grant:
        """The grant of that name. Raises `RefusedError`."""
        found = self.grants.get(grant)
        if found is None:
            raise RefusedError(f"there is no grant {grant}")
        return found

    def sessions_of(self, grant: str) -> list[Session]:
        """Those that are not closed."""
        return [each for each in self.sessions.values() if each.grant == grant and each.state is not SessionState.CLOSED]

    def running(self) -> list[Session]:
        """Every session that is not closed."""
        return [each for each in self.sessions.values() if each.state is not SessionState.CLOSED]

    def may_see(self, who: Identity, seen: Grant | Session) -> bool:
        """Whether the person is told of it: the own ones, and those that one may approve, cut or review."""
        rights = (Right.APPROVE_REMOTE, Right.CUT_REMOTE, Right.REVIEW_REMOTE)
        return seen.person == who.person or any(may(who, right, seen.site) for right in rights)

    def may_approve(self, who: Identity, grant: Grant) -> bool:
        """Whether this person could approve it now."""
        return grant.state is GrantState.ASKED and grant.person != who.person and may(who, Right.APPROVE_REMOTE, grant.site)

    def is_alive(self, grant: Grant) -> bool:
        """Whether it may still lead to a session."""
        return grant.state in _ALIVE

    def may_cut(self, who: Identity, seen: Grant | Session) -> bool:
        """Whether this person may end it: who asked, and who has the right there."""
        return who.person == seen.person or may(who, Right.CUT_REMOTE, seen.site)

    def _decided(self, who: Identity, grant: str, now_us: int, verb: str) -> Grant:
        found = self.grant(grant)
        if found.person == who.person:
            raise RefusedError(f"another person has to {verb} it than who asked")
        _check(who, Right.APPROVE_REMOTE, found.site, f"{verb} remote access to")
        if found.state is not GrantState.ASKED:
            raise RefusedError(f"the grant {grant} is {found.state} already")
        if any(each.id == grant for each in self.over(now_us)):
            raise RefusedError(f"nobody approved the grant {grant} in time")
        return found

    def _check_usable(self, grant: Grant, now_us: int) -> None:
        match grant.state:
            case GrantState.ASKED:
                raise RefusedError("nobody has approved the grant yet")
            case GrantState.REFUSED | GrantState.ENDED:
                raise RefusedError(f"the grant has ended: {grant.words or grant.state}")
        if now_us < grant.begin_us:
            raise RefusedError("the grant has not begun yet")
        if now_us >= grant.end_us:
            raise RefusedError("the grant has ended: its time is over")
        self._service(grant.site, grant.device, grant.service, port=grant.port)

    def _check_room(self, grant: Grant) -> None:
        if len(self.sessions_of(grant.id)) >= self._settings.most_sessions:
            raise RefusedError(f"the grant has {self._settings.most_sessions} sessions already, which is the most")
        here, most = sum(each.site == grant.site for each in self.running()), self._sites[grant.site].most_sessions
        if here >= most:
            raise RefusedError(f"{grant.site} has {here} sessions already, which is the most")

    def _service(self, site: str, device: str, service: str, port: int | None = None) -> RemoteService:
        """The service; it is there, at this port, and the site permits it. Raises `RefusedError`."""
        remote = self._sites.get(site)
        if remote is None:
            raise RefusedError(f"there is no site {site}")
        if not remote.allowed:
            raise RefusedError(f"{site} permits no remote access")
        found = remote.service(device, service)
        if found is None:
            known = ", ".join(f"{each.device}/{each.name}" for each in remote.services) or "nothing"
            raise RefusedError(f"{site} has no service {device}/{service} for remote access; it has {known[:200]}")
        if port is not None and found.port != port:
            raise RefusedError(f"{device}/{service} has another port than when the grant was approved; ask again")
        return found


_ALIVE = {GrantState.ASKED, GrantState.APPROVED}


def _end(grant: Grant, words: str, now_us: int) -> Grant:
    return msgspec.structs.replace(grant, state=GrantState.ENDED, ended_us=now_us, words=words)


def _check(who: Identity, right: Right, site: str, what: str) -> None:
    if not may(who, right, site):
        raise RefusedError(f"{who.person} may not {what} {site}: that takes the role {in_words(roles_of(right))} there")


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(b"tieline remote ticket\n" + secret).digest()


def _forget(kept: dict[str, T], most: int, is_over: Callable[[T], bool]) -> None:
    for key in [key for key, each in kept.items() if is_over(each)][: max(0, len(kept) - most)]:
        del kept[key]
