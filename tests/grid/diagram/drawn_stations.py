"""Stations written as text: one line a bay, its parts from the busbar outwards."""

from __future__ import annotations

from tieline.model import EquipmentType as T
from tieline.model.single_line import Bay, Equipment, Node, SingleLine, Terminal, VoltageLevel

KINDS = {
    "q": T.BREAKER,
    "d": T.DISCONNECTOR,
    "e": T.EARTHING_SWITCH,
    "ct": T.CURRENT_TRANSFORMER,
    "vt": T.VOLTAGE_TRANSFORMER,
    "t": T.POWER_TRANSFORMER,
    "line": T.LINE,
    "cable": T.CABLE,
    "infeed": T.INFEED,
    "load": T.LOAD,
    "gen": T.GENERATOR,
    "pv": T.SOLAR,
    "bess": T.STORAGE,
    "cap": T.CAPACITOR,
    "reactor": T.REACTOR,
    "arrester": T.SURGE_ARRESTER,
    "converter": T.CONVERTER,
}


def station(text: str, name: str = "station") -> SingleLine:
    """A station from lines `level 132: bar1 bar2` and `bay name: kind id node node, kind id node, ...`; a transformer bay lists its own.

    Nodes belong to the level that stands above the bay in which they appear first.
    """
    levels: list[tuple[float, list[Bay]]] = []
    transformers: list[Equipment] = []
    known: set[str] = set()
    for line in text.strip().splitlines():
        head, _, rest = line.strip().partition(":")
        words = head.split()
        if words[0] == "level":
            bars = rest.split()
            known.update(bars)
            kv = float(words[1])
            bays = [Bay(name=bar, nodes=(Node(path=bar, name=bar, is_busbar=True),)) for bar in bars]
            levels.append((kv, bays))
            continue
        parts: list[Equipment] = []
        nodes: list[Node] = []
        for item in rest.split(","):
            kind, ident, *ends = item.split()
            for end in ends:
                if end not in known and KINDS[kind] is not T.POWER_TRANSFORMER:
                    known.add(end)
                    nodes.append(Node(path=end, name=end))
            piece = Equipment(
                path=ident,
                name=ident,
                type=KINDS[kind],
                terminals=tuple(Terminal(node=end) for end in ends),
                is_normally_open=kind == "e",
                has_tap_changer=kind == "t",
            )
            (transformers if kind == "t" else parts).append(piece)
        levels[-1][1].append(Bay(name=words[1], description=" ".join(words[2:]), equipment=tuple(parts), nodes=tuple(nodes)))
    return SingleLine(
        name=name,
        levels=tuple(VoltageLevel(name=f"{kv:g}", nominal_kv=kv, bays=tuple(bays)) for kv, bays in levels),
        transformers=tuple(transformers),
    )


def _feeder(bay: str, bar: str, end: str = "line", *, earthed: bool = True) -> str:
    parts = [f"d {bay}-QB1 {bar} {bay}-1", f"q {bay}-QA1 {bay}-1 {bay}-2", f"ct {bay}-BC1 {bay}-2 {bay}-3"]
    parts += [f"e {bay}-QC1 {bay}-3"] if earthed else []
    return f"bay {bay}: {', '.join([*parts, f'{end} {bay}-W1 {bay}-3'])}"


def single_busbar(bays: int = 8) -> SingleLine:
    """One busbar, an infeed, lines, a generator and a capacitor bank."""
    lines = ["level 20: BB1", _feeder("J01", "BB1", "infeed")]
    lines += [_feeder(f"J{number:02d}", "BB1", "cable") for number in range(2, bays - 1)]
    lines += [_feeder(f"J{bays - 1:02d}", "BB1", "gen"), _feeder(f"J{bays:02d}", "BB1", "cap", earthed=False)]
    lines += ["bay J99: d J99-QB1 BB1 J99-1, vt J99-BA1 J99-1"]
    return station("\n".join(lines), "single busbar")


def sectioned() -> SingleLine:
    """A high-voltage busbar, two transformers, and a medium-voltage busbar in two sections with a coupler."""
    lines = ["level 132: HB"]
    lines += [
        "bay E01: d E01-QB1 HB E01-1, q E01-QA1 E01-1 E01-2, ct E01-BC1 E01-2 E01-3, e E01-QC9 E01-3, vt E01-BA1 E01-3, line E01-W1 E01-3"
    ]
    lines += [
        "bay E02: d E02-QB1 HB E02-1, q E02-QA1 E02-1 E02-2, ct E02-BC1 E02-2 E02-3, e E02-QC9 E02-3, vt E02-BA1 E02-3, line E02-W1 E02-3"
    ]
    for number in (1, 2):
        t = f"E0{number + 2}"
        lines += [f"bay {t}: d {t}-QB1 HB {t}-1, q {t}-QA1 {t}-1 {t}-2, ct {t}-BC1 {t}-2 {t}-3, arrester {t}-FA1 {t}-3"]
    lines += ["level 20: BA BB"]
    for number, bar in ((1, "BA"), (2, "BB")):
        lines += [
            (
                f"bay K0{number}: ct K0{number}-BC1 T{number}L K0{number}-1, q K0{number}-QA1 K0{number}-1 K0{number}-2,"
                f" d K0{number}-QB1 K0{number}-2 {bar}"
            )
        ]
        lines += [f"bay T{number}: t T{number} E0{number + 2}-3 T{number}L"]
    lines += [_feeder(f"K{number}", "BA" if number < 15 else "BB", "cable") for number in range(11, 20)]
    lines += ["bay K30: d K30-QB1 BA K30-1, q K30-QA1 K30-1 K30-2, d K30-QB2 K30-2 BB, e K30-QC1 K30-1, e K30-QC2 K30-2"]
    return station("\n".join(lines), "sectioned busbar")


def double_busbar(bays: int = 8) -> SingleLine:
    """Two busbars, a coupler, lines, and transformers to a double busbar of lower voltage."""
    lines = ["level 110: BB1 BB2"]
    for number in range(1, bays + 1):
        b = f"E{number:02d}"
        end = f"line {b}-W1 {b}-3" if number <= bays - 2 else f"arrester {b}-FA1 {b}-3"
        lines += [
            (
                f"bay {b}: d {b}-QB1 BB1 {b}-1, d {b}-QB2 BB2 {b}-1, q {b}-QA1 {b}-1 {b}-2, ct {b}-BC1 {b}-2 {b}-3,"
                f" e {b}-QC9 {b}-3, vt {b}-BA1 {b}-3, {end}"
            )
        ]
    lines += ["bay E90: d E90-QB1 BB1 E90-1, q E90-QA1 E90-1 E90-2, ct E90-BC1 E90-2 E90-3, d E90-QB2 E90-3 BB2"]
    lines += ["level 20: M1 M2"]
    for number, t in ((1, bays - 1), (2, bays)):
        lines += [
            f"bay K0{number}: q K0{number}-QA1 T{number}L K0{number}-1, d K0{number}-QB1 K0{number}-1 M1, d K0{number}-QB2 K0{number}-1 M2"
        ]
        lines += [f"bay T{number}: t T{number} E{t:02d}-3 T{number}L"]
    for number in range(11, 19):
        b = f"K{number}"
        lines += [f"bay {b}: d {b}-QB1 M1 {b}-1, d {b}-QB2 M2 {b}-1, q {b}-QA1 {b}-1 {b}-2, e {b}-QC9 {b}-2, cable {b}-W1 {b}-2"]
    return station("\n".join(lines), "double busbar")


def ring(corners: int = 6) -> SingleLine:
    """Breakers in a ring, a line or a transformer at each corner."""
    lines = ["level 220:"]
    for number in range(1, corners + 1):
        after = number % corners + 1
        lines += [
            (
                f"bay Q{number}: d Q{number}-QB1 n{number} Q{number}-1, q Q{number}-QA1 Q{number}-1 Q{number}-2,"
                f" d Q{number}-QB2 Q{number}-2 n{after}"
            )
        ]
    for number in range(1, corners + 1):
        lines += [
            (
                f"bay L{number}: d L{number}-QB9 n{number} L{number}-1, e L{number}-QC9 L{number}-1, vt L{number}-BA1 L{number}-1,"
                f" line L{number}-W1 L{number}-1"
            )
        ]
    return station("\n".join(lines), "ring")


def breaker_and_a_half(diameters: int = 4) -> SingleLine:
    """Two busbars, diameters of three breakers, transformers at the last."""
    lines = ["level 400: BB1 BB2"]
    for number in range(1, diameters + 1):
        d = f"D{number}"
        chain = []
        nets = ["BB1", f"{d}-1", f"{d}-2", f"{d}-x", f"{d}-3", f"{d}-4", f"{d}-y", f"{d}-5", f"{d}-6", "BB2"]
        kinds = ["d", "q", "d", "d", "q", "d", "d", "q", "d"]
        names = ["QB1", "QA1", "QB2", "QB3", "QA2", "QB4", "QB5", "QA3", "QB6"]
        for kind, name, one, other in zip(kinds, names, nets[:-1], nets[1:], strict=True):
            chain.append(f"{kind} {d}-{name} {one} {other}")
        lines.append(f"bay {d}: {', '.join(chain)}")
        lines.append(
            f"bay {d}A: d {d}A-QB9 {d}-x {d}A-1, ct {d}A-BC1 {d}A-1 {d}A-2, e {d}A-QC9 {d}A-2, vt {d}A-BA1 {d}A-2, line {d}A-W1 {d}A-2"
        )
        end = f"line {d}B-W1 {d}B-2" if number < diameters else f"arrester {d}B-FA1 {d}B-2"
        lines.append(f"bay {d}B: d {d}B-QB9 {d}-y {d}B-1, ct {d}B-BC1 {d}B-1 {d}B-2, e {d}B-QC9 {d}B-2, {end}")
    lines += ["level 132: M1"]
    last = f"D{diameters}B-2"
    lines += ["bay K01: q K01-QA1 TL M1", f"bay T1: t T1 {last} TL"]
    lines += [_feeder(f"K{number}", "M1") for number in range(11, 15)]
    return station("\n".join(lines), "breaker and a half")


def radial_feeder(sections: int = 60) -> SingleLine:
    """A feeder with a switch and a load in each section, and laterals here and there."""
    lines = ["level 20: BB1", "bay S: infeed grid BB1, q S-QA1 BB1 n0"]
    for number in range(1, sections + 1):
        parts = [f"line L{number} n{number - 1} m{number}", f"d S{number} m{number} n{number}"]
        if number % 7 == 3:
            parts += [
                f"d B{number} n{number} b{number}",
                f"line BL{number} b{number} c{number}",
                f"load BD{number} c{number}",
                f"pv BP{number} c{number}",
            ]
        else:
            parts += [f"load D{number} n{number}"]
        lines += [f"bay F{number}: {', '.join(parts)}"]
    return station("\n".join(lines), "radial feeder")


STATIONS = {
    "single-busbar": single_busbar,
    "sectioned": sectioned,
    "double-busbar": double_busbar,
    "ring": ring,
    "breaker-and-a-half": breaker_and_a_half,
    "radial-feeder": radial_feeder,
}
