"""Define the table of operations: what each one computes, and how it pulls a gradient back to its operands.

This module knows numbers, not graphs. An operation is declared once, as one row:

    how it reads, what it computes, and one derivative rule for each operand.

A rule is a pullback, also called a vector-Jacobian product (VJP): it takes the gradient `g` of the result, the result
`z` and the operands `x, y`, and returns what `g` contributes to the gradient of one operand. Rules are ordinary
functions over *any* number. Called on floats they give `backward()`; called on graph nodes they build the graph of the
gradient, so gradients of gradients come for free; with g = 1 they give the local gradients on a drawing's edges.
A rule is None where no gradient passes. That is not the same as a gradient of 0, which the rules further down may
multiply by infinity.

Two requirements for derivative rules:

- They call operations, never `math`, and never branch in Python on a number: a choice is itself an operation (`where`),
  so that it survives being recorded and differentiated. `+`, `-`, `*` and negation may be written as they are; `/` and
  `**` are written `div` and `pow`, because on plain floats Python's own raise (`1 / 0`) or turn complex (`(-8) ** 0.5`).
- They keep digits: `sigmoid(-x)` instead of `1 - z`, `(1 - x) * (1 + x)` instead of `1 - x * x`, where the short
  form would lose them. `tanh` is the exception; see its note (`notes.py`).

Arithmetic is IEEE 754 double precision throughout; `floats.py` provides what Python's `math` lacks for that.

To add an operation, add a row here, its words to `notes.py`, and a row to `codegen/spelling.py`, which says how each
target writes it. It becomes a function (`autograd.name`) and a method of every `Value`, and is tested, differentiated
and drawn like the others.
"""

# mypy: disable-error-code="has-type"
# (rules call rows further down in the table, whose type mypy does not know yet)

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Protocol, TypeVar, cast, overload

from autograd import floats, operands
from autograd._native import Operation
from autograd.floats import ieee, number
from autograd.hints import about_arguments
from autograd.notes import NOTES
from autograd.operands import any_number
from autograd.text import escaped, printable, quoted

Rule = Callable[..., Any]


class Recorder(Protocol):
    """An operand that records operations instead of computing them, as a `Value` does.

    An operation with such an operand returns `operand.__record__(operation, operands)`, asking the first one it has;
    `operands` is the flat sequence of all operands, the plain numbers as the user passed them.
    """

    def __record__(self, op: Op, operands: Sequence[Any]) -> Any: ...


R = TypeVar("R", bound=Recorder)
T = TypeVar("T")


def __dir__() -> list[str]:
    return ["Op", "TABLE", "operation", *BUILT_IN]


class Op(Operation):
    """One operation: a row of the table.

    Arguments:
        reads: the formula, with `{}` for each operand: `"{} * {}"`, `"tanh({})"`.
        computes: the function from floats to a float. It must not raise: where a result does not exist, return nan.
            Written with operations of the table, it can be compiled for every target; with `math`, for Python only.
        rules: one pullback for each operand, called `rule(g, z, x, ...)` with the gradient of the result, the result
            and the operands; it returns what this adds to the gradient of its operand. A rule is None where no
            gradient passes. An operation with any number of operands (`variadic=True`) has a single rule, which
            returns one such number, or None, per operand.
        name: the name of the function and the method; by default taken from `reads` of the form `name(...)`.
        method: the special method of Python's operator, `"__mul__"`; its reflected twin is derived from it.
        arrange: a function from the user's arguments to the flat operands, where the two differ.
        domain: for each operand the interval `(low, high)` on which the operation is smooth; all reals by default.
        kink: a function of the operands that is zero where the derivative jumps.
        many: of an operation of `x` and `y`, the name of the variadic one to which a list, or more operands, go.
        note: sentences for `help`; those of the rows below are in `notes.py`.

    Write rules with operations (`div`, `exp`, `where`, ...), not with `math`, `/` or `if`: a branch would be decided
    once and for all when a gradient is recorded as a graph.

    Raises:
        ValueError: there is no name, the name is taken, the numbers of rules or intervals do not match the operands, or
            a rule does not take `g`, `z` and the operands.

    >>> cube = Op("cube({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    >>> cube(2.0), cube.pulls(1.0, 8.0, 2.0)
    (8.0, (12.0,))
    """

    def __init__(
        self,
        reads: str,
        computes: Callable[..., float],
        *rules: Rule | None,
        name: str | None = None,
        method: str | None = None,
        variadic: bool = False,
        arrange: Callable[..., tuple[Any, ...]] | None = None,
        domain: Sequence[tuple[float, float]] | None = None,
        kink: Callable[..., float] | None = None,
        many: str = "",
        note: str = "",
    ) -> None:
        self.reads = reads
        self.name = name or reads.partition("(")[0].strip()
        self.method = method
        self.variadic = variadic
        self.arrange = operands.list_of_values if variadic and arrange is None else arrange
        self.arity = None if variadic else len(rules)
        self.stops = not any(rules)
        self.direct = len(rules) if all(rules) and not variadic and len(rules) <= 2 else 0
        self.domain = tuple(domain or [(-inf, inf)] * len(rules))
        self.kink, self.many = kink, many
        self.note = note or NOTES.get(self.name, "")
        operands.check_row(reads, self.name, computes, rules, domain=self.domain, variadic=variadic)
        # Users' functions are checked at every call; the rows below are right (tests) and pay nothing.
        self.by_user = by_user = bool(BUILT_IN)  # empty while the table itself is being read
        self.computes: Callable[..., float] = operands.checked_function(computes) if by_user else computes
        self.function: Callable[..., Any] = computes  # as it was given: called on Values, it may record what it does
        self.rules = operands.checked_rules(self.name, self.arity, rules) if by_user else rules
        self.__doc__ = self._document()
        _register(self)

    @overload  # floats alone fit the second form as well; the first one that fits counts
    def __call__(self, *operands: float, **named: float) -> float: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, *operands: R | float, **named: R | float) -> R: ...
    @overload
    def __call__(self, *operands: Any, **named: Any) -> Any: ...
    def __call__(self, *operands: Any, **named: Any) -> Any:
        for x in operands:
            if type(x) is not float:
                break
        else:  # floats only come first: this is how backward() reaches the operations inside rules
            if len(operands) == self.arity and not named:
                return self.computes(*operands)
        op = self
        try:
            if self.arrange is not None:
                operands = self.arrange(*operands, **named)
            elif self.many and (named or len(operands) != 2) and named.keys().isdisjoint("xy"):
                op, operands = TABLE[self.many], any_number(*operands, **named)
            elif named or len(operands) != self.arity:
                operands = self.__signature__.bind(*operands, **named).args  # or says what is missing or too many
                if len(operands) != self.arity:  # a rule with *args binds any number
                    raise TypeError(f"expected {self.arity} operands, got {len(operands)}")
        except TypeError as problem:
            # Python's own messages begin with the name of our helper: leave that out
            said = escaped(str(problem))
            reason = said.partition("() ")[2] or said
            others = ", more operands, or a list of them" if self.many else ""
            raise TypeError(
                f"{self.name}() takes {self.__signature__}{others}: {reason}{about_arguments(self.name, named)}"
            ) from None
        for x in operands:
            if hasattr(x, "__record__"):
                return x.__record__(op, operands)
        return op.computes(*map(number, operands))

    def pulls(self, g: Any, z: Any, *operands: Any) -> Sequence[Any]:
        """Return what the gradient `g` of the result `z` contributes to the gradient of each operand.

        With g = 1 these are the local gradients. None stands for an operand to which no gradient passes.

        >>> mul.pulls(1.0, 6.0, 2.0, 3.0), where.pulls(1.0, 2.0, 0.5, 2.0, 3.0)
        ((3.0, 2.0), (None, 1.0, 0.0))
        """
        if self.variadic:
            return cast(Sequence[Any], cast(Rule, self.rules[0])(g, z, *operands))
        return tuple([None if rule is None else rule(g, z, *operands) for rule in self.rules])

    def passes(self, place: int) -> bool:
        """Return True if a gradient passes to the operand at that place. A variadic rule may still return None for it.

        >>> where.passes(0), where.passes(1), stop_gradient.passes(0)
        (False, True, False)
        """
        return self.variadic or self.rules[place] is not None

    def read(self, *names: str) -> str:
        """Return the formula with the operands' names filled in.

        >>> mul.read("input", "weight"), dot.read("x1", "x2", "w1", "w2")
        ('input * weight', 'dot([x1, x2], [w1, w2])')
        """
        return self.reads.format(*map(", ".join, self.lists(names)) if self.variadic else names)

    def lists(self, operands: Sequence[T]) -> list[Sequence[T]]:
        """Return the operands of a variadic operation as the lists that it takes, one for each `{}` of its formula.

        >>> dot.lists(["x1", "x2", "w1", "w2"])
        [['x1', 'x2'], ['w1', 'w2']]
        """
        share = len(operands) // self.reads.count("{}")
        return [operands[i * share : (i + 1) * share] for i in range(self.reads.count("{}"))]

    @property
    def adds(self) -> bool:
        """True for `sum` and `dot`, whose terms are the products of the numbers at each place of their lists.

        A long one can be computed in parts.
        """
        return self is sum or self is dot

    @property  # not a cached one, which makes the attributes that backward() reads 4 % slower
    def unary(self) -> bool:
        """True if it takes one operand alone: others, if any, have defaults, as `leaky_relu(x, slope=0.01)` has."""
        required = [p for p in self.__signature__.parameters.values() if p.default is p.empty]
        return not self.variadic and len(required) == 1

    @property
    def built_in(self) -> bool:
        """True for the rows of this file, False for an operation that a user added."""
        return self.name in BUILT_IN

    @property
    def symbol(self) -> str:
        """The operator's sign, or the name: `*`, `tanh`."""
        return self.name if "(" in self.reads else self.reads.replace("{}", "").strip()

    @property
    def __signature__(self) -> inspect.Signature:
        rule = next(filter(None, self.rules), None)
        source = self.arrange or rule or self.function
        parameters = [p.replace(annotation=p.empty) for p in inspect.signature(source).parameters.values()]
        return inspect.Signature(parameters[2:] if source is rule else parameters)  # a rule's first two are g and z

    def _document(self) -> str:
        names = list(self.__signature__.parameters)
        formula = f"{self.name}({', '.join(names)})"
        if not self.variadic and "(" not in self.reads:
            formula = f"{self.read(*names)}, as a function"
        return f"{formula}: floats in, float out; a Value in, a Value out.\n\n{self.note}".strip()

    def __repr__(self) -> str:
        return printable(f"<operation {self.name}: {self.reads.replace('{}', '·')}>")

    def __reduce__(self) -> tuple[Any, ...]:
        return operation, (self.name,)


TABLE: dict[str, Op] = {}
"""Every operation by its name: the rows of this file, then those that users add."""

BUILT_IN: set[str] = set()
"""The names of the rows of this file."""

on_new_operation: list[Callable[[Op], None]] = []
"""Functions to call with each operation that is added: the engine gives `Value` a method of that name."""


def _register(op: Op) -> None:
    if op.built_in:
        raise ValueError(f"there is an operation {quoted(op.name)} already: give yours another name")
    for announce in on_new_operation:
        announce(op)
    TABLE[op.name] = op


def operation(name: str) -> Op:
    """Return the operation of that name; a pickle of an operation calls this.

    Raises:
        LookupError: there is no such operation, because the module that adds it was not imported.
    """
    if name not in TABLE:
        raise LookupError(f"no operation {quoted(name)} here: import the module that defines it first")
    return TABLE[name]


# Functions too long for a line of the table: rules, and what a row computes by operations. Functions that compute with
# `math` are in floats.py, those that flatten the users' arguments in operands.py. ---------------------------------------
#
# From here on `abs`, `max`, `pow`, `sum` ... in this module are the rows of the table, not Python's own;
# where(c, x, y) is x if c > 0, else y.


def _pull_base(g: Any, z: Any, x: Any, y: Any) -> Any:
    """Return g * y * x**(y - 1) (DLMF 4.7(ii))."""
    # For x**0, y * x**(y-1) is 0 * inf or 0 * nan where x is nan, 0, or so near 0 that a power overflows. The derivative
    # is 0 there, and so are all further ones, so 1 takes the place of the base. Not elsewhere: d(y/x)/dy is 1/x.
    exponent = y - 1
    if type(exponent) is float and (exponent >= 0 or y == 0 or (type(g) is float and g != 0)):
        # A constant: its case of the choice below, in a third of the time.
        return g * (y * (x if exponent == 1 else pow(x, exponent if y else 0.0)))
    finite = 1 + 0 * pow(x, exponent)  # nan if it is not
    factor = where(abs(x), where(abs(g), y, 0.0), y)  # 0 if g * y is, which may also vanish by underflow
    base = where(exponent, x, where(finite, x, where(abs(factor), x, 1.0)))
    return g * (y * pow(base, exponent))


def _pull_exponent(g: Any, z: Any, x: Any, y: Any) -> Any:
    """Return g * x**y * log(x) (DLMF 4.7(ii))."""
    # For 0**y, y >= 0, z * log(x) is 0 * -inf. The derivative there is 0, so the logarithm is taken of 1. (A nan stays.)
    # Where z overflows, z * log(x) need not, near x = 1: then it is x**(y/2) * log(x) * x**(y/2).
    base = where(abs(x), x, where(-y, x, 1.0 + abs(x)))
    finite, half = 1 + 0 * z, pow(base, 0.5 * y)  # nan if z is not finite
    return g * (where(finite, z, half) * log(base) * where(finite, 1.0, half))


def _share(g: Any, lead: Any) -> Any:
    """Pass `g` to an operand that leads by more than 0, nothing to one that trails, half at a tie."""
    return where(lead, g, where(-lead, 0.0, 0.5 * g))


def _scaled(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Return x and y over a scale, and the scale: 1 unless squares could overflow or vanish.

    Numbers beyond 1e±50 are scaled, so that squares do so neither in derivatives.
    """
    size = max(abs(x), abs(y))  # any scale would do: nothing depends on it but the rounding
    scale = stop_gradient(where(size - 1e50, min(size, 2.0**1023), where(1e-50 - size, size, 1.0)))
    return div(x, scale), div(y, scale), scale


def _over_square(g: Any, x: Any, y: Any) -> Any:
    """Return g * x / (x * x + y * y), the slope of an angle (DLMF 4.24(ii)); 0 at the origin."""
    u, v, scale = _scaled(x, y)
    return where(scale, g * div(div(u, u * u + v * v), scale), scale)


def _cosine(z: Any, x: Any, y: Any) -> Any:
    """Return x / sqrt(x * x + y * y), the cosine of the angle of (x, y); 0 at the origin, where z = hypot(x, y) is 0.

    Where y is small beside x, as 1 / sqrt(1 + t * t) with the tangent t = y / x (DLMF 4.21): the derivative by x of
    the former, 1/z - x**2/z**3, cancels there to y**2/z**3.
    """
    u, v, _ = _scaled(where(z, x, 1.0), y)
    flat = abs(x) - 100 * abs(y)
    t = div(where(flat, y, 0.0), where(flat, x, 1.0))
    return where(z, where(flat, div(sign(x), sqrt(1 + t * t)), div(u, sqrt(u * u + v * v))), z)


def _one_minus_square(x: Any) -> Any:
    """Return 1 - x * x. Near 1 only the factors keep its digits, near 0 only the square keeps those of its derivative."""
    return where(0.5 - abs(x), 1 - x * x, (1 - x) * (1 + x))


def _sigmoid_slope(z: Any, x: Any) -> Any:
    """Return z * (1 - z) with z = sigmoid(x) = (1 + tanh(x / 2)) / 2; by tanh near 0, where the derivative cancels else."""
    t = tanh(0.5 * x)
    return where(1 - x * x, 0.25 * (1 - t * t), z * sigmoid(-x))


def _not_above_0(x: Any) -> Any:
    """Return x, or 0 in its place: exp of it is finite in the branch not taken, where a derivative multiplies it by 0."""
    return where(x, 0.0, x)


def _elu_slope(x: Any, alpha: Any) -> Any:
    """Return alpha * exp(x) for x <= 0, else 1; by halves, because exp(x) may vanish where the product does not."""
    half = exp(0.5 * _not_above_0(x))
    return where(x, 1.0, alpha * half * half)


def _gelu_slope(x: Any) -> Any:
    """Return P(x) + x * P'(x), where P(x) = erfc(-x / sqrt(2)) / 2 is the normal distribution (DLMF 7.18, 7.10).

    Beyond ±40 it is 0 or 1 to the last bit; there squares would overflow, and inf * 0 is nan.
    """
    u = clip(x, -40.0, 40.0)
    return 0.5 * erfc(-floats.SQRT_HALF * u) + u * (_1_PER_SQRT_2_PI * exp(-0.5 * u * u))


def _silu_slope(x: Any) -> Any:
    """Return s + x * s', where s = sigmoid(x). Beyond ±800 it is 0 or 1 to the last bit; inf * 0 is nan."""
    u = clip(x, -800.0, 800.0)
    z = sigmoid(u)
    return z + u * _sigmoid_slope(z, u)


def _difference(x: Any, y: Any) -> Any:
    """Return x - y; 0 where both are the same infinity."""
    return where(1 + abs(x - y), x - y, where(abs(x) + abs(y), 0.0, x + y))


# clip(x, low, high) is min(max(x, low), high). At a bound the gradient is that of x, as PyTorch's clamp has it.


def _pull_between(g: Any, z: Any, x: Any, low: Any, high: Any) -> Any:
    return where(low - x, 0.0, where(x - high, 0.0, g))


def _pull_low(g: Any, z: Any, x: Any, low: Any, high: Any) -> Any:
    return where(low - x, where(low - high, 0.0, g), 0.0)


def _pull_high(g: Any, z: Any, x: Any, low: Any, high: Any) -> Any:
    return where(low - high, g, where(x - high, g, 0.0))


def _equal_shares(g: Any, gaps: Sequence[Any]) -> list[Any]:
    """Divide `g` among the operands that no gap above 0 divides from the result; it is nan between equal infinities."""
    share = div(g, sum([where(gap, 0.0, 1.0) for gap in gaps]))
    return [where(gap, 0.0, share) for gap in gaps]


def _pull_dot(g: Any, z: Any, *xys: Any) -> list[Any]:
    half = len(xys) // 2
    return [g * partner for partner in xys[half:] + xys[:half]]


_LN2, _2_LN2, _LN10 = math.log(2), 2 * math.log(2), math.log(10)
_2_PER_SQRT_PI, _1_PER_SQRT_2_PI = 2 / math.sqrt(math.pi), 1 / math.sqrt(2 * math.pi)
_POSITIVE = (0.0, inf)
_UNIT = (-1.0, 1.0)

# The table. Derivatives: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov,
# 4.7 (exp, log, powers), 4.20 and 4.24 (trigonometric), 4.34 and 4.38 (hyperbolic), 7.10 (error function).
# fmt: off

#             reads                 computes                         pulls a gradient g back to x                      ... and to y
add      = Op("{} + {}",            operator.add,                    lambda g, z, x, y: g,                             lambda g, z, x, y: g,                   name="add", method="__add__")
sub      = Op("{} - {}",            operator.sub,                    lambda g, z, x, y: g,                             lambda g, z, x, y: -g,                  name="sub", method="__sub__")
mul      = Op("{} * {}",            operator.mul,                    lambda g, z, x, y: g * y,                         lambda g, z, x, y: g * x,               name="mul", method="__mul__")
div      = Op("{} / {}",            floats.div,                      lambda g, z, x, y: div(g, y),                     lambda g, z, x, y: -g * div(z, y),      name="div", method="__truediv__")
pow      = Op("{} ** {}",           floats.pow_,                     _pull_base,                                       _pull_exponent,                         name="pow", method="__pow__", domain=[_POSITIVE, (-inf, inf)])
mod      = Op("{} % {}",            floats.mod,                      lambda g, z, x, y: g,                             lambda g, z, x, y: -g * floordiv(x, y), name="mod", method="__mod__", kink=floats.to_multiple)
floordiv = Op("{} // {}",           floats.floordiv,                 lambda g, z, x, y: 0.0,                           lambda g, z, x, y: 0.0,                 name="floordiv", method="__floordiv__", kink=floats.to_multiple)
neg      = Op("-{}",                operator.neg,                    lambda g, z, x: -g,                                                                       name="neg", method="__neg__")
abs      = Op("abs({})",            math.fabs,                       lambda g, z, x: g * sign(x),                                                              method="__abs__", kink=lambda x: x)

exp      = Op("exp({})",            ieee(math.exp),                  lambda g, z, x: g * z)
expm1    = Op("expm1({})",          ieee(math.expm1),                lambda g, z, x: g * exp(x))
exp2     = Op("exp2({})",           ieee(math.exp2),                 lambda g, z, x: g * exp2(x - 1) * _2_LN2)  # finite where z is not
log      = Op("log({})",            ieee(math.log, {0: -inf}),       lambda g, z, x: div(g, x),                        domain=[_POSITIVE])
log1p    = Op("log1p({})",          ieee(math.log1p, {-1: -inf}),    lambda g, z, x: div(g, 1 + x),                    domain=[(-1.0, inf)])
log2     = Op("log2({})",           ieee(math.log2, {0: -inf}),      lambda g, z, x: div(g, x * _LN2),                 domain=[_POSITIVE])
log10    = Op("log10({})",          ieee(math.log10, {0: -inf}),     lambda g, z, x: div(g, x * _LN10),                domain=[_POSITIVE])
sqrt     = Op("sqrt({})",           ieee(math.sqrt),                 lambda g, z, x: div(g, 2 * z),                    domain=[_POSITIVE])
cbrt     = Op("cbrt({})",           math.cbrt,                       lambda g, z, x: div(g, 3 * z * z))

sin      = Op("sin({})",            ieee(math.sin),                  lambda g, z, x: g * cos(x))
cos      = Op("cos({})",            ieee(math.cos),                  lambda g, z, x: -g * sin(x))
tan      = Op("tan({})",            ieee(math.tan),                  lambda g, z, x: g * (1 + z * z),                  domain=[(-math.pi / 2, math.pi / 2)])
asin     = Op("asin({})",           ieee(math.asin),                 lambda g, z, x: div(g, sqrt(_one_minus_square(x))), domain=[_UNIT])
acos     = Op("acos({})",           ieee(math.acos),                 lambda g, z, x: div(-g, sqrt(_one_minus_square(x))), domain=[_UNIT])
atan     = Op("atan({})",           math.atan,                       lambda g, z, x: _over_square(g, 1.0, x))
atan2    = Op("atan2({}, {})",      math.atan2,                      lambda g, z, y, x: _over_square(g, x, y),         lambda g, z, y, x: _over_square(-g, y, x))
hypot    = Op("hypot({}, {})",      math.hypot,                      lambda g, z, x, y: g * _cosine(z, x, y),          lambda g, z, x, y: g * _cosine(z, y, x))

sinh     = Op("sinh({})",           ieee(math.sinh, odd=True),       lambda g, z, x: g * cosh(x))
cosh     = Op("cosh({})",           ieee(math.cosh),                 lambda g, z, x: g * sinh(x))
tanh     = Op("tanh({})",           math.tanh,                       lambda g, z, x: g * (1 - z * z))
asinh    = Op("asinh({})",          math.asinh,                      lambda g, z, x: div(g, where(abs(x) - 1e8, abs(x), sqrt(1 + x * x))))  # squares overflow
acosh    = Op("acosh({})",          ieee(math.acosh),                lambda g, z, x: div(g, sqrt(x - 1) * sqrt(x + 1)), domain=[(1.0, inf)])
atanh    = Op("atanh({})",          ieee(math.atanh, {1: inf, -1: -inf}), lambda g, z, x: div(g, _one_minus_square(x)),    domain=[_UNIT])

erf      = Op("erf({})",            math.erf,                        lambda g, z, x: g * (_2_PER_SQRT_PI * exp(-x * x)))
erfc     = Op("erfc({})",           math.erfc,                       lambda g, z, x: -g * (_2_PER_SQRT_PI * exp(-x * x)))
sigmoid  = Op("sigmoid({})",        floats.sigmoid,                  lambda g, z, x: g * _sigmoid_slope(z, x))
softplus = Op("softplus({})",       floats.softplus,                 lambda g, z, x: g * sigmoid(x))
log_sigmoid = Op("log_sigmoid({})", floats.log_sigmoid,             lambda g, z, x: g * sigmoid(-x))
logaddexp = Op("logaddexp({}, {})", floats.logaddexp,               lambda g, z, x, y: g * sigmoid(_difference(x, y)), lambda g, z, x, y: g * sigmoid(_difference(y, x)))
relu     = Op("relu({})",           floats.relu,                     lambda g, z, x: where(x, g, 0.0),                 kink=lambda x: x)
leaky_relu = Op("leaky_relu({}, {})", floats.leaky_relu,            lambda g, z, x, slope: where(x, g, g * slope),    lambda g, z, x, slope: where(x, 0.0, g * x), arrange=lambda x, slope=0.01: (x, slope), kink=lambda x, slope: x)
elu      = Op("elu({}, {})",        floats.elu,                      lambda g, z, x, alpha: g * _elu_slope(x, alpha),  lambda g, z, x, alpha: where(x, 0.0, g * expm1(_not_above_0(x))), arrange=lambda x, alpha=1.0: (x, alpha), kink=lambda x, alpha: x)
gelu     = Op("gelu({})",           floats.gelu,                     lambda g, z, x: g * _gelu_slope(x))
silu     = Op("silu({})",           floats.silu,                     lambda g, z, x: g * _silu_slope(x))
sign     = Op("sign({})",           floats.sign,                     lambda g, z, x: 0.0,                              kink=lambda x: x)
step     = Op("step({})",           floats.step,                     lambda g, z, x: 0.0,                              kink=lambda x: x)
floor    = Op("floor({})",          floats.floor,                    lambda g, z, x: 0.0,                              kink=lambda x: floats.to_multiple(x, 1.0))
ceil     = Op("ceil({})",           floats.ceil,                     lambda g, z, x: 0.0,                              kink=lambda x: floats.to_multiple(x, 1.0))
round    = Op("round({})",          floats.round_,                   lambda g, z, x: 0.0,                              kink=lambda x: x - floats.floor(x) - 0.5)
max      = Op("max({}, {})",        floats.max_,                     lambda g, z, x, y: _share(g, x - y),              lambda g, z, x, y: _share(g, y - x),    kink=lambda x, y: x - y, many="largest")
min      = Op("min({}, {})",        floats.min_,                     lambda g, z, x, y: _share(g, y - x),              lambda g, z, x, y: _share(g, x - y),    kink=lambda x, y: x - y, many="smallest")

#             reads                 computes                         pulls g back to x           ... to low                          ... and to high
clip     = Op("clip({}, {}, {})",   floats.clip,                     _pull_between,              _pull_low,                           _pull_high,                         arrange=operands.number_and_bounds, kink=floats.to_bound)

stop_gradient = Op("stop_gradient({})", lambda x: x,                None)

#             reads                 computes                         pulls g back to c           ... to x                            ... and to y
where    = Op("where({}, {}, {})",  floats.where,                    None,                       lambda g, z, c, x, y: where(c, g, 0.0), lambda g, z, c, x, y: where(c, 0.0, g), arrange=operands.condition_and_cases, kink=lambda c, x, y: c)

#             reads                 computes                         pulls g back to all operands
sum      = Op("sum([{}])",          floats.sum_,                     lambda g, z, *xs: [g] * len(xs),                  variadic=True, arrange=operands.list_of_values)
dot      = Op("dot([{}], [{}])",    floats.dot,                      _pull_dot,                                        variadic=True, arrange=operands.two_lists)
largest  = Op("largest([{}])",      floats.largest,                  lambda g, z, *xs: _equal_shares(g, [z - x for x in xs]), variadic=True, arrange=operands.nonempty, kink=floats.lead)
smallest = Op("smallest([{}])",     floats.smallest,                 lambda g, z, *xs: _equal_shares(g, [x - z for x in xs]), variadic=True, arrange=operands.nonempty, kink=lambda *xs: floats.lead(*[-x for x in xs]))

# fmt: on
BUILT_IN.update(TABLE)
