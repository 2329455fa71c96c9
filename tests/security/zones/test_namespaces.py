"""The rendered firewalls in the kernel: what they let through between namespaces, and that the kernel reads them as the proof does."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.security.zones.namespaces import Agent, capture, connect, counted, namespace, run, why_not
from tests.security.zones.packet_plans import conduit, device, host, scripts_of, seeded_plan, small_plan, zone
from tests.security.zones.test_packet_proof import CLEAN, FAULTS, SCRIPTS
from tieline.security.zones import Member, Plan
from tieline.security.zones.nftables import FAMILY, TABLE, counter_name
from tieline.security.zones.packet_flows import Flow, addresses_of, flows_of
from tieline.security.zones.packet_proof import prove_packets
from tieline.security.zones.packets import address_number, common, includes, subtract
from tieline.security.zones.ruleset import Bound, Direction, Ruleset, passing
from tieline.security.zones.ruleset_capture import read_capture
from tieline.security.zones.ruleset_script import read_script

REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)

DIRECTIONS: tuple[Direction, ...] = ("input", "output", "forward")
TRIED = (22, 53, 80, 102, 123, 443, 502, 514, 4222, 7422, 8400, 20_000)


def crossing_plan() -> Plan:
    """A zone for each namespace; each conduit of another kind, some for both families of addresses, some for one host of two."""
    northgate = zone(
        "northgate",
        "substation",
        10,
        (host("northgate-gw", "northgate", "10.10.0.2", "fd00:10::2", roles=("edge-northgate",)),),
        sites=("northgate",),
        devices=(
            device("northgate/rtu-1", "northgate", "10.10.0.11", "modbus", 502),
            device("northgate/master", "northgate", "10.10.0.12", "dnp3", 20_000, opens=True),
        ),
    )
    dmz = zone("dmz", "dmz", 30, (host("dmz-1", "dmz", "10.30.0.2", "fd00:30::2", roles=("dmz",)),))
    center = zone("center", "control_center", 40, (host("center-1", "center", "10.40.0.2", "fd00:40::2"),))
    office = zone("office", "enterprise", 50, (host("office-1", "office", "10.50.0.2"),))
    four = (Member(name="dmz-1", kind="host", addresses=dmz.hosts[0].addresses[:1]),)
    return Plan(
        utility="Ridgeway",
        zones=(northgate, dmz, center, office),
        conduits=(
            conduit("northgate", "dmz", "bus"),
            conduit("center", "dmz", "bus"),
            conduit("center", "dmz", "dns"),
            conduit("center", "dmz", "ssh", target_members=four),
            conduit("northgate", "dmz", "syslog-udp", direction="to_target"),
            conduit("office", "dmz", "https"),
            conduit("dmz", "northgate", "ntp"),
        ),
    )


@dataclass(frozen=True, slots=True)
class Lab:
    """The hosts of a plan, and its devices, which have no firewall."""

    plan: Plan
    names: dict[str, str]
    """The namespace of each host or device."""
    addresses: dict[str, list[str]]
    agents: dict[str, Agent]

    def came(self, awaited: set[tuple[str, str, str, int]]) -> set[tuple[str, str, str, int]]:
        """Everybody tries every port of everybody else: transport, from whom, to whom, port, of what came.

        What is awaited may take its time on a busy machine.
        """
        for name, agent in self.agents.items():
            others = [address for other, theirs in self.addresses.items() if other != name for address in theirs]
            own = {":" in address for address in self.addresses[name]}
            agent.ask({"targets": [one for one in others if (":" in one) in own], "ports": TRIED, "seconds": 0.6})
        for agent in self.agents.values():
            agent.wait()
        result: set[tuple[str, str, str, int]] = set()
        deadline = time.monotonic() + 10
        while not awaited <= result and time.monotonic() < deadline:
            for name, agent in self.agents.items():
                agent.ask({})
                result |= {(kind, source, name, port) for kind, source, port in agent.wait()}
        return result


@pytest.fixture
def lab() -> Iterator[Lab]:
    plan = crossing_plan()
    members = {one.name: list(map(str, one.addresses)) for one in plan.hosts}
    members |= {one.path: list(map(str, one.addresses)) for part in plan.zones for one in part.devices}
    with ExitStack() as stack:
        router = stack.enter_context(namespace())
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            run("sysctl", "-q", "-w", f"{key}=1", namespace=router)
        names = {}
        for name, addresses in members.items():
            names[name] = stack.enter_context(namespace())
            connect(router, names[name], addresses)
        agents = {name: Agent(inside, list(TRIED)) for name, inside in names.items()}
        for agent in agents.values():
            stack.callback(agent.close)
        for agent in agents.values():
            assert agent.wait() == "ready"
        yield Lab(plan, names, members, agents)


def expected(lab: Lab) -> set[tuple[str, str, str, int]]:
    """What the conduits and the devices' ways permit, said without the code that makes the rules; devices stop nothing themselves."""
    owners = {address: name for name, addresses in lab.addresses.items() for address in addresses}
    hosts = {one.name for one in lab.plan.hosts}
    result = {
        (kind, address, target, port)
        for (address, source), target, port, kind in itertools.product(owners.items(), lab.addresses, TRIED, ("tcp", "udp"))
        if source != target and source not in hosts and target not in hosts and ":" not in address
    }
    for flow in flows_of(lab.plan):
        for address, name in owners.items():
            if includes(flow.source, address_number(address)):
                result |= opened(flow, lab, address, name)
    return result


def opened(flow: Flow, lab: Lab, address: str, name: str) -> set[tuple[str, str, str, int]]:
    return {
        (ports.transport, address, target, port)
        for target, theirs in lab.addresses.items()
        if target != name
        and any((":" in one) == (":" in address) and includes(flow.target, address_number(one)) for one in theirs)
        for ports in flow.ports
        for port in TRIED
        if ports.first <= port <= ports.last
    }


def test_only_the_conduits_pass_and_their_counters_say_so(lab: Lab) -> None:
    everything = {
        (kind, address, target, port)
        for (source, addresses), target, kind, port in itertools.product(
            lab.addresses.items(), lab.addresses, ("tcp", "udp"), TRIED
        )
        for address in addresses
        if source != target and (":" in address) in {":" in one for one in lab.addresses[target]}
    }
    assert lab.came(everything) == everything, "without rules nothing is stopped"

    for name, script in scripts_of(lab.plan).items():
        run("nft", "-f", "-", text=script, namespace=lab.names[name])
    permitted = expected(lab)
    assert lab.came(permitted) == permitted

    counters = {one.name: counted(lab.names[one.name]) for one in lab.plan.hosts}
    for flow in flows_of(lab.plan):
        for one in lab.plan.hosts:
            own = addresses_of(one.addresses)
            if common(flow.source, own):
                assert counters[one.name][counter_name("output", flow.id)], flow.id
            if common(flow.target, own):
                assert counters[one.name][counter_name("input", flow.id)], flow.id
    for one in lab.plan.hosts:
        assert counters[one.name]["output.denied"]
    assert counters["northgate-gw"]["input.denied"], "its device tried every port"
    captured = {one.name: read_capture(capture(lab.names[one.name])) for one in lab.plan.hosts}
    assert prove_packets(lab.plan, captured) == []


def same_meaning(one: Ruleset, other: Ruleset) -> bool:
    """Whether both let the same packets through."""
    for direction, bound in itertools.product(DIRECTIONS, Bound):
        first, second = ([passed.box for passed in passing(ruleset, direction, bound)] for ruleset in (one, other))
        if subtract(first, second) or subtract(second, first):
            return False
    return True


def marks(ruleset: Ruleset) -> list[tuple[str, str, str | None, bool]]:
    found = ruleset.table(FAMILY, TABLE)
    assert found is not None
    return [
        (chain.name, rule.comment, rule.counter, rule.logs)
        for chain in sorted(found.chains.values(), key=lambda chain: chain.name)
        for rule in chain.rules
    ]


@pytest.mark.parametrize("plan", [small_plan(), *map(seeded_plan, range(4))], ids=lambda plan: plan.utility)
def test_what_the_kernel_took_means_what_the_script_says(plan: Plan) -> None:
    with namespace() as name:
        for script in scripts_of(plan).values():
            for _ in range(2):  # the second one replaces the first
                run("nft", "-f", "-", text=script, namespace=name)
            said, taken = read_script(script), read_capture(capture(name))
            assert marks(said) == marks(taken)
            assert same_meaning(said, taken)
            table = taken.table(FAMILY, TABLE)
            assert table is not None
            assert {rule.counter for chain in table.chains.values() for rule in chain.rules if rule.counter} <= table.counters


def test_a_difference_of_meaning_is_seen() -> None:
    script = SCRIPTS["dmz-1"]
    assert not same_meaning(read_script(script), read_script(script.replace("tcp dport 7422", "tcp dport 7423", 1)))


def test_every_fault_is_found_in_what_the_kernel_took_as_well() -> None:
    with namespace() as name:
        for title, fault in FAULTS.items():
            run("nft", "-f", "-", text="flush ruleset\n" + SCRIPTS[fault.host].replace(fault.old, fault.new, 1), namespace=name)
            findings = prove_packets(small_plan(), {**CLEAN, fault.host: read_capture(capture(name))})
            assert fault.found in {finding.fault for finding in findings}, title
            assert all(finding.witness for finding in findings)
