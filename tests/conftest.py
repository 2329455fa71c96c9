"""How the tests share a machine: those that start whole utilities begin at once, on half of the workers; none comes last."""

from __future__ import annotations

import os

import pytest

_LONGEST = (
    "tests/resilience/",
    "tests/edge/iec61850/test_peer_reports.py::test_nothing_is_lost_and_nothing_doubled_across_a_minute",
)
_LONG = (*_LONGEST, "tests/system/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker begins with an equal run of tests (`--dist worksteal`); long ones are at the heads of every other run."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if item.nodeid.startswith(_LONG)]
    if workers == 1 or not long:
        return
    long.sort(key=lambda item: not item.nodeid.startswith(_LONGEST))
    rest = [item for item in items if not item.nodeid.startswith(_LONG)]
    heads = [long[first :: (workers + 1) // 2] for first in range((workers + 1) // 2)]
    total, items[:] = len(items), []
    for worker in range(workers):
        length = (total - len(items)) // (workers - worker)
        head = heads[worker // 2] if worker % 2 == 0 else []
        filling = max(0, length - len(head))
        items += head + rest[:filling]
        del rest[:filling]
    items += rest
