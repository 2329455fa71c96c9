"""What every request has to pass and every response carries, with and without a login.

A way in from outside is the user's own browser: a foreign page that sends requests here (cross-site), or one whose name was re-bound to
our address (DNS rebinding). The first shows in `Origin`, the second in `Host`; both are refused, for WebSockets as well, which no
same-origin policy protects. Without TLS the server listens on loopback only, and no other host is ours; with TLS those of the
certificate are.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tieline.web.errors import error_response
from tieline.web.login.tls import ServerTls

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)

SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
STRICT_TRANSPORT = "max-age=31536000"
UNCHANGING = ("/static/", "/vendor/")
"""Files that are the same for everybody; browsers keep nothing else."""
_HOST = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]+)|\[(?P<v6>[0-9A-Fa-f:.]+)\])(?::\d{1,5})?", re.ASCII)


class Guard:
    """ASGI middleware: refuses foreign hosts and origins, adds the security headers."""

    def __init__(self, app: ASGIApp, tls: ServerTls | None = None) -> None:
        self._app = app
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = why_refused(Headers(scope=scope), self._tls)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
                if self._tls is not None:
                    headers["strict-transport-security"] = STRICT_TRANSPORT
                headers.setdefault("cache-control", "no-cache" if scope["path"].startswith(UNCHANGING) else "no-store")
            await send(message)

        if refusal is None:
            await self._app(scope, receive, send_guarded)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            await error_response(403, refusal)(scope, receive, send_guarded)


def why_refused(headers: Headers, tls: ServerTls | None = None) -> str | None:
    """Why a request with these headers is refused, or None where it is not."""
    host = headers.get("host", "")
    name = host_name(host)
    if tls is None and not is_loopback(name):
        return f"the host {host!r} is not this machine's loopback address; open http://127.0.0.1"
    if tls is not None and not (is_loopback(name) or tls.is_named(name)):
        return f"the host {host!r} is not one of the certificate; open {', '.join(tls.names)}"
    origin = headers.get("origin")
    if origin is not None and origin != f"{'http' if tls is None else 'https'}://{host}":
        return f"requests from the origin {origin!r} are refused"
    return None


def is_loopback(host: str) -> bool:
    """Whether the name or address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name or address in a `Host`, without brackets and port; empty where it is none."""
    found = _HOST.fullmatch(host)
    return "" if found is None else (found["name"] or found["v6"])
