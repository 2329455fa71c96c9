"""Part (h): SCL files, megabytes for each second, in a process of its own for each reader so that its memory can be told.

The file is the station of the tests with a thousand feeder units of the same kind, 20 MB. Tieline reads all of it and checks what it
refers to; then every point of every IED is worked out. Beside it stand open61850's two readers, of which one knows the IEDs' control
blocks and the other one IED's data model, and the tree that Python's ElementTree builds of the file without understanding any of it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from bench.result import Result

STATION = Path(__file__).parents[1] / "tests" / "data" / "iec61850" / "millbrook.scd"
OCTETS = 20_000_000


def enlarge(text: str, octets: int) -> str:
    """The station with as many more feeder units as make a file of that size."""
    found = re.search(r'  <IED name="MBQ03".*?\n  </IED>\n', text, re.DOTALL)
    assert found
    count = octets // len(found[0].encode()) + 1
    more = "".join(found[0].replace("MBQ03", f"MX{number:04d}") for number in range(count))
    return text.replace("  <DataTypeTemplates>", f"{more}  <DataTypeTemplates>")


def read_with_tieline(file: Path) -> object:
    """The file and all its references."""
    from tieline.protocols.iec61850.scl import read_scl

    reading = read_scl(file.read_bytes(), file.name)
    assert reading.scl is not None
    assert not reading.findings
    return reading.scl


def read_ieds_with_open61850(file: Path) -> object:
    """IEDs, data sets and control blocks."""
    from open61850.scl import load_ieds

    return load_ieds(file)


def read_model_with_open61850(file: Path) -> object:
    """The data model of one IED."""
    from open61850.scl import load_model

    return load_model(file, "MBQ03")


def read_with_element_tree(file: Path) -> object:
    """Elements and attributes, whatever they mean."""
    return ET.parse(file)  # what it reads was written by us


READERS: dict[str, Callable[[Path], object]] = {
    "read and checked": read_with_tieline,
    "peer: open61850, IEDs and control blocks": read_ieds_with_open61850,
    "peer: open61850, model of one IED": read_model_with_open61850,
    "peer: ElementTree, not understood": read_with_element_tree,
}


def measure_here(name: str, file: Path) -> dict[str, float]:
    """Seconds of this process, and megabytes by which it has grown."""
    READERS[name](STATION)
    before_kb = most_memory_kb()
    began = time.process_time()
    kept = READERS[name](file)
    spent_s = time.process_time() - began
    grown_mb = (most_memory_kb() - before_kb) / 1000
    assert kept is not None
    return {"seconds": spent_s, "grown_mb": grown_mb}


def most_memory_kb() -> int:
    """Of this process, now or ever; `getrusage` would tell its parent's if that was more."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


def points_per_second(file: Path) -> tuple[float, int]:
    """Points worked out for each second, and how many there are."""
    from tieline.protocols.iec61850.scl import points_of, read_scl

    scl = read_scl(file.read_bytes()).scl
    assert scl is not None
    began = time.process_time()
    count = sum(len(points_of(scl, ied).points) for ied in scl.ieds)
    return count / (time.process_time() - began), count


def run() -> list[Result]:
    """All of it."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.scd"
        file.write_text(enlarge(STATION.read_text(), OCTETS))
        size_mb = file.stat().st_size / 1e6
        for name in READERS:
            child = subprocess.run(
                [sys.executable, "-m", "bench.scl", name, str(file)], check=False, capture_output=True, text=True, timeout=300
            )
            if child.returncode:
                detail = child.stderr.strip().splitlines()[-1] if child.stderr.strip() else "it failed"
                results.append(Result(part="h", name=f"SCL {name}", value=None, unit="MB/s", detail=detail))
                continue
            found = json.loads(child.stdout)
            detail = f"{size_mb:.0f} MB in {found['seconds']:.1f} s, memory {found['grown_mb']:.0f} MB"
            results.append(Result(part="h", name=f"SCL {name}", value=size_mb / found["seconds"], unit="MB/s", detail=detail))
        rate, count = points_per_second(file)
        results.append(Result(part="h", name="SCL to points", value=rate, unit="points/s", detail=f"{count:,} points"))
    return results


if __name__ == "__main__":
    print(json.dumps(measure_here(sys.argv[1], Path(sys.argv[2]))))
