"""What is wrong with the settings of backups is said before the night, when one should be made."""

from django.conf import settings
from django.core.checks import CheckMessage, Error

from config.lib import dumps, sealing


def check_backups(**_: object) -> list[CheckMessage]:
    """kernel.E002: a backup that nobody could open. kernel.E004: one that PgBouncer would spoil."""
    if not settings.BACKUP_DIR:
        return []
    if dumps.sessions_are_shared():
        return [Error(dumps.SHARED, hint="Leave BACKUP_DIR to whoever makes backups.", id="kernel.E004")]
    try:
        sealing.parse_keys(settings.BACKUP_KEY)
    except ValueError as error:
        return [Error(f"BACKUP_KEY {error}", id="kernel.E002")]
    return []
