"""Rule sets of others, as people write them and as the kernel tells them: each match means what it means, nothing is passed over."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.security.zones.namespaces import capture, namespace, run, why_not
from tieline.model import ConfigError
from tieline.security.zones.packets import Packet, State, address_number, interface_number
from tieline.security.zones.ruleset import Bound, Ruleset, decide
from tieline.security.zones.ruleset_capture import read_capture
from tieline.security.zones.ruleset_script import read_script

REASON = why_not()
needs_nft = pytest.mark.skipif(bool(REASON), reason=REASON)

PACKET = Packet(
    input=interface_number("eth0"),
    output=0,
    source=address_number("10.1.0.5"),
    target=address_number("10.2.0.1"),
    transport=6,
    source_port=50_000,
    target_port=22,
    state=State.NEW,
    hops=64,
)
SIX = replace(PACKET, source=address_number("fd00:1::5"), target=address_number("fd00:2::1"))
NEIGHBOR = replace(SIX, transport=58, target_port=135, hops=255, state=State.UNTRACKED)
UDP = replace(PACKET, transport=17)

MATCHES = {
    "ip saddr 10.1.0.0/24": ([PACKET, UDP], [SIX, replace(PACKET, source=address_number("10.1.1.0"))]),
    "ip saddr != 10.1.0.0/24": ([replace(PACKET, source=1)], [PACKET, SIX]),
    "ip saddr { 10.1.0.5, 10.9.0.0/16 } ip daddr 10.2.0.0-10.2.0.9": ([PACKET], [SIX, replace(PACKET, target=5)]),
    "ip6 saddr fd00:1::/64": ([SIX], [PACKET]),
    "tcp dport 22": ([PACKET, SIX], [UDP]),
    "tcp dport { 20-25, 80 }": ([PACKET, replace(PACKET, target_port=80)], [replace(PACKET, target_port=26)]),
    "tcp dport != 22": ([replace(PACKET, target_port=23)], [PACKET, replace(UDP, target_port=23)]),
    "tcp dport > 22": ([replace(PACKET, target_port=23)], [PACKET]),
    "tcp dport <= 22": ([PACKET], [replace(PACKET, target_port=23)]),
    "meta l4proto { tcp, udp } th dport 22": ([PACKET, UDP], [NEIGHBOR, replace(PACKET, target_port=1)]),
    "meta nfproto ipv6": ([SIX], [PACKET]),
    "meta protocol ip": ([PACKET], [SIX]),
    "ip protocol udp": ([UDP], [PACKET]),
    "ip6 nexthdr tcp": ([SIX], [PACKET]),
    'iifname "eth0"': ([PACKET], [replace(PACKET, input=interface_number("lo"))]),
    'iifname "eth*"': (
        [PACKET, replace(PACKET, input=interface_number("eth7"))],
        [replace(PACKET, input=interface_number("wlan0"))],
    ),
    'iifname != "eth0"': ([replace(PACKET, input=interface_number("eth1"))], [PACKET]),
    'iif "lo"': ([replace(PACKET, input=interface_number("lo"))], [PACKET]),
    "ct state new": ([PACKET], [replace(PACKET, state=State.ESTABLISHED), replace(PACKET, state=State.UNTRACKED)]),
    "ct state established,related": (
        [replace(PACKET, state=State.ESTABLISHED_REPLY), replace(PACKET, state=State.RELATED)],
        [PACKET],
    ),
    "ct state { new, invalid }": ([PACKET, replace(PACKET, state=State.INVALID)], [replace(PACKET, state=State.RELATED)]),
    "ct state != new": ([replace(PACKET, state=State.INVALID)], [PACKET]),
    "ct direction reply": ([replace(PACKET, state=State.ESTABLISHED_REPLY)], [PACKET, replace(PACKET, state=State.UNTRACKED)]),
    "ct direction != reply": ([PACKET], [replace(PACKET, state=State.ESTABLISHED_REPLY), replace(PACKET, state=State.INVALID)]),
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255": ([NEIGHBOR], [replace(NEIGHBOR, hops=254), SIX]),
    "icmp type echo-request": (
        [replace(PACKET, transport=1, target_port=8)],
        [replace(PACKET, transport=1, target_port=0), replace(PACKET, target_port=8)],
    ),
    "udp sport 50000": ([UDP], [PACKET]),
}


def script(*lines: str, policy: str = "drop") -> str:
    rules = "\n".join(f"\t\t{line}" for line in lines)
    return f"table inet t {{\n\tchain c {{\n\t\ttype filter hook input priority 0; policy {policy};\n{rules}\n\t}}\n}}\n"


def captured(*lines: str, policy: str = "drop", before: str = "") -> Ruleset:
    with namespace() as name:
        run("nft", "-f", "-", text=before or script(*lines, policy=policy), namespace=name)
        return read_capture(capture(name))


def passes(ruleset: Ruleset, packet: Packet, bound: Bound = Bound.MOST) -> bool:
    return decide(ruleset, "input", packet, bound).passes


@pytest.mark.parametrize("match", MATCHES)
def test_a_match_in_a_script_means_what_it_says(match: str) -> None:
    ruleset = read_script(script(f"{match} accept"))
    matching, others = MATCHES[match]
    for bound in Bound:
        assert all(passes(ruleset, packet, bound) for packet in matching)
        assert not any(passes(ruleset, packet, bound) for packet in others)


@needs_nft
def test_the_kernel_tells_the_matches_with_the_same_meaning() -> None:
    with namespace() as name:
        for match, (matching, others) in MATCHES.items():
            run("nft", "-f", "-", text="flush ruleset\n" + script(f"{match} accept"), namespace=name)
            ruleset = read_capture(capture(name))
            for bound in Bound:
                assert all(passes(ruleset, packet, bound) for packet in matching), match
                assert not any(passes(ruleset, packet, bound) for packet in others), match


NOT_UNDERSTOOD = (
    "tcp flags syn accept",
    "ip saddr . tcp dport { 10.0.0.1 . 22 } accept",
    "ip saddr & 255.255.0.255 == 10.0.0.1 accept",
    "fib daddr type local accept",
    "meta mark 5 accept",
    "limit rate 5/second accept",
    "th dport 22 accept",
    "ct mark 7 accept",
)


@needs_nft
def test_what_is_not_understood_may_match_and_may_not() -> None:
    with namespace() as name:
        for line in NOT_UNDERSTOOD:
            run("nft", "-f", "-", text="flush ruleset\n" + script(line), namespace=name)
            ruleset = read_capture(capture(name))
            (rule,) = ruleset.tables[0].chains["c"].rules
            assert rule.unsure, line
            assert passes(ruleset, PACKET, Bound.MOST), line
            assert not passes(ruleset, PACKET, Bound.LEAST), line


def test_a_statement_that_is_not_understood_may_end_the_way_of_a_packet_or_not() -> None:
    chain = {"family": "ip", "table": "filter", "name": "c", "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}
    rule = {"family": "ip", "table": "filter", "chain": "c", "expr": [{"counter": {"packets": 0, "bytes": 0}}, {"xt": None}]}
    text = json.dumps({"nftables": [{"table": {"family": "ip", "name": "filter"}}, {"chain": chain}, {"rule": rule}]})
    for ruleset in (read_capture(text), read_script(script("xt target REJECT", policy="accept"))):
        assert passes(ruleset, PACKET, Bound.MOST)
        assert not passes(ruleset, PACKET, Bound.LEAST)


@needs_nft
def test_sets_and_verdict_maps_of_the_kernel_are_understood_as_far_as_they_do_not_change() -> None:
    ruleset = captured(
        before="""
table inet t {
    set fixed { type ipv4_addr; flags interval; elements = { 10.1.0.0/24, 10.3.0.1-10.3.0.5 }
    }
    set fills { type ipv4_addr; flags timeout; elements = { 10.1.0.5 timeout 1h }
    }
    chain ssh { ip saddr @fixed accept
    }
    chain c {
        type filter hook input priority 0; policy drop;
        ct state vmap { established : accept, invalid : drop }
        tcp dport vmap { 22 : jump ssh, 23-25 : drop }
        tcp dport 80 ip saddr @fills accept
    }
}
"""
    )
    for bound in Bound:
        assert passes(ruleset, PACKET, bound)
        assert passes(ruleset, replace(PACKET, target_port=9, state=State.ESTABLISHED), bound)
        assert not passes(ruleset, replace(PACKET, source=address_number("10.4.0.1")), bound)
        assert not passes(ruleset, replace(PACKET, target_port=24), bound)
    assert passes(ruleset, replace(PACKET, target_port=80), Bound.MOST)
    assert not passes(ruleset, replace(PACKET, target_port=80), Bound.LEAST)


@needs_nft
def test_what_rewrites_packets_is_marked() -> None:
    ruleset = captured(
        before="table ip nat {\n\tchain p {\n\t\ttype nat hook prerouting priority dstnat;\n\t\ttcp dport 80 redirect to :22\n\t}\n}\n"
    )
    (rule,) = ruleset.tables[0].chains["p"].rules
    assert rule.changes == "rewrites target ports"


def test_a_device_of_a_netdev_chain_counts() -> None:
    ruleset = read_script(
        'table netdev n {\n\tchain i {\n\t\ttype filter hook ingress device "eth1" priority 0; policy accept;\n\t\tdrop\n\t}\n}\n'
    )
    assert passes(ruleset, PACKET)
    assert not passes(ruleset, replace(PACKET, input=interface_number("eth1")))


@given(st.text(alphabet='{}"; \nabc123.-:/#,=!<>tableinechupdlrosy', max_size=120))
def test_any_text_gives_a_rule_set_or_one_error(text: str) -> None:
    for read in (read_script, read_capture):
        try:
            read(text)
        except ConfigError:
            continue


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=8) | st.just("tcp"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["match", "left", "right", "op", "payload", "protocol", "field", "set", "vmap", "key", "data", "jump"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_statement_of_the_kernel_gives_a_rule_or_one_error(statement: object) -> None:
    chain = {"family": "inet", "table": "t", "name": "c", "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}
    items = [{"table": {"family": "inet", "name": "t"}}, {"chain": chain}]
    rule = {"rule": {"family": "inet", "table": "t", "chain": "c", "expr": [statement, {"accept": None}]}}
    try:
        read_capture(json.dumps({"nftables": [*items, rule]}))
    except ConfigError:
        return


@pytest.mark.parametrize(("target", "problem"), [("nowhere", "leads nowhere"), ("c", "leads in a circle")])
def test_a_jump_that_leads_nowhere_or_in_a_circle_is_refused(target: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        read_script(script(f"tcp dport 22 jump {target}"))
