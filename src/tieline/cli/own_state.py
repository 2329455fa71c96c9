"""What every role says of itself: its process, its disk, its certificate, its bus server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from tieline.bus import Server
from tieline.observe import ProcessState, disk_of, memory_mb
from tieline.observe.sampler import Measure
from tieline.security.identity import Credentials

_DAY_S = 86_400


def role_measures(place: Path, credentials: Credentials, *servers: Server) -> Sequence[Measure]:
    """The measures of one role; `place` is its folder in the data directory."""
    return (ProcessState(), lambda: disk_of(place), CertificateAge(credentials), lambda: server_state(*servers))


class CertificateAge:
    """How old a role's certificate is and how long it holds; read again when the file changes."""

    def __init__(self, credentials: Credentials, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._file = credentials.certificate
        self._now = now
        self._read_at = -1
        self._life: tuple[datetime, datetime] | None = None

    def __call__(self) -> Mapping[str, float]:
        """Nothing where it cannot be read. Raises `OSError` where it is gone."""
        changed = self._file.stat().st_mtime_ns
        if changed != self._read_at:
            self._read_at = changed
            try:
                certificate = x509.load_pem_x509_certificate(self._file.read_bytes())
            except ValueError:
                self._life = None
            else:
                self._life = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if self._life is None:
            return {}
        begin, end = self._life
        now = self._now()
        return {
            "certificate_age_days": (now - begin).total_seconds() / _DAY_S,
            "certificate_left_days": (end - now).total_seconds() / _DAY_S,
        }


def server_state(*servers: Server) -> Mapping[str, float]:
    """How the role's bus servers are together; only the number of their restarts while one does not run."""
    values = {"bus_restarts": float(sum(server.restarts for server in servers))}
    with suppress(FileNotFoundError):
        values["bus_memory_mb"] = sum(memory_mb(server.pid) for server in servers)
    return values
