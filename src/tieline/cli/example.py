"""The example utility that ships inside the package."""

from __future__ import annotations

import shutil
from pathlib import Path

import tieline
from tieline.model import ConfigError, UnavailableError


def example_folder() -> Path:
    """Where the example utility stands in this installation."""
    return Path(tieline.__file__).with_name("examples") / "ridgeway"


def run(target: Path) -> None:
    """Copies the example to a new folder."""
    if target.exists():
        raise ConfigError(f"{target} exists already; name a folder that does not")
    try:
        shutil.copytree(example_folder(), target, ignore=shutil.ignore_patterns("__pycache__"))
    except OSError as error:
        raise UnavailableError(f"cannot write to {target}: {(error.strerror or str(error)).lower()}") from error
    print(f"wrote {target}; try `tieline check {target}`")  # noqa: T201
