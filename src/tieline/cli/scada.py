"""`tieline run --scada`: alarms and control of the center, in a process of their own; the center starts it and keeps it running."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path

import structlog
from nats.aio.client import Client

from tieline.bus import connected, scada
from tieline.cli.alarm_suppression import SwitchingSuppression
from tieline.cli.renewing import renewing
from tieline.cli.run import historian_folder, open_authority, seed
from tieline.cli.topology_adapter import switching_of, topology_of
from tieline.config import Utility
from tieline.config.alarms import AlarmPlan
from tieline.historian import AsyncClient
from tieline.io import Backoff, Clock, SystemClock
from tieline.model import Now, subjects
from tieline.model.audit import Draft
from tieline.scada import LiveState
from tieline.scada.alarm_desk import AlarmDesk
from tieline.scada.alarms import AlarmEngine, AlarmService, AlarmStore
from tieline.scada.control import ControlService
from tieline.scada.control.service import SITE
from tieline.scada.control_answers import ControlAnswers
from tieline.scada.feed import Feed
from tieline.scada.found import Found
from tieline.scada.service import ScadaService, permits
from tieline.security.audit import AuditLog
from tieline.security.audit.keeping import keep_checkpoints, record_configuration
from tieline.security.identity.signing import Signer

log = structlog.get_logger()

ALARMS_FILE = "alarms.db"


def scada_folder(data: Path) -> Path:
    """Where alarms and control keep what they know."""
    return data.absolute() / "center" / "scada"


def alarm_plan(utility: Utility) -> list[AlarmPlan]:
    """The alarms of all sites, of the center and of the DMZ."""
    return [alarm for site in (*utility.sites, *utility.roles) for alarm in site.alarms]


def open_alarms(
    utility: Utility, folder: Path, now: Now, record: Callable[[list[Draft]], object] = lambda _: None
) -> AlarmService:
    """The alarms of all sites, as they stood; what people do with them is recorded before it is done.

    Raises `UnavailableError` where the disk does not give them.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = AlarmStore(folder / ALARMS_FILE, keep_days=utility.alarms.keep_days, most_mb=utility.alarms.most_mb)
    return AlarmService(AlarmEngine(alarm_plan(utility)), store, now, permits=permits, record=record)


async def take_alarms(utility: Utility, data: Path, client: Client) -> None:
    """Takes what a stream at the center holds for the alarms, while nobody else does, until cancelled."""
    async with AlarmDesk(partial(open_alarms, utility, scada_folder(data)), SystemClock()) as alarms:
        await alarms.take_stream(client, Backoff(random.random, cap_s=5.0))


@asynccontextmanager
async def open_audit(utility: Utility, data: Path, clock: Clock) -> AsyncIterator[AuditLog]:
    """The audit of control and alarms, which says first what the utility folder is. Raises `UnavailableError`."""
    with closing(AuditLog.open(data.absolute() / "center" / "audit", SITE, clock)) as audit:
        record_configuration(audit, utility.folder)
        yield audit


async def run_scada(utility: Utility, data: Path, bus_ports: Sequence[int]) -> None:
    """Serves until cancelled."""
    clock = SystemClock()
    folder = scada_folder(data)
    authority = open_authority(data)
    credentials = authority.credentials(subjects.SCADA_ROLE)
    signer = Signer(credentials)
    live = LiveState(utility.points, sites=[site.name for site in utility.sites], started=clock.now_us())
    async with (
        AsyncExitStack() as stack,
        open_audit(utility, data, clock) as audit,
        AsyncClient(historian_folder(data)) as historian,
        renewing(authority, {credentials: signer.reload}),
        connected(bus_ports, credentials) as client,
        AlarmDesk(partial(open_alarms, utility, folder, record=audit.append_many), clock) as alarms,
    ):
        found = Found(client, subjects.control_events)
        topology = topology_of(utility, live, clock.now_us)
        suppression = SwitchingSuppression(alarm_plan(utility), topology, live)
        control = ControlService.open(
            utility,
            live,
            client,
            signer,
            stack.enter_context(ExitStack()),
            folder=data.absolute() / "center",
            audit=audit,
            switching=switching_of(topology),
            clock=clock,
            on_event=found.note,
        )
        answers = ControlAnswers(control)
        service = ScadaService(alarms, answers)
        feed = Feed(client, live, clock.now_us, found=None)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed.run(lambda: seed(live, historian, clock.now_us)), name="feed")
            tasks.create_task(alarms.take_stream(client, Backoff(random.random, cap_s=5.0)), name="take alarms")
            tasks.create_task(alarms.watch(live), name="watch alarms")
            tasks.create_task(suppression.follow(alarms, clock), name="suppress alarms")
            tasks.create_task(alarms.tell_changes(client), name="tell alarms")
            tasks.create_task(control.run(), name="control")
            tasks.create_task(keep_checkpoints(audit), name="publish checkpoints of the audit")
            tasks.create_task(found.run(), name="tell events of control")
            tasks.create_task(answers.tell_changes(client), name="tell control")
            tasks.create_task(scada.answer_requests(client, service.answer), name="answer")
            log.info(
                "alarms run", alarms=await alarms.do(lambda service, now: len(service.snapshot(now, everything=True).alarms))
            )
