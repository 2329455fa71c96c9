"""Which statements an asker may run: those that only read what the historian shows.

Four walls, each enough for most of it: DuckDB's parser must call the statement a SELECT or an EXPLAIN of one; its syntax tree may
hold no writing common table expression and only the table functions named here (no files, no raw memory, no SQL in a string);
it runs in a read-only transaction; and the database itself may reach no file but its own and the lake's, with its configuration
locked (`connection.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb

from tieline.historian.errors import QueryError, one_line

_TABLE_FUNCTIONS = frozenset(
    [
        "range",
        "generate_series",
        "unnest",
        "repeat",
        "repeat_row",
        "summary",
        "json_each",
        "json_tree",
        "histogram",
        "histogram_values",
        "duckdb_columns",
        "duckdb_constraints",
        "duckdb_databases",
        "duckdb_functions",
        "duckdb_indexes",
        "duckdb_keywords",
        "duckdb_memory",
        "duckdb_schemas",
        "duckdb_settings",
        "duckdb_tables",
        "duckdb_types",
        "duckdb_views",
        "pg_timezone_names",
        "pragma_database_size",
        "pragma_platform",
        "pragma_show",
        "pragma_storage_info",
        "pragma_table_info",
        "pragma_version",
        "test_all_types",
    ]
)
_FORBIDDEN_FUNCTIONS = frozenset({"sleep_ms", "write_log", "nextval", "setval"})
_EXPLAIN = re.compile(r"\s*explain(\s+analyze\b|\s*\([^)]*\))?(?P<statement>.*)", re.IGNORECASE | re.DOTALL)
_ALLOWED = "only SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN of them are allowed"


def check(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Raises `QueryError` unless the text is one statement that reads and does nothing else."""
    try:
        found = connection.extract_statements(statement)
    except duckdb.Error as error:
        raise QueryError(one_line(error)) from None
    if not found:
        raise QueryError("the statement is empty")
    if len(found) > 1:
        raise QueryError(f"one statement at a time, please; these are {len(found)}")
    kind = found[0].type
    if kind == duckdb.StatementType.EXPLAIN and (match := _EXPLAIN.fullmatch(statement)):
        check(connection, match["statement"])
        return
    if kind != duckdb.StatementType.SELECT:
        raise QueryError(f"{kind.name} is refused: {_ALLOWED}")
    try:
        answer = connection.execute("SELECT json_serialize_sql($1::VARCHAR)", [statement]).fetchone()
    except duckdb.Error as error:  # interrupted
        raise QueryError(one_line(error)) from None
    assert answer is not None
    tree = json.loads(answer[0])
    if tree["error"]:
        raise QueryError(f"the statement is refused ({tree['error_message']}): {_ALLOWED}")
    for node in _nodes(tree):
        _check_node(node)


def _check_node(node: dict[str, Any]) -> None:
    kind = str(node.get("type"))
    if kind.startswith(("DELETE_", "INSERT_", "UPDATE_", "MERGE_")):
        raise QueryError(f"{kind.partition('_')[0]} within the statement is refused: {_ALLOWED}")
    if kind == "TABLE_FUNCTION":
        function = node["function"]
        name = str(function.get("function_name")).lower()
        if name not in _TABLE_FUNCTIONS:
            raise QueryError(f"the table function {name} is refused: it could reach beyond the historian")
    elif kind == "FUNCTION" and str(node.get("function_name")).lower() in _FORBIDDEN_FUNCTIONS:
        raise QueryError(f"the function {node['function_name']} is refused")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        match waiting.pop():
            case dict() as node:
                yield node
                waiting.extend(node.values())
            case list() as nodes:
                waiting.extend(nodes)
            case _:
                pass
