"""The keys with which a watched node is asked."""

from __future__ import annotations

from pathlib import Path

from tieline.config.snmp import SnmpDevice
from tieline.protocols.snmp import SnmpKeys
from tieline.security.network_keys import read_keys


def keys_of(data: Path, device: SnmpDevice) -> SnmpKeys:
    """Of the node, from the data directory. Raises `ConfigError` where they are missing or not kept as secrets are."""
    secrets = read_keys(data, device.name)
    connection = device.connection
    return SnmpKeys(
        user=connection.user, auth=connection.auth, priv=connection.priv, auth_secret=secrets.auth, priv_secret=secrets.priv
    )
