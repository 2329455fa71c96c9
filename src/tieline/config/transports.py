"""What connections of several protocols have in common: TLS files, serial lines."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from tieline.config.fields import Strict


class TlsFiles(Strict):
    """Mutual TLS. Files are relative to the folder; by default Tieline's own authority vouches for both sides."""

    authority_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    crl_file: str | None = Field(default=None, description="what that authority has revoked, X.509 CRL in PEM or DER")

    @model_validator(mode="after")
    def _files_come_together(self) -> Self:
        given = [self.certificate_file is not None, self.key_file is not None]
        if any(given) and not all(given):
            raise ValueError("certificate_file and key_file belong together; write both or neither")
        return self


class TlsClient(TlsFiles):
    """The side that dials."""

    server_name: str | None = Field(default=None, description="the name in the device's certificate, where it is not the host")


class TlsServer(TlsFiles):
    """The side that listens."""

    peer_name: str | None = Field(default=None, description="the name that the certificate of whoever dials has to bear")


class SerialLine(Strict):
    """A serial line; devices that name the same one share it."""

    serial_port: str = Field(min_length=1, description="for example /dev/ttyS1")
    baud_rate: int = Field(default=9600, ge=300, le=4_000_000)
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
