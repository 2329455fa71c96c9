"""SIGKILL at the worst moments: both audits tell what is true, and nothing is done twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tieline.model import Result
from tieline.security.audit import verify

from .scene import ADA, GRACE, running
from .test_programs import QUICK

ROOT = Path(__file__).parents[3]


def killed(folder: Path, until: str) -> str:
    """What the process said before it was killed."""
    command = [sys.executable, "-m", "tests.scada.control.killed", str(folder), until]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        process.kill()
    return said


async def test_killed_between_select_and_execute_nothing_was_operated_and_the_audit_says_so(tmp_path: Path) -> None:
    assert killed(tmp_path, "select") == "selected"
    async with running(tmp_path) as at:
        assert [(record.action, record.outcome) for record in at.records] == [("select", "granted"), ("select_ended", "ended")]
        assert at.site_audit.since(0) == []
        selection = await at.service.select(ADA, at.id("lower"), 1)
        assert (await at.service.execute(ADA, selection.id)).result is Result.DONE
    assert verify(tmp_path / "center" / "audit").is_intact


async def test_killed_between_execute_and_feedback_both_audits_say_that_nobody_knows(tmp_path: Path) -> None:
    assert killed(tmp_path, "execute") == "written"
    async with running(tmp_path) as at:
        await at.until(lambda: len(at.said("command_outcome")) == 2)
        outcome = await at.service.outcome("x")
        assert outcome is not None
        assert (outcome.result, at.driver.written) == (Result.UNKNOWN, [])
        assert "the gateway ended while the command was under way" in outcome.reason
        assert [record.outcome for record in at.site_audit.since(0)] == ["released", "unknown"]
        assert at.said("command") == ["released"]
    assert verify(tmp_path / "site" / "audit").is_intact


async def test_killed_in_the_middle_of_a_program_it_is_resumed_without_repeating_or_skipping(tmp_path: Path) -> None:
    run = killed(tmp_path, "program")
    async with running(tmp_path, programs={"isolate": QUICK}) as at:
        (stopped,) = at.service.programs.runs()
        assert (stopped.id, stopped.state) == (run, "stopped")
        assert stopped.step in {0, 1}  # what is told may be a moment ahead of what is on disk
        await at.service.programs.resume(GRACE, run)
        await at.until(lambda: at.service.programs.runs()[0].state == "waiting")
        await at.service.programs.confirm(GRACE, run)
        await at.until(lambda: at.service.programs.runs()[0].state == "done")
        assert at.driver.written == [(at.id("q2_command"), 0.0)]
        released = [record.detail["id"] for record in at.records if record.action == "command"]
        assert released == [f"{run}-1-1", f"{run}-2-1"]
