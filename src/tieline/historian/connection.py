"""Opens the DuckDB file, for its owner or for a reader while nobody owns it, and closes every door that neither needs."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from tieline.historian.errors import HeldError, one_line
from tieline.historian.schema import VERSION, literal
from tieline.model import ConfigError, UnavailableError

FILE_NAME = "historian.duckdb"
ROW_GROUP = 32_768
"""Measured on 15 M rows: one point for an hour 0.66 ms (0.76 with DuckDB's 122,880), 50 points for a day 10 ms (24)."""


def connect(path: Path, *, read_only: bool, lake: Path | None = None, memory_mb: int | None = None) -> duckdb.DuckDBPyConnection:
    """A connection to the file, confined to it and to the lake, in UTC.

    Raises `UnavailableError` where another process owns the file or the disk refuses, `ConfigError` where it is not a file of ours.
    """
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        mode = "READ_ONLY" if read_only else f"ROW_GROUP_SIZE {ROW_GROUP}"
        try:
            connection.execute(f"ATTACH {literal(str(path))} AS historian ({mode})")
        except duckdb.Error as error:
            raise _explained(path, error, read_only=read_only) from error
        connection.execute("USE historian")
        lake = lake or _recorded_lake(connection)
        _confine(connection, path, lake, memory_mb)
    except BaseException:
        connection.close()
        raise
    return connection


def new_cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A cursor that speaks of the historian's tables without naming the database."""
    cursor = connection.cursor()
    cursor.execute("USE historian")
    return cursor


def require_version(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raises `ConfigError` unless the file has our layout."""
    if not has_version(connection, path):
        raise ConfigError(f"{path} is empty; run the historian once")


def has_version(connection: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """False where the file is empty, True where it has our layout; anything else is a `ConfigError`."""
    tables = connection.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = 'historian'"
    ).fetchall()
    if not tables:
        return False
    if ("store.meta",) not in tables:
        raise ConfigError(f"{path} is a DuckDB file, but not a historian's; name another file or move it away")
    found = connection.execute("SELECT value FROM store.meta WHERE key = 'version'").fetchone()
    version = found[0] if found else "unknown"
    if version != str(VERSION):
        raise ConfigError(
            f"{path} has layout version {version}, this Tieline reads version {VERSION}; use the Tieline that wrote it"
        )
    return True


def _recorded_lake(connection: duckdb.DuckDBPyConnection) -> Path | None:
    try:
        found = connection.execute("SELECT value FROM store.meta WHERE key = 'lake'").fetchone()
    except duckdb.CatalogException:
        return None
    return Path(found[0]) if found else None


def _confine(connection: duckdb.DuckDBPyConnection, path: Path, lake: Path | None, memory_mb: int | None) -> None:
    settings = [
        f"temp_directory = {literal(str(path.with_suffix('.tmp').absolute()))}",
        "python_enable_replacements = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        # Point ids are hashes: a list of them prunes row groups, their minimum and maximum do not.
        "dynamic_or_filter_threshold = 500",
        # Each caller works himself; DuckDB's own workers get the other half of the machine at the most.
        f"threads = {max(1, (os.cpu_count() or 1) // 2)}",
        # Writes in large pieces and seldom: a checkpoint at every 16 MB cost a third of the ingest rate.
        # Where memory is short, so is disk, and less comes in.
        f"checkpoint_threshold = '{256 if memory_mb is None else 8}MB'",
    ]
    if lake is not None:
        settings.append(f"allowed_directories = [{literal(str(lake.absolute()) + os.sep)}]")
    if memory_mb is not None:
        settings.append(f"memory_limit = '{memory_mb}MiB'")
    for setting in [*settings, "enable_external_access = false", "lock_configuration = true"]:
        connection.execute(f"SET GLOBAL {setting}")


def _explained(path: Path, error: duckdb.Error, *, read_only: bool) -> ConfigError | UnavailableError:
    said = one_line(error)
    if "lock" in said.lower():
        return HeldError(f"another process has {path} open; only one can own a historian")
    if isinstance(error, duckdb.IOException) and "not a valid DuckDB" not in said and "checksum" not in said.lower():
        if not path.parent.is_dir():
            return UnavailableError(f"there is no folder {path.parent} for the historian's file")
        if read_only and not path.exists():
            return UnavailableError(f"there is no historian at {path}")
        if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.R_OK | os.W_OK)):
            return UnavailableError(f"{path} cannot be written: permission denied or a read-only file system")
        if "version" not in said.lower():
            return UnavailableError(f"{path} cannot be opened: {said}")
    return ConfigError(f"{path} is damaged or not a historian's file; move it away or restore it: {said}")
