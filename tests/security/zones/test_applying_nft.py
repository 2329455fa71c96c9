"""A firewall put in force in a network namespace: kept when confirmed, gone when not, whatever becomes of the command that began it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.zones.namespaces import namespace, run, why_not
from tests.security.zones.packet_plans import scripts_of
from tieline.config import read_folder
from tieline.security.audit import AuditLog
from tieline.security.zones import plan_of

REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)

EXAMPLE = Path(__file__).parents[3] / "src/tieline/examples/ridgeway"
HOST = "ridge-road-1"
FORMER = """
table inet tieline {
    chain input {
        type filter hook input priority filter; policy accept;
        tcp dport 23 drop comment "former"
    }
}
"""
BROKEN = """
import sys
from pathlib import Path
from tieline.model import TielineError
from tieline.security.zones.applying import apply
script = "add table inet tieline\\ndelete table inet tieline\\nnonsense\\n"
try:
    apply(Path(sys.argv[1]), script, host=sys.argv[2], actor="ada", confirm_within_s=5)
except TielineError as error:
    print(error)
"""


class Clock:
    def now_us(self) -> int:
        return time.time_ns() // 1000


class Machine:
    """A host in a namespace of its own, and the commands that somebody gives there."""

    def __init__(self, name: str, data: Path) -> None:
        self.name = name
        self.data = data

    def command(self, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, sys.executable, "-m", "tieline", "zones", *words]

    def tieline(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*words), capture_output=True, text=True, timeout=60, check=False)

    def apply(self, seconds: int, *more: str) -> subprocess.CompletedProcess[str]:
        return self.tieline(
            "apply", str(EXAMPLE), "--host", HOST, "--confirm-within", str(seconds), "--data", str(self.data), *more
        )

    def confirm(self) -> subprocess.CompletedProcess[str]:
        return self.tieline("confirm", "--data", str(self.data))

    def differs(self) -> subprocess.CompletedProcess[str]:
        return self.tieline("diff", str(EXAMPLE), "--host", HOST)

    def table(self) -> str:
        return run("nft", "list", "ruleset", namespace=self.name)

    def is_former(self) -> bool:
        return '"former"' in self.table()

    def watchdogs(self) -> list[int]:
        inside = run("ip", "netns", "pids", self.name).split()
        return [int(pid) for pid in inside if "zones.watchdog" in Path(f"/proc/{pid}/cmdline").read_text()]

    def recorded(self) -> list[tuple[str, str]]:
        audit = AuditLog.open(self.data / "zones" / "audit", f"zones-{HOST}", Clock())
        try:
            records = audit.since(0)
        finally:
            audit.close()
        return [(record.action, record.outcome) for record in records if record.action.startswith("zones_")]


def until(what: object, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.05)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with namespace() as name:
        run("nft", "-f", "-", text=FORMER, namespace=name)
        here = Machine(name, tmp_path / "data")
        yield here
        for pid in here.watchdogs():
            os.kill(pid, signal.SIGKILL)


def test_a_confirmed_firewall_stays_and_a_second_one_has_to_wait(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "198.51.100.7 50022 10.42.0.2 22")
    done = machine.apply(3600)
    assert done.returncode == 0, done.stderr
    assert "tieline zones confirm" in done.stdout
    assert "warning: no conduit lets this SSH session (198.51.100.7, elsewhere) to ridge-road-1" in done.stderr
    assert "warning: this machine has none of the addresses of ridge-road-1: 10.42.0.2" in done.stderr
    second = machine.apply(3600)
    assert second.returncode == 2
    assert "a change waits to be confirmed" in second.stderr
    kept = machine.confirm()
    assert kept.returncode == 0, kept.stderr
    until(lambda: not machine.watchdogs())
    assert not machine.is_former()
    assert [action for action, _ in machine.recorded()] == ["zones_applied", "zones_confirmed"]
    assert "table inet tieline" in (machine.data / "zones" / "applied.nft").read_text()


def test_drift_of_what_runs_is_told_in_words(machine: Machine) -> None:
    run("nft", "-f", "-", text=scripts_of(plan_of(read_folder(EXAMPLE)))[HOST], namespace=machine.name)
    same = machine.differs()
    assert (same.returncode, same.stdout.strip()) == (0, f"{HOST} is as the folder describes it")

    run("nft", "insert", "rule", "inet", "tieline", "input", "tcp", "dport", "22", "accept", namespace=machine.name)
    run("nft", "add", "table", "ip", "docker", namespace=machine.name)
    drifted = machine.differs()
    assert drifted.returncode == 1
    assert "chain input: added: tcp dport 22 accept" in drifted.stdout
    assert (
        f"leak: host {HOST}, input: it is let in, and no conduit permits it: tcp 203.0.113.9:49152 -> 10.42.0.2:22, new"
        in drifted.stdout
    )
    assert "other tables on ridge-road-1: ip docker" in drifted.stdout


def test_an_unconfirmed_firewall_is_gone_again_though_the_command_and_its_session_are_killed(machine: Machine) -> None:
    # A process group of its own stands for the SSH login: everything in it is killed.
    words = ["apply", str(EXAMPLE), "--host", HOST, "--confirm-within", "5", "--data", str(machine.data)]
    login = subprocess.Popen(machine.command(*words), start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until(lambda: not machine.is_former())
    os.killpg(login.pid, signal.SIGKILL)
    login.communicate(timeout=10)
    until(machine.is_former)
    until(lambda: not machine.watchdogs())
    assert machine.recorded() == [("zones_applied", "to be confirmed"), ("zones_rolled_back", "")]
    late = machine.confirm()
    assert late.returncode == 2
    assert "no change waits" in late.stderr


def test_a_change_whose_watchdog_died_is_taken_back_by_the_next_one_and_an_ended_one_brings_the_former_back(
    machine: Machine,
) -> None:
    assert machine.apply(3600).returncode == 0
    (watchdog,) = machine.watchdogs()
    os.kill(watchdog, signal.SIGKILL)
    until(lambda: not machine.watchdogs())
    refused = machine.confirm()
    assert refused.returncode == 2
    assert "apply it again" in refused.stderr
    assert machine.apply(3600).returncode == 0
    assert [action for action, _ in machine.recorded()] == ["zones_applied", "zones_rolled_back", "zones_applied"]
    (watchdog,) = machine.watchdogs()
    os.kill(watchdog, signal.SIGTERM)
    until(machine.is_former)
    assert machine.recorded()[-1][0] == "zones_rolled_back"


def test_scripts_that_others_could_write_are_not_loaded(machine: Machine) -> None:
    place = machine.data / "zones"
    place.mkdir(parents=True)
    place.chmod(0o777)
    said = run(sys.executable, "-c", BROKEN, str(place), HOST, namespace=machine.name)
    assert said == f"{place} may be written by others; give it to root, with mode 0750\n"


def test_a_firewall_that_the_kernel_refuses_changes_nothing(machine: Machine) -> None:
    said = run(sys.executable, "-c", BROKEN, str(machine.data / "zones"), HOST, namespace=machine.name)
    assert "nft refuses" in said
    assert machine.is_former()
    until(lambda: not machine.watchdogs())
    assert machine.recorded() == [("zones_applied", "to be confirmed"), ("zones_applied", "failed")]


def test_putting_a_firewall_in_force_takes_root(machine: Machine) -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    command = ["setpriv", "--reuid=65534", "--clear-groups", *machine.command("apply", str(EXAMPLE), "--host", HOST)[4:]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.strip() == "tieline: putting a firewall in force takes root; run it with sudo"
    assert not done.stdout
