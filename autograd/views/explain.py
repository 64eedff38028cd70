"""Explain the gradients of a graph in words and numbers: `explain(output)`.

The words are those of the article "Gradients for a single neuron". A *stage* is a row of the table (the article turns
it on its side: a column): a leaf, or a result. The *local gradient* is how fast the next stage changes with this one,
the *global gradient* how fast the output does, and the *faux gradient* is (f(x + tiny) - f(x)) / tiny, which checks it
without calculus.

A named line of arithmetic, such as net = input * weight + bias, is one stage, which includes its unnamed results. Paths
through them stay separate: each is one term of the chain rule's sum.

All gradients come from the rules of the table, by way of the engine (`gradients.py`): the numbers are those of
`backward()` to the bit, and the formulas are what the same rules record. What is printed is true, to the digits shown.
"""

import html
import math
import operator
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, cast

from autograd.check import faux_gradients, linearity_mistakes
from autograd.codegen.formulas import Term, constant, graph_formulas, short_formula
from autograd.engine import Value, created, local_gradients, numbers_of
from autograd.errors import GradientMismatch
from autograd.events import unobserved
from autograd.floats import sum_
from autograd.names import Names, names_of
from autograd.staleness import check_current
from autograd.text import (
    LONGEST_FORMULA,
    aligned,
    decimals,
    folded,
    is_signed,
    line_width,
    paragraph,
    printable,
    quoted,
    significant,
    table,
    visible,
    width,
    with_printable_repr,
)
from autograd.views.gradients import (
    NO_GRADIENT,
    LocalGradient,
    gradients_of,
    in_equation,
    in_formula,
    line_gradients,
    reached_by_gradients,
)
from autograd.views.limits import check_size, graph_to_show

_LONGEST_LOCAL_GRADIENT = 96  # characters of its formula: with the signs before and after it, a line of the text
_SHOWN_USES = 4  # names of other stages in one cell or sentence


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


@with_printable_repr
class ChainRule(NamedTuple):
    """The chain rule at one stage: an equation, as the texts between its equals signs, and why it comes now."""

    equation: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return "\n".join(_wrapped(self, ""))


@dataclass(frozen=True)
class Explanation:
    """The table and the steps that `explain` returns: `print` it, or let a notebook show it as HTML.

    `rows` holds the table, in the order of the calculation; `steps` the chain rule, in the order of `backward()`.
    """

    output: str
    rows: tuple[Row, ...]
    steps: tuple[ChainRule, ...]

    def __str__(self) -> str:
        lines = table([*map(_cells, self.rows)], flush_right=_NUMBERS, head=self._head)
        lines += ["", *paragraph(self._introduction), ""]
        for i, step in enumerate(self.steps, start=1):
            lines += _wrapped(step, f"{i:>{len(str(len(self.steps)))}}. ")
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def _head(self) -> Sequence[str]:
        return _HEAD[:-1] if self.rows[-1].faux_gradient is None else _HEAD

    @property
    def _introduction(self) -> str:
        return (
            f"Backward, step by step, starting at {self.output}. Each stage comes after all stages that use it, "
            "because their gradients add up to its own."
        )

    def _repr_html_(self) -> str:
        """Return a table with the steps below it, in the colours and fonts of the notebook."""
        head = [f'<th scope="col" style="{_side(i)}">{title}</th>' for i, title in enumerate(self._head)]
        steps = [
            f"<li><code>{html.escape(' = '.join(step.equation))}</code><br/><small>{html.escape(step.why)}</small></li>"
            for step in self.steps
        ]
        lines = ['<div style="overflow-x: auto">', '<table style="border-collapse: collapse">', "<thead><tr>", *head]
        lines += ["</tr></thead><tbody>", *map(_html_row, self.rows), "</tbody></table>"]
        return "\n".join([*lines, f"<p>{html.escape(self._introduction)}</p>", "<ol>", *steps, "</ol>", "</div>"])


@unobserved
def explain(
    output: Value, *, names: Names | None = None, detail: str = "stage", faux: bool = True, max_nodes: int = 200
) -> Explanation:
    """Explain the gradients of `output`: a table of all numbers, then the chain rule step by step.

    The gradients are those that `output.backward()` gives. They are computed on a copy: no `.grad` is read or changed,
    so it does not matter whether `backward()` was called.

    Arguments:
        output: the Value to explain, usually the loss.
        names: names for nodes, as in `draw`: by default labels, else the variables of the caller, else v1, v2, ...
        detail: `"stage"` gives each named line of arithmetic one row, as in the articles; `"value"` gives each Value
            one.
        faux: whether to fill the last column, by perturbing every value in turn; this replays the graph once per row.
        max_nodes: the largest number of Values to explain.

    Returns an `Explanation`: `str` gives the text, a notebook shows it as HTML, and `.rows` and `.steps` hold the
    numbers and equations.

    Raises:
        TypeError: `output` is not a Value, or `names` not a mapping.
        GradientMismatch: a rule is not linear in the gradient from above, such as one that forgets it, so the chain
            rule does not hold.
        ValueError: the graph has more than `max_nodes` Values, or ten times as many operands; `detail` is unknown; or a
            number in the graph was changed without `forward()`, so that the numbers do not belong together.

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
    shown = {v: visible(name) for v, name in names_of(nodes, names).items()}
    gradients = gradients_of(output, nodes)
    stages = _stages(nodes, shown, detail, gradients)
    reached = reached_by_gradients(output, nodes)
    _check_linear(nodes, gradients, reached)
    uses: dict[Value, list[_Use]] = {v: [] for v in nodes}  # of each stage, in the order of backward()
    for stage in reversed(stages):
        for found in stage.local_gradients:
            uses[found.operand].append((stage.result, found))
    for found_uses in uses.values():
        found_uses.sort(key=lambda use: created(use[1].user), reverse=True)  # stages may overlap; sums have an order
    results = [stage.result for stage in stages]
    perturbed = faux_gradients(output, results) if faux else [None] * len(results)
    rows, steps = [], []
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
            steps.append(_chain_rule(v, passing, gradients, shown, output))
        else:
            users = ", ".join(dict.fromkeys(shown[user] for user, _ in uses[v]))
            steps.append(ChainRule((f"d {shown[output]}/d {shown[v]}", "0"), f"no gradient passes to it from {users}"))
    return Explanation(shown[output], tuple(rows), tuple(reversed(steps)))


def _check_linear(nodes: Sequence[Value], gradients: Mapping[Value, float], reached: Container[Value]) -> None:
    """Raise an error where a rule is certainly not linear in the gradient from above."""
    for v in nodes:
        if v.op is not None and v in reached:
            g, operands, slopes = gradients[v], numbers_of(v.args), local_gradients(v)
            known = g, v.op.pulls(g, v.data, *operands)
            for mistake in linearity_mistakes(v.op, v.data, operands, slopes, [known]).values():
                raise GradientMismatch(f"{mistake}. Run check_gradients on the output to check all rules")


# Stages --------------------------------------------------------------------------------------------------------------


_Use = tuple[Value, LocalGradient]  # the result of a stage, and its local gradient on the operand


class _ExplainedStage(NamedTuple):
    result: Value
    formula: str
    local_gradients: Sequence[LocalGradient]  # one for each path from the result back to an operand


def _stages(
    nodes: Sequence[Value], names: Mapping[Value, str], detail: str, gradients: Mapping[Value, float]
) -> list[_ExplainedStage]:
    """Divide the graph into stages, in the order of creation."""
    uses = Counter(x for v in nodes for x in v.args if isinstance(x, Value))
    numbered = {v for i, v in enumerate(nodes, 1) if not v.label and names[v].partition("#")[0] == f"v{i}"}
    once = {v for v in numbered if uses[v] == 1}  # these can be part of the formula of the one that uses them
    stages: list[_ExplainedStage] = []
    inside: set[Value] = set()
    for v in reversed(nodes):
        if v not in inside:
            inner = _arithmetic_inside(v, once) if detail == "stage" and v not in numbered else []
            line = graph_formulas([*inner, v], names)[v].text if inner else ""
            if not 0 < len(line) <= LONGEST_FORMULA:
                inner, line = [], "" if v.op is None else short_formula(v, names)
            inside.update(inner)
            stages.append(_ExplainedStage(v, line, _stage_gradients(v, inner, names, gradients[v])))
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


def _stage_gradients(
    result: Value, inner: Sequence[Value], names: Mapping[Value, str], g: float
) -> list[LocalGradient]:
    if result.op is None:
        return []
    line = [*inner, result]
    terms = {x: Term(names[x]) for v in line for x in v.args if isinstance(x, Value)} | {result: Term(names[result])}
    return line_gradients(line, terms, g)


# The chain rule ------------------------------------------------------------------------------------------------------


def _chain_rule(
    v: Value, uses: Sequence[_Use], gradients: Mapping[Value, float], names: Mapping[Value, str], output: Value
) -> ChainRule:
    def d(x: Value) -> str:
        return f"d {names[output]}/d {names[x]}"

    total = in_equation(gradients[v])
    if v is output:
        return ChainRule((d(v), total), "first, because backward begins here")
    added = [local.part for _, local in uses]
    digits = _true_digits(added, sum_, gradients[v]) or 0  # never None: backward() added the same parts
    parts = [_shown(part, digits) for part in added]
    symbolic, numeric, exceptions = [], [], []
    for (user, local), part in zip(uses, parts):
        product = _product(local, gradients[user], digits)
        symbolic.append(f"{product.local} × {d(user)}" if product else part)
        numeric.append(f"{product.local_number} × {product.above}" if product else part)
        if not product:
            exceptions.append(_exception(local, gradients[user], part, names[user], user))
    equation = [] if numeric == parts else [_summed(symbolic), _summed(numeric)]
    equation += [_summed(parts)] * (len(parts) > 1)
    return ChainRule(
        (d(v), *equation, total), "; ".join([_why([names[user] for user, _ in uses]), *_listed(exceptions)])
    )


# True arithmetic -----------------------------------------------------------------------------------------------------
#
# An equation shows a product only where the two numbers, as they are shown, multiply to the part that backward() adds,
# as that is shown. Elsewhere it shows the part: with infinities, and where products overflow or vanish, a rule may give
# something else than g times what it gives for 1.


class _Product(NamedTuple):
    """A local gradient, as a formula and as a number, and the gradient from above, ready to show as factors."""

    local: str
    local_number: str
    above: str


def _product(local: LocalGradient, above: float, digits: int) -> _Product | None:
    """Return the product that a part is, as it is shown; None where the part is not the product.

    Arguments:
        local: the local gradient, and the part.
        above: the gradient of the stage that it is about.
        digits: those of the part.
    """
    number, formula = cast(float, local.number), local.formula
    # A constant has the same digits in the formula and below.
    least = 9 if formula == constant(in_formula(number)) else 0
    own = _true_digits([number, above], operator.mul, local.part, digits, least)
    if own is None:
        return None
    text = _shown(number, max(own, least))
    # A formula that is too long to read is replaced by its number.
    term = constant(text) if not formula or least or len(formula.text) > _LONGEST_LOCAL_GRADIENT else formula
    return _Product(term.factor, text, _shown(above, own))


def _true_digits(
    numbers: Sequence[float], combine: Callable[..., float], result: float, shown: int = 0, least: int = 0
) -> int | None:
    """Return the fewest digits with which the numbers, as they are shown, combine to the result, as it is shown.

    0 stands for the format of equations, which is tried first. None where the numbers do not combine to the result.

    Arguments:
        shown: the digits of the result.
        least: digits that the first number has in any case.
    """
    digits: int  # not Any, as Decimal's arithmetic has it
    for digits in [0, *range(5, 18)]:
        first, *others = numbers
        rounded = [_shown(first, max(digits, least)), *(_shown(x, digits) for x in others)]
        if _is_shown_as(combine(*map(float, rounded)), result, shown):
            return digits
    return None


def _is_shown_as(found: float, result: float, digits: int) -> bool:
    """Return True if a number is another one as it is shown, but for the rounding of the last digit."""
    shown = Decimal(_shown(result, digits))  # a float may overflow: the largest one has more than four digits
    if result == 0 or not (math.isfinite(found) and math.isfinite(result)):
        return str(found + 0.0) == str(result + 0.0)
    has_decimals = not digits and 0.001 <= abs(result) < 1e6
    last = -4 if has_decimals else shown.adjusted() + 1 - (digits or 4)
    return abs(Decimal(found) - shown) <= Decimal("0.6") * Decimal(10) ** last


def _shown(x: float, digits: int) -> str:
    return significant(x, digits) if digits else in_equation(x)


def _exception(local: LocalGradient, above: float, part: str, name: str, result: Value) -> str:
    """Say that a part is not a product."""
    rule = f"the rule of {local.user.op.name}" if local.user is result and local.user.op else f"the line of {name}"
    if local.number == local.part == 0:
        return f"{rule} passes 0 here, whatever comes from {name}"
    factors = (significant(cast(float, x), 4) for x in (local.number, above))
    return f"{rule} gives {part}, not the product of {' and '.join(factors)}"


def _listed(sentences: Iterable[str]) -> list[str]:
    different = [*dict.fromkeys(sentences)]
    more = len(different) - _SHOWN_USES
    return [*different[:_SHOWN_USES], *([f"and so on for {more} more"] if more > 0 else [])]


def _summed(terms: Sequence[str]) -> str:
    first, *others = terms
    return " + ".join([first, *(f"({term})" if is_signed(term) else term for term in others)])


def _why(users: Sequence[str]) -> str:
    """Name the stages that had to come first."""
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
    local = _local_text(row, in_equation)
    if len(local) > _SHOWN_USES:
        local = [*local[: _SHOWN_USES - 1], f"{len(local) - _SHOWN_USES + 1} more"]
    cells = [row.name, row.formula, decimals(row.value), ", ".join(local), aligned(row.global_gradient)]
    return cells if row.faux_gradient is None else [*cells, aligned(row.faux_gradient)]


def _local_text(row: Row, number: Callable[[float], str]) -> list[str]:
    return [f"{NO_GRADIENT if x is None else number(x)} on {user}" for user, x in row.local_gradients]


def _html_row(row: Row) -> str:
    """Return a row of the table; pointing at a number shows all its digits."""
    exact = ["", "", repr(row.value), "\n".join(_local_text(row, repr))]
    exact += [repr(row.global_gradient), repr(row.faux_gradient)]
    cells = [
        f'<td style="{_side(i)}" title="{html.escape(digits)}">{html.escape(cell)}</td>'
        for i, (cell, digits) in enumerate(zip(_cells(row), exact))
    ]
    return "<tr>" + "".join(cells).replace(' title=""', "") + "</tr>"


def _side(column: int) -> str:
    return f"text-align: {'right' if column in _NUMBERS else 'left'}; white-space: nowrap; padding: 0.2em 0.8em"


def _wrapped(step: ChainRule, number: str) -> list[str]:
    """Write a step on as few lines as possible, broken before equals signs, and only if necessary within a sum."""
    margin = " " * len(number)
    lines = [printable(number + " = ".join(step.equation))]
    if width(lines[0]) > line_width():
        lines = [printable(number + step.equation[0])]
        for part in step.equation[1:]:
            lines += paragraph(f"= {part}", margin + "    ", margin + "      ")
    lines += paragraph(step.why, margin + "  ", margin + "  ")
    return folded("\n".join(lines), line_width())  # names may be wider than a line
