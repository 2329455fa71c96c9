"""The DMZ's end of EST: takes requests over TLS, asks the center, answers. It holds no key of an authority and decides nothing.

One request a connection, few connections at once, little time for each: whoever connects has proved nothing yet.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import h11
import structlog
from cryptography import x509
from nats.aio.client import Client

from tieline.bus.pki import Ask, ask_center
from tieline.model import TielineError, UnavailableError
from tieline.security.identity import Credentials, est
from tieline.security.identity.certificates import UNREADABLE
from tieline.security.identity.revocation import Revocations

MOST_CONNECTIONS = 32
HANDSHAKE_S = 10.0
REQUEST_S = 30.0
_CHUNK = 16_384

_Answering = Callable[[h11.Request, bytes, bytes], Awaitable[est.Reply]]

log = structlog.get_logger()


async def serve_enrollment(client: Client, credentials: Credentials, revocations: Revocations, host: str, port: int) -> None:
    """Serves until cancelled. Raises `UnavailableError` where the port cannot be had."""
    context = credentials.server_context()
    context.verify_mode = ssl.CERT_OPTIONAL  # the first certificate is asked for without one
    free = asyncio.Semaphore(MOST_CONNECTIONS)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not free.locked():
                async with free, asyncio.timeout(REQUEST_S):
                    await _serve_one(reader, writer, partial(_answer, client, revocations))
        except (TimeoutError, OSError) as error:
            log.debug("enrollment broken off", reason=str(error) or type(error).__name__)
        finally:
            writer.close()

    try:
        listening = await asyncio.start_server(
            serve, host, port, ssl=context, ssl_handshake_timeout=HANDSHAKE_S, limit=est.MOST_BODY
        )
    except OSError as error:
        raise UnavailableError(
            f"cannot listen for enrollment on {host}:{port}: {(error.strerror or str(error)).lower()}"
        ) from error
    async with listening:
        log.info("enrollment is served", address=f"{host}:{port}")
        await listening.serve_forever()


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: _Answering) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_CHUNK)
    try:
        request, body = await _read(connection, reader)
    except (h11.RemoteProtocolError, est.EstError) as error:
        reply = est.of_error(getattr(error, "status", 400), str(error))
    else:
        tls = writer.get_extra_info("ssl_object")
        reply = await answer(request, body, tls.getpeercert(binary_form=True) or b"")
    headers = [*reply.headers, ("Content-Length", str(len(reply.body))), ("Connection", "close")]
    if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
        for event in (h11.Response(status_code=reply.status, headers=headers), h11.Data(data=reply.body), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request, bytes]:
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > est.MOST_BODY:
                raise est.EstError(413, f"more than {est.MOST_BODY} bytes")
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return request, bytes(body)
        else:
            raise est.EstError(400, "the connection ended within the request")


async def _answer(client: Client, revocations: Revocations, request: h11.Request, body: bytes, shown: bytes) -> est.Reply:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    try:
        asked = est.read(request.method.decode("latin-1"), request.target.decode("latin-1"), headers, body)
        if asked.operation is est.Operation.ATTRIBUTES:
            return est.of_attributes()
        if asked.operation is est.Operation.ENROLL and not asked.password:
            return est.of_error(401, "a first certificate is asked for with the role and a token (HTTP Basic)")
        if asked.operation is est.Operation.REENROLL:
            if not shown:
                return est.of_error(401, "a further certificate is asked for with the one that there is (TLS)")
            if refusal := revocations.refusal(x509.load_der_x509_certificate(shown)):
                return est.of_error(403, f"the certificate does not count: {refusal}; a token lets the role in again")
        ask = Ask(asked.operation, asked.csr, asked.user, asked.password, shown)
        answer = await ask_center(client, ask)
        if answer.status != 200:
            return est.of_error(answer.status, answer.reason)
        certificates = [x509.load_der_x509_certificate(one) for one in answer.certificates]
        return est.of_certificates(certificates, is_issued=asked.operation is not est.Operation.AUTHORITIES)
    except est.EstError as error:
        return est.of_error(error.status, str(error))
    except (TielineError, *UNREADABLE) as error:
        return est.of_error(503, str(error))
