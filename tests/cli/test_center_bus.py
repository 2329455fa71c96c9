"""Nothing that waits in the center's streams is lost when the number of its bus servers is changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.topology import plan_for
from tieline.bus import connected, publish
from tieline.bus.center import center_bus, ensure_center_stream, stores
from tieline.cli.center_bus import take_rest
from tieline.historian import Historian, query
from tieline.model import Batch, Samples, subjects
from tieline.security.identity import Authority

STREAM_MB = 64
BATCHES = 30


@pytest.mark.system
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1)])
async def test_what_waits_is_committed_before_another_number_of_servers_begins(tmp_path: Path, before: int, after: int) -> None:
    authority = Authority.open(tmp_path / "authority")
    center = authority.credentials(subjects.CENTER_ROLE, hosts=["127.0.0.1"])
    committing = authority.credentials(subjects.HISTORIAN_ROLE)
    place = tmp_path / "center"
    plan = plan_for(tmp_path, ["north"])
    async with (
        center_bus(plan, place, center, None, servers=before) as bus,
        connected(bus.ports, center) as client,
        connected(bus.ports, authority.credentials(subjects.FETCH_ROLE)) as fetcher,
    ):
        await ensure_center_stream(client, bus, stream_mb=STREAM_MB)
        for number in range(BATCHES):
            batch = Batch(
                site="north", incarnation=1, sequence=number + 1, samples=Samples.of([1], [number], [number]), events=()
            )
            await publish(fetcher, batch, subject=subjects.center_batches("north"))
    with Historian.open(tmp_path / "historian.duckdb", lake=tmp_path / "lake") as historian:
        await take_rest(plan, place, center, committing, historian, servers=before, stream_mb=STREAM_MB)
        assert all(store.exists() for store in stores(place, before)), "its own are left alone"
        await take_rest(plan, place, center, committing, historian, servers=after, stream_mb=STREAM_MB)
        assert not any(store.exists() for store in stores(place, before))
    values = query(tmp_path, "SELECT value FROM samples ORDER BY value").read_all()["value"].to_numpy()
    assert np.array_equal(values, np.arange(BATCHES))
