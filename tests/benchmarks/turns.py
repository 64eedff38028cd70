"""What the benchmarks share: processes that take turns, and tables of what they measured.

A script of measurements runs itself again for each of its jobs, in a process of its own, as
`script.py --child '["name", argument, ...]'`. Runners live on and take turns, a fraction of a second each and many
times over, so that whatever else the machine is doing hits all alike.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent


def command(script: str, job: Sequence[Any]) -> list[str]:
    return [sys.executable, script, "--child", json.dumps(job)]


def run(script: str, *job: Any, environment: Mapping[str, str] | None = None) -> Any:
    """The result of a job in a fresh process."""
    answer = subprocess.run(
        command(script, job), env=os.environ | (environment or {}), stdout=subprocess.PIPE, text=True, check=False
    )
    if answer.returncode:
        raise SystemExit(f"the measurement {job} failed")
    return json.loads(answer.stdout)


class Runner:
    """A process that does one job over and over, and waits while the others have their turns."""

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
        """The next thing that the process says."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the measurement of {self.job} failed")
        return json.loads(line)

    def turn(self, seconds: float) -> list[float]:
        """The seconds that each step took, in a turn of at least one step and about `seconds` altogether."""
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
    """The median of all steps of all turns."""
    return statistics.median(time for turn in turns for time in turn)


class Ratio(NamedTuple):
    """How many times as fast: by the medians of all steps, and within a round in the middle half of the rounds."""

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
    """Whether a module can be imported, tried in another process: a peer's C code is kept out of this one."""
    code = f"import {module}"
    return not subprocess.run([sys.executable, "-c", code], cwd=HERE, capture_output=True, check=False).returncode


def release(distribution: str) -> str:
    """Its name and version, for the line that says what was measured."""
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return f"{distribution} not installed"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned Markdown table; the first columns are words, the others numbers."""
    words = [all(not cell[:1].isdigit() for cell in column) for column in zip(*rows)]
    widths = [max(map(len, column)) for column in zip(head, *rows)]

    def line(cells: Sequence[str]) -> str:
        aligned = (f"{c:<{w}}" if word else f"{c:>{w}}" for c, w, word in zip(cells, widths, words))
        return "| " + " | ".join(aligned) + " |"

    rule = "|".join("-" * (w + 2) if word else "-" * (w + 1) + ":" for w, word in zip(widths, words))
    return "\n".join([line(head), f"|{rule}|", *map(line, rows)])


def verdict(met: bool) -> str:
    return "yes" if met else "no"
