"""Lay out typeset equations: in LaTeX as `align*`, with amsmath alone; in HTML as MathML, without a script.

A long equation is divided before its signs, and a long sum between its terms. In HTML each part is a `<math>` element
of its own, so that lines break as those of text do.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from autograd.codegen import typesetting
from autograd.codegen.expansion import recorded
from autograd.codegen.formulas import Notation, graph_written
from autograd.codegen.typesetting import BREAK, Typeset, columns_of
from autograd.engine import Value, graph_of
from autograd.errors import UnsupportedOperationError
from autograd.text import LONGEST_FORMULA

_LONGEST_LINE = 84  # characters of an equation in LaTeX, where those of fractions stand one above the other
_MOST_LINES = 14  # of one align*, which cannot be divided between two pages
_SIGNS = {"=": "=", "≈": r"\approx"}


class Equation(NamedTuple):
    """Formulas, and the sign before each but the first: = or ≈."""

    sides: tuple[Typeset, ...]
    signs: tuple[str, ...]


def definitions(values: Iterable[Value], notation: Notation[Typeset]) -> list[Equation]:
    r"""Return what the operations that a user added are: where cube(x) = x × x × x.

    Left out are those whose functions run in Python only, those of lists, and what is too long to be read at a glance.

    >>> from autograd.ops import Op
    >>> cube = Op("cube({})", lambda x: x * x * x, lambda g, z, x: 3 * g * x * x)
    >>> print(aligned_latex(definitions([cube(Value(2.0))], typesetting.typeset_notation(str))))
    \begin{align*}
    \text{where }\operatorname{cube}(x) &= x \times x \times x
    \end{align*}
    """
    found = list[Equation]()
    waiting = [*values]
    known = set[tuple[object, int]]()
    while waiting:
        v = waiting.pop(0)
        op, count = v.op, len(v.args)
        if op is None or op.built_in or op.variadic or (op, count) in known or count > LONGEST_FORMULA:
            continue
        known.add((op, count))
        try:
            leaves, result = recorded(op, count)
        except UnsupportedOperationError:
            continue
        nodes = graph_of(result)
        if result.op is None or _size(nodes) > LONGEST_FORMULA:
            continue
        names = ["x", "y", "z"] if count <= 3 else [f"x{i}" for i in range(1, count + 1)]
        operands = dict(zip(leaves, map(typesetting.name, names)))
        own = typesetting.operation(op, [*operands.values()]).in_one_piece
        if not found:
            own = Typeset(rf"\text{{where }}{own.latex}", f"<mtext>where&#xa0;</mtext>{own.mathml}")
        # A Value that the function has from elsewhere is a constant of it.
        known_names = {v: operands.get(v) or notation.constant(v.data) for v in nodes if v.op is None}
        found.append(Equation((own, graph_written(nodes, known_names.__getitem__, notation)[result]), ("=",)))
        waiting += nodes
    return found


def _size(nodes: Sequence[Value]) -> int:
    """Return the number of names, numbers and operations in the formula of the last node, as far as it is read."""
    sizes: dict[Value, int] = {}
    for v in nodes:
        sizes[v] = min(1 + sum(sizes[x] if isinstance(x, Value) else 1 for x in v.args), LONGEST_FORMULA + 1)
    return sizes[nodes[-1]]


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
