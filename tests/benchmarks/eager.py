"""Measure the eager engine against its peers, as ratios within one run.

    python tests/benchmarks/eager.py                         # about six minutes; prints the page
    python tests/benchmarks/eager.py --quick                 # about a minute, noisier
    python tests/benchmarks/eager.py --write docs/speed.md   # also writes the page of the documentation
    python tests/benchmarks/eager.py before=FOLDER           # also beside the pure engine of an earlier version

FOLDER is a checkout of that version: git worktree add FOLDER COMMIT. Engines that are not installed are left out, and
so is the native one where it was not built.

Each engine and collector mode runs in a separate process, and the processes take turns (`turns.py`): micrograd's step,
most of which is the collector walking its memory, takes twice as long while another program uses the memory too.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import workloads
from turns import (
    Runner,
    about,
    filled,
    in_words,
    machine,
    median_of,
    ratio,
    run,
    runs,
    say,
    table,
    take_turns,
)
from workloads import Transformer, Workload, environment

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
    """A workload, the engine that ratios refer to, the engines that run it, and for how much of a step."""

    workload: str
    baseline: str
    engines: tuple[str, ...]
    job: str = "steps"


Sizes = dict[tuple[str, str, str], dict[str, float | None]]
"""For each graph, engine and instrument, the number of nodes and the bytes of each."""
Depths = dict[tuple[str, str, str], dict[str, float]]
"""For each graph, engine and mode of the collector, the median seconds of each part."""
ByEngine = dict[tuple[str, str], list[list[float]]]
"""For each engine and mode of the collector, the seconds of each step, turn by turn."""

NATIVE, NATIVE_FUSED = "autograd, native, atomic", "autograd, native, fused"
PURE, PURE_FUSED = "autograd, pure, atomic", "autograd, pure, fused"
BEFORE, BEFORE_FUSED = "autograd before, atomic", "autograd before, fused"
FLOATS = "plain floats"

CONTESTS = {
    "demo": Contest(
        "demo",
        "micrograd",
        (
            *("micrograd", FLOATS, "stored gradients", "minigrad", "XAD"),
            *(BEFORE, BEFORE_FUSED, PURE, PURE_FUSED, NATIVE, NATIVE_FUSED),
        ),
    ),
    "recording": Contest("demo", FLOATS, (FLOATS, PURE, PURE_FUSED, NATIVE, NATIVE_FUSED), "recordings"),
    "transformer": Contest("transformer", "stored gradients", ("stored gradients", PURE, NATIVE)),
}
MODES = ("on", "off")
LINUX = Path("/proc/self/statm").exists()


# -------------------------------------------------------------------------------- child processes: one engine, one mode


def make(workload: str, engine: workloads.Engine) -> Workload:
    return workloads.demo(engine) if workload == "demo" else Transformer(engine)


def time_steps(workload: str, engine: str, collector: str) -> None:
    answer_turns(make(workload, workloads.load(engine)), collector)


class Recording:
    """Recording the loss of a training program as a step, which leaves it to `forget` to free the graph."""

    def __init__(self, program: Workload) -> None:
        self.program = program
        self.graph: Any = None

    def step(self) -> float:
        self.graph = self.program.loss()
        return 0.0

    def forget(self) -> None:
        self.graph = None


def time_recordings(workload: str, engine: str, collector: str) -> None:
    recording = Recording(make(workload, workloads.load(engine)))
    answer_turns(recording, collector, recording.forget)


def answer_turns(program: Trained, collector: str, between: Callable[[], None] = lambda: None) -> None:
    """Train, and print how long the steps took: one turn for each number of seconds on standard input.

    With the collector on, nothing is collected by hand. With it off, cycles are collected between steps, untimed. What
    is alive after the first steps is frozen then: to walk it would leave the caches cold for the next step.

    Arguments:
        between: is called before each step, untimed.
    """
    if collector == "off":
        gc.disable()
    for _ in range(WARM_STEPS):
        between()
        program.step()
    if collector == "off":
        gc.collect()
        gc.freeze()
    for seconds in map(float, sys.stdin):
        times: list[float] = []
        while not times or sum(times) < seconds:
            between()
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
    program = workloads.demo(made) if graph == "demo" else None

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


def time_depth(graph: str, engine: str, collector: str, nodes: int) -> dict[str, float]:
    """Time building, differentiating and freeing a graph of extreme depth or width, under the usual recursion limit."""
    made = workloads.load(engine)
    add_all = import_module("autograd").sum
    leaves = [made.value(1.0 / nodes) for _ in range(nodes)] if graph == "sum" else []
    assert sys.getrecursionlimit() == 1000
    if collector == "off":
        gc.disable()
    moments = [clock()]
    output = add_all(leaves) if graph == "sum" else workloads.chain(made, nodes)
    moments.append(clock())
    output.backward()
    moments.append(clock())
    del output, leaves
    moments.append(clock())
    forward, backward, free = (end - start for start, end in pairwise(moments))
    return {"forward": forward, "backward": backward, "free": free}


def watch_memory(engine: str, graphs: int, nodes: int) -> dict[str, float]:
    """Measure the megabytes of the process: while small graphs come and go, and around a large one."""
    made = workloads.load(engine)
    sizes = random.Random(0)
    kept = []

    def come_and_go(times: int, keep: bool = False) -> float:
        for _ in range(times):
            leaf = made.value(0.5)
            if keep:
                kept.append(leaf)
            workloads.chain(made, sizes.randrange(10, 1000), leaf).backward()
        return resident_bytes() / 1e6

    found = {"after the first tenth of them": come_and_go(graphs // 10)}
    found["after all"] = come_and_go(graphs - graphs // 10)
    found["again, a leaf of each kept"] = come_and_go(graphs, keep=True)
    large = workloads.chain(made, nodes)
    large.backward()
    found["with a large one"] = resident_bytes() / 1e6
    del large
    found["when it is gone"] = resident_bytes() / 1e6
    return found


def first_step(workload: str, engine: str) -> tuple[float, list[float]]:
    """Return the loss and the gradients before training, which are compared with those of the other engines."""
    return workloads.gradients_of(make(workload, workloads.load(engine)))


CHILDREN: dict[str, Callable[..., Any]] = {
    "steps": time_steps,
    "recordings": time_recordings,
    "first step": first_step,
    "bytes": bytes_a_node,
    "depth": time_depth,
    "memory": watch_memory,
}


# ---------------------------------------------------------------------------------------- parent process: the tables


@cache
def installed(engine: str) -> bool:
    if engine.startswith("autograd before") and "before" not in workloads.FOLDERS:
        return False
    return runs(f"import workloads; workloads.load({engine!r})", environment(engine))


def measure(contest: Contest, rounds: int, seconds: float) -> ByEngine:
    """Let the engines that are installed take turns; return the seconds of the steps by engine and mode."""
    runners = [
        Runner(__file__, contest.job, contest.workload, engine, mode, environment=environment(engine))
        for engine in contest.engines
        if installed(engine)
        for mode in MODES
    ]
    turns = take_turns(runners, rounds, seconds, f"{contest.workload}, {contest.job}")
    return {(engine, mode): times for (_, _, engine, mode), times in turns.items()}


def steps_table(contest: Contest, turns: ByEngine) -> str:
    """Milliseconds per step and ratios to the baseline, in a table and in words."""
    rows = []
    for (engine, mode), own in turns.items():
        faster = ratio(turns[contest.baseline, mode], own)
        times = [time for turn in own for time in turn]
        rows.append(
            (
                engine,
                mode,
                str(len(times)),
                f"{statistics.median(times) * 1e3:.2f}",
                f"{statistics.fmean(times) * 1e3:.2f}",
                f"{faster.all:.2f}",
                str(faster),
            )
        )
    head = ("engine", "collector", "steps", "median ms", "mean ms", "ratio", "half of rounds")
    ours = NATIVE if (NATIVE, "on") in turns else PURE
    medians = {job: median_of(times) for job, times in turns.items()}
    return "\n\n".join([table(head, rows), *(filled(steps_in_words(ours, medians, mode)) for mode in MODES)])


def steps_in_words(ours: str, medians: Mapping[tuple[str, str], float], mode: str) -> str:
    """Compare one engine of ours with those of others, in one mode of the collector."""
    others = {
        f"*{engine}*": time / medians[ours, mode]
        for (engine, m), time in medians.items()
        if m == mode and engine != ours and not engine.startswith("autograd")
    }
    return f"With the collector {mode}: {in_words(f'*{ours}*', others)}"


def quotient(turns: ByEngine, one: str, other: str, mode: str) -> float | None:
    """Return how many times as long a step of one takes as that of the other; None unless both took part."""
    if not {(one, mode), (other, mode)} <= turns.keys():
        return None
    return median_of(turns[one, mode]) / median_of(turns[other, mode])


class Goal(NamedTuple):
    """A ratio of times that was set as a goal: of which contest, for each mode of the collector."""

    title: str
    contest: str
    one: str
    other: str
    goals: tuple[str, str]

    def row(self, contests: Mapping[str, ByEngine]) -> tuple[str, ...]:
        cells = []
        for mode, goal in zip(MODES, self.goals):
            found = quotient(contests[self.contest], self.one, self.other, mode)
            cells += ["not measured" if found is None else about(found), goal]
        return (self.title, *cells)


GOALS = (
    Goal("demo: micrograd ÷ ours, atomic", "demo", "micrograd", NATIVE, ("≥ 200", "≥ 18")),
    Goal("demo: micrograd ÷ ours, fused", "demo", "micrograd", NATIVE_FUSED, ("≥ 900", "≥ 80")),
    Goal("demo: ours, atomic ÷ plain floats", "demo", NATIVE, FLOATS, ("≤ 2.2", "≤ 2.2")),
    Goal("demo: ours, fused ÷ plain floats", "demo", NATIVE_FUSED, FLOATS, ("≤ 0.45", "≤ 0.45")),
    Goal("demo: minigrad ÷ ours, atomic", "demo", "minigrad", NATIVE, ("≥ 2.5", "≥ 2.5")),
    Goal("demo: XAD ÷ ours, atomic", "demo", "XAD", NATIVE, ("≥ 8", "≥ 8")),
    Goal("recording the demo: ours, atomic ÷ plain floats", "recording", NATIVE, FLOATS, ("≤ 1.3", "≤ 1.3")),
    Goal("demo, atomic: the pure engine ÷ the version before the native one", "demo", PURE, BEFORE, ("≤ 1", "≤ 1")),
    Goal("demo, fused: the same", "demo", PURE_FUSED, BEFORE_FUSED, ("≤ 1", "≤ 1")),
)


def goals_table(contests: Mapping[str, ByEngine]) -> str:
    return table(("ratio of times", "on", "goal", "off", "goal"), [goal.row(contests) for goal in GOALS])


def measure_bytes(nodes: int) -> Sizes:
    if not LINUX:
        say("no /proc here: memory is measured by tracemalloc only")
    found: Sizes = {}
    for graph in ("demo", "chain"):
        for engine in filter(installed, ("micrograd", "stored gradients", PURE, NATIVE)):
            for instrument in ("tracemalloc", "resident") if LINUX else ("tracemalloc",):
                say(f"bytes per node: {graph}, {engine}, {instrument}")
                job = ("bytes", graph, engine, instrument, nodes)
                found[graph, engine, instrument] = run(__file__, *job, environment=environment(engine))
    return found


def bytes_table(sizes: Sizes, nodes: int) -> str:
    titles = {"demo": "demo", "chain": f"chain of {nodes:,}"}
    rows = []
    for (graph, engine, instrument), size in sizes.items():
        cells = ["" if size[key] is None else f"{size[key]:.0f}" for key in ("built", "peak", "after")]
        rows.append((titles[graph], engine, instrument, f"{size['nodes']:,}", *cells))
    return table(("graph", "engine", "by", "nodes", "built", "peak", "after"), rows)


def measure_depth(nodes: int, rounds: int) -> Depths:
    jobs = [
        (graph, engine, mode)
        for graph in ("chain", "sum")
        for engine in filter(installed, (PURE, NATIVE))
        for mode in MODES
    ]
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {job: [] for job in jobs}
    for turn in range(rounds):
        say(f"depth: round {turn + 1} of {rounds}")
        for graph, engine, mode in jobs:
            times = run(__file__, "depth", graph, engine, mode, nodes, environment=environment(engine))
            found[graph, engine, mode].append(times | {"together": times["forward"] + times["backward"]})
    return {
        job: {part: statistics.median(one[part] for one in times) for part in times[0]} for job, times in found.items()
    }


def depth_table(depths: Depths, nodes: int) -> str:
    """Nanoseconds a node for graphs of a million nodes."""
    titles = {"chain": f"chain of {nodes:,} nodes", "sum": f"sum of {nodes:,} terms"}
    rows = []
    for (graph, engine, mode), times in depths.items():
        cells = [f"{times[part] / nodes * 1e9:.0f}" for part in ("forward", "backward", "free", "together")]
        rows.append((titles[graph], engine, mode, *cells))
    return table(("graph", "engine", "collector", "forward", "backward", "free", "forward and backward"), rows)


def measure_memory(graphs: int, nodes: int) -> dict[str, dict[str, float]]:
    """Watch the process of each engine; there is nothing to watch where there is no /proc."""
    found = {}
    for engine in filter(installed, (PURE, NATIVE) if LINUX else ()):
        say(f"memory: {engine}")
        found[engine] = run(__file__, "memory", engine, graphs, nodes, environment=environment(engine))
    return found


def memory_table(megabytes: Mapping[str, Mapping[str, float]]) -> str:
    """Megabytes of a process, while graphs come and go."""
    if not megabytes:
        return "Not measured: there is no /proc on this system."
    head = ["engine", *next(iter(megabytes.values()))]
    return table(head, [(engine, *(f"{m:.1f}" for m in found.values())) for engine, found in megabytes.items()])


def large_goals_table(
    depths: Depths, sizes: Sizes, megabytes: Mapping[str, Mapping[str, float]], graphs: int, nodes: int
) -> str:
    """The goals of the native core for large graphs and for memory, beside the figures of the tables below."""
    figures: dict[tuple[str, str], str] = {}
    for mode in MODES:
        times = depths.get(("chain", NATIVE, mode))
        title = f"a chain of {nodes:,}: ns a node, forward and backward together, collector {mode}"
        figures[title, "≤ 100"] = f"{times['together'] / nodes * 1e9:.0f}" if times else ""
    size = sizes.get(("chain", NATIVE, "resident"), {})
    for part, title in (("built", "built"), ("after", "after backward")):
        figures[f"the same: bytes a node, {title}", "≤ 90"] = f"{size[part]:.0f}" if size.get(part) else ""
    m = megabytes.get(NATIVE)
    early, late, kept, large, gone = m.values() if m else [0.0] * 5
    title = f"growth while {graphs:,} graphs come and go, after the first tenth of them: MB"
    figures[title, "flat"] = f"{late - early:+.1f}" if m else ""
    figures["the process of a large graph: MB more, and when it is gone", "returned to the system"] = (
        f"{large - kept:.1f}, {gone - kept:.1f}" if m else ""
    )
    return table(("", "native core", "goal"), [(t, f or "not measured", goal) for (t, goal), f in figures.items()])


ELSEWHERE = {
    "BurTorch's tiny graph, beside plain floats and micrograd": "[Tiny graphs](tiny-graphs.md)",
    "a compiled call on two floats, beside Python by hand": (
        "[Tiny graphs](tiny-graphs.md); with other results, [Speed, compiled](compiled.md#the-cost-of-a-call)"
    ),
    "a compiled Hessian of 20 variables into `out=`, beside CasADi's C": "[Speed, Hessians](hessians.md)",
    "microGPT with our Value in place of its own": (
        "[Beside other engines](other-engines.md#time-beside-its-own-engine)"
    ),
}
"""The goals of the native core that other scripts measure, and their pages."""

PAGE = """\
# Speed, eager

{machine}. {clock}.

Made by `python tests/benchmarks/eager.py{arguments} --write docs/speed.md`: one run on one machine. Ratios carry over
to other machines better than milliseconds do.

Each engine and each mode of the cyclic garbage collector ran in a separate process and took {rounds} turns of
{seconds} s, in rotation with all others, after {warm} warm-up steps. *On*: the collector as Python configures it,
nothing collected by hand. *Off*: collector disabled, cycles collected between steps, untimed, what was alive before
them frozen. [Tiny graphs](tiny-graphs.md) of a few nodes, and expressions that change all the time, have a page of
their own.

## In short

Ratios of times, by the medians of all steps, with the collector on and off, and the goals that were set for the native
core: ≥, the other takes so many times as long as ours; ≤, ours takes so many times as long as the other. The tables
below have the times.

{goals}

{large_goals}

The other goals stand beside their figures on other pages:

{elsewhere}

## Training steps

A step builds the graph, sets gradients to zero, runs backward, updates the parameters, and frees the graph. *Ratio*:
how many times as fast as the baseline a step is, by the medians of all steps. *Half of rounds*: the range of the ratio
within one round, over the middle half of the rounds. The engines:

- *micrograd*, from PyPI.
- *plain floats*: the same program without an engine, on Python's numbers. A step computes the loss, and runs the loops
  over the parameters with gradients of 0; there is no backward. So long Python takes, if to record costs nothing.
- *stored gradients*: a Value with slots that stores its local gradients, `tests/benchmarks/stored_gradients.py`.
- *minigrad*, from PyPI: an engine in C. *XAD*, from PyPI: a tape in C++, whose memory is used again by each step.
- *autograd, native*: this engine, from the compiled core. *autograd, pure*: this engine in Python, which is used where
  no core was built. *autograd before*: the pure engine of the version before there was a core.
- *atomic*: with the same `*` and `+` nodes as micrograd. *fused*: with one `dot` node for the products of a neuron,
  which is what `nn` records.
{left_out}
### The demo

micrograd's own: a 2-16-16-1 ReLU network on 100 points, hinge loss and L2, full batch. Ratios to micrograd. ([Beside
other engines](other-engines.md) has this demo in a run of its own, whose times are not comparable with these.)

{demo}

### Recording alone

The first part of a step of the demo: the graph of the loss is built, and freed untimed. Ratios to plain floats, which
compute the loss.

{recording}

### The transformer

One decoder block of width 16 with 4 heads on 12 tokens, made from `+ - * / **`, exp, log, relu and the built-in `sum`,
as it is usually written for an engine that stores local gradients. Ratios to such an engine.

{transformer}

## Memory

Bytes per node, including the objects that the node refers to: with the graph built, at the peak of `backward()`, and
after it, *by* tracemalloc or by the resident set size of the process. (tracemalloc does not see the native core's
nodes, whose memory comes from the system.) Constants are nodes in the peers and plain floats here, so this engine has
fewer nodes for the same program. (The chain is too deep for the peers' recursive backward.)

{bytes}

Megabytes of a process, by its resident set size: while {graphs:,} graphs of 10 to 1,000 nodes come, get a `backward()`
and go, while as many leave a leaf behind, and around a graph of {nodes:,} nodes. (For the next graph, the native core
keeps up to 16 MB that are empty, and up to 16 MB of the list of nodes that a walk has made, 8 bytes for each.)

{memory}

## Depth

Nanoseconds a node, with Python's default recursion limit of 1000: the medians of {depth_rounds} runs, in turns.

{depth}
"""


def left_out(contest: Contest) -> str:
    absent = [engine for engine in contest.engines if not installed(engine)]
    return f"\nNot here, and left out: {', '.join(f'*{engine}*' for engine in absent)}.\n" if absent else ""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure the eager engine against its peers, within one run.")
    parser.add_argument("folders", nargs="*", metavar="before=FOLDER", help="a checkout of an earlier version")
    parser.add_argument("--write", metavar="FILE", help="also write the page of the documentation to this file")
    parser.add_argument("--quick", action="store_true", help="three short rounds: about a minute, noisier")
    parser.add_argument("--rounds", type=int, metavar="N", help="number of turns for each engine (15)")
    parser.add_argument("--child", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        workloads.answer(options.child, CHILDREN, shallow=("depth", "memory"))  # ours, measured with the stack of all
        return
    workloads.FOLDERS.update(folder.split("=", 1) for folder in options.folders)
    if not installed(PURE):
        raise SystemExit("autograd cannot be imported here: pip install -e .")
    if not installed("micrograd"):
        raise SystemExit(INSTALL)
    rounds, seconds = (3, 0.05) if options.quick else (15, 0.25)
    rounds = options.rounds or rounds
    nodes, depth_rounds, graphs = (DEPTH // 10, 1, 1_000) if options.quick else (DEPTH, 5, 10_000)
    contests = {title: measure(contest, rounds, seconds) for title, contest in CONTESTS.items()}
    sizes, megabytes, depths = measure_bytes(nodes), measure_memory(graphs, nodes), measure_depth(nodes, depth_rounds)
    page = PAGE.format(
        machine=machine("micrograd", "minigrad", "xad"),
        clock="Processor time" if CPU_CLOCK else "Wall clock",
        arguments=" before=FOLDER" if options.folders else "",
        rounds=rounds,
        seconds=seconds,
        warm=WARM_STEPS,
        goals=goals_table(contests),
        elsewhere=table(("goal", "page"), list(ELSEWHERE.items())),
        large_goals=large_goals_table(depths, sizes, megabytes, graphs, nodes),
        left_out=left_out(CONTESTS["demo"]),
        **{title: steps_table(CONTESTS[title], turns) for title, turns in contests.items()},
        bytes=bytes_table(sizes, nodes),
        graphs=graphs,
        nodes=nodes,
        memory=memory_table(megabytes),
        depth_rounds=depth_rounds,
        depth=depth_table(depths, nodes),
    )
    print(page)
    if options.write:
        Path(options.write).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
