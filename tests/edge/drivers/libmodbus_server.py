"""A server built on libmodbus (C, LGPL, by Stephane Raimbault), in a process of its own: `tcp` or `rtu PATH UNIT`.

Prints its port (or the path) when it is ready. Register n of every register table holds what the test expects: input registers
n * 3 + 1, holding registers n; coils are on where n is a multiple of 3, inputs where n is odd.
"""

from __future__ import annotations

import ctypes
import socket
import sys

COUNT = 1000


class Mapping(ctypes.Structure):
    _fields_ = (
        ("nb_bits", ctypes.c_int),
        ("start_bits", ctypes.c_int),
        ("nb_input_bits", ctypes.c_int),
        ("start_input_bits", ctypes.c_int),
        ("nb_input_registers", ctypes.c_int),
        ("start_input_registers", ctypes.c_int),
        ("nb_registers", ctypes.c_int),
        ("start_registers", ctypes.c_int),
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
        ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    )


def main() -> None:
    library = ctypes.CDLL("libmodbus.so.5", use_errno=True)
    for name in ("modbus_new_tcp", "modbus_new_rtu"):
        getattr(library, name).restype = ctypes.c_void_p
    library.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
    mapping = library.modbus_mapping_new(COUNT, COUNT, COUNT, COUNT)
    for n in range(COUNT):
        mapping.contents.tab_bits[n] = n % 3 == 0
        mapping.contents.tab_input_bits[n] = n % 2
        mapping.contents.tab_input_registers[n] = n * 3 + 1
        mapping.contents.tab_registers[n] = n
    request = (ctypes.c_uint8 * 260)()
    if sys.argv[1] == "tcp":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        context = ctypes.c_void_p(library.modbus_new_tcp(b"127.0.0.1", port))
        listener = ctypes.c_int(library.modbus_tcp_listen(context, 1))
        print(port, flush=True)
        while library.modbus_tcp_accept(context, ctypes.byref(listener)) >= 0:
            serve(library, context, request, mapping)
    else:
        context = ctypes.c_void_p(library.modbus_new_rtu(sys.argv[2].encode(), 115200, ctypes.c_char(b"N"), 8, 1))
        library.modbus_set_slave(context, int(sys.argv[3]))
        if library.modbus_connect(context) < 0:
            sys.exit("cannot open the line")
        print(sys.argv[2], flush=True)
        while True:
            serve(library, context, request, mapping)


def serve(library: ctypes.CDLL, context: ctypes.c_void_p, request: ctypes.Array[ctypes.c_uint8], mapping: object) -> None:
    while (length := library.modbus_receive(context, request)) >= 0:
        if length:
            library.modbus_reply(context, request, length, mapping)


if __name__ == "__main__":
    main()
