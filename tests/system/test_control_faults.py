"""Processes that die while a command is on its way, and a switching program that is stopped half-way; every role a process of its own."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.system.people import Person, prepare_accounts
from tests.system.processes import Processes, eventually, process_of, run
from tests.system.test_control import answers
from tieline.cli.run import free_port
from tieline.security.audit import AuditReader, verify

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

BREAKER = "northgate/rtu-1/f3_command"
POSITION = "northgate/rtu-1/f3_position"
OTHER = "northgate/rtu-1/f5_command"
SLOW_FEEDBACK = """
[[gate.feedbacks]]
point = "rtu-1/f3_command"
feedback = "rtu-1/f3_position"
feedback_s = 30
"""
CONTROL = """
[control]
select_s = 120
answer_s = 15
"""
SCENARIO = """
seconds_between_trips = inf

[[events]]
at_s = 0
switch = "ng-qf3"
action = "jam"
"""
PROGRAM = """
title = "Take feeders 2 and 5 out of service"

[[steps]]
text = "open feeder 2"
point = "northgate/rtu-1/f2_command"
value = 0
before = "position = 2"
after = "position = 1"
inputs = { position = "northgate/rtu-1/f2_position" }

[[steps]]
text = "open feeder 5"
point = "northgate/rtu-1/f5_command"
value = 0
confirm = true
after = "position = 1"
inputs = { position = "northgate/rtu-1/f5_position" }
"""


class Utility:
    """The DMZ, one site, and the center, each a process that can be killed."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder, self.data = folder / "mine", folder / "data"
        self._processes = processes
        self._port = free_port()
        self.roles: dict[str, Popen[bytes]] = {}
        self.people: dict[str, Person] = {}

    def start(self, role: str, *arguments: str) -> None:
        """Starts a role, also again."""
        common = ("--data", str(self.data), "--dmz-address", f"127.0.0.1:{self.dmz_port}")
        self.roles[role] = self._processes.start("run", self.folder, *common, *arguments)

    def start_all(self) -> None:
        self.dmz_port = free_port()
        self.start("dmz", "--dmz")
        self.start_site()
        self.start_center()

    def start_site(self) -> None:
        self.start("northgate", "--site", "northgate", "--simulated")

    def start_center(self) -> None:
        eventually(lambda: not answers(self._port))  # the pages of one that was killed end a moment later
        self.start("center", "--center", "--port", str(self._port))
        eventually(lambda: answers(self._port), within_s=120)
        for name in ("ada", "grace", "rosalind"):
            self.people[name] = Person(self._port, name)

    def kill(self, role: str) -> None:
        """SIGKILL of the role's own process; what it started ends with it."""
        process = self.roles[role]
        os.kill(process.pid, signal.SIGKILL)
        process.wait(20)

    @property
    def ada(self) -> Person:
        return self.people["ada"]

    @property
    def grace(self) -> Person:
        return self.people["grace"]

    def value(self, point: str) -> Any:
        """The newest sample of a point."""
        return self.ada.ask(f"/api/values/{point}")

    def until_read(self, point: str = POSITION) -> None:
        """The center has a good and fresh value of it, and control runs and hears the site."""
        eventually(
            lambda: (
                self.value(point)["quality_words"] == "good" and not self.value(point)["is_stale"] and not self._is_refused(OTHER)
            ),
            within_s=120,
        )

    def _is_refused(self, point: str) -> bool:
        answer = self.ada.try_post("/api/control/select", point=point, value=1)
        if answer.status_code != 200:
            return True
        selection = answer.json()
        if not selection["is_refused"]:
            self.ada.post("/api/control/cancel", selection=selection["id"])
        return bool(selection["is_refused"])

    def center_audit(self) -> list[dict[str, Any]]:
        return _records(self.data / "center" / "audit")

    def site_audit(self) -> list[dict[str, Any]]:
        """The commands of people in the site's audit."""
        return [
            each
            for each in _records(self.data / "site-northgate" / "audit")
            if each["action"].startswith("command") and each["actor"] in self.people
        ]

    def told(self, id_: str) -> list[tuple[str, str]]:
        """What the center's audit has of a selection or command."""
        return [(each["action"], each["outcome"]) for each in self.center_audit() if each["detail"].get("id") == id_]

    def verify(self) -> None:
        """Both audits are whole."""
        assert verify(self.data / "center" / "audit").is_intact
        assert verify(self.data / "site-northgate" / "audit").is_intact

    def close(self) -> None:
        for person in self.people.values():
            person.close()


def _records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(record.entry) for record in AuditReader(folder).records()]


@contextmanager
def running(tmp_path: Path, processes: Processes) -> Iterator[Utility]:
    at = Utility(tmp_path, processes)
    assert run("example", at.folder).returncode == 0
    site = at.folder / "sites" / "northgate" / "site.toml"
    site.write_text(site.read_text() + SLOW_FEEDBACK)
    utility = at.folder / "utility.toml"
    utility.write_text(utility.read_text().replace("[[control.rules]]", CONTROL + "\n[[control.rules]]", 1))
    (at.folder / "programs" / "feeders.toml").write_text(PROGRAM)
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    prepare_accounts(at.folder, at.data, "ada", "grace", "rosalind")
    processes.start("simulate", at.folder, "--data", at.data, "--scenario", tmp_path / "scenario.toml")
    eventually(lambda: (at.data / "field.json").exists())
    at.start_all()
    try:
        at.until_read()
        yield at
    finally:
        at.close()


def test_what_dies_under_way_is_told_truly_and_nothing_acts_twice(tmp_path: Path, processes: Processes) -> None:
    with running(tmp_path, processes) as at:
        alarms_and_control_are_killed_between_select_and_execute(at)
        the_site_is_killed_between_execute_and_feedback(at)
        a_program_is_stopped_half_way_resumed_and_abandoned(at)
        the_center_is_killed_between_select_and_execute(at)
        at.verify()


def alarms_and_control_are_killed_between_select_and_execute(at: Utility) -> None:
    def kill() -> None:
        before = process_of(at.data, "--scada")
        os.kill(before, signal.SIGKILL)
        eventually(lambda: process_of(at.data, "--scada") not in {0, before}, within_s=60)

    nothing_is_executed_that_was_selected_before(at, kill)


def the_center_is_killed_between_select_and_execute(at: Utility) -> None:
    def kill() -> None:
        at.kill("center")
        for person in at.people.values():
            person.close()
        eventually(lambda: process_of(at.data, "--scada") == 0)
        at.start_center()

    nothing_is_executed_that_was_selected_before(at, kill)


def nothing_is_executed_that_was_selected_before(at: Utility, kill: Callable[[], None]) -> None:
    selection = at.ada.select(OTHER, 0)
    assert selection["is_ready"]
    before, position = len(at.site_audit()), at.value("northgate/rtu-1/f5_position")["value"]
    kill()
    at.until_read()
    assert [each["id"] for each in at.ada.ask("/api/control")["selections"]] == []
    outcome = at.ada.post("/api/control/execute", selection=selection["id"])
    assert outcome["result"] == "refused"
    assert "there is no such selection" in outcome["reason"]
    assert at.told(selection["id"]) == [("select", "granted"), ("select_ended", "ended"), ("command", "refused")]
    assert len(at.site_audit()) == before
    assert at.value("northgate/rtu-1/f5_position")["value"] == position


def the_site_is_killed_between_execute_and_feedback(at: Utility) -> None:
    """The breaker is jammed, so that its position does not follow, and the site is killed while it is awaited."""
    selection = at.ada.select(BREAKER, 0)
    assert selection["is_ready"], selection["reason"]
    answered: list[httpx.Response] = []

    def execute() -> None:
        answered.append(at.ada.try_post("/api/control/execute", selection=selection["id"], id="work-7"))

    asking = Thread(target=execute)
    asking.start()
    eventually(lambda: [each["outcome"] for each in at.site_audit()] == ["released"])
    at.kill("northgate")
    at.start_site()

    def is_settled() -> bool:
        answer = at.grace.try_get("/api/control/operations/work-7")
        return answer.status_code == 200 and "the gateway ended" in answer.json()["reason"]

    asking.join(150)
    eventually(is_settled, within_s=60)
    assert answered[0].json()["result"] == "unknown"
    again = at.ada.post("/api/control/execute", selection=selection["id"], id="work-7")
    assert (again["result"], again["reason"]) == ("unknown", "the gateway ended while the command was under way")
    assert [(each["actor"], each["action"], each["outcome"]) for each in at.site_audit()] == [
        ("ada", "command", "released"),
        ("ada", "command_outcome", "unknown"),
    ]
    assert at.told("work-7") == [("command", "released"), ("command_outcome", "unknown"), ("command_outcome", "unknown")]
    at.until_read()


def a_program_is_stopped_half_way_resumed_and_abandoned(at: Utility) -> None:
    def state() -> dict[str, Any]:
        found: dict[str, Any] = next(each for each in at.ada.ask("/api/control")["runs"] if each["id"] == started["id"])
        return found

    started = at.ada.post("/api/control/programs/feeders/start")
    eventually(lambda: state()["state"] == "waiting" and state()["step"] == 1)
    assert at.value("northgate/rtu-1/f2_position")["value"] == 1
    act = f"/api/control/runs/{started['id']}"
    assert at.grace.post(f"{act}/stop")["state"] == "stopped"
    assert at.grace.try_post(f"{act}/confirm").status_code == 403
    assert at.grace.post(f"{act}/resume")["person"] == "grace"
    eventually(lambda: state()["state"] == "waiting")
    rosalind = at.people["rosalind"]
    assert rosalind.try_post("/api/accounts/grace/lock", reason="has left").status_code == 204
    eventually(lambda: state()["words"] == "grace has lost the right to lead it")
    assert rosalind.try_post("/api/accounts/grace/unlock").status_code == 204
    assert at.ada.post(f"{act}/resume")["state"] == "running"
    eventually(lambda: state()["state"] == "waiting")
    at.ada.post(f"{act}/confirm")
    eventually(lambda: state()["state"] == "done")
    assert at.value("northgate/rtu-1/f5_position")["value"] == 1
    second = at.ada.post("/api/control/programs/feeders/start")

    def events() -> list[str]:
        return [each["text"] for each in at.ada.ask("/api/events")["events"] if each["kind"] == "program_stopped"]

    eventually(lambda: any("position = 2, and that is not so" in text for text in events()))
    assert at.ada.post(f"/api/control/runs/{second['id']}/abandon")["state"] == "abandoned"
    released = [each["detail"]["id"] for each in at.center_audit() if each["outcome"] == "released"]
    assert released[-2:] == [f"{started['id']}-1-1", f"{started['id']}-2-1"]
    actions = [each["action"] for each in at.center_audit() if each["detail"].get("id") == started["id"]]
    assert [each for each in actions if each != "program_ended"] == [
        "program_started",
        "program_stopped",
        "program_confirmed",
        "program_resumed",
        "program_stopped",
        "program_resumed",
        "program_confirmed",
    ]
