"""The audits of the roles of this process: vouched for, handed in to be seen in another zone, and compared with what has arrived."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import structlog
from nats.aio.client import Client

from tieline.bus.witnessing import HandIn, of_center, of_site, see_center, see_sites
from tieline.config import Utility
from tieline.config.own_points import CENTER
from tieline.historian import AsyncClient
from tieline.io import Clock
from tieline.model import AuditRecord, Event, RefusedError, Severity, TielineError, UnavailableError, subjects
from tieline.scada.found import Found
from tieline.security.audit.arrivals import SiteAudit
from tieline.security.audit.keeping import CHECKPOINT_S
from tieline.security.audit.notes import Checkpoint, Note, SigningKey
from tieline.security.audit.tiles import PRIVATE
from tieline.security.audit.vouching import Key, origin_of, write_key
from tieline.security.audit.witness import Answer, Submission, Witness
from tieline.security.identity import Credentials
from tieline.security.identity.signing import Signer, Verifier

CENTER_LOGS = ("center", "web", "remote", "authority")
"""Audits that are kept at the center, by what stands in their records as site."""
_RECORDS = (
    "SELECT sequence, epoch_us(time) AS time_us, actor, action, target, detail, outcome FROM audit WHERE site = $1 AND sequence > $2 "
    "ORDER BY sequence, hash LIMIT 100000"
)
_DOUBLED = "SELECT sequence FROM audit WHERE site = $1 AND sequence <= $2 GROUP BY sequence HAVING count(*) > 1 ORDER BY sequence"
PATIENCE = 3
DOES_NOT_VERIFY = "audit_does_not_verify"

log = structlog.get_logger()


def center_audits(data: Path) -> Mapping[str, Path]:
    """Where the audits of the center lie, by what stands in their records as site."""
    folders = {"center": "center", "web": "web", "remote": "center/remote", "authority": "authority"}
    return {name: data.absolute() / folder / "audit" for name, folder in folders.items()}


def dmz_witness(data: Path) -> Path:
    """Where the DMZ keeps what it has seen of the center's audits."""
    return data.absolute() / "dmz" / "witness"


def center_witness(data: Path) -> Path:
    """Where the center keeps what it has seen of the sites' audits."""
    return data.absolute() / "center" / "witness"


async def hand_in_site(client: Client, credentials: Credentials, folder: Path, site: str, clock: Clock) -> None:
    """At a site: has the center see the site's audit in this folder, until cancelled."""

    def tell(text: str) -> None:
        log.error("audit is refused by its witness", audit=site, reason=text)

    await _hand_in({site: folder}, lambda folder: HandIn(folder, of_site(client, site), clock.monotonic), credentials, tell)


async def see_in_dmz(client: Client, credentials: Credentials, data: Path, clock: Clock) -> None:
    """In the DMZ: sees the center's audits, until cancelled."""
    witness = Witness(dmz_witness(data), "dmz", lambda: clock.now_us() / 1e6)
    verifier = Verifier(credentials.authority, subjects.CENTER_ROLE)

    async def see(site: str, submission: Submission) -> Answer:
        try:
            return await asyncio.to_thread(witness.see, site, submission, partial(_vouch, verifier, clock))
        except RefusedError as error:
            log.error("audit is refused", audit=site, reason=str(error))
            raise

    await see_center(client, CENTER_LOGS, see)


async def keep_center_audits(
    utility: Utility, client: Client, credentials: Credentials, data: Path, historian: Path, clock: Clock
) -> None:
    """At the center: sees the sites' audits and compares what has arrived of them, and has the DMZ see its own, until cancelled."""
    found = Found(client, lambda site: subjects.batches(site) if site == CENTER else subjects.center_batches(site))

    def tell(site: str, text: str) -> None:
        log.error("audit does not verify", audit=site, reason=text)
        found.note(Event(time=clock.now_us(), site=site, kind=DOES_NOT_VERIFY, severity=Severity.ERROR, text=text))

    sites = [site.name for site in utility.sites]
    async with AsyncClient(historian) as asked, asyncio.TaskGroup() as tasks:
        seeing = SeesSites(sites, asked, credentials, center_witness(data), clock, tell)
        tasks.create_task(found.run(), name="tell of audits")
        tasks.create_task(see_sites(client, sites, seeing.see), name="see the audits of sites")
        tasks.create_task(
            _hand_in(
                center_audits(data),
                lambda folder: HandIn(folder, of_center(client), clock.monotonic),
                credentials,
                lambda text: tell(CENTER, text),
            ),
            name="hand the center's audits in",
        )


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
        return msgspec.structs.replace(answer, first=audit.tree.size)

    async def _compare(self, site: str, audit: SiteAudit, submission: Submission) -> None:
        rows = (await self._historian.query(_RECORDS, [site, audit.sequence])).to_pylist()
        doubled = (await self._historian.query(_DOUBLED, [site, audit.sequence])).to_pylist()
        checkpoint = Checkpoint.parse(Note.parse(submission.checkpoint).text)

        def work() -> list[str]:
            records = [
                AuditRecord(site=site, **{**row, "detail": msgspec.json.decode(row["detail"], type=dict[str, object])})
                for row in rows
            ]
            audit.begin_at(records, submission.first, submission.roots)
            _, problems = audit.compare(records, checkpoint, submission.first, submission.leaves)
            return [*audit.doubled(row["sequence"] for row in doubled), *problems]

        try:
            problems = await asyncio.to_thread(work)
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise UnavailableError(str(error)) from error
        for problem in problems:
            self._tell(site, f"audit of site {site} does not verify: {problem}")


async def _hand_in(
    folders: Mapping[str, Path], make: Callable[[Path], HandIn], credentials: Credentials, tell: Callable[[str], None]
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
        await asyncio.sleep(CHECKPOINT_S)


def _vouch_for(name: str, folder: Path, signer: Signer) -> None:
    try:
        key, is_new = SigningKey.in_file(origin_of(name), folder / PRIVATE / "key.pem")
        if not is_new:
            write_key(folder, key, folder / PRIVATE / "key.new", signer)
    except OSError as error:
        raise UnavailableError(f"the key of the audit in {folder} cannot be vouched for: {error}") from error


def _vouch(verifier: Verifier, clock: Clock, key: Key) -> None:
    key.check(verifier, datetime.fromtimestamp(clock.now_us() / 1e6, UTC))
