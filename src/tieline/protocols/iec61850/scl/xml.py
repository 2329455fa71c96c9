"""XML as SCL files have it, read once from start to end, with limits that a hostile file meets before memory or patience runs out.

Theory of operation. Expat calls back at the start and the end of each element. An element that its parent may contain is kept open;
at its end a builder turns it, with what was built of its children, into a value that is handed to its parent: there is never a tree
of the whole file. `Private` and elements of other namespaces are skipped with all that is in them. SCL has no document type, so a
document type declaration ends the reading; without one there are no entities to expand and none to fetch.

Prefixes that nobody declared are an error that expat cannot go on from. Such a file is read again without regard to namespaces, and an
element without a prefix, or with that of the root, is taken to be SCL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from xml.parsers import expat

from tieline.protocols.iec61850.scl.element import Element, Reader
from tieline.protocols.iec61850.scl.encoding import as_utf8
from tieline.protocols.iec61850.scl.findings import Findings

NAMESPACE: Final = "http://www.iec.ch/61850/2003/SCL"

MOST_OCTETS: Final = 256 << 20
"""Of a file."""
MOST_ELEMENTS: Final = 2_000_000
"""A file of 20 MB has about 300,000."""
DEEPEST: Final = 100
"""Elements within elements; the deepest place of IEC 61850-6 is the 20th."""
LONGEST_TOKEN: Final = 4 << 20
"""Octets of one tag or comment, which expat has to see as a whole."""
LONGEST_TEXT: Final = 1 << 16
"""Characters of a value."""
_SLICE: Final = 1 << 20

Builder = Callable[[Element], object]
"""Gives the value that an element stands for, None where nothing came of it."""
Schema = Mapping[str, Mapping[str, Builder | None]]
"""Parent, child, and the child's builder; None is a child that is known, and of which nothing is needed."""

_UNBOUND_PREFIX = expat.errors.codes[expat.errors.XML_ERROR_UNBOUND_PREFIX]
_MISSING_ROOT = expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]


class UnreadableError(Exception):
    """The file is not read any further: what is wrong, what to do, and in which line."""

    def __init__(self, problem: str, remedy: str, line: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.line = line


def read_xml(data: bytes, schema: Schema, texts: frozenset[str], findings: Findings) -> object:
    """What the builder of the root element makes of a file; raises `UnreadableError`.

    The children of "" in the schema are the possible roots. Of the elements in `texts` the text is kept.
    """
    if len(data) > MOST_OCTETS:
        raise UnreadableError(
            f"the file has {len(data) >> 20} MB, and more than {MOST_OCTETS >> 20} MB are not read",
            "leave out what is private in it",
        )
    octets, lines_before = as_utf8(data, findings)
    mark = findings.mark()
    try:
        return _Pass(schema, texts, findings, lines_before, has_namespaces=True).run(octets)
    except expat.ExpatError as error:
        if error.code != _UNBOUND_PREFIX:
            raise _not_well_formed(error, lines_before) from error
        line = error.lineno + lines_before
    findings.forget_since(mark)
    findings.warn(
        "uses a prefix that is not declared", 'declare it with xmlns:...="..." in the SCL element', line=line, path="SCL"
    )
    try:
        return _Pass(schema, texts, findings, lines_before, has_namespaces=False).run(octets)
    except expat.ExpatError as error:
        raise _not_well_formed(error, lines_before) from error


def _not_well_formed(error: expat.ExpatError, lines_before: int) -> UnreadableError:
    words = expat.ErrorString(error.code)
    if error.code == _MISSING_ROOT:
        return UnreadableError("the file ends before its contents do", "export it again; it is empty or cut off", error.lineno)
    return UnreadableError(
        f"is not well-formed XML: {words} at column {error.offset + 1}",
        "export the file again; it is damaged or cut off",
        error.lineno + lines_before,
    )


class _Pass:
    """One reading of a file."""

    def __init__(
        self, schema: Schema, texts: frozenset[str], findings: Findings, lines_before: int, *, has_namespaces: bool
    ) -> None:
        self._schema = schema
        self._texts = texts
        self._findings = findings
        self._lines_before = lines_before
        self._has_namespaces = has_namespaces
        self._reader = Reader(findings)
        self._tags: dict[str, str | None] = {}
        self._root_space = ""
        self._open: Element | None = None
        self._skipping = 0
        self._depth = 0
        self._count = 0
        self._result: object = None
        self._parser = expat.ParserCreate("UTF-8", "}" if has_namespaces else None)
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._doctype

    def run(self, octets: bytes) -> object:
        view = memoryview(octets)
        for start in range(0, len(view), _SLICE):
            fed = min(start + _SLICE, len(view))
            self._parser.Parse(view[start:fed], False)
            # Expat begins an unfinished token anew with every slice: a long one would cost its length squared.
            if fed - self._parser.CurrentByteIndex > LONGEST_TOKEN:
                raise UnreadableError(
                    f"a tag or comment is longer than {LONGEST_TOKEN >> 20} MB",
                    "correct it; nothing in SCL is that long",
                    self._line,
                )
        self._parser.Parse(b"", True)
        return self._result

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber + self._lines_before

    def _doctype(self, *_declaration: object) -> None:
        raise UnreadableError(
            "has a document type declaration, which SCL does not allow and entity bombs need", "delete <!DOCTYPE ...>", self._line
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > DEEPEST:
            raise UnreadableError(f"elements are nested more than {DEEPEST} levels deep", "correct the nesting", self._line)
        if self._count > MOST_ELEMENTS:
            raise UnreadableError(f"has more than {MOST_ELEMENTS:,} elements", "split the file", self._line)
        if self._skipping:
            self._skipping += 1
            return
        parent = self._open
        try:
            tag = self._tags[name]
        except KeyError:
            tag = self._tags[name] = self._local(name)
        if tag is None:
            self._skipping = 1
            return
        children = self._schema[parent.tag if parent else ""]
        builder = children.get(tag)
        if builder is None:
            self._skip(tag, attributes, parent, is_known=tag in children)
            return
        element = Element(self._reader, parent, tag, attributes, builder, self._parser.CurrentLineNumber + self._lines_before)
        self._open = element
        if tag in self._texts:
            self._parser.CharacterDataHandler = self._text

    def _skip(self, tag: str, attributes: dict[str, str], parent: Element | None, *, is_known: bool) -> None:
        if parent is None:
            raise UnreadableError(f"is no SCL file: its root is {tag[:64]}", "name an SCD, CID, ICD, IID or SSD file", self._line)
        self._skipping = 1
        if not is_known:
            Element(self._reader, parent, tag[:64], attributes, lambda _: None, self._line).warn(
                f"{parent.tag} has no such element; it is left out", "put what is private into a Private element"
            )

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if self._skipping:
            self._skipping -= 1
            return
        element = self._open
        assert element is not None
        if element.tag in self._texts:
            self._parser.CharacterDataHandler = None
        value = element.builder(element)
        parent = self._open = element.parent
        if parent is None:
            self._result = value
        elif value is not None:
            parent.children.append(value)

    def _text(self, text: str) -> None:
        element = self._open
        assert element is not None
        if self._skipping:
            return
        if len(element.text) + len(text) > LONGEST_TEXT:
            raise UnreadableError(
                f"the text of {element.tag} is longer than {LONGEST_TEXT:,} characters", "correct it", self._line
            )
        element.text += text

    def _local(self, name: str) -> str | None:
        """The name of an SCL element; None of one that belongs to somebody else."""
        space, separator, tag = name.rpartition("}" if self._has_namespaces else ":")
        if self._open is None:
            self._root_space = space
            if self._has_namespaces and space != NAMESPACE:
                self._findings.warn(
                    "is in no namespace" if not separator else "is in another namespace than SCL's",
                    f'write xmlns="{NAMESPACE}"',
                    line=self._line,
                    path=tag[:64],
                    value=space,
                )
            return tag
        return tag if space in {self._root_space, NAMESPACE, ""} else None
