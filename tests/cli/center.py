"""A center that terminals ask: the real web server with accounts, and alarms behind a real bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from tests.scada.test_service import Door, open_door
from tests.security.accounts.world import Center
from tests.web.world import World, make_world, serving
from tieline.cli.app import app
from tieline.config.fields import Role
from tieline.web import create_app


@dataclass
class Terminals:
    """People at their terminals, each with a token of their own."""

    url: str
    door: Door
    world: World
    accounts: Center
    folder: Path

    def token_of(self, person: str, roles: Collection[Role]) -> Path:
        path = self.folder / f"{person}.token"
        if not path.exists():
            _, value = self.accounts.accounts.own.make_token(self.accounts.full(person).session, "terminal", list(roles), 1)
            path.write_text(value)
        return path

    async def types(self, *words: str, token: Path) -> Result:
        """What the command prints and how it ends."""
        arguments = [*words, "--url", self.url, "--token-file", str(token)]
        return await asyncio.to_thread(CliRunner().invoke, app, arguments)


@asynccontextmanager
async def terminals(folder: Path) -> AsyncIterator[Terminals]:
    accounts = Center(folder)
    world = make_world()
    world.field.step()
    async with open_door(folder) as door:
        application = create_app(
            world.utility, world.live, world.history, clock=world.clock, accounts=accounts.accounts, scada=door.ask
        )
        async with serving(world, app=application) as address:
            yield Terminals(f"http://{address}", door, world, accounts, folder)
