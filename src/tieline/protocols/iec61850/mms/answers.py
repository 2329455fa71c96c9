"""What the answers to requests say. Every function takes an answer's content and raises `RemoteError` where it makes no sense."""

from __future__ import annotations

from tieline.model import RemoteError
from tieline.protocols.iec61850.mms.ber import field_at, fields, signed, text, unsigned
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.session import decode_name
from tieline.protocols.iec61850.mms.values import AccessError

NAMES, READ, WRITE, TYPE, DEFINE, DATA_SET, DELETE = 1, 4, 5, 6, 11, 12, 13
"""Numbers of services, as answers bear them."""


def names(content: bytes) -> tuple[list[str], bool]:
    """Names, and whether more follow."""
    found: list[str] = []
    more = True  # the default of moreFollows
    for part in fields(content):
        if part.tag == 0xA0:
            found = [text(content, each) for each in fields(content, part.start, part.stop)]
        elif part.tag == 0x81:
            more = unsigned(content, part) != 0
    return found, more


def results(content: bytes) -> bytes:
    """The encoded values of a read."""
    for part in fields(content):
        if part.tag == 0xA1:
            return content[part.start : part.stop]
    raise RemoteError("the answer to a read has no values")


def written(content: bytes) -> list[AccessError | None]:
    """For each variable None, or why it was not written."""
    outcome: list[AccessError | None] = []
    for part in fields(content):
        if part.tag == 0x80:
            outcome.append(AccessError(signed(content, part)))
        elif part.tag == 0x81:
            outcome.append(None)
        else:
            raise RemoteError("the answer to a write makes no sense")
    return outcome


def data_set(content: bytes) -> list[Name]:
    """The members of a data set."""
    for part in fields(content):
        if part.tag == 0xA1:
            members = []
            for each in fields(content, part.start, part.stop):
                outer = field_at(content, each.start, each.stop)
                if outer.tag != 0xA0:
                    raise RemoteError("a member of a data set has no name")
                members.append(decode_name(content, field_at(content, outer.start, outer.stop)))
            return members
    raise RemoteError("the answer names no members")


def deleted(content: bytes) -> int:
    """How many data sets were deleted."""
    for part in fields(content):
        if part.tag == 0x81:
            return unsigned(content, part)
    return 0
