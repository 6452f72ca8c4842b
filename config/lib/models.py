"""Where Django looks for the kernel's models."""

from config.lib.audit import AuditEntry
from config.lib.figures import HourFigure
from config.lib.ledgers import FigureMark

__all__ = ["AuditEntry", "FigureMark", "HourFigure"]
