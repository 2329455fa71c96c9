"""SCL files for the tests."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from tieline.protocols.iec61850.scl import Reading, Scl, read_scl

DATA = Path(__file__).parents[3] / "data" / "iec61850"
MILLBROOK = DATA / "millbrook.scd"
EDITION_1 = DATA / "edition1.icd"

TEMPLATES = """
  <DataTypeTemplates>
    <LNodeType id="LLN0" lnClass="LLN0"><DO name="Beh" type="ENS"/></LNodeType>
    <LNodeType id="GGIO" lnClass="GGIO"><DO name="Ind1" type="SPS"/><DO name="AnIn1" type="MV"/></LNodeType>
    <DOType id="ENS" cdc="ENS"><DA name="stVal" bType="Enum" type="Mode" fc="ST"/></DOType>
    <DOType id="SPS" cdc="SPS">
      <DA name="stVal" bType="BOOLEAN" fc="ST"/><DA name="q" bType="Quality" fc="ST"/><DA name="t" bType="Timestamp" fc="ST"/>
    </DOType>
    <DOType id="MV" cdc="MV"><DA name="mag" bType="Struct" type="Value" fc="MX"/><DA name="q" bType="Quality" fc="MX"/></DOType>
    <DAType id="Value"><BDA name="f" bType="FLOAT32"/></DAType>
    <EnumType id="Mode"><EnumVal ord="1">on</EnumVal><EnumVal ord="5">off</EnumVal></EnumType>
  </DataTypeTemplates>"""


def small(
    *, ln0: str = "", node: str = "", device: str = "", before: str = "", after: str = "", templates: str = TEMPLATES
) -> str:
    """A file with one IED of one logical device, and room for what a test is about."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<SCL xmlns="http://www.iec.ch/61850/2003/SCL" version="2007" revision="B" release="4">
  <Header id="small"/>{before}
  <IED name="E1"><AccessPoint name="S1"><Server><Authentication none="true"/><LDevice inst="LD">
    <LN0 lnClass="LLN0" inst="" lnType="LLN0">{ln0}</LN0>
    <LN lnClass="GGIO" inst="1" lnType="GGIO">{node}</LN>{device}
  </LDevice></Server></AccessPoint></IED>{after}{templates}
</SCL>
"""


def read(text: str, file: str = "test.scd") -> Reading:
    """Reads a text as UTF-8."""
    return read_scl(text.encode(), file)


@cache
def millbrook() -> Scl:
    """The substation of the demo."""
    scl = read_scl(MILLBROOK.read_bytes(), MILLBROOK.name).scl
    assert scl is not None
    return scl


@cache
def millbrook_text() -> str:
    """Its file."""
    return MILLBROOK.read_text()


def line_of(text: str, part: str) -> int:
    """The line in which a part stands for the first time."""
    return text.count("\n", 0, text.index(part)) + 1


def large(size: int) -> bytes:
    """A substation of at least that many octets: Millbrook, with many more feeders of the same kind."""
    text = millbrook_text()
    found = re.search(r'  <IED name="MBQ03".*?\n  </IED>\n', text, re.DOTALL)
    assert found
    count = size // len(found[0].encode()) + 1
    more = "".join(found[0].replace("MBQ03", f"MX{number:04d}") for number in range(count))
    return text.replace("  <DataTypeTemplates>", f"{more}  <DataTypeTemplates>").encode()
