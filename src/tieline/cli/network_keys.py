"""`tieline network keys`: the keys by which agents and whoever watches them know each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from tieline.cli.network import one_of, read_network
from tieline.config.network import Network, Watch
from tieline.model import ConfigError
from tieline.security.network_keys import AUTH, PRIV, make_keys, read_keys


def run(folder: Path, data: Path, chosen: Sequence[str], *, is_shown: bool) -> None:
    """Makes missing keys and says which; shows keys where that is asked for. Raises `ConfigError`, `UnavailableError`."""
    _, network = read_network(folder)
    watch, nodes = _agents(network)
    for name in chosen:
        one_of(name, nodes, "node with an SNMP agent")
    nodes = list(dict.fromkeys(chosen)) or nodes
    made = 0
    for file in make_keys(data, nodes):
        made += 1
        typer.echo(f"made {file}")
    typer.echo(f"{made} keys made, {2 * len(nodes) - made} were there; user {watch.user}, {watch.auth} and {watch.priv}")
    for name in nodes:
        keys = read_keys(data, name)
        if is_shown:
            typer.echo(f"{name} {AUTH} {keys.auth}")
            typer.echo(f"{name} {PRIV} {keys.priv}")


def _agents(network: Network) -> tuple[Watch, list[str]]:
    if network.watch is None:
        raise ConfigError("nothing is watched; write [watch] into network/network.toml")
    return network.watch, [node.name for node in network.nodes if node.model.has_snmp and node.addresses and node.watch != "no"]
