"""People who log in: accounts, second factors, sessions and tokens."""

from tieline.security.identity.accounts.identity import Identity

__all__ = ["Identity"]
