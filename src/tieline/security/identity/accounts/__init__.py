"""People who log in: accounts, second factors, sessions and tokens."""

from tieline.security.identity.accounts.accounts import Accounts
from tieline.security.identity.accounts.administration import AccountState, OneTimeSecret
from tieline.security.identity.accounts.errors import (
    LoginRefusedError,
    NotPermittedError,
    TooManyFailuresError,
    WeakPasswordError,
)
from tieline.security.identity.accounts.identity import Identity
from tieline.security.identity.accounts.login import Entry
from tieline.security.identity.accounts.parts import Recorder
from tieline.security.identity.accounts.passwords import Hasher
from tieline.security.identity.accounts.sessions import Session
from tieline.security.identity.accounts.tokens import Token

__all__ = [
    "AccountState",
    "Accounts",
    "Entry",
    "Hasher",
    "Identity",
    "LoginRefusedError",
    "NotPermittedError",
    "OneTimeSecret",
    "Recorder",
    "Session",
    "Token",
    "TooManyFailuresError",
    "WeakPasswordError",
]
