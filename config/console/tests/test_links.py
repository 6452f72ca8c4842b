"""Every link that somebody sees can be followed: a walk through the whole console, in every role."""

import html
import re
from collections.abc import Callable, Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from config.console.tests.world import Rows

Sessions = Callable[[User], Client]
LINK = re.compile(r'(?:<a\b[^>]* href|<form\b[^>]* action)="([^"#]+)')
# Pages of one kind differ by these.
ID = re.compile(r"(?<=/)(?:[a-z]+_5F\w+|BATCH-[\w-]+|[a-z]+_\d+_\w+|\d+)(?=/)")
ELSEWHERE = ("logout", "jsi18n", "/static/")


def links(page: str, url: str) -> Iterator[str]:
    for found in LINK.findall(page):
        link = urljoin(url, html.unescape(found))
        if link.startswith("/") and not any(part in link for part in ELSEWHERE):
            yield link


def kind(link: str) -> str:
    """What is walked through once."""
    return ID.sub("N", urlsplit(link).path)


@pytest.mark.parametrize("role", ["admin", "operations", "support", "auditor"])
def test_every_link_can_be_followed_by_who_sees_it(
    role: str, request: pytest.FixtureRequest, rows: Rows, session: Sessions
) -> None:
    client, start = session(request.getfixturevalue(role)), reverse("admin:index")
    seen, waiting = {kind(start)}, [(start, "")]
    while waiting:
        url, found_on = waiting.pop()
        reply = client.get(url)
        assert reply.status_code == 200, (url, found_on)
        if "text/html" not in reply["Content-Type"]:
            continue
        for link in links(reply.content.decode(), url):
            if kind(link) not in seen:
                seen.add(kind(link))
                waiting.append((link, url))
    assert len(seen) > 30
