"""Hypothesis strategies for messages."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from tieline.protocols.goose import (
    Address,
    Array,
    BinaryTime,
    BitString,
    Boolean,
    Data,
    Float32,
    Float64,
    GooseFrame,
    GooseMessage,
    Integer,
    MmsString,
    OctetString,
    Structure,
    Uninterpreted,
    Unsigned,
    UtcTime,
    VisibleString,
)

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)


def visible(largest: int = 129) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=largest)


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    size = draw(st.integers(1, 8))
    return Integer(draw(st.integers(-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1)), size)


@st.composite
def unsigned(draw: st.DrawFn) -> Unsigned:
    size = draw(st.integers(1, 9))
    return Unsigned(draw(st.integers(0, (1 << 8 * min(size, 8)) - 1)), size)


@st.composite
def bit_strings(draw: st.DrawFn) -> BitString:
    size = draw(st.integers(0, 80))
    return BitString(draw(st.integers(0, (1 << size) - 1)), size)


utc_times = st.builds(UtcTime, U32, st.integers(0, 0xFF_FFFF), st.integers(0, 0xFF))
leaves: st.SearchStrategy[Data] = st.one_of(
    st.builds(Boolean, st.booleans()),
    integers(),
    unsigned(),
    bit_strings(),
    st.builds(Float32, st.floats(width=32).filter(lambda value: not math.isnan(value))),
    st.builds(Float64, st.floats().filter(lambda value: not math.isnan(value))),
    st.builds(OctetString, st.binary(max_size=64)),
    st.builds(VisibleString, visible(64)),
    st.builds(MmsString, st.text(max_size=40)),
    st.builds(BinaryTime, U32, st.none() | U16),
    utc_times,
    st.builds(Uninterpreted, st.sampled_from([0x8B, 0x8D, 0x8E, 0x8F]), st.binary(max_size=20)),
)
data: st.SearchStrategy[Data] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Structure, st.lists(inner, max_size=5).map(tuple)), st.builds(Array, st.lists(inner, max_size=5).map(tuple))
    ),
    max_leaves=8,
)
macs = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))


@st.composite
def addresses(draw: st.DrawFn) -> Address:
    is_tagged = draw(st.booleans())
    return Address(
        destination=draw(macs),
        source=draw(macs),
        app_id=draw(U16),
        vlan_id=draw(st.integers(0, 0xFFF)) if is_tagged else None,
        vlan_priority=draw(st.integers(0, 7)) if is_tagged else 0,
    )


@st.composite
def goose_frames(draw: st.DrawFn) -> GooseFrame:
    entries = tuple(draw(st.lists(data, max_size=8)))
    message = GooseMessage(
        gocb_ref=draw(visible()),
        time_allowed_to_live_ms=draw(U32),
        dat_set=draw(visible()),
        go_id=draw(st.none() | visible()),
        t=draw(utc_times),
        st_num=draw(U32),
        sq_num=draw(U32),
        simulation=draw(st.booleans()),
        conf_rev=draw(U32),
        nds_com=draw(st.booleans()),
        num_dat_set_entries=len(entries),
        all_data=entries,
    )
    return GooseFrame(address=draw(addresses()), message=message, reserved_1=draw(U16), reserved_2=draw(U16))
