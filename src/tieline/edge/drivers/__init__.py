"""One module for each protocol: where its codec, the channels of `tieline.io` and the model meet."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

from tieline.config import ModbusDevice, Site, TlsFiles
from tieline.edge.driver import Driver
from tieline.edge.drivers.modbus import modbus_drivers
from tieline.io import Clock
from tieline.model import ConfigError, Event, Samples


def make_drivers(
    site: Site,
    on_samples: Callable[[Samples], None],
    on_event: Callable[[Event], None],
    *,
    clock: Clock,
    tls: Callable[[TlsFiles], ssl.SSLContext] | None = None,
) -> Sequence[Driver]:
    """A driver for each device of a site. Raises `ConfigError` for a device of a protocol that there is no driver for."""
    modbus = []
    for device in site.devices:
        if not isinstance(device, ModbusDevice):
            raise ConfigError(f"{device.path} cannot be read: there is no driver for {device.protocol}")
        modbus.append(device)
    return modbus_drivers(modbus, on_samples=on_samples, on_event=on_event, clock=clock, tls=tls)
