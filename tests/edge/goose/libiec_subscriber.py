"""A GOOSE subscriber made of libiec61850, run as a process of its own (its license is GPL).

    python libiec_subscriber.py INTERFACE GOCBREF APPID COUNT

Says `ready`, and then a JSON line for each message, until there were COUNT.
"""

from __future__ import annotations

import json
import os
import sys
import time

import pyiec61850.pyiec61850 as lib

interface, gocb_ref, app_id, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the bindings print what they do


def say(message: object) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


receiver = lib.GooseReceiver_create()
lib.GooseReceiver_setInterfaceId(receiver, interface)
subscriber = lib.GooseSubscriber_create(gocb_ref, None)
lib.GooseSubscriber_setAppId(subscriber, app_id)
lib.GooseReceiver_addSubscriber(receiver, subscriber)
assert lib.GooseReceiver_startThreadless(receiver)
say("ready")
end = time.monotonic() + 15
while count and time.monotonic() < end:
    if not lib.GooseReceiver_tick(receiver):
        time.sleep(0.001)
        continue
    values = lib.GooseSubscriber_getDataSetValues(subscriber)
    size = lib.MmsValue_getArraySize(values)
    say(
        {
            "valid": lib.GooseSubscriber_isValid(subscriber),
            "error": lib.GooseSubscriber_getParseError(subscriber),
            "stNum": lib.GooseSubscriber_getStNum(subscriber),
            "sqNum": lib.GooseSubscriber_getSqNum(subscriber),
            "confRev": lib.GooseSubscriber_getConfRev(subscriber),
            "live": lib.GooseSubscriber_getTimeAllowedToLive(subscriber),
            "t": lib.GooseSubscriber_getTimestamp(subscriber),
            "goID": lib.GooseSubscriber_getGoId(subscriber),
            "test": lib.GooseSubscriber_isTest(subscriber),
            "types": [lib.MmsValue_getTypeString(lib.MmsValue_getElement(values, each)) for each in range(size)],
            "number": lib.MmsValue_toInt32(lib.MmsValue_getElement(values, 1)),
            "float": lib.MmsValue_toFloat(lib.MmsValue_getElement(values, 2)),
        }
    )
    count -= 1
os._exit(0)
