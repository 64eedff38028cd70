"""Measure the yardsticks that were published for tiny graphs, and for expressions that change all the time.

    python tests/benchmarks/tiny_graphs.py [hips=FOLDER] [--quick] [--write docs/tiny-graphs.md]

HIPS autograd is imported under the name of this package, so it needs a folder of its own: pip install --target FOLDER
autograd. What is not installed is left out, and so is the native engine where it was not built.

Each contestant and each mode of the cyclic garbage collector runs in a separate process, and the processes take turns
(`turns.py`). All of them must find the same numbers.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import random
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

import workloads
from eager import CPU_CLOCK, MODES, NATIVE, PURE, ByEngine, answer_turns, clock, installed, quotient
from turns import ONE_THREAD, Runner, about, filled, machine, median_of, run, say, table, take_turns

GROUP_SECONDS = 1e-3  # tiny graphs are timed in groups that take about this long
TRIALS = 1000  # so often each contestant differentiates the graph before it is timed
TOLERANCE = 1e-9

# ------------------------------------------------------------------------------------------------------ the tiny graphs


class Graph(NamedTuple):
    """A graph of two numbers: where it is differentiated, and g with its derivatives there."""

    title: str
    a: float
    b: float
    lines: str
    expected: tuple[float, float, float]


SMALLER = Graph(
    "BurTorch's first graph",
    *(-41.0, 2.0),
    "c = a + b\nd = a * b + b**3\ne = c - d\nf = e**2\ng = f / 2.0",
    (612.5, -35.0, 1050.0),
)
README = Graph(
    "BurTorch's second graph",
    *(-4.0, 2.0),
    "c = a + b\nd = a * b + b**3\nc += c + 1\nc += 1 + c + (-a)\nd += d * 2 + relu(b + a)\nd += 3 * d + relu(b - a)\n"
    "e = c - d\nf = e**2\ng = f / 2.0\ng += 10.0 / f",
    (24.70408163265306, 138.83381924198252, 645.5772594752186),
)
GRAPHS = {"smaller": SMALLER, "README": README}


class Lines(NamedTuple):
    """A contestant's program, as timeit takes one: what runs once, what is repeated, and the numbers afterwards."""

    setup: str
    repeated: str
    numbers: str

    def loop(self) -> Callable[[int], Any]:
        """Return a function that repeats them so many times, and returns the numbers."""
        names: dict[str, Any] = {}
        body = textwrap.indent(self.repeated, " " * 8)
        exec(f"{self.setup}\ndef loop(times):\n    for _ in range(times):\n{body}\n    return {self.numbers}", names)
        loop: Callable[[int], Any] = names["loop"]
        return loop


RELU = "def relu(x):\n    return x if x > 0.0 else 0.0"


def methods(lines: str) -> str:
    """Return the lines with a method in place of the function relu."""
    return re.sub(r"relu\(([^)]*)\)", r"(\1).relu()", lines)


def with_constants_as_values(lines: str) -> str:
    """Return the lines with a Value in place of each number but exponents: minigrad crashes on plain ones."""
    return re.sub(r"(?<!\*\*)(?<![\w.])(\d+(\.\d+)?)", r"Value(\1)", lines)


def function(graph: Graph) -> str:
    return f"def f(a, b):\n{textwrap.indent(graph.lines, '    ')}\n    return g"


def floats(graph: Graph) -> Lines:
    return Lines(RELU, f"a, b = {graph.a}, {graph.b}\n{graph.lines}", "[g]")


def values(imported: str, adapt: Callable[[str], str], graph: Graph) -> Lines:
    made = f"a, b = Value({graph.a}), Value({graph.b})"
    return Lines(imported, f"{made}\n{adapt(methods(graph.lines))}\ng.backward()", "[g.data, a.grad, b.grad]")


def torch(graph: Graph) -> Lines:
    tensor = "torch.tensor({}, dtype=torch.float64, requires_grad=True)"
    made = f"a, b = {tensor.format(graph.a)}, {tensor.format(graph.b)}"
    numbers = "[g.item(), a.grad.item(), b.grad.item()]"
    return Lines("import torch", f"{made}\n{methods(graph.lines)}\ng.backward()", numbers)


def jax(scalars: bool, graph: Graph) -> Lines:
    """Make JAX's scalars in each round, as published, or once."""
    a, b = f"float64({graph.a})", f"float64({graph.b})"
    setup = (
        "import jax\nfrom jax.nn import relu\njax.config.update('jax_enable_x64', True)\nfloat64 = jax.numpy.float64\n"
        f"{function(graph)}\nf = jax.jit(jax.value_and_grad(f, (0, 1)))\nx, y = {a}, {b}\nf(x, y)"
    )
    call = f"g, (a, b) = f({a}, {b})" if scalars else "g, (a, b) = f(x, y)"
    return Lines(setup, f"{call}\nb.block_until_ready()", "[float(g), float(a), float(b)]")


def hips(graph: Graph) -> Lines:
    setup = (
        "from autograd import value_and_grad\nfrom autograd.numpy import maximum\n"
        f"def relu(x):\n    return maximum(x, 0.0)\n{function(graph)}\nf = value_and_grad(f, (0, 1))"
    )
    return Lines(setup, f"g, (a, b) = f({graph.a}, {graph.b})", "[float(g), float(a), float(b)]")


def tape(graph: Graph) -> Lines:
    made = (
        f"tape.clearAll()\na, b = Real({graph.a}), Real({graph.b})\n"
        "tape.registerInput(a)\ntape.registerInput(b)\ntape.newRecording()"
    )
    reverse = "tape.registerOutput(g)\ng.derivative = 1.0\ntape.computeAdjoints()"
    body = textwrap.indent(f"{made}\n{graph.lines}\n{reverse}\nreturn g.value, a.derivative, b.derivative", "    ")
    # A function, for no number may outlive the recording that it was made in: a loop's next derivatives would be wrong.
    imports = "from workloads import active_tape\nfrom xad.adj_1st import Real"
    setup = f"{imports}\n{RELU}\ntape = active_tape()\ndef run():\n{body}"
    return Lines(setup, "numbers = run()", "list(numbers)")


def compiled(graph: Graph) -> Lines:
    setup = (
        "import autograd\nfrom autograd import Value, relu\n"
        f"{function(graph)}\nx, y = Value({graph.a}), Value({graph.b})\nz = f(x, y)\n"
        "f = autograd.compile((z, *autograd.grad(z, [x, y])), (x, y), backend='c')"
    )
    return Lines(setup, f"numbers = f({graph.a}, {graph.b})", "list(numbers)")


def by_hand(graph: Graph) -> Lines:
    """The first graph with its derivatives, written as a function of two floats, whatever graph is given."""
    setup = (
        "def f(a, b):\n    square = b * b\n    e = a + b - (a * b + square * b)\n"
        "    return e * e / 2.0, e * (1.0 - b), e * (1.0 - a - 3.0 * square)"
    )
    return Lines(setup, f"numbers = f({graph.a}, {graph.b})", "list(numbers)")


def same(lines: str) -> str:
    return lines


class Contestant(NamedTuple):
    """The lines of a contestant for a graph, the name of the engine of ours that its process runs, and its graphs."""

    lines: Callable[[Graph], Lines]
    engine: str = ""
    graphs: tuple[str, ...] = tuple(GRAPHS)


FLOATS, BY_HAND, COMPILED = "plain floats, no gradients", "by hand in Python, with gradients", "autograd, compiled C"
JAX, JAX_CALL = "JAX, jit", "JAX, jit, scalars made once"
TINY: dict[str, Contestant] = {
    FLOATS: Contestant(floats),
    BY_HAND: Contestant(by_hand, graphs=("smaller",)),
    COMPILED: Contestant(compiled),
    "autograd, native": Contestant(partial(values, "from autograd import Value", same), NATIVE),
    "autograd, pure": Contestant(partial(values, "from autograd import Value", same), PURE),
    "micrograd": Contestant(partial(values, "from micrograd.engine import Value", same)),
    "minigrad": Contestant(partial(values, "from minigrad.engine import Value", with_constants_as_values)),
    "XAD": Contestant(tape),
    "PyTorch": Contestant(torch),
    JAX: Contestant(partial(jax, True)),
    JAX_CALL: Contestant(partial(jax, False)),
    "HIPS autograd": Contestant(hips),
}


# --------------------------------------------------------------------------------------- expressions that always change


class Kit(NamedTuple):
    """How an engine writes the operations of the expressions, and how it differentiates.

    Attributes:
        leaf: makes a number to differentiate by.
        softplus, total, softmax: of one number, of a list, and of a list again.
        differentiated: calls the function that computes the last node of the leaves, and returns the number of that
            node and the gradient.
    """

    leaf: Callable[[float], Any]
    softplus: Callable[[Any], Any]
    total: Callable[[Sequence[Any]], Any]
    softmax: Callable[[Sequence[Any]], Sequence[Any]]
    differentiated: Callable[[Callable[[list[Any]], Any], list[Any]], tuple[float, list[float]]]


def softmax_of(exp: Callable[[Any], Any], number: Callable[[Any], float]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Return softmax, as it is written from exp, + and /."""

    def softmax(xs: Sequence[Any]) -> Sequence[Any]:
        top = max(number(x) for x in xs)
        powers = [exp(x - top) for x in xs]
        total = sum(powers)
        return [power / total for power in powers]

    return softmax


def kit_of_values(value: Callable[[float], Any], **functions: Any) -> Kit:
    def differentiated(f: Callable[[list[Any]], Any], leaves: list[Any]) -> tuple[float, list[float]]:
        for leaf in leaves:
            leaf.grad = 0.0
        output = f(leaves)
        output.backward()
        return output.data, [leaf.grad for leaf in leaves]

    return Kit(value, differentiated=differentiated, **functions)


def kit_of_ours() -> Kit:
    engine = import_module("autograd")
    return kit_of_values(engine.Value, softplus=engine.softplus, total=engine.sum, softmax=engine.softmax)


def kit_of_stored_gradients() -> Kit:
    value = import_module("stored_gradients").Value
    return kit_of_values(
        value,
        softplus=lambda x: (x.exp() + 1.0).log(),
        total=sum,
        softmax=softmax_of(lambda x: x.exp(), lambda x: float(x.data)),
    )


def kit_of_floats() -> Kit:
    return Kit(
        float, lambda x: math.log1p(math.exp(x)), sum, softmax_of(math.exp, float), lambda f, leaves: (f(leaves), [])
    )


def kit_of_torch() -> Kit:
    torch = import_module("torch")
    functional = torch.nn.functional

    def differentiated(f: Callable[[list[Any]], Any], leaves: list[Any]) -> tuple[float, list[float]]:
        for leaf in leaves:
            leaf.grad = None
        output = f(leaves)
        output.backward()
        return output.item(), [0.0 if leaf.grad is None else leaf.grad.item() for leaf in leaves]

    return Kit(
        lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True),
        functional.softplus,
        sum,
        lambda xs: functional.softmax(torch.stack(xs), 0),
        differentiated,
    )


def kit_of_hips() -> Kit:
    numpy, engine = import_module("autograd.numpy"), import_module("autograd")

    def differentiated(f: Callable[[list[Any]], Any], leaves: list[Any]) -> tuple[float, list[float]]:
        number, gradients = engine.value_and_grad(f)(leaves)
        return float(number), list(map(float, gradients))

    def number(x: Any) -> float:
        return float(getattr(x, "_value", x))

    return Kit(
        float, lambda x: numpy.log1p(numpy.exp(x)), sum, softmax_of(numpy.exp, number), differentiated=differentiated
    )


def kit_of_tape() -> Kit:
    xad, functions = import_module("xad.adj_1st"), import_module("xad.math")
    tape = workloads.active_tape()

    def differentiated(f: Callable[[list[Any]], Any], leaves: list[Any]) -> tuple[float, list[float]]:
        tape.clearAll()
        new = [xad.Real(leaf) for leaf in leaves]
        tape.registerInputs(new)
        tape.newRecording()
        output = f(new)
        tape.registerOutput(output)
        output.derivative = 1.0
        tape.computeAdjoints()
        return output.value, [leaf.derivative for leaf in new]

    softmax = softmax_of(functions.exp, lambda x: float(x.value))
    return Kit(float, lambda x: functions.log1p(functions.exp(x)), sum, softmax, differentiated)


KITS: dict[str, tuple[Callable[[], Kit], str]] = {
    FLOATS: (kit_of_floats, ""),
    "autograd, native": (kit_of_ours, NATIVE),
    "autograd, pure": (kit_of_ours, PURE),
    "stored gradients": (kit_of_stored_gradients, ""),
    "XAD": (kit_of_tape, ""),
    "PyTorch": (kit_of_torch, ""),
    "HIPS autograd": (kit_of_hips, ""),
}

LEAVES = 100
NEWEST = 30
"""An operation takes its operands from so many of the newest nodes."""


class Expressions:
    """Random expressions of softplus, sum, product and softmax in turn: each step differentiates a new one."""

    def __init__(self, kit: Kit, operations: int) -> None:
        self.kit, self.operations = kit, operations
        self.generator = random.Random(0)
        self.leaves = [kit.leaf(self.generator.uniform(-1, 1)) for _ in range(LEAVES)]
        self.plan: list[list[int]] = []

    def draw(self) -> None:
        """Draw the operands of the next expression, as places from the end.

        One factor of a product is a result of the softmax before it: else the numbers would grow beyond all bounds.
        """
        self.plan = [self.generator.sample(range(-NEWEST, 0), (1, 4, 2, 4)[i % 4]) for i in range(self.operations)]
        for places in self.plan[2::4]:
            places[1] = self.generator.randrange(-6, -2)

    def last_node(self, leaves: list[Any]) -> Any:
        nodes = list(leaves)
        kit = self.kit
        for i, places in enumerate(self.plan):
            kind = i % 4
            if kind == 0:
                nodes.append(kit.softplus(nodes[places[0]]))
            elif kind == 1:
                nodes.append(kit.total([nodes[place] for place in places]))
            elif kind == 2:
                nodes.append(nodes[places[0]] * nodes[places[1]])
            else:
                nodes.extend(kit.softmax([nodes[place] for place in places]))
        return nodes[-1]

    def numbers(self) -> tuple[float, list[float]]:
        return self.kit.differentiated(self.last_node, self.leaves)

    def step(self) -> float:
        return self.numbers()[0]


# -------------------------------------------------------------------------------------- child processes: one contestant


def graph_numbers(graph: str, contestant: str) -> list[float] | str:
    """Return g and its derivatives, after so many trials; or why there are none."""
    try:
        loop = TINY[contestant].lines(GRAPHS[graph]).loop()
    except ImportError as problem:
        return str(problem)
    numbers: list[float] = loop(TRIALS)
    return numbers


def time_graph(graph: str, contestant: str, collector: str) -> None:
    """Print how long a graph took, in groups: one turn for each number of seconds on standard input."""
    loop = TINY[contestant].lines(GRAPHS[graph]).loop()
    times, seconds = 1, 0.0
    while seconds < GROUP_SECONDS:
        times *= 2
        start = clock()
        loop(times)
        seconds = clock() - start
    if collector == "off":
        gc.disable()
        gc.freeze()  # what was imported is not walked between the groups
    for turn in map(float, sys.stdin):
        found: list[float] = []
        while not found or sum(found) * times < turn:
            if collector == "off":
                gc.collect()
            start = clock()
            loop(times)
            found.append((clock() - start) / times)
        print(json.dumps(found), flush=True)


def make_expressions(contestant: str, operations: int) -> Expressions:
    expressions = Expressions(KITS[contestant][0](), operations)
    expressions.draw()
    return expressions


def expression_numbers(contestant: str, operations: int) -> tuple[float, list[float]] | str:
    """Return the number of the first expression and its gradient; or why there are none."""
    try:
        return make_expressions(contestant, operations).numbers()
    except ImportError as problem:
        return str(problem)


def time_expressions(contestant: str, operations: str, collector: str) -> None:
    expressions = make_expressions(contestant, int(operations))
    answer_turns(expressions, collector, expressions.draw)


CHILDREN: dict[str, Callable[..., Any]] = {
    "graph numbers": graph_numbers,
    "graph": time_graph,
    "expression numbers": expression_numbers,
    "expressions": time_expressions,
}


# --------------------------------------------------------------------------------------------- parent process: the page


def environment(contestant: str, engine: str) -> dict[str, str]:
    return (
        ONE_THREAD
        | workloads.environment(engine)
        | (workloads.in_folder("hips") if contestant == "HIPS autograd" else {})
    )


class Contest(NamedTuple):
    """What the contestants took, and why some of them did not take part."""

    times: ByEngine
    absent: dict[str, str]


def contest(
    contestants: Mapping[str, str], check: Callable[[str], str], job: Sequence[str], rounds: int, seconds: float
) -> Contest:
    """Let those contestants take turns that are installed and find the right numbers.

    Arguments:
        contestants: the names of their engines.
        check: returns why a contestant is left out, else "".
        job: the job of a child: its name, and the arguments before and after the contestant, which "?" stands for.
    """
    absent = {}
    runners = []
    for name, engine in contestants.items():
        if name == "HIPS autograd" and "hips" not in workloads.FOLDERS:
            absent[name] = "no folder was given"
        elif engine and not installed(engine):
            absent[name] = "not built"
        elif reason := check(name):
            absent[name] = reason
        else:
            for mode in MODES:
                arguments = [name if part == "?" else part for part in job]
                runners.append(Runner(__file__, *arguments, mode, environment=environment(name, engine)))
    turns = take_turns(runners, rounds, seconds, job[0])
    place = job.index("?")
    return Contest({(job[place], job[-1]): times for job, times in turns.items()}, absent)


def asked(*job: Any, variables: Mapping[str, str]) -> Any:
    """Return what a child answers, or say that it failed."""
    try:
        return run(__file__, *job, environment=variables)
    except SystemExit:
        return "its process fails"


def graph_contest(key: str, rounds: int, seconds: float) -> Contest:
    expected = GRAPHS[key].expected

    def check(name: str) -> str:
        say(f"{GRAPHS[key].title}: {name}")
        found = asked("graph numbers", key, name, variables=environment(name, TINY[name].engine))
        if isinstance(found, str):
            return found
        wrong = any(abs(x - y) > TOLERANCE * abs(y) for x, y in zip(found, expected))
        return f"it finds {', '.join(map(str, found))}" if wrong else ""

    contestants = {name: contestant.engine for name, contestant in TINY.items() if key in contestant.graphs}
    return contest(contestants, check, ("graph", key, "?"), rounds, seconds)


def expressions_contest(operations: int, rounds: int, seconds: float) -> Contest:
    number, gradients = run(__file__, "expression numbers", "stored gradients", operations)

    def check(name: str) -> str:
        say(f"expressions: {name}")
        found = asked("expression numbers", name, operations, variables=environment(name, KITS[name][1]))
        if isinstance(found, str):
            return found
        expected = [number, *(gradients if found[1] else [])]
        scale = max(map(abs, expected))
        wrong = any(abs(x - y) > 1e-6 * scale for x, y in zip([found[0], *found[1]], expected, strict=True))
        return "it finds other numbers" if wrong else ""

    contestants = {name: engine for name, (_, engine) in KITS.items()}
    return contest(contestants, check, ("expressions", "?", str(operations)), rounds, seconds)


def times_table(found: Contest, unit: str) -> str:
    """A line for each contestant, the fastest first, with ratios to plain floats."""
    factor = {"ms": 1e3, "µs": 1e6}[unit]
    names = sorted({name for name, _ in found.times}, key=lambda name: median_of(found.times[name, "on"]))
    rows = []
    for name in names:
        cells = [name]
        for mode in MODES:
            against = quotient(found.times, name, FLOATS, mode)
            cells += [f"{median_of(found.times[name, mode]) * factor:.4g}", about(against) if against else ""]
        rows.append(cells)
    notes = "".join(f"\n\nLeft out: *{name}*: {reason}." for name, reason in found.absent.items())
    return table(("", f"on, {unit}", "ratio", f"off, {unit}", "ratio"), rows) + notes


class Goal(NamedTuple):
    """A ratio of times on the first graph that was set as a goal."""

    title: str
    one: str
    other: str
    goal: str


GOALS = (
    Goal("ours ÷ plain floats without gradients", "autograd, native", FLOATS, "≤ 4"),
    Goal("micrograd ÷ ours", "micrograd", "autograd, native", "≥ 28, on"),
    Goal("a compiled call ÷ by hand in Python", COMPILED, BY_HAND, "≤ 0.8"),
)


def goals_table(found: Contest) -> str:
    rows = []
    for goal in GOALS:
        ratios = (quotient(found.times, goal.one, goal.other, mode) for mode in MODES)
        rows.append((goal.title, *("not measured" if r is None else about(r) for r in ratios), goal.goal))
    return table(("BurTorch's first graph", "on", "off", "goal"), rows)


PROTOCOL = (
    "Double precision everywhere. JAX's compile time is not counted, as published, and neither is that of *autograd, "
    "compiled C*, a function of two numbers that returns a tuple of three ([other results](compiled.md#the-cost-of-a-"
    "call)). *JAX, jit* makes its two scalars in each round, as the published program does{share}; *HIPS autograd* "
    "gets Python's floats, where the published program makes arrays, and is asked once for the value and both "
    "derivatives, not three times. *XAD* uses its tape's memory again. *minigrad* gets its constants as "
    "Values: it reads the memory of a plain number as if it were one."
)


def protocol(found: Contest) -> str:
    """Say how the contestants were called, and how much of JAX's time is not the call's."""
    call = quotient(found.times, JAX_CALL, JAX, "on")
    return filled(PROTOCOL.format(share="" if call is None else f", which is {1 - call:.0%} of its time"))


PAGE = """\
# Tiny graphs

{machine}

Made by `python tests/benchmarks/tiny_graphs.py{arguments} --write docs/tiny-graphs.md`: one run on one machine. Ratios
carry over to other machines better than microseconds do.

Yardsticks that others published, in programs of our own. Each contestant and each mode of the cyclic garbage collector
ran in a separate process, on one thread, found the same numbers as all others, and took {rounds} turns of {seconds} s,
in rotation with all others. Times are medians. *On*: the collector as Python configures it, nothing collected by hand.
*Off*: collector disabled, cycles collected between the measurements, untimed. *Ratio*: to the same program on plain
floats, which computes no gradients. [Larger graphs](speed.md) have a page of their own; [microGPT as it was
published](other-engines.md) is on another.

*autograd, native* is this engine from the compiled core; *autograd, pure* is this engine in Python, which is used where
no core was built.

{goals}

## A graph of ten nodes, made and differentiated

Source: Burlachenko and Richtárik, BurTorch, https://arxiv.org/abs/2503.13795, whose experiments are at
github.com/burlachenkok/burtorch. Protocol: a loop makes a = −41 and b = 2, computes c = a + b; d = a·b + b³; e = c − d;
f = e²; g = f / 2, and differentiates: g = 612.5, with the derivatives −35 and 1050. Published, in µs: BurTorch, in C++,
0.07 to 0.12; micrograd 16 to 27; PyTorch 87 to 154; JAX with jit 56 to 121.

{protocol}

{smaller}

## micrograd's README

BurTorch's second graph: the expression in the README of github.com/karpathy/micrograd, with relu, sums and a quotient,
at a = −4 and b = 2. The protocol is the same.

{README}

## Expressions that change all the time

Source: Alex Rogozhnikov, Fastest autograd in the West, https://arogozhnikov.github.io/2023/12/28/fastest-autograd.html.
Protocol: {operations:,} operations, softplus of one node, sum of four, product of two and softmax of four in turn,
on {leaves} variables; the last node is differentiated. Here every step is another expression: operands are drawn from
the {newest} newest nodes, untimed, so no compilation could be used again. (One factor of a product is a result of the
softmax before it, or the numbers would grow beyond all bounds.) Published, in ms an expression: PyTorch 113; a tape in
Python 31; JAX needs 47 s to compile a tenth of one.

Milliseconds to record an expression, differentiate it and free it. *stored gradients* has exp and log only, as
`tests/benchmarks/stored_gradients.py` does; *PyTorch* runs in double precision.

{expressions}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure published yardsticks for tiny graphs, within one run.")
    parser.add_argument("folders", nargs="*", metavar="hips=FOLDER", help="where HIPS autograd is installed")
    parser.add_argument("--write", metavar="FILE", help="also write the page of the documentation to this file")
    parser.add_argument("--quick", action="store_true", help="two short rounds: noisier")
    parser.add_argument("--rounds", type=int, metavar="N", help="number of turns for each contestant (15)")
    parser.add_argument("--child", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        workloads.answer(options.child, CHILDREN)
        return
    workloads.FOLDERS.update(folder.split("=", 1) for folder in options.folders)
    rounds, seconds, operations = (2, 0.01, 400) if options.quick else (15, 0.1, 10_000)
    text = page(options.rounds or rounds, seconds, operations)
    print(text)
    if options.write:
        Path(options.write).write_text(text, encoding="utf-8")


def page(rounds: int, seconds: float, operations: int) -> str:
    """Return the page, of so many turns of so many seconds, with expressions of so many operations."""
    contests = {key: graph_contest(key, rounds, seconds) for key in GRAPHS}
    folder = workloads.FOLDERS.get("hips")
    versions = [machine("micrograd", "minigrad", "xad", "torch", "jax")]
    if folder:
        versions += [f"HIPS autograd {found.version}" for found in distributions(name="autograd", path=[folder])]
    return PAGE.format(
        machine=filled(f"{', '.join(versions)}. {'Processor time' if CPU_CLOCK else 'Wall clock'}."),
        arguments=" hips=FOLDER" if folder else "",
        rounds=rounds,
        seconds=seconds,
        goals=goals_table(contests["smaller"]),
        protocol=protocol(contests["smaller"]),
        **{key: times_table(found, "µs") for key, found in contests.items()},
        operations=operations,
        leaves=LEAVES,
        newest=NEWEST,
        expressions=times_table(expressions_contest(operations, rounds, seconds), "ms"),
    )


if __name__ == "__main__":
    main()
