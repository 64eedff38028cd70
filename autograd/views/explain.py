"""The graph in words and numbers: `explain(output)` and `to_text(output)`.

The words are those of the article "Gradients for a single neuron". A *stage* is what a table has a row for: a leaf, or
a result. The *local gradient* says how fast the next stage changes with this one, the *global gradient* how fast the
output does, and the *faux gradient* is (f(x + tiny) - f(x)) / tiny, the check on it without calculus.

What a person writes in one line of arithmetic and gives a name, such as net = input * weight + bias, is one stage, with
the unnamed results inside it. Paths through them keep apart: each is one term of the sum that the chain rule makes.

The formulas of local gradients are the table's rules, called on symbols (`symbols.py`); the numbers are the same rules,
called on floats in the order of `backward()`, so they are its numbers to the bit.
"""

from __future__ import annotations

import html
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autograd.check import faux_gradient
from autograd.engine import Value, graph_of, replay
from autograd.views.names import Names, names_of
from autograd.views.symbols import Symbol, local_formulas, term_of
from autograd.views.text import (
    LONGEST_FORMULA,
    Term,
    aligned,
    constant,
    formulas,
    mathematical,
    rounded,
    short_formula,
    visible,
    without_gradients,
)

_WIDTH = 100  # of a line of text
_OPERANDS_PER_NODE = 10  # with more of them the steps are a wall of text however few the nodes are
_SHOWN_USES = 4  # names of other stages in one cell or sentence


# Explanations --------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A line of the table: a stage and its numbers.

    `local_gradients` are pairs, the name of a stage that uses this one and how fast that changes with it, one for each
    path between the two. `faux_gradient` is None where it was not asked for.
    """

    name: str
    formula: str
    value: float
    local_gradients: tuple[tuple[str, float], ...]
    global_gradient: float
    faux_gradient: float | None


class Step(NamedTuple):
    """The chain rule at one stage: an equation, as the texts between its equals signs, and why it comes here."""

    equation: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Explanation:
    """What `explain` returns: `print` it, or let a notebook show it as HTML.

    `rows` holds the table, in the order of the calculation; `steps` the chain rule, in the order of `backward()`.
    """

    output: str
    rows: tuple[Row, ...]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        cells = [_cells(row) for row in self.rows]
        head = _HEAD if self._has_faux else _HEAD[:-1]
        lines = _columns([head, *cells])
        lines += ["", *textwrap.wrap(self._introduction, _WIDTH), ""]
        margin = len(str(len(self.steps))) + 2
        for i, step in enumerate(self.steps, start=1):
            lines += _written(step, f"{i}. ".rjust(margin))
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def _has_faux(self) -> bool:
        return self.rows[-1].faux_gradient is not None

    @property
    def _introduction(self) -> str:
        return (
            f"Backward, step by step: it begins at {self.output} and comes to each stage after all stages that use it, "
            "because their gradients go into its own."
        )

    def _repr_html_(self) -> str:
        """A table with the steps below it, for notebooks; it takes their colours and fonts."""
        head = _HEAD if self._has_faux else _HEAD[:-1]
        lines = ['<div style="overflow-x: auto">', '<table style="border-collapse: collapse">', "<thead><tr>"]
        lines += [f'<th scope="col" style="{_side(i)}">{title}</th>' for i, title in enumerate(head)]
        lines.append("</tr></thead><tbody>")
        for row in self.rows:
            exact = ["", "", repr(row.value), "\n".join(f"{x!r} on {name}" for name, x in row.local_gradients)]
            exact += [repr(row.global_gradient), repr(row.faux_gradient)]
            cells = [
                f'<td style="{_side(i)}" title="{html.escape(digits)}">{html.escape(cell)}</td>'
                for i, (cell, digits) in enumerate(zip(_cells(row), exact))
            ]
            lines.append("<tr>" + "".join(cells).replace(' title=""', "") + "</tr>")
        lines += ["</tbody></table>", f"<p>{html.escape(self._introduction)}</p>", "<ol>"]
        for step in self.steps:
            equation = html.escape(" = ".join(step.equation))
            lines.append(f"<li><code>{equation}</code><br/><small>{html.escape(step.why)}</small></li>")
        return "\n".join([*lines, "</ol>", "</div>"])


def explain(
    output: Value, *, names: Names | None = None, detail: str = "stage", faux: bool = True, max_nodes: int = 200
) -> Explanation:
    """Explain the gradients of `output`: a table of all numbers, then the chain rule step by step.

    The gradients are those that `output.backward()` gives, computed aside: no `.grad` is read or changed, so it does
    not matter whether `backward()` was called.

    Arguments:
        output: the Value to explain, usually the loss.
        names: names for nodes, as in `draw`: by default labels, else the variables of the caller, else v1, v2, ...
        detail: `"stage"`: a line of arithmetic that was given a name is one row, as in the articles; `"value"`: each
            Value is a row.
        faux: whether to nudge every value for the last column; that replays the graph once a row.
        max_nodes: the largest number of Values that is still explained.

    Returns an `Explanation`: its `str` is the text, a notebook shows an HTML table, and `.rows` and `.steps` hold what
    they show.

    Raises:
        TypeError: `output` is no Value, or `names` no mapping.
        ValueError: more than `max_nodes` Values, an unknown `detail`, or a number in the graph was changed without
            `forward()`, so that it does not fit together.

    >>> x, w = Value(3.0, "x"), Value(-2.0, "w")
    >>> y = x * w + x
    >>> explain(y, names={"y": y})  # doctest: +NORMALIZE_WHITESPACE
    name  formula    value  local gradient    global gradient  faux gradient
    x                    3  1 on y, -2 on y                -1        -1.0000
    w                   -2  3 on y                          3         3.0000
    y     x * w + x     -3                                  1         1.0000
    <BLANKLINE>
    Backward, step by step: it begins at y and comes to each stage after all stages that use it, because
    their gradients go into its own.
    <BLANKLINE>
    1. d y/d y = 1
         first, because backward begins here
    2. d y/d w = x × d y/d y = 3 × 1 = 3
         after y, which uses it
    3. d y/d x = 1 × d y/d y + w × d y/d y = 1 × 1 + (−2 × 1) = 1 + (−2) = −1
         after y, which uses it twice: the parts of both paths add up
    """
    if type(output) is not Value:
        raise TypeError(f"explain() takes a Value, got {type(output).__name__}: pass a Value, as in explain(loss)")
    if detail not in ("stage", "value"):
        raise ValueError(f"detail is 'stage' or 'value', got {detail!r}")
    nodes = graph_of(output)
    operands = sum(len(v.args) for v in nodes) if len(nodes) <= max_nodes else 0
    if operands > max_nodes * _OPERANDS_PER_NODE:
        raise ValueError(
            f"the graph has {operands:,} operands, too many to explain one by one (max_nodes={max_nodes:,}): "
            "explain a smaller example, or pass a larger max_nodes"
        )
    if len(nodes) > max_nodes:
        raise ValueError(
            f"the graph has {len(nodes):,} nodes, too many to explain one by one (max_nodes={max_nodes:,}): "
            "explain an intermediate value of it, as in explain(hidden), or a smaller example; "
            "to_text(output) shows the beginning of a large graph; or pass a larger max_nodes"
        )
    now = replay(nodes, {v: v.data for v in nodes if v.op is None})
    for v in nodes:
        if repr(now[v]) != repr(v.data):  # as text, in which nan is nan
            raise ValueError(f"a result is {v.data}, but its operands give {now[v]}: call output.forward() first")
    shown = {v: visible(name) for v, name in names_of(nodes, names).items()}
    stages = _stages(nodes, shown, detail)
    gradients = _backward(nodes, output)
    paths: dict[Value, list[_Path]] = {v: [] for v in nodes}  # from those that use it, in the order of backward()
    for stage in reversed(stages):
        for path in stage.paths:
            paths[path.operand].append(path)
    rows, steps = [], []
    for stage in stages:
        v = stage.result
        rows.append(
            Row(
                shown[v],
                stage.formula,
                v.data,
                tuple((path.user, path.local) for path in paths[v]),
                gradients[v],
                faux_gradient(output, v) if faux else None,
            )
        )
        steps.append(_step(v, paths[v], gradients, shown, output))
    return Explanation(shown[output], tuple(rows), tuple(reversed(steps)))


# Stages --------------------------------------------------------------------------------------------------------------


class _Path(NamedTuple):
    """The way from a stage back to one of its operands: how fast the stage changes with it, as formula and number."""

    operand: Value
    result: Value
    user: str  # the stage's name
    formula: Term | None
    local: float


class _Stage(NamedTuple):
    result: Value
    formula: str
    paths: Sequence[_Path]


def _stages(nodes: Sequence[Value], names: Mapping[Value, str], detail: str) -> list[_Stage]:
    """The graph as stages, in the order of creation."""
    uses = Counter(x for v in nodes for x in v.args if isinstance(x, Value))
    numbered = {v for i, v in enumerate(nodes, 1) if not v.label and names[v].partition("#")[0] == f"v{i}"}
    once = {v for v in numbered if uses[v] == 1}  # these can stand inside the formula of the one that uses them
    stages: list[_Stage] = []
    inside: set[Value] = set()
    for v in reversed(nodes):
        if v not in inside:
            inner = _arithmetic_inside(v, once) if detail == "stage" and v not in numbered else []
            line = formulas([*inner, v], names)[v].text if inner else ""
            if not 0 < len(line) <= LONGEST_FORMULA:
                inner, line = [], "" if v.op is None else short_formula(v, names)
            inside.update(inner)
            stages.append(_Stage(v, line, _paths(v, inner, names)))
    return stages[::-1]


def _is_arithmetic(v: Value) -> bool:
    return v.op is not None and v.op.symbol != v.op.name


def _arithmetic_inside(v: Value, once: set[Value]) -> list[Value]:
    """The results that belong to the line of arithmetic that ends in `v`, operands before results."""
    inner: list[Value] = []
    waiting = [v] if _is_arithmetic(v) else []
    while waiting and len(inner) < LONGEST_FORMULA:
        found = [x for x in waiting.pop().args if isinstance(x, Value) and x in once and _is_arithmetic(x)]
        inner += found
        waiting += found
    return [] if waiting else inner[::-1]


def _paths(result: Value, inner: Sequence[Value], names: Mapping[Value, str]) -> list[_Path]:
    """Every path from the stage's result back to an operand."""
    written = formulas(inner, names, mathematical)
    pulled: dict[Value, tuple[Symbol | float | None, float]] = {result: (1.0, 1.0)}
    paths = []
    for v in [result, *reversed(inner)]:
        if v.op is None:
            break
        g_formula, g = pulled[v]
        operands = [Symbol(written.get(x, names[x])) if isinstance(x, Value) else x for x in v.args]
        z = Symbol(written.get(v, names[v]))
        pulls = local_formulas(v.op, g_formula, z, operands), v.op.pulls(g, v.data, *_numbers(v))
        for x, pulled_formula, pull in zip(v.args, *pulls):
            if isinstance(x, Value):
                if x in written:
                    pulled[x] = pulled_formula, pull
                else:
                    term = None if pulled_formula is None else term_of(pulled_formula)
                    paths.append(_Path(x, result, names[result], term, pull))
    return paths


def _backward(nodes: Sequence[Value], output: Value) -> dict[Value, float]:
    """The gradients that `output.backward()` gives: the same rules, on the same floats, in the same order."""
    gradients = dict.fromkeys(nodes, 0.0)
    gradients[output] = 1.0
    for v in reversed(nodes):
        if v.op is not None:
            for x, pull in zip(v.args, v.op.pulls(gradients[v], v.data, *_numbers(v))):
                if isinstance(x, Value):
                    gradients[x] += pull
    return gradients


def _numbers(v: Value) -> list[float]:
    return [x.data if isinstance(x, Value) else x for x in v.args]


# Steps ---------------------------------------------------------------------------------------------------------------


def _step(
    v: Value, paths: Sequence[_Path], gradients: Mapping[Value, float], names: Mapping[Value, str], output: Value
) -> Step:
    def d(x: Value) -> str:
        return f"d {names[output]}/d {names[x]}"

    total = aligned(gradients[v]).replace("-", "−")
    if v is output:
        return Step((d(v), total), "first, because backward begins here")
    symbolic, numeric, parts = [], [], []
    for path in paths:
        above = gradients[path.result]
        local = rounded(path.local, 4).replace("-", "−")
        # In place of a formula too long to read stands its number.
        term = path.formula if path.formula and len(path.formula.text) <= LONGEST_FORMULA else constant(local)
        symbolic.append(f"{term.within(1)} × {d(path.result)}")
        numeric.append(f"{local} × {aligned(above)}".replace("-", "−"))
        parts.append(aligned(path.local * above).replace("-", "−"))
    equation = [d(v), _summed(symbolic), _summed(numeric)]
    if len(parts) > 1:
        equation.append(_summed(parts))
    return Step((*equation, total), _why([path.user for path in paths]))


def _summed(terms: Sequence[str]) -> str:
    first, *others = terms
    return " + ".join([first, *(f"({term})" if term[0] == "−" else term for term in others)])


def _why(users: Sequence[str]) -> str:
    """Which stages had to come first."""
    times = Counter(users)
    if len(times) == 1:
        (user, n), *_ = times.items()
        return f"after {user}, which uses it" + (
            "" if n == 1 else f" {_often(n)}: the parts of {'both' if n == 2 else 'all'} paths add up"
        )
    shown = [f"{user} ({_often(n)})" if n > 1 else user for user, n in list(times.items())[:_SHOWN_USES]]
    if len(times) > _SHOWN_USES:
        shown.append(f"{len(times) - _SHOWN_USES} more")
    return f"after {', '.join(shown[:-1])} and {shown[-1]}, which use it: their parts add up"


def _often(n: int) -> str:
    return "twice" if n == 2 else f"{n} times"


# Text ----------------------------------------------------------------------------------------------------------------

_HEAD = ("name", "formula", "value", "local gradient", "global gradient", "faux gradient")
_NUMBERS = {2, 4, 5}  # the columns that are flush right


def _cells(row: Row) -> list[str]:
    local = [f"{rounded(x, 4)} on {user}" for user, x in row.local_gradients]
    if len(local) > _SHOWN_USES:
        local = [*local[: _SHOWN_USES - 1], f"{len(local) - _SHOWN_USES + 1} more"]
    cells = [row.name, row.formula, rounded(row.value, 6), ", ".join(local), aligned(row.global_gradient)]
    return cells if row.faux_gradient is None else [*cells, aligned(row.faux_gradient)]


def _side(column: int) -> str:
    return f"text-align: {'right' if column in _NUMBERS else 'left'}; white-space: nowrap; padding: 0.2em 0.8em"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths)):
            filled = _filled(cell, width)
            cells.append(filled[len(cell) :] + cell if i in _NUMBERS else filled)
        lines.append("  ".join(cells).rstrip())
    return lines


def _filled(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """The columns that a terminal takes for it: letters of East Asia take two, accents of their own none."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _written(step: Step, number: str) -> list[str]:
    """A step on as few lines as fit: broken before an equals sign, and where that is not enough, within a sum."""
    margin = " " * len(number)
    lines = [number + " = ".join(step.equation)]
    if _width(lines[0]) > _WIDTH:
        lines = [number + step.equation[0]]
        for part in step.equation[1:]:
            lines += textwrap.wrap(
                f"= {part}",
                _WIDTH,
                initial_indent=margin + "    ",
                subsequent_indent=margin + "      ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    return [*lines, *textwrap.wrap(step.why, _WIDTH, initial_indent=margin + "  ", subsequent_indent=margin + "  ")]


# The graph as a tree -------------------------------------------------------------------------------------------------

_DEEPEST = 20  # levels of the tree that are indented; deeper ones say their number instead


def to_text(output: Value, *, names: Names | None = None, max_nodes: int | None = 1000) -> str:
    """Return the graph as an indented tree: the output at the top, below each result its operands.

    A Value that is used more than once is written where it is met first, and referred to after. From level
    20 on a line says its level in brackets instead of going further to the right.

    Arguments:
        output: the Value at the top.
        names: names for nodes, as in `draw`: by default labels, else the variables of the caller, else v1, v2, ...
        max_nodes: the largest number of lines, references included; of a larger graph the beginning is written, and how
            many Values are left out. None for all.

    Gradients are those that the Values have now; before `backward()` there are none to show.

    Raises:
        TypeError: `output` is no Value, or `names` no mapping.

    >>> x, w = Value(3.0, "x"), Value(-2.0, "w")
    >>> net = x * w + x
    >>> net.backward()
    >>> print(to_text(net))
    net = v3 + x  data -3  grad 1
      v3 = x * w  data -6  grad 1
        x         data 3   grad -1
        w         data -2  grad 3
      x (above)
    """
    if type(output) is not Value:
        raise TypeError(f"to_text() takes a Value, got {type(output).__name__}: pass a Value, as in to_text(loss)")
    nodes = graph_of(output)
    shown = {v: visible(name) for v, name in names_of(nodes, names).items()}
    missing = without_gradients(output, nodes)
    with_gradients = missing is None
    written: set[Value] = set()
    rows: list[tuple[str, ...]] = []
    waiting = [(output, 0)]
    while waiting and (max_nodes is None or len(rows) < max_nodes):
        v, level = waiting.pop()
        indent = "  " * level if level <= _DEEPEST else "  " * _DEEPEST + f"[{level}] "
        if v in written:
            rows.append((f"{indent}{shown[v]} (above)",))
            continue
        written.add(v)
        title = shown[v] if v.op is None else f"{shown[v]} = {short_formula(v, shown)}"
        numbers = [f"data {rounded(v.data, 6)}", f"grad {rounded(v.grad, 6)}"][: 1 + with_gradients]
        rows.append((indent + title, *numbers))
        waiting += [(x, level + 1) for x in reversed(v.args) if isinstance(x, Value)]
    columns = 2 + with_gradients
    widths = [max((_width(row[i]) for row in rows if len(row) > 1), default=0) for i in range(columns)]
    lines = [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths)).rstrip() for row in rows
    ]
    if len(written) < len(nodes):
        lines.append(f"... and {len(nodes) - len(written):,} more Values: to_text(output, max_nodes=None) writes all")
    if missing:
        lines.append(f"({missing})")
    return "\n".join(lines)
