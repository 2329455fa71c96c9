"""Security keys as a second factor: WebAuthn level 2, through the library `webauthn`.

A key belongs to the name under which the center was opened when it was registered; it answers nobody else, which is what makes it
proof against phishing. Browsers do not let addresses have keys: there codes of an app are left. The library is imported where it is
used: every role knows accounts, and none but the web ever asks a key.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

CHALLENGE_LIFE_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityKey:
    """A key that somebody registered."""

    id: str
    """As WebAuthn writes it, base64url."""
    label: str
    host: str
    """The name of the center under which it works."""
    added_us: int
    public_key: bytes
    sign_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a key is asked to sign, once, at one place."""

    value: bytes
    origin: str
    """The page's, as the browser says it."""
    until_s: float
    """On the monotonic clock."""
    options: dict[str, object]
    """For `navigator.credentials`, as JSON."""

    @property
    def host(self) -> str:
        """The relying party's id."""
        return host_of(self.origin)


@dataclass(frozen=True, slots=True)
class Proof:
    """A key that answered rightly."""

    id: str
    sign_count: int


def host_of(origin: str) -> str:
    """The name in an origin."""
    return (urlsplit(origin).hostname or "").lower()


def can_have_keys(origin: str) -> bool:
    """Whether browsers let a page of this origin use keys: it has a name, and is encrypted or on this machine."""
    host = host_of(origin)
    try:
        ip_address(host)
    except ValueError:
        return bool(host) and (origin.startswith("https://") or host == "localhost")
    return False


def ask_to_register(name: str, title: str, origin: str, held: Sequence[SecurityKey], now_s: float) -> Challenge:
    """The question to a new key."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    value = secrets.token_bytes(32)
    options = generate_registration_options(
        rp_id=host_of(origin),
        rp_name=title,
        user_name=name,
        user_id=secrets.token_bytes(32),
        challenge=value,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.id)) for key in held],
    )
    return _challenge(value, origin, now_s, options_to_json(options))


def ask_to_prove(origin: str, held: Sequence[SecurityKey], now_s: float) -> Challenge:
    """The question to one of the keys that somebody has."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor, UserVerificationRequirement

    value = secrets.token_bytes(32)
    options = generate_authentication_options(
        rp_id=host_of(origin),
        challenge=value,
        allow_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.id)) for key in held],
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return _challenge(value, origin, now_s, options_to_json(options))


def registered(challenge: Challenge, answer: dict[str, object], label: str, added_us: int) -> SecurityKey | None:
    """The key that answered the question, or None where the answer is not right."""
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = verify_registration_response(
            credential=answer,
            expected_challenge=challenge.value,
            expected_rp_id=challenge.host,
            expected_origin=challenge.origin,
        )
    except (WebAuthnException, *_MALFORMED):
        return None
    return SecurityKey(
        id=bytes_to_base64url(verified.credential_id),
        label=label,
        host=challenge.host,
        added_us=added_us,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
    )


def proven(challenge: Challenge, answer: dict[str, object], held: Sequence[SecurityKey]) -> Proof | None:
    """The key that answered, or None where it is not one of these or the answer is not right."""
    from webauthn import verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    key = next((key for key in held if key.id == answer.get("id") and key.host == challenge.host), None)
    if key is None:
        return None
    try:
        verified = verify_authentication_response(
            credential=answer,
            expected_challenge=challenge.value,
            expected_rp_id=challenge.host,
            expected_origin=challenge.origin,
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
        )
    except (WebAuthnException, *_MALFORMED):
        return None
    return Proof(key.id, verified.new_sign_count)


def _challenge(value: bytes, origin: str, now_s: float, options: str) -> Challenge:
    return Challenge(value=value, origin=origin, until_s=now_s + CHALLENGE_LIFE_S, options=json.loads(options))


_MALFORMED = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
"""What the library lets through for answers that are no answers at all."""
