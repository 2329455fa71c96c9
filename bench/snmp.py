"""Part (x): CPU time of one look at a switch of 20 ports over SNMPv3 (SHA-256, AES-128), of one core.

The agent is Debian's snmpd in another process, which plays 500 cells in 25 columns, as many as a look at such a switch asks for. Beside
it stands the high-level interface of pysnmp, walking the same columns without looking up names (`lookupMib=False`).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench.result import Result
from tests.snmp_agents import KEYS, SnmpAgent, agent

COLUMNS, ROWS = 25, 20
REPEATS = 5
ROOT = (1, 3, 6, 1, 4, 1, 99999, 1)


async def cost_ms(work: Callable[[], Awaitable[int]]) -> float:
    """CPU of the cheapest of several walks; each has to bring all cells."""
    costs = []
    for _ in range(REPEATS):
        start = time.process_time()
        found = await work()
        costs.append(time.process_time() - start)
        assert found == COLUMNS * ROWS
    return min(costs) * 1e3


async def ours(one: SnmpAgent) -> tuple[float, float]:
    """The first answer, with keys made, and a walk."""
    from tieline.edge.snmp.session import SnmpSession

    session = SnmpSession(one.host, one.port, one.keys)
    columns = [(*ROOT, column) for column in range(1, COLUMNS + 1)]

    async def walk() -> int:
        return sum(map(len, (await session.walk(columns)).values()))

    start = time.process_time()
    await session.get([(*ROOT, 1, 1)])
    first = (time.process_time() - start) * 1e3
    result = await cost_ms(walk)
    session.close()
    return first, result


async def pysnmp(one: SnmpAgent) -> tuple[float, float]:
    """The same of pysnmp."""
    from pysnmp.hlapi.v3arch.asyncio import (
        ContextData,
        ObjectIdentity,
        ObjectType,
        SnmpEngine,
        UdpTransportTarget,
        UsmUserData,
        bulk_walk_cmd,
        get_cmd,
        usmAesCfb128Protocol,
        usmHMAC192SHA256AuthProtocol,
    )

    start = time.process_time()
    engine = SnmpEngine()
    user = UsmUserData(
        one.keys.user,
        one.keys.auth_secret,
        one.keys.priv_secret,
        authProtocol=usmHMAC192SHA256AuthProtocol,
        privProtocol=usmAesCfb128Protocol,
    )
    target = await UdpTransportTarget.create((one.host, one.port))
    name = ObjectType(ObjectIdentity((*ROOT, 1, 1)))
    await get_cmd(engine, user, target, ContextData(), name, lookupMib=False)
    first = (time.process_time() - start) * 1e3

    async def walk() -> int:
        found = 0
        root = ObjectType(ObjectIdentity(ROOT))
        options = {"lookupMib": False, "lexicographicMode": False}
        async for error, _, _, bindings in bulk_walk_cmd(engine, user, target, ContextData(), 0, 40, root, **options):
            assert error is None
            found += len(bindings)
        return found

    result = await cost_ms(walk)
    engine.close_dispatcher()
    return first, result


def run() -> list[Result]:
    """The figures; none where snmpd is absent."""
    if shutil.which("snmpd") is None:
        return []
    cells = {
        ".".join(map(str, (*ROOT, column, row))): ("counter64", 10**12 + column * row)
        for column in range(1, COLUMNS + 1)
        for row in range(1, ROWS + 1)
    }
    with tempfile.TemporaryDirectory() as folder, agent(Path(folder) / "agent", KEYS, cells=cells) as one:
        found = {name: asyncio.run(work(one)) for name, work in (("Tieline", ours), ("pysnmp", pysnmp))}
    return [
        Result(part="x", name=f"{what}, {name}", value=values[index], unit="ms of CPU", detail=detail)
        for index, (what, detail) in enumerate(
            (("first answer of an agent", "keys made"), ("look at 500 cells", "SNMPv3 authPriv"))
        )
        for name, values in found.items()
    ]
