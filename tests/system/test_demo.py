"""`tieline demo` as a newcomer runs it, and everything that may be in its way."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import nats
import pytest
from nats.aio.msg import Msg
from py1815.master import Master, Tasks
from py1815.master.store import Store

from tests.system.people import Person, password_of_demo
from tests.system.processes import Processes, asked, eventually, process_of, processes_with, run
from tieline.bus import decode_batch
from tieline.cli.example import example_folder
from tieline.cli.run import free_port
from tieline.config import read_folder
from tieline.config.field import NetworkPlace, read_book
from tieline.historian import FILE_NAME, Historian, open_asker
from tieline.model import subjects
from tieline.security.identity import Authority
from tieline.security.zones import plan_of
from tieline.security.zones.broker_proof import prove_broker

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def start_demo(processes: Processes, data: Path, port: int) -> subprocess.Popen[bytes]:
    demo = processes.start("demo", "--data", data, "--port", str(port))
    eventually(lambda: "Ctrl-C" in processes.said_by(demo) or demo.poll() is not None, within_s=90)
    assert demo.poll() is None, processes.said_by(demo)
    assert f"http://127.0.0.1:{port}" in processes.said_by(demo)
    return demo


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A demo for tests that leave it as it was: its data and the port of its HMI."""
    folder, port = tmp_path_factory.mktemp("demo"), free_port()
    started = Processes(folder)
    try:
        start_demo(started, folder / "data", port)
        yield folder / "data", port
    finally:
        started.end()


LogIn = Callable[[Path, int], Person]


@pytest.fixture
def log_in() -> Iterator[LogIn]:
    """Somebody who looks at the demo."""
    with ExitStack() as stack:

        def enter(data: Path, port: int) -> Person:
            return stack.enter_context(closing(Person(port, "lise", with_code=False, password=password_of_demo(data))))

        yield enter


def count(data: Path) -> int:
    """How many samples there are, by the command."""
    answer = run("query", "SELECT count(*) AS n FROM samples", "--data", data, "--format", "json")
    assert answer.returncode == 0, answer.stderr
    return int(json.loads(answer.stdout)[0]["n"])


def counted(data: Path) -> int:
    """The same, without the command; 0 while nobody knows."""
    return int(next((row["n"] for row in asked(data, "SELECT count(*) AS n FROM samples")), 0))


def kinds_of_events(data: Path, site: str) -> set[str]:
    return {row["kind"] for row in asked(data, f"SELECT DISTINCT kind FROM events WHERE site = '{site}'")}


def sites_stored(data: Path) -> list[str]:
    return [row["site"] for row in asked(data, "SELECT DISTINCT site FROM samples")]


def links(viewer: Person) -> list[str]:
    return [site["link"]["state"] for site in viewer.ask("/api/sites")["sites"]]


def all_values(viewer: Person) -> dict[str, tuple[object, object]]:
    values = viewer.ask("/api/values")["values"]
    return {value["path"]: (value["value"], value["time"]) for value in values}


def test_the_demo_runs_stops_cleanly_keeps_its_data_and_leaves_no_process_behind_where_it_is_killed(
    tmp_path: Path, processes: Processes, log_in: LogIn
) -> None:
    data, port = tmp_path / "data", free_port()
    demo = start_demo(processes, data, port)
    viewer = log_in(data, port)
    eventually(lambda: links(viewer) == ["up"] * 3)
    # Every site, at once: joining one to the center's stream must not undo the joining of another. All are joined again after a minute.
    eventually(lambda: len({*sites_stored(data)} - {"center", "dmz"}) == 3, within_s=20, every_s=0.25)
    eventually(lambda: all(value is not None for value, _ in all_values(viewer).values()))
    before = all_values(viewer)
    eventually(lambda: sum(now != before[path] for path, now in all_values(viewer).items()) > 50)
    first = count(data)
    assert first > 300
    eventually(lambda: counted(data) > first + 100)
    assert viewer.ask("/openapi.json")["openapi"]
    assert asyncio.run(sites_read_by_the_office(data)) == {"northgate", "millbrook", "sunfield"}
    running = {str(path): json.loads(path.read_text()) for path in data.glob("**/nats-server.json")}
    assert len(running) == 5
    assert prove_broker(plan_of(read_folder(example_folder())), running) == []

    demo.send_signal(signal.SIGINT)
    assert demo.wait(30) == 0, processes.said_by(demo)
    assert not processes_with(str(data))
    kept = count(data)  # nobody runs: the file itself is asked
    assert kept > first

    demo = start_demo(processes, data, port)
    eventually(lambda: counted(data) > kept)
    os.kill(demo.pid, signal.SIGKILL)
    demo.wait()
    eventually(lambda: not processes_with(str(data)), within_s=30)


async def sites_read_by_the_office(data: Path) -> set[str]:
    """The sites whose live batches reach an enterprise zone, with its own certificate, through the DMZ."""
    told = json.loads(next((data / "dmz" / "bus" / "ports").glob("*.ports")).read_text())
    credentials = Authority.open(data / "authority").credentials("it-office")
    sites = {"northgate", "millbrook", "sunfield"}
    heard: set[str] = set()

    async def hear(message: Msg) -> None:
        batch = decode_batch(message.data, site=subjects.site_of(message.subject))
        if len(batch.samples):
            heard.add(batch.site)

    client = await nats.connect(
        f"tls://127.0.0.1:{told['nats'][0].rsplit(':', 1)[1]}", tls=credentials.client_context(), tls_handshake_first=True
    )
    try:
        for site in sites:
            await client.subscribe(subjects.export(site), cb=hear)
        async with asyncio.timeout(30):
            while heard != sites:
                await asyncio.sleep(0.05)
    finally:
        await client.close()
    return heard


async def test_the_demo_presents_a_station_to_a_scada_system_that_is_there_already(
    running: tuple[Path, int], log_in: LogIn
) -> None:
    data, port = running
    viewer = log_in(data, port)
    eventually(lambda: links(viewer) == ["up"] * 3)
    place = read_book(data / "field.json")["northgate/control-room"]
    assert isinstance(place, NetworkPlace)
    tasks = Tasks(enable_unsolicited=(1, 2, 3))
    async with Master() as master:
        station = await master.add(
            "northgate", host=place.host, port=place.port, outstation_address=20, master_address=100, tasks=tasks, wait=20.0
        )

        def is_plausible(store: Store) -> bool:
            voltage, oil = store.analog_input(6), store.analog_input(12)  # of the RTU, and of the transformer's monitor
            return None not in {voltage, oil} and 12_000 < voltage.value < 14_000 and 100 < oil.value < 1_000

        async def read() -> None:
            while not is_plausible(station.store):
                await station.read(analog_inputs=[6, 12])

        await asyncio.wait_for(read(), 60)
        received = station.store.events_received
        assert await station.wait_for(lambda store: store.events_received > received + 5, 60)


def test_a_killed_role_comes_back_and_its_site_is_seen_lost_meanwhile(running: tuple[Path, int], log_in: LogIn) -> None:
    data, port = running
    viewer = log_in(data, port)
    eventually(lambda: links(viewer) == ["up"] * 3)
    gateway = process_of(data, "--site", "millbrook", without="--local")
    os.kill(gateway, signal.SIGSTOP)  # it hangs: worse than dying
    eventually(lambda: "lost" in links(viewer))
    site = viewer.ask("/api/sites/millbrook")
    assert site["values"]["stale"] == site["points"]
    os.kill(gateway, signal.SIGKILL)
    eventually(lambda: links(viewer) == ["up"] * 3)
    eventually(lambda: {"link_up", "link_lost", "link_restored"} <= kinds_of_events(data, "millbrook"))


def one_line(answer: subprocess.CompletedProcess[str]) -> str:
    """What a command says when it cannot do its job: one line, exit code 2, no traceback."""
    assert answer.returncode == 2, answer
    lines = answer.stderr.strip().splitlines()
    assert len(lines) == 1, answer.stderr
    assert lines[0].startswith("tieline: ")
    return lines[0]


def test_a_port_in_use_is_one_clear_line_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = one_line(run("demo", "--data", tmp_path / "data", "--port", str(port)))
    assert re.search(rf"port {port} .* in use", line)
    assert not processes_with(str(tmp_path / "data"))
    assert not (tmp_path / "data" / "center").exists()


def test_other_machines_are_not_let_in_without_a_login(tmp_path: Path) -> None:
    folder, data = tmp_path / "mine", tmp_path / "data"
    assert run("example", folder).returncode == 0
    line = one_line(run("run", folder, "--data", data, "--no-login", "--host", "0.0.0.0", "--port", "0"))
    assert "without a login" in line
    assert not (data / "center").exists()


def test_where_nobody_could_create_accounts_that_is_one_clear_line(tmp_path: Path) -> None:
    folder, data = tmp_path / "mine", tmp_path / "data"
    assert run("example", folder).returncode == 0
    utility = folder / "utility.toml"
    utility.write_text(utility.read_text().replace('"security_administrator"', '"viewer"'))
    assert "--no-login" in one_line(run("run", folder, "--data", data, "--port", "0"))
    assert not (data / "center").exists()


def test_a_data_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = one_line(run("demo", "--data", tmp_path / "file" / "data", "--port", "0"))
    assert "cannot write to the data directory" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_full_or_read_only_disk_is_one_clear_line(tmp_path: Path, how: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    options = "size=1m" if how == "full" else "ro"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this machine mounts nothing")
    try:
        line = one_line(run("demo", "--data", disk / "data", "--port", "0"))
    finally:
        subprocess.run(["umount", disk], check=True)
    assert ("is full" if how == "full" else "read-only file system") in line


def test_two_with_one_data_directory_are_told_apart(running: tuple[Path, int]) -> None:
    data, _ = running
    assert "runs with" in one_line(run("demo", "--data", data, "--port", "0"))


def test_a_role_that_runs_already_and_an_address_that_is_none_are_told(tmp_path: Path, processes: Processes) -> None:
    folder, data = tmp_path / "mine", tmp_path / "data"
    assert run("example", folder).returncode == 0
    arguments = ("run", folder, "--data", data, "--dmz", "--dmz-address")
    first = processes.start(*arguments, f"127.0.0.1:{free_port()}")
    eventually(lambda: "dmz runs" in processes.said_by(first))
    assert "runs with" in one_line(run(*arguments, f"127.0.0.1:{free_port()}"))
    assert "is not an address" in one_line(run(*arguments, "dmz"))


def test_a_missing_certificate_is_one_clear_line(tmp_path: Path) -> None:
    data = tmp_path / "data"
    Authority.open(data / "authority").credentials("dmz", hosts=["127.0.0.1", "localhost"]).certificate.unlink()
    assert "dmz.crt is missing" in one_line(run("demo", "--data", data, "--port", "0"))


def test_help_is_quick_and_a_wrong_query_is_one_line(tmp_path: Path) -> None:
    started = time.perf_counter()
    assert run("--help").returncode == 0
    assert time.perf_counter() - started < 3.0  # 0.15 s when the machine is idle
    assert "there is no historian" in one_line(run("query", "SELECT 1", "--data", tmp_path))


def test_the_example_can_be_written_out_and_checked(tmp_path: Path) -> None:
    assert run("example", tmp_path / "mine").returncode == 0
    answer = run("check", tmp_path / "mine")
    assert answer.returncode == 0
    assert "no mistakes" in answer.stdout
    utility = tmp_path / "mine" / "utility.toml"
    utility.write_text(utility.read_text().replace("name =", "nam =", 1))
    answer = run("check", tmp_path / "mine", "--format", "json")
    assert answer.returncode == 1
    assert {"nam", "name"} <= {finding["where"] for finding in json.loads(answer.stdout)}
    assert "is not a folder" in one_line(run("check", tmp_path / "absent"))


def test_a_center_waits_for_a_reader_of_its_historian(tmp_path: Path, processes: Processes) -> None:
    folder, data = tmp_path / "mine", tmp_path / "data"
    assert run("example", folder).returncode == 0
    historian = data / "center" / "historian"
    historian.mkdir(parents=True)
    with Historian.open(historian / FILE_NAME, lake=historian / "lake"):
        pass
    reader = open_asker(historian)
    center = processes.start(
        "run", folder, "--data", data, "--center", "--port", str(free_port()), "--dmz-address", f"127.0.0.1:{free_port()}"
    )
    eventually(lambda: "being read" in processes.said_by(center) or center.poll() is not None)
    assert center.poll() is None
    reader.close()
    eventually(lambda: (historian / "historian.sock").exists())


def test_other_machines_log_in_over_tls_and_the_first_administrator_is_told_once(tmp_path: Path, processes: Processes) -> None:
    folder, data, port = tmp_path / "mine", tmp_path / "data", free_port()
    assert run("example", folder).returncode == 0
    center = processes.start(
        *("run", folder, "--data", data, "--center", "--host", "0.0.0.0", "--tls-name", "scada.ridgeway.example"),
        *("--port", str(port), "--dmz-address", f"127.0.0.1:{free_port()}"),
    )
    trusted = ssl.create_default_context()
    eventually((data / "authority" / "authority.crt").exists)
    trusted.load_verify_locations(data / "authority" / "authority.crt")
    with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusted) as client:

        def login() -> httpx.Response | None:
            try:
                return client.get("/login", headers={"host": "scada.ridgeway.example"})
            except httpx.TransportError:
                return None

        eventually(lambda: login() is not None)
        first = re.findall(r"first login: (\w+) with the one-time password (\S+)", processes.said_by(center))
        assert [name for name, _ in first] == ["rosalind"]
        assert client.get("/api/sites").status_code == 401
        answer = client.post("/api/login", json={"name": "rosalind", "password": first[0][1]})
        assert answer.json() == {"stage": "change_password"}
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"http://127.0.0.1:{port}/login")
