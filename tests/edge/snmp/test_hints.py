import asyncio

from tieline.edge.snmp.hints import Hints


async def test_a_hint_ends_the_wait_of_its_device_only() -> None:
    hints = Hints()
    waiting = asyncio.ensure_future(hints.wait("sw-1", 30))
    other = asyncio.ensure_future(hints.wait("sw-2", 0.05))
    await asyncio.sleep(0)
    hints.poke("sw-1")
    assert await waiting is True
    assert await other is False


async def test_a_hint_while_nobody_waits_is_kept_once() -> None:
    hints = Hints()
    hints.poke("sw-1")
    hints.poke("sw-1")
    assert await hints.wait("sw-1", 0) is True
    assert await hints.wait("sw-1", 0) is False


def test_the_engine_that_a_device_proved_to_be_last_is_its_own() -> None:
    hints = Hints()
    hints.learn("sw-1", b"first")
    hints.learn("sw-2", b"second")
    hints.learn("sw-1", b"third")
    assert [hints.device_of(engine) for engine in (b"first", b"second", b"third")] == [None, "sw-2", "sw-1"]
