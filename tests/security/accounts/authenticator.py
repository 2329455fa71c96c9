"""A security key in software, made of WebAuthn's own words: a P-256 key that signs what a browser hands it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from urllib.parse import urlsplit

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT = 0x01
ATTESTED = 0x40


class Authenticator:
    """One key for whoever registers it; `count` is its signature counter."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._id = secrets.token_bytes(32)
        self.count = 0

    @property
    def id(self) -> str:
        return _text(self._id)

    def register(self, options: dict[str, object], origin: str) -> dict[str, object]:
        """What `navigator.credentials.create` gives on a page of this origin (WebAuthn level 2, 6.5.4, attestation "none")."""
        numbers = self._key.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self._id).to_bytes(2, "big") + self._id + public
        data = self._data(origin, PRESENT | ATTESTED) + attested
        client = _client("webauthn.create", options, origin)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._answer({"clientDataJSON": _text(client), "attestationObject": _text(attestation)})

    def prove(self, options: dict[str, object], origin: str) -> dict[str, object]:
        """What `navigator.credentials.get` gives on a page of this origin (WebAuthn level 2, 6.3.3)."""
        self.count += 1
        data = self._data(origin, PRESENT)
        client = _client("webauthn.get", options, origin)
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer({"clientDataJSON": _text(client), "authenticatorData": _text(data), "signature": _text(signature)})

    def _data(self, origin: str, flags: int) -> bytes:
        host = (urlsplit(origin).hostname or "").encode()
        return hashlib.sha256(host).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _answer(self, response: dict[str, str]) -> dict[str, object]:
        return {"id": self.id, "rawId": self.id, "type": "public-key", "response": response}


def _client(kind: str, options: dict[str, object], origin: str) -> bytes:
    return json.dumps({"type": kind, "challenge": options["challenge"], "origin": origin, "crossOrigin": False}).encode()


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
