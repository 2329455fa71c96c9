"""Real agents: Debian's snmpd and lldpd on configurations, sockets and ports of their own; nothing of the system is touched."""

from __future__ import annotations

import ctypes
import fcntl
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tieline.protocols.snmp import SnmpKeys

HAS_SNMPD = shutil.which("snmpd") is not None
HAS_LLDPD = HAS_SNMPD and shutil.which("lldpd") is not None and os.geteuid() == 0
NEEDS_SNMPD = "needs Debian's snmpd"
NEEDS_LLDPD = "needs Debian's snmpd and lldpd, and root for network namespaces"

KEYS = SnmpKeys(user="tieline", auth_secret="authentication-secret", priv_secret="privacy-secret")

PLAYED = ("1.3.6.1.2.1.105", "1.3.6.1.2.1.47", "1.3.6.1.2.1.99", "1.3.6.1.4.1.9", "1.3.6.1.4.1.99999")
"""Parts of the tree that `pass_persist.py` plays: POWER-ETHERNET-MIB, ENTITY-MIB, ENTITY-SENSOR-MIB, Cisco's, and one for odd behavior."""

Cells = Mapping[str, tuple[str, str | int]]
"""Type and value (snmpd.conf(5), pass) by object identifier; a third element "ro" forbids to set it."""

_SCRIPT = Path(__file__).with_name("pass_persist.py")
_AUTH = {"sha": "SHA", "sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
_PRIV = {"aes128": "AES", "aes192": "AES-192", "aes256": "AES-256"}
_START_S = 10.0
_CLONE_NEWNET = 0x4000_0000
_MADE = itertools.count()


def free_port() -> int:
    """A UDP port of the loopback interface that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class SnmpAgent:
    """One snmpd, and its lldpd where it is to have one."""

    def __init__(
        self,
        folder: Path,
        keys: SnmpKeys,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        near: str = "127.0.0.1",
        namespace: str = "",
        name: str = "switch",
        interfaces: Sequence[str] = (),
        lines: Sequence[str] = (),
    ) -> None:
        self.folder, self.keys, self.host, self.namespace, self.name = folder, keys, host, namespace, name
        self.port = port or free_port()
        self.near = near
        """Where it reaches this process."""
        self.state_file = folder / "state.json"
        self._interfaces, self._lines = interfaces, lines
        self._children: list[subprocess.Popen[bytes]] = []
        self._persistent = folder / "persistent"
        self._open: Path | None = None
        folder.mkdir(parents=True, exist_ok=True)
        if not self.state_file.exists():
            self.put({}, afresh=True)

    def put(self, cells: Cells, *, afresh: bool = False) -> None:
        """Changes what `pass_persist.py` plays."""
        with (self.folder / "state.json.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = {} if afresh else json.loads(self.state_file.read_text())
            state |= {name: list(cell) for name, cell in cells.items()}
            new = self.folder / "state.json.test"
            new.write_text(json.dumps(state))
            new.replace(self.state_file)

    def played(self, name: str) -> str:
        """The value of a cell of what is played."""
        return str(json.loads(self.state_file.read_text())[name][1])

    def start(self) -> None:
        """Returns when it answers."""
        self._persistent.mkdir(exist_ok=True)
        keys, log = self.keys, self.folder / "snmpd.log"
        lines = [
            f"agentAddress udp:{self.host}:{self.port}",
            f'createUser {keys.user} {_AUTH[keys.auth]} "{keys.auth_secret}" {_PRIV[keys.priv]} "{keys.priv_secret}"',
            f"rwuser {keys.user} priv",
            f"sysName {self.name}",
            *(f"pass_persist .{root} {sys.executable} -S -E {_SCRIPT} {self.state_file} {root}" for root in PLAYED),
            *self._lines,
        ]
        if self._interfaces:
            lines += ["master agentx", f"agentXSocket unix:{self.folder}/x"]
        (self.folder / "snmpd.conf").write_text("\n".join(lines) + "\n")
        environment = {
            **os.environ,
            "MIBS": "",
            "SNMP_PERSISTENT_DIR": str(self._persistent),
            "SNMPCONFPATH": f"{self.folder}:{self._persistent}",
        }
        words = ["snmpd", "-f", "-Lf", str(log), "-p", f"{self.folder}/snmpd.pid"]
        self._children.append(self._run(words, environment))
        end = time.monotonic() + _START_S
        while not (log.exists() and "NET-SNMP version" in log.read_text()):
            assert self._children[0].poll() is None, log.read_text() if log.exists() else "snmpd ended at once"
            assert time.monotonic() < end, "snmpd does not start"
            time.sleep(0.02)
        if self._interfaces:
            settings = [
                f"configure system hostname {self.name}",
                "configure lldp tx-interval 1",
                "configure lldp portidsubtype ifname",
            ]
            self._open = Path(tempfile.mkdtemp(prefix="lldpd-"))
            self._open.chmod(0o711)  # lldpd gives its rights up, and pytest's folders are closed
            (self._open / "lldpd.conf").write_text("\n".join(settings) + "\n")
            paths = ["-u", f"{self._open}/l", "-X", f"{self.folder}/x", "-O", f"{self._open}/lldpd.conf"]
            self._children.append(self._run(["lldpd", "-d", "-x", *paths, "-I", ",".join(self._interfaces)], dict(os.environ)))

    def _run(self, words: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        output = (self.folder / f"{words[0]}.out").open("ab")
        with output:
            return subprocess.Popen(
                [*inside, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
            )

    def notify(self, port: int, *notification: str) -> None:
        """Sends a trap to this process, as net-snmp's `snmptrap` takes it: object identifier, then name, type and value by turns."""
        keys = self.keys
        user = ["-v3", "-l", "authPriv", "-u", keys.user, "-a", _AUTH[keys.auth], "-A", keys.auth_secret]
        cipher = ["-x", _PRIV[keys.priv], "-X", keys.priv_secret, "-e", "0x80001f8880a1b2c3d4"]
        child = self._run(
            ["snmptrap", *user, *cipher, f"{self.near}:{port}", "77", *notification],
            {**os.environ, "MIBS": "", "SNMP_PERSISTENT_DIR": str(self._persistent), "SNMPCONFPATH": str(self.folder)},
        )
        assert child.wait(10) == 0

    def pause(self) -> None:
        """It answers nothing, as when its network is gone."""
        os.killpg(self._children[0].pid, signal.SIGSTOP)

    def resume(self) -> None:
        """It answers again, also what it was asked meanwhile."""
        os.killpg(self._children[0].pid, signal.SIGCONT)

    def stop(self) -> None:
        """Ends it, as a switch whose power is gone; lldpd ends with it."""
        for child in reversed(self._children):
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait(5)
        self._children.clear()
        (self.folder / "snmpd.log").unlink(missing_ok=True)
        if self._open is not None:
            shutil.rmtree(self._open)
            self._open = None

    def restart(self) -> None:
        """Its engine starts once more (snmpEngineBoots), and its counters and its time from zero."""
        self.stop()
        self.start()

    def replace(self) -> None:
        """Another agent answers at the address: with the same keys, but as another engine."""
        self.stop()
        shutil.rmtree(self._persistent)
        self.start()


@contextmanager
def agent(
    folder: Path, keys: SnmpKeys = KEYS, *, cells: Cells | None = None, port: int = 0, lines: Sequence[str] = ()
) -> Iterator[SnmpAgent]:
    """An agent at a port of the loopback interface, which plays `cells`; `lines` are added to its snmpd.conf."""
    if not HAS_SNMPD:
        pytest.skip(NEEDS_SNMPD)
    one = SnmpAgent(folder, keys, port=port, lines=lines)
    one.put(cells or {}, afresh=True)
    one.start()
    try:
        yield one
    finally:
        one.stop()


@contextmanager
def two_switches(folder: Path, keys: SnmpKeys = KEYS) -> Iterator[tuple[SnmpAgent, SnmpAgent]]:
    """Two agents, `switch-a` and `switch-b`, in network namespaces of their own, each with lldpd.

    `port1` of each is joined to `port1` of the other, `port2` to `port2`. They answer at `host` of each, from this thread, too.
    """
    if not HAS_LLDPD:
        pytest.skip(NEEDS_LLDPD)
    made = next(_MADE)
    mark = f"{os.getpid():x}{made % 16:x}"
    names = [f"tl{mark}a", f"tl{mark}b"]
    with ExitStack() as undo:
        undo.enter_context(_own_network())
        hosts: list[tuple[str, str]] = []
        for number, name in enumerate(names):
            _ip("netns", "add", name)
            undo.callback(_ip, "netns", "del", name)
            # Addresses for benchmarks of networks (RFC 2544), four for each switch of this machine's processes.
            block = (os.getpid() * 32 + made % 16 * 2 + number) % 32_768
            first = (198 << 24) + (18 << 16) + 4 * block
            near, far = (socket.inet_ntoa((first + each).to_bytes(4, "big")) for each in (1, 2))
            _ip("link", "add", f"m{mark}{number}", "type", "veth", "peer", "name", "mgmt", "netns", name)
            _ip("addr", "add", f"{near}/30", "dev", f"m{mark}{number}")
            _ip("link", "set", f"m{mark}{number}", "up")
            _ip("-n", name, "addr", "add", f"{far}/30", "dev", "mgmt")
            for interface in ("lo", "mgmt"):
                _ip("-n", name, "link", "set", interface, "up")
            hosts.append((near, far))
        for port in ("port1", "port2"):
            _ip("link", "add", port, "netns", names[0], "type", "veth", "peer", "name", port, "netns", names[1])
            for name in names:
                _ip("-n", name, "link", "set", port, "up")
        agents = []
        for letter, name, (near, host) in zip("ab", names, hosts, strict=True):
            one = SnmpAgent(
                folder / letter,
                keys,
                host=host,
                port=1161,
                near=near,
                namespace=name,
                name=f"switch-{letter}",
                interfaces=("port1", "port2"),
            )
            undo.callback(one.stop)
            one.start()
            agents.append(one)
        yield agents[0], agents[1]


@contextmanager
def _own_network() -> Iterator[None]:
    """A network for this thread and what it starts: interfaces that come and go break connections of browsers on this machine."""
    library = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as home:
        if library.unshare(_CLONE_NEWNET) != 0:
            pytest.skip(f"no network namespace can be made here: {os.strerror(ctypes.get_errno())}")
        try:
            _ip("link", "set", "lo", "up")
            yield
        finally:
            assert library.setns(home.fileno(), _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


def set_link(switch: SnmpAgent, port: str, *, is_up: bool) -> None:
    """Administratively; the other end of the veth pair loses its carrier, as at the end of a cable."""
    _ip("-n", switch.namespace, "link", "set", port, "up" if is_up else "down")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)
