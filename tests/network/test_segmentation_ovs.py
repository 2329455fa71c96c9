"""The proof's verdicts against Open vSwitch: what it says of a frame, and what it does with one."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.network import namespaces as spaces
from tests.network import ovs
from tests.network.fabrics import frames, random_fabric
from tieline.network.segmentation.fabric import Fabric, Stack
from tieline.network.segmentation.frames import frame_bytes
from tieline.network.segmentation.spread import FREE, deliveries, spread

pytestmark = pytest.mark.skipif(not ovs.IS_THERE, reason=ovs.ABSENT)
_SLOW = pytest.mark.skipif("TIELINE_SLOW" not in os.environ, reason="takes a quarter of a minute; set TIELINE_SLOW to run it")
_BATCH = 20
_DEEPEST = 2
"""Open vSwitch looks at two tags."""

Verdict = dict[tuple[str, Stack], set[tuple[str, Stack]]]


def _edges(made: Fabric) -> list[str]:
    return [port.name for port in made.ports if made.peer(port.name) is None]


def _traced(switch: ovs.OpenVSwitch, fabrics: Sequence[Fabric]) -> list[Verdict]:
    switch.configure(command for made in fabrics for command in ovs.bridge_commands(made, datapath="dummy", edge="dummy"))
    numbers = ovs.numbers_of(switch)
    verdicts = []
    for made in fabrics:
        injections = [(port, stack) for port in _edges(made) for stack in frames()]
        verdicts.append(dict(zip(injections, ovs.traced(switch, made, injections, numbers), strict=True)))
    switch.configure(command for made in fabrics for command in ovs.removal(made))
    return verdicts


def _compare(made: Fabric, verdict: Verdict) -> tuple[int, int]:
    """Frame by frame; then what the proof says of every frame at once. How many frames, and how many of them leave anywhere."""
    for (port, stack), outputs in verdict.items():
        assert deliveries(made, port, stack) == outputs, f"{port} {stack} in {made.ports} {made.links}"
    for port in _edges(made):
        real: set[str] = {out for (into, _), outputs in verdict.items() if into == port for out, _ in outputs}
        found: set[str] = set()
        for arrival in spread(made, [(port, (), FREE)]):
            found.add(arrival.port)
            if len(arrival.frame) <= _DEEPEST and 0 not in arrival.frame[1:]:
                assert (arrival.port, arrival.known) in verdict[port, arrival.frame], f"{port} to {arrival.port}"
        deeper = {arrival.port for arrival in spread(made, [(port, (), FREE)]) if len(arrival.frame) > _DEEPEST}
        assert real <= found
        assert found - deeper <= real
    return len(verdict), sum(bool(outputs) for outputs in verdict.values())


def _compare_seeds(folder: Path, seeds: range) -> tuple[int, int]:
    compared = passing = 0
    with ovs.open_vswitch(folder) as switch:
        for first in range(seeds.start, seeds.stop, _BATCH):
            fabrics = [random_fabric(seed) for seed in range(first, first + _BATCH)]
            for made, verdict in zip(fabrics, _traced(switch, fabrics), strict=True):
                frames_, left = _compare(made, verdict)
                compared, passing = compared + frames_, passing + left
    return compared, passing


@pytest.mark.parametrize("seeds", [range(20), pytest.param(range(20, 200), marks=_SLOW)], ids=["twenty", "180 more"])
def test_two_hundred_random_networks_pass_what_open_vswitch_says(tmp_path: Path, seeds: range) -> None:
    compared, passing = _compare_seeds(tmp_path, seeds)
    assert compared > 100 * len(seeds)
    assert passing > compared / 10


@pytest.mark.skipif(not spaces.IS_THERE, reason=spaces.ABSENT)
@pytest.mark.parametrize(
    "seeds",
    [range(1_000, 1_004), pytest.param(range(1_004, 1_012), marks=_SLOW), pytest.param(range(1_012, 1_020), marks=_SLOW)],
    ids=["four", "eight more", "the last eight"],
)
def test_frames_injected_in_namespaces_leave_where_the_proof_says(tmp_path: Path, seeds: range) -> None:
    switch_space, end_space = f"tl-sw-{os.getpid()}", f"tl-end-{os.getpid()}"
    with spaces.namespaces(switch_space, end_space), ovs.open_vswitch(tmp_path, namespace=switch_space) as switch:
        # Its cache of wildcarded flows takes a frame of two tags for the one with the same outer tag alone that came before.
        switch.ask("upcall/disable-megaflows")
        for seed in seeds:
            made = random_fabric(seed)
            edges = _edges(made)
            spaces.join(edges, switch=switch_space, ends=end_space)
            switch.configure(ovs.bridge_commands(made, datapath="netdev", edge=None))
            injections = [(port, stack) for port in edges for stack in frames()]
            random.Random(seed).shuffle(injections)
            sent = [
                (port, frame_bytes(stack, f"tieline {number:05d}".encode())) for number, (port, stack) in enumerate(injections)
            ]
            heard = {
                (_number(frame), port, _tags(frame)) for port, frame in spaces.injected(end_space, edges, sent) if _is_ours(frame)
            }
            expected = {
                (number, out, tags)
                for number, (port, stack) in enumerate(injections)
                for out, tags in deliveries(made, port, stack)
            }
            assert heard == expected, f"seed {seed}: {made.ports} {made.links}"
            assert expected
            switch.configure(ovs.removal(made))


def _is_ours(frame: bytes) -> bool:
    return b"tieline " in frame


def _number(frame: bytes) -> int:
    start = frame.index(b"tieline ") + len(b"tieline ")
    return int(frame[start : start + 5])


def _tags(frame: bytes) -> Stack:
    tags = []
    at = 12
    while frame[at : at + 2] in {b"\x81\x00", b"\x88\xa8"}:
        tags.append(int.from_bytes(frame[at + 2 : at + 4], "big") & 0xFFF)
        at += 4
    return tuple(tags)
