"""Print a program on arrays (`array_program.py`) for modules with NumPy's names: views, products, results.

An array of the program is held by pieces, one for each statement that writes it. A piece is a variable whose axes are
the samples, if it varies, and then the loops of its statement or the nesting of an argument. A view becomes slices of a
piece, of a reshaped one where its strides say so; loops that do not move it become axes of length 1, which broadcast. A
sum of products becomes a product of matrices, also where the sum is that over the samples. Only what no strides lead to
is indexed by a table.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, pairwise
from math import copysign, isfinite, prod
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from autograd.codegen.array_program import (
    Array,
    ArrayProgram,
    Call,
    Expression,
    Fold,
    Output,
    Segment,
    Statement,
    Sum,
    View,
    copied,
    elements_of,
    row_major,
)
from autograd.codegen.backend import Spelling
from autograd.codegen.nests import indices_of, strides_in
from autograd.codegen.program import Step, bits_of, float_of
from autograd.codegen.python_source import tree_text
from autograd.codegen.spelling import TERMS_IN_A_STATEMENT, float_literal
from autograd.ops import TABLE, Op

T = TypeVar("T")

SAMPLES = -1
"""The loop through the samples; those of a statement are 0, 1, ..., then those of its terms."""

MUCH_LARGER = 256  # a product than its factor for one sample: then the factor is divided by the number of samples

SHORT_CHAIN = 4  # terms
MOST_PARTS = 12  # of an array that is put together; one of more is indexed by a table


class Indexed(NamedTuple):
    """An expression for an array.

    Arguments:
        text: the expression.
        axes: the loop that each axis runs through.
        atom: True if it needs no parentheses as an operand.
    """

    text: str
    axes: tuple[int, ...]
    atom: bool = True

    @property
    def operand(self) -> str:
        return self.text if self.atom else f"({self.text})"

    @property
    def mean(self) -> "Indexed":
        """The sum over the samples divided by their number."""
        return Indexed(f"{self.operand} / n", self.axes, False)


class Piece(Array):
    """An array that a variable holds, with its shape for one sample; the axis of the samples is the first one."""

    def __init__(self, name: str, shape: tuple[int, ...], varies: bool = False, total: bool = False) -> None:
        super().__init__(name, prod(shape), varies, total)
        self.shape = shape

    def each(self, own: Iterable[T], samples: T) -> list[T]:
        """Return something for each axis: that of the samples, if it varies, and its own ones."""
        return [*[samples] * self.varies, *own]

    def reshaped(self, text: str, shape: tuple[int, ...], new: Sequence[int]) -> str:
        """Return a part of it, of this shape for each sample, in another shape."""
        lengths = ", ".join(self.each(map(str, new), "-1"))
        return text if shape == tuple(new) else f"{text}.reshape({lengths or '()'})"

    @staticmethod
    def flipped(text: str, axes: tuple[int, ...]) -> str:
        """Return a part of it, turned round along these axes."""
        return f"xp.flip({text}, {axes})"

    @property
    def axis(self) -> int:
        """The number of its last own axis."""
        return -1

    @property
    def flat(self) -> str:
        """All its elements, with one axis for each sample."""
        return self.reshaped(self.name, self.shape, (self.length,))


class Table(Piece):
    """An array of NumPy's that a variable holds; the axis of the samples is the last one."""

    def each(self, own: Iterable[T], samples: T) -> list[T]:
        return [*own, *[samples] * self.varies]

    @staticmethod
    def flipped(text: str, axes: tuple[int, ...]) -> str:  # a slice takes a tenth of the time
        return _indexed(text, ["::-1" if d in axes else ":" for d in range(max(axes) + 1)])

    @property
    def axis(self) -> int:
        return -1 - self.varies


Element = tuple[Piece, int] | float
"""A place in a piece, or a constant."""


class ModuleSpelling(Spelling, Protocol):
    """The spelling of operations on a module's arrays."""

    def along(self, op: Op, operands: int, lists: Sequence[str]) -> str:
        """Return an operation on lists of so many operands in all, the last axes of these arrays."""

    def transposed(self, name: str, samples: bool) -> str:
        """Return a transposed matrix; with `samples`, the left one of a product that sums over the samples."""


class _Loop(NamedTuple):
    stride: int
    rounds: int
    number: int


# Views ---------------------------------------------------------------------------------------------------------------


def view_of(piece: Piece, start: int, strides: Sequence[int], counts: Sequence[int]) -> Indexed | None:
    """Return the elements of a piece that strides lead to, with an axis for each loop that moves; None if that is hard.

    >>> piece = Piece("a0", (2410,), False)
    >>> view_of(piece, 2080, (33, 1), (10, 32))
    Indexed(text='a0[2080:].reshape(10, 33)[:, :32]', axes=(0, 1), atom=True)
    >>> view_of(piece, 64, (65, 0), (32, 5))
    Indexed(text='a0[64:2080:65]', axes=(0,), atom=True)
    >>> view_of(Piece("v0", (32, 10), True), 9, (10, -1), (32, 10))
    Indexed(text='xp.flip(v0, (2,))', axes=(-1, 0, 1), atom=True)
    """
    start, loops = _forwards(start, strides, counts)
    text, shape, length = piece.name, piece.shape, piece.length
    items, lengths = list[str](), list[int]()
    if not loops:
        items += [str(start // step % n) for n, step in zip(shape, row_major(shape))]
        lengths += shape
    loops.sort(reverse=True)
    for k, (stride, rounds, _) in enumerate(loops, 1):
        inside = sum(loop.stride * (loop.rounds - 1) for loop in loops[k:])  # the extent of the loops further inside
        if stride <= inside:
            return None
        if k == len(loops):
            lengths.append(length)
            items.append(_slice_text(start, 1 + stride * (rounds - 1), stride, length))
            break
        rows, begin = length // stride, 0
        if length % stride or start % stride + inside >= stride:
            rows, begin = rounds, min(start, length - rounds * stride)
            if begin < 0 or (start - begin) % stride + inside >= stride:
                return None
            part = [":"] * len(lengths) + [_slice_text(begin, rows * stride, 1, length)]
            text = _indexed(piece.reshaped(text, shape, (*lengths, length)), piece.each(part, ":"))
            shape = (*lengths, rows * stride)
        items.append(_slice_text((start - begin) // stride, rounds, 1, rows))
        lengths.append(rows)
        start, length = (start - begin) % stride, stride
    text = _indexed(piece.reshaped(text, shape, lengths), piece.each(items, ":"))
    return _flipped(piece, text, piece.each([loop.number for loop in loops], SAMPLES), strides)


def _forwards(start: int, strides: Sequence[int], counts: Sequence[int]) -> tuple[int, list[_Loop]]:
    """Return the loops that move, as if all ran forwards, and where they start."""
    start += sum(s * (n - 1) for s, n in zip(strides, counts) if s < 0)
    return start, [_Loop(abs(s), n, i) for i, (s, n) in enumerate(zip(strides, counts)) if s and n > 1]


def _flipped(piece: Piece, text: str, order: Sequence[int], strides: Sequence[int]) -> Indexed:
    """Return an array whose axes run through loops in this order, turned where these run backwards."""
    turned = tuple(d for d, loop in enumerate(order) if loop != SAMPLES and strides[loop] < 0)
    return Indexed(piece.flipped(text, turned) if turned else text, tuple(order))


def _slice_text(first: int, extent: int, step: int, length: int) -> str:
    """Return the slice of `extent` elements from `first`, as short as it can be."""
    last = first + extent
    begin, end = str(first or ""), "" if last == length else str(last)
    return f"{begin}:{end}" + (f":{step}" if step > 1 else "")


def _indexed(text: str, items: Sequence[str]) -> str:
    items = [*items]
    while items and items[-1] == ":":
        items.pop()
    return f"{text}[{', '.join(items)}]" if items else text


def strided(module: Any, x: Any, start: int, counts: Sequence[int], strides: Sequence[int]) -> Any:
    """Return elements of the last axis of an array: in its place an axis for each loop, which may share elements."""
    root, outer = module.__name__.partition(".")[0], tuple(x.shape[:-1])
    if root == "numpy":
        steps = (*x.strides[:-1], *[x.strides[-1] * stride for stride in strides])
        return module.lib.stride_tricks.as_strided(x[..., start:], (*outer, *counts), steps, writeable=False)
    if root == "torch":
        steps = (*x.stride()[:-1], *[x.stride(-1) * stride for stride in strides])
        return x[..., start:].as_strided((*outer, *counts), steps)
    # XLA computes this faster than slices that are stacked, and faster than its own convolution in float64.
    return x[..., module.asarray(indices_of(start, strides, counts)).reshape(counts)]


# Statements ----------------------------------------------------------------------------------------------------------


class ArrayPrinter:
    """The lines that compute a program on arrays.

    Arguments:
        program: the program.
        spelling: the spelling of operations.
        shapes: the shape of each argument, for one sample.
        mean: True if totals are means over the samples.
    """

    piece = Piece

    exact = False
    """True if only the sums over the samples may differ from the program's in the last digits."""

    def __init__(
        self, program: ArrayProgram, spelling: ModuleSpelling, shapes: Sequence[tuple[int, ...]], mean: bool
    ) -> None:
        self.program, self.spelling, self.mean = program, spelling, mean
        self.lines: list[str] = []
        self.constants: list[Sequence[float]] = []
        self.tables: list[Sequence[int]] = []
        self._names: dict[str, str] = {}  # of views that may be read again
        self._held: dict[Array, Piece | dict[int, Element]] = {}  # by one piece, in its order, or each element by one
        self.rounds: dict[int, int] = {}  # of the loops of a statement
        self.fresh: set[str] = set()  # variables that no result is yet
        self._strided: dict[tuple[Any, ...], list[tuple[int, int]]] = {}  # the loops of windows, in the order of axes
        for array, shape in zip(program.arguments, shapes, strict=True):
            self._held[array] = self.piece(array.name, shape, array.varies)
        for array in program.constants:
            self._held[array] = self._constant(array.constants)
        for statement in program.statements:
            self._add(statement)

    def _constant(self, numbers: Sequence[float]) -> Piece:
        self.constants.append(numbers)
        return Piece(f"c{len(self.constants) - 1}", (len(numbers),), False)

    def named(self, text: str) -> str:
        if text not in self._names:
            self._names[text] = f"w{len(self._names)}"
            self.lines.append(f"{self._names[text]} = {text}")
        return self._names[text]

    def _add(self, statement: Statement) -> None:
        (array, start, strides, table), loops, value = statement
        gathers = isinstance(value, View) and value.table is not None
        if isinstance(value, (View, float)) and not (array.total or gathers):
            self._hold(array, table or indices_of(start, strides, loops), self._sources(value, loops))
            return
        self.rounds = dict(enumerate(loops))
        order = sorted(self.rounds, key=lambda i: 0 if table else -abs(strides[i]))
        over = (SAMPLES,) * array.total
        if isinstance(value, Sum):
            result = self._sum(value, loops, over)
        else:
            factors: Sequence[Expression] = [value]
            if isinstance(value, Call) and value.op is TABLE["mul"] and array.total:
                constant = any(isinstance(x, float) for x in value.operands)
                factors = [value] if constant and self.exact else value.operands
            result = self._product(factors, loops, over, self.mean)
        shape = tuple(loops[i] for i in order)
        name = f"{array.name}_{len(self.lines)}" if array in self._held else array.name
        piece = self.piece(name, shape, array.varies, array.total)
        self.lines.append(f"{name} = {self._full(result, piece.each(order, SAMPLES))}")
        self.fresh.add(name)
        places = [*table] if table else indices_of(start, [strides[i] for i in order], shape)
        if places == [*range(array.length)]:
            self._held[array] = piece
        else:
            self._hold(array, places, [(piece, i) for i in range(piece.length)])

    def _hold(self, array: Array, places: Iterable[int], sources: Iterable[Element]) -> None:
        """Keep where these elements of an array are."""
        held = self._held.setdefault(array, {})
        assert isinstance(held, dict), f"{array} is written twice"
        held.update(zip(places, sources, strict=True))

    def _sum(self, value: Sum, loops: Sequence[int], over: Sequence[int]) -> Indexed:
        """Return a sum of products, and its sum over some loops."""
        sums: list[Indexed] = []
        divided = self.mean and len(value.segments) > 1  # together
        for segment in value.segments if over else _written_out(value):
            if segment.factors != (0.0,):
                terms, counts = self.terms(segment, len(loops))
                sums.append(self._product(segment.factors, counts, (*over, *terms), self.mean and not divided))
            if len(sums) == TERMS_IN_A_STATEMENT:
                so_far = self.elementwise(sums, " + ")
                sums = [so_far._replace(text=self.named(so_far.text), atom=True)]
        result = self.elementwise(sums, " + ")
        return result.mean if over and divided else result

    def terms(self, segment: Segment, loops: int) -> tuple[range, list[int]]:
        """Return the loops through a segment's terms, and the rounds of all loops."""
        terms = range(loops, loops + len(segment.terms))
        self.rounds |= zip(terms, segment.terms, strict=True)
        return terms, [self.rounds[i] for i in range(terms.stop)]

    def expression(self, value: Expression, counts: Sequence[int]) -> Indexed:
        if isinstance(value, View):
            return self._view(value, counts)
        if isinstance(value, Call):
            return self._call(value, [self.expression(x, counts) for x in value.operands])
        if isinstance(value, Fold):
            return self._fold(value, len(counts))
        assert not isinstance(value, Sum), "a sum is the whole value of a statement"
        return Indexed(float_literal(value), ())

    def _call(self, value: Call, operands: Sequence[Indexed]) -> Indexed:
        axes = self.union(operands)
        texts = [self.aligned(x, axes).operand for x in operands]
        return Indexed(self.spelling.expression(step_of(value), texts), axes, value.op.reads.endswith(")"))

    def _fold(self, fold: Fold, loops: int) -> Indexed:
        """Return an operation on lists, whose numbers are the last axis."""
        parts = []
        for segment in chain.from_iterable(fold.lists):
            (factor,) = segment.factors
            _, counts = self.terms(segment, loops)
            if isinstance(factor, View):
                parts.append(self._view(factor, counts))
            else:
                parts.append(Indexed(f"{self._constant([factor]).name}[0]", ()))
        axes = [i for i in self.union(parts) if i < loops]
        left, lists = iter(parts), []
        for segments in fold.lists:
            texts = []
            for segment in segments:
                terms, _ = self.terms(segment, loops)  # those of another segment may be others
                texts.append(self._grouped(self._full(next(left), (*axes, *terms)), [*[[i] for i in axes], terms]))
            lists.append(_concatenated(texts))
        operands = sum(prod(segment.terms) for segments in fold.lists for segment in segments)
        return Indexed(self.spelling.along(fold.op, operands, lists), tuple(axes))

    # Axes ------------------------------------------------------------------------------------------------------------

    def aligned(self, x: Indexed, axes: Sequence[int], *, first: bool = False) -> Indexed:
        """Return an array with its axes in this order, new ones of length 1 for loops that it does not run through.

        Arguments:
            first: True to add new axes also where they come first: otherwise, broadcasting does.
        """
        order = tuple(i for i in axes if i in x.axes)
        if order != x.axes:
            places = [x.axes.index(i) for i in order]
            moved = [d for d, place in enumerate(places) if d != place]
            if len(moved) == 2:
                x = Indexed(f"{x.operand}.swapaxes({moved[0]}, {moved[1]})", order)
            else:
                x = Indexed(f"xp.permute({x.text}, {tuple(places)})", order)
        items = [":" if i in order else "None" for i in axes]
        while items and items[0] == "None" and not first:
            del items[0]
        return Indexed(_indexed(x.operand, items), order) if "None" in items else x

    def _full(self, x: Indexed, axes: Sequence[int]) -> str:
        """Return an array with exactly these axes."""
        text = self.aligned(x, axes, first=True).text
        if all(i in x.axes or self.rounds.get(i) == 1 for i in axes):
            return text
        return f"xp.broadcast_to({text}, {tree_text(tuple(map(self._length, axes)))})"

    def _length(self, loop: int) -> str:
        return "n" if loop == SAMPLES else str(self.rounds[loop])

    def _grouped(self, text: str, groups: Sequence[Sequence[int]]) -> str:
        """Return an array with one axis for each group of axes."""
        if all(len(group) == 1 for group in groups):
            return text
        lengths = ["-1" if SAMPLES in group else str(prod(self.rounds[i] for i in group)) for group in groups]
        return f"{text}.reshape({', '.join(lengths)})"

    def union(self, xs: Iterable[Indexed]) -> tuple[int, ...]:
        """Return the loops that any of these arrays runs through, in order."""
        every = {i for x in xs for i in x.axes}
        return tuple(self.piece("", (), SAMPLES in every).each(sorted(every - {SAMPLES}), SAMPLES))

    def elementwise(self, xs: Sequence[Indexed], operator: str) -> Indexed:
        """Return sums or products of arrays, element by element."""
        if len(xs) == 1:
            return xs[0]
        axes = self.union(xs)
        return Indexed(operator.join(self.aligned(x, axes).operand for x in xs), axes, False)

    @staticmethod
    def summed(x: Indexed, over: Iterable[int]) -> Indexed:
        places = [d for d, i in enumerate(x.axes) if i in over]
        if not places:
            return x
        rest = tuple(i for i in x.axes if i not in over)
        return Indexed(f"{x.operand}.sum({tuple(places) if rest else ''})", rest)

    # Products --------------------------------------------------------------------------------------------------------

    def _product(
        self, factors: Sequence[Expression], counts: Sequence[int], over: Sequence[int], mean: bool
    ) -> Indexed:
        """Return the sum over some loops of the product of the factors; over the samples, the mean if asked for."""
        numbers = [float_literal(x) for x in factors if isinstance(x, float) and isfinite(x)]
        arrays = [self.expression(x, counts) for x in factors if not (isinstance(x, float) and isfinite(x))]
        alone = [i for i in over if all(i not in x.axes for x in arrays)]
        numbers += [self._length(i) for i in alone if i != SAMPLES or not mean]
        mean = mean and SAMPLES in over and SAMPLES not in alone
        if len(arrays) == 2:
            x, y = sorted(arrays, key=self._size)
            of_product = self._size(Indexed("", self.union([x, y])))
            if mean and SAMPLES in x.axes and MUCH_LARGER * self._size(x) <= of_product:
                x, mean = x._replace(text=self.named(x.mean.text), atom=True), False
            arrays = [self._matrix_product(x, y, [i for i in over if i in x.axes and i in y.axes])]
        arrays = [self.summed(x, over) for x in arrays]
        if mean:
            arrays = [x.mean for x in arrays]
        if not numbers:
            return arrays[0]
        text = " * ".join([*numbers, *[x.operand for x in arrays]])
        return Indexed(text, arrays[0].axes if arrays else (), len(numbers) + len(arrays) == 1)

    def _size(self, x: Indexed) -> int:
        """Return how many elements an array has for one sample, without those of loops over terms."""
        return prod(self.rounds[i] for i in x.axes if i != SAMPLES)

    def _matrix_product(self, x: Indexed, y: Indexed, over: Sequence[int]) -> Indexed:
        """Return the sum of x * y over loops that both run through, as a product of matrices.

        Other loops that both run through are a batch of such products.
        """
        batch = sorted(i for i in x.axes if i in y.axes and i not in over)
        rows, columns = (sorted(i for i in z.axes if i not in over and i not in batch) for z in (x, y))
        if not over or not (rows or columns) or (batch and not (rows and columns)):
            return self.summed(self.elementwise([x, y], " * "), over)
        if not rows or (columns and columns[0] < rows[0]):
            x, y, rows, columns = y, x, columns, rows
        left, right = self._matrices(x, batch, rows, over), self._matrices(y, batch, over, columns)
        axes = (*batch, *rows, *columns)
        if max(len(rows), len(columns)) < 2:
            return Indexed(f"{left} @ {right}", axes, False)
        return Indexed(f"({left} @ {right}).reshape({', '.join(map(self._length, axes))})", axes)

    def _matrices(self, x: Indexed, batch: Sequence[int], rows: Sequence[int], columns: Sequence[int]) -> str:
        if x.axes == (*batch, *columns, *rows) and rows and columns:  # a copy less than the other way round
            grouped = self._grouped(x.operand, [*[[i] for i in batch], columns, rows])
            return f"{grouped}.swapaxes(-1, -2)" if batch else self.spelling.transposed(grouped, SAMPLES in columns)
        groups = [*[[i] for i in batch], *[group for group in (rows, columns) if group]]
        text = self._grouped(self.aligned(x, [*batch, *rows, *columns]).operand, groups)
        return self.named(text) if ".reshape" in text else text

    # Elements --------------------------------------------------------------------------------------------------------

    def _view(self, view: View, counts: Sequence[int]) -> Indexed:
        """Return a view with an axis for each loop that moves it."""
        array, start, strides, table = view
        piece = self._held[array]
        if table is not None or not isinstance(piece, Piece):
            moving = [i for i, n in enumerate(counts) if n > 1 and (table or strides[i])]
            shape = [counts[i] for i in moving]
            elements = self._sources(view if table else view._replace(strides=tuple(strides[i] for i in moving)), shape)
            if not (source := _strided(elements, shape)):
                whole = self.piece("", (len(elements),), array.varies)
                text = whole.reshaped(self._put_together(elements, varies=array.varies), whole.shape, shape)
                return Indexed(self.named(text), tuple(whole.each(moving, SAMPLES)))
            piece, start, by = source
            strides = tuple(by[moving.index(i)] if i in moving else 0 for i in range(len(counts)))
        found = view_of(piece, start, strides, counts) or self._windows(piece, start, strides, counts)
        return found._replace(text=self.named(found.text)) if "(" in found.text else found

    def _windows(self, piece: Piece, start: int, strides: Sequence[int], counts: Sequence[int]) -> Indexed:
        """Return elements of a piece that loops run through several times, as those of a convolution do.

        The axes are in the order of those that are there already, so that the same array serves all its readers.
        """
        start, left = _forwards(start, strides, counts)
        own = [loop[:2] for loop in left]
        pairs = self._strided.setdefault((piece, start, *sorted(own)), own)
        by, rounds = zip(*pairs)
        name = self.named(f"strided({piece.flat}, {start}, {rounds}, {by})")
        places = sorted(range(len(pairs)), key=pairs.__getitem__)
        orders = []
        for loops in (left, left[::-1]):  # two loops may have the same strides
            numbers = [number for *_, number in sorted(loops, key=lambda loop: loop[:2])]
            orders.append([number for _, number in sorted(zip(places, numbers))])
        order = max(orders, key=lambda order: sum(b == a + 1 for a, b in pairwise(order)))
        return _flipped(piece, name, piece.each(order, SAMPLES), strides)

    def _sources(self, view: View | float, counts: Sequence[int]) -> list[Element]:
        """Return the elements of a view as those of pieces, or constants."""
        if not isinstance(view, View):
            return [view] * prod(counts)
        return [self._source((view.array, i)) for i in elements_of(view, counts)]

    def _source(self, output: Output) -> Element:
        """Return an output as an element of a piece, or a constant."""
        if not isinstance(output, tuple):
            return output
        held = self._held[output[0]]
        return (held, output[1]) if isinstance(held, Piece) else held[output[1]]

    def lone(self, outputs: Sequence[Output], rowwise: bool, times: str) -> str:
        """Return a lone output; see `together`."""
        (x,) = outputs
        found = self.expression(View(*x, ()) if isinstance(x, tuple) else x, ())
        text = ("" if isinstance(x, tuple) and x[0].total else times) + found.operand
        name = found.text.partition("[")[0]
        if name in self.fresh and (SAMPLES in found.axes) == rowwise:
            self.fresh.discard(name)
            return text
        # A copy: results share nothing with arguments, nor with each other.
        return f"_full({'n' if rowwise else 'None'}, {text}, kind)"

    def together(self, outputs: Sequence[Output], rowwise: bool, times: str) -> str:
        """Return outputs as a new array of one axis, after that of the samples if `rowwise`.

        Arguments:
            times: what to multiply outputs by that are no totals.
        """
        if not outputs:
            return f"_none({'n' if rowwise else 'None'}, kind)"
        text = self._put_together(list(map(self._source, outputs)), times, rowwise)
        if "(" in text or text not in self.fresh:
            text = text if "xp.concatenate" in text else f"xp.concatenate([{text}], -1)"
        self.fresh.discard(text)
        return text

    def _put_together(self, elements: Sequence[Element], times: str = "", varies: bool = False) -> str:
        """Return an array of one axis, and of the samples if any of these elements varies.

        Arguments:
            times: what to multiply elements by that are no totals.
            varies: True for an axis of the samples in any case.
        """
        numbers = list(dict.fromkeys(bits_of(x) for x in elements if isinstance(x, float)))
        constants = self._constant(list(map(float_of, numbers))) if numbers else Piece("", ())
        own = {bits: (constants, place) for place, bits in enumerate(numbers)}
        found = [x if isinstance(x, tuple) else own[bits_of(x)] for x in elements]
        pieces = list(dict.fromkeys(piece for piece, _ in found))
        whole = self.piece(f"s{len(self.lines)}", (len(elements),), varies or any(piece.varies for piece in pieces))
        copies = copied(found)
        if len(copies) <= MOST_PARTS:
            saved, self.rounds = self.rounds, {}
            text = self._tiled(copies, 0, len(elements), whole, times)
            self.rounds = saved
            if text:
                return text
        starts = dict(zip(pieces, accumulate((piece.length for piece in pieces), initial=0)))
        texts = []
        for piece in pieces:
            text = ("" if piece.total else times) + piece.flat
            if whole.varies and not piece.varies:
                text = self.aligned(Indexed(text, (0,), not times), whole.each([0], SAMPLES)).text
                text = f"xp.broadcast_to({text}, ({', '.join(whole.each([str(piece.length)], 'n'))}))"
            texts.append(text)
        name = self.named(_concatenated(texts, whole.axis)) if len(texts) > 1 else texts[0]
        self.tables.append([starts[piece] + place for piece, place in found])
        return _indexed(name, whole.each([f"i{len(self.tables) - 1}"], ":"))

    def _tiled(
        self, copies: list[Statement], begin: int, end: int, whole: Piece, times: str, *, outer: tuple[int, ...] = ()
    ) -> str | None:
        """Return elements of a list as an axis after those of the outer loops; None if copies do not tile it.

        Arguments:
            copies: their loops are the outer ones, then their own.
            begin, end: the elements, those of the first round of the outer loops.
            whole: the list.
        """
        texts = []
        depth = len(outer)
        while begin < end:
            if not (copy := next((x for x in copies if x.target.start == begin), None)):
                return None
            moves, counts = copy.target.strides[depth:], copy.loops[depth:]
            self.rounds |= enumerate(copy.loops)
            if moves == row_major(counts):
                own, value = range(depth, len(copy.loops)), cast(View, copy.value)
                piece = cast(Piece, value.array)
                if not (found := view_of(piece, value.start, value.strides, copy.loops)):
                    return None
                text = ("" if piece.total else times) + self._full(found, whole.each((*outer, *own), SAMPLES))
                groups = whole.each([*[[i] for i in outer], [*own]], [SAMPLES])
                new = _indexed(text, whole.each([*[":"] * depth, "None"], ":"))
                texts.append(self._grouped(text, groups) if own else new)
                begin += prod(counts)
            else:
                inner = [x for x in copies if begin <= x.target.start < begin + moves[0]]
                if any((x.target.strides[depth:][:1], x.loops[depth:][:1]) != (moves[:1], counts[:1]) for x in inner):
                    return None  # other elements lie between those of one round of the loop only
                if not (inside := self._tiled(inner, begin, begin + moves[0], whole, times, outer=(*outer, depth))):
                    return None
                lengths = whole.each([*map(self._length, outer), str(moves[0] * counts[0])], "n")
                texts.append(f"{inside}.reshape({', '.join(lengths)})")
                begin += moves[0] * counts[0]
        return _concatenated(texts, whole.axis)


def _strided(elements: Sequence[Element], counts: Sequence[int]) -> tuple[Piece, int, tuple[int, ...]] | None:
    """Return the piece that holds all these elements, the first one's place, and strides; None if there are none."""
    found = [x for x in elements if isinstance(x, tuple)]
    if len({piece for piece, _ in found}) != 1 or len(found) < len(elements):
        return None
    strides = strides_in([place for _, place in found], counts)
    return None if strides is None else (*found[0], strides)


def _concatenated(texts: Sequence[str], axis: int = -1) -> str:
    return texts[0] if len(texts) == 1 else f"xp.concatenate([{', '.join(texts)}], {axis})"


def _written_out(value: Sum) -> list[Segment]:
    """Return a sum's segments, a term each of short chains of additions: these keep the sign of a zero."""
    (segment, *others) = value.segments
    (factor, *more) = segment.factors
    n = prod(segment.terms)
    if others or more or not isinstance(factor, View) or n > SHORT_CHAIN or copysign(1.0, value.head) > 0:
        return list(value.segments)
    loops = len(factor.strides) - len(segment.terms)
    starts = indices_of(factor.start, factor.strides[loops:], segment.terms)
    return [Segment((), (View(factor.array, start, factor.strides[:loops]),)) for start in starts]


def step_of(value: Call) -> Step:
    """Return an operation as a step that has the same constants."""
    return Step(value.op, tuple(x if isinstance(x, float) else 0 for x in value.operands))
