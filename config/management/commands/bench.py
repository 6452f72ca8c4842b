"""manage.py bench (`make bench`): every figure that the design promises, beside its ceiling from the same run.

Works on a durable pair of servers of its own. `make bench ARGS="deliveries"` measures a part; `--full` adds how cost
grows with size, pages at a million rows, and what things cost.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from config.benchmark import api, costs

NUMBER = r"([\d,]+(?:\.\d+)?)"
VERDICTS = {True: "met", False: "MISSED", None: ""}
SUMS = ("analytics of", "usage of")  # no lists
SWEEP_MS = 2000  # how often whoever stands in looks


class Row(NamedTuple):
    what: str
    ceiling: str
    ours: str
    ratio: str
    goal: str
    met: bool | None  # None: shown beside a goal, not judged


class Command(BaseCommand):
    help = "Measure deliveries, bulk orders and the API against ceilings of the same run, and print one table."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("parts", nargs="*", help=f"any of: {', '.join(PARTS)} (default: all)")
        parser.add_argument("--full", action="store_true", help="growth over two orders of magnitude, and pages")
        parser.add_argument("--scale", type=float, default=1, help="part of the usual sizes, e.g. 0.1 to try it out")

    def handle(self, *_: Any, parts: list[str], full: bool, scale: float, **options: Any) -> None:
        started = time.monotonic()
        self.scale, self.full = scale, full
        chosen = parts or [part for part in PARTS if full or part not in LONG]
        rows = [row for part in chosen for row in PARTS[part](self)]
        self.stdout.write(f"\n{machine()}")
        if rows:
            self.stdout.write(table(rows))
        self.stdout.write(f"{time.monotonic() - started:.0f} s in all")

    def sized(self, number: int) -> str:
        return str(max(100, int(number * self.scale)))

    def told(self, *command: str) -> str:
        """What one of our commands says; it is passed on as it comes."""
        lines = []
        arguments = [sys.executable, "-u", "manage.py", *command]
        self.stdout.write(f"\n$ manage.py {' '.join(command)}")
        quiet = os.environ | {"LOG_LEVEL": "ERROR"}
        with subprocess.Popen(  # noqa: S603 - our own commands
            arguments, cwd=settings.BASE_DIR, env=quiet, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                lines.append(line)
                self.stdout.write(line, ending="")
                self.stdout.flush()
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, arguments)
        return "".join(lines)

    def deliveries(self) -> Iterator[Row]:
        seconds = "15" if self.scale >= 1 else "5"
        size = self.sized(50_000)
        text = self.told("bench_deliveries", "--deliveries", size, "--seconds", seconds, "--workers", "1,2,4")
        least = figure(rf"bare loop, 1 process: {NUMBER}/s", text)
        usual = figure(rf"requests, 2 processes: {NUMBER}/s", text)
        one, *more = (figure(rf"engine, {count} worker process(?:es)?: {NUMBER}/s", text) for count in (1, 2, 4))
        yield rate("deliveries, 1 worker process", least, one, 0.6)
        for count, ours in zip((2, 4), more, strict=True):
            yield rate(f"deliveries, {count} worker processes beside 1", one, ours, 1.0)
        yield times("deliveries, beside one task each with requests", usual, one, 15)
        for per_second, most in ((50, 10), (200, 20)):
            late = figure(rf"received at {per_second}/s: .*p95 {NUMBER} ms", text)
            yield latency(f"commit → received at {per_second}/s, p95", late, most)
        alone = figure(rf"nobody hangs: .*p95 {NUMBER} ms", text)
        beside = figure(rf"one more that hangs: .*p95 {NUMBER} ms", text)
        yield moved("49 endpoints beside one that hangs, p95", alone, beside, 1.1)
        yield latency("without Valkey, p95", figure(rf"without Valkey, .*p95 {NUMBER} ms", text), SWEEP_MS)
        if self.full:
            yield from self._growth_of_deliveries()

    def _growth_of_deliveries(self) -> Iterator[Row]:
        first = 0.0
        for count in (5_000, 50_000, 200_000):
            text = self.told("bench_deliveries", "throughput", "--deliveries", self.sized(count), "--workers", "1")
            ours = figure(rf"engine, 1 worker process: {NUMBER}/s", text)
            first = first or ours
            yield rate(f"growth: {count:,} deliveries", first, ours, 0.8)

    def bulk(self) -> Iterator[Row]:
        growth = ("1000", "10000", "100000") if self.full else ("1000",)
        text = self.told("bench_bulk", "--orders", self.sized(20_000), "--growth", *growth)
        least = figure(rf"ceiling, .*: +{NUMBER} orders/s", text)
        ours = figure(rf"pipeline, .*: +{NUMBER} orders/s =", text)
        yield rate("bulk orders", least, ours, 0.5)
        for peer, goal in (
            ("nested DRF serializers + bulk_create, orders alone", 2.5),
            ("one by one through DRF, orders alone", None),
            ("one by one through DRF, the same rows", 15),
        ):
            theirs = figure(rf"peer, {re.escape(peer)}: +{NUMBER} orders/s", text)
            yield times(f"bulk orders, {peer}", theirs, ours, goal)
        rates = re.findall(rf"growth: +{NUMBER} orders in +[\d.]+ s, +{NUMBER}/s", text)
        for count, each in rates[1:]:
            yield rate(f"growth: {count} orders", number(rates[0][1]), number(each), 0.8)
        if self.full:
            yield from self._uploads()

    def _uploads(self) -> Iterator[Row]:
        """Memory of the web process after a thousand orders, and after a file of a hundred thousand."""
        text = self.told("bench_bulk", "--orders", "0", "--uploads", self.sized(100_000))
        found = rf"upload of .* orders, (\w+) .* in +{NUMBER} s, peak memory web {NUMBER} .*: {NUMBER} and"
        for kind, seconds, peak, before in re.findall(found, text):
            ratio = number(peak) / number(before)
            yield Row(
                f"upload, {kind}, {number(seconds):.0f} s: memory",
                f"{before} MB",
                f"{peak} MB",
                f"{ratio:.1f} x",
                "≤ 2 x",
                ratio <= 2,
            )

    def api(self) -> Iterator[Row]:
        self.stdout.write("\nCalls over granian, one client ...")
        with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
            taken, rounds = api.measure(Path(folder), int(self.sized(200)))
        middle = {kind: seconds[len(seconds) // 2] * 1000 for kind, seconds in taken.items()}
        late = {kind: seconds[len(seconds) * 95 // 100] * 1000 for kind, seconds in taken.items()}
        for kind in taken:
            self.stdout.write(f"{kind:20} p50 {middle[kind]:6.2f} ms  p95 {late[kind]:6.2f} ms")
        for kind, most in ((api.POST_100, 50), (api.WEBHOOK, 15), (api.INTEGRATION_KIND, 15)):
            yield latency(f"{kind}, p95", late[kind], most, floor=late[api.NOTHING])
        for each in rounds:
            told = f"p50 {each.key * 1000:.2f} ms beside {each.nothing * 1000:.2f} ms, {each.ratio:.2f} x"
            self.stdout.write(f"GET with a key, turn about with nothing: {told}")
        usual = sorted(rounds, key=lambda each: each.ratio)[len(rounds) // 2]
        figures = (f"{usual.nothing * 1000:.2f} ms", f"{usual.key * 1000:.2f} ms", f"{usual.ratio:.1f} x")
        yield Row("GET with a key, p50 (median round)", *figures, "≤ 3 x", usual.ratio <= 3)

    def pages(self) -> Iterator[Row]:
        """Every page of the console and every list of the API at a thousand rows and at a million, where both times it
        shows as many: a list's time goes into the rows that it shows."""
        pages: list[dict[tuple[str, str], float]] = []
        for rows in ("1000", self.sized(1_000_000)):
            self.told("migrate", "--verbosity", "0")
            self.told("fill", "--rows", rows)
            text = self.told("time_pages")
            found = re.findall(r"^(.{50}) \d+ +(\d+) ms.*? ms(, \d+ rows)?$", text, re.MULTILINE)
            pages.append({(name.strip(), shown): float(ms) for name, ms, shown in found if not name.startswith(SUMS)})
        small, large = pages
        ratios = {name: large[name] / max(1, small[name]) for name in small if name in large}
        worst = max(ratios, key=ratios.__getitem__)
        figures = (f"{small[worst]:.0f} ms", f"{large[worst]:.0f} ms", f"{ratios[worst]:.1f} x")
        yield Row(f"worst page: {''.join(worst)}", *figures, "≤ 2 x", ratios[worst] <= 2)

    def costs(self) -> Iterator[Row]:
        """Promises nothing: the figures of docs/scaling.md."""
        with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
            parts = (
                costs.orders_and_deliveries(int(self.sized(20_000))),
                costs.calls(Path(folder), int(self.sized(400))),
            )
            for line in chain.from_iterable(parts):
                self.stdout.write(line)
                self.stdout.flush()
        yield from ()


PARTS = {
    "deliveries": Command.deliveries,
    "bulk": Command.bulk,
    "api": Command.api,
    "pages": Command.pages,
    "costs": Command.costs,
}
LONG = {"pages", "costs"}


def number(text: str) -> float:
    return float(text.replace(",", ""))


def figure(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"No line like {pattern!r}")
    return number(found[1])


def rate(what: str, ceiling: float, ours: float, goal: float) -> Row:
    ratio = ours / ceiling
    return Row(what, f"{ceiling:,.0f}/s", f"{ours:,.0f}/s", f"{ratio:.0%}", f"≥ {goal:.0%}", ratio >= goal)


def times(what: str, peer: float, ours: float, goal: float | None) -> Row:
    ratio = ours / peer
    wanted, met = (f"≥ {goal:g} x", ratio >= goal) if goal else ("", None)
    return Row(what, f"{peer:,.0f}/s", f"{ours:,.0f}/s", f"{ratio:.1f} x", wanted, met)


def latency(what: str, ours: float, most: float, floor: float | None = None) -> Row:
    ceiling, ratio = (f"{floor:.1f} ms", f"{ours / floor:.1f} x") if floor else ("", "")
    return Row(what, ceiling, f"{ours:.1f} ms", ratio, f"≤ {most:.0f} ms", ours <= most)


def moved(what: str, before: float, after: float, most: float) -> Row:
    ratio = after / before
    return Row(what, f"{before:.1f} ms", f"{after:.1f} ms", f"{ratio:.2f} x", f"≤ {most:.1f} x", ratio <= most)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    command = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit or 'unknown'}, {os.cpu_count()} cores,"
        f" {memory:.0f} GiB, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f} at the end"
    )


def table(rows: list[Row]) -> str:
    lines = [
        ("", "ceiling", "ours", "ratio", "goal", ""),
        *((*row[:5], VERDICTS[row.met]) for row in rows),
    ]
    widths = [max(len(line[at]) for line in lines) for at in range(6)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
