"""A role's certificate and key, and the TLS contexts made of them."""

from __future__ import annotations

import ssl
import weakref
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from tieline.model import ConfigError
from tieline.security.identity import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """PEM files of one role: its certificate with the chain, its private key (mode 0600), and the root that vouches for its peers."""

    name: str
    certificate: Path
    key: Path
    authority: Path
    hosts: tuple[str, ...] = ()
    """The names and addresses under which the role is dialed."""
    _contexts: weakref.WeakSet[ssl.SSLContext] = field(default_factory=weakref.WeakSet, repr=False, compare=False)

    def leaf(self) -> x509.Certificate:
        """The role's certificate, without those above it. Raises `ConfigError` where it cannot be read."""
        return files.read_certificate(self.certificate)

    def server_context(self, *, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """TLS for a server: a client without a certificate of the same authority is refused."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return self._load(context, minimum)

    def client_context(self, *, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """TLS for a client: the server's certificate and name are verified, ours is shown."""
        return self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), minimum)

    def reload(self) -> None:
        """Gives every context that was made of these files what they hold now; connections that are open keep what they have.

        Raises `ConfigError` where the files cannot be used; then contexts keep what they had.
        """
        for context in tuple(self._contexts):
            self._load_pair(context)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Lets a context show our certificate, and the renewed one after a `reload`. Raises `ConfigError`."""
        self._load_pair(context)
        self._contexts.add(context)

    def _load_pair(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise ConfigError(f"the certificate of {self.name} in {self.certificate.parent} cannot be used: {error}") from error

    def _load(self, context: ssl.SSLContext, minimum: ssl.TLSVersion) -> ssl.SSLContext:
        context.minimum_version = minimum
        try:
            context.load_verify_locations(self.authority)
        except OSError as error:
            raise ConfigError(f"the authority's certificate {self.authority} cannot be used: {error}") from error
        self.load_into(context)
        return context
