"""Who is who on the wire: the embedded certificate authority and a certificate for each role."""

from tieline.security.identity.authority import Authority
from tieline.security.identity.credentials import Credentials

__all__ = ["Authority", "Credentials"]
