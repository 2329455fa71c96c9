"""What tshark, which nobody here wrote, says of our frames."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from tests.protocols.goose.frames import ADDRESS, EVERY_TYPE, GOLDEN, T0_US, octets
from tieline.protocols.goose import Asdu, Integer, SvFrame, Unsigned, UtcTime, encode_sv

TSHARK = shutil.which("tshark")
pytestmark = pytest.mark.skipif(TSHARK is None, reason="there is no tshark here")


def dissected(path: Path, *frames: bytes) -> list[dict[str, list[str]]]:
    file = path / "frames.pcap"
    records = [struct.pack("<IIII", 1, 0, len(each), len(each)) + each for each in frames]
    file.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1) + b"".join(records))
    fields = [
        *("_ws.malformed", "_ws.expert.message", "vlan.id", "vlan.priority", "goose.appid", "goose.gocbRef", "goose.stNum"),
        *("goose.sqNum", "goose.t", "goose.numDatSetEntries", "goose.timeAllowedtoLive", "goose.confRev", "goose.boolean"),
        *(
            "goose.floating_point",
            "goose.float_value",
            "goose.integer",
            "goose.unsigned",
            "goose.mMSString",
            "goose.visible_string",
        ),
        *("sv.svID", "sv.smpCnt", "sv.confRev", "sv.smpSynch", "sv.meas_value", "sv.noASDU"),
    ]
    words = [str(TSHARK), "-r", str(file), "-T", "json", *(word for field in fields for word in ("-e", field))]
    done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=20)
    return [each["_source"]["layers"] for each in json.loads(done.stdout)]


def test_tshark_reads_our_goose_without_complaint(tmp_path: Path) -> None:
    # tshark shows 64 bits of unsigned as a negative number; these two are left out of what it is asked about.
    plain = [each for each in EVERY_TYPE if not (isinstance(each, Integer | Unsigned) and each.size >= 8)]
    golden, every = dissected(tmp_path, GOLDEN, octets(*plain, st_num=4_000_000_000))
    for each in (golden, every):
        assert "_ws.malformed" not in each
        assert "_ws.expert.message" not in each
        assert each["vlan.id"] == ["5"]
        assert each["vlan.priority"] == ["4"]
        assert each["goose.gocbRef"] == ["NG_Q01LD0/LLN0$GO$gcbTrip"]
    assert golden["goose.stNum"] == ["128"]
    assert golden["goose.sqNum"] == ["1"]
    assert golden["goose.confRev"] == ["3"]
    assert golden["goose.timeAllowedtoLive"] == ["2000"]
    assert golden["goose.numDatSetEntries"] == ["4"]
    assert golden["goose.float_value"] == ["1.5"]
    assert golden["goose.integer"] == ["-2"]
    assert every["goose.stNum"] == ["4000000000"]
    assert every["goose.numDatSetEntries"] == [str(len(plain))]
    assert every["goose.integer"] == ["-300", "7"]
    assert every["goose.visible_string"] == ["trip"]
    assert "goose.mMSString" in every


def test_tshark_reads_our_sampled_values_without_complaint(tmp_path: Path) -> None:
    sample = b"".join(struct.pack(">iI", value, 0) for value in (1, -2, 3, -4, 5, -6, 7, -8))
    asdu = Asdu(sv_id="NG_MU01", smp_cnt=3_999, conf_rev=1, smp_synch=2, sample=sample)
    whole = Asdu(
        sv_id="NG_MU01",
        dat_set="NG_MU01/LLN0$PhsMeas1",
        smp_cnt=0,
        conf_rev=1,
        refr_tm=UtcTime.of(T0_US),
        smp_synch=1,
        smp_rate=80,
        sample=sample,
        smp_mod=0,
        gm_identity=bytes(8),
    )
    one, two = dissected(
        tmp_path, encode_sv(SvFrame(address=ADDRESS, asdus=(asdu,))), encode_sv(SvFrame(address=ADDRESS, asdus=(whole, whole)))
    )
    for each in (one, two):
        assert "_ws.malformed" not in each
        assert "_ws.expert.message" not in each
    assert one["sv.svID"] == ["NG_MU01"]
    assert one["sv.smpCnt"] == ["3999"]
    assert two["sv.noASDU"] == ["2"]
    assert two["sv.smpCnt"] == ["0", "0"]
