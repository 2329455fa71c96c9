"""`python -m bench.snmp_fuzz`: damaged SNMP messages and syslog until there are as many as asked for.

Any octets give a message or a `ResponseError`, and any syslog a text that can be shown: whatever else comes out is printed with what it
took, and ends the run.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import time
from collections.abc import Callable

from tieline.protocols.snmp import ResponseError, SnmpKeys
from tieline.protocols.snmp.messages import Message, Security, decode_message
from tieline.protocols.snmp.notifications import read_notification
from tieline.protocols.snmp.pdu import Kind, Pdu, as_response, decode_scoped, encode_scoped
from tieline.protocols.snmp.receiver import Heard, Receiver
from tieline.protocols.snmp.security import SECURE, Credentials
from tieline.protocols.syslog import read_syslog

KEYS = SnmpKeys(user="tieline", auth_secret="authentication", priv_secret="privacy-secret")
CREDENTIALS = Credentials.of(KEYS)
ENGINE = b"\x80\x00\x00\x00\x05fuzz"
TELLING = (
    bytes.fromhex("00 01 02 03 04 05 06 07 08 30 40 41 42 43 44 46 7F 80 81 82 83 84 85 A0 A2 A5 A6 A7 A8 FE FF") + b'<>[]%-: "'
)
BINDINGS = (
    ((1, 3, 6, 1, 2, 1, 1, 3, 0), 77),
    ((1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0), (1, 3, 6, 1, 6, 3, 1, 1, 5, 3)),
    ((1, 3), b"x"),
    ((1, 4), None),
)
SCOPED = encode_scoped(Pdu(Kind.TRAP, 5, BINDINGS), ENGINE)
MESSAGE = CREDENTIALS.at(ENGINE).seal(
    Message(message_id=5, flags=SECURE, security=Security(boots=1, time_s=2), data=b""), Pdu(Kind.TRAP, 5, BINDINGS), ENGINE
)
SYSLOG = (
    b'<165>1 2026-11-23T22:14:15.003Z sw-1 link 77 LINK [x@1 port="3"] port 3 is down',
    b"<34>Nov 23 22:14:15 sw-1 link[77]: port 3 is down",
    b"<187>00123: sw-1: *Nov 23 22:14:15.003 UTC: %LINK-3-UPDOWN: Interface Gi1/3, changed state to down",
)


def scoped(octets: bytes) -> bool:
    """Whether it could be read; what was read is told, and answered."""
    with contextlib.suppress(ResponseError):
        pdu = decode_scoped(octets)
        assert read_notification(pdu).text.isprintable()
        as_response(octets)
        return True
    return False


def message(octets: bytes) -> bool:
    """Whether it was believed, which nothing is that was changed before its end."""
    with contextlib.suppress(ResponseError):
        decode_message(octets)
    result = Receiver(b"\x80\x00\x00\x00\x04us", 1, 0.0).receive(octets, {"sw": CREDENTIALS}, 0.0).result
    assert not isinstance(result, Heard) or octets.startswith(MESSAGE)
    return isinstance(result, Heard)


def syslog(octets: bytes) -> bool:
    """Whether it had a name."""
    said = read_syslog(octets)
    assert (said.text + said.name + said.host).isprintable()
    return bool(said.name)


def damaged(octets: bytes, chance: random.Random) -> bytes:
    """Some octets changed, put in, taken out or doubled."""
    data = bytearray(octets)
    for _ in range(chance.choice((0, 1, 1, 2, 4, 9))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                data[at : at + 1] = bytes((chance.choice(TELLING),))
            case 1:
                data[at:at] = bytes((chance.choice(TELLING),))
            case 2:
                del data[at : at + chance.randrange(1, 6)]
            case _:
                data[at:at] = data[at : at + chance.randrange(1, 40)]
    return bytes(data)


def main() -> None:
    """Runs all with as many as asked for."""
    ask = argparse.ArgumentParser(prog="python -m bench.snmp_fuzz", description=__doc__)
    ask.add_argument("--count", type=int, default=300_000, help="of each kind")
    ask.add_argument(
        "--seed", type=int, default=time.time_ns(), help="what chance begins with; another one each time if not given"
    )
    asked = ask.parse_args()
    kinds: tuple[tuple[str, Callable[[bytes], bool], tuple[bytes, ...]], ...] = (
        ("PDUs", scoped, (SCOPED,)),
        ("messages", message, (MESSAGE,)),
        ("syslog messages", syslog, SYSLOG),
    )
    for name, target, seeds in kinds:
        chance, start, read = random.Random(asked.seed), time.process_time(), 0
        for _ in range(asked.count):
            octets = damaged(chance.choice(seeds), chance)
            try:
                read += target(octets)
            except Exception:
                print(f"this was too much: {octets.hex()}")
                raise
        taken = time.process_time() - start
        print(
            f"{asked.count:,} damaged {name} (seed {asked.seed}): {read:,} read, nothing else raised; {taken:.0f} s", flush=True
        )


if __name__ == "__main__":
    main()
