"""What an import makes: the files of `network/`, and in words what could not be carried over or was assumed."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tieline.model import ConfigError

_NO_NAME = re.compile(r"[^a-z0-9_-]+")
_LONGEST = 64


@dataclass(slots=True)
class Imported:
    """Sections of network.toml, rows of the lists, and notes."""

    sections: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    """Name of the list and the keys of the entry."""
    models: list[dict[str, object]] = field(default_factory=list)
    nodes: list[dict[str, str]] = field(default_factory=list)
    ports: list[dict[str, str]] = field(default_factory=list)
    links: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a person should read, most important first in the order of reading."""

    def note(self, problem: str, items: Iterable[str] = ()) -> None:
        """A sentence, with what it is about behind it; nothing where it is about nothing."""
        named = list(dict.fromkeys(items))
        if named:
            more = f" and {len(named) - 8} more" if len(named) > 8 else ""
            self.notes.append(f"{problem}: {', '.join(named[:8])}{more}")

    def files(self, origin: str) -> dict[str, str]:
        """The files by their path in the utility's folder; `origin` is told at the beginning of network.toml."""
        made = {
            "network/network.toml": f"# Made from {origin}. Look through it before you rely on it.\n"
            + "".join(f"\n[[{name}]]\n{_keys(entry)}" for name, entry in self.sections),
            "network/nodes.csv": _table(self.nodes, ("name", "site", "model")),
            "network/links.csv": _table(self.links, ("name", "a", "b", "medium")),
        }
        if self.ports:
            made["network/ports.csv"] = _table(self.ports, ("node", "port"))
        if self.models:
            made["network/catalogue/imported.toml"] = "\n".join(_model(model) for model in self.models)
        return made


class Names:
    """Turns names of elsewhere into names of a folder, each into one of its own."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()
        self.changed: list[str] = []

    def of(self, text: str) -> str:
        """`SW 1.core` becomes `sw-1-core`; the same text gives the same name. What only loses its capitals is not told."""
        if text not in self._given:
            plain = _NO_NAME.sub("-", text.lower()).strip("-_")[:_LONGEST].strip("-_") or "unnamed"
            name, number = plain, 2
            while name in self._taken:
                name, number = f"{plain[: _LONGEST - 4]}-{number}", number + 1
            self._taken.add(name)
            self._given[text] = name
            if name != text.lower():
                self.changed.append(f"{text} is {name}")
        return self._given[text]


def write_import(folder: Path, imported: Imported, origin: str) -> None:
    """Writes `network/`. Raises `ConfigError` where the folder has one, or it cannot be written."""
    if (folder / "network").exists():
        raise ConfigError(f"{folder / 'network'} exists already; move it away, and take from it what you want to keep")
    try:
        for path, text in imported.files(origin).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {(error.strerror or str(error)).lower()}") from error


def _table(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
    """Columns that no row has a value in are left out, but for those that have to be there."""
    header = list(columns)
    for row in rows:
        header += [name for name, value in row.items() if value and name not in header]
    sink = io.StringIO()
    writer = csv.DictWriter(sink, header, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()


def _model(model: Mapping[str, object]) -> str:
    ports = model["ports"]
    assert isinstance(ports, list)
    plain = {name: value for name, value in model.items() if name != "ports"}
    return f"[[models]]\n{_keys(plain)}" + "".join(f"\n[[models.ports]]\n{_keys(group)}" for group in ports)


def _keys(entry: Mapping[str, object]) -> str:
    return "".join(f"{name} = {_value(value)}\n" for name, value in entry.items())


def _value(value: object) -> str:
    """A value of TOML; its strings, numbers, booleans and flat lists are written as those of JSON."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
