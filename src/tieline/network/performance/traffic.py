"""What services send: frames on the wire, their rate and how many come at once, each with its formula and where its inputs are from.

Octets of a frame count from the destination address to the frame check sequence, VLAN tag with it; on the wire come preamble, start
delimiter and gap, 20 octets. A stream is limited by two leaky buckets: one for short times, one for the long run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tieline.config.network import Network, QosClass, Service
from tieline.network.performance.bounds import OVERHEAD_OCTETS
from tieline.network.performance.curves import Arrival, Bucket
from tieline.network.performance.known import Known, Sent
from tieline.network.result import Given, Input, Result, Verdict
from tieline.protocols.goose import Address, Asdu, SvFrame, encode_sv

_LARGEST_FRAME = 1_522
_SHORTEST_FRAME = 68
"""With a VLAN tag."""
_FCS_OCTETS = 4
_POLLED = frozenset({"modbus", "dnp3", "iec104", "mms", "snmp"})
"""Kinds in which `from` asks and `to` answers with the data."""
_MULTICAST = frozenset({"goose", "sv", "ptp"})
"""Kinds that reach every port of their VLAN."""
_REQUEST_OCTETS = 86
"""A TCP segment with a dozen octets in a tagged frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Frames from one node to others."""

    name: str
    service: Service
    source: str
    targets: tuple[str, ...]
    qos: QosClass | None
    is_flooded: bool
    """Whether it reaches every port of its VLAN."""
    arrival: Arrival
    """In bits on the wire and bits per second."""
    largest_bits: float
    smallest_bits: float
    rate: Result
    """The long-run rate, in Mbit/s on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """How frames come: `burst_frames` of them at once at most, `frames_per_s` in the long run; `spread` limits shorter times closer."""

    frame_octets: Given
    frames_per_s: Given
    burst_frames: Given
    formula: str
    source: str
    inputs: tuple[Input, ...] = ()
    spread: Bucket | None = None
    """In octets on the wire and octets per second."""


def sampled_values(
    svid_octets: Given,
    frequency_hz: Given,
    *,
    samples_per_period: int = 80,
    asdus: int = 1,
    channels: int = 8,
) -> Pattern:
    """A stream of sampled values, its frame as it is encoded: IEC 61850-9-2LE where nothing else is said.

    The dynamic profiles of IEC 61869-9 state samples a second: `samples_per_period` is that by the frequency, and F4800S2I4U4 has 2 ASDUs.
    """
    asdu = Asdu(sv_id="x" * round(svid_octets.value), smp_cnt=0, conf_rev=1, smp_synch=1, sample=bytes(8 * channels))
    address = Address(destination="01:0c:cd:04:00:00", source="02:00:00:00:00:00", app_id=0x4000, vlan_id=1, vlan_priority=4)
    octets = len(encode_sv(SvFrame(address=address, asdus=(asdu,) * asdus))) + _FCS_OCTETS
    frames = frequency_hz.value * samples_per_period / asdus
    return Pattern(
        frame_octets=Given(octets, "encoded (IEC 61850-9-2), with tag and frame check sequence"),
        frames_per_s=Given(frames, "frequency * samples per period / ASDUs"),
        burst_frames=Given(1, "a merging unit sends evenly"),
        formula=f"rate = (frame + {OVERHEAD_OCTETS}) * 8 * frequency * samples per period / ASDUs",
        source="IEC 61850-9-2, UCA implementation guideline (9-2LE); IEEE 802.3 for preamble and gap",
        inputs=(
            Input(name="svID", value=svid_octets.value, unit="octets", origin=svid_octets.origin),
            Input(name="frequency", value=frequency_hz.value, unit="Hz", origin=frequency_hz.origin),
            Input(name="samples per period", value=samples_per_period),
            Input(name="ASDUs", value=asdus),
        ),
    )


def goose(frame_octets: Given, min_time_ms: Given, max_time_ms: Given) -> Pattern:
    """A GOOSE that changes at most once in its MaxTime: a frame at the event, again after MinTime, then each time twice as long after.

    Within short times two frames come at most (one at rest and the first of the event) and one more every MinTime.
    """
    retransmissions = math.ceil(math.log2(max(1.0, max_time_ms.value / min_time_ms.value)))
    frames = 2 + retransmissions
    wire = max(_SHORTEST_FRAME, frame_octets.value) + OVERHEAD_OCTETS
    return Pattern(
        frame_octets=frame_octets,
        frames_per_s=Given(frames / (max_time_ms.value / 1_000), "all of an event's frames, an event every MaxTime"),
        burst_frames=Given(frames, "one at rest, the event's first, ceil(log2(MaxTime / MinTime)) repetitions"),
        formula=f"rate = (frame + {OVERHEAD_OCTETS}) * 8 * (2 + ceil(log2(MaxTime / MinTime))) / MaxTime",
        source="IEC 61850-8-1 (GOOSE retransmission); an event at most once in MaxTime is an assumption",
        inputs=(
            Input(name="MinTime", value=min_time_ms.value, unit="ms", origin=min_time_ms.origin),
            Input(name="MaxTime", value=max_time_ms.value, unit="ms", origin=max_time_ms.origin),
        ),
        spread=Bucket(2 * wire, wire / (min_time_ms.value / 1_000)),
    )


def synchrophasors(phasors: Given, frames_per_s: Given, *, analogs: int = 0, digitals: int = 0) -> Pattern:
    """Data frames of one PMU over UDP, floating point."""
    data = 16 + 2 + 8 * round(phasors.value) + 8 + 4 * analogs + 2 * digitals
    octets = max(_SHORTEST_FRAME, data + 28 + 22)
    return Pattern(
        frame_octets=Given(octets, "16 + 2 + 8 * phasors + 8 + 4 * analogs + 2 * digitals, UDP/IP 28, tagged Ethernet 22"),
        frames_per_s=frames_per_s,
        burst_frames=Given(1, "one frame a report"),
        formula=f"rate = (frame + {OVERHEAD_OCTETS}) * 8 * frames a second",
        source="IEEE C37.118.2, data frame",
        inputs=(
            Input(name="phasors", value=phasors.value, origin=phasors.origin),
            Input(name="analogs", value=analogs),
            Input(name="digitals", value=digitals),
        ),
    )


def steady(frame_octets: Given, rate_kbps: Given, burst_frames: Given) -> Pattern:
    """Frames at a rate that is stated as what they carry, Ethernet with it, without preamble and gap."""
    return Pattern(
        frame_octets=frame_octets,
        frames_per_s=Given(rate_kbps.value * 1_000 / 8 / frame_octets.value, f"rate / frame; rate {rate_kbps.origin}"),
        burst_frames=burst_frames,
        formula=f"rate = stated rate * (frame + {OVERHEAD_OCTETS}) / frame",
        source="the stated figures; IEEE 802.3 for preamble and gap",
        inputs=(Input(name="stated rate", value=rate_kbps.value, unit="kbit/s", origin=rate_kbps.origin),),
    )


def listed(sent: Sent) -> Pattern:
    """What the folder says of a device."""
    return Pattern(
        frame_octets=Given(sent.largest_octets, sent.origin),
        frames_per_s=Given(sent.frames_per_s, sent.origin),
        burst_frames=Given(sent.burst_frames, sent.origin),
        formula=f"rate = (frame + {OVERHEAD_OCTETS}) * 8 * frames a second",
        source=sent.source,
        inputs=sent.inputs,
    )


_DEFAULTS: dict[str, tuple[float, float, float]] = {
    # octets of a frame, kbit/s, frames at once
    "mms": (600, 50, 4),
    "dnp3": (350, 10, 2),
    "iec104": (300, 10, 2),
    "modbus": (300, 20, 2),
    "ptp": (90, 2, 2),
    "ntp": (94, 0.1, 1),
    "video": (1_522, 4_000, 40),
    "access_control": (200, 5, 2),
    "ami": (800, 500, 8),
    "voice": (222, 89, 1),
    "syslog": (400, 10, 10),
    "snmp": (400, 20, 4),
    "bus": (1_522, 300, 8),
    "teleprotection": (150, 64, 1),
    "other": (1_522, 100, 4),
}
"""What is assumed where neither service, folder nor catalogue says. Voice is G.711 every 20 ms, video a whole picture of 60 kB."""


def streams_of(network: Network, known: Known | None = None) -> tuple[Stream, ...]:
    """The streams of all services, in their order; `known` is what the rest of the folder says of the devices."""
    known = known or Known()
    return tuple(stream for service in network.services for stream in _of_service(network, service, known))


def _of_service(network: Network, service: Service, known: Known) -> Iterator[Stream]:
    is_multicast = service.kind in _MULTICAST
    for source in service.sources:
        targets = tuple(target for target in service.targets if target != source)
        if is_multicast:
            for index, pattern in enumerate(_patterns(network, service, source, known)):
                suffix = f" #{index + 1}" if index else ""
                yield _stream(f"{service.name}: {source}{suffix}", service, source, targets, pattern, is_flooded=True)
            continue
        for target in targets:
            if service.kind in _POLLED:
                (pattern,) = _patterns(network, service, target, known)
                yield _stream(f"{service.name}: {source} asks {target}", service, source, (target,), _request(pattern))
                yield _stream(f"{service.name}: {target} answers {source}", service, target, (source,), pattern)
            else:
                (pattern,) = _patterns(network, service, source, known)
                yield _stream(f"{service.name}: {source} to {target}", service, source, (target,), pattern)


def _stream(
    name: str, service: Service, source: str, targets: tuple[str, ...], pattern: Pattern, *, is_flooded: bool = False
) -> Stream:
    # What does not fit into a frame is sent in several of the same size.
    pieces = math.ceil(pattern.frame_octets.value / _LARGEST_FRAME)
    wire = (max(_SHORTEST_FRAME, pattern.frame_octets.value / pieces) + OVERHEAD_OCTETS) * 8
    rate = wire * pieces * pattern.frames_per_s.value
    last = Bucket(wire * pieces * max(1.0, pattern.burst_frames.value), rate)
    spread = pattern.spread
    first = Bucket(spread.burst * 8, spread.rate * 8) if spread is not None and spread.burst * 8 < last.burst else last
    return Stream(
        name=name,
        service=service,
        source=source,
        targets=targets,
        qos=service.qos,
        is_flooded=is_flooded,
        arrival=Arrival((first, last)),
        largest_bits=wire,
        smallest_bits=(_SHORTEST_FRAME + OVERHEAD_OCTETS) * 8 if not is_flooded else wire,
        rate=Result(
            what="rate of the stream",
            subject=name,
            value=rate / 1e6,
            unit="Mbit/s",
            formula=pattern.formula,
            inputs=(
                Input(name="frame", value=wire / 8 - OVERHEAD_OCTETS, unit="octets", origin=pattern.frame_octets.origin),
                Input(name="frames a second", value=pattern.frames_per_s.value, origin=pattern.frames_per_s.origin),
                Input(name="frames at once", value=pattern.burst_frames.value, origin=pattern.burst_frames.origin),
                *pattern.inputs,
            ),
            source=pattern.source,
            verdict=Verdict.INFORMATION,
        ),
    )


def _request(answers: Pattern) -> Pattern:
    """The questions of a poller: small frames, as many as the answers."""
    return Pattern(
        frame_octets=Given(_REQUEST_OCTETS, "a dozen octets over TCP"),
        frames_per_s=Given(answers.frames_per_s.value, "one for each frame of the answers"),
        burst_frames=Given(answers.burst_frames.value, "as many as of the answers"),
        formula=f"rate = (frame + {OVERHEAD_OCTETS}) * 8 * frames a second",
        source="requests and acknowledgements over TCP",
    )


def _patterns(network: Network, service: Service, sender: str, known: Known) -> Sequence[Pattern]:
    """How a node sends; what the service states comes first, then the folder, then the catalogue, then the defaults."""
    said = f"network.toml, service {service.name}"
    burst = Given(service.burst_frames, said) if service.burst_frames is not None else None
    octets = Given(service.frame_octets, said) if service.frame_octets is not None else None
    if octets is not None and service.frames_per_s is not None:
        return (_plain(octets, Given(service.frames_per_s, said), burst or Given(1, "default")),)
    if service.rate_kbps is not None:
        default_octets, _, default_burst = _DEFAULTS.get(service.kind, _DEFAULTS["other"])
        size = octets or Given(default_octets, "default of the kind")
        return (steady(size, Given(service.rate_kbps, said), burst or Given(default_burst, "default of the kind")),)
    if service.kind == "sv":
        frequency = Given(network.defaults.frequency_hz, "network.toml, frequency_hz")
        if service.svid_octets is None and known.sampled.get(sender):
            return tuple(
                _plain(s.frame_octets, s.frames_per_s, Given(1, "a merging unit sends evenly")) for s in known.sampled[sender]
            )
        length = Given(service.svid_octets, said) if service.svid_octets is not None else Given(10, "default")
        return (sampled_values(length, frequency),)
    if service.kind == "goose":
        if octets is None and known.goose.get(sender):
            return tuple(goose(each.frame_octets, each.min_time_ms, each.max_time_ms) for each in known.goose[sender])
        return (goose(octets or Given(300, "default"), Given(4, "default"), Given(1_000, "default")),)
    if service.kind == "synchrophasor":
        per_s = (
            Given(service.frames_per_s, said) if service.frames_per_s else Given(network.defaults.frequency_hz, "one a period")
        )
        return (synchrophasors(Given(10, "default"), per_s),)
    if octets is None and (sent := known.sent.get((sender, service.kind))) is not None:
        return (listed(sent),)
    return (_assumed(network, service, sender, octets, burst),)


def _assumed(network: Network, service: Service, sender: str, octets: Given | None, burst: Given | None) -> Pattern:
    default_octets, default_kbps, default_burst = _DEFAULTS.get(service.kind, _DEFAULTS["other"])
    burst = burst or Given(default_burst, "default of the kind")
    for hint in network.by_name[sender].model.traffic:
        if hint.kind == service.kind and hint.rate_kbps > 0:
            origin = f"catalogue, {network.by_name[sender].model.name}"
            size = octets or Given(hint.frame_octets or default_octets, origin)
            return steady(size, Given(hint.rate_kbps, origin), burst)
    return steady(octets or Given(default_octets, "default of the kind"), Given(default_kbps, "default of the kind"), burst)


def _plain(octets: Given, frames_per_s: Given, burst: Given) -> Pattern:
    return Pattern(
        frame_octets=octets,
        frames_per_s=frames_per_s,
        burst_frames=burst,
        formula=f"rate = (frame + {OVERHEAD_OCTETS}) * 8 * frames a second",
        source="the stated figures; IEEE 802.3 for preamble and gap",
    )
