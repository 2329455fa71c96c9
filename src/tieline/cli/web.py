"""`tieline run --web`: the center's pages and API, in a process of their own; the center starts it and keeps it running."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tieline.cli.renewing import renewing
from tieline.config import Utility
from tieline.io import Clock, SystemClock
from tieline.model import ConfigError, RefusedError, UnavailableError
from tieline.security.audit import AuditLog
from tieline.security.audit.keeping import keep_checkpoints, record_configuration
from tieline.security.identity import Authority
from tieline.security.identity.accounts import Accounts
from tieline.security.identity.accounts.parts import Recorder

if TYPE_CHECKING:
    from tieline.security.identity import Credentials
    from tieline.web.login import ServerTls

LOOPBACK = ("127.0.0.1", "localhost")
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}  # noqa: S104 - compared with, not bound to
ACCOUNTS_FILE = "accounts.db"
RIGHTS_FILE = "rights.json"
PASSWORD_FILE = "password"  # noqa: S105 - its name
PASSWORD_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # noqa: S105 - none that looks like another
PASSWORD_GROUPS, PASSWORD_GROUP = 4, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """Where the center's web server listens, who is let in, and what it shows to others than this machine."""

    host: str = "127.0.0.1"
    port: int
    has_login: bool = True
    is_password_only: bool = False
    """Whether no second factor is asked for, whatever the folder says."""
    is_first_login_told: bool = False
    """Whether the process that started this one has said how the first administrator logs in."""
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    """Under which people open it, besides those of this machine; for a certificate of the utility's own authority."""

    def check(self, utility: Utility) -> None:
        """Raises `ConfigError` or `RefusedError` where it could not serve: before anything starts."""
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("a certificate needs its key: give both --certificate and --key, or neither")
        if self.is_encrypted and not self.has_login:
            raise RefusedError(f"refused to serve on {self.host} without a login: only this machine may connect; use 127.0.0.1")
        if self.has_login and not any("security_administrator" in person.roles for person in utility.people):
            raise ConfigError(
                'nobody could create accounts: give a person in utility.toml the role "security_administrator" ([[people]], '
                "roles), or run with --no-login, which shows everything on this machine and operates nothing"
            )

    @property
    def is_encrypted(self) -> bool:
        """Whether it is served with TLS: on every address but this machine's own, and wherever a certificate is given."""
        from tieline.web.guard import is_loopback

        return self.certificate is not None or not is_loopback(self.host)

    @property
    def address(self) -> str:
        """What a browser on this machine opens."""
        host = (self.names or (socket.gethostname(),))[0] if self.host in WILDCARDS else self.host
        return f"{'https' if self.is_encrypted else 'http'}://{host}:{self.port}"

    def arguments(self) -> list[str]:
        """The options by which a child gets the same."""
        words = ["--host", self.host, "--port", str(self.port)]
        flags = {
            "--no-login": not self.has_login,
            "--password-only": self.is_password_only,
            "--first-login-told": self.is_first_login_told,
        }
        words += [flag for flag, is_set in flags.items() if is_set]
        if self.certificate is not None and self.key is not None:
            words += ["--certificate", str(self.certificate.absolute()), "--key", str(self.key.absolute())]
        return words + [word for name in self.names for word in ("--tls-name", name)]

    def own_credentials(self, authority: Authority) -> Credentials | None:
        """The certificate of the utility's own authority, where none is given and one is needed. Raises `ConfigError`."""
        if not self.is_encrypted or self.certificate is not None:
            return None
        here = {socket.gethostname(), socket.getfqdn(), *({self.host} - set(WILDCARDS))}
        return authority.credentials("hmi", hosts=[*LOOPBACK, *self.names, *sorted(here - set(LOOPBACK) - set(self.names))])

    def tls(self, own: Credentials | None) -> ServerTls | None:
        """What the server shows; None to serve unencrypted. Raises `ConfigError` where the files cannot be used."""
        from tieline.web.login import ServerTls

        if own is not None:
            return ServerTls.of_credentials(own)
        if self.certificate is None or self.key is None:
            return None
        return ServerTls.of_files(self.certificate, self.key)

    async def answers(self) -> bool:
        """Whether the web server there is ready to be looked at."""
        context = None
        if self.is_encrypted:  # whose certificate it is does not matter to whether it answers
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        host = WILDCARDS.get(self.host, self.host)
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection(host.strip("[]"), self.port, ssl=context)
                writer.write(f"GET /healthz HTTP/1.1\r\nHost: {host}:{self.port}\r\nConnection: close\r\n\r\n".encode())
                status = await reader.readline()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError):
            return False
        return status.startswith(b"HTTP/1.1 ") and not status.startswith(b"HTTP/1.1 5")


def web_folder(data: Path) -> Path:
    """Where the center's web server keeps accounts, and the audit of logins."""
    return data.absolute() / "web"


def open_accounts(
    utility: Utility,
    data: Path,
    clock: Clock,
    stack: ExitStack,
    *,
    is_password_only: bool = False,
    on_audit: Callable[[AuditLog], None] = lambda _: None,
) -> Accounts:
    """The accounts with their audit, which `stack` closes. Raises `UnavailableError` where the disk does not give them."""
    folder = web_folder(data)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    audit = AuditLog.open(folder / "audit", "web", clock)
    stack.callback(audit.close)
    on_audit(audit)
    record_rights(utility, folder, audit.append)
    settings = utility.login.model_copy(update={"second_factor": "never"}) if is_password_only else utility.login
    accounts = Accounts.open(
        folder / ACCOUNTS_FILE,
        title=utility.name,
        people=utility.people,
        settings=settings,
        clock=clock,
        record=audit.append,
    )
    stack.callback(accounts.close)
    return accounts


def record_rights(utility: Utility, folder: Path, record: Recorder) -> None:
    """Records whose roles or areas are others than at the last start, before they hold. Raises `UnavailableError`."""
    file = folder / RIGHTS_FILE
    held: dict[str, dict[str, list[str]]] = {
        person.name: {"roles": sorted(person.roles), "areas": sorted(person.areas)} for person in utility.people
    }
    try:
        before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        for name in sorted({*before, *held}):
            was, now = before.get(name), held.get(name)
            if was != now:
                record(
                    actor="tieline",
                    action="rights_changed",
                    target=name,
                    detail={"before": _in_words(was), "now": _in_words(now)},
                )
        if before != held:
            temporary = file.with_suffix(".new")
            temporary.write_text(json.dumps(held, indent=2), encoding="utf-8")
            temporary.replace(file)
    except (OSError, ValueError) as error:
        raise UnavailableError(f"the rights of the last start in {file} cannot be read or written: {error}") from error


def _in_words(rights: dict[str, list[str]] | None) -> str:
    if rights is None:
        return "nobody"
    return f"{', '.join(rights['roles']) or 'no role'} in {', '.join(rights['areas']) or 'every site'}"


def tell_first_login(utility: Utility, data: Path, say: Callable[[str], None]) -> None:
    """Says how the first administrator logs in, as long as none has. Raises `TielineError`."""
    with ExitStack() as stack:
        first = open_accounts(utility, data, SystemClock(), stack).administration.first_administrator()
    if first is not None:
        say(f"first login: {first.name} with the one-time password {first.secret}")


def ready_accounts(utility: Utility, data: Path) -> str:
    """Everybody's account can be used at once, with this one password, which is made once and kept beside them."""
    file = web_folder(data) / PASSWORD_FILE
    with ExitStack() as stack:
        accounts = open_accounts(utility, data, SystemClock(), stack)
        if not file.exists():
            groups = ("".join(secrets.choice(PASSWORD_LETTERS) for _ in range(PASSWORD_GROUP)) for _ in range(PASSWORD_GROUPS))
            file.touch(mode=0o600)
            file.write_text("-".join(groups), encoding="ascii")
        password = file.read_text(encoding="ascii")
        for person in utility.people:
            accounts.administration.prepare(person.name, password)
    return password


async def run_web(utility: Utility, data: Path, bus_ports: Sequence[int], options: WebOptions) -> None:
    """Serves until cancelled."""
    from tieline.bus import connected
    from tieline.bus.remote import RemoteClient
    from tieline.bus.scada import ScadaClient
    from tieline.cli.auditing import audit_places, center_audits
    from tieline.cli.run import historian_folder, open_authority, seed
    from tieline.historian import AsyncClient
    from tieline.model import subjects
    from tieline.scada import LiveState
    from tieline.scada.feed import Feed
    from tieline.security.identity.accounts.oidc import Oidc
    from tieline.web import create_app, listen, serve
    from tieline.web.health import OwnProcess
    from tieline.web.logs import Records

    clock = SystemClock()
    options.check(utility)
    authority = open_authority(data)
    own = options.own_credentials(authority)
    tls = options.tls(own)
    listener = listen(options.host, options.port, tls=tls)
    credentials = authority.credentials(subjects.WEB_ROLE)
    kept: dict[Credentials, Callable[[], None] | None] = {credentials: None}
    if own is not None:
        kept[own] = own.reload
    live = LiveState(utility.points, sites=[site.name for site in utility.sites], started=clock.now_us())
    async with (
        AsyncExitStack() as stack,
        AsyncClient(historian_folder(data)) as historian,
        renewing(authority, kept),
        connected(bus_ports, credentials) as client,
    ):
        accounts, oidc, kept_audits = None, None, list[AuditLog]()
        if options.has_login:
            opened = stack.enter_context(ExitStack())
            accounts = open_accounts(
                utility, data, clock, opened, is_password_only=options.is_password_only, on_audit=kept_audits.append
            )
            for audit in kept_audits:
                record_configuration(audit, utility.folder)
            oidc = Oidc(utility.login.oidc, clock, secrets_folder=web_folder(data)) if utility.login.oidc else None
        feed = Feed(client, live, clock.now_us)
        scada = ScadaClient(client)
        own_process = OwnProcess()
        records = Records(
            audits=center_audits(data),
            states=audit_places(utility, data),
            logs=data.absolute() / "logs",
        )
        app = create_app(
            utility,
            live,
            historian,
            accounts=accounts,
            oidc=oidc,
            tls=tls,
            scada=scada,
            remote=None if utility.dmz.remote_port is None else RemoteClient(client),
            records=records,
            own_process=own_process,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed.run(lambda: seed(live, historian, clock.now_us)), name="feed")
            tasks.create_task(scada.run(), name="hear alarms and control")
            tasks.create_task(own_process.run(), name="measure this process")
            for audit in kept_audits:
                tasks.create_task(keep_checkpoints(audit), name="publish checkpoints of the audit")
            tasks.create_task(serve(app, listener=listener, tls=tls), name="serve")
