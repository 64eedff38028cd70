"""Compile to Python source on NumPy tables: the statements of the lifted program (`lifting.py`), a batch at once.

Each array becomes a table with a row for each number, and a column for each sample if it varies, else one:

    a0, c0, v0   an argument, constants, results
    v1           the result of a statement without loops: a float if it is batch-invariant (`backend.py`), else a row
    s            the outputs; with a `reduce`, their sums over the samples

The loops of a statement are the first axes of its views. Sums and dots add their terms one by one, left to right, each
for all rounds and samples at once: the same bits as the graph.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from math import prod
from typing import NamedTuple

from autograd.codegen.arguments import Signature, pieces_in_place
from autograd.codegen.array_program import (
    Array,
    ArrayProgram,
    Call,
    Expression,
    Fold,
    Statement,
    Sum,
    View,
    row_major,
    views_of,
)
from autograd.codegen.backend import CompiledCode, spelled_out
from autograd.codegen.lifting import lifted
from autograd.codegen.nests import indices_of
from autograd.codegen.numpy_arrays import OPERATORS, ArraySpelling, Columns, added, grid
from autograd.codegen.program import Program, Step, without_fixed_terms
from autograd.codegen.python import FloatSpelling, python_backend
from autograd.codegen.python_source import (
    array_among,
    compiled_source,
    head_of_compiled,
    indented,
    packed_pieces,
    size_of_the_batch,
    written,
)
from autograd.codegen.spelling import TERMS_IN_A_STATEMENT, float_literal
from autograd.ops import TABLE
from autograd.trees import tree_leaves

SAMPLES = -1  # as an axis
FLOATS_IN_A_STATEMENT = 48  # steps on floats that take as long as a statement on tables
MOST_COPIES = 4  # statements that copy the rows of one table to outputs; more become one with tables of indices


def numpy_backend(program: Program, signature: Signature) -> CompiledCode:
    """Compile to NumPy; without a batch to Python's floats, unless statements on tables take less time."""
    try:
        import numpy as np  # noqa: PLC0415  # this backend was asked for
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError('backend="numpy" needs NumPy: pip install numpy', name=problem.name) from None

    apart, its_signature, terms = without_fixed_terms(
        *spelled_out(program, signature, lambda op: op.built_in, calls_functions=True, folds=False)
    )
    arrays = lifted(apart, its_signature)
    floats = sum(len(step.op.lists(step.operands)[0]) if step.op.adds else 1 for step in apart.steps)
    if not signature.batch and floats <= FLOATS_IN_A_STATEMENT * len(arrays.statements):
        return python_backend(program, signature)._replace(arrays=arrays)
    tables = _Tables(arrays, its_signature, terms)
    return compiled_source(tables.text(), signature, {
        **tables.floats.functions, "np": np, "_columns": Columns(signature), "_grid": grid, "_added": added,
        "_ignored": partial(np.errstate, all="ignore"),  # infinities and nans are results
    })._replace(arrays=arrays)  # fmt: skip


class _Text(NamedTuple):
    """An expression, and the axes of its value: the numbers of loops, and SAMPLES. Without any it is a float."""

    text: str
    axes: frozenset[int] = frozenset()


class _Tables:
    """Writes a function on tables.

    Arguments:
        program: the program on arrays.
        signature: its arguments and its result.
        terms: the outputs to which batch-invariant terms are added after the sum over the samples. These terms are the
            program's outputs beyond the signature's, in the same order.
    """

    def __init__(self, program: ArrayProgram, signature: Signature, terms: Iterable[int]) -> None:
        self.program, self.signature = program, signature
        self.floats = FloatSpelling()
        self.arrays = ArraySpelling(self.floats)
        self.indices: list[str] = []
        self.lines: list[str] = []
        self.columns = "n" if signature.batch else "1"
        self.alone = {s.target.array for s in program.statements if not s.loops and s.target.array.length == 1}
        outputs = program.outputs[: len(tree_leaves(signature.outputs))]
        self.s = Array("s", len(outputs), varies=not signature.reduce, total=bool(signature.reduce))
        self.copies = self._copies(program._replace(outputs=outputs))
        fixed = dict(zip(terms, program.outputs[len(outputs) :], strict=True))
        every = [fixed.get(i, -0.0) for i in range(len(outputs) if fixed else 0)]  # to add -0.0 changes no number
        self.added = self._copies(program._replace(outputs=every))
        self.added.pop(repr(-0.0), None)
        read = {view.array for statement in program.statements for view in views_of(statement.value)}
        self.statements = [s if s.target.array in read else self._writing_outputs(s) for s in program.statements]

    def _copies(self, program: ArrayProgram) -> dict[Array | str, list[Statement]]:
        """Return the statements that copy outputs, by the array, or the number, that they copy."""
        copies: dict[Array | str, list[Statement]] = {}
        for target, loops, value in program.returned():
            copy = Statement(target._replace(array=self.s), loops, value)
            copies.setdefault(value.array if isinstance(value, View) else repr(value), []).append(copy)
        return copies

    def _writing_outputs(self, statement: Statement) -> Statement:
        """Return the statement with outputs for its target, if it makes these and nothing else."""
        target, loops, value = statement
        copies = self.copies.get(target.array, [])
        if len(copies) == 1 and prod(loops) == target.array.length and target.array.total == self.s.total:
            outputs, rounds, copied = copies[0]
            if (rounds, copied) == (loops, target):
                del self.copies[target.array]
                return Statement(outputs, loops, value)
            if copied == View(target.array, 0, (1,)) and outputs.strides == (1,) and rounds == (target.array.length,):
                del self.copies[target.array]
                return Statement(target._replace(array=self.s, start=outputs.start), loops, value)
        return statement

    # Expressions -----------------------------------------------------------------------------------------------------

    def _expression(self, value: Expression, loops: tuple[int, ...]) -> _Text:
        if isinstance(value, Call):
            return self._call(value, loops)
        if isinstance(value, Sum):
            return self._sum(value, loops)
        return self._fold(value, loops) if isinstance(value, Fold) else self._view(value, loops)

    def _view(self, view: View | float, loops: tuple[int, ...], terms: tuple[int, ...] = ()) -> _Text:
        """Return rows of a table: the terms, if any, are the first axes, then the loops, and last the samples."""
        varies = isinstance(view, View) and view.array.varies
        axes = frozenset([SAMPLES] if varies else [])
        if isinstance(view, float) or view.array in self.alone:
            text = float_literal(view) if isinstance(view, float) else view.array.name
            shape = [*map(str, terms), *["1"] * len(loops), self.columns if varies else "1"]
            return _Text(f"np.broadcast_to({text}, ({', '.join(shape)}))" if terms else text, axes)
        array, start, strides, table = view
        if table is not None:
            n = prod(terms)
            index = self._index([place for i in range(n) for place in table[i::n]], (*terms, *loops))
            return _Text(f"{array.name}[{index}]", axes.union(range(len(loops))))
        axes = axes.union(i for i, stride in enumerate(strides[: len(loops)]) if stride)
        if not axes and not terms:
            return _Text(f"{array.name}.item({start})")
        by = (*strides[len(loops) :], *strides[: len(loops)])
        return _Text(_rows(array, start, (*terms, *loops), by, len(terms)), axes)

    def _index(self, places: Sequence[int], shape: tuple[int, ...]) -> str:
        """Declare a table of indices, and return its name."""
        name = f"t{len(self.indices)}"
        self.indices.append(f"{name} = np.array({list(places)}){f'.reshape{shape}' if len(shape) > 1 else ''}")
        return name

    def _named(self, text: str) -> str:
        """Assign an expression to a variable, and return its name."""
        self.lines.append(f"z{len(self.lines)} = {text}")
        return self.lines[-1].partition(" ")[0]

    def _call(self, value: Call, loops: tuple[int, ...]) -> _Text:
        operands = [self._expression(x, loops) for x in value.operands]
        axes = frozenset[int]().union(*(x.axes for x in operands))
        texts = []
        for x, (text, own) in zip(value.operands, operands, strict=True):
            inner = isinstance(x, Call) and x.op in OPERATORS and value.op in OPERATORS
            repeated = isinstance(x, Call) and not own  # perhaps, by the spelling for floats
            texts.append(self._named(text) if repeated else f"({text})" if inner else text)
        step = Step(value.op, tuple(x if isinstance(x, float) else 0 for x in value.operands))
        return _Text((self.arrays if axes else self.floats).expression(step, texts), axes)

    def _sum(self, value: Sum, loops: tuple[int, ...]) -> _Text:
        text, axes, lists = float_literal(value.head), frozenset[int](), False
        for n, (terms, factors) in enumerate(value.segments):
            text = self._named(text) if n % TERMS_IN_A_STATEMENT == TERMS_IN_A_STATEMENT - 1 else text
            if terms:
                p, *q = sorted(factors, key=lambda x: isinstance(x, float))
                both = [self._view(p, loops, terms)]
                both += [self._view(x, loops, () if isinstance(x, float) else terms) for x in q]
                depth = f", depth={len(terms)}" if len(terms) > 1 else ""
                text, lists = f"_added({text}, {', '.join(x.text for x in both)}{depth})", True
            else:
                both = [self._view(x, loops) for x in factors]
                term = " * ".join(x.text for x in both)
                text = term if text == float_literal(-0.0) else f"{text} + {term}"
            axes = axes.union(*(x.axes for x in both))
        return _Text(f"({text}).item()" if lists and not axes else text, axes)

    def _fold(self, value: Fold, loops: tuple[int, ...]) -> _Text:
        texts, axes = list[str](), frozenset[int]()
        for terms, (factor,) in (segment for segments in value.lists for segment in segments):
            text, own = self._view(factor, loops, terms)
            flat = f".reshape({prod(terms)}, *{text}.shape[{len(terms)}:])" if len(terms) > 1 else ""
            texts.append(f"*{text}{flat}" if terms else text)
            axes |= own
        lists = any(text.startswith("*") for text in texts)
        text = (self.arrays if axes or lists else self.floats).expression(Step(value.op, ()), texts)
        return _Text(f"{text}.item()" if lists and not axes else text, axes)

    def _total(self, value: Expression, loops: tuple[int, ...]) -> _Text:
        """Return the sum over the samples; of a product of views along different loops, as a matrix product."""
        operands = value.operands if isinstance(value, Call) and value.op is TABLE["mul"] else ()
        for order in (operands, operands[::-1]):
            views = [x for x in order if isinstance(x, View) and x.array.varies and x.table is None]
            moving = [[i for i, stride in enumerate(x.strides) if stride] for x in views]
            if len(views) == 2 and [*chain(*moving)] == [*range(len(loops))]:
                texts = []
                for x, axes in zip(views, moving, strict=True):
                    own = tuple(loops[i] for i in axes)
                    text, _ = self._view(x._replace(strides=tuple(x.strides[i] for i in axes)), own)
                    texts.append(f"{text}.reshape({prod(own)}, -1)" if len(own) > 1 else text)
                text = " @ ".join(texts) + ".T" * bool(moving[1])
                flat = max(map(len, moving)) < 2
                return _Text(text if flat else f"({text}).reshape{loops}", frozenset(range(len(loops))))
        text, every = self._expression(value, loops)
        return _Text(f"np.add.reduce({text}, -1)", every - {SAMPLES})

    # Statements ------------------------------------------------------------------------------------------------------

    def _statement(self, array: Array, statement: Statement) -> None:
        """Append the lines for the statement, which computes this array."""
        target, loops, value = statement
        text, axes = (self._total if array.total else self._expression)(value, loops)
        shape = f"{array.length}{'' if array.total else f', {self.columns if array.varies else 1}'}"
        rows = self._target(target, loops)
        if target.array is array:
            every = {*range(len(loops)), *([SAMPLES] if array.varies else [])}
            if array in self.alone:
                rows = array.name
            elif prod(loops) == array.length and target.strides == row_major(loops) and axes == every:
                rows, text = array.name, f"({text}).reshape({shape})" if len(loops) > 1 else text
            elif statement is next(s for s in self.statements if s.target.array is array):
                self.lines.append(f"{array.name} = np.empty(({shape}))")
        self.lines.append(f"{rows} = {text}")

    def _copied(self, copies: Sequence[Statement]) -> Iterator[tuple[str, str]]:
        """Yield rows of outputs, and those of a table, or the number, that are copied to them."""
        if len(copies) > MOST_COPIES:
            value, places, elements = copies[0].value, list[int](), list[int]()
            for target, loops, copied in copies:
                places += indices_of(target.start, target.strides, loops)
                if isinstance(copied, View):
                    elements += indices_of(copied.start, copied.strides, loops)
            if isinstance(value, View):
                value = View(value.array, 0, (), tuple(elements))
            copies = [Statement(View(self.s, 0, (), tuple(places)), (len(places),), value)]
        for target, loops, value in copies:
            text, axes = self._expression(value, loops)
            fixed = axes and self.s.total and isinstance(value, View) and not value.array.total
            yield self._target(target, loops), f"{text}[..., 0]" if fixed else text

    def _target(self, target: View, loops: tuple[int, ...]) -> str:
        if target.table is not None:
            return f"{target.array.name}[{self._index(target.table, loops)}]"
        rows = _rows(target.array, target.start, loops, target.strides)
        return rows if rows.endswith("]") else f"{rows}[...]"

    def text(self) -> str:
        """Return the source of `compiled(a0, a1, ...)`."""
        for made, statement in zip(self.program.statements, self.statements, strict=True):
            self._statement(made.target.array, statement)
        times, last = "n * " * (self.signature.reduce == "sum"), list[str]()
        for array, copies in self.copies.items():
            totals = isinstance(array, Array) and array.total
            own, factor = (self.lines, "") if totals else (last, times)
            own += [f"{to} = {factor}{x}" for to, x in self._copied(copies)]
        last += [f"{to} += {times}{x}" for copies in self.added.values() for to, x in self._copied(copies)]
        self.lines += ["s /= n"] * (self.signature.reduce == "mean") + last
        constants = [
            f"{c.name} = np.array([[{'], ['.join(map(float_literal, c.constants))}]])" for c in self.program.constants
        ]
        body = [*self._tables(), "with _ignored():", *indented(self.lines or ["pass"]), f"result = {self._results()}"]
        lines = [*constants, *self.indices, f"def {head_of_compiled(self.signature)}:", *indented(body)]
        return "\n".join([*lines, f"    return {written('result')}"]) + "\n"

    def _tables(self) -> Iterator[str]:
        yield f"arrays = {array_among(self.signature) or False}"
        if self.signature.batch:
            yield size_of_the_batch(self.signature)
        yield from (f"a{k} = _columns({k}, a{k})" for k in range(len(self.signature.inputs)))
        yield f"s = np.empty({self.s.length if self.s.total else f'({self.s.length}, {self.columns})'})"

    def _results(self) -> str:
        """Return the expression for the result: floats and lists if all arguments were, else arrays for flat lists."""
        texts = []
        for piece, i, length in pieces_in_place(self.signature.outputs):
            rows = f"s[{i}:{i + length}]" if isinstance(piece, list) else f"s[{i}]"
            if self.signature.rowwise:
                texts.append(f"({rows}.T.copy() if arrays else {rows}.T.tolist())")
            elif isinstance(piece, list):
                column = rows if self.signature.reduce else f"s[{i}:{i + length}, 0]"
                texts.append(f"({column} if arrays else {column}.tolist())")
            else:
                texts.append(f"s.item({i})")
        return packed_pieces(self.signature.outputs, texts)


def _rows(array: Array, start: int, counts: Sequence[int], by: Sequence[int], terms: int = 0) -> str:
    """Return the expression for the rows of a table that loops with these counts and strides run through.

    Axes along which no rows differ are left out in front of the others, and have length 1 behind them. The first axes,
    those of terms, are there in any case.
    """
    moving = [i for i, stride in enumerate(by) if stride or i < terms]
    if not moving:
        return f"{array.name}[{start}]"
    first, step, length = moving[0], by[moving[-1]], prod(counts[i] for i in moving)
    shape = [n if i in moving else 1 for i, n in enumerate(counts)][first:]
    if not step or [by[i] for i in moving] != [step * prod(counts[j] for j in moving if j > i) for i in moving]:
        return f"_grid({array.name}, {start}, {tuple(shape)}, {tuple(by[first:])})"
    end = start + (length - 1) * step + (1 if step > 0 else -1)
    index = f"{start}:{end if end >= 0 else ''}{f':{step}' if step != 1 else ''}"
    index = ":" if index == f"0:{array.length}" else index
    if len(moving) == 1:
        index += ", None" * (len(by) - 1 - first)
    rows = array.name if index == ":" else f"{array.name}[{index}]"
    return rows if len(moving) == 1 else f"{rows}.reshape({', '.join(map(str, shape))}{'' if array.total else ', -1'})"
