"""People who log in at a center that runs, and what they ask of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import httpx

from tests.system.processes import eventually
from tieline.cli.web import ACCOUNTS_FILE, PASSWORD_FILE, web_folder
from tieline.config import read_folder
from tieline.io import SystemClock
from tieline.security.identity.accounts import Accounts
from tieline.security.identity.accounts.totp import code_at, step_at

PASSWORD = "a breaker that opens in time"
TIMEOUT_S = 60.0


def secret_of(name: str) -> bytes:
    """The secret in the authenticator app of that person."""
    return name.encode().ljust(20, b".")


def prepare_accounts(folder: Path, data: Path, *names: str) -> None:
    """Accounts that can be used at once; to be called before the center runs."""
    utility = read_folder(folder)
    web_folder(data).mkdir(parents=True, exist_ok=True)
    accounts = Accounts.open(
        web_folder(data) / ACCOUNTS_FILE,
        title=utility.name,
        people=utility.people,
        settings=utility.login,
        clock=SystemClock(),
        record=lambda **_: None,
    )
    for name in names:
        accounts.administration.prepare(name, PASSWORD, totp_secret=secret_of(name))
    accounts.close()


def password_of_demo(data: Path) -> str:
    """The one that the demonstration has made for everybody."""
    return (web_folder(data) / PASSWORD_FILE).read_text(encoding="ascii")


class Person:
    """Somebody who is logged in."""

    _used: ClassVar[dict[tuple[int, str], int]] = {}

    def __init__(self, port: int, name: str, *, with_code: bool = True, password: str = PASSWORD) -> None:
        self.name = name
        self._app = (port, name)
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=TIMEOUT_S)
        self.post("/api/login", name=name, password=password)
        if with_code:
            self.post("/api/login/second-factor", code=self.code())

    def code(self) -> str:
        """A code of the app that was not used yet, by whoever logged in there under this name; the clock may have to come to it."""
        step = max(self._used.get(self._app, 0), step_at(time.time_ns() // 1_000) - 2) + 1
        self._used[self._app] = step
        eventually(lambda: step_at(time.time_ns() // 1_000) + 1 >= step)
        return code_at(secret_of(self.name), step)

    def ask(self, path: str) -> Any:
        """The body of an answer."""
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def try_get(self, path: str) -> httpx.Response:
        """The answer, whatever it is."""
        return self._client.get(path)

    def cookies(self) -> dict[str, str]:
        """What a browser of this person holds."""
        return dict(self._client.cookies)

    def post(self, path: str, **body: object) -> Any:
        """The body of an answer that is good."""
        answer = self.try_post(path, **body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def try_post(self, path: str, **body: object) -> httpx.Response:
        """The answer, whatever it is."""
        token = self._client.cookies.get("tieline_token")
        return self._client.post(path, json=body, headers={} if token is None else {"tieline-token": token})

    def select(self, point: str, value: float) -> Any:
        """A selection."""
        return self.post("/api/control/select", point=point, value=value)

    def operate(self, point: str, value: float) -> tuple[str, str]:
        """How a command ended, and why; `not selected` where a check refused it."""
        selection = self.select(point, value)
        if selection["is_refused"]:
            return "not selected", selection["reason"]
        outcome = self.post("/api/control/execute", selection=selection["id"])
        return outcome["result"], outcome["reason"]

    def token(self) -> str:
        """An API token of this person."""
        made = self.post("/api/account/tokens", label="terminal", roles=self.ask("/api/session")["roles"], days=1)
        value: str = made["value"]
        return value

    def close(self) -> None:
        """Leaves."""
        self._client.close()
