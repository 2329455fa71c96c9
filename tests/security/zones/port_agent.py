"""Runs in a network namespace: listens on TCP and UDP ports, remembers who came, and tries the ports of others when asked."""

import contextlib
import json
import selectors
import socket
import sys
import threading
import time

came = set()
guard = threading.Lock()


def plain(address):
    return address.removeprefix("::ffff:")


def listen(ports):
    watched = selectors.DefaultSelector()
    for port in ports:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            one = socket.socket(socket.AF_INET6, kind)
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                one.listen(100)
            watched.register(one, selectors.EVENT_READ, port)
    return watched


def serve(watched):
    while True:
        for key, _ in watched.select():
            if key.fileobj.type == socket.SOCK_STREAM:
                connection, address = key.fileobj.accept()
                connection.close()
                kind = "tcp"
            else:
                _, address = key.fileobj.recvfrom(100)
                kind = "udp"
            with guard:
                came.add((kind, plain(address[0]), key.data))


def attempt(targets, ports, seconds):
    """Opens every port of every target at once."""
    made = []
    for target in targets:
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        for port in ports:
            datagram = socket.socket(family, socket.SOCK_DGRAM)
            with contextlib.suppress(OSError):  # the own firewall may refuse it
                datagram.sendto(b"x", (target, port))
            datagram.close()
            stream = socket.socket(family, socket.SOCK_STREAM)
            stream.setblocking(False)
            stream.connect_ex((target, port))
            made.append((stream, target, port))
    time.sleep(seconds)
    opened = []
    for stream, target, port in made:
        with contextlib.suppress(OSError):
            stream.getpeername()
            opened.append((target, port))
        stream.close()
    return opened


threading.Thread(target=serve, args=(listen(json.loads(sys.argv[1])),), daemon=True).start()
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    question = json.loads(line)
    if "targets" in question:
        answer = attempt(question["targets"], question["ports"], question["seconds"])
    else:
        with guard:
            answer = sorted(came)
            came.clear()
    print(json.dumps(answer), flush=True)
