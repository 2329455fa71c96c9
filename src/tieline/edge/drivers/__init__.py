"""One module for each protocol: where its codec, the channels of `tieline.io` and the model meet."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

from tieline.config import Site, TlsConnection
from tieline.edge.driver import Driver
from tieline.edge.drivers.modbus import modbus_drivers
from tieline.io import Clock
from tieline.model import Event, Samples


def make_drivers(
    site: Site,
    on_samples: Callable[[Samples], None],
    on_event: Callable[[Event], None],
    *,
    clock: Clock,
    tls: Callable[[TlsConnection], ssl.SSLContext] | None = None,
) -> Sequence[Driver]:
    """A driver for each device of a site."""
    return modbus_drivers(site.devices, on_samples=on_samples, on_event=on_event, clock=clock, tls=tls)
