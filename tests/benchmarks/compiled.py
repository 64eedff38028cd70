"""Measure compiled functions against the same work by hand and on other frameworks, side by side in one run.

    python tests/benchmarks/compiled.py                            # some minutes; prints the tables
    python tests/benchmarks/compiled.py --quick                    # less than half a minute, noisier
    python tests/benchmarks/compiled.py --write docs/compiled.md   # the tables, as the page of the documentation

Every contestant lives in a process of its own, on one thread, and they take turns (`turns.py`). Before the clock runs,
each shows its result, and all results have to agree. Peers that are not installed are left out, and said to be.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import by_hand
import numpy as np
import workloads
from by_hand import Step
from turns import Ratio, Runner, Turns, importable, median_of, ratio, release, run, say, table, take_turns, verdict

import autograd
from autograd import Value, grad

BACKENDS = ("c", "numpy", "python")
ITERATIONS = 100_000
TRAINED = "0.1000000000000007"  # what the second article prints
TOLERANCE = 1e-9  # between the contestants' results, which add in different orders
SAMPLE_SECONDS = 1e-3  # short calls are timed together, until they take about this long

# One thread for everyone: the networks are so small that more would only wait for each other.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1") | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


# --------------------------------------------------------------------------------------------- ours, as users write it


class Recorded(NamedTuple):
    """What `autograd.compile` takes, and the arguments of the function it makes."""

    outputs: Any
    inputs: Any
    options: dict[str, Any]
    arguments: tuple[Any, ...]

    def compile(self, backend: str) -> Any:
        return autograd.compile(self.outputs, self.inputs, backend=backend, **self.options)


def record_demo() -> Recorded:
    """micrograd's demo on one sample; the batch is left to the compiled function."""
    demo = workloads.Demo(workloads.load("autograd, fused"))
    parameters: list[Value] = demo.parameters
    x, y = [Value(0.0), Value(0.0)], Value(1.0)
    loss = (1 - y * demo.score(x)).relu() + by_hand.L2 * autograd.dot(parameters, parameters)
    options = {"in_axes": (None, 0, 0), "reduce": "mean"}
    return Recorded((loss, grad(loss, parameters)), (parameters, x, y), options, by_hand.demo_numbers())


def record_dense() -> Recorded:
    """A 784-50-10 network with tanh, cross-entropy on one sample."""
    p, sample, classes = by_hand.dense_numbers()
    parameters, x, t = ([Value(0.5) for _ in array] for array in (p, sample, classes))
    weights = iter(parameters)

    def layer(inputs: Sequence[Value], size: int) -> list[Value]:
        rows = [[next(weights) for _ in inputs] + [next(weights)] for _ in range(size)]
        return [autograd.dot(row, inputs) + bias for *row, bias in rows]

    scores = layer([net.tanh() for net in layer(x, 50)], 10)
    loss = autograd.log(autograd.sum([autograd.exp(score) for score in scores])) - autograd.dot(t, scores)
    return Recorded((loss, grad(loss, parameters)), (parameters, x, t), {}, (p, sample, classes))


def record_straight_line(operations: int) -> Recorded:
    """A mix of operations, each on the newest value, half of them on an earlier one too: none of them is dead code."""
    generator = random.Random(operations)
    leaves = [Value(generator.uniform(-1, 1)) for _ in range(16)]
    values = list(leaves)
    one: list[Callable[[Any], Any]] = [autograd.tanh, autograd.sin, autograd.sigmoid, autograd.relu]
    two: list[Callable[[Any, Any], Any]] = [Value.__add__, Value.__sub__, Value.__mul__, Value.__truediv__]
    for i in range(operations):
        new = values[-1]
        values.append(generator.choice(two)(new, generator.choice(values)) if i % 2 else generator.choice(one)(new))
    return Recorded(values[-1], (leaves,), {}, ([leaf.data for leaf in leaves],))


def record_neuron(form: str) -> Recorded:
    """One neuron's loss and gradients: with its parameters in a list, as the documentation has it, or one by one."""
    w, b, x, t = (Value(0.5) for _ in range(4))
    loss = ((w * x + b).tanh() - t) ** 2 / 2
    gradients = grad(loss, [w, b])
    if form == "list":
        return Recorded((loss, gradients), ([w, b], x, t), {}, ([0.5, 0.5], 0.01, 0.1))
    return Recorded((loss, *gradients), (w, b, x, t), {}, (0.5, 0.5, 0.01, 0.1))


RECORDINGS: dict[str, Callable[..., Recorded]] = {
    "demo": record_demo,
    "dense": record_dense,
    "straight line": record_straight_line,
}


def make_ours(record: Callable[[], Recorded], backend: str) -> Step:
    """A call of the compiled function; arrays as lists where the backend is Python's floats."""
    recorded = record()
    function = recorded.compile(backend)
    arguments = [a.tolist() if backend == "python" and hasattr(a, "tolist") else a for a in recorded.arguments]
    return partial(function, *arguments)


def make_training(backend: str, iterations: int) -> Step:
    """The second article's training by `repeat`."""
    w, b, x, t = (Value(0.5) for _ in range(4))
    loss = ((w * x + b).tanh() - t) ** 2 / 2
    new = [p - 0.01 * g for p, g in zip([w, b], grad(loss, [w, b]))]
    step = autograd.compile(new, ([w, b], x, t), backend=backend)
    return partial(step.repeat, iterations, [0.5, 0.5], 0.01, 0.1)


# ------------------------------------------------------------------------------------------------------ the contestants


def flat(result: Any) -> list[float]:
    """All numbers of a result, in order."""
    if isinstance(result, (list, tuple)):
        return [number for part in result for number in flat(part)]
    return list(map(float, np.ravel(np.asarray(result))))


class Contestant(NamedTuple):
    """Who takes part, how it is made ready (in a temporary folder), what it needs, and the numbers of its result."""

    name: str
    make: Callable[[Path], Step]
    needs: tuple[str, ...] = ()
    flat: Callable[[Any], list[float]] = flat


def ours(record: Callable[[], Recorded], backends: Iterable[str], name: str = "autograd, {}") -> list[Contestant]:
    return [
        Contestant(name.format(b), lambda _, b=b: make_ours(record, b), (f"backend {b}",))  # type: ignore[misc]
        for b in backends
    ]


DEMO = (
    *ours(record_demo, BACKENDS),
    *(
        Contestant(f"C by hand, {v}", lambda folder, v=v: by_hand.make_demo_c(v, folder), ("cc",))  # type: ignore[misc]
        for v in ("vectors", "skipping", "plain")
    ),
    Contestant("NumPy by hand", lambda _: by_hand.make_demo_numpy()),
    Contestant("NumPy by hand, in buffers", lambda _: by_hand.make_demo_buffers()),
    *(
        Contestant(
            f"jax.jit, {dispatch}, {arrays} arrays",
            lambda _, a=arrays, d=dispatch: by_hand.make_demo_jax(a, d),  # type: ignore[misc]
            ("jax",),
        )
        for dispatch in ("default", "in the caller")
        for arrays in ("numpy", "device")
    ),
    Contestant("PyTorch", lambda _: by_hand.make_demo_torch("eager"), ("torch",), by_hand.flat_from_torch),
    Contestant("torch.compile", lambda _: by_hand.make_demo_torch("compile"), ("torch", "cc"), by_hand.flat_from_torch),
    Contestant("micrograd", lambda _: by_hand.make_demo_micrograd(), ("micrograd",)),
)
TRAINING = (
    *(
        Contestant(f"autograd, {b}", lambda _, b=b: make_training(b, ITERATIONS), (f"backend {b}",))  # type: ignore[misc]
        for b in ("c", "python")
    ),
    Contestant("C by hand", lambda folder: by_hand.make_training_c(ITERATIONS, folder), ("cc",)),
    Contestant("Python by hand", lambda _: by_hand.make_training_python(ITERATIONS)),
)
CALL = (
    *ours(partial(record_neuron, "list"), ("c", "python"), "autograd, {}, f([w, b], x, t)"),
    *ours(partial(record_neuron, "numbers"), ("c", "python"), "autograd, {}, f(w, b, x, t)"),
    Contestant("Python by hand", lambda _: by_hand.make_call_python()),
)
DENSE = (
    *ours(record_dense, ("c", "numpy")),  # as Python it took more than a minute to compile
    Contestant("NumPy by hand", lambda _: by_hand.make_dense_numpy()),
)
CONTESTS: dict[str, dict[str, Contestant]] = {
    title: {contestant.name: contestant for contestant in contestants}
    for title, contestants in {"demo": DEMO, "training": TRAINING, "call": CALL, "dense": DENSE}.items()
}
SLOW_TO_PREPARE = {("demo", "torch.compile"), ("dense", "autograd, numpy")}


@cache
def missing(need: str) -> str:
    """What is missing, in words; empty if nothing is."""
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


# --------------------------------------------------------------------------------------------------------- in the child


def moments() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def elapsed(start: tuple[float, float]) -> float:
    """Seconds since then: by the wall clock, less the moments in which other programs had the core."""
    return min(now - then for now, then in zip(moments(), start))


def serve(contest: str, name: str) -> None:
    """Show the result, then say how long calls took: a turn for each number of seconds on standard input."""
    contestant = CONTESTS[contest][name]
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("AUTOGRAD_CACHE_DIR", folder)  # the user's own is left as it is
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
    """Seconds of one of so many calls."""
    start = moments()
    for _ in range(calls):
        step()
    return elapsed(start) / calls


def time_compiling(recording: str, backend: str, *arguments: int) -> list[float]:
    """Seconds, by the wall clock, to record with gradients, to compile, and to call for the first time."""
    start = time.perf_counter()
    recorded = RECORDINGS[recording](*arguments)
    at_recorded = time.perf_counter()
    function = recorded.compile(backend)
    at_compiled = time.perf_counter()
    function(*recorded.arguments)
    return [at_recorded - start, at_compiled - at_recorded, time.perf_counter() - at_compiled]


def child(job: str) -> None:
    """Do the job that the parent wrote as JSON, and answer in JSON."""
    name, *arguments = json.loads(job)
    if name == "serve":
        serve(*arguments)
    else:
        print(json.dumps(time_compiling(*arguments)))


# ------------------------------------------------------------------------------------------- in the parent: the tables


class Claim(NamedTuple):
    """One line of what it must show."""

    what: str
    measured: str
    bar: str
    met: bool


class Result(NamedTuple):
    """What a contest measured: seconds, turn by turn, and the numbers that each contestant showed."""

    times: dict[str, list[list[float]]]
    results: dict[str, list[float]]
    absent: dict[str, str]

    def faster(self, one: str, than: str) -> Ratio | None:
        """How many times as fast, where both took part."""
        return ratio(self.times[than], self.times[one]) if {one, than} <= self.times.keys() else None

    def fastest(self, *names: str) -> str:
        """Of those that took part; the first where none did."""
        return min((n for n in names if n in self.times), key=lambda n: median_of(self.times[n]), default=names[0])

    def notes(self) -> str:
        """A line for each that did not take part."""
        return "".join(f"\nLeft out: *{name}*: {why}.\n" for name, why in self.absent.items())


class Plan(NamedTuple):
    """How long to measure."""

    quick: bool
    rounds: int
    seconds: float


def contest(title: str, plan: Plan) -> Result:
    """Let the contestants show their results, compare them, and let them take turns."""
    entered, absent = [], {}
    for name, contestant in CONTESTS[title].items():
        why = left_out(contestant)
        if plan.quick and (title, name) in SLOW_TO_PREPARE:
            why = "takes long to prepare, left to a full run"
        if why:
            absent[name] = why
        else:
            say(f"{title}: {name} gets ready")
            entered.append(Runner(__file__, "serve", title, name, environment=ONE_THREAD))
    results = {runner.job[-1]: runner.answer() for runner in entered}
    compare(title, results)
    turns: Turns = take_turns(entered, plan.rounds, plan.seconds, title)
    return Result({job[-1]: times for job, times in turns.items()}, results, absent)


def compare(title: str, results: dict[str, list[float]]) -> None:
    """Stop where a result is not that of the last contestant, which is the plainest."""
    *_, (reference, expected) = results.items()
    for name, numbers in results.items():
        scale = max(map(abs, expected))
        if len(numbers) != len(expected) or not np.allclose(
            numbers, expected, rtol=TOLERANCE, atol=1e-3 * TOLERANCE * scale
        ):
            raise SystemExit(f"{title}: {name} and {reference} find different results")


def shown(figure: float) -> str:
    """Three digits, and no more zeros than it takes."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def times_table(result: Result, unit: str, reference: str, **columns: dict[str, str]) -> str:
    """A line for each contestant, the fastest first; ratios to one of ours."""
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


def at_least(what: str, figure: Ratio | None, bar: float) -> list[Claim]:
    return [Claim(what, f"{shown(figure.all)} ×", f"at least {bar:,g} ×", figure.all >= bar)] if figure else []


def at_most(what: str, slower: Ratio | None, bar: float) -> list[Claim]:
    """For a ratio of how many times as fast the *other* is."""
    return [Claim(what, f"{shown(slower.all)} ×", f"at most {bar:g} ×", slower.all <= bar)] if slower else []


def demo_section(plan: Plan) -> tuple[str, list[Claim]]:
    result = contest("demo", plan)
    ours, faster = "autograd, c", result.faster
    jax = [
        result.fastest(f"jax.jit, {dispatch}, numpy arrays", f"jax.jit, {dispatch}, device arrays")
        for dispatch in ("default", "in the caller")
    ]
    claims = [
        *at_least("the demo, c: as fast as NumPy by hand", faster(ours, "NumPy by hand"), 4),
        *at_least("the demo, c: as fast as NumPy by hand, in buffers", faster(ours, "NumPy by hand, in buffers"), 4),
        *(claim for peer in jax for claim in at_least(f"the demo, c: as fast as {peer}", faster(ours, peer), 5)),
        *at_least("the demo, c: as fast as PyTorch", faster(ours, "PyTorch"), 30),
        *at_most("the demo, c: the time of C by hand, skipping", faster("C by hand, skipping", ours), 1.5),
        *at_most("the demo, c: the time of C by hand, vectors", faster("C by hand, vectors", ours), 1.5),
        *at_least("the demo, numpy: as fast as micrograd", faster("autograd, numpy", "micrograd"), 1000),
        *at_least("the demo, python: as fast as micrograd", faster("autograd, python", "micrograd"), 400),
    ]
    return times_table(result, "ms", result.fastest("autograd, c", "autograd, python")), claims


def training_section(plan: Plan) -> tuple[str, list[Claim]]:
    result = contest("training", plan)
    prints = {name: repr(math.tanh(w * 0.01 + b)) for name, (w, b) in result.results.items()}
    claims = []
    for backend, hand, bar in (("c", "C by hand", 1.3), ("python", "Python by hand", 1.5)):
        name = f"autograd, {backend}"
        claims += at_most(f"training, {backend}: the time of {hand}", result.faster(hand, name), bar)
        if name in prints:
            claims.append(Claim(f"training, {backend}: prints", prints[name], TRAINED, prints[name] == TRAINED))
    return times_table(result, "ms", result.fastest("autograd, c", "autograd, python"), prints=prints), claims


def call_section(plan: Plan) -> tuple[str, list[Claim]]:
    result = contest("call", plan)
    claims = []
    for backend, bar in (("python", 2.0), ("c", 20.0)):
        for form in ("f([w, b], x, t)", "f(w, b, x, t)"):
            figure = result.faster("Python by hand", f"autograd, {backend}, {form}")
            claims += at_most(f"a call, {backend}, {form}: the time of Python by hand", figure, bar)
    return times_table(result, "µs", "Python by hand"), claims


def dense_section(plan: Plan) -> tuple[str, list[Claim]]:
    result = contest("dense", plan)
    slower = result.faster("NumPy by hand", "autograd, c")
    return times_table(result, "µs", "NumPy by hand"), at_most("784-50-10, c: the time of NumPy by hand", slower, 1)


def compile_seconds(recording: str, backend: str, caches: Sequence[str], *arguments: int) -> dict[str, list[float]]:
    """Seconds to record, compile and call first, in fresh processes: with a new cache, then from that cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = ONE_THREAD | {"AUTOGRAD_CACHE_DIR": folder}
        return {
            cached: run(__file__, "compiling", recording, backend, *arguments, environment=environment)
            for cached in caches
        }


def compiling_section(plan: Plan) -> tuple[str, list[Claim]]:
    """How long until the functions of the demo and of the dense network can be called, and have been once."""
    jobs = [("demo", "c"), ("demo", "numpy"), ("demo", "python"), ("dense", "c")]
    jobs += [] if plan.quick else [("dense", "numpy")]
    seconds: dict[tuple[str, str, str], list[list[float]]] = {}
    for turn in range(1 if plan.quick else 5):
        say(f"compiling: round {turn + 1}")
        for recording, backend in jobs:
            if not missing(f"backend {backend}"):
                caches = ("new", "kept") if backend == "c" else ("",)
                for cached, parts in compile_seconds(recording, backend, caches).items():
                    seconds.setdefault((recording, backend, cached), []).append(parts)
    bars = {("demo", "c", "new"): 2.0, ("demo", "c", "kept"): 0.3, ("dense", "c", "new"): 3.0}
    rows, claims = [], []
    for key, rounds in seconds.items():
        together = statistics.median(map(sum, rounds))
        rows.append((*key, *(f"{statistics.median(part):.3f}" for part in zip(*rounds)), f"{together:.3f}"))
        if key in bars:
            what = f"{key[0]}, c, {key[2]} cache: record, compile and call first"
            claims.append(Claim(what, f"{together:.3g} s", f"under {bars[key]:g} s", together < bars[key]))
    return table(("", "backend", "cache", "record, s", "compile", "call first", "together"), rows), claims


def growth_section(plan: Plan) -> tuple[str, list[Claim]]:
    sizes = (1_000, 2_000, 4_000) if plan.quick else (10_000, 20_000, 40_000)
    backends = [backend for backend in BACKENDS if not missing(f"backend {backend}")]
    seconds: dict[tuple[str, int], list[float]] = {(b, size): [] for b in backends for size in sizes}
    for turn in range(1 if plan.quick else 3):
        say(f"growth: round {turn + 1}")
        for (backend, size), measured in seconds.items():
            parts = compile_seconds("straight line", backend, ("new",), size)["new"]
            measured.append(sum(parts[1:]))
    rows, claims = [], []
    for backend in backends:
        times = [statistics.median(seconds[backend, size]) for size in sizes]
        ratios = [after / before for before, after in pairwise(times)]
        rows.append((backend, *(f"{t:.3f}" for t in times), *(f"{r:.2f}" for r in ratios)))
        if not plan.quick:
            what = f"growth, {backend}: the larger of two doublings"
            claims.append(Claim(what, f"{max(ratios):.3g} ×", "at most 2.3 ×", max(ratios) <= 2.3))
    return table(("backend", *(f"{size:,}, s" for size in sizes), "first doubling", "second"), rows), claims


def machine() -> str:
    """What the numbers depend on besides the code."""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    else:
        model = platform.processor() or platform.machine()
    cc = "no C compiler"
    if not missing("cc"):
        version = subprocess.run([*by_hand.compiler(), "--version"], capture_output=True, text=True, check=False).stdout
        cc = version.splitlines()[0] if version else by_hand.compiler()[0]
    peers = ", ".join(release(name) for name in ("numpy", "jax", "torch", "micrograd"))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {peers}, {cc}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs ({model})"


PAGE = """\
# Speed, compiled

{machine}.

Made by `python tests/benchmarks/compiled.py --write docs/compiled.md`. The numbers are of one run on one machine;
ratios travel better than milliseconds.

Each contestant ran in its own process, on one thread, with the cyclic garbage collector as Python sets it, and took
{rounds} turns of {seconds} s with all the others. Before that all of them showed their results, which agree to 1e-9.
Calls shorter than a millisecond are timed together, up to that. Times are by the wall clock, less the moments in which
other programs had the core; compiling is by the wall clock alone. Medians of all calls. *Half of rounds*: the ratio
within one round lay between these numbers in the middle half of the rounds.

## What it shows

{claims}

## micrograd's demo

A 2-16-16-1 ReLU network with 337 parameters on 100 points, hinge loss and L2; value and all gradients, called from
Python, at the parameters of the start.

- *autograd*: the loss of one sample, recorded once; `in_axes=(None, 0, 0)`, `reduce="mean"`. Backends c and numpy are
  called with NumPy's arrays, python with lists.
- *C by hand*: `tests/benchmarks/by_hand.c`, `{c_flags}`, called by ctypes with pointers taken before, into the same
  memory each time. *Plain*: loops as the formulas read. *Skipping*: inactive ReLUs cost nothing. *Vectors*: eight
  samples at a time, with the compiler's vector types.
- *NumPy by hand*: `tests/benchmarks/by_hand.py`, as one writes it; *in buffers*: with all scratch memory allocated
  before, the biases inside the products, and as few calls as we could find.
- *jax.jit*: `value_and_grad`, float64, results awaited; arguments from NumPy, or on the device already. By *default*
  JAX hands a call to a thread of its own; *in the caller* is `jax_cpu_enable_async_dispatch=False`.
- *PyTorch*: tensors in float64, `torch.autograd.grad`; eager, or the forward pass by `torch.compile`.
- *micrograd*: its own step without the update.

{demo}
## One neuron learns

The second article's program: {iterations:,} iterations with the learning rate 0.01, compiled as one iteration and run
by `repeat`. *C by hand*: `{c_training_flags}`.

{training}
## The price of a call

The loss of that neuron and its two gradients, called with floats.

{call}
## A larger network

784-50-10 with tanh, 39,760 parameters: cross-entropy of one sample, value and all gradients, called with NumPy's
arrays.

{dense}
## Compiling

Seconds to record the loss and its gradients, to compile, and to call the function for the first time, in a fresh
process. The c backend with a *new* cache, and with the one that the run before it *kept*.

{compiling}

### Growth

Seconds to compile, and to call first, a straight line of so many operations: a mix of + − × ÷, tanh, sin, sigmoid and
relu without long sums, in a fresh process with a new cache.

{growth}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure compiled functions against their peers, in one run.")
    parser.add_argument("--write", metavar="FILE", help="write the page of the documentation to this file as well")
    parser.add_argument("--quick", action="store_true", help="three short rounds, smaller graphs: noisier")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each contestant has its turn (15)")
    parser.add_argument("--only", metavar="SECTION", choices=SECTIONS, help="measure this section alone")
    parser.add_argument("--child", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(options.child)
        return
    if options.only and options.write:
        raise SystemExit("the page has all sections: --write without --only")
    rounds, seconds = (3, 0.05) if options.quick else (15, 0.2)
    plan = Plan(options.quick, options.rounds or rounds, seconds)
    parts, claims = {}, []
    for name in [options.only] if options.only else SECTIONS:
        parts[name], more = SECTIONS[name](plan)
        claims += more
    rows = [(claim.what, claim.measured, claim.bar, verdict(claim.met)) for claim in claims]
    judged = table(("", "measured", "bar", "met"), rows) if rows else ""
    if options.only:
        print(parts[options.only], judged, sep="\n")
        return
    page = PAGE.format(
        machine=machine(),
        rounds=plan.rounds,
        seconds=plan.seconds,
        iterations=ITERATIONS,
        c_flags=by_hand.C_FLAGS,
        c_training_flags=by_hand.C_TRAINING_FLAGS,
        claims=judged,
        **parts,
    )
    print(page)
    if options.write:
        Path(options.write).write_text(page, encoding="utf-8")


SECTIONS: dict[str, Callable[[Plan], tuple[str, list[Claim]]]] = {
    "demo": demo_section,
    "training": training_section,
    "call": call_section,
    "dense": dense_section,
    "compiling": compiling_section,
    "growth": growth_section,
}


if __name__ == "__main__":
    main()
