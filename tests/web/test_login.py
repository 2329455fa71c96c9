"""Where people log in: nothing without a session, nothing from other origins, nothing with another's cookie."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.security.accounts.authenticator import Authenticator
from tests.security.accounts.world import OTHER_PASSWORD, PASSWORD, Center
from tieline.security.identity.accounts import Identity
from tieline.web.login import identity
from tieline.web.login.own_routes import qr_code
from tieline.web.login.provider_routes import local_path

from .login_world import BASE, Browser, app_of, browsing, center_in
from .world import World, serving


@pytest.fixture
def center(tmp_path: Path) -> Iterator[Center]:
    center = center_in(tmp_path)
    with closing(center.accounts):
        center.prepare("ada", has_app=True)
        center.prepare("lise")
        yield center


@pytest.fixture
def app(world: World, center: Center) -> FastAPI:
    return app_of(world, center)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[Browser]:
    async with browsing(app) as browser:
        yield browser


def api_of(app: FastAPI) -> list[tuple[str, str, list[str]]]:
    """Method, path and tags of everything in the API."""
    paths = app.openapi()["paths"]
    return [(method.upper(), path, one.get("tags", [])) for path, methods in paths.items() for method, one in methods.items()]


async def test_the_api_needs_somebody_who_is_logged_in(app: FastAPI, browser: Browser) -> None:
    routes = api_of(app)
    assert len(routes) > 30
    for method, path, _ in [*routes, ("GET", "/metrics", []), ("GET", "/openapi.json", []), ("GET", "/api/nothing", [])]:
        answer = await browser.request(method, re.sub(r"[{}]", "", path))
        if path == "/api/login":
            assert answer.status_code in {200, 400}
        else:
            assert answer.status_code == 401, path
            assert answer.json()["error"]["kind"] == "login_required"


@pytest.mark.parametrize(
    "path", ["/", "/trend", "/site/northgate", "/account", "/accounts", "/nothing", "/loginx", "/static", "//"]
)
async def test_pages_need_somebody_who_is_logged_in(browser: Browser, path: str) -> None:
    answer = await browser.get(BASE + path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=%2F")


@pytest.mark.parametrize("path", ["/healthz", "/login", "/static/base.css", "/vendor/uplot.js"])
async def test_what_says_nothing_of_the_utility_is_open(browser: Browser, path: str) -> None:
    assert (await browser.get(path)).status_code == 200


async def test_pages_lead_to_the_login_and_remember_where_one_wanted_to_go(browser: Browser) -> None:
    answer = await browser.get("/trend?points=a,b&from=-15m")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Ftrend%3Fpoints%3Da%2Cb%26from%3D-15m"


async def test_who_logs_in_sees_what_there_is(browser: Browser) -> None:
    assert (await browser.log_in()).json() == {"stage": "full"}
    assert (await browser.get("/api/sites")).status_code == 200
    assert (await browser.get("/")).status_code == 200
    body = (await browser.get("/api/session")).json()
    assert (body["person"], body["roles"], body["areas"]) == ("ada", ["operator", "viewer"], ["northgate"])
    assert (body["may_control"], body["has_app"], body["second_factor"]) == (False, True, "control")


async def test_the_session_is_in_a_cookie_that_scripts_and_other_sites_do_not_get(browser: Browser) -> None:
    given = (await browser.log_in()).headers.get_list("set-cookie")
    session = next(one for one in given if one.startswith("tieline_session="))
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(session.split("; "))
    assert "Domain" not in session
    assert "Max-Age" not in session
    assert "Secure" not in session  # only with TLS


async def test_a_session_that_somebody_else_chose_is_not_taken_up(browser: Browser) -> None:
    browser.cookies.set("tieline_session", "chosen-by-the-attacker")
    await browser.log_in()
    assert browser.cookies.get("tieline_session", domain="127.0.0.1") != "chosen-by-the-attacker"
    async with browsing(browser._transport.app) as attacker:  # type: ignore[attr-defined]
        attacker.cookies.set("tieline_session", "chosen-by-the-attacker")
        assert (await attacker.get("/api/sites")).status_code == 401


async def test_the_value_of_before_the_second_factor_is_worth_nothing_after_it(
    app: FastAPI, center: Center, browser: Browser
) -> None:
    await browser.log_in()
    before = browser.cookies["tieline_session"]
    answer = await browser.send_json("POST", "/api/login/second-factor", {"code": center.code()})
    assert answer.json() == {"stage": "full"}
    assert (await browser.get("/api/session")).json()["may_control"] is True
    async with browsing(app) as thief:
        thief.cookies.set("tieline_session", before)
        assert (await thief.get("/api/sites")).status_code == 401


async def test_a_code_counts_once_over_the_wire_too(app: FastAPI, center: Center, browser: Browser) -> None:
    await browser.log_in()
    code = center.code()
    assert (await browser.send_json("POST", "/api/login/second-factor", {"code": code})).status_code == 200
    async with browsing(app) as other:
        await other.log_in()
        answer = await other.send_json("POST", "/api/login/second-factor", {"code": code})
        assert (answer.status_code, answer.json()["error"]["kind"]) == (403, "refused")


@pytest.mark.parametrize("change", ["", "x", "{}x", "x{}", "{}\u00e9"])
async def test_a_cookie_that_was_tampered_with_opens_nothing(app: FastAPI, browser: Browser, change: str) -> None:
    await browser.log_in()
    value = change.format(browser.cookies["tieline_session"])
    async with browsing(app) as forger:
        header = f"tieline_session={value}".encode("latin-1")
        assert (await forger.get("/api/sites", headers=[(b"cookie", header)])).status_code == 401


async def test_a_request_that_changes_something_needs_the_sessions_token(app: FastAPI, browser: Browser) -> None:
    await browser.log_in()
    for token in ({}, {"tieline-token": "x"}, {"tieline-token": "\u00e9"}):
        headers = [(name.encode(), value.encode("latin-1")) for name, value in {"origin": BASE, **token}.items()]
        answer = await browser.post("/api/logout", headers=headers)
        assert (answer.status_code, "tieline-token" in answer.json()["error"]["message"]) == (403, True)
    async with browsing(app) as other:
        await other.log_in("lise")
        foreign = other.token()
    assert (await browser.post("/api/logout", headers=foreign)).status_code == 403
    assert (await browser.get("/api/sites")).status_code == 200
    assert (await browser.post("/api/logout", headers=browser.token())).status_code == 204


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8400"])
async def test_other_origins_change_nothing_not_even_with_the_token(browser: Browser, origin: str) -> None:
    await browser.log_in()
    answer = await browser.post("/api/logout/everywhere", headers={"origin": origin, **browser.token()})
    assert answer.status_code == 403
    answer = await browser.post("/api/login", json={"name": "lise", "password": PASSWORD}, headers={"origin": origin})
    assert answer.status_code == 403
    assert (await browser.get("/api/session")).json()["person"] == "ada"


async def test_a_form_of_another_site_logs_nobody_in(browser: Browser) -> None:
    body = b'{"name":"ada","password":"' + PASSWORD.encode() + b'"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await browser.post("/api/login", content=body, headers={"content-type": kind})
        assert answer.status_code == 400
    assert "tieline_session" not in browser.cookies


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"name": 3, "password": null}', 400),
        (b'{"name": "ada", "password": "x", "role": "engineer"}', 400),
        (b'{"name": "' + b"x" * 2_000 + b'", "password": "x"}', 400),
        (b'{"name": "ada", "password": "' + b"x" * 2_000 + b'"}', 400),
        (b'{"name": "ada", "password": "' + b"x" * 100_000 + b'"}', 413),
        (b"[" * 60_000, 400),
        (b'{"name": "\\ud800", "password": "\\ud800"}', 400),
        (b'{"name": "ada\\u0000", "password": "\\u0000"}', 403),
        (b'{"name": "\' OR 1=1 --", "password": "x"}', 403),
    ],
)
async def test_odd_logins_are_refused_in_the_one_shape(browser: Browser, body: bytes, status: int) -> None:
    answer = await browser.post("/api/login", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"kind", "message"}


async def test_a_body_without_a_length_is_not_read(browser: Browser) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000_000

    answer = await browser.post("/api/login", content=endless())
    assert answer.status_code == 411


@pytest.mark.parametrize("length", ["65537", "00000000000000065537", "9" * 5_000, "-1", "1e3", "", "²"])
async def test_a_body_that_is_too_long_is_not_read_however_its_length_is_written(browser: Browser, length: str) -> None:
    headers = [(b"content-length", length.encode("latin-1")), (b"content-type", b"application/json")]
    assert (await browser.post("/api/login", content=b"{}", headers=headers)).status_code == 413


async def test_accounts_that_cannot_be_read_are_said_and_let_nobody_in(browser: Browser, center: Center) -> None:
    await browser.log_in()
    center.accounts.close()
    answer = await browser.get("/api/sites")
    assert (answer.status_code, answer.json()["error"]["kind"]) == (503, "unavailable")
    center.accounts = center.open()


@pytest.mark.parametrize("label", ["", "   ", "a\nb", "\x1b[2J", "\u202edrawkcab", "\u2028", "a" * 61])
async def test_what_is_recorded_is_one_line_that_can_be_read(browser: Browser, label: str) -> None:
    await browser.log_in()
    asked = {"label": label, "roles": ["viewer"], "days": 1}
    answer = await browser.send_json("POST", "/api/account/tokens", asked)
    assert answer.status_code == 400
    assert "label" in answer.json()["error"]["message"]


async def test_many_wrong_passwords_at_once_are_looked_at_a_few_times_only(browser: Browser, center: Center) -> None:
    answers = await asyncio.gather(*(browser.log_in("ada", OTHER_PASSWORD) for _ in range(20)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(403) == 5
    assert statuses.count(429) == 15
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert (refused.headers["retry-after"], refused.json()["error"]["kind"]) == ("1", "too_many")
    assert (await browser.log_in()).status_code == 429
    center.clock.go(1)
    assert (await browser.log_in()).status_code == 200


async def test_a_browser_that_is_known_is_not_locked_out_by_others(app: FastAPI, browser: Browser) -> None:
    await browser.log_in()
    await browser.send_json("POST", "/api/logout")
    async with browsing(app) as attacker:
        await asyncio.gather(*(attacker.log_in("ada", OTHER_PASSWORD) for _ in range(8)))
        assert (await attacker.log_in()).status_code == 429
    assert (await browser.log_in()).status_code == 200


async def test_logging_out_ends_the_session_and_not_only_the_cookie(app: FastAPI, browser: Browser) -> None:
    await browser.log_in()
    value = browser.cookies["tieline_session"]
    assert (await browser.send_json("POST", "/api/logout")).status_code == 204
    assert "tieline_session" not in browser.cookies
    async with browsing(app) as thief:
        thief.cookies.set("tieline_session", value)
        assert (await thief.get("/api/sites")).status_code == 401


async def test_logging_in_anew_ends_the_session_that_the_browser_had(app: FastAPI, browser: Browser) -> None:
    await browser.log_in()
    value = browser.cookies["tieline_session"]
    await browser.log_in("lise")
    async with browsing(app) as thief:
        thief.cookies.set("tieline_session", value)
        assert (await thief.get("/api/sites")).status_code == 401


async def test_nobody_chooses_from_where_he_seems_to_come(world: World, center: Center, app: FastAPI) -> None:
    headers = {"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https", "forwarded": "for=198.51.100.7;proto=https"}
    async with serving(world, app=app) as address, httpx.AsyncClient(base_url=f"http://{address}", headers=headers) as client:
        answer = await client.post("/api/login", json={"name": "ada", "password": PASSWORD})
        assert "tieline_session" in answer.cookies
        assert center.audit.records[-1].detail["address"] == "127.0.0.1"


async def test_what_pages_ask_for_by_themselves_does_not_keep_a_session_alive(browser: Browser, center: Center) -> None:
    await browser.log_in()
    for _ in range(3):
        center.clock.go(20 * 60)
        answer = await browser.get("/api/values")
        if answer.status_code == 401:
            break
    else:
        pytest.fail("the session lives on")
    await browser.log_in()
    for _ in range(3):
        center.clock.go(20 * 60)
        assert (await browser.send_json("POST", "/api/session/active")).status_code == 204
    assert (await browser.get("/api/values")).status_code == 200


async def test_where_a_factor_is_always_asked_a_password_alone_shows_nothing(tmp_path: Path, world: World) -> None:
    center = center_in(tmp_path, second_factor="always")
    with closing(center.accounts):
        center.prepare(has_app=True)
        async with browsing(app_of(world, center)) as browser:
            assert (await browser.log_in()).json() == {"stage": "second_factor"}
            for path in ("/api/sites", "/metrics", "/api/account/tokens", "/api/account/sessions", "/api/accounts"):
                assert (await browser.get(path)).status_code == 401
            assert (await browser.get("/")).status_code == 303
            answer = await browser.send_json("POST", "/api/account/tokens", {"label": "x", "roles": ["viewer"], "days": 1})
            assert answer.status_code == 401
            assert (await browser.send_json("POST", "/api/account/app")).status_code == 403
            await browser.send_json("POST", "/api/login/second-factor", {"code": center.code()})
            assert (await browser.get("/api/sites")).status_code == 200


async def test_the_first_administrator_logs_in_changes_the_secret_and_sets_up_an_app(center: Center, browser: Browser) -> None:
    given = center.accounts.administration.first_administrator()
    assert given is not None
    assert (await browser.log_in("rosalind", given.secret)).json() == {"stage": "change_password"}
    assert (await browser.get("/api/sites")).status_code == 401
    weak = await browser.send_json("POST", "/api/login/password", {"old": given.secret, "new": "rosalind"})
    assert (weak.status_code, "at least 12" in weak.json()["error"]["message"]) == (400, True)
    good = await browser.send_json("POST", "/api/login/password", {"old": given.secret, "new": PASSWORD})
    assert good.json() == {"stage": "full"}
    assert (await browser.send_json("POST", "/api/accounts/grace")).status_code == 403  # a second factor first
    begun = (await browser.send_json("POST", "/api/account/app")).json()
    assert begun["address"].startswith("otpauth://totp/")
    code = center.code(base64.b32decode(begun["secret"]))
    confirmed = (await browser.send_json("PUT", "/api/account/app", {"code": code})).json()
    assert len(confirmed["recovery_codes"]) == 10
    created = await browser.send_json("POST", "/api/accounts/grace")
    assert created.status_code == 201
    async with browsing(browser._transport.app) as other:  # type: ignore[attr-defined]
        assert (await other.log_in("grace", created.json()["secret"])).json() == {"stage": "change_password"}
    listed = (await browser.get("/api/accounts")).json()
    assert [one["name"] for one in listed["accounts"] if one["awaits_first_login"]] == ["grace"]


async def test_administrators_lock_and_unlock_others_over_the_api(center: Center, browser: Browser, app: FastAPI) -> None:
    center.prepare("rosalind", has_app=True)
    await browser.log_in("rosalind")
    await browser.send_json("POST", "/api/login/second-factor", {"code": center.code()})
    async with browsing(app) as lise:
        await lise.log_in("lise")
        assert (await browser.send_json("POST", "/api/accounts/lise/lock", {"reason": "on leave"})).status_code == 204
        assert (await lise.get("/api/sites")).status_code == 401
        assert (await browser.send_json("POST", "/api/accounts/lise/unlock")).status_code == 204
        assert (await lise.log_in("lise")).status_code == 200
        assert (await lise.get("/api/accounts")).status_code == 403
        assert (await lise.send_json("POST", "/api/accounts/ada/reset")).status_code == 403
    assert (await browser.send_json("POST", "/api/accounts/rosalind/unlock")).status_code == 403
    assert (await browser.send_json("DELETE", "/api/accounts/ada")).status_code == 204
    assert (await browser.send_json("POST", "/api/accounts/ada/reset")).status_code == 403


async def test_a_terminal_uses_a_token_and_shows_a_code_to_control(app: FastAPI, center: Center, browser: Browser) -> None:
    await browser.log_in()
    asked = {"label": "laptop", "roles": ["operator"], "days": 30}
    made = await browser.send_json("POST", "/api/account/tokens", asked)
    assert made.status_code == 201
    token = made.json()
    assert token["value"].startswith("tieline_")
    seen: list[Identity] = []

    @app.post("/api/operate")
    async def operate(who: Annotated[Identity, Depends(identity)]) -> None:
        seen.append(who)

    app.router.routes.insert(0, app.router.routes.pop())  # before the one that answers whatever there is not
    async with browsing(app, "10.0.0.7") as terminal:
        terminal.headers["authorization"] = f"Bearer {token['value']}"
        assert (await terminal.get("/api/sites")).status_code == 200
        assert (await terminal.post("/api/operate")).status_code == 200
        await terminal.post("/api/login/second-factor", json={"code": center.code()})
        assert (await terminal.post("/api/operate")).status_code == 200
        assert [(who.person, who.roles, who.address, who.has_second_factor) for who in seen] == [
            ("ada", {"operator"}, "10.0.0.7", False),
            ("ada", {"operator"}, "10.0.0.7", True),
        ]
        for path in ("/api/account/tokens", "/api/account/sessions", "/api/session"):
            assert (await terminal.get(path)).status_code == 401  # tokens do not make tokens
        assert (await browser.send_json("DELETE", f"/api/account/tokens/{token['name']}")).status_code == 204
        assert (await terminal.get("/api/sites")).status_code == 401


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Bearer x", "Basic YWRhOng=", "bearer tieline_x", "Bearer \x00"])
async def test_a_bad_token_is_refused_even_beside_a_good_cookie(browser: Browser, value: str) -> None:
    await browser.log_in()
    answer = await browser.get("/api/sites", headers=[(b"authorization", value.encode())])
    assert answer.status_code == 401


async def test_without_accounts_nobody_is_anybody(world: World) -> None:
    app = world.app()

    @app.get("/who")
    async def who(_: Annotated[Identity, Depends(identity)]) -> None: ...

    async with browsing(app) as browser:
        assert (await browser.get("/who")).status_code == 401
        assert (await browser.get("/api/sites")).status_code == 200


async def test_a_security_key_over_the_wire(tmp_path: Path, world: World) -> None:
    center, key, origin = center_in(tmp_path), Authenticator(), "http://localhost:8400"
    with closing(center.accounts):
        center.prepare()
        async with browsing(app_of(world, center)) as browser:
            browser.base_url = httpx.URL(origin)

            async def ask(path: str, body: object = None) -> dict[str, object]:
                answer = await browser.post(path, json=body, headers={"origin": origin, **browser.token()})
                assert answer.status_code == 200, answer.text
                return dict(answer.json())

            await ask("/api/login", {"name": "ada", "password": PASSWORD})
            question = await ask("/api/account/security-keys/question")
            codes = await ask("/api/account/security-keys", {"answer": key.register(question, origin), "label": "blue"})
            assert len(codes["recovery_codes"]) == 10  # type: ignore[arg-type]
            await ask("/api/login", {"name": "ada", "password": PASSWORD})
            question = await ask("/api/login/security-key/question")
            assert await ask("/api/login/security-key", {"answer": key.prove(question, origin)}) == {"stage": "full"}
            assert (await browser.get("/api/session")).json()["may_control"] is True


async def drained(socket: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        while True:
            await socket.recv()


async def test_a_websocket_needs_a_session_and_our_origin_and_ends_with_the_session(
    world: World, center: Center, app: FastAPI
) -> None:
    async with serving(world, app=app) as address, Browser(base_url=f"http://{address}") as browser:
        own = f"http://{address}"
        await browser.post("/api/login", json={"name": "ada", "password": PASSWORD})
        cookie = {"cookie": f"tieline_session={browser.cookies['tieline_session']}"}
        for origin, headers in (
            (own, {}),
            (own, {"cookie": "tieline_session=x"}),
            ("https://evil.example", cookie),
            (None, cookie),
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://{address}/live", origin=origin, additional_headers=headers):  # type: ignore[arg-type]
                    pass
            assert refused.value.response.status_code == 403
        async with connect(f"ws://{address}/live", origin=own, additional_headers=cookie) as socket:  # type: ignore[arg-type]
            await socket.recv()
            await browser.post("/api/logout", headers=browser.token())
            async with asyncio.timeout(10):
                await drained(socket)
            assert socket.close_code == 4401
    assert app.state.feed.viewers == 0


async def test_a_websocket_that_hears_nothing_ends_with_its_token_and_goes_on_through_a_second_factor(
    world: World, center: Center, app: FastAPI
) -> None:
    async with serving(world, app=app) as address, Browser(base_url=f"http://{address}") as browser:
        await browser.post("/api/login", json={"name": "ada", "password": PASSWORD})
        asked = {"label": "x", "roles": ["viewer"], "days": 1}
        token = (await browser.post("/api/account/tokens", json=asked, headers=browser.token())).json()
        bearer = {"authorization": f"Bearer {token['value']}"}
        cookie = {"cookie": f"tieline_session={browser.cookies['tieline_session']}"}
        async with (
            connect(f"ws://{address}/live", additional_headers=bearer) as by_token,
            connect(f"ws://{address}/live", origin=f"http://{address}", additional_headers=cookie) as by_cookie,  # type: ignore[arg-type]
        ):
            await browser.post("/api/login/second-factor", json={"code": center.code()}, headers=browser.token())
            await browser.delete(f"/api/account/tokens/{token['name']}", headers=browser.token())
            async with asyncio.timeout(10):
                await drained(by_token)
            assert by_token.close_code == 4401
            await by_cookie.recv()
            assert by_cookie.close_code is None


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil.example", "/a\nb", "", "/login", "x", "/" * 3_000],
)
def test_the_way_back_leads_nowhere_else(wanted: str) -> None:
    assert local_path(wanted) == "/"
    assert local_path("/trend?points=a") == "/trend?points=a"


def test_a_qr_code_is_a_square_of_dark_modules_with_a_margin() -> None:
    size, path = qr_code(
        "otpauth://totp/Tieline%20Ridgeway:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Tieline%20Ridgeway"
    )
    assert (size - 8) % 4 == 1  # versions differ by four modules, from 21 on
    assert path.startswith("M4 4h1v1h-1z")  # the corner of the first finder pattern
    assert "M0 " not in path


def test_every_route_of_the_login_is_documented(app: FastAPI) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/login.md").read_text()
    documented = {"login", "own account", "accounts"}
    routes = [(method, path) for method, path, tags in api_of(app) if documented.intersection(tags)]
    assert len(routes) > 20
    assert [f"{method} {path}" for method, path in routes if f"`{method} {path}`" not in page] == []
