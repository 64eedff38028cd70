"""Show numbers with so many digits that arithmetic with them is true as it is shown.

An equation such as 0.4 × -0.0201 = -0.008 is true as it is shown if the numbers on its left, as they are printed, give
the one on its right, as that is printed: a pocket calculator gives it. Numbers have the digits of their kind, or as
many more as it takes. Where a view is asked for digits, no number has others. Where a calculator would give something
else, if only by the rounding of the last digit, ≈ stands in place of =.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from autograd.text import decimals, in_digits, significant

EQUAL, NEARLY = "=", "≈"
_HALF = Decimal("0.500001")  # of the last digit is what rounding changes; the rest is the rounding error of floats
_NEARLY_HALF = Decimal("0.6")  # more digits would not be worth it
_MORE_DIGITS = range(5, 18)
_LARGEST_PLAIN = 1e6


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

    def is_shown_as(self, found: float, result: float, more: int = 0, tolerance: Decimal = _HALF) -> bool:
        """Return True if a number is another one as it is shown, but for the rounding of the last digit."""
        if result == 0 or not (math.isfinite(found) and math.isfinite(result)):
            return str(found + 0.0) == str(result + 0.0)
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
        combine: Callable[..., float],
        result: float,
        of_result: int = 0,
        least: int = 0,
    ) -> int | None:
        """Return the fewest digits with which the numbers, as they are shown, combine to the result, as it is shown.

        0 stands for the digits of the kind, which are tried first. None where the numbers do not combine to the result.

        Arguments:
            of_result: the digits of the result.
            least: digits that the first number has in any case.
        """
        plain = Kind(self.most)
        digits: int
        for digits in (0, *_MORE_DIGITS):
            first, *others = numbers
            rounded = [plain.text(first, max(digits, least)), *(plain.text(x, digits) for x in others)]
            if plain.is_shown_as(combine(*map(float, rounded)), result, of_result, _NEARLY_HALF):
                return digits
        return None

    def sign(self, texts: Sequence[str], combine: Callable[..., float], result: float, more: int = 0) -> str:
        """Return the sign between numbers, as they are shown, and what they combine to."""
        return EQUAL if self.is_shown_as(combine(*map(float, texts)), result, more) else NEARLY
