"""`tieline alarms` against a real center: what it lists, does, and refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tieline.model import RefusedError, TielineError
from tieline.scada.service import MOST_ALARMS

from .center import Terminals, terminals

pytestmark = pytest.mark.system


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Terminals]:
    async with terminals(tmp_path) as made:
        yield made


async def happen(at: Terminals, *values: float, standing: int) -> None:
    await at.door.happen(*values)
    async with asyncio.timeout(20):
        while len(await at.door.states()) != standing:
            await asyncio.sleep(0.05)


async def test_an_alarm_is_listed_acknowledged_shelved_and_taken_out_of_service(at: Terminals) -> None:
    grace = at.token_of("grace", ["operator", "engineer"])
    nothing = await at.types("alarms", token=grace)
    assert (nothing.exit_code, nothing.output) == (0, "no alarms\n")
    await happen(at, 1, 1, 1, standing=3)

    listed = await at.types("alarms", token=grace)
    assert listed.exit_code == 0
    assert {line.split()[1] for line in listed.output.splitlines()} == {"UNACKNOWLEDGED"}

    words = (
        "--ack",
        "alpha/a1",
        "--shelve",
        "alpha/a2",
        "--out-of-service",
        "alpha/a3",
        "--reason",
        "work on it",
        "--minutes",
        "5",
    )
    done = await at.types("alarms", *words, "--format", "json", token=grace)
    assert done.exit_code == 0, done.output
    alarms = {alarm["id"]: alarm for alarm in json.loads(done.stdout)}
    assert {name: alarm["state"] for name, alarm in alarms.items()} == {
        "alpha/a1": "acknowledged",
        "alpha/a2": "shelved",
        "alpha/a3": "out_of_service",
    }
    assert alarms["alpha/a1"]["acknowledged_by"] == "grace"
    assert alarms["alpha/a2"]["reason"] == "work on it"

    again = await at.types("alarms", "--unshelve", "alpha/a2", "--in-service", "alpha/a3", "--site", "alpha", token=grace)
    assert [line.split()[1] for line in again.output.splitlines()] == ["UNACKNOWLEDGED", "UNACKNOWLEDGED", "acknowledged"]
    elsewhere = await at.types("alarms", "--site", "northgate", token=grace)
    assert elsewhere.output == "no alarms\n"


async def test_what_is_refused_is_said_for_each_and_in_the_exit_code(at: Terminals) -> None:
    grace = at.token_of("grace", ["operator", "engineer"])
    await happen(at, 1, standing=1)
    some = await at.types("alarms", "--ack", "alpha/a1", "--ack", "alpha/a2", token=grace)
    assert some.exit_code == 3
    assert "alpha/a2: it is normal, there is nothing to acknowledge" in some.stderr
    none = await at.types("alarms", "--ack", "alpha/a9", token=grace)
    assert isinstance(none.exception, RefusedError)
    assert "alpha/a9: it is normal" in str(none.exception)


async def test_a_person_without_the_role_changes_nothing(at: Terminals) -> None:
    lise = at.token_of("lise", ["viewer"])
    await happen(at, 1, standing=1)
    refused = await at.types("alarms", "--ack", "alpha/a1", token=lise)
    assert isinstance(refused.exception, TielineError)
    assert "operator" in str(refused.exception)
    assert "UNACKNOWLEDGED" in (await at.types("alarms", token=lise)).output


async def test_all_alarms_are_acknowledged_at_once_however_many_pages_they_fill(at: Terminals) -> None:
    grace = at.token_of("grace", ["operator"])
    count = MOST_ALARMS + 100
    await happen(at, *[1.0] * count, standing=count)
    done = await at.types("alarms", "--ack", "all", token=grace)
    assert done.exit_code == 0, done.output
    states = [line.split()[1] for line in done.output.splitlines()]
    assert states == ["acknowledged"] * count
