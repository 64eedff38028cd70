"""Read the arithmetic that views print, to check that it is true."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal

from autograd import Value
from autograd.ops import TABLE


def parsed(text: str) -> float:
    return float(text.removeprefix("(").removesuffix(")"))


def is_shown_as(x: float, text: str, decimals: int | None = None, digits: int = 5) -> bool:
    """Return True if a number is the one that the text shows, but for the rounding of its last digit.

    Zeros at the end are left out: the text has so many decimals, else four decimals or so many digits, or four digits
    and an exponent.
    """
    shown = Decimal(text.removeprefix("(").removesuffix(")"))
    if math.isnan(x) or shown.is_nan():
        return math.isnan(x) and shown.is_nan()
    if shown.is_infinite() or math.isinf(x):
        return x == parsed(text)
    if shown == 0 or x == 0:
        return x == 0 == shown
    is_plain = "e" not in text and abs(shown) >= Decimal("0.001")
    least = (
        -decimals
        if decimals and is_plain
        else max(-4, shown.adjusted() + 1 - digits)
        if is_plain
        else shown.adjusted() - 3
    )
    last = min(int(shown.as_tuple().exponent), least)
    return abs(Decimal(x) - shown) <= Decimal("0.61") * Decimal(10) ** last


def summands(text: str) -> list[str]:
    """Return the terms of a sum: the texts between those plus signs that are inside no parentheses."""
    terms, depth, start = [], 0, 0
    for i, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and text.startswith(" + ", i):
            terms.append(text[start:i])
            start = i + 3
    return [*terms, text[start:]]


def added(numbers: Sequence[float]) -> float:
    total = 0.0
    for x in numbers:
        total += x
    return total


def evaluated(formula: str, numbers: dict[str, float]) -> float:
    """Return the number of a formula, by IEEE arithmetic."""
    names = {name: Value(x) for name, x in numbers.items()}
    text = formula.replace("×", "*")
    # Python's own / and ** raise, so every number is a Value.
    text = re.sub(r"(?<![\w.])(\d+\.?\d*(?:e[-+]?\d+)?|inf|nan)(?![\w.])", r"Value(float('\1'))", text)
    result = eval(text, {**TABLE, **names, "Value": Value})
    return float(result.data) if isinstance(result, Value) else float(result)
