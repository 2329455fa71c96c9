"""The plant: everything that happens between the external network and the sensors, step by step.

A step moves time, weather and habits on, lets switches, taps and batteries act, solves the network, and heats the transformers.
What sensors see is one matrix: a row for each quantity (and phase), a column for each piece of equipment, in the first unit of
`tieline.config.quantities`.

The network is solved as balanced. Phases are derived with one small unbalance, the same everywhere, so that they too balance at
every node: S_A + S_B + S_C = S, I = S / (sqrt3 U), I_A = S_A / U_A.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tieline.config.grid import Grid
from tieline.config.quantities import MEASURED, EquipmentKind, quantity_of
from tieline.model import LocalError, PointKind
from tieline.simulator.plant.faults import feeding_breakers
from tieline.simulator.plant.frequency import FrequencyResponse, PowerSystem
from tieline.simulator.plant.heat import Heat
from tieline.simulator.plant.network import Network
from tieline.simulator.plant.shapes import DAY_S, PROFILES, Walk, air_temperature, irradiance, share_of_peak, sun
from tieline.simulator.plant.storage import Batteries
from tieline.simulator.plant.switchgear import Switchgear, TapChangers

Column = npt.NDArray[np.float64]

_SOMEWHERE = (50.0, 10.0)
_ENERGIZED_V = 1.0
_READ_BACK = {
    ("switch_position", PointKind.BINARY): "switch_closed",
    ("switch_position", PointKind.CONTROL): "switch_commanded",
    ("active_power", PointKind.SETPOINT): "active_power_setpoint",
    ("reactive_power", PointKind.SETPOINT): "reactive_power_setpoint",
    ("tap_raise", PointKind.CONTROL): "nothing",
    ("tap_lower", PointKind.CONTROL): "nothing",
}
"""What a point shows that is not simply the quantity of its name."""

_ROWS = [(name, phase) for name, quantity in MEASURED.items() for phase in sorted(quantity.phases - {"ABC"})]
_ROWS += [(name, "") for name in ("switch_closed", "switch_commanded", "nothing")]
_ROW = {key: number for number, key in enumerate(_ROWS)}
_PHASES = ("A", "B", "C")
_PAIRS = (("AB", 0, 1), ("BC", 1, 2), ("CA", 2, 0))


class Plant:
    """A grid that lives. The same seed, start and steps give the same values."""

    def __init__(
        self,
        grid: Grid,
        *,
        start_s: float,
        seed: int = 0,
        places: Mapping[str, tuple[float, float]] | None = None,
        seconds_between_trips: float = math.inf,
        system: PowerSystem | None = None,
    ) -> None:
        """`start_s` is UTC in seconds since 1970; `places` holds latitude and longitude of sites.

        `system` is what shares a loss of generation.
        """
        rng = np.random.default_rng(seed)
        self.time_s = start_s
        self._grid = grid
        self._network = Network(grid)
        self._spans = self._network.spans
        self._index = {piece.name: number for number, piece in enumerate(grid)}
        self._switches = Switchgear(grid.switches, rng, seconds_between_trips=seconds_between_trips)
        self._switch_clock_s = 0.0
        self._taps = TapChangers(grid.transformers)
        self._heat = Heat(grid.transformers)
        self._batteries = Batteries(grid.storage)
        self._rated_low_v = np.array([transformer.low_kv * 1e3 for transformer in grid.transformers])

        self._feeding = np.ones(len(grid.sources), np.bool_)
        self._source_factor = np.ones(len(grid.sources))
        self._faults: list[str] = []
        peak_mw = sum(load.peak_mw for load in grid.loads)
        self._response = FrequencyResponse(system or PowerSystem(), peak_mw=peak_mw)
        self._before_loss_w = 0.0

        self._peak_w = np.array([load.peak_mw * 1e6 for load in grid.loads])
        self._tan_phi = np.array([math.tan(math.acos(load.power_factor)) for load in grid.loads])
        self._profile = np.array([PROFILES.index(load.profile) for load in grid.loads], np.intp)
        self._scale = np.ones(len(grid.loads))
        self._scale_goal = self._scale.copy()
        self._scale_per_s = np.zeros(len(grid.loads))
        self._wanted_w = np.zeros(len(grid.loads))
        self._habit = Walk(rng, len(grid.loads), spread=0.05, memory_s=1800)
        self._flicker = Walk(rng, len(grid.loads), spread=0.01, memory_s=10)
        self._phase_shift = Walk(rng, len(grid.loads), spread=0.05, memory_s=300)

        self._module_w = np.array([unit.peak_mw * 1e6 for unit in grid.solar])
        self._inverter_va = np.array([unit.rated_mva * 1e6 for unit in grid.solar])
        self._tilt = np.array([unit.tilt for unit in grid.solar])
        self._facing = np.array([unit.azimuth for unit in grid.solar])
        self._limit_w = self._inverter_va.copy()
        self._wanted_var = np.zeros(len(grid.solar) + len(grid.storage))
        site_of = {node.name: node.site for node in grid.nodes}
        sites = [site_of[piece.nodes[0]] for piece in grid]
        where = np.array([(places or {}).get(site or "", _SOMEWHERE) for site in sites]).reshape(-1, 2)
        self._latitude, self._longitude = where[:, 0], where[:, 1]
        names = sorted({site or "" for site in sites})
        self._site = np.array([names.index(site or "") for site in sites], np.intp)
        self._cloud = Walk(rng, len(names), spread=1.0, memory_s=900)
        self._wisp = Walk(rng, len(grid.solar), spread=0.25, memory_s=40)
        self._air = Walk(rng, len(names), spread=1.5, memory_s=7200)
        self._slow_voltage = Walk(rng, len(grid.sources), spread=0.004, memory_s=1200)
        self._fast_voltage = Walk(rng, len(grid.sources), spread=0.0005, memory_s=8)
        self._frequency = Walk(rng, 1, spread=0.018, memory_s=60)
        self._unbalance = Walk(rng, 3, spread=0.012, memory_s=600)
        self._rated_a = self._rated_currents(grid)

        self.values: Column = np.zeros((len(_ROWS), self._network.size))
        """What sensors see; `locate` gives an index into its flat view."""
        self._exported_wh = rng.uniform(1e9, 9e9, self._network.size)
        self._imported_wh = rng.uniform(1e9, 9e9, self._network.size)
        self.is_solved = False
        self.step(1e-3)
        self._settle()

    def locate(self, equipment: str, quantity: str, phase: str = "", kind: PointKind = PointKind.ANALOG) -> int:
        """Where in `values.flat` a point finds its value, also the position of what it sets."""
        if quantity_of(quantity, kind) is None or equipment not in self._index:
            raise LocalError(f"the plant has no {quantity} of {equipment} for {kind} points")
        name = _READ_BACK.get((quantity, kind), quantity)
        return _ROW[name, "" if phase == "ABC" else phase] * self._network.size + self._index[equipment]

    def read(self, equipment: str, quantity: str, phase: str = "", kind: PointKind = PointKind.ANALOG) -> float:
        """One value, in the first unit of its quantity."""
        return float(self.values.flat[self.locate(equipment, quantity, phase, kind)])

    def operate(self, equipment: str, quantity: str, value: float) -> None:
        """Does what a control or setpoint asks for, in the first unit of the quantity; it shows from the next step on.

        Raises `LocalError` where the equipment has no such quantity to operate.
        """
        piece = self._grid.by_name.get(equipment)
        kind = piece.kind if piece else None
        is_on = value >= 0.5
        match quantity, kind:
            case "switch_position", EquipmentKind.SWITCH:
                self._switches.operate(self._within(equipment, "switches"), close=is_on, now=self._switch_clock_s)
            case "trip", EquipmentKind.SWITCH:
                if not is_on:
                    self._switches.reset(self._within(equipment, "switches"))
            case (("tap_raise" | "tap_lower"), EquipmentKind.TRANSFORMER):
                if is_on:
                    index = self._within(equipment, "transformers")
                    self._taps.move(index, self._taps.position[index] + (1 if quantity == "tap_raise" else -1))
            case "tap_position", EquipmentKind.TRANSFORMER:
                self._taps.move(self._within(equipment, "transformers"), value)
            case "regulation_automatic", EquipmentKind.TRANSFORMER:
                self._taps.regulate(self._within(equipment, "transformers"), automatically=is_on)
            case "voltage_setpoint", EquipmentKind.TRANSFORMER:
                self._taps.target_v[self._within(equipment, "transformers")] = value
            case "active_power_limit", EquipmentKind.SOLAR:
                index = self._within(equipment, "solar")
                self._limit_w[index] = min(max(value, 0.0), self._inverter_va[index])
            case "active_power", EquipmentKind.STORAGE:
                self._batteries.set_power(self._within(equipment, "storage"), value)
            case "reactive_power", (EquipmentKind.SOLAR | EquipmentKind.STORAGE):
                self._wanted_var[self._index[equipment] - self._spans["solar"].start] = value
            case _:
                raise LocalError(f"{equipment} has no {quantity} to be operated")

    def trip(self, switch: str) -> None:
        """Protection opens a switch now; it may reclose."""
        self._switches.trip(self._within(switch, "switches"), self._switch_clock_s)

    def jam(self, switch: str, *, jammed: bool = True) -> None:
        """A switch does not move any more, or moves again."""
        self._switches.jam(self._within(switch, "switches"), jammed=jammed)

    def feed(self, source: str, *, feeding: bool) -> None:
        """A source of the external network is lost, or returns."""
        self._feeding[self._within(source, "sources")] = feeding

    def set_source_voltage(self, source: str, voltage_pu: float) -> None:
        """The voltage behind a source's impedance, about which it wanders."""
        index = self._within(source, "sources")
        self._source_factor[index] = voltage_pu / self._grid.sources[index].voltage_pu

    def scale_load(self, load: str, factor: float, *, over_s: float = 0.0) -> None:
        """A load becomes so many times what its habits are, at once or along a ramp."""
        index = self._within(load, "loads")
        self._scale_goal[index] = factor
        self._scale_per_s[index] = abs(factor - self._scale[index]) / over_s if over_s > 0 else np.inf

    def lose_generation(self, watts: float) -> None:
        """The system loses generation somewhere, or, negative, gets it back; the frequency follows."""
        if not self._response.is_active:
            self._before_loss_w = self._balance_w()
        self._response.lose(watts)

    def fault(self, node: str) -> None:
        """A short circuit, which stays until it is repaired: protection opens what feeds it, as often as it is closed."""
        if node not in self._faults:
            self._faults.append(node)

    def repair(self, node: str) -> None:
        """Removes the short circuit."""
        if node in self._faults:
            self._faults.remove(node)

    def step(self, seconds: float) -> None:
        """Lets some seconds pass."""
        self.time_s += seconds
        self._switch_clock_s += seconds
        self._switches.step(self._switch_clock_s)
        self._clear_faults()
        self._taps.step(seconds, self._network.voltage[self._network.low_node])
        relief_w = self._balance_w() - self._before_loss_w if self._response.is_active else 0.0
        frequency = 50.0 + float(self._frequency.step(seconds)[0]) + self._response.step(seconds, relief_w)
        local_s = self.time_s + self._longitude / 360 * DAY_S
        air = air_temperature(self._latitude, local_s, self.time_s) + self._air.step(seconds)[self._site]
        generators = self._generate(seconds, frequency, local_s, air)
        self.is_solved = self._network.solve(
            loads=self._consume(seconds, local_s),
            generators=generators,
            closed=self._switches.closed,
            taps=self._taps.position,
            source_voltage=self._source_factor * (1 + self._slow_voltage.step(seconds) + self._fast_voltage.step(seconds)),
            feeding=self._feeding,
        )
        transformers = self._spans["transformers"]
        self._heat.step(seconds, self._network.current[transformers] / self._rated_a[transformers], air[transformers])
        energy_wh = self._network.power * seconds / 3600
        self._exported_wh += np.maximum(energy_wh, 0)
        self._imported_wh += np.maximum(-energy_wh, 0)
        self._show_terminals(frequency, self._unbalance.step(seconds))
        self._show_equipment(air)

    def _settle(self) -> None:
        """Regulators bring voltages to their targets before anybody looks."""
        tallest = max((t.tap_highest - t.tap_lowest for t in self._grid.transformers), default=0)
        for _ in range(tallest):
            before = self._taps.position
            self._taps.step(1e9, self._network.voltage[self._network.low_node])
            if np.array_equal(before, self._taps.position):
                break
            self.step(1e-3)
        self._taps.operations = np.round(np.abs(self._taps.operations) + 100)
        for battery in range(len(self._grid.storage)):
            self._batteries.power[battery] = self._batteries.wanted[battery]
        self.step(1e-3)

    def _consume(self, seconds: float, local_s: Column) -> tuple[Column, Column]:
        loads = self._spans["loads"]
        hours = local_s[loads]
        share = share_of_peak(self._profile, float(hours[0])) if len(hours) else np.zeros(0)
        most = self._scale_per_s * seconds
        self._scale = self._scale + np.clip(self._scale_goal - self._scale, -most, most)
        power = self._peak_w * share * (1 + self._habit.step(seconds)) * (1 + self._flicker.step(seconds)) * self._scale
        self._wanted_w = power
        return power, power * self._tan_phi * (1 + self._phase_shift.step(seconds))

    def _clear_faults(self) -> None:
        for node in self._faults:
            for name in feeding_breakers(self._grid, node, self._is_closed, self._is_fed):
                self._switches.trip(self._within(name, "switches"), self._switch_clock_s, recloses=False)

    def _is_closed(self, switch: str) -> bool:
        return bool(self._switches.closed[self._within(switch, "switches")])

    def _is_fed(self, source: str) -> bool:
        return bool(self._feeding[self._within(source, "sources")])

    def _balance_w(self) -> float:
        """Load that is not served, less sun that is not used, and what batteries give: what relieves the system as it grows."""
        is_dead = self._network.voltage <= _ENERGIZED_V
        loads, solar = self._spans["loads"], self._spans["solar"]
        unused = np.minimum(self._available_w, self._limit_w)[is_dead[solar]]
        return float(self._wanted_w[is_dead[loads]].sum() - unused.sum() + self._batteries.power.sum())

    def _generate(self, seconds: float, frequency: float, local_s: Column, air: Column) -> tuple[Column, Column]:
        solar, storage = self._spans["solar"], self._spans["storage"]
        elevation, azimuth = sun(self._latitude[solar], self._longitude[solar], self.time_s)
        cover = self._cloud.step(seconds)[self._site[solar]] + self._wisp.step(seconds)
        transmittance = 1 - 0.75 / (1 + np.exp(-3 * (cover - 0.4)))
        self._sunshine = irradiance(elevation, azimuth, self._tilt, self._facing, transmittance)
        self._cell_c = air[solar] + 0.028 * self._sunshine
        available = self._module_w * self._sunshine / 1000 * (1 - 0.0038 * (self._cell_c - 25))
        self._available_w = np.clip(available, 0, self._inverter_va)
        is_live = self._network.voltage[solar] > _ENERGIZED_V
        if not self.is_solved:
            is_live = np.ones_like(is_live)
        power = np.where(is_live, np.minimum(self._available_w, self._limit_w), 0.0)
        batteries_live = (
            self._network.voltage[storage] > _ENERGIZED_V if self.is_solved else np.ones(len(self._grid.storage), bool)
        )
        self._batteries.step(seconds, local_s[storage] % DAY_S / 3600, frequency, batteries_live)
        active = np.concatenate([power, self._batteries.power])
        rated = np.concatenate([self._inverter_va, np.array([unit.rated_mw * 1e6 for unit in self._grid.storage])])
        room = np.sqrt(np.maximum(rated**2 - active**2, 0))
        return active, np.clip(self._wanted_var, -room, room)

    def _show_terminals(self, frequency: float, unbalance: Column) -> None:
        network, values = self._network, self.values
        energized = network.voltage > _ENERGIZED_V
        apparent = np.hypot(network.power, network.reactive)
        for name, column in (
            ("active_power", network.power),
            ("reactive_power", network.reactive),
            ("apparent_power", apparent),
            ("power_factor", np.divide(network.power, apparent, out=np.zeros_like(apparent), where=apparent > _ENERGIZED_V)),
            ("voltage", network.voltage),
            ("current", network.current),
            ("frequency", np.where(energized, frequency, 0.0)),
            ("energy_exported", self._exported_wh),
            ("energy_imported", self._imported_wh),
            ("loading", 100 * network.current / self._rated_a),
        ):
            values[_ROW[name, ""]] = column
        share = (1 + unbalance - unbalance.mean()) / 3
        lift = 1 - 0.2 * (unbalance - unbalance.mean())
        to_earth = [network.voltage / math.sqrt(3) * lift[phase] for phase in range(3)]
        currents = []
        for number, phase in enumerate(_PHASES):
            values[_ROW["active_power", phase]] = network.power * share[number]
            values[_ROW["reactive_power", phase]] = network.reactive * share[number]
            values[_ROW["apparent_power", phase]] = apparent * share[number]
            values[_ROW["voltage", phase]] = to_earth[number]
            current = np.divide(apparent * share[number], to_earth[number], out=np.zeros_like(apparent), where=energized)
            values[_ROW["current", phase]] = current
            currents.append(current)
        for pair, one, other in _PAIRS:
            first, second = to_earth[one], to_earth[other]
            values[_ROW["voltage", pair]] = np.sqrt(first**2 + second**2 + first * second)
        a, b, c = currents
        values[_ROW["current", "N"]] = np.sqrt(np.maximum(a * a + b * b + c * c - a * b - b * c - c * a, 0))

    def _show_equipment(self, air: Column) -> None:
        spans, switches, taps, heat, batteries = self._spans, self._switches, self._taps, self._heat, self._batteries
        self.values[_ROW["ambient_temperature", ""]] = air
        solar_count = len(self._grid.solar)
        for kind, name, column in (
            ("switches", "switch_position", switches.position),
            ("switches", "switch_closed", switches.closed & ~switches.moving),
            ("switches", "switch_commanded", switches.commanded),
            ("switches", "trip", switches.tripped),
            ("switches", "operations", switches.operations),
            ("transformers", "tap_position", taps.position),
            ("transformers", "tap_operations", taps.operations),
            ("transformers", "regulation_automatic", taps.automatic),
            ("transformers", "voltage_setpoint", np.where(taps.target_v > 0, taps.target_v, self._rated_low_v)),
            ("transformers", "oil_temperature", heat.oil),
            ("transformers", "winding_temperature", heat.hot_spot),
            ("transformers", "loss_of_life", heat.age_h),
            ("transformers", "cooling_running", heat.fans),
            ("solar", "irradiance", self._sunshine),
            ("solar", "module_temperature", self._cell_c),
            ("solar", "available_power", self._available_w),
            ("solar", "active_power_limit", self._limit_w),
            ("solar", "reactive_power_setpoint", self._wanted_var[:solar_count]),
            ("storage", "reactive_power_setpoint", self._wanted_var[solar_count:]),
            ("storage", "active_power_setpoint", batteries.wanted),
            ("storage", "state_of_charge", batteries.charge_percent),
            ("storage", "stored_energy", batteries.stored_wh),
            ("storage", "cell_temperature", air[spans["storage"]] + 8 * batteries.use + 4),
        ):
            self.values[_ROW[name, ""], spans[kind]] = column

    def _within(self, equipment: str, kind: str) -> int:
        return self._index[equipment] - self._spans[kind].start

    def _rated_currents(self, grid: Grid) -> Column:
        rated = np.full(self._network.size, np.inf)
        for line in grid.lines:
            rated[self._index[line.name]] = line.rated_current_a
        for switch in grid.switches:
            rated[self._index[switch.name]] = switch.rated_current_a
        for transformer in grid.transformers:
            rated[self._index[transformer.name]] = transformer.rated_mva * 1e3 / (math.sqrt(3) * transformer.high_kv)
        return rated
