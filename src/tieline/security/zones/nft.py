"""The program `nft` of this machine: what runs, and the loading of scripts, each in one transaction."""

from __future__ import annotations

import subprocess

from tieline.model import UnavailableError
from tieline.security.zones.nftables import FAMILY, TABLE

_TIMEOUT_S = 30


def running_ruleset() -> str:
    """All tables of this machine, or of this network namespace, as JSON. Raises `UnavailableError`."""
    return _nft(["-j", "list", "ruleset"])


def running_table() -> str | None:
    """Our table as a script; None where there is none. Raises `UnavailableError`."""
    tables = _nft(["list", "tables"]).splitlines()
    return _nft(["list", "table", FAMILY, TABLE]) if f"table {FAMILY} {TABLE}" in tables else None


def load(script: str) -> None:
    """All of the script, or nothing of it. Raises `UnavailableError`."""
    _nft(["-f", "-"], script)


def check(script: str) -> None:
    """Whether the kernel would take the script; changes nothing. Raises `UnavailableError`."""
    _nft(["-c", "-f", "-"], script)


def in_place_of(former: str | None) -> str:
    """The script that brings a former table back; None for none."""
    return f"add table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n{former or ''}"


def _nft(arguments: list[str], script: str = "") -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            ["nft", *arguments],  # noqa: S607 - wherever the system has it
            input=script,
            text=True,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise UnavailableError("nft is not installed; install the package nftables") from None
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"nft did not answer within {_TIMEOUT_S} s") from None
    if done.returncode:
        said = " ".join(done.stderr.split())
        hint = "; it takes root" if "ermitted" in said or "Permission" in said else ""
        raise UnavailableError(f"nft refuses: {said}{hint}")
    return done.stdout
