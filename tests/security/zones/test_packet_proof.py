"""Faults put into the firewalls of a utility, each found with a packet that shows it; and none where there is none."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from tests.security.zones import folders
from tests.security.zones.packet_plans import conduit, rulesets_of, scripts_of, seeded_plan, small_plan
from tieline.security.zones import Plan
from tieline.security.zones.findings import Finding
from tieline.security.zones.nftables import MOST_COMMENT_OCTETS, comment_of, counter_name, id_in, label
from tieline.security.zones.packet_flows import flows_by_zone, flows_of, permitted_at
from tieline.security.zones.packet_proof import prove_packets, unenforced
from tieline.security.zones.packets import Packet, State, address_number, interface_number
from tieline.security.zones.ruleset import Bound, Direction, decide
from tieline.security.zones.ruleset_script import read_script

PLAN = small_plan()
SCRIPTS = scripts_of(PLAN)
CLEAN = rulesets_of(PLAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Text of a host's script that is replaced, and what has to be found: the kind, and what witness or path say."""

    host: str
    old: str
    new: str
    found: str
    witness: str
    path: str = ""


INPUT = "chain input {\n\t\ttype filter hook input priority filter; policy drop;\n"
OUTPUT = "chain output {\n\t\ttype filter hook output priority filter; policy drop;\n"
END = "}\n}\n"


def table(family: str, hook: str, priority: str, policy: str, rule: str) -> str:
    return f"}}\ntable {family} docker {{\nchain c {{\ntype filter hook {hook} priority {priority}; policy {policy};\n{rule}\n}}\n}}\n"


FAULTS = {
    "any-any in": Fault(
        host="dmz-1",
        old=INPUT,
        new=f"{INPUT}accept\n",
        found="leak",
        witness="203.0.113.9:49152 -> 10.30.0.2:22",
        path="`accept`",
    ),
    "any-any out": Fault(
        host="dmz-1", old=OUTPUT, new=f"{OUTPUT}accept\n", found="leak", witness="10.30.0.2:49152 -> 203.0.113.9:22"
    ),
    "policy accept in": Fault(
        host="northgate-gw",
        old=INPUT,
        new=INPUT.replace("drop", "accept"),
        found="leak",
        witness="203.0.113.9",
        path="policy accept",
    ),
    "policy accept out": Fault(
        host="northgate-gw", old=OUTPUT, new=OUTPUT.replace("drop", "accept"), found="leak", witness="-> 203.0.113.9"
    ),
    "no output chain": Fault(
        host="center-1",
        old="type filter hook output priority filter; policy drop;",
        new="",
        found="leak",
        witness="-> 203.0.113.9",
    ),
    "no forward chain": Fault(
        host="dmz-1",
        old="type filter hook forward priority filter; policy drop;",
        new="",
        found="leak",
        witness="elsewhere to elsewhere",
        path="no chain",
    ),
    "forwarding": Fault(
        host="dmz-1",
        old='\t\tlimit rate 10/second burst 20 packets log prefix "tieline forward drop: "',
        new="ip saddr 10.50.0.0/24 ip daddr 10.40.0.0/24 accept",
        found="leak",
        witness="host office-1 to host center-1",
    ),
    "log only": Fault(
        host="office-1",
        old=INPUT,
        new=INPUT.replace("policy drop", "policy accept") + 'log prefix "would drop: "\n',
        found="leak",
        witness="203.0.113.9",
    ),
    "swapped direction": Fault(
        host="center-1",
        old="tcp dport 7422 ct state new,established ct direction original",
        new="tcp sport 7422 ct state new,established ct direction original",
        found="leak",
        witness="10.40.0.2:7422 -> ",
    ),
    "swapped ends": Fault(
        host="dmz-1",
        old="ip saddr 10.20.0.0/24 ip daddr 10.30.0.2 tcp dport 7422",
        new="ip saddr 10.30.0.2 ip daddr 10.20.0.0/24 tcp dport 7422",
        found="cut",
        witness="10.20.0.2:49152 -> 10.30.0.2:7422",
    ),
    "wider ports": Fault(
        host="dmz-1",
        old="ip daddr 10.30.0.2 tcp dport 7422",
        new="ip daddr 10.30.0.2 tcp dport 7400-7422",
        found="leak",
        witness=":7400,",
    ),
    "one port more": Fault(
        host="jump-1", old="tcp dport 22 ", new="tcp dport { 22, 23 } ", found="leak", witness="-> 10.30.0.3:23, new"
    ),
    "another port": Fault(
        host="jump-1", old="tcp dport 22 ", new="tcp dport 222 ", found="cut", witness="-> 10.30.0.3:22, new", path="policy drop"
    ),
    "all ports": Fault(host="jump-1", old=" tcp dport 22 ", new=" ", found="leak", witness="-> 10.30.0.3"),
    "wrong mask, wider": Fault(
        host="dmz-1", old="ip saddr 10.10.0.0/24", new="ip saddr 10.10.0.0/16", found="leak", witness="elsewhere to host dmz-1"
    ),
    "wrong mask, narrower": Fault(
        host="dmz-1",
        old="ip saddr 10.10.0.0/24",
        new="ip saddr 10.10.0.0/25",
        found="cut",
        witness="zone northgate to host dmz-1",
    ),
    "a device of another site": Fault(
        host="northgate-gw",
        old="ip daddr 10.10.0.21 tcp dport 502",
        new="ip daddr { 10.10.0.21, 10.20.0.11 } tcp dport 502",
        found="leak",
        witness="device millbrook/meter-1",
    ),
    "a master that anybody may be": Fault(
        host="northgate-gw",
        old="ip saddr 10.10.0.60 ip daddr 10.10.0.2 tcp dport 20000",
        new="ip daddr 10.10.0.2 tcp dport 20000",
        found="leak",
        witness="203.0.113.9:49152 -> 10.10.0.2:20000",
    ),
    "a drop before an accept": Fault(
        host="dmz-1",
        old=INPUT,
        new=f"{INPUT}tcp dport 7000-7999 drop\n",
        found="cut",
        witness=":7422",
        path="`tcp dport 7000-7999 drop`",
    ),
    "a chain that returns too early": Fault(
        host="dmz-1",
        old=INPUT,
        new=f"{INPUT}ip saddr 10.20.0.0/24 return\n",
        found="cut",
        witness="10.20.0.2",
        path="policy drop",
    ),
    "a counted drop of one family": Fault(
        host="dmz-1", old=INPUT, new=f"{INPUT}meta nfproto ipv6 drop\n", found="cut", witness="fd00:40::2"
    ),
    "established without a conduit": Fault(
        host="millbrook-gw",
        old=INPUT,
        new=f"{INPUT}ct state established,related accept\n",
        found="leak",
        witness="203.0.113.9:49152 -> 10.20.0.2:22, established",
    ),
    "a state left out": Fault(
        host="jump-1",
        old="ct state new,established ct direction original",
        new="ct state new",
        found="cut",
        witness="established",
    ),
    "state forgotten": Fault(
        host="jump-1", old=" ct state new,established ct direction original", new="", found="leak", witness="established, a reply"
    ),
    "replies that nobody asked for": Fault(
        host="jump-1",
        old="tcp sport 22 ct state established ct direction reply",
        new="tcp sport 22",
        found="leak",
        witness="10.30.0.3:22 -> 10.40.0.",
    ),
    "IPv6 forgotten": Fault(
        host="center-1", old="ip6 saddr fd00:40::2", new="ip6 saddr fd00:40::3", found="cut", witness="fd00:40::2"
    ),
    "IPv6 without neighbors": Fault(
        host="center-1", old="nd-neighbor-solicit, nd-neighbor-advert", new="nd-neighbor-solicit", found="cut", witness="type 136"
    ),
    "router advertisements": Fault(
        host="center-1",
        old="nd-neighbor-solicit, nd",
        new="nd-router-advert, nd-neighbor-solicit, nd",
        found="leak",
        witness="type 134",
    ),
    "neighbors through a router": Fault(
        host="center-1", old=" ip6 hoplimit 255", new="", found="leak", witness="icmpv6 type 135"
    ),
    "every ICMP": Fault(
        host="office-1",
        old="icmp type { destination-unreachable, time-exceeded, parameter-problem } ct state related",
        new="ip protocol icmp",
        found="leak",
        witness="icmp type 22",
    ),
    "loopback closed": Fault(
        host="dmz-1", old='iifname "lo"', new='iifname "lo0"', found="cut", witness="new", path="policy drop"
    ),
    "an interface trusted": Fault(
        host="dmz-1", old='iifname "lo"', new='iifname { "lo", "eth1" }', found="leak", witness="203.0.113.9"
    ),
    "no counter": Fault(
        host="dmz-1", old="counter name input.northgate-dmz-bus ", new="", found="counter", witness="10.30.0.2:7422"
    ),
    "a counter of another conduit": Fault(
        host="dmz-1",
        old="counter name input.northgate-dmz-bus ",
        new="counter name input.millbrook-dmz-bus ",
        found="counter",
        witness="10.30.0.2:7422",
    ),
    "a comment of another conduit": Fault(
        host="dmz-1",
        old='counter name input.northgate-dmz-bus accept comment "northgate-dmz-bus',
        new='counter name input.millbrook-dmz-bus accept comment "millbrook-dmz-bus',
        found="label",
        witness="10.30.0.2:7422",
    ),
    "a comment of no conduit": Fault(
        host="dmz-1",
        old='accept comment "northgate-dmz-bus',
        new='accept comment "northgate-dmz-ssh',
        found="label",
        witness="10.30.0.2:7422",
    ),
    "a foreign table that drops": Fault(
        host="dmz-1",
        old=END,
        new=END[:2] + table("inet", "input", "filter", "accept", "tcp dport 7422 drop"),
        found="cut",
        witness=":7422",
        path="table inet docker",
    ),
    "a foreign policy that drops": Fault(
        host="dmz-1",
        old=END,
        new=END[:2] + table("ip", "prerouting", "mangle", "drop", ""),
        found="cut",
        witness="10.30.0.2",
        path="ip docker",
    ),
    "a foreign rule that is not understood": Fault(
        host="dmz-1",
        old=END,
        new=END[:2] + table("ip", "input", "filter", "accept", "socket transparent 1 drop"),
        found="not-understood",
        witness="socket transparent 1 drop",
    ),
    "a rule that is not understood": Fault(
        host="dmz-1", old=INPUT, new=f"{INPUT}tcp flags syn accept\n", found="not-understood", witness="tcp flags syn accept"
    ),
    "accepted at a limited rate only": Fault(
        host="jump-1", old="tcp dport 22 ct", new="tcp dport 22 limit rate 5/second ct", found="cut", witness="-> 10.30.0.3:22"
    ),
}


def found_with(fault: Fault) -> list[Finding]:
    script = SCRIPTS[fault.host]
    assert fault.old in script, "the fault changes nothing"
    changed = script.replace(fault.old, fault.new, 1)
    assert changed != script
    return prove_packets(PLAN, {**CLEAN, fault.host: read_script(changed)})


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_with_a_witness(name: str) -> None:
    fault = FAULTS[name]
    findings = found_with(fault)
    fitting = [
        finding
        for finding in findings
        if finding.fault == fault.found
        and fault.witness in finding.witness
        and fault.path in " ".join(finding.path)
        and fault.host in finding.where
    ]
    assert fitting, "\n".join(f"{finding.fault} {finding} {finding.path}" for finding in findings)


@pytest.mark.parametrize("made", [seeded_plan, folders.seeded_plan], ids=["packets", "folder"])
@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_found_at_a_clean_utility(seed: int, made: Callable[[int], Plan]) -> None:
    plan = made(seed)
    assert prove_packets(plan, rulesets_of(plan)) == []


def test_nothing_is_found_at_the_small_utility() -> None:
    assert prove_packets(PLAN, CLEAN) == []


def test_a_conduit_that_the_rules_do_not_know_yet_is_cut_at_both_ends() -> None:
    more = Plan(utility=PLAN.utility, zones=PLAN.zones, conduits=(*PLAN.conduits, conduit("center", "dmz", "ntp")))
    findings = prove_packets(more, CLEAN)
    assert {finding.fault for finding in findings} == {"cut"}
    assert {finding.where.split(",")[0] for finding in findings} == {"host center-1", "host dmz-1", "host jump-1"}
    assert {finding.conduit for finding in findings} == {"center-dmz-ntp"}


def test_a_conduit_that_was_taken_away_leaks_at_both_ends() -> None:
    fewer = Plan(utility=PLAN.utility, zones=PLAN.zones, conduits=PLAN.conduits[1:])
    findings = [finding for finding in prove_packets(fewer, CLEAN) if finding.fault == "leak"]
    assert {finding.where.split(",")[0] for finding in findings} == {"host northgate-gw", "host dmz-1"}


def test_a_leak_that_the_other_end_stops_says_so_and_one_that_it_lets_through_names_both_rules() -> None:
    only = "ip saddr 10.50.0.2 ip daddr 10.30.0.2 tcp dport 22 accept"
    stopped = prove_packets(PLAN, {**CLEAN, "dmz-1": read_script(SCRIPTS["dmz-1"].replace(INPUT, f"{INPUT}{only}\n"))})
    leak = next(finding for finding in stopped if finding.fault == "leak")
    assert "only the firewall at the other end stops it" in leak.problem
    assert "office-1, output: table inet tieline, chain output: policy drop" in leak.path

    both = {
        **CLEAN,
        "dmz-1": read_script(SCRIPTS["dmz-1"].replace(INPUT, f"{INPUT}{only}\n")),
        "office-1": read_script(SCRIPTS["office-1"].replace(OUTPUT, f"{OUTPUT}{only}\n")),
    }
    leaks = [finding for finding in prove_packets(PLAN, both) if finding.fault == "leak"]
    assert {finding.where for finding in leaks} == {"host dmz-1, input", "host office-1, output"}
    for leak in leaks:
        assert "only the firewall" not in leak.problem
        assert [step.split(":")[0] for step in leak.path] == ["office-1, output", "dmz-1, input"]


def test_a_script_is_the_same_bytes_each_time() -> None:
    assert scripts_of(small_plan()) == SCRIPTS
    assert scripts_of(seeded_plan(3)) == scripts_of(seeded_plan(3))


def test_no_reason_ends_its_comment() -> None:
    for hostile in ('" accept; }', "a\nb", 'x"\n}\nadd rule inet tieline input accept', "\\", "\x00\x1b[2J"):
        plan = Plan(utility=hostile, zones=PLAN.zones, conduits=(conduit("office", "dmz", "https", reason=hostile),))
        for script in scripts_of(plan).values():
            assert all(letter.isprintable() or letter in "\n\t" for letter in script)
            for line in script.splitlines():
                assert line.count('"') in {0, 2, 4}
        assert prove_packets(plan, rulesets_of(plan)) == []


def test_a_comment_has_room_in_the_kernel_and_begins_with_the_id() -> None:
    for name in ("northgate-dmz-bus", "a" * 63 + "-" + "b" * 63 + "-bus"):
        for reason in ("short", "ä" * 200):
            comment = comment_of(name, reason)
            assert len(comment.encode()) <= MOST_COMMENT_OCTETS
            assert id_in(comment) == label(name)
            assert re.fullmatch(r"[a-z][\w./-]*", counter_name("input", name))
    assert label("a" * 120) != label("a" * 119 + "b")


def test_what_is_not_enforced_is_said_with_the_reason() -> None:
    plan = seeded_plan(5)
    words = unenforced(plan, flows_of(plan))
    implied = [host.zone for host in plan.hosts if host.is_implied]
    assert all(any(f"zone {zone} has no [[hosts]]" in word for word in words) for zone in implied)
    assert unenforced(PLAN, flows_of(PLAN)) == []


def mutated(script: str, chance: random.Random) -> str:
    """The script with one careless change in a rule."""
    lines = script.splitlines()
    rules = [index for index, line in enumerate(lines) if " accept comment" in line]
    index = chance.choice(rules)
    line = lines[index]
    lines[index] = chance.choice(
        [
            lambda: "",
            lambda: re.sub(
                r"(dport|sport) (\d+)", lambda found: f"{found[1]} {int(found[2]) + chance.choice([-1, 1, 1000])}", line
            ),
            lambda: re.sub(r"/(24|64)\b", lambda found: f"/{int(found[1]) + chance.choice([-1, 1])}", line, count=1),
            lambda: line.replace("saddr", "x").replace("daddr", "saddr").replace("x", "daddr"),
            lambda: re.sub(r" ct state [\w,]+ ct direction \w+", "", line),
            lambda: re.sub(r" ct direction \w+", "", line),
            lambda: re.sub(r" (tcp|udp) [ds]port (\{[^}]*\}|\S+)", "", line),
            lambda: line.replace(" accept ", " drop "),
            lambda: re.sub(r"ip6? saddr (\{[^}]*\}|\S+) ", "", line),
        ]
    )()
    if chance.random() < 0.3:
        lines[index], lines[rules[0]] = lines[rules[0]], lines[index]
    return "\n".join(lines) + "\n"


def packets_about(host: str, chance: random.Random, count: int) -> Iterator[Packet]:
    """Packets with addresses, ports and states that the plan speaks of, or next to them."""
    text = SCRIPTS[host]
    addresses = [
        number + chance.choice([0, 0, 0, 1, -1, 255, 256])
        for found in re.findall(r"addr ((?:\d+\.){3}\d+|fd[0-9a-f:]+)", text)
        for number in [address_number(found)]
    ]
    own = [address_number(str(address)) for address in PLAN.host(host).addresses]
    ports = [int(found) + chance.choice([0, 0, 1, -1]) for found in re.findall(r"port (\d+)", text)]
    for _ in range(count):
        source, target = chance.choice(addresses), chance.choice(own)
        if (source >= 2**32) != (target >= 2**32):
            continue
        ends = (source, target) if chance.random() < 0.5 else (target, source)
        there, back = (chance.choice([*ports, 49_152]) for _ in range(2))
        yield Packet(
            input=interface_number("eth0"),
            output=0,
            source=ends[0],
            target=ends[1],
            transport=chance.choice([6, 6, 17, 1, 58]),
            source_port=there,
            target_port=chance.choice([back, back, 8, 0, 128, 129]),
            state=chance.choice(list(State)),
            hops=64,
        )


@pytest.mark.parametrize("seed", range(30))
def test_where_nothing_is_found_no_packet_differs_from_the_plan(seed: int) -> None:
    chance = random.Random(seed)
    host = chance.choice(list(SCRIPTS))
    ruleset = read_script(mutated(SCRIPTS[host], chance))
    wrong = {finding.where for finding in prove_packets(PLAN, {**CLEAN, host: ruleset}) if finding.fault in {"leak", "cut"}}
    flows = flows_by_zone(flows_of(PLAN))[PLAN.host(host).zone]
    permitted = permitted_at(PLAN.host(host), flows)
    directions: tuple[Direction, ...] = ("input", "output")
    for direction in directions:
        if f"host {host}, {direction}" in wrong:
            continue
        boxes = [one.box for one in permitted if one.direction == direction]
        for arriving in packets_about(host, chance, 150):
            packet = arriving if direction == "input" else replace(arriving, input=0, output=arriving.input)
            is_permitted = any(packet.is_in(one) for one in boxes)
            assert decide(ruleset, direction, packet, Bound.MOST).passes == is_permitted, packet


def test_careless_changes_are_found() -> None:
    found = 0
    for seed in range(30):
        chance = random.Random(seed)
        host = chance.choice(list(SCRIPTS))
        found += bool(prove_packets(PLAN, {**CLEAN, host: read_script(mutated(SCRIPTS[host], chance))}))
    assert found > 20
