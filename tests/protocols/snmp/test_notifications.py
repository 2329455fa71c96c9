"""What notifications mean."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tieline.model import Severity
from tieline.protocols.snmp import Value, oid
from tieline.protocols.snmp.notifications import FIELDS, KNOWN, MOST_TOLD, SYS_UPTIME, TRAP_OID, read_notification
from tieline.protocols.snmp.pdu import Kind, Pdu

LINK_DOWN = oid("1.3.6.1.6.3.1.1.5.3")


def trap(name: tuple[int, ...], *bindings: tuple[str, Value]) -> Pdu:
    return Pdu(Kind.TRAP, 1, ((SYS_UPTIME, 4711), (TRAP_OID, name), *((oid(key), value) for key, value in bindings)))


def test_a_link_that_goes_down_is_told_with_its_port() -> None:
    bindings = [
        ("1.3.6.1.2.1.2.2.1.1.10103", 10103),
        ("1.3.6.1.2.1.2.2.1.7.10103", 1),
        ("1.3.6.1.2.1.2.2.1.8.10103", 2),
        ("1.3.6.1.2.1.31.1.1.1.1.10103", b"Gi1/3"),
    ]
    told = read_notification(trap(LINK_DOWN, *bindings))
    assert (told.name, told.severity, told.interface, told.uptime_ticks) == ("linkDown", Severity.WARNING, 10103, 4711)
    assert told.text == "link down (linkDown): interface 10103, set up, is down, name Gi1/3"


def test_poe_port_security_and_supplies_are_told_in_words() -> None:
    poe = read_notification(trap(oid("1.3.6.1.2.1.105.0.1"), ("1.3.6.1.2.1.105.1.1.1.6.1.7", 4)))
    assert poe.text == "PoE of a port changed (pethPsePortOnOffNotification): PoE fault (port 1.7)"
    station = bytes.fromhex("0050c2123456")
    security = read_notification(
        trap(
            oid("1.3.6.1.4.1.9.9.315.0.0.1"),
            ("1.3.6.1.2.1.2.2.1.1.9", 9),
            ("1.3.6.1.4.1.9.9.315.1.2.1.1.10.9", station),
        )
    )
    assert "station 00:50:c2:12:34:56" in security.text
    assert (security.severity, security.interface) == (Severity.ERROR, 9)
    supply = read_notification(
        trap(
            oid("1.3.6.1.4.1.9.9.13.3.0.9"),
            ("1.3.6.1.4.1.9.9.13.1.5.1.2.1006", b"PSU 2"),
            ("1.3.6.1.4.1.9.9.13.1.5.1.3.1006", 6),
        )
    )
    assert supply.text == "the state of a supply changed (ciscoEnvMonSuppStatusChangeNotif): supply PSU 2, is not functioning"


def test_an_unknown_notification_is_told_with_its_name_and_what_it_bears() -> None:
    told = read_notification(trap(oid("1.3.6.1.4.1.99999.1"), ("1.3.6.1.4.1.99999.2", b"x\x00y"), ("1.3.6.1.4.1.99999.3", 5)))
    assert told.text == (
        "says something that is not known here (1.3.6.1.4.1.99999.1): 1.3.6.1.4.1.99999.2 = 78:00:79, 1.3.6.1.4.1.99999.3 = 5"
    )


def test_of_many_things_the_first_are_told_and_the_others_counted() -> None:
    told = read_notification(trap(LINK_DOWN, *((f"1.3.6.1.4.1.99999.{number}", number) for number in range(50))))
    assert told.text.endswith("1.3.6.1.4.1.99999.7 = 7, and 42 more")
    long = read_notification(trap(LINK_DOWN, *((f"1.3.6.1.4.1.99999.{number}", b"z" * 5000) for number in range(50))))
    assert len(long.text) == MOST_TOLD
    assert long.text.endswith("z…")


OIDS = st.one_of(
    st.sampled_from([*KNOWN, *FIELDS, SYS_UPTIME, TRAP_OID]),
    st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=20).map(tuple),
)
VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**64), st.binary(max_size=200), OIDS)


@given(st.lists(st.tuples(OIDS, VALUES), max_size=20))
def test_any_notification_is_told_in_words_that_can_be_shown(bindings: list[tuple[tuple[int, ...], Value | None]]) -> None:
    told = read_notification(Pdu(Kind.TRAP, 1, tuple(bindings)))
    assert told.text.isprintable()
    assert len(told.text) <= MOST_TOLD
