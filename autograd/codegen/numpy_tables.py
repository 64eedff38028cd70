"""Compile to Python source on NumPy tables: one statement for each layer of a network, a batch at once.

The tables and variables of the generated source, laid out as for C (`memory.py`); a table has a row for each number:

    a0[3]        number 3 of argument 1, flattened; one column
    x[2]         a number of the batched arguments, a column for each sample
    v7           the result of step 7: a float if it is batch-invariant (`backend.py`), else an array of samples
    u[5], v[5]   the same, as rows of tables, for results that a loop computes or reads
    s[4]         output 4: its sum over the samples, or a row with its value for each

A loop over the members of a group is one expression on rows of these tables. Sums and dots add their terms one
by one, left to right, each for all members and samples at once: the same bits as the graph.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from autograd.codegen.arguments import Signature, pieces_in_place
from autograd.codegen.backend import CompiledCode, spelled_out
from autograd.codegen.loops import LoopOrStep
from autograd.codegen.memory import Limits, LoopOperand, MemoryLayout, Slot, equal_runs, run_through
from autograd.codegen.numpy_arrays import ArraySpelling, Columns, arrays_backend
from autograd.codegen.program import Operand, Program, Step, without_fixed_terms
from autograd.codegen.python import FloatSpelling, python_backend
from autograd.codegen.python_source import (
    assignment,
    compiled_source,
    head_of_compiled,
    indented,
    packed_pieces,
    size_of_the_batch,
    variable_names,
    written,
)
from autograd.ops import TABLE
from autograd.trees import tree_leaves

LIMITS_OF_A_BATCH = Limits(straight=40, long=8, members=4, looped=4, part=math.inf, constants=False)
_WITHOUT_NUMPY = (TABLE["largest"], TABLE["smallest"])
"""Operations of which NumPy has those of two operands only."""

LIMITS_OF_A_SAMPLE = Limits(straight=400, long=64, members=8, looped=16, part=math.inf, constants=False)
"""Higher, because single statements compute on floats, which are faster than arrays of one element."""


def numpy_backend(program: Program, signature: Signature) -> CompiledCode:
    """Compile to NumPy: on tables if the program has loops, else one statement for each step."""
    try:
        import numpy as np  # noqa: PLC0415  # this backend was asked for
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError('backend="numpy" needs NumPy: pip install numpy', name=problem.name) from None

    # NumPy has max and min for a whole batch, but would call the function of largest for one sample after the other.
    program, signature = spelled_out(
        program, signature, lambda op: op.built_in and op not in _WITHOUT_NUMPY, calls_functions=True
    )
    apart, its_signature, terms = without_fixed_terms(program, signature)
    layout = MemoryLayout(apart, signature, LIMITS_OF_A_BATCH if signature.batch else LIMITS_OF_A_SAMPLE)
    if not layout.looped:
        return arrays_backend(program, signature) if signature.batch else python_backend(program, signature)
    tables = _Tables(apart, its_signature, terms, layout)
    text = tables.text()
    return compiled_source(text, signature, {
        **tables.floats.functions, "np": np, "_grid": _grid, "_columns": Columns(signature),
        "_ignored": partial(np.errstate, all="ignore"),  # infinities and nans are results
    })  # fmt: skip


class _Rows(NamedTuple):
    """Rows of a table, for one result or operand of a group.

    Nested loops over the members, the outermost first, with these counts and strides, run through them; or their
    indices are in `table`. Each member of a sum adds `terms` rows, `stride` apart.
    """

    array: str
    terms: int | None
    start: int = 0
    counts: Sequence[int] = ()
    strides: Sequence[int] = ()
    stride: int = 0
    table: str = ""

    def __str__(self) -> str:
        """Return an expression for a table with the members on its first axes, after the terms in a sum."""
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
        """The same rows, as the target of an assignment."""
        return f"{self}[:]" if str(self).startswith("_grid") else str(self)


class _Tables:
    """Writes a function on tables.

    Arguments:
        program: the program.
        signature: its arguments and its result.
        terms: the batch-invariant term to add to an output after its sum over the samples.
        layout: the program's loops and tables; at least one loop.
    """

    def __init__(self, program: Program, signature: Signature, terms: dict[int, Operand], layout: MemoryLayout) -> None:
        self.program, self.signature, self.terms, self.layout = program, signature, terms, layout
        self.outputs = tree_leaves(signature.outputs)
        self.variable = variable_names(program)
        self.floats = FloatSpelling()
        self.arrays = ArraySpelling(self.floats)
        self.indices: list[str] = []

    # Single steps ----------------------------------------------------------------------------------------------------

    def name(self, x: Operand) -> str:
        """Return a local variable or an element of a table, as a float if it is batch-invariant."""
        slot = self.layout.slots.get(x) if type(x) is int else None
        if slot is None or (x >= self.program.inputs and x not in self.layout.looped):
            return self.variable(x)
        return f"{slot.array}[{slot.at}]" if slot.array in "xv" else f"{slot.array}.item({slot.at})"

    def _statements(self, unit: LoopOrStep) -> Iterator[str]:
        if unit.is_loop:
            yield from self._group(unit.steps)
            return
        (place,) = unit.steps
        layout, name = self.layout, self.name(place)
        spelling = self.arrays if place in layout.varying else self.floats
        yield from assignment(place, layout.step(place), self.name, spelling)
        if place in layout.slots:
            slot = layout.slots[place]
            yield f"{slot.array}[{slot.at}] = {name}"
        if layout.leaves_when_made(place):
            yield from (f"s[{i}] = {self._leaving(name)}" for i in layout.exits.get(place, ()))

    def _leaving(self, value: str) -> str:
        return f"{value}.sum(-1)" if self.signature.reduce else value

    def _other_outputs(self) -> Iterator[str]:
        """Yield statements for outputs that are constants, inputs, or batch-invariant results."""
        layout, stored, others = self.layout, list[tuple[int, Slot]](), list[tuple[int, str]]()
        for i, x in enumerate(self.outputs):
            if type(x) is int and x >= self.program.inputs and layout.leaves_when_made(x):
                continue
            if type(x) is int and x in layout.slots:
                stored.append((i, layout.slots[x]))
            else:
                others.append((i, self.name(x)))
        for first, length, text in equal_runs(others):
            rows = f"s[{first}:{first + length}]" if length > 1 else f"s[{first}]"
            yield f"{rows} = {'n * ' * bool(self.signature.reduce)}{text}"
        yield from self._copied(stored)

    def _copied(self, pairs: Iterable[tuple[int, Slot]]) -> Iterator[str]:
        """Yield statements that copy rows of tables to outputs, or their sums; a lone row goes to all of them."""
        for outputs, rows in _together(pairs):
            varies = rows.array in "xv"
            fixed = self.signature.reduce and not varies
            yield f"{outputs} = {f'n * {rows}[..., 0]' if fixed else self._leaving(str(rows))}"

    # Groups ----------------------------------------------------------------------------------------------------------

    def _group(self, places: Sequence[int]) -> Iterator[str]:
        """Yield the statements for all steps of a group at once."""
        layout, first = self.layout, self.layout.step(places[0])
        made = [[[layout.slots[place]] for place in places]] if places[0] in layout.slots else []
        if layout.leaves_directly(places):
            made.append([[Slot("s", layout.exits[place][0])] for place in places])
        changing = [p for p, x in enumerate(first.operands) if type(x) is int]
        if first.op.adds:
            lists = [first.op.lists(layout.step(place).operands) for place in places]
        else:
            lists = [[layout.step(place).operands[p : p + 1] for p in changing] for place in places]
        read = [[[layout.slots[int(x)] for x in xs] for xs in position] for position in zip(*lists, strict=True)]
        results, operands = self._rows(made, read, first.op.adds)
        matrices = self._as_matrices(first, results, operands)
        if matrices:
            yield f"{results[0].whole} = {matrices}"
        else:
            yield from self._calculated(places, changing, results, operands)
        if layout.leaves_when_made(places[0]) and not layout.leaves_directly(places):
            yield from self._copied((i, layout.slots[place]) for place in places for i in layout.exits.get(place, ()))

    def _rows(
        self, made: Sequence[Sequence[Sequence[Slot]]], read: Sequence[Sequence[Sequence[Slot]]], added: bool
    ) -> tuple[list[_Rows], list[_Rows]]:
        """Return the rows of results and operands, given as a list of slots for each member."""
        operands = [*map(LoopOperand, made), *(LoopOperand(slots, added) for slots in read)]
        run_through(operands, self._indices)
        rows = []
        for o in operands:
            counts, strides = (o.counts, o.strides) if len(o.starts) > 1 else ([], [])
            rows.append(_Rows(o.array, o.terms, o.start, counts, strides, o.stride or 0, o.table))
        return rows[: len(made)], rows[len(made) :]

    def _indices(self, operand: LoopOperand) -> str:
        """Declare an array of the operand's indices and return its name."""
        indices: Any = operand.indices
        if operand.terms is not None:
            indices = [list(row) for row in zip(*indices, strict=True)]
        if operand.terms is None or len(operand.starts) == 1:
            indices = [at for row in indices for at in row]
        self.indices.append(f"t{len(self.indices)} = np.array({indices})")
        return f"t{len(self.indices) - 1}"

    def _calculated(
        self, places: Sequence[int], changing: Sequence[int], results: Sequence[_Rows], operands: Sequence[_Rows]
    ) -> Iterator[str]:
        """Yield the operation on rows, which writes the value to `results`; `changing`: positions of `operands`."""
        first = self.layout.step(places[0])
        if first.op.adds:
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
            value = self.arrays.expression(first, [texts.get(p) or self.name(x) for p, x in enumerate(first.operands)])
        if len(results) > 1 and value != "z":
            yield f"z = {value}"
            value = "z"
        for rows in results:
            summed = rows.array == "s" and self.signature.reduce
            yield f"{rows.whole} = {self._leaving(f'({value})' if value != 'z' else value) if summed else value}"

    def _as_matrices(self, first: Step, results: Sequence[_Rows], operands: Sequence[_Rows]) -> str | None:
        """Return a matrix product for all products of two lists, summed over the samples; None for other steps."""
        if first.op is not TABLE["mul"] or not self.signature.reduce or [rows.array for rows in results] != ["s"]:
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
        """Return the source of `compiled(a0, a1, ...)`."""
        steps = [
            line for part in (*self.layout.once, *self.layout.each) for unit in part for line in self._statements(unit)
        ]
        body = [*self._tables(), "with _ignored():", *indented([*steps, *self._other_outputs(), *self._finished()])]
        lines = [*self.indices, f"def {head_of_compiled(self.signature)}:", *indented(body)]
        return "\n".join([*lines, f"    result = {self._results()}", f"    return {written('result')}"]) + "\n"

    def _tables(self) -> Iterator[str]:
        yield "# Tables with a row for each number: x holds the batched arguments, a0 and so on the others, v the"
        yield "# results, u those that are the same for all samples, s the outputs. x and v have a column per sample."
        asked = [
            k
            for k, tree in enumerate(self.signature.inputs)
            if self.signature.batched[k] or isinstance(tree, (list, tuple))
        ]
        yield f"plain = {' and '.join(f'type(a{k}) in _plain' for k in asked) or 'True'}"
        batched = self.signature.batched_arguments
        if batched:
            yield size_of_the_batch(self.signature)
            samples = ", ".join(f"_columns({k}, a{k})" for k in batched)
            yield f"x = {samples if len(batched) == 1 else f'np.concatenate([{samples}])'}"
        yield from (f"a{k} = _columns({k}, a{k})" for k in range(len(self.signature.inputs)) if k not in batched)
        for table, columns in (("u", "1"), ("v", "n")):
            if self.layout.lengths[table]:
                yield f"{table} = np.empty(({self.layout.lengths[table]}, {columns}))"
        outputs = len(self.outputs)
        shape = str(outputs) if self.signature.reduce else f"({outputs}, {'n' if batched else 1})"
        yield f"s = np.empty({shape})"

    def _finished(self) -> Iterator[str]:
        """Yield the last statements for sums over samples: the mean, and the batch-invariant terms."""
        if self.signature.reduce == "mean":
            yield "s /= n"
        times = "n * " * (self.signature.reduce == "sum")
        stored = []
        for i, x in sorted(self.terms.items()):
            if type(x) is int and x in self.layout.slots:
                stored.append((i, self.layout.slots[x]))
            else:
                yield f"s[{i}] += {times}{self.name(x)}"
        for outputs, rows in _together(stored):
            yield f"{outputs} += {times}{rows}[..., 0]"

    def _results(self) -> str:
        """Return the expression for the result: floats and lists if all arguments were, else arrays for flat lists."""
        texts = []
        for piece, i, length in pieces_in_place(self.signature.outputs):
            rows = f"s[{i}:{i + length}]" if isinstance(piece, list) else f"s[{i}]"
            if self.signature.rowwise:
                texts.append(f"({rows}.T.tolist() if plain else {rows}.T.copy())")
            elif isinstance(piece, list):
                column = rows if self.signature.reduce else f"s[{i}:{i + length}, 0]"
                texts.append(f"({column}.tolist() if plain else {column})")
            else:
                texts.append(f"s.item({i})")
        return packed_pieces(self.signature.outputs, texts)


def _together(pairs: Iterable[tuple[int, Slot]]) -> Iterator[tuple[_Rows, _Rows]]:
    """Yield pairs of rows, outputs and their slots, as few as possible."""
    left = list(pairs)
    k = 0
    while k < len(left):
        i, (array, at) = left[k]
        by = step = length = 1
        if k + 1 < len(left):
            by, step = left[k + 1][0] - i, left[k + 1][1].at - at
        while step and left[k + length : k + length + 1] == [(i + length * by, Slot(array, at + length * step))]:
            length += 1
        yield _Rows("s", None, i, [length], [by]), _Rows(array, None, at, [length], [step])
        k += length


def _grid(table: Any, start: int, counts: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """Return a view of the rows of a table that nested loops run through."""
    import numpy as np  # noqa: PLC0415  # a table is NumPy's

    row = table.strides[0]
    steps = (*[stride * row for stride in strides], *table.strides[1:])
    return np.ndarray((*counts, *table.shape[1:]), float, table, start * row, steps)
