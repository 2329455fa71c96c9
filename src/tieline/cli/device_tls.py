"""TLS between a gateway and what the utility folder describes: devices, and masters of others."""

from __future__ import annotations

import ssl
from pathlib import Path

from tieline.config import TlsFiles
from tieline.config.transports import TlsServer
from tieline.model import ConfigError
from tieline.security.identity import Credentials, files
from tieline.security.identity.device_profile import DeviceContext, DeviceRevocations
from tieline.security.identity.revocation import Revocations


def device_context(folder: Path, connection: TlsFiles, ours: Credentials) -> ssl.SSLContext:
    """Mutual TLS after IEC 62351-3 with the files that the folder names, or with our own.

    Raises `ConfigError` where a file cannot be used.
    """
    context = DeviceContext(ssl.PROTOCOL_TLS_SERVER if isinstance(connection, TlsServer) else ssl.PROTOCOL_TLS_CLIENT)
    authority = ours.authority if connection.authority_file is None else folder / connection.authority_file
    try:
        context.load_verify_locations(authority)
    except OSError as error:
        raise ConfigError(f"{authority} cannot be used as an authority: {error}") from error
    if connection.crl_file is not None:
        context.refusal = DeviceRevocations(folder / connection.crl_file, files.read_chain(authority))
    elif connection.authority_file is None:
        context.refusal = Revocations(ours.authority.parent).refusal
    if connection.certificate_file is None or connection.key_file is None:
        ours.load_into(context)
        return context
    certificate, key = folder / connection.certificate_file, folder / connection.key_file
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise ConfigError(f"{certificate} cannot be used as a certificate: {error}") from error
    files.check_private(key)
    return context
