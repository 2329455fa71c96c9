"""What a site takes for an order to open a session, and what it refuses; in fake time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.security.remote.world import RELAY
from tieline.config.remote import SiteRemote
from tieline.model import RefusedError, RemoteError, subjects
from tieline.security.identity import Authority
from tieline.security.identity.signing import Signer, Verifier
from tieline.security.remote.order import MOST_BYTES, PURPOSE, Acceptance, Order, Signed, sign


@dataclass
class Site:
    """A site that is given orders."""

    authority: Authority
    remote: SiteRemote = field(default_factory=lambda: SiteRemote(services=(RELAY,), most_sessions=2))
    offset_s: float | None = 0.0
    now_us: int = field(default_factory=lambda: time.time_ns() // 1_000)

    def __post_init__(self) -> None:
        credentials = self.authority.credentials(subjects.REMOTE_ROLE)
        self.signer = Signer(credentials)
        self.verifier = Verifier(credentials.authority, subjects.REMOTE_ROLE)
        self.acceptance = self.restarted(newest=0)

    def restarted(self, newest: int) -> Acceptance:
        return Acceptance("north", self.remote, self.verifier, newest=newest, offset_s=lambda: self.offset_s)

    def order(self, **other: Any) -> Order:
        default: dict[str, Any] = {
            "session": "r-1",
            "grant": "g-1",
            "person": "ines",
            "reason": "new firmware",
            "site": "north",
            "device": "relay-1",
            "service": "web",
            "port": 443,
            "issued_us": self.now_us,
            "end_us": self.now_us + 60_000_000,
            "idle_s": 60.0,
            "number": 1,
        }
        return Order(**default | other)

    def give(self, running: int = 0, **other: Any) -> Order:
        order, service = self.acceptance.take(sign(self.order(**other), self.signer), self.now_us, running)
        assert service == RELAY
        return order


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(Authority.open(tmp_path / "authority"))


def test_an_order_of_the_center_is_taken_once(site: Site) -> None:
    assert site.give().session == "r-1"
    with pytest.raises(RefusedError, match="a repetition, or it comes too late"):
        site.give()
    assert site.give(number=2, session="r-2").session == "r-2"


def test_an_order_is_taken_once_over_a_restart_too(site: Site) -> None:
    site.give(number=7)
    site.acceptance = site.restarted(newest=site.acceptance.newest)
    with pytest.raises(RefusedError, match="7 was here already"):
        site.give(number=7)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"site": "south"}, "the order is for south"),
        ({"device": "relay-2"}, "has no service relay-2/web"),
        ({"service": "ssh"}, "has no service relay-1/ssh"),
        ({"port": 22}, "at port 22 in its folder"),
        ({"end_us": 1}, "the grant's time is over"),
        ({"issued_us": 0}, "was issued"),
        ({"running": 2}, "2 sessions already"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(site: Site, other: dict[str, Any], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        site.give(**other)


def test_an_old_order_and_one_from_the_future_are_refused(site: Site) -> None:
    for number, (age_s, words) in enumerate(((16.0, "issued 16.0 s ago"), (-3.0, "issued -3.0 s ago")), start=1):
        with pytest.raises(RefusedError, match=words):
            site.give(issued_us=site.now_us - round(age_s * 1e6), number=number)


def test_an_order_is_refused_where_the_clocks_differ(site: Site) -> None:
    site.offset_s = 2.5
    with pytest.raises(RefusedError, match=r"the center's is 2.5 s ahead of the site's"):
        site.give()
    site.offset_s = None
    with pytest.raises(RefusedError, match="a repetition"):
        site.give()
    assert site.give(number=2)


def test_a_site_refuses_all_remote_access_where_its_folder_says_so(site: Site) -> None:
    site.remote = SiteRemote(allowed=False, services=(RELAY,))
    site.acceptance = site.restarted(newest=0)
    with pytest.raises(RefusedError, match="north permits no remote access"):
        site.give()


def test_an_order_that_was_altered_is_refused_byte_by_byte(site: Site) -> None:
    signed = msgspec.msgpack.decode(sign(site.order(), site.signer), type=Signed)
    for place in range(len(signed.order)):
        altered = bytearray(signed.order)
        altered[place] ^= 1
        payload = msgspec.msgpack.encode(Signed(bytes(altered), signed.signature, signed.certificate))
        with pytest.raises((RefusedError, RemoteError)):
            site.acceptance.take(payload, site.now_us, 0)
    assert site.acceptance.newest == 0


def test_an_order_of_another_role_or_for_another_purpose_is_refused(site: Site, tmp_path: Path) -> None:
    raw = msgspec.msgpack.encode(site.order())
    scada = Signer(site.authority.credentials(subjects.SCADA_ROLE))
    stranger = Signer(Authority.open(tmp_path / "other").credentials(subjects.REMOTE_ROLE))
    forged = (
        Signed(raw, scada.sign(PURPOSE, raw), scada.certificate),
        Signed(raw, stranger.sign(PURPOSE, raw), stranger.certificate),
        Signed(raw, site.signer.sign("command 1", raw), site.signer.certificate),
        Signed(raw, b"", b""),
    )
    for each in forged:
        with pytest.raises(RefusedError):
            site.acceptance.take(msgspec.msgpack.encode(each), site.now_us, 0)


@pytest.mark.parametrize("payload", [b"", b"\x93\xa1a", b"x" * (MOST_BYTES + 1), msgspec.msgpack.encode([1, 2, 3])])
def test_what_is_no_order_is_refused(site: Site, payload: bytes) -> None:
    with pytest.raises(RemoteError):
        site.acceptance.take(payload, site.now_us, 0)
