"""The names by which bus servers know roles: those in the certificates of the generation that counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tieline.security.identity.certificates import user_name

_PLAIN = "CN="


def with_generations(configuration: dict[str, Any], generation: Callable[[str], int]) -> dict[str, Any]:
    """The configuration of a server that lets roles in only with certificates of these generations."""
    accounts = {
        name: {**account, "users": [_named(user, generation) for user in account["users"]]} if "users" in account else account
        for name, account in configuration.get("accounts", {}).items()
    }
    return {**configuration, "accounts": accounts} if accounts else configuration


def _named(user: dict[str, Any], generation: Callable[[str], int]) -> dict[str, Any]:
    name = str(user.get("user", ""))
    if not name.startswith(_PLAIN):
        return user
    role = name.removeprefix(_PLAIN)
    return {**user, "user": user_name(role, generation(role))}
