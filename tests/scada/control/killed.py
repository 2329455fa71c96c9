"""A center and its site in a process that is to be killed: `python -m tests.scada.control.killed FOLDER select|execute|program`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from .scene import ADA, running
from .test_programs import QUICK, follow


async def main(folder: Path, until: str) -> None:
    """Does what was asked for, says so, and waits for its end."""
    async with running(folder, programs={"isolate": QUICK}) as at:
        if until == "program":
            follow(at)
            run = await at.service.programs.start(ADA, "isolate")
            await at.until(lambda: at.service.programs.runs()[0].state == "waiting")
            print(run.id, flush=True)
            await asyncio.Event().wait()
        selection = await at.service.select(ADA, at.id("lower"), 1)
        if until == "execute":
            at.driver.holds = asyncio.Event()
            executing = asyncio.create_task(at.service.execute(ADA, selection.id, id="x"))
            await at.until(lambda: bool(at.driver.written))
            print("written", flush=True)
            await executing
        print("selected", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
