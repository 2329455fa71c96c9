"""The issuing authority's key in a hardware module: PKCS #11, named by a URI (RFC 7512).

    pkcs11:token=tieline;object=intermediate?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/tieline/pin

The PIN stands in a file of its own, for its owner only, and never in the URI. Every signature opens a session of its own, so that a module
that was pulled out and put back in is found again. Keys are ECDSA.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import unquote

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from tieline.model import ConfigError, LocalError, UnavailableError
from tieline.security.identity import files

SCHEME = "pkcs11:"


@dataclass(frozen=True, slots=True)
class ModulePlace:
    """Where a key is."""

    token: str
    object: str
    module: Path
    pin: Path

    @classmethod
    def read(cls, uri: str) -> ModulePlace:
        """The place that a URI names. Raises `ConfigError`."""
        path, _, query = uri.strip().removeprefix(SCHEME).partition("?")
        if not uri.strip().startswith(SCHEME):
            raise ConfigError(f"{uri!r} is not a PKCS #11 URI; it begins with {SCHEME}")
        parts = [part.partition("=") for part in (*path.split(";"), *query.split("&")) if part]
        values = {name: unquote(value) for name, _, value in parts}
        if "pin-value" in values:
            raise ConfigError("a PIN does not belong into a URI: put it into a file of mode 0600 and write pin-source=FILE")
        missing = [name for name in ("token", "object", "module-path", "pin-source") if not values.get(name)]
        if missing:
            raise ConfigError(f"the PKCS #11 URI says nothing of {', '.join(missing)}")
        pin = Path(values["pin-source"].removeprefix("file:"))
        return cls(values["token"], values["object"], Path(values["module-path"]), pin)


class ModuleKey(ec.EllipticCurvePrivateKey):
    """A key that signs in its module and never leaves it."""

    def __init__(self, place: ModulePlace, public: ec.EllipticCurvePublicKey) -> None:
        self._place = place
        self._public = public

    @classmethod
    def at(cls, place: ModulePlace) -> ModuleKey:
        """The key there. Raises `ConfigError` where there is none, `UnavailableError` where the module cannot be used."""
        import pkcs11
        from pkcs11.util.ec import encode_ec_public_key

        with _session(place) as session:
            found = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=place.object)
            public = serialization.load_der_public_key(encode_ec_public_key(found))
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise ConfigError(f"the key {place.object} in {place.token} is not an elliptic curve key")
        return cls(place, public)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Its public half."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve."""
        return self._public.curve

    @property
    def key_size(self) -> int:
        """In bits."""
        return self._public.curve.key_size

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """A signature in DER. Raises `UnavailableError` where the module does not give one."""
        import pkcs11

        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, Prehashed):
            raise LocalError("the module is given what is to be signed, not its hash")
        digest = hashes.Hash(algorithm)
        digest.update(bytes(data))
        with _session(self._place) as session:
            key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self._place.object)
            raw = bytes(key.sign(digest.finalize(), mechanism=pkcs11.Mechanism.ECDSA))
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))

    def exchange(self, *_: object, **__: object) -> NoReturn:
        """Not with this key. Raises `LocalError`."""
        raise LocalError("the key of an authority agrees on no other keys")

    def private_numbers(self) -> NoReturn:
        """Never. Raises `LocalError`."""
        raise LocalError("the key does not leave its module")

    def private_bytes(self, *_: object, **__: object) -> NoReturn:
        """Never. Raises `LocalError`."""
        raise LocalError("the key does not leave its module")

    def __copy__(self) -> ModuleKey:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> ModuleKey:
        return self


def module_key(file: Path) -> ModuleKey:
    """The key that a file names by a URI. Raises `ConfigError` or `UnavailableError`."""
    try:
        uri = file.read_text()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from error
    return ModuleKey.at(ModulePlace.read(uri))


@contextmanager
def _session(place: ModulePlace) -> Iterator[Any]:
    try:
        import pkcs11
    except ImportError as error:
        raise ConfigError("keys in a hardware module need another package: pip install 'tieline[pkcs11]'") from error
    files.check_private(place.pin)
    try:
        pin = place.pin.read_text().strip()
    except OSError as error:
        raise ConfigError(f"the PIN in {place.pin} cannot be read: {(error.strerror or str(error)).lower()}") from error
    try:
        with pkcs11.lib(str(place.module)).get_token(token_label=place.token).open(user_pin=pin) as session:
            yield session
    except pkcs11.exceptions.NoSuchKey as error:
        raise ConfigError(f"the token {place.token} has no key {place.object}") from error
    except (pkcs11.exceptions.PKCS11Error, RuntimeError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise UnavailableError(f"the module {place.module} does not give its key: {reason}") from error
