"""The rows of a list. As unfold draws them, but for what it does anew for every row: all the headers, and a template
for each tick. That took half of a page's time."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django import template
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import lookup_field
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import checkbox
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES, result_headers
from unfold.utils import display_for_field, display_for_value

register = template.Library()
TICK = "action_checkbox"


class Column(NamedTuple):
    name: str
    label: object
    classes: str
    is_link: bool  # to the record's page


@register.inclusion_tag("console/rows.html")
def console_rows(cl: Any) -> dict[str, Any]:
    headers = list(result_headers(cl))
    columns = [_column(cl, name, header["text"]) for name, header in zip(cl.list_display, headers, strict=True)]
    tick = str(checkbox.render(ACTION_CHECKBOX_NAME, "{}"))
    rows = [format_html_join("", "{}", ((cell,) for cell in _cells(cl, columns, tick, row))) for row in cl.result_list]
    return {"cl": cl, "result_headers": headers, "rows": rows}


def _column(cl: Any, name: str, label: object) -> Column:
    if name == TICK:
        return Column(name, "Select record", " ".join(CHECKBOX_CLASSES), is_link=False)
    links = cl.list_display_links or ()
    return Column(name, label, f"field-{name} {' '.join(ROW_CLASSES)}", is_link=name in links)


def _cells(cl: Any, columns: list[Column], tick: str, row: Any) -> Iterator[SafeString]:
    for column in columns:
        shown: object = format_html(tick, row.pk) if column.name == TICK else _shown(cl, column.name, row)
        if not column.is_link:
            yield format_html('<td class="{}" data-label="{}">{}</td>', column.classes, column.label, shown)
            continue
        url = add_preserved_filters(
            {"preserved_filters": cl.preserved_filters, "opts": cl.opts}, cl.url_for_result(row)
        )
        cell = '<th class="{}" data-label="{}"><a href="{}" class="{}">{}</a></th>'
        yield format_html(cell, column.classes, column.label, url, " ".join(LINK_CLASSES), shown)


def _shown(cl: Any, name: str, row: Any) -> object:
    field, attribute, value = lookup_field(name, row, cl.model_admin)
    empty = cl.model_admin.get_empty_value_display()
    if field is None:
        return display_for_value(value, empty, getattr(attribute, "boolean", False))
    return display_for_field(value, field, empty)
