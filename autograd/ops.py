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
  form would lose them. `tanh` is the exception; see its note.

Arithmetic is IEEE 754 double precision throughout; `floats.py` provides what Python's `math` lacks for that.

To add an operation, add a row here, and one to `codegen/spelling.py`, which says how each target writes it. It becomes a
function (`autograd.name`) and a method of every `Value`, and is tested, differentiated and drawn like the others.
"""

# mypy: disable-error-code="has-type"
# (rules call rows further down in the table, whose type mypy does not know yet)

from __future__ import annotations

import inspect
import keyword
import math
import operator
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Protocol, TypeVar, cast, overload

from autograd import floats, operands
from autograd.floats import ieee, number
from autograd.hints import about_arguments
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


class Op:
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
        note: sentences for `help`; in the table, the first says in words what the function is.

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
        self.kink = kink
        self.note = note
        if not self.name.isidentifier() or keyword.iskeyword(self.name):
            raise ValueError(f"no name in {quoted(reads)}: write it as 'name({{}})', or pass name=...")
        if not callable(computes) or not all(rule is None or callable(rule) for rule in rules):
            raise TypeError(f"{quoted(reads)} takes functions; None in place of a rule where no gradient passes")
        places = reads.count("{}")
        if places == 0 or not rules or len(rules) != (1 if variadic else places) or (variadic and self.stops):
            raise ValueError(
                f"{quoted(reads)} has {places} operands {{}} and needs as many rules (one if variadic), got {len(rules)}"
            )
        if len(self.domain) != len(rules):
            raise ValueError(f"{quoted(reads)} needs one interval for each of its operands, got {len(self.domain)}")
        # Users' functions are checked at every call; the rows below are right (tests) and pay nothing.
        by_user = bool(BUILT_IN)  # empty while the table itself is being read
        self.computes: Callable[..., float] = operands.checked_function(computes) if by_user else computes
        self.function: Callable[..., Any] = computes  # as it was given: called on Values, it may record what it does
        self.rules = (
            tuple(rule and operands.checked_rule(self.name, self.arity, rule) for rule in rules) if by_user else rules
        )
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
        try:
            if self.arrange is not None:
                operands = self.arrange(*operands, **named)
            elif named or len(operands) != self.arity:
                operands = self.__signature__.bind(*operands, **named).args  # or says what is missing or too many
                if len(operands) != self.arity:  # a rule with *args binds any number
                    raise TypeError(f"expected {self.arity} operands, got {len(operands)}")
        except TypeError as problem:
            # Python's own messages begin with the name of our helper: leave that out
            said = escaped(str(problem))
            reason = said.partition("() ")[2] or said
            raise TypeError(
                f"{self.name}() takes {self.__signature__}: {reason}{about_arguments(self.name, named)}"
            ) from None
        for x in operands:
            if hasattr(x, "__record__"):
                return x.__record__(self, operands)
        return self.computes(*map(number, operands))

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

    @property
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
    # For x**0, y * x**(y-1) is 0 * inf or 0 * nan where x is nan, 0, or so near 0 that a power overflows. The derivative
    # is 0 there, and so are all further ones, so 1 takes the place of the base. Not elsewhere: d(y/x)/dy is 1/x.
    exponent = y - 1
    if type(exponent) is float and exponent > 0:  # a constant: its case of the choice below, in a third of the time
        return g * (y * pow(x, exponent))
    finite = 1 + 0 * pow(x, exponent)  # nan if it is not
    factor = where(abs(x), where(abs(g), y, 0.0), y)  # 0 if g * y is, which may also vanish by underflow
    base = where(exponent, x, where(finite, x, where(abs(factor), x, 1.0)))
    return g * (y * pow(base, exponent))


def _pull_exponent(g: Any, z: Any, x: Any, y: Any) -> Any:
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
    """Return g * x / (x * x + y * y); 0 at the origin."""
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


def _pull_largest(g: Any, z: Any, *xs: Any) -> list[Any]:
    # z - x is nan where both are the same infinity: not above 0, as at any tie.
    share = div(g, sum([where(z - x, 0.0, 1.0) for x in xs]))
    return [where(z - x, 0.0, share) for x in xs]


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
add      = Op("{} + {}",            operator.add,                    lambda g, z, x, y: g,                             lambda g, z, x, y: g,                   name="add", method="__add__", note="The sum.")
sub      = Op("{} - {}",            operator.sub,                    lambda g, z, x, y: g,                             lambda g, z, x, y: -g,                  name="sub", method="__sub__", note="The difference.")
mul      = Op("{} * {}",            operator.mul,                    lambda g, z, x, y: g * y,                         lambda g, z, x, y: g * x,               name="mul", method="__mul__", note="The product.")
div      = Op("{} / {}",            floats.div,                      lambda g, z, x, y: div(g, y),                     lambda g, z, x, y: -g * div(z, y),      name="div", method="__truediv__", note="The quotient. The gradients have the bits of PyTorch: that of y has no more digits than x / y, where this is subnormal. Higher derivatives multiply powers of 1 / y, which may overflow on the way (|y| < 1e-100).")
pow      = Op("{} ** {}",           floats.pow_,                     _pull_base,                                       _pull_exponent,                         name="pow", method="__pow__", domain=[_POSITIVE, (-inf, inf)], note="x to the power y. The gradient of x is y * x**(y - 1): where |y| < 0.1, rounding y - 1 loses digits, up to |log(x)| / 2 units in the last place, and where x is subnormal, 1 / x overflows. Higher derivatives multiply x**y by powers of y, log(x) and 1 / x, which may overflow or vanish on the way (|x| < 1e-100, |y| > 1e100, x**y above 1e300 or below 1e-300).")
mod      = Op("{} % {}",            floats.mod,                      lambda g, z, x, y: g,                             lambda g, z, x, y: -g * floordiv(x, y), name="mod", method="__mod__", kink=floats.to_multiple, note="The remainder of x // y, with the sign of y, as Python's; of x % 0, nan.")
floordiv = Op("{} // {}",           floats.floordiv,                 lambda g, z, x, y: 0.0,                           lambda g, z, x, y: 0.0,                 name="floordiv", method="__floordiv__", kink=floats.to_multiple, note="The largest integer up to the exact x / y, which floor(x / y) may miss: 1.0 // 0.1 is 9. x // 0 is x / 0. Its gradients are 0.")
neg      = Op("-{}",                operator.neg,                    lambda g, z, x: -g,                                                                       name="neg", method="__neg__", note="x with the opposite sign.")
abs      = Op("abs({})",            math.fabs,                       lambda g, z, x: g * sign(x),                                                              method="__abs__", kink=lambda x: x, note="The absolute value. Its gradient at 0 is 0.")

exp      = Op("exp({})",            ieee(math.exp),                  lambda g, z, x: g * z,                            note="The exponential function: e to the power x.")
expm1    = Op("expm1({})",          ieee(math.expm1),                lambda g, z, x: g * exp(x),                       note="exp(x) - 1, without loss of digits near 0.")
exp2     = Op("exp2({})",           ieee(math.exp2),                 lambda g, z, x: g * exp2(x - 1) * _2_LN2,         note="2 to the power x.")  # finite where z is not
log      = Op("log({})",            ieee(math.log, {0: -inf}),       lambda g, z, x: div(g, x),                        domain=[_POSITIVE], note="The natural logarithm.")
log1p    = Op("log1p({})",          ieee(math.log1p, {-1: -inf}),    lambda g, z, x: div(g, 1 + x),                    domain=[(-1.0, inf)], note="log(1 + x), without loss of digits near 0.")
log2     = Op("log2({})",           ieee(math.log2, {0: -inf}),      lambda g, z, x: div(g, x * _LN2),                 domain=[_POSITIVE], note="The logarithm to the base 2.")
log10    = Op("log10({})",          ieee(math.log10, {0: -inf}),     lambda g, z, x: div(g, x * _LN10),                domain=[_POSITIVE], note="The logarithm to the base 10.")
sqrt     = Op("sqrt({})",           ieee(math.sqrt),                 lambda g, z, x: div(g, 2 * z),                    domain=[_POSITIVE], note="The square root.")
cbrt     = Op("cbrt({})",           math.cbrt,                       lambda g, z, x: div(g, 3 * z * z),                note="The cube root.")

sin      = Op("sin({})",            ieee(math.sin),                  lambda g, z, x: g * cos(x),                       note="The sine of an angle in radians.")
cos      = Op("cos({})",            ieee(math.cos),                  lambda g, z, x: -g * sin(x),                      note="The cosine of an angle in radians.")
tan      = Op("tan({})",            ieee(math.tan),                  lambda g, z, x: g * (1 + z * z),                  domain=[(-math.pi / 2, math.pi / 2)], note="The tangent of an angle in radians.")
asin     = Op("asin({})",           ieee(math.asin),                 lambda g, z, x: div(g, sqrt(_one_minus_square(x))), domain=[_UNIT], note="The inverse sine: an angle from -pi / 2 to pi / 2.")
acos     = Op("acos({})",           ieee(math.acos),                 lambda g, z, x: div(-g, sqrt(_one_minus_square(x))), domain=[_UNIT], note="The inverse cosine: an angle from 0 to pi.")
atan     = Op("atan({})",           math.atan,                       lambda g, z, x: _over_square(g, 1.0, x),          note="The inverse tangent: an angle from -pi / 2 to pi / 2.")
atan2    = Op("atan2({}, {})",      math.atan2,                      lambda g, z, y, x: _over_square(g, x, y),         lambda g, z, y, x: _over_square(-g, y, x), note="The angle of the point (x, y). Both gradients at (0, 0) are 0. Higher derivatives multiply powers of 1 / hypot(x, y), which may overflow on the way where it is below 1e-100.")
hypot    = Op("hypot({}, {})",      math.hypot,                      lambda g, z, x, y: g * _cosine(z, x, y),          lambda g, z, x, y: g * _cosine(z, y, x), note="The hypotenuse: sqrt(x * x + y * y), without overflow. Both gradients at (0, 0) are 0. Higher derivatives multiply powers of 1 / hypot(x, y), which may overflow on the way where it is below 1e-100.")

sinh     = Op("sinh({})",           ieee(math.sinh, odd=True),       lambda g, z, x: g * cosh(x),                      note="The hyperbolic sine.")
cosh     = Op("cosh({})",           ieee(math.cosh),                 lambda g, z, x: g * sinh(x),                      note="The hyperbolic cosine.")
tanh     = Op("tanh({})",           math.tanh,                       lambda g, z, x: g * (1 - z * z),                  note="The hyperbolic tangent. The derivative is 1 - z * z: it loses digits as |x| grows (1e-8 of it at 10, several percent at 18).")
asinh    = Op("asinh({})",          math.asinh,                      lambda g, z, x: div(g, where(abs(x) - 1e8, abs(x), sqrt(1 + x * x))), note="The inverse hyperbolic sine.")  # squares overflow
acosh    = Op("acosh({})",          ieee(math.acosh),                lambda g, z, x: div(g, sqrt(x - 1) * sqrt(x + 1)), domain=[(1.0, inf)], note="The inverse hyperbolic cosine.")
atanh    = Op("atanh({})",          ieee(math.atanh, {1: inf, -1: -inf}), lambda g, z, x: div(g, _one_minus_square(x)),    domain=[_UNIT], note="The inverse hyperbolic tangent.")

erf      = Op("erf({})",            math.erf,                        lambda g, z, x: g * (_2_PER_SQRT_PI * exp(-x * x)), note="The error function.")
erfc     = Op("erfc({})",           math.erfc,                       lambda g, z, x: -g * (_2_PER_SQRT_PI * exp(-x * x)), note="The complementary error function: 1 - erf(x), without loss of digits where x is large.")
sigmoid  = Op("sigmoid({})",        floats.sigmoid,                  lambda g, z, x: g * _sigmoid_slope(z, x),         note="The logistic function: 1 / (1 + exp(-x)).")
softplus = Op("softplus({})",       floats.softplus,                 lambda g, z, x: g * sigmoid(x),                   note="A smooth relu: log(1 + exp(x)), without overflow.")
log_sigmoid = Op("log_sigmoid({})", floats.log_sigmoid,             lambda g, z, x: g * sigmoid(-x),                  note="The logarithm of the logistic function: log(sigmoid(x)) = -softplus(-x).")
logaddexp = Op("logaddexp({}, {})", floats.logaddexp,               lambda g, z, x, y: g * sigmoid(_difference(x, y)), lambda g, z, x, y: g * sigmoid(_difference(y, x)), note="The logarithm of a sum of exponentials: log(exp(x) + exp(y)), without overflow. Of the same infinity each gets half of the gradient.")
relu     = Op("relu({})",           floats.relu,                     lambda g, z, x: where(x, g, 0.0),                 kink=lambda x: x, note="The rectified linear unit: x where x > 0, else 0. The gradient at 0 is 0.")
leaky_relu = Op("leaky_relu({}, {})", floats.leaky_relu,            lambda g, z, x, slope: where(x, g, g * slope),    lambda g, z, x, slope: where(x, 0.0, g * x), arrange=lambda x, slope=0.01: (x, slope), kink=lambda x, slope: x, note="The leaky rectified linear unit: x where x > 0, else slope * x. The gradient at 0 is the slope.")
elu      = Op("elu({}, {})",        floats.elu,                      lambda g, z, x, alpha: g * _elu_slope(x, alpha),  lambda g, z, x, alpha: where(x, 0.0, g * expm1(_not_above_0(x))), arrange=lambda x, alpha=1.0: (x, alpha), kink=lambda x, alpha: x, note="The exponential linear unit: x where x > 0, else alpha * (exp(x) - 1). The gradient at 0 is alpha.")
gelu     = Op("gelu({})",           floats.gelu,                     lambda g, z, x: g * _gelu_slope(x),               note="The Gaussian error linear unit: x times the normal distribution of x, by erfc: not its approximation by tanh.")
silu     = Op("silu({})",           floats.silu,                     lambda g, z, x: g * _silu_slope(x),               note="The sigmoid linear unit: x * sigmoid(x), also called swish.")
sign     = Op("sign({})",           floats.sign,                     lambda g, z, x: 0.0,                              kink=lambda x: x, note="The sign: 1, 0 or -1. Its gradient is 0.")
step     = Op("step({})",           floats.step,                     lambda g, z, x: 0.0,                              kink=lambda x: x, note="The unit step: 1 where x > 0, else 0. Its gradient is 0.")
floor    = Op("floor({})",          floats.floor,                    lambda g, z, x: 0.0,                              kink=lambda x: floats.to_multiple(x, 1.0), note="The largest integer up to x. Its gradient is 0.")
ceil     = Op("ceil({})",           floats.ceil,                     lambda g, z, x: 0.0,                              kink=lambda x: floats.to_multiple(x, 1.0), note="The smallest integer from x on. Its gradient is 0.")
round    = Op("round({})",          floats.round_,                   lambda g, z, x: 0.0,                              kink=lambda x: x - floats.floor(x) - 0.5, note="The nearest integer, of two the even one. Its gradient is 0.")
max      = Op("max({}, {})",        floats.max_,                     lambda g, z, x, y: _share(g, x - y),              lambda g, z, x, y: _share(g, y - x),    kink=lambda x, y: x - y, note="The larger of two. At a tie each gets half of the gradient.")
min      = Op("min({}, {})",        floats.min_,                     lambda g, z, x, y: _share(g, y - x),              lambda g, z, x, y: _share(g, x - y),    kink=lambda x, y: x - y, note="The smaller of two. At a tie each gets half of the gradient.")

#             reads                 computes                         pulls g back to x           ... to low                          ... and to high
clip     = Op("clip({}, {}, {})",   floats.clip,                     lambda g, z, x, low, high: where(low - x, 0.0, where(x - high, 0.0, g)), lambda g, z, x, low, high: where(low - x, where(low - high, 0.0, g), 0.0), lambda g, z, x, low, high: where(low - high, g, where(x - high, g, 0.0)), arrange=operands.number_and_bounds, kink=lambda x, low, high: min(abs(x - low), min(abs(x - high), abs(low - high))), note="x within bounds: min(max(x, low), high). At a bound the gradient is that of x.")

stop_gradient = Op("stop_gradient({})", lambda x: x,                None,                                             note="x itself: no gradient passes to it, and a perturbation of what x is made from leaves the result unchanged.")

#             reads                 computes                         pulls g back to c           ... to x                            ... and to y
where    = Op("where({}, {}, {})",  floats.where,                    None,                       lambda g, z, c, x, y: where(c, g, 0.0), lambda g, z, c, x, y: where(c, 0.0, g), arrange=operands.condition_and_cases, kink=lambda c, x, y: c, note="x where c > 0, else y.")

#             reads                 computes                         pulls g back to all operands
sum      = Op("sum([{}])",          floats.sum_,                     lambda g, z, *xs: [g] * len(xs),                  variadic=True, arrange=operands.list_of_values, note="The sum of any number of values. Added strictly left to right; of nothing, 0.0.")
dot      = Op("dot([{}], [{}])",    floats.dot,                      _pull_dot,                                        variadic=True, arrange=operands.two_lists, note="The dot product: the sum of x * y over the pairs, added strictly left to right; of nothing, 0.0.")
largest  = Op("largest([{}])",      floats.largest,                  _pull_largest,                                    variadic=True, arrange=operands.nonempty, kink=floats.lead, note="The largest of one or more values. At a tie the largest get equal shares of the gradient.")

# fmt: on
BUILT_IN.update(TABLE)
