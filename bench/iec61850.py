"""Part (i): IEC 61850, values of reports into samples for each second of CPU time of one core, and over TCP from an independent server.

The codec is given the octets of a report as libiec61850 sends it, 64 measured values with quality and time, and ends with samples. Beside
it stands open61850's own client code, given the same report: its decoding of the PDU and of the report, which ends with an object for
each value. Over loopback TCP the server is libiec61850 (`pyiec61850-ng`) in a process of its own, which is the limit there: what the driver
needs of a core is measured beside it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import Callable
from datetime import UTC, datetime

from open61850 import ber
from open61850.data import (
    BitStringData,
    FloatData,
    IECData,
    StructureData,
    TimestampData,
    UIntData,
    VisibleStringData,
    encode_data,
)
from open61850.mms import pdu
from open61850.mms.report import OptFlds, bitstring_of
from open61850.mms.report import decode_report as open61850_report

from bench.result import Result
from tests.edge.iec61850.station import LD, WIDE, driving, monitored, serving, settings
from tests.protocols.iec61850.mms.test_mms_session import ACCEPTED, CONFIRM, packet
from tieline.edge.iec61850.acquisition import Acquisition
from tieline.edge.iec61850.client import associate
from tieline.edge.iec61850.settings import ReportBlock
from tieline.protocols.iec61850.mms.layout import Leaf, Member, Part, Plan
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.reports import decode_report
from tieline.protocols.iec61850.mms.session import Informed, Session

MEMBERS = 64
REPORTS = 5_000
SENT = 2_000
READS = 3_000
T0 = 1_790_000_000
POINTS = tuple(monitored(f"a-{number}", f"{LD}/MMXN1.A{number}", "MX", "mag.f") for number in range(MEMBERS))


def _unit(number: int, count: int = MEMBERS) -> bytes:
    """A transport unit with a report of the first members, as libiec61850 sends it."""
    options = OptFlds(sequence_number=True, reason_for_inclusion=True, data_set_name=True, conf_revision=True)
    stamp = encode_data(TimestampData(datetime.fromtimestamp(T0 + number, UTC), 0x0A))
    parts: list[IECData] = [
        VisibleStringData("ur"),
        options.to_bitstring(),
        UIntData(number % 100),
        VisibleStringData(str(WIDE)),
        UIntData(1),
    ]
    body = b"".join(map(encode_data, (*parts, bitstring_of([member < count for member in range(MEMBERS)]))))
    quality = encode_data(BitStringData(b"\0\0", 3))
    for member in range(count):
        value = encode_data(StructureData([FloatData(member * 1.5 + number)]))
        body += b"\xa2" + bytes([len(value + quality + stamp)]) + value + quality + stamp
    body += encode_data(BitStringData(b"\x40", 1)) * count
    results = ber.encode_tlv(0xA0, b"\xa1\x05\x80\x03RPT" + ber.encode_tlv(0xA0, body))
    return pdu.wrap(ber.encode_tlv(0xA3, results))


def _rate(work: Callable[[bytes], object], units: list[bytes], members: int = MEMBERS) -> float:
    """Values for each second of CPU time, the best of three."""
    best = float("inf")
    for _ in range(3):
        begin = time.process_time()
        for unit in units:
            work(unit)
        best = min(best, time.process_time() - begin)
    return len(units) * members / best


def _codec() -> list[Result]:
    units = [_unit(number) for number in range(REPORTS)]
    members = [Member(((Leaf(row, Part.VALUE),), (Leaf(row, Part.QUALITY),), (Leaf(row, Part.TIME),))) for row in range(MEMBERS)]
    plan, acquisition = Plan(members), Acquisition(POINTS)
    session = Session()
    session.start()
    session.receive(CONFIRM + packet(ACCEPTED))

    def ours(octets: bytes) -> object:
        (informed,) = session.receive(octets)
        assert isinstance(informed, Informed)
        report = decode_report(informed.results)
        columns = plan.decode(report.body, report.included, has_reasons=True)
        return acquisition.take(columns, received_us=T0 * 1_000_000)

    def theirs(unit: bytes) -> object:
        informed = pdu.decode_pdu(pdu.unwrap(unit))
        assert isinstance(informed, pdu.InformationReport)
        return open61850_report(informed)

    return [
        Result(
            part="i",
            name="reports of 64 to samples",
            value=_rate(ours, [packet(unit) for unit in units]),
            unit="values/CPU s",
            detail="octets of TCP in",
        ),
        Result(
            part="i",
            name="reports of 1 to samples",
            value=_rate(ours, [packet(_unit(number, 1)) for number in range(REPORTS)], 1),
            unit="values/CPU s",
            detail="spontaneous events, one a report",
        ),
        Result(
            part="i",
            name="reports of 64, open61850's client code",
            value=_rate(theirs, units[:500]),
            unit="values/CPU s",
            detail="octets of an MMS unit in, ends with objects",
        ),
    ]


async def _over_tcp() -> list[Result]:
    block = ReportBlock(name=Name(LD, "LLN0$BR$brWide01"), data_set=WIDE, integrity_s=0)
    async with serving() as peer, driving(settings(peer.port, monitored=POINTS, reports=(block,), poll_s=3600.0)) as seen:
        await seen.up()
        await asyncio.sleep(0.5)
        seen.batches.clear()
        begin, cpu = time.perf_counter(), time.process_time()
        await peer.ask("wide", count=SENT, first=1)
        await seen.until(lambda: seen.batches and seen.batches[-1].value.max() >= (SENT - 1) * MEMBERS + MEMBERS, 60.0)
        wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        values = sum(len(batch) for batch in seen.batches)
        detail = f"{values:,} values, driver at {100 * cpu_s / wall_s:.0f} % of a core, the server is the limit"
        return [
            Result(part="i", name="buffered reports over TCP into samples", value=values / wall_s, unit="values/s", detail=detail)
        ]


async def _reads() -> list[Result]:
    async with serving() as peer:
        association = await associate("127.0.0.1", peer.port, timeout_s=5.0, on_informed=lambda _: None, on_closed=lambda _: None)
        names = [Name(LD, f"MMXN1$MX$A{number}") for number in range(MEMBERS)]
        begin, cpu = time.perf_counter(), time.process_time()
        for _ in range(READS):
            await association.read_encoded(names)
        wall_s, cpu_s = time.perf_counter() - begin, time.process_time() - cpu
        association.close()
        await association.wait_closed()
    detail = f"{READS / wall_s:,.0f} requests/s of 64 data objects, one after another, client at {100 * cpu_s / wall_s:.0f} % of a core"
    return [Result(part="i", name="reads over TCP", value=READS * MEMBERS / wall_s, unit="values/s", detail=detail)]


def run() -> list[Result]:
    """Measures; without the peer only the codec."""
    results = _codec()
    if importlib.util.find_spec("pyiec61850") is not None:
        results += asyncio.run(_over_tcp())
        results += asyncio.run(_reads())
    return results
