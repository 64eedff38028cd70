"""A program as Python source on NumPy's tables: a layer of a network is one statement, a batch at once.

Where things stand in the generated source, as in C (`layout.py`); a table has a row for each number:

    a0[3]        argument 1, its number 3, flat; one column
    x[2]         a number of the batched arguments, a column for each sample
    v7           the result of step 7: a float where no batched argument changes it, else an array of samples
    u[5], v[5]   the same, as rows of tables, for results that a loop makes or reads
    s[4]         output 4: its sum over the samples, or a row with all of them

A loop over the members of a group is one expression on rows of these tables; sums and dots go through their terms one
by one, from left to right, each for all members and samples at once: the same bits as the graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from autograd.codegen.arguments import Signature, refilled, units_of, written
from autograd.codegen.backend import Made, repeating
from autograd.codegen.loops import Unit, levels_of, stride_of
from autograd.codegen.memory import Home, Layout, Limits, lists_of
from autograd.codegen.numpy_arrays import NumpySource
from autograd.codegen.program import Operand, Program, Step
from autograd.codegen.python import defined
from autograd.ops import TABLE
from autograd.trees import tree_leaves

_BATCH = Limits(straight=40, long=8, members=4, looped=4, part=math.inf, constants=False)
_SAMPLE = Limits(
    straight=400, long=64, members=8, looped=16, part=math.inf, constants=False
)  # against floats, not arrays


class _Rows(NamedTuple):
    """Rows of a table, for one result or operand of a group.

    They stand in nested loops over the members, the outermost first, with so many rounds and such strides; or where
    the indices in `table` say. `terms` is how many rows each member of a sum adds up, and `stride` leads from one to
    the next.
    """

    array: str
    terms: int | None
    start: int = 0
    counts: Sequence[int] = ()
    strides: Sequence[int] = ()
    stride: int = 0
    table: str = ""

    def __str__(self) -> str:
        """A table with the members first, or in a sum a list of such tables; what stays the same is left to NumPy."""
        if self.table:
            return f"{self.array}[{self.table}]"
        counts, strides = [*self.counts], [*self.strides]
        if self.terms is not None:
            counts, strides = [self.terms, *counts], [self.stride, *strides]
        moving = [i for i, stride in enumerate(strides) if stride or (i == 0 and self.terms is not None)]
        if not moving:
            return f"{self.array}[{self.start}]"
        first = moving[0]
        if len(moving) > 1 or not strides[first]:
            return f"_grid({self.array}, {self.start}, {tuple(counts)}, {tuple(strides)})"
        end = self.start + (counts[first] - 1) * strides[first] + (1 if strides[first] > 0 else -1)
        by = f":{strides[first]}" if strides[first] != 1 else ""
        return f"{self.array}[{self.start}:{end if end >= 0 else ''}{by}{', None' * (len(strides) - 1 - first)}]"

    @property
    def whole(self) -> str:
        """The same, as what is assigned to."""
        return f"{self}[:]" if str(self).startswith("_grid") else str(self)


class TableSource(NumpySource):
    """The text of a function on tables, for a program in which `layout.looped` is not empty."""

    def __init__(self, program: Program, signature: Signature) -> None:
        super().__init__(program, signature)
        import numpy as np  # noqa: PLC0415  # this backend was asked for

        self.namespace |= {"np": np, "_grid": _grid}

    def _write_steps(self) -> None:
        self.batch = any(self.batched)
        self.indices: list[str] = []
        self.layout = layout = Layout(self.program, self.inputs, self.batched, _BATCH if self.batch else _SAMPLE)
        if layout.looped:
            self.once = [line for part in layout.once for unit in part for line in self._unit(unit)]
            self.each = [line for part in layout.each for unit in part for line in self._unit(unit)]
            self.each += self._other_outputs()

    # Single steps ----------------------------------------------------------------------------------------------------

    def name(self, x: Operand) -> str:
        """A local variable; or what stands in a table, as a float where it is the same for all samples."""
        home = self.layout.homes.get(x) if type(x) is int else None
        if home is None or (x >= self.program.inputs and x not in self.layout.looped):
            return super().name(x)
        return f"{home.array}[{home.at}]" if home.array in "xv" else f"{home.array}.item({home.at})"

    def _unit(self, unit: Unit) -> Iterator[str]:
        if unit.is_loop:
            yield from self._group(unit.steps)
            return
        (place,) = unit.steps
        layout, name = self.layout, self.name(place)
        yield from self._statements(place, layout.step(place), place in layout.varying)
        if place in layout.homes:
            home = layout.homes[place]
            yield f"{home.array}[{home.at}] = {name}"
        if layout.leaves_when_made(place):
            yield from (f"s[{i}] = {self._leaving(name)}" for i in layout.exits.get(place, ()))

    def _leaving(self, value: str) -> str:
        return f"{value}.sum(-1)" if self.reduce else value

    def _other_outputs(self) -> Iterator[str]:
        """Outputs that are constants, inputs, or results that no sample changes."""
        layout, stored = self.layout, []
        for i, x in enumerate(tree_leaves(self.outputs)):
            if type(x) is int and x >= self.program.inputs and layout.leaves_when_made(x):
                continue
            if type(x) is int and x in layout.homes:
                stored.append((i, layout.homes[x]))
            else:
                yield f"s[{i}] = {'n * ' * bool(self.reduce)}{self.name(x)}"
        yield from self._copied(stored)

    def _copied(self, pairs: Iterable[tuple[int, Home]]) -> Iterator[str]:
        """Rows of tables as outputs."""
        for outputs, rows in _together(pairs):
            varies = rows.array in "xv"
            yield f"{outputs} = {f'n * {rows}[:, 0]' if self.reduce and not varies else self._leaving(str(rows))}"

    # Groups ----------------------------------------------------------------------------------------------------------

    def _group(self, places: Sequence[int]) -> Iterator[str]:
        """The statements for all steps of a group at once."""
        layout, first = self.layout, self.layout.step(places[0])
        made = [[[layout.homes[place]] for place in places]] if places[0] in layout.homes else []
        if layout.leaves_directly(places):
            made.append([[Home("s", layout.exits[place][0])] for place in places])
        changing = [p for p, x in enumerate(first.operands) if type(x) is int]
        if first.op.variadic:
            lists = [lists_of(layout.step(place)) for place in places]
        else:
            lists = [[layout.step(place).operands[p : p + 1] for p in changing] for place in places]
        read = [[[layout.homes[int(x)] for x in xs] for xs in position] for position in zip(*lists, strict=True)]
        results, operands = self._rows(made, read, first.op.variadic)
        matrices = self._as_matrices(first, results, operands)
        if matrices:
            yield f"{results[0].whole} = {matrices}"
        else:
            yield from self._calculated(places, changing, results, operands)
        if layout.leaves_when_made(places[0]) and not layout.leaves_directly(places):
            yield from self._copied((i, layout.homes[place]) for place in places for i in layout.exits.get(place, ()))

    def _rows(
        self, made: Sequence[Sequence[Sequence[Home]]], read: Sequence[Sequence[Sequence[Home]]], variadic: bool
    ) -> tuple[list[_Rows], list[_Rows]]:
        """The rows of results and operands: lists of homes for each member, in a sum with its terms outermost."""
        runs = [*made, *read]
        starts = [[homes[0].at for homes in run] for run in runs]
        strides = [stride_of([[home.at for home in homes] for homes in run]) for run in runs]
        levels = levels_of(starts) if None not in strides else None
        found = []
        for k, (run, stride) in enumerate(zip(runs, strides, strict=True)):
            own = None if levels else levels_of(starts[k : k + 1])
            terms = len(run[0]) if variadic and k >= len(made) else None
            if levels:
                counts, steps = levels.counts, levels.strides[k]
            elif own and len(own.counts) == 1 and stride is not None:
                counts, steps = own.counts, own.strides[0]
            else:
                found.append(_Rows(run[0][0].array, terms, table=self._indices(run, terms)))
                continue
            if len(run) == 1:
                counts, steps = [], []
            found.append(_Rows(run[0][0].array, terms, starts[k][0], counts, steps, stride or 0))
        return found[: len(made)], found[len(made) :]

    def _indices(self, run: Sequence[Sequence[Home]], terms: int | None) -> str:
        """The name of an array with the homes' indices."""
        indices: Any = [[home.at for home in homes] for homes in run]
        if terms is not None:
            indices = [list(row) for row in zip(*indices, strict=True)]
        if terms is None or len(run) == 1:
            indices = [at for row in indices for at in row]
        self.indices.append(f"t{len(self.indices)} = np.array({indices})")
        return f"t{len(self.indices) - 1}"

    def _calculated(
        self, places: Sequence[int], changing: Sequence[int], results: Sequence[_Rows], operands: Sequence[_Rows]
    ) -> Iterator[str]:
        """The operation on rows of `operands`, which stand at the positions `changing`; its value goes to `results`."""
        first = self.layout.step(places[0])
        if first.op.variadic:
            names, lists = "pq"[: len(operands)], list(map(str, operands))
            value = "z"
            if len(places) == 1 or places[0] not in self.layout.varying:  # few sums: NumPy's own loop is faster there
                value = f"0.0 + {f'({lists[0]} * {lists[1]})' if len(lists) > 1 else lists[0]}.cumsum(0)[-1]"
            else:
                yield "z = 0.0"
                yield f"for {', '.join(names)} in {lists[0] if len(lists) == 1 else f'zip({lists[0]}, {lists[1]})'}:"
                yield f"    z += {' * '.join(names)}"
        else:
            texts = dict(zip(changing, map(str, operands), strict=True))
            value = self._expression(first, [texts.get(p) or self.name(x) for p, x in enumerate(first.operands)], True)
        if len(results) > 1 and value != "z":
            yield f"z = {value}"
            value = "z"
        for rows in results:
            summed = rows.array == "s" and self.reduce
            yield f"{rows.whole} = {self._leaving(f'({value})' if value != 'z' else value) if summed else value}"

    def _as_matrices(self, first: Step, results: Sequence[_Rows], operands: Sequence[_Rows]) -> str | None:
        """All products of two lists, summed over the samples, as a product of matrices."""
        if first.op is not TABLE["mul"] or not self.reduce or [rows.array for rows in results] != ["s"]:
            return None
        if len(operands) != 2 or any(
            rows.table or rows.array not in "xv" or len(rows.counts) != 2 for rows in operands
        ):
            return None
        loops = [[bool(stride) for stride in rows.strides] for rows in operands]
        if sorted(loops) != [[False, True], [True, False]]:
            return None
        outer, inner = operands if loops[0][0] else operands[::-1]
        alone = [r._replace(counts=[r.counts[i]], strides=[r.strides[i]]) for i, r in enumerate((outer, inner))]
        return f"{alone[0]} @ {alone[1]}.T"

    # The whole -------------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """`compiled(a0, a1, ...)`."""
        lines = [*self.indices, f"def compiled({self._parameters()}):", *self._tables(), "    with _ignored():"]
        lines += [f"        {line}" for line in (*self.once, *self.each, *self._finished())]
        return "\n".join([*lines, f"    return {self._results()}"]) + "\n"

    def _tables(self) -> Iterator[str]:
        yield "    # Tables, a row for each number: x of a sample, a0 and so on of the other arguments, v of results,"
        yield "    # u of results that no sample changes, s of outputs. x and v have a column for each sample."
        asked = [k for k, nest in enumerate(self.inputs) if self.batched[k] or isinstance(nest, (list, tuple))]
        yield f"    plain = {' and '.join(f'type(a{k}) in _plain' for k in asked) or 'True'}"
        batched = [k for k, batch in enumerate(self.batched) if batch]
        if batched:
            yield f"    n = _batch_size({', '.join(f'({k}, a{k})' for k in batched)})"
            samples = ", ".join(f"_columns({k}, a{k})" for k in batched)
            yield f"    x = {samples if len(batched) == 1 else f'np.concatenate([{samples}])'}"
        yield from (f"    a{k} = _columns({k}, a{k})" for k in range(len(self.inputs)) if k not in batched)
        for table, columns in (("u", "1"), ("v", "n")):
            if self.layout.lengths[table]:
                yield f"    {table} = np.empty(({self.layout.lengths[table]}, {columns}))"
        outputs = len(tree_leaves(self.outputs))
        shape = str(outputs) if self.reduce else f"({outputs}, {'n' if batched else 1})"
        yield f"    s = np.empty({shape})"

    def _finished(self) -> Iterator[str]:
        """What is done to sums over samples: the mean, and terms that no sample changes."""
        if self.reduce == "mean":
            yield "s /= n"
        times = "n * " * (self.reduce == "sum")
        stored = []
        for i, x in sorted(self.added.items()):
            if type(x) is int and x in self.layout.homes:
                stored.append((i, self.layout.homes[x]))
            else:
                yield f"s[{i}] += {times}{self.name(x)}"
        for outputs, rows in _together(stored):
            yield f"{outputs} += {times}{rows}[:, 0]"

    def _results(self) -> str:
        """The outputs in their nest: floats and lists where all arguments were plain, else flat lists as arrays."""
        i, texts = 0, []
        for unit in units_of(self.outputs):
            length = len(tree_leaves(unit))
            rows = f"s[{i}:{i + length}]" if isinstance(unit, list) else f"s[{i}]"
            if self.batch and not self.reduce:
                texts.append(f"({rows}.T.tolist() if plain else {rows}.T.copy())")
            elif isinstance(unit, list):
                column = rows if self.reduce else f"s[{i}:{i + length}, 0]"
                texts.append(f"({column}.tolist() if plain else {column})")
            else:
                texts.append(f"s.item({i})")
            i += length
        return written(refilled(self.outputs, iter(texts)))


def numpy_function(program: Program, signature: Signature) -> Made:
    """The program as a function on NumPy's arrays: on tables where it has layers, else one statement a step."""
    tables = TableSource(program, signature)
    source = tables if tables.layout.looped else NumpySource(program, signature)
    text = source.text()
    function = defined("compiled", text, source.namespace)
    return Made(text, function, repeating(function) if signature.feedback else None)


def _together(pairs: Iterable[tuple[int, Home]]) -> Iterator[tuple[_Rows, _Rows]]:
    """Outputs and their homes, as few pairs of rows."""
    left = list(pairs)
    k = 0
    while k < len(left):
        i, (array, at) = left[k]
        by = step = length = 1
        if k + 1 < len(left):
            by, step = left[k + 1][0] - i, left[k + 1][1].at - at
        while step and left[k + length : k + length + 1] == [(i + length * by, Home(array, at + length * step))]:
            length += 1
        yield _Rows("s", None, i, [length], [by]), _Rows(array, None, at, [length], [step])
        k += length


def _grid(table: Any, start: int, counts: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """Rows of a table in nested loops, as a view."""
    import numpy as np  # noqa: PLC0415  # a table is NumPy's

    row = table.strides[0]
    steps = (*[stride * row for stride in strides], *table.strides[1:])
    return np.ndarray((*counts, *table.shape[1:]), float, table, start * row, steps)
