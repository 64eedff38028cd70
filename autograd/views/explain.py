"""Explain the gradients of a graph in words and numbers: `explain(output)`.

The words are those of the article "Gradients for a single neuron". A *stage* is a row of the table (the article turns
it on its side: a column): a leaf, or a result. The *local gradient* is how fast the next stage changes with this one,
the *global gradient* how fast the output does, and the *faux gradient* is (f(x + tiny) - f(x)) / tiny, which checks it
without calculus.

A named line of arithmetic, such as net = input * weight + bias, is one stage, which includes its unnamed results. Paths
through them stay separate: each is one term of the chain rule's sum.

All gradients come from the rules of the table, by way of the engine (`gradients.py`): the numbers are those of
`backward()` to the bit, and the formulas are what the same rules record. What is printed is true, to the digits shown
(`true_arithmetic.py`). Each equation is written twice, as text and typeset.
"""

import html
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from autograd.check import faux_gradients
from autograd.codegen import typesetting
from autograd.codegen.formulas import Term, graph_formulas, graph_written, short_formula
from autograd.codegen.typesetting import Typeset, typeset_notation
from autograd.engine import Value, created
from autograd.events import unobserved
from autograd.hints import called_as
from autograd.names import Names, names_of
from autograd.ops import Op
from autograd.staleness import check_current
from autograd.text import (
    LONGEST_FORMULA,
    aligned,
    decimals,
    in_digits,
    quoted,
    table,
    visible,
    with_printable_repr,
)
from autograd.views import inline
from autograd.views.chain_rule import (
    SHOWN_USES,
    ChainRule,
    Path,
    Stage,
    Written,
    after,
    chain_rule,
    check_linear,
    numbered,
)
from autograd.views.equations import Equation, aligned_latex, definitions, equation_html, math_element
from autograd.views.forward_mode import Nudge, nudged, values_to_nudge
from autograd.views.gradients import (
    NO_GRADIENT,
    LocalGradient,
    gradients_of,
    in_equation,
    line_gradients,
    ops_written,
    reached_by_gradients,
)
from autograd.views.limits import check_size, graph_to_show
from autograd.views.true_arithmetic import EQUAL, Kind, computed

# Explanations --------------------------------------------------------------------------------------------------------


@with_printable_repr
class Row(NamedTuple):
    """A row of the table: a stage and its numbers.

    `local_gradients` has a pair for each path to a stage that uses this one: its name, and how fast it changes with
    this one, None where no gradient passes. `faux_gradient` is None where it was not asked for.
    """

    name: str
    formula: str
    value: float
    local_gradients: tuple[tuple[str, float | None], ...]
    global_gradient: float
    faux_gradient: float | None


@dataclass(frozen=True)
class Explanation:
    """The table and the steps that `explain` returns: `print` it, or let a notebook show it as HTML.

    `rows` holds the table, in the order of the calculation; `steps` the chain rule, in the order of `backward()`.
    `forward` holds a `Nudge` for each Value that was asked for: its name, and its steps. `digits` are those that
    `explain` was asked for.
    """

    output: str
    rows: tuple[Row, ...]
    steps: tuple[ChainRule, ...]
    digits: int | None = None
    forward: tuple[Nudge, ...] = ()
    _values: tuple[Equation, ...] = field(default=(), repr=False, compare=False)  # of the rows
    _backward: tuple[Equation, ...] = field(default=(), repr=False, compare=False)  # of the steps
    _nudges: tuple[Sequence[Equation], ...] = field(default=(), repr=False, compare=False)  # of `forward`
    _typeset: Mapping[str, Typeset] = field(default_factory=dict, repr=False, compare=False)  # where they start
    _definitions: tuple[Equation, ...] = field(default=(), repr=False, compare=False)  # of operations that users added

    def __str__(self) -> str:
        cells = [_cells(row, self.digits) for row in self.rows]
        lines = table(cells, flush_right=_NUMBERS, head=self._head)
        for introduction, steps, _ in self._walks:
            lines += ["", *numbered(introduction, steps)]
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def _head(self) -> Sequence[str]:
        return _HEAD[:-1] if self.rows[-1].faux_gradient is None else _HEAD

    @property
    def _walks(self) -> Iterator[tuple[str, Sequence[ChainRule], Sequence[Equation]]]:
        """Yield an introduction, the steps and their equations: of backward mode, then of each nudge."""
        introduction = (
            f"Backward, step by step, starting at {self.output}. Each stage comes after all stages that use it, "
            "because their gradients add up to its own."
        )
        yield introduction, self.steps, self._backward
        for nudge, equations in zip(self.forward, self._nudges, strict=True):
            yield nudge.introduction, nudge.steps, equations

    def to_latex(self) -> str:
        r"""Return the equations as LaTeX, with the numbers put in: those of the values, then the chain rule.

        It is an `align*`, or several where one would not fit on a page, and needs `\usepackage{amsmath}` alone. With
        forward mode, the walks have an `align*` each, below a line that says what it is.

        >>> x = Value(0.0, "t")
        >>> print(explain(x.sin()).to_latex())
        \begin{align*}
        v_{2} &= \sin(t) = \sin(0) = 0 \\
        \frac{\partial v_{2}}{\partial v_{2}} &= 1 \\
        \frac{\partial v_{2}}{\partial t} &= \cos(t) \times \frac{\partial v_{2}}{\partial v_{2}} = 1 \times 1 = 1
        \end{align*}
        """
        if not self.forward:
            return aligned_latex([*self._results, *self._backward])
        parts = [("Values, with the numbers put in", self._results)]
        starts = [("Backward", self.output), *(("Forward", nudge.start) for nudge in self.forward)]
        for (mode, start), equations in zip(starts, (self._backward, *self._nudges), strict=True):
            parts.append((f"{mode}, step by step, starting at ${self._typeset[start].latex}$", [*equations]))
        return "\n\n".join(f"{words}:\n{aligned_latex(equations)}" for words, equations in parts if equations)

    def _repr_latex_(self) -> str:
        return self.to_latex()

    @property
    def _results(self) -> list[Equation]:
        return [*(equation for equation in self._values if len(equation.sides) > 1), *self._definitions]

    def _repr_html_(self) -> str:
        """Return a table with the steps below it, typeset, in the colours and fonts of the notebook.

        The equations are MathML, which needs no script, and below them the same as text, to be copied.
        """
        head = [f'<th scope="col" style="{_side(i)}">{title}</th>' for i, title in enumerate(self._head)]
        rows = [_html_row(row, equation, self.digits) for row, equation in zip(self.rows, self._values, strict=True)]
        lines = ['<table style="border-collapse: collapse">', "<thead><tr>", *head, "</tr></thead><tbody>", *rows]
        lines += ["</tbody></table>"]
        if self._results:
            equations = [f"{_ITEM}{equation_html(equation)}</li>" for equation in self._results]
            lines += ["<p>Values, with the numbers put in:</p>", "<ol>", *equations, "</ol>"]
        for introduction, steps, typeset in self._walks:
            items = [
                f"{_ITEM}{equation_html(equation)}<br/><small>{html.escape(step.why)}</small></li>"
                for step, equation in zip(steps, typeset, strict=True)
            ]
            texts = [f"<li><code>{html.escape(' '.join(step.sides))}</code></li>" for step in steps]
            lines += [f"<p>{html.escape(introduction)}</p>", "<ol>", *items, "</ol>"]
            lines += ["<details><summary>The same as text</summary><ol>", *texts, "</ol></details>"]
        return inline.typeset("\n".join(lines), str(self))


@unobserved
@called_as("explain(loss, forward=weight)")
def explain(
    output: Value,
    *,
    forward: Any = None,
    names: Names | None = None,
    detail: str = "stage",
    faux: bool = True,
    max_nodes: int = 200,
    digits: int | None = None,
) -> Explanation:
    """Explain the gradients of `output`: a table of all numbers, then the chain rule step by step.

    The gradients are those that `output.backward()` gives. They are computed on a copy: no `.grad` is read or changed,
    so it does not matter whether `backward()` was called.

    Arguments:
        output: the Value to explain, usually the loss.
        forward: a Value of its graph, or a list of them, to explain forward mode, too: how a nudge of it travels to the
            output.
        names: names for nodes, as in `draw`: by default labels, else the variables of the caller, else v1, v2, ...
        detail: `"stage"` gives each named line of arithmetic one row, as in the articles; `"value"` gives each Value
            one.
        faux: whether to fill the last column, by perturbing every value in turn; this replays the graph once per row.
        max_nodes: the largest number of Values to explain.
        digits: the significant digits of all numbers, the same in every view. By default values have up to six
            decimals, gradients four, and the numbers of an equation as many as it takes for it to be true as it is
            printed. With `digits=`, ≈ stands where a calculator would give something else.

    Returns an `Explanation`: `str` gives the text, a notebook shows it typeset, `.to_latex()` is for a paper, and
    `.rows`, `.steps` and `.forward` hold the numbers and equations.

    Raises:
        TypeError: `output` is not a Value, what is to be nudged is none, `names` not a mapping, or `max_nodes` no
            integer.
        GradientMismatch: a rule is not linear in the gradient from above, such as one that forgets it, so the chain
            rule does not hold.
        ValueError: the graph has more than `max_nodes` Values, or ten times as many operands; `detail` is unknown; what
            is to be nudged is not in the graph; or a number in the graph was changed without `forward()`, so that the
            numbers do not belong together.

    >>> x, w = Value(3.0, "x"), Value(-2.0, "w")
    >>> y = x * w + x
    >>> explain(y, names={"y": y})  # doctest: +NORMALIZE_WHITESPACE
    name  formula    value  local gradient    global gradient  faux gradient
    x                    3  1 on y, -2 on y                -1        -1.0000
    w                   -2  3 on y                          3         3.0000
    y     x * w + x     -3                                  1         1.0000
    <BLANKLINE>
    Backward, step by step, starting at y. Each stage comes after all stages that use it, because their
    gradients add up to its own.
    <BLANKLINE>
    1. d y/d y = 1
         first, because backward begins here
    2. d y/d w = x × d y/d y = 3 × 1 = 3
         after y, which uses it
    3. d y/d x = 1 × d y/d y + w × d y/d y = 1 × 1 + (-2 × 1) = 1 + (-2) = -1
         after y, which uses it twice: the parts of both paths add up
    >>> for step in explain(y, forward=x, names={"y": y}).forward[0].steps:
    ...     print(step)
    d x/d x = 1
      first, because the nudge begins here
    d y/d x = w × d x/d x + 1 × d x/d x = -2 × 1 + 1 × 1 = -2 + 1 = -1
      after x, which it uses twice: the parts of both paths add up; backward gives the same
    """
    nodes = graph_to_show(output, "explain(loss)")
    if detail not in ("stage", "value"):
        raise ValueError(f"detail is 'stage' or 'value', got {quoted(detail)}")
    advice = [
        "explain an intermediate value, as in explain(hidden), or a smaller example",
        "to_text(output) shows the beginning of a large graph",
    ]
    check_size(nodes, max_nodes, "to explain line by line", advice)
    check_current(nodes)
    values, slopes = Kind(6, digits), Kind(4, digits)
    values.text(0.0)  # refuses digits that are none
    shown = {v: visible(name) for v, name in names_of(nodes, names).items()}
    typeset_names = typesetting.names_of_graph(shown.values(), ops_written(nodes))
    typeset = {v: typeset_names[name] for v, name in shown.items()}
    written = Written(shown, typeset, values, slopes)
    gradients = gradients_of(output, nodes)
    starts = values_to_nudge(forward, nodes, shown)
    stages = _stages(nodes, written, detail, gradients, starts)
    reached = reached_by_gradients(output, nodes)
    for v in nodes:
        if v in reached:
            check_linear(v, [gradients[v]])
    uses: dict[Value, list[_Use]] = {v: [] for v in nodes}  # of each stage, in the order of backward()
    for stage in reversed(stages):
        for found in stage.local_gradients:
            uses[found.operand].append((stage.result, found))
    for found_uses in uses.values():
        found_uses.sort(key=lambda use: created(use[1].user), reverse=True)  # stages may overlap; sums have an order
    results = [stage.result for stage in stages]
    perturbed = faux_gradients(output, results) if faux else [None] * len(results)
    rows, steps, backward = list[Row](), list[ChainRule](), list[Equation]()
    for v, stage, faux_gradient in zip(results, stages, perturbed, strict=True):
        rows.append(
            Row(
                shown[v],
                stage.formula,
                v.data,
                tuple((shown[user], local.number) for user, local in uses[v]),
                gradients[v],
                faux_gradient,
            )
        )
        passing = [(user, local) for user, local in uses[v] if local.number is not None and user in reached]
        if v in reached:
            paths = [
                Path(user, written.derivative(output, user), gradients[user], local, local.part, user)
                for user, local in passing
            ]
            first = "first, because backward begins here"
            why = after([shown[user] for user, _ in passing], "which uses it", "which use it") if paths else first
        else:
            paths, users = [], ", ".join(dict.fromkeys(shown[user] for user, _ in uses[v]))
            why = f"no gradient passes to it from {users}"
        step, equation = chain_rule(written.derivative(output, v), paths, gradients[v], why, written)
        steps.append(step)
        backward.append(equation)
    nudges = nudged(starts, nodes, stages, gradients, written)
    return Explanation(
        shown[output],
        tuple(rows),
        tuple(steps[::-1]),
        digits,
        forward=tuple(nudge for nudge, _ in nudges),
        _values=tuple(_value(stage, written) for stage in stages),
        _backward=tuple(backward[::-1]),
        _nudges=tuple(equations for _, equations in nudges),
        _typeset={shown[v]: typeset[v].in_one_piece for v in [output, *starts]},
        _definitions=tuple(definitions(nodes, typeset_notation(values.text))),
    )


# Stages --------------------------------------------------------------------------------------------------------------


_Use = tuple[Value, LocalGradient]  # the result of a stage, and its local gradient on the operand


def _stages(
    nodes: Sequence[Value], written: Written, detail: str, gradients: Mapping[Value, float], starts: Container[Value]
) -> list[Stage]:
    """Divide the graph into stages, in the order of creation; each of the starts is one."""
    names, number = written.names, written.values.text
    uses = Counter(x for v in nodes for x in v.args if isinstance(x, Value))
    numbered = {v for i, v in enumerate(nodes, 1) if not v.label and names[v].partition("#")[0] == f"v{i}"}
    # These can be part of the formula of the one that uses them.
    once = {v for v in numbered if uses[v] == 1 and v not in starts}
    stages: list[Stage] = []
    inside: set[Value] = set()
    for v in reversed(nodes):
        if v not in inside:
            inner = _arithmetic_inside(v, once) if detail == "stage" and v not in numbered else []
            line = graph_formulas([*inner, v], names, number=number)[v].text if inner else ""
            if not 0 < len(line) <= LONGEST_FORMULA:
                inner, line = [], "" if v.op is None else short_formula(v, names, number=number)
            inside.update(inner)
            local = _stage_gradients(v, inner, written, gradients[v])
            stages.append(Stage(v, [*inner, v] if v.op else [], line, local))
    return stages[::-1]


def _is_arithmetic(v: Value) -> bool:
    return v.op is not None and v.op.symbol != v.op.name


def _arithmetic_inside(v: Value, once: set[Value]) -> list[Value]:
    """Return the unnamed results on the line of arithmetic that ends in `v`, operands before results."""
    inner: list[Value] = []
    waiting = [v] if _is_arithmetic(v) else []
    while waiting and len(inner) < LONGEST_FORMULA:
        found = [x for x in waiting.pop().args if isinstance(x, Value) and x in once and _is_arithmetic(x)]
        inner += found
        waiting += found
    return [] if waiting else inner[::-1]


def _stage_gradients(result: Value, inner: Sequence[Value], written: Written, g: float) -> list[LocalGradient]:
    if result.op is None:
        return []
    line, names, slopes = [*inner, result], written.names, written.slopes
    terms = {x: Term(names[x]) for v in line for x in v.args if isinstance(x, Value)} | {result: Term(names[result])}
    number = None if slopes.digits is None else slopes.text
    return line_gradients(line, terms, g, typeset=written.typeset, number=number)


def _value(stage: Stage, written: Written) -> Equation:
    """Return a result's formula, the same with the numbers put in, and its number; a leaf's name alone."""
    v, line, names, values = stage.result, stage.line, written.typeset, written.values
    if not line:
        return Equation((names[v],), ())
    result = typesetting.number(values.text(v.data))
    if sum(len(x.args) for x in line) > LONGEST_FORMULA:
        return Equation((names[v], typesetting.name(stage.formula), result), (EQUAL, EQUAL))
    operands = [*dict.fromkeys(x for inner in line for x in inner.args if isinstance(x, Value) and x not in line)]

    constants = [x for inner in line for x in inner.args if not isinstance(x, Value)]

    def combined(*numbers: Any) -> Any:
        known, others = dict(zip(operands, numbers)), iter(numbers[len(operands) :])
        for inner in line:
            operated = [known[x] if isinstance(x, Value) else next(others) for x in inner.args]
            known[inner] = computed(cast(Op, inner.op), operated)
        return known[v]

    def put_in(x: Value) -> Typeset:
        return typesetting.number(texts[x])

    numbers = [*(x.data for x in operands), *constants]
    digits = values.true_digits(numbers, combined, v.data) or 0
    texts = {x: values.text(x.data, digits) for x in operands}
    sign = values.sign([*texts.values(), *(values.text(x, digits) for x in constants)], combined, v.data)
    notation = typeset_notation(lambda x: values.text(x, digits))
    symbolic, numeric = (graph_written(line, name, notation)[v] for name in (names.__getitem__, put_in))
    if not operands:
        return Equation((names[v], symbolic, result), (EQUAL, sign))
    return Equation((names[v], symbolic, numeric, result), (EQUAL, EQUAL, sign))


# Text ----------------------------------------------------------------------------------------------------------------

_HEAD = ("name", "formula", "value", "local gradient", "global gradient", "faux gradient")
_NUMBERS = {2, 4, 5}  # the columns that are flush right
_ITEM = '<li style="margin: 0.4em 0">'


def _cells(row: Row, digits: int | None) -> list[str]:
    local = _local_text(row, in_digits(digits, in_equation))
    if len(local) > SHOWN_USES:
        local = [*local[: SHOWN_USES - 1], f"{len(local) - SHOWN_USES + 1} more"]
    value, slope = in_digits(digits, decimals), in_digits(digits, aligned)
    cells = [row.name, row.formula, value(row.value), ", ".join(local), slope(row.global_gradient)]
    return cells if row.faux_gradient is None else [*cells, slope(row.faux_gradient)]


def _local_text(row: Row, number: Callable[[float], str]) -> list[str]:
    return [f"{NO_GRADIENT if x is None else number(x)} on {user}" for user, x in row.local_gradients]


def _html_row(row: Row, equation: Equation, digits: int | None) -> str:
    """Return a row of the table; pointing at a number shows all its digits."""
    exact = ["", "", repr(row.value), "\n".join(_local_text(row, repr))]
    exact += [repr(row.global_gradient), repr(row.faux_gradient)]
    texts = [*map(html.escape, _cells(row, digits))]
    if len(equation.sides) > 1:
        texts[1] = math_element(equation.sides[1])
    cells = [
        f'<td style="{_side(i)}" title="{html.escape(shown)}">{text}</td>'
        for i, (text, shown) in enumerate(zip(texts, exact))
    ]
    return "<tr>" + "".join(cells).replace(' title=""', "") + "</tr>"


def _side(column: int) -> str:
    return f"text-align: {'right' if column in _NUMBERS else 'left'}; white-space: nowrap; padding: 0.2em 0.8em"
