"""The center's door and a site's gate on real bus servers, with the DMZ between."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.control import ADA, CONTROL, Door, door, reached
from tieline.model import Outcome, Result

pytestmark = pytest.mark.system


async def operate(at: Door, value: float) -> Outcome:
    selection = await at.service.select(ADA, CONTROL.id, value)
    return await at.service.execute(ADA, selection.id)


async def test_a_command_crosses_the_dmz_and_a_gateway_that_ends_leaves_nothing_to_guess(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        await reached(at)
        moved = len(at.breaker.written_s)
        assert (await operate(at, 0)).result is Result.DONE
        assert len(at.breaker.written_s) == moved + 1
        at.commands.cancel()
        await asyncio.wait([at.commands])
        async with asyncio.timeout(10):
            while (outcome := await operate(at, 1)).result is Result.UNKNOWN:
                pass
        assert outcome.result is Result.REFUSED
        assert "nobody takes commands at north" in outcome.reason
        assert len(at.breaker.written_s) == moved + 1
