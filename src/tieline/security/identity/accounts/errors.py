"""What can be wrong when somebody logs in.

RefusedError
├── LoginRefusedError    name, password, code or key are wrong: which one is not said
│   └── TooManyFailuresError  not even looked at, because of failures before; `wait_s` says for how long
├── WeakPasswordError    the new password breaks a rule; `problems` has every one
└── NotPermittedError    the person may not do that, or not to this account
"""

from __future__ import annotations

from collections.abc import Sequence

from tieline.model import RefusedError


class LoginRefusedError(RefusedError):
    """What was shown does not prove who somebody is; the message is the same whatever was wrong."""


class TooManyFailuresError(LoginRefusedError):
    """Not looked at because of failures before; `wait_s` is how long that goes on."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many failures; try again in {_in_words(wait_s)}")
        self.wait_s = wait_s


class WeakPasswordError(RefusedError):
    """A new password breaks rules; `problems` has every one, for people."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class NotPermittedError(RefusedError):
    """The person may not do that, or not to this account, or not now."""


def _in_words(wait_s: float) -> str:
    seconds = max(1, round(wait_s))
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"
