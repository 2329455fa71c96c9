"""Builders of data sets, control blocks and inputs."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.protocols.iec61850.scl import control_blocks as blocks
from tieline.protocols.iec61850.scl.build_templates import FUNCTIONAL_CONSTRAINTS
from tieline.protocols.iec61850.scl.element import Element

_SV_OPTIONS = ("refreshTime", "sampleSynchronized", "sampleRate", "dataSet", "security", "timestamp", "synchSourceId")
_MODES = frozenset({"SmpPerPeriod", "SmpPerSec", "SecPerSmp"})


@dataclass(frozen=True, slots=True)
class Member:
    """An FCDA and its line; many data sets share the FCDA."""

    fcda: blocks.Fcda
    line: int


@dataclass(frozen=True, slots=True)
class Input:
    """An ExtRef and its line."""

    ext_ref: blocks.ExtRef
    line: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """All ExtRefs of a logical node."""

    members: tuple[Input, ...]


@dataclass(frozen=True, slots=True)
class _Options:
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Enabled:
    instances: int
    clients: tuple[blocks.ClientLN, ...]


def fcda(element: Element) -> Member | None:
    """An FCDA."""
    fc = element.get("fc")
    if fc not in FUNCTIONAL_CONSTRAINTS:
        element.error("there is no such functional constraint", "write for example ST or MX", value=fc or "(none)")
        return None
    ln_class = element.required("lnClass")
    if not ln_class:
        return None
    index = element.integer("ix", -1, 0, 65_535)
    member = blocks.Fcda(
        ld_inst=element.get("ldInst"),
        prefix=element.get("prefix"),
        ln_class=ln_class,
        ln_inst=element.get("lnInst"),
        do_name=element.get("doName"),
        da_name=element.get("daName"),
        fc=element.reader.shared(fc),
        index=None if index < 0 else index,
    )
    return Member(element.reader.shared(member), element.line)


def data_set(element: Element) -> blocks.DataSet | None:
    """A DataSet."""
    name = element.required("name")
    if not name:
        return None
    members = element.of(Member)
    if not members:
        element.error("has no members", "add an FCDA, or delete it")
    return blocks.DataSet(
        name=name,
        description=element.get("desc"),
        members=element.reader.shared(tuple(member.fcda for member in members)),
        lines=tuple(member.line for member in members),
        line=element.line,
    )


def triggers(element: Element) -> blocks.Triggers:
    """A TrgOps."""
    return element.reader.shared(
        blocks.Triggers(
            data_change=element.boolean("dchg", default=False),
            quality_change=element.boolean("qchg", default=False),
            data_update=element.boolean("dupd", default=False),
            integrity=element.boolean("period", default=False),
            general_interrogation=element.boolean("gi", default=True),
        )
    )


def optional_fields(element: Element) -> blocks.OptionalFields:
    """An OptFields."""
    return element.reader.shared(
        blocks.OptionalFields(
            sequence_number=element.boolean("seqNum", default=False),
            time_stamp=element.boolean("timeStamp", default=False),
            data_set=element.boolean("dataSet", default=False),
            reason_code=element.boolean("reasonCode", default=False),
            data_reference=element.boolean("dataRef", default=False),
            buffer_overflow=element.boolean("bufOvfl", default=True),
            entry_id=element.boolean("entryID", default=False),
            config_revision=element.boolean("configRef", default=False),
        )
    )


def enabled(element: Element) -> _Enabled:
    """An RptEnabled."""
    return _Enabled(element.integer("max", 1, 1, 99), element.of(blocks.ClientLN))


def client(element: Element) -> blocks.ClientLN:
    """A ClientLN."""
    return blocks.ClientLN(
        ied=element.required("iedName"),
        access_point=element.get("apRef"),
        ld_inst=element.get("ldInst"),
        prefix=element.get("prefix"),
        ln_class=element.get("lnClass"),
        ln_inst=element.get("lnInst"),
    )


def report_control(element: Element) -> blocks.ReportControl | None:
    """A ReportControl."""
    name = element.required("name")
    if not name:
        return None
    rpt_enabled = element.first(_Enabled)
    return blocks.ReportControl(
        name=name,
        description=element.get("desc"),
        data_set=element.get("datSet"),
        report_id=element.get("rptID"),
        conf_rev=_conf_rev(element),
        is_buffered=element.boolean("buffered", default=False),
        buffer_time_ms=element.integer("bufTime", 0),
        integrity_ms=element.integer("intgPd", 0),
        is_indexed=element.boolean("indexed", default=True),
        instances=rpt_enabled.instances if rpt_enabled else 1,
        triggers=element.first(blocks.Triggers) or blocks.Triggers(),
        optional_fields=element.first(blocks.OptionalFields) or blocks.OptionalFields(),
        clients=rpt_enabled.clients if rpt_enabled else (),
        line=element.line,
    )


def subscriber(element: Element) -> blocks.Subscriber | None:
    """An IEDName."""
    name = element.reader.shared(element.text.strip())
    if not name:
        element.warn("names no IED", "delete it")
        return None
    return blocks.Subscriber(
        ied=name,
        access_point=element.get("apRef"),
        ld_inst=element.get("ldInst"),
        prefix=element.get("prefix"),
        ln_class=element.get("lnClass"),
        ln_inst=element.get("lnInst"),
    )


def gse_control(element: Element) -> blocks.GSEControl | None:
    """A GSEControl."""
    name = element.required("name")
    if not name:
        return None
    kind = element.get("type", "GOOSE")
    if kind not in {"GOOSE", "GSSE"}:
        element.error("there is no such type of GSE", "write GOOSE; it is taken as that", value=kind)
    return blocks.GSEControl(
        name=name,
        description=element.get("desc"),
        data_set=element.get("datSet"),
        go_id=element.get("appID"),
        conf_rev=_conf_rev(element),
        is_goose=kind != "GSSE",
        fixed_offsets=element.boolean("fixedOffs", default=False),
        security=element.get("securityEnable", "None"),
        subscribers=element.of(blocks.Subscriber),
        line=element.line,
    )


def sampled_value_options(element: Element) -> _Options:
    """A SmvOpts."""
    return _Options(frozenset(name for name in _SV_OPTIONS if element.boolean(name, default=False)))


def sampled_value_control(element: Element) -> blocks.SampledValueControl | None:
    """A SampledValueControl."""
    name = element.required("name")
    if not name:
        return None
    mode = element.get("smpMod", "SmpPerPeriod")
    if mode not in _MODES:
        element.error("there is no such sample mode", "write SmpPerPeriod, SmpPerSec or SecPerSmp", value=mode)
        mode = "SmpPerPeriod"
    options = element.first(_Options)
    return blocks.SampledValueControl(
        name=name,
        description=element.get("desc"),
        data_set=element.get("datSet"),
        sv_id=element.get("smvID"),
        conf_rev=_conf_rev(element),
        is_multicast=element.boolean("multicast", default=True),
        sample_rate=element.integer("smpRate", 0, 0, 1_000_000),
        sample_mode=mode,
        asdu_count=element.integer("nofASDU", 1, 1, 255),
        options=options.names if options else frozenset(),
        security=element.get("securityEnable", "None"),
        subscribers=element.of(blocks.Subscriber),
        line=element.line,
    )


def log_control(element: Element) -> blocks.LogControl | None:
    """A LogControl."""
    name = element.required("name")
    if not name:
        return None
    return blocks.LogControl(
        name=name,
        description=element.get("desc"),
        data_set=element.get("datSet"),
        log=element.get("logName"),
        is_enabled=element.boolean("logEna", default=True),
        integrity_ms=element.integer("intgPd", 0),
        triggers=element.first(blocks.Triggers) or blocks.Triggers(),
        line=element.line,
    )


def setting_control(element: Element) -> blocks.SettingControl:
    """A SettingControl."""
    groups = element.integer("numOfSGs", 1, 1, 255)
    active = element.integer("actSG", 1, 1, 255)
    if active > groups:
        element.error("the active setting group is not there", f"write 1 to {groups}", value=str(active))
        active = 1
    return blocks.SettingControl(groups=groups, active=active, line=element.line)


def ext_ref(element: Element) -> Input:
    """An ExtRef. What is not bound to a source yet (edition 2.1 later binding) is kept with its description."""
    own = element.get("ldInst")
    reference = blocks.ExtRef(
        ied=element.get("iedName"),
        ld_inst=own,
        prefix=element.get("prefix"),
        ln_class=element.get("lnClass"),
        ln_inst=element.get("lnInst"),
        do_name=element.get("doName"),
        da_name=element.get("daName"),
        service=element.get("serviceType"),
        source_ld_inst=element.get("srcLDInst") or own,
        source_prefix=element.get("srcPrefix"),
        source_ln_class=element.get("srcLNClass") or "LLN0",
        source_ln_inst=element.get("srcLNInst"),
        source_control_block=element.get("srcCBName"),
        internal_address=element.get("intAddr"),
        description=element.get("desc"),
    )
    return Input(element.reader.shared(reference), element.line)


def inputs(element: Element) -> Inputs:
    """An Inputs."""
    return Inputs(element.of(Input))


def _conf_rev(element: Element) -> int:
    return element.integer("confRev", 0)
