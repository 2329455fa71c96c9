"""`sites/<site>/site.toml`: what stands in a substation or plant, and how it is read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tieline.config.alarm_rows import AlarmsSection
from tieline.config.automation import AutomationSection
from tieline.config.calculations import CalculationSection
from tieline.config.detection import DetectionSection
from tieline.config.dnp3 import Dnp3Section
from tieline.config.fields import PositiveSeconds, Strict
from tieline.config.gate import GateSection
from tieline.config.iec61850.goose import GooseSection
from tieline.config.iec61850.section import Iec61850Section
from tieline.config.local import LocalSection
from tieline.config.modbus import ModbusSection
from tieline.config.outstation import OutstationSection
from tieline.config.processing import ProcessingSection
from tieline.config.remote import SiteRemoteSection
from tieline.config.spool import SpoolSection

MOST_BATCH_SAMPLES = 50_000
"""Samples in one batch at the most; with 22 bytes each it stays well below the bus's payload limit."""


class ReportingSection(Strict):
    """When samples go up, unless a point says otherwise, and how they are batched."""

    deadband: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="for analog points that state none")
    max_silence_s: PositiveSeconds = Field(default=60.0, description="an unchanged value is repeated after this time")
    batch_age_s: float = Field(default=0.05, ge=0.01, le=10, description="a sample waits this long for company at the most")
    batch_samples: int = Field(
        default=10_000, ge=1, le=MOST_BATCH_SAMPLES, description="a batch is sent at this size at the latest"
    )
    memory_samples: int = Field(default=1_000_000, ge=1_000, description="samples held in memory when the site's disk takes none")


DeviceSection = Annotated[ModbusSection | Dnp3Section | Iec61850Section, Field(discriminator="protocol")]


class SiteFile(Strict):
    """The whole of `site.toml`."""

    title: str = ""
    kind: Literal["substation", "plant"] = "substation"
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)
    reporting: ReportingSection = ReportingSection()
    spool: SpoolSection = SpoolSection()
    devices: list[DeviceSection] = Field(default_factory=list, description="none where only nodes of its network are watched")
    outstations: list[OutstationSection] = Field(default_factory=list)
    goose: GooseSection | None = None
    processing: list[ProcessingSection] = Field(default_factory=list)
    calculations: list[CalculationSection] = Field(default_factory=list)
    detection: list[DetectionSection] = Field(default_factory=list)
    automation: AutomationSection | None = None
    gate: GateSection = GateSection()
    local: LocalSection = LocalSection()
    alarms: AlarmsSection = AlarmsSection()
    remote: SiteRemoteSection = SiteRemoteSection()
