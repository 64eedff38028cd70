"""Print the update of an optimizer in C: its own rule, recorded once.

`Optimizer.rule(lr, step, sqrt)` returns a function of one parameter, a closure over the numbers of its step: learning
rate, momentum, bias corrections. So there are two parts, and each is recorded on Values:

    numbers   the learning rate and the step -> the numbers in the closure; once for each step
    update    a parameter's number, gradient and state, and these numbers -> its new number and state

The second is the closure's own code with Values in place of its numbers. If the first cannot be recorded, as with
`math.sqrt` or an `if` on the step, Python calls the rule and reads the closure for each step. Nothing else of an
optimizer is written a second time, so that a rule of a user's own is printed, too.

What is recorded once has to hold for all steps. So a rule may not see whether it is recorded (it gets numbers that are
only computed with, see `_Number`), nor read what may change unseen, such as a list, nor leave anything changed behind;
and an update has only operations whose bits are the same in C, in Python and in NumPy.

The source has no numbers of the optimizer in it: they are arguments. So all optimizers of a kind share one library.
"""

import dis
import math
import random
import sys
from collections.abc import Callable, Iterable, Iterator, MutableMapping, MutableSequence, MutableSet, Sequence
from contextlib import contextmanager
from numbers import Real
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
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
_NEVER_CHANGE = (
    *(Real, str, bytes, type(None), type, ModuleType, CodeType, FunctionType, BuiltinFunctionType),
    *(property, staticmethod, classmethod, ops.Op),
)
_CHANGE = (MutableSequence, MutableMapping, MutableSet, Iterator)
_SAME_EVERYWHERE = frozenset(
    "add sub mul div neg abs sqrt relu sign step where max min clip floor ceil mod floordiv pow".split()
)
"""Operations of an update that have the same bits in C, in Python and in NumPy; of powers see `_power`."""
CHANGES = "its rule changes the optimizer, or its learning rate does"
OWN_STATE = ("lr", "steps", "_memory", "_known")  # which `rate` and `update` read, and know


class NotInCError(Exception):
    """A rule cannot be printed in C; the message says why."""


class RuleInC(NamedTuple):
    """The rule of an optimizer in C."""

    update: list[str]
    """The lines of a function's body: see `_update_lines`."""
    numbers: list[str]
    """The lines of the function that computes the numbers of a step; none if Python has to."""
    code: CodeType
    """That of the closure."""
    others: list[Any]
    """What the closure refers to beside numbers."""
    size: int
    """How many numbers it refers to."""
    exponents: frozenset[int]
    """Which of these are exponents."""
    memories: int
    constants: list[float]
    """The constants of `numbers`."""
    helpers: list[str]
    """Further functions that the lines call."""


@unobserved
def rule_in_c(optimizer: Optimizer, *, arrays: bool) -> RuleInC:
    """Record the rule of an optimizer, for its next step and for all like it.

    Arguments:
        arrays: whether Python would call it with arrays, or with floats.

    Raises:
        NotInCError: it cannot be recorded, or an operation of it not be written in C.
    """
    _refuse_hidden_state(optimizer)
    with unchanged([optimizer]), _no_draws():
        try:
            return _recorded(optimizer, arrays)
        except NotInCError:
            raise
        except Exception as problem:  # of a user's rule, any
            raise NotInCError(f"its rule raises {type(problem).__name__} on Values: {problem}") from problem


@contextmanager
def unchanged(optimizers: Iterable[Optimizer]) -> Iterator[None]:
    """Give optimizers their attributes back after calls that are none of Python's steps.

    Raises:
        NotInCError: the calls have changed some.
    """
    before = [(one, one.attributes().copy()) for one in optimizers]
    changed = False
    try:
        yield
    except Exception:
        changed = _given_back(before)
        if not changed:
            raise
    except BaseException:
        _given_back(before)
        raise
    else:
        changed = _given_back(before)
    if changed:
        raise NotInCError(CHANGES)


def _given_back(before: list[tuple[Optimizer, dict[str, Any]]]) -> bool:
    changed = False
    for one, attributes in before:
        now = one.attributes()
        if now.keys() != attributes.keys() or any(now[name] is not x for name, x in attributes.items()):
            changed = True
            now.clear()
            now.update(attributes)
    return changed


@contextmanager
def _no_draws() -> Iterator[None]:
    """Refuse rules that draw random numbers, and give the generators their state back."""
    numpy: Any = sys.modules.get("numpy.random")
    before, of_numpy = random.getstate(), numpy and numpy.get_state()
    try:
        yield
    finally:
        drawn = random.getstate() != before
        random.setstate(before)
        if numpy and numpy.get_state()[2:] != of_numpy[2:]:  # its place among the numbers drawn at once
            drawn = True
            numpy.set_state(of_numpy)
    if drawn:
        raise NotInCError("its rule draws random numbers")


def _refuse_hidden_state(optimizer: Optimizer) -> None:
    """Refuse an optimizer that holds something which its own rule may change unseen, such as a list, or reads such.

    Raises:
        NotInCError: it is one.
    """
    rule = type(optimizer).rule
    if rule.__module__ == Optimizer.__module__ and "rule" not in optimizer.attributes():
        return  # of this package
    code: Any = getattr(optimizer.rule, "__code__", None)
    for line in dis.get_instructions(code) if code else ():
        if line.opname == "STORE_GLOBAL" or (line.opname == "STORE_DEREF" and line.argval in code.co_freevars):
            raise NotInCError(f"its rule changes {line.argval}, which is outside of it")
    for name in _names_outside(code) if code else ():
        x = optimizer.rule.__globals__.get(name)
        if isinstance(x, _CHANGE) or _is_generator(x):
            raise NotInCError(f"its rule reads {name}, a {type(x).__name__}, which may change from step to step")
    kinds = type(optimizer).__mro__[: type(optimizer).__mro__.index(Optimizer)]
    for attributes in (optimizer.attributes(), *map(vars, kinds)):
        for name, x in attributes.items():
            known = name in OWN_STATE or name.startswith(("__", "_abc_"))  # Python's own
            if not known and not _never_changes(x):
                raise NotInCError(f"its attribute {name} is a {type(x).__name__}, which may change from step to step")


def _names_outside(code: CodeType) -> Iterator[str]:
    """Yield the global names that a function reads, and the functions within it."""
    yield from (line.argval for line in dis.get_instructions(code) if line.opname == "LOAD_GLOBAL")
    for x in code.co_consts:
        if isinstance(x, CodeType):
            yield from _names_outside(x)


def _is_generator(x: Any) -> bool:
    """Return True for a generator of random numbers, or a method of one; `_no_draws` sees the global ones."""
    of = getattr(x, "__self__", x)
    if type(of).__module__.startswith("numpy.random"):
        return True
    return isinstance(of, random.Random) and of is not random.random.__self__  # type: ignore[attr-defined]


def _never_changes(x: Any) -> bool:
    if isinstance(x, (tuple, frozenset)):
        return all(map(_never_changes, x))
    return isinstance(x, _NEVER_CHANGE) or type(x).__name__ == "ufunc"


def _recorded(optimizer: Optimizer, arrays: bool) -> RuleInC:
    step = optimizer.steps
    closure = optimizer.rule(_some_rate(optimizer), step, ops.sqrt)
    if type(closure) is not FunctionType:
        raise NotInCError("its rule returns no plain function")
    found, others = _parted(_cells(closure))
    for x in others:
        if x is not optimizer and not _never_changes(x):
            raise NotInCError(f"its rule refers to a {type(x).__name__}, which may change from step to step")
    numbers = list(map(Value, found))
    memories = optimizer.memories
    given = [Value(math.nan) for _ in range(2 + memories)]
    with _no_comparisons(arrays=arrays), _steps(optimizer, _Number(Value(math.nan))):
        results = with_numbers(closure, iter(numbers))(*given)
    if type(results) is not tuple or len(results) != 1 + memories:
        raise NotInCError(f"its rule returns no tuple of {1 + memories}, the new number and its state")
    if any(type(x) is _Number for x in results):
        raise NotInCError("its rule reads `steps` where it moves a number, not before")
    spelling = CSpelling()
    update, exponents = _update_lines(spelling, [_as_value(x) for x in results], given, numbers, arrays=arrays)
    lines, constants = _numbers_lines(spelling, optimizer, closure)
    helpers = list(spelling.definitions())
    return RuleInC(update, lines, closure.__code__, others, len(numbers), exponents, memories, constants, helpers)


@contextmanager
def _steps(optimizer: Optimizer, steps: Any) -> Iterator[None]:
    before = optimizer.steps
    optimizer.steps = steps
    try:
        yield
    finally:
        optimizer.steps = before


class _Number:
    """A number of a step while a rule computes with it.

    Unlike a Value it is not compared, hashed or written, so that no branch, set or table decides for all steps at once:
    these raise a TypeError.
    """

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    __hash__ = None  # type: ignore[assignment]  # as of a list

    def __eq__(self, other: object) -> bool:
        raise TypeError("a rule that is recorded compares a number of the step")

    def __bool__(self) -> bool:
        raise TypeError("a rule that is recorded branches on a number of the step")

    def __repr__(self) -> str:
        raise TypeError("a rule that is recorded writes a number of the step")


def _computing(name: str) -> Callable[..., Any]:
    method = getattr(Value, name)

    def computed(*operands: Any) -> Any:
        z = method(*(x.value if type(x) is _Number else x for x in operands))
        return z if z is NotImplemented else _Number(z)

    return computed


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    for _method in (f"__{_name}__", f"__r{_name}__"):
        setattr(_Number, _method, _computing(_method))
for _method in ("__neg__", "__abs__"):
    setattr(_Number, _method, _computing(_method))


def _sqrt(x: Any) -> Any:
    """Return the square root of a number of a step, or of another one."""
    return _Number(x.value.sqrt()) if type(x) is _Number else math.sqrt(x)


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
        found += (x.__code__, *_cells(x)) if type(x) is FunctionType and x not in (closure, _sqrt) else (x,)
    if closure.__defaults__:
        found += closure.__defaults__
    if closure.__kwdefaults__:
        found += closure.__kwdefaults__.values()
    return found


def _parted(cells: Iterable[Any]) -> tuple[list[float], list[Any]]:
    """Return the numbers among what a closure refers to, and the others."""
    numbers, others = list[float](), list[Any]()
    for x in cells:
        if _is_number(x):
            numbers.append(number(x))
        else:
            others.append(x)
    return numbers, others


def numbers_like(rule: RuleInC, closure: Any) -> list[float]:
    """Return the numbers that the closure of another step refers to.

    Raises:
        NotInCError: it is not the same but for these.
    """
    if type(closure) is not FunctionType or closure.__code__ is not rule.code:
        raise NotInCError("its rule returns one function for some steps, and another for others")
    found, others = _parted(_cells(closure))
    if len(found) != rule.size or len(others) != len(rule.others) or not all(map(_same, others, rule.others)):
        raise NotInCError("its rule refers to something else from step to step")
    return found


def _same(x: Any, y: Any) -> bool:
    return (
        x is y
        or (_is_root(x) and _is_root(y))
        or (type(x) is type(y) and isinstance(x, _KEPT_BY_VALUE) and bool(x == y))
    )


def _is_root(x: Any) -> bool:
    """Return True for the square root that the rule gets, of a float, an array or a Value."""
    of_numpy = type(x).__name__ == "ufunc" and x.__name__ == "sqrt"
    return of_numpy or any(x is root for root in (ops.sqrt, _sqrt, math.sqrt))


def with_numbers(function: Any, numbers: Iterator[Any]) -> Any:
    """Return a function of the same code that refers to other numbers, in the order of `numbers_like`."""

    def other(x: Any) -> Any:
        if type(x) is FunctionType and x is not function:
            return with_numbers(x, numbers)
        return next(numbers) if _is_number(x) else x

    closure = tuple(CellType(other(cell.cell_contents)) for cell in function.__closure__ or ())
    defaults = function.__defaults__ and tuple(next(numbers) if _is_number(x) else x for x in function.__defaults__)
    made = FunctionType(function.__code__, function.__globals__, function.__name__, defaults, closure)
    if function.__kwdefaults__:
        made.__kwdefaults__ = {k: next(numbers) if _is_number(x) else x for k, x in function.__kwdefaults__.items()}
    return made


@contextmanager
def _no_comparisons(*, arrays: bool) -> Iterator[None]:
    """Refuse comparisons of Values, which would be made once for all steps.

    Raises:
        NotInCError: there were some; the message says what to call, with arrays or with floats.
    """
    compared: list[object] = []
    with listening(compared=lambda *_: compared.append(None)):
        yield
    if compared:
        # Python calls the rule, too, with arrays or with floats: autograd.where takes no arrays.
        instead = "np.sign, np.maximum and np.clip" if arrays else "autograd.where"
        raise NotInCError(f"its rule compares numbers, where {instead} would choose at each step")


# Text ----------------------------------------------------------------------------------------------------------------


def _update_lines(
    spelling: CSpelling,
    results: Sequence[Value],
    given: Sequence[Value],
    numbers: Sequence[Value],
    *,
    arrays: bool,
) -> tuple[list[str], frozenset[int]]:
    """Return the body of `update`, whose arguments `loop_in_c.py` lists, and which of the numbers are exponents."""
    program = lower(results, [*given, *numbers], folds=False)
    signature = Signature([*range(program.inputs)], program.outputs, [False] * program.inputs, None)
    try:
        program, _ = spelled_out(program, signature, "c", folds=False)
    except UnsupportedOperationError as problem:
        raise NotInCError(f"its rule cannot be written in C: {problem}") from problem
    other = next((step.op.name for step in program.steps if step.op.name not in _SAME_EVERYWHERE), None)
    if other:
        raise NotInCError(f"{other} in its rule has other bits in C")
    first, exponents = len(given), set[int]()
    own_numbers = set(range(first))  # what is computed of a parameter's number, gradient and state: arrays, if `arrays`
    for place, step in enumerate(program.steps, program.inputs):
        if any(type(x) is int and x in own_numbers for x in step.operands):
            own_numbers.add(place)

    def expression(step: Step, own: Sequence[str]) -> str:
        if step.op is not ops.TABLE["pow"]:
            return _term(spelling, step, own)
        [x, y], exponent = own, step.operands[1]
        of_arrays = arrays and any(type(x) is int and x in own_numbers for x in step.operands)
        if type(exponent) is not int:
            return _power(x, y, exponent, arrays=of_arrays)
        if not first <= exponent < program.inputs:
            return _power(x, y, None, arrays=of_arrays)
        exponents.add(exponent - first)
        return _power(x, y, numbers[exponent - first].data, arrays=of_arrays)

    memories = len(given) - 2
    names = ["x[i]", "g[i]", *(f"m{j}[i]" for j in range(memories)), *(f"k[{j}]" for j in range(len(numbers)))]
    body, values = _statements(program, names, literal, expression)
    targets = ["y[i]", *(f"w{j}[i]" for j in range(memories))]
    lines = [
        *(f"const double *restrict m{j} = m + {j} * stride;" for j in range(memories)),
        *(f"double *restrict w{j} = w + {j} * stride;" for j in range(memories)),
        "for (long long i = 0; i < n; i++) {",
        *body,
        *(f"{target} = {value};" for target, value in zip(targets, values)),
        "}",
    ]
    return lines, frozenset(exponents)


def _power(x: str, y: str, exponent: float | None, *, arrays: bool) -> str:
    """Return a power as Python has it, of floats or of arrays.

    Raises:
        NotInCError: that of arrays has other bits in C.
    """
    if not arrays:
        return f"pow({x}, {y})"
    simple = {2.0: f"{x} * {x}", 1.0: x, 0.5: f"sqrt({x})", -1.0: f"1 / {x}"}
    if exponent not in simple:
        raise NotInCError("a power in its rule has other bits in NumPy than in C")
    if y == literal(exponent):
        return simple[exponent]
    cases = [f"{y} == {literal(exponent)} ? {power}" for exponent, power in simple.items()]
    return f"{' : '.join(cases)} : NAN"  # which leaves the step to Python


def _numbers_lines(spelling: CSpelling, optimizer: Optimizer, closure: Any) -> tuple[list[str], list[float]]:
    """Return the body of `numbers`, and its constants; nothing if the rule cannot be recorded so far.

    The function returns 0 where something becomes infinite or nan, for which Python may raise an exception.

    Python's arithmetic on floats is C's, and its ** is C's pow, also where the table has x ** 2 for x * x.
    """
    lr, step = Value(_some_rate(optimizer)), Value(optimizer.steps)
    found: list[Any] = []
    try:
        with _steps(optimizer, _Number(step)):
            of_values = optimizer.rule(_Number(lr), _Number(step), _sqrt)  # type: ignore[arg-type]  # recorded
        for x, y in zip(_cells(of_values), _cells(closure), strict=True):
            if _is_number(y):
                found.append(x.value if type(x) is _Number else x)
            elif not _same(x, y):
                return [], []
    except NotInCError:
        raise
    except Exception:  # any, of a user's rule that takes numbers only; it is called with them for each step then
        return [], []
    if of_values.__code__ is not closure.__code__:
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
    finite = " && ".join(["1", *(f"isfinite(v{place})" for place in range(len(lines)))])
    return [*lines, *(f"k[{j}] = {value};" for j, value in enumerate(values)), f"return {finite};"], constants


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
