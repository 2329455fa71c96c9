"""`tieline run`: one role in this process, or every role of the folder in a process of its own.

| role   | what runs in it                                             | its certificates   |
|--------|-------------------------------------------------------------|--------------------|
| site   | the site's bus server (child), gateway with its drivers, local (child) | edge-<site> |
| local  | the site's own historian, live state and screen             | local-<site>       |
| dmz    | the DMZ's bus server (child)                                | dmz                |
| center | the center's bus servers (children), historian, scada and the web (children) | center, historian |
| scada  | alarms and control                                          | scada              |
| remote | remote access, where the folder opens it (child of center)  | remote             |
| web    | live state, REST, WebSocket, pages                          | web                |
"""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from tieline.cli.device_tls import device_context
from tieline.cli.renewing import renewing
from tieline.cli.state import held, prepare
from tieline.cli.supervisor import Child, Supervisor
from tieline.cli.web import LOOPBACK, WebOptions, run_web, tell_first_login, web_folder
from tieline.config import TlsFiles, Utility, read_folder
from tieline.io import Backoff, SystemClock
from tieline.model import ConfigError, Event, Samples, TielineError, UnavailableError
from tieline.observe import configure_logs
from tieline.security.identity import Authority, Credentials

if TYPE_CHECKING:
    from nats.aio.client import Client

    from tieline.historian import AsyncClient, Historian
    from tieline.scada import LiveState

log = structlog.get_logger()

PORT_OF_FOLDER = -1
SCREEN_HOST = "127.0.0.1"
"""The own screens of sites have no login."""
READY_TIMEOUT_S = 120.0
ANY_PORT = -1
"""Where clients of enterprise zones connect if the DMZ is told an address: all on one machine, and nothing is at a port of the folder."""
JOIN_PERIOD_S = 1.0
READER_TIMEOUT_S = 60.0
READER_RETRY_S = 0.25
JOIN_ALL_EVERY = 60
CHILD_RETRY_S = 5.0


class Role(StrEnum):
    """What a process does."""

    ALL = "all"
    SITE = "site"
    DMZ = "dmz"
    CENTER = "center"
    WEB = "web"
    SCADA = "scada"
    REMOTE = "remote"
    LOCAL = "local"


def historian_folder(data: Path) -> Path:
    """Where the center's historian keeps its file, its lake and its socket."""
    return data.absolute() / "center" / "historian"


def open_authority(data: Path) -> Authority:
    """The certificates in a data directory."""
    return Authority.open(data / "authority")


def run_role(
    role: Role,
    folder: Path,
    data: Path,
    *,
    site: str | None,
    simulated: bool,
    web: WebOptions,
    dmz_address: str | None,
    bus_ports: Sequence[int],
    metrics_port: int | None = None,
    est_port: int | None = None,
) -> None:
    """Runs the role until it is told to stop; the web's port -1 is the folder's. Raises `TielineError` where it cannot."""
    utility = read_folder(folder)
    if simulated and role in {Role.ALL, Role.SITE}:
        utility = _relocated(utility, data)
    dmz = _read_address(dmz_address or f"{utility.dmz.host}:{utility.dmz.port}")
    if est_port is None and dmz_address is None:
        est_port = utility.dmz.est_port
    est = f"{dmz.rpartition(':')[0]}:{est_port}" if est_port else ""
    data = prepare(data)
    given = web.port
    web = replace(web, port=utility.center.hmi_port if given == PORT_OF_FOLDER else given)
    configure_logs(f"{'local' if role is Role.LOCAL else 'edge'}-{site}" if site else role)
    body: Callable[[], Coroutine[Any, Any, None]]
    match role:
        case Role.SITE:
            assert site is not None
            screen_port = (utility.site(site).local.hmi_port or 0) if given == PORT_OF_FOLDER else given
            body = partial(_site, utility, data, site, dmz, est, web.host, screen_port or free_port())
            place = data / f"site-{site}"
        case Role.LOCAL:
            from tieline.cli.local import local_folder, run_local

            assert site is not None
            body = partial(run_local, utility, data, site, bus_ports[0], web.host, web.port)
            place = local_folder(data, site)
        case Role.DMZ:
            enterprise_port = utility.dmz.enterprise_port if dmz_address is None else ANY_PORT
            body = partial(_dmz, utility, data, dmz, enterprise_port, est_port, metrics_port)
            place = data / "dmz"
        case Role.CENTER:
            body = partial(_center, utility, data, dmz, web)
            place = data / "center"
        case Role.WEB:
            body = partial(run_web, utility, data, bus_ports, web)
            place = web_folder(data)
        case Role.SCADA:
            from tieline.cli.scada import run_scada, scada_folder

            body = partial(run_scada, utility, data, bus_ports)
            place = scada_folder(data)
        case Role.REMOTE:
            from tieline.cli.remote_center import remote_folder, run_remote

            body = partial(run_remote, utility, data, bus_ports, dmz)
            place = remote_folder(data)
        case Role.ALL:
            body = partial(_all, utility, data, web, ["--simulated"] if simulated else [])
            place = data
    with held(place):
        run_until_signal(body())


def _read_address(text: str) -> str:
    """The address, if it is one. Raises `ConfigError`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"{text!r} is not an address; write HOST:PORT, for example dmz.example:7422")
    return text


def run_until_signal(body: Coroutine[Any, Any, None]) -> None:
    """Runs the coroutine on a fast event loop; SIGINT and SIGTERM cancel it, and that is a normal end."""
    import uvloop

    async def main() -> None:
        task = asyncio.create_task(body, name="role")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    except* TielineError as group:
        raise _first(group) from None


def _first(group: BaseExceptionGroup[TielineError]) -> TielineError:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, TielineError)
    return found


def _relocated(utility: Utility, data: Path) -> Utility:
    from tieline.config.field import FIELD_FILE, read_book, relocate

    return relocate(utility, read_book(data / FIELD_FILE))


async def _site(utility: Utility, data: Path, name: str, dmz: str, est: str, host: str, hmi_port: int) -> None:
    from tieline.bus import Server, connected
    from tieline.bus.configuration import for_site
    from tieline.cli.auditing import hand_in_site
    from tieline.cli.own_state import role_measures
    from tieline.cli.revoking import Generations, keep_names
    from tieline.edge.dnp3 import StationChannels
    from tieline.edge.dnp3.presenting import make_outstations
    from tieline.edge.drivers import make_drivers
    from tieline.edge.gateway import Gateway, Monitor
    from tieline.edge.goose.configured import make_monitors
    from tieline.edge.snmp.hints import Hints
    from tieline.edge.snmp.keys import keys_of
    from tieline.model import subjects
    from tieline.security.identity.signing import Verifier
    from tieline.security.zones import plan_of

    site = utility.site(name)
    authority = open_authority(data)
    credentials = authority.credentials(subjects.edge_role(name), hosts=LOOPBACK)
    place = data / f"site-{name}"
    plan = plan_of(utility)
    configuration = for_site(plan, name, credentials, place / "streams", dmz)
    generations = Generations(authority.revocations, credentials)
    local = authority.held(subjects.local_role(name))
    of_local: dict[Credentials, None] = {local: None} if local.certificate.exists() else {}

    def tls(connection: TlsFiles) -> ssl.SSLContext:
        return device_context(utility.folder, connection, credentials)

    clock = SystemClock()
    channels = StationChannels(clock=clock, random=random.random, tls=tls)
    hints = Hints()

    def monitors(on_samples: Callable[[Samples], None], on_event: Callable[[Event], None]) -> list[Monitor]:
        found: list[Monitor] = [*make_monitors(site, on_samples, on_event, clock=clock)]
        if site.watch is not None:
            from tieline.edge.snmp.listening import make_listeners

            found += make_listeners(site, on_event, keys=partial(keys_of, data), hints=hints, clock=clock)
        return found

    async with (
        Server.running(f"edge-{name}", place / "bus", configuration, generation=generations) as server,
        renewing(authority, {credentials: server.reload, **of_local}, est=est),
        connected(server.port, credentials) as client,
    ):
        gateway = Gateway(
            site,
            client,
            partial(make_drivers, site, clock=clock, tls=tls, channels=channels, snmp_keys=partial(keys_of, data), hints=hints),
            make_monitors=monitors,
            make_presenters=partial(make_outstations, site, channels=channels, clock=clock),
            folder=place,
            described_by=utility.folder,
            measures=role_measures(place, credentials, server),
            server=server,
            verifier=Verifier(credentials.authority, subjects.SCADA_ROLE),
            remote_verifier=Verifier(credentials.authority, subjects.REMOTE_ROLE) if name in plan.remote_sites else None,
            clock=clock,
            rng=random.SystemRandom(),
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(gateway.run(), name="gateway")
            tasks.create_task(hand_in_site(client, credentials, place / "audit", name, clock), name="hand the audit in")
            names = keep_names(client, [server], authority.revocations, generations)
            tasks.create_task(names, name="keep out who is revoked")
            if site.local.enabled:
                arguments = ["run", str(utility.folder), "--data", str(data), "--site", name, "--local"]
                arguments += ["--host", host, "--port", str(hmi_port), "--bus-port", str(server.port)]
                tasks.create_task(_keep(Child(f"local {name}", arguments)), name="keep local store and screen")


async def _keep(child: Child) -> None:
    """Runs a child without which the role goes on; where it cannot run, that is told and tried again."""
    while True:
        try:
            async with Supervisor([child]) as supervisor:
                await supervisor.forever()
        except UnavailableError as error:
            log.error("child cannot run", child=child.name, reason=str(error), retry_in_s=CHILD_RETRY_S)
            await asyncio.sleep(CHILD_RETRY_S)


async def _dmz(
    utility: Utility, data: Path, address: str, enterprise_port: int, est_port: int | None, metrics_port: int | None
) -> None:
    from tieline.bus import Server, connected
    from tieline.bus.configuration import for_dmz
    from tieline.bus.remote_door import RemoteDoor
    from tieline.cli.auditing import see_in_dmz
    from tieline.cli.est_server import serve_enrollment
    from tieline.cli.own_state import role_measures
    from tieline.cli.revoking import Generations, keep_names
    from tieline.cli.role_state import keep_dmz_state
    from tieline.model import subjects
    from tieline.security.zones import plan_of

    host, _, port = address.rpartition(":")
    authority = open_authority(data)
    credentials = authority.credentials(subjects.DMZ_ROLE, hosts=[*LOOPBACK, *sorted({host} - set(LOOPBACK))])
    configuration = for_dmz(plan_of(utility), credentials, host, int(port), enterprise_port=enterprise_port)
    revocations = authority.revocations
    generations = Generations(revocations, credentials)
    est = f"{host}:{est_port}" if est_port else ""
    async with (
        Server.running("dmz", data / "dmz" / "bus", configuration, generation=generations) as server,
        renewing(authority, {credentials: server.reload}, est=est),
    ):
        log.info("dmz runs", address=address, clients=server.port)
        async with connected(server.port, credentials) as client, asyncio.TaskGroup() as tasks:
            measures = role_measures(data / "dmz", credentials, server)
            state = keep_dmz_state(utility, client, SystemClock(), measures, metrics_port=metrics_port)
            tasks.create_task(state, name="own state")
            names = keep_names(client, [server], revocations, generations, takes_leaves=True)
            tasks.create_task(names, name="keep out who is revoked")
            tasks.create_task(see_in_dmz(client, credentials, data, SystemClock()), name="see the center's audits")
            if est_port:
                enrollment = serve_enrollment(client, credentials, revocations, host, est_port)
                tasks.create_task(enrollment, name="serve enrollment")
            if utility.dmz.remote_port is not None:
                door = RemoteDoor(client, credentials, host, utility.dmz.remote_port, SystemClock())
                tasks.create_task(door.run(), name="remote access")


async def _center(utility: Utility, data: Path, dmz: str, web: WebOptions) -> None:
    from tieline.bus import connected
    from tieline.bus.center import center_bus, ensure_center_stream
    from tieline.bus.links import answer_links
    from tieline.bus.streams import ensure_place
    from tieline.cli.auditing import keep_center_audits
    from tieline.cli.center_bus import take_rest
    from tieline.cli.own_state import role_measures
    from tieline.cli.revoking import Generations, serve_authority
    from tieline.cli.role_state import CommitDelay, ingest_measures, keep_center_state
    from tieline.cli.scada import take_alarms
    from tieline.historian import Historian, HistorianServer, Retention
    from tieline.historian.connection import FILE_NAME
    from tieline.historian.ingest import IngestCounts, ingest
    from tieline.model import subjects
    from tieline.security.zones import plan_of

    web.check(utility)
    if web.has_login and not web.is_first_login_told:
        tell_first_login(utility, data, _say)
    clock = SystemClock()
    authority = open_authority(data)
    credentials = authority.credentials(subjects.CENTER_ROLE, hosts=LOOPBACK)
    historian_credentials = authority.credentials(subjects.HISTORIAN_ROLE)
    place = data / "center"
    servers, stream_mb = utility.center.bus_servers, utility.center.stream_mb
    retention = Retention(
        lake_after_days=utility.retention.lake_after_days, delete_after_days=utility.retention.delete_after_days
    )
    folder = historian_folder(data)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with AsyncExitStack() as stack:
        open_historian = partial(
            Historian.open, folder / FILE_NAME, lake=folder / "lake", points=utility.points, retention=retention
        )
        historian = stack.enter_context(await open_patiently(open_historian))
        historian.start_care()
        stack.enter_context(HistorianServer(historian))
        plan = plan_of(utility)
        await take_rest(
            plan,
            place,
            credentials,
            historian_credentials,
            historian,
            servers=servers,
            stream_mb=stream_mb,
            take_alarms=partial(take_alarms, utility, data),
        )
        generations = Generations(authority.revocations, credentials)
        bus = await stack.enter_async_context(center_bus(plan, place, credentials, dmz, servers=servers, generation=generations))
        await stack.enter_async_context(renewing(authority, {credentials: bus.reload, historian_credentials: None}))
        client = await stack.enter_async_context(connected(bus.ports, credentials))
        await ensure_center_stream(client, bus, stream_mb=stream_mb)
        ingest_client = await stack.enter_async_context(connected(bus.ports, historian_credentials))
        await ensure_place(client, subjects.CENTER_STREAM, subjects.ALARMS_CONSUMER)
        common = ["run", str(utility.folder), "--data", str(data)]
        bus_options = [word for port in bus.ports for word in ("--bus-port", str(port))]
        scada = Child("scada", [*common, "--scada", *bus_options])
        remote = Child("remote access", [*common, "--remote", "--dmz-address", dmz, *bus_options])
        pages = Child("web", [*common, "--web", *web.arguments(), *bus_options])
        supervisor = await stack.enter_async_context(Supervisor([pages]))
        async with asyncio.TaskGroup() as tasks:
            counts, backoff, delay = IngestCounts(), Backoff(random.random, cap_s=5.0), CommitDelay(clock.now_us)
            tasks.create_task(ingest(ingest_client, historian, counts, backoff, on_commit=delay.take), name="ingest")
            measures = [*role_measures(place, credentials, *bus.servers), *ingest_measures(counts, historian.path)]
            tasks.create_task(keep_center_state(utility, client, clock, [delay, *measures]), name="own state")
            tasks.create_task(supervisor.forever(), name="keep web")
            tasks.create_task(_keep(scada), name="keep alarms and control")
            if utility.dmz.remote_port is not None:
                tasks.create_task(_keep(remote), name="keep remote access")
            audits = keep_center_audits(utility, client, credentials, data, folder, clock)
            tasks.create_task(audits, name="keep the audits")
            limits = {site.name: site.spool.backfill_kbps for site in utility.sites}
            tasks.create_task(_keep_joined(client, limits), name="join sites")
            tasks.create_task(answer_links(client, limits, clock.now_us), name="answer sites")
            tasks.create_task(serve_authority(client, bus.servers, authority, generations), name="serve the authority")


async def open_patiently(open_historian: Callable[[], Historian]) -> Historian:
    """The historian, also while somebody still reads its file: `tieline query` opens it when no historian runs."""
    from tieline.historian import HeldError

    deadline = asyncio.get_running_loop().time() + READER_TIMEOUT_S
    while True:
        try:
            return await asyncio.to_thread(open_historian)
        except HeldError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("historian's file is being read", reason=str(error))
            await asyncio.sleep(READER_RETRY_S)


async def _keep_joined(client: Client, backfill_kbps: Mapping[str, int]) -> None:
    """Joins each site's streams to the center's as soon as the site can be reached, and makes sure from time to time that they still are.

    `backfill_kbps` has the limit of each site's back-fill, 0 for none.
    """
    from tieline.bus import streams

    joined: set[str] = set()
    for turn in itertools.count():
        waiting = [site for site in backfill_kbps if site not in joined or turn % JOIN_ALL_EVERY == 0]
        try:
            reached = await streams.join_sites(client, waiting, backfill_kbps=backfill_kbps) if waiting else []
        except UnavailableError as error:
            log.warning("sites cannot be joined", reason=str(error))
        else:
            if new := set(reached) - joined:
                log.info("sites joined", sites=sorted(new))
            joined |= set(reached)
        await asyncio.sleep(JOIN_PERIOD_S)


async def seed(live: LiveState, historian: AsyncClient, clock: Callable[[], int]) -> None:
    """What the historian held last, so that a screen is not empty after a restart."""
    from tieline.model import Event, Severity

    newest = await historian.query(
        "SELECT p.id::UINTEGER AS point, n.time, n.value, n.quality::USMALLINT AS quality "
        "FROM newest n JOIN points p ON (p.site, p.device, p.name) = (n.site, n.device, n.point)"
    )
    live.seed(Samples.from_arrow(newest), clock())
    events = await historian.query("SELECT * FROM (SELECT * FROM events ORDER BY time DESC LIMIT 200) ORDER BY time")
    for row in events.to_pylist():
        row["time"] = int(row["time"].timestamp() * 1e6)
        live.record(Event(**{**row, "severity": Severity(row["severity"])}))


async def _all(utility: Utility, data: Path, web: WebOptions, arguments: Sequence[str]) -> None:
    web, screens = replace(web, port=web.port or free_port(), is_first_login_told=True), screen_ports(utility)
    roles = every_role(utility, data, web, screens, arguments)
    if web.has_login:
        tell_first_login(utility, data, _say)
    async with Supervisor(roles) as supervisor:
        await supervisor.until(web.answers, timeout_s=READY_TIMEOUT_S)
        _say(f"{utility.name} runs: {web.address}")
        for name, screen_port in screens.items():
            _say(f"local screen of {name}: http://{SCREEN_HOST}:{screen_port}")
        await supervisor.forever()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def screen_ports(utility: Utility) -> dict[str, int]:
    """The port of each site's own screen where all run on this machine: the one that the site names, or a free one."""
    return {site.name: site.local.hmi_port or free_port() for site in utility.sites if site.local.enabled}


def every_role(
    utility: Utility, data: Path, web: WebOptions, screens: Mapping[str, int], arguments: Sequence[str]
) -> list[Child]:
    """A child for each role, all on this machine: the DMZ listens on loopback, at a free port; `screens` are those of the sites.

    Raises `TielineError` where a port is taken, a certificate is missing or nobody could log in: before anything starts.
    """
    from tieline.web import listen

    web.check(utility)
    issue_all(utility, data)
    listen(web.host, web.port, tls=web.tls(web.own_credentials(open_authority(data)))).close()
    for port in screens.values():
        listen(SCREEN_HOST, port).close()
    common = ["run", str(utility.folder), "--data", str(data), "--dmz-address", f"127.0.0.1:{free_port()}"]
    logs = data / "logs"
    return [
        Child("dmz", [*common, "--dmz"], logs / "dmz.log"),
        Child("center", [*common, "--center", *web.arguments()], logs / "center.log"),
        *(
            Child(
                f"site {site.name}",
                [*common, "--site", site.name, "--port", str(screens.get(site.name, 0)), *arguments],
                logs / f"site-{site.name}.log",
            )
            for site in utility.sites
        ),
    ]


def issue_all(utility: Utility, data: Path) -> None:
    """Every role's certificate, so that the roles' processes find theirs and need not make any."""
    from tieline.model import subjects

    authority = open_authority(data)
    for role in (subjects.DMZ_ROLE, subjects.CENTER_ROLE, *(subjects.edge_role(site.name) for site in utility.sites)):
        authority.credentials(role, hosts=LOOPBACK)
    for role in (subjects.HISTORIAN_ROLE, subjects.WEB_ROLE, subjects.FETCH_ROLE, subjects.SCADA_ROLE, subjects.REMOTE_ROLE):
        authority.credentials(role)
    for site in utility.sites:
        authority.credentials(subjects.local_role(site.name))
    for zone in utility.zones:
        if zone.kind == "enterprise":
            authority.credentials(subjects.it_role(zone.name))


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
