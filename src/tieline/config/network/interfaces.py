"""What a device itself calls its ports: in its configuration, and where its agent is asked (ifName, ifDescr, LLDP port ID)."""

from __future__ import annotations

import hashlib
import re
import string

from tieline.config.network.catalog import Model, Style, expand_names

_MOST = 15
"""IFNAMSIZ without the zero at the end."""
_KINDS = ((10_000, "TenGigabitEthernet"), (1_000, "GigabitEthernet"), (100, "FastEthernet"), (0, "Ethernet"))
_SHORT = {"te": "TenGigabitEthernet", "gi": "GigabitEthernet", "fa": "FastEthernet"}


def interface_of(model: Model, port: str, style: Style | None = None) -> str:
    """The name of a port at a device of the model: as the catalogue says; otherwise as is usual where its configuration is of that
    style (the model's own, where none is given); otherwise the port's own name."""
    names = [(name, group) for group in model.ports for name in expand_names(group.names)]
    index, group = next((index, group) for index, (name, group) in enumerate(names, 1) if name == port)
    template = group.interface or model.interface
    if template:
        return string.Formatter().vformat(template, (), {"port": port, "index": index})
    match style or model.style:
        case "ios":
            return _ios(port, index, max(group.speeds_mbps))
        case "comnet":
            return f"GigabitEthernet 1/{index}"
        case "linux" | "ovs":
            return linux_name(port)
        case None:
            return port


def _ios(port: str, index: int, fastest_mbps: int) -> str:
    """`GigabitEthernet1/9` for 9, and for gi1/9."""
    match = re.fullmatch(r"(te|gi|fa)(\d[\d/]*)", port)
    if match is not None:
        return f"{_SHORT[match[1]]}{match[2]}"
    kind = next(kind for least, kind in _KINDS if fastest_mbps >= least)
    return f"{kind}1/{port if port.isdigit() else index}"


def linux_name(name: str, what: str = "port") -> str:
    """On Linux: as it is called where that is a name for an interface, otherwise like `port9`.

    Of 15 characters at most, that is what the kernel has room for; what is longer is told apart by a hash.
    """
    own = re.sub(r"[^A-Za-z0-9_.-]", "-", name)
    if not own[:1].isalpha():
        own = f"{what}{own}"
    if len(own) <= _MOST:
        return own
    return f"{own[: _MOST - 6]}-{hashlib.sha256(name.encode()).hexdigest()[:5]}"
