"""Measure the c backend: networks beside NumPy by hand and C by hand, a graph of all samples, and first results.

`compiled.py` runs this, and puts its sections on its page.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import by_hand
import irregular_graphs
import networks_by_hand
import numpy as np
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
    contest,
    elapsed,
    environment,
    flat,
    missing,
    moments,
    shown,
)
from recorded_networks import BATCHES, IN_C, OTHER_ACTIVATIONS, Network
from turns import about, in_range, median_of, run, say, table

import autograd
from autograd import Value, grad

C, C_BEFORE, IN_PYTHON, VALUE_ALONE = "autograd, c", "autograd before, c", "autograd, python", "C by hand, value alone"
NUMPY, NUMPY_TUNED = "NumPy by hand", "NumPy by hand, tuned"
DEMO, ONE_GRAPH = "micrograd's demo", "micrograd's demo, one graph"

BARS = dict.fromkeys(IN_C, 0.6) | dict.fromkeys(BATCHES | OTHER_ACTIVATIONS, 1.4)
BARS |= {"MLP 64-32-10": 0.9, "MLP 784-50-10": 1.1}
"""The most that the c backend should take of the time of NumPy by hand: 0.6 with one sample."""
WITHOUT_BAR = ("convolution", "attention")
VALUE_BARS = {DEMO: 2.5, "MLP 64-32-10": 2.0, "MLP 784-50-10": 2.2}
"""The most that value and gradients should take of the time of C by hand for the value alone."""
ONE_GRAPH_BARS = {"time": 1.3, "first result": 2.0}
LARGEST, FIRST_RESULT_BAR, COMPILER_BAR = "MLP 784-128-10", 0.5, 2.0  # of the time before; seconds


# ----------------------------------------------------------------------------------------------------- what is compiled


class Problem(NamedTuple):
    """A recorded loss, what it depends on, the parameters first, and what the compiled function is called with."""

    loss: Value
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    arguments: tuple[Any, ...]

    def compile(self, backend: Any = "c") -> Any:
        """Compile the loss and its gradients."""
        gradients = grad(self.loss, self.inputs[0])
        return autograd.compile((self.loss, gradients), self.inputs, backend=backend, **self.options)


def demo_of_one_sample() -> Problem:
    """Record micrograd's demo on one sample; the compiled function handles the batch."""
    demo = workloads.Demo(workloads.load("autograd, fused"))
    x, y = [Value(0.0), Value(0.0)], Value(1.0)
    loss = (1 - y * demo.score(x)).relu() + by_hand.L2 * autograd.dot(demo.parameters, demo.parameters)
    return Problem(loss, (demo.parameters, x, y), recorded_networks.OPTIONS, by_hand.demo_numbers())


def demo_as_one_graph() -> Problem:
    """Record micrograd's demo as it is written: all 100 samples, which are constants of the graph."""
    demo = workloads.Demo(workloads.load("autograd, fused"))
    return Problem(demo.loss(), (demo.parameters,), {}, by_hand.demo_numbers()[:1])


def problem_of(network: Network) -> Problem:
    loss, inputs = recorded_networks.record_loss(network)
    return Problem(loss, inputs, recorded_networks.OPTIONS, recorded_networks.numbers(network))


def irregular(name: str) -> Problem:
    loss, inputs = irregular_graphs.GRAPHS[name](irregular_graphs.TERMS)
    return Problem(loss, inputs, {}, tuple(np.array([x.data for x in xs]) for xs in inputs))


PROBLEMS: dict[str, Callable[[], Problem]] = {
    **{name: partial(irregular, name) for name in irregular_graphs.GRAPHS},
    DEMO: demo_of_one_sample,
    ONE_GRAPH: demo_as_one_graph,
    **{name: partial(problem_of, network) for name, network in IN_C.items()},
}


# ------------------------------------------------------------------------------------------------------------- contests


def make(name: str, backend: str = "c") -> Step:
    """Prepare a call of the compiled function with arrays."""
    problem = PROBLEMS[name]()
    return partial(problem.compile(backend), *problem.arguments)


def in_c(name: str, title: str = C, flat: Callable[[Any], list[float]] = flat) -> Contestant:
    return Contestant(title, lambda _: make(name), ("backend c",), flat)


def before_in_c(name: str) -> Contestant:
    return in_c(name, C_BEFORE)._replace(needs=("backend c", BEFORE))


def in_python(name: str) -> Contestant:
    return Contestant(IN_PYTHON, lambda _: make(name, "python"))


def value_of(result: Any) -> list[float]:
    """Keep the value of what a contestant returned, which is the first number."""
    return flat(result)[:1]


def value_alone(name: str) -> Contestant:
    if name == DEMO:
        return Contestant(VALUE_ALONE, lambda _: by_hand.make_value_c("demo", by_hand.demo_numbers()), ("backend c",))
    return Contestant(VALUE_ALONE, lambda _: networks_by_hand.make_value_c(BATCHES[name]), ("backend c",))


def entered(contestants: Iterable[Contestant]) -> dict[str, Contestant]:
    return {contestant.name: contestant for contestant in contestants}


def in_a_network(name: str) -> str:
    return f"{name}, in C"


def of_a_graph(name: str) -> str:
    return f"{name}, irregular"


def of_a_value(name: str) -> str:
    return f"{name}, value"


def network_contestants(name: str, network: Network) -> list[Contestant]:
    """Return the contestants of a network; NumPy by hand, which is the reference, last."""
    found = [in_c(name), before_in_c(name)]
    if type(network) in networks_by_hand.NUMPY_TUNED:
        found.append(Contestant(NUMPY_TUNED, lambda _: networks_by_hand.make_numpy(network, tuned=True)))
    return [*found, Contestant(NUMPY, lambda _: networks_by_hand.make_numpy(network))]


CONTESTS: dict[str, dict[str, Contestant]] = {
    **{in_a_network(name): entered(network_contestants(name, network)) for name, network in IN_C.items()},
    **{of_a_value(name): entered([in_c(name, flat=value_of), value_alone(name)]) for name in VALUE_BARS},
    **{of_a_graph(name): entered([in_c(name), before_in_c(name), in_python(name)]) for name in irregular_graphs.GRAPHS},
    ONE_GRAPH: entered([in_c(ONE_GRAPH, ONE_GRAPH), in_c(DEMO, DEMO)]),
}


# ------------------------------------------------------------------------------------------------------- first results


def compiler_seconds() -> float:
    """Return the processor time of the processes that this one has started and waited for: the C compiler's."""
    times = os.times()
    return times.children_user + times.children_system


def time_first_result(name: str) -> list[float]:
    """Time recording the loss, then gradients, compiling and the first call; and the C compiler's share of that.

    In seconds: by the wall clock, less the moments in which other programs had the core.
    """
    start = moments()
    problem = PROBLEMS[name]()
    recording, start, others = elapsed(start), moments(), compiler_seconds()
    problem.compile()(*problem.arguments)
    now, compiler = moments(), compiler_seconds() - others
    return [recording, min(now[0] - start[0], now[1] - start[1] + compiler), compiler]


def first_results(names: Sequence[str], rounds: int) -> dict[str, list[list[float]]]:
    """Return for each name and round what `time_first_result` returned, then what the earlier version took, if any.

    Each is timed in a fresh process with an empty cache.
    """
    versions: list[tuple[str, ...]] = [(), (BEFORE,)] if not missing(BEFORE) else [()]
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for turn in range(rounds):
        say(f"first results in C: round {turn + 1} of {rounds}")
        for name, times in found.items():
            parts: list[float] = []
            for needs in versions:
                with tempfile.TemporaryDirectory() as cache:
                    variables = environment(needs) | {"AUTOGRAD_CACHE_DIR": cache}
                    parts += run(SCRIPT, "first result", name, environment=variables)
            times.append(parts)
    return found


JOBS: dict[str, Callable[..., Any]] = {"first result": time_first_result}


# ------------------------------------------------------------------------------------------------------------- sections


def microseconds(result: Result, name: str) -> str:
    return f"{median_of(result.times[name]) * 1e6:.4g}" if name in result.times else ""


def times_that_of(result: Result, one: str, other: str) -> str:
    ratio = result.faster(other, one)
    return shown(ratio.all) if ratio else ""


def networks_section(plan: Plan) -> Section:
    names = ["MLP 64-32-10", "MLP 64-32-10, one sample"] if plan.quick else list(IN_C)
    return networks_tables({name: contest(in_a_network(name), CONTESTS[in_a_network(name)], plan) for name in names})


def networks_tables(results: Mapping[str, Result]) -> Section:
    """Compare C with NumPy by hand, and with the earlier version where there is one."""
    with_before = any(C_BEFORE in result.times for result in results.values())
    rows = []
    for name, result in results.items():
        bar = "" if name in WITHOUT_BAR else f"{BARS[name]:g}"
        cells = [microseconds(result, one) for one in (C, NUMPY, NUMPY_TUNED)]
        cells += [times_that_of(result, C, NUMPY), bar, times_that_of(result, C, NUMPY_TUNED)]
        rows.append((name, *cells, *([times_that_of(result, C, C_BEFORE)] if with_before else [])))
    goals = tuple(
        result.goal(f"{name}: c ÷ NumPy by hand", C, NUMPY, BARS[name])
        for name, result in results.items()
        if name not in WITHOUT_BAR
    )
    words = "Networks in C: value and all gradients of MLPs take "
    ratios = [goal.found for goal in goals if goal.found is not None]
    words += f"{in_range(ratios)} times as long as NumPy by hand." if ratios else "no time here, without a C compiler."
    head = ("", "c, µs", NUMPY, "tuned", "c ÷ NumPy", "bar", "÷ tuned", *(["÷ before"] if with_before else []))
    return Section(table(head, rows), words, goals)


def values_section(plan: Plan) -> Section:
    names = [DEMO, "MLP 64-32-10"] if plan.quick else list(VALUE_BARS)
    return values_tables({name: contest(of_a_value(name), CONTESTS[of_a_value(name)], plan) for name in names})


def values_tables(results: Mapping[str, Result]) -> Section:
    """Compare value and gradients with C by hand for the value alone."""
    rows = [
        (
            name,
            *(microseconds(result, one) for one in (C, VALUE_ALONE)),
            times_that_of(result, C, VALUE_ALONE),
            f"{VALUE_BARS[name]:g}",
        )
        for name, result in results.items()
    ]
    goals = tuple(
        result.goal(f"{name}: value and gradients ÷ C by hand for the value alone", C, VALUE_ALONE, VALUE_BARS[name])
        for name, result in results.items()
    )
    times = [f"{about(goal.found)} ({name})" for name, goal in zip(results, goals) if goal.found is not None]
    words = f"Value and all gradients take {', '.join(times)} times as long as the value alone in C by hand."
    head = ("", "c, value and gradients, µs", "C by hand, value alone, µs", "ratio", "bar")
    return Section(table(head, rows), words if times else "", goals)


def irregular_section(plan: Plan) -> Section:
    if missing("backend c"):
        return Section(f"Not measured: {missing('backend c')}.", "")
    names = ["sparse layer"] if plan.quick else list(irregular_graphs.GRAPHS)
    results = {name: contest(of_a_graph(name), CONTESTS[of_a_graph(name)], plan) for name in names}
    return irregular_table(results, first_results(names, 1))


def irregular_table(results: Mapping[str, Result], first: Mapping[str, Sequence[Sequence[float]]]) -> Section:
    """Compare calls in C with those in Python; and calls and first results with the earlier version, if any."""
    with_before = any(C_BEFORE in result.times for result in results.values())
    rows = []
    for name, result in results.items():
        _, together, compiler, *before = first[name][0]
        cells = [microseconds(result, C), times_that_of(result, IN_PYTHON, C)]
        cells += [f"{together:.2f}", f"{compiler:.2f}"]
        if with_before:
            cells += [times_that_of(result, C, C_BEFORE), shown(together / before[1]) if before else ""]
        rows.append((name, *cells))
    head = ("", "c, µs", "python ÷ c", "first result, s", "of it the compiler", "c ÷ before", "first result ÷ before")
    found = [ratio.all for result in results.values() if (ratio := result.faster(C, IN_PYTHON))]
    words = (
        f"Graphs without layers: a call in Python takes {in_range(found)} times as long as one in C." if found else ""
    )
    return Section(table(head[: len(rows[0])], rows), words)


def one_graph_section(plan: Plan) -> Section:
    result = contest(ONE_GRAPH, CONTESTS[ONE_GRAPH], plan)
    if missing("backend c"):
        return Section(result.notes(), "")
    return one_graph_table(result, first_results([DEMO, ONE_GRAPH], 1 if plan.quick else 5))


def one_graph_table(result: Result, first: Mapping[str, Sequence[Sequence[float]]]) -> Section:
    """Compare micrograd's demo as one graph with a program of one sample that is called with a batch."""
    seconds = {name: statistics.median(together for _, together, *_ in rounds) for name, rounds in first.items()}
    time, first_result = (
        result.goal(f"{ONE_GRAPH} ÷ recorded once: a call", ONE_GRAPH, DEMO, ONE_GRAPH_BARS["time"]),
        Goal(
            "the same: the first result, with an empty cache",
            seconds[ONE_GRAPH] / seconds[DEMO],
            f"≤ {ONE_GRAPH_BARS['first result']:g}",
        ),
    )
    ratios = [shown(goal.found) if goal.found is not None else "" for goal in (time, first_result)]
    rows = [
        *((name, microseconds(result, name), f"{seconds[name]:.3f}") for name in (DEMO, ONE_GRAPH)),
        ("ratio", *ratios),
        ("bar", *(f"{bar:g}" for bar in ONE_GRAPH_BARS.values())),
    ]
    words = (
        f"As one graph of 100 samples, a call of micrograd's demo takes {ratios[0]} times as long as recorded once, "
        f"and its first result {ratios[1]} times."
    )
    return Section(table(("", "a call, µs", "first result, s"), rows), words, (time, first_result))


def first_results_section(plan: Plan) -> Section:
    if missing("backend c"):
        return Section(f"Not measured: {missing('backend c')}.", "")
    names = [DEMO, "MLP 64-32-10"] if plan.quick else [DEMO, *BATCHES, *WITHOUT_BAR]
    return first_results_table(first_results(names, 1 if plan.quick else 5))


def first_results_table(found: Mapping[str, Sequence[Sequence[float]]]) -> Section:
    """Show the seconds from the recorded loss to the first result, the compiler's share, and the time before."""
    rows, goals, compilers = [], [], {}
    for name, rounds in found.items():
        recording, together, compilers[name], *before = map(statistics.median, zip(*rounds))
        cells = [f"{seconds:.3f}" for seconds in (recording, together, compilers[name])]
        if before:
            cells += [f"{before[1]:.3f}", shown(together / before[1])]
        rows.append((name, *cells))
        if name == LARGEST:
            title = f"{name}: from the recorded loss to the first result ÷ before"
            goals.append(Goal(title, together / before[1] if before else None, f"≤ {FIRST_RESULT_BAR:g}"))
    most = max(compilers.values())
    goals.append(Goal("the C compiler's share of it, of any of these, s", most, f"≤ {COMPILER_BAR:g}"))
    head = ["", "record, s", "first result", "of it the compiler", "first result before", "ratio"][: len(rows[0])]
    slowest = max(rows, key=lambda row: float(row[2]))
    words = (
        f"With an empty cache, the c backend's first result comes after at most {about(float(slowest[2]))} s "
        f"({slowest[0]}); the compiler takes at most {about(most)} s of it."
    )
    return Section(table(head, rows), words, tuple(goals))
