"""From the octets of an XML file to UTF-8, whatever the file says or is."""

from __future__ import annotations

import codecs
import re

from tieline.protocols.iec61850.scl.findings import Findings

_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([A-Za-z][A-Za-z0-9._-]{0,40})[\"']")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WITHOUT_MARK = ((b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"), (b"<\0S\0", "utf-16-le"), (b"\0<\0S", "utf-16-be"))
# Python has codecs that are not for text, or slow on purpose of an attacker (idna); these are what engineering tools write.
_KNOWN = re.compile(r"^(utf-8|ascii|iso8859-\d{1,2}|cp\d{3,4}|koi8-[ru]|gb2312|gbk|gb18030|big5|shift_jis|euc_(jp|kr))$")


def as_utf8(data: bytes, findings: Findings) -> tuple[bytes, int]:
    """The file in UTF-8, and how many blank lines before its beginning were dropped. What had to be guessed is a finding."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _trimmed(_decoded(data[len(mark) :], encoding, findings), findings)
    for start, encoding in _WITHOUT_MARK:
        if data.startswith(start):
            return _trimmed(_decoded(data, encoding, findings), findings)
    return _trimmed(_decoded(data, _declared(data, findings), findings), findings)


def _declared(data: bytes, findings: Findings) -> str:
    match = _DECLARED.search(data[:512])
    if not match:
        return "utf-8"
    name = match[1].decode()
    try:
        known = codecs.lookup(name).name
    except LookupError:
        known = ""
    if _KNOWN.match(known):
        return known
    if not known.startswith("utf-16"):
        findings.warn("the encoding is not known; read as UTF-8", 'write encoding="UTF-8"', line=1, value=name)
    else:
        findings.warn("the encoding is declared as UTF-16, and is UTF-8", 'write encoding="UTF-8"', line=1, value=name)
    return "utf-8"


def _decoded(data: bytes, encoding: str, findings: Findings) -> bytes:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if encoding in {"utf-8", "ascii"}:
            findings.warn("has octets that are not UTF-8; read as Windows-1252", "save the file as UTF-8", line=line)
            text = data.decode("cp1252", errors="replace")
        else:
            findings.warn(f"has octets that are not {encoding}", "save the file as UTF-8", line=line)
            text = data.decode(encoding, errors="replace")
    else:
        if encoding == "utf-8":
            return data
    return text.encode("utf-8", errors="replace")


def _trimmed(data: bytes, findings: Findings) -> tuple[bytes, int]:
    """XML allows nothing before its declaration; blank lines there are common all the same."""
    start = len(data) - len(data.lstrip())
    if start == 0:
        return data, 0
    findings.warn("begins with blanks", "delete them", line=1)
    return data[start:], data.count(b"\n", 0, start)
