"""One module for each protocol: where its codec, the channels of `tieline.io` and the model meet."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import NoReturn

from tieline.config import Iec61850Device, ModbusDevice, Site, TlsFiles
from tieline.config.dnp3 import Dnp3Device
from tieline.config.snmp import SnmpDevice
from tieline.edge.dnp3 import StationChannels
from tieline.edge.driver import Driver, Settle, at_once
from tieline.edge.drivers.dnp3 import dnp3_drivers
from tieline.edge.drivers.iec61850 import Iec61850Driver
from tieline.edge.drivers.modbus import modbus_drivers
from tieline.edge.drivers.snmp import KeysOf, snmp_drivers
from tieline.edge.iec61850.configured import settings_of
from tieline.edge.snmp.hints import Hints
from tieline.io import Clock
from tieline.model import ConfigError, Event, Samples, UnavailableError


def make_drivers(
    site: Site,
    on_samples: Callable[[Samples], None],
    on_event: Callable[[Event], None],
    settle: Settle = at_once,
    *,
    clock: Clock,
    tls: Callable[[TlsFiles], ssl.SSLContext] | None = None,
    channels: StationChannels | None = None,
    snmp_keys: KeysOf | None = None,
    hints: Hints | None = None,
) -> Sequence[Driver]:
    """A driver for each device of a site. Raises `ConfigError` for a device of a protocol that there is no driver for.

    `settle` returns when everything handed over so far is safe: an event is confirmed to its device only then. `channels` is given where
    DNP3 devices may share them with outstations of the site. `snmp_keys` are those of watched nodes of the network, and `hints` has their
    drivers look at once.
    """
    modbus, dnp3, iec61850, snmp = [], [], [], []
    for device in site.devices:
        match device:
            case ModbusDevice():
                modbus.append(device)
            case Dnp3Device():
                dnp3.append(device)
            case Iec61850Device():
                iec61850.append(device)
            case SnmpDevice():
                snmp.append(device)
            case _:
                raise ConfigError(f"{device.path} cannot be read: there is no driver for {device.protocol}")
    return [
        *modbus_drivers(modbus, on_samples=on_samples, on_event=on_event, clock=clock, tls=tls),
        *dnp3_drivers(dnp3, on_samples=on_samples, on_event=on_event, settle=settle, clock=clock, tls=tls, channels=channels),
        *(
            Iec61850Driver(each, settings=settings_of(each), on_samples=on_samples, on_event=on_event, clock=clock, tls=tls)
            for each in iec61850
        ),
        *snmp_drivers(snmp, on_samples=on_samples, on_event=on_event, clock=clock, keys=snmp_keys or _no_keys, hints=hints),
    ]


def _no_keys(device: SnmpDevice) -> NoReturn:
    raise UnavailableError(f"{device.path} is watched by SNMPv3, and there are no keys for it")
