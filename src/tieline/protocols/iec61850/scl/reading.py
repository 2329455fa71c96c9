"""Reads an SCL file."""

from __future__ import annotations

from tieline.protocols.iec61850.scl.checks import check
from tieline.protocols.iec61850.scl.document import Reading, Scl
from tieline.protocols.iec61850.scl.findings import Findings
from tieline.protocols.iec61850.scl.schema import SCHEMA, TEXTS
from tieline.protocols.iec61850.scl.xml import UnreadableError, read_xml

MOST_FINDINGS = 1_000


def read_scl(data: bytes, file: str = "", *, most_findings: int = MOST_FINDINGS) -> Reading:
    """What an SCL file says (SCD, CID, ICD, IID or SSD, editions 1, 2 and 2.1), and everything that is wrong with it.

    Any bytes give a `Reading`; `file` is the name that its findings bear. Elements that make no sense are left out with a finding
    each. What cannot be read as XML to its end gives no `scl` at all: half of a substation is none.
    """
    findings = Findings(file, most_findings)
    scl: Scl | None = None
    try:
        result = read_xml(data, SCHEMA, TEXTS, findings)
    except UnreadableError as error:
        findings.add(error.problem, error.remedy, line=error.line)
    else:
        assert isinstance(result, Scl)
        scl = result
        check(scl, findings)
    return Reading(scl=scl, findings=tuple(findings))
