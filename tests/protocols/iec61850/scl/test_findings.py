"""Every mistake is found, with its line, the elements that lead there, and what to do; the rest of the file is kept."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.protocols.iec61850.scl.files import TEMPLATES, line_of, millbrook_text, read, small
from tieline.protocols.iec61850.scl import SclFinding, Severity


@dataclass(frozen=True)
class Case:
    """A text with one mistake: a part of it that marks the line, and what is to be found."""

    text: str
    mark: str
    problem: str
    path: str
    severity: Severity = Severity.ERROR


def change(old: str, new: str, mark: str | None = None) -> tuple[str, str]:
    """The station of the demo with a mistake at the first place of that kind, and what marks its line."""
    text = millbrook_text()
    assert old in text
    return text.replace(old, new, 1), mark or new


def fcda(attributes: str) -> str:
    return small(ln0=f'\n<DataSet name="d">\n<FCDA {attributes}/></DataSet>')


def templates(old: str, new: str) -> str:
    assert old in TEMPLATES
    return small(templates=TEMPLATES.replace(old, new))


def net(inside: str) -> str:
    return small(
        before='<Communication><SubNetwork name="W"><ConnectedAP iedName="E1" apName="S1">\n'
        f"{inside}</ConnectedAP></SubNetwork></Communication>"
    )


SECOND_GOOSE = """<GSE ldInst="PROT" cbName="gcbTrip">
          <Address>
            <P type="MAC-Address" xsi:type="tP_MAC-Address">01-0C-CD-01-00-01</P>
            <P type="APPID" xsi:type="tP_APPID">1002"""
LOOP = """<DOType id="A" cdc="X"><SDO name="b" type="B"/></DOType>
<DOType id="B" cdc="X"><SDO name="a" type="A"/></DOType>"""
CASES = {
    "an FCDA to no logical node": Case(
        fcda('ldInst="LD" lnClass="XCBR" lnInst="1" doName="Pos" fc="ST"'), "<FCDA", "no such logical node", "DataSet[d]/FCDA"
    ),
    "an FCDA to no data object": Case(
        fcda('ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind9" fc="ST"'), "<FCDA", "no such data object", "DataSet[d]/FCDA"
    ),
    "an FCDA to no attribute": Case(
        fcda('ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" daName="x" fc="ST"'), "<FCDA", "no such attribute", "FCDA"
    ),
    "an FCDA with the constraint of another attribute": Case(
        fcda('ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" daName="q" fc="MX"'),
        "<FCDA",
        "functional constraint ST",
        "FCDA",
    ),
    "an FCDA with a constraint that the data object lacks": Case(
        fcda('ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" fc="MX"'), "<FCDA", "nothing with MX", "FCDA"
    ),
    "a constraint that is none": Case(
        fcda('ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" fc="st"'), "<FCDA", "no such functional constraint", "FCDA"
    ),
    "a report without its data set": Case(
        *change('datSet="dsInd"', 'datSet="dsInk"'), "data set is not there", "LN0[LLN0]/ReportControl[brcbInd]"
    ),
    "a type that is not there": Case(*change('lnType="CILO_BCU"', 'lnType="CILO_X"'), "no such LNodeType", "LN[CILO1]"),
    "a type of another class": Case(
        *change('lnType="CILO_BCU"', 'lnType="XCBR_BCU"', '<LN lnClass="CILO" inst="1" lnType="XCBR_BCU"'),
        "one of XCBR",
        "LN[CILO1]",
        Severity.WARNING,
    ),
    "a data object without its type": Case(
        *change('name="EnaOpn" type="SPS"', 'name="EnaOpn" type="SPX"'), "no such DOType", "LNodeType[CILO_BCU]/EnaOpn"
    ),
    "an attribute without its structure": Case(
        *change('bType="Struct" type="Vector" fc="MX"', 'bType="Struct" type="Wector" fc="MX"'), "no such DAType", "DOType[CMV]"
    ),
    "an attribute without its enumeration": Case(
        *change('type="BehaviourModeKind" fc="ST"', 'type="Nothing" fc="ST"'), "no such EnumType", "DOType[ENS_Beh]"
    ),
    "a value without its attribute": Case(
        *change('<DAI name="sboTimeout">', '<DAI name="sboTimeoot">'), "no such attribute", "LN[CSWI1]", Severity.WARNING
    ),
    "a word that its enumeration lacks": Case(
        small(ln0='\n<DOI name="Beh"><DAI name="stVal"><Val>auto</Val></DAI></DOI>'),
        "<DOI",
        "no such word in Mode",
        "LN0[LLN0]",
        Severity.WARNING,
    ),
    "a name of an IED that is taken": Case(
        *change('<IED name="MBQ06"', '<IED name="MBQ05"', '<IED name="MBQ05" desc="Transformer 2"'), "name is taken", "IED[MBQ05]"
    ),
    "a name of a data set that is taken": Case(
        *change('<DataSet name="dsInd" desc', '<DataSet name="dsPos" descx', '<DataSet name="dsPos" descx'),
        "taken",
        "DataSet[dsPos]",
    ),
    "a logical node that is there twice": Case(
        *change(
            'lnClass="CILO" inst="3"',
            'lnClass="CILO" inst="2"',
            '<LN lnClass="CILO" inst="2" lnType="CILO_BCU"/>\n          <LN lnClass="GGIO"',
        ),
        "name is taken",
        "LN[CILO2]",
    ),
    "a logical device that is there twice": Case(
        *change('LDevice inst="PROT"', 'LDevice inst="MEAS"', 'LDevice inst="MEAS" desc="Prot'), "inst is taken", "LDevice[MEAS]"
    ),
    "a logical device without LN0": Case(
        small(device='</LDevice>\n<LDevice inst="X"><LN lnClass="GGIO" inst="1" lnType="GGIO"/>'),
        '<LDevice inst="X"',
        "no LN0",
        "LDevice[X]",
    ),
    "an access point of no IED": Case(
        *change('ConnectedAP iedName="MBQ02"', 'ConnectedAP iedName="MBQ99"'), "no such IED", "ConnectedAP[MBQ99 S1]"
    ),
    "an access point that the IED lacks": Case(
        *change('iedName="MBQ02" apName="S1"', 'iedName="MBQ02" apName="S9"'), "no such access point", "ConnectedAP[MBQ02 S9]"
    ),
    "an access point connected twice": Case(
        *change('ConnectedAP iedName="MBQ02"', 'ConnectedAP  iedName="MBQ01"'), "connected in line", "ConnectedAP[MBQ01 S1]"
    ),
    "an IP address that two have": Case(
        *change("10.20.3.12<", "10.20.3.11<", '<ConnectedAP iedName="MBQ02"'),
        "MBQ01 has the address too",
        "ConnectedAP[MBQ02 S1]",
    ),
    "a MAC address that two have": Case(
        *change(
            "01-0C-CD-01-00-02",
            "01-0C-CD-01-00-01",
            SECOND_GOOSE,
        ),
        "MAC address is that of line",
        "gcbTrip",
        Severity.WARNING,
    ),
    "an address of no control block": Case(*change('cbName="gcbTrip"', 'cbName="gcbTrap"'), "no such control block", "gcbTrap"),
    "an input from no IED": Case(*change('ExtRef iedName="MBQ03"', 'ExtRef iedName="MBQ33"'), "no such IED", "Inputs/ExtRef"),
    "an input from no logical device": Case(
        *change('ExtRef iedName="MBQ03" ldInst="PROT"', 'ExtRef iedName="MBQ03" ldInst="PROD"'),
        "no such logical device",
        "Inputs/ExtRef",
    ),
    "an input from no logical node": Case(
        *change(
            'ldInst="PROT" prefix="" lnClass="PTOC" lnInst="1" doName="Str" daName="general" serviceType',
            'ldInst="PROT" prefix="" lnClass="PTOC" lnInst="7" doName="Str" daName="general" serviceType',
        ),
        "no such logical node",
        "Inputs/ExtRef",
    ),
    "an input through no control block": Case(
        *change('srcCBName="gcbTrip"', 'srcCBName="gcbTrop"'), "no such control block", "Inputs/ExtRef"
    ),
    "a link to no logical node": Case(
        *change(
            'LNode iedName="MBQ03" ldInst="CTRL" prefix="" lnClass="XCBR"',
            'LNode iedName="MBQ03" ldInst="CTRL" prefix="" lnClass="XCBX"',
        ),
        "no such logical node",
        "QA1/LNode",
    ),
    "a terminal at no node": Case(
        *change('connectivityNode="MB/J1/Q02/L1"', 'connectivityNode="MB/J1/Q02/L9"'),
        "no such connectivity node",
        "Bay[Q02]/Terminal",
    ),
    "a terminal of nothing": Case(
        small(
            before='<Substation name="S"><VoltageLevel name="V"><Bay name="B"><ConductingEquipment name="Q" type="CBR">'
            '\n<Terminal name="T"/></ConductingEquipment></Bay></VoltageLevel></Substation>'
        ),
        '<Terminal name="T"',
        "connected to nothing",
        "Terminal[T]",
    ),
    "a bay that is there twice": Case(
        *change('<Bay name="Q03"', '<Bay name="Q02"', '<Bay name="Q02" desc="Feeder 1'), "name is taken", "Bay[Q02]"
    ),
    "a node that is there twice": Case(
        *change(
            '<ConnectivityNode name="L2" pathName="MB/J1/Q01/L2"/>', '<ConnectivityNode name="L1" pathName="MB/J1/Q01/L1" />'
        ),
        "path is taken",
        "Bay[Q01]",
    ),
    "a path that is not that of its place": Case(
        *change('name="L2" pathName="MB/J1/Q01/L2"', 'name="L2" pathName="MB/J1/Q09/L2"'),
        "not that of where it stands",
        "ConnectivityNode[L2]",
        Severity.WARNING,
    ),
    "equipment that is there twice": Case(
        *change('name="QC1" desc', 'name="QB1" descx', 'name="QB1" descx'), "name is taken", "Equipment[QB1]"
    ),
    "a number that is none": Case(
        *change('bufTime="50" intgPd="0"', 'bufTime="soon" intgPd="0"'), "bufTime is not a whole number", "ReportControl[brcbPos]"
    ),
    "a number with an underscore": Case(
        *change('bufTime="50" intgPd="0"', 'bufTime="5_0" intgPd="0"'), "bufTime is not a whole number", "ReportControl[brcbPos]"
    ),
    "a number out of range": Case(
        *change('confRev="20001"', 'confRev="-1"'), "confRev is out of range", "ReportControl[brcbPos]"
    ),
    "a truth that is none": Case(
        *change('buffered="true"', 'buffered="maybe"'), "neither true nor false", "ReportControl[brcbPos]"
    ),
    "a misspelt truth": Case(
        *change('buffered="true"', 'buffered="True"'), "misspelt", "ReportControl[brcbPos]", Severity.WARNING
    ),
    "a voltage that is none": Case(
        *change('multiplier="k">20<', 'multiplier="k">twenty<'), "Voltage is not a number", "VoltageLevel[J1]/Voltage"
    ),
    "a multiplier that is none": Case(
        *change('multiplier="k">20<', 'multiplier="x">20<'), "no such multiplier", "VoltageLevel[J1]/Voltage"
    ),
    "a MAC address that is none": Case(
        net('<GSE ldInst="LD" cbName="g">\n<Address>\n<P type="MAC-Address">01-0C-CD</P></Address></GSE>'),
        "<Address>",
        "no MAC address",
        "Address",
    ),
    "a MAC address of one station": Case(
        *change(
            "01-0C-CD-01-00-02", "00-0C-CD-01-00-02", '<Address>\n            <P type="MAC-Address" xsi:type="tP_MAC-Address">00'
        ),
        "no multicast address",
        "Address",
    ),
    "an APPID that is none": Case(
        *change(">1001<", ">XYZ<", '<Address>\n            <P type="MAC'),
        "APPID is not a hexadecimal number",
        "GSE[gcbTrip]/Address",
    ),
    "a VLAN that is out of range": Case(
        *change(">014<", ">1014<", '<Address>\n            <P type="MAC'), "VLAN-ID is out of range", "GSE[gcbTrip]/Address"
    ),
    "a priority that is out of range": Case(
        *change('VLAN-PRIORITY">6<', 'VLAN-PRIORITY">8<', '<Address>\n            <P type="MAC'),
        "VLAN-PRIORITY is out of range",
        "Address",
    ),
    "a GSE without an address": Case(net('<GSE ldInst="LD" cbName="g"/>'), "<GSE", "has no address", "GSE[g]"),
    "an address without a MAC": Case(
        net('<GSE ldInst="LD" cbName="g"><Address><P type="APPID">1</P></Address></GSE>'), "<GSE", "no MAC-Address", "GSE[g]"
    ),
    "an IP address that is none": Case(
        net('<Address><P type="IP">10.20.300.1</P></Address>'), "<Address", "IP is not an IP address", "Address"
    ),
    "a mask that is none": Case(net('<Address><P type="IP-SUBNET">255.0.255.0</P></Address>'), "<Address", "no mask", "Address"),
    "a selector that is none": Case(
        net('<Address><P type="OSI-TSEL">0x1</P></Address>'), "<Address", "OSI-TSEL is not a selector", "Address"
    ),
    "a parameter that is there twice": Case(
        net('<Address><P type="IP">10.0.0.1</P><P type="IP">10.0.0.2</P></Address>'), "<Address", "given twice", "Address"
    ),
    "a basic type that is none": Case(templates('bType="FLOAT32"', 'bType="REAL"'), "<BDA", "no such basic type", "BDA[f]"),
    "a misspelt basic type": Case(
        templates('bType="FLOAT32"', 'bType="Float32"'), "<BDA", "misspelt", "BDA[f]", Severity.WARNING
    ),
    "a structure of no type": Case(templates(' type="Value"', ""), '<DOType id="MV"', "without saying which", "DA[mag]"),
    "a name that is none": Case(templates('<BDA name="f"', '<BDA name="f f"'), "<BDA", "no name of a data attribute", "BDA[f f]"),
    "an attribute without a constraint": Case(
        templates(' fc="MX"/><DA name="q"', '/><DA name="q"'), '<DOType id="MV"', "no such functional constraint", "DA[mag]"
    ),
    "an id that is taken": Case(
        templates('<DOType id="MV" cdc="MV"', '<DOType id="SPS" cdc="MV"'),
        '<DOType id="SPS" cdc="MV"',
        "id is that of the DOType",
        "DOType[SPS]",
    ),
    "two members of a name": Case(
        templates('<DA name="q" bType="Quality" fc="ST"/>', '<DA name="stVal" bType="Quality" fc="ST"/>'),
        '<DOType id="SPS"',
        "two members",
        "DOType[SPS]",
    ),
    "two words of an ordinal": Case(templates('ord="5"', 'ord="1"'), "<EnumType", "same ordinal", "EnumType[Mode]"),
    "a type that contains itself": Case(
        templates('<BDA name="f" bType="FLOAT32"/>', '<BDA name="f" bType="Struct" type="Value"/>'),
        "<DAType",
        "contains itself",
        "DAType[Value]",
    ),
    "data objects that contain each other": Case(
        templates(
            '<DOType id="ENS" cdc="ENS">',
            LOOP + '<DOType id="ENS" cdc="ENS">',
        ),
        '<DOType id="B"',
        "contains itself through A",
        "DOType[B]",
    ),
    "an array too large": Case(
        templates('name="f" bType', 'name="f" count="100000" bType'), "<BDA", "count is out of range", "BDA[f]"
    ),
    "an active group beyond the groups": Case(
        small(ln0='<SettingControl numOfSGs="2" actSG="3"/>'), "<SettingControl", "active setting group", "SettingControl"
    ),
    "a data set without members": Case(small(ln0='<DataSet name="d"/>'), "<DataSet", "no members", "DataSet[d]"),
    "a sample mode that is none": Case(
        small(ln0='<SampledValueControl name="s" smpMod="Fast"/>'),
        "<SampledValueControl",
        "no such sample mode",
        "SampledValueControl[s]",
    ),
    "a GSE type that is none": Case(
        small(ln0='<GSEControl name="g" type="GAS"/>'), "<GSEControl", "no such type", "GSEControl[g]"
    ),
    "a receiver without a name": Case(
        small(ln0='<GSEControl name="g"><IEDName/></GSEControl>'), "<GSEControl", "names no IED", "IEDName", Severity.WARNING
    ),
    "an element without its name": Case(small(node="<DOI/>"), "<DOI/>", "has no name", "DOI"),
    "a logical node without a class": Case(small(device='<LN inst="1" lnType="GGIO"/>'), '<LN inst="1"', "no lnClass", "LN[1]"),
    "an element that nobody knows": Case(small(node="<Extra/>"), "<Extra/>", "LN has no such element", "Extra", Severity.WARNING),
    "an element out of place": Case(
        small(node='<LDevice inst="Y"/>'), '<LDevice inst="Y"', "LN has no such element", "LDevice[Y]", Severity.WARNING
    ),
    "a server that is not there": Case(
        small().replace("</IED>", '\n<AccessPoint name="S2"><ServerAt apName="S3"/></AccessPoint></IED>'),
        '<AccessPoint name="S2"',
        "without a server",
        "AccessPoint[S2]/ServerAt",
    ),
    "an edition that nobody knows": Case(
        small().replace('release="4"', 'release="9"'), "<SCL", "edition is not known", "SCL", Severity.WARNING
    ),
    "a file without a header": Case(small().replace('<Header id="small"/>', ""), "<SCL", "no Header", "SCL", Severity.WARNING),
    "a namespace of its own": Case(small().replace("2003/SCL", "2099/SCL"), "<SCL", "another namespace", "SCL", Severity.WARNING),
    "no namespace": Case(
        small().replace(' xmlns="http://www.iec.ch/61850/2003/SCL"', ""), "<SCL", "no namespace", "SCL", Severity.WARNING
    ),
    "a name that is too long": Case(small(node=f'<DOI name="{"N" * 300}"/>'), "<DOI", "more than 255 characters", "DOI"),
    "a description that is too long": Case(
        small(node=f'<DOI name="Ind1" desc="{"N" * 5000}"/>'), "<DOI", "desc has 5000 characters", "DOI[Ind1]", Severity.WARNING
    ),
    "a path that is too long": Case(
        small(node=f'<DOI name="Ind1"><SDI name="{"A" * 200}"><DAI name="{"B" * 200}"><Val>1</Val></DAI></SDI></DOI>'),
        "<DOI",
        "names that lead here",
        "DAI",
    ),
}


def found(case: Case) -> list[SclFinding]:
    reading = read(case.text)
    assert reading.scl is not None, reading.findings
    return [finding for finding in reading.findings if case.problem in finding.problem]


@pytest.mark.parametrize("name", CASES)
def test_it_is_found(name: str) -> None:
    case = CASES[name]
    (finding, *_) = found(case)
    assert finding.line == line_of(case.text, case.mark), str(finding)
    assert case.path in finding.path
    assert finding.severity is case.severity
    assert finding.file == "test.scd"


@pytest.mark.parametrize("name", CASES)
def test_the_rest_of_the_file_is_kept(name: str) -> None:
    reading = read(CASES[name].text)
    assert reading.scl is not None
    whole = read(millbrook_text() if "Millbrook" in CASES[name].text else small()).scl
    assert whole is not None
    assert len(reading.scl.ieds) == len(whole.ieds)
    assert len(reading.findings) <= 30, [str(finding) for finding in reading.findings]


def test_a_finding_reads_as_a_sentence() -> None:
    (finding,) = found(CASES["a number that is none"])
    assert str(finding) == (
        f"test.scd:{finding.line}: SCL/IED[MBQ01]/AccessPoint[S1]/Server/LDevice[CTRL]/LN0[LLN0]/ReportControl[brcbPos] = soon: "
        "bufTime is not a whole number; taken as 0"
    )


def test_all_mistakes_are_found_at_once_and_in_order() -> None:
    text = millbrook_text().replace('bufTime="50" intgPd="0"', 'bufTime="soon"').replace('lnType="CILO_BCU"', 'lnType="GONE"')
    lines = [finding.line for finding in read(text).findings]
    assert len(lines) == 6 + 18
    assert lines == sorted(lines)


def test_findings_beyond_the_limit_are_counted() -> None:
    text = small(node="<DOI/>" * 3000)
    findings = read(text).findings
    assert len(findings) == 1001
    assert findings[-1].problem == "2000 more errors are not listed"


def test_long_values_are_shortened_in_findings() -> None:
    (finding,) = read(small(ln0=f'<SettingControl numOfSGs="{"9" * 4000}"/>')).findings
    assert len(str(finding)) < 400


def test_one_line_is_enough_for_two_mistakes() -> None:
    text = small(device='<LN lnClass="GGIO" inst="2" lnType="GGIO"/><LN lnClass="GGIO" inst="2" lnType="GGIO"/>').replace(
        "\n", " "
    )
    (finding,) = read(text).findings
    assert (finding.line, "name is taken" in finding.problem) == (1, True)


def test_a_file_of_one_ied_may_speak_of_others() -> None:
    node = '<Inputs><ExtRef iedName="OTHER" ldInst="X" lnClass="PTRC" lnInst="1" doName="Tr"/></Inputs>'
    net_of_other = '<Communication><SubNetwork name="W"><ConnectedAP iedName="OTHER" apName="S1"/></SubNetwork></Communication>'
    assert read(small(node=node, before=net_of_other)).findings == ()
