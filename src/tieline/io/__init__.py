"""Time and bytes from the world outside: clock, ticker, back-off, and channels over TCP, TLS, UDP and serial lines."""

from tieline.io.backoff import Backoff
from tieline.io.channel import Channel, Receiver
from tieline.io.clock import Clock, SystemClock
from tieline.io.serial_line import open_serial
from tieline.io.tcp import Accept, AcceptedReceiver, Listener, listen_tcp, open_tcp, peer_names
from tieline.io.ticker import Ticker
from tieline.io.udp import UdpChannel, open_udp

__all__ = [
    "Accept",
    "AcceptedReceiver",
    "Backoff",
    "Channel",
    "Clock",
    "Listener",
    "Receiver",
    "SystemClock",
    "Ticker",
    "UdpChannel",
    "listen_tcp",
    "open_serial",
    "open_tcp",
    "open_udp",
    "peer_names",
]
