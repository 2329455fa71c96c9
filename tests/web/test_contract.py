"""The API against its own description: schemathesis makes requests that fit it, and such that do not, and looks at every answer.

No answer is a crash, each has a status, a content type and a body that the description names, and what needs a login is shut without one.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from .test_attack import attacked
from .world import World, serving

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
LEAST_REQUESTS = 1_000
CHANGES_SESSION = "^/api/(login|logout|account/(app|security-keys|recovery-codes|sessions))"
"""What ends the session of who attacks, or gives it another value."""


async def schemathesis(folder: Path, address: str, phases: str, headers: dict[str, str], skipped: str = "^$") -> str:
    """What it prints; it found nothing."""
    options = ["--checks", CHECKS, "--phases", phases, "--max-examples", "5", "--seed", "1", "--no-color"]
    options += [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]
    options += ["--exclude-path-regex", skipped]
    program = Path(sys.executable).with_name("schemathesis")
    process = await asyncio.create_subprocess_exec(
        program,
        "run",
        f"http://{address}/openapi.json",
        *options,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told = (await process.communicate())[0].decode(errors="replace")
    except asyncio.CancelledError:
        process.kill()
        raise
    assert process.returncode == 0, told[-8_000:]
    return told


def requests_in(told: str) -> int:
    line = next(line for line in told.splitlines() if " generated, " in line)
    return int(line.split()[0])


async def test_no_request_finds_a_crash_or_an_answer_that_is_not_described(tmp_path: Path, world: World) -> None:
    async with attacked(tmp_path) as target, target.browser_of("everything") as browser:
        roles = ["viewer", "operator", "engineer", "installer", "security_auditor"]
        made = await browser.send_json("POST", "/api/account/tokens", {"label": "attack", "roles": roles, "days": 1})
        token = {"Authorization": f"Bearer {made.json()['value']}"}
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        async with serving(world, app=target.app) as address:
            session = {"Cookie": cookies, **browser.token(), "Origin": f"http://{address}"}
            by_token = await schemathesis(tmp_path, address, "coverage", token)
            by_session = await schemathesis(tmp_path, address, "coverage,fuzzing", session, CHANGES_SESSION)
        assert (await browser.get("/api/session")).json()["stage"] == "full"
    assert requests_in(by_token) > LEAST_REQUESTS
    assert requests_in(by_session) > LEAST_REQUESTS
