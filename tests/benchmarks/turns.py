"""Run measurements in processes that take turns, and print them as tables and sentences. All benchmarks share this.

A benchmark script starts itself again for each job, in a separate process, as
`script.py --child '["name", argument, ...]'`. Runners stay alive and take turns, a fraction of a second each and many
times over, so that any other load on the machine affects all of them alike.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent

# One thread each: what is computed is so small that more threads would only wait for each other.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


def stay_on_one_cpu() -> None:
    """Keep this process on one CPU, where the system can: XLA has a thread for each CPU, whatever its flags say.

    With another program on the machine, a product that is shared by two threads takes up to ten times as long.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def command(script: str, job: Sequence[Any]) -> list[str]:
    return [sys.executable, script, "--child", json.dumps(job)]


def run(script: str, *job: Any, environment: Mapping[str, str] | None = None) -> Any:
    """Run a job in a fresh process and return its result."""
    answer = subprocess.run(
        command(script, job), env=os.environ | (environment or {}), stdout=subprocess.PIPE, text=True, check=False
    )
    if answer.returncode:
        raise SystemExit(f"the measurement {job} failed")
    return json.loads(answer.stdout)


class Runner:
    """A process that repeats one job, and waits while the others take their turns."""

    def __init__(self, script: str, *job: str, environment: Mapping[str, str] | None = None) -> None:
        self.job = job
        self.process = subprocess.Popen(
            command(script, job),
            env=os.environ | (environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def answer(self) -> Any:
        """Read the next line of JSON from the process."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the measurement of {self.job} failed")
        return json.loads(line)

    def turn(self, seconds: float) -> list[float]:
        """Take a turn of about `seconds`, at least one step; return the seconds that each step took."""
        assert self.process.stdin
        self.process.stdin.write(f"{seconds}\n")
        return list(map(float, self.answer()))

    def end(self) -> None:
        self.process.communicate()


Turns = dict[tuple[str, ...], list[list[float]]]
"""For each runner's job, the seconds of each of its steps, turn by turn."""


def take_turns(runners: Sequence[Runner], rounds: int, seconds: float, title: str) -> Turns:
    """Let the runners take turns, and end them."""
    turns: Turns = {runner.job: [] for runner in runners}
    for turn in range(rounds):
        say(f"{title}: round {turn + 1} of {rounds}")
        for runner in runners:
            turns[runner.job].append(runner.turn(seconds))
    for runner in runners:
        runner.end()
    return turns


def median_of(turns: Iterable[Iterable[float]]) -> float:
    """Return the median of all steps of all turns."""
    return statistics.median(time for turn in turns for time in turn)


class Ratio(NamedTuple):
    """A ratio of speeds: by the medians of all steps, and the range of the middle half of the rounds."""

    all: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:.2f} to {self.high:.2f}"


def ratio(theirs: Sequence[Sequence[float]], ours: Sequence[Sequence[float]]) -> Ratio:
    by_round = sorted(statistics.median(t) / statistics.median(o) for t, o in zip(theirs, ours))
    quarter = len(by_round) // 4
    return Ratio(median_of(theirs) / median_of(ours), by_round[quarter], by_round[-1 - quarter])


def importable(module: str) -> bool:
    """Try to import a module in another process, which keeps a peer's C code out of this one."""
    return runs(f"import {module}")


def runs(code: str, environment: Mapping[str, str] | None = None) -> bool:
    """Return True if a line of Python runs without an error, in another process."""
    variables = os.environ | (environment or {})
    found = subprocess.run([sys.executable, "-c", code], cwd=HERE, env=variables, capture_output=True, check=False)
    return not found.returncode


def release(distribution: str) -> str:
    """Return the distribution's name and version, for the line that says what was measured."""
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return f"{distribution} not installed"


def machine(*distributions: str) -> str:
    """Name the interpreter, the distributions and the machine that the figures depend on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    system = f"{platform.system()} {platform.machine()}"
    return ", ".join([python, *map(release, distributions), system, f"{os.cpu_count()} CPUs"])


def print_page(
    description: str,
    page: Callable[[bool], str],
    jobs: Mapping[str, Callable[..., Any]],
    arguments: Sequence[str] | None,
) -> None:
    """Be the command of a benchmark script: run one of its jobs, or print the page, and write it if that is asked for.

    Arguments:
        page: returns the page; of few repetitions, if its argument is True.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--write", metavar="FILE", help="also write the page of the documentation to this file")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--child", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        name, *rest = json.loads(options.child)
        print(json.dumps(jobs[name](*rest)))
        return
    text = page(options.quick)
    print(text)
    if options.write:
        Path(options.write).write_text(text, encoding="utf-8")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format an aligned Markdown table: words to the left, numbers to the right."""
    words = [all(not cell[:1].isdigit() for cell in column) for column in zip(*rows)]
    widths = [max(map(len, column)) for column in zip(head, *rows)]

    def line(cells: Sequence[str]) -> str:
        aligned = (f"{c:<{w}}" if word else f"{c:>{w}}" for c, w, word in zip(cells, widths, words))
        return "| " + " | ".join(aligned) + " |"

    rule = "|".join("-" * (w + 2) if word else "-" * (w + 1) + ":" for w, word in zip(widths, words))
    return "\n".join([line(head), f"|{rule}|", *map(line, rows)])


def filled(text: str, first: str = "") -> str:
    """Wrap a paragraph as the pages are wrapped; `first` begins an item of a list."""
    return textwrap.fill(text, 120, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)


def about(figure: float) -> str:
    """Round to two digits.

    >>> about(3.06), about(0.577), about(122_163.0)
    ('3.1', '0.58', '120,000')
    """
    decimals = 1 - math.floor(math.log10(figure))
    return f"{round(figure, decimals):,.{max(0, decimals)}f}"


def in_range(figures: Sequence[float]) -> str:
    """Round the smallest and the largest.

    >>> in_range([1.13, 0.95]), in_range([1.84])
    ('0.95 to 1.1', '1.8')
    """
    return " to ".join(dict.fromkeys(map(about, (min(figures), max(figures)))))


def in_words(ours: str, others: Mapping[str, float]) -> str:
    """Compare the others with ours in sentences, given their times as multiples of ours.

    >>> in_words("autograd", {"NumPy": 6.6, "JAX": 3.06, "C": 0.61})
    'NumPy takes 6.6 times as long as autograd and JAX 3.1 times. autograd takes 1.6 times as long as C.'
    """
    by_time = sorted(others.items(), key=lambda item: item[1], reverse=True)
    sentences = []
    if slower := [(name, about(times)) for name, times in by_time if times >= 1.05]:
        (name, times), *more = slower
        parts = [f"{name} takes {times} times as long as {ours}", *(f"{name} {times} times" for name, times in more)]
        sentences.append(" and ".join([", ".join(parts[:-1]), parts[-1]]) if more else parts[0])
    sentences += [f"{name} takes about as long as {ours}" for name, times in by_time if 0.95 < times < 1.05]
    faster = [(name, about(1 / times)) for name, times in by_time if times <= 0.95]
    sentences += [f"{ours} takes {times} times as long as {name}" for name, times in faster]
    return " ".join(f"{sentence}." for sentence in sentences)
