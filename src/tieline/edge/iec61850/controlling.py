"""Operating control objects (IEC 61850-7-2, clause 20), and what becomes of it, in the terms of `Driver.write`.

| what happened                                             | what is raised                                |
|-----------------------------------------------------------|-----------------------------------------------|
| the value does not fit, or the object is for status only  | `RefusedError`                                |
| select or operate refused, negative command termination   | `RemoteError`, with the additional cause      |
| nothing was sent, or the selection was not answered       | `UnavailableError`                            |
| operate not answered, no termination in time, nonsense    | `UnconfirmedError`                            |

An operate is sent once. Where the device refuses it although it was selected, the selection is given back with a cancel; where nobody
knows, nothing more is sent, and the selection ends by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tieline.edge.driver import UnconfirmedError
from tieline.edge.iec61850.client import MmsClient
from tieline.edge.iec61850.directory import Directory
from tieline.edge.iec61850.settings import ControlledPoint
from tieline.io import Clock
from tieline.model import LocalError, RefusedError, RemoteError, UnavailableError
from tieline.protocols.iec61850.mms.control import (
    Command,
    ControlInformed,
    ControlModel,
    LastApplError,
    check_selected,
    command_values,
    control_value,
)
from tieline.protocols.iec61850.mms.errors import RejectError, ServiceError
from tieline.protocols.iec61850.mms.names import Name
from tieline.protocols.iec61850.mms.types import MmsType, Structure
from tieline.protocols.iec61850.mms.values import AccessError, Value

REASON_GRACE_S = 0.3
"""The reason of a refusal comes before the refusal; some devices send it right after."""

Connected = Callable[[], tuple[MmsClient, Directory] | None]


@dataclass(slots=True)
class _Watch:
    """A command under way, and what the server said of it."""

    number: int
    error: asyncio.Future[LastApplError]
    termination: asyncio.Future[LastApplError | None]

    def informed(self, informed: ControlInformed) -> None:
        if informed.control_number is not None and informed.control_number != self.number:
            return
        if informed.is_termination:
            if not self.termination.done():
                self.termination.set_result(informed.error)
        elif informed.error is not None and not self.error.done():
            self.error.set_result(informed.error)


class Controls:
    """The control objects of one server."""

    def __init__(self, *, connected: Connected, clock: Clock, termination_timeout_s: float) -> None:
        self._connected = connected
        self._clock = clock
        self._termination_timeout_s = termination_timeout_s
        self._watches: dict[Name, _Watch] = {}
        self._locks: dict[Name, asyncio.Lock] = {}
        self._number = 0

    def informed(self, informed: ControlInformed) -> None:
        """The server said something of a control object."""
        watch = self._watches.get(informed.control_object)
        if watch is not None:
            watch.informed(informed)

    def disconnected(self, reason: str) -> None:
        """The association ended: no termination will come."""
        for watch in self._watches.values():
            if not watch.termination.done():
                watch.termination.set_exception(UnconfirmedError(f"the association ended before the command did: {reason}"))

    async def operate(self, point: ControlledPoint, command: Command) -> None:
        """Operates an object, or writes a setting, and returns when the device has confirmed."""
        async with self._locks.setdefault(point.target, asyncio.Lock()):
            connection = self._connected()
            if connection is None:
                raise UnavailableError("the device does not answer")
            client, directory = connection
            if "$CO$" in point.target.item:
                await self._operate(client, directory, point, command)
            else:
                await self._set(client, directory, point, command.value)

    async def _set(self, client: MmsClient, directory: Directory, point: ControlledPoint, value: float) -> None:
        mms_type = directory.find(point.target)
        if mms_type is None:
            raise RefusedError(f"the device has no {point.target}")
        try:
            wanted = control_value(mms_type, value)
            error = await client.write(point.target, wanted, mms_type)
        except LocalError as reason:
            raise RefusedError(str(reason)) from reason
        except (ServiceError, RejectError):
            raise
        except RemoteError as reason:
            raise UnconfirmedError(str(reason)) from reason
        if error is not None:
            raise RemoteError(f"the device did not take the value: {error.words}")

    async def _operate(self, client: MmsClient, directory: Directory, point: ControlledPoint, command: Command) -> None:
        target = point.target
        model = await self._model(client, directory, point)
        oper = directory.find(target.child("Oper"))
        if oper is None:
            raise RefusedError(f"the device has no control {target}")
        self._number = self._number % 255 + 1
        try:
            value = command_values(oper, command, number=self._number, time_us=self._clock.now_us())
        except LocalError as error:
            raise RefusedError(str(error)) from error
        loop = asyncio.get_running_loop()
        watch = self._watches[target] = _Watch(self._number, loop.create_future(), loop.create_future())
        try:
            if model.is_selected:
                await self._select(client, directory, target, model, value, watch)
            await self._send(client, target, oper, value, watch, directory if model.is_selected else None)
            if model.is_enhanced:
                await self._await_termination(watch)
        finally:
            del self._watches[target]
            if watch.termination.done() and not watch.termination.cancelled():
                watch.termination.exception()  # the association may have ended while nobody waited for it

    async def _model(self, client: MmsClient, directory: Directory, point: ControlledPoint) -> ControlModel:
        target = point.target
        name = Name(target.domain, target.item.replace("$CO$", "$CF$", 1)).child("ctlModel")
        if directory.find(name) is None:
            if point.model is None:
                raise RefusedError(f"the device does not say how {target} is controlled")
            model = point.model
        else:
            model = await self._ask_model(client, name)
        if model is ControlModel.STATUS_ONLY:
            raise RefusedError(f"{target} is for status only, and cannot be controlled")
        return model

    async def _ask_model(self, client: MmsClient, name: Name) -> ControlModel:
        try:
            (value,) = await client.read([name])
        except UnconfirmedError as error:  # only reading: nothing can have happened
            raise UnavailableError(str(error)) from error
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 4:
            raise RemoteError(f"the device does not say how it is controlled: {value!r}")
        return ControlModel(value)

    async def _select(
        self, client: MmsClient, directory: Directory, target: Name, model: ControlModel, value: Value, watch: _Watch
    ) -> None:
        try:
            if model is ControlModel.SBO_NORMAL:
                values = await client.read([target.child("SBO")])
                is_selected, denied = check_selected(values), values[0]
            else:
                name = target.child("SBOw")
                mms_type = directory.find(name)
                if mms_type is None:
                    raise RefusedError(f"the device has no {name}")
                denied = await client.write(name, value, mms_type)
                is_selected = denied is None
        except UnconfirmedError as error:
            raise UnavailableError(f"it was not operated, because the selection was not answered: {error}") from error
        except LocalError as error:
            raise RefusedError(str(error)) from error
        if not is_selected:
            raise RemoteError(f"the selection was refused: {await _reason(watch, denied)}")

    async def _send(
        self, client: MmsClient, target: Name, oper: MmsType, value: Value, watch: _Watch, selected_in: Directory | None
    ) -> None:
        try:
            denied = await client.write(target.child("Oper"), value, oper)
        except LocalError as error:
            raise RefusedError(str(error)) from error
        except (ServiceError, RejectError) as error:
            if selected_in is not None:
                await self._cancel(client, selected_in, target, oper, value)
            raise RemoteError(f"the command was refused: {error}") from error
        except RemoteError as error:
            raise UnconfirmedError(str(error)) from error
        if denied is None:
            return
        reason = await _reason(watch, denied)
        if selected_in is not None:
            await self._cancel(client, selected_in, target, oper, value)
        raise RemoteError(f"the command was refused: {reason}")

    async def _cancel(self, client: MmsClient, directory: Directory, target: Name, oper: MmsType, value: Value) -> None:
        """Gives a selection back, where that can be done; that it cannot is no news."""
        name = target.child("Cancel")
        cancel = directory.find(name)
        if isinstance(cancel, Structure) and isinstance(oper, Structure) and isinstance(value, tuple):
            operated = dict(zip((each.name for each in oper.components), value, strict=True))
            try:  # what was operated, usually without Check
                await client.write(name, tuple(operated.get(each.name) for each in cancel.components), cancel)
            except (RemoteError, LocalError, UnavailableError):
                return

    async def _await_termination(self, watch: _Watch) -> None:
        try:
            async with asyncio.timeout(self._termination_timeout_s):
                error = await watch.termination
        except TimeoutError as late:
            text = f"the device took the command, and did not say within {self._termination_timeout_s:g} s what became of it"
            raise UnconfirmedError(text) from late
        if error is not None:
            raise RemoteError(f"the command failed: {error.words}")


async def _reason(watch: _Watch, denied: Value) -> str:
    """Why, in words: the additional cause where the device sends one."""
    try:
        async with asyncio.timeout(REASON_GRACE_S):
            return (await asyncio.shield(watch.error)).words
    except TimeoutError:
        return denied.words if isinstance(denied, AccessError) else "the device does not say why"
