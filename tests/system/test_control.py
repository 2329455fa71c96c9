"""People operate devices of all three protocols through the center, and are refused; whole roles as processes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.pages import look_at_pages
from tests.system.people import Person, prepare_accounts
from tests.system.processes import Processes, asked, eventually, process_of, run
from tieline.cli.run import free_port
from tieline.security.audit import AuditReader, verify

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

RULES = """
[[control.rules]]
roles = ["operator"]

[[control.rules]]
roles = ["operator"]
points = ["northgate/tm-?/voltage_target"]
second_person = true

[[control.interlocks]]
points = ["northgate/rtu-1/f2_command"]
when = 0
expression = "position = 1"
inputs = { position = "northgate/rtu-1/f5_position" }
text = "feeder 2 is opened only while feeder 5 is open"
"""
LOCAL_SWITCH = """
[gate]
local_switch = "q06/ctrl-ggio1-spcso1"
"""
SCENARIO = """
seconds_between_trips = inf

[[events]]
at_s = 0
switch = "ng-qf3"
action = "jam"

[[events]]
at_s = 0
device = "northgate/tm-2"
behavior = "gone"
"""
SHOWN = [
    "northgate/rtu-1/f1_position",
    "northgate/rtu-1/f5_position",
    "sunfield/ppc-1/t1_position",
    "millbrook/q03/ctrl-cswi1-pos",
]


class Center:
    """A utility that runs, and the people at its center."""

    def __init__(self, folder: Path, data: Path, port: int) -> None:
        self.folder, self.data, self.port = folder, data, port
        self.ada, self.grace = Person(port, "ada"), Person(port, "grace")
        self.lise = Person(port, "lise", with_code=False)

    def value(self, point: str) -> Any:
        """The newest sample of a point."""
        return self.ada.ask(f"/api/values/{point}")

    def is_read(self, point: str) -> bool:
        """Whether the center has a good and fresh value of it."""
        newest = self.value(point)
        return newest["quality_words"] == "good" and not newest["is_stale"]

    def tieline(self, *arguments: str | Path, token: Path) -> Any:
        """A command of the terminal at this center."""
        return run(*arguments, "--url", f"http://127.0.0.1:{self.port}", "--token-file", token)

    def audit(self) -> list[dict[str, Any]]:
        """The records of the center's own audit."""
        return [json.loads(record.entry) for record in AuditReader(self.data / "center" / "audit").records()]

    def site_audit(self, site: str) -> list[dict[str, Any]]:
        """What a site's audit has told the center of commands."""
        sql = (
            f"SELECT actor, target, outcome, detail FROM audit WHERE site = '{site}' AND action LIKE 'command%' ORDER BY sequence"
        )
        return asked(self.data, sql)


@contextmanager
def running(tmp_path: Path, processes: Processes) -> Iterator[Center]:
    folder, data = tmp_path / "mine", tmp_path / "data"
    assert run("example", folder).returncode == 0
    with (folder / "utility.toml").open("a") as file:
        file.write(RULES)
    with (folder / "sites/millbrook/site.toml").open("a") as file:
        file.write(LOCAL_SWITCH)
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    prepare_accounts(folder, data, "ada", "grace", "lise")
    processes.start("simulate", folder, "--data", data, "--scenario", tmp_path / "scenario.toml")
    eventually(lambda: (data / "field.json").exists())
    port = free_port()
    processes.start("run", folder, "--data", data, "--simulated", "--port", str(port))
    eventually(lambda: answers(port), within_s=120)
    center = Center(folder, data, port)
    eventually(lambda: all(center.is_read(point) for point in SHOWN))
    try:
        yield center
    finally:
        for person in (center.ada, center.grace, center.lise):
            person.close()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def test_people_operate_devices_of_all_three_protocols(tmp_path: Path, processes: Processes) -> None:
    with running(tmp_path, processes) as center:
        refused_where_a_ring_would_be_closed(center)
        executed_with_feedback(center)
        refused_before_anything_is_sent(center)
        approved_by_a_second_person(center)
        refused_by_the_local_switch(center)
        failed_where_the_switch_jams(center)
        operated_from_the_terminal(center, tmp_path)
        acknowledged_from_the_terminal(center, tmp_path)
        look_at_pages(center.port, center.grace)
        still_known_after_a_kill(center)
        told_by_both_audits(center)


def refused_where_a_ring_would_be_closed(center: Center) -> None:
    """Millbrook is fed by one cable; the second one would close a ring through Northgate."""
    standby = "millbrook/q02/ctrl-cswi1-pos"
    eventually(lambda: center.is_read(standby))
    result, why = center.ada.operate(f"{standby}-command", 1)
    assert result == "not selected"
    assert "closes a loop" in why, why
    assert center.value(standby)["value"] == 1


def executed_with_feedback(center: Center) -> None:
    """A Modbus coil, a DNP3 breaker and an IEC 61850 breaker, and their positions follow."""
    for command, position in (
        ("sunfield/ppc-1/t1_command", "sunfield/ppc-1/t1_position"),
        ("northgate/rtu-1/f1_command", "northgate/rtu-1/f1_position"),
        ("millbrook/q03/ctrl-cswi1-pos-command", "millbrook/q03/ctrl-cswi1-pos"),
    ):
        assert center.value(position)["value"] == 2
        assert center.ada.operate(command, 0) == ("done", "")
        eventually(lambda position=position: center.value(position)["value"] == 1)  # type: ignore[misc]


def refused_before_anything_is_sent(center: Center) -> None:
    """By role, value, interlock, parallel paths and tag; and by a selection that is somebody else's."""
    refusals = {
        "may not operate": center.lise.operate("northgate/rtu-1/f4_command", 0),
        "50 kV is above 22 kV": center.ada.operate("northgate/tm-1/voltage_target", 50),
        "feeder 2 is opened only while feeder 5 is open": center.ada.operate("northgate/rtu-1/f2_command", 0),
    }
    for words, (result, why) in refusals.items():
        assert result == "not selected"
        assert words in why, why
    tag = center.grace.post("/api/control/tags", kind="do_not_operate", target="ng-qf4", reason="people at work")
    result, why = center.ada.operate("northgate/rtu-1/f4_command", 0)
    assert result == "not selected"
    assert "people at work" in why
    center.grace.post(f"/api/control/tags/{tag['id']}/remove", reason="they have left")
    held = center.ada.select("northgate/rtu-1/f4_command", 0)
    assert held["is_ready"]
    stolen = center.grace.post("/api/control/execute", selection=held["id"])
    assert stolen["result"] == "refused"
    center.ada.post("/api/control/cancel", selection=held["id"])
    assert center.value("northgate/rtu-1/f4_position")["value"] == 2


def approved_by_a_second_person(center: Center) -> None:
    held = center.ada.select("northgate/tm-1/voltage_target", 20.4)
    assert not held["is_ready"]
    early = center.ada.post("/api/control/execute", selection=held["id"])
    assert early["result"] == "refused"
    own = center.ada.try_post("/api/control/approve", selection=held["id"])
    assert own.status_code == 403
    assert "another one than who selected" in own.text
    assert center.grace.post("/api/control/approve", selection=held["id"])["is_ready"]
    done = center.ada.post("/api/control/execute", selection=held["id"], id="work-417")
    assert done["result"] == "done"
    again = center.ada.post("/api/control/execute", selection=held["id"], id="work-417")
    assert again == done, "the same id is executed once"


def refused_by_the_local_switch(center: Center) -> None:
    """What the site refuses is told with the site's own words."""
    assert center.ada.operate("millbrook/q06/ctrl-ggio1-spcso1-command", 1)[0] == "done"
    eventually(lambda: center.value("millbrook/q06/ctrl-ggio1-spcso1")["value"] == 1)
    result, why = center.ada.operate("millbrook/q04/ctrl-cswi1-pos-command", 0)
    assert result in {"refused", "not selected"}
    assert "local" in why
    assert center.value("millbrook/q04/ctrl-cswi1-pos")["value"] == 2


def failed_where_the_switch_jams(center: Center) -> None:
    result, why = center.ada.operate("northgate/rtu-1/f3_command", 0)
    assert result == "failed"
    assert "f3_position shows closed" in why


def operated_from_the_terminal(center: Center, folder: Path) -> None:
    """With a token of one's own, and with its rights."""
    token, others = folder / "token", folder / "token-of-lise"
    token.write_text(center.ada.token())
    others.write_text(center.lise.token())
    operate = ("operate", "northgate/rtu-1/f6_command", "open", "--yes", "--reason", "work order 418")
    without = center.tieline(*operate, token=token)
    assert without.returncode == 3, without.stdout + without.stderr
    assert "second factor" in without.stdout
    done = center.tieline(*operate, "--code", center.ada.code(), token=token)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓" in done.stdout
    assert "done" in done.stdout
    assert center.tieline(*operate, token=others).returncode == 3
    nobody = run(*operate, "--url", f"http://127.0.0.1:{center.port}")
    assert nobody.returncode == 2
    assert "log in first" in nobody.stderr
    eventually(lambda: center.value("northgate/rtu-1/f6_position")["value"] == 1)
    shown = center.tieline("watch", "northgate/rtu-1/f6_*", "--once", token=others)
    assert "northgate/rtu-1/f6_position" in shown.stdout, shown.stderr


def acknowledged_from_the_terminal(center: Center, folder: Path) -> None:
    """A device that does not answer is an alarm; who is no operator does not acknowledge it."""
    token, others = folder / "token", folder / "token-of-lise"

    def silent() -> list[dict[str, Any]]:
        return [alarm for alarm in center.ada.ask("/api/alarms")["alarms"] if alarm["device"] == "tm-2"]

    eventually(lambda: any(alarm["kind"] == "communication" for alarm in silent()))
    found = next(alarm for alarm in silent() if alarm["kind"] == "communication")
    assert found["state"] == "unacknowledged"
    refused = center.tieline("alarms", "--ack", found["id"], token=others)
    assert refused.returncode == 2
    assert "has not the role operator" in refused.stderr
    done = center.tieline("alarms", "--ack", found["id"], "--format", "json", token=token)
    assert done.returncode == 0, done.stderr
    listed = next(alarm for alarm in json.loads(done.stdout) if alarm["id"] == found["id"])
    assert (listed["state"], listed["acknowledged_by"]) == ("acknowledged", "ada")
    lines = center.ada.ask(f"/api/alarms/journal?alarm={found['id']}")["lines"]
    assert [line["after"] for line in lines] == ["unacknowledged", "acknowledged"]
    assert center.ada.ask("/api/alarms/metrics?from=-1h")["figures"]["alarms"] >= 1
    assert found["id"] in center.tieline("alarms", "--site", "northgate", token=others).stdout


def still_known_after_a_kill(center: Center) -> None:
    """Alarms and control are killed and started again; what became of commands is known as before."""
    before = process_of(center.data, "--scada")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: process_of(center.data, "--scada") not in {0, before})

    def is_known() -> bool:
        answer = center.ada.try_get("/api/control/operations/work-417")
        return answer.status_code == 200 and answer.json()["result"] == "done"

    eventually(is_known)
    assert center.ada.try_get("/api/control/operations/nothing").status_code == 404
    eventually(lambda: center.ada.select("northgate/rtu-1/f4_command", 0)["is_ready"])


def told_by_both_audits(center: Center) -> None:
    assert verify(center.data / "center" / "audit").is_intact
    records = center.audit()

    def told(action: str, target: str, outcome: str) -> bool:
        return any((each["action"], each["target"], each["outcome"]) == (action, target, outcome) for each in records)

    shelved = [alarm for alarm in center.ada.ask("/api/alarms?state=shelved")["alarms"] if alarm["shelved_by"] == "grace"]
    assert [alarm["reason"] for alarm in shelved] == ["the transformer monitor is replaced"]
    assert told("select", "northgate/rtu-1/f2_command", "refused")
    assert told("tag", "ng-qf4", "placed")
    assert told("approve", "northgate/tm-1/voltage_target", "approved")
    assert told("command_outcome", "northgate/rtu-1/f1_command", "done")
    assert told("command_outcome", "northgate/rtu-1/f3_command", "failed")
    eventually(lambda: any(each["outcome"] == "done" and each["actor"] == "ada" for each in center.site_audit("northgate")))
