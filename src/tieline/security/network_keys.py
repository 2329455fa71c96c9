"""Keys of the SNMP agents in the network: in the data directory, never in a utility folder.

    DATA/secrets/network/<node>/snmp-auth
    DATA/secrets/network/<node>/snmp-priv

Each file holds one passphrase, of which the agent and whoever asks it derive their keys (RFC 3414, 2.6, which wants eight characters at
the least). Only its owner may read it.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tieline.model import ConfigError, UnavailableError
from tieline.security.identity.files import check_private, locked, write

LEAST = 8
"""Characters of a passphrase (RFC 3414, 11.2)."""
_MADE = 32
_LETTERS = string.ascii_letters + string.digits
"""What every command line takes without quotes."""
AUTH, PRIV = "snmp-auth", "snmp-priv"


@dataclass(frozen=True, slots=True)
class SnmpKeys:
    """The passphrases of an agent's user."""

    auth: str = field(repr=False)
    priv: str = field(repr=False)


def key_files(data: Path, node: str) -> tuple[Path, Path]:
    """Where the keys of a node are: for authentication, for privacy."""
    folder = data / "secrets" / "network" / node
    return folder / AUTH, folder / PRIV


def read_keys(data: Path, node: str) -> SnmpKeys:
    """The keys of a node. Raises `ConfigError` where one is missing, too short, or may be read by others than its owner."""
    auth, priv = key_files(data, node)
    return SnmpKeys(_read(auth, data, node), _read(priv, data, node))


def make_keys(data: Path, nodes: Iterable[str]) -> Iterator[Path]:
    """Makes the keys that are missing, at random; yields the file of each when it is there. Raises `UnavailableError`."""
    for node in nodes:
        files = key_files(data, node)
        try:
            for folder in (data / "secrets", data / "secrets" / "network", files[0].parent):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with locked(files[0].parent):
                for file in files:
                    if not file.exists():
                        write(file, ("".join(secrets.choice(_LETTERS) for _ in range(_MADE)) + "\n").encode(), 0o600)
                        yield file
        except OSError as error:
            raise UnavailableError(f"cannot write keys to {files[0].parent}: {(error.strerror or str(error)).lower()}") from error


def _read(path: Path, data: Path, node: str) -> str:
    check_private(path)
    try:
        text = path.read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except FileNotFoundError as error:
        made = f"`tieline network keys FOLDER --data {data} --node {node}` makes one"
        raise ConfigError(f"the SNMP key {path} is missing; write the one that the device has into it, or {made}") from error
    except PermissionError as error:
        raise ConfigError(
            f"the SNMP key {path} cannot be read by this user; give it to the one as whom the gateway runs"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the SNMP key {path} cannot be read; write it anew") from error
    if len(text.encode()) < LEAST:
        raise ConfigError(f"the SNMP key {path} has less than {LEAST} characters, which RFC 3414 forbids; write a longer one")
    return text
