"""Logging in at a provider of OpenID Connect, over real HTTP, with tokens that are signed, and tokens that are not good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from tests.security.accounts.provider import CLIENT, SECRET, Key, Provider, providing
from tests.security.accounts.world import NOON_US, Center
from tieline.config import OidcSection
from tieline.model import ConfigError
from tieline.security.identity.accounts.oidc import MOST_BEGUN, Oidc

from .login_world import Browser, app_of, browsing, center_in
from .world import World


@dataclass
class Scene:
    provider: Provider
    center: Center
    app: FastAPI
    browser: Browser

    async def go(self, next_path: str = "/trend", browser: Browser | None = None) -> httpx.Response:
        """To the provider and back; what the center answers then."""
        browser = browser or self.browser
        return await browser.get(await self.way_back(next_path, browser))

    async def way_back(self, next_path: str = "/", browser: Browser | None = None) -> str:
        begun = await (browser or self.browser).get("/login/provider", params={"next": next_path})
        assert begun.status_code == 303
        async with httpx.AsyncClient() as client:
            answer = await client.get(begun.headers["location"])
        assert answer.status_code == 303
        return answer.headers["location"]


@asynccontextmanager
async def playing(folder: Path, world: World, **settings: object) -> AsyncIterator[Scene]:
    center = center_in(folder, **settings)
    (folder / "secret").write_text(f"{SECRET}\n")
    with closing(center.accounts):
        async with providing(Provider(now_s=NOON_US / 1e6)) as provider:
            section = OidcSection(issuer=provider.issuer, client_id=CLIENT, client_secret_file="secret", title="Ridgeway ID")
            oidc = Oidc(section, center.clock, secrets_folder=folder)
            app = app_of(world, center, oidc=oidc)
            async with browsing(app) as browser:
                yield Scene(provider, center, app, browser)
            await oidc.close()


@pytest.fixture
async def scene(tmp_path: Path, world: World) -> AsyncIterator[Scene]:
    async with playing(tmp_path, world) as scene:
        yield scene


def problem_of(answer: httpx.Response) -> str:
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    return unquote(answer.cookies["tieline_problem"])


async def test_a_person_whom_the_provider_vouches_for_is_in_with_the_roles_of_the_folder(scene: Scene) -> None:
    assert (await scene.browser.get("/api/login")).json() == {"utility": "Ridgeway", "provider": "Ridgeway ID"}
    answer = await scene.go("/trend?points=a&from=-1h")
    assert answer.status_code == 200
    assert 'content="0;url=/trend?points=a&amp;from=-1h"' in answer.text
    session = (await scene.browser.get("/api/session")).json()
    assert (session["person"], session["roles"], session["may_control"]) == ("ada", ["operator", "viewer"], False)
    assert scene.center.audit.records[-1].detail["way"] == "provider"


async def test_people_who_are_not_in_the_folder_stay_outside(scene: Scene) -> None:
    scene.provider.person = "mallory"
    assert "no person of that name" in problem_of(await scene.go())
    assert (await scene.browser.get("/api/sites")).status_code == 401


async def test_the_second_factor_is_tielines_own(tmp_path: Path, world: World) -> None:
    async with playing(tmp_path, world, second_factor="always") as scene:
        scene.center.prepare(has_app=True)
        assert "url=/login" in (await scene.go()).text
        assert (await scene.browser.get("/api/sites")).status_code == 401
        await scene.browser.send_json("POST", "/api/login/second-factor", {"code": scene.center.code()})
        assert (await scene.browser.get("/api/sites")).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "http://127.0.0.1:1"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": [CLIENT, "another"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"azp": "another"},
        {"exp": NOON_US / 1e6 - 61},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": NOON_US / 1e6 + 61},
        {"iat": None},
        {"nonce": "x"},
        {"nonce": None},
    ],
    ids=str,
)
async def test_a_token_for_somebody_or_sometime_else_is_refused(scene: Scene, claims: dict[str, object]) -> None:
    scene.provider.claims = claims
    assert "not for this login, or not for now" in problem_of(await scene.go())
    assert (await scene.browser.get("/api/sites")).status_code == 401


@pytest.mark.parametrize("claims", [{"preferred_username": None}, {"preferred_username": ["ada"]}, {"preferred_username": ""}])
async def test_a_token_that_names_nobody_is_refused(scene: Scene, claims: dict[str, object]) -> None:
    scene.provider.claims = claims
    assert "no claim 'preferred_username'" in problem_of(await scene.go())


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_a_token_without_a_signature_of_the_provider_is_refused(scene: Scene, algorithm: str) -> None:
    scene.provider.algorithm = algorithm
    assert "not signed by a key of the provider" in problem_of(await scene.go())


async def test_a_token_signed_by_a_stranger_is_refused_also_under_a_known_keys_name(scene: Scene) -> None:
    for name in ("one", "two"):
        scene.provider.signer = Key(name)
        assert "not signed by a key of the provider" in problem_of(await scene.go())


async def test_keys_are_asked_for_once_and_again_when_the_provider_has_changed_them(scene: Scene) -> None:
    await scene.go()
    await scene.go()
    assert scene.provider.asked == ["discovery", "keys"]
    scene.provider.keys = [Key("two")]
    scene.center.clock.go(31)
    scene.provider.now_s += 31
    assert (await scene.go()).status_code == 200
    assert scene.provider.asked == ["discovery", "keys", "keys"]


async def test_strange_keys_do_not_make_us_ask_again_and_again(scene: Scene) -> None:
    await scene.go()
    scene.provider.signer = Key("stranger")
    for _ in range(3):
        await scene.go()
    assert scene.provider.asked.count("keys") == 1


async def test_a_login_ends_in_the_browser_that_began_it_and_once(scene: Scene) -> None:
    back = await scene.way_back()
    async with browsing(scene.app) as victim:
        assert "not begun in this browser" in problem_of(await victim.get(back))
    assert "not begun in this browser" in problem_of(await scene.browser.get(back))  # the attempt has used it up
    back = await scene.way_back()
    assert (await scene.browser.get(back)).status_code == 200
    assert "not begun in this browser" in problem_of(await scene.browser.get(back))


async def test_who_begins_logins_without_end_ends_nobody_elses(scene: Scene) -> None:
    back = await scene.way_back()
    async with browsing(scene.app, "10.6.6.6") as other:
        for _ in range(MOST_BEGUN + 1):
            await other.get("/login/provider")
    assert (await scene.browser.get(back)).status_code == 200


async def test_a_login_that_takes_too_long_is_refused(scene: Scene) -> None:
    back = await scene.way_back()
    scene.center.clock.go(601)
    assert "too long ago" in problem_of(await scene.browser.get(back))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "not begun in this browser"),
        ("?state=x&code=y", "not begun in this browser"),
        ("?error=access_denied", "the provider refuses: access_denied"),
        ("?error=call+555-0100+at+once", "the provider refuses: it does not say why in a known word"),
    ],
)
async def test_what_comes_back_without_a_login_is_refused(scene: Scene, query: str, words: str) -> None:
    assert words in problem_of(await scene.browser.get(f"/login/provider/back{query}"))


async def test_an_answer_of_another_provider_is_refused(scene: Scene) -> None:
    back = await scene.way_back()
    assert "another provider" in problem_of(await scene.browser.get(f"{back}&iss=https://evil.example"))


async def test_a_code_that_somebody_else_got_is_worth_nothing(scene: Scene) -> None:
    other = await scene.way_back()
    mine = await scene.way_back()
    stolen = httpx.URL(mine).copy_set_param("code", httpx.URL(other).params["code"])
    assert "does not take the code" in problem_of(await scene.browser.get(stolen))  # PKCE


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_the_way_back_leads_to_our_own_pages_only(scene: Scene, wanted: str) -> None:
    assert 'content="0;url=/"' in (await scene.go(wanted)).text


async def test_a_provider_that_calls_itself_otherwise_or_is_not_there_is_said(scene: Scene) -> None:
    scene.provider.said_issuer = "https://other.example"
    assert "calls itself 'https://other.example'" in problem_of(await scene.browser.get("/login/provider"))


async def test_a_provider_that_is_not_there_is_said(tmp_path: Path, world: World) -> None:
    center = center_in(tmp_path)
    with closing(center.accounts):
        oidc = Oidc(OidcSection(issuer="http://127.0.0.1:9", client_id="x"), center.clock, secrets_folder=tmp_path)
        async with browsing(app_of(world, center, oidc=oidc)) as browser:
            assert "cannot be reached" in problem_of(await browser.get("/login/provider"))
        await oidc.close()


def test_a_secret_that_cannot_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    center = center_in(tmp_path)
    section = OidcSection(issuer="https://login.example", client_id="x", client_secret_file="secret")
    with closing(center.accounts), pytest.raises(ConfigError, match="secret"):
        Oidc(section, center.clock, secrets_folder=tmp_path)


@pytest.mark.parametrize(
    "issuer", ["http://login.example", "ftp://x", "login.example", "https://a:b@login.example", "https://x?y=z"]
)
def test_a_provider_is_spoken_to_over_tls_unless_it_is_on_this_machine(issuer: str) -> None:
    with pytest.raises(ValidationError):
        OidcSection(issuer=issuer, client_id="x")
