"""The utility that the rig runs: two sites with devices of all protocols, each with points that count so that every change is known again.

| site | device | speaks | points |
|---|---|---|---|
| north | rtu | DNP3 over TCP, unsolicited | counter, analog and binary events with time |
| north | meter | Modbus TCP, polled | a register that stays for `HOLD_S` |
| south | rtu | DNP3 over TCP, polled for events | the same |
| south | meter | Modbus TCP, polled | the same |
| south | bay | IEC 61850, buffered reports | an operation counter and an indication, with their own time |
"""

from __future__ import annotations

from pathlib import Path

from bench.topology import utility_toml
from tieline.cli.run import free_port

SITES = ("north", "south")
ROWS_PER_S = 5.0
HOLD_S = 24.0
"""A polled value stays longer than the longest restart of a gateway, on a machine with much else to do."""

SCL = Path(__file__).parents[1] / "data" / "iec61850" / "millbrook.scd"

EVENTS: dict[str, tuple[str, ...]] = {
    "north/rtu": ("energy", "power", "door"),
    "south/rtu": ("energy", "power", "door"),
    "south/bay": ("ctrl-xcbr1-opcnt", "ctrl-ggio1-ind1"),
}
"""Points whose every change is an event with the device's time."""

REPORTING = frozenset({"south/bay"})
"""Devices of IEC 61850."""

POLLED: dict[str, tuple[str, ...]] = {"north/meter": ("level",), "south/meter": ("level",)}
"""Points whose every value is to be found, with the gateway's time."""

ORDERED = frozenset({"south/meter/level"})
"""Polled points of a site whose clock never steps: later values have later times."""

_REPORTING = "[reporting]\nmax_silence_s = 86400\n[spool]\nmb = 16\nreserve_mb = 8\n"
_RTU = """\
[[devices]]
name = "rtu"
protocol = "dnp3"
outstation = {outstation}
master = 1
{events}
[devices.connection]
transport = "tcp"
host = "127.0.0.1"
port = {port}
timeout_s = 2.0
"""
_METER = """\
[[devices]]
name = "meter"
protocol = "modbus"
polls = {{ fast = 0.25 }}
[devices.connection]
transport = "tcp"
host = "127.0.0.1"
port = {port}
"""
_BAY = """\
[[devices]]
name = "bay"
protocol = "iec61850"
ied = "MBQ01"
client = "MBGW"
[devices.connection]
transport = "tcp"
host = "127.0.0.1"
port = {port}
"""
_RTU_POINTS = """\
name,kind,unit,group,index,class,event_variation
energy,counter,kWh,20,0,3,5
power,analog,MW,30,0,2,3
door,binary,,1,0,1,2
"""
_METER_POINTS = "name,kind,table,address,type,poll\nlevel,analog,input_register,0,uint32,fast\n"


def write_folder(folder: Path, *, center: str = "") -> None:
    """Writes it, with ports that are free now."""
    unasked = "polls = { integrity_s = 3600.0 }"
    asked = "unsolicited = []\npolls = { events_s = 1.0 }"
    north = _REPORTING + _RTU.format(outstation=10, events=unasked, port=free_port()) + _METER.format(port=free_port())
    south = (
        _REPORTING
        + _RTU.format(outstation=11, events=asked, port=free_port())
        + _METER.format(port=free_port())
        + _BAY.format(port=free_port())
    )
    files = {
        "utility.toml": utility_toml("Resilience", *SITES) + center,
        "sites/north/site.toml": north,
        "sites/north/points/rtu.csv": _RTU_POINTS,
        "sites/north/points/meter.csv": _METER_POINTS,
        "sites/south/site.toml": south,
        "sites/south/points/rtu.csv": _RTU_POINTS,
        "sites/south/points/meter.csv": _METER_POINTS,
        "sites/south/scl/millbrook.scd": SCL.read_text(),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def write_recording(path: Path, *, first: int, seconds: float) -> None:
    """Rows that count from `first`: what the devices show for so long."""
    counting = ["north/rtu/energy", "north/rtu/power", "south/rtu/energy", "south/rtu/power", "south/bay/ctrl-xcbr1-opcnt"]
    toggling = ["north/rtu/door", "south/rtu/door", "south/bay/ctrl-ggio1-ind1"]
    hold = round(HOLD_S * ROWS_PER_S)
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["time", *counting, *toggling, "north/meter/level", "south/meter/level"]) + "\n")
        for row in range(first, first + round(seconds * ROWS_PER_S)):
            cells = [row] * len(counting) + [row // 3 % 2, row // 4 % 2, row // 5 % 2] + [1 + row // hold] * 2
            file.write(",".join(map(str, [row, *cells])) + "\n")
