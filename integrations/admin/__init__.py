"""Integrations, their calls and their templates in the console."""

from integrations.admin.integrations import IntegrationAdmin
from integrations.admin.templates import TemplateAdmin
from integrations.admin.usage import UsageLogAdmin

__all__ = ["IntegrationAdmin", "TemplateAdmin", "UsageLogAdmin"]
