"""Measure Hessians of the chained function of Rosenbrock: nodes and time, beside JAX and CasADi.

    python tests/benchmarks/hessians.py [--quick] [--write docs/hessians.md]

Each line is measured in a separate process, with an empty cache of compiled functions. The processes take turns
(`turns.py`). JAX and CasADi take part where they are installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import turns
from eager import CPU_CLOCK, clock
from turns import Runner, about, filled, importable, machine, median_of, print_page, say, table, take_turns

SCRIPT = str(Path(__file__).resolve())
SIZES = (20, 100)
BACKENDS = ("python", "numpy", "c")
GROUP_SECONDS = 0.5e-3  # shorter calls are timed in groups that take about this long
CC = ("cc", "-O3", "-march=native", "-shared", "-fPIC")


def rosenbrock(xs: Sequence[Any]) -> Any:
    """Return the function; every program below runs these lines, but for the one on whole arrays."""
    total = 0.0
    for x, y in pairwise(xs):
        total = total + 100 * (y - x**2) ** 2 + (1 - x) ** 2
    return total


def point(n: int) -> list[float]:
    return [1.2 if i % 2 else -1.0 for i in range(n)]


def structure(n: int) -> list[tuple[int, int]]:
    """Return the places of the Hessian that are not always 0, one of each pair."""
    return [(i, j) for i in range(n) for j in (i, i + 1) if j < n]


class Way(NamedTuple):
    """A way to the Hessian, ready to be called again.

    Attributes:
        matrix: its numbers.
        first: the milliseconds of the first call.
        call: what is timed.
        nodes: of the Hessian's graph, each once; of JAX's program the operations on arrays.
        made: all nodes that were recorded on the way, with the leaves; 0 where nobody knows.
        kept: what the call needs, and does not keep.
    """

    matrix: list[list[float]]
    first: float
    call: Callable[[], Any]
    nodes: int = 0
    made: int = 0
    kept: Any = None


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the milliseconds of the first call, those of a C compiler included, and what it returns."""

    def so_far() -> float:
        children = os.times()
        return clock() + (children.children_user + children.children_system if CPU_CLOCK else 0.0)

    begin = so_far()
    result = call()
    return 1000 * (so_far() - begin), result


# Each of these runs in a child process, which imports only what it measures ------------------------------------------


def recorded(n: int, hessian_of: Callable[[Any, Any], Any]) -> Way:
    """Record the function and its Hessian as a graph, each time anew."""
    from autograd import Value  # noqa: PLC0415
    from autograd.engine import graph_of  # noqa: PLC0415
    from autograd.events import listening  # noqa: PLC0415

    def record() -> Any:
        xs = list(map(Value, point(n)))
        return hessian_of(rosenbrock(xs), xs)

    first, matrix = timed(record)
    made: list[Value] = []
    with listening(recorded=made.append):
        entries = [v for row in record() for v in row]
    on_the_way = len({*made, *graph_of(*entries)})  # leaves are not announced
    nodes = len(graph_of(*[v for row in matrix for v in row]))
    numbers = [[v.data for v in row] for row in matrix]
    return Way(numbers, first, record, nodes, on_the_way)


def by_graph(n: int) -> Way:
    from autograd import hessian  # noqa: PLC0415

    return recorded(n, hessian)


def by_grad_of_grad(n: int) -> Way:
    from autograd import grad  # noqa: PLC0415

    return recorded(n, lambda y, xs: [grad(g, xs) for g in grad(y, xs)])


def by_function(n: int) -> Way:
    from autograd import hessian  # noqa: PLC0415

    f, xs = hessian(rosenbrock), point(n)
    first, matrix = timed(lambda: f(xs))
    return Way(matrix, first, lambda: f(xs))


def compiler(n: int, backend: str) -> Callable[[], Any]:
    """Return what records the Hessian and compiles it."""
    from autograd import Value, compile, hessian  # noqa: PLC0415

    def compiled() -> Any:
        xs = list(map(Value, point(n)))
        return compile(hessian(rosenbrock(xs), xs), (xs,), backend=backend)

    return compiled


def by_compiling(n: int, backend: str) -> Way:
    compiled = compiler(n, backend)

    def first_call() -> tuple[Any, Any]:
        f = compiled()
        return f, f(point(n))

    xs = point(n)
    first, (f, matrix) = timed(first_call)
    return Way([list(row) for row in matrix], first, lambda: f(xs))


def by_compiling_into_arrays(n: int) -> Way:
    import numpy as np  # noqa: PLC0415

    compiled, xs, matrix = compiler(n, "c"), np.array(point(n)), np.empty((n, n))

    def first_call() -> Any:
        f = compiled()
        f(xs, out=matrix)
        return f

    first, f = timed(first_call)
    return Way(matrix.tolist(), first, lambda: f(xs, out=matrix))


def equations(jaxpr: Any) -> int:
    """Return how many operations a program of JAX's has, those of programs inside it included."""
    inner = (x.jaxpr for e in jaxpr.eqns for x in e.params.values() if hasattr(x, "jaxpr"))
    return len(jaxpr.eqns) + sum(map(equations, inner))


def by_jax(n: int, vectors: bool) -> Way:
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415

    jax.config.update("jax_enable_x64", True)

    def on_vectors(xs: Any) -> Any:
        x, y = xs[:-1], xs[1:]
        return (100 * (y - x**2) ** 2 + (1 - x) ** 2).sum()

    def one_by_one(xs: Any) -> Any:
        return rosenbrock([xs[i] for i in range(n)])

    f = on_vectors if vectors else one_by_one
    compiled, xs = jax.jit(jax.hessian(f)), jnp.array(point(n))
    first, matrix = timed(lambda: compiled(xs).block_until_ready())
    operations = equations(jax.make_jaxpr(jax.hessian(f))(xs).jaxpr)
    return Way(matrix.tolist(), first, lambda: compiled(xs).block_until_ready(), operations)


def casadi_function(casadi: Any, n: int) -> Any:
    xs = casadi.SX.sym("x", n)
    return casadi.Function("hessian", [xs], [casadi.hessian(rosenbrock(casadi.vertsplit(xs)), xs)[0]])


def by_casadi(n: int) -> Way:
    casadi = import_module("casadi")

    def first_call() -> tuple[Any, Any]:
        f = casadi_function(casadi, n)
        return f, f(point(n))

    xs = point(n)
    first, (f, matrix) = timed(first_call)
    return Way(matrix.full().tolist(), first, lambda: f(xs), f.n_nodes())


def by_casadis_c(n: int) -> Way:
    """Call the C that CasADi generates, which writes the entries that are not always 0 into a buffer."""
    import numpy as np  # noqa: PLC0415

    casadi, xs = import_module("casadi"), np.array(point(n))

    def first_call() -> tuple[Any, Any, Any, Any]:
        f = casadi_function(casadi, n)
        with tempfile.TemporaryDirectory() as folder:  # a library stays loaded without its file
            generator, library = casadi.CodeGenerator("hessian.c"), Path(folder, "hessian.so")
            generator.add(f)
            source = generator.generate(f"{folder}/")
            subprocess.run([*CC, source, "-o", str(library), "-lm"], check=True)
            loaded = casadi.external("hessian", str(library))
        entries = np.empty(loaded.nnz_out(0))
        buffer, call = loaded.buffer()
        buffer.set_arg(0, xs.data)
        buffer.set_res(0, entries.data)
        call()
        return loaded, buffer, call, entries

    first, (loaded, buffer, call, entries) = timed(first_call)
    matrix = np.array(casadi.DM(loaded.sparsity_out(0), entries).full())
    return Way(matrix.tolist(), first, call, kept=(loaded, buffer, xs, entries))  # it has only their addresses


def needed(n: int) -> int:
    """Return the nodes of the entries that are not always 0, one of each pair: gradients of the gradient."""
    from autograd import Value, grad  # noqa: PLC0415
    from autograd.engine import graph_of  # noqa: PLC0415

    xs = list(map(Value, point(n)))
    gradients = grad(rosenbrock(xs), xs)
    return len(graph_of(*[grad(gradients[i], xs[j]) for i, j in structure(n)]))


def serve(size: str, title: str) -> None:
    """Print what is known of a way, then how long calls took: one turn for each number of seconds on standard input."""
    with tempfile.TemporaryDirectory() as cache:
        os.environ["AUTOGRAD_CACHE_DIR"] = cache
        way = WAYS[title](int(size))
        print(json.dumps([way.matrix, way.first, way.nodes, way.made]), flush=True)

        def time_of(calls: int) -> float:
            call, begin = way.call, clock()
            for _ in range(calls):
                call()
            return clock() - begin

        calls = 1
        while time_of(calls) < GROUP_SECONDS:
            calls *= 2
        for seconds in map(float, sys.stdin):
            times: list[float] = []
            while not times or sum(times) * calls < seconds:
                times.append(time_of(calls) / calls)
            print(json.dumps(times), flush=True)


# The page ------------------------------------------------------------------------------------------------------------

INTO_ARRAYS, CASADI, CASADIS_C = "`compile`, c, arrays, `out=`", "CasADi", "CasADi's C, buffers"
JAX, JAX_ON_VECTORS = "JAX, the same lines", "JAX, on vectors"
WAYS: dict[str, Callable[[int], Way]] = {
    "`hessian(y, xs)`": by_graph,
    "`grad` of `grad`": by_grad_of_grad,
    "`hessian(f)(xs)`, floats": by_function,
    **{f"`compile`, {backend}": partial(by_compiling, backend=backend) for backend in BACKENDS},
    INTO_ARRAYS: by_compiling_into_arrays,
    JAX: partial(by_jax, vectors=False),
    JAX_ON_VECTORS: partial(by_jax, vectors=True),
    CASADI: by_casadi,
    CASADIS_C: by_casadis_c,
}
"""What the page calls each way, and what prepares it."""

JOBS: dict[str, Callable[..., Any]] = {"serve": serve, "needed": needed}
PEERS = {JAX: "jax", JAX_ON_VECTORS: "jax", CASADI: "casadi", CASADIS_C: "casadi"}


class Measured(NamedTuple):
    """A line of the table: a way's milliseconds, of the first call and of later ones, and its nodes."""

    first: float
    later: float
    nodes: int
    made: int


def measure(n: int, rounds: int, seconds: float) -> dict[str, Measured]:
    """Prepare every way whose package is installed, check that all found the same numbers, and let them take turns."""
    absent = {peer for peer in set(PEERS.values()) if not importable(peer)}
    runners, known = [], {}
    for title in WAYS:
        if PEERS.get(title) not in absent:
            say(f"{n} variables, {title}")
            runners.append(Runner(SCRIPT, "serve", str(n), title))
            matrix, *known[title] = runners[-1].answer()
            if len(runners) == 1:
                expected = matrix
            check_same(expected, matrix, title)
    turns = take_turns(runners, rounds, seconds, f"{n} variables")
    return {
        title: Measured(first, 1000 * median_of(turns["serve", str(n), title]), nodes, made)
        for title, (first, nodes, made) in known.items()
    }


def check_same(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]], title: str) -> None:
    """Raise SystemExit if two matrices differ in more than rounding."""
    size = max(abs(x) for row in ours for x in row)
    for mine, other in zip(ours, theirs, strict=True):
        if any(abs(x - y) > 1e-13 * size for x, y in zip(mine, other, strict=True)):
            raise SystemExit(f"{title} has found other numbers: {other}, not {mine}")


def page(sizes: Sequence[int], rounds: int, seconds: float) -> str:
    rows, sparse, words = [], [], []
    for n in sizes:
        found = measure(n, rounds, seconds)
        own, exact = found["`hessian(y, xs)`"].nodes, turns.run(SCRIPT, "needed", n)
        sparse.append((str(n), str(len(structure(n))), f"{exact:,}", f"{own:,}", f"{own / exact:.2f}"))
        if CASADIS_C in found:
            ratio = found[INTO_ARRAYS].later / found[CASADIS_C].later
            words.append(f"{about(ratio)} times as long with {n} variables")
        for title, way in found.items():
            cells = [f"{way.nodes:,}" if way.nodes else "", f"{way.made:,}" if way.made else ""]
            rows.append(
                (str(n) if title == next(iter(found)) else "", title, *cells, about(way.first), about(way.later))
            )
    return PAGE.format(
        machine=machine("numpy", "jax", "casadi"),
        clock="Processor time, of all threads" if CPU_CLOCK else "Wall clock",
        rounds=rounds,
        seconds=seconds,
        words=filled(CASADI_IN_WORDS.format(ratios=" and ".join(words))) + "\n\n" if words else "",
        rows=table(("variables", "", "nodes", "made", "first, ms", "later, ms"), rows),
        sparse=table(("variables", "entries", "nodes they need", "ours", "ratio"), sparse),
    )


CASADI_IN_WORDS = (
    "*CasADi's C*: the C that CasADi generates, compiled with `-O3 -march=native`, called through its buffers, reads "
    "and writes arrays, too, but only the entries that are not always 0. Ours with arrays and `out=` takes {ratios}. "
    "(The goal that was set for 20 variables is 4 times.)"
)
PAGE = """\
# Speed, Hessians

{machine}. {clock}.

Made by `python tests/benchmarks/hessians.py --write docs/hessians.md`: one run on one machine. Ratios carry over to
other machines better than milliseconds do. Each line was measured in a separate process, with an empty cache of
compiled functions. All of them found the same numbers, and took {rounds} turns of {seconds} s, in rotation.

The chained function of Rosenbrock, the sum of 100 (y − x²)² + (1 − x)² over neighbours x, y. All entries of its Hessian
are 0 but those of neighbours. *First*: recording, or tracing, and compiling included. *Later* is the median of the
calls after it; graphs are recorded anew in each. *Nodes*: of the graph of the whole Hessian, each once, with the
variables and what it shares with the function; of JAX, operations on arrays, many of which are as large as the Hessian.
*Made*: all nodes that were recorded on the way, the function and what was thrown away included. *The same lines*: the
loop over neighbours that all others run; *on vectors*: written with slices.

`hessian` goes forward in all directions at once, so it walks the gradient once, not once for each variable. Of 20
variables that saves no time, because what it keeps for each node and direction costs more than the one number of
`grad`; of 100 it does. What it saves in nodes is in the result, which is compiled, drawn, or differentiated again.

Compiled programs return all entries, those that are 0, too, as lists of Python's floats. Of 100 variables that is
10,000 numbers, and nine tenths of C's time: Python's own program has the zeros as constants, C's and NumPy's make a
new float of each. The 199 entries that are not always 0, compiled alone, take C a tenth of the time: compile what is
wanted. With arrays and `out=` there are no new objects: all entries are written into the caller's array.

{words}{rows}

What the sparsity needs: the graphs of the entries that are not always 0, one of each symmetric pair, by `grad` of
`grad`.

{sparse}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    def of_sizes(quick: bool) -> str:
        return page(SIZES, *((2, 0.01) if quick else (15, 0.1)))

    print_page("Measure Hessians beside JAX and CasADi.", of_sizes, JOBS, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
