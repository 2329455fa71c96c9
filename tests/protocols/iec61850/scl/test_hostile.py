"""Broken, truncated and hostile files end with findings, soon, and without eating the machine."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from tests.protocols.iec61850.scl.files import EDITION_1, MILLBROOK, TEMPLATES, large, line_of, millbrook_text, read, small
from tieline.protocols.iec61850.scl import data_model, multicasts_of, points_of, read_scl, single_lines_of

START = '<?xml version="1.0"?>\n'
SCL = '<SCL xmlns="http://www.iec.ch/61850/2003/SCL"><Header id="x"/>'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "declaration",
    [
        f'<!DOCTYPE SCL [<!ENTITY l0 "ha">{LAUGHS}]>',
        '<!DOCTYPE SCL [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE SCL SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE SCL [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
        f'<!DOCTYPE SCL [<!ENTITY big "{"A" * 100_000}">]>',
        "<!DOCTYPE SCL>",
    ],
    ids=["billion laughs", "external entity", "external subset", "parameter entity", "quadratic blow-up", "nothing"],
)
def test_a_document_type_ends_the_reading(declaration: str) -> None:
    reading = read(f"{START}{declaration}{SCL}<Text>&l9;&x;&big;</Text></SCL>")
    assert reading.scl is None
    (finding,) = reading.findings
    assert "document type" in finding.problem
    assert finding.line == 2


@pytest.mark.parametrize("inside", ["<DOI name='a'>", "<Private>", "<v:x xmlns:v='urn:v'>", "<Function name='f'>"])
def test_deep_nesting_ends_the_reading(inside: str) -> None:
    tag = inside[1:].split(" ")[0].rstrip(">")
    reading = read(f"{SCL}{inside * 200_000}{f'</{tag}>' * 200_000}</SCL>")
    assert reading.scl is None
    assert any("nested more than 100 levels" in finding.problem for finding in reading.findings)


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"", "ends before"),
        (b"   \n", "ends before"),
        (b"\xef\xbb\xbf", "ends before"),
        (b"\xff\xfe", "ends before"),
        (b"\0" * 1000, "not well-formed"),
        (b"PK\x03\x04 a zip archive", "not well-formed"),
        (b"IED;IP\nQ1;10.0.0.1", "not well-formed"),
        (b"<html><body>504</body></html>", "no SCL file: its root is html"),
        (b"<?xml version='1.0' encoding='UTF-7'?><SCL/>", ""),
        (b"<SCL><Header id='x'/></SCL><SCL/>", "not well-formed"),
        (b"<SCL name='1' name='2'/>", "not well-formed"),
        (b"<SCL>&nbsp;</SCL>", "not well-formed"),
        (b"<SCL>\x01</SCL>", "not well-formed"),
    ],
)
def test_what_is_no_scl_is_told(octets: bytes, problem: str) -> None:
    reading = read_scl(octets, "f.scd")
    assert any(problem in finding.problem for finding in reading.findings)
    assert (reading.scl is None) == bool(problem)


def test_a_file_that_is_cut_off_is_not_half_believed() -> None:
    text = millbrook_text()
    for end in range(0, len(text) - 8, len(text) // 100):
        reading = read(text[:end])
        assert reading.scl is None
        assert reading.findings[-1].line >= text[:end].count("\n")


def test_the_place_of_the_damage_is_told() -> None:
    text = millbrook_text().replace("</Substation>", "</Substatoin>")
    (finding,) = read(text).findings
    assert "mismatched tag" in finding.problem
    assert finding.line == line_of(text, "</Substatoin>")


def test_a_tag_of_megabytes_is_refused_in_linear_time() -> None:
    began = time.process_time()
    reading = read(f'{SCL}<IED name="{"A" * 60_000_000}"/></SCL>')
    assert reading.scl is None
    assert "longer than 4 MB" in reading.findings[-1].problem
    assert time.process_time() - began < 5


def test_a_text_of_megabytes_is_refused() -> None:
    reading = read(small(node=f'<DOI name="Ind1"><DAI name="d"><Val>{"A" * 1_000_000}</Val></DAI></DOI>'))
    assert reading.scl is None
    assert "longer than 65,536 characters" in reading.findings[-1].problem


def test_a_file_that_is_too_large_is_not_read() -> None:
    reading = read_scl(bytes((256 << 20) + 1), "huge.scd")
    assert reading.scl is None
    assert "256 MB" in reading.findings[0].problem


def test_types_within_types_within_types_are_bounded() -> None:
    """Twelve structures of ten members each: 10^12 attributes."""
    levels = "".join(
        f'<DAType id="T{n}">{"".join(f"""<BDA name="m{k}" bType="Struct" type="T{n + 1}"/>""" for k in range(10))}</DAType>'
        for n in range(12)
    )
    bomb = TEMPLATES.replace(
        '<DAType id="Value"><BDA name="f" bType="FLOAT32"/></DAType>',
        '<DAType id="Value"><BDA name="f" bType="Struct" type="T0"/></DAType>'
        + levels
        + '<DAType id="T12"><BDA name="x" bType="INT8"/></DAType>',
    )
    ln0 = '<DataSet name="d"><FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="AnIn1" fc="MX"/></DataSet>'
    began = time.process_time()
    reading = read(small(ln0=ln0, templates=bomb))
    assert reading.scl is not None
    assert any("unfolds to more than 50,000" in finding.problem for finding in reading.findings)
    assert sum(1 for _ in data_model(reading.scl, reading.scl.ieds[0])) <= 100_000
    assert points_of(reading.scl, reading.scl.ieds[0], beyond_data_sets=True).points
    assert time.process_time() - began < 10


def test_recursive_types_end() -> None:
    bomb = TEMPLATES.replace('<BDA name="f" bType="FLOAT32"/>', '<BDA name="f" bType="Struct" type="Value"/>' * 1)
    bomb = bomb.replace(
        '<DOType id="ENS" cdc="ENS">', '<DOType id="ENS" cdc="ENS"><SDO name="a" type="ENS"/><SDO name="b" type="ENS"/>'
    )
    reading = read(small(templates=bomb))
    assert reading.scl is not None
    assert len([finding for finding in reading.findings if "contains itself" in finding.problem]) == 3
    assert sum(1 for _ in data_model(reading.scl, reading.scl.ieds[0])) <= 100_000


def test_a_data_set_that_asks_for_everything_a_thousand_times_is_bounded() -> None:
    members = "".join(f'<DA name="a{n}" bType="INT32" fc="ST"/>' for n in range(4000))
    bomb = TEMPLATES.replace('<DOType id="SPS" cdc="SPS">', f'<DOType id="SPS" cdc="SPS">{members}')
    ln0 = '<DataSet name="d">' + '<FCDA ldInst="LD" lnClass="GGIO" lnInst="1" doName="Ind1" fc="ST"/>' * 3000 + "</DataSet>"
    reading = read(small(ln0=ln0, templates=bomb))
    assert reading.scl is not None
    began = time.process_time()
    found = points_of(reading.scl, reading.scl.ieds[0])
    assert ["the rest is left out" in finding.problem for finding in found.findings] == [True]
    assert time.process_time() - began < 10


def test_long_names_are_not_multiplied() -> None:
    name = "N" * 100_000
    inside = '<DAI name="stVal"><Val>1</Val></DAI>' * 2000
    tracemalloc.start()
    reading = read(small(node=f'<DOI name="{name}">{inside}</DOI>'))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reading.scl is not None
    assert len(reading.findings) == 1001
    assert peak < 20_000_000, "together they would be 200 MB"


@pytest.mark.parametrize(
    ("octets", "warnings"),
    [
        (b"\xef\xbb\xbf" + small().encode(), []),
        (small().replace("UTF-8", "UTF-16").encode("utf-16"), []),
        (b"\xfe\xff" + small().replace("UTF-8", "UTF-16").encode("utf-16-be"), []),
        (small().replace("UTF-8", "UTF-16").encode("utf-16-le"), []),
        (small().replace("UTF-8", "UTF-16").encode("utf-16-be"), []),
        (small().encode("utf-32"), []),
        (small().replace("UTF-8", "Windows-1252").encode("cp1252"), []),
        (small().replace("UTF-8", "GB2312").encode("gb2312"), []),
        (small().replace(' encoding="UTF-8"', "").encode(), []),
        (small().replace("UTF-8", "UTF-16").encode(), ["declared as UTF-16"]),
        (small().replace("UTF-8", "idna").encode(), ["encoding is not known"]),
        (small().replace("UTF-8", "hex").encode(), ["encoding is not known"]),
        (small().replace("UTF-8", "klingon").encode(), ["encoding is not known"]),
        (b"\n\n  " + small().encode(), ["begins with blanks"]),
    ],
    ids=lambda value: repr(value[:44]) if isinstance(value, bytes) else "",
)
def test_every_encoding_is_read(octets: bytes, warnings: list[str]) -> None:
    reading = read_scl(octets)
    assert reading.scl is not None
    assert reading.scl.ieds[0].name == "E1"
    assert [word for word, finding in zip(warnings, reading.findings, strict=True) if word in finding.problem] == warnings
    assert reading.errors == ()


def test_octets_of_another_encoding_are_guessed_and_told() -> None:
    text = small(before='\n<Substation name="S" desc="Mühlbach"/>')
    reading = read_scl(text.encode("cp1252"))
    assert reading.scl is not None
    assert reading.scl.substations[0].description == "Mühlbach"
    (finding,) = reading.findings
    assert "not UTF-8" in finding.problem
    assert finding.line == line_of(text, "Mühlbach")


def test_lines_count_from_the_beginning_of_the_file() -> None:
    text = "\n\n\n" + small(node="\n<DOI/>")
    finding = next(each for each in read(text).findings if "has no name" in each.problem)
    assert finding.line == line_of(text, "<DOI/>")


def test_prefixes_that_nobody_declared_are_survived() -> None:
    text = millbrook_text().replace('xmlns:sxy="http://www.iec.ch/61850/2003/SCLcoordinates"', "")
    reading = read(text)
    (finding,) = reading.findings
    assert "prefix that is not declared" in finding.problem
    assert reading.errors == ()
    assert reading.scl is not None
    assert len(reading.scl.ieds) == 7
    assert reading.scl.substations[0].voltage_levels[0].bays[1].x == 2.0


def test_a_prefix_for_scl_itself_is_understood() -> None:
    text = '<s:SCL xmlns:s="http://www.iec.ch/61850/2003/SCL"><s:Header id="x"/><s:IED name="E"><IED xmlns="urn:other"/></s:IED></s:SCL>'
    reading = read(text)
    assert reading.findings == ()
    assert reading.scl is not None
    assert [ied.name for ied in reading.scl.ieds] == ["E"]


def test_twenty_megabytes_are_read_in_seconds() -> None:
    octets = large(20_000_000)
    began = time.process_time()
    reading = read_scl(octets, "large.scd")
    spent_s = time.process_time() - began
    assert len(octets) > 20_000_000
    assert reading.findings == ()
    assert reading.scl is not None
    assert len(reading.scl.ieds) > 1000
    assert spent_s < 12, "2.2 s were measured"


def test_memory_stays_within_a_few_times_the_file() -> None:
    octets = large(2_000_000)
    tracemalloc.start()
    reading = read_scl(octets, "large.scd")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reading.scl is not None
    assert peak < 6 * len(octets)


def test_many_mistakes_take_no_longer_than_few() -> None:
    octets = large(4_000_000).replace(b'lnType="CILO_BCU"', b'lnType="GONE"').replace(b'doName="Pos"', b'doName="Sop"')
    began = time.process_time()
    reading = read_scl(octets, "large.scd")
    assert time.process_time() - began < 6
    assert len(reading.findings) == 1001


@pytest.mark.parametrize("file", [MILLBROOK, EDITION_1], ids=lambda file: file.name)
def test_a_stranger_encoding_changes_nothing(file: object) -> None:
    assert isinstance(file, type(MILLBROOK))
    octets = file.read_bytes()
    text = octets.decode("latin-1" if file is EDITION_1 else "utf-8")
    one, other = read_scl(octets).scl, read_scl(text.encode("utf-16")).scl
    assert one is not None
    assert one == other
    assert single_lines_of(one)
    assert multicasts_of(one)
