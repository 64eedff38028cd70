"""Attack the promises of the documentation with random cases, for minutes or for hours.

    python tests/campaign.py                             three minutes, as before a change lands
    python tests/campaign.py --minutes 120 --seed 7      two hours with other random cases
    python tests/campaign.py --only pytorch --seed 41 --rounds 1     one round again, to look at a failure
    python tests/campaign.py --minutes 120 --write docs/promises.md  the figures of the page

A round is a few cases made from one seed. Rounds run in separate processes, on all processors. The exit status is 1 if
a promise was broken; each broken one is printed with the command that repeats the round.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import platform
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.append(str(Path(__file__).parent / "benchmarks"))

from campaigns import bits, dependent_models, engines, robustness
from turns import release, table


class Promise(NamedTuple):
    """A promise and the attack on it."""

    attack: Callable[[int], int]
    """Makes one round of random cases from a seed, raises AssertionError at a broken promise, returns their number."""
    promised: str
    cases: str
    """The name of the cases that are counted, a plural."""
    tested_by: str
    """The tests of the promise with chosen cases."""
    share: int
    """Its share of the time, relative to the others."""


PROMISES = {
    promise.attack.__name__: promise
    for promise in [
        Promise(
            bits.compiled,
            "Compiled functions give the bits of the graph, in Python, NumPy and C, one by one and in batches.",
            "programs",
            "codegen/test_compile.py",
            30,
        ),
        Promise(
            bits.lanes,
            "Functions of all lanes of a vector, in C, have the bits of the C library: exp, expm1, log1p, tanh.",
            "numbers",
            "codegen/test_c_functions.py",
            5,
        ),
        Promise(
            bits.fractions,
            "Values, gradients and gradients of gradients of integer graphs are exact.",
            "graphs",
            "test_properties.py",
            10,
        ),
        Promise(
            bits.pytorch,
            "Values and gradients of `+ - * /` are PyTorch's float64, to the bit.",
            "graphs",
            "test_properties.py",
            10,
        ),
        Promise(
            engines.engines,
            "The engine in Python and the native core do the same: numbers to the bit, errors, warnings, events.",
            "programs",
            "native/test_two_engines.py",
            20,
        ),
        Promise(
            dependent_models.dependent,
            "`fit` refuses each model whose dependence on numbers shows where it checks, and no other.",
            "models",
            "training/test_consistency.py",
            10,
        ),
        Promise(
            robustness.interrupts,
            "Ctrl-C in `backward`, `forward`, an optimizer's step, loading, saving, a copy or a pickle: all of it has "
            "happened, or nothing.",
            "interrupts",
            "test_semantics.py",
            10,
        ),
        Promise(
            robustness.kills,
            "A process that is killed while it saves leaves a complete file, the old one or the new one.",
            "kills",
            "test_files.py",
            10,
        ),
        Promise(
            robustness.racing_compiles,
            "Threads and processes compile to C at the same time, into one cache.",
            "compilations",
            "codegen/test_c_build.py",
            10,
        ),
    ]
}


FIGURES = re.compile("(?<=<!-- figures -->\n).*(?=<!-- end -->)", re.DOTALL)
"""The place of the figures on a page."""


@dataclass
class Score:
    """The rounds of one promise."""

    cases: int = 0
    rounds: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)
    skipped: str = ""


def attempt(name: str, seed: int) -> tuple[int, float, str, str]:
    """Run one round; return the number of cases, the seconds, how the promise was broken, and why it was skipped."""
    start = time.perf_counter()
    cases, broken, skipped = 0, "", ""
    try:
        cases = PROMISES[name].attack(seed)
    except pytest.skip.Exception as reason:
        skipped = str(reason)
    except Exception:
        broken = f"{traceback.format_exc()}\nAgain: python tests/campaign.py --only {name} --seed {seed} --rounds 1"
    return cases, time.perf_counter() - start, broken, skipped


def run(name: str, seed: int, seconds: float, rounds: int | None, jobs: int) -> Score:
    """Run rounds of one promise until the time or the number of rounds is over, at least one."""
    score = Score()
    until = time.monotonic() + seconds
    seeds = itertools.count(seed) if rounds is None else iter(range(seed, seed + rounds))
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        running: set[Future[tuple[int, float, str, str]]] = set()
        while True:
            while len(running) < jobs and (not score.rounds or rounds is not None or time.monotonic() < until):
                if (following := next(seeds, None)) is None:
                    break
                running.add(pool.submit(attempt, name, following))
            if not running:
                return score
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                cases, took, broken, score.skipped = future.result()
                score.cases, score.rounds, score.seconds = score.cases + cases, score.rounds + 1, score.seconds + took
                score.broken += filter(None, [broken])
            if score.skipped:
                until, rounds, seeds = 0.0, None, iter(())
                score.rounds = max(score.rounds, 1)


def figures(scores: dict[str, Score], seed: int) -> str:
    """Return the line and the table that the page shows."""
    versions = ", ".join(release(name) for name in ("numpy", "torch"))
    machine = f"CPython {platform.python_version()}, {versions}, {platform.system()} {platform.machine()}"
    rows = []
    for name, score in scores.items():
        promise = PROMISES[name]
        tried = f"{score.cases:,} {promise.cases}"
        rows.append([promise.promised, tried, str(len(score.broken)), f"`tests/{promise.tested_by}`"])
    head = ["promise", "tried", "broken", "tested by"]
    return f"The last long run: {machine}; seeds from {seed}.\n\n{table(head, rows)}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="for all promises together (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the following rounds count on")
    parser.add_argument("--only", choices=PROMISES, action="append", help="attack this promise; may be repeated")
    parser.add_argument("--rounds", type=int, help="of each promise, in place of a time")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the figures into this page")
    options = parser.parse_args(arguments)
    chosen = options.only or list(PROMISES)
    shares = sum(PROMISES[name].share for name in chosen)
    scores = {}
    with tempfile.TemporaryDirectory() as cache:
        os.environ["AUTOGRAD_CACHE_DIR"] = cache  # compiled C is of no use later
        for name in chosen:
            seconds = 60 * options.minutes * PROMISES[name].share / shares
            scores[name] = score = run(name, options.seed, seconds, options.rounds, options.jobs)
            said = f"not run: {score.skipped}" if score.skipped else f"{score.cases:,} {PROMISES[name].cases}"
            print(f"{name}: {said}, {len(score.broken)} broken", *score.broken[:3], sep="\n", flush=True)
    if options.write:
        if left_out := [name for name in PROMISES if name not in scores or scores[name].skipped]:
            parser.error(f"the page has figures of all promises; these did not run: {', '.join(left_out)}")
        page = options.write.read_text(encoding="utf-8")
        options.write.write_text(FIGURES.sub(lambda _: figures(scores, options.seed) + "\n", page), encoding="utf-8")
    return int(any(score.broken for score in scores.values()))


if __name__ == "__main__":
    sys.exit(main())
