"""Nothing is lost and nothing doubled, whatever fails: promise 1, with real processes from the devices to the historian."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resilience.run import every_fault_once, run


@pytest.mark.system
@pytest.mark.timeout(600)
def test_every_change_of_the_devices_is_in_the_historian_once_after_each_fault(tmp_path: Path) -> None:
    report = run(tmp_path, every_fault_once(), seconds=600)
    print(report)
    assert report.is_good, f"\n{report}"
    assert all(line.result.expected > 20 for line in report.lines.values() if line.count)
    assert len(report.lines) + len(report.skipped) == len({fault.name for turn in every_fault_once() for fault, _ in turn}) + 1
