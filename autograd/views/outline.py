"""Write a graph as an indented outline, the output at the top: `to_text(output)`."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from autograd.codegen import typesetting
from autograd.codegen.formulas import short_formula, with_sign_of_zero
from autograd.codegen.typesetting import Typeset, partial
from autograd.engine import Value
from autograd.names import Names, names_of
from autograd.ops import Op
from autograd.staleness import OUT_OF_DATE, warn_if_stale
from autograd.text import LONGEST_FORMULA, Text, columns, decimals, folded, in_digits, table, visible, width
from autograd.views.equations import Equation, aligned_latex
from autograd.views.gradients import in_equation, missing_gradients
from autograd.views.limits import graph_to_show, largest_size

_DEEPEST_INDENT = 20  # levels that are indented; a deeper line has the number of its level instead
_MOST_TYPESET = 1000  # lines; a book has no more of them
_OF_THE_WIDTH = 6  # levels are indented by a third of the terminal, at most: two columns each


class _Line(NamedTuple):
    """A line of an outline, for LaTeX: the texts of names and numbers."""

    name: str
    op: Op | None
    formula: str
    operands: Sequence[tuple[str, bool]]  # and whether each is a number; none where the formula is too long to be read
    data: str
    gradient: str | None

    def equations(self, output: Typeset, names: Mapping[str, Typeset]) -> Iterator[Equation]:
        """Yield the line as equations: its formula and its number, then its gradient, if it has one."""
        own, data = names[self.name], typesetting.number(self.data)
        if self.op is None:
            yield Equation((own, data), ("=",))
        else:
            operands = [typesetting.number(x) if is_number else names[x] for x, is_number in self.operands]
            inside = typesetting.operation(self.op, operands) if operands else typesetting.name(self.formula)
            yield Equation((own, inside, data), ("=", "="))
        if self.gradient is not None:
            yield Equation((partial(output, own), typesetting.number(self.gradient)), ("=",))


class Outline(Text):
    """An outline: lines of text, which can be typeset."""

    _lines: Sequence[_Line] = ()

    def to_latex(self) -> str:
        r"""Return the lines as LaTeX: each Value with its formula, its number and its gradient, the output first.

        It is an `align*`, or several where one would not fit on a page, and needs `\usepackage{amsmath}` alone. A graph
        of more than 1,000 lines is cut after these.

        >>> x1 = Value(3.0)
        >>> y = x1 * 2
        >>> print(to_text(y).to_latex())
        \begin{align*}
        y &= x_{1} \times 2 = 6 \\
        x_{1} &= 3
        \end{align*}
        """
        operands = [x for line in self._lines for x, is_number in line.operands if not is_number]
        shown = dict.fromkeys([*(line.name for line in self._lines), *operands])
        names = typesetting.names_of_graph(shown, (line.op for line in self._lines))
        output = names[self._lines[0].name]
        return aligned_latex(equation for line in self._lines for equation in line.equations(output, names))


def to_text(
    output: Value, *, names: Names | None = None, max_nodes: int | None = 1000, digits: int | None = None
) -> Outline:
    """Return the graph as an indented outline: the output at the top, below each result its operands.

    It is a string that a session or a notebook shows as it is, line by line; `.to_latex()` is for a paper.

    A Value that is used more than once is written out at its first use, and referred to at the others. Lines deeper
    than level 20, on a narrow terminal than a third of its width, are indented no further and begin with their level in
    brackets.

    Arguments:
        output: the Value at the top.
        names: names for nodes, as in `draw`: by default labels, else the variables of the caller, else v1, v2, ...
        max_nodes: the largest number of lines, references included. A larger graph ends with the number of Values that
            are left out. None writes all.
        digits: the significant digits of all numbers, as for `explain`; by default values have up to six decimals,
            gradients four.

    Gradients are those that the Values hold now; before `backward()` there are none to show.

    Raises:
        TypeError: `output` is not a Value, `names` not a mapping, or `max_nodes` no integer.

    >>> x, w = Value(3.0, "x"), Value(-2.0, "w")
    >>> net = x * w + x
    >>> net.backward()
    >>> to_text(net)
    net = v3 + x  data -3  grad 1
      v3 = x * w  data -6  grad 1
        x         data 3   grad -1
        w         data -2  grad 3
      x (above)
    """
    nodes = graph_to_show(output, "to_text(loss)")
    value, slope = in_digits(digits, decimals), in_digits(digits, in_equation)
    constant = with_sign_of_zero(value)
    is_old = warn_if_stale(nodes)
    shown = {v: visible(name) for v, name in names_of(nodes, names).items()}
    missing = missing_gradients(output, nodes)
    written = set[Value]()
    rows: list[Sequence[str]] = []
    typeset: list[_Line] = []
    deepest = min(_DEEPEST_INDENT, (columns() or 1_000) // _OF_THE_WIDTH)
    waiting = [(output, 0)]
    most = math.inf if max_nodes is None else largest_size(max_nodes)
    while waiting and len(rows) < most:
        v, level = waiting.pop()
        indent = "  " * level if level <= deepest else "  " * deepest + f"[{level}] "
        if v in written:
            rows.append((f"{indent}{shown[v]} (above)",))
            continue
        written.add(v)
        formula = "" if v.op is None else short_formula(v, shown, number=value)
        title = f"{shown[v]} = {formula}" if formula else shown[v]
        gradient = () if missing else (f"grad {slope(v.grad)}",)
        rows.append((indent + title, f"data {value(v.data)}", *gradient))
        if len(typeset) < _MOST_TYPESET:
            args = v.args if len(v.args) <= LONGEST_FORMULA else ()
            operands = [(shown[x], False) if isinstance(x, Value) else (constant(x), True) for x in args]
            typeset.append(_Line(shown[v], v.op, formula, operands, value(v.data), None if missing else slope(v.grad)))
        waiting += [(x, level + 1) for x in reversed(v.args) if isinstance(x, Value)]
    lines = table([*_with_folded_titles(rows)])
    if len(written) < len(nodes):
        more = f"... and {len(nodes) - len(written):,} more Values: to_text(output, max_nodes=None) writes all"
        lines += folded(more, columns())
    for note in filter(None, [missing, is_old and OUT_OF_DATE]):
        lines += folded(f"({note})", columns())
    outline = Outline("\n".join(lines))
    outline._lines = typeset
    return outline


def _with_folded_titles(rows: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    """Give a title a line of its own, or several, where the terminal has no room for its numbers beside it."""
    most = columns()
    if most is None:
        yield from rows
        return
    numbers = [row[1:] for row in rows if len(row) > 1]
    beside = sum(2 + max(map(width, column)) for column in zip(*numbers))
    for row in rows:
        title = row[0]
        if width(title) <= most - beside * (len(row) > 1):
            yield row
            continue
        for line in folded(title, most):
            yield [line]
        if len(row) > 1:
            yield ["", *row[1:]]
