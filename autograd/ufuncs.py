"""Let NumPy's functions keep the graph of Values: `np.arcsin(v)`, `np.logaddexp(array, v)`, `np.floor(v)`.

NumPy meets Values in two ways.

An array of Values is an array of objects. NumPy's loops over objects ask each element for its operator (`np.power`), or
for a method with the name of the function (`np.arcsin`): so Values have methods of these names. For some functions
NumPy has another loop, which compares (`np.sign`, `np.maximum`) or asks for an integer (`np.floor`), or none
(`np.logaddexp`): there, nothing that a Value could have would help.

A Value by itself, or beside arrays, is asked for its `__array_ufunc__` (NumPy Enhancement Proposal 13), with the
function that the user called. Then the row of the table computes, element by element.

The names are those in the table of spellings, column `arrays`: where the cell of a row is one call, NumPy's function is
the row. Names of other rows are below.
"""

import functools
import operator
import re
from collections.abc import Callable
from typing import Any, NoReturn

from autograd import ops
from autograd.codegen.spelling import SPELLINGS
from autograd.engine import Value
from autograd.floats import number
from autograd.hints import RECIPES, UFUNCS
from autograd.ops import Op


def _calls() -> dict[str, Op]:
    """Return the rows that are one call of a function on arrays, by its name."""
    found = {}
    for row in SPELLINGS.values():
        call = re.fullmatch(r"xp\.(\w+)\((.*)\)", row.arrays)
        if call and call[2] == ", ".join(f"{{{x}}}" for x in row.operands):
            found[call[1]] = row.op
    return found


METHODS = {**_calls(), "fabs": ops.abs, "rint": ops.round}
"""Rows by the names of methods that NumPy's loops over objects call."""

FUNCTIONS = {
    **METHODS,
    "add": ops.add,
    "subtract": ops.sub,
    "multiply": ops.mul,
    "divide": ops.div,
    "negative": ops.neg,
    "power": ops.pow,
    "remainder": ops.mod,
    "floor_divide": ops.floordiv,
    "sign": ops.sign,
    "maximum": ops.max,
    "minimum": ops.min,
    "logaddexp": ops.logaddexp,
}
"""Rows by NumPy's names of them."""

INSTEAD = {
    **UFUNCS,
    **{name: f"see {recipe} in docs/recipes.md" for name, recipe in RECIPES.items()},
}
"""What to write for NumPy's functions that are none of a row, and that know no objects."""


def _no_row(name: str) -> str:
    """Return the message about a function of NumPy's that has failed on Values.

    >>> _no_row("isnan")
    'np.isnan knows no Values: for the number, call it on v.data; for a gradient, write it with operations of autograd'
    """
    advice = INSTEAD.get(
        name, "for the number, call it on v.data; for a gradient, write it with operations of autograd"
    )
    return f"np.{name} knows no Values: {advice}"


@functools.cache
def _answer() -> Callable[..., Any]:
    """Return the function that answers NumPy. The first call imports NumPy, which has called."""
    import numpy as np  # noqa: PLC0415  # optional

    real = {np.dtype(code).type for code in "?bhilqBHILQefdg"}
    functions: dict[Any, tuple[Callable[..., Any], Any]] = {}
    """What computes NumPy's function on numbers, and on arrays."""
    for name, op in FUNCTIONS.items():
        ufunc = getattr(np, name, None)
        if isinstance(ufunc, np.ufunc):
            if op.method:
                functions[ufunc] = getattr(operator, op.method), ufunc
            else:
                functions[ufunc] = (getattr(Value, op.name) if op.arity == 1 else op), np.frompyfunc(op, op.arity, 1)

    functions[np.divmod] = divmod, np.frompyfunc(divmod, 2, 2)

    def answer(ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        on_numbers, on_arrays = functions.get(ufunc, (None, ufunc))
        if method != "__call__":
            on_arrays = getattr(on_arrays, method)
        elif on_numbers and not options:
            for x in inputs:
                if not isinstance(x, (Value, np.generic)):
                    break
            else:  # no arrays: they take longer, and one of longdouble has a scalar of NumPy in it again, without end
                return on_numbers(
                    *[x if type(x) is Value else float(x) if type(x) in real else number(x) for x in inputs]
                )
        arrays = list(inputs)
        for i, x in enumerate(inputs):
            if type(x) is Value:
                arrays[i] = np.empty((), object)
                arrays[i][()] = x
        try:
            with np.errstate(all="ignore"):  # 1 / 0 of Values is inf, without a warning, in NumPy's loops as elsewhere
                return on_arrays(*arrays, **options)
        except TypeError as problem:
            if on_numbers is None and str(problem).startswith(
                ("ufunc ", "loop of ufunc ", "unsupported operand", "bad operand")
            ):
                raise TypeError(_no_row(ufunc.__name__)) from None
            raise

    return answer


def _array_ufunc(self: Value, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """Answer a call of NumPy's function `ufunc`, or of its `method`, with Values among the inputs."""
    return _answer()(ufunc, method, *inputs, **options)


def _refusal(python: str, numpy: str, on_a_value: str, on_an_array: str) -> Callable[..., NoReturn]:
    """Return a method for a function of Python that makes an integer, and the one of NumPy that calls it."""

    def refuse(self: Value, *_: Any) -> NoReturn:
        raise TypeError(
            f"{python}(v), which {numpy} calls for each element, makes an integer: it would lose the gradient. "
            f"Write {on_a_value}, for an array of Values {on_an_array}, for a plain number {python}(v.data)"
        )

    return refuse


def _refuse_to_round(self: Value, *_: Any) -> NoReturn:
    raise TypeError(
        "round would lose the gradient: write autograd.round(v), to two digits autograd.round(v * 100) / 100, "
        "for an array of Values np.round(array), for a plain number round(v.data)"
    )


def _of_two(op: Op) -> Callable[..., Any]:
    """Return the row as a method that says what to write where NumPy calls it with its own arguments: `np.max(v)`."""

    @functools.wraps(getattr(Value, op.name))
    def method(self: Value, *others: Any, **named: Any) -> Any:
        if "axis" in named:
            raise TypeError(
                f"np.{op.name} takes an array, got one Value: "
                f"for two Values, write autograd.{op.name}(v, w), for many autograd.{op.name}(values)"
            )
        return op(self, *others, **named)

    return method


def _clip(self: Value, *bounds: Any, **named: Any) -> Any:
    """Return the row `clip`, as `np.clip` calls it too, with `out=None`."""
    if "out" in named and named["out"] is None:
        del named["out"]
    return ops.clip(self, *bounds, **named)


def _round(self: Value, *others: Any, **named: Any) -> Any:
    """Return the row `round`, which says what to write to round to some digits."""
    return ops.round(self, *others, **named)


def _divmod(x: Any, y: Any) -> tuple[Any, Any]:
    """Return x // y and x % y, each with its gradient, as Python's divmod does."""
    return x // y, x % y


def _reflected_divmod(y: Any, x: Any) -> tuple[Any, Any]:
    return x // y, x % y


_each = "np.frompyfunc(autograd.{}, 1, 1)(array)".format
_toward_0 = "autograd.where({0}, autograd.floor({0}), autograd.ceil({0}))".format
_SECOND_NAMES: dict[str, Callable[..., Any]] = {
    **{name: getattr(Value, op.name) for name, op in METHODS.items() if name != op.name},
    "conjugate": Value.__pos__,  # np.var, np.std and np.vdot call it
    "as_integer_ratio": Value.__float__,  # statistics.mean calls it, to make plain numbers
}
_ATTRIBUTES: dict[str, Any] = {
    **_SECOND_NAMES,
    "max": _of_two(ops.max),
    "min": _of_two(ops.min),
    "clip": functools.wraps(getattr(Value, ops.clip.name))(_clip),
    "round": functools.wraps(getattr(Value, ops.round.name))(_round),
    "__divmod__": _divmod,
    "__rdivmod__": _reflected_divmod,
    "__array_ufunc__": _array_ufunc,
    "_unlisted": frozenset(_SECOND_NAMES),
    "__floor__": _refusal("math.floor", "np.floor", "autograd.floor(v)", _each("floor")),
    "__ceil__": _refusal("math.ceil", "np.ceil", "autograd.ceil(v)", _each("ceil")),
    "__trunc__": _refusal("math.trunc", "np.trunc", _toward_0("v"), f"[{_toward_0('x')} for x in array]"),
    "__round__": _refuse_to_round,
}
for _name, _attribute in _ATTRIBUTES.items():
    setattr(Value, _name, _attribute)
