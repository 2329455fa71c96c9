"""The certificates of the utility: how the root, an intermediate and a role's look, and how a chain of them is verified.

    root            ECDSA P-384, 20 years, path length 1; stays offline
    └─ intermediate ECDSA P-256, 3 years, path length 0, for TLS only; vouches for no e-mail address and no URI, because bus servers
       │            would take those for names of users
       └─ role      ECDSA P-256, 90 days; the role is the common name. After a revocation its next generation is the serial number
                    of the name (X.520 serialNumber), so that an older certificate names somebody else

Profile: RFC 5280. Name constraints are critical, and hold with OpenSSL and with Go's crypto/x509.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tieline.model import ConfigError, RefusedError

ROOT_LIFE = timedelta(days=20 * 365)
INTERMEDIATE_LIFE = timedelta(days=3 * 365)
ROLE_LIFE = timedelta(days=90)
BACKDATE = timedelta(minutes=5)
"""Certificates are valid from a little before now, for peers whose clocks are behind."""

LEAST_CURVE_BITS = 256
LEAST_RSA_BITS = 3072
"""Weaker keys get no certificate (BSI TR-02102-1, NIST SP 800-57: 128 bits of security)."""

IssuingKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_LOCAL_NAMES = ("localhost",)
_LOCAL_NETWORKS = ("127.0.0.0/8", "::1/128")
_NOBODY = "invalid"
"""A domain that nobody has (RFC 6761): permitting it alone forbids every other."""

UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    InvalidSignature,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)
"""What reading a certificate, a list or a request of somebody else may raise."""

ROLE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key for a role or an intermediate."""
    return ec.generate_private_key(ec.SECP256R1())


def make_root(name: str, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A root and its key."""
    key = ec.generate_private_key(ec.SECP384R1())
    subject = _plain_name(name)
    builder = _authority(subject, subject, key.public_key(), now, now + ROOT_LIFE, path_length=1)
    return builder.sign(key, hashes.SHA384()), key


def make_intermediate(
    name: str, key: PublicKey, root: x509.Certificate, root_key: IssuingKey, now: datetime, permitted: Sequence[str] = ()
) -> x509.Certificate:
    """An issuing authority below the root.

    `permitted` are the domains and networks for whose hosts it may vouch, every one where there are none; those of this machine always.
    Raises `ConfigError` for what is neither.
    """
    end = min(now + INTERMEDIATE_LIFE, root.not_valid_after_utc)
    builder = (
        _authority(_plain_name(name), root.subject, key, now, end, path_length=0)
        .add_extension(_usage_of_roles(), critical=False)
        .add_extension(_constraints(permitted), critical=True)
        .add_extension(_issuer_key(root), critical=False)
    )
    return builder.sign(root_key, hash_for(root_key))


def make_role(
    name: str,
    generation: int,
    key: PublicKey,
    issuer: x509.Certificate,
    issuer_key: IssuingKey,
    now: datetime,
    life: timedelta,
    names: Sequence[x509.GeneralName] = (),
) -> x509.Certificate:
    """The certificate of a role; `names` are those under which it is dialed."""
    builder = (
        _started(role_name(name, generation), issuer.subject, key, now, min(now + life, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(is_authority=False), critical=True)
        .add_extension(_usage_of_roles(), critical=False)
        .add_extension(_issuer_key(issuer), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hash_for(issuer_key))


def role_name(name: str, generation: int) -> x509.Name:
    """The subject of a role's certificate."""
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if generation:
        attributes.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, str(generation)))
    return x509.Name(attributes)


def read_role_name(subject: x509.Name) -> tuple[str, int]:
    """The role and its generation. Raises `ValueError` for another name."""
    values = {attribute.oid: str(attribute.value) for attribute in subject}
    name, generation = values.pop(NameOID.COMMON_NAME, ""), values.pop(NameOID.SERIAL_NUMBER, "0")
    if values or not name or not generation.isdecimal() or len(list(subject)) > 2:
        raise ValueError(f"{subject.rfc4514_string() or 'an empty name'} is not the name of a role")
    return name, int(generation)


def user_name(name: str, generation: int) -> str:
    """What a bus server calls the role, from the subject of its certificate (RFC 4514)."""
    return role_name(name, generation).rfc4514_string({NameOID.SERIAL_NUMBER: "SERIALNUMBER"})


def general_name(host: str) -> x509.GeneralName:
    """A host name or an address as a certificate holds it."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def names_of(certificate: x509.Certificate | x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    """The subject alternative names."""
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def life_of(certificate: x509.Certificate) -> timedelta:
    """For how long it was issued."""
    return certificate.not_valid_after_utc - certificate.not_valid_before_utc - BACKDATE


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the certificate, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def check_strength(key: object) -> PublicKey:
    """The key, if it is strong enough for a certificate. Raises `RefusedError`."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in {"secp256r1", "secp384r1", "secp521r1"}:
            raise RefusedError(f"the key is on the curve {key.curve.name}; use P-256, P-384 or P-521")
        return key
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < LEAST_RSA_BITS:
            raise RefusedError(f"the RSA key has {key.key_size} bits; {LEAST_RSA_BITS} are the least, better is ECDSA P-256")
        return key
    raise RefusedError("the key is neither ECDSA nor RSA; use ECDSA P-256")


def hash_for(key: object) -> hashes.SHA256 | hashes.SHA384:
    """The hash that goes with a key that signs."""
    curve = getattr(key, "curve", None)
    return hashes.SHA384() if isinstance(curve, ec.EllipticCurve) and curve.key_size > LEAST_CURVE_BITS else hashes.SHA256()


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may vouch for others."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return constraints.ca and usage.key_cert_sign


def vouched(leaf: x509.Certificate, others: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], at: datetime) -> None:
    """Verifies that a root vouches for the leaf, directly or through some of the others, and that each on the way is valid at this time.

    What path length and name constraints forbid is not in any chain that our own authorities make, and TLS looks at them itself.
    Raises `RefusedError`.
    """
    current, below = leaf, 0
    for _ in range(len(others) + 1):
        if (root := next((one for one in roots if _has_issued(one, current, below)), None)) is not None:
            _check_time(root, at)
            return
        issuer = next((one for one in others if one != current and _has_issued(one, current, below)), None)
        if issuer is None:
            break
        _check_time(issuer, at)
        current, below = issuer, below + 1
    raise RefusedError("the certificate of the signer is not one of the utility's authority")


def _check_time(authority: x509.Certificate, at: datetime) -> None:
    if not authority.not_valid_before_utc <= at <= authority.not_valid_after_utc:
        name = authority.subject.rfc4514_string()
        raise RefusedError(
            f"the authority {name} is valid until {authority.not_valid_after_utc:%Y-%m-%d}; here it is {at:%Y-%m-%d}"
        )


def _has_issued(authority: x509.Certificate, certificate: x509.Certificate, below: int) -> bool:
    """Whether the one vouches for the other, with so many authorities between it and the leaf."""
    try:
        if not is_authority(authority):
            return False
        most = authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
        if most is not None and below > most:
            return False
        certificate.verify_directly_issued_by(authority)
    except UNREADABLE:
        return False
    return True


def _authority(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, end: datetime, *, path_length: int
) -> x509.CertificateBuilder:
    return (
        _started(subject, issuer, key, now, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_key_usage(is_authority=True), critical=True)
    )


def _started(subject: x509.Name, issuer: x509.Name, key: PublicKey, now: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _plain_name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage_of_roles() -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])


def _issuer_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(check_strength(issuer.public_key()))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _constraints(permitted: Sequence[str]) -> x509.NameConstraints:
    subtrees: list[x509.GeneralName] = [x509.RFC822Name(_NOBODY), x509.UniformResourceIdentifier(_NOBODY)]
    if permitted:
        subtrees += [x509.DNSName(name) for name in _LOCAL_NAMES]
        subtrees += [x509.IPAddress(ipaddress.ip_network(network)) for network in _LOCAL_NETWORKS]
        subtrees += map(_subtree, permitted)
    return x509.NameConstraints(permitted_subtrees=subtrees, excluded_subtrees=None)


def _subtree(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(text))
    except ValueError:
        pass
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", text) or text.replace(".", "").isdecimal():
        raise ConfigError(f"{text!r} is neither a domain like utility.example nor a network like 10.1.0.0/16")
    return x509.DNSName(text)


def permits(issuer: x509.Certificate, name: x509.GeneralName) -> bool:
    """Whether the issuer's name constraints let it vouch for this host."""
    try:
        subtrees = issuer.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return True
    of_kind = [subtree for subtree in subtrees if isinstance(subtree, type(name))]
    if not of_kind:
        return True
    if isinstance(name, x509.IPAddress):
        address = name.value
        return any(isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address) and address in one.value for one in of_kind)
    host = f".{name.value}".lower()
    return any(host.endswith(f".{one.value}".lower()) for one in of_kind)


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
