"""What the commands of `tieline audit` do."""

from __future__ import annotations

import json
import ssl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

from tieline.config.audit import read_collector
from tieline.model import AuditRecord, ConfigError, RefusedError, UnavailableError, subjects
from tieline.security.audit import AuditReader, Verdict, Witnessed
from tieline.security.audit import verify as verify_audit
from tieline.security.audit.formats import WRITERS, as_cef, as_rfc5424, framed
from tieline.security.audit.forwarding import MOST_AT_ONCE, send_surely
from tieline.security.audit.notes import PublicKey
from tieline.security.audit.reading import read_backwards
from tieline.security.audit.tiles import SMALL_FILES
from tieline.security.audit.vouching import read_key, site_of
from tieline.security.audit.witness import read_witness
from tieline.security.identity.signing import Verifier

_ALWAYS = 1 << 62
_CENTER_LOGS = frozenset({"center", "web", "remote", "authority"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records; a text has to occur, in whatever case."""

    start: int
    end: int
    texts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, since: str, until: str, **texts: str) -> Wanted:
        """From the options. Raises `ConfigError` where a time is none."""
        from tieline.web.times import parse_time

        now = time.time_ns() // 1_000
        try:
            start = parse_time(since, now) if since else 0
            end = _ALWAYS if until == "now" else parse_time(until, now)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        return cls(start=start, end=end, texts=tuple((name, text.lower()) for name, text in texts.items() if text))

    def matches(self, record: AuditRecord) -> bool:
        """Whether it is one of them."""
        return self.start <= record.time_us < self.end and all(text in getattr(record, name).lower() for name, text in self.texts)


def verify(paths: Sequence[Path], witnesses: Sequence[Path], key: str, ca: Path | None, *, as_json: bool) -> int:
    """Prints what was found; the exit code. Raises `ConfigError` where something is given that is not there."""
    audits = [each for path in paths for each in audits_in(path)]
    seen = [one for path in [*witnesses, *paths] for one in _witnesses_in(path, is_given=path in witnesses)]
    known = _read_key(key)
    if known is not None and len(audits) > 1:
        raise ConfigError("a key belongs to one log; verify one folder with it")
    answers = [_verify_one(folder, known, seen, ca) for folder in audits]
    if as_json:
        print(json.dumps([answer.as_json() for answer in answers], indent=2))  # noqa: T201
    else:
        for answer in answers:
            for line in answer.lines():
                print(line)  # noqa: T201
    return 0 if all(answer.is_intact for answer in answers) else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    folder: Path
    verdict: Verdict
    witnesses: tuple[Witnessed, ...]
    vouched: str
    """Why the key is not vouched for; nothing where it is, or where nobody asked."""
    is_key_known: bool

    @property
    def is_intact(self) -> bool:
        return self.verdict.is_intact and not self.vouched

    def as_json(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "folder": str(self.folder),
            "is_intact": self.is_intact,
            "origin": verdict.key.name if verdict.key else None,
            "key": str(verdict.key) if verdict.key else None,
            "entries": verdict.size,
            "verified": verdict.records,
            "forgotten": verdict.forgotten,
            "last": verdict.last,
            "root": verdict.root.hex(),
            "unfinished_bytes": verdict.unfinished_bytes,
            "witnessed": {witness.name: witness.checkpoint.size for witness in self.witnesses},
            "not_vouched_for": self.vouched,
            "damages": [{"file": each.file, "record": each.sequence, "problem": each.problem} for each in verdict.damages],
        }

    def lines(self) -> Iterator[str]:
        verdict = self.verdict
        name = verdict.key.name if verdict.key else "an audit without a key"
        state = "intact" if self.is_intact else "NOT what was written"
        yield f"{self.folder}: {name} is {state}: {verdict.size} entries, {verdict.records} of them verified, last record {verdict.last}"
        for damage in verdict.damages:
            yield f"  {damage}"
        if self.vouched:
            yield f"  key: {self.vouched}"
        if verdict.forgotten:
            yield f"  {verdict.forgotten} entries were given up by the log after the center had them; their hashes are verified"
        if verdict.unfinished_bytes:
            yield f"  {verdict.unfinished_bytes} bytes of a record that was never acknowledged stand at the end, as a crash leaves them"
        for witness in self.witnesses:
            yield f"  {witness.name} has seen the first {witness.checkpoint.size} entries"
        if not self.witnesses:
            yield "  no witness was asked: whoever has the log's key could have rewritten it, and an older copy looks the same (--witness)"
        if not self.is_key_known:
            yield "  the log's key is its own word: give --ca, --key or --witness to know whose it is"


def _verify_one(folder: Path, known: PublicKey | None, seen: Sequence[Witnessed], ca: Path | None) -> _Answer:
    origin = _origin(folder, known)
    witnesses = tuple(witness for witness in seen if witness.checkpoint.origin == origin)
    try:
        verdict = verify_audit(folder, key=known, witnesses=witnesses)
        raw = (folder / "key").read_bytes() if (folder / "key").exists() else None
    except OSError as error:
        raise UnavailableError(f"{folder} cannot be read: {(error.strerror or str(error)).lower()}") from error
    vouched = ""
    if ca is not None:
        vouched = _vouched(raw, folder, ca)
    return _Answer(
        folder=folder,
        verdict=verdict,
        witnesses=witnesses,
        vouched=vouched,
        is_key_known=known is not None or bool(witnesses) or ca is not None,
    )


def _origin(folder: Path, known: PublicKey | None) -> str:
    key = read_key((folder / "key").read_bytes() if (folder / "key").exists() else None)
    if known is not None:
        return known.name
    if key is not None:
        return key.public.name
    checkpoint = AuditReader(folder).checkpoint()
    return "" if checkpoint is None else checkpoint.origin


def _vouched(raw: bytes | None, folder: Path, ca: Path) -> str:
    """Why no role vouches for the key; nothing where one does. A certificate counts while the log was written."""
    key = read_key(raw)
    if key is None:
        return "is missing or damaged"
    try:
        site = site_of(key.public.name)
    except ValueError as error:
        return str(error)
    role = subjects.CENTER_ROLE if site in _CENTER_LOGS else subjects.edge_role(site)
    newest = next((record for record in _newest(folder, 1)), None)
    at = datetime.now(UTC) if newest is None else datetime.fromtimestamp(newest.time_us / 1e6, UTC)
    try:
        key.check(Verifier(ca, role), at)
    except RefusedError as error:
        return f"is not vouched for by {role}: {error}"
    return ""


def _read_key(key: str) -> PublicKey | None:
    if not key:
        return None
    try:
        text = Path(key).read_text(encoding="utf-8").split("\n")[0] if Path(key).is_file() else key
        return PublicKey.parse(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--key: {error}") from error


def audits_in(path: Path) -> list[Path]:
    """The folder, where it is an audit; otherwise those in it. Raises `ConfigError` where there is none."""
    if not path.is_dir():
        raise ConfigError(f"there is no folder {path}")
    if _is_audit(path):
        return [path]
    found = sorted({each.parent for name in ("checkpoint", "key", "head") for each in path.rglob(name) if _is_audit(each.parent)})
    if not found:
        raise ConfigError(f"there is no audit in {path}")
    return found


def _is_audit(path: Path) -> bool:
    return (path / "tile").is_dir() or sum((path / name).is_file() for name in SMALL_FILES) >= 2


def _witnesses_in(path: Path, *, is_given: bool) -> list[Witnessed]:
    files = sorted(path.rglob("*.witness")) if path.is_dir() else [path]
    if is_given and not files:
        raise ConfigError(f"--witness: there is no file of a witness in {path}")
    try:
        return [read_witness(file.read_bytes(), _witness_name(file)) for file in files if is_given or file.suffix == ".witness"]
    except (OSError, ValueError) as error:
        raise ConfigError(f"--witness: {files[0] if len(files) == 1 else path}: {error}") from error


def _witness_name(file: Path) -> str:
    try:
        line = file.read_text(encoding="utf-8").split("\n")[1]
        return PublicKey.parse(line).name
    except (OSError, ValueError, IndexError):
        return str(file)


def show(path: Path, wanted: Wanted, limit: int) -> None:
    """Prints the newest records, oldest first."""
    found = sorted(
        (record for folder in audits_in(path) for record in _newest(folder, limit, wanted)),
        key=lambda record: (record.time_us, record.site, record.sequence),
    )[-limit:]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("time (UTC)", "audit", "record", "who", "action", "target", "outcome", "detail"):
        table.add_column(title, justify="right" if title == "record" else "left", overflow="fold", no_wrap=title == "time (UTC)")
    for record in found:
        at = datetime.fromtimestamp(record.time_us / 1e6, UTC)
        detail = ", ".join(f"{name} {value}" for name, value in record.detail.items())
        words = (f"{at:%Y-%m-%d %H:%M:%S}", record.site, str(record.sequence), record.actor, record.action, record.target)
        table.add_row(*map(_printable, (*words, record.outcome, detail)))
    width = None if sys.stdout.isatty() else 240
    Console(highlight=False, markup=False, width=width).print(table)


def export(path: Path, wanted: Wanted, form: str, file: Path | None, to: str, ca: Path | None) -> None:
    """Writes the records, or delivers them. Raises `ConfigError`, `UnavailableError`."""
    records = (record for folder in audits_in(path) for record in AuditReader(folder).records() if wanted.matches(record))
    if to:
        _deliver(records, form, to, ca)
        return
    writer = next(write for name, write in WRITERS.items() if name == form)
    with ExitStack() as stack:
        try:
            out: TextIO = sys.stdout if file is None else stack.enter_context(file.open("w", encoding="utf-8"))
            out.writelines(f"{writer(record)}\n" for record in records)
        except OSError as error:
            raise UnavailableError(f"the records cannot be written: {(error.strerror or str(error)).lower()}") from error


def _deliver(records: Iterator[AuditRecord], form: str, to: str, ca: Path | None) -> None:
    try:
        address = read_collector(to)
    except ValueError as error:
        raise ConfigError(f"--to: {to} {error}") from error
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(ca)
        except OSError as error:
            raise ConfigError(f"--ca: {ca} cannot be used as an authority: {error}") from error
    write = partial(as_rfc5424, message=as_cef) if form == "cef" else as_rfc5424
    count, waiting = 0, list[bytes]()
    for record in records:
        waiting.append(framed(write(record)))
        if len(waiting) == MOST_AT_ONCE:
            send_surely(waiting, address, context, address[0])
            count, waiting = count + len(waiting), []
    if waiting:
        send_surely(waiting, address, context, address[0])
    print(f"{count + len(waiting)} records delivered to {to}")  # noqa: T201


def _newest(folder: Path, limit: int, wanted: Wanted | None = None) -> list[AuditRecord]:
    start, end = (0, _ALWAYS) if wanted is None else (wanted.start, wanted.end)
    try:
        found, _ = read_backwards(
            folder,
            start=start,
            end=end,
            is_wanted=(lambda _: True) if wanted is None else wanted.matches,
            limit=limit,
            most_bytes=_ALWAYS,
        )
    except OSError as error:
        raise UnavailableError(f"{folder} cannot be read: {(error.strerror or str(error)).lower()}") from error
    return found


def _printable(text: str) -> str:
    """Nothing in a record may speak to the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
