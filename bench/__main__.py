"""`python -m bench`: every measurement, as a table and as `bench-results/results.json`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench import (
    alarms,
    audit,
    backfill,
    calculations,
    compression,
    control,
    diagram,
    dnp3,
    expressions,
    goose,
    historian,
    hmi,
    iec61850,
    latency,
    modbus,
    network_budgets,
    pipeline,
    processing,
    remote_access,
    scl,
    snmp,
    switching_state,
    watching,
    web,
    zones,
)
from bench.result import Result, show, write

FILE = Path("bench-results") / "results.json"


def main() -> None:
    """Runs the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    letters = (
        "a Modbus, b pipeline, c latency, d historian, e web, f DNP3, g GOOSE and SV, h SCL, i IEC 61850 reports, "
        "j processing, k compression, l calculations, m expressions, n back-fill, o alarms, p control, q switching state, r HMI, "
        "s single-line diagrams, t zones, u audit, v remote access, w network budgets, x SNMP, y watching"
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{letters}; all if none is named")
    parser.add_argument("--rows", type=int, default=15_000_000, help="rows for the historian and its peers")
    asked = parser.parse_args()
    parts: dict[str, Callable[[], list[Result]]] = {
        "a": modbus.run,
        "b": pipeline.run,
        "c": latency.run,
        "d": lambda: historian.run(asked.rows),
        "e": web.run,
        "f": dnp3.run,
        "g": goose.run,
        "h": scl.run,
        "i": iec61850.run,
        "j": processing.run,
        "k": compression.run,
        "l": calculations.run,
        "m": expressions.run,
        "n": backfill.run,
        "p": control.run,
        "o": alarms.run,
        "q": switching_state.run,
        "r": hmi.run,
        "s": diagram.run,
        "t": zones.run,
        "u": audit.run,
        "v": remote_access.run,
        "w": network_budgets.run,
        "x": snmp.run,
        "y": watching.run,
    }
    unknown = set(asked.parts) - set(parts)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    results: list[Result] = []
    for name, run in parts.items():
        if not asked.parts or name in asked.parts:
            found = run()
            show(found)
            results += found
    write(results, FILE)
    print(f"\nwritten to {FILE}")


if __name__ == "__main__":
    main()
