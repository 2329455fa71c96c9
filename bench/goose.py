"""Part (g): GOOSE and sampled values, frames for each second of CPU time of one core, and a flood through the kernel's ring.

Frames are those of a bay: four positions with quality and time, and one of twelve measured values. "Repeated" are frames whose counters
differ only, as nearly all on a station bus are; "changing" ones differ in values, state number and time as well, and end as samples.
Beside our decoder stands open61850's, given the same frames, where it is installed. The flood crosses a veth pair in a network namespace,
where the machine can make one (as root); a process of its own sends it. The ring's frames go through the subscriber. Beside it stands a
plain socket, read and decoded one frame at a time.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from bench.modbus import measure
from bench.result import Result
from tieline.edge.goose import GooseBlock, GoosePoint
from tieline.edge.goose.values import BlockValues
from tieline.io.packet import PacketSocket, open_packet
from tieline.model import Now, PointId
from tieline.protocols.goose import (
    ETHERTYPE_GOOSE,
    Address,
    Asdu,
    BitString,
    Data,
    Expected,
    Float32,
    FrameReader,
    GooseFrame,
    GooseMessage,
    Structure,
    Subscriber,
    SubscriberSettings,
    SvFrame,
    SvReader,
    Update,
    UtcTime,
    decode_goose,
    encode_goose,
    encode_sv,
)

FRAMES = 10_000
FLOOD = 10_000
BATCH = 500
T0_US = 1_700_000_000_000_000
ADDRESS = Address(destination="01:0c:cd:01:00:01", source="02:00:00:00:00:01", app_id=1, vlan_id=5, vlan_priority=4)
GOCB_REF = "NG_Q01LD0/LLN0$GO$gcbBay"
EXPECTED = Expected(gocb_ref=GOCB_REF, conf_rev=1)
CALM = SubscriberSettings(storm_frames_per_s=1 << 30, storm_total_per_s=1 << 30)


def positions(number: int) -> tuple[Data, ...]:
    """Four switches; they move with each number."""
    moved = UtcTime.of(T0_US + number, 10)
    return tuple(Structure((BitString(1 + (number + place) % 2, 2), BitString(0, 13), moved)) for place in range(4))


def measured(number: int) -> tuple[Data, ...]:
    """Twelve values."""
    return tuple(Structure((Float32(number * 0.5 + place), BitString(0, 13))) for place in range(12))


def goose(data: tuple[Data, ...], st_num: int, sq_num: int) -> bytes:
    """A frame of the bay."""
    message = GooseMessage(
        gocb_ref=GOCB_REF,
        time_allowed_to_live_ms=2_000,
        dat_set="NG_Q01LD0/LLN0$dsBay",
        go_id="bay",
        t=UtcTime.of(T0_US + st_num, 10),
        st_num=st_num,
        sq_num=sq_num,
        conf_rev=1,
        num_dat_set_entries=len(data),
        all_data=data,
    )
    return encode_goose(GooseFrame(address=ADDRESS, message=message))


def decoders(name: str, frames: Sequence[bytes]) -> list[Result]:
    """Frames to headers and values, one at a time."""
    reader = FrameReader()

    def peer() -> Callable[[bytes], object] | None:
        try:
            found: Callable[[bytes], object] = importlib.import_module("open61850.goose").decode_goose_frame
        except ImportError:
            return None
        return found

    results = []
    for who, decode in (("against the template", reader.read), ("element by element", decode_goose), ("open61850", peer())):
        if decode is None:
            print("open61850 is not installed: left out")
            continue

        def work(decode: Callable[[bytes], object] = decode) -> int:
            for frame in frames:
                decode(frame)
            return len(frames)

        detail = f"{len(frames[-1])} octets, decode only"
        results.append(Result(part="g", name=f"GOOSE {name}, {who}", value=measure(work), unit="frames/CPU s", detail=detail))
    return results


def supervised(name: str, frames: Sequence[bytes], points: int) -> Result:
    """Frames through decoder and subscriber, and what changed into samples."""
    mapped = tuple(GoosePoint(point=PointId(place), value=(place, 0), quality=(place, 1)) for place in range(points))
    samples = 0

    def work() -> int:
        nonlocal samples
        subscriber = Subscriber([EXPECTED], Now(0.0, T0_US), CALM)
        values = BlockValues(GooseBlock(expected=EXPECTED, device="bay", points=mapped))
        samples = 0
        for start in range(0, len(frames), BATCH):
            now = Now(start * 1e-6, T0_US + start)
            results = subscriber.receive(frames[start : start + BATCH], now)
            updates = [each for each in results if isinstance(each, Update)]
            samples += len(values.take(updates, now.utc_us)) if updates else 0
        assert subscriber.status()[0].lost == 0
        assert not subscriber.findings()
        return len(frames)

    rate = measure(work)
    return Result(
        part="g", name=f"GOOSE {name}, supervised, to samples", value=rate, unit="frames/CPU s", detail=f"{samples:,} samples"
    )


def sampled_values() -> Result:
    """Frames of a merging unit into columns."""
    sample = bytes(64)
    frames = [
        encode_sv(
            SvFrame(
                address=ADDRESS,
                asdus=(Asdu(sv_id="NG_MU01", smp_cnt=number % 4_000, conf_rev=1, smp_synch=2, sample=sample),),
            )
        )
        for number in range(FRAMES)
    ]
    reader = SvReader()

    def work() -> int:
        for start in range(0, len(frames), BATCH):
            blocks, errors = reader.read(frames[start : start + BATCH])
            assert len(blocks) == 1
            assert not errors
        return len(frames)

    return Result(part="g", name="SV, to columns", value=measure(work), unit="frames/CPU s", detail="8 channels")


def flood(frames: Sequence[bytes]) -> list[Result]:
    """The share of a flood that is caught: by the ring, and by a plain socket that is read as fast as Python can."""
    results: list[Result] = []
    failure: list[BaseException] = []

    def inside() -> None:
        # The namespace is this thread's own, and goes with it.
        if ctypes.CDLL(None, use_errno=True).unshare(0x4000_0000):
            failure.append(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
            return
        try:
            for words in ("add near0 type veth peer name far0", "set near0 up", "set far0 up"):
                subprocess.run(["ip", "link", *words.split()], check=True, capture_output=True, timeout=10)
            # The kernel drops what is sent before it has noticed that the other end is there.
            while subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, timeout=10).stdout.count(b"state UP") < 2:
                time.sleep(0.01)
            results.extend(_flood(frames))
        except (OSError, subprocess.SubprocessError) as error:
            failure.append(error)

    thread = threading.Thread(target=inside, name="flood")
    thread.start()
    thread.join()
    if failure:
        print(f"no veth pair can be made here, the flood is left out: {failure[0]}")
    return results


def _flood(frames: Sequence[bytes]) -> list[Result]:
    results: list[Result] = []
    plain = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(ETHERTYPE_GOOSE))
    with plain, open_packet("near0", [ETHERTYPE_GOOSE]) as ring:
        plain.bind(("near0", ETHERTYPE_GOOSE))
        subscriber = Subscriber([EXPECTED], Now(0.0, T0_US), CALM)
        ways: tuple[tuple[str, PacketSocket | socket.socket, Callable[[], Sequence[object]]], ...] = (
            ("the ring and supervised", ring, lambda: _supervised(ring, subscriber)),
            ("a plain socket and decoded", plain, lambda: [decode_goose(each) for each in _received(plain)]),
        )
        for name, source, receive in ways:
            caught, cpu, taken = _caught(source, receive, frames)
            _drain(ring, plain)
            detail = f"{len(frames):,} frames in {taken:.2f} s, {cpu / max(caught, 1) * 1e6:.1f} us of CPU each"
            results.append(
                Result(part="g", name=f"GOOSE flood, caught by {name}", value=100 * caught / len(frames), unit="%", detail=detail)
            )
    return results


def _supervised(ring: PacketSocket, subscriber: Subscriber) -> list[bytes]:
    frames = ring.receive()
    subscriber.receive(frames, Now(0.0, T0_US))
    return frames


def _received(plain: socket.socket) -> list[bytes]:
    try:
        return [plain.recv(2_048)]
    except BlockingIOError:
        return []


def _drain(ring: PacketSocket, plain: socket.socket) -> None:
    """Throws away what one of them heard of the other's flood."""
    sources: list[PacketSocket | socket.socket] = [ring, plain]
    while select.select(sources, [], [], 0.1)[0]:
        ring.receive()
        _received(plain)


def _caught(
    source: PacketSocket | socket.socket, receive: Callable[[], Sequence[object]], frames: Sequence[bytes]
) -> tuple[int, float, float]:
    """How many arrived, the CPU time that it took, and the time that a process of its own took to send them."""
    words = [sys.executable, "-m", "bench.goose", "far0", str(len(frames))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as sender:
        caught = 0
        cpu = 0.0
        while select.select([source], [], [], 0.3)[0] or sender.poll() is None:
            begin = time.thread_time()
            while found := receive():
                caught += len(found)
            cpu += time.thread_time() - begin
        told = sender.communicate(timeout=20)[0]
    return caught, cpu, float(told)


def send_flood(interface: str, count: int) -> float:
    """Sends so many frames as fast as it can; the seconds that it took."""
    frames = [goose(measured(0), 5, number) for number in range(1_000, 1_000 + count)]
    with open_packet(interface, [ETHERTYPE_GOOSE]) as far:
        start = time.perf_counter()
        for frame in frames:
            far.send(frame)
        return time.perf_counter() - start


def run() -> list[Result]:
    """All of it."""
    repeated = {
        "positions, repeated": [goose(positions(0), 5, number) for number in range(1_000, 1_000 + FRAMES)],
        "measured values, repeated": [goose(measured(0), 5, number) for number in range(1_000, 1_000 + FRAMES)],
    }
    changing = [goose(measured(number), number, 0) for number in range(300, 300 + FRAMES)]
    results = []
    for name, frames in repeated.items():
        results += decoders(name, frames)
    results.append(supervised("measured values, repeated", repeated["measured values, repeated"], 12))
    results.append(supervised("measured values, changing", changing, 12))
    results.append(sampled_values())
    return [*results, *flood(repeated["measured values, repeated"][:FLOOD])]


if __name__ == "__main__":
    print(send_flood(sys.argv[1], int(sys.argv[2])))
