"""Configurations of switches, routers and firewalls: what they say is what the description says, on each target."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.network.folders import network_folder
from tests.network import ovs
from tests.network.rendered import (
    Reading,
    described,
    interfaces,
    read_bridge_commands,
    read_bridge_json,
    read_switchports,
)
from tieline.config import Utility, read_folder
from tieline.config.network import Network, Node, Port, Ring
from tieline.config.network.interfaces import linux_name
from tieline.config.snmp import Watch
from tieline.network.rendering import STYLES, Rendered, Style, render_network
from tieline.network.segmentation.described import fabric_port
from tieline.network.segmentation.fabric import FabricPort, PortKind, fabric
from tieline.network.segmentation.spread import deliveries
from tieline.security.zones import plan_of

EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"
GOLDEN = Path(__file__).parent / "golden"
_CASES: list[tuple[Style, str]] = [
    ("linux", "northgate/ng-fw.sh"),
    ("linux", "northgate/ng-fw.nft"),
    ("ovs", "millbrook/mb-s1.sh"),
    ("ios", "northgate/ng-cam-sw.cfg"),
    ("ios", "northgate/ng-fw.cfg"),
    ("comnet", "millbrook/mb-s1.cfg"),
]


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(EXAMPLE)


@pytest.fixture(scope="module")
def network(utility: Utility) -> Network:
    assert utility.network is not None
    return utility.network


@pytest.fixture(scope="module")
def rendered(utility: Utility, network: Network) -> dict[Style, Rendered]:
    return {style: render_network(network, plan_of(utility), style) for style in STYLES}


def _of(folder: Path, style: Style) -> Rendered:
    utility = read_folder(folder)
    assert utility.network is not None
    return render_network(utility.network, plan_of(utility), style)


def _with(network: Network, node: Node) -> Network:
    return dataclasses.replace(network, nodes=tuple(node if each.name == node.name else each for each in network.nodes))


def _with_port(network: Network, node: str, port: str, **changes: object) -> Network:
    own = network.by_name[node]
    ports = tuple(dataclasses.replace(each, **changes) if each.name == port else each for each in own.ports)  # type: ignore[arg-type]
    return _with(network, dataclasses.replace(own, ports=ports))


def _switches(network: Network) -> list[Node]:
    return [node for node in network.nodes if node.is_bridge and not node.is_router and node.kind != "redbox"]


def _used(network: Network, node: Node) -> list[Port]:
    return [each for each in node.ports if each.path in network.link_of and each.mode in {"access", "trunk", "hybrid"}]


@pytest.mark.parametrize(("style", "name"), _CASES)
def test_a_configuration_is_the_one_that_was_looked_at(rendered: dict[Style, Rendered], style: Style, name: str) -> None:
    golden = GOLDEN / style / Path(name).name
    text = rendered[style].files[name]
    if "TIELINE_GOLDEN" in os.environ:
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def test_the_same_folder_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    outs = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        command = [sys.executable, "-m", "tieline", "network", "render", str(EXAMPLE), "--out", str(out), "--style", "linux"]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed})
        outs.append({str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()})
    assert outs[0] == outs[1]
    assert len(outs[0]) > 20


def _bridges(network: Network) -> Iterator[Node]:
    return (node for node in network.nodes if node.is_bridge and node.kind != "redbox")


def test_what_a_linux_bridge_is_told_is_what_each_port_is_described_as(network: Network, rendered: dict[Style, Rendered]) -> None:
    for node in _bridges(network):
        readings = read_bridge_commands(rendered["linux"].files[f"{node.site}/{node.name}.sh"])
        assert readings == {linux_name(each.name): described(each) for each in _used(network, node)}, node.name


@pytest.mark.parametrize("style", ["ios", "comnet"])
def test_switchports_are_what_each_port_is_described_as(network: Network, rendered: dict[Style, Rendered], style: Style) -> None:
    compared = 0
    for node in _bridges(network) if style == "ios" else _switches(network):
        readings = read_switchports(rendered[style].files[f"{node.site}/{node.name}.cfg"])
        assert readings == {each.name: described(each) for each in _used(network, node)}, node.name
        compared += len(readings)
    assert compared > 60


@pytest.mark.skipif(not ovs.IS_THERE, reason=ovs.ABSENT)
def test_open_vswitch_told_so_treats_every_frame_as_the_description_says(
    network: Network, rendered: dict[Style, Rendered], tmp_path: Path
) -> None:
    with ovs.open_vswitch(tmp_path) as switch:
        passing = sum(
            _trace(switch, network, node, rendered["ovs"].files[f"{node.site}/{node.name}.sh"], tmp_path)
            for node in _switches(network)
        )
    assert passing > 500


def _random_ports(network: Network, seed: int) -> Network:
    """mb-s1 with ports of any mode, native VLAN inside or outside what passes, and native frames with or without their tag."""
    generator = random.Random(seed)
    node = network.by_name["mb-s1"]
    egress = generator.choice(["untagged", "tagged"])
    ports = []
    for port in node.ports:
        mode = generator.choice(["access", "trunk", "trunk", "hybrid"])
        native = generator.choice([12, 20, 21, 997]) if mode == "access" else generator.choice([None, 12, 20, 997])
        allowed = {native} if mode == "access" else set(generator.sample([12, 20, 21], generator.randint(0, 3)))
        ports.append(dataclasses.replace(port, mode=mode, native=native, allowed=frozenset(allowed)))  # type: ignore[arg-type]
    model = node.model.model_copy(update={"tagging": node.model.tagging.model_copy(update={"native_egress": egress})})
    return _with(network, dataclasses.replace(node, ports=tuple(ports), model=model))


@pytest.mark.skipif(not ovs.IS_THERE, reason=ovs.ABSENT)
def test_switches_of_any_kind_are_told_what_they_are_described_as(utility: Utility, network: Network, tmp_path: Path) -> None:
    plan, passing = plan_of(utility), 0
    with ovs.open_vswitch(tmp_path) as switch:
        for seed in range(8):
            odd = _random_ports(network, seed)
            node = odd.by_name["mb-s1"]
            is_tagged = node.model.tagging.native_egress == "tagged"
            passing += _trace(switch, odd, node, render_network(odd, plan, "ovs", "mb-s1").files["millbrook/mb-s1.sh"], tmp_path)
            wanted = {
                each.name: described(each, is_native_tagged=is_tagged and each.mode != "access") for each in _used(odd, node)
            }
            linux = read_bridge_commands(render_network(odd, plan, "linux", "mb-s1").files["millbrook/mb-s1.sh"])
            assert linux == {linux_name(name): reading for name, reading in wanted.items()}, f"seed {seed}"
            ios = render_network(odd, plan, "ios", "mb-s1").files["millbrook/mb-s1.cfg"]
            assert ("vlan dot1q tag native" in ios) == is_tagged
            for style in ("ios", "comnet") if not is_tagged else ():
                text = render_network(odd, plan, style, "mb-s1").files["millbrook/mb-s1.cfg"]
                assert read_switchports(text) == wanted, f"seed {seed}"
    assert passing > 100


def _trace(switch: ovs.OpenVSwitch, network: Network, node: Node, script: str, folder: Path) -> int:
    """Loads the script, and compares where every frame leaves; how many do."""
    _load(script, folder)
    ports = {linux_name(each.name): each for each in _used(network, node)}
    bridge = linux_name(node.name)
    # Without a network card behind them, and without a tree, which takes half a minute until ports forward.
    switch.configure(
        [
            ["set", "bridge", bridge, "datapath_type=dummy", "rstp_enable=false"],
            *(["set", "interface", name, "type=dummy"] for name in ports),
        ]
    )
    behavior = dataclasses.replace(ovs.OPENVSWITCH, native_egress=node.model.tagging.native_egress)
    made = []
    for name, port in ports.items():
        expected = fabric_port(node, port, behavior)
        assert expected is not None
        made.append(dataclasses.replace(expected, name=name, bridge=bridge))
    made += [
        FabricPort(name=f"vlan{each.vlan}", bridge=bridge, kind=PortKind.ACCESS, vlan=each.vlan, behavior=behavior)
        for each in node.addresses
    ]
    made.append(FabricPort(name=bridge, bridge=bridge, kind=PortKind.TRUNK, behavior=behavior))
    one = fabric(made, [])
    stacks = [(), (0,), *((vlan,) for vlan in sorted({*network.vlan_by_id, 1, 997, 998, 999}))]
    injections = [(name, stack) for name in ports for stack in stacks]
    traced = ovs.traced(switch, one, injections, ovs.numbers_of(switch))
    for (name, stack), left in zip(injections, traced, strict=True):
        assert left == deliveries(one, name, stack), f"{node.name} {name} {stack}"
    switch.configure([["del-br", bridge]])
    return sum(map(len, traced))


def _load(script: str, folder: Path) -> None:
    """Runs the part of a script that speaks to Open vSwitch; addresses need its interfaces in the kernel."""
    head = re.split(r"\n(?:ip|sysctl) ", script)[0]
    subprocess.run(
        ["/bin/sh", "-s"],
        input=head,
        text=True,
        check=True,
        capture_output=True,
        timeout=50,
        env={**os.environ, "OVS_RUNDIR": str(folder)},
    )


@pytest.mark.skipif(not ovs.IS_THERE, reason=ovs.ABSENT)
def test_open_vswitch_takes_trees_bonds_and_descriptions(network: Network, tmp_path: Path) -> None:
    lag = _of(network_folder(tmp_path / "folder"), "ovs").files["alpha/sw-2.sh"]
    with ovs.open_vswitch(tmp_path / "ovs"):
        _load(lag, tmp_path / "ovs")

        def get(*words: str) -> str:
            command = ["ovs-vsctl", f"--db=unix:{tmp_path}/ovs/db.sock", *words]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

        assert get("get", "port", "up", "lacp", "vlan_mode", "trunks").split("\n") == ["active", "trunk", "[11, 12]"]
        assert get("list-ifaces", "sw-2").split() == ["port10", "port9", "vlan11"]
        assert get("get", "bridge", "sw-2", "rstp_enable", "other_config:rstp-priority").split() == ["true", '"32768"']
        assert "to sw-1/9" in get("get", "port", "up", "external_ids:description")


def _can_bridge() -> bool:
    if os.geteuid() != 0 or shutil.which("bridge") is None:
        return False
    command = ["unshare", "--net", "ip", "link", "add", "br0", "type", "bridge", "vlan_filtering", "1"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_bridge(), reason="needs root and a kernel with bridges")
def test_a_bridge_of_the_kernel_is_what_each_port_is_described_as(network: Network, rendered: dict[Style, Rendered]) -> None:
    for node in _switches(network):
        script = rendered["linux"].files[f"{node.site}/{node.name}.sh"].split("\nfor port in")[0]
        ports = {linux_name(each.name): each for each in _used(network, node)}
        made = "\n".join(f"ip link add {name} type dummy" for name in ports)
        shown = subprocess.run(
            ["unshare", "--net", "/bin/sh", "-s"],
            input=f"set -e\n{made}\n{script}\nbridge -j vlan show",
            capture_output=True,
            text=True,
            check=True,
        )
        readings = read_bridge_json(json.loads(shown.stdout))
        assert {name: readings.get(name, Reading()) for name in ports} == {name: described(port) for name, port in ports.items()}


@pytest.mark.skipif(shutil.which("nft") is None or os.geteuid() != 0, reason="needs nftables and root")
def test_nftables_takes_the_access_lists(rendered: dict[Style, Rendered], tmp_path: Path) -> None:
    files = {name: text for name, text in rendered["linux"].files.items() if name.endswith(".nft")}
    files["folder"] = _of(network_folder(tmp_path / "folder"), "linux").files["alpha/fw.nft"]
    assert len(files) == 5
    for text in files.values():
        subprocess.run(["unshare", "--net", "nft", "-c", "-f", "-"], input=text, text=True, check=True, capture_output=True)


def test_every_script_is_one_that_a_shell_understands(rendered: dict[Style, Rendered]) -> None:
    for style in ("linux", "ovs"):
        for name, text in rendered[style].files.items():
            if name.endswith(".sh"):
                subprocess.run(["/bin/sh", "-n", "-s"], input=text, text=True, check=True, capture_output=True)


def test_words_of_the_folder_stay_words(utility: Utility, network: Network) -> None:
    words = "a'b\"c $(reboot) `id`\nip link delete br0\n shutdown ; \\"
    odd = _with_port(network, "ng-cam-sw", "1", description=words)
    for style in STYLES:
        text = render_network(odd, plan_of(utility), style, "ng-cam-sw").files
        plain = render_network(network, plan_of(utility), style, "ng-cam-sw").files
        for name in text:
            assert len(text[name].splitlines()) == len(plain[name].splitlines())
            if name.endswith(".sh"):
                assert "\nsysctl -q -w net.ipv4.ip_forward=0 " in text[name]  # a switch does not route
                echo = text[name].replace("ip link", "echo").replace("ovs-vsctl", "echo").replace("bridge vlan", "echo")
                tries = (
                    re.split(r"\nset -eu\n", echo)[1]
                    .replace("ip address", "echo")
                    .replace("tc ", "echo ")
                    .replace("ip route", "echo")
                    .replace("sysctl ", "echo ")
                )
                done = subprocess.run(["/bin/sh", "-eu", "-s"], input=tries, text=True, check=True, capture_output=True)
                assert "$(reboot)" in done.stdout
                assert "uid=" not in done.stdout


def test_ports_that_nobody_uses_are_down_in_a_vlan_that_nothing_else_is_in(
    network: Network, rendered: dict[Style, Rendered]
) -> None:
    for node in _switches(network):
        blocks = dict(interfaces(rendered["ios"].files[f"{node.site}/{node.name}.cfg"]))
        unused = [each for each in node.ports if each.path not in network.link_of or each.mode == "disabled"]
        parked = {name for name, lines in blocks.items() if "switchport access vlan 998" in lines}
        assert {name.rsplit("/")[-1] for name in parked} == {each.name for each in unused}
        assert all("shutdown" in blocks[name] for name in parked)
    assert 998 not in network.vlan_by_id


def test_a_native_vlan_that_is_left_out_is_one_of_no_zone(utility: Utility, network: Network) -> None:
    without = _with_port(network, "mb-s1", "17", native=None)
    text = render_network(without, plan_of(utility), "ios", "mb-s1").files["millbrook/mb-s1.cfg"]
    lines = dict(interfaces(text))["GigabitEthernet1/17"]
    assert "switchport trunk native vlan 999" in lines
    assert "switchport trunk allowed vlan 12,20-21" in lines
    assert all(999 not in zone.vlans for zone in plan_of(utility).zones)


def test_a_line_of_an_access_list_names_its_conduit_and_one_without_says_so(
    utility: Utility, network: Network, rendered: dict[Style, Rendered]
) -> None:
    text = rendered["ios"].files["northgate/ng-fw.cfg"]
    at = text.index(" permit tcp host 10.41.101.2 host 10.40.0.2 eq 443\n")
    assert text[:at].endswith(" remark conduit northgate-security-dmz-https: pictures of alarms, for the guards\n")
    wide = dataclasses.replace(network.acls_of["ng-fw"][0], targets=(), description="too wide")
    changed = dataclasses.replace(network, acls=(wide, *network.acls))
    nft = render_network(changed, plan_of(utility), "linux", "ng-fw").files["northgate/ng-fw.nft"]
    assert 'ip saddr 10.41.1.2 tcp dport 7422 counter return comment "no conduit: too wide"' in nft


def test_an_access_list_that_changes_has_another_name_and_never_stands_behind_the_old_one(
    utility: Utility, network: Network, rendered: dict[Style, Rendered]
) -> None:
    """IOS adds lines to a list that is there, behind its last, which denies everything."""

    def names(text: str) -> set[str]:
        made, used = (
            re.findall(r"^ip access-list extended (\S+)$", text, re.MULTILINE),
            re.findall(r"^ ip access-group (\S+) in$", text, re.MULTILINE),
        )
        assert set(made) == set(used)
        return set(made)

    before = names(rendered["ios"].files["northgate/ng-fw.cfg"])
    fewer = dataclasses.replace(network, acls=tuple(each for each in network.acls if each is not network.acls_of["ng-fw"][0]))
    assert names(render_network(fewer, plan_of(utility), "ios", "ng-fw").files["northgate/ng-fw.cfg"]).isdisjoint(before)


def test_lists_stand_at_the_interface_and_direction_that_they_are_for(tmp_path: Path) -> None:
    text = _of(network_folder(tmp_path), "ios").files["alpha/fw.cfg"]
    blocks = dict(interfaces(text))
    assert any(re.fullmatch("ip access-group tieline-in-vlan12-[0-9a-f]{6} in", line) for line in blocks["Vlan12"])
    # A firewall lets nothing through where no list is.
    assert any(re.fullmatch("ip access-group tieline-in-none-[0-9a-f]{6} in", line) for line in blocks["Vlan11"])
    assert " permit tcp 10.1.1.0 0.0.0.255 host 10.1.0.2 eq 554\n remark" in text
    assert " permit tcp host 10.1.0.2 eq 554 10.1.1.0 0.0.0.255 established\n" in text
    nft = _of(tmp_path, "linux").files["alpha/fw.nft"]
    assert 'iifname "vlan12" jump in-vlan12' in nft
    assert 'iifname "vlan11" oifname { "vlan11", "vlan12" } counter drop' in nft


def test_a_name_that_ip_takes_for_a_word_of_its_own_stays_a_name(tmp_path: Path) -> None:
    script = _of(network_folder(tmp_path), "linux").files["alpha/sw-1.sh"]  # with a group called `up`
    named = [line.split() for line in script.splitlines() if line.startswith(("ip link", "bridge"))]
    assert all({"dev", "name"} & set(words[3:5]) or words[2:4] == ["add", "link"] for words in named), named


def test_members_of_a_link_aggregation_are_one_port(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    ios = dict(interfaces(_of(folder, "ios").files["alpha/sw-1.cfg"]))
    assert "switchport trunk allowed vlan 11-12" in ios["Port-channel1"]
    assert [name for name, lines in ios.items() if "channel-group 1 mode active" in lines] == [
        "GigabitEthernet1/9",
        "GigabitEthernet1/10",
    ]
    linux = _of(folder, "linux").files["alpha/sw-1.sh"]
    assert set(read_bridge_commands(linux)) == {"port1", "port2", "port3", "port8", "up"}
    assert "ip link set dev port10 master up\n" in linux


def test_the_root_of_a_ring_is_the_described_one_on_every_target(rendered: dict[Style, Rendered]) -> None:
    files = {
        style: {node: text for path, text in one.files.items() for node in [Path(path).stem]} for style, one in rendered.items()
    }
    for node, priority in (("mb-s1", 4096), ("mb-s4", 8192), ("mb-s2", 32768)):
        assert f"type bridge priority {priority} " in files["linux"][node]
        assert f"rstp-priority={priority} " in files["ovs"][node]
        assert f"spanning-tree vlan 12,20-21 priority {priority}\n" in files["ios"][node]
        assert f"spanning-tree mst 0 priority {priority}\n" in files["comnet"][node]


def test_what_a_target_cannot_express_is_reported_by_name(utility: Utility, network: Network) -> None:
    odd = _with_port(network, "mb-s1", "17", mode="hybrid")
    ring = Ring(name="by-mrp", protocol="mrp", members=("sf-s1", "sf-s2", "sf-s3"), root="sf-s1")
    odd = dataclasses.replace(odd, rings=(*network.rings, ring))
    report = render_network(odd, plan_of(utility), "ios")
    assert "| mb-s1 | port 17 | there is no hybrid port" in report.report()
    assert "| sf-s1 sf-s2 sf-s3 | ring by-mrp | MRP has commands" in report.report()
    assert "| ng-rb | everything |" in report.report()
    assert not any("ng-rb" in name for name in report.files)
    assert "protection" in report.report()
    power = render_network(network, plan_of(utility), "linux").report()
    assert "| ng-cam-sw | port 1, PoE; port 2, PoE;" in power
    assert "port 8, PoE" not in power, "the firewall there has a supply of its own"
    assert "run mstpd" in power
    routers = render_network(network, plan_of(utility), "ovs")
    assert "| ng-fw mb-fw sf-fw cc-fw | everything |" in routers.report()


def test_behavior_that_the_target_does_not_have_is_reported(utility: Utility, network: Network) -> None:
    said = {(each.node, each.subject): each.problem for each in render_network(network, plan_of(utility), "ios").not_rendered}
    assert "drop; this target: own vlan" in said["ng-a1", "a frame with a tag on an access port"]
    assert ("ng-acc", "a frame with a tag on an access port") not in said


def test_a_native_vlan_that_leaves_with_its_tag_does_so(utility: Utility, network: Network) -> None:
    node = network.by_name["mb-s1"]
    model = node.model.model_copy(update={"tagging": node.model.tagging.model_copy(update={"native_egress": "tagged"})})
    tagged = _with(network, dataclasses.replace(node, model=model))
    plan = plan_of(utility)
    linux = read_bridge_commands(render_network(tagged, plan, "linux", "mb-s1").files["millbrook/mb-s1.sh"])
    assert linux["port19"] == described(node.port("19"), is_native_tagged=True)
    assert (
        "vlan_mode=native-tagged tag=12 trunks=12,20,21"
        in render_network(tagged, plan, "ovs", "mb-s1").files["millbrook/mb-s1.sh"]
    )
    assert "vlan dot1q tag native" in render_network(tagged, plan, "ios", "mb-s1").files["millbrook/mb-s1.cfg"]


def test_a_model_of_the_catalogue_decides_its_style(utility: Utility, network: Network) -> None:
    node = network.by_name["mb-s1"]
    own = _with(network, dataclasses.replace(node, model=node.model.model_copy(update={"style": "linux"})))
    rendered = render_network(own, plan_of(utility), "ios")
    assert rendered.styles["mb-s1"] == "linux"
    assert rendered.styles["mb-s2"] == "ios"
    assert network.catalog.models["open-vswitch-8t"].style == "ovs"


def test_no_configuration_holds_a_secret(rendered: dict[Style, Rendered]) -> None:
    texts = [text for one in rendered.values() for text in one.files.values()]
    said = [line for text in texts for line in text.splitlines() if re.search("secret|password|auth|priv|key", line)]
    assert said
    assert all(line.startswith(("!", "snmp-server group tieline v3 priv", "snmp-server host ")) for line in said), said


def test_notifications_and_syslog_go_to_the_gateway_of_the_site(utility: Utility, network: Network) -> None:
    watch = Watch(user="watcher", auth="sha", priv="aes128", trap_port=1162, syslog_port=514)
    rendered = render_network(dataclasses.replace(network, watch=watch), plan_of(utility), "ios", "mb-s1")
    lines = rendered.files["millbrook/mb-s1.cfg"].splitlines()
    assert "! snmp-server user watcher tieline v3 auth sha AUTH-KEY priv aes 128 PRIV-KEY" in lines
    assert "snmp-server host 10.41.2.2 version 3 priv watcher udp-port 1162" in lines
    assert "logging host 10.41.2.2 transport udp port 514" in lines
    assert not any(each.subject == "SNMPv3 user" for each in rendered.not_rendered)
    newer = dataclasses.replace(network, watch=dataclasses.replace(watch, auth="sha256"))
    assert any(each.subject == "SNMPv3 user" for each in render_network(newer, plan_of(utility), "ios", "mb-s1").not_rendered)


def test_a_root_that_is_only_named_becomes_the_root(utility: Utility, network: Network) -> None:
    rings = tuple(dataclasses.replace(ring, priorities={}) for ring in network.rings)
    rendered = render_network(dataclasses.replace(network, rings=rings), plan_of(utility), "ovs")
    priorities = {
        Path(name).stem: int(re.findall(r"rstp-priority=(\d+)", text)[0])
        for name, text in rendered.files.items()
        if "mb-s" in name
    }
    assert sorted(priorities, key=priorities.__getitem__)[:2] == ["mb-s1", "mb-s4"]


def test_a_bridge_in_two_rings_has_the_lower_of_its_priorities(utility: Utility, network: Network) -> None:
    second = Ring(name="second", protocol="rstp", members=("mb-s1", "mb-s2"), root="mb-s2", priorities={"mb-s2": 12_288})
    rendered = render_network(dataclasses.replace(network, rings=(*network.rings, second)), plan_of(utility), "ios")
    assert "priority 4096\n" in rendered.files["millbrook/mb-s1.cfg"]
    assert "priority 12288\n" in rendered.files["millbrook/mb-s2.cfg"]


def test_a_group_called_like_a_port_is_not_that_port(tmp_path: Path) -> None:
    folder = network_folder(tmp_path)
    ports = folder / "network/ports.csv"
    ports.write_text(ports.read_text().replace(",up,", ",1,"))
    readings = read_bridge_commands(_of(folder, "linux").files["alpha/sw-1.sh"])
    assert set(readings) == {"port1", "port2", "port3", "port8", "bond1"}
    assert readings["port1"].members == {11}
    assert readings["bond1"].members == {11, 12}
    assert "add-bond sw-1 bond1 port9 port10" in _of(folder, "ovs").files["alpha/sw-1.sh"]


def test_interfaces_with_long_names_are_told_apart() -> None:
    names = [linux_name(f"GigabitEthernet1-0-{number}") for number in range(1, 49)]
    assert len(set(names)) == 48
    assert all(len(name) <= 15 for name in names)
    assert linux_name("eth0") == "eth0"


def test_an_aggregation_of_routed_ports_is_reported(utility: Utility, network: Network) -> None:
    odd = _with_port(network, "ng-fw", "7", lag="wan")
    for style in ("ios", "linux"):
        rendered = render_network(odd, plan_of(utility), style, "ng-fw")
        assert "| ng-fw | port 7 | link aggregation of routed ports" in rendered.report()
        assert not re.search("Port-channel|channel-group|bond", "".join(rendered.files.values()))


def test_two_unused_native_vlans_have_names_of_their_own(utility: Utility, network: Network) -> None:
    odd = _with_port(network, "mb-s1", "17", native=997)
    text = render_network(odd, plan_of(utility), "ios", "mb-s1").files["millbrook/mb-s1.cfg"]
    names = re.findall(r"^vlan (\d+)\n name (\S+)$", text, re.MULTILINE)
    assert len({name for _, name in names}) == len(names)
    assert ("997", "native-997-unused") in names
