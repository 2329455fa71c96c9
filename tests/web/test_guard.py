"""Who is let in while there is no login, and what every answer carries."""

from __future__ import annotations

import httpx
import pytest
from starlette.datastructures import Headers

from tieline.web.guard import SECURITY_HEADERS, is_loopback, why_refused


@pytest.mark.parametrize("host", ["127.0.0.1:8400", "localhost", "LOCALHOST:1", "[::1]:8400", "127.0.0.9"])
def test_loopback_hosts_are_let_in(host: str) -> None:
    assert why_refused(Headers({"host": host})) is None
    assert why_refused(Headers({"host": host, "origin": f"http://{host}"})) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8400",
        "10.0.0.1",
        "[",
        "@127.0.0.1x",
        "evil.example@127.0.0.1",
        "127.0.0.1/evil",
        "127.0.0.1#evil",
        "127.0.0.1:8400:1",
        "127.0.0.1 ",
        "[::1",
        "::1",
        "[::ffff:10.0.0.1]",
        "[::]",
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    reason = why_refused(Headers({"host": host}))
    assert reason is not None
    assert "loopback" in reason


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:9999",
        "http://localhost:8400",
        "",
        "http://[",
        "https://127.0.0.1:8400",
        "chrome-extension://127.0.0.1:8400",
        "http://evil@127.0.0.1:8400",
        "http://127.0.0.1:8400/",
        "http://127.0.0.1:8400 http://127.0.0.1:8400",
    ],
)
def test_foreign_origins_are_refused(origin: str) -> None:
    reason = why_refused(Headers({"host": "127.0.0.1:8400", "origin": origin}))
    assert reason is not None
    assert "origin" in reason


async def test_a_name_bound_to_this_machine_by_others_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/sites", headers={"host": "rebound.example"})
    assert (answer.status_code, answer.json()["error"]["kind"]) == (403, "refused")
    assert answer.headers["content-security-policy"]


async def test_an_origin_that_is_none_is_refused_not_a_crash(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/sites", headers={"origin": "http://["})).status_code == 403


async def test_a_foreign_page_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/sites", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/trend",
        "/site/northgate",
        "/site/nowhere",
        "/static/base.css",
        "/vendor/uplot.js",
        "/api/sites",
        "/api/x",
        "/metrics",
    ],
)
async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == ("no-cache" if path.startswith(("/static", "/vendor")) else "no-store")


def test_what_is_this_machine_and_what_is_not() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("::")
    assert not is_loopback("192.168.1.4")
    assert not is_loopback("scada.example")
