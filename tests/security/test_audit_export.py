"""What a SIEM gets of the audit: every record, at least once, in order, in forms that others parse."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.security.audit_world import files_of, fill, open_log, opened, witness_of
from tieline.cli.app import app
from tieline.cli.auditing import StoredSource
from tieline.historian import FILE_NAME, Historian, HistorianServer
from tieline.io import SystemClock
from tieline.model import AuditRecord, Batch, Samples, UnavailableError
from tieline.security.audit import AuditLog, AuditReader
from tieline.security.audit.formats import as_cef, as_json, as_rfc5424, framed
from tieline.security.audit.forwarding import Forwarder, send_surely
from tieline.security.audit.vouching import write_key
from tieline.security.identity import Authority
from tieline.security.identity.signing import Signer

NOON = 1_750_000_000_000_000
records = st.builds(
    AuditRecord,
    sequence=st.integers(1, 2**53),
    time_us=st.integers(0, 4_000_000_000_000_000),
    site=st.text(min_size=1, max_size=12),
    actor=st.text(max_size=30),
    action=st.text(max_size=30),
    target=st.text(max_size=30),
    detail=st.dictionaries(st.text(max_size=8), st.text(max_size=12) | st.integers(-9, 9) | st.none(), max_size=3),
    outcome=st.sampled_from(["", "done", "refused", "failed"]),
)


def record(**changed: object) -> AuditRecord:
    content: dict[str, object] = {
        "sequence": 7,
        "time_us": NOON + 42,
        "site": "northgate",
        "actor": "ada",
        "action": "command",
        "target": "northgate/rtu-1/tap",
        "detail": {"value": 3},
        "outcome": "released",
    }
    return AuditRecord(**{**content, **changed})  # type: ignore[arg-type]


def test_cef_escapes_what_the_format_demands() -> None:
    line = as_cef(record(action="a|b\\c", actor="x=y\\z", target="one\ntwo\rthree", detail={"a=b": "c|d"}))
    assert line.startswith("CEF:0|Tieline|Tieline|")
    assert "|a\\|b\\\\c|a\\|b\\\\c|3|" in line
    assert " suser=x\\=y\\\\z " in line
    assert " cs1=one\\ntwo\\rthree " in line
    assert line.endswith('msg={"a\\=b": "c|d"}'), "a pipe is escaped in the header only"
    assert "\n" not in line


def read_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """An independent reader: header fields up to unescaped pipes, then pairs whose values go on to the next name."""
    fields, current, at = [], "", 0
    while len(fields) < 7:
        if line[at] == "\\":
            current, at = current + line[at + 1], at + 2
        elif line[at] == "|":
            fields, current, at = [*fields, current], "", at + 1
        else:
            current, at = current + line[at], at + 1
    rest = line[at:]
    places = [*re.finditer(r"(?:^| )([A-Za-z0-9]+)(?<!\\)=", rest)]
    pairs = {}
    for place, following in zip(places, [*places[1:], None], strict=True):
        raw = rest[place.end() : len(rest) if following is None else following.start()]
        pairs[place[1]] = re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), raw)
    return fields, pairs


MESSAGE = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) - "
    r'(?P<id>[!-~]{1,32}) \[audit@32473(?P<data>(?: [!-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")+)\] \ufeff(?P<text>.*)',
    re.DOTALL,
)
"""The grammar of RFC 5424 §6, as far as a record of the audit uses it."""


def read_rfc5424(message: str) -> tuple[dict[str, str], dict[str, str]]:
    match = MESSAGE.fullmatch(message)
    assert match is not None, message
    data = {
        name: re.sub(r"\\([\"\\\]])", r"\1", value) for name, value in re.findall(r' ([^ =]+)="((?:[^"\\]|\\.)*)"', match["data"])
    }
    return match.groupdict(), data


@given(record=records)
@settings(max_examples=200, deadline=None)
def test_any_record_is_read_again_by_readers_of_each_form(record: AuditRecord) -> None:
    plain = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
    assert json.loads(as_json(record)) == {**json.loads(record.entry), "hash": record.hash}
    header, data = read_rfc5424(as_rfc5424(record))
    assert data["sequence"] == str(record.sequence)
    assert data["actor"] == plain.sub("?", record.actor)
    assert data["target"] == plain.sub("?", record.target)
    assert json.loads(header["text"])["detail"] == dict(record.detail)
    assert 13 * 8 <= int(header["priority"]) < 14 * 8
    fields, pairs = read_cef(as_cef(record))
    assert fields[:3] == ["CEF:0", "Tieline", "Tieline"]
    assert fields[4] == plain.sub(" ", record.action)
    assert pairs["externalId"].endswith(f"/{record.sequence}")
    assert pairs["cs2"] == record.hash
    raw = framed(as_rfc5424(record))
    length, _, rest = raw.partition(b" ")
    assert int(length) == len(rest)


@dataclass
class Collector:
    """A collector of syslog over TLS on this machine: reads frames, and keeps what it has read."""

    context: ssl.SSLContext
    port: int = 0
    messages: list[str] = field(default_factory=list)
    reset_after: int | None = None
    """So many messages it reads of a connection before it breaks it off."""
    connections: int = 0

    @contextmanager
    def running(self) -> Iterator[Collector]:
        with closing(socket.create_server(("127.0.0.1", self.port))) as server:
            self.port = server.getsockname()[1]
            thread = threading.Thread(target=self._serve, args=(server,), daemon=True)
            thread.start()
            yield self
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def _serve(self, server: socket.socket) -> None:
        while True:
            try:
                plain, _ = server.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with self.context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as session:
                    self._take(session)
            except (OSError, ValueError):
                plain.close()

    def _take(self, session: ssl.SSLSocket) -> None:
        held, taken = b"", 0
        while chunk := session.recv(65_536):
            held += chunk
            while (at := held.find(b" ")) > 0 and len(held) >= at + 1 + int(held[:at]):
                end = at + 1 + int(held[:at])
                if self.reset_after is not None and taken == self.reset_after:
                    session.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                    return
                self.messages.append(held[at + 1 : end].decode())
                held, taken = held[end:], taken + 1
        session.unwrap()

    def sequences(self) -> list[int]:
        return [int(read_rfc5424(message)[1]["sequence"]) for message in self.messages]


@dataclass
class Place:
    collector: Collector
    client: ssl.SSLContext
    authority: Path
    folder: Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    authority = Authority.open(tmp_path / "authority")
    siem = authority.credentials("siem", hosts=["127.0.0.1", "localhost"])
    center = authority.credentials("center")
    return Place(Collector(siem.server_context()), center.client_context(), center.authority, tmp_path)


def forwarder_of(place: Place, log: AuditLog) -> Forwarder:
    reader = AuditReader(log.folder)
    address = ("127.0.0.1", place.collector.port)
    return Forwarder({"northgate": reader.since}, place.folder / "places.json", address, place.client, as_rfc5424)


def test_every_record_is_delivered_once_and_in_order_where_nothing_fails_and_a_restart_goes_on(place: Place) -> None:
    with place.collector.running(), opened(place.folder / "audit") as log:
        forwarder = forwarder_of(place, log)
        assert forwarder.deliver() == 0
        fill(log, 1_500)
        assert (forwarder.deliver(), forwarder.deliver(), forwarder.deliver()) == (1_000, 500, 0)
        fill(log, 3)
        assert forwarder_of(place, log).deliver() == 3
    assert place.collector.sequences() == list(range(1, 1_504))


def test_what_a_collector_did_not_confirm_is_delivered_again_and_nothing_is_lost_while_it_is_away(place: Place) -> None:
    with opened(place.folder / "audit") as log:
        fill(log, 50)
        with place.collector.running():
            forwarder = forwarder_of(place, log)
            place.collector.reset_after = 20
            with pytest.raises(UnavailableError, match="did not take the records"):
                forwarder.deliver()
            assert forwarder.places == {}
        with pytest.raises(UnavailableError):
            forwarder.deliver()
        fill(log, 10)
        place.collector.reset_after = None
        with place.collector.running():
            assert forwarder.deliver() == 60
    assert place.collector.sequences() == [*range(1, 21), *range(1, 61)]


def test_a_collector_with_a_certificate_of_somebody_else_gets_nothing(place: Place) -> None:
    other = Authority.open(place.folder / "other").credentials("siem", hosts=["127.0.0.1"])
    place.collector.context = other.server_context()
    with opened(place.folder / "audit") as log, place.collector.running():
        fill(log, 3)
        with pytest.raises(UnavailableError, match="certificate verify failed"):
            forwarder_of(place, log).deliver()
    assert place.collector.messages == []


RSYSLOG = """
global(workDirectory="{folder}" DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="{authority}"
       DefaultNetstreamDriverCertFile="{certificate}" DefaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
input(type="imtcp" port="{port}" address="127.0.0.1")
template(name="fields" type="list") {{
  property(name="structured-data") constant(value="|") property(name="hostname") constant(value="|")
  property(name="msgid") constant(value="|") property(name="msg") constant(value="\\n")
}}
*.* action(type="omfile" file="{folder}/received" template="fields" asyncWriting="off" flushOnTXEnd="on")
"""


def eventually(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    """Waits for another program."""
    end = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.skipif(shutil.which("rsyslogd") is None, reason="rsyslog is not installed")
def test_rsyslog_takes_every_record_over_tls_in_order(place: Place, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    siem = Authority.open(tmp_path / "authority").credentials("siem", hosts=["127.0.0.1", "localhost"])
    text = RSYSLOG.format(folder=tmp_path, authority=siem.authority, certificate=siem.certificate, key=siem.key, port=port)
    (tmp_path / "rsyslog.conf").write_text(text)
    command = ["rsyslogd", "-n", "-f", str(tmp_path / "rsyslog.conf"), "-i", str(tmp_path / "pid")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as daemon:
        try:
            assert eventually(lambda: _listens(port)), "rsyslogd does not listen"
            place.collector.port = port
            with opened(tmp_path / "audit") as log:
                log.append(actor='a"b]c\\d', action="login", detail={"text": "ü | = \\ ]"}, outcome="refused")
                fill(log, 299)
                assert forwarder_of(place, log).deliver() == 300
            received = tmp_path / "received"
            assert eventually(lambda: received.exists() and len(received.read_text().splitlines()) >= 300)
        finally:
            daemon.terminate()
    lines = received.read_text().splitlines()
    found = [re.match(r'\[audit@32473 sequence="(\d+)"', line) for line in lines]
    assert [int(match[1]) for match in found if match] == list(range(1, 301))
    assert "|northgate|login|" in lines[0]
    assert 'actor="a\\"b\\]c\\\\d"' in lines[0]
    assert json.loads(lines[0][lines[0].index("{") :])["detail"] == {"text": "ü | = \\ ]"}


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def run(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["audit", *map(str, words)])
    return done.exit_code, done.output


def test_the_command_verifies_a_copied_folder_and_says_the_place(tmp_path: Path) -> None:
    with opened(tmp_path / "audit") as log:
        fill(log, 300)
        key = str(log.key.public)
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "audit", copy, ignore=shutil.ignore_patterns("private"))
    code, said = run("verify", copy, "--key", key)
    assert (code, "is intact: 300 entries, 300 of them verified" in said) == (0, True)
    assert "no witness was asked" in said
    raw = (copy / "tile/entries/000").read_bytes()
    (copy / "tile/entries/000").write_bytes(raw.replace(b'"value":17.0', b'"value":18.0'))
    code, said = run("verify", copy)
    assert (code, "tile/entries/000, record 18: record 18 is not what was written" in said) == (1, True)
    code, said = run("verify", copy, "--format", "json")
    assert (code, json.loads(said)[0]["damages"][0]["record"]) == (1, 18)


def test_the_command_asks_a_witness_and_finds_a_copy_that_was_put_back(tmp_path: Path) -> None:
    from tieline.security.audit.witness import Witness, submission_of

    with opened(tmp_path / "audit") as log:
        fill(log, 30)
        log.checkpoint()
        older = files_of(tmp_path / "audit")
        fill(log, 30)
        assert witness_of(log).checkpoint.size == 60
        submission = submission_of(tmp_path / "audit", None)
        assert submission is not None
        Witness(tmp_path / "witness", "dmz", lambda: NOON / 1e6).see("northgate", submission, lambda _: None)
    assert run("verify", tmp_path / "audit", "--witness", tmp_path / "witness")[0] == 0
    for name, raw in older.items():
        path = tmp_path / "older" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    assert run("verify", tmp_path / "older")[0] == 0
    code, said = run("verify", tmp_path / "older", "--witness", tmp_path / "witness" / "northgate.witness")
    assert (code, "rolled back: it has 30 entries, and tieline/witness/dmz has seen 60" in said) == (1, True)


def test_the_command_shows_and_exports_what_is_asked_for(tmp_path: Path, place: Place) -> None:
    log = open_log(tmp_path / "audit")
    fill(log, 3)
    log.append(actor="grace", action="login", outcome="refused", detail={"text": "\x1b[31mred"})
    log.close()
    code, said = run("show", tmp_path / "audit", "--actor", "GRACE")
    assert (code, len(said.splitlines()), "\x1b" in said) == (0, 2, False)
    code, said = run("export", tmp_path / "audit", "--action", "command", "--format", "cef")
    assert (code, [read_cef(line)[1]["cn1"] for line in said.splitlines()]) == (0, ["1", "2", "3"])
    code, said = run("export", tmp_path / "audit", "--output", tmp_path / "out.json")
    assert [json.loads(line)["sequence"] for line in (tmp_path / "out.json").read_text().splitlines()] == [1, 2, 3, 4]
    with place.collector.running():
        to = f"tls://127.0.0.1:{place.collector.port}"
        place.collector.context.verify_mode = ssl.CERT_NONE
        code, said = run("export", tmp_path / "audit", "--format", "rfc5424", "--to", to, "--ca", place.authority)
    assert (code, said.strip()) == (0, f"4 records delivered to {to}")
    assert place.collector.sequences() == [1, 2, 3, 4]


def test_a_receiver_that_is_not_there_is_said_in_one_line(place: Place) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UnavailableError, match=f"the collector at 127.0.0.1:{port} did not take the records: Connection refused"):
        send_surely([b"1 x"], ("127.0.0.1", port), place.client, "127.0.0.1")


def test_the_authority_s_certificate_says_whose_key_it_is(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "authority")
    edge, other = (authority.credentials(f"edge-{site}") for site in ("northgate", "millbrook"))
    for folder, credentials in ((tmp_path / "audit", edge), (tmp_path / "wrong", other), (tmp_path / "none", None)):
        with log_of_today(folder) as log:
            fill(log, 3)
            if credentials is not None:
                write_key(folder, log.key, folder / "private" / "new", Signer(credentials))
    assert run("verify", tmp_path / "audit", "--ca", edge.authority)[0] == 0
    code, said = run("verify", tmp_path / "wrong", "--ca", edge.authority)
    assert (code, "key: is not vouched for by edge-northgate: it is signed by edge-millbrook" in said) == (1, True)
    code, said = run("verify", tmp_path / "none", "--ca", edge.authority)
    assert (code, "no role vouches for the key of the log" in said) == (1, True)
    assert run("verify", tmp_path / "none")[0] == 0
    stranger = Authority.open(tmp_path / "stranger").credentials("edge-northgate")
    assert run("verify", tmp_path / "audit", "--ca", stranger.authority)[0] == 1


@contextmanager
def log_of_today(folder: Path) -> Iterator[AuditLog]:
    """A log whose records are of today, as certificates are."""
    with closing(AuditLog.open(folder, "northgate", SystemClock())) as log:
        yield log


def test_records_of_a_site_are_forwarded_in_order_and_wait_for_those_that_are_still_on_their_way(tmp_path: Path) -> None:
    now_s = [0.0]
    with opened(tmp_path / "site") as log:
        fill(log, 10)
        made = log.since(0)
    with Historian.open(tmp_path / FILE_NAME, lake=tmp_path / "lake", points=()) as historian, HistorianServer(historian):

        def store(number: int, *chosen: AuditRecord) -> None:
            historian.commit([Batch(site="northgate", incarnation=1, sequence=number, samples=Samples.empty(), records=chosen)])

        source = StoredSource("northgate", tmp_path, lambda: now_s[0])
        store(1, *made[:3], *made[5:])
        assert source(0, 1_000) == made[:3], "the fourth may still come"
        assert source(3, 1_000) == []
        store(2, made[3])
        assert source(3, 1_000) == made[3:4]
        now_s[0] = 599.0
        assert source(4, 1_000) == []
        now_s[0] = 601.0
        assert [record.sequence for record in source(4, 1_000)] == [6, 7, 8, 9, 10], "the fifth was waited for ten minutes"
        assert source(10, 1_000) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('syslog = "udp://siem.example"', "is not the address of a collector"),
        ('syslog = "tls://siem.example"\nauthority_file = "tls/none.crt"', "there is no such file"),
        ('syslog = "tls://siem.example"\nformat = "leef"', "is not one of the permitted words"),
    ],
)
def test_mistakes_of_the_collector_are_found_before_anything_runs(tmp_path: Path, line: str, problem: str) -> None:
    assert CliRunner().invoke(app, ["example", str(tmp_path / "ridgeway")]).exit_code == 0
    file = tmp_path / "ridgeway" / "utility.toml"
    file.write_text(f"{file.read_text()}\n[audit]\n{line}\n")
    done = CliRunner().invoke(app, ["check", str(tmp_path / "ridgeway"), "--format", "json"])
    findings = json.loads(done.output)["findings"] if done.output.startswith("{") else json.loads(done.output)
    assert done.exit_code == 1
    assert any(problem in str(finding) for finding in findings), done.output
