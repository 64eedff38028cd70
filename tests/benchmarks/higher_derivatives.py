"""Measure derivatives of high order: what `grad` leaves out, what that costs while it records, and what it saves.

    python tests/benchmarks/higher_derivatives.py [--quick] [--write docs/higher-derivatives.md]

Beside `grad` stands the same function without the folds of `folds.py`. Both take turns, derivative by derivative.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from unittest.mock import patch

from turns import machine, print_page, say, table

import autograd
from autograd import Value, exp, grad, log, sigmoid, sin, tanh
from autograd.engine import graph_of

ORDERS = 5
AT = 0.7
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "x³ · sin x": lambda x: x**3 * sin(x),
    "x²": lambda x: x**2,
    "exp(−x²)": lambda x: exp(-x * x),
    "x · log x": lambda x: x * log(x),
    "x⁵ / (1 + x)": lambda x: x**5 / (1 + x),
    "1 / x": lambda x: 1 / x,
    "tanh x": tanh,
    "sigmoid x": sigmoid,
    "elu x": lambda x: autograd.elu(x, 1),
}


class Measured(NamedTuple):
    """A derivative: its nodes, and the microseconds that recording it, with those below it, and replaying it take."""

    nodes: int
    recording: float
    replay: float
    number: float


def as_recorded(since: int, created: Callable[[Any], int]) -> Callable[[Any], Any]:
    """In place of `folds.Folding`: rules' answers stay as they are."""
    return lambda answer: answer


def derivatives(function: Callable[[Any], Any]) -> list[Measured]:
    """Return the derivatives, from the first."""
    x = Value(AT)
    v = function(x)
    found, taken = list[Measured](), 0.0
    for _ in range(ORDERS):
        before = time.perf_counter()
        v = grad(v, x)
        taken += time.perf_counter() - before
        before = time.perf_counter()
        v.forward()
        found.append(Measured(len(graph_of(v)), taken * 1e6, (time.perf_counter() - before) * 1e6, v.data))
    return found


def measure(function: Callable[[Any], Any], rounds: int) -> list[tuple[Measured, Measured]]:
    """Return each derivative without folds and with them: medians of so many rounds, in turns."""
    plain, folded = list[list[Measured]](), list[list[Measured]]()
    for _ in range(rounds):
        with patch("autograd.engine.Folding", as_recorded):
            plain.append(derivatives(function))
        folded.append(derivatives(function))
    return list(zip(map(_median, zip(*plain)), map(_median, zip(*folded)), strict=True))


def _median(rounds: Sequence[Measured]) -> Measured:
    nodes, recording, replay, numbers = zip(*rounds)
    return Measured(nodes[0], statistics.median(recording), statistics.median(replay), numbers[0])


def page(rounds: int) -> str:
    rows = list[list[str]]()
    for name, function in FUNCTIONS.items():
        say(name)
        for order, (plain, folded) in enumerate(measure(function, rounds), 1):
            if abs(plain.number - folded.number) > 1e-9 * max(1.0, abs(plain.number)):
                raise SystemExit(f"other numbers for derivative {order} of {name}")
            cells = [f"{plain.nodes}", f"{folded.nodes}"]
            for before, after in ((plain.recording, folded.recording), (plain.replay, folded.replay)):
                cells += [f"{before:.0f}", f"{after:.0f}", f"{before / after:.2f}"]
            rows.append([name, str(order), *cells])
    head = [
        "function",
        "order",
        "nodes: all",
        "folded",
        "recording: all",
        "folded",
        "ratio",
        "replay: all",
        "folded",
        "ratio",
    ]
    return f"""# Higher derivatives

{machine()}.

Made by `python tests/benchmarks/higher_derivatives.py --write docs/higher-derivatives.md`: one run on one machine.
Ratios carry over to other machines better than microseconds do.

`grad` leaves out of a derivative what changes no number ([how](how-it-works.md)). *All*: everything that the rules
record; *folded*: what is left of it. *Recording*: the microseconds of all calls of `grad` up to that order. *Replay*:
those of `forward()` on that derivative. Medians of {rounds} rounds in which both take turns, with the garbage collector
off. A ratio above 1 is a gain.

To look for what folds takes time, which a derivative has to earn. A first one whose rule is long, such as that of
sigmoid, is slower to record, and so are all of a function in which little folds, such as x⁵ / (1 + x). Where much
folds, as in x³ · sin x, the next derivatives have less to walk through. What is left has less to do whenever it is
replayed, compiled or drawn.

{table(head, rows)}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    def measured(quick: bool) -> str:
        gc.disable()
        return page(5 if quick else 201)

    print_page("Measure what grad leaves out of higher derivatives.", measured, {}, arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
