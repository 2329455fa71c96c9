"""The time stamp of IEC 61850-8-1."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.model import LocalError

LEAP_SECONDS_KNOWN = 0x80
CLOCK_FAILURE = 0x40
CLOCK_NOT_SYNCHRONIZED = 0x20
ACCURACY = 0x1F
"""Significant bits of the fraction; 31 is unspecified."""


@dataclass(frozen=True, slots=True)
class UtcTime:
    """A time stamp as it goes over the wire: seconds, a fraction of 24 bits, and the time quality octet (IEC 61850-8-1, 8.1.3.7)."""

    seconds: int
    fraction: int
    """In 2^-24 s, about 60 ns."""
    quality: int = 0

    @property
    def us(self) -> int:
        """Microseconds since 1970-01-01 UTC, rounded to the nearest."""
        return self.seconds * 1_000_000 + (self.fraction * 1_000_000 + (1 << 23) >> 24)

    @classmethod
    def of(cls, us: int, quality: int = 0) -> UtcTime:
        """The time stamp for microseconds since 1970-01-01 UTC; `us` gives them back unchanged.

        Raises `LocalError` before 1970 and after 2106, which 32 bits of seconds do not reach.
        """
        seconds, rest = divmod(us, 1_000_000)
        fraction = ((rest << 24) + 500_000) // 1_000_000
        if not 0 <= seconds <= 0xFFFF_FFFF or not 0 <= quality <= 0xFF:
            raise LocalError(f"no time stamp can hold {us} us with quality {quality}")
        return cls(seconds, fraction, quality)

    @classmethod
    def from_octets(cls, octets: bytes) -> UtcTime:
        """From its eight octets."""
        return cls(int.from_bytes(octets[:4], "big"), int.from_bytes(octets[4:7], "big"), octets[7])

    def to_octets(self) -> bytes:
        """Its eight octets."""
        try:
            return self.seconds.to_bytes(4, "big") + self.fraction.to_bytes(3, "big") + self.quality.to_bytes(1, "big")
        except OverflowError as error:
            raise LocalError(f"{self} does not fit into eight octets") from error
