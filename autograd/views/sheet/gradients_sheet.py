"""Write the sheet "Gradients": the table of the first article, and below it replays with one value perturbed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autograd.check import moving
from autograd.engine import Value, created, graph_of, replay
from autograd.ops import TABLE
from autograd.text import LONGEST_FORMULA
from autograd.views.gradients import NO_GRADIENT
from autograd.views.sheet.columns import Column
from autograd.views.sheet.worksheet import CELLS, NARROWEST, Worksheet, cell_name, column_width

_FILLED = 50  # columns up to which a row of faux gradients repeats the numbers it starts from, as in the article


class GradientsSheet(Worksheet):
    """The sheet "Gradients": the table of the first article, and below it replays with one value perturbed."""

    VALUE = 2  # the row of the values

    def __init__(self, workbook: Any, columns: Sequence[Column], tiny: float) -> None:
        super().__init__(workbook, "Gradients")
        self.columns, self.tiny = columns, tiny
        self.output = columns[-1].value
        self.place = {column.value: i for i, column in enumerate(columns, start=1)}
        self.uses: dict[Value, list[tuple[Column, int]]] = {column.value: [] for column in columns}
        for column in columns:
            for i, x in enumerate(column.operands):
                self.uses[x].append((column, i))
        paths = max(map(len, self.uses.values()))
        self.local = [self.VALUE + 2 + 2 * i for i in range(paths)]  # rows; above each, its label
        self.globals = self.VALUE + 2 * paths + 1
        self.faux, self.tinys, self.perturbed = (self.globals + i for i in (1, 3, 5))

    def is_difference(self, v: Value) -> bool:
        """Return True for an error, output - target: a result minus a leaf or a constant, used by one column alone."""
        if v.op is not TABLE["sub"] or len(self.uses[v]) != 1:
            return False
        x, target = v.args
        made = type(x) is Value and x in self.place and x.op is not None
        return made and (not isinstance(target, Value) or target.op is None)

    def next_columns(self, v: Value) -> Iterator[tuple[Column, int]]:
        """Yield the columns that `v` enters, and as which operand; a difference is skipped."""
        for column, i in self.uses[v]:
            if i == 0 and self.is_difference(column.value):
                after, j = self.uses[column.value][0]
                yield (column, i) if self.is_difference(after.value) else (after, j)
            else:
                yield column, i

    def write(self) -> None:
        """Write all cells of the sheet."""
        last = len(self.columns)
        self.sheet.freeze_panes(self.VALUE + 1, 1)
        self.sheet.set_column(0, 0, 27)
        for i, column in enumerate(self.columns, start=1):
            self.sheet.set_column(i, i, column_width(column.name, column.words))
        self.sheet.set_column(last + 1, last + 1, NARROWEST)
        self.head(0)
        rows = {1: "formula", self.VALUE: "value", self.globals: "global gradient", self.faux: "faux gradient"}
        rows |= {row: f"local gradient, path {i}" for i, row in enumerate(self.local, start=1)}
        for row, name in rows.items():
            self.text(row, 0, name.removesuffix(", path 1"))
        for column in self.columns:
            self.write_value(column)
        self.write_gradients()
        self.text(self.tinys, 0, "Tiny")
        self.input(self.tinys, 1, self.tiny)
        self.workbook.define_name("Tiny", f"=Gradients!{cell_name(self.tinys, 1, 'both')}")
        self.text(self.tinys, 2, "Coloured cells are the inputs: change one, and everything is recalculated.", "faint")
        self.write_replays()

    def head(self, row: int) -> None:
        self.text(row, 0, "", "head")
        for column in self.columns:
            self.text(row, self.place[column.value], column.name, "head")

    def cell(self, v: Value, row: int = VALUE, pinned: str = "") -> str:
        """Return the name of a cell in the column of `v`."""
        return cell_name(row, self.place[v], pinned)

    def write_value(self, column: Column) -> None:
        v, place = column.value, self.place[column.value]
        if v.op is None:
            self.input(self.VALUE, place, v.data)
            return
        self.text(1, place, column.words, "words")
        formula = column.formula([self.cell(x) for x in column.operands])
        self.formula(self.VALUE, place, formula, v.data, "result" if v is self.output else "number")

    def write_gradients(self) -> None:
        gradients = {self.output: 1.0}  # of the columns that a gradient reaches
        local_formulas = {
            column.value: column.local_formulas([self.cell(x) for x in column.operands], self.cell(column.value))
            for column in self.columns
            if column.operands
        }
        for column in reversed(self.columns):
            v, place = column.value, self.place[column.value]
            terms: list[str] = []
            total = 0.0
            for row, (later, i) in zip(self.local, self.next_columns(v)):
                path = f"d {later.name} / d {column.name}"
                self.text(row - 1, place, path if len(path) <= LONGEST_FORMULA else "", "words")
                local = later.local[i]
                if local is None:
                    self.text(row, place, NO_GRADIENT, "words")
                    continue
                self.formula(row, place, local_formulas[later.value][i], local)
                if later.value in gradients:
                    terms.append(f"{self.cell(v, row)}*{self.cell(later.value, self.globals)}")
                    total += local * gradients[later.value]
            if terms:
                gradients[v] = total
            self.formula(self.globals, place, "+".join(terms) or f"{v is self.output:d}", gradients.get(v, 0.0))

    def write_replays(self) -> None:
        """Write a row for each column, the last one first: with its value perturbed, and how far the output moves.

        The rows of a deep graph are as long as itself, so that their cells grow with the square of its size: the rows
        end where together they have as many cells as a sheet may have.
        """
        users, last = _users(moving(graph_of(self.output))), len(self.columns) + 1
        self.head(self.perturbed)
        self.text(self.perturbed, last, "Faux gradient", "head")
        cells_of_rows = 0
        for row, column in enumerate(reversed(self.columns), start=self.perturbed + 1):
            v = column.value
            depending = _depending_on(v, users)
            moved = sorted({v, *depending} & self.place.keys(), key=self.place.__getitem__)
            cells_of_rows += len(moved)
            if cells_of_rows > CELLS:
                self.leave_out(row, self.columns[: self.place[v]])
                break
            self.text(row, 0, f"Faux gradient of ‘{column.name}’:")
            data = replay(depending, {v: v.data + self.tiny})
            shown = {*moved, self.output}
            self.formula(row, self.place[v], f"{self.cell(v, pinned='row')}+Tiny", data[v], "result")
            for x in moved:
                if x is not v:
                    later = self.columns[self.place[x] - 1]
                    if len(self.columns) <= _FILLED:
                        shown.update(later.operands)
                    cells = [self.cell(x, row) if x in shown else self.cell(x, pinned="row") for x in later.operands]
                    self.formula(row, self.place[x], later.formula(cells), data[x])
            for x in shown.difference(moved):
                self.formula(row, self.place[x], self.cell(x, pinned="row"), x.data, "faint")
            faux = (data.get(self.output, self.output.data) - self.output.data) / self.tiny
            moved_by = f"({self.cell(self.output, row)}-{self.cell(self.output, pinned='row')})/Tiny"
            self.formula(row, last, moved_by, faux, "result")
            self.formula(self.faux, self.place[v], cell_name(row, last), faux)

    def leave_out(self, row: int, columns: Sequence[Column]) -> None:
        """Say in place of the faux gradients of these columns, and of their rows, that they are left out."""
        for column in columns:
            self.text(self.faux, self.place[column.value], "left out", "words")
        which = f"The faux gradients up to ‘{columns[-1].name}’ are left out"
        self.text(row, 0, f"{which}: all their rows would have more than {CELLS:,} cells.", "faint")


def _users(nodes: Sequence[Value]) -> dict[Value, list[Value]]:
    """Return for each node the results computed from it."""
    users: dict[Value, list[Value]] = {v: [] for v in nodes}
    for v in nodes:
        for x in v.args:
            if type(x) is Value:
                users.setdefault(x, []).append(v)
    return users


def _depending_on(v: Value, users: Mapping[Value, Sequence[Value]]) -> list[Value]:
    """Return all results that are computed from `v`, in order of creation."""
    reached, waiting = set[Value](), [v]
    while waiting:
        new = [x for x in users.get(waiting.pop(), ()) if x not in reached]
        reached.update(new)
        waiting += new
    return sorted(reached, key=created)
