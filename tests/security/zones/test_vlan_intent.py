"""The intent for VLANs: what it says, and each fault in it found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.security.zones.packet_plans import conduit, host, seeded_plan, small_plan, zone
from tieline.model import ConfigError
from tieline.security.zones import Plan
from tieline.security.zones.findings import Finding
from tieline.security.zones.vlan_intent import as_json, prove_vlans, read_intent, vlan_intent

PLAN = small_plan()
Document = dict[str, Any]


def found_with(change: Callable[[Document], object]) -> list[Finding]:
    document = json.loads(as_json(vlan_intent(PLAN)))
    before = json.dumps(document)
    change(document)
    assert json.dumps(document) != before
    return prove_vlans(PLAN, read_intent(json.dumps(document)))


def permit(document: Document, name: str) -> Document:
    found: Document = next(one for one in document["permits"] if one["id"] == name)
    return found


def swap(document: Document) -> None:
    one = permit(document, "northgate-dmz-syslog-udp")
    for end in ("zone", "vlans", ""):
        source, target = (f"{side}_{end}".rstrip("_") for side in ("source", "target"))
        one[source], one[target] = one[target], one[source]


FAULTS: dict[str, tuple[Callable[[Document], object], str, str]] = {
    "native VLAN of a zone": (lambda d: d.update(native_vlan=20), "native-vlan", "an untagged frame on a trunk enters millbrook"),
    "a VLAN in two zones": (lambda d: d["zones"][0]["vlans"].append(40), "leaked-vlan", "tagged 40"),
    "a VLAN of nobody": (lambda d: d["zones"][2]["vlans"].append(77), "leaked-vlan", "a frame tagged 77 enters dmz"),
    "a VLAN missing": (lambda d: d["zones"][1].update(vlans=[]), "missing-vlan", "a frame of millbrook tagged 20"),
    "the VLAN of every new port": (lambda d: d["zones"][4].update(vlans=[50, 1]), "default-vlan", "is in office"),
    "another subnet": (lambda d: d["zones"][0].update(subnets=["10.10.0.0/16"]), "subnet", "10.10.0.0/16"),
    "another zone": (lambda d: d["zones"].append({"zone": "guests"}), "unknown-zone", "guests"),
    "permitted otherwise": (lambda d: d.update(otherwise="permit"), "leak", "any packet"),
    "any to any": (
        lambda d: d["permits"].append(
            {
                "id": "x",
                "source_zone": "office",
                "source": ["0.0.0.0/0"],
                "target_zone": "center",
                "target": ["0.0.0.0/0"],
                "transport": "tcp",
                "ports": ["0-65535"],
            }
        ),
        "leak",
        "203.0.113.9:49152 -> ",
    ),
    "swapped direction": (swap, "leak", "(host jump-1 to host northgate-gw)"),
    "one port more": (lambda d: permit(d, "center-dmz-ssh")["ports"].append("23"), "leak", "10.30.0.3:23, new"),
    "another transport": (lambda d: permit(d, "center-dmz-ssh").update(transport="udp"), "leak", "udp "),
    "a wider mask": (lambda d: permit(d, "northgate-dmz-syslog-udp").update(source=["10.10.0.0/15"]), "leak", "udp "),
    "a narrower mask": (lambda d: permit(d, "center-dmz-ping").update(source=["10.40.0.0/25"]), "cut", "icmp type 8"),
    "a conduit missing": (lambda d: d["permits"].remove(permit(d, "office-dmz-https")), "cut", ":443, new"),
    "IPv6 forgotten": (
        lambda d: d.update(permits=[one for one in d["permits"] if ":" not in one["source"][0]]),
        "cut",
        "[fd00:",
    ),
    "another conduit's name": (lambda d: permit(d, "center-dmz-ssh").update(id="center-dmz-bus"), "label", "10.30.0.3:22"),
    "a VLAN that is not the source's": (
        lambda d: permit(d, "office-dmz-https").update(source_vlans=[40]),
        "leaked-vlan",
        "a frame tagged 40",
    ),
    "replies to what only goes up": (lambda d: permit(d, "northgate-dmz-syslog-udp").update(replies=True), "leak", "any reply"),
    "no replies": (lambda d: permit(d, "center-dmz-ssh").update(replies=False), "cut", "the first reply of center-dmz-ssh"),
    "no address": (lambda d: permit(d, "center-dmz-ssh").update(source=["everybody"]), "not-understood", "center-dmz-ssh"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_with_a_witness(name: str) -> None:
    change, fault, witness = FAULTS[name]
    findings = found_with(change)
    fitting = [finding for finding in findings if finding.fault == fault and witness in finding.witness]
    assert fitting, "\n".join(f"{finding.fault} {finding}" for finding in findings)


def test_a_swapped_direction_is_called_by_its_name() -> None:
    assert any("it is the conduit's other direction" in finding.problem for finding in found_with(swap))


@pytest.mark.parametrize("plan", [PLAN, *map(seeded_plan, range(10))], ids=lambda plan: plan.utility)
def test_nothing_is_found_at_a_clean_utility(plan: Plan) -> None:
    text = as_json(vlan_intent(plan))
    assert text == as_json(vlan_intent(plan))
    assert prove_vlans(plan, read_intent(text)) == []


def test_the_native_vlan_is_nobodys() -> None:
    assert vlan_intent(PLAN).native_vlan == 999
    taken = zone("center", "control_center", 40, (host("center-1", "center", "10.40.0.2"),), vlans=(999, 4094))
    plan = Plan(utility="x", zones=(taken,), conduits=())
    assert vlan_intent(plan).native_vlan == 4093


def test_what_goes_between_zones_is_there_and_what_stays_in_one_is_not() -> None:
    permits = vlan_intent(PLAN).permits
    assert {one.id for one in permits} == {one.id for one in PLAN.conduits} - {"screens"}
    ssh = next(one for one in permits if one.id == "center-dmz-ssh")
    assert (ssh.source_vlans, ssh.source, ssh.target, ssh.ports) == ((40,), ("10.40.0.0/24",), ("10.30.0.3",), ("22",))
    assert not next(one for one in permits if one.id == "northgate-dmz-syslog-udp").replies


def test_a_document_that_is_none_is_refused_in_one_line() -> None:
    for text in ("", "[]", '{"utility": "x"}', as_json(vlan_intent(PLAN)).replace('"tcp"', '"sctp"', 1)):
        with pytest.raises(ConfigError, match="this is no VLAN intent") as caught:
            read_intent(text)
        assert "\n" not in str(caught.value)


def test_a_conduit_that_the_document_does_not_know_is_cut() -> None:
    more = Plan(utility=PLAN.utility, zones=PLAN.zones, conduits=(*PLAN.conduits, conduit("center", "office", "ntp")))
    findings = prove_vlans(more, vlan_intent(PLAN))
    assert [(finding.fault, finding.conduit) for finding in findings] == [("cut", "center-office-ntp")]
