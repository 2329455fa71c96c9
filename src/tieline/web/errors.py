"""One shape for every error that the API answers with: `{"error": {"kind": ..., "message": ...}}`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from tieline.model import ConfigError, RefusedError, RemoteError, TielineError, UnavailableError

log = structlog.get_logger(__name__)

KINDS: Mapping[int, str] = {
    400: "bad_request",
    401: "login_required",
    403: "refused",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    411: "length_required",
    413: "too_large",
    429: "too_many",
    502: "remote",
    503: "unavailable",
}


class ErrorDetail(BaseModel):
    """What went wrong."""

    kind: str = Field(description="a stable word for machines", examples=["not_found"])
    message: str = Field(description="for people", examples=["there is no point 'northgate/rtu-1/u'"])


class ErrorBody(BaseModel):
    """The body of every answer with a status of 400 and above."""

    error: ErrorDetail


class ApiError(Exception):
    """A request that cannot be answered as asked; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def not_found(what: str) -> ApiError:
    """There is no such thing."""
    return ApiError(404, f"there is no {what}")


def bad_request(message: str) -> ApiError:
    """The request is not understood."""
    return ApiError(400, message)


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error in the one shape."""
    kind = KINDS.get(status, "internal" if status >= 500 else "bad_request")
    return JSONResponse({"error": {"kind": kind, "message": message}}, status, headers=headers)


def install_handlers(app: FastAPI) -> None:
    """Gives every error of the application the one shape."""
    app.add_exception_handler(ApiError, _answer_api_error)
    app.add_exception_handler(TielineError, _answer_tieline_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(Exception, _answer_unexpected)


async def _answer_api_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error.status, str(error))


async def _answer_tieline_error(_: Request, error: Exception) -> Response:
    statuses = {UnavailableError: 503, RefusedError: 403, RemoteError: 502, ConfigError: 400}
    status = next((status for kind, status in statuses.items() if isinstance(error, kind)), 500)
    return error_response(status, str(error))


async def _answer_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = (f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg'].lower()}" for one in error.errors())
    return error_response(400, "; ".join(found))


async def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return error_response(404, f"there is nothing at {request.url.path}")
    return error_response(error.status_code, str(error.detail).lower(), error.headers)


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, error=repr(error))
    return error_response(500, "an internal error; the log says more")
