"""The proof on the bus: nothing is found in clean utilities, and each seeded fault is, with a witness that names it."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tieline.bus.configuration import for_dmz
from tieline.config import read_folder
from tieline.model import subjects
from tieline.security.zones import Plan, plan_of
from tieline.security.zones.broker_proof import prove_broker, reach
from tieline.security.zones.findings import Finding
from tieline.security.zones.flows import Place, routes_of

from .folders import credentials_of, rendered, seeded_plan, seeded_utility, user_of

Servers = dict[str, dict[str, Any]]
EXAMPLE = Path(__file__).parents[3] / "src" / "tieline" / "examples" / "ridgeway"


@cache
def example() -> Plan:
    return plan_of(read_folder(EXAMPLE))


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_found_in_a_clean_utility(seed: int) -> None:
    plan = seeded_plan(seed)
    assert prove_broker(plan, rendered(plan)) == []


@pytest.mark.parametrize("servers", [1, 3])
def test_nothing_is_found_in_the_example(servers: int) -> None:
    assert prove_broker(example(), rendered(example(), servers=servers)) == []


def test_plans_and_configurations_are_the_same_each_time() -> None:
    assert seeded_plan(7) == seeded_plan(7)
    assert rendered(plan_of(seeded_utility(7))) == rendered(plan_of(seeded_utility(7)))


def allow(servers: Servers, server: str, role: str, verb: str, *patterns: str) -> None:
    user_of(servers[server], role)["permissions"][verb]["allow"].extend(patterns)


def forbid(servers: Servers, server: str, role: str, verb: str, pattern: str) -> None:
    user_of(servers[server], role)["permissions"][verb]["allow"].remove(pattern)


def remote_of(servers: Servers, server: str) -> dict[str, Any]:
    found: dict[str, Any] = servers[server]["leafnodes"]["remotes"][0]
    return found


def reader_may(servers: Servers, permission: dict[str, Any]) -> None:
    user_of(servers["dmz"], "it-office", "IT-office")["permissions"]["publish"] = permission


def reader_sends_a_service(servers: Servers) -> None:
    """The import that would carry what the office publishes into the plant, and an export to match."""
    reader_may(servers, {"allow": ["command.northgate"]})
    servers["dmz"]["accounts"]["OT"]["exports"].append({"service": "command.northgate", "accounts": ["IT-office"]})
    imports = servers["dmz"]["accounts"]["IT-office"]["imports"]
    imports.append({"service": {"account": "OT", "subject": "command.northgate"}})


def swap_directions(servers: Servers) -> None:
    permissions = user_of(servers["dmz"], "edge-northgate")["permissions"]
    permissions["publish"], permissions["subscribe"] = permissions["subscribe"], permissions["publish"]


def drop(section: dict[str, Any], key: str) -> None:
    del section[key]


def add_user(servers: Servers, server: str, user: dict[str, Any], account: str = "OT") -> None:
    servers[server]["accounts"][account]["users"].append(user)


def drop_user(servers: Servers, server: str, role: str) -> None:
    servers[server]["accounts"]["OT"]["users"].remove(user_of(servers[server], role))


@dataclass(frozen=True)
class Fault:
    name: str
    do: Callable[[Servers], object]
    fault: str
    where: str
    says: str
    """In the witness, the problem or the path."""


CENTER_LEAF, EDGE = "center", "edge-northgate"

FAULTS = [
    Fault(
        "a role may publish anything",
        lambda s: allow(s, "center", "fetch", "publish", ">"),
        "command-from-others",
        "center",
        "command.",
    ),
    Fault(
        "a role may hear anything", lambda s: allow(s, "center", "web", "subscribe", ">"), "leak", "center", "web may subscribe"
    ),
    Fault(
        "the historian gets a command subject",
        lambda s: allow(s, "center", "historian", "publish", "command.northgate"),
        "command-from-others",
        "center",
        "command.northgate",
    ),
    Fault(
        "a command subject behind a wildcard in its middle",
        lambda s: allow(s, "center", "web", "publish", "*.northgate"),
        "command-from-others",
        "center",
        "command.northgate",
    ),
    Fault(
        "a site's gateway speaks for another at home",
        lambda s: allow(s, EDGE, EDGE, "publish", "health.millbrook"),
        "site-speaks-for-another",
        EDGE,
        "health.millbrook",
    ),
    Fault(
        "a site speaks for another in the DMZ",
        lambda s: allow(s, "dmz", EDGE, "publish", "deliver.millbrook"),
        "site-speaks-for-another",
        "dmz",
        "deliver.millbrook",
    ),
    Fault(
        "a site answers for another",
        lambda s: allow(s, "dmz", EDGE, "publish", "_INBOX.scada.>"),
        "site-speaks-for-another",
        "dmz",
        "_INBOX.scada.",
    ),
    Fault(
        "a shared inbox",
        lambda s: allow(s, "center", "web", "subscribe", "_INBOX.>"),
        "leak",
        "center",
        "web may subscribe what no flow lets it: _INBOX.",
    ),
    Fault(
        "every site's health with one word",
        lambda s: allow(s, "dmz", EDGE, "publish", "health.*"),
        "site-speaks-for-another",
        "dmz",
        "health.",
    ),
    Fault(
        "a site's export in another's name",
        lambda s: allow(s, "dmz", EDGE, "publish", "export.sunfield.batch"),
        "site-speaks-for-another",
        "dmz",
        "export.sunfield.batch",
    ),
    Fault("directions swapped", swap_directions, "leak", "dmz", "edge-northgate may publish what no flow lets it"),
    Fault(
        "a site hears another's commands",
        lambda s: allow(s, "dmz", EDGE, "subscribe", "command.millbrook"),
        "leak",
        "dmz",
        "command.millbrook",
    ),
    Fault("what leaves no site may leave", lambda s: remote_of(s, EDGE)["deny_exports"].remove("site.>"), "leak", EDGE, "site.x"),
    Fault(
        "what enters no site may enter", lambda s: remote_of(s, EDGE)["deny_imports"].remove("local.>"), "leak", EDGE, "local.x"
    ),
    Fault("deny_imports is missing", lambda s: drop(remote_of(s, EDGE), "deny_imports"), "leak", EDGE, "$JS.API.x"),
    Fault("the office may publish", lambda s: reader_may(s, {"allow": ["anything"]}), "enterprise-publishes", "dmz", "anything"),
    Fault(
        "the office's empty list allows everything",
        lambda s: reader_may(s, {"allow": []}),
        "enterprise-publishes",
        "dmz",
        "command.",
    ),
    Fault(
        "the office asks supervision",
        lambda s: reader_may(s, {"allow": ["scada.ask"]}),
        "enterprise-publishes",
        "dmz",
        "scada.ask",
    ),
    Fault(
        "the office commands through a service",
        reader_sends_a_service,
        "enterprise-publishes",
        "dmz",
        "edge-northgate at edge-northgate hears it",
    ),
    Fault(
        "an import becomes a writable service",
        lambda s: s["dmz"]["accounts"]["IT-office"]["imports"].append(
            {"service": {"account": "OT", "subject": "fetch.northgate"}}
        ),
        "leak",
        "dmz",
        "fetch.northgate",
    ),
    Fault(
        "the office imports commands",
        lambda s: s["dmz"]["accounts"]["IT-office"]["imports"].append({"stream": {"account": "OT", "subject": "command.>"}}),
        "leak",
        "dmz",
        "command.>",
    ),
    Fault(
        "an export for any account",
        lambda s: drop(s["dmz"]["accounts"]["OT"]["exports"][0], "accounts"),
        "leak",
        "dmz",
        "health.",
    ),
    Fault(
        "certificates are not asked for",
        lambda s: s["dmz"]["tls"].update(verify_and_map=False),
        "no-certificate",
        "dmz",
        "verify_and_map",
    ),
    Fault(
        "whoever dials is not known",
        lambda s: drop(s["dmz"]["leafnodes"]["tls"], "verify_and_map"),
        "no-certificate",
        "dmz",
        "leafnodes.tls",
    ),
    Fault("an older TLS", lambda s: s["center"]["tls"].update(min_version="1.2"), "tls", "center", "min_version = 1.2"),
    Fault("in the clear", lambda s: drop(s[EDGE], "tls"), "cleartext", EDGE, "tls is missing"),
    Fault(
        "a leaf connection in the clear",
        lambda s: remote_of(s, EDGE).update(urls=["nats://dmz.example:7422"]),
        "cleartext",
        EDGE,
        "nats://",
    ),
    Fault(
        "the first bytes in the clear",
        lambda s: s["dmz"]["leafnodes"]["tls"].update(handshake_first=False),
        "tls",
        "dmz",
        "handshake_first",
    ),
    Fault("the DMZ stores", lambda s: s["dmz"].update(jetstream={"store_dir": "/var"}), "stores", "dmz", "jetstream"),
    Fault(
        "an account of the DMZ stores",
        lambda s: s["dmz"]["accounts"]["OT"].update(jetstream="enabled"),
        "stores",
        "dmz",
        "accounts.OT",
    ),
    Fault("a user is missing", lambda s: drop_user(s, "dmz", "edge-sunfield"), "cut", "dmz", "edge-sunfield"),
    Fault("a stranger with a certificate", lambda s: add_user(s, "center", {"user": "CN=guest"}), "stranger", "center", "guest"),
    Fault(
        "a user with a password",
        lambda s: add_user(s, "dmz", {"user": "admin", "password": "x"}),
        "no-certificate",
        "dmz",
        "admin",
    ),
    Fault(
        "whoever shows nothing is somebody",
        lambda s: s["center"].update(no_auth_user="CN=web"),
        "setting",
        "center",
        "no_auth_user",
    ),
    Fault(
        "an account more",
        lambda s: s["center"]["accounts"].update({"LAB": {"users": [{"user": "CN=lab"}]}}),
        "stranger",
        "center",
        "LAB",
    ),
    Fault(
        "a second way out of a site",
        lambda s: s[EDGE]["leafnodes"]["remotes"].append({"urls": ["tls://elsewhere.example:7422"]}),
        "connection",
        EDGE,
        "elsewhere.example",
    ),
    Fault(
        "a site dials something else",
        lambda s: remote_of(s, EDGE).update(urls=["tls://elsewhere.example:7422"]),
        "connection",
        EDGE,
        "elsewhere.example",
    ),
    Fault(
        "the DMZ dials",
        lambda s: s["dmz"]["leafnodes"].update(remotes=[{"urls": ["tls://10.50.0.2:7422"]}]),
        "connection",
        "dmz",
        "10.50.0.2",
    ),
    Fault("a site listens", lambda s: s[EDGE]["leafnodes"].update(port=7422), "listener", EDGE, "7422"),
    Fault("a site's clients may come from anywhere", lambda s: s[EDGE].update(host="0.0.0.0"), "listener", EDGE, "0.0.0.0"),
    Fault("a page for monitoring without a login", lambda s: s["dmz"].update(http="0.0.0.0:8222"), "setting", "dmz", "http"),
    Fault(
        "browsers may connect",
        lambda s: s["center"].update(websocket={"port": 443, "no_tls": True}),
        "setting",
        "center",
        "websocket",
    ),
    Fault(
        "a site dials as another",
        lambda s: remote_of(s, EDGE)["tls"].update(cert_file="/pki/edge-millbrook.crt"),
        "stranger",
        EDGE,
        "edge-millbrook",
    ),
    Fault(
        "a gateway may dial the DMZ as a client",
        lambda s: drop(user_of(s["dmz"], EDGE), "allowed_connection_types"),
        "leak",
        "dmz",
        "edge-northgate may connect",
    ),
    Fault(
        "no commands reach a site",
        lambda s: forbid(s, "dmz", EDGE, "subscribe", "command.northgate"),
        "cut",
        "center",
        "command.northgate",
    ),
    Fault(
        "a site is kept in by its own end",
        lambda s: remote_of(s, EDGE)["deny_exports"].append("deliver.northgate"),
        "cut",
        EDGE,
        "deliver.northgate",
    ),
    Fault(
        "an exception cuts a hole",
        lambda s: user_of(s["center"], "scada")["permissions"]["publish"].update(deny=["command.sunfield"]),
        "cut",
        "center",
        "command.sunfield",
    ),
    Fault("the office's health is cut", lambda s: s["dmz"]["accounts"]["IT-office"]["imports"].pop(0), "cut", "dmz", "health."),
]


def text_of(finding: Finding) -> str:
    return " | ".join((str(finding), *finding.path))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_seeded_fault_is_found_with_a_witness(fault: Fault) -> None:
    servers = copy.deepcopy(rendered(example()))
    fault.do(servers)
    findings = prove_broker(example(), servers)
    named = [each for each in findings if each.fault == fault.fault and each.where == fault.where]
    assert any(fault.says in text_of(each) for each in named), "\n".join(f"{each.fault}: {text_of(each)}" for each in findings)
    assert all(each.witness for each in findings)


def test_a_fault_in_one_of_three_servers_of_the_center_is_found_there() -> None:
    servers = copy.deepcopy(rendered(example(), servers=3))
    allow(servers, "center-2", "web", "publish", "command.northgate")
    del servers["center-3"]["cluster"]["tls"]["verify"]
    findings = prove_broker(example(), servers)
    assert {each.where for each in findings if each.fault == "command-from-others"} == {"center-2"}
    assert {each.where for each in findings if each.fault == "no-certificate"} == {"center-3"}


def test_a_leak_is_told_with_every_step_to_the_one_who_hears_it() -> None:
    servers = copy.deepcopy(rendered(example()))
    allow(servers, "center", "web", "publish", "command.northgate")
    found = next(each for each in prove_broker(example(), servers) if each.fault == "command-from-others")
    assert found.witness == "command.northgate"
    assert found.path == (
        "accounts.OT.users[web].permissions.publish lets command.northgate pass with 'command.northgate'",
        "the connection that center opens to dmz as center",
        "the connection that edge-northgate opens to dmz as edge-northgate",
        "edge-northgate at edge-northgate hears it",
    )


def test_a_site_whose_conduit_lets_data_up_only_hears_no_commands_and_no_questions() -> None:
    utility = seeded_utility(3)
    zone = next(zone for zone in utility.zones if zone.sites)
    conduits = [
        conduit.model_copy(update={"direction": "to_target" if conduit.source == zone.name else "both"})
        for conduit in utility.conduits
        if not conduit.source.startswith("office")
    ]
    plan = plan_of(type(utility)(**{**vars(utility), "conduits": tuple(conduits)}))
    heard = {row.hearer: row for row in reach(plan, rendered(plan)) if row.speaker in {"scada", "fetch"}}
    for site in plan.sites:
        is_deaf = site in zone.sites
        assert (subjects.edge_role(site) not in heard) == is_deaf
        assert (subjects.local_role(site) not in heard) == is_deaf
    ways = [route for route in routes_of(plan, zone.sites) if route.flow.is_command and route.hearer.place is Place.SITE]
    assert not ways


def test_a_direction_that_the_folder_turns_is_found_in_servers_that_were_told_the_old_one() -> None:
    """What runs is compared with what is described now."""
    utility = seeded_utility(3)
    old = rendered(plan_of(utility))
    turned = [
        conduit.model_copy(update={"direction": "to_source"}) if conduit.source == "center" else conduit
        for conduit in utility.conduits
    ]
    findings = prove_broker(plan_of(type(utility)(**{**vars(utility), "conduits": tuple(turned)})), old)
    assert any(
        each.fault == "leak" and each.witness.startswith("command.") and each.conduit == "center-dmz-bus" for each in findings
    )


def test_servers_that_are_not_given_are_not_judged() -> None:
    configuration = for_dmz(example(), credentials_of("dmz"), "10.40.0.2", 7422, enterprise_port=7423)
    assert prove_broker(example(), {"captured": configuration}) == []


def test_random_permissions_more_are_always_found() -> None:
    """Whatever words a role gets beyond its own, on whatever server."""
    plan, rng = seeded_plan(2, 5), random.Random(1)
    words = ["command", "health", "site", "scada", "ask", "export", "batch", "*", "fetch", "deliver", *plan.sites]
    clean = rendered(plan)
    for _ in range(60):
        server = rng.choice(sorted(clean))
        users = [user for user in clean[server]["accounts"]["OT"]["users"] if "allow" in user["permissions"]["publish"]]
        number, verb = rng.randrange(len(users)), rng.choice(["publish", "subscribe"])
        pattern = ".".join(rng.choice(words) for _ in range(rng.randint(1, 3)))
        before = users[number]["permissions"][verb].get("allow")
        if before is None or any(covers(each, pattern) for each in before):
            continue
        servers = copy.deepcopy(clean)
        user_of(servers[server], users[number]["user"].removeprefix("CN="))["permissions"][verb]["allow"].append(pattern)
        assert [each for each in prove_broker(plan, servers) if each.where == server and each.fault == "leak"], (server, pattern)


def covers(pattern: str, other: str) -> bool:
    """By its definition, word by word."""
    ours, theirs = pattern.split("."), other.split(".")
    if ours[-1] == ">":
        return len(theirs) >= len(ours) and all(a in {"*", b} for a, b in zip(ours[:-1], theirs, strict=False))
    return len(ours) == len(theirs) and all(a in {"*", b} for a, b in zip(ours, theirs, strict=True))


def test_a_hundred_sites_are_proven_in_a_moment() -> None:
    plan = seeded_plan(1, 100)
    servers = rendered(plan)
    began = time.process_time()
    assert prove_broker(plan, servers) == []
    assert time.process_time() - began < 5


HARMLESS = {"server_name", "max_payload", "reconnect", "timeout", "name", "no_advertise", "sync_interval", "port"}
"""Without these a server is slower, or named otherwise, or told where to listen by the way it is started; nothing more can pass."""


def places_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and every entry of a list, wherever it is."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from places_of(inner, (*path, key))


def holder_of(servers: Servers, path: tuple[Any, ...]) -> Any:
    holder: Any = servers
    for key in path[:-1]:
        holder = holder[key]
    return holder


def one_site() -> Plan:
    """One site, and an office that reads."""
    return next(plan for seed in range(100) if (plan := seeded_plan(seed, 1)).readers and not plan.remote_sites)


def test_whatever_is_left_out_of_a_configuration_is_missed() -> None:
    plan = one_site()
    clean = rendered(plan)
    left_out = 0
    for path in places_of(clean):
        if len(path) < 2 or HARMLESS & set(path) or path == ("dmz", "host") or path[1:] == ("leafnodes", "host"):
            continue
        if path[1] == "jetstream" and len(path) > 2:
            continue  # where it stores, and how much
        servers = copy.deepcopy(clean)
        del holder_of(servers, path)[path[-1]]
        assert prove_broker(plan, servers), path
        left_out += 1
    assert left_out > 150


@pytest.mark.parametrize("junk", [None, 7, "x", [], {}, [7], {"x": []}, True], ids=repr)
def test_a_configuration_may_be_anything(junk: Any) -> None:
    """What is captured need not make sense."""
    plan = one_site()
    clean = rendered(plan)
    rng = random.Random(repr(junk))
    for path in rng.sample(list(places_of(clean)), 15):
        servers = copy.deepcopy(clean)
        holder_of(servers, path)[path[-1]] = junk if len(path) > 1 or isinstance(junk, dict) else {}
        prove_broker(plan, servers)
        reach(plan, servers)
