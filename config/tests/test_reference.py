"""The reference pages say what the code says: every setting with its default, every error code with its status."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.urls import get_resolver
from rest_framework import exceptions, serializers

from bulk_orders import order_form, rulebook
from bulk_orders.admin.deeds import BATCH_DEEDS, ORDER_DEEDS
from bulk_orders.admin.upload import SUBMIT
from config.console import lockouts
from config.console.navigation import _MENU
from config.lib import errors
from config.lib.camel import CamelSerializer
from config.lib.environment import CHECKOUT
from config.lib.errors import ApiError
from integrations.admin.deeds import DEEDS
from integrations.admin.lockouts import LIFT
from integrations.configuration import _EXPLAINED
from webhooks.admin.deeds import DELIVERY_DEEDS, WEBHOOK_DEEDS

APPS = ("config", "webhooks", "bulk_orders", "integrations")
# Raised for the console alone: what they refuse cannot be sent to the API.
CONSOLE_ONLY = {"unknown_scope", "unknown_user"}
# What the framework could refuse with and the gateway's settings rule out: one renderer, limits and keys of our own.
RULED_OUT = {"not_acceptable", "throttled", "authentication_failed", "invalid"}
# Of fields that only replies have, or of limits that are not set.
REPLIES_ONLY = {"datetime", "min_length", "no_name"}

EXAMPLE = dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))
REQUIRED = {
    "SECRET_KEY": "x" * 50,
    "FIELD_ENCRYPTION_KEYS": "x" * 43 + "=",
    "ALLOWED_HOSTS": "gateway.example",
    "DATABASE_URL": "postgres://nowhere/gateway",
    "REDIS_URL": "redis://nowhere/0",
}
# Different from process to process: `web` pools, workers don't.
OF_THE_PROCFILE = {"DATABASE_POOL_SIZE": "16", "PORT": "8000", "WEB_CONCURRENCY": "2"}


def rows_of(page: str, columns: int) -> list[list[str]]:
    """The cells of every line of the page's tables that have so many, each without its code marks."""
    lines = [line for line in (CHECKOUT / "docs" / page).read_text().splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if len(row) == columns]


def test_the_page_of_settings_has_every_variable_of_the_example_with_its_default_and_in_its_order() -> None:
    told = [(name.strip("`"), default.strip("`")) for name, default, _ in rows_of("configuration.md", 3)]
    assert [row for row in told if row[0] != "variable"] == list(EXAMPLE.items())


def settings_under(**environment: str) -> dict[str, Any]:
    """Every setting that a fresh process reads from this environment alone, outside of development."""
    script = (
        "import json; from config import settings;"
        "print(json.dumps({name: value for name, value in vars(settings).items() if name.isupper()}, default=repr))"
    )
    bare = {"PATH": os.environ["PATH"], "DEBUG": "0"} | environment
    ran = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, env=bare, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_the_defaults_of_the_example_are_those_of_the_settings() -> None:
    example = {name: value for name, value in EXAMPLE.items() if name not in OF_THE_PROCFILE}
    assert settings_under(**example | REQUIRED) == settings_under(**REQUIRED)


def test_the_defaults_of_the_example_are_those_of_the_procfile() -> None:
    procfile = (CHECKOUT / "Procfile").read_text()
    for name, default in OF_THE_PROCFILE.items():
        assert f"${{{name}:-{default}}}" in procfile
        assert EXAMPLE[name] == default
    assert "WS_PORT:-$((${PORT:-8000} + 1))" in procfile


@cache
def trees() -> list[ast.Module]:
    files = [file for app in APPS for file in (CHECKOUT / app).rglob("*.py")]
    kept = [file for file in files if not {"tests", "migrations", "benchmark"} & set(file.parts)]
    return [ast.parse(file.read_text()) for file in kept]


def nodes() -> Iterator[ast.AST]:
    for tree in trees():
        yield from ast.walk(tree)


def text(node: ast.AST | None) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def test_the_example_has_every_variable_that_the_settings_read() -> None:
    read = set(re.findall(r"env\.\w+\(\s*\"(\w+)\"|required\(\"(\w+)\"", (CHECKOUT / "config/settings.py").read_text()))
    names = {name for pair in read for name in pair if name}
    assert names - set(EXAMPLE) == set()
    assert {"DEBUG", "DEVSERVICES_DIR", "PORT", "WS_PORT", "WEB_CONCURRENCY", "PROMETHEUS_MULTIPROC_DIR"} == (
        set(EXAMPLE) - names
    )


def codes_raised() -> set[str]:
    """Every word that is given as `code`, to an ApiError or to one of the kernel's base classes."""
    found = {kind.code for kind in KINDS.values()}
    for node in nodes():
        if isinstance(node, ast.keyword) and node.arg == "code":
            found |= text(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "envelope":
            found |= text(node.args[1])
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found |= {word for key, value in pairs if "code" in text(key) for word in text(value)}
    return found


def framework_codes() -> set[str]:
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type)]
    return {str(kind.default_code) for kind in kinds if issubclass(kind, exceptions.APIException)}


def codes_told() -> tuple[set[str], set[str]]:
    """Those of replies, and those of details."""
    replies = {code.strip("`") for _, code, _ in rows_of("errors.md", 3)} - {"code"}
    reserved = re.search(r"The general codes (.+?)are reserved", (CHECKOUT / "docs/errors.md").read_text(), re.DOTALL)
    assert reserved
    details = {word for codes, _ in rows_of("errors.md", 2) for word in re.findall(r"`(\w+)`", codes)}
    return replies | set(re.findall(r"`(\w+)`", reserved[1])), details


def codes_of_rows() -> set[str]:
    """The rulebook's."""
    says = {rule.code for rule in vars(order_form).values() if isinstance(rule, order_form.Says)}
    calls = (node for node in nodes() if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    says |= {word for call in calls if call.func.id == "Says" for word in text(call.args[0])}  # type: ignore[attr-defined]
    problems = {problem.code for problem in vars(rulebook).values() if isinstance(problem, rulebook.Problem)}
    return says | problems | set(rulebook.SHAPES)


def fields_of(kind: type[CamelSerializer]) -> Iterator[serializers.Field]:  # type: ignore[type-arg]
    waiting = list(kind().fields.values())
    while waiting:
        field = waiting.pop()
        if not field.read_only:
            yield field
            waiting += [field.child] if hasattr(field, "child") else []


def codes_of_fields() -> set[str]:
    """What the framework's fields may find wrong."""
    assert get_resolver().url_patterns  # every app's serializers are loaded
    kinds, found = [*CamelSerializer.__subclasses__()], set()
    for kind in kinds:
        kinds += kind.__subclasses__()
        for field in fields_of(kind):
            found |= set(field.error_messages)
            # The framework's own length validators carry the codes of Django's, which they wrap.
            found |= {str(code) for one in field.validators if (code := getattr(one, "code", None))}
    return found - REPLIES_ONLY


def test_the_page_of_errors_has_every_code_that_can_be_answered() -> None:
    replies, details = codes_told()
    raised = codes_raised() | (framework_codes() - RULED_OUT)
    only_in_details = codes_of_rows() | {"invalid", "invalid_network", "invalid_options", "required", "too_large"}
    assert raised - CONSOLE_ONLY - replies - only_in_details == set()
    in_details = codes_of_rows() | codes_of_fields() | set(_EXPLAINED)
    assert in_details - details == set()


def test_the_page_of_errors_has_nothing_else() -> None:
    replies, details = codes_told()
    made_of_names = {"invalid_url", "invalid_secret"}  # webhooks.services puts them together
    assert replies - codes_raised() - framework_codes() - made_of_names - {"csrf_failed"} == set()
    known = codes_of_rows() | codes_of_fields() | set(_EXPLAINED) | codes_raised() | made_of_names | {"unknown"}
    assert details - known == set()


KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ApiError)}


def statuses() -> Iterator[tuple[str, int]]:
    """Each code with the status that it is raised with: of the class that is called, or that is inherited from."""
    yield from ((kind.code, kind.status) for kind in KINDS.values())
    for node in nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
            yield from ((code, KINDS[node.func.id].status) for code in _code_of(node))
        if isinstance(node, ast.ClassDef):
            bases = (base.id for base in node.bases if isinstance(base, ast.Name) and base.id in KINDS)
            calls = [inner for inner in ast.walk(node) if isinstance(inner, ast.Call)]
            yield from ((code, KINDS[base].status) for base in bases for call in calls for code in _code_of(call))


def _code_of(call: ast.Call) -> set[str]:
    return {word for keyword in call.keywords if keyword.arg == "code" for word in text(keyword.value)}


def test_every_code_stands_beside_its_status() -> None:
    told = {code.strip("`"): status for status, code, _ in rows_of("errors.md", 3)}
    raised = {code: str(status) for code, status in statuses() if code in told and code != "internal_error"}
    assert len(raised) > 35
    assert raised == {code: told[code] for code in raised}


def test_the_walk_names_what_there_is() -> None:
    """Every function in the walk's table is in the file of its line."""
    walk = [(file, function) for file, function, _ in rows_of("architecture.md", 3) if file.endswith(".py`")]
    assert len(walk) > 10
    for file, function in walk:
        source = (CHECKOUT / file.strip("`")).read_text()
        assert not function or re.search(rf"def {function.strip('`')}\(", source), f"{file} {function}"


def test_the_guide_for_staff_names_what_is_on_the_screen() -> None:
    """What is bold in it is a button, or an entry of the menu."""
    of_records = (*ORDER_DEEDS, *BATCH_DEEDS, SUBMIT, *WEBHOOK_DEEDS, *DELIVERY_DEEDS, *DEEDS)
    buttons = {deed.label for deed in (*of_records, LIFT, lockouts.LIFT)}
    entries = {item.title for _, items in _MENU for item in items} | {"Dashboard", "Export as CSV", "Look at the rows"}
    named = set(re.findall(r"\*\*(.+?)\*\*", (CHECKOUT / "docs/staff-guide.md").read_text()))
    assert named - buttons - entries == set()
    assert len(named) > 20
