"""Logging in at a provider of OpenID Connect: the authorization code flow with PKCE (OpenID Connect Core 1.0; RFC 7636; RFC 9700).

The browser is sent to the provider with a state, a nonce and a PKCE challenge, and comes back with a code, which is exchanged for an ID
token over a connection of our own. The token's signature, issuer, audience, times and nonce are checked; one claim of it names the
person. A login that was begun in one browser ends in that browser only, once, within ten minutes.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from tieline.config.login import OidcSection
from tieline.io.clock import Clock
from tieline.model import ConfigError, RemoteError, UnavailableError
from tieline.security.identity.accounts.errors import LoginRefusedError
from tieline.security.identity.accounts.secret_values import hash_of, new_value
from tieline.security.identity.accounts.throttle import network_of

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
"""Signatures that are taken: none with a shared secret, and never "none"."""
LIFE_S = 600.0
MOST_BEGUN = 1_000
MOST_BEGUN_AN_ADDRESS = 50
"""The oldest of an address gives way: whoever begins logins without end ends nobody else's."""
LEEWAY_S = 60
KNOWN_FOR_S = 3_600.0
KEYS_AT_MOST_EVERY_S = 30.0
"""A key that is not known makes us ask for the keys again, but no more often than this."""
TIMEOUT_S = 10.0
MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A login that goes on at the provider."""

    address: str
    """Where the browser goes."""
    browser: str
    """What it keeps in a cookie until it is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flow:
    browser: str
    nonce: str
    verifier: str
    redirect: str
    next: str
    network: str
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    authorization: str
    token: str
    keys: str
    until_s: float


class Oidc:
    """One provider. For one event loop."""

    def __init__(
        self, settings: OidcSection, clock: Clock, *, secrets_folder: Path, http: httpx.AsyncClient | None = None
    ) -> None:
        """Raises `ConfigError` where the client's secret cannot be read."""
        self.settings = settings
        self._clock = clock
        self._secret = _read_secret(settings.client_secret_file, secrets_folder)
        self._http = http or httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False)
        self._flows: dict[str, _Flow] = {}
        self._provider: _Provider | None = None
        self._keys: KeySet | None = None
        self._keys_asked_s = float("-inf")

    async def begin(self, redirect: str, next_path: str, *, address: str = "") -> Begun:
        """Begins a login; `redirect` is where the browser comes back to, `next_path` where it goes then, `address` whose it is.

        Raises `UnavailableError` where the provider cannot be reached, `RemoteError` where it makes no sense.
        """
        provider = await self._discover()
        now_s = self._clock.monotonic()
        self._flows = {state: flow for state, flow in self._flows.items() if flow.until_s > now_s}
        network = network_of(address)
        of_network = [state for state, flow in self._flows.items() if flow.network == network]
        for state in of_network[: max(0, len(of_network) - MOST_BEGUN_AN_ADDRESS + 1)]:
            del self._flows[state]
        while len(self._flows) >= MOST_BEGUN:
            del self._flows[next(iter(self._flows))]
        state, browser, verifier, nonce = (new_value() for _ in range(4))
        self._flows[state] = _Flow(
            browser=hash_of(browser),
            nonce=nonce,
            verifier=verifier,
            redirect=redirect,
            next=next_path,
            network=network,
            until_s=now_s + LIFE_S,
        )
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect,
            "scope": "openid profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in provider.authorization else "?"
        return Begun(address=f"{provider.authorization}{joint}{urlencode(query)}", browser=browser)

    async def finish(self, *, state: str, code: str, browser: str, issuer: str = "") -> tuple[str, str]:
        """The person's name as the provider vouches for it, and where the browser goes on.

        Raises `LoginRefusedError` where this is not the end of a login that this browser began, or the token is not good;
        `UnavailableError` and `RemoteError` as `begin`.
        """
        flow = self._flows.pop(state, None)
        if flow is None or flow.until_s <= self._clock.monotonic() or not secrets.compare_digest(flow.browser, hash_of(browser)):
            raise LoginRefusedError("this login was not begun in this browser, or too long ago; begin anew")
        if issuer and issuer != self.settings.issuer:  # RFC 9207
            raise LoginRefusedError("the answer comes from another provider than it was asked of")
        provider = await self._discover()
        token = await self._exchange(provider, code, flow)
        claims = await self._verify(provider, token, flow.nonce)
        name = claims.get(self.settings.claim)
        if not isinstance(name, str) or not name:
            raise LoginRefusedError(f"the provider does not say who you are: its token has no claim {self.settings.claim!r}")
        return name, flow.next

    async def close(self) -> None:
        """Ends connections to the provider."""
        await self._http.aclose()

    async def _discover(self) -> _Provider:
        """What the provider says of itself (OpenID Connect Discovery 1.0, 4), kept for an hour."""
        if self._provider is not None and self._provider.until_s > self._clock.monotonic():
            return self._provider
        issuer = self.settings.issuer
        said = await self._get(issuer.rstrip("/") + "/.well-known/openid-configuration")
        if said.get("issuer") != issuer:
            raise RemoteError(
                f"the provider calls itself {str(said.get('issuer'))[:200]!r}, not {issuer!r} as [login.oidc] issuer says"
            )
        ends = [said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        scheme = issuer.split(":", 1)[0] + "://"
        authorization, token, keys = (
            end if isinstance(end, str) and end.startswith(("https://", scheme)) else "" for end in ends
        )
        if not (authorization and token and keys):
            raise RemoteError(f"the provider {issuer} does not say where to log in, to get tokens and its keys")
        self._provider = _Provider(
            authorization=authorization, token=token, keys=keys, until_s=self._clock.monotonic() + KNOWN_FOR_S
        )
        return self._provider

    async def _exchange(self, provider: _Provider, code: str, flow: _Flow) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect,
            "client_id": self.settings.client_id,
            "code_verifier": flow.verifier,
        }
        client = httpx.BasicAuth(self.settings.client_id, self._secret) if self._secret else None
        answer = await self._ask(httpx.Request("POST", provider.token, data=form), auth=client)
        if answer.status_code != 200:
            raise LoginRefusedError("the provider does not take the code; begin anew")
        token = _object(answer).get("id_token")
        if not isinstance(token, str):
            raise RemoteError(f"the provider {self.settings.issuer} gave no ID token")
        return token

    async def _verify(self, provider: _Provider, token: str, nonce: str) -> Mapping[str, object]:
        """The claims of a token that is good (OpenID Connect Core 1.0, 3.1.3.7)."""
        try:
            claims = self._decode(token, await self._key_set(provider, anew=False))
        except (JoseError, ValueError):
            try:
                claims = self._decode(token, await self._key_set(provider, anew=True))
            except (JoseError, ValueError) as error:
                raise LoginRefusedError("the provider's token is not signed by a key of the provider") from error
        now_s = self._clock.now_us() / 1e6
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        expires, issued = claims.get("exp"), claims.get("iat")
        client = self.settings.client_id
        wrong = [
            claims.get("iss") != self.settings.issuer,
            client not in audiences,
            len(audiences) > 1 and claims.get("azp") != client,
            claims.get("azp", client) != client,
            not isinstance(expires, int | float) or expires + LEEWAY_S <= now_s,
            not isinstance(issued, int | float) or issued - LEEWAY_S > now_s,
            not secrets.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()),
        ]
        if any(wrong):
            raise LoginRefusedError("the provider's token is not for this login, or not for now")
        return claims

    def _decode(self, token: str, keys: KeySet) -> dict[str, object]:
        return dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)

    async def _key_set(self, provider: _Provider, *, anew: bool) -> KeySet:
        now_s = self._clock.monotonic()
        age_s = now_s - self._keys_asked_s
        if self._keys is not None and age_s < (KEYS_AT_MOST_EVERY_S if anew else KNOWN_FOR_S):
            return self._keys
        said = await self._get(provider.keys)
        try:
            self._keys = KeySet.import_key_set({"keys": said["keys"]})  # type: ignore[typeddict-item]  # checked by it
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise RemoteError(f"the keys of the provider {self.settings.issuer} make no sense") from error
        self._keys_asked_s = now_s
        return self._keys

    async def _get(self, address: str) -> dict[str, object]:
        answer = await self._ask(httpx.Request("GET", address, headers={"accept": "application/json"}))
        if answer.status_code != 200:
            raise RemoteError(f"the provider answers {answer.status_code} at {address}")
        return _object(answer)

    async def _ask(self, request: httpx.Request, auth: httpx.BasicAuth | None = None) -> httpx.Response:
        try:
            answer = await self._http.send(request, auth=auth, stream=True)
            try:
                content = b""
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > MOST_BYTES:
                        raise RemoteError(f"the provider answers with more than {MOST_BYTES} bytes at {request.url}")
            finally:
                await answer.aclose()
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"the provider {self.settings.issuer} cannot be reached: {str(error) or type(error).__name__}"
            ) from error
        return httpx.Response(answer.status_code, content=content)


def _object(answer: httpx.Response) -> dict[str, object]:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise RemoteError("the provider's answer is no JSON object")
    return said


def _read_secret(file: str, folder: Path) -> str:
    if not file:
        return ""
    path = folder / file
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the client's secret of [login.oidc] cannot be read from {path}: {error}") from error
