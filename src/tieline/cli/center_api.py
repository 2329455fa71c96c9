"""The center's API as terminals use it: with an API token, the same rights as the person who made it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

import httpx

from tieline.model import ConfigError, RefusedError, RemoteError, UnavailableError

TOKEN_VARIABLE = "TIELINE_TOKEN"  # noqa: S105 - its name
DEFAULT_URL = "http://127.0.0.1:8400"
TIMEOUT_S = 15.0
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class CenterApi:
    """Asks the center."""

    def __init__(self, url: str, *, token_file: Path | None = None, ca: Path | None = None) -> None:
        """The token is in the file, or in the environment. Raises `ConfigError` where either is of no use."""
        parts = _parts(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError(f"{url!r} is no address of a center; write for example {DEFAULT_URL}")
        token = _token(token_file)
        if token and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ConfigError(f"a token is sent encrypted only; write https://{parts.netloc}")
        try:
            verify: ssl.SSLContext | bool = True if ca is None else ssl.create_default_context(cafile=str(ca))
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the authority {ca} cannot be used: {error}") from error
        headers = {"accept": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        self._url = url
        self._client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, verify=verify)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._client.close()

    def get(self, path: str, **query: str | int | list[str]) -> Any:
        """The body of an answer. Raises `TielineError` with the center's own words."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, *, timeout_s: float = TIMEOUT_S, **body: object) -> Any:
        """The body of an answer to what changes something. Raises `TielineError` with the center's own words."""
        return self._ask("POST", path, json=body, timeout=timeout_s)

    def read(self, path: str) -> bytes:
        """The bytes of a file. Raises `TielineError` with the center's own words."""
        content: bytes = self._ask("GET", path, is_file=True)
        return content

    def _ask(self, method: str, path: str, *, is_file: bool = False, **options: Any) -> Any:
        try:
            answer = self._client.request(method, f"/api/{path}", **options)
        except httpx.TimeoutException as error:
            raise UnavailableError(f"{self._url} did not answer in time") from error
        except httpx.HTTPError as error:
            raise UnavailableError(f"{self._url} cannot be reached: {str(error).lower() or type(error).__name__}") from error
        if is_file and answer.status_code < httpx.codes.BAD_REQUEST:
            return answer.content
        try:
            body = answer.json()
            if answer.status_code < httpx.codes.BAD_REQUEST:
                return body
            words = str(body["error"]["message"])
        except (ValueError, KeyError, TypeError) as error:
            raise RemoteError(f"{self._url} does not answer as a center does (status {answer.status_code})") from error
        match answer.status_code:
            case 401:
                raise RefusedError(f"{words}; make an API token on the page /account, and give it with --token-file")
            case 403 | 429:
                raise RefusedError(words)
            case 400 | 404:
                raise ConfigError(words)
            case 503:
                raise UnavailableError(words)
            case _:
                raise RemoteError(words)


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise ConfigError(f"{url!r} is no address of a center: {str(error).lower()}") from error


def _token(file: Path | None) -> str:
    if file is None:
        return os.environ.get(TOKEN_VARIABLE, "").strip()
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the token file {file} cannot be read: {error}") from error
    if not token:
        raise ConfigError(f"the token file {file} is empty")
    return token
