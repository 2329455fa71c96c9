"""Fixtures of the web tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from .world import NOON, World, make_world


@pytest.fixture
def world() -> World:
    """A world whose clock stands still at noon; `world.field.step()` plays one round."""
    return make_world(lambda: NOON)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(world.app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8400") as client:
        yield client
