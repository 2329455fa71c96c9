"""The MMS server of a simulated IEC 61850 device: `open61850`'s, served over `Wire`s instead of sockets, with the device's manners.

It never listens itself. Each association has a thread, and one more gathers reports; `stop` waits for all of them.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from typing import cast

import structlog
from open61850.data import IECData
from open61850.mms import pdu
from open61850.mms.pdu import ObjectName
from open61850.mms.transport import IsoConnection, TransportError
from open61850.server import MmsServer, ServerConnection, protocol
from open61850.server.control import Command, ControlEngine
from open61850.server.model import ACCESS_OBJECT_ACCESS_DENIED, IedModel
from open61850.server.server import ERROR_ACCESS

from tieline.simulator.devices.behavior import Behavior
from tieline.simulator.devices.iec61850.reporting import Reports
from tieline.simulator.devices.iec61850.wire import Wire

log = structlog.get_logger(__name__)

MOST_CLIENTS = 16
_ACCESS_DENIED = 3  # of the class access (ISO 9506-2, ServiceError)
_ENDS_WITHIN_S = 5.0

Check = Callable[[Command], int | None]
"""Why a command is refused, an AddCause; None where it is not."""


class Server:
    """Serves the data of one device to whoever is connected."""

    def __init__(
        self,
        name: str,
        model: IedModel,
        behavior: Callable[[], Behavior],
        *,
        on_report: Callable[[], None],
        check: Check,
        handlers: Mapping[str, Check],
    ) -> None:
        """`check` is asked by all commands, `handlers` carry out those of a data object, `LD/CSWI1.Pos`; both in the client's thread."""
        self._name = name
        self._behavior = behavior
        self._mms = MmsServer(model, vendor="Tieline", model_name="simulated IED")
        self.reports = self._mms.reports = Reports(self._mms, on_report=on_report)
        self.controls = self._mms.controls = ControlEngine(self._mms)
        self._mms.write_hooks.insert(0, self._refuse_write)
        for domain, nodes in model.logical_devices.items():
            for node in nodes.values():
                branch = node.child("CO")
                for data_object in branch.children if branch is not None else ():
                    self.controls.set_check(f"{domain}/{node.name}.{data_object}", check)
        for reference, handler in handlers.items():
            self.controls.set_handler(reference, handler)
        self._threads: dict[Wire, threading.Thread] = {}

    @property
    def clients(self) -> tuple[Wire, ...]:
        """Who is connected."""
        return tuple(wire for wire, thread in self._threads.items() if thread.is_alive())

    def admit(self, wire: Wire, peer: tuple[str, int]) -> bool:
        """Serves a client in a thread of its own from now on; False where there are too many."""
        self._threads = {other: thread for other, thread in self._threads.items() if thread.is_alive()}
        if len(self._threads) >= MOST_CLIENTS:
            return False
        thread = threading.Thread(target=self._serve, args=(wire, peer), name=f"mms {self._name}", daemon=True)
        self._threads[wire] = thread
        thread.start()
        return True

    def join(self) -> None:
        """Waits until the threads of clients whose connections are over have ended."""
        for thread in self._threads.values():
            thread.join(_ENDS_WITHIN_S)

    def stop(self) -> None:
        """Ends everything; connections are to be over."""
        self.join()
        self.reports.stop()

    def _serve(self, wire: Wire, peer: tuple[str, int]) -> None:
        try:
            # The library asks no more of a socket than a wire has.
            iso = protocol.accept_cotp(cast("socket.socket", wire))
            connection = _Association(self._mms, iso, peer, self._behavior)
            self._mms.connections.append(connection)
            connection.serve()
        except (TransportError, OSError):
            pass
        except Exception as error:  # noqa: BLE001 - whatever a client makes the library do, it ends that client's association
            log.info("association ended", device=self._name, reason=f"{type(error).__name__}: {error}")
        finally:
            wire.close()

    def _refuse_write(self, _connection: ServerConnection, name: ObjectName, _value: IECData) -> int | None:
        is_command = "$CO$" in name.item
        return ACCESS_OBJECT_ACCESS_DENIED if self._behavior().manner == "refusing" and not is_command else None


class _Association(ServerConnection):
    """One client: its requests, as the device behaves."""

    def __init__(self, server: MmsServer, iso: IsoConnection, peer: tuple[str, int], behavior: Callable[[], Behavior]) -> None:
        super().__init__(server, iso, peer)
        self._behavior = behavior

    def _handle(self, mms_pdu: bytes) -> bool:
        return True if self._behavior().manner == "silent" else super()._handle(mms_pdu)

    def _service(self, request: protocol.ConfirmedRequest) -> bytes:
        if self._behavior().manner == "refusing" and request.service != pdu.SERVICE_WRITE:
            return protocol.confirmed_error(request.invoke_id, ERROR_ACCESS, _ACCESS_DENIED)
        return super()._service(request)
