"""Syslog messages (RFC 5424, RFC 3164, and what switches make of them), read without ever failing: what fits no format is a text.

| format   | example                                                                              |
|----------|--------------------------------------------------------------------------------------|
| RFC 5424 | `<165>1 2026-11-23T22:14:15.003Z sw-1 link 77 LINK [x@1 port="3"] port 3 is down`    |
| RFC 3164 | `<34>Nov 23 22:14:15 sw-1 link[77]: port 3 is down`                                  |
| IOS-like | `<187>00123: sw-1: *Nov 23 22:14:15.003 UTC: %LINK-3-UPDOWN: Interface Gi1/3, changed state to down` |

Times are left out: those of RFC 3164 have no year and no zone, and a switch whose clock is wrong is no rarity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_OCTETS = 8_192
"""Of a message; what is behind them is dropped. RFC 5424 asks for 2,048."""
MOST_TEXT = 400
"""Characters that are kept of the text."""
MOST_NAME = 64
"""And of each name."""

_NOTICE = 5
_PRIORITY = re.compile(r"<(\d{1,3})>")
_RFC_5424 = re.compile(r"(\d{1,2}) (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) ?")
_MNEMONIC = re.compile(r"%([A-Z][A-Z0-9_]{0,31}(?:-[A-Z0-9_]{1,31}){0,2})-([0-7])-([A-Z0-9_]{1,48}): ?")
_HEAD = 160
"""A mnemonic of IOS stands within as many characters."""
_NUMBERED = re.compile(r"\s*\d{1,12}: ")
_TIME = re.compile(r"[*.]?(?:\w{3} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [A-Z]{2,5})?|\d{4}-\d\d-\d\dT\S{1,40}):? ")
_HOST = re.compile(r"([A-Za-z0-9_.:-]{1,255}?):? ")
_TAG = re.compile(r"([A-Za-z0-9_./-]{1,48})(?:\[(\w{1,32})\])?: ?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogMessage:
    """What somebody says of himself; what he does not say is empty."""

    severity: int
    """0 (emergency) to 7 (debug); 5 (notice) where it has none, as RFC 3164 has it in clause 4.3.3."""
    facility: int
    host: str = ""
    """As what he names himself; anybody can name himself anything."""
    name: str = ""
    """What the message is about: message id, mnemonic of IOS (`LINK-3-UPDOWN`) or program."""
    text: str


def read_syslog(datagram: bytes) -> SyslogMessage:
    """Reads any octets; control characters become spaces, and what is too long ends in an ellipsis."""
    text = _printable(datagram[:MOST_OCTETS].decode(errors="replace"))
    severity, facility = _NOTICE, 1
    priority = _PRIORITY.match(text)
    if priority is not None and int(priority[1]) <= 191:
        facility, severity = divmod(int(priority[1]), 8)
        text = text[priority.end() :]
        if (header := _RFC_5424.match(text)) is not None:
            return _of_rfc_5424(header, text[header.end() :], severity, facility)
    return _of_others(text, severity, facility)


def _of_rfc_5424(header: re.Match[str], rest: str, severity: int, facility: int) -> SyslogMessage:
    _, _, host, program, _, message_id = header.groups()
    names = ["" if each == "-" else each for each in (message_id, program)]
    data, text = _structured(rest)
    return SyslogMessage(
        severity=severity,
        facility=facility,
        host="" if host == "-" else _cut(host, MOST_NAME),
        name=names[0] or names[1],
        text=_cut(text.strip() or data, MOST_TEXT),
    )


def _structured(rest: str) -> tuple[str, str]:
    """Structured data and what follows (RFC 5424, clause 6.3); none of it where it does not end."""
    if not rest.startswith("["):
        return "", rest.removeprefix("-").removeprefix(" ")
    is_quoted = is_escaped = False
    for at, each in enumerate(rest):
        if is_escaped:
            is_escaped = False
        elif is_quoted and each == "\\":
            is_escaped = True
        elif each == '"':
            is_quoted = not is_quoted
        elif each == "]" and not is_quoted and rest[at + 1 : at + 2] != "[":
            return rest[: at + 1], rest[at + 1 :].removeprefix(" ")
    return "", rest


def _of_others(text: str, severity: int, facility: int) -> SyslogMessage:
    mnemonic = _MNEMONIC.search(text, 0, _HEAD + 128)
    if mnemonic is not None and mnemonic.start() <= _HEAD:
        part, told, what = mnemonic.groups()
        host = _host_before(text[: mnemonic.start()])
        said = text[mnemonic.end() :].strip()
        return SyslogMessage(
            severity=int(told),
            facility=facility,
            host=host,
            name=f"{part}-{told}-{what}",
            text=_cut(said or text.strip(), MOST_TEXT),
        )
    rest, host, name = text.lstrip(), "", ""
    if (time := _TIME.match(rest)) is not None:
        rest = rest[time.end() :]
        if (found := _HOST.match(rest)) is not None and _TAG.match(rest[found.end() :]) is not None:
            host, rest = _cut(found[1], MOST_NAME), rest[found.end() :]
        if (tag := _TAG.match(rest)) is not None and tag.end() < len(rest):
            name, rest = tag[1], rest[tag.end() :]
    return SyslogMessage(severity=severity, facility=facility, host=host, name=name, text=_cut(rest.strip(), MOST_TEXT))


def _host_before(head: str) -> str:
    """The host among sequence number, host and time, in whatever order IOS was told to send them."""
    for _ in range(3):
        head = head.lstrip()
        if (number := _NUMBERED.match(head)) is not None:
            head = head[number.end() :]
        elif (time := _TIME.match(head)) is not None:
            head = head[time.end() :]
        elif (host := _HOST.match(head)) is not None:
            return _cut(host[1], MOST_NAME)
    return ""


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
