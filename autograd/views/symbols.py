"""Numbers that are not known yet: what a rule makes of them is written down instead of computed.

Rules are ordinary functions over any number, so a rule called with names as operands and a gradient of 1 returns the
formula of the local gradient:

>>> from autograd.ops import TABLE
>>> one_number = Symbol("input")
>>> print(*TABLE["mul"].pulls(1.0, Symbol("net"), one_number, Symbol("weight")))
weight input
>>> print(*TABLE["tanh"].pulls(1.0, Symbol("output"), one_number))
1 − output × output
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from autograd.floats import number
from autograd.ops import TABLE, Op
from autograd.views.text import Term, constant, formula, mathematical, rounded


class Symbol:
    """A number known by its formula.

    Operations on it give another one, simplified where a 0 or 1 says nothing: 1 * y is y. A choice reads as one:
    `1 if x > 0 else 0`. It is for reading; what a formula is worth, the same rule says on floats.

    Raises:
        TypeError: a rule asks for more than a formula knows, as for its sign or its float.
    """

    __slots__ = ("term",)

    def __init__(self, term: Term | str) -> None:
        self.term = Term(term) if isinstance(term, str) else term

    def __str__(self) -> str:
        return self.term.text

    def __getattr__(self, name: str) -> Any:  # the methods that the table gives to a Value: x.tanh()
        op = TABLE.get(name)
        if op is None or op.variadic:
            raise AttributeError(f"a formula has no {name!r}")
        return lambda *others: op(self, *others)

    @staticmethod
    def __record__(op: Op, operands: Sequence[Any]) -> Any:
        operands = [x if type(x) is Symbol else number(x) for x in operands]
        simpler: Callable[..., Any] = _SIMPLER.get(op.name, _as_it_is)
        simple = simpler(*operands)
        if simple is not None:
            return simple
        terms = [term_of(x) for x in operands]
        if op is TABLE["where"]:  # its condition counts as true above 0
            c, x, y = (t.within(0) for t in terms)
            return Symbol(Term(f"{x} if {c} > 0 else {y}", 0))
        return Symbol(formula(op, terms, mathematical))

    def __bool__(self) -> NoReturn:
        raise TypeError("a formula is neither true nor false")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("a formula equals nothing: its number is not known")

    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    __hash__ = None  # type: ignore[assignment]  # what equals nothing has no hash


def term_of(x: Symbol | float) -> Term:
    """A symbol's formula, or a constant's digits."""
    return x.term if isinstance(x, Symbol) else constant(rounded(x, 4).replace("-", "−"))


def _give_operators() -> None:
    """Python's operators, from both sides, as the table has them: rules may write + - * as they are."""

    for op in TABLE.values():
        if op.method:
            setattr(Symbol, op.method, _forward(op))
            if op.arity == 2:
                setattr(Symbol, op.method.replace("__", "__r", 1), _reflected(op))


def _forward(op: Op) -> Callable[..., Any]:
    def operator(*operands: Any) -> Any:  # a function, so that it becomes a method
        return op(*operands)

    return operator


def _reflected(op: Op) -> Callable[..., Any]:
    return lambda y, x: op(x, y)


def _is(x: Any, constant: float) -> bool:
    return type(x) is float and x == constant


def _as_it_is(*operands: Any) -> Any:
    return None


def _add(x: Any, y: Any) -> Any:
    return y if _is(x, 0.0) else x if _is(y, 0.0) else None


def _sub(x: Any, y: Any) -> Any:
    return x if _is(y, 0.0) else -y if _is(x, 0.0) else None


def _mul(x: Any, y: Any) -> Any:
    if _is(x, 0.0) or _is(y, 0.0):
        return 0.0
    if _is(x, 1.0) or _is(y, 1.0):
        return y if _is(x, 1.0) else x
    return -y if _is(x, -1.0) else -x if _is(y, -1.0) else None


def _div(x: Any, y: Any) -> Any:
    return x if _is(y, 1.0) or _is(x, 0.0) else -x if _is(y, -1.0) else None


def _pow(x: Any, y: Any) -> Any:
    return 1.0 if _is(y, 0.0) else x if _is(y, 1.0) else None


def _where(c: Any, x: Any, y: Any) -> Any:
    if type(c) is float:
        return x if c > 0 else y
    return x if type(x) is float and _is(y, x) else None


_SIMPLER: dict[str, Callable[..., Any]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "where": _where,
}

_give_operators()


def local_formulas(op: Op, g: Any, z: Symbol, operands: Sequence[Symbol | float]) -> Sequence[Symbol | float | None]:
    """What the rules pull back of `g` to each operand, as formulas; None where a rule needs numbers.

    >>> [str(x) for x in local_formulas(TABLE["div"], 1.0, Symbol("z"), [Symbol("x"), Symbol("y")])]
    ['1 / y', '−(z / y)']
    """
    if g is None:
        return [None] * len(operands)
    if op.variadic:
        return _pulled(op.pulls, g, z, *operands) or [None] * len(operands)
    return [_pulled(rule, g, z, *operands) for rule in op.rules]


def _pulled(rule: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return rule(*arguments)
    except Exception:  # any: a user's rule may ask its operands for anything, and a formula has no number
        return None
