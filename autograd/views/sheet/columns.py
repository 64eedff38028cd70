"""Read a graph into the columns of a spreadsheet.

A leaf, a labelled Value, the output, a Value that is used more than once, and one that enters or leaves a function such
as `tanh` get a column each. The arithmetic between two columns is written into the formula of the later one: what
enters the tanh of a neuron is `input * weight + bias`, whether it has a label or not. The local gradients of a column
are those of its formula: it is recorded apart, differentiated by `grad`, and lowered to a program.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from autograd.codegen.formulas import graph_formulas, summary
from autograd.codegen.program import Program, expanded, lower, with_one_factor
from autograd.codegen.spreadsheet import Formula, formulas, operand
from autograd.engine import Value, grad, graph_of, record
from autograd.ops import Op, largest, smallest
from autograd.text import LONGEST_FORMULA
from autograd.views.gradients import Operands, reached_by_gradients, recorded_anew, same_operation
from autograd.views.limits import VIEWS_IN_PYTHON

_INLINED = 4  # operations in the formula of a column, at most
_OPERANDS = 12  # of an operation within a longer formula, at most
_LONGEST_LIST = 200  # operands of a sum, dot, largest or smallest in one formula; Excel's MAX takes 255
_LONGEST_OF_SEVERAL = 1_000  # characters of a formula made of several operations
_FAR_CELL = "XX10000"  # a reference about as long as they get


@dataclass
class Column:
    """A Value that has a column, and the earlier ones that its formula is made of."""

    value: Value
    name: str
    words: str  # its formula, for people; of a long one, the operation alone
    operands: list[Value]
    program: Program  # from the operands to the value
    slopes: Program  # ... to the value and its local gradient on each operand
    local: list[float | None]  # None where no gradient passes

    def formula(self, cells: Sequence[str]) -> Formula:
        """Return the formula of the value, given the operands' cells."""
        named = dict(enumerate(cells))
        return operand(self.program.outputs[0], formulas(self.program, named), named)

    def local_formulas(self, cells: Sequence[str], own: str) -> list[Formula]:
        """Return the formulas of the local gradients on the operands, given their cells and the value's own."""
        value, *local = self.slopes.outputs
        named = dict(enumerate(cells))
        if type(value) is int:
            named.setdefault(value, own)
        texts = formulas(self.slopes, named)
        return [operand(place, texts, named) for place in local]


def copied_graph(values: Iterable[Value], given: Mapping[Value, str]) -> tuple[dict[Value, Value], dict[Value, str]]:
    """Return a copy of each Value, and the names of the copies.

    The copies are recomputed from the leaves, with long lists split into parts. Names that the user gave become labels
    of the copies.
    """
    names: dict[Value, str] = {}

    def in_parts(v: Value, operands: Operands) -> Value:
        while v.op and (v.op.adds or v.op in (largest, smallest)) and len(operands) > _LONGEST_LIST:
            operands, terms = _parts(v.op, operands)
            names.update((part, f"{given[v]}, terms {these}") for part, these in terms.items())
        return same_operation(v, operands)

    copies = recorded_anew(values, result=in_parts)
    for i, (v, copy) in enumerate(copies.items(), start=1):
        copy.label = v.label or (given[v] if given[v] != f"v{i}" else "")
        names[copy] = given[v]
    return copies, names


def _parts(op: Op, operands: Operands) -> tuple[Operands, dict[Value, str]]:
    """Return the operands with which the operation of a long list gives the same of its parts, and the terms of each.

    A term is the product of the numbers at one place of all lists, so a part is continued as itself times 1. The
    largest or smallest of a part is one operand of the rest. (So a tie between parts counts as one between as many
    numbers.)
    """
    lists = op.lists(operands)
    most = _LONGEST_LIST // len(lists)
    parts: dict[Value, str] = {}
    for first in range(0, len(lists[0]), most):
        part = record(op, tuple(x for xs in lists for x in xs[first : first + most]))
        parts[part] = f"{first + 1} to {min(first + most, len(lists[0]))}"
    return (*parts, *[1.0] * (len(parts) * (len(lists) - 1))), parts


def columns_of(output: Value, names: Mapping[Value, str]) -> list[Column]:
    """Return the columns from left to right: in order of creation, but each leaf before the first column it enters."""
    values = graph_of(output)
    chosen = _with_columns(values)
    made = {v: _apart(v, chosen, names) for v in values if v in chosen and v.op is not None}
    for v, column in list(made.items()):
        inner, cells = graph_of(v, known=chosen.__contains__), [_FAR_CELL] * len(column.operands)
        if (
            len(inner) > 1
            and max(map(len, [column.formula(cells), *column.local_formulas(cells, _FAR_CELL)])) > _LONGEST_OF_SEVERAL
        ):
            chosen.update(inner)
            made |= {x: _apart(x, chosen, names) for x in inner}
    columns: dict[Value, Column] = {}
    nothing = Program(0, [], [])
    for v in [v for v in values if v in made] or [output]:
        for x in [*(made[v].operands if v in made else ()), v]:
            if x not in columns:
                columns[x] = made.get(x) or Column(x, names[x], "", [], nothing, nothing, [])
    return list(columns.values())


def _with_columns(values: Sequence[Value]) -> set[Value]:
    """Return the Values that get a column; each other is written into the formula of the one column that uses it."""
    uses = Counter(x for v in values for x in v.args if type(x) is Value)
    chosen = {v for v in values if v.op is None or v.label or uses[v] != 1 or len(v.args) > _OPERANDS}
    for v in values:
        if v.op is not None and v.op.symbol == v.op.name and not v.op.variadic:  # tanh(net): net and its tanh
            chosen |= {v, *(x for x in v.args if type(x) is Value)}
    size: dict[Value, int] = {}  # of its formula
    for v in values:
        inlined = {x for x in v.args if type(x) is Value and x not in chosen}
        if sum(size[x] for x in inlined) >= _INLINED or (inlined and len(v.args) > _OPERANDS):
            chosen |= inlined
            inlined = set()
        size[v] = 1 + sum(size[x] for x in inlined)
    return chosen


def _apart(v: Value, chosen: Collection[Value], names: Mapping[Value, str]) -> Column:
    """Return the column of `v`: its formula recorded on leaves in place of earlier columns, and differentiated."""
    inner = graph_of(v, known=chosen.__contains__)  # the Values that are written into its formula, and itself
    leaves: dict[Value, Value] = {}
    result = recorded_anew(inner, lambda x: leaves.setdefault(x, Value(x.data)))[v]
    words = graph_formulas(inner, names)[v].text
    inputs = list(leaves.values())
    local = grad(result, inputs)
    reached = reached_by_gradients(result, graph_of(result))
    program, slopes = (
        expanded(with_one_factor(lower(outputs, inputs)), "spreadsheet", otherwise=VIEWS_IN_PYTHON)
        for outputs in ([result], [result, *local])
    )
    return Column(
        value=v,
        name=names[v],
        words=words if len(words) <= LONGEST_FORMULA else summary(v),
        operands=list(leaves),
        program=program,
        slopes=slopes,
        local=[g.data if x in reached else None for x, g in zip(inputs, local, strict=True)],
    )
