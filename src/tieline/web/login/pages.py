"""The pages of the login, of one's own account, and of all accounts."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import FileResponse

from tieline.web.pages import STATIC


def login_pages() -> APIRouter:
    """One route a page."""
    router = APIRouter(include_in_schema=False)

    @router.get("/login")
    async def login() -> FileResponse:
        return FileResponse(STATIC / "login/login.html")

    @router.get("/account")
    async def account() -> FileResponse:
        return FileResponse(STATIC / "login/account.html")

    @router.get("/accounts")
    async def accounts() -> FileResponse:
        return FileResponse(STATIC / "login/accounts.html")

    return router
