"""Checkpoints cross the zones over real bus servers, and what was done to an audit is told at the center."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from structlog.testing import capture_logs

from bench.topology import Topology, running, utility_of
from tests.security.audit_world import fill
from tests.security.test_audit_export import Collector, read_rfc5424
from tieline.bus import connected, decode_batch
from tieline.bus.witnessing import of_center
from tieline.cli.auditing import (
    center_witness,
    dmz_witness,
    forward_audits,
    hand_in_site,
    keep_center_audits,
    see_in_dmz,
)
from tieline.config.audit import AuditSection
from tieline.historian import Historian, HistorianServer
from tieline.historian.connection import FILE_NAME
from tieline.io import SystemClock
from tieline.model import AuditRecord, Batch, Event, Samples, subjects
from tieline.security.audit import AuditLog, verify
from tieline.security.audit.arrivals import SiteAudit
from tieline.security.audit.witness import read_witness, witness_file
from tieline.security.identity import Authority

pytestmark = pytest.mark.system

PERIOD_S = 0.2


@dataclass
class World:
    folder: Path
    topology: Topology
    historian: Historian
    events: list[Event] = field(default_factory=list)
    batches: int = 0

    @property
    def site(self) -> Path:
        return self.folder / "site" / "audit"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def store(self, records: list[AuditRecord]) -> None:
        """As the historian does with what a site sends."""
        self.batches += 1
        batch = Batch(site="north", incarnation=1, sequence=self.batches, samples=Samples.empty(), records=tuple(records))
        self.historian.commit([batch])

    def seen(self, name: str) -> int:
        """How much of an audit was seen in the other zone."""
        folder = center_witness(self.data) if name == "north" else dmz_witness(self.data)
        path = witness_file(folder, name)
        return read_witness(path.read_bytes(), "witness").checkpoint.size if path.exists() else 0

    def verified(self) -> int:
        """Up to which of the site's records the center knows that they are right."""
        return SiteAudit.open("north", center_witness(self.data)).sequence

    def problems(self) -> list[str]:
        return [event.text for event in self.events if event.kind == "audit_does_not_verify"]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """A site, the DMZ and the center with their audits looked after, on real servers."""
    utility, clock = utility_of(folder, ["north"]), SystemClock()
    async with AsyncExitStack() as stack:
        topology = await stack.enter_async_context(running(folder / "bus", site="north"))
        dmz_credentials = topology.authority.credentials(subjects.DMZ_ROLE, hosts=["127.0.0.1", "localhost"])
        center_credentials = topology.authority.credentials(subjects.CENTER_ROLE, hosts=["127.0.0.1", "localhost"])
        dmz = await stack.enter_async_context(connected(topology.dmz_server.port, dmz_credentials))
        (folder / "historian").mkdir()
        file = folder / "historian" / FILE_NAME
        historian = stack.enter_context(Historian.open(file, lake=folder / "historian" / "lake", points=()))
        stack.enter_context(HistorianServer(historian))
        made = World(folder, topology, historian)

        async def on_event(message: Msg) -> None:
            made.events.extend(decode_batch(message.data).events)

        await topology.observer.subscribe(subjects.center_batches("north"), cb=on_event)
        await topology.observer.subscribe(subjects.batches("center"), cb=on_event)
        audits = keep_center_audits(
            utility, topology.center, center_credentials, made.data, folder / "historian", clock, period_s=PERIOD_S
        )
        hand_in = hand_in_site(topology.edge, topology.edge_credentials, made.site, "north", clock, period_s=PERIOD_S)
        async with asyncio.TaskGroup() as tasks:
            going = [tasks.create_task(work) for work in (see_in_dmz(dmz, dmz_credentials, made.data, clock), audits, hand_in)]
            yield made
            for task in going:
                task.cancel()


async def test_what_grows_is_seen_in_the_other_zone_and_what_is_done_to_it_is_told(tmp_path: Path) -> None:
    clock = SystemClock()
    async with world(tmp_path) as made:
        with (
            closing(AuditLog.open(made.site, "north", clock)) as site,
            closing(AuditLog.open(made.data / "center" / "audit", "center", clock)) as center,
        ):
            fill(site, 300)
            fill(center, 20)
            made.store(site.since(0))
            for log in (site, center):
                log.checkpoint()
            await until(lambda: (made.seen("north"), made.seen("center"), made.verified()) == (300, 20, 300))
            shutil.copytree(made.data / "center" / "audit", tmp_path / "older")
            fill(site, 30)
            fill(center, 5)
            records = site.since(300)
            made.store([*records[:9], replace(records[9], actor="mallory"), *records[10:]])
            for log in (site, center):
                log.checkpoint()
            await until(lambda: (made.seen("north"), made.seen("center"), len(made.problems())) == (330, 25, 1))
            assert made.problems() == ["audit of site north does not verify: record 310 is not what the site wrote"]
            assert made.verified() == 300
            for folder, name in ((made.site, "north"), (made.data / "center" / "audit", "center")):
                kept = center_witness(made.data) if name == "north" else dmz_witness(made.data)
                seen = read_witness(witness_file(kept, name).read_bytes(), "the other zone")
                assert verify(folder, witnesses=[seen]).is_intact
        shutil.rmtree(made.data / "center" / "audit")
        shutil.copytree(tmp_path / "older", made.data / "center" / "audit")
        await until(lambda: len(made.problems()) == 2)
        assert made.problems()[1] == "the audit of center was rolled back: it has 20 entries, and 25 were seen"
        assert (dmz_witness(made.data) / "center.refused").exists()
        assert made.seen("center") == 25


async def test_nobody_else_is_seen_in_the_name_of_an_audit(tmp_path: Path) -> None:
    clock = SystemClock()
    async with world(tmp_path) as made:
        with closing(AuditLog.open(made.site, "north", clock)) as site:
            fill(site, 3)
            site.checkpoint()
            await until(lambda: made.seen("north") == 3)
            from tieline.bus.witnessing import HandIn
            from tieline.model import RefusedError

            other = HandIn(made.site, of_center(made.topology.center), clock.monotonic)
            with pytest.raises(RefusedError, match="no audit that is seen here"):
                await other.hand_in()
            assert made.seen("north") == 3


async def test_the_center_forwards_its_own_records_and_those_of_sites_to_a_collector_that_was_away(tmp_path: Path) -> None:
    clock, authority = SystemClock(), Authority.open(tmp_path / "authority")
    siem, center = authority.credentials("siem", hosts=["127.0.0.1", "localhost"]), authority.credentials("center")
    collector = Collector(siem.server_context())
    with collector.running():
        port = collector.port
    section = AuditSection(syslog=f"tls://127.0.0.1:{port}", format="cef")
    utility = replace(utility_of(tmp_path, ["north"]), audit=section)
    data, folder = tmp_path / "data", tmp_path / "historian"
    folder.mkdir()
    with (
        Historian.open(folder / FILE_NAME, lake=folder / "lake", points=()) as historian,
        HistorianServer(historian),
        closing(AuditLog.open(tmp_path / "site", "north", clock)) as site,
        closing(AuditLog.open(data / "center" / "audit", "center", clock)) as log,
    ):
        fill(site, 5)
        fill(log, 3)
        historian.commit([Batch(site="north", incarnation=1, sequence=1, samples=Samples.empty(), records=tuple(site.since(0)))])
        with capture_logs() as said:
            forwarding = asyncio.create_task(forward_audits(utility, data, folder, center, clock))
            await until(lambda: any("not forwarded" in line["event"] for line in said))
        places = data / "center" / "syslog.json"
        with collector.running():
            await until(lambda: len(collector.messages) == 8)
            await until(places.exists)
            forwarding.cancel()
            await asyncio.wait([forwarding])
    hosts = [read_rfc5424(message)[0]["host"] for message in collector.messages]
    assert hosts == ["center"] * 3 + ["north"] * 5
    assert collector.sequences() == [1, 2, 3, 1, 2, 3, 4, 5]
    assert "CEF:0|Tieline|Tieline|" in collector.messages[0]
    assert json.loads(places.read_text()) == {"center": 3, "site north": 5}
