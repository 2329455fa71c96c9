"""The driver against servers that nobody here wrote: libmodbus, pyModbusTCP, and pymodbus for TLS."""

from __future__ import annotations

import contextlib
import ctypes.util
import datetime as dt
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pymodbus.server import ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice
from pyModbusTCP.server import DataBank, ModbusServer

from tieline.model import Quality, RemoteError

from .field import make_device, next_request, running, serving, tcp
from .serial_line import line, pump, rtu

GOOD = Quality.GOOD
UNKNOWN = Quality.INVALID | Quality.BAD_REFERENCE
OLD = Quality.INVALID | Quality.OLD_DATA

needs_libmodbus = pytest.mark.skipif(
    ctypes.util.find_library("modbus") is None and not list(Path("/usr/lib").glob("*/libmodbus.so.5")),
    reason="libmodbus is not installed (Debian: libmodbus5)",
)


@contextlib.contextmanager
def libmodbus(*arguments: str):
    script = Path(__file__).with_name("libmodbus_server.py")
    with subprocess.Popen([sys.executable, script, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def everything() -> list[dict]:
    return [
        {"name": "coil", "table": "coil", "address": 3, "kind": "control", "bits": 1},
        {"name": "coil-off", "table": "coil", "address": 4, "kind": "binary"},
        {"name": "breaker", "table": "coil", "address": 8, "kind": "double", "bits": 2},
        {"name": "breaker-control", "table": "coil", "address": 20, "kind": "control", "bits": 2},
        {"name": "input", "table": "discrete_input", "address": 999, "kind": "binary"},
        {"name": "input-off", "table": "discrete_input", "address": 0, "kind": "binary"},
        {"name": "in", "table": "input_register", "address": 7, "scale": 0.5, "offset": -3},
        {"name": "in-32", "table": "input_register", "address": 600, "type": "uint32"},
        {"name": "word", "address": 900, "kind": "setpoint", "type": "int16", "scale": 0.1},
        {"name": "field", "address": 901, "kind": "setpoint", "type": "bits", "bit": 4, "bits": 3},
        {"name": "float", "address": 902, "kind": "setpoint", "type": "float32", "word_order": "CDAB"},
        {"name": "double", "address": 904, "kind": "setpoint", "type": "float64", "word_order": "DCBA"},
        {"name": "long", "address": 908, "kind": "setpoint", "type": "int64", "word_order": "BADC"},
        {"name": "beyond", "address": 1000},
        {"name": "beyond-control", "address": 2000, "kind": "setpoint"},
    ]


async def read_and_write_everything(field) -> None:
    await field.until(lambda: field.quality("beyond") == UNKNOWN)
    await field.cycles_more(1)
    good = {"coil": 1, "coil-off": 0, "breaker": 2, "input": 1, "input-off": 0, "in": 8, "in-32": 1801 << 16 | 1804, "word": 90}
    for name, value in good.items():
        assert (name, field.value(name), field.quality(name)) == (name, value, GOOD)
    assert field.value("field") == 901 >> 4 & 7
    driver = field.drivers[0]
    writes = {"coil": 0, "breaker-control": 2, "word": -12.3, "field": 5, "float": 1.5, "double": -1e300, "long": -(2**40)}
    for name, value in writes.items():
        await driver.write(field.id_of(name), value)
    await field.until(lambda: all(field.value(name) == pytest.approx(value, rel=1e-12) for name, value in writes.items()))
    assert all(field.quality(name) == GOOD for name in writes)
    with pytest.raises(RemoteError, match="illegal data address"):
        await driver.write(field.id_of("beyond-control"), 1)
    assert field.events == []


@needs_libmodbus
async def test_libmodbus_over_tcp_is_read_and_written():
    with libmodbus("tcp") as port:
        async with running(make_device(everything(), tcp(int(port)))) as field:
            await read_and_write_everything(field)
            assert field.value("field") == 5


@needs_libmodbus
async def test_libmodbus_over_a_serial_line_is_read_and_written():
    with line() as ((ours, theirs), masters), libmodbus("rtu", theirs, "5"):
        async with pump(masters), running(make_device(everything(), rtu(ours, 5), polls={"fast": 0.1})) as field:
            await read_and_write_everything(field)


async def test_pymodbustcp_is_read_and_written():
    bank = DataBank(coils_size=1000, d_inputs_size=1000, h_regs_size=1000, i_regs_size=1000)
    bank.set_coils(0, [n % 3 == 0 for n in range(1000)])
    bank.set_discrete_inputs(0, [n % 2 == 1 for n in range(1000)])
    bank.set_input_registers(0, [n * 3 + 1 for n in range(1000)])
    bank.set_holding_registers(0, list(range(1000)))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ModbusServer(host="127.0.0.1", port=port, no_block=True, data_bank=bank)
    server.start()
    try:
        async with running(make_device(everything(), tcp(port))) as field:
            await read_and_write_everything(field)
    finally:
        server.stop()


class Authority:
    """A throw-away certificate authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.file = folder / "authority.pem"
        self.file.write_bytes(self._certify(self.name, self.key, is_authority=True))

    def _certify(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> bytes:
        now = dt.datetime.now(dt.UTC)
        key_id = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        builder = (
            x509.CertificateBuilder(self.name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("device.northgate")]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), critical=False)
        )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def context(self, purpose: int, name: str | None) -> ssl.SSLContext:
        """A context that trusts this authority alone, with a certificate of its own where a name is given."""
        context = ssl.SSLContext(purpose)
        context.load_verify_locations(self.file)
        context.verify_mode = ssl.CERT_REQUIRED
        if name is not None:
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
            pem = self.folder / f"{name}.pem"
            private = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            pem.write_bytes(private + self._certify(subject, key, is_authority=False))
            context.load_cert_chain(pem)
        return context


def tls(port: int, **limits) -> dict:
    return tcp(port) | {"transport": "tls", "server_name": "device.northgate"} | limits


@contextlib.asynccontextmanager
async def pymodbus_tls(authority: Authority):
    device = SimDevice(id=1, simdata=[SimData(0, values=list(range(200)), datatype=DataType.REGISTERS)])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ModbusTlsServer(device, address=("127.0.0.1", port), sslctx=authority.context(ssl.PROTOCOL_TLS_SERVER, "device"))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()


async def test_modbus_security_with_mutual_tls_is_read(tmp_path):
    authority = Authority(tmp_path)
    rows = [{"address": n} for n in range(200)]
    async with pymodbus_tls(authority) as port:
        context = authority.context(ssl.PROTOCOL_TLS_CLIENT, "edge")
        async with running(make_device(rows, tls(port)), tls=lambda connection: context) as field:
            await field.until(lambda: field.quality("p199") == GOOD)
            assert [field.value(f"p{n}") for n in range(200)] == list(range(200))


async def test_without_a_certificate_of_its_own_the_driver_is_refused(tmp_path):
    authority = Authority(tmp_path)
    async with pymodbus_tls(authority) as port:
        context = authority.context(ssl.PROTOCOL_TLS_CLIENT, None)
        async with running(make_device([{"address": 0}], tls(port)), tls=lambda connection: context) as field:
            await field.until(lambda: field.kinds() == ["device_lost"])
            await field.cycles_more(2)
            assert field.quality("p0") == OLD


@pytest.mark.parametrize("flaw", ["other name", "other authority", "no context", "no files"])
async def test_a_device_that_cannot_be_trusted_is_not_asked(flaw, tmp_path):
    authority = Authority(tmp_path)

    def make_context(connection):
        if flaw == "no files":
            raise FileNotFoundError("edge.pem")
        stranger = tmp_path / "stranger"
        stranger.mkdir(exist_ok=True)
        return (Authority(stranger) if flaw == "other authority" else authority).context(ssl.PROTOCOL_TLS_CLIENT, "edge")

    async with pymodbus_tls(authority) as port:
        name = "relay.southgate" if flaw == "other name" else "device.northgate"
        device = make_device([{"address": 0}], tls(port, server_name=name))
        async with running(device, tls=None if flaw == "no context" else make_context) as field:
            await field.until(lambda: field.kinds() == ["device_lost"])
            assert field.quality("p0") == OLD


async def test_an_answer_in_many_tls_records_is_one_answer(tmp_path):
    authority = Authority(tmp_path)

    async def handler(reader, writer):
        while True:
            for byte in (await next_request(reader)).registers(7, 8):
                writer.write(bytes((byte,)))
                await writer.drain()

    contexts = authority.context(ssl.PROTOCOL_TLS_SERVER, "device"), authority.context(ssl.PROTOCOL_TLS_CLIENT, "edge")
    rows = [{"address": 0}, {"address": 1}]
    async with serving(handler, ssl=contexts[0]) as port:
        device = make_device(rows, tls(port))
        async with running(device, tls=lambda connection: contexts[1]) as field:
            await field.until(lambda: field.value("p1") == 8)
