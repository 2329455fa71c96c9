"""The audits of the roles of this process: vouched for, handed in to be seen in another zone, and compared with what has arrived."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import structlog
from nats.aio.client import Client

from tieline.bus.witnessing import WITNESSED, HandIn, of_center, of_site, see_center, see_sites
from tieline.config import Utility
from tieline.config.audit import AuditSection, read_collector
from tieline.config.own_points import CENTER
from tieline.historian import AsyncClient
from tieline.historian.client import query
from tieline.io import Backoff, Clock
from tieline.model import AuditRecord, ConfigError, Event, RefusedError, Severity, TielineError, UnavailableError, subjects
from tieline.scada.found import Found
from tieline.security.audit import AuditReader
from tieline.security.audit.arrivals import SiteAudit
from tieline.security.audit.formats import as_cef, as_rfc5424
from tieline.security.audit.forwarding import Forwarder, Source
from tieline.security.audit.keeping import CHECKPOINT_S
from tieline.security.audit.notes import Checkpoint, Note, SigningKey
from tieline.security.audit.tiles import PRIVATE
from tieline.security.audit.vouching import Key, origin_of, write_key
from tieline.security.audit.witness import Answer, Submission, Witness, witness_file
from tieline.security.identity import Credentials
from tieline.security.identity.signing import Signer, Verifier

if TYPE_CHECKING:
    from tieline.web.audit_states import AuditPlace

CENTER_LOGS = ("center", "web", "remote", "authority")
"""Audits that are kept at the center, by what stands in their records as site."""
_RECORDS = (
    "SELECT sequence, epoch_us(time) AS time_us, actor, action, target, detail, outcome FROM audit WHERE site = $1 AND sequence > $2 "
    "ORDER BY sequence, hash"
)
_DOUBLED = "SELECT sequence FROM audit WHERE site = $1 AND sequence <= $2 GROUP BY sequence HAVING count(*) > 1 ORDER BY sequence"
PATIENCE = 3
RETRY_S = 10.0
FORWARD_S = 2.0
MOST_COMPARED = 100_000
MOST_LATE_S = 600.0
"""So long a record may be later at the center than those after it."""
DOES_NOT_VERIFY = "audit_does_not_verify"

log = structlog.get_logger()

T = TypeVar("T")


def center_audits(data: Path) -> Mapping[str, Path]:
    """Where the audits of the center lie, by what stands in their records as site."""
    folders = {"center": "center", "web": "web", "remote": "center/remote", "authority": "authority"}
    return {name: data.absolute() / folder / "audit" for name, folder in folders.items()}


def audit_places(utility: Utility, data: Path) -> list[AuditPlace]:
    """The audits of which the center knows something."""
    from tieline.web.audit_states import AuditPlace

    own = [
        AuditPlace(name=name, by="DMZ", folder=folder, witnessed=folder / PRIVATE / WITNESSED)
        for name, folder in center_audits(data).items()
    ]
    kept = center_witness(data)
    return own + [
        AuditPlace(name=site.name, by="center", witnessed=witness_file(kept, site.name), arrivals=kept) for site in utility.sites
    ]


def dmz_witness(data: Path) -> Path:
    """Where the DMZ keeps what it has seen of the center's audits."""
    return data.absolute() / "dmz" / "witness"


def center_witness(data: Path) -> Path:
    """Where the center keeps what it has seen of the sites' audits."""
    return data.absolute() / "center" / "witness"


async def hand_in_site(
    client: Client, credentials: Credentials, folder: Path, site: str, clock: Clock, *, period_s: float = CHECKPOINT_S
) -> None:
    """At a site: has the center see the site's audit in this folder, until cancelled."""

    def tell(text: str) -> None:
        log.error("audit is refused by its witness", audit=site, reason=text)

    await _hand_in(
        {site: folder}, lambda folder: HandIn(folder, of_site(client, site), clock.monotonic), credentials, tell, period_s
    )


async def see_in_dmz(client: Client, credentials: Credentials, data: Path, clock: Clock) -> None:
    """In the DMZ: sees the center's audits, until cancelled."""
    witness = await _made(lambda: Witness(dmz_witness(data), "dmz", lambda: clock.now_us() / 1e6))
    verifier = Verifier(credentials.authority, subjects.CENTER_ROLE)

    async def see(site: str, submission: Submission) -> Answer:
        try:
            return await asyncio.to_thread(witness.see, site, submission, partial(_vouch, verifier, clock))
        except RefusedError as error:
            log.error("audit is refused", audit=site, reason=str(error))
            raise

    await see_center(client, CENTER_LOGS, see)


async def keep_center_audits(
    utility: Utility,
    client: Client,
    credentials: Credentials,
    data: Path,
    historian: Path,
    clock: Clock,
    *,
    period_s: float = CHECKPOINT_S,
) -> None:
    """At the center: sees the sites' audits and compares what has arrived of them, and has the DMZ see its own, until cancelled."""
    found = Found(client, lambda site: subjects.batches(site) if site == CENTER else subjects.center_batches(site))

    def tell(site: str, text: str) -> None:
        log.error("audit does not verify", audit=site, reason=text)
        found.note(Event(time=clock.now_us(), site=site, kind=DOES_NOT_VERIFY, severity=Severity.ERROR, text=text))

    sites = [site.name for site in utility.sites]
    async with AsyncClient(historian) as asked, asyncio.TaskGroup() as tasks:
        seeing = await _made(lambda: SeesSites(sites, asked, credentials, center_witness(data), clock, tell))
        tasks.create_task(found.run(), name="tell of audits")
        tasks.create_task(see_sites(client, sites, seeing.see), name="see the audits of sites")
        tasks.create_task(
            _hand_in(
                center_audits(data),
                lambda folder: HandIn(folder, of_center(client), clock.monotonic),
                credentials,
                lambda text: tell(CENTER, text),
                period_s,
            ),
            name="hand the center's audits in",
        )
        if utility.audit.syslog:
            tasks.create_task(forward_audits(utility, data, historian, credentials, clock), name="forward the audits")


class SeesSites:
    """Sees the checkpoints of sites, and compares the records that the historian has of them."""

    def __init__(
        self,
        sites: Sequence[str],
        historian: AsyncClient,
        credentials: Credentials,
        folder: Path,
        clock: Clock,
        tell: Callable[[str, str], None],
    ) -> None:
        self._historian = historian
        self._folder = folder
        self._clock = clock
        self._tell = tell
        self._witness = Witness(folder, "center", lambda: clock.now_us() / 1e6)
        self._verifiers = {site: Verifier(credentials.authority, subjects.edge_role(site)) for site in sites}
        self._audits = {site: SiteAudit.open(site, folder) for site in sites}
        self._refusals: dict[str, str] = {}

    async def see(self, site: str, submission: Submission) -> Answer:
        """The answer to what a site hands in. Raises `TielineError`."""
        vouch = partial(_vouch, self._verifiers[site], self._clock)
        try:
            answer = await asyncio.to_thread(self._witness.see, site, submission, vouch)
        except RefusedError as error:
            if self._refusals.get(site) != str(error):
                self._refusals[site] = str(error)
                self._tell(site, f"audit of site {site} does not verify: {error}")
            raise
        self._refusals.pop(site, None)
        audit = self._audits[site]
        if answer.cosigned:
            try:
                await self._compare(site, audit, submission)
            except UnavailableError as error:
                log.warning("records of an audit not compared", audit=site, reason=str(error))
        return msgspec.structs.replace(answer, first=audit.first)

    async def _compare(self, site: str, audit: SiteAudit, submission: Submission) -> None:
        checkpoint = Checkpoint.parse(Note.parse(submission.checkpoint).text)
        if checkpoint.size - audit.tree.size > MOST_COMPARED:
            log.warning("records of an audit are compared from here on", audit=site, after=checkpoint.size)
            audit.begin_after(checkpoint)
            return
        rows = (await self._historian.query(f"{_RECORDS} LIMIT {MOST_COMPARED:d}", [site, audit.sequence])).to_pylist()
        doubled = (await self._historian.query(_DOUBLED, [site, audit.sequence])).to_pylist()

        def work() -> list[str]:
            records = _records_of(site, rows)
            audit.begin_at(records, submission.first, submission.roots)
            _, problems = audit.compare(records, checkpoint, submission.first, submission.leaves)
            return [*audit.doubled(row["sequence"] for row in doubled), *problems]

        try:
            problems = await asyncio.to_thread(work)
        except (OSError, ValueError) as error:
            raise UnavailableError(str(error)) from error
        for problem in problems:
            self._tell(site, f"audit of site {site} does not verify: {problem}")


async def forward_audits(utility: Utility, data: Path, historian: Path, credentials: Credentials, clock: Clock) -> None:
    """At the center: delivers the records of all audits to the collector of the folder, until cancelled."""
    section = utility.audit
    sources: dict[str, Source] = {name: AuditSource(folder) for name, folder in center_audits(data).items()}
    sources |= {f"site {site.name}": StoredSource(site.name, historian, clock.monotonic) for site in utility.sites}

    def make() -> Forwarder:
        return Forwarder(
            sources,
            data.absolute() / "center" / "syslog.json",
            read_collector(section.syslog),
            collector_context(utility.folder, section, credentials),
            as_rfc5424 if section.format == "json" else partial(as_rfc5424, message=as_cef),
            server_name=section.server_name or "",
        )

    forwarder = await _made(make)
    backoff, is_lost = Backoff(random.random, cap_s=60.0), False
    while True:
        try:
            count = await asyncio.to_thread(forwarder.deliver)
        except TielineError as error:
            if not is_lost:
                log.error("audit not forwarded; its records are kept until they are", reason=str(error))
            is_lost = True
            await asyncio.sleep(backoff.next_wait())
            continue
        if is_lost:
            log.info("audit is forwarded again")
        is_lost = False
        backoff.reset()
        if not count:
            await asyncio.sleep(FORWARD_S)


def collector_context(folder: Path, section: AuditSection, credentials: Credentials) -> ssl.SSLContext:
    """TLS towards the collector, with the files that the folder names or our own. Raises `ConfigError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority = credentials.authority if section.authority_file is None else folder / section.authority_file
    try:
        context.load_verify_locations(authority)
        if section.crl_file is not None:
            context.load_verify_locations(folder / section.crl_file)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        if section.certificate_file is not None and section.key_file is not None:
            context.load_cert_chain(folder / section.certificate_file, folder / section.key_file)
        else:
            credentials.load_into(context)
    except OSError as error:
        raise ConfigError(f"the files of [audit] cannot be used for TLS: {error}") from error
    return context


class AuditSource:
    """Records of an audit on this machine."""

    def __init__(self, folder: Path) -> None:
        self._reader = AuditReader(folder)

    def __call__(self, after: int, most: int) -> Sequence[AuditRecord]:
        """`tieline.security.audit.forwarding.Source`."""
        try:
            return self._reader.since(after, most)
        except OSError as error:
            raise UnavailableError(f"an audit cannot be read: {error}") from error


class StoredSource:
    """Records of a site as the historian has them. Later ones wait for those before them, which may still be on their way."""

    def __init__(self, site: str, historian: Path, monotonic: Callable[[], float]) -> None:
        self._site = site
        self._historian = historian
        self._monotonic = monotonic
        self._gap: tuple[int, float] | None = None
        """After which record one is missing, and since when that is known."""

    def __call__(self, after: int, most: int) -> Sequence[AuditRecord]:
        """`tieline.security.audit.forwarding.Source`."""
        rows = query(self._historian, f"{_RECORDS} LIMIT {most:d}", [self._site, after]).read_all().to_pylist()
        found: list[AuditRecord] = []
        for record in _records_of(self._site, rows):
            last = found[-1].sequence if found else after
            if record.sequence > last + 1 and last and not self._is_lost(last):
                break
            found.append(record)
        return found

    def _is_lost(self, last: int) -> bool:
        if self._gap is None or self._gap[0] != last:
            self._gap = last, self._monotonic()
        return self._monotonic() - self._gap[1] > MOST_LATE_S


async def _made(make: Callable[[], T]) -> T:
    """What `make` gives, which is tried until it does: a role does not end because its audit cannot be looked after."""
    is_told = False
    while True:
        try:
            return await asyncio.to_thread(make)
        except TielineError as error:
            if not is_told:
                log.error("audits are not looked after yet", reason=str(error))
            is_told = True
            await asyncio.sleep(RETRY_S)


async def _hand_in(
    folders: Mapping[str, Path],
    make: Callable[[Path], HandIn],
    credentials: Credentials,
    tell: Callable[[str], None],
    period_s: float,
) -> None:
    """Vouches for the keys of the logs, and hands in what is new, again and again until cancelled."""
    handing = {name: make(folder) for name, folder in folders.items()}
    failures: Counter[str] = Counter()
    while True:
        for name, folder in folders.items():
            if not (folder / "checkpoint").exists():
                continue
            try:
                await asyncio.to_thread(_vouch_for, name, folder, Signer(credentials))
                await handing[name].hand_in()
                failures[name] = 0
            except RefusedError as error:
                tell(str(error))
            except TielineError as error:
                failures[name] += 1
                if failures[name] == PATIENCE:  # the bus is not whole yet when a role starts
                    log.warning("audit is not seen in another zone", audit=name, reason=str(error))
        await asyncio.sleep(period_s)


def _records_of(site: str, rows: Iterable[dict[str, Any]]) -> list[AuditRecord]:
    """Raises `UnavailableError` where the historian has something else than a record."""
    try:
        return [AuditRecord(site=site, **{**row, "detail": json.loads(row["detail"])}) for row in rows]
    except (ValueError, TypeError) as error:
        raise UnavailableError(f"a stored record of the audit of {site} makes no sense: {error}") from error


def _vouch_for(name: str, folder: Path, signer: Signer) -> None:
    try:
        key, is_new = SigningKey.in_file(origin_of(name), folder / PRIVATE / "key.pem")
        if not is_new:
            write_key(folder, key, folder / PRIVATE / "key.new", signer)
    except OSError as error:
        raise UnavailableError(f"the key of the audit in {folder} cannot be vouched for: {error}") from error


def _vouch(verifier: Verifier, clock: Clock, key: Key) -> None:
    key.check(verifier, datetime.fromtimestamp(clock.now_us() / 1e6, UTC))
