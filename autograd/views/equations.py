"""Lay out typeset equations: in LaTeX as `align*`, with amsmath alone; in HTML as MathML, without a script.

A long equation is divided before its signs, and a long sum between its terms. In HTML each part is a `<math>` element
of its own, so that lines break as those of text do.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from autograd.codegen.typesetting import BREAK, Typeset, columns_of

_LONGEST_LINE = 84  # characters of an equation in LaTeX, where those of fractions stand one above the other
_MOST_LINES = 14  # of one align*, which cannot be divided between two pages
_SIGNS = {"=": "=", "≈": r"\approx"}


class Equation(NamedTuple):
    """Formulas, and the sign before each but the first: = or ≈."""

    sides: tuple[Typeset, ...]
    signs: tuple[str, ...]


def aligned_latex(equations: Iterable[Equation]) -> str:
    r"""Return equations as LaTeX: as one `align*`, or as several that fit on a page.

    >>> from autograd.codegen.typesetting import name, number
    >>> print(aligned_latex([Equation((name("x1"), number("2")), ("=",))]))
    \begin{align*}
    x_{1} &= 2
    \end{align*}
    """
    blocks = list[list[str]]()
    for lines in map(_latex_lines, equations):
        if not blocks or len(blocks[-1]) + len(lines) > _MOST_LINES:
            blocks.append([])
        blocks[-1] += lines
    return "\n\n".join(
        _aligned(block[i : i + _MOST_LINES]) for block in blocks for i in range(0, len(block), _MOST_LINES)
    )


def _aligned(lines: Sequence[str]) -> str:
    rows = " \\\\\n".join(lines)
    return f"\\begin{{align*}}\n{rows}\n\\end{{align*}}"


def _latex_lines(equation: Equation) -> list[str]:
    """Return an equation on one line, or one line for each sign, and more within long sums."""
    first, *others = equation.sides
    if not others:
        return [f"& {line}" if i == 0 else rf"&\quad {line}" for i, line in enumerate(map(str.strip, _in_lines(first)))]
    left, columns = first.in_one_piece.latex, sum(columns_of(side.latex) + 3 for side in equation.sides)
    signs = [_SIGNS[sign] for sign in equation.signs]
    if columns <= _LONGEST_LINE:
        rest = [f"{sign} {side.in_one_piece.latex}" for sign, side in zip(signs, others, strict=True)]
        return [f"{left} &{' '.join(rest)}"]
    lines = list[str]()
    for sign, side in zip(signs, others, strict=True):
        for i, line in enumerate(_in_lines(side)):
            lines.append(f"{left if not lines else ''} &{f'{sign} ' if i == 0 else chr(92) + 'quad '}{line}".lstrip())
    return lines


def _in_lines(side: Typeset) -> Iterator[str]:
    """Yield a formula as lines, where it can be divided."""
    line, room = "", _LONGEST_LINE
    for piece in side.latex.split(BREAK):
        columns = columns_of(piece)
        if line.strip() and columns > room:
            yield line
            line, room = "", _LONGEST_LINE
        line, room = line + piece, room - columns
    yield line


def math_element(formula: Typeset) -> str:
    """Return a formula as one element of HTML."""
    return _math(formula.in_one_piece.mathml)


def equation_html(equation: Equation) -> str:
    """Return an equation as elements of HTML, between which lines may be broken."""
    first, *others = equation.sides
    pieces = [first.in_one_piece.mathml] if others else first.mathml.split(BREAK)
    for sign, side in zip(equation.signs, others, strict=True):
        beginning, *rest = side.mathml.split(BREAK)
        pieces += [f'<mo form="infix">{sign}</mo>{beginning}', *rest]
    return "<wbr/>".join(map(_math, pieces))


def _math(mathml: str) -> str:
    return f'<math displaystyle="true">{mathml}</math>'
