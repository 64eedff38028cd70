"""Show numbers with so many digits that arithmetic with them is true as it is shown.

An equation such as 0.4 × -0.0201 = -0.008 is true as it is shown if the numbers on its left, as they are printed, give
the one on its right, as that is printed: a pocket calculator gives it. Numbers have the digits of their kind, or as
many more as it takes. Where a view is asked for digits, no number has others. Where a calculator would give something
else, if only by the rounding of the last digit, ≈ stands in place of =.

A calculator reckons in decimals: to it, 0.1 + 0.1 + 0.1 - 0.3 is 0, which floats miss by 5.551e-17. So sums, products
and quotients of the numbers, as they are printed, are those of `decimal`; functions such as tanh are the table's.
"""

import functools
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Any

from autograd.ops import TABLE, Op
from autograd.text import decimals, in_digits, significant

EQUAL, NEARLY = "=", "≈"
_HALF = Decimal("0.500001")  # of the last digit is what rounding changes; the rest is the rounding error of floats
_NEARLY_HALF = Decimal("0.6")  # more digits would not be worth it
_MORE_DIGITS = range(5, 18)
_LARGEST_PLAIN = 1e6
_CALCULATOR = Context(prec=60, traps=[])  # digits enough for sums of products of 17
_SMALLEST, _LARGEST = 2.3e-308, 1.7e308  # beyond, floats have fewer digits, or none
_LARGEST_EXPONENT = 64

Combination = Callable[..., Any]
"""A function of numbers: of floats, and of Decimals."""


def added(*numbers: Any) -> Any:
    """Return the sum of floats, or of Decimals, from left to right."""
    return functools.reduce(operator.add, numbers) if numbers else 0.0


_IN_DECIMALS: dict[Op, Combination] = {
    TABLE["add"]: operator.add,
    TABLE["sub"]: operator.sub,
    TABLE["mul"]: operator.mul,
    TABLE["div"]: operator.truediv,
    TABLE["neg"]: operator.neg,
    TABLE["sum"]: added,
    TABLE["dot"]: lambda *xs: added(*map(operator.mul, xs[: len(xs) // 2], xs[len(xs) // 2 :])),
}


def computed(op: Op, numbers: Sequence[Any]) -> Any:
    """Return what an operation gives: for Decimals a Decimal, which is exact where a calculator is.

    >>> computed(TABLE["sub"], [Decimal("0.3"), Decimal("0.1")]), computed(TABLE["sub"], [0.3, 0.1])
    (Decimal('0.2'), 0.19999999999999998)
    """
    if not all(isinstance(x, Decimal) for x in numbers):
        return op.computes(*numbers)
    if op in _IN_DECIMALS:
        return _IN_DECIMALS[op](*numbers)
    if op is TABLE["pow"] and abs(numbers[1]) <= _LARGEST_EXPONENT and numbers[1] == int(numbers[1]):
        return numbers[0] ** numbers[1]
    return Decimal(op.computes(*map(float, numbers)))


def _calculated(texts: Sequence[str], combine: Combination) -> Decimal | float:
    """Return what a calculator gives for numbers as they are printed; at the ends of their range, what floats give."""
    if all(_has_all_digits(float(text)) for text in texts):
        with localcontext(_CALCULATOR):
            found: Decimal = combine(*map(Decimal, texts))
        if _has_all_digits(float(found)):
            return found
    return _in_floats(texts, combine)


def _has_all_digits(x: float) -> bool:
    return x == 0 or _SMALLEST <= abs(x) <= _LARGEST


def _in_floats(texts: Sequence[str], combine: Combination) -> float:
    return float(combine(*map(float, texts)))


@dataclass(frozen=True)
class Kind:
    """A kind of number, as a view shows it.

    Attributes:
        most: the decimals that it has by default.
        digits: the significant digits that the view was asked for; None: as by default.
    """

    most: int
    digits: int | None = None

    def text(self, x: float, more: int = 0) -> str:
        """Return a number's text; with more significant digits than by default where the view was not asked for any."""
        if more and self.digits is None:
            return significant(x, more)
        return in_digits(self.digits, lambda y: decimals(y, self.most))(x)

    def is_shown_as(self, found: Decimal | float, result: float, more: int = 0, tolerance: Decimal = _HALF) -> bool:
        """Return True if a number is another one as it is shown, but for the rounding of the last digit."""
        if result == 0 or not (math.isfinite(found) and math.isfinite(result)):
            return str(float(found) + 0.0) == str(result + 0.0)
        text = self.text(result, more)
        shown = Decimal(text)  # a float may overflow: the largest one has more than four digits
        is_plain = abs(result) < _LARGEST_PLAIN
        place = int(shown.adjusted()) + 1 - (self.digits or more or 4)  # of the last digit
        if self.digits is None and not more and abs(result) >= 0.001 and is_plain:
            place = -self.most
        elif is_plain and (self.digits is not None or not more):
            place = min(place, 0)
        if "e" not in text:
            place = min(place, int(shown.as_tuple().exponent))
        return bool(abs(Decimal(found) - shown) <= tolerance * Decimal(10) ** place)

    def true_digits(
        self,
        numbers: Sequence[float],
        combine: Combination,
        result: float,
        of_result: int = 0,
        least: int = 0,
    ) -> int | None:
        """Return the fewest digits with which the numbers, as they are shown, combine to the result, as it is shown.

        0 stands for the digits of the kind, which are tried first. Where a calculator never gives the result, because
        floats are rounded at each step, they are the fewest with which floats do. None where these do not either.

        Arguments:
            of_result: the digits of the result.
            least: digits that the first number has in any case.
        """
        digits: int
        if not numbers:
            return 0
        plain = Kind(self.most)
        first, *others = numbers
        for calculate in (_calculated, _in_floats):
            for digits in (0, *_MORE_DIGITS):
                shown = [plain.text(first, max(digits, least)), *(plain.text(x, digits) for x in others)]
                if plain.is_shown_as(calculate(shown, combine), result, of_result, _NEARLY_HALF):
                    return digits
        return None

    def sign(self, texts: Sequence[str], combine: Combination, result: float, more: int = 0) -> str:
        """Return the sign between numbers, as they are shown, and what they combine to."""
        return EQUAL if self.is_shown_as(_calculated(texts, combine), result, more) else NEARLY
