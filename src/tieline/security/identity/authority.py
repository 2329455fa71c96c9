"""The certificates of a data directory: the utility's root, the intermediate that issues, and a pair for every role.

    authority/
      authority.crt      the root's certificate (or several): what every role trusts
      revoked.crl        the newest list of what is revoked
      roles/NAME.crt     a role's certificate, then those between it and the root
      roles/NAME.key     its key
    and where certificates are issued
      intermediate.crt   the issuing authority's certificate, then those between it and the root
      intermediate.key   its key (or intermediate.pkcs11: the URI of one in a hardware module)
      registry.db        what was issued and revoked, and tokens
      audit/             who did what of that
      offline/           the root's key, until somebody takes it away

On a machine that runs a single role, `authority.crt` and the role's own pair are enough. Keys have mode 0600, and are refused with
any other; each file is written by an atomic rename. A renewed certificate keeps its key, so that the pair fits at every moment.

A file `life` with a number of seconds makes the certificates that are issued end so soon, to try out what happens then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from tieline.model import ConfigError
from tieline.security.identity import files
from tieline.security.identity.certificates import (
    ROLE_LIFE,
    IssuingKey,
    is_authority,
    life_of,
    make_intermediate,
    make_root,
    new_key,
    read_role_name,
)
from tieline.security.identity.credentials import Credentials
from tieline.security.identity.issuer import LOCAL, Issuer
from tieline.security.identity.revocation import Revocations

ROOT_NAME = "Tieline root"
INTERMEDIATE_NAME = "Tieline intermediate"
OFFLINE = "offline"


class Authority:
    """Hands out the certificates that exist, and issues those that do not where it can. Get one with `open`."""

    def __init__(self, folder: Path, now: Callable[[], datetime], life: timedelta) -> None:
        self.issuer = Issuer(folder, now, life)
        self.revocations = Revocations(folder)
        self.folder = folder
        self._now = now

    @classmethod
    def open(
        cls, folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), life: timedelta | None = None
    ) -> Authority:
        """The authority in a folder, made there if the folder holds none. `life` is that of certificates which it issues.

        Raises `ConfigError` where half of it is missing, `UnavailableError` where the folder cannot be written.
        """
        authority = cls.existing(folder, now=now, life=life)
        if not authority.root_file.exists():
            if (folder / "roles").exists():
                raise ConfigError(f"the authority's certificate {authority.root_file} is missing; copy it from the center")
            authority.create(folder / OFFLINE)
        return authority

    @classmethod
    def existing(
        cls, folder: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC), life: timedelta | None = None
    ) -> Authority:
        """What the folder holds; nothing is made. Raises `ConfigError` where half of it is missing."""
        authority = cls(folder, now, _read_life_file(folder / "life") if life is None else life)
        if (folder / "authority.key").exists():
            raise ConfigError(
                f"{folder} is of a release whose authority had one level; stop every role, move {folder} away so that new certificates "
                "are made here, and give every other machine its new ones"
            )
        issuer = authority.issuer
        if issuer.is_here:
            for file in (authority.root_file, issuer.file):
                if not file.exists():
                    raise ConfigError(
                        f"the authority's certificate {file} is missing; restore it from a backup, "
                        f"or remove {folder} to start anew with new certificates for every role"
                    )
            files.check_private(issuer.key_file)
        return authority

    @property
    def root_file(self) -> Path:
        """What every role trusts."""
        return self.folder / "authority.crt"

    @property
    def offline(self) -> Path:
        """Where the root's key lies until it is taken away."""
        return self.folder / OFFLINE

    def credentials(self, name: str, *, hosts: Sequence[str] = ()) -> Credentials:
        """The certificate of a role, issued now if there is none or the one there is near its end.

        `hosts` are the names and addresses under which the role is dialed. What was revoked is handed out as it is: it is worth nothing
        to anybody else, and nothing else is issued until the role is enrolled again. Raises `ConfigError` where a certificate is missing
        and cannot be issued here.
        """
        held = self.held(name, hosts=hosts)
        has_certificate, has_key = held.certificate.exists(), held.key.exists()
        if has_certificate != has_key:
            missing, there = (held.certificate, held.key) if has_key else (held.key, held.certificate)
            raise ConfigError(f"{missing} is missing; restore it, or remove {there} too to have a new pair issued")
        files.check_private(held.key)
        if has_certificate and (not self.issuer.is_here or self._is_out(held) or not self.issuer.is_due(held.leaf(), hosts)):
            return held
        if not self.issuer.is_here:
            raise ConfigError(
                f"the certificate of {name} is missing: {held.certificate}; copy its .crt and .key from the center, "
                "or get one with tieline pki enroll"
            )
        if not has_certificate and not self.issuer.is_admitted(name):
            raise ConfigError(f"the certificates of {name} are revoked; let it in again with tieline pki issue {name}")
        self.issue(held, keeps_key=has_key, why="renewal" if has_certificate else "first certificate")
        return held

    def held(self, name: str, *, hosts: Sequence[str] = ()) -> Credentials:
        """Where the pair of a role lies, whether it is there or not."""
        return Credentials(
            name=name,
            certificate=self.folder / "roles" / f"{name}.crt",
            key=self.folder / "roles" / f"{name}.key",
            authority=self.root_file,
            hosts=tuple(hosts),
        )

    def is_due(self, held: Credentials) -> bool:
        """Whether a third of the life of a certificate or less is left. Raises nothing: one that cannot be read is nobody's to renew."""
        try:
            certificate = held.leaf()
        except ConfigError:
            return False
        return certificate.not_valid_after_utc - self._now() <= life_of(certificate) / 3

    def issue(self, held: Credentials, *, keeps_key: bool, why: str, actor: str = LOCAL) -> None:
        """Issues a pair, or a certificate for the key that is there. Raises `TielineError`."""
        key = files.read_key(held.key) if keeps_key else new_key()
        certificate = self.issuer.issue(held.name, key.public_key(), held.hosts, actor=actor, why=why)
        self.store(held, [certificate, *self.issuer.chain()], None if keeps_key else key)

    def store(self, held: Credentials, chain: Sequence[x509.Certificate], key: IssuingKey | None) -> None:
        """Puts a certificate with its chain, and its key where it is a new one, where the role finds it. Raises `UnavailableError`."""
        try:
            held.key.parent.mkdir(exist_ok=True, mode=0o700, parents=True)
            if key is not None:
                files.write_key(held.key, key)
            files.write(held.certificate, files.as_pem(chain))
        except OSError as error:
            raise files.cannot_write(self.folder, error) from error

    def roots(self) -> list[x509.Certificate]:
        """What every role trusts. Raises `ConfigError`."""
        return files.read_chain(self.root_file)

    def create(self, offline: Path, permitted: Sequence[str] = (), *, actor: str = LOCAL) -> None:
        """Makes a root, whose key goes to the folder `offline`, and an intermediate. Raises `TielineError`."""
        root, root_key = make_root(ROOT_NAME, self._now())
        key = new_key()
        certificate = make_intermediate(f"{INTERMEDIATE_NAME} 1", key.public_key(), root, root_key, self._now(), permitted)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            offline.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.write(offline / "root.crt", files.as_pem([root]))
            files.write_key(offline / "root.key", root_key)
        except OSError as error:
            raise files.cannot_write(offline, error) from error
        self.install([certificate], [root], key, actor=actor, why="made here")

    def install(
        self,
        chain: Sequence[x509.Certificate],
        roots: Sequence[x509.Certificate],
        key: IssuingKey | str,
        *,
        actor: str = LOCAL,
        why: str,
    ) -> None:
        """Takes an issuing authority: its certificate with those above it, the roots, and its key or the
        PKCS #11 URI of it.

        Raises `TielineError`.
        """
        issuer = self.issuer
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            detail = {"subject": chain[0].subject.rfc4514_string(), "until": chain[0].not_valid_after_utc.isoformat(), "why": why}
            issuer.record("authority_installed", "intermediate", detail, actor=actor)
            with files.locked(self.folder):
                if isinstance(key, str):
                    files.write(issuer.module_file, key.strip().encode() + b"\n", 0o600)
                    issuer.key_file.unlink(missing_ok=True)
                else:
                    files.write_key(issuer.key_file, key)
                    issuer.module_file.unlink(missing_ok=True)
                files.write(issuer.file, files.as_pem(chain))
                files.write(self.root_file, files.as_pem(roots))
        except OSError as error:
            raise files.cannot_write(self.folder, error) from error
        issuer.keep_list(is_signed_anew=True)

    def renew_intermediate(
        self, root_folder: Path, permitted: Sequence[str] = (), *, module: str = "", actor: str = LOCAL
    ) -> x509.Certificate:
        """A new intermediate with a new key, signed with the root's; certificates of the former stay valid until they end.

        `module` is the PKCS #11 URI of the new key, where a hardware module has it.
        Raises `ConfigError` where the folder does not hold this authority's root.
        """
        root, root_key = files.read_certificate(root_folder / "root.crt"), files.read_key(root_folder / "root.key")
        if root not in self.roots():
            raise ConfigError(f"{root_folder} holds the root of another authority than {self.root_file}")
        if root_key.public_key() != root.public_key():
            raise ConfigError(f"the key in {root_folder} does not belong to the certificate beside it")
        number = self.issuer.chain()[0].subject.rfc4514_string().rsplit(" ", 1)[-1]
        name = f"{INTERMEDIATE_NAME} {int(number) + 1 if number.isdecimal() else 2}"
        key: IssuingKey = new_key()
        if module:
            from tieline.security.identity.module import ModuleKey, ModulePlace

            key = ModuleKey.at(ModulePlace.read(module))
        certificate = make_intermediate(name, key.public_key(), root, root_key, self._now(), permitted)
        self.install([certificate], self.roots(), module or key, actor=actor, why="renewed")
        return certificate

    def _is_out(self, held: Credentials) -> bool:
        """Whether the certificate that is held was revoked."""
        certificate = held.leaf()
        generation = self.issuer.registry.generations().get(held.name, 0)
        try:
            return read_role_name(certificate.subject)[1] < generation
        except ValueError:
            return False


def check_chain(chain: Sequence[x509.Certificate], file: Path) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    """An issuing authority's certificate and those above it without the root, and the root. Raises `ConfigError`."""
    issuing, *others = chain
    if not is_authority(issuing):
        raise ConfigError(f"the first certificate of {file} may not issue any (CA:TRUE and keyCertSign are needed)")
    if not issuing.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign:
        raise ConfigError(f"the first certificate of {file} may not sign lists of what is revoked (cRLSign is needed)")
    roots = [one for one in chain if one.subject == one.issuer]
    if not roots:
        raise ConfigError(f"{file} has no root: append the certificate of the root, which every role will trust")
    return [one for one in [issuing, *others] if one not in roots] or [issuing], roots


def _read_life_file(path: Path) -> timedelta:
    try:
        return timedelta(seconds=float(path.read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return ROLE_LIFE
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} has to hold a number of seconds: {error}") from error


def read_life(held: Credentials) -> tuple[datetime, timedelta]:
    """When the certificate ends, and for how long it was issued. Raises `ConfigError` where it cannot be read."""
    certificate = held.leaf()
    return certificate.not_valid_after_utc, life_of(certificate)
