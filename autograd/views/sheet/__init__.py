"""The graph as a spreadsheet that computes itself: `to_spreadsheet(output, path)`.

The form is that of the articles' spreadsheets: a column for each stage, below it its value, its local, global and faux
gradient; then a row for each stage nudged by tiny. The training sheet has a row for each attempt. Only the input cells
hold numbers: everything else is a formula, made from the rows of the table of operations.

A *stage* is a leaf, a labelled Value, the output, what is used more than once, and what enters or leaves a function
such as `tanh`. The arithmetic between two stages is written into the formula of the later one: what enters the tanh of
a neuron is `input * weight + bias`, whether it has a label or not. The local gradients of a stage are those of its
formula: it is recorded apart, differentiated by `grad`, and lowered to a program.

From the top: `to_spreadsheet` checks and refuses; `_stages` reads the graph; `_Gradients` and `_Training` write a sheet
each. Text that users wrote is written by `write_string` alone, so it is never a formula.
"""

from __future__ import annotations

import io
import math
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from autograd.codegen.program import Operand, Program, lower
from autograd.codegen.spreadsheet import (
    ATOM,
    POWER,
    PRODUCT,
    SPELLINGS,
    SUM,
    Formula,
    constant,
    formulas,
    is_spelled,
    places_with_cells,
)
from autograd.engine import Value, flatten, grad, graph_of, record, replay
from autograd.files import write_whole
from autograd.floats import number
from autograd.ops import TABLE, Op
from autograd.views.names import Names, names_of
from autograd.views.text import PICTURES

_OPERANDS_PER_NODE = 10  # a graph with more is too dense to be read in a sheet, however few its nodes are
_INLINED = 4  # operations in the formula of a stage, at most
_OPERANDS = 12  # of an operation within a longer formula, at most
_TERMS = 200  # of a sum in one formula
_LONGEST = 1_000  # characters of a formula made of several operations
_CELLS = 1_000_000  # of a training sheet; a minute's work for a spreadsheet
_FORMULA = 8_192  # characters
_COLUMNS, _ROWS = 16_384, 1_048_576  # of any sheet
_FILLED = 50  # stages up to which a row of faux gradients repeats the numbers it starts from, as in the article
_TEXT = 32_767  # characters in a cell, at most
_WIDTH = 14  # of a column, in characters, at least
_WORDS = 60  # characters of a formula in words, at most; in place of a longer one stands the operation's sign


def to_spreadsheet(
    output: Value,
    path: str | os.PathLike[str],
    *,
    train: Any = None,
    lr: float = 0.1,
    attempts: int = 1000,
    tiny: float = 1e-4,
    names: Names | None = None,
    max_nodes: int = 500,
) -> Path:
    """Write the graph of `output` as an .xlsx spreadsheet that computes values and gradients by itself.

    The sheet "Gradients" has a column for each stage (leaves, Values with a name, what is used more than once, what
    enters or leaves a function such as tanh, and the output) with its formula, value, local gradient on each following
    stage, global gradient on the output, and faux gradient: how far the output moves when the stage is nudged by the
    cell Tiny, divided by it. The leaves are the coloured input cells: change one, and everything is computed anew.

    As in the article, a difference `error = output - target` is seen through: the local gradient of `output` is the one
    on the stage after `error`, because the one on `error` is always 1.

    Arguments:
        output: the Value to explain, usually the loss.
        path: the file to write; its name ends in .xlsx.
        train: a leaf, or lists of leaves: adds the sheet "Training", in which gradient descent trains them, a row for
            each attempt, with a chart of the falling error.
        lr: the learning rate to begin with (cell A2 of that sheet).
        attempts: the number of rows.
        tiny: the nudge to begin with.
        names: names to use before labels and variables, as `draw` takes them; `{}` leaves the variables' names out.
        max_nodes: the largest number of Values that is still written.

    Returns the path. The file appears at once or not at all, and has the same bytes every time.

    Spreadsheets have no infinity and no nan: such a cell shows an error, and a leaf that is one is `#N/A`. Numbers are
    the same as Python's to about 12 digits; a difference of numbers that agree to 15 digits is 0 in a spreadsheet.

    Raises:
        TypeError: `output` is no Value, or `train` something else than Values.
        ValueError: the graph is too large, has an operation of your own that spreadsheets do not know, or an argument
            makes no sense.
        ModuleNotFoundError: XlsxWriter is not installed: `pip install "scalar-autograd[sheet]"`.

    >>> import tempfile
    >>> from autograd import tanh
    >>> weight, bias = Value(0.5, "weight"), Value(0.6, "bias")
    >>> output = tanh(Value(0.4, "input") * weight + bias)
    >>> output.label = "output"
    >>> loss = (output - 0.7) ** 2 / 2
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_spreadsheet(loss, folder + "/neuron.xlsx", train=[weight, bias]).name
    'neuron.xlsx'
    """
    values = graph_of(output)
    path = Path(path)
    lr, tiny = number(lr), number(tiny)
    _check_arguments(path, lr, attempts, tiny)
    _check_graph(values, max_nodes)
    trained = [] if train is None else flatten(train)
    if train is not None:
        _check_trained(trained, values)
    xlsxwriter = _xlsxwriter()
    copies, shown = _copied(values, names_of(values, names, repeat_labels=True))
    stages = _stages(copies[output], shown)
    if len(stages) + 2 > _COLUMNS:
        raise ValueError(
            f"the graph needs {len(stages) + 2:,} columns, a spreadsheet has {_COLUMNS:,}: write a part of it"
        )
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as workbook:
        workbook.set_properties({"created": datetime(2000, 1, 1), "title": "Values and gradients"})  # same bytes
        gradients = _Gradients(workbook, stages, tiny)
        gradients.write()
        if train is not None:
            _Training(workbook, gradients, [copies[v] for v in trained], lr, attempts).write()
    write_whole(path, buffer.getvalue())
    return path


def _xlsxwriter() -> Any:
    try:
        import xlsxwriter  # noqa: PLC0415  # optional, so imported when first used
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError(
            'to_spreadsheet() needs XlsxWriter: pip install "scalar-autograd[sheet]"', name=problem.name
        ) from None
    return xlsxwriter


def _check_arguments(path: Path, lr: float, attempts: int, tiny: float) -> None:
    if path.suffix.lower() != ".xlsx":
        raise ValueError(f"the name of a spreadsheet ends in .xlsx, got {str(path)!r}")
    if not math.isfinite(lr):
        raise ValueError(f"lr is the learning rate, a number such as 0.1, got {lr}")
    if not 0 < abs(tiny) < math.inf:
        raise ValueError(f"tiny is the size of the nudge: a small number, not {tiny}")
    if isinstance(attempts, bool) or not isinstance(attempts, int):
        raise TypeError(f"attempts is the number of rows, got {type(attempts).__name__} {attempts!r}")
    if not 1 <= attempts <= _ROWS - 2:
        raise ValueError(f"attempts is the number of rows, from 1 to {_ROWS - 2:,}, got {attempts:,}")


def _check_graph(values: Sequence[Value], max_nodes: int) -> None:
    operands = sum(len(v.args) for v in values) if len(values) <= max_nodes else 0
    if len(values) > max_nodes or operands > max_nodes * _OPERANDS_PER_NODE:
        size = f"{len(values):,} Values" + (f" with {operands:,} operands" if operands else "")
        raise ValueError(
            f"the graph has {size}, too large for a readable spreadsheet (max_nodes={max_nodes:,}): "
            "write an intermediate value of it, or a smaller example; or pass a larger max_nodes"
        )
    for v in values:
        if v.op is not None and not is_spelled(v.op):
            raise ValueError(
                f"no spreadsheet knows the operation {v.op.name}: add its formula, with {{0}} for the operand, to "
                f"autograd.codegen.spreadsheet.SPELLINGS, or write it with the table's operations"
            )


def _check_trained(trained: Sequence[Value], values: Sequence[Value]) -> None:
    graph = set(values)
    if not trained:
        raise ValueError("train: no leaf to train; leave it out for the gradients alone")
    for v in trained:
        if v.op is not None:
            raise ValueError(f"train takes leaves, but {v} was made by {v.op}")
        if v not in graph:
            raise ValueError(f"train: the output does not depend on {v}")
    if len(set(trained)) != len(trained):
        raise ValueError("train: a leaf stands there twice")


# Reading the graph ---------------------------------------------------------------------------------------------------


@dataclass
class _Stage:
    """A column: a Value, and the earlier stages that its formula is made of."""

    value: Value
    name: str
    words: str  # its formula, for people
    operands: list[Value]
    program: Program  # from the operands to the value
    slopes: Program  # ... to the value and its local gradient on each operand
    local: list[float]

    def formula(self, cells: Sequence[str]) -> Formula:
        """The formula of the value, given the operands' cells."""
        named = dict(enumerate(cells))
        return _text(self.program.outputs[0], named, formulas(self.program, named))

    def local_formulas(self, cells: Sequence[str], own: str) -> list[Formula]:
        """The formulas of the local gradients on the operands, given their cells and the value's own."""
        value, *local = self.slopes.outputs
        named = dict(enumerate(cells))
        if type(value) is int:
            named.setdefault(value, own)
        texts = formulas(self.slopes, named)
        return [_text(place, named, texts) for place in local]


def _text(place: Operand, cells: Mapping[int, str], texts: Sequence[Formula]) -> Formula:
    if type(place) is int:
        return Formula(cells[place]) if place in cells else texts[place]
    return constant(place)


def _copied(values: Iterable[Value], given: Mapping[Value, str]) -> tuple[dict[Value, Value], dict[Value, str]]:
    """A copy of the graph, computed anew from the leaves, with long sums taken in parts, and the names of the copies.

    A Value that somebody named has its name as its label too.
    """
    copies: dict[Value, Value] = {}
    names: dict[Value, str] = {}
    for i, v in enumerate(values, start=1):
        name = given[v]
        if v.op is None:
            copies[v] = Value(v.data)
        else:
            operands = [copies[x] if type(x) is Value else x for x in v.args]
            while v.op.variadic and len(operands) > _TERMS:
                part, operands = _first_part(v.op, operands)
                names[part] = f"{name}, begun"
            copies[v] = record(v.op, tuple(operands))
        copies[v].label = v.label or (name if name != f"v{i}" else None)
        names[copies[v]] = name
    return copies, names


def _first_part(op: Op, operands: list[Any]) -> tuple[Value, list[Any]]:
    """The first terms of a long sum or dot, and the operands of the sum that goes on from there, left to right."""
    if op is TABLE["sum"]:
        part = record(op, tuple(operands[:_TERMS]))
        return part, [part, *operands[_TERMS:]]
    half, terms = len(operands) // 2, _TERMS // 2
    xs, ys = operands[:half], operands[half:]
    part = record(op, (*xs[:terms], *ys[:terms]))
    return part, [part, *xs[terms:], 1.0, *ys[terms:]]


def _stages(output: Value, names: Mapping[Value, str]) -> list[_Stage]:
    """The columns, from left to right: in order of creation, but each leaf stands before the first stage it enters."""
    values = graph_of(output)
    chosen = _chosen(values)
    made = {v: _apart(v, chosen, names) for v in values if v in chosen and v.op is not None}
    for v, stage in list(made.items()):
        inner, cells = _inner(v, chosen), ["XX10000"] * len(stage.operands)
        if len(inner) > 1 and max(map(len, [stage.formula(cells), *stage.local_formulas(cells, "XX10000")])) > _LONGEST:
            chosen.update(inner)
            made |= {x: _apart(x, chosen, names) for x in inner}
    columns: dict[Value, _Stage] = {}
    nothing = Program(0, [], [])
    for v in [v for v in values if v in made] or [output]:
        for x in [*(made[v].operands if v in made else ()), v]:
            if x not in columns:
                columns[x] = made.get(x) or _Stage(x, names[x], "", [], nothing, nothing, [])
    return list(columns.values())


def _chosen(values: Sequence[Value]) -> set[Value]:
    """The Values that get a column: the others can be written into the formula of the one stage that uses them."""
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


def _inner(v: Value, chosen: Collection[Value]) -> list[Value]:
    """What is written into the formula of `v`, and `v` itself, in order of creation."""
    return graph_of(v, known=chosen.__contains__)


def _apart(v: Value, chosen: Collection[Value], names: Mapping[Value, str]) -> _Stage:
    """The stage of `v`: its formula recorded apart, on leaves in the place of earlier stages, and differentiated."""
    leaves: dict[Value, Value] = {}
    fresh: dict[Value, Value] = {}
    words: dict[Value, Formula] = {}
    for u in _inner(v, chosen):
        assert u.op is not None  # leaves have columns of their own
        for x in u.args:
            if type(x) is Value and x in chosen:
                leaves.setdefault(x, Value(x.data))
                fresh[x], words[x] = leaves[x], Formula(names[x])
        fresh[u] = record(u.op, tuple(fresh[x] if type(x) is Value else x for x in u.args))
        words[u] = _worded(u.op, [words[x] if type(x) is Value else _short(cast(float, x)) for x in u.args])
    inputs = list(leaves.values())
    local = grad(fresh[v], inputs)
    program, slopes = lower([fresh[v]], inputs), lower([fresh[v], *local], inputs)
    return _Stage(v, names[v], words[v], list(leaves), program, slopes, [g.data for g in local])


def _worded(op: Op, operands: Sequence[Formula]) -> Formula:
    """The operation as the table reads it, with no more parentheses than needed."""
    if op.symbol == op.name:
        return Formula(op.read(*operands))
    binds = POWER if op is TABLE["pow"] else SPELLINGS[op.name][1]
    least = [binds, binds + 1] if binds in (SUM, PRODUCT) and len(operands) == 2 else [ATOM, ATOM]
    return Formula(op.read(*(format(x, str(n)) for x, n in zip(operands, least))), binds)


def _short(x: float) -> Formula:
    return Formula(f"{x:.6g}", SUM if math.copysign(1, x) < 0 else ATOM)


# The sheets ----------------------------------------------------------------------------------------------------------

_WRITABLE = {code: shown for code, shown in PICTURES.items() if chr(code) not in "\t\n"}

_LOOKS: dict[str, dict[str, Any]] = {
    "head": {"bold": True, "bg_color": "#DDE6F0", "bottom": 1, "align": "right"},
    "side": {"bold": True},
    "words": {"italic": True, "font_color": "#666666", "align": "right"},
    "number": {},
    "input": {"align": "right", "bg_color": "#FFF2CC", "font_color": "#1F4E9C", "border": 1, "border_color": "#D6B656"},
    "result": {"bold": True, "bg_color": "#E8F3E8"},
    "charted": {"bg_color": "#E8F3E8"},
    "faint": {"font_color": "#888888"},
    "count": {"num_format": "0"},
}
_LOOKS["rate"] = _LOOKS["input"] | {"align": "left"}  # below its name, in a wide column
_DECIMALS, _EXPONENT = "0.0000000", "0.000000E+00"


class _Sheet:
    """A worksheet: text by `text`, numbers by `input` and `formula`."""

    def __init__(self, workbook: Any, name: str) -> None:
        self.workbook, self.name = workbook, name
        self.sheet = workbook.add_worksheet(name)
        self.looks: dict[tuple[str, str], Any] = {}
        self.sheet.set_landscape()
        self.sheet.fit_to_pages(1, 0)  # printed one page wide

    def look(self, name: str, x: float | None = None) -> Any:
        """A format; with `x` one whose digits suit it."""
        digits = "" if x is None else _DECIMALS if x == 0 or 1e-4 <= abs(x) < 1e7 or not math.isfinite(x) else _EXPONENT
        if (name, digits) not in self.looks:
            options = ({"num_format": digits} if digits else {}) | _LOOKS[name]
            self.looks[name, digits] = self.workbook.add_format(options)
        return self.looks[name, digits]

    def text(self, row: int, column: int, text: str, look: str = "side") -> None:
        text = text.translate(_WRITABLE)
        units = text.encode("utf-16-le")  # as spreadsheets count, two bytes each
        if len(units) > 2 * _TEXT:
            text = units[: 2 * (_TEXT - 1)].decode("utf-16-le", "ignore") + "…"
        self.sheet.write_string(row, column, text, self.look(look))

    def input(self, row: int, column: int, x: float, look: str = "input") -> None:
        if math.isfinite(x):
            self.sheet.write_number(row, column, x, self.look(look, x))
        else:  # a spreadsheet has no such number
            self.sheet.write_formula(row, column, "=NA()", self.look(look, x), "#N/A")

    def formula(self, row: int, column: int, formula: str, x: float, look: str = "number") -> None:
        """Write a formula, with the number that Python has for it, for viewers that do not calculate."""
        if len(formula) >= _FORMULA:
            raise ValueError(
                f"a formula would have {len(formula):,} characters, more than the {_FORMULA:,} of a spreadsheet: "
                "a Value is used too often for that; write a smaller graph"
            )
        shown = x if math.isfinite(x) else "#NUM!"
        self.sheet.write_formula(row, column, f"={formula}", self.look(look, x), shown)


def _cell(row: int, column: int, pinned: str = "") -> str:
    """`B3`; with `pinned="row"` `B$3`, with "both" `$B$3`: what stays when a formula is copied elsewhere."""
    letters, n = "", column + 1
    while n:
        n, digit = divmod(n - 1, 26)
        letters = chr(65 + digit) + letters
    return f"{'$' * (pinned == 'both')}{letters}{'$' * bool(pinned)}{row + 1}"


def _width(*texts: str) -> float:
    """Of a column, in characters."""
    return max([_WIDTH, *(min(len(text) + 2, _WORDS) for text in texts)])


def _path(later: str, name: str) -> str:
    path = f"d {later} / d {name}"
    return path if len(path) <= _WORDS else ""


class _Gradients(_Sheet):
    """The sheet "Gradients": the table of the first article, and below it the replays with one stage nudged."""

    VALUE = 2  # the row

    def __init__(self, workbook: Any, stages: Sequence[_Stage], tiny: float) -> None:
        super().__init__(workbook, "Gradients")
        self.stages, self.tiny = stages, tiny
        self.output = stages[-1].value
        self.column = {stage.value: i for i, stage in enumerate(stages, start=1)}
        self.uses: dict[Value, list[tuple[_Stage, int]]] = {stage.value: [] for stage in stages}
        for stage in stages:
            for i, x in enumerate(stage.operands):
                self.uses[x].append((stage, i))
        paths = max(map(len, self.uses.values()))
        self.local = [self.VALUE + 2 + 2 * i for i in range(paths)]  # rows; above each, what the numbers are
        self.globals = self.VALUE + 2 * paths + 1
        self.faux, self.tinys, self.nudged = (self.globals + i for i in (1, 3, 5))

    def is_difference(self, v: Value) -> bool:
        """Whether `v` is an error, output - target: a stage minus a leaf or a constant, on the way to one stage."""
        if v.op is not TABLE["sub"] or len(self.uses[v]) != 1:
            return False
        x, target = v.args
        made = type(x) is Value and x in self.column and x.op is not None
        return made and (not isinstance(target, Value) or target.op is None)

    def next_stages(self, v: Value) -> Iterator[tuple[_Stage, int]]:
        """The stages that `v` enters, and as which operand; a difference is seen through."""
        for stage, i in self.uses[v]:
            if i == 0 and self.is_difference(stage.value):
                after, j = self.uses[stage.value][0]
                yield (stage, i) if self.is_difference(after.value) else (after, j)
            else:
                yield stage, i

    def write(self) -> None:
        last = len(self.stages)
        self.sheet.freeze_panes(self.VALUE + 1, 1)
        self.sheet.set_column(0, 0, 27)
        for column, stage in enumerate(self.stages, start=1):
            self.sheet.set_column(column, column, _width(stage.name, self.shown_words(stage)))
        self.sheet.set_column(last + 1, last + 1, _WIDTH)
        self.head(0)
        for row, name in [(1, "formula"), (self.VALUE, "value"), (self.globals, "global gradient")]:
            self.text(row, 0, name)
        self.text(self.faux, 0, "faux gradient")
        for i, row in enumerate(self.local):
            self.text(row, 0, "local gradient" if i == 0 else f"local gradient, path {i + 1}")
        for stage in self.stages:
            self.write_value(stage)
        self.write_gradients()
        self.text(self.tinys, 0, "Tiny")
        self.input(self.tinys, 1, self.tiny)
        self.workbook.define_name("Tiny", f"=Gradients!{_cell(self.tinys, 1, 'both')}")
        self.text(self.tinys, 2, "Coloured cells are the inputs: change one, and everything is computed anew.", "faint")
        self.write_replays()

    def head(self, row: int) -> None:
        self.text(row, 0, "", "head")
        for stage in self.stages:
            self.text(row, self.column[stage.value], stage.name, "head")

    def cell(self, v: Value, row: int = VALUE, pinned: str = "") -> str:
        return _cell(row, self.column[v], pinned)

    def shown_words(self, stage: _Stage) -> str:
        return stage.words if len(stage.words) <= _WORDS or stage.value.op is None else stage.value.op.symbol

    def write_value(self, stage: _Stage) -> None:
        v, column = stage.value, self.column[stage.value]
        if v.op is None:
            self.input(self.VALUE, column, v.data)
            return
        self.text(1, column, self.shown_words(stage), "words")
        formula = stage.formula([self.cell(x) for x in stage.operands])
        self.formula(self.VALUE, column, formula, v.data, "result" if v is self.output else "number")

    def write_gradients(self) -> None:
        gradients = {self.output: 1.0}
        for stage in reversed(self.stages):
            v, column = stage.value, self.column[stage.value]
            terms, total = [], 0.0
            for row, (later, i) in zip(self.local, self.next_stages(v)):
                cells = [self.cell(x) for x in later.operands]
                formula = later.local_formulas(cells, self.cell(later.value))[i]
                self.text(row - 1, column, _path(later.name, stage.name), "words")
                self.formula(row, column, formula, later.local[i])
                terms.append(f"{self.cell(v, row)}*{self.cell(later.value, self.globals)}")
                total += later.local[i] * gradients[later.value]
            if v is not self.output:
                gradients[v] = total
            self.formula(self.globals, column, "+".join(terms) or "1", gradients[v])

    def write_replays(self) -> None:
        """A row for each stage: the numbers with it nudged, and how far the output moves; the last stage first."""
        values, last = graph_of(self.output), len(self.stages) + 1
        self.head(self.nudged)
        self.text(self.nudged, last, "Faux gradient", "head")
        for row, stage in enumerate(reversed(self.stages), start=self.nudged + 1):
            v = stage.value
            self.text(row, 0, f"Faux gradient of ‘{stage.name}’:")
            data = replay(values, {v: v.data + self.tiny})
            moved = {later.value for later in self.stages if later.value in data}
            shown = set(moved)
            self.formula(row, self.column[v], f"{self.cell(v, pinned='row')}+Tiny", data[v], "result")
            for later in self.stages:
                if later.value in moved and later.value is not v:
                    if len(self.stages) <= _FILLED:
                        shown.update(later.operands)
                    cells = [self.cell(x, row) if x in shown else self.cell(x, pinned="row") for x in later.operands]
                    self.formula(row, self.column[later.value], later.formula(cells), data[later.value])
            for x in shown - moved:
                self.formula(row, self.column[x], self.cell(x, pinned="row"), x.data, "faint")
            faux = (data[self.output] - self.output.data) / self.tiny
            moved_by = f"({self.cell(self.output, row)}-{self.cell(self.output, pinned='row')})/Tiny"
            self.formula(row, last, moved_by, faux, "result")
            self.formula(self.faux, self.column[v], _cell(row, last), faux)


_ROW, _ABOVE = "{row}", "{above}"  # marks in a column's formula: no formula has braces
_LINES = ["#F1A340", "#2166AC"]  # of the error and of the loss
_TRAINING_NOTES = [
    "Each row is an attempt. Its parameters are those of the row above,",
    "less their gradient times the learning rate.",
    "What it starts from are the inputs in the sheet Gradients.",
]


class _Training(_Sheet):
    """The sheet "Training": gradient descent, a row for each attempt, as in the article on training."""

    HEAD, FIRST, LEFT = 1, 2, 2  # rows, and the first column of the table

    def __init__(
        self, workbook: Any, gradients: _Gradients, trained: Sequence[Value], lr: float, attempts: int
    ) -> None:
        self.gradients, self.lr, self.attempts = gradients, lr, attempts
        stages = gradients.stages
        self.leaves = [stage.value for stage in stages if stage.value.op is None]
        inner = [stage.value for stage in stages if stage.value.op is not None and stage.value is not gradients.output]
        slopes = grad(gradients.output, [*trained, *inner])
        program = lower([*(stage.value for stage in stages), *slopes], self.leaves)
        self.program = program
        places = iter(program.outputs)
        self.place: dict[Value, Operand] = {stage.value: next(places) for stage in stages}
        self.slope: dict[Value, Operand] = {v: next(places) for v in [*trained, *inner]}
        self.trained = trained
        error = [v for v in inner if gradients.is_difference(v)][-1:]
        self.charted = [*error, gradients.output] if gradients.output.op is not None else []
        self.columns = self.laid_out()
        cells = (len(self.columns) + 1) * attempts
        if cells > _CELLS or len(self.columns) + self.LEFT > _COLUMNS:
            raise ValueError(
                f"the training sheet would have {len(self.columns):,} columns and {attempts:,} rows, too many for a "
                f"spreadsheet ({_CELLS:,} cells are): pass fewer attempts, or a smaller graph"
            )
        super().__init__(workbook, "Training")

    def laid_out(self) -> list[tuple[str, Operand | None]]:
        """The columns from left to right: their heads, and which number of the program each has (None: the attempt)."""
        columns: list[tuple[str, Operand | None]] = []
        names = {stage.value: stage.name for stage in self.gradients.stages}
        for v, name in names.items():
            if v not in self.charted:
                columns.append((name, self.place[v]))
            if v in self.trained:
                columns.append((f"{name} gradient", self.slope[v]))
        self.attempt = len(columns)
        columns += [("attempt", None), *((names[v], self.place[v]) for v in self.charted)]
        shown = {place for _, place in columns if type(place) is int}
        slopes = {place: f"{names[v]} gradient" for v, place in self.slope.items()}
        helpers = [place for place in places_with_cells(self.program, shown) if place not in shown]
        return columns + [(slopes.get(place, f"step {i}"), place) for i, place in enumerate(helpers, start=1)]

    def write(self) -> None:
        self.sheet.freeze_panes(self.FIRST, self.LEFT)
        self.sheet.set_column(0, 0, 62)
        self.sheet.set_column(1, 1, 2)
        self.text(0, 0, "Learning rate")
        self.input(1, 0, self.lr, "rate")
        self.workbook.define_name("Learning_rate", f"=Training!{_cell(1, 0, 'both')}")
        for row, note in enumerate(_TRAINING_NOTES, start=self.FIRST):
            self.text(row, 0, note, "faint")
        outputs, helpers = self.LEFT + self.attempt, self.LEFT + self.attempt + 1 + len(self.charted)
        self.text(0, self.LEFT, "Values and gradients")
        self.text(0, outputs, "Outputs")
        if helpers < self.LEFT + len(self.columns):
            self.text(0, helpers, "On the way to the gradients")
        for column, (head, _) in enumerate(self.columns, start=self.LEFT):
            self.sheet.set_column(column, column, _width(head))
            self.text(self.HEAD, column, head, "head")
        self.write_attempts()
        if self.charted:
            self.write_chart(outputs)

    def write_attempts(self) -> None:
        templates = self.templates()
        history: list[list[float]] = []
        state = {v: v.data for v in self.leaves}
        for row in range(self.FIRST, self.FIRST + self.attempts):
            numbers = self.run(list(state.values()))
            for column, (_, place) in enumerate(self.columns, start=self.LEFT):
                first, later, look = templates[column - self.LEFT]
                formula = (first if row == self.FIRST else later).replace(_ROW, str(row + 1)).replace(_ABOVE, str(row))
                x = float(row - self.FIRST + 1) if place is None else numbers[place] if type(place) is int else place
                self.formula(row, column, formula, x, look)
            for v in self.trained:
                slope = self.slope[v]
                state[v] -= (numbers[slope] if type(slope) is int else slope) * self.lr
            history.append([numbers[p] if type(p := self.place[v]) is int else p for v in self.charted])
        self.moving = _still_moving(history)

    def templates(self) -> list[tuple[str, str, str]]:
        """For each column its formula in the first row and in later ones, with marks for the rows, and its look."""
        letters = [_cell(0, column)[:-1] for column in range(self.LEFT, self.LEFT + len(self.columns))]
        cells: dict[int, str] = {}
        for letter, (_, place) in zip(letters, self.columns):
            if type(place) is int:
                cells.setdefault(place, letter + _ROW)
        texts = formulas(self.program, cells)
        found = []
        for letter, (_, place) in zip(letters, self.columns):
            look = "charted" if place in [self.place[v] for v in self.charted] else "number"
            if place is None:
                found.append(("1", f"{letter}{_ABOVE}+1", "count"))
            elif type(place) is not int or cells[place] != letter + _ROW:  # a constant, or what another column has
                formula = _text(place, cells, texts)
                found.append((formula, formula, look))
            elif place >= self.program.inputs:
                found.append((texts[place], texts[place], look))
            else:
                v, above = self.leaves[place], letter + _ABOVE
                if v in self.trained:
                    slope = _text(self.slope[v], cells, texts).replace(_ROW, _ABOVE)
                    above = f"{above}-{slope}*Learning_rate"
                found.append((f"Gradients!{self.gradients.cell(v, pinned='both')}", above, "number"))
        return found

    def run(self, inputs: list[float]) -> list[float]:
        """All numbers of the program, by the table's own functions."""
        numbers = list(inputs)
        for op, operands in self.program.steps:
            numbers.append(op.computes(*[numbers[x] if type(x) is int else x for x in operands]))
        return numbers

    def write_chart(self, attempt: int) -> None:
        """The error and the loss over the attempts, as far as they move: the axis can be made longer in the program."""
        last = self.FIRST + self.attempts - 1
        chart = self.workbook.add_chart({"type": "scatter", "subtype": "straight"})
        for column, colour in zip(range(attempt + 1, attempt + 1 + len(self.charted)), _LINES[-len(self.charted) :]):
            chart.add_series(
                {
                    "name": [self.name, self.HEAD, column],
                    "categories": [self.name, self.FIRST, attempt, last, attempt],
                    "values": [self.name, self.FIRST, column, last, column],
                    "line": {"color": colour, "width": 2},
                }
            )
        chart.set_title({"name": "Learning, attempt by attempt", "name_font": {"size": 12}, "overlay": False})
        chart.set_x_axis({"name": "attempt", "min": 0, "max": self.moving, "num_format": "0", "label_position": "low"})
        chart.set_y_axis({"num_format": "General", "major_gridlines": {"visible": True, "line": {"color": "#DDDDDD"}}})
        chart.set_legend({"position": "bottom"})
        chart.set_size({"width": 430, "height": 330})
        self.sheet.insert_chart(self.FIRST + len(_TRAINING_NOTES) + 1, 0, chart, {"x_offset": 5, "object_position": 3})


def _still_moving(history: Sequence[Sequence[float]]) -> int:
    """How many attempts the chart shows: twice those after which all series stay within 1 % of where they end.

    >>> _still_moving([[1.0], [0.5], [0.1], [0.01], *([0.0],) * 96])
    10
    """
    last = 1
    for series in zip(*history):
        reach = 0.01 * max(abs(x - series[-1]) for x in series)
        last = max([last, *(k for k, x in enumerate(series, start=1) if abs(x - series[-1]) > reach)])
    return min(len(history), math.ceil(2 * last / 10) * 10)
