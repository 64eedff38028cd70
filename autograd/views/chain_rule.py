"""Write the chain rule at one stage of a graph: local gradients times what is known already, and their sum.

Backward, what is known are the gradients of the stages that use this one; forward, how fast the stages change that this
one uses. Each equation is written twice, as text and typeset.
"""

import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from autograd.check import linearity_mistakes
from autograd.codegen import typesetting
from autograd.codegen.formulas import constant
from autograd.codegen.typesetting import Typeset, partial
from autograd.engine import Value, local_gradients, numbers_of
from autograd.errors import GradientMismatch
from autograd.text import (
    folded,
    is_signed,
    line_width,
    paragraph,
    printable,
    significant,
    width,
    with_printable_repr,
)
from autograd.views.equations import Equation
from autograd.views.gradients import LocalGradient, in_formula
from autograd.views.true_arithmetic import EQUAL, NEARLY, Kind, added

SHOWN_USES = 4
"""Names of other stages in one cell or sentence."""

_LONGEST_LOCAL_GRADIENT = 96  # characters of its formula: with the signs before and after it, a line of the text


@with_printable_repr
class ChainRule(NamedTuple):
    """The chain rule at one stage: an equation, as the texts between its signs, and why it comes now.

    `signs` are those between the texts, ≈ where a calculator gives something else with the numbers as they are printed;
    empty where all of them are =.
    """

    equation: tuple[str, ...]
    why: str
    signs: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.lines(""))

    @property
    def sides(self) -> list[str]:
        """The texts, each but the first with its sign before it."""
        first, *others = self.equation
        signs = self.signs or (EQUAL,) * len(others)
        return [first, *(f"{sign} {side}" for sign, side in zip(signs, others, strict=True))]

    def lines(self, number: str) -> list[str]:
        """Return the step after its number, on as few lines as possible: broken before signs, if need be in sums."""
        margin = " " * len(number)
        first, *others = self.sides
        lines = [printable(number + " ".join([first, *others]))]
        if width(lines[0]) > line_width():
            lines = [printable(number + first)]
            for part in others:
                lines += paragraph(part, margin + "    ", margin + "      ")
        lines += paragraph(self.why, margin + "  ", margin + "  ")
        return folded("\n".join(lines), line_width())  # names may be wider than a line


def numbered(introduction: str, steps: Sequence[ChainRule]) -> list[str]:
    """Return the lines of steps with their numbers, below what they are."""
    lines, digits = [*paragraph(introduction), ""], len(str(len(steps)))
    for i, step in enumerate(steps, start=1):
        lines += step.lines(f"{i:>{digits}}. ")
    return lines


class Stage(NamedTuple):
    """A row of the table."""

    result: Value
    line: Sequence[Value]  # the results that the formula computes, operands before results; none of a leaf
    formula: str
    local_gradients: Sequence[LocalGradient]  # one for each path from the result back to an operand


Step = tuple[ChainRule, Equation]
"""The chain rule at one stage, as text and typeset."""


class Written(NamedTuple):
    """How names and numbers are written."""

    names: Mapping[Value, str]
    typeset: Mapping[Value, Typeset]  # the names
    values: Kind
    slopes: Kind

    def derivative(self, output: Value, x: Value) -> tuple[str, Typeset]:
        """Return how the derivative of one Value with respect to another is written, as text and typeset."""
        return f"d {self.names[output]}/d {self.names[x]}", partial(self.typeset[output], self.typeset[x])


class Path(NamedTuple):
    """A path between this stage and a neighbour, whose derivative is known: one term of the sum."""

    neighbour: Value
    derivative: tuple[str, Typeset]  # of the neighbour
    known: float  # the number of that derivative
    local: LocalGradient
    part: float  # what the path adds: as a rule, local gradient × known
    result: Value  # the stage that has the local gradient


def chain_rule(
    derivative: tuple[str, Typeset], paths: Sequence[Path], total: float, why: str, written: Written
) -> Step:
    """Write the equation of a stage: its derivative, as the sum over the paths, in the order in which they are added.

    Arguments:
        derivative: that of this stage.
        paths: none where the number stands alone.
        total: that number.
        why: the reason why the step comes now; where a part is not a product, the reason for that is added.
    """
    d, typeset_d = derivative
    slopes, shown = written.slopes, written.slopes.text(total)
    if not paths:
        return ChainRule((d, shown), why), Equation((typeset_d, typesetting.number(shown)), (EQUAL,))
    added_up = [path.part for path in paths]
    digits = slopes.true_digits(added_up, added, total) or 0
    parts = [slopes.text(part, digits) for part in added_up]
    symbolic, numeric, exceptions = list[str](), list[str](), list[str]()
    typeset_symbolic, typeset_numeric = list[Typeset](), list[Typeset]()
    sign = EQUAL
    for path, part in zip(paths, parts):
        product, number = _product(path, digits, slopes), typesetting.number(part)
        known, typeset_known = path.derivative
        symbolic.append(f"{product.local} × {known}" if product else part)
        typeset_symbolic.append(typesetting.product(product.typeset, typeset_known) if product else number)
        numeric.append(f"{product.local_number} × {product.known}" if product else part)
        typeset_numeric.append(
            typesetting.product(*map(typesetting.number, (product.local_number, product.known))) if product else number
        )
        if not product:
            exceptions.append(_exception(path, part, written.names))
        elif slopes.sign([product.local_number, product.known], operator.mul, path.part, digits) == NEARLY:
            sign = NEARLY
    typeset_parts = [typesetting.number(part) for part in parts]
    equation, signs = list[tuple[str, Typeset]](), list[str]()
    if numeric != parts:
        equation = [(_summed(symbolic), typesetting.summed(typeset_symbolic))]
        equation += [(_summed(numeric), typesetting.summed(typeset_numeric))]
        signs = [EQUAL, EQUAL]
    else:
        sign = EQUAL
    if len(parts) > 1:
        equation.append((_summed(parts), typesetting.summed(typeset_parts)))
        signs.append(sign)
        sign = slopes.sign(parts, added, total)
    equation = [derivative, *equation, (shown, typesetting.number(shown))]
    texts, formulas = zip(*equation)
    signs.append(sign)
    why = "; ".join([why, *_listed(exceptions)])
    return ChainRule(texts, why, tuple(signs) if NEARLY in signs else ()), Equation(formulas, tuple(signs))


def check_linear(v: Value, known: Iterable[float]) -> None:
    """Raise an error where a rule of a result is certainly not linear in the gradient.

    Arguments:
        known: gradients with which its rules are called.

    Raises:
        GradientMismatch: a rule does not give g times what it gives for 1, so the chain rule does not hold.
    """
    if v.op is not None:
        op, operands = v.op, numbers_of(v.args)
        pulls = [(g, op.pulls(g, v.data, *operands)) for g in known]
        for mistake in linearity_mistakes(op, v.data, operands, local_gradients(v), pulls).values():
            raise GradientMismatch(f"{mistake}. Run check_gradients on the output to check all rules")


class _Product(NamedTuple):
    """A local gradient, as a formula and as a number, and the known derivative, ready to show as factors."""

    local: str
    typeset: Typeset
    local_number: str
    known: str


def _product(path: Path, digits: int, slopes: Kind) -> _Product | None:
    """Return the product that a part is, as it is shown; None where the part is not the product.

    With infinities, and where products overflow or vanish, a rule may give something else than g times what it gives
    for 1.

    Arguments:
        digits: those of the part.
    """
    local = path.local
    number, formula, typeset = cast(float, local.number), local.formula, local.typeset
    # A constant has the same digits in the formula and below.
    least = 9 if slopes.digits is None and formula == constant(in_formula(number)) else 0
    own = slopes.true_digits([number, path.known], operator.mul, path.part, digits, least)
    if own is None:
        return None
    text = slopes.text(number, max(own, least))
    # A formula that is too long to read is replaced by its number.
    if not formula or not typeset or least or len(formula.text) > _LONGEST_LOCAL_GRADIENT:
        formula, typeset = constant(text), typesetting.number(text)
    return _Product(formula.factor, typeset, text, slopes.text(path.known, own))


def _exception(path: Path, part: str, names: Mapping[Value, str]) -> str:
    """Say that a part is not a product."""
    local, result, op = path.local, path.result, path.local.user.op
    rule = f"the rule of {op.name}" if local.user is result and op else f"the line of {names[result]}"
    if local.number == path.part == 0:
        return f"{rule} passes 0 here, whatever comes from {names[path.neighbour]}"
    factors = (significant(cast(float, x), 4) for x in (local.number, path.known))
    return f"{rule} gives {part}, not the product of {' and '.join(factors)}"


def _listed(sentences: Iterable[str]) -> list[str]:
    different = [*dict.fromkeys(sentences)]
    more = len(different) - SHOWN_USES
    return [*different[:SHOWN_USES], *([f"and so on for {more} more"] if more > 0 else [])]


def _summed(terms: Sequence[str]) -> str:
    first, *others = terms
    return " + ".join([first, *(f"({term})" if is_signed(term) else term for term in others)])


def after(neighbours: Sequence[str], uses: str, use: str) -> str:
    """Name the stages that had to come first.

    Arguments:
        neighbours: a name for each path.
        uses: what one of them does, or what is done with it, such as "which uses it".
        use: the same of several.

    >>> after(["y", "y"], "which uses it", "which use it")
    'after y, which uses it twice: the parts of both paths add up'
    >>> after(["y", "z"], "which uses it", "which use it")
    'after y and z, which use it: their parts add up'
    """
    times = Counter(neighbours)
    if len(times) == 1:
        (name, n), *_ = times.items()
        return f"after {name}, {uses}" + (
            "" if n == 1 else f" {_often(n)}: the parts of {'both' if n == 2 else 'all'} paths add up"
        )
    shown = [f"{name} ({_often(n)})" if n > 1 else name for name, n in list(times.items())[:SHOWN_USES]]
    if len(times) > SHOWN_USES:
        shown.append(f"{len(times) - SHOWN_USES} more")
    return f"after {', '.join(shown[:-1])} and {shown[-1]}, {use}: their parts add up"


def _often(n: int) -> str:
    return "twice" if n == 2 else f"{n} times"
