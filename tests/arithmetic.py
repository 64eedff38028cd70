"""Read the arithmetic that views print, to check that it is true."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal

from autograd import Value
from autograd.ops import TABLE
from autograd.views.chain_rule import ChainRule


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


# Steps of the chain rule ---------------------------------------------------------------------------------------------


def without_parentheses(term: str) -> str:
    """Return a term of a sum without the parentheses around it, which a negative one has."""
    return term[1:-1] if term.startswith("(-") and term.endswith(")") else term


def check_step(step: ChainRule, numbers: dict[str, float], known: dict[str, float]) -> list[str]:
    """Check that each equals sign of a step is true as it is shown; return the texts of the parts.

    Arguments:
        numbers: those of the names.
        known: those of derivatives, as "d out/d x".
    """
    _, *between, total = step.equation
    parts = [total]
    if between and (len(between) in (1, 3)):
        parts = summands(between.pop())
        assert is_shown_as(added([*map(parsed, parts)]), total, decimals=4), step.equation
    if between:
        symbolic, numeric = (summands(text) for text in between)
        assert len(symbolic) == len(numeric) == len(parts), step.equation
        for term, factors, part in zip(symbolic, numeric, parts, strict=True):
            check_product(term, factors, part, numbers, known)
    return parts


def check_product(term: str, factors: str, part: str, numbers: dict[str, float], known: dict[str, float]) -> None:
    where = (term, factors, part)
    local, cross, above = without_parentheses(factors).partition(" × ")
    if not cross:
        assert parsed(local) == parsed(part) or math.isnan(parsed(part)), where
        assert parsed(term) == parsed(part) or math.isnan(parsed(part)), where
        return
    assert is_shown_as(parsed(local) * parsed(above), part), where
    formula, _, derivative = without_parentheses(term).rpartition(" × d ")
    factor = known[f"d {derivative}"]
    assert is_shown_as(factor, above), where
    number = evaluated(formula, numbers)
    # Constants in formulas are right to nine digits.
    about = abs(number - parsed(local)) <= 1e-7 * abs(number)
    assert is_shown_as(number, local) or about, (*where, number)
    if number == 0 or factor == 0 or not (math.isfinite(number) and math.isfinite(factor)):
        assert is_shown_as(number * factor, part), (*where, number, factor)
