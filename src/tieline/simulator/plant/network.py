"""The network's steady state, solved with power-grid-model (balanced three-phase, Newton-Raphson).

Every piece of equipment has one column in all arrays, in the order of the `Grid`. Power is positive into the network; of branches it
is what enters at the first terminal and flows towards the second.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tieline.config.grid import Grid, Transformer

Column = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TOLERANCES = (1e-8, 1e-5)
"""Per unit. The first keeps nodes balanced to a fraction of a watt; rounding in large grids of closed switches may not reach it."""
_WINDINGS = {"Y": 0, "YN": 1, "D": 2, "Z": 3, "ZN": 4}
_CONSTANT_POWER = 0


class Network:
    """Solves the flows for given injections, switch positions and taps."""

    def __init__(self, grid: Grid, *, frequency_hz: float = 50.0) -> None:
        self._grid = grid
        index = {piece.name: number for number, piece in enumerate(grid)}
        self.size = len(index)
        spans = {}
        start = 0
        for name in ("nodes", "lines", "transformers", "switches", "sources", "loads", "solar", "storage", "shunts"):
            spans[name] = slice(start, start + len(getattr(grid, name)))
            start = spans[name].stop
        self.spans = spans
        self.first_node = np.array([index[piece.nodes[0]] for piece in grid], np.intp)
        self.low_node = np.array([index[transformer.low_node] for transformer in grid.transformers], np.intp)
        self.power: Column = np.zeros(self.size)
        self.reactive: Column = np.zeros(self.size)
        self.voltage: Column = np.zeros(self.size)
        """Between phases, at the first terminal; 0 where nothing is energized."""
        self.current: Column = np.zeros(self.size)
        self._source_pu = np.array([source.voltage_pu for source in grid.sources])
        self._model, self._update = self._build(index, frequency_hz)

    def solve(
        self,
        *,
        loads: tuple[Column, Column],
        generators: tuple[Column, Column],
        closed: Mask,
        taps: Column,
        source_voltage: float | Column = 1.0,
        feeding: Mask | bool = True,
    ) -> bool:
        """Fills the columns with the state for these injections (watts and vars; loads consume, generators inject).

        `generators` are all solar units, then all storage; the sources' voltages are those of the grid times `source_voltage`;
        those that are not `feeding` are not there, and what no source feeds is dead. False where no solution exists: then the columns
        are the old ones.
        """
        from power_grid_model.errors import PowerGridError  # type: ignore[attr-defined]  # its stubs leave it out

        update = self._update
        update["source"]["u_ref"] = self._source_pu * source_voltage
        update["source"]["status"] = feeding
        if "sym_load" in update:
            update["sym_load"]["p_specified"], update["sym_load"]["q_specified"] = loads
        if "sym_gen" in update:
            update["sym_gen"]["p_specified"], update["sym_gen"]["q_specified"] = generators
        if "link" in update:
            update["link"]["from_status"] = update["link"]["to_status"] = closed
        if "transformer" in update:
            neutral = [transformer.tap_neutral for transformer in self._grid.transformers]
            update["transformer"]["tap_pos"] = 2 * np.array(neutral) - taps
        self._model.update(update_data=update)
        for tolerance in _TOLERANCES:
            try:
                solved = self._model.calculate_power_flow(error_tolerance=tolerance)
            except PowerGridError:
                continue
            self._take(solved)
            return True
        return False

    def _take(self, solved: Any) -> None:
        spans = self.spans
        self.voltage[spans["nodes"]] = solved["node"]["u"]
        self.voltage = self.voltage[self.first_node]
        for name, component in (("lines", "line"), ("transformers", "transformer"), ("switches", "link")):
            if component in solved:
                self.power[spans[name]] = solved[component]["p_from"]
                self.reactive[spans[name]] = solved[component]["q_from"]
        for name, component, sign in (("sources", "source", 1), ("loads", "sym_load", -1), ("shunts", "shunt", -1)):
            if component in solved:
                self.power[spans[name]] = sign * solved[component]["p"]
                self.reactive[spans[name]] = sign * solved[component]["q"]
        if "sym_gen" in solved:
            generators = slice(spans["solar"].start, spans["storage"].stop)
            self.power[generators] = solved["sym_gen"]["p"]
            self.reactive[generators] = solved["sym_gen"]["q"]
        apparent = np.hypot(self.power, self.reactive)
        self.current = np.divide(apparent, math.sqrt(3) * self.voltage, out=np.zeros(self.size), where=self.voltage > 0)

    def _build(self, index: dict[str, int], frequency_hz: float) -> tuple[Any, Any]:
        from power_grid_model import PowerGridModel, initialize_array

        grid = self._grid
        data: dict[str, Any] = {}

        def add(component: str, pieces: tuple[Any, ...], **columns: Any) -> None:
            if pieces:
                array = initialize_array("input", component, len(pieces))
                array["id"] = [index[piece.name] for piece in pieces]
                for name, values in columns.items():
                    array[name] = values
                data[component] = array

        def ends(pieces: tuple[Any, ...]) -> dict[str, Any]:
            nodes = [[index[name] for name in piece.nodes] for piece in pieces]
            return {"from_node": [pair[0] for pair in nodes], "to_node": [pair[1] for pair in nodes]} | {
                "from_status": 1,
                "to_status": 1,
            }

        add("node", grid.nodes, u_rated=[node.voltage_kv * 1e3 for node in grid.nodes])
        add(
            "line",
            grid.lines,
            **ends(grid.lines),
            r1=[line.r_ohm_per_km * line.length_km for line in grid.lines],
            x1=[line.x_ohm_per_km * line.length_km for line in grid.lines],
            c1=[line.c_nf_per_km * line.length_km * 1e-9 for line in grid.lines],
            tan1=0.0,
            i_n=[line.rated_current_a for line in grid.lines],
        )
        add("link", grid.switches, **ends(grid.switches))
        add("transformer", grid.transformers, **ends(grid.transformers), **_plate(grid.transformers))
        add(
            "source",
            grid.sources,
            node=[index[source.node] for source in grid.sources],
            status=1,
            u_ref=[source.voltage_pu for source in grid.sources],
            sk=[source.short_circuit_mva * 1e6 for source in grid.sources],
            rx_ratio=[1 / source.x_to_r for source in grid.sources],
        )
        generators = (*grid.solar, *grid.storage)
        for component, pieces in (("sym_load", grid.loads), ("sym_gen", generators)):
            nodes = [index[piece.nodes[0]] for piece in pieces]
            add(component, pieces, node=nodes, status=1, type=_CONSTANT_POWER, p_specified=0.0, q_specified=0.0)
        rated = {node.name: node.voltage_kv for node in grid.nodes}
        add(
            "shunt",
            grid.shunts,
            node=[index[shunt.node] for shunt in grid.shunts],
            status=1,
            g1=0.0,
            b1=[shunt.reactive_mvar / rated[shunt.node] ** 2 for shunt in grid.shunts],
        )
        update = {}
        for component in ("source", "sym_load", "sym_gen", "link", "transformer"):
            if component in data:
                update[component] = initialize_array("update", component, len(data[component]))
                update[component]["id"] = data[component]["id"]
        return PowerGridModel(data, system_frequency=frequency_hz), update


def _plate(transformers: tuple[Transformer, ...]) -> dict[str, Any]:
    """The name plates as power-grid-model wants them. Its taps count turns, ours voltage: positions are mirrored."""
    groups = [(group.rstrip("0123456789abcdefghijklmnopqrstuvwxyz"), group) for group in (t.vector_group for t in transformers)]
    return {
        "u1": [t.high_kv * 1e3 for t in transformers],
        "u2": [t.low_kv * 1e3 for t in transformers],
        "sn": [t.rated_mva * 1e6 for t in transformers],
        "uk": [t.short_circuit_percent / 100 for t in transformers],
        "pk": [t.load_loss_kw * 1e3 for t in transformers],
        "i0": [max(t.no_load_current_percent / 100, 1.001 * t.no_load_loss_kw / (t.rated_mva * 1e3)) for t in transformers],
        "p0": [t.no_load_loss_kw * 1e3 for t in transformers],
        "winding_from": [_WINDINGS[high] for high, _ in groups],
        "winding_to": [_WINDINGS[group[len(high) :].rstrip("0123456789").upper()] for high, group in groups],
        "clock": [t.clock for t in transformers],
        "tap_side": 0,
        "tap_pos": [t.tap_neutral for t in transformers],
        "tap_min": [2 * t.tap_neutral - t.tap_highest for t in transformers],
        "tap_max": [2 * t.tap_neutral - t.tap_lowest for t in transformers],
        "tap_nom": [t.tap_neutral for t in transformers],
        "tap_size": [t.tap_step_percent / 100 * t.high_kv * 1e3 for t in transformers],
    }
