"""What watched nodes tell of their own accord: SNMP notifications and syslog, received by their site's gateway.

Notifications are believed where they are signed and enciphered with the keys of a watched node (SNMPv3 authPriv); they become events, and
have the node's driver look: a notification is a hint, the look proves. Syslog over UDP proves nothing about its sender; it becomes
events of the node that has the address it came from, and nothing else.

Nobody can make us work or write much: datagrams of one address, events of one node and words about strangers have an allowance each, and
what is left out is counted and told.
"""

from __future__ import annotations

import asyncio
import random as _random
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

import structlog

from tieline.config import Site
from tieline.config.snmp import SnmpDevice
from tieline.edge.snmp.allowance import Allowance
from tieline.edge.snmp.hints import Hints
from tieline.io import Backoff, Clock, UdpChannel, open_udp
from tieline.model import ConfigError, Event, Severity, UnavailableError
from tieline.protocols.snmp.notifications import read_notification
from tieline.protocols.snmp.receiver import Heard, Receiver, Refused
from tieline.protocols.snmp.security import Credentials
from tieline.protocols.snmp.values import SnmpKeys
from tieline.protocols.syslog import read_syslog

EVENTS_BURST, EVENTS_PER_S = 20, 0.5
"""Of one node."""
DATAGRAMS_BURST, DATAGRAMS_PER_S = 200, 50
"""Of one known address: more are not even read."""
STRANGERS_BURST, STRANGERS_PER_S = 20, 5
"""Of all other addresses together."""
TELL_AGAIN_S = 600.0
"""After this time the same trouble is told again, where it goes on."""
LEFT_OUT_S = 60.0
"""So long is counted what is left out before it is told."""
LOOK_AGAIN_S = 5.0
"""After a notification the driver looks at once, and once more then: some agents repeat for seconds what they said before."""
TICK_S = 1.0
MOST_TOLD = 256
PRIVILEGED = 1024
_EPOCH_2020_S = 1_577_836_800
_MOST_BOOTS = 2**31 - 2

_SYSLOG_SEVERITY = (Severity.ERROR,) * 4 + (Severity.WARNING,) + (Severity.INFO,) * 3
"""Of emergency, alert, critical, error; warning; notice, information, debug."""

OnEvent = Callable[[Event], None]
log = structlog.get_logger()


def engine_id_of(site: str) -> bytes:
    """The engine of a site's gateway, to which informs are addressed: a text, in the format of RFC 3411, clause 5 (4: text)."""
    return b"\x80\x00\x00\x00\x04" + f"tieline {site}".encode()[:27]


class NetworkListener:
    """Listens for one site, and notes events; run it as a monitor of the gateway."""

    def __init__(
        self,
        site: str,
        devices: Sequence[SnmpDevice],
        *,
        keys: Callable[[SnmpDevice], SnmpKeys],
        on_event: OnEvent,
        clock: Clock,
        hints: Hints,
        trap_port: int | None = None,
        syslog_port: int | None = None,
        host: str | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        """Ports are those of UDP, none is not listened to. `keys` raises `ConfigError` or `UnavailableError` where a node has none; it
        is asked again.
        """
        self.site = site
        self._devices = {device.name: device for device in devices}
        self._names: dict[str, list[str]] = {}
        for device in devices:
            self._names.setdefault(device.connection.host, []).append(device.name)
        self._keys_of, self._on_event, self._clock, self._hints = keys, on_event, clock, hints
        self._host, self._random = host, random
        self._ports = {
            port: (what, take)
            for port, what, take in (
                (trap_port, "SNMP notifications", self._take_notification),
                (syslog_port, "syslog", self._take_syslog),
            )
            if port is not None
        }
        self._credentials: dict[str, Credentials] = {}
        now_s = clock.monotonic()
        boots = min(max(clock.now_us() // 1_000_000 - _EPOCH_2020_S, 1), _MOST_BOOTS)
        self._receiver = Receiver(engine_id_of(site), boots, now_s)
        self._datagrams = {host: Allowance(DATAGRAMS_BURST, DATAGRAMS_PER_S, now_s) for host in self._names}
        self._strangers = Allowance(STRANGERS_BURST, STRANGERS_PER_S, now_s)
        self._events = {name: Allowance(EVENTS_BURST, EVENTS_PER_S, now_s) for name in self._devices}
        self._again: dict[str, float] = {}
        self._unknown: Counter[str] = Counter()
        self._told: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._untold: Counter[tuple[str, ...]] = Counter()

    async def run(self) -> None:
        """Listens until cancelled; a port that cannot be had is told once, and tried again."""
        await asyncio.to_thread(self._prepare)
        async with asyncio.TaskGroup() as tasks:
            for port in self._ports:
                tasks.create_task(self._listen(port), name=f"UDP port {port} of {self.site}")
            tasks.create_task(self._tick(), name=f"what was left out at {self.site}")

    def _prepare(self) -> None:
        for name in self._devices:
            self._credentials_of(name)

    def _credentials_of(self, name: str) -> Credentials | None:
        found = self._credentials.get(name)
        if found is None:
            try:
                found = self._credentials[name] = Credentials.of(self._keys_of(self._devices[name]))
            except (ConfigError, UnavailableError) as error:
                log.debug("no keys", device=name, reason=str(error))
        return found

    # Ports

    async def _listen(self, port: int) -> None:
        what, take = self._ports[port]
        backoff = Backoff(self._random, first_s=1.0, cap_s=60.0)
        is_missed = False
        while True:
            ear = _Ear(take)
            try:
                ear.channel = await open_udp(ear, local_host=self._host, local_port=port)
            except UnavailableError as error:
                if not is_missed:
                    is_missed = True
                    self._note("network_not_listening", Severity.ERROR, self._why_not(what, port, error))
            else:
                backoff.reset()
                is_missed = False
                engine = f" as engine {self._receiver.engine_id.hex()}" if take == self._take_notification else ""
                self._note("network_listening", Severity.INFO, f"listens for {what} on UDP port {port}{engine}")
                try:
                    await ear.channel.wait_closed()
                finally:
                    ear.channel.close()
            await asyncio.sleep(backoff.next_wait())

    def _why_not(self, what: str, port: int, error: UnavailableError) -> str:
        remedy = (
            "ports below 1024 need CAP_NET_BIND_SERVICE, or take a higher one" if port < PRIVILEGED else "another program has it"
        )
        return f"cannot listen for {what} on UDP port {port}: {error} ({remedy}); all else goes on"

    # Datagrams

    def _take_notification(self, data: bytes, host: str) -> bytes:
        """Takes a datagram; gives what goes back."""
        now_s = self._clock.monotonic()
        if not self._is_taken(host, now_s):
            return b""
        names = self._names.get(host)
        senders = {name: found for name in names or self._devices if (found := self._credentials_of(name)) is not None}
        reception = self._receiver.receive(data, senders, now_s)
        match reception.result:
            case Heard() as heard:
                name = self._hints.device_of(heard.engine_id) or heard.sender
                told = read_notification(heard.pdu)
                self._hints.poke(name)
                self._again.setdefault(name, now_s + LOOK_AGAIN_S)
                self._tell(name, "network_trap", told.severity, told.text, now_s)
            case Refused.REPEATED:
                pass
            case Refused() as reason if names is not None:
                self._refuse(names, host, reason, now_s)
            case Refused():
                self._unknown[host] += 1
        return reception.reply if names is not None or isinstance(reception.result, Heard) else b""

    def _take_syslog(self, data: bytes, host: str) -> bytes:
        now_s = self._clock.monotonic()
        if not self._is_taken(host, now_s):
            return b""
        names = self._names.get(host)
        if names is None:
            self._unknown[host] += 1
            return b""
        said = read_syslog(data)
        name = said.host if said.host in names else names[0] if len(names) == 1 else ""
        text = f"{said.name}: {said.text}" if said.name else said.text
        self._tell(name, "network_syslog", _SYSLOG_SEVERITY[said.severity], text or "says nothing", now_s)
        return b""

    def _is_taken(self, host: str, now_s: float) -> bool:
        allowance = self._datagrams.get(host)
        if allowance is not None:
            return allowance.takes(now_s)
        if self._strangers.takes(now_s):
            return True
        self._unknown["others"] += 1
        return False

    # Events

    def _tell(self, name: str, kind: str, severity: Severity, text: str, now_s: float) -> None:
        allowance = self._events.get(name)
        if allowance is None:
            allowance = self._events[name] = Allowance(EVENTS_BURST, EVENTS_PER_S, now_s)
        if allowance.takes(now_s):
            self._note(kind, severity, text, name)

    def _refuse(self, names: Sequence[str], host: str, reason: Refused, now_s: float) -> None:
        name = names[0] if len(names) == 1 else ""
        text = f"a notification from {host} is not believed: {reason.value}"
        self._tell_seldom(("network_trap_refused", name, host, reason.name), text, now_s)

    def _tell_seldom(self, mark: tuple[str, ...], text: str, now_s: float) -> None:
        """Once, and again where it goes on, with how often it came meanwhile."""
        if now_s - self._told.get(mark, float("-inf")) < TELL_AGAIN_S:
            self._untold[mark] += 1
            return
        self._told[mark] = now_s
        self._told.move_to_end(mark)
        if len(self._told) > MOST_TOLD:
            self._untold.pop(self._told.popitem(last=False)[0], None)
        again = self._untold.pop(mark, 0)
        kind, name, *_ = mark
        self._note(kind, Severity.WARNING, f"{text} ({again + 1} times)" if again else text, name)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.tick(self._clock.monotonic())

    def tick(self, now_s: float) -> None:
        """Has drivers look once more; tells what was left out, and who speaks without being known."""
        for name in [name for name, due_s in self._again.items() if due_s <= now_s]:
            del self._again[name]
            self._hints.poke(name)
        for name, allowance in self._events.items():
            if count := allowance.settle(now_s, LEFT_OUT_S):
                text = f"{count} notifications and syslog messages were left out: more came than are told of one node"
                self._note("network_messages_left_out", Severity.WARNING, text, name)
        for host, allowance in self._datagrams.items():
            if count := allowance.settle(now_s, LEFT_OUT_S):
                names = self._names[host]
                text = f"{count} datagrams from {host} were not read: more came than are taken from one address"
                self._note("network_messages_left_out", Severity.WARNING, text, names[0] if len(names) == 1 else "")
        mark = ("network_unknown_sender", "")
        if self._unknown and now_s - self._told.get(mark, float("-inf")) >= TELL_AGAIN_S:
            most = ", ".join(f"{host} ({count})" for host, count in self._unknown.most_common(5))
            text = f"{self._unknown.total()} messages came from addresses of no watched node, and were dropped: {most}"
            self._unknown.clear()
            self._tell_seldom(mark, text, now_s)
        while len(self._unknown) > MOST_TOLD:
            del self._unknown[next(iter(self._unknown))]

    def _note(self, kind: str, severity: Severity, text: str, device: str = "") -> None:
        time = self._clock.now_us()
        self._on_event(Event(time=time, site=self.site, device=device, kind=kind, severity=severity, text=text))


class _Ear:
    """A port: datagrams go to `take`, and what that gives goes back."""

    def __init__(self, take: Callable[[bytes, str], bytes]) -> None:
        self.channel: UdpChannel | None = None
        self._take = take

    def received(self, data: bytes) -> None:
        """A datagram; the channel answers to the one who sent it."""
        if self.channel is None or self.channel.peer is None:
            return
        reply = self._take(data, self.channel.peer[0])
        if reply:
            self.channel.send(reply)

    def closed(self, reason: str) -> None:
        """The socket ended."""
        log.info("UDP port closed", reason=reason)


def make_listeners(
    site: Site, on_event: OnEvent, *, keys: Callable[[SnmpDevice], SnmpKeys], hints: Hints, clock: Clock
) -> list[NetworkListener]:
    """What listens at the site: one, or none where nothing is to be listened to."""
    watch = site.watch
    if watch is None or (watch.trap_port is None and watch.syslog_port is None):
        return []
    devices = [device for device in site.devices if isinstance(device, SnmpDevice)]
    traps, syslog = watch.trap_port, watch.syslog_port
    return [
        NetworkListener(
            site.name, devices, keys=keys, on_event=on_event, clock=clock, hints=hints, trap_port=traps, syslog_port=syslog
        )
    ]
