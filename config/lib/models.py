"""Where Django looks for the kernel's models."""

from config.lib.audit import AuditEntry

__all__ = ["AuditEntry"]
