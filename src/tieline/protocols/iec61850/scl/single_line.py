"""The single-line of a station from its substation section."""

from __future__ import annotations

from collections.abc import Iterator

from tieline.model import single_line as model
from tieline.model.single_line import EquipmentType
from tieline.protocols.iec61850.scl import substation as sub
from tieline.protocols.iec61850.scl.document import Scl

_TYPES = {
    "CBR": EquipmentType.BREAKER,
    "DIS": EquipmentType.DISCONNECTOR,
    "ERS": EquipmentType.EARTHING_SWITCH,
    "CTR": EquipmentType.CURRENT_TRANSFORMER,
    "VTR": EquipmentType.VOLTAGE_TRANSFORMER,
    "BBS": EquipmentType.BUSBAR,
    "LIN": EquipmentType.LINE,
    "GIL": EquipmentType.LINE,
    "CAB": EquipmentType.CABLE,
    "IFL": EquipmentType.INFEED,
    "GEN": EquipmentType.GENERATOR,
    "BAT": EquipmentType.STORAGE,
    "MOT": EquipmentType.MOTOR,
    "CAP": EquipmentType.CAPACITOR,
    "REA": EquipmentType.REACTOR,
    "PSH": EquipmentType.REACTOR,
    "CON": EquipmentType.CONVERTER,
    "TCF": EquipmentType.CONVERTER,
    "TCR": EquipmentType.REACTOR,
    "RES": EquipmentType.RESISTOR,
    "SAR": EquipmentType.SURGE_ARRESTER,
    "EFN": EquipmentType.EARTH_FAULT_NEUTRALIZER,
    "BSH": EquipmentType.BUSHING,
}


def single_lines_of(scl: Scl) -> tuple[model.SingleLine, ...]:
    """The single-line of each substation of a file."""
    links: dict[str, list[str]] = {}
    for substation in scl.substations:
        for path, _, link in substation.links():
            ied = scl.ied(link.ied)
            device = scl.devices(ied).get(link.ld_inst) if ied else None
            name = device.name if device else f"{link.ied}{link.ld_inst}"
            if link.ied:
                links.setdefault(path, []).append(f"{name}/{link.prefix}{link.ln_class}{link.ln_inst}")
    return tuple(_Drawing(substation, links).station() for substation in scl.substations)


class _Drawing:
    """One substation."""

    def __init__(self, substation: sub.Substation, links: dict[str, list[str]]) -> None:
        self._substation = substation
        self._links = links

    def station(self) -> model.SingleLine:
        levels = tuple(self._level(level) for level in self._substation.voltage_levels)
        return model.SingleLine(
            name=self._substation.name,
            description=self._substation.description,
            levels=tuple(sorted(levels, key=lambda level: -(level.nominal_kv or 0.0))),
            transformers=tuple(self._transformers()),
        )

    def _transformers(self) -> Iterator[model.Equipment]:
        """Wherever the file has put them: at the substation, at a level or in a bay."""
        name = self._substation.name
        places = [(name, self._substation.transformers)]
        for level in self._substation.voltage_levels:
            places.append((f"{name}/{level.name}", level.transformers))
            places += [(f"{name}/{level.name}/{bay.name}", bay.transformers) for bay in level.bays]
        for path, transformers in places:
            for transformer in transformers:
                yield self._transformer(f"{path}/{transformer.name}", transformer)

    def _transformer(self, path: str, transformer: sub.PowerTransformer) -> model.Equipment:
        """A terminal for each winding: the first that is not earthed, as the neutral is."""
        ends = []
        logical_nodes = list(self._links.get(path, ()))
        for winding in transformer.windings:
            live = next((end for end in winding.terminals if not end.is_grounded), None)
            ends.append(model.Terminal(node=live.node if live else ""))
            below = f"{path}/{winding.name}"
            logical_nodes += self._links.get(below, ())
            if winding.tap_changer:
                logical_nodes += self._links.get(f"{below}/{winding.tap_changer.name}", ())
        return model.Equipment(
            path=path,
            name=transformer.name,
            type=EquipmentType.POWER_TRANSFORMER,
            description=transformer.description,
            terminals=tuple(ends),
            windings=tuple(winding.name for winding in transformer.windings),
            has_tap_changer=any(winding.tap_changer for winding in transformer.windings),
            logical_nodes=tuple(logical_nodes),
            position=_position(transformer.x, transformer.y),
        )

    def _level(self, level: sub.VoltageLevel) -> model.VoltageLevel:
        path = f"{self._substation.name}/{level.name}"
        return model.VoltageLevel(
            name=level.name,
            description=level.description,
            nominal_kv=None if level.voltage_v is None else round(level.voltage_v / 1000, 9),
            bays=tuple(self._bay(f"{path}/{bay.name}", bay) for bay in level.bays),
        )

    def _bay(self, path: str, bay: sub.Bay) -> model.Bay:
        is_busbar = not bay.equipment and not bay.transformers
        bars = {end.node for piece in bay.equipment if piece.type == "BBS" for end in piece.terminals}
        nodes = tuple(
            model.Node(path=node.path, name=node.name, is_busbar=is_busbar or node.path in bars)
            for node in bay.nodes
            if node.name != "grounded"
        )
        logical_nodes = list(self._links.get(path, ()))
        for function in bay.functions:
            logical_nodes += self._of_function(f"{path}/{function.name}", function)
        return model.Bay(
            name=bay.name,
            description=bay.description,
            equipment=tuple(self._piece(f"{path}/{piece.name}", piece) for piece in bay.equipment),
            nodes=nodes,
            logical_nodes=tuple(dict.fromkeys(logical_nodes)),
            position=_position(bay.x, bay.y),
        )

    def _of_function(self, path: str, function: sub.Function) -> list[str]:
        found = list(self._links.get(path, ()))
        for within in function.functions:
            found += self._of_function(f"{path}/{within.name}", within)
        return found

    def _piece(self, path: str, piece: sub.ConductingEquipment) -> model.Equipment:
        kind = _TYPES.get(piece.type, EquipmentType.OTHER)
        # SCL has no code for an earthing switch: it is a disconnector with one end at earth.
        is_earthing = kind is EquipmentType.DISCONNECTOR and any(end.is_grounded for end in piece.terminals)
        logical_nodes = list(self._links.get(path, ()))
        for part in piece.parts:
            logical_nodes += self._links.get(f"{path}/{part.name}", ())
        return model.Equipment(
            path=path,
            name=piece.name,
            type=EquipmentType.EARTHING_SWITCH if is_earthing else kind,
            description=piece.description,
            terminals=tuple(model.Terminal(node=end.node, is_earth=end.is_grounded) for end in piece.terminals),
            is_normally_open=is_earthing,
            logical_nodes=tuple(dict.fromkeys(logical_nodes)),
            position=_position(piece.x, piece.y),
        )


def _position(x: float | None, y: float | None) -> model.Position | None:
    return None if x is None or y is None else model.Position(x=x, y=y)
