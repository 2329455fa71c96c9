"""Recovery codes, for who has lost the second factor: 80 random bits each, so a plain hash of them is enough."""

from __future__ import annotations

import base64
import hashlib
import secrets

COUNT = 10
_BYTES = 10


def new_codes() -> list[str]:
    """Codes to be shown once, like `ABCD-EFGH-IJKL-MNOP`."""
    return [_grouped(base64.b32encode(secrets.token_bytes(_BYTES)).decode()) for _ in range(COUNT)]


def hash_of(code: str) -> str | None:
    """What is stored of a code, however it was typed; None where it cannot be one."""
    bare = "".join(one for one in code.upper() if one not in "- ")
    if len(bare) != 16 or not bare.isascii() or not bare.isalnum():
        return None
    return hashlib.sha256(bare.encode()).hexdigest()


def _grouped(text: str) -> str:
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))
