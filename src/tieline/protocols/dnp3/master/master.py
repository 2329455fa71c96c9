"""A DNP3 master: the association with one outstation, and what the application may ask of it.

Each request gives a number at once and ends in exactly one `TaskDone` with that number, whatever happens: answered, refused, never sent,
or sent and never answered. Calls that make no sense raise `LocalError` and change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from tieline.model import LocalError, Now
from tieline.protocols.dnp3.application import Function, ObjectBlock
from tieline.protocols.dnp3.commands import Command, OperateMode
from tieline.protocols.dnp3.frame import is_broadcast
from tieline.protocols.dnp3.master.association import Association
from tieline.protocols.dnp3.master.clock_setting import broadcast_on_lan, measure_delay, synchronize, write_time
from tieline.protocols.dnp3.master.file_reading import FileAccess, read_file
from tieline.protocols.dnp3.master.operating import command_blocks, operate
from tieline.protocols.dnp3.master.settings import (
    ClassAssignment,
    DeadbandVariation,
    TimeSynchronization,
    check_classes,
    check_deadbands,
)
from tieline.protocols.dnp3.master.tasks import (
    Rank,
    assign_classes,
    freeze,
    freeze_at_time,
    read,
    read_classes,
    restart,
    set_unsolicited,
    write_deadbands,
)
from tieline.protocols.dnp3.measurements import PointType

Ranges = Sequence[tuple[int, int]]
"""First and last index of each range, both included; empty: all points."""


class Master(Association):
    """One master's session with one outstation."""

    def operate(
        self, commands: Sequence[tuple[int, Command]], mode: OperateMode, now: Now, *, within_s: float | None = None
    ) -> int:
        """Operates outputs, given as index and command. What could not leave within this time (the setting's) is not sent at all."""
        blocks = command_blocks(commands)
        if within_s is not None and not within_s > 0:
            raise LocalError(f"a command needs time to be sent, not {within_s} s")
        return self._begin(Rank.COMMAND, operate(blocks, mode), now, within_s or self.settings.command_lifetime_s)

    def read(self, blocks: Sequence[ObjectBlock], now: Now) -> int:
        """Reads objects; values come as `Measured`, other objects with the result."""
        if not blocks:
            raise LocalError("there is nothing to read")
        return self._begin(Rank.REQUEST, read(blocks), now)

    def scan_integrity(self, now: Now) -> int:
        """Reads all events and then all present values."""
        return self._begin(Rank.REQUEST, read_classes((0, 1, 2, 3)), now)

    def scan_events(self, classes: frozenset[int], now: Now) -> int:
        """Reads the events of some classes."""
        return self._begin(Rank.REQUEST, read_classes(_some(classes)), now)

    def freeze(
        self,
        now: Now,
        *,
        kind: PointType = PointType.COUNTER,
        ranges: Ranges = (),
        clear: bool = False,
        acknowledged: bool = True,
    ) -> int:
        """Freezes counters or analog inputs, and may set counters to 0; never repeated."""
        steps = freeze(kind, ranges, clear=clear, acknowledged=acknowledged)
        return self._begin(Rank.REQUEST, steps, now)

    def freeze_at_time(
        self,
        at_us: int,
        now: Now,
        *,
        interval_ms: int = 0,
        kind: PointType = PointType.COUNTER,
        ranges: Ranges = (),
        acknowledged: bool = True,
    ) -> int:
        """Lets the outstation freeze at a time, and at each interval after it; 0 for the time means now."""
        if not 0 <= at_us < (1 << 48) * 1_000:
            raise LocalError(f"a time is below 2**48 ms, not {at_us} us")
        if not 0 <= interval_ms <= 0xFFFFFFFF:
            raise LocalError(f"an interval is 0 to {0xFFFFFFFF} ms, not {interval_ms}")
        steps = freeze_at_time(kind, ranges, at_us // 1_000, interval_ms, acknowledged=acknowledged)
        return self._begin(Rank.REQUEST, steps, now)

    def synchronize_time(self, now: Now) -> int:
        """Sets the outstation's clock by the procedure of the settings (where that is off, the LAN's)."""
        procedure = self.settings.time_synchronization
        chosen = TimeSynchronization.LAN if procedure is TimeSynchronization.OFF else procedure
        return self._begin(Rank.REQUEST, synchronize(chosen), now)

    def measure_delay(self, now: Now) -> int:
        """Measures how long a fragment travels: `Result.delay_ms`."""
        return self._begin(Rank.REQUEST, measure_delay(), now)

    def assign_classes(self, assignments: Sequence[ClassAssignment], now: Now) -> int:
        """Says which points report in which class."""
        if not assignments:
            raise LocalError("there is no class to assign")
        return self._begin(Rank.REQUEST, assign_classes(assignments), now)

    def write_deadbands(self, deadbands: Sequence[tuple[int, float]], now: Now, *, variation: DeadbandVariation = 3) -> int:
        """Writes deadbands of analog inputs, given as index and value (group 34)."""
        if not deadbands:
            raise LocalError("there is no deadband to write")
        check_deadbands(deadbands, variation)
        return self._begin(Rank.REQUEST, write_deadbands(deadbands, variation), now)

    def cold_restart(self, now: Now) -> int:
        """Restarts the outstation as after a loss of power; `Result.delay_ms` says when it is back."""
        return self._restart(Function.COLD_RESTART, now)

    def warm_restart(self, now: Now) -> int:
        """Restarts a part of the outstation."""
        return self._restart(Function.WARM_RESTART, now)

    def enable_unsolicited(self, classes: frozenset[int], now: Now) -> int:
        """Lets the outstation report events of these classes by itself."""
        return self._begin(Rank.REQUEST, set_unsolicited(True, _some(classes)), now)

    def disable_unsolicited(self, classes: frozenset[int], now: Now) -> int:
        """Lets it stop."""
        return self._begin(Rank.REQUEST, set_unsolicited(False, _some(classes)), now)

    def read_file(self, name: str, now: Now, *, most_octets: int = 1 << 24, access: FileAccess | None = None) -> int:
        """Reads a file: `Result.content`. One that has more octets is not read."""
        limit, number = self.settings.max_fragment, self._number + 1
        steps = read_file(name, most_octets=most_octets, max_fragment=limit, request_id=number, access=access)
        return self._begin(Rank.FILE, steps, now)

    def broadcast_time(self, address: int, now: Now) -> int:
        """Sets the clocks of all outstations on the channel, by the procedure of the settings."""
        _check_broadcast(address)
        is_lan = self.settings.time_synchronization is TimeSynchronization.LAN
        return self._begin(Rank.REQUEST, broadcast_on_lan(address) if is_lan else write_time(address), now)

    def broadcast_freeze(self, address: int, now: Now, *, clear: bool = False) -> int:
        """Freezes the counters of all outstations on the channel."""
        _check_broadcast(address)
        steps = freeze(PointType.COUNTER, (), clear=clear, acknowledged=False, destination=address)
        return self._begin(Rank.REQUEST, steps, now)

    def _restart(self, function: Function, now: Now) -> int:
        return self._begin(Rank.COMMAND, restart(function), now, self.settings.command_lifetime_s, is_restart=True)


def _some(classes: frozenset[int]) -> frozenset[int]:
    check_classes(classes)
    if not classes:
        raise LocalError("there is no class among the classes")
    return classes


def _check_broadcast(address: int) -> None:
    if not is_broadcast(address):
        raise LocalError(f"broadcast addresses are 65533 to 65535, not {address}")
