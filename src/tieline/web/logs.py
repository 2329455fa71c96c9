"""`/api/audit` and `/api/logs`: who did what, and what the roles of this machine complain about.

Audit records of the sites come to the historian; those of the center's control and of the logins lie in files here. A question is
answered from all of them, newest first; what could not be asked is said beside the answer. Both are for people who look after the
system: engineers, security administrators and auditors.
"""

from __future__ import annotations

import asyncio
import heapq
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tieline.config import Utility
from tieline.model import AuditRecord, RefusedError, UnavailableError
from tieline.security.audit.reading import read_backwards
from tieline.security.authority import Right, in_words, may, roles_of
from tieline.security.identity.accounts import Identity
from tieline.web.api import ERRORS
from tieline.web.asking import Who
from tieline.web.audit_states import AuditPlace, AuditState, states_of
from tieline.web.errors import bad_request
from tieline.web.history import History
from tieline.web.history_routes import End, Start, read_range
from tieline.web.log_files import LEVELS, LogLine, read_tail
from tieline.web.times import iso

MOST_RECORDS = 1_000
MOST_LINES = 2_000

Key = tuple[int, str, int]
"""Time, site and sequence: the order of records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What lies on this machine."""

    audits: Mapping[str, Path] = field(default_factory=dict)
    """Folders by the name under which their records stand."""
    states: Sequence[AuditPlace] = ()
    """Of which audits it is shown how far another zone has seen them."""
    logs: Path | None = None
    """Where the roles' logs are; None where they go elsewhere."""


class AuditBody(BaseModel):
    """A record of the audit."""

    site: str = Field(description="whose audit: a site, `center` for its control, `web` for logins and accounts")
    sequence: int
    time: str
    time_us: int
    actor: str
    action: str
    target: str
    outcome: str
    detail: dict[str, Any]


class AuditStateBody(BaseModel):
    """How far an audit was seen in another zone, and what speaks against it."""

    name: str
    by: str = Field(description="who sees its checkpoints")
    entries: int = Field(description="that it has, as far as is known here")
    seen: int = Field(description="entries of the newest checkpoint that the other zone has signed")
    seen_time: str | None
    compared: int | None = Field(description="of a site: entries of which the center has the same")
    problems: list[str] = Field(description="what does not verify, in words")


class AuditPageBody(BaseModel):
    """Records, newest first."""

    records: list[AuditBody]
    before: str | None = Field(description="ask with it for what comes after these; null where nothing does")
    missing: list[str] = Field(description="what could not be asked, and what does not verify, in words")
    audits: list[AuditStateBody] = Field(description="the audits, as far as something is known of them here")


class LogSourceBody(BaseModel):
    """A role's log."""

    name: str
    is_read: bool
    words: str = Field(description="why it is not, where it is not")


class LogLineBody(BaseModel):
    """An event of a role's log."""

    time: str | None
    time_us: int
    source: str
    role: str
    level: str
    event: str
    fields: dict[str, Any]


class LogsBody(BaseModel):
    """The newest lines of all logs, newest first."""

    sources: list[LogSourceBody]
    lines: list[LogLineBody]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which records are wanted; a text has to occur, in whatever case, and empty is everything."""

    start: int
    end: int
    actor: str = ""
    action: str = ""
    target: str = ""
    outcome: str = ""
    site: str = ""

    def matches(self, record: AuditRecord) -> bool:
        """Whether the record is wanted, whenever it is."""
        return (not self.site or record.site == self.site) and all(
            getattr(self, name).lower() in getattr(record, name).lower() for name in ("actor", "action", "target", "outcome")
        )

    def statement(self, before: Key | None, limit: int) -> tuple[str, list[Any]]:
        """SQL and its parameters for the newest, or for those before the one with this key."""
        held: list[Any] = [self.start, self.end]
        clauses = ["time >= make_timestamptz($1)", "time < make_timestamptz($2)"]

        def place(value: Any) -> str:
            held.append(value)
            return f"${len(held)}"

        if self.site:
            clauses.append(f"site = {place(self.site)}")
        texts = {"actor": self.actor, "action": self.action, "target": self.target, "outcome": self.outcome}
        clauses += [f"contains(lower({name}), {place(value.lower())})" for name, value in texts.items() if value]
        if before is not None:
            time, site, sequence = (place(value) for value in before)
            clauses.append(f"(time, site, sequence) < (make_timestamptz({time}), {site}, {sequence})")
        statement = (
            "SELECT epoch_us(time) AS time_us, site, sequence, actor, action, target, detail, outcome FROM audit "  # noqa: S608
            f"WHERE {' AND '.join(clauses)} ORDER BY time DESC, site DESC, sequence DESC LIMIT {limit:d}"
        )
        return statement, held


def log_router(utility: Utility, records: Records, history: History, clock: Callable[[], int]) -> APIRouter:
    """Both routes."""
    router = APIRouter(prefix="/api", responses=ERRORS)
    expected = ("center", "dmz", *(f"site-{site.name}" for site in utility.sites))

    @router.get("/audit", summary="Who did what, and what became of it; newest first")
    async def audit(
        who: Who,
        start: Start = "-24h",
        end: End = "now",
        person: Annotated[str, Query(max_length=200)] = "",
        action: Annotated[str, Query(max_length=200)] = "",
        target: Annotated[str, Query(max_length=200)] = "",
        outcome: Annotated[str, Query(max_length=200)] = "",
        site: Annotated[str, Query(max_length=200)] = "",
        before: Annotated[str, Query(max_length=500)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_RECORDS)] = 200,
    ) -> AuditPageBody:
        _require_reader(who)
        begin, until = read_range(start, end, clock())
        wanted = AuditQuery(start=begin, end=until, actor=person, action=action, target=target, outcome=outcome, site=site)
        mark = _read_mark(before)
        missing: list[str] = []
        found = [
            await _of_sites(history, wanted, mark, limit + 1, missing),
            *[await _of_folder(name, path, wanted, mark, limit + 1, missing) for name, path in records.audits.items()],
        ]
        merged = list(heapq.merge(*found, key=_key, reverse=True))
        is_more = len(merged) > limit
        states = [_state_body(state) for state in await asyncio.to_thread(states_of, records.states)]
        missing += [f"the audit of {state.name} does not verify: {problem}" for state in states for problem in state.problems]
        mark_after = _mark(merged[limit - 1]) if is_more else None
        return AuditPageBody(records=merged[:limit], before=mark_after, missing=missing, audits=states)

    @router.get("/logs", summary="What the roles of this machine log, newest first")
    async def logs(
        who: Who,
        level: Annotated[str, Query(description="this one and worse", pattern=f"^({'|'.join(LEVELS)})$")] = "warning",
        source: Annotated[str, Query(description="a log's name", max_length=200)] = "",
        text: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = MOST_LINES,
    ) -> LogsBody:
        _require_reader(who)
        sources, lines = await asyncio.to_thread(_read_logs, records.logs, expected)
        words = text.lower().split()
        levels = LEVELS[LEVELS.index(level) :]
        wanted = [
            line
            for line in lines
            if line.level in levels
            and (not source or line.source == source)
            and all(word in f"{line.role} {line.event} {line.fields}".lower() for word in words)
        ]
        newest = heapq.nlargest(limit, enumerate(wanted), key=lambda numbered: (numbered[1].time_us, numbered[0]))
        return LogsBody(sources=sources, lines=[_line_body(line) for _, line in newest])

    return router


def _require_reader(who: Identity) -> None:
    if not may(who, Right.READ_RECORDS):
        roles = in_words(roles_of(Right.READ_RECORDS))
        raise RefusedError(f"the records of the system are for people with the role {roles} in every site")


async def _of_sites(history: History, wanted: AuditQuery, mark: Key | None, limit: int, missing: list[str]) -> list[AuditBody]:
    try:
        rows = (await history.query(*wanted.statement(mark, limit))).to_pylist()
    except UnavailableError as error:
        missing.append(f"the records of the sites are missing: {error}")
        return []
    return [AuditBody(**{**row, "time": iso(row["time_us"]), "detail": _detail(row["detail"])}) for row in rows]


def _detail(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"text": text}


async def _of_folder(
    name: str, folder: Path, wanted: AuditQuery, mark: Key | None, limit: int, missing: list[str]
) -> list[AuditBody]:
    def is_wanted(record: AuditRecord) -> bool:
        return wanted.matches(record) and (mark is None or (record.time_us, record.site, record.sequence) < mark)

    end = wanted.end if mark is None else min(wanted.end, mark[0] + 1)
    try:
        found, is_all = await asyncio.to_thread(
            read_backwards, folder, start=wanted.start, end=end, is_wanted=is_wanted, limit=limit
        )
    except OSError as error:
        missing.append(f"the records of {name} cannot be read: {error.strerror or error}")
        return []
    if not is_all and len(found) < limit:
        missing.append(f"not all records of {name} were searched; choose an earlier end or a shorter time")
    return sorted(
        (
            AuditBody(
                site=record.site,
                sequence=record.sequence,
                time=iso(record.time_us),
                time_us=record.time_us,
                actor=record.actor,
                action=record.action,
                target=record.target,
                outcome=record.outcome,
                detail=dict(record.detail),
            )
            for record in found
        ),
        key=_key,
        reverse=True,
    )


def _state_body(state: AuditState) -> AuditStateBody:
    return AuditStateBody(
        name=state.name,
        by=state.by,
        entries=state.entries,
        seen=state.seen,
        seen_time=None if state.seen_s is None else iso(state.seen_s * 1_000_000),
        compared=state.compared,
        problems=list(state.problems),
    )


def _key(record: AuditBody) -> Key:
    return record.time_us, record.site, record.sequence


def _mark(record: AuditBody) -> str:
    return urlsafe_b64encode(msgspec.json.encode(_key(record))).decode()


def _read_mark(mark: str) -> Key | None:
    if not mark:
        return None
    try:
        time, site, sequence = msgspec.json.decode(urlsafe_b64decode(mark), type=Key)
    except ValueError as error:
        raise bad_request("before: it is no mark of an earlier page") from error
    if not 0 <= time < 2**53 or abs(sequence) >= 2**63:
        raise bad_request("before: it is no mark of an earlier page")
    return time, site, sequence


def _read_logs(folder: Path | None, expected: Iterable[str]) -> tuple[list[LogSourceBody], list[LogLine]]:
    here = {path.stem: path for path in sorted(folder.glob("*.log"))} if folder is not None and folder.is_dir() else {}
    sources, lines = [], list[LogLine]()
    for name in dict.fromkeys((*expected, *here)):
        words = ""
        if name not in here:
            words = "its log is not on this machine: it runs elsewhere, or what starts it here keeps its output"
        else:
            try:
                lines += read_tail(here[name])
            except OSError as error:
                words = f"its log cannot be read: {error.strerror or error}"
        sources.append(LogSourceBody(name=name, is_read=not words, words=words))
    return sources, lines


def _line_body(line: LogLine) -> LogLineBody:
    return LogLineBody(
        time=iso(line.time_us) if line.time_us > 0 else None,
        time_us=line.time_us,
        source=line.source,
        role=line.role,
        level=line.level,
        event=line.event,
        fields=line.fields,
    )
