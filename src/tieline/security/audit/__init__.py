"""The audit: an append-only transparency log of what was wanted, permitted and done."""

from tieline.security.audit.log import AuditLog
from tieline.security.audit.reading import AuditReader
from tieline.security.audit.verifying import Damage, Verdict, Witnessed, verify

__all__ = ["AuditLog", "AuditReader", "Damage", "Verdict", "Witnessed", "verify"]
