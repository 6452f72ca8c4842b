"""What beat does for the kernel: sessions, log-ins and backups."""

import base64
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.contrib.sessions.models import Session
from django.utils import timezone

from config.lib.tasks import LOG_INS_KEPT, back_up, forget_sessions


def test_ended_sessions_and_old_log_ins_are_forgotten(transactional_db: None, settings: Any) -> None:
    now = timezone.now()
    for number, hours in enumerate((-1, 1)):
        Session.objects.create(session_key=str(number), session_data="", expire_date=now + timedelta(hours=hours))
    ages = (timedelta(), settings.AXES_COOLOFF_TIME * 2, LOG_INS_KEPT * 2)
    for number, age in enumerate(ages):
        attempt = AccessAttempt.objects.create(username=str(number), ip_address="203.0.113.9", failures_since_start=1)
        log_in = AccessLog.objects.create(username=str(number))
        type(attempt).objects.filter(pk=attempt.pk).update(attempt_time=now - age)
        type(log_in).objects.filter(pk=log_in.pk).update(attempt_time=now - age)
    forget_sessions()
    assert [session.session_key for session in Session.objects.all()] == ["1"]
    assert [attempt.username for attempt in AccessAttempt.objects.all()] == ["0"]
    assert {log_in.username for log_in in AccessLog.objects.all()} == {"0", "1"}


def test_beat_makes_a_backup_where_there_is_a_place_for_it(
    transactional_db: None, settings: Any, tmp_path: Path
) -> None:
    settings.BACKUP_DIR, settings.BACKUP_S3_URL = "", ""
    settings.BACKUP_KEY = base64.urlsafe_b64encode(os.urandom(32)).decode()
    back_up()
    settings.BACKUP_DIR = str(tmp_path)
    back_up()
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".sealed", ".json"]
