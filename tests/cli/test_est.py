"""Enrollment over real sockets: the DMZ's listener, a center that decides, and clients of several kinds."""

from __future__ import annotations

import asyncio
import base64
import http.client
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7

from bench.topology import plan_for
from tieline.bus import Server, connected
from tieline.bus.configuration import for_center
from tieline.bus.pki import Answer, Ask, answer_asks
from tieline.cli import est_client
from tieline.cli.est_server import serve_enrollment
from tieline.cli.pki_work import enroll as type_enroll
from tieline.cli.renewing import renewing
from tieline.cli.revoking import answer_ask
from tieline.cli.run import free_port
from tieline.model import ConfigError, RefusedError, UnavailableError, subjects
from tieline.security.identity import Authority
from tieline.security.identity.enrollment import Registrar, Token

pytestmark = pytest.mark.system

HOSTS = ("127.0.0.1", "localhost")
ROLE = "edge-north"
T = TypeVar("T")


@dataclass
class Place:
    """A center that issues, and the DMZ before it."""

    authority: Authority
    registrar: Registrar
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def token(self, role: str = ROLE) -> Token:
        return self.registrar.new_token(role, HOSTS, actor="test")

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.authority.root_file)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, bytes]:
        """An answer to a plain client of HTTP."""
        with closing(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=self.context())) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type") or "", response.read()


@asynccontextmanager
async def place(folder: Path, *, life: timedelta | None = None, has_center: bool = True) -> AsyncIterator[Place]:
    """Both roles on one bus server, which is told of the DMZ besides; the way between their servers is not what is tried here."""
    made = Authority.open(folder / "center" / "authority")
    center, dmz = (made.credentials(role, hosts=HOSTS) for role in (subjects.CENTER_ROLE, subjects.DMZ_ROLE))
    authority = Authority.existing(made.folder, life=life)
    configuration = for_center(plan_for(folder, ["north"]), center, folder / "streams", None)
    configuration["accounts"]["OT"]["users"].append({"user": "CN=dmz"})
    registrar, port = Registrar(authority), free_port()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(Server.running("center", folder / "bus", configuration))
        at_center = await stack.enter_async_context(connected(server.port, center))
        at_dmz = await stack.enter_async_context(connected(server.port, dmz))

        async def answer(ask: Ask) -> Answer:
            return await asyncio.to_thread(answer_ask, registrar, ask)

        running = [asyncio.create_task(serve_enrollment(at_dmz, dmz, authority.revocations, "127.0.0.1", port))]
        if has_center:
            running.append(asyncio.create_task(answer_asks(at_center, answer)))
        try:
            async with asyncio.timeout(20):
                while not await asyncio.to_thread(_listens, port):
                    await asyncio.sleep(0.02)
            await at_center.flush()
            yield Place(authority, registrar, port)
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


async def aside(work: Callable[[], T]) -> T:
    """What blocks, away from the event loop."""
    return await asyncio.to_thread(work)


async def test_a_machine_enrolls_with_a_token_and_renews_by_itself(tmp_path: Path) -> None:
    async with place(tmp_path, life=timedelta(seconds=8)) as at:
        site = Authority.existing(tmp_path / "site" / "authority")
        token = at.token()
        held = await aside(lambda: est_client.enroll(site, at.address, ROLE, token, HOSTS))
        first = held.leaf()
        assert site.roots() == at.authority.roots()
        assert held.key.stat().st_mode & 0o777 == 0o600
        told: list[int] = []
        async with renewing(site, {held: lambda: told.append(1)}, est=at.address):
            async with asyncio.timeout(20):
                while len(told) < 2:
                    await asyncio.sleep(0.05)
        assert held.leaf().serial_number != first.serial_number
        assert held.leaf().public_key() == first.public_key()
        assert held.client_context()


async def test_openssl_and_a_plain_client_enroll_as_the_standard_says(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        status, kind, body = await aside(lambda: at.ask("GET", "/.well-known/est/cacerts"))
        assert (status, kind) == (200, "application/pkcs7-mime")
        authorities = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))
        assert at.authority.roots()[0] in authorities
        status, kind, body = await aside(lambda: at.ask("GET", "/.well-known/est/csrattrs"))
        assert (status, kind) == (200, "application/csrattrs")
        key = tmp_path / "key.pem"
        subprocess.run(["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", key], check=True)
        words = ["openssl", "req", "-new", "-key", key, "-subj", f"/CN={ROLE}", "-outform", "DER"]
        request = base64.encodebytes(subprocess.run(words, check=True, capture_output=True).stdout)
        token = at.token()
        basic = "Basic " + base64.b64encode(f"{ROLE}:{token}".encode()).decode()

        def enroll(**headers: str) -> tuple[int, str, bytes]:
            return at.ask("POST", "/.well-known/est/simpleenroll", request, **headers)

        assert (await aside(lambda: enroll(Content_Type="application/pkcs10")))[0] == 401
        status, kind, body = await aside(lambda: enroll(Content_Type="application/pkcs10", Authorization=basic))
        assert (status, kind) == (200, "application/pkcs7-mime; smime-type=certs-only")
        (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))
        assert certificate.subject.rfc4514_string() == f"CN={ROLE}"
        status, _, body = await aside(lambda: enroll(Content_Type="application/pkcs10", Authorization=basic))
        assert status == 401
        assert b"used already" in body


async def test_requests_that_are_none_are_answered_and_the_next_one_is_served(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        path = "/.well-known/est/simpleenroll"
        cases = [
            (404, "GET", "/", None, {}),
            (404, "GET", "/.well-known/est/fullcmc", None, {}),
            (405, "GET", path, None, {}),
            (405, "DELETE", "/.well-known/est/cacerts", None, {}),
            (415, "POST", path, b"x", {"Content_Type": "text/plain"}),
            (400, "POST", path, b"?", {"Content_Type": "application/pkcs10"}),
            (400, "POST", path, b"", {"Content_Type": "application/pkcs10", "Authorization": "Basic ?"}),
            (401, "POST", path, b"MAA=", {"Content_Type": "application/pkcs10", "Authorization": "Basic YTpi"}),
            (401, "POST", "/.well-known/est/simplereenroll", b"MAA=", {"Content_Type": "application/pkcs10"}),
            (413, "POST", path, bytes(40_000), {"Content_Type": "application/pkcs10"}),
        ]
        for expected, method, target, body, headers in cases:
            ask = (lambda m, t, b, h: lambda: at.ask(m, t, b, **h))(method, target, body, headers)
            status, _, said = await aside(ask)
            assert status == expected, (method, target, said)
        for nonsense in (b"\x00" * 100, b"GET\r\n\r\n", b"POST x\r\n" + b"a" * 30_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", at.port, ssl=at.context())
            writer.write(nonsense)
            writer.write_eof() if writer.can_write_eof() else None
            async with asyncio.timeout(20):
                assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
            writer.close()
        assert (await aside(lambda: at.ask("GET", "/.well-known/est/cacerts")))[0] == 200


async def test_a_token_of_another_utility_trusts_nobody_here_and_an_untold_center_is_named(tmp_path: Path) -> None:
    async with place(tmp_path, has_center=False) as at:
        site = Authority.existing(tmp_path / "site" / "authority")
        with pytest.raises(UnavailableError, match="the center, which issues certificates, cannot be reached"):
            await aside(lambda: est_client.enroll(site, at.address, ROLE, at.token(), HOSTS))
    async with place(tmp_path / "second") as at:
        foreign = Token(at.token().id, "A" * 43, "0" * 64)
        with pytest.raises(RefusedError, match="its root has another fingerprint"):
            await aside(lambda: est_client.enroll(site, at.address, ROLE, foreign, HOSTS))
        assert not site.folder.exists()
        wrong = Authority.open(tmp_path / "wrong")
        with pytest.raises(ConfigError, match="is the root of another authority"):
            await aside(lambda: est_client.enroll(wrong, at.address, ROLE, at.token(), HOSTS))
        (tmp_path / "token").write_text("nothing")
        with pytest.raises(ConfigError, match="that is not a token"):
            await aside(lambda: type_enroll(tmp_path / "site", ROLE, at.address, tmp_path / "token", []))
        with pytest.raises(UnavailableError, match="cannot be asked for a certificate"):
            await aside(lambda: est_client.enroll(site, f"127.0.0.1:{free_port()}", ROLE, at.token(), HOSTS))


async def test_a_revoked_certificate_renews_nothing_and_a_stranger_s_opens_no_connection(tmp_path: Path) -> None:
    async with place(tmp_path) as at:
        site = Authority.existing(tmp_path / "site" / "authority")
        token = at.token()
        held = await aside(lambda: est_client.enroll(site, at.address, ROLE, token, HOSTS))
        await aside(lambda: est_client.renew(site, held, at.address))
        at.authority.issuer.revoke(ROLE, "keyCompromise", actor="test")
        with pytest.raises(RefusedError, match="does not count: it was revoked"):
            await aside(lambda: est_client.renew(site, held, at.address))
        token = at.token()
        again = await aside(lambda: est_client.enroll(site, at.address, ROLE, token, HOSTS))
        assert again.leaf().subject.rfc4514_string() == f"2.5.4.5=1,CN={ROLE}"
        await aside(lambda: est_client.renew(site, again, at.address))
        stranger = Authority.open(tmp_path / "other")
        forged = stranger.credentials(ROLE, hosts=HOSTS)
        shutil.copy(at.authority.root_file, stranger.root_file)
        with pytest.raises(UnavailableError, match="cannot be asked for a certificate"):
            await aside(lambda: est_client.renew(stranger, forged, at.address))
