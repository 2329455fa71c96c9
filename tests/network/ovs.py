"""Open vSwitch of one's own: daemons on private paths, bridges made of a fabric, and what `ofproto/trace` says of a frame."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tieline.config.network import standard_catalog
from tieline.network.segmentation.described import behavior_of
from tieline.network.segmentation.fabric import Fabric, FabricPort, PortKind, Stack
from tieline.network.segmentation.frames import frame_bytes

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
IS_THERE = SCHEMA.exists() and all(map(shutil.which, ("ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl")))
ABSENT = "needs Debian's openvswitch-switch"

_SAID = standard_catalog().models["open-vswitch-8t"].tagging
OPENVSWITCH = behavior_of(_SAID)
OPENVSWITCH_NATIVE_TAGGED = behavior_of(_SAID.model_copy(update={"native_egress": "tagged"}))


class OpenVSwitch:
    """One `ovs-vswitchd` with its database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database = f"unix:{folder}/db.sock"

    def configure(self, commands: Iterable[Sequence[str]]) -> None:
        """Carries out commands of ovs-vsctl in one transaction, and waits until the switch has done so."""
        words = [word for command in commands for word in ("--", *command)]
        subprocess.run(
            ["ovs-vsctl", f"--db={self._database}", "--timeout=50", *words],
            check=True,
            capture_output=True,
            env={**os.environ, **_paths(self._folder)},
        )

    def ask(self, method: str, *words: str) -> str:
        """What `ovs-appctl` would print."""
        return self.ask_all([(method, *words)])[0]

    def ask_all(self, questions: Iterable[Sequence[str]]) -> list[str]:
        """Many of them over one connection (JSON-RPC 1.0, one after the other)."""
        answers = []
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(str(self._folder / "vs.ctl"))
            decoder, text = json.JSONDecoder(), ""
            for number, (method, *words) in enumerate(questions):
                channel.sendall(json.dumps({"id": number, "method": method, "params": words}).encode())
                while True:
                    try:
                        answer, end = decoder.raw_decode(text)
                        break
                    except json.JSONDecodeError:
                        got = channel.recv(65_536)
                        assert got, "ovs-vswitchd closed the connection"
                        text += got.decode()
                text = text[end:].lstrip()
                assert answer["error"] is None, answer["error"]
                answers.append(answer["result"])
        return answers


def _paths(folder: Path) -> dict[str, str]:
    return dict.fromkeys(("OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR", "OVS_SYSCONFDIR"), str(folder))


@contextmanager
def open_vswitch(folder: Path, *, namespace: str = "") -> Iterator[OpenVSwitch]:
    """Starts the daemons in the folder and a network namespace, without the kernel's datapath, and ends them."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **_paths(folder)}
    quiet = ("-vconsole:off", "-vsyslog:off")
    subprocess.run(["ovsdb-tool", "create", folder / "conf.db", SCHEMA], check=True, capture_output=True, env=environment)
    database = [
        "ovsdb-server",
        f"{folder}/conf.db",
        f"--remote=punix:{folder}/db.sock",
        f"--unixctl={folder}/db.ctl",
        f"--log-file={folder}/db.log",
    ]
    switch = ["ovs-vswitchd", f"unix:{folder}/db.sock", f"--unixctl={folder}/vs.ctl", f"--log-file={folder}/vs.log"]
    # With a namespace frames are real; without one no port exists but in Open vSwitch.
    flavor = ["--disable-system"] if namespace else ["--enable-dummy", "--disable-system"]
    within = ["ip", "netns", "exec", namespace] if namespace else []
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command, made in ((database, folder / "db.sock"), ([*within, *switch, *flavor], folder / "vs.ctl")):
            process = subprocess.Popen(
                [*command, *quiet],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            started.append(process)
            _await(made, process)
        own = OpenVSwitch(folder)
        own.configure([("set", "Open_vSwitch", ".", "other_config:vlan-limit=2")])
        yield own
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)


def _await(path: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert process.poll() is None, f"{process.args} ended"
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.01)


def port_settings(port: FabricPort) -> list[str]:
    """How ovs-vsctl says what a port is."""
    match port.kind:
        case PortKind.ACCESS:
            return ["vlan_mode=access", f"tag={port.vlan}"]
        case PortKind.TUNNEL:
            return ["vlan_mode=dot1q-tunnel", f"tag={port.vlan}"]
        case PortKind.TRUNK:
            trunks = f"trunks={','.join(map(str, sorted(port.allowed)))}"
            if port.vlan is None:
                return ["vlan_mode=trunk", trunks]
            return [f"vlan_mode=native-{port.behavior.native_egress}", f"tag={port.vlan}", trunks]
    raise AssertionError(port.kind)


def bridge_commands(fabric: Fabric, *, datapath: str, edge: str | None) -> Iterator[list[str]]:
    """Bridges and ports of a fabric, joined by patch ports; edge ports are of type `edge`, or devices of that name that are there."""
    for bridge in dict.fromkeys(port.bridge for port in fabric.ports):
        yield ["add-br", bridge]
        yield ["set", "bridge", bridge, f"datapath_type={datapath}", "fail_mode=standalone"]
    for port in fabric.ports:
        yield ["add-port", port.bridge, port.name]
        yield ["set", "port", port.name, *port_settings(port)]
        peer = fabric.peer(port.name)
        if peer is not None:
            yield ["set", "interface", port.name, "type=patch", f"options:peer={peer}"]
        elif edge is not None:
            yield ["set", "interface", port.name, f"type={edge}"]


def removal(fabric: Fabric) -> Iterator[list[str]]:
    """Takes them away again."""
    for bridge in dict.fromkeys(port.bridge for port in fabric.ports):
        yield ["del-br", bridge]


_SHOWN = re.compile(r"^\s+(\S+) (\d+)/(\d+): ", re.MULTILINE)
_PATCH = re.compile(r"^\s+(\S+) (\d+)/none: ", re.MULTILINE)
_ACTIONS = re.compile(r"Datapath actions: (.*)")
_ACTION = re.compile(r"(\d+)(?=,|$)|pop_vlan|push_vlan\(([^)]*)\)|drop")
_VLAN = re.compile(r"vid=(\d+)")


def numbers_of(switch: OpenVSwitch) -> dict[str, tuple[str, str]]:
    """Of each port that is no patch: its number in its bridge, and in the datapath."""
    return {name: (of_bridge, of_datapath) for name, of_bridge, of_datapath in _SHOWN.findall(switch.ask("dpif/show"))}


def traced(
    switch: OpenVSwitch, fabric: Fabric, injections: Sequence[tuple[str, Stack]], numbers: dict[str, tuple[str, str]]
) -> list[set[tuple[str, Stack]]]:
    """For each frame into a port: where Open vSwitch says that it leaves, and with which tags."""
    names = {numbers[port.name][1]: port.name for port in fabric.ports if port.name in numbers}
    questions = [
        ("ofproto/trace", fabric.by_name[port].bridge, f"in_port={numbers[port][0]}", frame_bytes(stack).hex())
        for port, stack in injections
    ]
    answers = switch.ask_all(questions)
    return [set(_outputs(answer, stack, names)) for answer, (_, stack) in zip(answers, injections, strict=True)]


def _outputs(answer: str, stack: Stack, names: dict[str, str]) -> Iterator[tuple[str, Stack]]:
    found = _ACTIONS.search(answer)
    assert found is not None, answer
    tags = list(stack)
    text = found[1].strip()
    assert not _ACTION.sub("", text).strip(", "), f"not understood: {text}"
    for action in _ACTION.finditer(text):
        if action[1] is not None:
            if action[1] in names:
                yield names[action[1]], tuple(tags)
        elif action[0] == "pop_vlan":
            del tags[0]
        elif action[0].startswith("push_vlan"):
            vlan = _VLAN.search(action[2])
            tags.insert(0, int(vlan[1]) if vlan else 0)
