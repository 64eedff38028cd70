"""Print a program on arrays (`array_program.py`) for modules with NumPy's names: views, products, results.

An array of the program is held by pieces, one for each statement that writes it. A piece is a variable whose axes are
the samples, if it varies, and then the loops of its statement or the nesting of an argument. A view becomes slices of a
piece, of a reshaped one where its strides say so; loops that do not move it become axes of length 1, which broadcast. A
sum of products becomes a product of matrices, also where the sum is that over the samples. Only what no strides lead to
is indexed by a table.
"""

from collections.abc import Callable, Iterable, Sequence
from math import gcd, isfinite, prod
from typing import Any, NamedTuple, Protocol

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
    row_major,
)
from autograd.codegen.backend import Spelling
from autograd.codegen.nests import longest_nest
from autograd.codegen.program import Step
from autograd.codegen.python_source import tree_text
from autograd.codegen.spelling import float_literal
from autograd.ops import TABLE, Op

SAMPLES = -1
"""The loop through the samples; those of a statement are 0, 1, ..., then those of its terms."""

MOST_PARTS = 64  # of an array that is put together; one of more is indexed by a table


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


class Piece(NamedTuple):
    """A variable, and the shape of its array for one sample."""

    name: str
    shape: tuple[int, ...]
    varies: bool
    total: bool = False


class ModuleSpelling(Spelling, Protocol):
    """The spelling of operations on a module's arrays."""

    def along(self, op: Op, name: str) -> str:
        """Return an operation on a list, the last axis of this array."""


class _Loop(NamedTuple):
    stride: int
    rounds: int
    number: int


class _Part(NamedTuple):
    """Elements of an array that one piece holds: from `start` to `end`, or those in `places`, each with its place."""

    piece: Piece
    start: int
    end: int
    places: dict[int, int]


class _Copy(NamedTuple):
    """Loops that copy elements of a piece to a list: the strides there, the rounds, the elements of the piece."""

    moves: tuple[int, ...]
    counts: tuple[int, ...]
    piece: Piece
    start: int
    strides: tuple[int, ...]


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
    loops = [_Loop(abs(s), n, i) for i, (s, n) in enumerate(zip(strides, counts)) if s and n > 1]
    start += sum(s * (n - 1) for s, n in zip(strides, counts) if s < 0)
    nested = _nested(loops)
    if nested is None:
        return None
    steps, together = nested
    size = prod(piece.shape)
    sizes = [a // b for a, b in zip(steps, [*steps[1:], 1])]  # of the axes inside the outermost one
    if sizes and sizes[-1] == 1:
        del sizes[-1]
    outermost = steps[0] if steps else 1
    shapes = [
        piece.shape,
        *([(size,)] if len(steps) <= 1 else []),
        *([(size // outermost, *sizes)] * (not size % outermost)),
    ]
    for shape in shapes:
        axes = _loops_of_axes(shape, start, loops, together)
        if axes is not None:
            return _sliced(
                piece.varies, _reshaped(piece.name, piece.varies, piece.shape, shape), shape, start, axes, strides
            )
    rows = 1 + sum(loop.stride // outermost * (loop.rounds - 1) for loop in loops if loop.stride >= outermost)
    begin, shape = min(start, size - rows * outermost), (rows, *sizes)
    axes = _loops_of_axes(shape, start - begin, loops, together) if begin >= 0 else None
    if axes is None:
        return None
    flat = _reshaped(piece.name, piece.varies, piece.shape, (size,))
    text = _indexed(flat, [":"] * piece.varies + [_slice_text(begin, rows * outermost, 1, size)])
    return _sliced(piece.varies, _reshaped(text, piece.varies, (), shape), shape, start - begin, axes, strides)


def _nested(loops: Sequence[_Loop]) -> tuple[list[int], dict[int, int]] | None:
    """Return the steps of axes that loops run through, the outermost first, and for each loop the number of its axis.

    Loops share an axis where their elements overlap, as those of a convolution do. None if no axes do.
    """
    steps: list[int] = []  # the innermost first
    axis_of: dict[int, int] = {}
    extent = inside = 0  # of all loops so far, of those inside the last axis
    for loop in sorted(loops):
        if steps and loop.stride % steps[-1]:
            step = gcd(loop.stride, steps[-1])
            if step <= inside or (len(steps) > 1 and step % steps[-2]):
                return None
            steps[-1] = step
        if not steps or loop.stride > extent:
            steps.append(loop.stride)
            inside = extent
        axis_of[loop.number] = len(steps)
        extent += loop.stride * (loop.rounds - 1)
    return steps[::-1], axis_of


def _loops_of_axes(
    shape: tuple[int, ...], start: int, loops: Sequence[_Loop], together: dict[int, int]
) -> list[list[_Loop]] | None:
    """Return the loops that run through each axis of an array of this shape, with strides in steps of the axis.

    None if some run from one axis into the next, or if loops would share an axis that need not.
    """
    found: list[list[_Loop]] = [[] for _ in shape]
    steps = row_major(shape)
    for loop in loops:
        axis = next((d for d, step in enumerate(steps) if step <= loop.stride and shape[d] > 1), None)
        if axis is None or loop.stride % steps[axis]:
            return None
        found[axis].append(loop._replace(stride=loop.stride // steps[axis]))
    for length, step, own in zip(shape, steps, found, strict=True):
        last = start // step % length + sum(loop.stride * (loop.rounds - 1) for loop in own)
        if last >= length or len({together[loop.number] for loop in own}) > 1:
            return None
    return found


def _sliced(  # noqa: PLR0917  # what to slice, then where
    varies: bool, text: str, shape: tuple[int, ...], start: int, axes: list[list[_Loop]], strides: Sequence[int]
) -> Indexed:
    """Return the slices of an array of this shape that loops run through."""
    items, order, windows = [":"] * varies, [SAMPLES] * varies, []
    for length, step, own in zip(shape, row_major(shape), axes, strict=True):
        first = start // step % length
        if not own:
            items.append(str(first))
        elif len(own) == 1:
            items.append(_slice_text(first, 1 + own[0].stride * (own[0].rounds - 1), own[0].stride, length))
            order.append(own[0].number)
        else:
            own.sort(key=lambda loop: -loop.rounds)  # those with fewest rounds are written out
            items.append(_slice_text(first, 1 + sum(loop.stride * (loop.rounds - 1) for loop in own), 1, length))
            windows.append(f"{len(order)}, {', '.join(str((loop.rounds, loop.stride)) for loop in own)}")
            order += [loop.number for loop in own]
    text = _indexed(text, items)
    for window in windows:
        text = f"windows({text}, {window})"
    backwards = tuple(d for d, loop in enumerate(order) if loop >= 0 and strides[loop] < 0)
    return Indexed(f"xp.flip({text}, {backwards})" if backwards else text, tuple(order))


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


def _reshaped(text: str, varies: bool, shape: tuple[int, ...], new: Sequence[int]) -> str:
    """Return an array of this shape for each sample in another shape."""
    lengths = ", ".join(map(str, [-1] * varies + [*new]))
    return text if shape == tuple(new) else f"{text}.reshape({lengths or '()'})"


def windows(stack: Callable[..., Any], x: Any, axis: int, *loops: tuple[int, int]) -> Any:
    """Return an array with an axis for each loop, a pair of rounds and stride, in place of one that all run through.

    Arguments:
        stack: the module's function of that name.
    """
    (*others, (rounds, stride)) = loops
    if not others:
        return x[(slice(None),) * axis + (slice(0, 1 + stride * (rounds - 1), stride),)]
    extent = 1 + sum(s * (n - 1) for n, s in others)
    starts = range(0, rounds * stride, stride)
    parts = [x[(slice(None),) * axis + (slice(i, i + extent),)] for i in starts]
    return stack([windows(stack, part, axis, *others) for part in parts], axis + len(others))


# Statements ----------------------------------------------------------------------------------------------------------


class ArrayPrinter:
    """The lines that compute a program on arrays.

    Arguments:
        program: the program.
        spelling: the spelling of operations.
        shapes: the shape of each argument, for one sample.
    """

    def __init__(self, program: ArrayProgram, spelling: ModuleSpelling, shapes: Sequence[tuple[int, ...]]) -> None:
        self.lines: list[str] = []
        self.constants: list[Sequence[float]] = []
        self.tables: list[Sequence[int]] = []
        self._spelling = spelling
        self._names: dict[str, str] = {}  # of views that may be read again
        self._parts: dict[Array, list[_Part]] = {}
        self._rounds: dict[int, int] = {}  # of the loops of a statement
        self._fresh: set[str] = set()  # variables that no result is yet
        for array, shape in zip(program.arguments, shapes, strict=True):
            self._hold(array, Piece(array.name, shape, array.varies))
        for array in program.constants:
            self._hold(array, self._constant(array.constants))
        for statement in program.statements:
            self._add(statement)

    def _hold(self, array: Array, piece: Piece) -> None:
        self._parts[array] = [_Part(piece, 0, array.length, {})]

    def _constant(self, numbers: Sequence[float]) -> Piece:
        self.constants.append(numbers)
        return Piece(f"c{len(self.constants) - 1}", (len(numbers),), False)

    def _table(self, indices: Sequence[int]) -> str:
        self.tables.append(indices)
        return f"i{len(self.tables) - 1}"

    def _named(self, text: str) -> str:
        if text not in self._names:
            self._names[text] = f"w{len(self._names)}"
            self.lines.append(f"{self._names[text]} = {text}")
        return self._names[text]

    def _add(self, statement: Statement) -> None:
        (array, start, strides, table), loops, value = statement
        parts = self._parts.setdefault(array, [])
        self._rounds = dict(enumerate(loops))
        order = sorted(self._rounds, key=lambda i: 0 if table else -abs(strides[i]))
        over = (SAMPLES,) * array.total
        if isinstance(value, Sum):
            segments = [segment for segment in value.segments if segment.factors != (0.0,)]
            terms = [self._segment(segment, len(loops), over) for segment in segments]
            result = self._elementwise(terms, " + ")
        else:
            multiplies = isinstance(value, Call) and value.op is TABLE["mul"] and array.total
            factors = value.operands if isinstance(value, Call) and multiplies else [value]
            result = self._product(factors, loops, over)
        if type(value) is float:
            result = Indexed(f"_full(None, {result.text}, kind)", ())
        shape = tuple(loops[i] for i in order)
        piece = Piece(f"{array.name}_{len(parts)}" if parts else array.name, shape, array.varies, array.total)
        self.lines.append(f"{piece.name} = {self._full(result, (*[SAMPLES] * array.varies, *order))}")
        elements = table or indices_of(start, [strides[i] for i in order], shape)
        first, last = elements[0], elements[0] + len(elements)
        adjacent = list(elements) == list(range(first, last))
        places = {} if adjacent else {element: place for place, element in enumerate(elements)}
        self._fresh.add(piece.name)
        parts.append(_Part(piece, first, last if adjacent else first, places))

    def _segment(self, segment: Segment, loops: int, over: tuple[int, ...]) -> Indexed:
        """Return the sum of a segment's terms, and over the samples if these are in `over`."""
        terms = range(loops, loops + len(segment.terms))
        self._rounds |= zip(terms, segment.terms, strict=True)
        counts = [self._rounds[i] for i in range(terms.stop)]
        return self._product(_forwards(segment.factors, counts, terms), counts, (*over, *terms))

    def _expression(self, value: Expression, counts: Sequence[int]) -> Indexed:
        if isinstance(value, View):
            return self._view(value, counts)
        if isinstance(value, Call):
            operands = [self._expression(x, counts) for x in value.operands]
            axes = _union(operands)
            texts = [self._aligned(x, axes).operand for x in operands]
            step = Step(value.op, tuple(x if type(x) is float else 0 for x in value.operands))
            return Indexed(self._spelling.expression(step, texts), axes, value.op.reads.endswith(")"))
        if isinstance(value, Fold):
            return self._fold(value, len(counts))
        if isinstance(value, Sum):
            raise TypeError("a sum is the whole value of a statement")
        return Indexed(float_literal(value), ())

    def _fold(self, fold: Fold, loops: int) -> Indexed:
        """Return an operation on one list, whose numbers are the last axis."""
        parts: list[tuple[Indexed, dict[int, int]]] = []
        for segment in fold.lists[0]:
            terms = dict(zip(range(loops, loops + len(segment.terms)), segment.terms, strict=True))
            self._rounds |= terms
            counts = [self._rounds[i] for i in range(loops + len(terms))]
            parts.append((self._elementwise([self._expression(x, counts) for x in segment.factors], " * "), terms))
        axes = [i for i in _union([x for x, _ in parts]) if i < loops]
        texts = []
        for x, terms in parts:
            self._rounds |= terms  # those of another segment may be others
            texts.append(self._grouped(self._full(x, (*axes, *terms)), [*[[i] for i in axes], [*terms]]))
        return Indexed(self._spelling.along(fold.op, _concatenated(texts)), tuple(axes))

    # Axes ------------------------------------------------------------------------------------------------------------

    def _aligned(self, x: Indexed, axes: Sequence[int], *, first: bool = False) -> Indexed:
        """Return an array with its axes in this order, new ones of length 1 for loops that it does not run through.

        Arguments:
            first: True to add new axes also where they come first: otherwise, broadcasting does.
        """
        order = tuple(i for i in axes if i in x.axes)
        if order != x.axes:
            places = [x.axes.index(i) for i in order]
            moved = [d for d, place in enumerate(places) if d != place]
            if len(order) == 2:
                x = Indexed(f"{x.operand}.T", order)
            elif len(moved) == 2:
                x = Indexed(f"{x.operand}.swapaxes({moved[0]}, {moved[1]})", order)
            else:
                x = Indexed(f"xp.moveaxis({x.text}, {tuple(places)}, {tuple(range(len(places)))})", order)
        items = [":" if i in order else "None" for i in axes]
        while items and items[0] == "None" and not first:
            del items[0]
        return Indexed(_indexed(x.operand, items), order) if "None" in items else x

    def _full(self, x: Indexed, axes: Sequence[int]) -> str:
        """Return an array with exactly these axes."""
        text = self._aligned(x, axes, first=True).text
        if all(i in x.axes or self._rounds.get(i) == 1 for i in axes):
            return text
        return f"xp.broadcast_to({text}, {tree_text(tuple(map(self._length, axes)))})"

    def _length(self, loop: int) -> str:
        return "n" if loop == SAMPLES else str(self._rounds[loop])

    def _grouped(self, text: str, groups: Sequence[Sequence[int]]) -> str:
        """Return an array with one axis for each group of axes."""
        if all(len(group) == 1 for group in groups):
            return text
        lengths = ["-1" if SAMPLES in group else str(prod(self._rounds[i] for i in group)) for group in groups]
        return f"{text}.reshape({', '.join(lengths)})"

    def _elementwise(self, xs: Sequence[Indexed], operator: str) -> Indexed:
        """Return sums or products of arrays, element by element."""
        if len(xs) == 1:
            return xs[0]
        axes = _union(xs)
        return Indexed(operator.join(self._aligned(x, axes).operand for x in xs), axes, False)

    @staticmethod
    def _summed(x: Indexed, over: Iterable[int]) -> Indexed:
        places = [d for d, i in enumerate(x.axes) if i in over]
        if not places:
            return x
        rest = tuple(i for i in x.axes if i not in over)
        axes = "" if not rest else str(places[0]) if len(places) == 1 else str(tuple(places))
        return Indexed(f"{x.operand}.sum({axes})", rest)

    # Products --------------------------------------------------------------------------------------------------------

    def _product(self, factors: Sequence[Expression], counts: Sequence[int], over: Sequence[int]) -> Indexed:
        """Return the sum over some loops of the product of the factors."""
        numbers = [float_literal(x) for x in factors if isinstance(x, float) and isfinite(x)]
        arrays = [self._expression(x, counts) for x in factors if not (isinstance(x, float) and isfinite(x))]
        numbers += [self._length(i) for i in over if all(i not in x.axes for x in arrays)]
        while len(arrays) > 2:
            arrays[-2:] = [self._elementwise(arrays[-2:], " * ")]
        if len(arrays) == 2:
            x, y = arrays
            arrays = [self._matrix_product(x, y, [i for i in over if i in x.axes and i in y.axes])]
        arrays = [self._summed(x, over) for x in arrays]
        if not numbers:
            return arrays[0]
        text = " * ".join([*numbers, *[x.operand for x in arrays]])
        return Indexed(text, _union(arrays), len(numbers) + len(arrays) == 1)

    def _matrix_product(self, x: Indexed, y: Indexed, over: Sequence[int]) -> Indexed:
        """Return the sum of x * y over loops that both run through, as a product of matrices.

        Other loops that both run through are a batch of such products.
        """
        batch = sorted(i for i in x.axes if i in y.axes and i not in over)
        rows, columns = (sorted(i for i in z.axes if i not in over and i not in batch) for z in (x, y))
        if not over or not (rows or columns):
            return self._summed(self._elementwise([x, y], " * "), over)
        if not rows or (columns and columns[0] < rows[0]):
            x, y, rows, columns = y, x, columns, rows
        left, right = self._matrices(x, batch, rows, over), self._matrices(y, batch, over, columns)
        axes = (*batch, *rows, *columns)
        if batch and not columns:
            left, right = f"({left}", f"{right}[..., None])[..., 0]"
        if len(rows) > 1 or len(columns) > 1:
            lengths = ["-1" if i == SAMPLES else self._length(i) for i in axes]
            return Indexed(f"({left} @ {right}).reshape({', '.join(lengths)})", axes)
        return Indexed(f"{left} @ {right}", axes, bool(batch and not columns))

    def _matrices(self, x: Indexed, batch: Sequence[int], rows: Sequence[int], columns: Sequence[int]) -> str:
        groups = [*[[i] for i in batch], *[group for group in (rows, columns) if group]]
        return self._grouped(self._aligned(x, [*batch, *rows, *columns]).operand, groups)

    # Elements --------------------------------------------------------------------------------------------------------

    def _view(self, view: View, counts: Sequence[int]) -> Indexed:
        """Return a view with an axis for each loop that moves it."""
        array, start, strides, table = view
        if table is None:
            ends = [s * (n - 1) for s, n in zip(strides, counts, strict=True)]
            low, high = start + sum(s for s in ends if s < 0), start + sum(s for s in ends if s > 0)
            part = next((p for p in self._parts[array] if p.start <= low and high < p.end), None)
            found = part and view_of(part.piece, start - part.start, strides, counts)
            if found:
                return found._replace(text=self._named(found.text)) if "(" in found.text else found
        moving = [i for i, n in enumerate(counts) if n > 1 and (table or strides[i])]
        shape = [counts[i] for i in moving]
        elements = table or indices_of(start, [strides[i] for i in moving], shape)
        text = self.put_together([(array, i) for i in elements])
        text = _reshaped(text, array.varies, (len(elements),), shape)
        return Indexed(self._named(text), (*[SAMPLES] * array.varies, *moving))

    def lone(self, outputs: Sequence[Output], rowwise: bool, times: str) -> str:
        """Return a lone output; see `together`."""
        (output,) = outputs
        if type(output) is float:
            return f"_full({'n' if rowwise else 'None'}, {times}{float_literal(output)}, kind)"
        piece, place = self._element(output)
        found = view_of(piece, place, (0,) * 0, ())
        assert found
        text = ("" if piece.total else times) + found.operand
        return text if piece.varies or not rowwise else f"xp.broadcast_to({text}, (n,))"

    def together(self, outputs: Sequence[Output], rowwise: bool, times: str) -> str:
        """Return outputs as a new array of one axis, after that of the samples if `rowwise`.

        Arguments:
            times: what to multiply outputs by that are no totals.
        """
        if not outputs:
            return f"_table({'n' if rowwise else 'None'}, [], kind)"
        text = self.put_together(outputs, times, rowwise)
        if "(" in text or text not in self._fresh:
            text = text if "xp.concatenate" in text else f"xp.concatenate([{text}], -1)"
        self._fresh.discard(text)
        return text

    def _element(self, output: Output) -> tuple[Piece, int]:
        """Return the piece that holds an output, and its place there."""
        array, place = output  # type: ignore[misc]
        for part in self._parts[array]:
            if place in part.places:
                return part.piece, part.places[place]
            if part.start <= place < part.end:
                return part.piece, place - part.start
        raise LookupError(f"nothing has written element {place} of {array}")

    def put_together(self, outputs: Sequence[Output], times: str = "", varies: bool = False) -> str:
        """Return an array of one axis, and of the samples if any of these elements varies.

        Arguments:
            times: what to multiply elements by that are no totals.
            varies: True for an axis of the samples in any case.
        """
        numbers = [x for x in outputs if type(x) is float]
        if numbers:
            constants, places = Array("", len(numbers)), iter(range(len(numbers)))
            self._hold(constants, self._constant(numbers))
            outputs = [(constants, next(places)) if type(x) is float else x for x in outputs]
        elements = list(map(self._element, outputs))
        varies = varies or any(piece.varies for piece in {piece for piece, _ in elements})
        copies = _copies(elements)
        if copies:
            saved, self._rounds = self._rounds, {}
            text = self._tiled(0, len(elements), copies, (SAMPLES,) * varies, times)
            self._rounds = saved
            if text:
                return text
        starts: dict[Piece, int] = {}
        for piece in dict.fromkeys(piece for piece, _ in elements):
            starts[piece] = sum(prod(other.shape) for other in starts)
        flat = _concatenated([self._flat(piece, varies, times) for piece in starts])
        whole = self._named(flat) if len(starts) > 1 else flat
        return f"{whole}[..., {self._table([starts[piece] + place for piece, place in elements])}]"

    @staticmethod
    def _flat(piece: Piece, varies: bool, times: str) -> str:
        size = prod(piece.shape)
        text = ("" if piece.total else times) + _reshaped(piece.name, piece.varies, piece.shape, (size,))
        return text if piece.varies or not varies else f"xp.broadcast_to({text}, (n, {size}))"

    def _tiled(self, begin: int, end: int, copies: dict[int, _Copy], outer: tuple[int, ...], times: str) -> str | None:
        """Return elements of a list as the last axis, after those of the outer loops; None if copies do not tile it.

        Arguments:
            begin, end: the elements, those of the first round of the outer loops.
            copies: by their first element; their loops are the outer ones, then their own.
        """
        texts = []
        depth = sum(i != SAMPLES for i in outer)
        while begin < end:
            copy = copies.get(begin)
            if copy is None:
                return None
            moves, counts = copy.moves[depth:], copy.counts[depth:]
            if moves == row_major(counts):
                own = list(range(depth, len(copy.counts)))
                self._rounds |= enumerate(copy.counts)
                found = view_of(copy.piece, copy.start, copy.strides, copy.counts)
                if found is None:
                    return None
                size, text = prod(counts), ("" if copy.piece.total else times) + self._full(found, (*outer, *own))
                texts.append(self._grouped(text, [*[[i] for i in outer], own]) if own else f"{text}[..., None]")
            else:
                size = moves[0] * counts[0]
                inner = {start: x for start, x in copies.items() if begin <= start < begin + moves[0]}
                if any(
                    x.moves[depth : depth + 1] + x.counts[depth : depth + 1] != moves[:1] + counts[:1]
                    for x in inner.values()
                ):
                    return None
                self._rounds[depth] = counts[0]
                inside = self._tiled(begin, begin + moves[0], inner, (*outer, depth), times)
                if inside is None:
                    return None
                lengths = ["-1" if i == SAMPLES else self._length(i) for i in outer]
                texts.append(f"{inside}.reshape({', '.join([*lengths, str(size)])})")
            begin += size
        return _concatenated(texts)


def indices_of(start: int, strides: Sequence[int], counts: Sequence[int]) -> Sequence[int]:
    """Return the elements that nested loops run through, in order."""
    found = [start]
    for stride, n in zip(strides, counts, strict=True):
        found = [i + k * stride for i in found for k in range(n)]
    return found


def _forwards(factors: Sequence[View | float], counts: Sequence[int], terms: range) -> list[View | float]:
    """Let the loops of a sum's terms run forwards that no factor runs through so: the order of terms is free."""
    views = [x for x in factors if isinstance(x, View)]
    if any(view.table for view in views):
        return list(factors)
    back = {i for i in terms if all(view.strides[i] <= 0 for view in views)}

    def turned(view: View) -> View:
        start = view.start + sum(view.strides[i] * (counts[i] - 1) for i in back)
        return view._replace(start=start, strides=tuple(-s if i in back else s for i, s in enumerate(view.strides)))

    return [turned(x) if isinstance(x, View) else x for x in factors]


def _copies(elements: Sequence[tuple[Piece, int]]) -> dict[int, _Copy]:
    """Return the loops that copy these elements to a list, by the place of the first one there; none if too many."""
    places: dict[Piece, tuple[list[int], list[int]]] = {}
    for target, (piece, place) in enumerate(elements):
        targets, own = places.setdefault(piece, ([], []))
        targets.append(target)
        own.append(place)
    found: dict[int, _Copy] = {}
    for piece, (targets, own) in places.items():
        while targets:
            if len(found) == MOST_PARTS:
                return {}
            (counts, (target, start), (moves, strides)) = nest = longest_nest([targets, own])
            found[target] = _Copy(moves, counts, piece, start, strides)
            del targets[: nest.rounds], own[: nest.rounds]
    return found


def _concatenated(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"xp.concatenate([{', '.join(texts)}], -1)"


def _union(xs: Sequence[Indexed]) -> tuple[int, ...]:
    return tuple(sorted({i for x in xs for i in x.axes}))
