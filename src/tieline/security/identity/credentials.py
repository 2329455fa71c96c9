"""A role's certificate and key, and the TLS contexts made of them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from tieline.model import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """PEM files of one role: its certificate, its private key (mode 0600), and the authority that vouches for its peers."""

    name: str
    certificate: Path
    key: Path
    authority: Path

    def server_context(self, *, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """TLS for a server: a client without a certificate of the same authority is refused."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return self._load(context, minimum)

    def client_context(self, *, minimum: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """TLS for a client: the server's certificate and name are verified, ours is shown."""
        return self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), minimum)

    def _load(self, context: ssl.SSLContext, minimum: ssl.TLSVersion) -> ssl.SSLContext:
        context.minimum_version = minimum
        try:
            context.load_verify_locations(self.authority)
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise ConfigError(f"the certificate of {self.name} in {self.certificate.parent} cannot be used: {error}") from error
        return context
