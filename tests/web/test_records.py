"""Audit records and logs: from the sites, from this machine, and only for those who look after the system."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from tests.security.accounts.world import PASSWORD
from tieline.historian import FILE_NAME, AsyncClient, Historian, HistorianServer
from tieline.model import AuditRecord, Batch, Samples
from tieline.security.audit import AuditLog
from tieline.security.audit.witness import Witness, submission_of
from tieline.web import create_app
from tieline.web.audit_states import AuditPlace
from tieline.web.log_files import read_tail
from tieline.web.logs import Records
from tieline.web.times import iso

from .login_world import Browser, browsing, center_in
from .world import NOON, make_world


@dataclass
class SteppingClock:
    """A second later whenever somebody looks."""

    at: int = NOON - 1_000_000_000

    def now_us(self) -> int:
        self.at += 1_000_000
        return self.at


def write_audit(folder: Path, name: str, count: int) -> None:
    with closing(AuditLog.open(folder, name, SteppingClock())) as audit:
        for number in range(count):
            audit.append(
                actor="grace" if number % 2 else "ada",
                action="login" if name == "web" else "command",
                target=f"target-{number}",
                outcome="refused" if number % 5 == 0 else "done",
            )


@asynccontextmanager
async def desk(folder: Path, person: str, *, is_historian_up: bool = True) -> AsyncIterator[Browser]:
    """Somebody at a screen of a center with three audits of 40 records each."""
    world = make_world(lambda: NOON)
    write_audit(folder / "center", "center", 40)
    write_audit(folder / "web", "web", 40)
    write_audit(folder / "site", "northgate", 40)
    with closing(AuditLog.open(folder / "site", "northgate", SteppingClock())) as audit:
        records: list[AuditRecord] = audit.since(0)
    center = center_in(folder, second_factor="never")
    center.prepare(person)
    submission = submission_of(folder / "center", None)
    assert submission is not None
    answer = Witness(folder / "dmz", "dmz", lambda: NOON / 1e6).see("center", submission, lambda _: None)
    (folder / "center" / "private" / "witnessed").write_bytes(answer.cosigned)
    place = AuditPlace(name="center", by="DMZ", folder=folder / "center", witnessed=folder / "center" / "private" / "witnessed")
    none = AuditPlace(name="none", by="DMZ", folder=folder / "none", witnessed=folder / "none" / "witnessed")
    stored = Records(
        audits={"center": folder / "center", "web": folder / "web", "none": folder / "none"},
        states=[place, none],
        logs=folder / "logs",
    )
    with ExitStack() as stack:
        stack.enter_context(closing(center.accounts))
        historian = stack.enter_context(Historian.open(folder / FILE_NAME, lake=folder / "lake", points=world.utility.points))
        batch = Batch(site="northgate", incarnation=1, sequence=1, samples=Samples.empty(), records=tuple(records))
        historian.commit([batch])
        if is_historian_up:
            stack.enter_context(HistorianServer(historian))
        async with AsyncClient(folder) as client:
            app = create_app(world.utility, world.live, client, clock=world.clock, accounts=center.accounts, records=stored)
            async with browsing(app) as browser:
                assert (await browser.log_in(person, PASSWORD)).status_code == 200
                yield browser


async def test_records_of_all_audits_come_page_by_page_newest_first(tmp_path: Path) -> None:
    async with desk(tmp_path, "grace") as browser:
        found, before = [], ""
        while True:
            body = (await browser.get("/api/audit", params={"limit": 17, **({"before": before} if before else {})})).json()
            assert body["missing"] == []
            found += body["records"]
            before = body["before"]
            if before is None:
                break
        places = [(record["site"], record["sequence"]) for record in found]
        assert len(places) == len(set(places)) == 120
        times = [record["time_us"] for record in found]
        assert times == sorted(times, reverse=True)


async def test_records_are_found_by_person_action_target_outcome_and_audit(tmp_path: Path) -> None:
    async with desk(tmp_path, "hedy") as browser:

        async def count(**query: str) -> int:
            return len((await browser.get("/api/audit", params=query)).json()["records"])

        assert await count(person="GRACE") == 60
        assert await count(action="login") == 40
        assert await count(target="target-7", outcome="done") == 3
        assert await count(outcome="refused", site="northgate") == 8
        assert await count(site="center") == 40
        assert await count(**{"from": "2026-01-01", "to": "2026-01-02"}) == 0


async def test_how_far_audits_were_seen_in_another_zone_and_what_does_not_verify_is_said(tmp_path: Path) -> None:
    async with desk(tmp_path, "grace") as browser:
        body = (await browser.get("/api/audit")).json()
        (seen,) = body["audits"]
        assert (seen["name"], seen["by"], seen["entries"], seen["seen"], seen["problems"]) == ("center", "DMZ", 40, 40, [])
        assert seen["seen_time"] == iso(NOON)
        write_audit(tmp_path / "center", "center", 3)
        assert [(each["entries"], each["seen"]) for each in (await browser.get("/api/audit")).json()["audits"]] == [(43, 40)]
        (tmp_path / "center" / "private" / "witnessed").write_bytes(b"something else")
        body = (await browser.get("/api/audit")).json()
        assert body["missing"] == ["the audit of center does not verify: cannot be read: it is no signed note"]


async def test_a_historian_that_is_away_is_said_and_the_rest_is_shown(tmp_path: Path) -> None:
    async with desk(tmp_path, "grace", is_historian_up=False) as browser:
        body = (await browser.get("/api/audit")).json()
        assert len(body["records"]) == 80
        assert "records of the sites are missing" in body["missing"][0]


async def test_records_are_for_those_who_look_after_the_system(tmp_path: Path) -> None:
    async with desk(tmp_path, "lise") as browser:
        for path in ("/api/audit", "/api/logs"):
            answer = await browser.get(path)
            assert answer.status_code == 403
            assert "engineer" in answer.json()["error"]["message"]
        assert (await browser.get("/log")).status_code == 403


async def test_logs_tell_what_is_wrong_and_which_cannot_be_read(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    lines = [
        {"timestamp": "2026-11-18T12:00:00.000001Z", "level": "info", "role": "center", "event": "started"},
        {
            "timestamp": "2026-11-18T12:00:01.000002Z",
            "level": "warning",
            "role": "scada",
            "event": "process ended",
            "child": "web",
        },
    ]
    crash = ["Traceback (most recent call last):", '  File "x.py", line 1', "ValueError: no"]
    (logs / "center.log").write_text("\n".join([*(json.dumps(line) for line in lines), *crash, "ready"]) + "\n")
    (logs / "dmz.log").mkdir()  # cannot be read as a file
    async with desk(tmp_path, "grace") as browser:
        body = (await browser.get("/api/logs")).json()
        assert [(line["level"], line["event"]) for line in body["lines"]] == [("error", "ready"), ("warning", "process ended")]
        assert body["lines"][1]["fields"] == {"child": "web"}
        sources = {one["name"]: one["words"] for one in body["sources"]}
        assert sources["center"] == ""
        assert "cannot be read" in sources["dmz"]
        assert "not on this machine" in sources["site-northgate"]
        body = (await browser.get("/api/logs", params={"level": "info", "text": "STARTED"})).json()
        assert [line["event"] for line in body["lines"]] == ["started"]


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    path = tmp_path / "center.log"
    lines = [json.dumps({"timestamp": "2026-11-18T12:00:00Z", "event": f"turn {number}"}) for number in range(1_000)]
    path.write_text("\n".join(lines) + "\n")
    found = read_tail(path, most_bytes=1_000)
    assert found[-1].event == "turn 999"
    assert 5 < len(found) < 25
    assert all(line.event.startswith("turn ") for line in found)
