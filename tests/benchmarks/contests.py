"""Compare contestants that compute the same, in turns: what the benchmarks of compiled functions share.

Each contestant runs in a separate process of `compiled.py`, on one thread, and the processes take turns (`turns.py`).
Before timing starts, each prints its result, and all results must agree. Contestants that lack something are left out,
and the page says so.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import by_hand
import numpy as np
import workloads
from by_hand import Step
from turns import ONE_THREAD, Ratio, Runner, Turns, importable, in_words, median_of, ratio, say, table, take_turns

import autograd
from autograd import Value

SCRIPT = str(Path(__file__).with_name("compiled.py"))
TOLERANCE = 1e-9  # between the results of contestants, which add in different orders
SAMPLE_SECONDS = 1e-3  # shorter calls are timed in groups that take about this long


def flat(result: Any) -> list[float]:
    """Flatten a result into its numbers, in order."""
    if isinstance(result, (list, tuple)):
        return [number for part in result for number in flat(part)]
    return list(map(float, np.ravel(np.asarray(result))))


class Contestant(NamedTuple):
    """A name, how to prepare the step (in a temporary folder), what that needs, and how to flatten its result."""

    name: str
    make: Callable[[Path], Step]
    needs: tuple[str, ...] = ()
    flat: Callable[[Any], list[float]] = flat


BEFORE = "folder before"  # what those need that run an earlier version of this package


@cache
def missing(need: str) -> str:
    """Return what is missing; an empty string if nothing is."""
    if need == BEFORE:
        return "" if "before" in workloads.FOLDERS else "no checkout of an earlier version (before=FOLDER)"
    if need.startswith("backend "):
        x = Value(1.0)
        try:
            autograd.compile(x * x, (x,), backend=need.removeprefix("backend "))
        except (ValueError, OSError, RuntimeError, ImportError) as problem:
            return str(problem)
        return ""
    if need == "cc":
        return "" if shutil.which(by_hand.compiler()[0]) else "no C compiler"
    return "" if importable(need) else f"{need} is not installed"


def left_out(contestant: Contestant) -> str:
    return next(filter(None, map(missing, contestant.needs)), "")


def moments() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def elapsed(start: tuple[float, float]) -> float:
    """Seconds since `start` by the wall clock, less the moments in which other programs had the core."""
    return min(now - then for now, then in zip(moments(), start))


KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": "100000000", "MALLOC_MMAP_THRESHOLD_": "100000000"}
"""The C library keeps memory that is freed. Else what was allocated long before decides whether each call gives its
arrays back to the system, and takes them anew: NumPy's convolution then takes twice as long."""


def environment(needs: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables of a process with these needs: one thread, and the earlier version if they name it."""
    return ONE_THREAD | KEPT_MEMORY | (workloads.in_folder("before") if BEFORE in needs else {})


def serve(contestant: Contestant) -> None:
    """Print the result, then how long calls took: one turn for each number of seconds on standard input."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("AUTOGRAD_CACHE_DIR", folder)  # leaves the user's cache alone
        step = contestant.make(Path(folder))
        print(json.dumps(contestant.flat(step())), flush=True)
        calls = 1
        while time_of(step, calls) * calls < SAMPLE_SECONDS:
            calls *= 2
        for seconds in map(float, sys.stdin):
            times: list[float] = []
            while sum(times) * calls < seconds or not times:
                times.append(time_of(step, calls))
            print(json.dumps(times), flush=True)


def time_of(step: Step, calls: int) -> float:
    """Seconds per call, averaged over `calls`."""
    start = moments()
    for _ in range(calls):
        step()
    return elapsed(start) / calls


class Goal(NamedTuple):
    """A ratio of times that was set as a goal, and what was found; None if it was not measured."""

    title: str
    found: float | None
    goal: str

    def row(self) -> tuple[str, str, str]:
        return self.title, "not measured" if self.found is None else shown(self.found), self.goal


class Section(NamedTuple):
    """What a section contributes to the page: its text, a summary in words, and goals."""

    text: str
    words: str
    goals: tuple[Goal, ...] = ()


class Plan(NamedTuple):
    """The duration of the measurements, and the contestants to leave out."""

    quick: bool
    rounds: int
    seconds: float


class Result(NamedTuple):
    """The figures of a contest: seconds, turn by turn, each contestant's result, and who was left out and why."""

    times: dict[str, list[list[float]]]
    results: dict[str, list[float]]
    absent: dict[str, str]

    def faster(self, one: str, than: str) -> Ratio | None:
        """Return the ratio of two contestants' speeds; None unless both took part."""
        return ratio(self.times[than], self.times[one]) if {one, than} <= self.times.keys() else None

    def goal(self, title: str, one: str, other: str, most: float) -> Goal:
        """Return the goal that `one` takes at most so many times as long as `other`."""
        found = self.faster(other, one)
        return Goal(title, found.all if found else None, f"≤ {most:g}")

    def in_words(self, ours: str, *others: str) -> str:
        """Compare one contestant with the others, as far as they took part."""
        found = {f"*{other}*": self.faster(ours, other) for other in others}
        return in_words(f"*{ours}*", {name: figure.all for name, figure in found.items() if figure})

    def fastest(self, *names: str) -> str:
        """The fastest of those that took part; the first name if none did."""
        return min((n for n in names if n in self.times), key=lambda n: median_of(self.times[n]), default=names[0])

    def notes(self) -> str:
        """A line for each contestant that was left out."""
        return "".join(f"\nLeft out: *{name}*: {why}.\n" for name, why in self.absent.items())


def contest(title: str, contestants: Mapping[str, Contestant], plan: Plan, skipped: Collection[str] = ()) -> Result:
    """Compare the contestants' results, then let them take turns.

    Arguments:
        skipped: the names of those that a quick run leaves out.
    """
    entered, absent = [], {}
    for name, contestant in contestants.items():
        why = "measured in a full run only" if plan.quick and name in skipped else left_out(contestant)
        if why:
            absent[name] = why
        else:
            say(f"{title}: {name} gets ready")
            entered.append(Runner(SCRIPT, "serve", title, name, environment=environment(contestant.needs)))
    results = {runner.job[-1]: runner.answer() for runner in entered}
    compare(title, results)
    turns: Turns = take_turns(entered, plan.rounds, plan.seconds, title)
    return Result({job[-1]: times for job, times in turns.items()}, results, absent)


def compare(title: str, results: dict[str, list[float]]) -> None:
    """Stop if a result differs from that of the last contestant, which is the simplest."""
    *_, (reference, expected) = results.items()
    for name, numbers in results.items():
        scale = max(map(abs, expected))
        if len(numbers) != len(expected) or not np.allclose(
            numbers, expected, rtol=TOLERANCE, atol=1e-3 * TOLERANCE * scale
        ):
            raise SystemExit(f"{title}: {name} and {reference} find different results")


def shown(figure: float) -> str:
    """Format with three digits, without padding zeros."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def times_table(result: Result, unit: str, reference: str, **columns: dict[str, str]) -> str:
    """One line per contestant, the fastest first, with ratios to `reference`."""
    factor = {"ms": 1e3, "µs": 1e6}[unit]
    rows = []
    for name, turns in sorted(result.times.items(), key=lambda item: median_of(item[1])):
        against = result.faster(reference, name)
        rows.append(
            (
                name,
                *(column[name] for column in columns.values()),
                f"{median_of(turns) * factor:.4g}",
                shown(against.all) if against else "",
                f"{shown(against.low)} to {shown(against.high)}" if against else "",
            )
        )
    head = ("", *columns, f"median {unit}", f"times that of {reference}", "half of rounds")
    return table(head, rows) + "\n" + result.notes()
