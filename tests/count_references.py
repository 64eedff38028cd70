"""Count references in a debug build of Python, which adds up those of all objects: work on graphs leaves none behind.

    python tests/count_references.py [debug build of Python, by default python3-dbg]

The native core is built for that Python, with this one's packages. Each kind of work below is done some times, to fill
what is filled once, and then again and again: the total must not have grown by as much as one for each repetition.
"""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import core_builds

import autograd
from autograd import Value, ops
from autograd.engine import graph_of
from autograd.ops import TABLE, Op
from autograd.text import table

DEBUG_BUILD = "python3-dbg"  # a package of Debian
REPEATED = 200


# The kinds of work ---------------------------------------------------------------------------------------------------

WORK: dict[str, Callable[[], object]] = {}


def work(function: Callable[[], object]) -> Callable[[], object]:
    """Add a function to the kinds of work, under its name."""
    WORK[function.__name__.replace("_", " ")] = function
    return function


def graph() -> Value:
    x, w = Value(0.5, "x"), Value(-0.25, "w")
    y: Value = autograd.dot([x, w, 2.0], [w, 3.0, x]) + autograd.sum([x, w, x * w, 1.0])
    z: Value = (y * x - w / y + x**2 + 2.0**w).tanh() + autograd.max(x, w, y)
    return z


@work
def a_graph_and_its_gradients() -> None:
    graph().backward()


@work
def every_operation_of_the_table() -> None:
    for op in TABLE.values():
        operands: list[Any] = [Value(0.25 + 0.5 * i) for i in range(op.arity or 2)]
        if op.arity is None:
            operands = [operands, operands] if op is ops.dot else [operands]
        op(*operands).backward()


@work
def gradients_as_graphs() -> None:
    y = graph()
    leaves = [v for v in graph_of(y) if not v.args]
    for g in autograd.grad(autograd.grad(y, leaves[0]), leaves):
        g.backward()


@work
def replaying() -> None:
    y = graph()
    y.forward()
    y.backward()


@work
def copies_and_pickles() -> None:
    y = graph()
    copy.copy(y)
    copy.deepcopy(y)
    pickle.loads(pickle.dumps(y))


@work
def attributes() -> None:
    y = graph()
    y.label, y.data, y.grad = "y", 1.0, 2.0
    weakref.ref(y)
    repr((y, y.data, y.grad, y.label, y.op, y.args, y == Value(1.0), hash(y)))
    y.label = None


@work
def errors() -> None:
    x = Value(0.5)
    for wrong in (
        lambda: Value("a"),
        lambda: x + "a",
        lambda: autograd.sum([x, None]),
        lambda: autograd.dot([x], [x, x]),
        lambda: autograd.tanh(x, x),
        lambda: x.nothing,  # type: ignore[attr-defined]
        lambda: setattr(x, "data", "a"),
    ):
        try:
            wrong()
        except (TypeError, ValueError, AttributeError):
            continue
        raise AssertionError("no error")


@work
def an_operation_of_a_user() -> None:
    op = Op("cubed({})", lambda x: x * x * x, lambda g, z, x: g * 3.0 * x * x, name="cubed")
    op(Value(2.0)).backward()


@work
def results_below_one_of_a_user() -> None:
    op = Op("halved({})", lambda x: x * 0.5, lambda g, z, x: g * 0.5, name="halved")
    x = op(Value(2.0))
    kept = [f(x) for f in (Value.tanh, abs, autograd.exp) for _ in range(30)]  # more than rows have other references
    gc.collect()
    autograd.sum(kept).backward()


@work
def an_operation_that_raises() -> None:
    def fails(x: float) -> float:
        raise RuntimeError(str(x))

    try:
        Op("fails({})", fails, lambda g, z, x: g, name="fails")(Value(2.0))
    except RuntimeError:
        return
    raise AssertionError("no error")


@work
def listeners() -> None:
    with autograd.detect_anomaly():
        graph().backward()


@work
def a_chain() -> None:
    x = y = Value(0.5)
    for _ in range(1_000):
        y = y * x + 1.0
    y.backward()


@work
def calls_of_a_compiled_function() -> None:
    f(0.25, 0.75)
    try:
        f(0.25, None)
    except TypeError:
        return
    raise AssertionError("no error")


a, b = Value(0.5), Value(0.25)
f = autograd.compile((a * b, autograd.grad(a * b, [a, b])), (a, b), backend="c")


# Counting ------------------------------------------------------------------------------------------------------------


def grown(repeated: Callable[[], object]) -> int:
    """Return by how much the total of references grows while some work is repeated."""
    total: Callable[[], int] = sys.gettotalrefcount  # which only debug builds have
    counts = []
    for _ in range(3):
        for _ in range(REPEATED):
            repeated()
        gc.collect()
        counts.append(total())
    return counts[-1] - counts[-2]


def main(arguments: list[str]) -> int:
    """Count here, if this is a debug build, else there; return the exit status."""
    if not hasattr(sys, "gettotalrefcount"):
        python = (arguments or [DEBUG_BUILD])[0]
        with tempfile.TemporaryDirectory() as folder:
            packages = ":".join(path for path in sys.path if Path(path).name.endswith("-packages"))
            place = core_builds.built_copy(Path(folder), python, PYTHONPATH=packages)
            variables = core_builds.environment(AUTOGRAD_REQUIRE_NATIVE="1", PYTHONPATH=f"{place}:{packages}")
            return subprocess.run(
                [python, "tests/count_references.py"], cwd=place, env=variables, check=False
            ).returncode
    growth = {name: grown(repeated) for name, repeated in WORK.items()}
    rows = [[name, f"{n / REPEATED:.2f}"] for name, n in growth.items()]
    print(*table(rows, flush_right=[1], head=["work", "references left behind"]), sep="\n")
    return int(any(n >= REPEATED for n in growth.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
