"""Write the sheet "Training": gradient descent, a row for each attempt, as in the article on training."""

import math
from collections.abc import Sequence
from typing import Any

from autograd.codegen.program import Operand, expanded, lower, with_one_factor
from autograd.codegen.spreadsheet import formulas, operand, places_with_cells
from autograd.engine import Value, grad
from autograd.views.limits import VIEWS_IN_PYTHON
from autograd.views.sheet.gradients_sheet import GradientsSheet
from autograd.views.sheet.worksheet import CELLS, COLUMNS, Worksheet, cell_name, column_width

_ROW, _ABOVE = "{row}", "{above}"  # placeholders in a column's formula; formulas have no other braces
_CURVE_COLOURS = ["#F1A340", "#2166AC"]  # of the error and of the loss
_TRAINING_NOTES = [
    "Each row is an attempt. Its parameters are those of the row above,",
    "less their gradient times the learning rate.",
    "The first row starts from the inputs in the sheet Gradients.",
]


class TrainingSheet(Worksheet):
    """The sheet "Training": gradient descent, a row for each attempt, as in the article on training."""

    HEAD, FIRST, LEFT = 1, 2, 2  # the rows of the heads and of the first attempt, and the first column of the table

    def __init__(
        self, workbook: Any, gradients: GradientsSheet, trained: Sequence[Value], lr: float, attempts: int
    ) -> None:
        self.gradients, self.lr, self.attempts = gradients, lr, attempts
        values = [column.value for column in gradients.columns]
        self.leaves = [v for v in values if v.op is None]
        inner = [v for v in values if v.op is not None and v is not gradients.output]
        slopes = grad(gradients.output, [*trained, *inner])
        self.program = expanded(
            with_one_factor(lower([*values, *slopes], self.leaves)), "spreadsheet", otherwise=VIEWS_IN_PYTHON
        )
        self.place = dict(zip(values, self.program.outputs))
        self.slope = dict(zip([*trained, *inner], self.program.outputs[len(values) :], strict=True))
        self.trained = dict.fromkeys(trained)  # in order; a list would compare each leaf with each
        error = [v for v in inner if gradients.is_difference(v)][-1:]
        self.charted = [*error, gradients.output] if gradients.output.op is not None else []
        self.columns = self.laid_out()
        cells = len(self.columns) * attempts
        if cells > CELLS or len(self.columns) + self.LEFT > COLUMNS:
            raise ValueError(
                f"the training sheet would have {len(self.columns):,} columns and {attempts:,} rows: {cells:,} cells, "
                f"too many to read ({CELLS:,} are written). Pass attempts={max(1, CELLS // len(self.columns))}, or "
                "train fewer leaves, or a part of the graph; autograd.fit trains large models, and plots their losses"
            )
        super().__init__(workbook, "Training")

    def laid_out(self) -> list[tuple[str, Operand | None]]:
        """Return the columns from left to right: the head, and which number of the program (None: the attempt)."""
        columns: list[tuple[str, Operand | None]] = []
        names = {column.value: column.name for column in self.gradients.columns}
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
        """Write all cells of the sheet, and the chart."""
        self.sheet.freeze_panes(self.FIRST, self.LEFT)
        self.sheet.set_column(0, 0, 62)
        self.sheet.set_column(1, 1, 2)
        self.text(0, 0, "Learning rate")
        self.input(1, 0, self.lr, "rate")
        self.workbook.define_name("Learning_rate", f"=Training!{cell_name(1, 0, 'both')}")
        for row, note in enumerate(_TRAINING_NOTES, start=self.FIRST):
            self.text(row, 0, note, "faint")
        outputs, helpers = self.LEFT + self.attempt, self.LEFT + self.attempt + 1 + len(self.charted)
        self.text(0, self.LEFT, "Values and gradients")
        self.text(0, outputs, "Outputs")
        if helpers < self.LEFT + len(self.columns):
            self.text(0, helpers, "On the way to the gradients")
        for column, (head, _) in enumerate(self.columns, start=self.LEFT):
            self.sheet.set_column(column, column, column_width(head))
            self.text(self.HEAD, column, head, "head")
        self.write_attempts()
        if self.charted:
            self.write_chart(outputs)

    def write_attempts(self) -> None:
        columns = list(zip(self.columns, self.templates()))
        history: list[list[float]] = []
        state = {v: v.data for v in self.leaves}
        for row in range(self.FIRST, self.FIRST + self.attempts):
            numbers = self.run(list(state.values()))
            for column, ((_, place), (first, later, look)) in enumerate(columns, start=self.LEFT):
                formula = (first if row == self.FIRST else later).replace(_ROW, str(row + 1)).replace(_ABOVE, str(row))
                x = float(row - self.FIRST + 1) if place is None else numbers[place] if type(place) is int else place
                self.formula(row, column, formula, x, look)
            for v in self.trained:
                slope = self.slope[v]
                state[v] -= (numbers[slope] if type(slope) is int else slope) * self.lr
            history.append([numbers[p] if type(p := self.place[v]) is int else p for v in self.charted])
        self.moving = _still_moving(history)

    def templates(self) -> list[tuple[str, str, str]]:
        """Return the formula of each column in the first row and in later ones, with placeholders, and its look."""
        letters = [cell_name(0, column)[:-1] for column in range(self.LEFT, self.LEFT + len(self.columns))]
        columns = list(zip(letters, self.columns))
        # Of two columns with the same number, the first one is the number's cell.
        cells = {place: letter + _ROW for letter, (_, place) in reversed(columns) if type(place) is int}
        texts = formulas(self.program, cells)
        found = []
        for letter, (_, place) in columns:
            look = "charted" if place in [self.place[v] for v in self.charted] else "number"
            if place is None:
                found.append(("1", f"{letter}{_ABOVE}+1", "count"))
            elif (
                type(place) is not int or cells[place] != letter + _ROW
            ):  # a constant, or a number that another column has
                formula = operand(place, texts, cells)
                found.append((formula, formula, look))
            elif place >= self.program.inputs:
                found.append((texts[place], texts[place], look))
            else:
                v, above = self.leaves[place], letter + _ABOVE
                if v in self.trained:
                    slope = operand(self.slope[v], texts, cells).replace(_ROW, _ABOVE)
                    above = f"{above}-{slope}*Learning_rate"
                found.append((f"Gradients!{self.gradients.cell(v, pinned='both')}", above, "number"))
        return found

    def run(self, inputs: list[float]) -> list[float]:
        """Compute all numbers of the program, by the functions of the table."""
        numbers = list(inputs)
        for op, operands in self.program.steps:
            numbers.append(op.computes(*[numbers[x] if type(x) is int else x for x in operands]))
        return numbers

    def write_chart(self, attempt: int) -> None:
        """Chart the error and the loss over the attempts, as far as they move; the reader can extend the axis."""
        last = self.FIRST + self.attempts - 1
        chart = self.workbook.add_chart({"type": "scatter", "subtype": "straight"})
        axes = [chart.set_y_axis, chart.set_y2_axis]  # of its own for each curve: a loss is the square of its error
        for i, colour in enumerate(_CURVE_COLOURS[-len(self.charted) :]):
            column = attempt + 1 + i
            chart.add_series(
                {
                    "name": [self.name, self.HEAD, column],
                    "categories": [self.name, self.FIRST, attempt, last, attempt],
                    "values": [self.name, self.FIRST, column, last, column],
                    "line": {"color": colour, "width": 2},
                    "y2_axis": i > 0,
                }
            )
            axes[i](
                {
                    "name": [self.name, self.HEAD, column],
                    "name_font": {"color": colour},
                    "num_font": {"color": colour},
                    "num_format": "General",
                    "major_gridlines": {"visible": i == 0, "line": {"color": "#DDDDDD"}},
                }
            )
        chart.set_title({"name": "Learning, attempt by attempt", "name_font": {"size": 12}, "overlay": False})
        chart.set_x_axis({"name": "attempt", "min": 0, "max": self.moving, "num_format": "0", "label_position": "low"})
        chart.set_legend({"position": "bottom"})
        chart.set_size({"width": 430, "height": 330})
        self.sheet.insert_chart(self.FIRST + len(_TRAINING_NOTES) + 1, 0, chart, {"x_offset": 5, "object_position": 3})


def _still_moving(history: Sequence[Sequence[float]]) -> int:
    """Return the attempts that the chart shows: twice those until all series stay within 1 % of their last value.

    >>> _still_moving([[1.0], [0.5], [0.1], [0.01], *([0.0],) * 96])
    10
    """
    last = 1
    for series in zip(*history):
        reach = 0.01 * max(abs(x - series[-1]) for x in series)
        last = max([last, *(k for k, x in enumerate(series, start=1) if abs(x - series[-1]) > reach)])
    return min(len(history), math.ceil(2 * last / 10) * 10)
