"""Rendered access lists let through what the description's do: packet by packet, on nftables and on a command line like IOS."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Literal

import pytest

from tests.network.rendered import interfaces
from tieline.config import Utility, read_folder
from tieline.config.network import AclEntry, Network, Node
from tieline.config.network.interfaces import linux_name
from tieline.config.services import Ports
from tieline.network.rendering import render_network
from tieline.security.zones import plan_of
from tieline.security.zones.packets import ICMP, TRANSPORTS, Packet, State, address_number, interface_number
from tieline.security.zones.ruleset import Bound, decide
from tieline.security.zones.ruleset_script import read_script

EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"
ROUTER = "ng-fw"
SIDES = ("vlan11", "vlan101", "7", "8")
HOSTS = ("10.41.1.2", "10.41.1.11", "10.41.101.2", "10.40.0.2", "10.41.2.2")
SUBNETS = (*(f"{host}/32" for host in HOSTS), "10.41.1.0/24", "10.41.101.0/24", "10.40.0.0/14")
PORTS = (443, 7422, 20_005)
GAP = "an interface without a list are to be dropped, and are not"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The first packet of something."""

    into: str
    out: str
    source: str
    target: str
    protocol: str
    source_port: int = 40_000
    target_port: int = 0


def _sent(generator: random.Random, count: int) -> Iterator[Sent]:
    for _ in range(count):
        into, out = generator.sample(SIDES, 2)
        source, target = generator.sample(HOSTS, 2)
        yield Sent(
            into=into,
            out=out,
            source=source,
            target=target,
            protocol=generator.choice(["tcp", "tcp", "udp", "icmp"]),
            source_port=generator.choice([40_000, *PORTS]),
            target_port=generator.choice(PORTS),
        )


def _passes(entries: Sequence[AclEntry], sent: Sent, *, is_denied_by_default: bool) -> bool:
    """What docs/reference/network.md says: the first line that fits; nothing else where a list is; on a firewall nothing without one."""
    sides = (("in", sent.into), ("out", sent.out))
    lists = [[each for each in entries if each.direction == way and each.interface in ("", side)] for way, side in sides]
    if not any(lists):
        return not is_denied_by_default
    return all(next((each.action == "permit" for each in one if _fits(each, sent)), False) for one in lists if one)


def _fits(entry: AclEntry, sent: Sent) -> bool:
    source, target = IPv4Address(sent.source), IPv4Address(sent.target)
    if entry.sources and not any(source in each for each in entry.sources):
        return False
    if entry.targets and not any(target in each for each in entry.targets):
        return False
    if entry.protocol == "any":
        return True
    port = sent.source_port if entry.is_reply else sent.target_port
    return entry.protocol == sent.protocol and (not entry.ports or any(each.first <= port <= each.last for each in entry.ports))


def _entries(generator: random.Random) -> Iterator[AclEntry]:
    for line in range(generator.randint(0, 8)):
        protocol: Literal["any", "tcp", "udp", "icmp"] = generator.choice(["tcp", "tcp", "udp", "icmp", "any"])
        ports: tuple[Ports, ...] = ()
        if protocol in {"tcp", "udp"} and generator.random() < 0.8:
            ranges = [(443, 443), (7422, 7422), (20_000, 20_010)]
            ports = tuple(Ports(protocol, *each) for each in generator.sample(ranges, generator.randint(1, 2)))
        yield AclEntry(
            node=ROUTER,
            interface=generator.choice(["", "", "vlan11", "vlan101", "7"]),
            direction="out" if generator.random() < 0.25 else "in",
            sources=tuple(map(IPv4Network, generator.sample(SUBNETS, generator.randint(0, 2)))),
            targets=tuple(map(IPv4Network, generator.sample(SUBNETS, generator.randint(0, 2)))),
            protocol=protocol,
            ports=ports,
            is_reply=bool(ports) and generator.random() < 0.2,
            action="permit" if generator.random() < 0.7 else "deny",
            line=line + 2,
        )


def _network(network: Network, entries: Sequence[AclEntry], *, kind: str, stateful: bool) -> Network:
    def changed(node: Node) -> Node:
        if node.name != ROUTER:
            return node
        return dataclasses.replace(node, kind=kind, model=node.model.model_copy(update={"stateful": stateful}))  # type: ignore[arg-type]

    return dataclasses.replace(network, acls=tuple(entries), nodes=tuple(map(changed, network.nodes)))


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(EXAMPLE)


def _packet(sent: Sent) -> Packet:
    is_icmp = sent.protocol == "icmp"
    return Packet(
        input=interface_number(linux_name(sent.into)),
        output=interface_number(linux_name(sent.out)),
        source=address_number(sent.source),
        target=address_number(sent.target),
        transport=ICMP if is_icmp else TRANSPORTS[sent.protocol],
        source_port=0 if is_icmp else sent.source_port,
        target_port=8 if is_icmp else sent.target_port,
        state=State.NEW,
        hops=63,
    )


@pytest.mark.parametrize("kind", ["firewall", "router"])
def test_nftables_lets_through_what_the_access_lists_do(utility: Utility, kind: str) -> None:
    assert utility.network is not None
    plan, verdicts = plan_of(utility), []
    for seed in range(25):
        generator = random.Random(seed)
        entries = list(_entries(generator))
        network = _network(utility.network, entries, kind=kind, stateful=seed % 2 == 0)
        files = render_network(network, plan, "linux", ROUTER).files
        if kind == "router" and not entries:
            assert not any(name.endswith(".nft") for name in files)
            continue
        ruleset = read_script(files["northgate/ng-fw.nft"])
        for sent in _sent(generator, 60):
            wanted = _passes(entries, sent, is_denied_by_default=network.is_denied_by_default(network.by_name[ROUTER]))
            for bound in Bound:
                assert decide(ruleset, "forward", _packet(sent), bound).passes == wanted, f"seed {seed}: {sent} {entries}"
            verdicts.append(wanted)
    assert 0.1 < sum(verdicts) / len(verdicts) < 0.9
    assert len(verdicts) > 1_000


_APPLIED = re.compile(r"ip access-group (\S+) (in|out)")
_LINE = re.compile(
    r" (?P<action>permit|deny) (?P<protocol>ip|tcp|udp|icmp) (?P<source>any|host \S+|[\d.]+ [\d.]+)(?P<from> (?:eq|range) [\d ]*\d)? "
    r"(?P<target>any|host \S+|[\d.]+ [\d.]+)(?P<to> (?:eq|range) [\d ]*\d)?(?P<rest>.*)"
)


class _CommandLine:
    """A configuration's access lists, as a router with such a command line understands them."""

    def __init__(self, configuration: str) -> None:
        self._at: dict[tuple[str, str], str] = {}
        for name, lines in interfaces(configuration):
            side = name.lower() if name.startswith("Vlan") else name.rsplit("/", 1)[-1]
            for applied in filter(None, map(_APPLIED.fullmatch, lines)):
                self._at[side, applied[2]] = applied[1]
        self._lists: dict[str, list[re.Match[str]]] = {}
        for block in configuration.split("\n!\n"):
            first, *lines = block.splitlines()
            if first.startswith("ip access-list extended "):
                matches = [_LINE.fullmatch(line) for line in lines if not line.startswith(" remark")]
                assert all(matches), block
                self._lists[first.split()[-1]] = [match for match in matches if match is not None]

    def passes(self, sent: Sent) -> bool:
        applied = [self._at.get((sent.into, "in")), self._at.get((sent.out, "out"))]
        return all(self._permits(self._lists[name], sent) for name in applied if name is not None)

    def _permits(self, lines: Sequence[re.Match[str]], sent: Sent) -> bool:
        return next((line["action"] == "permit" for line in lines if self._fits(line, sent)), False)

    @staticmethod
    def _fits(line: re.Match[str], sent: Sent) -> bool:
        if line["protocol"] not in {"ip", sent.protocol} or line["rest"].strip() in {"established", "echo-reply"}:
            return False  # the first packet of something is neither
        return (
            _is_in(line["source"], sent.source)
            and _is_in(line["target"], sent.target)
            and _is_one_of(line["from"], sent.source_port)
            and _is_one_of(line["to"], sent.target_port)
        )


def _is_in(text: str, address: str) -> bool:
    if text == "any":
        return True
    first, second = text.split()
    if first == "host":
        return second == address
    wild = int(IPv4Address(second))
    return int(IPv4Address(first)) | wild == int(IPv4Address(address)) | wild


def _is_one_of(text: str | None, port: int) -> bool:
    if text is None:
        return True
    numbers = [int(word) for word in text.split()[1:]]
    return numbers[0] <= port <= numbers[-1]


@pytest.mark.parametrize("kind", ["firewall", "router"])
@pytest.mark.parametrize("stateful", [True, False])
def test_a_command_line_lets_through_what_the_access_lists_do(utility: Utility, kind: str, stateful: bool) -> None:
    assert utility.network is not None
    plan, verdicts, gaps = plan_of(utility), [], 0
    for seed in range(40):
        generator = random.Random(seed)
        entries = list(_entries(generator))
        network = _network(utility.network, entries, kind=kind, stateful=stateful)
        rendered = render_network(network, plan, "ios", ROUTER)
        router = _CommandLine(rendered.files["northgate/ng-fw.cfg"])
        for sent in _sent(generator, 100):
            if stateful and sent.protocol == "udp":
                continue  # replies are let in by their port, which the report says
            wanted = _passes(entries, sent, is_denied_by_default=network.is_denied_by_default(network.by_name[ROUTER]))
            if router.passes(sent) != wanted:
                assert not wanted, f"seed {seed}: {sent} {entries}"
                assert any(GAP in each.problem for each in rendered.not_rendered), f"seed {seed}: {sent} {entries}"
                gaps += 1
            verdicts.append(wanted)
    assert 0.05 < sum(verdicts) / len(verdicts) < 0.9
    assert gaps < len(verdicts) / 5
