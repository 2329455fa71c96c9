"""What remote access keeps on the disk: recordings that a crash or a full disk leaves right, grants and numbers over a restart."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.security.remote.test_recording import SESSION
from tests.security.remote.world import NOON_US, World
from tieline.model import RemoteError, UnavailableError
from tieline.scada.remote.files import RecordingFile, mend, recording_file
from tieline.scada.remote.store import RemoteStore
from tieline.security.remote.recording import Packets
from tieline.security.remote.records import SessionState

FREE = 1_000


def begun(path: Path, most_bytes: int = 10_000_000, free_bytes: int = FREE) -> tuple[RecordingFile, Packets]:
    file, packets = RecordingFile(path, most_bytes=most_bytes, free_bytes=free_bytes), Packets(SESSION, "10.1.0.7")
    file.append(packets.begin(NOON_US), is_last=True)
    return file, packets


def test_a_recording_is_hashed_as_it_grows(tmp_path: Path) -> None:
    path = recording_file(tmp_path, "r-1")
    file, packets = begun(path)
    file.append(packets.data("up", b"hello", NOON_US))
    file.append(packets.end("over", NOON_US), is_last=True)
    file.close()
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert mend(path) == (file.sha256, 5, 0)
    with pytest.raises(UnavailableError, match="cannot be begun"):
        RecordingFile(path, most_bytes=1, free_bytes=1)


@pytest.mark.parametrize(("limit", "words"), [({"most_bytes": 1_000}, "which is the most"), ({"free_bytes": 2**62}, "MB left")])
def test_where_there_is_no_room_nothing_is_written_but_the_end(tmp_path: Path, limit: dict[str, int], words: str) -> None:
    file, packets = begun(tmp_path / "r-1.pcapng", **limit)
    size = file.size
    with pytest.raises(UnavailableError, match=words):
        file.append(packets.data("up", bytes(2_000), NOON_US))
    assert file.size == size
    file.append(packets.end("no room", NOON_US), is_last=True)
    file.close()
    assert mend(tmp_path / "r-1.pcapng")[1:] == (0, 0)


FULL = """
import sys
from pathlib import Path
from tests.scada.remote.test_files import begun, NOON_US
from tieline.model import UnavailableError
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
file, packets = begun(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (file.size + 700, file.size + 700))
file.append(packets.data("up", bytes(100), NOON_US))
size = file.size
try:
    file.append(packets.data("up", bytes(1000), NOON_US))
except UnavailableError as error:
    print(error, file.size == size == Path(sys.argv[1]).stat().st_size)
"""


def test_a_disk_that_takes_half_of_it_keeps_none_of_it(tmp_path: Path) -> None:
    """The operating system takes a part of the bytes and refuses the rest, as a full disk does."""
    path = tmp_path / "r-1.pcapng"
    answer = subprocess.run([sys.executable, "-c", FULL, path], capture_output=True, text=True, check=True)
    assert answer.stdout == "the recording cannot be written: file too large True\n", answer.stderr
    assert mend(path)[1:] == (100, 0)


def test_what_was_half_written_at_a_crash_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "r-1.pcapng"
    file, packets = begun(path)
    file.append(packets.data("up", b"hello", NOON_US))
    whole = path.read_bytes()
    file.append(packets.data("down", b"never passed on", NOON_US))
    file.close()
    path.write_bytes(path.read_bytes()[:-7])
    assert mend(path) == (hashlib.sha256(whole).hexdigest(), 5, 0)
    assert path.read_bytes() == whole
    path.write_bytes(b"")
    with pytest.raises(RemoteError, match="no recording"):
        mend(path)
    with pytest.raises(UnavailableError, match="cannot be read"):
        mend(tmp_path / "none")


def test_grants_sessions_and_numbers_are_there_after_a_restart(tmp_path: Path) -> None:
    world = World()
    asked = world.ask()
    approved = world.approve(asked)
    session = world.redeem(world.ticket(approved))
    with closing(RemoteStore.open(tmp_path / "remote.db")) as store:
        for each in (asked, approved, session):
            store.put(each)
        assert store.number("north", 100) == 100
        assert store.number("north", 50) == 101
    with closing(RemoteStore.open(tmp_path / "remote.db")) as store:
        assert store.grants() == {approved.id: approved}
        assert store.sessions() == {session.id: session}
        assert store.number("north", 50) == 102
        assert store.number("south", 7) == 7
        assert store.older_than(NOON_US + 1) == []
        store.put(msgspec.structs.replace(session, state=SessionState.CLOSED))
        assert store.older_than(NOON_US + 1) == [session.id]
        store.forget(session.id)
        assert store.session(session.id) is None


def test_a_store_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "remote.db").write_bytes(b"no database at all, and long enough to be looked at as one" * 20)
    with pytest.raises(UnavailableError, match="cannot be opened"):
        RemoteStore.open(tmp_path / "remote.db")
    store = RemoteStore.open(tmp_path / "other.db")
    store.close()
    with pytest.raises(UnavailableError, match="cannot be used"):
        store.number("north", 1)
