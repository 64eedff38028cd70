"""Measure the eager engine against its peers, as ratios in one run.

    python tests/benchmarks/eager.py                         # about three minutes; prints the tables
    python tests/benchmarks/eager.py --quick                 # half a minute, noisier
    python tests/benchmarks/eager.py --write docs/speed.md   # the tables, as the page of the documentation

Every engine and collector mode lives in a process of its own, and they take turns (`turns.py`): micrograd's step, most
of which is the collector walking its memory, takes twice as long while a neighbour uses the memory too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import workloads
from turns import Runner, importable, ratio, release, run, say, table, take_turns, verdict
from workloads import Demo, Transformer, Workload

# The processor's time leaves out the moments in which other programs had the core. Where its clock is coarse (Windows
# counts in 15.6 ms), the wall clock is the better one.
CPU_CLOCK = time.get_clock_info("process_time").resolution < 1e-5
clock: Callable[[], float] = time.process_time if CPU_CLOCK else time.perf_counter

INSTALL = 'micrograd is not installed, so there is nothing to compare with: pip install -e ".[bench]"'
WARM_STEPS = 3
DEPTH = 1_000_000
BYTES_BAR = 250
SECONDS_BAR = 5.0


class Contest(NamedTuple):
    """A workload, the engines that run it, and the one that the others are compared with."""

    workload: str
    baseline: str
    engines: tuple[str, ...]


CONTESTS = {
    "demo": Contest(
        "demo", "micrograd", ("micrograd", "stored gradients", "minigrad", "autograd, atomic", "autograd, fused")
    ),
    "transformer": Contest("transformer", "stored gradients", ("stored gradients", "autograd, atomic")),
}
MODES = ("on", "off")
LINUX = Path("/proc/self/statm").exists()

# At least this many times as fast as the contest's baseline.
BARS = {
    ("demo", "autograd, fused", "on"): 30.0,
    ("demo", "autograd, fused", "off"): 4.5,
    ("demo", "autograd, atomic", "on"): 15.0,
    ("demo", "autograd, atomic", "off"): 1.3,
    ("transformer", "autograd, atomic", "on"): 1.25,
}


# ---------------------------------------------------------------------------------- in the child: one engine, one mode


def make(workload: str, engine: workloads.Engine) -> Workload:
    return Demo(engine) if workload == "demo" else Transformer(engine)


def time_steps(workload: str, engine: str, collector: str) -> None:
    """Train, and say how long the steps took: a turn for each number of seconds on standard input.

    With the collector on nothing is collected by hand. With it off, cycles are collected between the steps, untimed.
    """
    program = make(workload, workloads.load(engine))
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
    """The memory that this process holds now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def bytes_a_node(graph: str, engine: str, instrument: str, nodes: int) -> dict[str, float | None]:
    """What a node takes once the graph stands, at the peak of backward, and after it.

    Leaves that the step makes count as nodes; the parameters, made before, do not.
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
    """Seconds to build, differentiate and free a graph of extreme depth or width, with the usual recursion limit."""
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
    # Only the peers' recursion needs the deep stack; the depth of ours is measured with what every program has.
    result = work(*arguments) if name == "depth" else workloads.with_deep_stack(lambda: work(*arguments))
    if result is not None:
        print(json.dumps(result))


# ------------------------------------------------------------------------------------------- in the parent: the tables


def installed(engine: str) -> bool:
    return importable(workloads.ENGINES[engine])


def steps_table(contest: Contest, rounds: int, seconds: float) -> str:
    """Milliseconds a step, and how many times as fast as the baseline."""
    runners = [
        Runner(__file__, "steps", contest.workload, engine, mode)
        for engine in contest.engines
        if installed(engine)
        for mode in MODES
    ]
    turns = take_turns(runners, rounds, seconds, contest.workload)
    rows = []
    for (job, workload, engine, mode), ours in turns.items():
        faster = ratio(turns[job, workload, contest.baseline, mode], ours)
        times = [time for turn in ours for time in turn]
        bar = BARS.get((workload, engine, mode))
        rows.append(
            (
                engine,
                mode,
                str(len(times)),
                f"{statistics.median(times) * 1e3:.1f}",
                f"{statistics.fmean(times) * 1e3:.1f}",
                f"{faster.all:.2f}",
                str(faster),
                f"{bar:g}" if bar else "",
                verdict(faster.all >= bar) if bar else "",
            )
        )
    return table(
        ("engine", "collector", "steps", "median ms", "mean ms", "ratio", "half of rounds", "bar", "met"), rows
    )


def bytes_table(nodes: int) -> str:
    """Bytes a node."""
    if not LINUX:
        say("no /proc here: memory is measured by tracemalloc only")
    rows = []
    for graph, label in (("demo", "demo"), ("chain", f"chain of {nodes:,}")):
        for engine in ("micrograd", "stored gradients", "autograd, atomic"):
            for instrument in ("tracemalloc", "resident"):
                if instrument == "resident" and not LINUX:
                    continue
                say(f"bytes a node: {graph}, {engine}, {instrument}")
                size = run(__file__, "bytes", graph, engine, instrument, nodes)
                cells = [f"{size[key]:.0f}" if size[key] else "" for key in ("built", "peak", "after")]
                ours = engine.startswith("autograd")
                met = verdict(max(size["built"], size["after"] or 0) <= BYTES_BAR) if ours else ""
                rows.append((label, engine, instrument, f"{size['nodes']:,}", *cells, ours * str(BYTES_BAR), met))
    return table(("graph", "engine", "by", "nodes", "built", "peak", "after", "bar", "met"), rows)


def depth_table(nodes: int) -> str:
    """Seconds at a million nodes."""
    rows = []
    for graph, label in (("chain", f"chain of {nodes:,} nodes"), ("sum", f"sum of {nodes:,} terms")):
        for mode in MODES:
            say(f"depth: {graph}, collector {mode}")
            seconds = run(__file__, "depth", graph, mode, nodes)
            cells = [f"{seconds[key]:.3f}" for key in ("forward", "backward", "free")]
            rows.append((label, mode, *cells, f"{SECONDS_BAR:g} each", verdict(max(seconds.values()) <= SECONDS_BAR)))
    return table(("graph", "collector", "forward", "backward", "free", "bar", "met"), rows)


def machine() -> str:
    """What the numbers depend on besides the code."""

    peers = f"{release('micrograd')}, {release('minigrad')}"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {peers}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"


PAGE = """\
# Speed, eager

{machine}. {clock}.

Made by `python tests/benchmarks/eager.py --write docs/speed.md`. The numbers are of one run on one machine; ratios
travel better than milliseconds.

Each engine and each mode of the cyclic garbage collector ran in its own process, and took {rounds} turns of
{seconds} s with all the others, after {warm} steps not counted. *On*: the collector as Python sets it, nothing
collected by hand. *Off*: disabled, and cycles collected between the steps, untimed.

## Training steps

A step is forward, gradients to zero, backward and update, and the freeing of its graph. The *ratio* says how many times
as fast as the baseline a step is, by the medians of all steps. *Half of rounds*: the ratio within one round lay between
these numbers in the middle half of the rounds. Engines:

- *micrograd*, from PyPI.
- *stored gradients*: a Value with slots that stores its local gradients, `tests/benchmarks/stored_gradients.py`.
- *minigrad*, from PyPI: an engine in C, for orientation.
- *autograd, atomic*: ours, with the same `*` and `+` nodes as micrograd. *autograd, fused*: ours, with one `dot` node
  for the products of a neuron.

### The demo

micrograd's own: a 2-16-16-1 ReLU network on 100 points, hinge loss and L2, full batch. Ratios to micrograd.

{demo}

### The transformer

One decoder block of width 16 with 4 heads on 12 tokens, made from `+ - * / **`, exp, log, relu and the built-in `sum`,
as one writes it for an engine that stores local gradients. Ratios to such an engine.

{transformer}

## Memory

Bytes a node, the objects it refers to included: once the graph is built, at the peak of `backward()`, and after it.
*By* tracemalloc, or by the resident set size of the process. Constants are nodes in the peers and plain floats in ours,
so ours has fewer nodes for the same program. (A chain of this depth is beyond the recursion of the peers' backward.)

{bytes}

## Depth

Seconds, with Python's usual recursion limit of 1000.

{depth}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure the eager engine against its peers, as ratios in one run.")
    parser.add_argument("--write", metavar="FILE", help="write the page of the documentation to this file as well")
    parser.add_argument("--quick", action="store_true", help="three short rounds: half a minute, noisier")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each engine has its turn (15)")
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
        machine=machine(),
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
