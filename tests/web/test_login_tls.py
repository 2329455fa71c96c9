"""TLS: with it and a login other machines may connect; without either they may not."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers
from websockets.asyncio.client import connect

from tests.security.accounts.world import PASSWORD, Center
from tieline.model import ConfigError, RefusedError
from tieline.security.identity import Authority, Credentials
from tieline.web import listen, serve
from tieline.web.guard import SECURITY_HEADERS, why_refused
from tieline.web.login import ServerTls

from .login_world import app_of, center_in
from .world import World


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Center]:
    center = center_in(tmp_path)
    with closing(center.accounts):
        center.prepare()
        yield center


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return Authority.open(tmp_path / "pki").credentials("hmi", hosts=["scada.ridgeway.example", "127.0.0.1"])


@asynccontextmanager
async def serving(app: FastAPI, tls: ServerTls, host: str = "127.0.0.1") -> AsyncIterator[int]:
    listener = listen(host, 0, tls=tls)
    task = asyncio.create_task(serve(app, listener=listener, tls=tls))
    try:
        yield listener.getsockname()[1]
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def trusting(credentials: Credentials) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(credentials.authority))


async def test_one_logs_in_over_tls_with_cookies_that_only_tls_carries(
    world: World, center: Center, credentials: Credentials
) -> None:
    tls = ServerTls.of_files(credentials.certificate, credentials.key)
    context = trusting(credentials)
    async with (
        serving(app_of(world, center, tls=tls), tls, "0.0.0.0") as port,
        httpx.AsyncClient(verify=context, base_url=f"https://127.0.0.1:{port}") as client,
    ):
        answer = await client.post("/api/login", json={"name": "ada", "password": PASSWORD})
        assert answer.json() == {"stage": "full"}
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        for cookie in answer.headers.get_list("set-cookie"):
            assert cookie.startswith("__Host-tieline_")
            assert {"Secure", "Path=/"} <= set(cookie.split("; "))
        assert (await client.get("/api/sites")).status_code == 200
        header = {"cookie": f"__Host-tieline_session={client.cookies['__Host-tieline_session']}"}
        origin = f"https://127.0.0.1:{port}"
        async with connect(
            f"wss://127.0.0.1:{port}/live",
            ssl=context,
            origin=origin,
            additional_headers=header,  # type: ignore[arg-type]
        ) as socket:
            await socket.recv()
        assert (await client.get("/api/sites", headers={"host": "evil.example"})).status_code == 403


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_from_1_2_on_is_answered_and_plain_http_is_not(
    world: World, center: Center, credentials: Credentials, version: ssl.TLSVersion
) -> None:
    tls = ServerTls.of_credentials(credentials)
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
    context = trusting(credentials)
    context.minimum_version = context.maximum_version = version
    async with serving(app_of(world, center, tls=tls), tls) as port, httpx.AsyncClient(verify=context) as client:
        assert (await client.get(f"https://127.0.0.1:{port}/healthz")).is_success
        with pytest.raises(httpx.HTTPError):
            await client.get(f"http://127.0.0.1:{port}/healthz")


async def test_a_renewed_certificate_is_shown_without_a_restart(
    world: World, center: Center, credentials: Credentials, tmp_path: Path
) -> None:
    tls = ServerTls.of_credentials(credentials)
    async with serving(app_of(world, center, tls=tls), tls) as port:

        async def shown() -> str:
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(credentials))
            held = writer.get_extra_info("ssl_object").getpeercert()
            writer.close()
            with suppress(ssl.SSLError, ConnectionError):
                await writer.wait_closed()
            return str(held["serialNumber"])

        before = await shown()
        Authority.open(tmp_path / "pki").credentials("hmi", hosts=["scada.ridgeway.example", "127.0.0.1", "new.example"])
        credentials.reload()
        assert await shown() != before


async def test_without_a_login_or_tls_other_machines_are_refused(world: World, center: Center, credentials: Credentials) -> None:
    tls = ServerTls.of_credentials(credentials)
    with pytest.raises(RefusedError, match="with TLS and a login only"):
        await serve(world.app(), "0.0.0.0", 0, tls=tls)
    with pytest.raises(RefusedError, match="with TLS and a login only"):
        await serve(app_of(world, center), listener=listen("0.0.0.0", 0, tls=tls))
    with pytest.raises(RefusedError, match="without TLS"):
        await serve(app_of(world, center), "0.0.0.0", 0)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("scada.example", True),
        ("SCADA.example:8400", True),
        ("a.grid.example", True),
        ("10.0.0.1:8400", True),
        ("[2001:db8::1]:8400", True),
        ("127.0.0.1:8400", True),
        ("localhost", True),
        ("evil.example", False),
        ("scada.example.evil.example", False),
        ("a.b.grid.example", False),
        ("grid.example", False),
        (".grid.example", False),
        ("10.0.0.2", False),
        ("", False),
    ],
)
def test_hosts_are_those_of_the_certificate(host: str, is_ours: bool) -> None:
    tls = ServerTls(
        ssl.create_default_context(), ("scada.example", "*.grid.example", "10.0.0.1", str(ipaddress.ip_address("2001:db8::1")))
    )
    assert (why_refused(Headers({"host": host}), tls) is None) == is_ours


@pytest.mark.parametrize("origin", ["http://scada.example", "https://scada.example:8443", "https://evil.example", "null", ""])
def test_with_tls_an_origin_without_it_is_foreign(origin: str) -> None:
    tls = ServerTls(ssl.create_default_context(), ("scada.example",))
    assert why_refused(Headers({"host": "scada.example", "origin": "https://scada.example"}), tls) is None
    assert why_refused(Headers({"host": "scada.example", "origin": origin}), tls) is not None


def test_files_that_are_no_certificate_are_a_mistake_of_the_engineer(tmp_path: Path, credentials: Credentials) -> None:
    (tmp_path / "empty.pem").write_text("")
    for certificate, key in (
        (tmp_path / "empty.pem", credentials.key),
        (tmp_path / "none.pem", credentials.key),
        (credentials.certificate, credentials.authority),
    ):
        with pytest.raises(ConfigError, match="cannot be used"):
            ServerTls.of_files(certificate, key)
