"""`tieline zones` as somebody uses it: what it shows, writes, compares and proves, and what it says to a wrong input."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tieline.cli.app import app
from tieline.config import read_folder
from tieline.model import ConfigError, RefusedError, TielineError
from tieline.security.zones import plan_of
from tieline.security.zones.nftables import MOST_COMMENT_OCTETS

EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"
GATEWAY = "northgate-gw"


def zones(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["zones", *map(str, words)], env={"COLUMNS": "220"})


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rendered")
    result = zones("render", EXAMPLE, "--out", out)
    assert result.exit_code == 0, result.output
    return out


def test_the_plan_shows_zones_conduits_and_reasons() -> None:
    output = zones("plan", EXAMPLE).output
    for word in (
        "northgate-gw 10.41.1.2",
        "center-dmz-bus",
        "tcp/7422",
        "grid operations",
        "northgate/rtu-1",
        "dnp3-tls tcp/19999",
    ):
        assert word in output
    document = json.loads(zones("plan", EXAMPLE, "--format", "json").output)
    assert document["conduits"][0]["id"] == "northgate-dmz-bus"
    assert document["zones"][0]["hosts"][0]["addresses"] == ["10.41.1.2"]


def test_the_plan_says_what_no_firewall_enforces_and_why(tmp_path: Path) -> None:
    folder = tmp_path / "ridgeway"
    shutil.copytree(EXAMPLE, folder)
    shutil.rmtree(folder / "network")  # names hosts
    text = (folder / "utility.toml").read_text()
    text = re.sub(r"\[\[hosts\]\]\n(?:[^\n]+\n)+", "", text)
    text = re.sub(r"\[\[conduits\]\]\n(?:[^\n]+\n)*target_members[^\n]*\n(?:[^\n]+\n)*", "", text)
    (folder / "utility.toml").write_text(text)
    output = zones("plan", folder).output
    assert "zone northgate has no [[hosts]]: nothing there has a firewall of its own" in output
    assert zones("prove", folder).exit_code == 0


def test_what_is_rendered_is_the_same_bytes_each_time(rendered: Path, tmp_path: Path) -> None:
    assert zones("render", EXAMPLE, "--out", tmp_path).exit_code == 0
    files = sorted(path.relative_to(rendered) for path in rendered.rglob("*") if path.is_file())
    hosts = {host.name for host in plan_of(read_folder(EXAMPLE)).hosts if host.addresses}
    assert {path.stem for path in files if path.parts[0] == "hosts"} == hosts
    assert {"vlan-intent.json", "vlan-intent.md"} <= {str(path) for path in files}
    assert {"bus/dmz.json", "bus/center.json", "bus/edge-northgate.json"} <= {str(path) for path in files}
    for path in files:
        assert (tmp_path / path).read_bytes() == (rendered / path).read_bytes()


def test_one_host_alone_can_be_rendered(tmp_path: Path, rendered: Path) -> None:
    result = zones("render", EXAMPLE, "--out", tmp_path, "--host", GATEWAY)
    assert result.output.split() == [str(tmp_path / "hosts" / f"{GATEWAY}.nft")]
    assert (tmp_path / "hosts" / f"{GATEWAY}.nft").read_bytes() == (rendered / "hosts" / f"{GATEWAY}.nft").read_bytes()


def test_every_accepting_rule_says_its_conduit_and_reason_and_counts(rendered: Path) -> None:
    for path in (rendered / "hosts").iterdir():
        accepting = [line for line in path.read_text().splitlines() if " accept " in line]
        assert accepting
        for line in accepting:
            match = re.search(r'counter name \w+\.([\w./-]+) accept comment "([^"]+)"$', line)
            assert match is not None, line
            assert match[2].startswith(f"{match[1]}: ")
            assert len(match[2].encode()) <= MOST_COMMENT_OCTETS


def test_the_example_is_proven_and_a_changed_firewall_is_not(rendered: Path, tmp_path: Path) -> None:
    proven = zones("prove", EXAMPLE)
    assert proven.exit_code == 0, proven.output
    assert "0 findings; nothing else gets through" in proven.output

    changed = tmp_path / "changed.nft"
    script = (rendered / "hosts" / "meeting-point.nft").read_text()
    changed.write_text(script.replace("tcp dport 7422", "tcp dport 7000-7422", 1))
    result = zones("prove", EXAMPLE, "--ruleset", f"meeting-point={changed}")
    assert result.exit_code == 1
    assert "leak: host meeting-point, input" in result.output
    assert "-> 10.40.0.2:7000, new" in result.output

    document = json.loads(zones("prove", EXAMPLE, "--ruleset", f"meeting-point={changed}", "--format", "json").output)
    finding = document["findings"][0]
    assert finding["fault"] == "leak"
    assert "7000-7422" in finding["path"][-1]
    assert document["zones"]["office"]["may"] == ["dmz"]
    assert {"northgate", "millbrook", "sunfield", "center"} <= set(document["zones"]["office"]["cannot"])
    by_conduit = {row["conduit"]: row for row in document["reach"]}
    assert by_conduit["center-dmz-bus"]["enforced_at"] == ["ridge-road-1", "meeting-point"]
    assert by_conduit["northgate/rtu-1"]["target"] == "device northgate/rtu-1"


def test_a_bus_server_that_is_told_something_else_is_found(rendered: Path, tmp_path: Path) -> None:
    captured = tmp_path / "nats-server.json"
    captured.write_bytes((rendered / "bus" / "dmz.json").read_bytes())
    same = zones("prove", EXAMPLE, "--broker", captured, "--format", "json")
    assert same.exit_code == 0, same.output
    heard = json.loads(same.output)["heard"]
    assert any((row["speaker"], row["hearer"]) == ("scada", "edge-northgate") for row in heard)
    assert not any(row["speaker"] == "it-office" for row in heard), "IT says nothing"

    document = json.loads(captured.read_text())
    for account in document["accounts"].values():
        for user in account.get("users", []):
            if user["user"] == "CN=it-office":
                user["permissions"]["publish"] = ["command.northgate"]
    captured.write_text(json.dumps(document))
    changed = zones("prove", EXAMPLE, "--broker", captured)
    assert changed.exit_code == 1
    assert "enterprise-publishes: " in changed.output
    assert "command.northgate" in changed.output


def test_a_native_vlan_that_a_zone_uses_is_found(rendered: Path, tmp_path: Path) -> None:
    document = json.loads((rendered / "vlan-intent.json").read_text())
    document["native_vlan"] = document["zones"][0]["vlans"][0]
    changed = tmp_path / "intent.json"
    changed.write_text(json.dumps(document))
    result = zones("prove", EXAMPLE, "--vlans", changed)
    assert result.exit_code == 1
    assert "native-vlan: VLAN intent: VLAN 11 is native and belongs to zone northgate" in result.output


def test_drift_of_a_captured_firewall_is_told_in_words(rendered: Path, tmp_path: Path) -> None:
    script = rendered / "hosts" / f"{GATEWAY}.nft"
    same = zones("diff", EXAMPLE, "--host", GATEWAY, "--ruleset", script)
    assert (same.exit_code, same.output) == (0, f"{GATEWAY} is as the folder describes it\n")

    lines = script.read_text().splitlines()
    accepting = next(index for index, line in enumerate(lines) if "output.northgate/tm-1" in line and "dport" in line)
    changed = tmp_path / "changed.nft"
    text = "\n".join([*lines[:accepting], "\t\ttcp dport 23 accept", *lines[accepting + 1 :]]).replace(
        "hook forward priority filter; policy drop;", "hook forward priority filter; policy accept;"
    )
    changed.write_text(text + "\n")
    drifted = zones("diff", EXAMPLE, "--host", GATEWAY, "--ruleset", changed)
    assert drifted.exit_code == 1
    for words in (
        "chain output: added: tcp dport 23 accept",
        "chain output: missing: ip saddr 10.41.1.2 ip daddr 10.41.1.21 tcp dport 502",
        "chain forward: policy is accept, should be drop",
        "cut: host northgate-gw, output: the way to a device of the zone (northgate/tm-1) permits it, and it does not pass",
        "leak: host northgate-gw, forward: it is forwarded",
    ):
        assert words in drifted.output

    nothing = tmp_path / "nothing.json"
    nothing.write_text('{"nftables": [{"metainfo": {"version": "1.0.6"}}]}')
    empty = zones("diff", EXAMPLE, "--host", GATEWAY, "--ruleset", nothing)
    assert empty.exit_code == 1
    assert "table inet tieline is not loaded" in empty.output


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (("diff", EXAMPLE, "--host", "nobody"), ConfigError, "there is no host 'nobody'"),
        (("diff", EXAMPLE, "--host", GATEWAY, "--ruleset", "no-such-file"), ConfigError, "cannot be read"),
        (("diff", EXAMPLE, "--host", GATEWAY, "--ruleset", EXAMPLE / "utility.toml"), ConfigError, "is not understood"),
        (("prove", EXAMPLE, "--ruleset", "dmz"), ConfigError, "write HOST=FILE"),
        (("prove", EXAMPLE, "--vlans", EXAMPLE / "utility.toml"), ConfigError, "this is no VLAN intent"),
        (("prove", EXAMPLE, "--broker", EXAMPLE / "utility.toml"), ConfigError, "no configuration of a bus server"),
        (("prove", EXAMPLE, "--format", "xml"), ConfigError, "write text or json"),
        (("render", EXAMPLE, "--out", "/proc/nowhere"), TielineError, "cannot be written"),
        (("confirm", "--data", "/nowhere"), RefusedError, "no change waits"),
        (("plan", "/nowhere"), ConfigError, "nowhere"),
    ],
)
def test_a_wrong_input_is_told_in_one_line(words: tuple[str | Path, ...], kind: type[Exception], said: str) -> None:
    result = zones(*words)
    assert isinstance(result.exception, kind)
    assert said in str(result.exception)
    assert "\n" not in str(result.exception)
