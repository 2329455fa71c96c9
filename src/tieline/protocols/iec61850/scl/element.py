"""An element of the file that is being read: its attributes, and what has been built of its children."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from tieline.protocols.iec61850.scl.findings import Findings

T = TypeVar("T")

_TRUE = {"true": True, "1": True, "false": False, "0": False}
_MAX_DIGITS = 18
_LONGEST = 4096
"""Characters of an attribute; a description of that length is an accident."""
LONGEST_NAME = 255
"""Characters of a name or reference. Names are put together to paths, so that one long name would be paid for many times."""


class Element:
    """An open element. Builders turn it into a value when it is closed; then it is forgotten."""

    __slots__ = ("attributes", "builder", "children", "line", "parent", "reader", "tag", "text")

    def __init__(
        self,
        reader: Reader,
        parent: Element | None,
        tag: str,
        attributes: Mapping[str, str],
        builder: Callable[[Element], object],
        line: int,
    ) -> None:
        self.reader = reader
        self.builder = builder
        self.parent = parent
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.text = ""
        self.children: list[object] = []

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """What has been built of its children of one kind, in order."""
        return tuple(child for child in self.children if isinstance(child, kind))

    def first(self, kind: type[T]) -> T | None:
        """The first of a kind of which there should be one."""
        return next((child for child in self.children if isinstance(child, kind)), None)

    def above(self, tag: str) -> Element | None:
        """The nearest element of that name that it is in."""
        place = self.parent
        while place is not None and place.tag != tag:
            place = place.parent
        return place

    @property
    def path(self) -> str:
        """The elements that lead here, with their names."""
        parts = []
        place: Element | None = self
        while place is not None:
            parts.append(place.label)
            place = place.parent
        return "/".join(reversed(parts))

    @property
    def label(self) -> str:
        """`LN[Q0CSWI1]`."""
        get = self.attributes.get
        name = get("name") or get("id")
        if name is None and "lnClass" in self.attributes:
            name = f"{get('prefix', '')}{get('lnClass', '')}{get('inst') or get('lnInst') or ''}"
        if name is None:
            name = get("inst") or get("cbName") or get("iedName") or get("type") or ""
        return f"{self.tag}[{name[:64]}]" if name else self.tag

    def error(self, problem: str, remedy: str = "", *, value: str = "") -> None:
        """Notes what is wrong with it."""
        self.reader.findings.add(problem, remedy, line=self.line, path=self.path, value=value)

    def warn(self, problem: str, remedy: str = "", *, value: str = "") -> None:
        """Notes what is odd about it."""
        self.reader.findings.warn(problem, remedy, line=self.line, path=self.path, value=value)

    def get(self, name: str, default: str = "") -> str:
        """An attribute; the same text is the same object throughout the file."""
        value = self.attributes.get(name)
        if value is None:
            return default
        if len(value) > _LONGEST:
            self.warn(f"{name} has {len(value)} characters", f"it is cut off after {_LONGEST}", value=value)
            value = value[:_LONGEST]
        return self.reader.shared(value)

    def required(self, name: str) -> str:
        """An attribute without which the element makes no sense; empty, with a finding, where it is missing."""
        value = self.attributes.get(name)
        if value is None or not value.strip():
            self.error(f"has no {name}", f'write {name}="..."')
            return ""
        if len(value) > LONGEST_NAME:
            self.error(f"{name} has more than {LONGEST_NAME} characters", "shorten it", value=value)
            return ""
        return self.reader.shared(value)

    def boolean(self, name: str, default: bool) -> bool:
        """`true` or `false`."""
        text = self.attributes.get(name)
        if text is None:
            return default
        value = _TRUE.get(text)
        if value is None:
            value = _TRUE.get(text.strip().lower())
            if value is None:
                self.error(f"{name} is neither true nor false", f"taken as {str(default).lower()}", value=text)
                return default
            self.warn(f"{name} is misspelt", f"write {str(value).lower()}", value=text)
        return value

    def integer(self, name: str, default: int, lowest: int = 0, highest: int = 2**32 - 1) -> int:
        """A whole number between two bounds."""
        text = self.attributes.get(name)
        return default if text is None else self.as_integer(text, name, default, lowest, highest)

    def as_integer(self, text: str, name: str, default: int, lowest: int, highest: int, base: int = 10) -> int:
        """The number that a text is; `default`, with a finding, where it is none."""
        try:
            number = int(text, base) if len(text) <= _MAX_DIGITS and "_" not in text else None
        except ValueError:
            number = None
        if number is None:
            self.error(f"{name} is not a {'hexadecimal' if base == 16 else 'whole'} number", f"taken as {default}", value=text)
            return default
        if not lowest <= number <= highest:
            limits = f"{lowest:X} to {highest:X}, hexadecimal" if base == 16 else f"{lowest} to {highest}"
            self.error(f"{name} is out of range", f"it goes from {limits}", value=text)
            return default
        return number

    def as_number(self, text: str, name: str) -> float | None:
        """The number that a text is; None, with a finding, where it is none."""
        try:
            number = float(text) if len(text) <= 64 and "_" not in text else float("nan")
        except ValueError:
            number = float("nan")
        if number != number or abs(number) > 1e18:
            self.error(f"{name} is not a number", "write it with a decimal point", value=text)
            return None
        return number


class Reader:
    """What builders share while a file is read."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self._shared: dict[object, object] = {}

    def shared(self, value: T) -> T:
        """The first value equal to this one: what a hundred IEDs say alike is kept once."""
        kept = self._shared.setdefault(value, value)
        assert isinstance(kept, type(value))
        return kept
