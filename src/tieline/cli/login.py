"""The accounts of the people who log in at the center, as its web server opens them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tieline.config import Utility
from tieline.io import Clock
from tieline.security.audit import AuditLog
from tieline.security.identity.accounts import Accounts

ACCOUNTS_FILE = "accounts.db"


def web_folder(data: Path) -> Path:
    """Where the center's web server keeps accounts, and the audit of logins."""
    return data.absolute() / "web"


def open_accounts(utility: Utility, data: Path, clock: Clock, stack: ExitStack) -> Accounts:
    """The accounts with their audit, which `stack` closes. Raises `UnavailableError` where the disk does not give them.

    Where nobody has an account yet, the first administrator's secret is written to the console.
    """
    folder = web_folder(data)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    audit = AuditLog.open(folder / "audit", "web", clock)
    stack.callback(audit.close)
    accounts = Accounts.open(
        folder / ACCOUNTS_FILE,
        title=utility.name,
        people=utility.people,
        settings=utility.login,
        clock=clock,
        record=audit.append,
    )
    stack.callback(accounts.close)
    first = accounts.administration.first_administrator()
    if first is not None:
        print(f"first login: {first.name} with the one-time password {first.secret}", flush=True)  # noqa: T201
    return accounts
