"""Control blocks and data sets: what a logical node sends, when, and to whom (IEC 61850-6, clause 9.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Fcda:
    """A member of a data set: functionally constrained data (FCD), or one attribute of it (FCDA)."""

    ld_inst: str
    prefix: str
    ln_class: str
    ln_inst: str
    do_name: str
    """`Pos`, `A.phsA`, `HA.phsAHar(3)`; empty where it is all data of the logical node."""
    da_name: str
    """`stVal`, `mag.f`; empty where it is all attributes with that functional constraint."""
    fc: str
    index: int | None = None
    """Of an array element."""

    @property
    def ln_name(self) -> str:
        """`Q0CSWI1`."""
        return f"{self.prefix}{self.ln_class}{self.ln_inst}"

    def __str__(self) -> str:
        path = ".".join(part for part in (f"{self.ld_inst}/{self.ln_name}", self.do_name, self.da_name) if part)
        return f"{path} [{self.fc}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A data set: its members in order."""

    name: str
    description: str
    members: tuple[Fcda, ...]
    lines: tuple[int, ...] = field(default=(), compare=False, repr=False)
    """Where each member stands in the file."""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """When a report or log entry is made (TrgOps)."""

    data_change: bool = False
    quality_change: bool = False
    data_update: bool = False
    integrity: bool = False
    general_interrogation: bool = True
    """Edition 1 has no such attribute: every control block answers it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionalFields:
    """What a report tells beside its values (OptFields)."""

    sequence_number: bool = False
    time_stamp: bool = False
    data_set: bool = False
    reason_code: bool = False
    data_reference: bool = False
    buffer_overflow: bool = True
    entry_id: bool = False
    config_revision: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLN:
    """A client for which an instance of a report control block is reserved."""

    ied: str
    access_point: str
    ld_inst: str
    prefix: str
    ln_class: str
    ln_inst: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportControl:
    """A report control block, or `instances` of them that differ in nothing but their name."""

    name: str
    description: str
    data_set: str
    """Empty where the client has to choose one."""
    report_id: str
    conf_rev: int
    is_buffered: bool
    buffer_time_ms: int
    integrity_ms: int
    is_indexed: bool
    instances: int
    """RptEnabled max."""
    triggers: Triggers
    optional_fields: OptionalFields
    clients: tuple[ClientLN, ...]
    """The first is meant for the first instance, and so on."""
    line: int = field(default=0, compare=False)

    @property
    def instance_names(self) -> tuple[str, ...]:
        """What the server calls them: `brcb01`, `brcb02` ..., or just the name where it is not indexed."""
        if not self.is_indexed:
            return (self.name,)
        return tuple(f"{self.name}{number:02d}" for number in range(1, self.instances + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """An IED that a control block names as its receiver (IEDName)."""

    ied: str
    access_point: str = ""
    ld_inst: str = ""
    prefix: str = ""
    ln_class: str = ""
    ln_inst: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GSEControl:
    """A GOOSE control block."""

    name: str
    description: str
    data_set: str
    go_id: str
    """`appID` of the SCL, `goID` of the frame."""
    conf_rev: int
    is_goose: bool
    """Otherwise it is the GSSE of edition 1."""
    fixed_offsets: bool
    security: str
    subscribers: tuple[Subscriber, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledValueControl:
    """A sampled value control block."""

    name: str
    description: str
    data_set: str
    sv_id: str
    conf_rev: int
    is_multicast: bool
    sample_rate: int
    sample_mode: str
    """`SmpPerPeriod`, `SmpPerSec` or `SecPerSmp`: what `sample_rate` counts."""
    asdu_count: int
    options: frozenset[str]
    """Of `refreshTime`, `sampleSynchronized`, `sampleRate`, `dataSet`, `security`, `timestamp`, `synchSourceId`."""
    security: str
    subscribers: tuple[Subscriber, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogControl:
    """A log control block."""

    name: str
    description: str
    data_set: str
    log: str
    is_enabled: bool
    integrity_ms: int
    triggers: Triggers
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingControl:
    """The setting groups of a logical device."""

    groups: int
    active: int
    line: int = field(default=0, compare=False)


ControlBlock: TypeAlias = ReportControl | GSEControl | SampledValueControl | LogControl


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtRef:
    """What a logical node takes from another IED."""

    ied: str
    """Empty where it is not bound yet; `@` is its own IED."""
    ld_inst: str
    prefix: str
    ln_class: str
    ln_inst: str
    do_name: str
    da_name: str
    service: str = ""
    """`Report`, `GOOSE`, `SMV`, `Poll`; edition 1 does not say."""
    source_ld_inst: str = ""
    source_prefix: str = ""
    source_ln_class: str = ""
    source_ln_inst: str = ""
    source_control_block: str = ""
    """The control block through which it comes; edition 1 does not say."""
    internal_address: str = ""
    description: str = ""
