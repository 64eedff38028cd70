"""Measure the eager engine against its peers, as ratios within one run.

    python tests/benchmarks/eager.py                         # about three minutes; prints the page
    python tests/benchmarks/eager.py --quick                 # half a minute, noisier
    python tests/benchmarks/eager.py --write docs/speed.md   # also writes the page of the documentation

Each engine and collector mode runs in a separate process, and the processes take turns (`turns.py`): micrograd's step,
most of which is the collector walking its memory, takes twice as long while another program uses the memory too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import workloads
from turns import Runner, filled, importable, in_words, machine, median_of, ratio, run, say, table, take_turns
from workloads import Demo, Transformer, Workload

# Processor time excludes the moments in which other programs had the core. Where that clock is coarse (Windows counts
# in steps of 15.6 ms), the wall clock is better.
CPU_CLOCK = time.get_clock_info("process_time").resolution < 1e-5
clock: Callable[[], float] = time.process_time if CPU_CLOCK else time.perf_counter

INSTALL = 'micrograd is not installed, so there is nothing to compare with: pip install -e ".[bench]"'
WARM_STEPS = 3
DEPTH = 1_000_000


class Trained(Protocol):
    """What has steps to time."""

    def step(self) -> float: ...


class Contest(NamedTuple):
    """A workload, the engines that run it, the one that ratios refer to, and the one that words compare."""

    workload: str
    baseline: str
    ours: str
    engines: tuple[str, ...]


CONTESTS = {
    "demo": Contest(
        "demo",
        "micrograd",
        "autograd, fused",
        ("micrograd", "stored gradients", "minigrad", "autograd, atomic", "autograd, fused"),
    ),
    "transformer": Contest(
        "transformer", "stored gradients", "autograd, atomic", ("stored gradients", "autograd, atomic")
    ),
}
MODES = ("on", "off")
LINUX = Path("/proc/self/statm").exists()


# -------------------------------------------------------------------------------- child processes: one engine, one mode


def make(workload: str, engine: workloads.Engine) -> Workload:
    return Demo(engine) if workload == "demo" else Transformer(engine)


def time_steps(workload: str, engine: str, collector: str) -> None:
    answer_turns(make(workload, workloads.load(engine)), collector)


def answer_turns(program: Trained, collector: str) -> None:
    """Train, and print how long the steps took: one turn for each number of seconds on standard input.

    With the collector on, nothing is collected by hand. With it off, cycles are collected between steps, untimed.
    """
    if collector == "off":
        gc.disable()
    for _ in range(WARM_STEPS):
        program.step()
    for seconds in map(float, sys.stdin):
        times: list[float] = []
        while not times or sum(times) < seconds:
            if collector == "off":
                gc.collect()
            start = clock()
            program.step()
            times.append(clock() - start)
        print(json.dumps(times), flush=True)


def resident_bytes() -> int:
    """Return the resident set size of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def bytes_a_node(graph: str, engine: str, instrument: str, nodes: int) -> dict[str, float | None]:
    """Measure the bytes per node once the graph is built, at the peak of backward, and after it.

    Leaves created by the step count as nodes; the parameters, which exist before it, do not.
    """
    made = workloads.load(engine)
    program = Demo(made) if graph == "demo" else None

    def build() -> Any:
        return program.loss() if program else workloads.chain(made, nodes)

    if instrument == "tracemalloc":
        tracemalloc.start()
    measure = resident_bytes if instrument == "resident" else lambda: tracemalloc.get_traced_memory()[0]
    gc.collect()
    before = measure()
    output = build()
    gc.collect()
    built = measure() - before
    peak = after = None
    # A million levels deep, only an engine without recursion has a backward.
    if graph == "demo" or engine.startswith("autograd"):
        tracemalloc.reset_peak()
        output.backward()
        if instrument == "tracemalloc":
            peak = tracemalloc.get_traced_memory()[1] - before
        gc.collect()
        after = measure() - before
    tracemalloc.stop()
    count = workloads.count_nodes(made, output) - (len(program.parameters) if program else 0)
    return {
        "nodes": count,
        "built": built / count,
        "peak": peak and peak / count,
        "after": after and after / count,
    }


def time_depth(graph: str, collector: str, nodes: int) -> dict[str, float]:
    """Time building, differentiating and freeing a graph of extreme depth or width, under the usual recursion limit."""
    engine = workloads.load("autograd, atomic")
    add_all = import_module("autograd").sum
    leaves = [engine.value(1.0 / nodes) for _ in range(nodes)] if graph == "sum" else []
    assert sys.getrecursionlimit() == 1000
    if collector == "off":
        gc.disable()
    moments = [clock()]
    output = add_all(leaves) if graph == "sum" else workloads.chain(engine, nodes)
    moments.append(clock())
    output.backward()
    moments.append(clock())
    del output, leaves
    moments.append(clock())
    forward, backward, free = (end - start for start, end in pairwise(moments))
    return {"forward": forward, "backward": backward, "free": free}


CHILDREN: dict[str, Callable[..., Any]] = {"steps": time_steps, "bytes": bytes_a_node, "depth": time_depth}


def child(job: str) -> None:
    """Do the job that the parent wrote as JSON, and answer in JSON."""
    name, *arguments = json.loads(job)
    work = CHILDREN[name]
    # Only the peers' recursion needs the deep stack; our depth is measured with the stack that every program has.
    result = work(*arguments) if name == "depth" else workloads.with_deep_stack(lambda: work(*arguments))
    if result is not None:
        print(json.dumps(result))


# ---------------------------------------------------------------------------------------- parent process: the tables


def installed(engine: str) -> bool:
    return importable(workloads.ENGINES[engine])


def steps_table(contest: Contest, rounds: int, seconds: float) -> str:
    """Milliseconds per step and ratios to the baseline, in a table and in words."""
    runners = [
        Runner(__file__, "steps", contest.workload, engine, mode)
        for engine in contest.engines
        if installed(engine)
        for mode in MODES
    ]
    turns = {
        (engine, mode): times
        for (_, _, engine, mode), times in take_turns(runners, rounds, seconds, contest.workload).items()
    }
    rows = []
    for (engine, mode), ours in turns.items():
        faster = ratio(turns[contest.baseline, mode], ours)
        times = [time for turn in ours for time in turn]
        rows.append(
            (
                engine,
                mode,
                str(len(times)),
                f"{statistics.median(times) * 1e3:.1f}",
                f"{statistics.fmean(times) * 1e3:.1f}",
                f"{faster.all:.2f}",
                str(faster),
            )
        )
    head = ("engine", "collector", "steps", "median ms", "mean ms", "ratio", "half of rounds")
    medians = {job: median_of(times) for job, times in turns.items()}
    return "\n\n".join([table(head, rows), *(filled(steps_in_words(contest.ours, medians, mode)) for mode in MODES)])


def steps_in_words(ours: str, medians: Mapping[tuple[str, str], float], mode: str) -> str:
    """Compare one engine of ours with the others, in one mode of the collector."""
    others = {f"*{e}*": time / medians[ours, mode] for (e, m), time in medians.items() if m == mode and e != ours}
    return f"With the collector {mode}: {in_words(f'*{ours}*', others)}"


def bytes_table(nodes: int) -> str:
    """Bytes per node."""
    if not LINUX:
        say("no /proc here: memory is measured by tracemalloc only")
    rows = []
    for graph, label in (("demo", "demo"), ("chain", f"chain of {nodes:,}")):
        for engine in ("micrograd", "stored gradients", "autograd, atomic"):
            for instrument in ("tracemalloc", "resident"):
                if instrument == "resident" and not LINUX:
                    continue
                say(f"bytes per node: {graph}, {engine}, {instrument}")
                size = run(__file__, "bytes", graph, engine, instrument, nodes)
                cells = [f"{size[key]:.0f}" if size[key] else "" for key in ("built", "peak", "after")]
                rows.append((label, engine, instrument, f"{size['nodes']:,}", *cells))
    return table(("graph", "engine", "by", "nodes", "built", "peak", "after"), rows)


def depth_table(nodes: int) -> str:
    """Seconds for graphs of a million nodes."""
    rows = []
    for graph, label in (("chain", f"chain of {nodes:,} nodes"), ("sum", f"sum of {nodes:,} terms")):
        for mode in MODES:
            say(f"depth: {graph}, collector {mode}")
            seconds = run(__file__, "depth", graph, mode, nodes)
            cells = [f"{seconds[key]:.3f}" for key in ("forward", "backward", "free")]
            rows.append((label, mode, *cells))
    return table(("graph", "collector", "forward", "backward", "free"), rows)


PAGE = """\
# Speed, eager

{machine}. {clock}.

Made by `python tests/benchmarks/eager.py --write docs/speed.md`: one run on one machine. Ratios carry over to other
machines better than milliseconds do.

Each engine and each mode of the cyclic garbage collector ran in a separate process and took {rounds} turns of
{seconds} s, in rotation with all others, after {warm} warm-up steps. *On*: the collector as Python configures it,
nothing collected by hand. *Off*: collector disabled, cycles collected between steps, untimed.

## Training steps

A step builds the graph, sets gradients to zero, runs backward, updates the parameters, and frees the graph. *Ratio*:
how many times as fast as the baseline a step is, by the medians of all steps. *Half of rounds*: the range of the ratio
within one round, over the middle half of the rounds. The engines:

- *micrograd*, from PyPI.
- *stored gradients*: a Value with slots that stores its local gradients, `tests/benchmarks/stored_gradients.py`.
- *minigrad*, from PyPI: an engine in C, for orientation.
- *autograd, atomic*: this engine, with the same `*` and `+` nodes as micrograd. *autograd, fused*: this engine, with
  one `dot` node for the products of a neuron, which is what `nn` records.

### The demo

micrograd's own: a 2-16-16-1 ReLU network on 100 points, hinge loss and L2, full batch. Ratios to micrograd. ([Beside
other engines](other-engines.md) has this demo in a run of its own, whose times are not comparable with these.)

{demo}

### The transformer

One decoder block of width 16 with 4 heads on 12 tokens, made from `+ - * / **`, exp, log, relu and the built-in `sum`,
as it is usually written for an engine that stores local gradients. Ratios to such an engine.

{transformer}

## Memory

Bytes per node, including the objects that the node refers to: with the graph built, at the peak of `backward()`, and
after it, *by* tracemalloc or by the resident set size of the process. Constants are nodes in the peers and plain floats
here, so this engine has fewer nodes for the same program. (The chain is too deep for the peers' recursive backward.)

{bytes}

## Depth

Seconds, with Python's default recursion limit of 1000.

{depth}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure the eager engine against its peers, within one run.")
    parser.add_argument("--write", metavar="FILE", help="also write the page of the documentation to this file")
    parser.add_argument("--quick", action="store_true", help="three short rounds: half a minute, noisier")
    parser.add_argument("--rounds", type=int, metavar="N", help="number of turns for each engine (15)")
    parser.add_argument("--child", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(options.child)
        return
    if not installed("autograd, atomic"):
        raise SystemExit("autograd cannot be imported here: pip install -e .")
    if not installed("micrograd"):
        raise SystemExit(INSTALL)
    rounds, seconds = (3, 0.1) if options.quick else (15, 0.25)
    rounds = options.rounds or rounds
    nodes = DEPTH // 10 if options.quick else DEPTH
    page = PAGE.format(
        machine=machine("micrograd", "minigrad"),
        clock="Processor time" if CPU_CLOCK else "Wall clock",
        rounds=rounds,
        seconds=seconds,
        warm=WARM_STEPS,
        demo=steps_table(CONTESTS["demo"], rounds, seconds),
        transformer=steps_table(CONTESTS["transformer"], rounds, seconds),
        bytes=bytes_table(nodes),
        depth=depth_table(nodes),
    )
    print(page)
    if options.write:
        Path(options.write).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
