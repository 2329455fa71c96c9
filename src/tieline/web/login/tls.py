"""TLS of the web server: with it, and with accounts, other machines than this one may connect."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from tieline.model import ConfigError
from tieline.security.identity import Credentials


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What the server shows, and the names under which it may be opened. TLS 1.2 and later."""

    context: ssl.SSLContext
    names: tuple[str, ...]
    """Those of the certificate, lower-case: host names, `*.example`, addresses."""

    @classmethod
    def of_files(cls, certificate: Path, key: Path) -> ServerTls:
        """A certificate (with its chain) and its key, PEM. Raises `ConfigError` where they cannot be used."""
        context = _context()
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:
            raise ConfigError(f"the certificate {certificate} with the key {key} cannot be used: {error}") from error
        return cls(context, _names(certificate))

    @classmethod
    def of_credentials(cls, credentials: Credentials) -> ServerTls:
        """A certificate of the utility's own authority; a renewed one is used for the next connections. Raises `ConfigError`."""
        context = _context()
        credentials.load_into(context)
        return cls(context, _names(credentials.certificate))

    def is_named(self, host: str) -> bool:
        """Whether the certificate is for this host."""
        host = host.lower()
        first, _, rest = host.partition(".")
        return host in self.names or bool(first and rest and f"*.{rest}" in self.names)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _names(certificate: Path) -> tuple[str, ...]:
    """Raises `ConfigError` where there are none: no browser would take such a certificate."""
    try:
        parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
        held = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise ConfigError(
            f"the certificate {certificate} cannot be used: it has no subject alternative names ({error})"
        ) from error
    names = [name.lower() for name in held.get_values_for_type(x509.DNSName)]
    return (*names, *(str(address) for address in _addresses(held)))


def _addresses(held: x509.SubjectAlternativeName) -> Collection[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    found = held.get_values_for_type(x509.IPAddress)
    return [one for one in found if isinstance(one, ipaddress.IPv4Address | ipaddress.IPv6Address)]
