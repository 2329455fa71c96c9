"""The bus: NATS servers run and configured from the zones, streams that lose nothing, and what travels on them."""

from tieline.bus.connection import connected
from tieline.bus.envelope import (
    DeviceHealth,
    Health,
    decode_batch,
    decode_health,
    encode_batch,
    encode_health,
)
from tieline.bus.publishing import publish
from tieline.bus.server import Server

__all__ = [
    "DeviceHealth",
    "Health",
    "Server",
    "connected",
    "decode_batch",
    "decode_health",
    "encode_batch",
    "encode_health",
    "publish",
]
