"""Fixtures of the tests of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .world import Center


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Center]:
    center = Center(tmp_path)
    yield center
    center.accounts.close()
