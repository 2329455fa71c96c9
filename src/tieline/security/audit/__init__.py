"""The audit: an append-only record of what was wanted, permitted and done, in a hash chain."""

from tieline.security.audit.log import AuditLog
from tieline.security.audit.verifying import Damage, Verdict, verify

__all__ = ["AuditLog", "Damage", "Verdict", "verify"]
