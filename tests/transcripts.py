"""Run programs on Values and write down what they do, in words that do not depend on the engine.

A program is a list of statements. Its transcript has what each of them gives, raises, warns of, prints and announces,
and at the end every Value that was seen: number and gradient to the bit, label, operation, operands, place in the order
of creation. Equal transcripts are equal behaviour. Addresses are left out, and the sign of nan.

As a script, this module reads programs from a pipe and answers with transcripts: `two_engines.py` is at the other end.
"""

from __future__ import annotations

import contextlib
import copy
import faulthandler
import functools
import inspect
import io
import itertools
import json
import linecache
import math
import operator
import os
import pickle
import pydoc
import random
import re
import rlcompleter
import sys
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import autograd
from autograd import (
    Value,
    check_gradients,
    engine,
    events,
    explain,
    faux_gradient,
    formula,
    grad,
    hints,
    nn,
    ops,
    optim,
)
from autograd.engine import graph_of
from autograd.errors import StaleGraphWarning
from autograd.events import listening
from autograd.ops import BUILT_IN, TABLE, Op

HANGS = 120.0  # seconds after which a program is taken for hanging
_ADDRESS = re.compile(r"x[0-9a-f]{8,}\b")  # shortened ones, too
_ASSIGNMENT = re.compile(r"(?s)(\w+) = (.*)")


class Label(str):
    """A label that is no plain `str`, and has room for other things."""


class Whole(int):
    """An integer of a class of its own."""


class Half(float):
    """A float of a class of its own."""


class Unsound(int):
    """An integer that fails to become a float."""

    def __float__(self) -> float:
        raise LookupError("no float today")


class Partner:
    """An object that handles operations with a Value itself, where Python asks it."""

    def __repr__(self) -> str:
        return "<a partner>"

    def answer(self, *others: Any) -> str:
        return f"a partner of {len(others)}"

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = answer
    __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = answer
    __lt__ = __le__ = __gt__ = __ge__ = answer


class Stranger:
    """An object that knows nothing of numbers."""

    def __repr__(self) -> str:
        return "<a stranger>"


def hexadecimal(x: float) -> str:
    return "nan" if math.isnan(x) else float.hex(x)


class Transcript:
    """What a program did."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.values: list[Value] = []  # all that were seen; they stay, so that no address is used twice
        self.number: dict[int, int] = {}
        self.leaves: list[str] = []  # events of leaves, of the statement that runs

    def write(self, line: str) -> None:
        self.lines.append(_ADDRESS.sub("x…", line))

    def name(self, v: Value) -> str:
        """Return the name of a Value in this transcript; it and its graph get names in the order of creation."""
        if id(v) not in self.number:
            for x in graph_of(v, known=lambda x: id(x) in self.number):
                if id(x) not in self.number:
                    self.number[id(x)] = len(self.values)
                    self.values.append(x)
        return f"#{self.number[id(v)]}"

    def describe(self, x: Any, depth: int = 4) -> str:
        kind = type(x).__name__
        if type(x) is Value:
            return self.name(x)
        if isinstance(x, float):
            return f"{kind} {hexadecimal(x)}"
        if isinstance(x, Op):
            return repr(x)
        if isinstance(x, (list, tuple)) and depth:
            return f"{kind}[{', '.join(self.describe(y, depth - 1) for y in x)}]"
        if isinstance(x, dict) and depth:
            return f"{kind}{{{', '.join(f'{self.describe(k)}: {self.describe(y, depth - 1)}' for k, y in x.items())}}}"
        if isinstance(x, np.ndarray):
            return f"array {x.shape} {self.describe(x.ravel().tolist(), depth)}"
        if isinstance(x, BaseException):
            return self.problem(x)
        if inspect.isroutine(x) or isinstance(x, type):
            return f"{x.__name__}"
        if isinstance(x, functools.partial):  # of functions whose names are the engine's own business
            return f"{kind} {self.describe(x.args[1:])}"
        return f"{kind} {x!r}"

    def problem(self, problem: BaseException | None) -> str:
        if problem is None:
            return "nothing"
        parts = [f"{type(problem).__name__}: {problem}", *getattr(problem, "__notes__", ())]
        if isinstance(problem, AttributeError) and problem.name is not None:
            parts.append(f"(name {problem.name}, obj {self.describe(problem.obj)})")
        if problem.__cause__ is not None:
            parts.append(f"from {self.problem(problem.__cause__)}")
        return " ".join(parts)

    def graph(self) -> None:
        """Write down every Value, by its number."""
        order: dict[int, int] = {}
        if self.values:
            order = {id(v): place for place, v in enumerate(graph_of(*self.values))}
            for v in graph_of(*self.values):
                self.name(v)
        for v in self.values:
            made = f"{v.op.name}({', '.join(map(self.describe, v.args))})" if v.op else "leaf"
            numbers = f"{hexadecimal(v.data)}, grad {hexadecimal(v.grad)}"
            self.write(f"{self.name(v)} = {made} {numbers}, label {self.describe(v.label)}, place {order[id(v)]}")


def names_for(said: Transcript) -> dict[str, Any]:
    """Return the names that a program may use, besides those that it makes."""

    def note(event: str) -> Callable[..., None]:
        def heard(*arguments: Any) -> None:
            if event == "pulled":
                output, v, part = arguments
                arguments = (output, v, part(v), part(output))
                if v.op is None:  # in no certain order
                    said.leaves.append(f"  {event} {', '.join(map(said.describe, arguments))}")
                    return
            said.write(f"  {event} {', '.join(map(said.describe, arguments))}")

        return heard

    def refuse(*_: Any) -> None:
        raise LookupError("a listener refuses")

    def telling(*chosen: str) -> contextlib.AbstractContextManager[None]:
        return listening(**{event: note(event) for event in chosen or EVENTS})

    def refusing(event: str) -> contextlib.AbstractContextManager[None]:
        return listening(**{event: refuse})

    def raising(*_: Any) -> float:
        raise LookupError("no rule today")

    modules = {"ag": autograd, "np": np, "nn": nn, "optim": optim, "engine": engine, "events": events, "ops": ops}
    standard = {"copy": copy, "pickle": pickle, "math": math, "operator": operator, "inspect": inspect}
    known: list[Any] = [Value, Op, Fraction, Decimal, Label, Whole, Half, Unsound, Partner, Stranger]
    functions: list[Any] = [
        grad,
        explain,
        check_gradients,
        faux_gradient,
        formula,
        graph_of,
        telling,
        refusing,
        raising,
    ]
    return {
        **modules,
        **standard,
        **{named.__name__: named for named in [*known, *functions]},
        "random": random,
        "weakref": weakref,
        "os": os,
        "pydoc": pydoc,
        "traceback": traceback,
        "rlcompleter": rlcompleter,
        "hints": hints,
        "points": special_points(said),
        "TABLE": TABLE,
        "BUILT_IN": BUILT_IN,
        "StaleGraphWarning": StaleGraphWarning,
    }


EVENTS = ("recorded", "compared", "replayed", "pulled", "differentiated")


@contextlib.contextmanager
def operations_of_a_program() -> Iterator[None]:
    """Remove the operations that a program added."""
    before = set(TABLE)
    try:
        yield
    finally:
        for name in set(TABLE) - before:
            op = TABLE.pop(name)
            for method in (op.name, op.method or ""):
                if method in vars(Value):
                    delattr(Value, method)


def execute(statement: str, place: int, names: dict[str, Any]) -> Any:
    """Execute a statement; return what an expression, or the right side of an assignment, gives."""
    file = f"<program {place}>"
    linecache.cache[file] = (len(statement), None, [statement], file)
    assignment = _ASSIGNMENT.fullmatch(statement)
    target, expression = assignment.groups() if assignment else ("", statement)
    try:
        code = compile(expression, file, "eval")
    except SyntaxError:
        target = ""
        code = compile(statement, file, "exec")
    result = eval(code, names)
    if target:
        names[target] = result if type(result) is Value or not target.startswith("v") else a_value(result, names)
    return result


def a_value(result: Any, names: dict[str, Any]) -> Any:
    """Return the Value that v1, v2, ... has where the result is none: statements that follow are worth more with it."""
    found = [x for x in result if type(x) is Value] if isinstance(result, (list, tuple)) else []
    return found[0] if found else names.setdefault("v0", Value(0.5))


def transcript(program: Sequence[str]) -> list[str]:
    """Run a program, and return its transcript."""
    said = Transcript()
    names = names_for(said)
    random.seed(0)
    with operations_of_a_program():
        for place, statement in enumerate(program):
            said.write(f"> {statement}")
            printed = io.StringIO()
            with warnings.catch_warnings(record=True) as heard, contextlib.redirect_stdout(printed):
                warnings.simplefilter("always")
                try:
                    given = said.describe(execute(statement, place, names))
                except Exception as problem:
                    given = said.problem(problem)
                    if assignment := _ASSIGNMENT.fullmatch(statement):
                        names.setdefault(assignment[1], a_value(None, names))
            while said.leaves:
                said.write(said.leaves.pop(said.leaves.index(min(said.leaves))))
            for warning in heard:
                where = f"{Path(warning.filename).name}:{warning.lineno}"
                said.write(f"  warns {warning.category.__name__} at {where}: {warning.message}")
            if printed.getvalue():
                said.write(f"  prints {printed.getvalue()!r}")
            said.write(f"  {given}")
        said.graph()
    return said.lines


def special_points(said: Transcript) -> Callable[..., None]:
    """Return a function that writes down a row's numbers and gradients at special numbers, for Values and constants."""

    def points(name: str, numbers: Sequence[float]) -> None:
        op = TABLE[name]
        count = op.arity or 2
        for xs in itertools.product(numbers, repeat=count):
            for constant in range(-1, count if count > 1 else 0):  # the operand that is a constant; -1: none
                leaves: list[Any] = [x if i == constant else Value(x) for i, x in enumerate(xs)]
                z = op(*(leaves if op.arity else op.lists(leaves)))
                z.backward(-1.5)
                numbers_of_all = (z.data, *[v.grad for v in leaves if type(v) is Value])
                said.write(f"  {name}{xs} {constant}: {' '.join(map(hexadecimal, numbers_of_all))}")

    return points


def answer_programs() -> None:
    """Answer programs from the standard input by their transcripts.

    A line is a program with the mistakes to plant while it runs, each by what is replaced and an expression, in JSON.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a program prints past sys.stdout does not disturb the answers
    faulthandler.enable()
    np.seterr(all="ignore")  # NumPy reads the processor's flags after its loops over arrays of Values
    print(json.dumps(engine.NATIVE), file=answers, flush=True)
    for line in sys.stdin:
        faulthandler.dump_traceback_later(HANGS, exit=True)
        program, planted = json.loads(line)
        with contextlib.ExitStack() as mistakes:
            for target, expression in planted.items():
                mistakes.enter_context(mock.patch(target, eval(expression)))
            try:
                said = transcript(program)
            except Exception:  # an engine so wrong that not even its graph can be read
                said = traceback.format_exc().splitlines()
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    answer_programs()
