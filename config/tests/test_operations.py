"""What operators are given holds together: alerts that Prometheus takes, figures that exist, a page for each alert."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import prometheus_client
import pytest
from django.db import connection

from config.lib import sockets
from config.lib.environment import CHECKOUT
from config.lib.metrics.scrape import exposition
from config.lib.metrics.truths import DatabaseTruths, Pulses, Truth
from config.metrics import TRUTHS

OPERATIONS = CHECKOUT / "docs/operations"
GROWTH = (OPERATIONS / "growth.md").read_text()
ALERTS = (OPERATIONS / "alerts.yml").read_text()
RUNBOOK = (OPERATIONS / "runbook.md").read_text()
NAMES = re.findall(r"- alert: (\w+)", ALERTS)


def promtool(*arguments: str | Path) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not here (Debian's package prometheus has it)")
    ran = subprocess.run([program, *arguments], check=False, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def expressions() -> list[str]:
    panels = json.loads((OPERATIONS / "dashboard.json").read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def test_prometheus_takes_the_alerts() -> None:
    promtool("check", "rules", OPERATIONS / "alerts.yml")


def test_the_alerts_ring_when_they_should() -> None:
    promtool("test", "rules", OPERATIONS / "alerts_test.yml")


def test_prometheus_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(expressions())
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "rules.yml")


@pytest.mark.django_db
def test_every_figure_that_is_asked_for_exists() -> None:
    broken = Truth("broken", "Broken.", "nonsense")
    told = exposition((DatabaseTruths((*TRUTHS, broken)), Pulses())).decode()
    assert sockets.SOCKETS, "declared where `ws` needs it"
    counted = {metric.name + "_total" * (metric.type == "counter") for metric in prometheus_client.REGISTRY.collect()}
    known = {name for name in counted | set(re.findall(r"# TYPE (\w+)", told)) if name.startswith("gateway_")}
    asked = set(re.findall(r"gateway_\w+", ALERTS + "".join(expressions())))
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked} <= known
    explained = set(re.findall(r"gateway_\w+", (OPERATIONS / "README.md").read_text()))
    assert {name for name in known - explained if not name.startswith("gateway_test_")} == set()
    assert explained - known == set()


def runbook() -> dict[str, str]:
    """The sections by their anchors."""
    parts = re.split(r"^## (\w+)$", RUNBOOK, flags=re.MULTILINE)
    return {title.lower(): text for title, text in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_leads_to_meaning_first_look_and_remedy(name: str) -> None:
    rule = ALERTS.partition(f"- alert: {name}\n")[2].partition("- alert:")[0]
    (anchor,) = re.findall(r"runbook\.md#(\w+)", rule)
    for part in ("**Meaning.**", "**First look.**", "**Remedy.**"):
        assert part in runbook()[anchor]


def test_the_runbook_speaks_of_nothing_else() -> None:
    assert set(runbook()) == set(re.findall(r"runbook\.md#(\w+)", ALERTS))


@pytest.mark.django_db
def test_every_query_of_the_runbook_runs() -> None:
    queries = re.findall(r'psql "\$DATABASE_URL" -c [\'"](.*?)[\'"]`', RUNBOOK, flags=re.DOTALL)
    assert len(queries) == RUNBOOK.count("psql ")
    for query in queries:
        with connection.cursor() as cursor:
            cursor.execute(query)


@pytest.mark.django_db
def test_the_query_of_the_page_on_growth_runs() -> None:
    (query,) = re.findall(r"```sql\n(.*?)```", GROWTH, flags=re.DOTALL)
    with connection.cursor() as cursor:
        cursor.execute(query)
        assert len(cursor.fetchall()) == 10


@pytest.mark.django_db
def test_what_is_set_on_tables_is_told_with_its_reason() -> None:
    (section,) = re.findall(r"^## What is set on the tables.*?^(?=## )", GROWTH, flags=re.DOTALL | re.MULTILINE)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, replace(unnest(reloptions), '=', ' = ') FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relname <> 'idx_webhook_attempts_at'"
        )
        settings = set(cursor.fetchall())
    rows = [line for line in section.replace("`_days`", "`integration_usage_days`").splitlines() if line[0:2] == "| "]
    told = {
        (table, setting)
        for tables, values, _ in (line.strip("| ").split(" | ") for line in rows if "`" in line)
        for table in re.findall("`([^`]+)`", tables)
        for setting in re.findall("`([^`]+)`", values)
        if table != "idx_webhook_attempts_at"
    }
    assert told == settings
