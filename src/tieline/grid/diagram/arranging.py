"""Arranges a station on a sheet: levels from the highest voltage down, their busbars, and what hangs at them.

Each level has three zones: what hangs upwards, the busbars, and what hangs downwards. A group that reaches several levels hangs at the
highest of them and leads down to the others. The order from left to right is that of the sections of the busbars, then that of the bays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tieline.grid.diagram.busbars import Busbars, Coupling, Diameter, Ring, busbars_of
from tieline.grid.diagram.feeders import LONG, Feeder
from tieline.grid.diagram.hanging import Hanging, Stretch
from tieline.grid.diagram.joining import join_all
from tieline.grid.diagram.parts import Part, Plan
from tieline.grid.diagram.sheet import Bar, End, Facing, Placed, Port, Row, Sheet, Spot, span
from tieline.grid.diagram.trees import STUBS, Group, Tree, groups_of, tree_of

_FAR = 1_000.0
"""The row of a second busbar with something between, and of the lower half of a ring."""
_END = 500.0
"""The row at which bays end."""
_FEEDERS = 2_000.0
"""From this row on are feeders."""
_A_FEEDER = 1_000_000.0
_CROWDED = 16
"""So many bays are drawn to both sides of a busbar."""
_SOURCES = {"infeed"}


@dataclass(slots=True, eq=False)
class _Block:
    group: Group
    level: int
    sections: tuple[int, ...]
    is_up: bool = False

    @property
    def order(self) -> tuple[int, int, int]:
        return (max(self.sections, default=0), min(self.sections, default=0), self.group.order)


def arrange(plan: Plan) -> Sheet:
    """The station on a sheet."""
    return _Arranging(plan).sheet


class _Arranging:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.sheet = Sheet()
        self._levels = busbars_of(plan)
        self._joins: list[tuple[Port, str]] = []
        self._feeders = 0
        self._make_bars()
        self._inline = self._couplings_in_line()
        self._lay_levels()
        join_all(self.sheet, self._joins)
        self._end_bars()
        self._part_bars()

    def _make_bars(self) -> None:
        for level, busbars in enumerate(self._levels):
            zone = 3 * level + 1
            if busbars.ring is not None:
                self._make_ring(zone, busbars.ring)
                continue
            lower = {each.lower for each in busbars.diameters}
            for section in busbars.sections:
                for row, net in enumerate(section):
                    self._bar(net, (zone, row + (_FAR if net in lower else 0.0)), is_thick=True)
            for diameter in busbars.diameters:
                step = 1.0 + len(self._levels[level].sections[busbars.section_of(diameter.upper)])
                for net, segment in zip(diameter.taps, diameter.segments, strict=False):
                    step += self._height(segment)
                    self._bar(net, (zone, step), is_thick=False)
                    step += 1

    def _make_ring(self, zone: int, ring: Ring) -> None:
        top = (len(ring.corners) + 1) // 2
        for number, net in enumerate(ring.corners):
            self._bar(net, (zone, 0.0 if number < top else _FAR), is_thick=self._plan.nets[net].is_bar)

    def _bar(self, net: str, row: Row, *, is_thick: bool) -> None:
        self.sheet.bars[net] = Bar(self._plan.nets[net], row, is_thick)

    def _height(self, segment: list[Part]) -> int:
        """Rows that parts take one below the other, with their stubs."""
        inner = {net for part in segment for net in part.nets} - set(self.sheet.bars)
        stubs = sum(1 for net in inner for part in self._plan.at[net] if part not in segment)
        return len(segment) + stubs

    def _lay_levels(self) -> None:
        bars = self.sheet.bars
        special = self._special_parts()
        blocks: list[_Block] = []
        diameters: dict[str, list[Group]] = {}
        thin = {net for busbars in self._levels for each in busbars.diameters for net in each.taps}
        for group in groups_of(self._plan, bars):
            if special & set(group.parts):
                continue
            mine = next((net for net in group.bars if net in thin), None)
            if mine is not None:
                diameters.setdefault(mine, []).append(group)
                continue
            blocks.append(self._block(group))
        self._choose_sides(blocks)
        for level, busbars in enumerate(self._levels):
            if busbars.ring is not None:
                here = [block for block in blocks if block.level == level]
                self._lay_ring(level, busbars.ring, sorted(here, key=lambda block: block.order))
                blocks = [block for block in blocks if block.level != level]
        blocks.sort(key=lambda block: (block.order[:2], block.level, block.order[2]))
        last = max((max(block.sections, default=0) for block in blocks), default=0)
        for section in range(max(last + 1, *(len(busbars.sections) for busbars in self._levels), 1)):
            for block in blocks:
                if max(block.sections, default=0) == section:
                    self._lay(block)
            for level, busbars in enumerate(self._levels):
                if busbars.ring is None:
                    self._lay_section(level, busbars, section, diameters)
        for diameter_groups in diameters.values():
            for group in diameter_groups:
                if not any(placed.part is group.parts[0] for placed in self.sheet.placed):
                    self._lay(self._block(group))

    def _lay_section(self, level: int, busbars: Busbars, section: int, diameters: dict[str, list[Group]]) -> None:
        """The diameters of a section, and the couplers in line with its busbars."""
        for diameter in sorted(busbars.diameters, key=lambda each: each.order):
            if busbars.section_of(diameter.upper) == section:
                self._lay_diameter(level, diameter, diameters)
        for coupling in busbars.couplings:
            if coupling in self._inline and section == min(busbars.section_of(net) for net in coupling.ends):
                self._lay_inline(coupling, busbars)

    def _special_parts(self) -> set[Part]:
        """Those that are laid with the busbars."""
        found: set[Part] = set()
        for busbars in self._levels:
            if busbars.ring is not None:
                found.update(part for side in busbars.ring.sides for part in side)
            found.update(part for each in busbars.diameters for segment in each.segments for part in segment)
        found.update(part for coupling in self._inline for part in coupling.group.parts)
        return found

    def _couplings_in_line(self) -> list[Coupling]:
        """Couplers between two busbars of which one ends and the other begins there."""
        blocks = [self._block(group) for group in groups_of(self._plan, self.sheet.bars)]
        found: list[Coupling] = []
        for busbars in self._levels:
            beside = [coupling for coupling in busbars.couplings if self._is_beside(coupling, busbars)]
            parts = {part for coupling in beside for part in coupling.group.parts}
            others = [block for block in blocks if block.group.parts[0] not in parts]
            here = {net: row for row, section in enumerate(busbars.sections) for net in section}
            if all(max(block.sections) <= here[net] for block in others for net in block.group.bars if net in here):
                found += beside
        return found

    def _is_beside(self, coupling: Coupling, busbars: Busbars) -> bool:
        left, right = sorted(coupling.ends, key=busbars.section_of)
        is_next = busbars.section_of(right) == busbars.section_of(left) + 1
        return is_next and self.sheet.bars[left].row == self.sheet.bars[right].row and not self._has_twin(coupling, busbars)

    @staticmethod
    def _has_twin(coupling: Coupling, busbars: Busbars) -> bool:
        return sum(set(each.ends) == set(coupling.ends) for each in busbars.couplings) > 1

    def _block(self, group: Group) -> _Block:
        levels = [self._plan.nets[net].level for net in group.bars]
        if not levels:
            levels = [self._plan.nets[net].level for part in group.parts for net in part.nets] or [len(self._levels) - 1]
        level = min(levels)
        sections = tuple(
            self._levels[self._plan.nets[net].level].section_of(net) for net in group.bars if net in self._section_bars(net)
        )
        return _Block(group, level, sections)

    def _section_bars(self, net: str) -> list[str]:
        busbars = self._levels[self._plan.nets[net].level]
        return [each for section in busbars.sections for each in section]

    def _choose_sides(self, blocks: list[_Block]) -> None:
        """Down is what leads to lower voltages; lines go up where something goes down, and to both sides where there are many."""
        for level in range(len(self._levels)):
            here = sorted((block for block in blocks if block.level == level), key=lambda block: block.order)
            free: list[_Block] = []
            is_leading = False
            for block in here:
                wanted = next((part.side for part in block.group.parts if part.side), "")
                lower = [net for net in block.group.bars if self._plan.nets[net].level > level]
                is_leading |= any(self._is_busy(net, block.group) for net in lower)
                if lower or wanted == "down" or not block.group.bars:
                    continue
                if wanted == "up" or any(part.kind in _SOURCES for part in block.group.parts):
                    block.is_up = True
                elif block.group.ends or not self._is_coupler(block.group, level):
                    free.append(block)
            down = sum(not block.is_up for block in here) - len(free)
            if len(free) > _CROWDED:
                # What goes down already counts: both sides get the same number.
                many = min(len(free), (len(free) + down + 1) // 2)
                for number, block in enumerate(free):
                    block.is_up = (number + 1) * many // len(free) > number * many // len(free)
            elif is_leading:
                for block in free:
                    block.is_up = True

    def _is_busy(self, net: str, group: Group) -> bool:
        """Whether more hangs at a busbar than what leads to it."""
        return any(part not in group.parts for part in self._plan.at[net])

    def _is_coupler(self, group: Group, level: int) -> bool:
        return len([net for net in group.bars if self._plan.nets[net].level == level]) > 1

    def _lay(self, block: _Block, at_column: float | None = None) -> None:
        group, sheet = block.group, self.sheet
        if not any(part.nets for part in group.parts):
            sheet.place(group.parts[0], sheet.column(), (3 * block.level + 2, 1.0))
            return
        zone = 3 * block.level + (0 if block.is_up else 2)
        at, roots, bar = self._root(group)
        feeding = roots.pop(0) if bar is None and len(roots) > 1 and len(roots[0].nets) == 1 else None
        tree = tree_of(group, self._plan, sheet.bars, at, roots)
        if max(tree.depth.values()) > LONG:
            self._lay_feeder(tree, 3 * block.level + 2, bar, feeding)
            return
        column = sheet.column() if at_column is None else at_column
        sheet.beats.setdefault(f"{zone}", []).append(column)
        stretch = Stretch(zone, 1.0, -1 if block.is_up else 1, _END)
        hanging = Hanging(sheet, tree, sheet.bars, stretch)
        if bar is not None:
            hanging.hang(roots[0], at, column, 0, sheet.touch(bar, column))
        else:
            hanging.spread(at, roots, column, 1, self._begin(feeding, column, stretch.row(0)))
        self._joins += hanging.joins
        self._name_ends(group, hanging.ends)

    def _begin(self, feeding: Part | None, column: float, row: Row) -> End:
        """Where a group begins that hangs at no busbar: at what feeds it."""
        if feeding is None:
            return Spot(column, row)
        return Port(self.sheet.place(feeding, column, row, Facing.UP), 0)

    def _root(self, group: Group) -> tuple[str, list[Part], Bar | None]:
        """The net at which a group begins, with the parts there: the first of its highest busbars, otherwise where it is fed."""
        bars = self.sheet.bars
        for net in sorted(group.bars, key=lambda each: (self._plan.nets[each].level, bars[each].row)):
            touching = [part for part in group.parts if net in part.nets]
            root = max(touching, key=lambda part: (part.kind not in STUBS, len(set(part.nets)) > 1, -part.order))
            return net, [root], bars[net]
        first = min(
            (part for part in group.parts if part.nets),
            key=lambda part: (part.kind not in _SOURCES, len(part.nets) > 1, part.kind in STUBS, group.parts.index(part)),
        )
        net = first.nets[0]
        return net, [first, *(part for part in self._plan.at[net] if part is not first)], None

    def _lay_feeder(self, tree: Tree, zone: int, bar: Bar | None, feeding: Part | None) -> None:
        sheet = self.sheet
        base = _FEEDERS + _A_FEEDER * self._feeders
        self._feeders += 1
        feeder = Feeder(sheet, tree, sheet.bars, zone, base, self._plan.columns)
        lead = -float(self._feeders)
        above: End | None = sheet.touch(bar, lead) if bar is not None else None
        if feeding is not None:
            above = self._begin(feeding, lead, (zone, base - 1.0))
        feeder.lay(above)
        self._joins += feeder.joins

    def _lay_diameter(self, level: int, diameter: Diameter, groups: dict[str, list[Group]]) -> None:
        sheet = self.sheet
        column = sheet.column()
        sheet.beats.setdefault(f"{level} diameters", []).append(column)
        nets = [diameter.upper, *diameter.taps, diameter.lower]
        for start, segment, end in zip(nets, diameter.segments, nets[1:], strict=False):
            top = sheet.bars[start]
            self._lay_between(segment, top, sheet.bars[end], column)
        for number, net in enumerate(diameter.taps):
            for group in groups.pop(net, []):
                if any(self._plan.nets[each].level < level for each in group.bars):
                    self._lay(self._block(group))
                    continue
                block = replace(self._block(group), level=level)
                leads_down = any(self._plan.nets[each].level > level for each in group.bars)
                wanted = next((part.side for part in group.parts if part.side), "")
                block.is_up = not leads_down and (wanted == "up" or (not wanted and number < (len(diameter.taps) + 1) // 2))
                self._lay(block)

    def _lay_between(self, segment: list[Part], top: Bar, bottom: Bar, column: float) -> None:
        """Parts one below the other between two bars, each stub in a row of its own."""
        sheet = self.sheet
        net, last, (zone, step) = top.net.id, sheet.touch(top, column), top.row
        step = float(int(step)) + 1
        end: End = last
        for part in segment:
            other = next(each for each in part.nets if each != net)
            placed = sheet.place(part, column, (zone, step), Facing.DOWN, (net, other))
            sheet.wire(net, end, Port(placed, 0))
            end, net, step = Port(placed, 1), other, step + 1
            if other == bottom.net.id:
                break
            for stub in self._plan.at[other]:
                if stub not in segment:
                    corner = Spot(column, (zone, step))
                    sheet.wire(other, end, corner)
                    beside = sheet.place(stub, column + 0.4, (zone, step), Facing.RIGHT)
                    sheet.wire(other, corner, Port(beside, 0))
                    end, step = corner, step + 1
        sheet.wire(net, end, sheet.touch(bottom, column))

    def _lay_ring(self, level: int, ring: Ring, blocks: list[_Block]) -> None:
        """Corners above from left to right, those below back again; the sides at both ends stand upright."""
        sheet = self.sheet
        top = (len(ring.corners) + 1) // 2
        left = sheet.column()
        done: set[Group] = set()
        for number, net in enumerate(ring.corners[:top]):
            if number == 0:
                sheet.touch(sheet.bars[net], left)
            self._lay_taps(level, net, blocks, done, None if number else left, is_up=True)
            if number + 1 < top:
                self._lay_side(ring.sides[number], net, ring.corners[number + 1])
        below = list(range(len(ring.corners) - 1, top - 1, -1))
        for number in below:
            net = ring.corners[number]
            if number == len(ring.corners) - 1:
                sheet.touch(sheet.bars[net], left)
            self._lay_taps(level, net, blocks, done, left if net == ring.corners[-1] else None, is_up=False)
            if number > top:
                self._lay_side(ring.sides[number - 1][::-1], net, ring.corners[number - 1])
        right = sheet.column()
        bars = sheet.bars
        self._lay_between(ring.sides[top - 1], bars[ring.corners[top - 1]], bars[ring.corners[top]], right)
        self._lay_between(ring.sides[-1][::-1], bars[ring.corners[0]], bars[ring.corners[-1]], left)
        for block in blocks:
            if block.group not in done:
                self._lay(block)

    def _lay_taps(
        self, level: int, net: str, blocks: list[_Block], done: set[Group], column: float | None, *, is_up: bool
    ) -> None:
        """What hangs at a corner, the first of it in the column of an upright side where there is one."""
        sheet = self.sheet
        for block in blocks:
            if net in block.group.bars and block.group not in done:
                done.add(block.group)
                leads_down = any(self._plan.nets[each].level > level for each in block.group.bars)
                block.is_up = is_up and not leads_down
                self._lay(block, column if block.is_up == is_up else None)
                column = None
        if not sheet.bars[net].columns:
            sheet.touch(sheet.bars[net], sheet.column())

    def _lay_side(self, side: list[Part], start: str, end: str) -> None:
        bars = self.sheet.bars
        self._lay_along(side, bars[start], bars[end])

    def _lay_inline(self, coupling: Coupling, busbars: Busbars) -> None:
        first, second = sorted(coupling.ends, key=busbars.section_of)
        way = coupling.way if coupling.way and first in coupling.way[0].nets else coupling.way[::-1]
        self._lay_along(way, self.sheet.bars[first], self.sheet.bars[second])

    def _lay_along(self, way: list[Part], start: Bar, end: Bar) -> None:
        """Parts side by side in the row of two bars, stubs hanging below."""
        sheet = self.sheet
        begin = sheet.column()
        start.end = begin
        last: End = sheet.touch(start, begin)
        net = start.net.id
        zone, step = start.row
        for part in way:
            other = next(each for each in part.nets if each != net)
            placed = sheet.place(part, sheet.column(), start.row, Facing.RIGHT, (net, other))
            sheet.wire(net, last, Port(placed, 0))
            last, net = Port(placed, 1), other
            if other == end.net.id:
                break
            stubs = [each for each in self._plan.at[other] if each not in way]
            for stub in stubs:
                place = sheet.column()
                corner = Spot(place, start.row)
                sheet.wire(other, last, corner)
                below = sheet.place(stub, place, (zone + 1, 1.0) if step < _FAR else (zone, step + 0.6), Facing.DOWN)
                sheet.wire(other, corner, Port(below, 0))
                last = corner
        stop = sheet.column()
        end.start = stop
        sheet.wire(net, last, sheet.touch(end, stop))

    def _name_ends(self, group: Group, ends: list[Placed]) -> None:
        """The end of a bay shows its values; where it has several ends, each shows its own."""
        for placed in ends:
            same = [part for part in group.parts if part.bay == placed.part.bay]
            placed.footer = tuple(same) if len(ends) == 1 else (placed.part,)
            for other in self.sheet.placed:
                if other is not placed and other.part in placed.footer:
                    other.is_shown = True

    def _end_bars(self) -> None:
        """Bars begin and end beside all that touches them; those of one section do so together."""
        sheet = self.sheet
        for busbars in self._levels:
            for section in busbars.sections:
                bars = [sheet.bars[net] for net in section if sheet.bars[net].is_thick]
                found = span(column for bar in bars for column in bar.columns)
                if found is None:
                    found = (sheet.column(), sheet.column())
                for bar in bars:
                    bar.start = found[0] - 0.48 if bar.start is None else bar.start
                    bar.end = found[1] + 0.48 if bar.end is None else bar.end

    def _part_bars(self) -> None:
        """Bars in one row that would run into each other get rows of their own."""
        taken: dict[Row, list[tuple[float, float]]] = {}
        for bar in self.sheet.bars.values():
            columns = {column for column in (bar.start, bar.end, *bar.columns) if column is not None}
            reach = span(columns)
            if reach is None:
                continue
            number = 0
            row = bar.row
            while any(reach[0] <= end and start <= reach[1] for start, end in taken.get(row, [])):
                number += 1
                row = (bar.row[0], bar.row[1] + number * 1e-4)
            taken.setdefault(row, []).append(reach)
            bar.row = row
