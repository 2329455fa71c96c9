"""Power over Ethernet, switched and restarted; no restart leaves a port without its power.

    restart:  owe, on the disk ─► off ─► wait ─► on ─► confirm ─► owe nothing
                                   │              │
                                   └──(silence)───┴──► owed: on, again and again, over lost connections and starts of the gateway

What is owed is on the disk before the port is switched off. A restart goes on when whoever asked for it is gone; when the gateway ends
meanwhile, it is still tried once to switch on, and what is owed then is done by the next start. Who switches the port off by
`poe_switch` means it: nothing is owed any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from tieline.config.snmp import SnmpDevice
from tieline.edge.driver import UnconfirmedError
from tieline.edge.snmp.looking import Looker
from tieline.io import Backoff, Clock
from tieline.model import RefusedError, RemoteError, Severity, TielineError, UnavailableError
from tieline.protocols.snmp import SnmpAccessError, SnmpStatusError
from tieline.protocols.snmp.view import PoePort

OFF_S = 5.0
"""A device without power for so long has surely forgotten what it was about."""
ON_S = 8.0
"""Within this time the port has to be switched on again; after it nobody waits any longer, and it is still tried."""
CONFIRM_S = 12.0
"""Within this time power has to come out again: detection and classification take about a second (IEEE 802.3, 33.2.7), agents are slow."""
READ_BACK_S = 3.0
"""Within this time an agent shows what it has confirmed; power supplies are slower than their agents."""
LOOK_S = 0.5

Report = Callable[[str, Severity, str], None]


class Power:
    """The PoE ports of one node. Calls raise as `Driver.write` does."""

    def __init__(
        self,
        device: SnmpDevice,
        looker: Looker,
        *,
        report: Report,
        clock: Clock,
        random: Callable[[], float],
        off_s: float = OFF_S,
        confirm_s: float = CONFIRM_S,
    ) -> None:
        self.owed: set[str] = set()
        """Ports that a restart has switched off, or may have, and that are not known to be on again."""
        self.keep: Callable[[], Awaitable[None]] | None = None
        """Writes what has to outlive the process; None where nothing is kept."""
        self.is_owing = asyncio.Event()
        """Set while something is owed that no restart under way takes care of."""
        self._device = device
        self._looker = looker
        self._report = report
        self._clock = clock
        self._random = random
        self._off_s, self._confirm_s = off_s, confirm_s
        self._busy: set[str] = set()

    async def switch(self, port: str, *, is_on: bool) -> None:
        """Switches the port's power, and reads back that it is so."""
        with self._turn(port):
            row = await self._read(self._row(port))
            await self._set(row, port, is_on=is_on)
            await self._settle(port)

    async def restart(self, port: str) -> None:
        """Off, `OFF_S`, on, and confirmed."""
        with self._turn(port):
            row = await self._read(self._row(port))
            if not row.is_enabled:
                raise RefusedError(
                    f"port {port} of {self._device.path} is switched off; switch it on, there is nothing to restart"
                )
            await self._owe(port)
            began_s = self._clock.monotonic()
            try:
                await self._restart(row, port)
            except BaseException as error:
                if port in self.owed:
                    await self._last_try(row, port, error)
                raise
            finally:
                if port in self.owed:
                    self.is_owing.set()
            self._report(
                "poe_restarted",
                Severity.INFO,
                f"{self._device.path}: port {port} was without power and has it again, {self._clock.monotonic() - began_s:.0f} s in all",
            )

    async def _restart(self, row: PoePort, port: str) -> None:
        try:
            await self._set(row, port, is_on=False)
        except RemoteError:
            await self._settle(port)
            raise
        await asyncio.sleep(self._off_s)
        try:
            async with asyncio.timeout(ON_S):
                await self._set(row, port, is_on=True)
        except TimeoutError as error:
            why = f"port {port} was switched off, and is not known to be on again within {ON_S:g} s; it is tried until it is"
            raise UnconfirmedError(f"{self._device.path}: {why}") from error
        await self._settle(port)
        if row.is_delivering:
            await self._confirm(row, port)

    async def _confirm(self, row: PoePort, port: str) -> None:
        end_s = self._clock.monotonic() + self._confirm_s
        now = row
        while self._clock.monotonic() < end_s:
            try:
                now = await self._looker.read_poe(row)
            except (UnavailableError, RemoteError) as error:
                why = f"port {port} is switched on again; whether it delivers power is not known: {error}"
                raise UnconfirmedError(f"{self._device.path}: {why}") from error
            if now.is_delivering:
                return
            await asyncio.sleep(LOOK_S)
        why = f"port {port} is switched on again and delivers no power within {self._confirm_s:g} s: {now.status or 'no status'}"
        raise RemoteError(f"{self._device.path}: {why}")

    async def _last_try(self, row: PoePort, port: str, error: BaseException) -> None:
        """It went wrong in between: once more at once, also where the gateway ends."""
        why = str(error) if isinstance(error, TielineError) else "the restart was broken off"
        try:
            async with asyncio.timeout(ON_S / 2):
                await self._set(row, port, is_on=True)
        except (TielineError, TimeoutError):
            text = f"{self._device.path}: port {port} may be without power, and is owed it: {why}"
            self._report("poe_restart_owed", Severity.ERROR, text)
        else:
            await self._settle(port)

    # What is owed

    async def _owe(self, port: str) -> None:
        self.owed.add(port)
        try:
            if self.keep is not None:
                await self.keep()
        except TielineError as error:
            self.owed.discard(port)
            raise UnavailableError(
                f"{self._device.path}: what a restart owes cannot be kept, nothing was done: {error}"
            ) from error
        except BaseException:
            self.owed.discard(port)
            raise

    async def _settle(self, port: str) -> None:
        if port in self.owed:
            self.owed.discard(port)
            if self.keep is not None:
                try:
                    await self.keep()
                except TielineError as error:
                    self._report("poe_restart_owed", Severity.WARNING, f"{self._device.path}: {error}")

    def recall(self, ports: set[str]) -> None:
        """Owes what was owed when the gateway ended."""
        self.owed |= ports
        if self.owed:
            self.is_owing.set()
            names = ", ".join(sorted(self.owed))
            text = f"{self._device.path}: the gateway ended while port {names} was restarted, and owes its power"
            self._report("poe_restart_owed", Severity.ERROR, text)

    async def repay(self) -> None:
        """Switches on what is owed, until cancelled."""
        backoff = Backoff(self._random, first_s=1.0)
        while True:
            await self.is_owing.wait()
            for port in sorted(self.owed - self._busy):
                try:
                    with self._turn(port):
                        await self._set(await self._read(self._row(port)), port, is_on=True)
                        await self._settle(port)
                except TielineError:
                    continue
                self._report("poe_restored", Severity.INFO, f"{self._device.path}: port {port} has its power again")
            if self.owed:
                await asyncio.sleep(backoff.next_wait())
            else:
                self.is_owing.clear()
                backoff.reset()

    # The agent

    @contextmanager
    def _turn(self, port: str) -> Iterator[None]:
        if port in self._busy:
            raise RefusedError(f"port {port} of {self._device.path} is being switched already")
        self._busy.add(port)
        try:
            yield
        finally:
            self._busy.discard(port)

    def _row(self, port: str) -> PoePort:
        look = self._looker.last
        if look is None:
            raise UnavailableError(f"{self._device.path} does not answer; it is asked again soon")
        row = look.poe.get(port)
        if row is None:
            raise RefusedError(f"{self._device.path} has no power to switch at port {port}")
        return row

    async def _read(self, row: PoePort) -> PoePort:
        try:
            return await self._looker.read_poe(row)
        except UnconfirmedError:
            raise
        except UnavailableError as error:
            raise UnavailableError(f"{self._device.path} was not asked to switch: {error}") from error

    async def _set(self, row: PoePort, port: str, *, is_on: bool) -> None:
        """Has the agent switch, and reads back that it has. Raises `RemoteError` where it will not, `UnconfirmedError` if it may."""
        word = "on" if is_on else "off"
        try:
            await self._looker.set_poe(row, is_on=is_on)
        except (SnmpStatusError, SnmpAccessError) as error:
            raise RemoteError(f"{self._device.path} does not switch port {port} {word}: {error}") from error
        except (UnavailableError, RemoteError) as error:
            doubt: TielineError | None = error
        else:
            doubt = None
        end_s = self._clock.monotonic() + READ_BACK_S
        while True:
            try:
                now = await self._looker.read_poe(row)
            except TielineError as error:
                raise UnconfirmedError(
                    f"{self._device.path}: whether port {port} is {word} is not known: {doubt or error}"
                ) from error
            if now.is_enabled is is_on:
                return
            if self._clock.monotonic() >= end_s:
                raise UnconfirmedError(
                    f"{self._device.path}: port {port} is not {word} yet: {doubt or 'the agent confirmed that it is'}"
                )
            await asyncio.sleep(LOOK_S)
