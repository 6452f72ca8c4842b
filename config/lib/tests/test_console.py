"""Parts of the console that need no page: how facts look, where time ends, what a spreadsheet may compute."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from config.lib.console import charts, marks
from config.lib.console.charts import Series
from config.lib.console.exports import neutral
from config.lib.console.marks import Tone
from config.lib.console.periods import Period, recent
from config.lib.console.records import arranged, facts, pretty

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (0.4, "now"),
        (5, "5 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (86_400 * 3, "3 d ago"),
        (-90, "in 1 min"),
    ],
)
def test_moments_are_told_as_people_say_them(seconds: float, text: str) -> None:
    assert marks.relative(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 0, "–"), (0, 5, "0 %"), (5, 5, "100 %"), (99_999, 100_000, "99.9 %"), (1, 100_000, "0.1 %"), (1, 3, "33.3 %")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(part: int, whole: int, text: str) -> None:
    assert marks.percent(part, whole) == text


def test_text_of_others_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    for html in (marks.clipped(evil), marks.code(evil), marks.badge(evil), marks.words([evil]), marks.link("/", evil)):
        assert "<script>" not in html


def test_a_progress_bar_says_what_it_shows() -> None:
    html = marks.progress([("succeeded", 3, Tone.GOOD), ("failed", 1, Tone.BAD)], 8)
    assert 'aria-label="3 succeeded, 1 failed of 8"' in html
    assert "width:37.50%" in html
    assert "nothing yet of 8" in marks.progress([("succeeded", 0, Tone.GOOD)], 8)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\r=1"])
def test_a_cell_that_looks_like_a_formula_is_handed_over_as_text(text: str) -> None:
    assert neutral(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a=b", "", None, 7, Decimal("-1.50"), "order.created"])
def test_other_cells_stay_as_they_are(value: object) -> None:
    assert neutral(value) == value


def test_structures_and_moments_become_text() -> None:
    assert neutral({"a": Decimal("1.10")}) == '{"a":1.10}'
    assert neutral(NOW) == "2026-11-22T09:30:00Z"


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2026-11", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12", datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        ("2028-02-29", datetime(2028, 2, 29, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        ("2026-11-22T23", datetime(2026, 11, 22, 23, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_a_period_is_a_month_a_day_or_an_hour(name: str, start: datetime, end: datetime) -> None:
    period = Period.named(name)
    assert period is not None
    assert (period.start, period.end) == (start, end)


@pytest.mark.parametrize(
    "name", ["", "2026", "2026-13", "2026-02-30", "2026-11-22T24", "0000-01", "yesterday", "2026-1"]
)
def test_what_is_no_period_is_none(name: str) -> None:
    assert Period.named(name) is None


def test_periods_lead_inwards_and_back() -> None:
    month, day = Period.named("2026-11"), Period.named("2026-11-22")
    assert month
    assert day
    assert [name for name, _ in month.narrower(NOW)][-1] == "2026-11-22"
    assert [name for name, _ in day.narrower(NOW)][-1] == "2026-11-22T09"
    assert (day.wider, month.wider) == ("2026-11", "")
    assert [label for _, label in recent(NOW)][:4] == ["Today", "Yesterday", "Nov", "Oct"]
    hour = Period.named("2026-11-22T09")
    assert hour
    assert (hour.wider, hour.title, list(hour.narrower(NOW))) == ("2026-11-22", "22 Nov, 09:00–10:00 UTC", [])


def test_columns_are_stacked_below_a_round_number() -> None:
    slots = charts.hours_of(NOW.replace(hour=0, minute=0), NOW, "/list/?status=failed")
    good, bad = [0] * 24, [0] * 24
    good[9], bad[9] = 60, 20
    panel = charts.columns(
        "Deliveries", slots, [Series("good", Tone.GOOD, good), Series("bad", Tone.BAD, bad)], empty=""
    )
    column = panel.context["columns"][9]
    assert panel.context["top"] == "100"
    assert [part.percent for part in column.parts] == ["60.00", "20.00"]
    assert column.href == "/list/?status=failed&on=2026-11-22T09"
    assert column.is_now


def test_a_chart_of_nothing_says_so() -> None:
    slots = charts.days_until(NOW, 3, "")
    assert charts.columns("Orders", slots, [Series("all", Tone.GOOD, [0, 0, 0])], empty="None").context["columns"] == []
    assert charts.ranges("Latency", slots, [None, None, None], empty="None").context["columns"] == []


def test_ranges_float_from_the_median_to_the_95th_percentile() -> None:
    panel = charts.ranges("Latency", charts.days_until(NOW, 2, ""), [None, (40.0, 90.0)], empty="")
    column = panel.context["columns"][1]
    assert (panel.context["top"], column.floor, column.parts[0].percent) == ("100 ms", "40.00", "50.00")


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.2, "< 1 ms"), (999, "999 ms"), (1_500, "1.5 s"), (90_000, "1.5 min"), (3_618_000, "1.0 h")],
)
def test_a_duration_is_told_in_the_unit_that_reads_best(value: float, told: str) -> None:
    assert marks.duration(value) == told


def test_heights_are_told_as_durations() -> None:
    panel = charts.heights("Times", charts.days_until(NOW, 3, ""), "p95", [None, 40, 1500], empty="None.")
    assert panel.context["top"] == "2.0 s"
    assert [[part.text for part in column.parts] for column in panel.context["columns"]] == [[], ["40 ms"], ["1.5 s"]]
    assert charts.heights("Times", charts.days_until(NOW, 1, ""), "p95", [None], empty="None.").context["columns"] == []


@pytest.mark.parametrize(
    ("widths", "placed"), [("nn", "nn"), ("nnn", "nnw"), ("wnw", "www"), ("nnwn", "nnww"), ("", "")]
)
def test_panels_leave_no_holes(widths: str, placed: str) -> None:
    panels = arranged(facts("Panel", wide=width == "w") for width in widths)
    assert "".join("w" if panel.wide else "n" for panel in panels) == placed


def test_json_is_shown_indented_with_its_exact_figures() -> None:
    assert (
        pretty({"amount": Decimal("5000.50"), "items": [{}, []]})
        == '{\n  "amount": 5000.50,\n  "items": [\n    {},\n    []\n  ]\n}'
    )
    assert pretty('{"a":1.10}') == '{\n  "a": 1.10\n}'
    assert pretty("plain text") == "plain text"
    assert pretty(None) == ""
