"""Where Django looks for the kernel's models."""

from config.lib.audit import AuditEntry
from config.lib.figures import FigureMark, HourFigure

__all__ = ["AuditEntry", "FigureMark", "HourFigure"]
