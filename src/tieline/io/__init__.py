"""Time and bytes from the world outside: clock, ticker, back-off, and channels over TCP, TLS and serial lines."""

from tieline.io.backoff import Backoff
from tieline.io.channel import Channel, Receiver, open_serial, open_tcp
from tieline.io.clock import Clock, SystemClock
from tieline.io.ticker import Ticker

__all__ = ["Backoff", "Channel", "Clock", "Receiver", "SystemClock", "Ticker", "open_serial", "open_tcp"]
