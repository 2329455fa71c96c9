"""Frames for tests."""

from __future__ import annotations

from dataclasses import replace

from tieline.protocols.goose import (
    Address,
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
    encode_goose,
)

T0_US = 1_700_000_000_000_000

GOLDEN = bytes.fromhex(
    # Written by hand from IEC 61850-8-1 annexes A and C; the header: destination, source, VLAN 5 with priority 4, GOOSE,
    "010ccd010003 020000000011 8100 8005 88b8"
    # APPID 3, 132 octets from here on, both reserved fields,
    "0003 0084 0000 0000"
    # goosePdu; gocbRef NG_Q01LD0/LLN0$GO$gcbTrip, timeAllowedtoLive 2000, datSet NG_Q01LD0/LLN0$dsTrip, goID trip,
    "61 7a"
    "80 19 4e475f5130314c44302f4c4c4e3024474f2467636254726970"
    "81 02 07d0"
    "82 15 4e475f5130314c44302f4c4c4e3024647354726970"
    "83 04 74726970"
    # t 2023-11-14 22:13:20.5 UTC with ten significant bits, stNum 128 (two octets, so that it is positive), sqNum 1,
    "84 08 6553f100 800000 0a"
    "85 02 0080"
    "86 01 01"
    # simulation, confRev 3, ndsCom, numDatSetEntries 4,
    "87 01 00  88 01 03  89 01 00  8a 01 04"
    # allData: Dbpos on, quality good, a structure of FLOAT32 1.5 and a time stamp, and INT32 -2.
    "ab 1f"
    "84 02 06 80"
    "84 03 03 0000"
    "a2 11  87 05 08 3fc00000  91 08 6553f100 000000 0a"
    "85 01 fe"
)

EVERY_TYPE: tuple[Data, ...] = (
    Boolean(True),
    BitString(2, 2),
    BitString(0b0_1100_0000_0001, 13),
    Integer(-300, 2),
    Integer(7, 4),
    Integer(-(2**63), 8),
    Unsigned(200, 2),
    Unsigned(2**64 - 1, 9),
    Float32(-1.5),
    Float64(1e300),
    OctetString(b"\x01\x02"),
    VisibleString("trip"),
    MmsString("Überstrom"),
    BinaryTime(5, 6),
    UtcTime.of(T0_US, 0x2A),
    Structure((Boolean(False), Structure((Float32(2.5), BitString(0, 13), UtcTime.of(T0_US))))),
    Uninterpreted(0x8D, b"\x12"),
)

ADDRESS = Address(destination="01:0c:cd:01:00:03", source="02:00:00:00:00:11", app_id=3, vlan_id=5, vlan_priority=4)
GOCB_REF = "NG_Q01LD0/LLN0$GO$gcbTrip"


def message(*data: Data, **changes: object) -> GooseMessage:
    data = data or (BitString(2, 2), BitString(0, 13), Structure((Float32(1.5), UtcTime.of(T0_US))), Integer(-2))
    plain = GooseMessage(
        gocb_ref=GOCB_REF,
        time_allowed_to_live_ms=2_000,
        dat_set="NG_Q01LD0/LLN0$dsTrip",
        go_id="trip",
        t=UtcTime.of(T0_US, 10),
        st_num=1,
        sq_num=0,
        conf_rev=3,
        num_dat_set_entries=len(data),
        all_data=data,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def octets(*data: Data, address: Address = ADDRESS, **changes: object) -> bytes:
    return encode_goose(GooseFrame(address=address, message=message(*data, **changes)))
