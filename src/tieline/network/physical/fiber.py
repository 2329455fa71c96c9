"""Optical budgets: power at the receiver, overload, and how far dispersion lets a signal go. Powers in dBm, losses in dB."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tieline.network.result import Given, Input, Result, Verdict, at_least, at_most

_SOURCE = "IEC 61280-4-1 and IEC 61280-4-2 (what the parts of a cabling lose); IEC TR 61282-3 for statistical design, here the worst case"
_NONE = Given(0.0, "none stated")
_RAYLEIGH_DB_UM4_KM = 0.7
"""G. P. Agrawal, Fiber-Optic Communication Systems, 2.5.3: 0.7 to 0.9, by the glass of the core."""
_SYMBOLS_PER_BIT = {10: 2.0, 100: 1.25, 1_000: 1.25, 2_500: 1.25, 10_000: 66 / 64, 25_000: 66 / 64}
"""By speed in Mbit/s: Manchester, 4B/5B, 8B/10B, 64B/66B (IEEE 802.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiberPath:
    """What lies between two transceivers. `reserve_db` is for repairs, `ageing_db` for what transmitter and cable lose over the years."""

    length_km: Given
    db_per_km: Given
    splices: Given = _NONE
    splice_db: Given = _NONE
    connectors: Given = _NONE
    connector_db: Given = _NONE
    attenuator_db: Given = _NONE
    """Of what is put in: attenuators, splitters."""
    reserve_db: Given = _NONE
    ageing_db: Given = _NONE

    @property
    def loss_db(self) -> float:
        """The most that the path takes."""
        return self.length_km.value * self.db_per_km.value + (
            self.splices.value * self.splice_db.value
            + self.connectors.value * self.connector_db.value
            + self.attenuator_db.value
            + self.reserve_db.value
            + self.ageing_db.value
        )

    def inputs(self) -> tuple[Input, ...]:
        """As the formulas name them."""
        return (
            Input(name="length", value=self.length_km.value, unit="km", origin=self.length_km.origin),
            Input(name="attenuation", value=self.db_per_km.value, unit="dB/km", origin=self.db_per_km.origin),
            Input(name="splices", value=self.splices.value, origin=self.splices.origin),
            Input(name="loss of a splice", value=self.splice_db.value, unit="dB", origin=self.splice_db.origin),
            Input(name="connectors", value=self.connectors.value, origin=self.connectors.origin),
            Input(name="loss of a connector", value=self.connector_db.value, unit="dB", origin=self.connector_db.origin),
            Input(name="attenuators", value=self.attenuator_db.value, unit="dB", origin=self.attenuator_db.origin),
            Input(name="reserve", value=self.reserve_db.value, unit="dB", origin=self.reserve_db.origin),
            Input(name="ageing", value=self.ageing_db.value, unit="dB", origin=self.ageing_db.origin),
        )


_LOSS = "length * attenuation + splices * loss of a splice + connectors * loss of a connector + attenuators + reserve + ageing"


def link_loss(subject: str, path: FiberPath, budget_db: Given) -> Result:
    """The loss of a path against a power budget in dB that is known as such; the margin is what remains of the budget."""
    margin, verdict = at_most(path.loss_db, budget_db.value)
    return Result(
        what="optical loss",
        subject=subject,
        value=path.loss_db,
        unit="dB",
        formula=f"loss = {_LOSS}; margin = power budget - loss",
        inputs=(Input(name="power budget", value=budget_db.value, unit="dB", origin=budget_db.origin), *path.inputs()),
        source=_SOURCE,
        limit=budget_db.value,
        margin=margin,
        verdict=verdict,
        note=_of_reserve(path, margin),
    )


def received_power(
    subject: str, path: FiberPath, *, transmit_min_dbm: Given, sensitivity_dbm: Given, penalty_db: Given = _NONE
) -> Result:
    """The least power that reaches the receiver, in dBm, against what the receiver needs."""
    value = transmit_min_dbm.value - path.loss_db - penalty_db.value
    margin, verdict = at_least(value, sensitivity_dbm.value)
    return Result(
        what="least received optical power",
        subject=subject,
        value=value,
        unit="dBm",
        formula=f"received = transmitter's minimum - penalty - ({_LOSS}); margin = received - sensitivity",
        inputs=(
            Input(name="transmitter's minimum", value=transmit_min_dbm.value, unit="dBm", origin=transmit_min_dbm.origin),
            Input(name="sensitivity", value=sensitivity_dbm.value, unit="dBm", origin=sensitivity_dbm.origin),
            Input(name="penalty", value=penalty_db.value, unit="dB", origin=penalty_db.origin),
            *path.inputs(),
        ),
        source=_SOURCE,
        limit=sensitivity_dbm.value,
        margin=margin,
        verdict=verdict,
        note=_of_reserve(path, margin),
    )


def _of_reserve(path: FiberPath, margin: float | None) -> str:
    """Where only the reserve is missing, the light arrives today: a person may want less of it, and has to know."""
    reserve = path.reserve_db.value
    if margin is None or margin >= 0 or margin + reserve < 0:
        return ""
    return f"only the reserve is missing: without its {reserve:.2f} dB the margin is {margin + reserve:.2f} dB"


def least_attenuation(wavelength_nm: float, stated: Given) -> Given:
    """The least that a fiber takes, in dB/km, where `stated` is the most: no glass scatters less (Rayleigh)."""
    scattered = _RAYLEIGH_DB_UM4_KM / (wavelength_nm / 1_000) ** 4
    if stated.value <= scattered:
        return stated
    return Given(
        scattered, f"Rayleigh scattering at {wavelength_nm:g} nm, {_RAYLEIGH_DB_UM4_KM} dB um^4/km; {stated.value:g} is the most"
    )


def receiver_overload(
    subject: str, path: FiberPath, *, transmit_max_dbm: Given, overload_dbm: Given, least_db_per_km: Given | None = None
) -> Result:
    """The most power that reaches the receiver, in dBm, against what it stands; splices and connectors are taken to lose nothing.

    `least_db_per_km` is the least that the fiber may take; that of the path where it was measured, and left out.
    """
    least = least_db_per_km or path.db_per_km
    value = transmit_max_dbm.value - path.length_km.value * least.value - path.attenuator_db.value
    margin, verdict = at_most(value, overload_dbm.value)
    note = ""
    if verdict is Verdict.FAILS and margin is not None:
        note = f"an attenuator of {math.ceil(-margin)} dB at the receiver is needed"
    return Result(
        what="greatest received optical power",
        subject=subject,
        value=value,
        unit="dBm",
        formula="received = transmitter's maximum - length * least attenuation - attenuators; margin = overload - received",
        inputs=(
            Input(name="transmitter's maximum", value=transmit_max_dbm.value, unit="dBm", origin=transmit_max_dbm.origin),
            Input(name="overload", value=overload_dbm.value, unit="dBm", origin=overload_dbm.origin),
            Input(name="least attenuation", value=least.value, unit="dB/km", origin=least.origin),
            *(each for each in path.inputs() if each.name in {"length", "attenuators"}),
        ),
        source=_SOURCE,
        limit=overload_dbm.value,
        margin=margin,
        verdict=verdict,
        note=note,
    )


def stated_reach(subject: str, length_km: Given, reach_km: Given) -> Result:
    """The length against the reach that the transceiver's standard or data sheet states for this fiber, dispersion with it."""
    margin, verdict = at_most(length_km.value, reach_km.value)
    return Result(
        what="length within the transceiver's reach",
        subject=subject,
        value=length_km.value,
        unit="km",
        formula="margin = reach - length",
        inputs=(
            Input(name="length", value=length_km.value, unit="km", origin=length_km.origin),
            Input(name="reach", value=reach_km.value, unit="km", origin=reach_km.origin),
        ),
        source="IEEE 802.3, operating range of the port type on this fiber",
        limit=reach_km.value,
        margin=margin,
        verdict=verdict,
    )


def chromatic_reach(
    subject: str, length_km: Given, *, speed_mbps: float, dispersion_ps_nm_km: Given, spectral_width_nm: Given
) -> Result:
    """How far chromatic dispersion lets a source of this root-mean-square spectral width go, in km."""
    symbols = symbol_rate_mbd(speed_mbps)
    spread = abs(dispersion_ps_nm_km.value) * spectral_width_nm.value
    reach = 1e6 / (4 * symbols * spread) if spread else math.inf
    margin, verdict = at_most(length_km.value, reach)
    return Result(
        what="length within the chromatic dispersion limit",
        subject=subject,
        value=length_km.value,
        unit="km",
        formula="reach = 1 / (4 * symbol rate * |dispersion| * spectral width); margin = reach - length",
        inputs=(
            Input(name="length", value=length_km.value, unit="km", origin=length_km.origin),
            Input(name="symbol rate", value=symbols, unit="MBd", origin=f"line code at {speed_mbps:g} Mbit/s"),
            Input(name="dispersion", value=dispersion_ps_nm_km.value, unit="ps/(nm km)", origin=dispersion_ps_nm_km.origin),
            Input(name="spectral width", value=spectral_width_nm.value, unit="nm", origin=spectral_width_nm.origin),
        ),
        source="G. P. Agrawal, Fiber-Optic Communication Systems: a pulse stays within its slot while B L |D| sigma is at most 1/4",
        limit=reach,
        margin=margin,
        verdict=verdict,
    )


def modal_bandwidth(subject: str, length_km: Given, *, speed_mbps: float, bandwidth_mhz_km: Given) -> Result:
    """The bandwidth in MHz that a multimode fiber of this length leaves, against 0.7 of the symbol rate."""
    symbols = symbol_rate_mbd(speed_mbps)
    value = bandwidth_mhz_km.value / length_km.value if length_km.value else math.inf
    limit = 0.7 * symbols
    margin, verdict = at_least(value, limit)
    return Result(
        what="modal bandwidth",
        subject=subject,
        value=value,
        unit="MHz",
        formula="bandwidth = bandwidth-length product / length; at least 0.7 * symbol rate",
        inputs=(
            Input(name="length", value=length_km.value, unit="km", origin=length_km.origin),
            Input(name="bandwidth-length product", value=bandwidth_mhz_km.value, unit="MHz km", origin=bandwidth_mhz_km.origin),
            Input(name="symbol rate", value=symbols, unit="MBd", origin=f"line code at {speed_mbps:g} Mbit/s"),
        ),
        source="IEC 60793-2-10 (bandwidth-length product); 0.7 of the symbol rate is the usual need of a two-level code",
        limit=limit,
        margin=margin,
        verdict=verdict,
    )


def symbol_rate_mbd(speed_mbps: float) -> float:
    """Symbols on the fiber in MBd, with the line code of IEEE 802.3; the bit rate itself where the code is not known."""
    return speed_mbps * _SYMBOLS_PER_BIT.get(round(speed_mbps), 1.0)
