"""The TLS profile towards devices, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs

from tieline.cli.device_tls import device_context
from tieline.config.dnp3 import Dnp3Tls, Dnp3TlsServer
from tieline.model import ConfigError
from tieline.security.identity import Authority, Credentials
from tieline.security.identity.certificates import general_name, make_role, make_root
from tieline.security.identity.device_profile import weakness
from tieline.security.identity.files import as_pem, write_key

HOST = "127.0.0.1"
LISTEN = Dnp3TlsServer(transport="tls_server", host=HOST)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "ours")


async def negotiated(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """The version and suite of a connection, or nothing where the server lets nobody in."""
    taken: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        taken.set_result(f"{tls.version()} {tls.cipher()[0]}")
        writer.write(b"x")
        writer.close()

    async with await asyncio.start_server(take, HOST, 0, ssl=server) as listening:
        reader, writer = await asyncio.open_connection(HOST, listening.sockets[0].getsockname()[1], ssl=client)
        with suppress(OSError):
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    return taken.result() if taken.done() else ""


def plain_client(credentials: Credentials, suites: str = "", newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A device that knows nothing of a profile."""
    context = ssl.create_default_context(cafile=credentials.authority)
    context.maximum_version = newest
    context.load_cert_chain(credentials.certificate, credentials.key)
    if suites:
        context.set_ciphers(suites)
    return context


async def test_what_was_negotiated_is_logged(tmp_path: Path, authority: Authority) -> None:
    ours, device = authority.credentials("edge-north", hosts=[HOST]), authority.credentials("device.north.rtu", hosts=[HOST])
    listen = device_context(tmp_path, LISTEN, ours)
    dial = device_context(tmp_path, Dnp3Tls(transport="tls", host=HOST), device)
    with capture_logs() as logs:
        assert (await negotiated(listen, dial)).startswith("TLSv1.3 ")
        assert await negotiated(listen, plain_client(device, newest=ssl.TLSVersion.TLSv1_2)) in {
            "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384",
            "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256",
        }
    told = [(entry["subject"], entry["version"]) for entry in logs if entry["event"] == "tls with a device"]
    assert ("CN=device.north.rtu", "TLSv1.2") in told
    assert ("CN=edge-north", "TLSv1.3") in told


@pytest.mark.parametrize("suites", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
async def test_suites_outside_of_the_profile_are_not_negotiated(tmp_path: Path, authority: Authority, suites: str) -> None:
    ours, device = authority.credentials("edge-north", hosts=[HOST]), authority.credentials("device", hosts=[HOST])
    listen, newest = device_context(tmp_path, LISTEN, ours), ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError):  # noqa: PT011 - what the end of a handshake looks like differs
        await negotiated(listen, plain_client(device, suites, newest))
    assert await negotiated(listen, plain_client(device, f"{suites}:ECDHE-ECDSA-AES128-GCM-SHA256", newest)) == (
        "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256"
    )


async def test_a_revoked_device_is_let_in_no_more_although_the_context_was_there_before(
    tmp_path: Path, authority: Authority
) -> None:
    ours, device = authority.credentials("edge-north", hosts=[HOST]), authority.credentials("device", hosts=[HOST])
    listen, client = device_context(tmp_path, LISTEN, ours), plain_client(device)
    assert await negotiated(listen, client)
    authority.issuer.revoke("device", "keyCompromise", actor="test")
    with capture_logs() as logs:
        assert await negotiated(listen, client) == ""
    assert any("revoked" in entry.get("reason", "") for entry in logs)
    authority.revocations.file.write_text("damaged")
    assert await negotiated(listen, client), "devices are not lost to a file"


class Foreign:
    """An authority of somebody who makes devices."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.root, self.key = make_root("maker", datetime.now(UTC))
        self.file = folder / "root.pem"
        self.file.write_bytes(as_pem([self.root]))

    def device(self, name: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> Credentials:
        certificate = make_role(
            name, 0, key.public_key(), self.root, self.key, datetime.now(UTC), timedelta(days=9), [general_name(HOST)]
        )
        held = Credentials(
            name=name, certificate=self.folder / f"{name}.pem", key=self.folder / f"{name}.key", authority=self.file
        )
        held.certificate.write_bytes(as_pem([certificate]))
        write_key(held.key, key)
        return held

    def crl(self, serials: Sequence[int], *, days: float = 1.0) -> bytes:
        then = datetime.now(UTC) - timedelta(days=2)
        builder = x509.CertificateRevocationListBuilder(self.root.subject, then, then + timedelta(days=2 + days))
        for serial in serials:
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(then).build()
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self.key, hashes.SHA384()).public_bytes(Encoding.DER)


def of_maker(maker: Foreign, crl: str | None = None) -> Dnp3TlsServer:
    return LISTEN.model_copy(update={"authority_file": f"{maker.folder.name}/root.pem", "crl_file": crl})


async def test_the_list_of_a_foreign_authority_counts_also_when_it_is_overdue_and_when_it_has_changed(
    tmp_path: Path, authority: Authority
) -> None:
    maker, ours = Foreign(tmp_path / "maker"), authority.credentials("edge-north", hosts=[HOST])
    device = maker.device("rtu", ec.generate_private_key(ec.SECP256R1()))
    file = tmp_path / "maker" / "crl.der"
    file.write_bytes(maker.crl([1]))
    listen = device_context(tmp_path, of_maker(maker, "maker/crl.der"), ours)
    client = plain_client(device)
    client.load_verify_locations(ours.authority)
    assert await negotiated(listen, client)
    file.write_bytes(maker.crl([device.leaf().serial_number], days=-1.0))
    with capture_logs() as logs:
        assert await negotiated(listen, client) == ""
    assert any("overdue" in entry["event"] for entry in logs)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (ec.generate_private_key(ec.SECP224R1()), "a curve of 224 bits, and 256 are the least"),
        (rsa.generate_private_key(65537, 1024), "1024 bits, and 2048 are the least"),
        (rsa.generate_private_key(65537, 2048), ""),
    ],
)
def test_a_weak_key_is_named(tmp_path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, reason: str) -> None:
    certificate = Foreign(tmp_path / "maker").device("rtu", key).leaf()
    assert weakness(certificate, 900).endswith(reason)
    assert bool(weakness(certificate, 900)) == bool(reason)
    assert "20000 octets" in weakness(certificate, 20_000)


def test_a_list_of_somebody_else_is_named(tmp_path: Path, authority: Authority) -> None:
    maker, other = Foreign(tmp_path / "maker"), Foreign(tmp_path / "other")
    (tmp_path / "maker" / "crl.der").write_bytes(other.crl([1]))
    ours = authority.credentials("edge-north")
    with pytest.raises(ConfigError, match="no authority of the device has signed it"):
        device_context(tmp_path, of_maker(maker, "maker/crl.der"), ours)
    (tmp_path / "maker" / "crl.der").write_text("nothing")
    with pytest.raises(ConfigError, match="cannot be used as a list"):
        device_context(tmp_path, of_maker(maker, "maker/crl.der"), ours)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path, authority: Authority) -> None:
    maker, ours = Foreign(tmp_path / "maker"), authority.credentials("edge-north")
    device = maker.device("gateway", ec.generate_private_key(ec.SECP256R1()))
    device.key.chmod(0o644)
    files = {"certificate_file": str(device.certificate), "key_file": str(device.key)}
    with pytest.raises(ConfigError, match="can be used by others than its owner"):
        device_context(tmp_path, LISTEN.model_copy(update=files), ours)
