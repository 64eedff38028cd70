"""Measure compiled functions against hand-written code and other frameworks, side by side in one run.

    python tests/benchmarks/compiled.py                            # several minutes; prints the page
    python tests/benchmarks/compiled.py before=FOLDER              # also beside an earlier version
    python tests/benchmarks/compiled.py --quick                    # about a minute, noisier
    python tests/benchmarks/compiled.py --write docs/compiled.md   # also writes the page of the documentation

FOLDER is a checkout of that version: git worktree add FOLDER COMMIT. If this one has its native core, build that of the
other, too: python setup.py build_ext --inplace. Contestants run in turns, in processes of their own (`contests.py`);
`in_c.py` has the sections about the c backend.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import by_hand
import contests
import in_c
import irregular_graphs
import networks_by_hand
import recorded_networks
import workloads
from by_hand import Step
from contests import (
    BEFORE,
    SCRIPT,
    Contestant,
    Goal,
    Plan,
    Result,
    Section,
    elapsed,
    missing,
    moments,
    time_of,
    times_table,
)
from in_c import C_BEFORE
from recorded_networks import MLP, NETWORKS, Attention, Convolution, Network
from turns import ONE_THREAD, about, filled, in_range, median_of, release, run, say, stay_on_one_cpu, table

import autograd
from autograd import Value, grad
from autograd._native import core, reason
from autograd.codegen.compile import FASTEST_FIRST

BACKENDS = tuple(FASTEST_FIRST)
ITERATIONS = 100_000
TRAINED = "0.1000000000000007"  # as printed in the second article


# --------------------------------------------------------------------------------------- this engine, as users write it


class Recorded(NamedTuple):
    """The arguments of `autograd.compile`, and those of the function that it returns."""

    outputs: Any
    inputs: Any
    options: dict[str, Any]
    arguments: tuple[Any, ...]

    def compile(self, backend: str) -> Any:
        return autograd.compile(self.outputs, self.inputs, backend=backend, **self.options)


def record_demo() -> Recorded:
    """Record micrograd's demo on one sample; the compiled function handles the batch."""
    loss, inputs, options, arguments = in_c.demo_of_one_sample()
    return Recorded((loss, grad(loss, inputs[0])), inputs, options, arguments)


@cache
def record_dense() -> Recorded:
    """Record a 784-50-10 tanh network with cross-entropy on one sample."""
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
    """Record a mix of operations, each on the newest value, half of them also on an earlier one: no dead code."""
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
    """Record one neuron's loss and gradients: parameters in a list, as in the documentation, or as single arguments."""
    w, b, x, t = (Value(0.5) for _ in range(4))
    loss = ((w * x + b).tanh() - t) ** 2 / 2
    gradients = grad(loss, [w, b])
    if form == "list":
        return Recorded((loss, gradients), ([w, b], x, t), {}, ([0.5, 0.5], 0.01, 0.1))
    return Recorded((loss, *gradients), (w, b, x, t), {}, (0.5, 0.5, 0.01, 0.1))


def record_two_numbers(nested: bool = False) -> Recorded:
    """Record the first graph of BurTorch (arXiv 2503.13795), its value and its derivatives."""
    a, b = Value(-41.0), Value(2.0)
    e = (a + b) - (a * b + b**3)
    return with_derivatives(e**2 / 2, a, b, nested)


def record_smallest(nested: bool = False) -> Recorded:
    """Record a function that computes hardly anything, so that a call is all that it costs."""
    x, y = Value(-41.0), Value(2.0)
    return with_derivatives(x * y + x, x, y, nested)


def with_derivatives(g: Value, a: Value, b: Value, nested: bool) -> Recorded:
    """Return a function of two numbers that returns three, all in one tuple, or the derivatives in a list."""
    gradients = grad(g, [a, b])
    return Recorded((g, gradients) if nested else (g, *gradients), (a, b), {}, (a.data, b.data))


RECORDINGS: dict[str, Callable[..., Recorded]] = {
    "demo": record_demo,
    "dense": record_dense,
    "straight line": record_straight_line,
}


def make_ours(record: Callable[[], Recorded], backend: str) -> Step:
    """Prepare a call of the compiled function; the Python backend gets lists instead of arrays."""
    recorded = record()
    function = recorded.compile(backend)
    arguments = [a.tolist() if backend == "python" and hasattr(a, "tolist") else a for a in recorded.arguments]
    return partial(function, *arguments)


def make_training(backend: str, iterations: int) -> Step:
    """Prepare the second article's training with `repeat`."""
    w, b, x, t = (Value(0.5) for _ in range(4))
    loss = ((w * x + b).tanh() - t) ** 2 / 2
    new = [p - 0.01 * g for p, g in zip([w, b], grad(loss, [w, b]))]
    step = autograd.compile(new, ([w, b], x, t), backend=backend)
    return partial(step.repeat, iterations, [0.5, 0.5], 0.01, 0.1)


# ------------------------------------------------------------------------------------------------------ the contestants


def ours(record: Callable[[], Recorded], backends: Iterable[str], name: str = "autograd, {}") -> list[Contestant]:
    return [
        Contestant(name.format(b), lambda _, b=b: make_ours(record, b), (f"backend {b}",))  # type: ignore[misc]
        for b in backends
    ]


def before(name: str, make: Callable[[], Step]) -> Contestant:
    """Return a contestant that runs the c backend of an earlier version."""
    return Contestant(name, lambda _: make(), ("backend c", BEFORE))


DEMO = (
    *ours(record_demo, BACKENDS),
    before(C_BEFORE, lambda: make_ours(record_demo, "c")),
    *(
        Contestant(f"C by hand, {v}", lambda folder, v=v: by_hand.make_demo_c(v, folder), ("cc",))  # type: ignore[misc]
        for v in ("tiles", "vectors", "skipping", "plain")
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
    before(C_BEFORE, lambda: make_training("c", ITERATIONS)),
    Contestant("C by hand", lambda folder: by_hand.make_training_c(ITERATIONS, folder), ("cc",)),
    Contestant("Python by hand", lambda _: by_hand.make_training_python(ITERATIONS)),
)
CALL = (
    *ours(partial(record_neuron, "list"), ("c", "python"), "autograd, {}, f([w, b], x, t)"),
    *ours(partial(record_neuron, "numbers"), ("c", "python"), "autograd, {}, f(w, b, x, t)"),
    before(f"{C_BEFORE}, f([w, b], x, t)", lambda: make_ours(partial(record_neuron, "list"), "c")),
    before(f"{C_BEFORE}, f(w, b, x, t)", lambda: make_ours(partial(record_neuron, "numbers"), "c")),
    Contestant("Python by hand", lambda _: by_hand.make_call_python()),
)
RETURNED = {False: "(g, ga, gb)", True: "(g, [ga, gb])"}


def of_two_numbers(record: Callable[[bool], Recorded], by_hand: Callable[[bool], Step]) -> tuple[Contestant, ...]:
    """Return the contestants of a function of two numbers, for each form of what it returns."""
    return tuple(
        contestant
        for nested, form in RETURNED.items()
        for contestant in (
            *ours(partial(record, nested), ("c", "python"), f"autograd, {{}}, {form}"),
            Contestant(f"Python by hand, {form}", lambda _, nested=nested: by_hand(nested)),  # type: ignore[misc]
        )
    )


TWO_NUMBERS = of_two_numbers(record_two_numbers, by_hand.make_two_numbers_python)
SMALLEST = of_two_numbers(record_smallest, by_hand.make_smallest_python)
DENSE = (
    *ours(record_dense, ("c", "numpy")),  # the Python backend takes more than a minute to compile
    Contestant("NumPy by hand", lambda _: by_hand.make_dense_numpy()),
)
CONTESTS: dict[str, dict[str, Contestant]] = {
    title: {contestant.name: contestant for contestant in contestants}
    for title, contestants in {
        "demo": DEMO,
        "training": TRAINING,
        "call": CALL,
        "two numbers": TWO_NUMBERS,
        "smallest": SMALLEST,
        "dense": DENSE,
    }.items()
}


class Rival(NamedTuple):
    """What is written by hand for a backend, and the most that the backend should take of its time."""

    by_hand: str
    bars: Mapping[type, float] = {}
    needs: tuple[str, ...] = ()


RIVALS = {
    "jax.numpy": Rival("JAX by hand", {MLP: 1.2, Convolution: 1.5, Attention: 2.5}, ("jax",)),
    "torch": Rival("PyTorch by hand", {MLP: 1.2}, ("torch",)),
    "numpy module": Rival("NumPy by hand", {MLP: 1.4}),
    "numpy": Rival("NumPy by hand"),
}
TUNED = "JAX by hand, tuned"
VECTORS_BAR = 1.15  # of the time of C by hand with vector types
WHOLE_DEMO = "micrograd's demo, 100 samples"
FIRST_CALL_BARS = {MLP: 3.0, Convolution: 8.0, Attention: 8.0}
STATEMENT_BARS = {1: 15, 4: 40}  # of an MLP with as many hidden layers
STATEMENT_BAR_OF_THE_DEMO = 25


def network_contestants(network: Network) -> list[Contestant]:
    """Return the contestants of a network, NumPy by hand last."""
    return [
        *(
            Contestant(backend, lambda _, b=backend: recorded_networks.make_compiled(network, b), rival.needs)  # type: ignore[misc]
            for backend, rival in RIVALS.items()
        ),
        Contestant("JAX by hand", lambda _: networks_by_hand.make_jax(network), ("jax",)),
        *(
            Contestant(TUNED, lambda _: networks_by_hand.make_jax(network, tuned=True), ("jax",))
            for _ in {type(network)} & networks_by_hand.JAX_TUNED.keys()
        ),
        Contestant("PyTorch by hand", lambda _: networks_by_hand.make_torch(network), ("torch",)),
        Contestant("NumPy by hand", lambda _: networks_by_hand.make_numpy(network)),
    ]


NETWORK_CONTESTS = {
    name: {contestant.name: contestant for contestant in network_contestants(network)}
    for name, network in NETWORKS.items()
}
SLOW_TO_PREPARE = {("demo", "torch.compile"), ("dense", "autograd, numpy")}
SECOND_FORMS = {TUNED, "jax.jit, default, numpy arrays", "jax.jit, in the caller, numpy arrays"}


# ------------------------------------------------------------------------------------------------------ child processes


def time_compiling(recording: str, backend: str, *arguments: int) -> list[float]:
    """Time recording with gradients, compiling, and the first call, by the wall clock in seconds."""
    start = time.perf_counter()
    recorded = RECORDINGS[recording](*arguments)
    at_recorded = time.perf_counter()
    function = recorded.compile(backend)
    at_compiled = time.perf_counter()
    function(*recorded.arguments)
    return [at_recorded - start, at_compiled - at_recorded, time.perf_counter() - at_compiled]


def time_network(name: str) -> list[float]:
    """Time recording a network with its gradients, and compiling it for JAX; count statements; time its first call."""
    stay_on_one_cpu()
    network = NETWORKS[name]
    recorded_networks.backend_named("jax.numpy")  # importing JAX is not counted
    start = moments()
    recorded = recorded_networks.record(network)
    recording, start = elapsed(start), moments()
    function = recorded_networks.compile_network(recorded, "jax.numpy")
    compiling = elapsed(start)
    step = recorded_networks.make_step(function, "jax.numpy", network)
    return [recording, compiling, statements(function), time_of(step, 1)]


def time_by_hand(name: str) -> float:
    """Time `jax.jit` and its first call of a network that was written by hand."""
    stay_on_one_cpu()
    return time_of(networks_by_hand.make_jax(NETWORKS[name]), 1)


def statements(function: Any) -> int:
    """Count the statements of a compiled function; the last line says what it returns."""
    return sum(not line.startswith("return") for line in function.arrays.splitlines())


def statements_of_the_demo() -> int:
    """Record micrograd's demo as it is written, all samples in one graph, and count."""
    demo = workloads.Demo(workloads.load("autograd, fused"))
    loss = demo.loss()
    return statements(autograd.compile((loss, grad(loss, demo.parameters)), (demo.parameters,)))


def child(job: str) -> None:
    """Do the job that the parent wrote as JSON, and answer in JSON."""
    name, *arguments = json.loads(job)
    if name == "serve":
        contest, contestant = arguments
        if contest in NETWORK_CONTESTS | in_c.CONTESTS:
            stay_on_one_cpu()
        contests.serve((CONTESTS | NETWORK_CONTESTS | in_c.CONTESTS)[contest][contestant])
    else:
        print(json.dumps(JOBS[name](*arguments)))


JOBS: dict[str, Callable[..., Any]] = in_c.JOBS | {
    "compiling": time_compiling,
    "network": time_network,
    "network by hand": time_by_hand,
    "statements": statements_of_the_demo,
}


# ---------------------------------------------------------------------------------------- parent process: the tables


def contest(title: str, plan: Plan) -> Result:
    """Let the contestants take turns; a quick run leaves out second forms, and what takes long to prepare."""
    contestants = (CONTESTS | NETWORK_CONTESTS)[title]
    skipped = SECOND_FORMS | {name for slow, name in SLOW_TO_PREPARE if slow == title}
    skipped |= {name for name, contestant in contestants.items() if "torch" in contestant.needs}
    return contests.contest(title, contestants, plan, skipped)


def demo_section(plan: Plan) -> Section:
    result = contest("demo", plan)
    ours = result.fastest("autograd, c", "autograd, python")
    jax = [
        result.fastest(f"jax.jit, {dispatch}, numpy arrays", f"jax.jit, {dispatch}, device arrays")
        for dispatch in ("default", "in the caller")
    ]
    by_hand = (
        "NumPy by hand", "NumPy by hand, in buffers", "C by hand, skipping", "C by hand, vectors", "C by hand, tiles"
    )  # fmt: skip
    words = [
        "One step of micrograd's demo, value and all gradients:",
        result.in_words(ours, *by_hand, *jax, "PyTorch", "micrograd"),
        result.in_words("autograd, numpy", "micrograd"),
        result.in_words("autograd, python", "micrograd"),
    ]
    title = "micrograd's demo, called with arrays: c ÷ C by hand with vector types"
    goals = (
        result.goal(title, "autograd, c", "C by hand, vectors", VECTORS_BAR),
        result.goal("the same: c ÷ before", "autograd, c", C_BEFORE, 1.0),
    )
    return Section(times_table(result, "ms", ours), " ".join(filter(None, words)), goals)


def training_section(plan: Plan) -> Section:
    result = contest("training", plan)
    prints = {name: repr(math.tanh(w * 0.01 + b)) for name, (w, b) in result.results.items()}
    words = (
        f"{ITERATIONS:,} iterations of the second article's training: {result.in_words('autograd, c', 'C by hand')} "
        f"{result.in_words('autograd, python', 'Python by hand')}"
    )
    reference = result.fastest("autograd, c", "autograd, python")
    goals = (result.goal("one neuron learns: c ÷ before", "autograd, c", C_BEFORE, 1.0),)
    return Section(times_table(result, "ms", reference, prints=prints), words, goals)


def call_section(plan: Plan) -> Section:
    result = contest("call", plan)
    others = [name for name in CONTESTS["call"] if name != "Python by hand" and C_BEFORE not in name]
    words = "One call with four floats: " + result.in_words("Python by hand", *others)
    goals = tuple(
        result.goal(f"a call of one neuron, {form}: c ÷ before", f"autograd, c, {form}", f"{C_BEFORE}, {form}", 1.0)
        for form in ("f([w, b], x, t)", "f(w, b, x, t)")
    )
    return Section(times_table(result, "µs", "Python by hand"), words, goals)


def two_numbers_section(plan: Plan, title: str = "two numbers", what: str = "of BurTorch's graph") -> Section:
    """Compare calls that return the same: what is built of the numbers is a part of what they take."""
    result = contest(title, plan)
    words = [f"One call {what} with two floats:"]
    for form in RETURNED.values():
        by_hand = f"Python by hand, {form}"
        words.append(result.in_words(by_hand, *(f"autograd, {backend}, {form}" for backend in ("c", "python"))))
    return Section(times_table(result, "µs", f"Python by hand, {RETURNED[False]}"), " ".join(filter(None, words)))


def dense_section(plan: Plan) -> Section:
    result = contest("dense", plan)
    words = "One sample of a 784-50-10 network, value and all gradients: " + result.in_words(
        "NumPy by hand", "autograd, c", "autograd, numpy"
    )
    return Section(times_table(result, "µs", "NumPy by hand"), words)


def bar(bars: Mapping[type, float], name: str) -> str:
    """Return the bar for a network, if there is one."""
    most = bars.get(type(NETWORKS[name]))
    return f"{most:g}" if most else ""


def statement_bar(name: str) -> str:
    """Return the bar for a network's statements, if there is one."""
    network = NETWORKS[name]
    return str(STATEMENT_BARS.get(len(network.sizes) - 2, "")) if isinstance(network, MLP) else ""


def networks_of(plan: Plan) -> list[str]:
    """Name the networks to measure."""
    return ["MLP 64-32-10"] if plan.quick else list(NETWORKS)


def networks_section(plan: Plan) -> Section:
    results = {name: contest(name, plan) for name in networks_of(plan)}
    return Section(networks_tables(results), networks_in_words(results))


def networks_tables(results: Mapping[str, Result]) -> str:
    """A table of ratios, each with its bar, and one of times."""
    columns: list[tuple[str, list[str]]] = []
    for backend, rival in RIVALS.items():
        others = {f"{backend} ÷ {rival.by_hand}": rival.by_hand}
        for head, other in (others | ({"÷ tuned": TUNED} if backend == "jax.numpy" else {})).items():
            ratios = [result.faster(other, backend) for result in results.values()]
            columns.append((head, [contests.shown(ratio.all) if ratio else "" for ratio in ratios]))
        if rival.bars:
            columns.append(("bar", [bar(rival.bars, name) for name in results]))
    contestants = dict.fromkeys(name for result in results.values() for name in result.times)
    times = [
        (name, *(f"{median_of(result.times[c]) * 1e6:.4g}" if c in result.times else "" for c in contestants))
        for name, result in results.items()
    ]
    heads, cells = zip(*columns)
    notes = dict.fromkeys(result.notes() for result in results.values())
    return (
        f"{table(('', *heads), list(zip(results, *cells)))}\n\nMedians in microseconds:\n\n"
        f"{table(('', *contestants), times)}\n{''.join(notes)}"
    )


def networks_in_words(results: Mapping[str, Result]) -> str:
    """Say how long each kind of network takes with a backend, as a multiple of what is written by hand."""
    sentences = []
    for backend, rival in RIVALS.items():
        kinds: dict[str, list[float]] = {}
        for name, result in results.items():
            if ratio := result.faster(rival.by_hand, backend):
                kinds.setdefault(name.partition(" ")[0], []).append(ratio.all)
        if kinds:
            times = [f"{in_range(ratios)} ({kind})" for kind, ratios in kinds.items()]
            sentences.append(f"*{backend}* takes {', '.join(times)} times as long as *{rival.by_hand}*.")
    return " ".join(["Networks, recorded in scalars:", *sentences])


def first_calls_section(plan: Plan) -> Section:
    """Time each network from recording to the end of the first call of `jax.jit`, and count its statements."""
    names = networks_of(plan)
    seconds: dict[str, list[list[float]]] = {name: [] for name in names}
    for turn in range(1 if plan.quick else 5):
        say(f"first calls: round {turn + 1}")
        for name in () if missing("jax") else names:
            by_hand, ours = (run(SCRIPT, job, name, environment=ONE_THREAD) for job in ("network by hand", "network"))
            seconds[name].append([*ours, by_hand])
    return first_calls_table(seconds, None if plan.quick else run(SCRIPT, "statements"))


def first_calls_table(seconds: Mapping[str, Sequence[Sequence[float]]], of_the_demo: int | None = None) -> Section:
    """Return the table, which ends with the number of the demo's statements, and its ratios in words."""
    rows: list[Sequence[str]] = []
    kinds: dict[str, list[float]] = {}
    for name, rounds in seconds.items():
        if rounds:
            *parts, count, first, by_hand = map(statistics.median, zip(*rounds))
            rows.append(
                (
                    name,
                    f"{count:.0f}",
                    statement_bar(name),
                    *(f"{part:.3f}" for part in (*parts, first, by_hand)),
                    contests.shown(first / by_hand),
                    bar(FIRST_CALL_BARS, name),
                )
            )
            kinds.setdefault(name.partition(" ")[0], []).append(first / by_hand)
    if of_the_demo is not None:
        rows.append((WHOLE_DEMO, str(of_the_demo), str(STATEMENT_BAR_OF_THE_DEMO), *[""] * 6))
    head = ("", "statements", "bar", "record, s", "compile", "jit and first call", "JAX by hand", "ratio", "bar")
    times = ", ".join(f"{in_range(ratios)} ({kind})" for kind, ratios in kinds.items())
    sentence = f"Their jax.jit and first call take {times} times as long as those by hand." if times else ""
    return Section(table(head, rows), sentence)


def compile_seconds(recording: str, backend: str, caches: Sequence[str], *arguments: int) -> dict[str, list[float]]:
    """Time recording, compiling and the first call, in fresh processes: with a new cache, then with the same again."""
    with tempfile.TemporaryDirectory() as folder:
        environment = ONE_THREAD | {"AUTOGRAD_CACHE_DIR": folder}
        return {
            cached: run(SCRIPT, "compiling", recording, backend, *arguments, environment=environment)
            for cached in caches
        }


def compiling_section(plan: Plan) -> Section:
    """Time the demo and the dense network from recording to the end of the first call."""
    jobs = [("demo", "c"), ("demo", "numpy"), ("demo", "python")]
    jobs += [] if plan.quick else [("dense", "c"), ("dense", "numpy")]
    seconds: dict[tuple[str, str, str], list[list[float]]] = {}
    for turn in range(1 if plan.quick else 5):
        say(f"compiling: round {turn + 1}")
        for recording, backend in jobs:
            if not missing(f"backend {backend}"):
                caches = ("new", "kept") if backend == "c" else ("",)
                for cached, parts in compile_seconds(recording, backend, caches).items():
                    seconds.setdefault((recording, backend, cached), []).append(parts)
    together = {key: statistics.median(map(sum, rounds)) for key, rounds in seconds.items()}
    rows = [
        (*key, *(f"{statistics.median(part):.3f}" for part in zip(*rounds)), f"{together[key]:.3f}")
        for key, rounds in seconds.items()
    ]
    head = ("", "backend", "cache", "record, s", "compile", "call first", "together")
    return Section(table(head, rows), compiling_in_words(together))


def compiling_in_words(together: Mapping[tuple[str, str, str], float]) -> str:
    """Describe the time from each recording to the end of the first call."""
    caches = {"new": " and a new cache", "kept": " and a warm cache", "": ""}
    sentences = []
    for recording in dict.fromkeys(recording for recording, _, _ in together):
        times = [
            f"{about(time)} s with {backend}{caches[cache]}"
            for (name, backend, cache), time in together.items()
            if name == recording
        ]
        sentences.append(f"The {recording} network is recorded, compiled and called once in {', '.join(times)}.")
    return " ".join(sentences)


def growth_section(plan: Plan) -> Section:
    sizes = (1_000, 2_000, 4_000) if plan.quick else (10_000, 20_000, 40_000)
    backends = [backend for backend in BACKENDS if not missing(f"backend {backend}")]
    seconds: dict[tuple[str, int], list[float]] = {(b, size): [] for b in backends for size in sizes}
    for turn in range(1 if plan.quick else 3):
        say(f"growth: round {turn + 1}")
        for (backend, size), measured in seconds.items():
            parts = compile_seconds("straight line", backend, ("new",), size)["new"]
            measured.append(sum(parts[1:]))
    rows, largest = [], []
    for backend in backends:
        times = [statistics.median(seconds[backend, size]) for size in sizes]
        ratios = [after / before for before, after in pairwise(times)]
        rows.append((backend, *(f"{t:.3f}" for t in times), *(f"{r:.2f}" for r in ratios)))
        largest.append(f"{about(max(ratios))} times ({backend})")
    words = f"Twice as many operations take at most {', '.join(largest)} as long to compile."
    return Section(table(("backend", *(f"{size:,}, s" for size in sizes), "first doubling", "second"), rows), words)


def goals_table(goals: Sequence[Goal]) -> str:
    return table(("ratio of times", "found", "goal"), [goal.row() for goal in goals]) if goals else ""


def machine() -> str:
    """Name the interpreter, the peers, the compiler and the machine that the figures depend on."""
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


MADE = (
    "Made by `python tests/benchmarks/compiled.py{} --write docs/compiled.md`: one run on one machine. Ratios carry "
    "over to other machines better than milliseconds do."
)
GOALS = "Ratios of times that were set as goals for the c backend, and what this run found."
GOALS_BEFORE = (
    " *Before*: the version in FOLDER, which found its own loops. Beside it, the goal is not to be slower: what is "
    "found differs by a few percent from run to run."
)
PAGE = """\
# Speed, compiled

{machine}.

{made}

Each contestant ran in a separate process, on one thread, with the cyclic garbage collector as Python configures it and
a heap that keeps what is freed (`MALLOC_TRIM_THRESHOLD_`), and took {rounds} turns of {seconds} s in rotation with all
others. Before timing started, all printed their results, which agree to 1e-9. Calls shorter than a millisecond are
timed in groups of about that length. Times are by the wall clock, less the moments in which other programs had the
core; the section on compiling is by the wall clock alone. Figures are medians of all calls. *Half of rounds*: the range
of the ratio within one round, over the middle half of the rounds.

## In short

{words}

{about_goals}

{goals}

## micrograd's demo

A 2-16-16-1 ReLU network with 337 parameters on 100 points, hinge loss and L2; value and all gradients, called from
Python with the initial parameters.

- *autograd*: the loss of one sample, recorded once; `in_axes=(None, 0, 0)`, `reduce="mean"`. The c and numpy backends
  are called with NumPy arrays, python with lists.
- *C by hand*: `tests/benchmarks/by_hand.c`, `{c_flags}`, called through ctypes with pointers taken in advance, writing
  to the same memory each time. *Plain*: loops as the formulas read. *Skipping*: skips the work of inactive ReLUs.
  *Vectors*: eight samples at a time, with the compiler's vector types; the goal that was set for the c backend is
  {vectors_bar} times as long. *Tiles*: these, and sums over the batch that stay in registers. All contract products and
  sums to fused multiply-adds, whose bits are not those of the graph; compiled programs must not.
- *NumPy by hand*: `tests/benchmarks/by_hand.py`, in idiomatic NumPy; *in buffers*: all scratch memory allocated in
  advance, the biases inside the products, and as few calls as we could find.
- *jax.jit*: `value_and_grad`, float64, waiting for the results; arguments from NumPy, or already on the device. By
  *default* JAX hands a call over to another thread; *in the caller* means `jax_cpu_enable_async_dispatch=False`.
- *PyTorch*: tensors in float64, `torch.autograd.grad`; eager, or with the forward pass compiled by `torch.compile`.
- *micrograd*: its own step without the update.

{demo}
## One neuron learns

The second article's program: {iterations:,} iterations with a learning rate of 0.01, compiled as one iteration and run
by `repeat`. *C by hand*: `{c_training_flags}`.

{training}
## The cost of a call

The loss of that neuron and its two gradients, called with floats.

{call}
The first graph of BurTorch (arXiv 2503.13795), (a + b − (a·b + b³))² / 2, and its two derivatives, called with floats:
all three in a tuple, or the derivatives in a list of their own. (The goal that was set for the c backend is 0.8 of the
time of Python by hand.) The program of the c backend is called {calls}.

{two_numbers}
The same for x·y + x, a function that computes hardly anything: what is left is the cost of a call.

{smallest}
## A larger network

784-50-10 with tanh, 39,760 parameters: cross-entropy of one sample, value and all gradients, called with NumPy arrays.

{dense}
## Networks, as matrix programs

What is recorded neuron by neuron becomes a few statements on arrays (`f.arrays` shows them), which each backend writes
in its own way. The loss is the squared error, and the parameters are one flat list; value and all gradients of the mean
over a batch: `in_axes=(None, 0, 0)`, `reduce="mean"`. All in float64.

- *MLPs* with tanh, by their sizes. A batch has 32 samples; those of 784-128-10 and 256-256-64 have 64, and some have a
  single one.
- *Convolution*: an image of 12 x 12, four kernels of 3 x 3 with a stride of 2, eight with a stride of 1, both with
  tanh, and a linear layer of ten.
- *Attention*: eight tokens of width 16, two heads, added to the tokens and normalized.
- *jax.numpy*: `jax.jit` of the compiled function. *torch*: eager. *numpy module*: `backend=numpy`. *numpy* and *c*: the
  backends of these names. What they compute for one sample has the graph's bits; a sum over the batch may have another
  order.
- *By hand*: `tests/benchmarks/networks_by_hand.py`, with the same flat parameters. JAX: `jax.jit` of `value_and_grad`,
  as its users write it; *tuned*: samples as columns, convolutions as products with all windows. PyTorch: eager, the
  gradients by its autograd. NumPy: forward and backward written out.

A *bar* is the most that was aimed at. All processes stay on one CPU: XLA takes a thread for each that there is.

{networks}

### In C

The c backend beside NumPy by hand, each called with arrays; medians in microseconds. *Tuned*: samples as columns, in
arrays that are made once. Hidden layers have tanh, or the activation that the row names. tanh, exp, expm1 and log1p
have the bits of the C library's, which Python calls, computed for a vector of numbers at once, and so have sigmoid,
softplus and others that are made of these; NumPy's own have other bits. log, sin and the rest are the C library's,
number by number.

{networks_in_c}

### Value and gradients, beside the value alone

The value and all gradients by the c backend, beside the best C by hand that we know for the value alone
(`tests/benchmarks/values_by_hand.c`): compiled with the flags of compiled programs, every product and sum rounded, in
the order in which the loss is written, with the C library's tanh, number by number. A tile of sums, of several neurons
and of eight samples in each vector, stays in registers: the fastest of tiles from 1 x 8 to 25 x 1, and of vectors of
inputs in place of samples. It is called through ctypes with pointers taken in advance. Batches as above; the demo's 100
points.

{values}

### Graphs without layers

Graphs of some {terms:,} terms in sums of different lengths: *a sparse layer*, whose neurons have 1 to 31 inputs each;
*a sparse network* of three layers; *attention* in which each token sees a random choice of the others; three rounds of
*PageRank*. Value and all gradients, called with arrays. *First result* as below, measured once.

{irregular}

### A graph of all samples

micrograd's demo as it is written, the losses of 100 points in one graph that is compiled as it is; beside the loss of
one point, recorded once and called with all points. *First result*: from the recorded loss, with gradients, compiling
and the first call, with an empty cache.

{one_graph}

### First results in C

Seconds to record the loss; from there to the first result, with gradients, compiling and the first call, in fresh
processes with an empty cache; and what the C compiler took of that.

{first_results}

### Jit and first call

Seconds to record the loss with its gradients, to compile for JAX, and of `jax.jit` with its first call, in fresh
processes, on one CPU.

{first_calls}

## Compiling

Seconds to record the loss and its gradients, to compile, and to call the function for the first time, in a fresh
process. The c backend with a *new* cache, and with the cache that the run before *kept*.

{compiling}

### Growth

Seconds to compile, and to call for the first time, a straight line of operations: a mix of + − × ÷, tanh, sin,
sigmoid and relu without long sums, in a fresh process with a new cache.

{growth}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure compiled functions against their peers, within one run.")
    parser.add_argument("folders", nargs="*", metavar="before=FOLDER", help="a checkout of an earlier version")
    parser.add_argument("--write", metavar="FILE", help="also write the page of the documentation to this file")
    parser.add_argument("--quick", action="store_true", help="three short rounds, smaller graphs: noisier")
    parser.add_argument("--rounds", type=int, metavar="N", help="number of turns for each contestant (15)")
    parser.add_argument("--only", metavar="SECTION", choices=SECTIONS, help="measure only this section")
    parser.add_argument("--child", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        child(options.child)
        return
    workloads.FOLDERS.update(folder.split("=", 1) for folder in options.folders)
    if options.only and options.write:
        raise SystemExit("the page needs all sections: use --write without --only")
    rounds, seconds = (3, 0.05) if options.quick else (15, 0.2)
    plan = Plan(options.quick, options.rounds or rounds, seconds)
    sections = {name: SECTIONS[name](plan) for name in ([options.only] if options.only else SECTIONS)}
    goals = [goal for section in sections.values() for goal in section.goals]
    if options.only:
        text, words, _ = sections[options.only]
        print(text, words, goals_table(goals), sep="\n")
        return
    page = PAGE.format(
        machine=machine(),
        rounds=plan.rounds,
        seconds=plan.seconds,
        iterations=ITERATIONS,
        calls="by the native core" if core else f"through ctypes, without the native core ({reason})",
        c_flags=by_hand.C_FLAGS,
        c_training_flags=by_hand.C_TRAINING_FLAGS,
        made=filled(MADE.format(" before=FOLDER" if options.folders else "")),
        about_goals=filled(GOALS + (GOALS_BEFORE if options.folders else "")),
        words="\n".join(filled(section.words, "- ") for section in sections.values() if section.words),
        goals=goals_table(goals),
        vectors_bar=VECTORS_BAR,
        terms=irregular_graphs.TERMS,
        **{name: section.text for name, section in sections.items()},
    )
    print(page)
    if options.write:
        Path(options.write).write_text(page, encoding="utf-8")


SECTIONS: dict[str, Callable[[Plan], Section]] = {
    "demo": demo_section,
    "training": training_section,
    "call": call_section,
    "two_numbers": two_numbers_section,
    "smallest": partial(two_numbers_section, title="smallest", what="of x·y + x"),
    "dense": dense_section,
    "networks": networks_section,
    "networks_in_c": in_c.networks_section,
    "values": in_c.values_section,
    "irregular": in_c.irregular_section,
    "one_graph": in_c.one_graph_section,
    "first_results": in_c.first_results_section,
    "first_calls": first_calls_section,
    "compiling": compiling_section,
    "growth": growth_section,
}


if __name__ == "__main__":
    main()
