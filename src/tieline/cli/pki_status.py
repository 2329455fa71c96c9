"""`tieline pki status`: every certificate of an authority, and what somebody should see to."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from rich.console import Console
from rich.table import Table

from tieline.model import ConfigError, TielineError
from tieline.security.identity import Authority
from tieline.security.identity.certificates import fingerprint, life_of, read_role_name

_DAY_S = 86_400
_LEAST_WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleStatus:
    """One role, as its newest certificate has it."""

    role: str
    issued: str
    ends: str
    renewal_due: str
    generation: int
    state: str
    """good, due, ended or revoked."""
    fingerprint: str


def run(data: Path, *, as_json: bool) -> int:
    """Prints it; 1 where something is to be seen to. Raises `ConfigError` where there is no authority."""
    authority = Authority.existing(data / "authority")
    if not authority.root_file.exists():
        raise ConfigError(f"{authority.folder} holds no authority yet; tieline run or tieline pki init makes one")
    now = datetime.now(UTC)
    roles, findings = list(_roles(authority, now)), list(_findings(authority, now))
    if as_json:
        print(json.dumps({"roles": [asdict(role) for role in roles], "findings": findings}, indent=2))  # noqa: T201
        return 1 if findings else 0
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, _LEAST_WIDTH)
    table = Table(box=None, pad_edge=False, header_style="")
    for column in ("role", "issued", "ends", "renewal due", "generation", "state", "SHA-256"):
        table.add_column(column, justify="right" if column == "generation" else "left", no_wrap=True)
    for role in roles:
        row = (role.role, role.issued, role.ends, role.renewal_due, str(role.generation), role.state, role.fingerprint[:16])
        table.add_row(*row)
    console.print(table)
    current = authority.revocations.current()
    if current is not None:
        console.print(
            f"list of what is revoked: number {current.number}, of {_minute(current.issued)}, next by {_minute(current.next_update)}, "
            f"{len(current.revoked)} certificates"
        )
    for finding in findings:
        console.print(f"! {finding}")
    return 1 if findings else 0


def _roles(authority: Authority, now: datetime) -> Iterator[RoleStatus]:
    """The roles whose certificates are here; where certificates are issued, also those that were enrolled."""
    if authority.issuer.is_here:
        registry = authority.issuer.registry
        generations, newest = registry.generations(), {one.role: one for one in registry.issued()}
        for role, one in sorted(newest.items()):
            issued, ends = (datetime.fromtimestamp(us / 1e6, UTC) for us in (one.issued_us, one.ends_us))
            is_revoked = one.generation < generations.get(role, 0)
            yield _status(role, issued, ends, one.generation, one.fingerprint, now, is_revoked=is_revoked)
        return
    for file in sorted((authority.folder / "roles").glob("*.crt")):
        leaf = authority.held(file.stem).leaf()
        issued = leaf.not_valid_after_utc - life_of(leaf)
        is_revoked = bool(authority.revocations.refusal(leaf))
        generation = _generation(leaf)
        yield _status(file.stem, issued, leaf.not_valid_after_utc, generation, fingerprint(leaf), now, is_revoked=is_revoked)


def _status(
    role: str, issued: datetime, ends: datetime, generation: int, digest: str, now: datetime, *, is_revoked: bool
) -> RoleStatus:
    due = issued + (ends - issued) * 2 / 3
    state = "revoked" if is_revoked else "ended" if now > ends else "due" if now > due else "good"
    return RoleStatus(
        role=role,
        issued=_minute(issued),
        ends=_minute(ends),
        renewal_due=_minute(due),
        generation=generation,
        state=state,
        fingerprint=digest,
    )


def _findings(authority: Authority, now: datetime) -> Iterator[str]:
    if (authority.offline / "root.key").exists():
        yield f"the root's key is on this machine: move {authority.offline} to a stick and lock it up until the intermediate is renewed"
    for file in sorted(authority.folder.rglob("*.key")):
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            yield f"others than the owner can use the key {file} (mode {mode:04o}): chmod 600, and replace the key"
    if authority.issuer.is_here:
        issuing = authority.issuer.chain()[0]
        left = issuing.not_valid_after_utc - now
        if left < life_of(issuing) / 3:
            yield f"the intermediate ends on {issuing.not_valid_after_utc:%Y-%m-%d}: renew it with tieline pki intermediate --root DIR"
    for root in authority.roots():
        if (root.not_valid_after_utc - now).total_seconds() < 3 * 365 * _DAY_S:
            yield f"the root {root.subject.rfc4514_string()} ends on {root.not_valid_after_utc:%Y-%m-%d}"
    for file in sorted((authority.folder / "roles").glob("*.crt")):
        try:
            leaf = authority.held(file.stem).leaf()
            refusal = authority.revocations.refusal(leaf)
        except TielineError as error:
            yield str(error)
            continue
        if refusal:
            yield f"the certificate of {file.stem} on this machine does not count: {refusal}"
        elif now > leaf.not_valid_after_utc:
            yield f"the certificate of {file.stem} on this machine ended on {_minute(leaf.not_valid_after_utc)} UTC"
    yield from _about_list(authority, now)


def _about_list(authority: Authority, now: datetime) -> Iterator[str]:
    try:
        current = authority.revocations.current()
    except TielineError as error:
        yield re.sub(r"^the list", f"the list {authority.revocations.file}", str(error))
        return
    if current is None:
        yield "no list of what is revoked has come yet"
    elif current.is_overdue(now):
        yield f"the list of what is revoked is overdue since {_minute(current.next_update)} UTC; it still counts"


def _generation(leaf: x509.Certificate) -> int:
    try:
        return read_role_name(leaf.subject)[1]
    except ValueError:
        return 0


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
