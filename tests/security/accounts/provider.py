"""A provider of OpenID Connect on a loopback port: real HTTP, tokens signed by hand with RSA, and every way to get it wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import parse_qs, urlencode

import uvicorn
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tieline.web import listen

CLIENT, SECRET = "tieline", "s3cret of the client"


class Key:
    """A key that signs (RFC 7515, RS256)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.private = rsa.generate_private_key(65_537, 2_048)

    def public(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        parts = {"n": numbers.n.to_bytes(256, "big"), "e": numbers.e.to_bytes(3, "big")}
        return {"kty": "RSA", "use": "sig", "kid": self.name, **{name: text(part) for name, part in parts.items()}}

    def sign(self, claims: dict[str, object], *, algorithm: str = "RS256") -> str:
        signed = f"{encoded({'alg': algorithm, 'kid': self.name})}.{encoded(claims)}"
        match algorithm:
            case "none":
                signature = b""
            case "HS256":  # the classic confusion: the public key as a shared secret
                form = serialization.PublicFormat.SubjectPublicKeyInfo
                shared = self.private.public_key().public_bytes(serialization.Encoding.PEM, form)
                signature = hmac.digest(shared, signed.encode(), "sha256")
            case _:
                signature = self.private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{text(signature)}"


@cache
def _first_key() -> Key:
    """Made once: to make one takes longer than to log in."""
    return Key("one")


@dataclass
class Provider:
    """Whoever comes is `person`; tests change the rest to see it noticed."""

    now_s: float
    issuer: str = ""
    person: str = "ada"
    keys: list[Key] = field(default_factory=lambda: [_first_key()])
    signer: Key | None = None
    algorithm: str = "RS256"
    claims: dict[str, object] = field(default_factory=dict)
    """In place of what would be right; None leaves one out."""
    said_issuer: str = ""
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.discovery),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/keys", self.key_set),
            ]
        )

    async def discovery(self, _: Request) -> Response:
        self.asked.append("discovery")
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        said = {name: f"{self.issuer}/{path}" for name, path in ends.items()}
        return JSONResponse({"issuer": self.said_issuer or self.issuer, **said})

    async def authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        assert (query["response_type"], query["client_id"], query["code_challenge_method"]) == ("code", CLIENT, "S256")
        assert "openid" in query["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}", 303)

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        query = self.codes.pop(form["code"], None)
        client = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        is_right = (
            query is not None
            and request.headers.get("authorization") == f"Basic {client}"
            and form["redirect_uri"] == query["redirect_uri"]
            and text(hashlib.sha256(form["code_verifier"].encode()).digest()) == query["code_challenge"]
        )
        if not is_right or query is None:
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims: dict[str, object] = {
            "iss": self.issuer,
            "sub": "4711",
            "aud": CLIENT,
            "iat": self.now_s,
            "exp": self.now_s + 300,
            "nonce": query["nonce"],
            "preferred_username": self.person,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        signer = self.signer or self.keys[0]
        return JSONResponse({"token_type": "Bearer", "id_token": signer.sign(claims, algorithm=self.algorithm)})

    async def key_set(self, _: Request) -> Response:
        self.asked.append("keys")
        return JSONResponse({"keys": [key.public() for key in self.keys]})


@asynccontextmanager
async def providing(provider: Provider) -> AsyncIterator[Provider]:
    listener = listen("127.0.0.1", 0)
    provider.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(provider.app(), log_config=None, access_log=False, lifespan="off"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve([listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield provider
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await task
        listener.close()


def encoded(part: dict[str, object]) -> str:
    return text(json.dumps(part).encode())


def text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
