"""Remote access with whole roles: an independent client reads a device through the DMZ, all of it is recorded, and it is cut."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymodbus.client import ModbusTcpClient

from bench.topology import utility_toml
from tests.system.people import Person, prepare_accounts
from tests.system.processes import Processes, eventually, process_of, run
from tieline.cli.run import free_port
from tieline.security.audit import AuditReader, verify
from tieline.security.remote.recording import Reader

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

PEOPLE = """
[remote]
idle_minutes = 5
free_mb = 16

[[people]]
name = "ines"
roles = ["installer"]
areas = ["north"]

[[people]]
name = "ada"
roles = ["operator"]

[[people]]
name = "rosalind"
roles = ["security_administrator"]
"""
SITE = """
[reporting]
max_silence_s = 0.5

[[devices]]
name = "meter"
protocol = "modbus"
polls = {{ fast = 0.5 }}

[devices.connection]
transport = "tcp"
host = "10.9.8.7"

[[devices.maintenance]]
name = "files"
host = "127.0.0.1"
port = {files}
description = "a server that sends as much as it is asked for"
"""
POINTS = (
    "name,kind,table,address,type,poll\nlevel,analog,holding_register,0,uint16,fast\nflow,analog,holding_register,1,uint16,fast\n"
)
MEGABYTE = bytes(range(256)) * 4096


class FileServer:
    """A device's service that speaks first, and sends megabytes to who asks for them."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.closed = threading.Event()
        """A connection was ended."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(b"220 files\n")
            while line := connection.recv(100):
                for _ in range(int(line)):
                    connection.sendall(MEGABYTE)
        self.closed.set()

    def close(self) -> None:
        self._listener.close()


class Center:
    """A utility that runs, and its people."""

    def __init__(self, data: Path, port: int, door: int, files: FileServer) -> None:
        self.data, self.port, self.door, self.files = data, port, door, files
        self.tunnels: list[Tunnel] = []
        self.ines, self.ada, self.rosalind = (Person(port, name) for name in ("ines", "ada", "rosalind"))

    def session(self, name: str) -> Any:
        """What the center says of a session."""
        return next(each for each in self.rosalind.ask("/api/remote")["sessions"] if each["id"] == name)

    def running(self) -> list[Any]:
        """The sessions that are open."""
        return [each for each in self.rosalind.ask("/api/remote")["sessions"] if each["state"] == "open"]

    def granted(self, service: str, minutes: float = 30) -> str:
        """A grant that the other person has approved."""
        target = {"site": "north", "device": "meter", "service": service}
        asked = self.ines.post("/api/remote/grants", **target, reason="new firmware 4.2", minutes=minutes)
        assert self.ada.post(f"/api/remote/grants/{asked['id']}/approve")["state"] == "approved"
        name: str = asked["id"]
        return name

    def records(self, where: Path) -> list[dict[str, Any]]:
        """What an audit on this machine says of remote access."""
        found = [json.loads(record.entry) for record in AuditReader(where).records()]
        return [record for record in found if record["action"].startswith("remote_")]


@contextmanager
def running(tmp_path: Path, processes: Processes) -> Iterator[Center]:
    folder, data, door, port = tmp_path / "mine", tmp_path / "data", free_port(), free_port()
    files = FileServer()
    (folder / "sites/north/points").mkdir(parents=True)
    dmz = f"[dmz]\nremote_port = {door}\n"
    (folder / "utility.toml").write_text(utility_toml("Remote", "north") + dmz + PEOPLE)
    (folder / "sites/north/site.toml").write_text(SITE.format(files=files.port))
    (folder / "sites/north/points/meter.csv").write_text(POINTS)
    prepare_accounts(folder, data, "ines", "ada", "rosalind")
    processes.start("simulate", folder, "--data", data)
    eventually(lambda: (data / "field.json").exists())
    processes.start("run", folder, "--data", data, "--simulated", "--port", str(port))
    eventually(lambda: answers(port), within_s=120)
    center = Center(data, port, door, files)
    eventually(lambda: center.ines.try_get("/api/remote").status_code == 200)
    eventually(lambda: center.ada.ask("/api/values/north/tieline/link_up")["value"] == 1.0)
    try:
        yield center
    finally:
        for tunnel in center.tunnels:
            tunnel.end()
        files.close()
        for person in (center.ines, center.ada, center.rosalind):
            person.close()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


class Tunnel:
    """`tieline remote connect` as a process, and the port that it opens."""

    def __init__(self, center: Center, grant: str, token: Path) -> None:
        words = ["remote", "connect", grant, "--dmz", f"127.0.0.1:{center.door}", "--dmz-ca", authority_of(center.data)]
        words += ["--url", f"http://127.0.0.1:{center.port}", "--token-file", token]
        words += [] if center.tunnels else ["--code", center.ines.code()]  # it counts for an hour
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tieline", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        center.tunnels.append(self)
        self.port = int(self.said("connect your tool to ").split(";")[0].rpartition(":")[2])

    def said(self, begin: str) -> str:
        """The next line that begins like this."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            if line.startswith(begin):
                return line
            lines.append(line)
        raise AssertionError(f"it has said only {lines}")

    def session(self) -> str:
        """The name of the next session that opens."""
        return self.said("session ").split()[1]

    def end(self) -> None:
        with self.process:
            self.process.send_signal(signal.SIGINT)


def authority_of(data: Path) -> Path:
    return data / "authority" / "authority.crt"


def test_a_device_is_read_through_the_dmz_all_of_it_is_recorded_and_it_is_cut(tmp_path: Path, processes: Processes) -> None:
    with running(tmp_path, processes) as center:
        token = tmp_path / "token"
        token.write_text(center.ines.token())
        refused_before_another_person_has_approved(center)
        strangers_are_turned_away(center)
        read_by_an_independent_client(center, token)
        a_large_file_goes_through_while_telemetry_goes_on(center, token)
        cut_within_two_seconds(center, token)
        cut_though_an_end_hangs(center, token)
        closed_by_both_ends_while_the_center_hangs(center, token)
        known_after_a_kill(center, token)
        told_by_the_audits(center)


def refused_before_another_person_has_approved(center: Center) -> None:
    target = {"site": "north", "device": "meter", "service": "modbus"}
    asked = center.ines.post("/api/remote/grants", **target, reason="a look", minutes=5)
    early = center.ines.try_post(f"/api/remote/grants/{asked['id']}/ticket")
    assert (early.status_code, "nobody has approved" in early.text) == (403, True)
    own = center.ines.try_post(f"/api/remote/grants/{asked['id']}/approve")
    assert (own.status_code, "another person" in own.text) == (403, True)
    assert center.ada.post(f"/api/remote/grants/{asked['id']}/refuse", reason="not today")["state"] == "refused"
    elsewhere = center.ines.try_post("/api/remote/grants", **target | {"service": "web"}, reason="a look", minutes=5)
    assert (elsewhere.status_code, "no service meter/web" in elsewhere.text) == (403, True)


def strangers_are_turned_away(center: Center) -> None:
    """Garbage, silence, plain text: the DMZ closes, and goes on serving."""
    silent = [socket.create_connection(("127.0.0.1", center.door)) for _ in range(40)]
    with socket.create_connection(("127.0.0.1", center.door)) as plain:
        plain.settimeout(10)
        with suppress(OSError):
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
            while plain.recv(4096):
                pass
    for each in silent:
        each.close()


def read_by_an_independent_client(center: Center, token: Path) -> None:
    tunnel = Tunnel(center, center.granted("modbus"), token)
    passed: dict[bool, bytes] = {True: b"", False: b""}

    def note(is_sending: bool, data: bytes) -> bytes:
        passed[is_sending] += data
        return data

    client = ModbusTcpClient("127.0.0.1", port=tunnel.port, trace_packet=note, timeout=10)
    assert client.connect()
    for _ in range(20):
        answer = client.read_holding_registers(0, count=2, device_id=1)
        assert not answer.isError()
        assert len(answer.registers) == 2
    client.close()
    session = tunnel.session()
    eventually(lambda: center.session(session)["state"] == "closed", within_s=20)
    closed = center.session(session)
    assert (closed["up_bytes"], closed["down_bytes"]) == (len(passed[True]), len(passed[False]))
    recorded = tunnel_recording(center, session)
    assert recorded == (passed[True], passed[False])
    shown = run("remote", "show", session, "--url", f"http://127.0.0.1:{center.port}", "--token-file", auditor(center, token))
    assert shown.returncode == 0, shown.stderr
    assert f"SHA-256 {closed['sha256']} as recorded" in shown.stdout
    assert "ines to north/meter/modbus" in shown.stdout
    assert center.ines.try_get(f"/api/remote/sessions/{session}/recording").status_code == 403


def auditor(center: Center, token: Path) -> Path:
    file = token.with_name("token-of-rosalind")
    file.write_text(center.rosalind.token())
    return file


def tunnel_recording(center: Center, session: str) -> tuple[bytes, bytes]:
    with (center.data / "center/remote/recordings" / f"{session}.pcapng").open("rb") as file:
        reader = Reader(file)
        packets = list(reader)
    assert reader.is_whole
    up, down = (b"".join(each.content for each in packets if each.way == way) for way in ("up", "down"))
    return up, down


def a_large_file_goes_through_while_telemetry_goes_on(center: Center, token: Path) -> None:
    tunnel = Tunnel(center, center.granted("files"), token)
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", tunnel.port)) as connection:
        connection.settimeout(60)
        assert read(connection, 10) == b"220 files\n"
        connection.sendall(b"3\n")
        ages = []
        for _ in range(3):
            assert read(connection, len(MEGABYTE)) == MEGABYTE
            ages.append(age_of_newest(center))
    assert time.monotonic() - begun > 3 * 8.0 / 4.0 * 0.8, "4,000 kbit/s are the most"
    assert max(ages) < 3, ages
    session = tunnel.session()
    eventually(lambda: center.session(session)["state"] == "closed", within_s=20)
    assert tunnel_recording(center, session) == (b"3\n", b"220 files\n" + MEGABYTE * 3)


def age_of_newest(center: Center) -> float:
    """Seconds since a measurement of the site was taken that the center has; the site reports it twice a second."""
    newest = center.ada.ask("/api/values/north/meter/level")
    assert newest["quality_words"] == "good"
    return float(newest["age_s"])


def read(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count and (part := connection.recv(min(65_536, count - len(content)))):
        content += part
    return content


def is_closed_within(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def cut_within_two_seconds(center: Center, token: Path) -> None:
    grant = center.granted("files")
    tunnel = Tunnel(center, grant, token)
    with socket.create_connection(("127.0.0.1", tunnel.port)) as connection:
        assert read(connection, 10) == b"220 files\n"
        session = tunnel.session()
        eventually(lambda: len(center.running()) == 1)
        center.files.closed.clear()
        begun = time.monotonic()
        done = center.ada.post("/api/remote/cut", name=session, reason="storm")
        assert done == {"grants": [grant], "sessions": [session]}
        assert is_closed_within(connection, 2), "the person's end is closed"
        assert center.files.closed.wait(2), "the device's end is closed"
        assert time.monotonic() - begun < 2
    assert "cut by ada: storm" in tunnel.said(f"session {session} has ended")
    with socket.create_connection(("127.0.0.1", tunnel.port)) as connection:
        assert is_closed_within(connection, 10)
    assert tunnel.process.wait(10) == 2
    assert tunnel.process.stdout is not None
    assert "the grant has ended: cut by ada: storm" in tunnel.process.stdout.read()
    eventually(lambda: center.session(session)["state"] == "closed")
    assert center.session(session)["words"] == "cut by ada: storm"


def cut_though_an_end_hangs(center: Center, token: Path) -> None:
    """The end that works is closed within two seconds; the one that hangs as soon as it does anything again."""
    for words, is_person_free in ((("--dmz",), False), (("--site", "north"), True)):
        tunnel = Tunnel(center, center.granted("files"), token)
        with socket.create_connection(("127.0.0.1", tunnel.port)) as connection:
            assert read(connection, 10) == b"220 files\n"
            session = tunnel.session()
            process = process_of(center.data, *words, without="--local")
            center.files.closed.clear()
            os.kill(process, signal.SIGSTOP)
            try:
                center.ada.post("/api/remote/cut", name=session)
                assert is_closed_within(connection, 2) if is_person_free else center.files.closed.wait(2)
            finally:
                os.kill(process, signal.SIGCONT)
            assert center.files.closed.wait(2)
            assert is_closed_within(connection, 2)


def closed_by_both_ends_while_the_center_hangs(center: Center, token: Path) -> None:
    """Nobody says that it is over; nobody says either that it may go on."""
    tunnel = Tunnel(center, center.granted("files"), token)
    with socket.create_connection(("127.0.0.1", tunnel.port)) as connection:
        assert read(connection, 10) == b"220 files\n"
        process = process_of(center.data, "--remote")
        center.files.closed.clear()
        os.kill(process, signal.SIGSTOP)
        try:
            assert is_closed_within(connection, 4)
            assert center.files.closed.wait(4)
        finally:
            os.kill(process, signal.SIGCONT)
    eventually(lambda: not center.running())


def known_after_a_kill(center: Center, token: Path) -> None:
    """The process that grants and records is killed: its session ends everywhere, what was recorded stays, the grant still counts."""
    grant = center.granted("files")
    tunnel = Tunnel(center, grant, token)
    with socket.create_connection(("127.0.0.1", tunnel.port)) as connection:
        assert read(connection, 10) == b"220 files\n"
        session = tunnel.session()
        before = process_of(center.data, "--remote")
        center.files.closed.clear()
        os.kill(before, signal.SIGKILL)
        assert is_closed_within(connection, 4)
        assert center.files.closed.wait(4)
    eventually(lambda: process_of(center.data, "--remote") not in {0, before})
    eventually(lambda: center.rosalind.try_get("/api/remote").status_code == 200)
    eventually(lambda: center.session(session)["state"] == "closed")
    assert center.session(session)["sha256"]

    def is_through() -> bool:
        with socket.create_connection(("127.0.0.1", tunnel.port)) as connection:
            connection.settimeout(20)
            with suppress(OSError):
                return read(connection, 10) == b"220 files\n"
        return False

    eventually(is_through)
    operator = token.with_name("token-of-ada")
    operator.write_text(center.ada.token())
    where = ("--url", f"http://127.0.0.1:{center.port}", "--token-file", operator)
    listed = run("remote", "list", *where)
    assert f"{grant}  approved  ines" in listed.stdout, listed.stdout + listed.stderr
    done = run("remote", "cut", "--all", "--reason", "the end", *where)
    assert done.returncode == 0, done.stderr
    assert grant in done.stdout
    refused = run("remote", "connect", grant, "--url", where[1], "--token-file", token)
    assert (refused.returncode, "cannot be used now: it is ended cut by ada: the end" in refused.stderr) == (2, True)
    assert run("remote", "cut", "--all", *where).stdout == "cut: no session of no grant\n"


def told_by_the_audits(center: Center) -> None:
    """Each step before it was taken, at the center and at the site."""
    remote = center.data / "center" / "remote" / "audit"
    actions = [(record["action"], record["outcome"]) for record in center.records(remote)]
    for expected in (
        ("remote_ask", "asked"),
        ("remote_ticket", "refused"),
        ("remote_approve", "refused"),
        ("remote_refuse", "refused"),
        ("remote_approve", "approved"),
        ("remote_ticket", "issued"),
        ("remote_open", "permitted"),
        ("remote_opened", "open"),
        ("remote_cut", "ended"),
        ("remote_close", "closed"),
        ("remote_read_recording", "read"),
    ):
        assert expected in actions, expected
    at_site = [(record["action"], record["outcome"]) for record in center.records(center.data / "site-north" / "audit")]
    assert at_site.count(("remote_open", "permitted")) >= 5
    assert verify(remote).is_intact
