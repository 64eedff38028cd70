"""Provide the IEEE 754 arithmetic that Python's `math` lacks, and convert users' numbers to floats.

Python raises where the standard defines a result: `1 / 0`, `log(0)`, `exp(1000)`, `sin(inf)`. In the middle of training
a visible infinity or nan is better than a traceback.
"""

import math
import reprlib
from collections.abc import Callable
from decimal import Decimal
from math import inf, nan
from numbers import Number, Real
from typing import Any

from autograd.text import escaped
from autograd.trees import A_DICTIONARY

SQRT_HALF = math.sqrt(0.5)


def number(x: Any) -> float:
    """Return `x` as a plain float.

    Every real number is accepted: `int`, `float`, `bool`, `Fraction`, NumPy's scalars, anything that is `numbers.Real`.

    Raises:
        TypeError: `x` is something else; the message says what to do instead.
        OverflowError: `x` is too large for a float.

    >>> number(3), number(True)
    (3.0, 1.0)
    >>> number("3")
    Traceback (most recent call last):
        ...
    TypeError: expected a real number, got str '3': convert it first, with float(...)
    """
    if type(x) is float:
        return x
    if isinstance(x, int) or (
        isinstance(x, Real) and not _is_no_number(x)
    ):  # int first: asking an abstract class is slow
        try:
            return float(x)
        except OverflowError:
            raise OverflowError(
                f"{type(x).__name__} too large for a float, whose largest value is about 1.8e308"
            ) from None
    if getattr(x, "shape", None) == () and hasattr(x, "item") and not _is_no_number(x):  # numpy.bool_ and 0-d arrays
        return number(x.item())
    if hasattr(x, "__record__"):
        raise TypeError("expected a plain number, got a Value: take its number with .data")
    got = escaped(f"expected a real number, got {type(x).__name__} {reprlib.repr(x)}")
    for kinds, advice in _ADVICE:
        if isinstance(x, kinds):
            raise TypeError(f"{got}: {advice}")
    if _is_no_number(x):
        raise TypeError(f"{got}: fill or leave out masked numbers, and divide a time by a unit of time")
    if hasattr(x, "__array__"):
        raise TypeError(
            f"{got}: take one element of it, or let NumPy do it for each, as in array * v or np.tanh(array)"
        )
    if hasattr(x, "parameters"):
        raise TypeError(
            f"{got}: a model is called first, model(xs); gradients by its parameters are those of "
            "grad(loss, model.parameters())"
        )
    raise TypeError(f"{got}: pass an int or a float")


def _is_no_number(x: Any) -> bool:
    """Return True for NumPy's dates, intervals of time and masked numbers, which turn into numbers when asked to."""
    return getattr(getattr(x, "dtype", None), "kind", None) in ("m", "M") or hasattr(x, "mask")


_ADVICE: list[tuple[tuple[type, ...], str]] = [
    ((str, bytes, Decimal), "convert it first, with float(...)"),
    ((complex,), "values are real, so take its .real part, or compute real and imaginary parts separately"),
    ((type(None),), "did a function forget its return?"),
    ((dict,), A_DICTIONARY),
    (
        (list, tuple, set, range),
        "a Value is one number, so go through the elements: [Value(x) for x in xs], [autograd.tanh(x) for x in xs], "
        "[a + b for a, b in zip(xs, ys)]",
    ),
]
KNOWN_TYPES = (int, float, Number, *(kind for kinds, _ in _ADVICE for kind in kinds))
"""The types that `number` certainly accepts or refuses; others may handle an operation with a Value themselves."""


def ieee(
    f: Callable[[float], float], poles: dict[float, float] | None = None, odd: bool = False
) -> Callable[[float], float]:
    """Wrap `f` to return IEEE 754's results where `math` raises: nan outside the domain, inf at a pole or an overflow.

    Arguments:
        f: a function of `math`.
        poles: its infinite results, by the argument.
        odd: the sign of an overflow is that of the argument; otherwise it is positive.

    >>> ieee(math.log, {0: -inf})(0.0), ieee(math.log)(-1.0), ieee(math.sinh, odd=True)(-1000.0)
    (-inf, nan, -inf)
    """

    def computes(x: float) -> float:
        try:
            return f(x)
        except ValueError:
            return poles.get(x, nan) if poles else nan
        except OverflowError:
            return math.copysign(inf, x) if odd else inf

    return computes


def div(x: float, y: float) -> float:
    try:
        return x / y
    except ZeroDivisionError:
        return nan if x == 0 or math.isnan(x) else math.copysign(inf, x) * math.copysign(1, y)


def pow_(x: float, y: float) -> float:
    if y == 2.0:  # correctly rounded; math.pow is not, for 0.08 % of numbers, and takes longer
        return x * x
    if y == -1.0:
        return 1.0 / x if x else math.copysign(inf, x)
    try:
        return math.pow(x, y)
    except ValueError:  # 0 to a negative power, or a negative number to a fractional one
        if x != 0:
            return nan
        return math.copysign(inf, x) if _is_odd(y) else inf
    except OverflowError:
        return -inf if x < 0 and _is_odd(y) else inf


def _is_odd(y: float) -> bool:
    return math.fabs(math.fmod(y, 2)) == 1  # y % 2 is rounded: -0.9999999999999999 % 2 is 1.0


def max_(x: float, y: float) -> float:
    return x if x > y or math.isnan(x) else y


def min_(x: float, y: float) -> float:
    return x if x < y or math.isnan(x) else y


def sign(x: float) -> float:
    return x if math.isnan(x) else float((x > 0) - (x < 0))


def step(x: float) -> float:
    return x if math.isnan(x) else float(x > 0)


def relu(x: float) -> float:
    return 0.0 if x <= 0 else x


def sigmoid(x: float) -> float:
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    z = math.exp(x)  # results near 0 keep their digits, subnormals included
    return z / (1 + z)


def softplus(x: float) -> float:
    return relu(x) + math.log1p(math.exp(-math.fabs(x)))


def integral(f: Callable[[float], int]) -> Callable[[float], float]:
    """Wrap `math.floor` and its like to return a float, as C's do: -0.0, infinities, nan and huge numbers come back.

    >>> integral(math.floor)(-0.5), integral(math.ceil)(-0.5), integral(math.floor)(inf)
    (-1.0, -0.0, inf)
    """
    return lambda x: math.copysign(f(x), x) if math.fabs(x) < 2.0**52 else x  # beyond, every float is whole


floor, ceil, round_ = integral(math.floor), integral(math.ceil), integral(round)


def mod(x: float, y: float) -> float:
    try:
        return x % y
    except ZeroDivisionError:
        return nan


def floordiv(x: float, y: float) -> float:
    try:
        return x // y
    except ZeroDivisionError:
        return div(x, y)


def to_multiple(x: float, y: float) -> float:
    """Return the distance of `x` from the nearest multiple of `y`.

    >>> to_multiple(2.75, 1.0), to_multiple(-6.0, 2.0)
    (0.25, 0.0)
    """
    return min_(math.fabs(mod(x, y)), math.fabs(mod(x, -y)))


def leaky_relu(x: float, slope: float) -> float:
    return x if x > 0 else slope * x


def elu(x: float, alpha: float) -> float:
    return x if x > 0 else alpha * math.expm1(x)


def gelu(x: float) -> float:
    x = max_(x, -40.0)  # below, the result is -0.0
    return 0.5 * x * math.erfc(-SQRT_HALF * x)


def silu(x: float) -> float:
    x = max_(x, -800.0)  # below, the result is -0.0
    return x * sigmoid(x)


def log_sigmoid(x: float) -> float:
    return -softplus(-x)


def logaddexp(x: float, y: float) -> float:
    gap = math.fabs(x - y)
    return max_(x, y) + math.log1p(math.exp(-gap if gap > 0 else 0.0))  # nan: of the same infinity


def clip(x: float, low: float, high: float) -> float:
    return min_(high, max_(low, x))


def to_bound(x: float, low: float, high: float) -> float:
    """Return the distance of a clipped number from the nearest bound, or that of the bounds if it is smaller.

    >>> to_bound(0.75, 0.0, 1.0), to_bound(0.5, 2.0, 2.0)
    (0.25, 0.0)
    """
    return min_(math.fabs(x - low), min_(math.fabs(x - high), math.fabs(low - high)))


def largest(*xs: float) -> float:
    found = xs[0]
    for x in xs:
        if x >= found:  # of equal ones the last, as in max_: 0.0 and -0.0 are equal
            found = x
        elif math.isnan(x):
            return x
    return found


def smallest(*xs: float) -> float:
    found = xs[0]
    for x in xs:
        if x <= found:
            found = x
        elif math.isnan(x):
            return x
    return found


def lead(*xs: float) -> float:
    """Return by how much the largest number exceeds the next, 0 at a tie; inf if it is alone.

    >>> lead(2.0, 5.0, -1.0), lead(5.0, 5.0), lead(5.0)
    (3.0, 0.0, inf)
    """
    second, first = sorted((-inf, *xs))[-2:]
    return first - second


def where(c: float, x: float, y: float) -> float:
    return x if c > 0 else y


def sum_(*xs: float) -> float:
    total = 0.0  # strictly left to right, unlike the built-in sum, which compensates from Python 3.12 on
    for x in xs:
        total += x
    return total


def dot(*xys: float) -> float:
    half = len(xys) // 2
    total = 0.0
    for x, y in zip(xys[:half], xys[half:]):
        total += x * y
    return total
