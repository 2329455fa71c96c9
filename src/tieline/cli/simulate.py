"""`tieline simulate`: the devices of a folder on real sockets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tieline.cli.run import run_until_signal
from tieline.cli.state import held, prepare
from tieline.config import read_folder
from tieline.config.field import AddressBook
from tieline.model import ConfigError
from tieline.observe import configure_logs
from tieline.simulator import read_recording, read_scenario, simulate


def run(
    folder: Path,
    data: Path,
    *,
    speed: float,
    seed: int,
    scenario: Path | None,
    replay: Path | None,
    columns: Sequence[str],
    rate: float | None,
    until_read: bool,
    journal: Path | None,
) -> None:
    """Serves until told to stop. Raises `TielineError` where it cannot."""
    mapping = dict(_read_column(text) for text in columns)
    utility = read_folder(folder)
    data = prepare(data)
    configure_logs("field")
    with held(data / "field"):
        run_until_signal(
            simulate(
                utility,
                data=data,
                speed=speed,
                seed=seed,
                scenario=None if scenario is None else read_scenario(scenario),
                replay=None if replay is None else read_recording(replay),
                columns=mapping or None,
                rows_per_s=rate,
                until_read=until_read,
                journal=journal,
                on_ready=_say_where,
            )
        )


def _read_column(text: str) -> tuple[str, str]:
    name, separator, point = text.partition("=")
    if not (separator and name.strip() and point.count("/") == 2):
        raise ConfigError(f"--column {text} is not of the form NAME=site/device/point")
    return name.strip(), point.strip()


def _say_where(book: AddressBook) -> None:
    for path, place in book.items():
        print(f"{path:<32} {place}", flush=True)  # noqa: T201
