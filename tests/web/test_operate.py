"""The routes of alarms and control where nobody can log in, and where there is no supervision."""

from __future__ import annotations

import httpx
import pytest

CHANGES = [
    ("/api/alarms/acknowledge", {"ids": ["northgate/a"]}),
    ("/api/alarms/shelve", {"ids": ["northgate/a"], "reason": "test", "minutes": 15}),
    ("/api/control/select", {"point": "northgate/rtu-1/t1-p", "value": 1}),
    ("/api/control/execute", {"selection": "s-1"}),
    ("/api/control/approve", {"selection": "s-1"}),
    ("/api/control/cancel", {"selection": "s-1"}),
    ("/api/control/stop", {"id": "1"}),
    ("/api/control/tags", {"kind": "information", "target": "t1", "reason": "test"}),
    ("/api/control/tags/t-1/remove", {"reason": ""}),
    ("/api/control/programs/one/start", {}),
    ("/api/control/runs/r-1/resume", {}),
]


@pytest.mark.parametrize(("path", "body"), CHANGES)
async def test_nothing_is_changed_where_nobody_can_log_in(client: httpx.AsyncClient, path: str, body: object) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code == 403
    assert "without login" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/api/alarms", "/api/alarms/journal", "/api/control", "/api/control/operations/1"])
async def test_a_screen_without_supervision_says_so(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 503
    assert "at the center" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "words"),
    [("/api/alarms/metrics?from=yesterday", "is no time"), ("/api/alarms?state=loud", "state"), ("/api/alarms?since=x", "since")],
)
async def test_a_question_that_is_not_understood_is_refused_in_words(client: httpx.AsyncClient, path: str, words: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
