"""What the routes of the login take and answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tieline.config.fields import Role


class Asked(BaseModel):
    """What is sent: nothing that is not known."""

    model_config = ConfigDict(extra="forbid")


def _one_line(text: str) -> str:
    """What is recorded, and shown to others: neither line breaks nor anything that changes how the rest is shown."""
    if not text.isprintable() or not text.strip():
        raise ValueError("has to be a line of text that can be printed")
    return text.strip()


Text = Annotated[str, Field(max_length=1_024)]
Label = Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_one_line)]


class PasswordAsked(Asked):
    """Who one is."""

    name: Text
    password: Text


class CodeAsked(Asked):
    """A code of an app, or a recovery code."""

    code: Annotated[str, Field(max_length=64)]


class KeyAsked(Asked):
    """What `navigator.credentials.get` gave, as JSON."""

    answer: dict[str, Any]


class NewKeyAsked(Asked):
    """What `navigator.credentials.create` gave, as JSON, and what its owner calls the key."""

    answer: dict[str, Any]
    label: Label


class NewPasswordAsked(Asked):
    """The password so far, and the new one."""

    old: Text
    new: Text


class NewTokenAsked(Asked):
    """What the token is for, what it may, and for how long."""

    label: Label
    roles: list[Role] = Field(min_length=1, max_length=10)
    days: int


class LockAsked(Asked):
    """Why an account is locked."""

    reason: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]


class StageBody(BaseModel):
    """How far a login is."""

    stage: Literal["second_factor", "change_password", "enroll", "full"] = Field(
        description="what is to be done next; full: the login is complete"
    )


class KeyBody(BaseModel):
    """A security key."""

    id: str
    label: str
    host: str = Field(description="the name of the center under which it works")
    added: str


class LoginBody(BaseModel):
    """A login, as its owner is told of it."""

    time: str
    address: str
    failures: int = Field(description="passwords that were refused between it and the next one")


class RightBody(BaseModel):
    """Something that the person may do."""

    words: str
    domain: Literal["OT", "IT"] = Field(description="whose responsibility it is")
    areas: list[str] | None = Field(description="the sites in which; null for all")


class WhoBody(BaseModel):
    """Who asks, by a session or an API token, and what that permits."""

    person: str
    roles: list[str]
    areas: list[str] | None = Field(description="the sites in which the roles hold; null for all")
    rights: dict[str, RightBody]
    may_control: bool = Field(description="whether a second factor permits control now")
    is_token: bool


class SessionBody(BaseModel):
    """Who is logged in, and what for."""

    person: str
    stage: str
    roles: list[str]
    areas: list[str] | None = Field(description="the sites in which the roles hold; null for all")
    rights: dict[str, RightBody] = Field(description="what the roles permit, by the name of the right")
    second_factor: str = Field(description="for what the folder asks for a second factor")
    may_control: bool = Field(description="whether a second factor permits control now")
    controls_for_s: float
    has_app: bool
    can_have_keys: bool = Field(description="whether browsers let this page use security keys")
    keys: list[KeyBody]
    recovery_codes: int
    idle_minutes: int
    before: LoginBody | None = Field(description="the login before this one; null where there was none")


class CodesBody(BaseModel):
    """Recovery codes, shown once; empty where those from before stay."""

    recovery_codes: list[str]


class AppBody(BaseModel):
    """What an authenticator app is set up with."""

    secret: str
    address: str = Field(description="otpauth")
    size: int = Field(description="modules of the QR code along a side, with its margin")
    path: str = Field(description="its dark modules as an SVG path")


class TokenBody(BaseModel):
    """An API token."""

    name: str
    label: str
    roles: list[str]
    created: str
    expires: str


class NewTokenBody(TokenBody):
    """A token with its value, shown once."""

    value: str


class TokensBody(BaseModel):
    """A person's API tokens."""

    tokens: list[TokenBody]
    roles: list[str] = Field(description="those that a token can be made for")
    longest_days: int


class OpenSessionBody(BaseModel):
    """One of a person's sessions."""

    name: str
    address: str
    started: str
    used: str
    is_this: bool


class OpenSessionsBody(BaseModel):
    """A person's sessions, the newest first."""

    sessions: list[OpenSessionBody]


class AccountBody(BaseModel):
    """A person as administrators see it."""

    name: str
    roles: list[str]
    areas: list[str]
    is_in_folder: bool
    has_account: bool
    awaits_first_login: bool
    locked: str | None
    waits_s: float
    has_app: bool
    security_keys: int
    recovery_codes: int
    sessions: int
    tokens: int
    last_login: str | None
    last_address: str
    failures: int = Field(description="passwords that were refused since the last login")


class AccountsBody(BaseModel):
    """Every person of the folder, and accounts that are left over."""

    accounts: list[AccountBody]
    may_change: bool = Field(description="whether who asks is a security administrator")


class SecretBody(BaseModel):
    """A secret for one login, shown once."""

    name: str
    secret: str
    expires: str


class WaysBody(BaseModel):
    """How one can log in here."""

    utility: str
    provider: str | None = Field(description="what the folder calls the provider of OpenID Connect, where there is one")
