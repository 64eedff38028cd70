"""Print the update of an optimizer in C: its own rule, recorded once.

`Optimizer.rule(lr, step, sqrt)` returns a function of one parameter, a closure over the numbers of its step: learning
rate, momentum, bias corrections. So there are two parts, and each is recorded on Values:

    numbers   the learning rate and the step -> the numbers in the closure; once for each step
    update    a parameter's number, gradient and state, and these numbers -> its new number and state

The second is the closure's own code with Values in place of its numbers. If the first cannot be recorded, as with
`math.sqrt` or an `if` on the step, Python calls the rule and reads the closure for each step. Nothing else of an
optimizer is written a second time, so that a rule of a user's own is printed, too.

The source has no numbers of the optimizer in it: they are arguments. So all optimizers of a kind share one library.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from types import CellType, CodeType, FunctionType
from typing import Any, NamedTuple

from autograd import ops
from autograd.codegen.arguments import Signature
from autograd.codegen.backend import spelled_out
from autograd.codegen.c_spelling import CSpelling, literal
from autograd.codegen.program import Operand, Program, Step, lower
from autograd.codegen.spelling import is_spelled, spelling_of
from autograd.engine import Value
from autograd.errors import UnsupportedOperationError
from autograd.events import listening, unobserved
from autograd.floats import number
from autograd.optim import Optimizer

_KEPT_BY_VALUE = (bool, str, bytes, tuple, type(None))


class NotInCError(Exception):
    """A rule cannot be printed in C; the message says why."""


class RuleInC(NamedTuple):
    """The rule of an optimizer in C."""

    update: list[str]
    """The lines of a function's body: see `update_text`."""
    numbers: list[str]
    """The lines of the function that computes the numbers of a step; none if Python has to."""
    code: CodeType
    """That of the closure."""
    others: list[Any]
    """What the closure refers to beside numbers."""
    size: int
    """How many numbers it refers to."""
    memories: int
    constants: list[float]
    """The constants of `numbers`."""
    helpers: list[str]
    """Further functions that the lines call."""


@unobserved
def rule_in_c(optimizer: Optimizer) -> RuleInC:
    """Record the rule of an optimizer, for its next step and for all like it.

    Raises:
        NotInCError: it cannot be recorded, or an operation of it not be written in C.
    """
    before = optimizer.__dict__.copy()
    try:
        return _recorded(optimizer)
    except NotInCError:
        raise
    except Exception as problem:  # of a user's rule, any
        raise NotInCError(f"its rule raises {type(problem).__name__} on Values: {problem}") from problem
    finally:
        changed = before.keys() != optimizer.__dict__.keys() or any(
            before[name] is not x for name, x in optimizer.__dict__.items()
        )
        if changed:
            optimizer.__dict__.clear()
            optimizer.__dict__.update(before)
            raise NotInCError("its rule changes the optimizer")


def _recorded(optimizer: Optimizer) -> RuleInC:
    closure = optimizer.rule(_some_rate(optimizer), optimizer.steps, ops.sqrt)
    if type(closure) is not FunctionType:
        raise NotInCError("its rule returns no plain function")
    cells = _cells(closure)
    numbers = [Value(x) for x in numbers_of(cells)]
    memories = optimizer.memories
    given = [Value(math.nan) for _ in range(2 + memories)]
    with _no_comparisons():
        results = _with_numbers(closure, iter(numbers))(*given)
    if type(results) is not tuple or len(results) != 1 + memories:
        raise NotInCError(f"its rule returns no tuple of {1 + memories}, the new number and its state")
    spelling = CSpelling()
    update = _update_lines(spelling, [_as_value(x) for x in results], given, numbers)
    lines, constants = _numbers_lines(spelling, optimizer, closure)
    others = [x for x in cells if not _is_number(x)]
    helpers = list(spelling.definitions())
    return RuleInC(update, lines, closure.__code__, others, len(numbers), memories, constants, helpers)


def _some_rate(optimizer: Optimizer) -> float:
    """Return a learning rate to record with. A function of the step is not called: it may count its calls."""
    return 0.125 if callable(optimizer.lr) else number(optimizer.lr)


def _as_value(x: Any) -> Value:
    return x if type(x) is Value else Value(number(x))


# What a closure refers to ---------------------------------------------------------------------------------------------


def _is_number(x: Any) -> bool:
    return type(x) is float or (isinstance(x, Real) and not isinstance(x, bool))


def _cells(closure: Any) -> list[Any]:
    """Return what a function refers to in its closure and the defaults of its arguments, and so do functions there."""
    found: list[Any] = []
    for cell in closure.__closure__ or ():
        x = cell.cell_contents
        found += _cells(x) if type(x) is FunctionType and x is not closure else (x,)
    if closure.__defaults__:
        found += closure.__defaults__
    if closure.__kwdefaults__:
        found += closure.__kwdefaults__.values()
    return found


def numbers_of(cells: Sequence[Any]) -> list[float]:
    """Return the numbers among what a closure refers to."""
    return [number(x) for x in cells if _is_number(x)]


def numbers_like(rule: RuleInC, closure: Any) -> list[float]:
    """Return the numbers that the closure of another step refers to.

    Raises:
        NotInCError: it is not the same but for these.
    """
    if type(closure) is not FunctionType or closure.__code__ is not rule.code:
        raise NotInCError("its rule returns one function for some steps, and another for others")
    cells = _cells(closure)
    others = [x for x in cells if not _is_number(x)]
    found = numbers_of(cells)
    if len(found) != rule.size or len(others) != len(rule.others) or not all(map(_same, others, rule.others)):
        raise NotInCError("its rule refers to something else from step to step")
    return found


def _same(x: Any, y: Any) -> bool:
    return x is y or _is_root(x) or (type(x) is type(y) and isinstance(x, _KEPT_BY_VALUE) and bool(x == y))


def _is_root(x: Any) -> bool:
    """Return True for the square root that the rule gets, of a float, an array or a Value."""
    return getattr(x, "__name__", "") == "sqrt"


def _with_numbers(function: Any, numbers: Iterator[Any]) -> Any:
    """Return a function of the same code that refers to other numbers, in the order of `_cells`."""

    def other(x: Any) -> Any:
        if type(x) is FunctionType and x is not function:
            return _with_numbers(x, numbers)
        return next(numbers) if _is_number(x) else x

    closure = tuple(CellType(other(cell.cell_contents)) for cell in function.__closure__ or ())
    defaults = function.__defaults__ and tuple(next(numbers) if _is_number(x) else x for x in function.__defaults__)
    made = FunctionType(function.__code__, function.__globals__, function.__name__, defaults, closure)
    if function.__kwdefaults__:
        made.__kwdefaults__ = {k: next(numbers) if _is_number(x) else x for k, x in function.__kwdefaults__.items()}
    return made


@contextmanager
def _no_comparisons() -> Iterator[None]:
    """Refuse comparisons of Values, which would be made once for all steps."""
    compared: list[object] = []
    with listening(compared=lambda *_: compared.append(None)):
        yield
    if compared:
        raise NotInCError("its rule compares numbers, where autograd.where would choose at each step")


# Text ----------------------------------------------------------------------------------------------------------------


def _update_lines(
    spelling: CSpelling, results: Sequence[Value], given: Sequence[Value], numbers: Sequence[Value]
) -> list[str]:
    """Return the body of `update`, whose arguments `steps_in_c.py` lists."""
    program = lower(results, [*given, *numbers], folds=False)
    signature = Signature([*range(program.inputs)], program.outputs, [False] * program.inputs, None)
    try:
        program, _ = spelled_out(program, signature, "c", folds=False)
    except UnsupportedOperationError as problem:
        raise NotInCError(f"its rule cannot be written in C: {problem}") from problem
    memories = len(given) - 2
    names = ["x[i]", "g[i]", *(f"m{j}[i]" for j in range(memories)), *(f"k[{j}]" for j in range(len(numbers)))]
    body, values = _statements(program, names, literal, lambda step, own: _term(spelling, step, own))
    targets = ["y[i]", *(f"w{j}[i]" for j in range(memories))]
    return [
        *(f"const double *restrict m{j} = m + {j} * stride;" for j in range(memories)),
        *(f"double *restrict w{j} = w + {j} * stride;" for j in range(memories)),
        "for (long long i = 0; i < n; i++) {",
        *body,
        *(f"{target} = {value};" for target, value in zip(targets, values)),
        "}",
    ]


def _numbers_lines(spelling: CSpelling, optimizer: Optimizer, closure: Any) -> tuple[list[str], list[float]]:
    """Return the body of `numbers`, and its constants; nothing if the rule cannot be recorded so far.

    Python's arithmetic on floats is C's, and its ** is C's pow, also where the table has x ** 2 for x * x.
    """
    lr, step = Value(_some_rate(optimizer)), Value(optimizer.steps)
    try:
        with _no_comparisons():
            of_values = optimizer.rule(lr, step, ops.sqrt)  # type: ignore[arg-type]  # recorded
        cells = _cells(of_values)
    except Exception:  # any, of a user's rule that takes numbers only; it is called with them for each step then
        return [], []
    found = [x for x in cells if type(x) is Value or _is_number(x)]
    if of_values.__code__ is not closure.__code__ or len(found) != len(numbers_of(_cells(closure))):
        return [], []
    program = lower([_as_value(x) for x in found], [lr, step], folds=False)
    if not all(is_spelled(step.op, "c") and not step.op.adds for step in program.steps):
        return [], []
    constants: list[float] = []

    def constant(x: float) -> str:
        constants.append(x)
        return f"c[{len(constants) - 1}]"

    def expression(step: Step, names: Sequence[str]) -> str:
        return f"pow({', '.join(names)})" if step.op is ops.TABLE["pow"] else _term(spelling, step, names)

    lines, values = _statements(program, ["lr", "step"], constant, expression)
    return [*lines, *(f"k[{j}] = {value};" for j, value in enumerate(values))], constants


def _statements(
    program: Program,
    names: Sequence[str],
    constant: Callable[[float], str],
    expression: Callable[[Step, Sequence[str]], str],
) -> tuple[list[str], list[str]]:
    """Return a statement for each step, and the outputs as written."""
    lines, values = list[str](), list(names)

    def written(x: Operand) -> str:
        return values[x] if type(x) is int else constant(x)

    for place, step in enumerate(program.steps):
        values.append(f"v{place}")
        lines.append(f"const double v{place} = {expression(step, list(map(written, step.operands)))};")
    return lines, list(map(written, program.outputs))


def _term(spelling: CSpelling, step: Step, names: Sequence[str]) -> str:
    if step.op.adds:
        return " + ".join(["0.0", *spelling_of(step.op).terms("c", names)])
    return spelling.expression(step.op, names, None)
