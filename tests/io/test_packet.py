"""Raw frames over a veth pair in a network namespace."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator

import pytest

from tests.io.namespaces import FAR, NEAR, Namespace, veth_pair
from tieline.io.packet import PacketSocket, open_packet
from tieline.model import LocalError, UnavailableError

GOOSE, SV = 0x88B8, 0x88BA
ADDRESSES = bytes.fromhex("010ccd010001 020000000001")


def frame(number: int = 0, ethertype: int = GOOSE, tag: str = "") -> bytes:
    return ADDRESSES + bytes.fromhex(tag) + ethertype.to_bytes(2, "big") + number.to_bytes(4, "big") + bytes(180)


@pytest.fixture
def network() -> Iterator[Namespace]:
    with veth_pair() as namespace:
        yield namespace


def opened(network: Namespace, interface: str, *ethertypes: int) -> PacketSocket:
    return network.call(lambda: open_packet(interface, ethertypes or (GOOSE,)))


def received(packets: PacketSocket, count: int) -> list[bytes]:
    """So many frames, or what came within five seconds."""
    found: list[bytes] = []
    end = time.monotonic() + 5
    while len(found) < count and time.monotonic() < end:
        select.select([packets], [], [], 0.5)
        found += packets.receive()
    return found


def test_frames_arrive_as_they_were_sent(network: Namespace) -> None:
    with opened(network, NEAR) as near, opened(network, FAR) as far:
        sent = [frame(number) for number in range(5)]
        for each in sent:
            far.send(each)
        assert received(near, 5) == sent
        assert near.statistics.received == 5
        assert near.statistics.dropped == 0


@pytest.mark.parametrize("tag", ["8100 8003", "8100 0fff", "8100 0000"])
def test_the_vlan_tag_is_put_back(network: Namespace, tag: str) -> None:
    with opened(network, NEAR) as near, opened(network, FAR) as far:
        far.send(frame(1, tag=tag))
        assert received(near, 1) == [frame(1, tag=tag)]


def test_only_the_wanted_ethertypes_arrive(network: Namespace) -> None:
    with opened(network, NEAR, GOOSE, SV) as near, opened(network, FAR) as far:
        others = [frame(0, 0x0800), frame(0, 0x88B9), frame(0, 0x0800, tag="8100 0001")]
        for each in [*others, frame(1), *others, frame(2, SV), *others, frame(3, SV, tag="8100 2003")]:
            far.send(each)
        assert received(near, 3) == [frame(1), frame(2, SV), frame(3, SV, tag="8100 2003")]
        assert near.statistics.received == 3


def test_own_frames_do_not_come_back(network: Namespace) -> None:
    with opened(network, NEAR) as near, opened(network, FAR) as far:
        near.send(frame(1))
        assert received(far, 1) == [frame(1)]
        far.send(frame(2))
        assert received(near, 1) == [frame(2)]


def test_a_flood_of_ten_thousand_frames_waits_in_the_ring(network: Namespace) -> None:
    with opened(network, NEAR) as near, opened(network, FAR) as far:
        sent = [frame(number, tag="8100 8003") for number in range(10_000)]
        for each in sent:
            far.send(each)
        assert received(near, 10_000) == sent
        assert near.statistics.dropped == 0


def test_what_the_ring_could_not_hold_is_counted(network: Namespace) -> None:
    with network.call(lambda: open_packet(NEAR, [GOOSE], ring_size=1 << 19)) as near, opened(network, FAR) as far:
        for number in range(5_000):
            far.send(frame(number))
        statistics = near.statistics
        assert statistics.dropped > 0
        assert statistics.received + statistics.dropped == 5_000
        assert len(received(near, statistics.received)) == statistics.received
        far.send(frame(7))
        assert received(near, 1) == [frame(7)]


def test_an_interface_that_goes_down_says_so_once(network: Namespace) -> None:
    with opened(network, NEAR) as near:
        network.ip("link", "set", NEAR, "down")
        with pytest.raises(UnavailableError, match="near0 cannot be read: Network is down"):
            received(near, 1)
        with pytest.raises(UnavailableError, match="does not take a frame: Network is down"):
            near.send(frame())
        with pytest.raises(UnavailableError, match="cannot open the interface near0: Network is down"):
            opened(network, NEAR)


def test_an_interface_that_is_not_there_cannot_be_opened() -> None:
    with pytest.raises(UnavailableError, match="cannot open the interface nowhere0"):
        open_packet("nowhere0", [GOOSE])


def test_without_the_capability_the_error_says_what_is_missing(network: Namespace) -> None:
    def without() -> None:
        import ctypes

        # Capabilities belong to a thread as well; this one ends with the test. Header: version 3, this thread; then none at all.
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.capset((ctypes.c_uint32 * 2)(0x2008_0522, 0), (ctypes.c_uint32 * 6)()) == 0
        open_packet(NEAR, [GOOSE])

    with pytest.raises(UnavailableError, match="CAP_NET_RAW"):
        network.call(without)


@pytest.mark.parametrize("ethertypes", [[], [0x5FF], [0x1_0000]])
def test_ethertypes_that_are_none_are_refused(network: Namespace, ethertypes: list[int]) -> None:
    with pytest.raises(LocalError, match="no ethertypes"):
        network.call(lambda: open_packet(NEAR, ethertypes))


def test_after_closing_the_statistics_are_still_there(network: Namespace) -> None:
    near, far = opened(network, NEAR), opened(network, FAR)
    far.send(frame())
    assert received(near, 1)
    near.close()
    near.close()
    far.close()
    assert near.statistics.received == 1
    assert near.fileno() == -1


def test_a_frame_that_is_too_long_is_not_sent(network: Namespace) -> None:
    with opened(network, NEAR) as near, pytest.raises(UnavailableError, match="Message too long"):
        near.send(frame() + bytes(70_000))
