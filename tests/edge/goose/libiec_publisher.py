"""A GOOSE publisher made of libiec61850, run as a process of its own (its license is GPL).

    python libiec_publisher.py INTERFACE

Sends a state and two repetitions, then another state and two repetitions.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import pyiec61850.pyiec61850 as lib


def data_set(is_on: bool, number: int) -> Any:
    position, quality = lib.MmsValue_newBitString(2), lib.MmsValue_newBitString(13)
    lib.MmsValue_setBitStringBit(position, 0, is_on)
    lib.MmsValue_setBitStringBit(position, 1, not is_on)
    values = lib.LinkedList_create()
    for value in (
        lib.MmsValue_newBoolean(is_on),
        lib.MmsValue_newIntegerFromInt32(number),
        lib.MmsValue_newFloat(1.5),
        position,
        quality,
        lib.MmsValue_newUtcTimeByMsTime(1_700_000_000_123),
    ):
        lib.LinkedList_add(values, value)
    return values


parameters = lib.CommParameters()
parameters.appId, parameters.vlanId, parameters.vlanPriority = 0x1001, 5, 4
lib.CommParameters_setDstAddress(parameters, 0x01, 0x0C, 0xCD, 0x01, 0x00, 0x01)
publisher = lib.GoosePublisher_create(parameters, sys.argv[1])
lib.GoosePublisher_setGoCbRef(publisher, "NG_Q01LD0/LLN0$GO$gcbTrip")
lib.GoosePublisher_setDataSetRef(publisher, "NG_Q01LD0/LLN0$dsTrip")
lib.GoosePublisher_setGoID(publisher, "trip")
lib.GoosePublisher_setConfRev(publisher, 3)
lib.GoosePublisher_setTimeAllowedToLive(publisher, 5_000)
for is_on, number in ((False, -300), (True, 70_000)):
    values = data_set(is_on, number)
    if is_on:
        lib.GoosePublisher_increaseStNum(publisher)
    for _ in range(3):
        assert lib.GoosePublisher_publish(publisher, values) == 0
os._exit(0)
