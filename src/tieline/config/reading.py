"""Reads one file of a utility folder; what is wrong with it becomes findings, never an exception."""

from __future__ import annotations

import csv
import difflib
import io
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from tieline.config.findings import Finding
from tieline.config.lines import KeyPath, Lines

M = TypeVar("M", bound=BaseModel)

_TOML_POSITION = re.compile(r" \(at line (\d+), column (\d+)\)$")
_MOST_FINDINGS_A_FILE = 1_000


class Source:
    """One file of the folder, and the findings about it."""

    def __init__(self, folder: Path, path: Path, findings: list[Finding]) -> None:
        self.path = path
        self.name = path.relative_to(folder).as_posix()
        self._folder = folder
        self._findings = findings
        self._lines = Lines("")
        self.document: dict[str, Any] = {}
        """What a TOML file holds, right or wrong, but for protocols and transports that could be guessed; empty for no TOML."""

    def beside(self, name: str) -> Source | None:
        """A file that this one names, relative to where it stands; None where that is outside the folder."""
        folder, path = self._folder.resolve(), (self.path.parent / name).resolve()
        return Source(folder, path, self._findings) if path.is_relative_to(folder) else None

    def report(self, problem: str, remedy: str = "", *, line: int = 0, where: str = "", value: object = "") -> None:
        """Notes one mistake."""
        self._findings.append(
            Finding(file=self.name, line=line, where=where, value=_shorten(value), problem=problem, remedy=remedy)
        )

    def report_key(self, key: KeyPath, problem: str, remedy: str = "", *, value: object = "") -> None:
        """Notes one mistake at a key of a TOML file."""
        self.report(problem, remedy, line=self._lines.of(key), where=_dotted(key), value=value)

    def read_bytes(self) -> bytes | None:
        """The file as it is, or None and a finding."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            self.report("the file is missing", "create it, or correct the name that refers to it")
        except OSError as error:
            self.report(f"the file cannot be read: {(error.strerror or str(error)).lower()}")
        return None

    def read_text(self) -> str | None:
        """The file as text, or None and a finding."""
        raw = self.read_bytes()
        if raw is None:
            return None
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            self.report(
                "the bytes from here on are not UTF-8 text",
                "save the file as UTF-8",
                line=line,
                value=f"0x{raw[error.start]:02x}",
            )
            return None

    def read_toml(self, model: type[M]) -> M | None:
        """The file as a model, or None and findings."""
        text = self.read_text()
        if text is None:
            return None
        self._lines = Lines(text)
        try:
            self.document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            message = str(error)
            position = _TOML_POSITION.search(message)
            line = int(position[1]) if position else text.count("\n") + 1
            self.report(
                f"not valid TOML: {_TOML_POSITION.sub('', message)[:1].lower()}{_TOML_POSITION.sub('', message)[1:]}", line=line
            )
            return None
        try:
            return model.model_validate(self.document)
        except ValidationError as error:
            self._report_errors(model, error)
            return None

    def _report_errors(self, model: type[BaseModel], error: ValidationError) -> None:
        """Notes every error. What a misspelled protocol or transport hides is looked for under the word that it resembles."""
        again = False
        for details in error.errors(include_url=False):
            key = _key_path(details, self.document)
            value = "" if details["type"] == "missing" else details["input"]
            if details["type"] == "union_tag_invalid":
                name = details["ctx"]["discriminator"].strip("'")
                value = details["input"][name]
                again |= self._correct_tag(details["input"], name, details["ctx"]["expected_tags"])
                key += (name,)
            problem, remedy = explain(details, _known_names(model, details["loc"]))
            self.report_key(key, problem, remedy, value=value)
        if again:
            try:
                model.model_validate(self.document)
            except ValidationError as further:
                self._report_errors(model, further)

    @staticmethod
    def _correct_tag(table: dict[str, Any], name: str, expected: str) -> bool:
        tags = re.findall(r"'([^']*)'", expected)
        close = difflib.get_close_matches(str(table[name]), tags, n=1)
        if close:
            table[name] = close[0]
        return bool(close)

    def read_table(self, model: type[M]) -> list[tuple[int, M]]:
        """The rows of a CSV file that are right, each with its line; findings for the others."""
        text = self.read_text()
        if text is None:
            return []
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            return self._read_rows(reader, model)
        except csv.Error as error:
            self.report(f"not valid CSV: {error}", "check the quotation marks", line=reader.line_num)
            return []

    def _read_rows(self, reader: Any, model: type[M]) -> list[tuple[int, M]]:
        header = [cell.strip() for cell in next(reader, [])]
        if not self._header_is_right(header, model):
            return []
        rows: list[tuple[int, M]] = []
        wrong = 0
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                self.report(
                    f"the row has {len(cells)} cells, the header {len(header)}",
                    "add or remove commas; quote a text that contains one",
                    line=line,
                    value=",".join(cells),
                )
                wrong += 1
                continue
            given = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
            try:
                rows.append((line, model.model_validate(given)))
            except ValidationError as error:
                wrong += 1
                if wrong <= _MOST_FINDINGS_A_FILE:
                    self.report_row(line, given, error)
        if wrong > _MOST_FINDINGS_A_FILE:
            self.report(f"{wrong - _MOST_FINDINGS_A_FILE} more rows are wrong", "correct those named first")
        return rows

    def _header_is_right(self, header: list[str], model: type[M]) -> bool:
        before = len(self._findings)
        columns = {_column(name, field): field for name, field in model.model_fields.items()}
        known = list(columns)
        if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
            self.report("the cells are not separated by commas", "save the list as CSV with commas", line=1, value=header[0])
            return False
        if not header or not any(header):
            self.report("the file is empty", f"begin with a header: {','.join(known[:3])},...", line=1)
            return False
        for name in sorted({name for name in header if header.count(name) > 1}):
            self.report("the column appears twice", "remove one of them", line=1, where=name)
        for name in header:
            if name not in known:
                self.report("unknown column", _suggest(name, known), line=1, where=name)
        for name, field in columns.items():
            if field.is_required() and name not in header:
                self.report("the column is missing", "add it", line=1, where=name)
        return len(self._findings) == before

    def report_row(self, line: int, given: Mapping[str, str], error: ValidationError) -> None:
        """Notes every mistake of a row of a CSV file."""
        for details in error.errors(include_url=False):
            column = ".".join(str(part) for part in details["loc"])
            problem, remedy = explain(details, ())
            self.report(problem, remedy, line=line, where=column, value=given.get(column, ""))


def explain(details: ErrorDetails, known: Iterable[str]) -> tuple[str, str]:
    """What is wrong and what would be right, in words, for one error of pydantic."""
    context = details.get("ctx", {})
    name = str(details["loc"][-1]) if details["loc"] else ""
    match details["type"]:
        case "extra_forbidden":
            return "unknown key", _suggest(name, list(known))
        case "missing":
            return "is missing", "add it"
        case "literal_error" | "enum":
            return "is not one of the permitted words", f"write {context['expected']}"
        case "union_tag_invalid":
            return "is not one of the permitted words", f"write {context['expected_tags']} as {context['discriminator']}"
        case "union_tag_not_found":
            return f"{context['discriminator']} is missing", "add it"
        case "value_error":
            problem, _, remedy = str(context["error"]).partition("; ")
            return problem, remedy
        case "string_pattern_mismatch" if context["pattern"].startswith("^[a-z0-9]"):
            return "is not a name", "use lower-case letters, digits, - and _ only, for example feeder-1"
        case "string_pattern_mismatch":
            return "is not of the right form", f"write something that matches {context['pattern']}"
        case "too_short":
            return "is empty", "write at least one"
        case "string_too_short":
            return "is empty", "write something"
        case "greater_than_equal" | "greater_than" | "less_than_equal" | "less_than":
            return "is out of range", details["msg"].replace("Input should be", "write a number")
        case "int_parsing" | "int_from_float" | "int_type":
            return "is not a whole number", "write one, for example 12"
        case "float_parsing" | "float_type" | "finite_number":
            return "is not a number", "write one, for example 0.1"
        case "string_type":
            return "is not text", 'write it in quotation marks: "..."'
        case "bool_type" | "bool_parsing":
            return "is neither true nor false", "write true or false"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "is not a table", "write a section with keys"
        case "list_type" | "tuple_type":
            return "is not a list", "write [[...]] sections or [ ... ]"
        case _:
            return details["msg"][:1].lower() + details["msg"][1:], ""


def _column(name: str, field: FieldInfo) -> str:
    """The column of a field: its own name, but for words that Python keeps for itself."""
    return field.validation_alias if isinstance(field.validation_alias, str) else name


def _known_names(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys that the section at `location` may have; for suggestions only, so an empty list will do."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    candidates = [schema]
    for part in location[:-1]:
        candidates = [following for node in candidates for following in _follow(node, part, definitions)]
    names = {name for node in candidates for option in _open(node, definitions) for name in option.get("properties", {})}
    return sorted(names)


def _open(node: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """The object schemas behind references and alternatives."""
    if "$ref" in node:
        return _open(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
    alternatives = node.get("oneOf") or node.get("anyOf") or node.get("allOf")
    if alternatives:
        return [option for alternative in alternatives for option in _open(alternative, definitions)]
    return [node]


def _follow(node: dict[str, Any], part: int | str, definitions: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in node:
        node = definitions[node["$ref"].rsplit("/", 1)[1]]
    chosen = node.get("discriminator", {}).get("mapping", {}).get(part)
    if chosen is not None:  # pydantic names the chosen alternative of a union in the location
        return _open({"$ref": chosen}, definitions)
    found = []
    for option in _open(node, definitions):
        if isinstance(part, int):
            found.append(option.get("items", {}))
        elif part in option.get("properties", {}):
            found.append(option["properties"][part])
    return found


def _key_path(details: ErrorDetails, document: Mapping[str, Any]) -> KeyPath:
    """The location as the document has it: without the names of alternatives that pydantic adds for unions."""
    absent = details["loc"][-1:] if details["type"] == "missing" else ()
    key: list[int | str] = []
    node: Any = document
    for part in details["loc"][: -1 if absent else None]:
        is_there = part in node if isinstance(node, dict) else isinstance(node, list) and isinstance(part, int)
        if is_there:
            node = node[part]
            key.append(part)
    return (*key, *absent)


def _dotted(key: KeyPath) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _suggest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"permitted are {', '.join(known)}" if known else "remove it"


def _shorten(value: object) -> str:
    text = "" if isinstance(value, dict | list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
