"""What the commands of `tieline pki` do. Everything that changes an authority is in its audit."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tieline.cli.web import LOOPBACK
from tieline.model import ConfigError, UnavailableError
from tieline.security.identity import Authority, files
from tieline.security.identity.authority import check_chain
from tieline.security.identity.certificates import IssuingKey, fingerprint
from tieline.security.identity.enrollment import Registrar, Token

EST_PORT = 8443


def init(data: Path, root: Path, permitted: Sequence[str]) -> None:
    """Makes an authority whose root's key is elsewhere. Raises `TielineError`."""
    authority = Authority.existing(data / "authority")
    if authority.root_file.exists():
        raise ConfigError(f"{data / 'authority'} holds an authority already")
    if (root / "root.key").exists():
        raise ConfigError(
            f"{root} holds a root's key already; tieline pki intermediate makes an intermediate of it where its authority is"
        )
    if root.resolve().is_relative_to(data.resolve()):
        raise ConfigError(f"{root} lies within {data}; choose a place that can be taken away, for example a mounted stick")
    authority.create(root, permitted, actor=actor())
    say(f"root: {root}/root.key and root.crt, SHA-256 {fingerprint(authority.roots()[0])}; take it away and lock it up")
    say(f"intermediate: {authority.issuer.file}, until {authority.issuer.chain()[0].not_valid_after_utc:%Y-%m-%d}")


def token(data: Path, role: str, hosts: Sequence[str], hours: float, file: Path | None) -> None:
    """Makes a token and says it, once. Raises `TielineError`."""
    made = Registrar(issuing(data)).new_token(role, _hosts(hosts), actor=actor(), life=timedelta(hours=hours))
    if file is None:
        say(str(made))
        return
    try:
        files.write(file, f"{made}\n".encode(), 0o600)
    except OSError as error:
        raise UnavailableError(f"cannot write {file}: {(error.strerror or str(error)).lower()}") from error
    print(f"token for {role} written to {file}, good for {hours:g} h", file=sys.stderr)  # noqa: T201


def enroll(data: Path, role: str, dmz: str, token_file: Path, hosts: Sequence[str]) -> None:
    """Gets a role's certificate. Raises `TielineError`."""
    from tieline.cli.est_client import enroll as ask

    try:
        given = Token.read(token_file.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"the token in {token_file} cannot be read: {error}") from error
    host, _, port = dmz.rpartition(":")
    address = dmz if host and port.isdigit() else f"{dmz}:{EST_PORT}"
    held = ask(Authority.existing(data / "authority"), address, role, given, _hosts(hosts))
    say(f"{held.certificate}: {role}, until {held.leaf().not_valid_after_utc:%Y-%m-%d %H:%M} UTC")


def issue(data: Path, role: str, hosts: Sequence[str]) -> None:
    """Issues a new pair where the authority is. Raises `TielineError`."""
    authority = issuing(data)
    held = authority.held(role, hosts=_hosts(hosts))
    authority.issue(held, keeps_key=False, why="issued by hand", actor=actor())
    say(f"{held.certificate}: {role}, until {held.leaf().not_valid_after_utc:%Y-%m-%d %H:%M} UTC")


def revoke(data: Path, role: str, reason: str, text: str) -> None:
    """Revokes a role. Raises `TielineError`."""
    authority = issuing(data)
    generation = authority.issuer.revoke(role, reason, actor=actor(), text=text)
    current = authority.revocations.current()
    number = 0 if current is None else current.number
    say(f"{role} is revoked: list {number}, generation {generation} counts; let it in again with tieline pki token or issue")


def crl(data: Path, take: Path | None, *, renew: bool) -> None:
    """Takes, renews or prints the list of what is revoked. Raises `TielineError`."""
    authority = Authority.existing(data / "authority")
    if take is not None:
        try:
            pem = take.read_bytes()
        except OSError as error:
            raise ConfigError(f"{take} cannot be read: {(error.strerror or str(error)).lower()}") from error
        say("taken" if authority.revocations.take(pem) else "that list is here already")
        return
    if renew:
        issuing(data).issuer.keep_list(is_signed_anew=True)
    current = authority.revocations.current()
    if current is None:
        raise UnavailableError(f"no list of what is revoked has come to {authority.folder} yet")
    say(current.pem.decode().rstrip())


def take_authority(data: Path, certificate: Path, key: Path | None, module: str) -> None:
    """Takes an authority of the utility's own. Raises `TielineError`."""
    authority = Authority.existing(data / "authority")
    if authority.root_file.exists():
        raise ConfigError(f"{authority.folder} holds an authority already; stop every role and move it away first")
    chain, roots = check_chain(files.read_chain(certificate), certificate)
    signing: IssuingKey
    if key is not None and not module:
        signing = files.read_issuing_key(key)
    elif module and key is None:
        from tieline.security.identity.module import ModuleKey, ModulePlace

        signing = ModuleKey.at(ModulePlace.read(module))
    else:
        raise ConfigError("the authority's key is needed: give --key or --pkcs11")
    if signing.public_key() != chain[0].public_key():
        raise ConfigError(f"the key {key or module} does not belong to the first certificate of {certificate}")
    authority.install(chain, roots, module or signing, actor=actor(), why="imported")
    say(f"certificates are issued by {chain[0].subject.rfc4514_string()}, until {chain[0].not_valid_after_utc:%Y-%m-%d}")


def renew_intermediate(data: Path, root: Path, permitted: Sequence[str], module: str) -> None:
    """Makes a new intermediate. Raises `TielineError`."""
    certificate = issuing(data).renew_intermediate(root, permitted, module=module, actor=actor())
    say(f"certificates are issued by {certificate.subject.rfc4514_string()}, until {certificate.not_valid_after_utc:%Y-%m-%d}")


def issuing(data: Path) -> Authority:
    """The authority of a data directory, which issues. Raises `ConfigError` where it does not."""
    authority = Authority.existing(data / "authority")
    if not authority.issuer.is_here:
        raise ConfigError(
            f"no certificates are issued in {authority.folder}; do this where the authority is, usually at the center"
        )
    return authority


def actor() -> str:
    """Who types the command, for the record."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"


def _hosts(further: Sequence[str]) -> list[str]:
    """Every role may be dialed on its own machine."""
    return [*LOOPBACK, *(host for host in further if host not in LOOPBACK)]


def say(line: str) -> None:
    """Tells whoever typed the command."""
    print(line)  # noqa: T201
