"""Learning a server's model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.edge.iec61850.test_controlling import Server, of
from tieline.edge.iec61850.directory import TYPES_AT_ONCE, Directory
from tieline.model import UnavailableError
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.types import MmsType, Simple

NAMES = [Name("LD", f"GGIO{number}$ST$Ind$stVal") for number in range(60)]


@dataclass
class Busy(Server):
    """It lets those fail who wait behind more than a few others, as a deadline does at a slow server."""

    waiting: int = 0

    async def type_of(self, name: Name) -> MmsType:
        self.waiting += 1
        try:
            if self.waiting > TYPES_AT_ONCE:
                raise UnavailableError("too many requests wait for the device")
            await asyncio.sleep(0)
        finally:
            self.waiting -= 1
        return of(ST=of(Ind=of(stVal=Simple("boolean"))))


async def test_the_types_of_many_nodes_are_not_asked_for_all_at_once() -> None:
    directory = await Directory.load(Busy(), NAMES)
    assert all(directory.is_leaf(name) for name in NAMES)
