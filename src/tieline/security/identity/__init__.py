"""Who is who on the wire: the embedded certificate authority and a certificate for each role."""

from tieline.security.identity.authority import Authority, read_life
from tieline.security.identity.credentials import Credentials
from tieline.security.identity.renewal import Renewal

__all__ = ["Authority", "Credentials", "Renewal", "read_life"]
