"""Certificates of real processes on "machines" of their own: enrolled, rotated, revoked and enrolled again while values stream."""

from __future__ import annotations

import csv
import json
import shutil
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509

from bench.topology import utility_toml
from tests.system.processes import Processes, eventually, run
from tieline.cli.pki_work import init, issue
from tieline.cli.run import free_port
from tieline.historian import query
from tieline.model import UnavailableError

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

LIFE_S = 36
SITES = ("north", "south")
ROWS = 100_000

SITE = """\
[reporting]
max_silence_s = 86400
[local]
enabled = false
[[devices]]
name = "meter"
protocol = "modbus"
polls = {{ fast = 0.02 }}
[devices.connection]
transport = "tcp"
host = "10.9.9.{number}"
"""


def write_folder(folder: Path) -> None:
    files = {"utility.toml": utility_toml("Certificates", *SITES)}
    for number, site in enumerate(SITES, start=1):
        files[f"sites/{site}/site.toml"] = SITE.format(number=number)
        files[f"sites/{site}/points/meter.csv"] = (
            "name,kind,table,address,type,scale,poll\nrow,analog,input_register,0,uint32,,fast\n"
        )
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def write_rows(file: Path) -> None:
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["time", *SITES])
        writer.writerows([f"2026-01-01T00:00:00.{0:06d}Z" if not row else _time(row), row, row] for row in range(1, ROWS))


def _time(row: int) -> str:
    seconds, fraction = divmod(row * 40, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_767_225_600 + seconds)) + f".{fraction:03d}Z"


@dataclass
class Stream:
    """The values of both sites at the center's historian."""

    data: Path

    def rows(self, site: str) -> np.ndarray:
        """Every good value that is there, in the order of time."""
        return self._ask(f"SELECT value FROM samples WHERE {_good(site)} ORDER BY time")

    def newest(self, site: str) -> int:
        """The newest value; 0 while there is none."""
        return int(self._ask(f"SELECT coalesce(max(value), 0) AS value FROM samples WHERE {_good(site)}").max(initial=0))

    def _ask(self, sql: str) -> np.ndarray:
        try:
            return query(self.data / "center" / "historian", sql).read_all()["value"].to_numpy().astype(int)
        except UnavailableError:
            return np.zeros(0, int)


def _good(site: str) -> str:
    return f"site = '{site}' AND device = 'meter' AND quality & 3 = 0 AND value > 0"


def certificate(data: Path, role: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((data / "authority" / "roles" / f"{role}.crt").read_bytes())


def serial(data: Path, role: str) -> int:
    return certificate(data, role).serial_number


def left_s(data: Path, role: str) -> float:
    return certificate(data, role).not_valid_after_utc.timestamp() - time.time()


def is_let_in(port: int, data: Path, role: str) -> bool:
    """Whether the DMZ's server takes somebody with this certificate for another server."""
    pair = data / "authority" / "roles"
    context = ssl.create_default_context(cafile=data / "authority" / "authority.crt")
    try:
        context.load_cert_chain(pair / f"{role}.crt", pair / f"{role}.key")
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.sendall(
                b"CONNECT " + json.dumps({"name": "probe", "cluster": "probe", "headers": True}).encode() + b"\r\nPING\r\n"
            )
            said = b""
            while b"PONG" not in said and b"-ERR" not in said:
                if not (more := connection.recv(65_536)):
                    return False
                said += more
            return b"-ERR" not in said
    except OSError:
        return False


def tieline(*words: str | Path) -> str:
    done = run(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def machine(tmp_path: Path, center: Path, name: str) -> Path:
    """Another machine, with a certificate of the center that somebody has carried there."""
    data = tmp_path / name
    issue(center, name, [])
    (data / "authority" / "roles").mkdir(parents=True)
    shutil.copy(center / "authority" / "authority.crt", data / "authority")
    for kind in ("crt", "key"):
        shutil.move(center / "authority" / "roles" / f"{name}.{kind}", data / "authority" / "roles")
    return data


def test_certificates_rotate_and_a_revoked_site_is_out_within_a_minute_while_no_value_is_lost(
    tmp_path: Path, processes: Processes
) -> None:
    folder, center = tmp_path / "utility", tmp_path / "center"
    write_folder(folder)
    write_rows(tmp_path / "rows.csv")
    init(center, tmp_path / "stick", [])
    (center / "authority" / "life").write_text(f"{LIFE_S}\n")
    port, est = free_port(), free_port()
    common = ("--dmz-address", f"127.0.0.1:{port}", "--est-port", str(est))
    of_dmz = machine(tmp_path, center, "dmz")
    began = time.monotonic()
    processes.start("run", folder, "--data", of_dmz, "--dmz", *common)
    processes.start("run", folder, "--data", center, "--center", "--no-login", "--port", str(free_port()), *common)
    stream = Stream(center)
    data = {site: tmp_path / site for site in SITES}

    def enroll(site: str) -> None:
        token = tmp_path / f"token-{site}-{time.monotonic_ns()}"
        tieline("pki", "token", "--role", f"edge-{site}", "--data", center, "--output", token)
        asked = ("pki", "enroll", "--role", f"edge-{site}", "--data", data[site], "--dmz", f"127.0.0.1:{est}")
        eventually(lambda: run(*asked, "--token-file", token).returncode == 0, within_s=30)

    for site in SITES:
        enroll(site)
    first = {role: serial(where, role) for role, where in roles(of_dmz, data)}
    simulated = processes.start(
        "simulate", folder, "--data", tmp_path, "--replay", tmp_path / "rows.csv", "--until-read",
        *(word for site in SITES for word in ("--column", f"{site}={site}/meter/row")),
    )  # fmt: skip
    eventually((tmp_path / "field.json").exists)
    for site in SITES:
        shutil.copy(tmp_path / "field.json", data[site])
        processes.start("run", folder, "--data", data[site], "--site", site, "--simulated", *common)
    eventually(lambda: all(stream.newest(site) > 20 for site in SITES))
    streaming = time.monotonic()
    eventually(lambda: all(serial(where, role) != first[role] for role, where in roles(of_dmz, data)))
    eventually(lambda: all(is_let_in(port, data[site], f"edge-{site}") for site in SITES))
    rotated = time.monotonic()
    eventually(lambda: left_s(data["north"], "edge-north") > LIFE_S / 2)  # it is not to end while it is tried below

    stolen = tmp_path / "stolen"
    shutil.copytree(data["north"], stolen, ignore=shutil.ignore_patterns("site-*"))
    revoked = time.monotonic()
    tieline("pki", "revoke", "edge-north", "--reason", "keyCompromise", "--data", center)
    eventually(lambda: not is_let_in(port, stolen, "edge-north") and is_let_in(port, data["south"], "edge-south"))
    out_s = time.monotonic() - revoked
    assert out_s < 60
    stopped, south = stream.newest("north"), stream.newest("south")
    eventually(lambda: stream.newest("south") > south + 75)
    assert stream.newest("north") <= stopped + 1, "what was on its way may still have come"
    assert left_s(stolen, "edge-north") > 1, "or it would be out because it has ended"
    assert not is_let_in(port, stolen, "edge-north")

    enroll("north")
    again = time.monotonic()
    eventually(lambda: is_let_in(port, data["north"], "edge-north"))
    eventually(lambda: stream.newest("north") >= stream.newest("south"))
    back_s = time.monotonic() - again
    assert not is_let_in(port, stolen, "edge-north"), "the new certificate does not let the old one in"
    simulated.terminate()
    simulated.wait(20)
    read = dict.fromkeys(SITES, 0)

    def is_quiet() -> bool:
        before = dict(read)
        read.update({site: stream.newest(site) for site in SITES})
        return before == read and abs(read["north"] - read["south"]) <= 1

    eventually(is_quiet)
    for site in SITES:
        eventually(lambda site=site: len(stream.rows(site)) >= read[site])  # what was kept meanwhile comes after what is live
        rows = stream.rows(site)
        assert rows.tolist() == list(range(1, read[site] + 1)), f"every value of {site} once, in order"
    print(
        f"streaming after {streaming - began:.1f} s, every certificate rotated after {rotated - began:.1f} s; revoked site out "
        f"{out_s:.1f} s after the command was begun, back with everything {back_s:.1f} s after its enrollment; {read} values"
    )


def roles(of_dmz: Path, data: dict[str, Path]) -> list[tuple[str, Path]]:
    return [("dmz", of_dmz), *((f"edge-{site}", data[site]) for site in SITES)]
