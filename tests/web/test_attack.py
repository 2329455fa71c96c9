"""An attack on every route: without a login, half-way through one, as somebody with another role, with bodies that make no sense.

`DECISIONS` says of each route who may use it. A route that is not there fails: whoever adds one decides.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import get_args
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.scada.test_service import Door, open_door
from tests.security.accounts.world import PASSWORD, SECRET, Center
from tieline.bus.scada import ReadControl
from tieline.config import LoginSection, PersonSection
from tieline.config.fields import Role
from tieline.config.login import OidcSection
from tieline.security.identity.accounts.oidc import Oidc
from tieline.security.identity.accounts.totp import code_at, step_at
from tieline.web import create_app

from .login_world import BASE, Browser, app_of, browsing
from .world import MadeUpHistory, World, serving

pytestmark = pytest.mark.system


class May(Enum):
    """Who may use a route."""

    ANYBODY = auto()
    HALF_WAY = auto()
    """Who has begun to log in: it looks at how far that is by itself."""
    PERSON = auto()
    """Everybody who is logged in, with a token too."""
    SELF = auto()
    """Everybody in a session of a browser, about the own account."""
    ADMINISTRATOR = auto()
    """Who has the role security_administrator, in a session, with a second factor, about others."""
    AUDITOR = auto()
    """These, and who has the role security_auditor or rbac_administrator; for looking."""
    READER = auto()
    """Who has the right to read records, which is everywhere: the records of the system."""
    ROLE = auto()
    """Who has one of some roles at the place that it is about: `ROLES` says which."""


DECISIONS: dict[str, May] = {
    "GET /healthz": May.ANYBODY,
    "MOUNT /static": May.ANYBODY,
    "GET /static/single-line.css": May.ANYBODY,
    "GET /static/network-drawing.css": May.ANYBODY,
    "GET /vendor/uplot.js": May.ANYBODY,
    "GET /vendor/uplot.css": May.ANYBODY,
    "GET /login": May.ANYBODY,
    "GET /login/provider": May.ANYBODY,
    "GET /login/provider/back": May.ANYBODY,
    "GET /api/login": May.ANYBODY,
    "POST /api/login": May.ANYBODY,
    "POST /api/login/second-factor": May.HALF_WAY,
    "POST /api/login/security-key/question": May.HALF_WAY,
    "POST /api/login/security-key": May.HALF_WAY,
    "POST /api/login/password": May.HALF_WAY,
    "GET /api/session": May.HALF_WAY,
    "POST /api/logout": May.HALF_WAY,
    "POST /api/account/app": May.HALF_WAY,
    "PUT /api/account/app": May.HALF_WAY,
    "POST /api/account/security-keys/question": May.HALF_WAY,
    "POST /api/account/security-keys": May.HALF_WAY,
    "DELETE /api/account/app": May.SELF,
    "DELETE /api/account/security-keys/{key}": May.SELF,
    "POST /api/account/recovery-codes": May.SELF,
    "GET /api/account/tokens": May.SELF,
    "POST /api/account/tokens": May.SELF,
    "DELETE /api/account/tokens/{token}": May.SELF,
    "GET /api/account/sessions": May.SELF,
    "DELETE /api/account/sessions/{name}": May.SELF,
    "POST /api/session/active": May.SELF,
    "POST /api/logout/everywhere": May.SELF,
    "GET /api/accounts": May.AUDITOR,
    "POST /api/accounts/{name}": May.ADMINISTRATOR,
    "POST /api/accounts/{name}/reset": May.ADMINISTRATOR,
    "POST /api/accounts/{name}/reset-factors": May.ADMINISTRATOR,
    "POST /api/accounts/{name}/end-sessions": May.ADMINISTRATOR,
    "POST /api/accounts/{name}/revoke-tokens": May.ADMINISTRATOR,
    "POST /api/accounts/{name}/lock": May.ADMINISTRATOR,
    "POST /api/accounts/{name}/unlock": May.ADMINISTRATOR,
    "DELETE /api/accounts/{name}": May.ADMINISTRATOR,
    "GET /api/audit": May.READER,
    "GET /api/logs": May.READER,
    "POST /api/alarms/{action}": May.ROLE,
    "POST /api/control/select": May.ROLE,
    "POST /api/control/approve": May.ROLE,
    "POST /api/control/cancel": May.ROLE,
    "POST /api/control/execute": May.ROLE,
    "POST /api/control/stop": May.ROLE,
    "POST /api/control/tags": May.ROLE,
    "POST /api/control/tags/{id}/remove": May.ROLE,
    "POST /api/control/programs/{name}/start": May.ROLE,
    "POST /api/control/runs/{id}/{action}": May.ROLE,
    "POST /api/remote/grants": May.ROLE,
    "POST /api/remote/grants/{id}/approve": May.ROLE,
    "POST /api/remote/grants/{id}/refuse": May.ROLE,
    "POST /api/remote/grants/{id}/ticket": May.ROLE,
    "POST /api/remote/cut": May.ROLE,
    "GET /api/remote/sessions/{id}/recording": May.ROLE,
    **dict.fromkeys(
        (
            "WEBSOCKET /live",
            "GET /metrics",
            "GET /openapi.json",
            "HEAD /openapi.json",
            "GET /",
            "GET /site/{site}",
            "GET /site/{site}/diagram",
            "GET /api/sites/{site}/diagram",
            "GET /api/sites/{site}/switching",
            "GET /network",
            "GET /network/{place}",
            "GET /api/network",
            "GET /api/network/findings",
            "GET /api/network/drawing",
            "GET /api/network/places/{place}",
            "GET /api/network/places/{place}/drawing",
            "GET /stations",
            "GET /trend",
            "GET /alarms",
            "GET /operate",
            "GET /account",
            "GET /accounts",
            "GET /api/whoami",
            "GET /api/sites",
            "GET /api/sites/{site}",
            "GET /api/devices",
            "GET /api/devices/{site}/{device}",
            "GET /api/points",
            "GET /api/points/{reference:path}",
            "GET /api/values",
            "GET /api/values/{reference:path}",
            "GET /api/history",
            "GET /point/{site}/{device}/{name}",
            "GET /api/details/devices/{site}/{device}",
            "GET /api/details/points/{reference:path}",
            "GET /device/{site}/{device}",
            "GET /events",
            "GET /health",
            "GET /log",
            "GET /programs",
            "GET /tags",
            "GET /api/details/programs/{name}",
            "GET /api/events/history",
            "GET /api/events/kinds",
            "GET /api/health",
            "GET /api/health/devices",
            "GET /api/history/events",
            "GET /api/history/samples",
            "GET /api/history/statistics",
            "GET /api/events",
            "GET /api/alarms",
            "GET /api/alarms/journal",
            "GET /api/alarms/metrics",
            "GET /api/control",
            "GET /api/remote",
            "GET /api/control/operations/{id}",
            "GET /api/{path:path}",
        ),
        May.PERSON,
    ),
}

BODIES: dict[str, object] = {
    "POST /api/login": {"name": "x", "password": "x"},
    "POST /api/login/second-factor": {"code": "000000"},
    "POST /api/login/security-key": {"answer": {}},
    "POST /api/login/password": {"old": "x", "new": "y"},
    "PUT /api/account/app": {"code": "000000"},
    "POST /api/account/security-keys": {"answer": {}, "label": "x"},
    "POST /api/account/tokens": {"label": "x", "roles": ["viewer"], "days": 1},
    "POST /api/accounts/{name}/lock": {"reason": "test"},
    "POST /api/alarms/{action}": {"ids": ["alpha/a1"], "reason": "test"},
    "POST /api/control/select": {"point": "alpha/rtu-1/p_set", "value": 1.0},
    "POST /api/control/approve": {"selection": "none"},
    "POST /api/control/cancel": {"selection": "none"},
    "POST /api/control/execute": {"selection": "none"},
    "POST /api/control/stop": {"id": "none"},
    "POST /api/control/tags": {"kind": "information", "target": "alpha/rtu-1/p_set", "reason": "test"},
    "POST /api/control/tags/{id}/remove": {"reason": "test"},
    "POST /api/control/runs/{id}/{action}": {"unknown": ""},
    "POST /api/remote/grants": {"site": "alpha", "device": "rtu-1", "service": "web", "reason": "test", "minutes": 5},
    "POST /api/remote/grants/{id}/refuse": {"reason": "test"},
    "POST /api/remote/cut": {"name": "none"},
}
OUTSIDE = {
    "POST /api/login",
    "POST /api/logout",
    "POST /api/logout/everywhere",
    "GET /login/provider",
    "GET /login/provider/back",
}
"""What ends the session of who attacks, or is there with a provider only."""
SIDEWAYS = (
    "/static/../api/sites",
    "/static/%2e%2e/%2e%2e/api.py",
    "/static/..%2f..%2fapi.py",
    "/static/....//api.py",
    "/static//etc/passwd",
    "/static/%00",
    "/static/" + "a" * 5_000,
    "/static/..\\\\api.py",
    "/static",
    "/vendor/../api/sites",
    "/vendor/%2e%2e/metrics",
    "/healthz/../api/sites",
    "/healthz/",
    "/login/../api/sites",
    "/api/login/../sites",
    "/api/login/%2e%2e/sites",
    "/API/sites",
    "//api/sites",
    "/api//sites",
    "/./api/sites",
    "/%61pi/sites",
    "/api/sites;/static/",
    "/api/sites?/static/",
    "/api/sites#/static/",
    "/.git/config",
    "/site/%2e%2e%2f%2e%2e",
    "/metrics/",
)
"""Ways around what a path begins with."""
FILLED = {"action": "acknowledge", "name": "lise", "site": "alpha", "device": "rtu-1", "reference:path": "alpha/rtu-1/p_set"}

LOOKING = {"security_administrator", "security_auditor", "rbac_administrator"}
READERS = {"engineer", "security_administrator", "security_auditor"}
OPERATORS: frozenset[Role] = frozenset({"operator"})
ROLES: dict[str, frozenset[Role]] = {
    "POST /api/alarms/acknowledge": OPERATORS,
    "POST /api/alarms/reset": OPERATORS,
    "POST /api/alarms/shelve": OPERATORS,
    "POST /api/alarms/unshelve": OPERATORS,
    "POST /api/alarms/out-of-service": frozenset({"engineer"}),
    "POST /api/alarms/in-service": frozenset({"engineer"}),
    "POST /api/control/select": OPERATORS,
    "POST /api/control/tags": frozenset({"operator", "engineer"}),
}
"""Who may, of what needs nothing else to be there before."""
REFUSED = re.compile("has not the role|may not|has no authority")
TARGET = "alpha/rtu-1/p_set"
BODIES_OF_ROLES: dict[str, object] = {
    "POST /api/alarms/acknowledge": {"ids": ["alpha/a1"]},
    "POST /api/alarms/reset": {"ids": ["alpha/a1"]},
    "POST /api/alarms/shelve": {"ids": ["alpha/a2"], "reason": "test", "minutes": 5},
    "POST /api/alarms/unshelve": {"ids": ["alpha/a2"], "reason": "test"},
    "POST /api/alarms/out-of-service": {"ids": ["alpha/a3"], "reason": "test"},
    "POST /api/alarms/in-service": {"ids": ["alpha/a3"], "reason": "test"},
    "POST /api/control/select": {"point": TARGET, "value": 1.0},
    "POST /api/control/tags": {"kind": "information", "target": TARGET, "reason": "test"},
}
QUERIES = st.text(max_size=20) | st.integers(-(2**70), 2**70).map(str) | st.sampled_from(["-1h", "now", "nan", "9" * 30, "\0"])

ALL_ROLES: tuple[Role, ...] = get_args(Role)
PEOPLE = (
    *(PersonSection(name=role.replace("_", "-"), roles=[role]) for role in ALL_ROLES),
    PersonSection(name="nobody-special"),
    PersonSection(name="elsewhere", roles=["operator", "engineer"], areas=["beta"]),
    PersonSection(name="everything", roles=list(ALL_ROLES)),
    PersonSection(name="lise", roles=["viewer"]),
)


@dataclass
class Target:
    """The center's application over supervision that runs."""

    app: FastAPI
    center: Center
    door: Door

    @asynccontextmanager
    async def browser_of(self, name: str, *, shows_factor: bool = True) -> AsyncIterator[Browser]:
        """A browser in which the person has logged in."""
        self.center.prepare(name, has_app=True)
        async with browsing(self.app) as browser:
            answer = await browser.log_in(name)
            assert answer.status_code == 200, answer.text
            if shows_factor:
                self.center.clock.go(30)
                code = code_at(SECRET, step_at(self.center.clock.utc_us))
                assert (await browser.send_json("POST", "/api/login/second-factor", {"code": code})).status_code == 200
            yield browser


@asynccontextmanager
async def attacked(folder: Path) -> AsyncIterator[Target]:
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(open_door(folder / "door"))
        center = Center(folder, LoginSection(), PEOPLE)
        stack.callback(center.accounts.close)
        utility, live = door.control.utility, door.control.live
        history = MadeUpHistory(utility, lambda: center.clock.utc_us, begin=center.clock.utc_us)
        app = create_app(utility, live, history, accounts=center.accounts, scada=door.ask)
        yield Target(app, center, door)


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Center]:
    center = Center(tmp_path, LoginSection(second_factor="always"), PEOPLE)
    with closing(center.accounts):
        yield center


@pytest.fixture
async def app(center: Center, world: World, tmp_path: Path) -> AsyncIterator[FastAPI]:
    section = OidcSection(issuer="https://127.0.0.1:1", client_id="tieline")
    oidc = Oidc(section, center.clock, secrets_folder=tmp_path)
    yield app_of(world, center, oidc=oidc)
    await oidc.close()


def decision_of(route: str) -> May:
    """Without a decision it is shut to who has not logged in."""
    return DECISIONS.get(route, May.PERSON)


def routes_of(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Method and path of every route, also of those that are included."""
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from routes_of(included.routes)
        elif isinstance(route, Mount):
            yield f"MOUNT {route.path}"
        elif isinstance(route, WebSocketRoute):
            yield f"WEBSOCKET {route.path}"
        else:
            assert isinstance(route, Route)
            yield from (f"{method} {route.path}" for method in sorted(route.methods or ()))


def filled(path: str, values: Mapping[str, str] = FILLED) -> str:
    return re.sub(r"\{(.+?)\}", lambda found: values.get(found[1], "none"), path)


async def attempt(browser: Browser, route: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Uses the route as its page would; whatever comes back is no crash, and where it is an error it is one in the one shape."""
    method, path = route.split(" ", 1)
    body = {"json": BODIES[route]} if route in BODIES else {}
    sent = browser.token() if headers is None else headers
    return checked(route, await browser.request(method, filled(path), headers={"origin": BASE, **sent}, **body))


def checked(route: str, answer: httpx.Response) -> httpx.Response:
    assert answer.status_code != 500, (route, answer.text)
    assert "Traceback" not in answer.text
    if (
        answer.status_code >= 400
        and answer.request.method != "HEAD"
        and not answer.headers["content-type"].startswith("text/html")
    ):
        error = answer.json()["error"]
        assert set(error) == {"kind", "message"}, (route, answer.text)
        assert error["kind"]
        assert error["message"], (route, answer.text)
    return answer


async def get_raw(address: str, path: str) -> tuple[int, str]:
    """Asks for a path as it is, which no client would: the status, and all of the answer."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode("latin-1")
    writer.close()
    await writer.wait_closed()
    return int(answer.split(" ", 2)[1]), answer


def is_shut(answer: httpx.Response) -> bool:
    """Whether this is the way to the login and nothing else."""
    return answer.status_code == 401 or (answer.status_code == 303 and answer.headers["location"].startswith("/login?next="))


def test_every_route_has_a_decision(app: FastAPI) -> None:
    found = set(routes_of(app.routes))
    assert len(found) > 60
    assert found - set(DECISIONS) == set()


async def test_nobody_gets_anything_but_what_is_open(app: FastAPI, world: World) -> None:
    async with browsing(app) as browser:
        for route in routes_of(app.routes):
            method, path = route.split(" ", 1)
            if method in {"MOUNT", "WEBSOCKET"}:
                continue
            assert is_shut(await attempt(browser, route)) == (decision_of(route) is not May.ANYBODY), route
            for other in ("HEAD", "OPTIONS", "TRACE", "PATCH", "PUT", "DELETE", "POST"):
                headers = {"x-http-method-override": "GET", "x-forwarded-for": "127.0.0.1", "x-original-url": "/healthz"}
                answer = checked(route, await browser.request(other, filled(path), headers=headers))
                assert answer.status_code >= 300, (other, route)
                assert (
                    is_shut(answer)
                    or answer.status_code in {400, 403, 404, 405}
                    or path in {"/login/provider", "/login/provider/back"}
                )
    async with serving(world, app=app) as address:
        for path in SIDEWAYS:
            status, text = await get_raw(address, path)
            is_login = status == 303 and "location: /login?next=" in text
            assert is_login or status in {400, 401, 404, 405}, (path, text[:300])
        for origin in (f"http://{address}", None):
            with pytest.raises(InvalidStatus):
                async with connect(f"ws://{address}/live", origin=origin):  # type: ignore[arg-type]
                    pass


@pytest.mark.parametrize("stage", ["second_factor", "change_password", "enroll"])
async def test_half_a_login_gets_only_what_completes_it(app: FastAPI, center: Center, world: World, stage: str) -> None:
    password = PASSWORD
    if stage == "change_password":
        password = center.accounts.administration.from_console("everything").secret
    else:
        center.prepare("everything", has_app=stage == "second_factor")
    async with browsing(app) as browser:
        assert (await browser.log_in("everything", password)).json() == {"stage": stage}
        value = browser.cookies["tieline_session"]
        for route in routes_of(app.routes):
            if route.startswith(("MOUNT", "WEBSOCKET")) or route in {"POST /api/logout", "POST /api/login"}:
                continue
            answer = await attempt(browser, route)
            may = decision_of(route)
            if may is May.ANYBODY:
                assert answer.status_code < 500, route
            elif may is May.HALF_WAY:
                assert answer.status_code != 401, route
            else:
                assert is_shut(answer), route
        assert browser.cookies["tieline_session"] == value
        assert (await browser.get("/api/session")).json()["stage"] == stage
    async with serving(world, app=app) as address:
        cookie = {"cookie": f"tieline_session={value}"}
        with pytest.raises(InvalidStatus):
            async with connect(f"ws://{address}/live", origin=f"http://{address}", additional_headers=cookie):  # type: ignore[arg-type]
                pass


async def test_each_role_may_what_it_may_and_nothing_else(tmp_path: Path) -> None:
    async with attacked(tmp_path) as target:
        await target.door.happen(1, 1)
        await target.door.until(lambda: sum(target.door.ask.alarms.unacknowledged) == 2)
        may: dict[str, set[str]] = {route: set() for route in ROLES}
        for person in PEOPLE[:-1]:
            async with target.browser_of(person.name) as browser:
                for route in ROLES:
                    answer = checked(route, await browser.send_json("POST", route.partition(" ")[2], BODIES_OF_ROLES[route]))
                    if REFUSED.search(answer.text) is None:
                        may[route].add(person.name)
                for route, may_use in DECISIONS.items():
                    if may_use is May.READER:
                        answer = await attempt(browser, route)
                        is_refused = answer.status_code == 403 and "records of the system" in answer.text
                        assert is_refused == (READERS.isdisjoint(person.roles) or bool(person.areas)), (person.name, route)
                    if may_use in {May.ADMINISTRATOR, May.AUDITOR}:
                        needed = {"security_administrator"} if may_use is May.ADMINISTRATOR else LOOKING
                        answer = await attempt(browser, route)
                        is_refused = answer.status_code == 403 and "accounts are" in answer.text
                        assert is_refused != bool(needed.intersection(person.roles)), (person.name, route, answer.text)
        allowed = {
            route: {person.name for person in PEOPLE[:-1] if roles.intersection(person.roles) and not person.areas}
            for route, roles in ROLES.items()
        }
        assert {route: (may[route], allowed[route]) for route in ROLES if may[route] != allowed[route]} == {}


async def test_a_viewer_changes_nothing(tmp_path: Path) -> None:
    async with attacked(tmp_path) as target, target.browser_of("viewer") as browser:
        await target.door.happen(1)
        await target.door.until(lambda: sum(target.door.ask.alarms.unacknowledged) == 1)
        before = len(target.center.audit.records)
        token = (await browser.send_json("POST", "/api/account/tokens", {"label": "x", "roles": ["viewer"], "days": 1})).json()
        code = code_at(SECRET, step_at(target.center.clock.utc_us) + 1)
        bearer = {"authorization": f"Bearer {token['value']}"}
        async with browsing(target.app) as terminal:
            assert (await terminal.post("/api/login/second-factor", json={"code": code}, headers=bearer)).status_code == 200
            for route, may in DECISIONS.items():
                method = route.partition(" ")[0]
                if method in {"MOUNT", "WEBSOCKET"} or route in OUTSIDE:
                    continue
                by_token = await attempt(terminal, route, bearer)
                if may in {May.SELF, May.HALF_WAY} and route != "POST /api/login/second-factor":
                    assert by_token.status_code == 401, route
                elif may in {May.ADMINISTRATOR, May.AUDITOR, May.READER}:
                    assert by_token.status_code == 403, route
                if may in {May.ADMINISTRATOR, May.ROLE}:
                    assert not is_done(by_token), (route, by_token.text)
                    assert not is_done(await attempt(browser, route)), route
                if method not in {"GET", "HEAD"} and may is not May.ANYBODY:
                    forged = await attempt(browser, route, {})
                    assert (forged.status_code, "tieline-token" in forged.text) == (403, True), route
        made = [one.action for one in target.center.audit.records[before:]]
        assert set(made) <= {"token_made", "second_factor"}
        assert sum(target.door.ask.alarms.unacknowledged) == 1
        state = await target.door.ask.ask(ReadControl())
        assert (state.selections, state.operations, state.tags, state.runs) == ((), (), (), ())
        assert target.door.control.wire.sent == []


def is_done(answer: httpx.Response) -> bool:
    """Whether something was changed, as far as the answer says."""
    if answer.status_code >= 300:
        return False
    said = answer.json() if answer.content else {}
    return not said.get("is_refused") and said.get("result") != "refused" and not ("refused" in said and not said["ids"])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["\ud800", "\0", "lise"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
RAW = st.binary(max_size=200) | st.sampled_from(
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"9" * 5_000,
        b"1e999",
        b"NaN",
        b"\xff\xfe{",
        b'{"\\ud800": 1}',
        b'{"ids": [1e400]}',
        b"{}{}",
    ]
)
PIECES = st.text(max_size=30) | st.sampled_from(
    ["..", "%00", "a/b", "lise", "acknowledge", "resume", "9" * 30, "p_set", "\u202e", "None"]
)


async def test_nothing_that_is_sent_crashes_a_route(tmp_path: Path) -> None:
    async with attacked(tmp_path) as target, target.browser_of("everything") as browser:
        loop = asyncio.get_running_loop()
        operations = operations_of(target.app)
        assert len([one for one in operations if one.body]) > 15

        @settings(max_examples=4, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(data=st.data())
        def attack(operation: Operation, data: st.DataObject) -> None:
            values = {name: data.draw(PIECES) for name in re.findall(r"\{(.+?)\}", operation.path)}
            path = re.sub(r"\{(.+?)\}", lambda found: quote(values[found[1]], safe=""), operation.path)
            query = data.draw(st.dictionaries(st.sampled_from(operation.query), QUERIES, max_size=3)) if operation.query else {}
            content: bytes | None = None
            if operation.body:
                shaped = st.fixed_dictionaries({}, optional={name: st.just(one) | JSON for name, one in operation.body.items()})
                content = data.draw(RAW | (shaped | JSON).map(lambda one: json.dumps(one).encode()))
            sent = browser.request(
                operation.method,
                path,
                params=query,
                content=content,
                headers={"origin": BASE, "content-type": "application/json", **browser.token()},
            )
            answer = asyncio.run_coroutine_threadsafe(sent, loop).result(30)
            checked(f"{operation.method} {path} {query} {content!r:.300}", answer)
            assert answer.status_code != 502, answer.text

        for operation in operations:
            await asyncio.to_thread(attack, operation)
        assert (await browser.get("/api/sites")).status_code == 200


@dataclass(frozen=True, kw_only=True)
class Operation:
    method: str
    path: str
    query: tuple[str, ...]
    body: Mapping[str, object]
    """A body that makes sense."""


def operations_of(app: FastAPI) -> list[Operation]:
    """Everything in the API document, but what ends the session of who attacks."""
    found = []
    for path, methods in app.openapi()["paths"].items():
        for method, said in methods.items():
            route = f"{method.upper()} {path}"
            if route in OUTSIDE or "logout" in path:
                continue
            query = tuple(one["name"] for one in said.get("parameters", ()) if one["in"] == "query")
            body = BODIES.get(route, {})
            assert ("requestBody" in said) == (route in BODIES), route
            assert isinstance(body, Mapping)
            found.append(Operation(method=method.upper(), path=path, query=query, body=body))
    return found
