"""Who may ask, approve, use and cut remote access, and what ends by itself; in fake time."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tests.security.remote.world import BOTH, ELSEWHERE, NOON_US, OPERATOR, SECURITY, VENDOR, VIEWER, World, person
from tieline.config.remote import RemoteSection
from tieline.model import RefusedError
from tieline.security.remote.records import GrantState, SessionState


def test_a_grant_that_another_person_approved_opens_sessions_by_tickets() -> None:
    world = World()
    grant = world.granted(minutes=60)
    assert (grant.state, grant.decided_by) == (GrantState.APPROVED, "ada")
    world.ticket(grant)
    session = world.redeem()
    assert (session.person, session.site, session.device, session.service, session.port) == (
        "ines",
        "north",
        "relay-1",
        "web",
        443,
    )
    assert session.end_us == grant.end_us == NOON_US + 3_600_000_000
    world.desk.put(world.desk.opened(session))
    assert [each.state for each in world.desk.running()] == [SessionState.OPEN]


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda world: world.ask(VIEWER), "may not ask for remote access to north"),
        (lambda world: world.ask(VENDOR, site="south"), "may not ask for remote access to south"),
        (lambda world: world.ask(BOTH, site="nowhere"), "there is no site nowhere"),
        (lambda world: world.ask(BOTH, site="shut"), "shut permits no remote access"),
        (lambda world: world.ask(service="ssh"), "north has no service relay-1/ssh"),
        (lambda world: world.ask(minutes=481), "480 minutes at the most"),
        (lambda world: world.ask(begin_s=-120), "does not begin in the past"),
        (lambda world: world.ask(begin_s=100 * 3_600), "begins within 72 hours"),
        (lambda world: world.desk.ask(VENDOR, "north", "relay-1", "web", "  ", 0, 5, NOON_US), "needs a reason"),
        (lambda world: world.approve(world.ask(BOTH), BOTH), "another person has to approve it than who asked"),
        (lambda world: world.approve(world.ask(), VIEWER), "may not approve remote access to north"),
        (lambda world: world.approve(world.ask(), ELSEWHERE), "may not approve remote access to north"),
        (lambda world: world.approve(world.ask(), person("eve", "operator", has_second_factor=False)), "needs a second factor"),
        (lambda world: world.approve(world.granted()), "is approved already"),
        (lambda world: world.ticket(world.ask()), "nobody has approved the grant yet"),
        (lambda world: world.ticket(world.granted(), who=BOTH), "the grant is ines's"),
        (lambda world: world.ticket(world.granted(), who=person("ines", "viewer")), "may not use remote access to north"),
        (
            lambda world: world.ticket(world.granted(), who=person("ines", "installer", has_second_factor=False)),
            "needs a second factor",
        ),
        (lambda world: world.ticket(world.granted(begin_s=600)), "has not begun yet"),
        (lambda world: world.redeem(b"guessed"), "the ticket is not good"),
        (lambda world: world.desk.withdraw(VIEWER, world.granted().id, "", NOON_US), "may not cut remote access"),
        (lambda world: world.desk.withdraw(OPERATOR, "g-none", "", NOON_US), "there is no grant g-none"),
    ],
)
def test_what_is_refused(do: Callable[[World], object], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        do(World())


def test_a_ticket_is_used_once_and_soon() -> None:
    world = World()
    grant = world.granted()
    world.ticket(grant)
    world.redeem()
    with pytest.raises(RefusedError, match="used before"):
        world.redeem()
    world.ticket(grant, b"late")
    world.go(world.settings.ticket_s)
    with pytest.raises(RefusedError, match="within 60 s"):
        world.redeem(b"late")
    with pytest.raises(RefusedError, match="never issued, used before"):
        world.redeem(b"late")


def test_a_grant_ends_with_its_time_and_takes_its_tickets_with_it() -> None:
    world = World()
    grant = world.granted(minutes=1)
    world.go(59)
    world.ticket(grant)
    assert world.desk.over(world.now.utc_us) == []
    world.go(1)
    with pytest.raises(RefusedError, match="its time is over"):
        world.desk.ticket(VENDOR, grant.id, b"x", world.now)
    with pytest.raises(RefusedError, match="its time is over"):
        world.redeem()
    (over,) = world.desk.over(world.now.utc_us)
    assert (over.id, over.state, over.words) == (grant.id, GrantState.ENDED, "its time is over")


def test_a_grant_that_nobody_approved_ends_and_one_that_was_to_begin_at_once_begins_with_the_approval() -> None:
    world = World()
    waiting = world.ask(minutes=30)
    world.go(3_600)
    approved = world.approve(waiting)
    assert (approved.begin_us, approved.end_us) == (world.now.utc_us, world.now.utc_us + 1_800_000_000)
    forgotten = world.ask()
    world.go(72 * 3_600)
    assert forgotten in [each for each in world.desk.grants.values() if each.state is GrantState.ASKED]
    assert {each.words for each in world.desk.over(world.now.utc_us)} == {"its time is over", "nobody approved it in time"}
    with pytest.raises(RefusedError, match="nobody approved"):
        world.approve(forgotten)


def test_a_cut_ends_the_grant_so_that_nothing_leads_back_in() -> None:
    world = World()
    grant = world.granted()
    world.ticket(grant)
    session = world.redeem()
    world.ticket(grant, b"next")
    world.desk.put(world.desk.withdraw(OPERATOR, grant.id, "cut by ada", world.now.utc_us))
    assert [each.id for each in world.desk.sessions_of(grant.id)] == [session.id]
    world.desk.put(world.desk.closed(session.id, "cut by ada", world.now.utc_us))
    with pytest.raises(RefusedError, match="never issued, used before, or withdrawn"):
        world.redeem(b"next")
    with pytest.raises(RefusedError, match="the grant has ended: cut by ada"):
        world.ticket(grant)
    with pytest.raises(RefusedError, match="ended before it was open"):
        world.desk.opened(session)
    with pytest.raises(RefusedError, match="has ended already"):
        world.desk.withdraw(VENDOR, grant.id, "", world.now.utc_us)


def test_everything_is_cut_that_one_may_cut_and_nothing_else() -> None:
    world = World()
    north, south = world.granted(), world.approve(world.ask(BOTH, site="south"))
    assert [each.id for each in world.desk.withdraw_all(ELSEWHERE, "", world.now.utc_us)] == [south.id]
    assert [each.id for each in world.desk.withdraw_all(VENDOR, "", world.now.utc_us)] == [north.id]
    assert {each.id for each in world.desk.withdraw_all(SECURITY, "", world.now.utc_us)} == {north.id, south.id}
    assert [each.id for each in world.desk.end_of_person("grace", "", world.now.utc_us)] == [south.id]


def test_a_grant_and_a_site_have_so_many_sessions_and_no_more() -> None:
    world = World(RemoteSection(most_sessions=2))
    grant, other = world.granted(), world.approve(world.ask(BOTH))
    for number in range(2):
        world.redeem(world.ticket(grant, bytes([number])))
    with pytest.raises(RefusedError, match="2 sessions already"):
        world.ticket(grant)
    first, second = (world.ticket(other, secret, BOTH) for secret in (b"a", b"b"))
    world.redeem(first)
    with pytest.raises(RefusedError, match="north has 3 sessions already"):
        world.redeem(second)
    closed = world.desk.running()[0]
    world.desk.put(world.desk.closed(closed.id, "", world.now.utc_us))
    world.redeem(world.ticket(grant))


def test_a_service_that_moved_in_the_folder_is_to_be_asked_for_again() -> None:
    world = World()
    grant = world.granted()
    world.desk.put(msgspec.structs.replace(grant, port=8443))
    with pytest.raises(RefusedError, match="another port than when the grant was approved"):
        world.ticket(grant)


def test_a_restart_keeps_grants_and_makes_tickets_worthless() -> None:
    world, again = World(), World()
    grant = world.granted()
    world.ticket(grant)
    again.desk.put(grant)
    with pytest.raises(RefusedError, match="the ticket is not good"):
        again.redeem()
    again.redeem(again.ticket(grant, b"new"))


def test_nobody_is_told_of_what_is_not_theirs() -> None:
    world = World()
    grant = world.granted()
    seeing = [who.person for who in (VENDOR, OPERATOR, BOTH, SECURITY, VIEWER, ELSEWHERE) if world.desk.may_see(who, grant)]
    assert seeing == ["ines", "ada", "grace", "rosalind"]
