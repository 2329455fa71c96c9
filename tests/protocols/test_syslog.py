"""Syslog of RFC 5424 and 3164, of IOS, and of nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.protocols.syslog import MOST_NAME, MOST_TEXT, read_syslog

MESSAGES = {
    # RFC 5424, clause 6.5, examples 1, 2, 3, 4
    b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed for lonvick on /dev/pts/8": (
        (4, 2, "mymachine.example.com", "ID47", "'su root' failed for lonvick on /dev/pts/8")
    ),
    b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.": (
        (20, 5, "192.0.2.1", "myproc", "%% It's time to make the do-nuts.")
    ),
    b'<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3"] \xef\xbb\xbfAn event': (
        (20, 5, "mymachine.example.com", "ID47", "An event")
    ),
    b'<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [a@32473 iut="\\"]"][b@32473 class="high"]': (
        (20, 5, "mymachine.example.com", "ID47", '[a@32473 iut="\\"]"][b@32473 class="high"]')
    ),
    b"<165>1 - - - - - -": (20, 5, "", "", ""),
    b"<165>1 - sw - - - [never ends": (20, 5, "sw", "", "[never ends"),
    # RFC 3164, clause 5.4
    b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8": (
        (4, 2, "mymachine", "su", "'su root' failed for lonvick on /dev/pts/8")
    ),
    b"Use the BFG!": (1, 5, "", "", "Use the BFG!"),
    b"<13>Nov 23 20:11:22 vm root: test": (1, 5, "vm", "root", "test"),
    b"<30>Nov  3 20:11:22 lldpd[77]: port up": (3, 6, "", "lldpd", "port up"),
    # IOS, with what `service sequence-numbers`, `logging origin-id` and `service timestamps` add
    b"<187>00123: sw-1: *Nov 23 22:14:15.003 UTC: %LINK-3-UPDOWN: Interface Gi1/3, changed state to down": (
        (23, 3, "sw-1", "LINK-3-UPDOWN", "Interface Gi1/3, changed state to down")
    ),
    b"<189>45: 000124: .Mar  1 2026 18:46:11.123: %SYS-5-CONFIG_I: Configured from console": (
        (23, 5, "", "SYS-5-CONFIG_I", "Configured from console")
    ),
    b"<188>%ILPOWER-4-DISCONNECT: Interface Fa0/2: PD removed": (
        (23, 4, "", "ILPOWER-4-DISCONNECT", "Interface Fa0/2: PD removed")
    ),
    b"<186>9: %PORT_SECURITY-SP-2-PSECURE_VIOLATION: Security violation": (
        (23, 2, "", "PORT_SECURITY-SP-2-PSECURE_VIOLATION", "Security violation")
    ),
    # Nobody's
    b"<192>text": (1, 5, "", "", "<192>text"),
    b"<5>\x1b[31mred\x07\r\nsecond": (0, 5, "", "", "[31mred   second"),
    b"": (1, 5, "", "", ""),
    b"\xff\xfe": (1, 5, "", "", "��"),
}


@pytest.mark.parametrize("datagram", MESSAGES)
def test_messages_are_read_as_their_formats_say(datagram: bytes) -> None:
    read = read_syslog(datagram)
    assert (read.facility, read.severity, read.host, read.name, read.text) == MESSAGES[datagram]


PIECES = st.sampled_from(
    [b"<34>", b"1 ", b"- ", b"[", b"]", b'"', b"\\", b"%LINK-3-UPDOWN: ", b"Oct 11 22:14:15 ", b"12: ", b"host ", b"\xef\xbb\xbf"]
)


@given(st.one_of(st.binary(max_size=300), st.lists(st.one_of(PIECES, st.binary(max_size=5)), max_size=60).map(b"".join)))
def test_any_octets_give_a_message_that_can_be_shown(datagram: bytes) -> None:
    read = read_syslog(datagram)
    assert 0 <= read.severity <= 7
    assert 0 <= read.facility <= 23
    for text, most in ((read.text, MOST_TEXT), (read.name, MOST_NAME * 2), (read.host, MOST_NAME)):
        assert len(text) <= most
        assert text.isprintable()


def test_what_is_too_long_is_cut_visibly() -> None:
    read = read_syslog(b"<5>" + b"x" * 70_000)
    assert len(read.text) == MOST_TEXT
    assert read.text.endswith("x…")
