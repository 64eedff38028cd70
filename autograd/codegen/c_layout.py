"""Lay out a program on arrays for C: what is computed when, and where its arrays are.

Statements are computed in three rounds:

    once       what does not depend on the sample
    each       what does, for one vector of samples after the other; and sums over the samples, lane by lane
    products   sums over the samples of products, such as the gradients of weights: for a block of samples at once

A *part* is a sequence of statements that is compiled as one function, so that the compiler's time grows linearly with
the program's length. An array of one number that is read in its own part only is a local variable.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import NamedTuple

from autograd.codegen.arguments import Signature
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
    views_of,
)
from autograd.codegen.c_library import MOST_LANES
from autograd.codegen.nests import indices_of, strides_in
from autograd.codegen.program import Operand, Program, varying_values
from autograd.codegen.spelling import spelling_of
from autograd.ops import TABLE
from autograd.trees import tree_leaves

LINES_IN_A_PART = 600  # roughly
LINES_IN_A_STRAIGHT_PART = 150  # of several, of numbers without loops: gcc takes 1.7 in place of 2.7 s for 17,000 lines
TERMS_OF_A_FUNCTION = 64  # of the C library: a call takes as long as so many terms of a sum
DOUBLES_ON_THE_STACK = 4_096  # in a function's arrays; larger ones are in memory that the caller provides
DOUBLES_IN_A_BLOCK = 2**16  # of the rows that products read: they stay in the second cache
FEWEST_ROWS = 4  # of a product: for fewer, sums lane by lane take less time
MOST_READS = 2  # of each element of a copy, on average, for which sums read it through a table instead
TERMS_OF_A_COPY = 4  # of a sum, at least, for each number that is copied to be beside others
SAMPLES_IN_A_BLOCK = (16, 64)  # the loads and stores of sums take little time from 16 on, and none from 64 on


class Place(NamedTuple):
    """Where an array is: in the C array of this name, from `start`, or in the local variable of this name.

    `apart`: for numbers in the lanes of vectors, the distance from one vector of samples to the next, in vectors.
    """

    name: str
    start: int = 0
    vector: bool = False
    local: bool = False
    apart: int = 0


class Product(NamedTuple):
    """A sum over the samples of products of two factors that run through different loops of its statement.

    `lanes` is the loop through adjacent elements of `across`; those of `down` are the same in all its rounds.
    """

    statement: Statement
    lanes: int
    across: View
    down: View


class Layout:
    """The statements of each round, those of `once` and `each` in parts, and the places of all arrays.

    Arguments:
        program: the program. Its outputs beyond those of the signature are terms, which are added to outputs later.
        signature: its arguments and its result.
        terms: the indices of these outputs.

    The arrays `a0`, `a1`, ... are the arguments, `c0`, ... constants; `x` holds the batched arguments of the samples
    of one vector, `u` results that are batch-invariant, `v` those that differ between samples, `s` outputs of these
    samples, or sums of the samples so far. What products read is there for all samples of a block: as `across` in
    `r`, which has a row for each sample; as `down` in `y`, a part of `w`, which has one for each vector.
    """

    def __init__(self, program: ArrayProgram, signature: Signature, terms: Iterable[int] = ()) -> None:
        self.outputs = len(tree_leaves(signature.outputs))
        self.signature = signature
        self.out = Array("out", self.outputs, varies=signature.rowwise)
        self.copies = _copies(program.outputs[: self.outputs], self.out)
        added = dict(zip(terms, program.outputs[self.outputs :], strict=True))
        every = [added.get(i, 0.0) for i in range(self.outputs)]  # sums begin with 0.0: to add it changes none
        self.added = [s for s in _copies(every, self.out) if s.value != 0.0]
        statements = self._writing_outputs(_with_tables(program))
        totals = [s for s in statements if signature.reduce and s.target.array is self.out]
        self.products = [product for s in totals if (product := product_of(s))]
        apart = {id(product.statement) for product in self.products}
        left = [s for s in statements if id(s) not in apart]
        changing = [s.target.array.varies or s.target.array.total for s in left]
        once = [s for s, changes in zip(left, changing, strict=True) if not changes]
        self.once = list(_parts([part for s in once for part in with_adjacent_elements(s)]))
        self.each = list(_parts([s for s, changes in zip(left, changing, strict=True) if changes]))
        self.whole = len(self.once) <= 1 and len(self.each) <= 1  # so one function suffices
        self.places = {self.out: Place("s", vector=True) if signature.rowwise else Place("out")}
        self.places |= {constant: Place(constant.name) for constant in program.constants}
        self.lengths = {"x": 0, "u": 0, "v": 0, "y": 0, "r": 0, "s": self.outputs if signature.rowwise else 0}
        self.row: dict[Array, int] = {}
        """Where the elements of an array are in a row of `r`."""
        self._allot(program)

    def _writing_outputs(self, statements: Sequence[Statement]) -> list[Statement]:
        """Return the statements with outputs for their targets, where they make these and nothing else."""
        read = {view.array for statement in statements for view in views_of(statement.value)}
        made: dict[Array, list[Statement]] = {}
        for statement in statements:
            made.setdefault(statement.target.array, []).append(statement)
        written: dict[int, Statement] = {}
        for array, own in made.items():
            copies = [s for s in self.copies if isinstance(s.value, View) and s.value.array is array]
            fits = all(map(product_of, own)) if array.total else array.varies == self.out.varies
            if array in read or not copies or not fits or (array.total != bool(self.signature.reduce)):
                continue
            outputs: dict[int, int] = {}
            for target, loops, value in copies:
                assert isinstance(value, View)
                outputs.update(zip(elements_of(value, loops), elements_of(target, loops), strict=True))
            new = {id(s): _moved(s, self.out, outputs) for s in own}
            if len(outputs) == sum(prod(s.loops) for s in copies) and None not in new.values():
                written.update(new)  # type: ignore[arg-type]
                self.copies = [s for s in self.copies if s not in copies]
        return [written.get(id(s), s) for s in statements]

    def statements(self) -> Iterator[Statement]:
        """Yield all statements."""
        for part in (*self.once, *self.each, self.copies, self.added):
            yield from part
        yield from (product.statement for product in self.products)

    # Places ----------------------------------------------------------------------------------------------------------

    def _allot(self, program: ArrayProgram) -> None:
        """Give each array its place."""
        parts = [*self.once, *self.each]
        read_in: dict[Array, set[int]] = {}
        for n, part in enumerate(parts):
            for statement in part:
                for view in views_of(statement.value):
                    read_in.setdefault(view.array, set()).add(0 if self.whole else n)
        last = 0 if self.whole else len(parts)  # what follows the parts
        read_last = [view for s in (*self.copies, *self.added) for view in views_of(s.value)]
        read_last += [x for p in self.products for x in (p.across, p.down) if not is_argument(x.array)]
        down = {product.down.array for product in self.products}
        for view in read_last:
            read_in.setdefault(view.array, set()).add(last)
        for array in program.arguments:
            if array.varies and array in read_in:
                self._take(array, "x")
            elif not array.varies:
                self.places[array] = Place(array.name)
        for n, part in enumerate(parts):
            for statement in part:
                array = statement.target.array
                alone = array.length == 1 and not array.total and not is_tiled(statement)
                if array in self.places:
                    continue
                if alone and array not in down and read_in.get(array, set()) <= {0 if self.whole else n}:
                    self.places[array] = Place(array.name, vector=array.varies, local=True)
                elif array in down and array.varies:
                    self._take(array, "y")
                else:
                    self._take(array, "s" if array.total else "v" if array.varies else "u")
        for product in self.products:
            array = product.across.array
            if array.varies and array not in self.row and not is_argument(array):
                self.row[array] = self.lengths["r"]
                self.lengths["r"] += array.length

    def _take(self, array: Array, name: str) -> None:
        self.places[array] = Place(name, self.lengths[name], vector=name != "u")
        self.lengths[name] += array.length

    @property
    def block(self) -> int:
        """The number of samples in a block, in whole vectors."""
        least, most = SAMPLES_IN_A_BLOCK
        left = DOUBLES_ON_THE_STACK - self.lengths["u"] - MOST_LANES * sum(self.lengths[name] for name in "xvs")
        fitting = [room // max(1, self.lengths["r"] + self.lengths["y"]) for room in (left, DOUBLES_IN_A_BLOCK)]
        n = fitting[0] if fitting[0] >= least else max(least, fitting[1])
        return min(n, most) // MOST_LANES * MOST_LANES

    def is_large(self, others: int) -> bool:
        """Return True if the arrays of a function, and so many other doubles, are too large for the stack."""
        vectors = sum(self.lengths[name] for name in "xvs")
        doubles = self.lengths["u"] + MOST_LANES * vectors + self.block * (self.lengths["r"] + self.lengths["y"])
        return doubles + others > DOUBLES_ON_THE_STACK

    def terms(self, parts: Iterable[Iterable[Statement]]) -> int:
        """Return how many terms the statements of parts add, or operations they take."""
        return sum(prod(s.loops) * _terms(s) for part in parts for s in part)


def _copies(outputs: Sequence[Output], out: Array) -> list[Statement]:
    """Return the statements that copy outputs to an array."""
    return [s._replace(target=s.target._replace(array=out)) for s in copied(outputs, tables=True)]


def _moved(statement: Statement, out: Array, places: dict[int, int]) -> Statement | None:
    """Return the statement with elements of another array for its target; None if no strides lead there."""
    (_, start, strides, _), loops, _ = statement
    elements = [places[i] for i in indices_of(start, strides, loops) if i in places]
    moves = strides_in(elements, loops) if len(elements) == prod(loops) else None
    return None if moves is None else statement._replace(target=View(out, elements[0], moves))


def _with_tables(program: ArrayProgram) -> Sequence[Statement]:
    """Return the statements with sums that read elements through tables, where these were copied to be read once."""
    copies: dict[Array, View] = {}
    reads = Counter[Array]()
    for target, loops, value in program.statements:
        if isinstance(value, View) and value.table and target[1:3] == value[1:3]:  # number i of the copy is that of i
            copies.update({target.array: value} if target.array.length == prod(loops) == len(value.table) else {})
        for segment in value.segments if isinstance(value, Sum) else ():
            reads.update({x.array: prod(loops) * prod(segment.terms) for x in segment.factors if isinstance(x, View)})
    others = {x.array for s in program.statements if not isinstance(s.value, Sum) for x in views_of(s.value)}
    others.update(output[0] for output in program.outputs if isinstance(output, tuple))
    once = {x: copy for x, copy in copies.items() if x not in others and reads[x] <= MOST_READS * x.length}

    def of_table(x: View | float) -> View | float:
        copy = once.get(x.array) if isinstance(x, View) else None
        return x._replace(array=copy.array, table=copy.table) if copy and isinstance(x, View) else x

    def moved(s: Statement) -> Statement:
        if not isinstance(s.value, Sum):
            return s
        segments = [x._replace(factors=tuple(map(of_table, x.factors))) for x in s.value.segments]
        return s._replace(value=s.value._replace(segments=tuple(segments)))

    return [moved(s) for s in program.statements if s.target.array not in once]


def product_of(statement: Statement) -> Product | None:
    """Return the statement as a product, if it can be computed as one."""
    target, loops, value = statement
    if not (isinstance(value, Call) and value.op is TABLE["mul"]):
        return None
    one, other = value.operands
    if not (isinstance(one, View) and isinstance(other, View)) or one.table or other.table:
        return None
    found: list[tuple[tuple[bool, int], Product]] = []
    for across, down in ((one, other), (other, one)):
        if max(_rounds(down, loops), default=1) < FEWEST_ROWS:
            continue
        for lanes, n in enumerate(loops):
            if n >= MOST_LANES and across.strides[lanes] == 1 and down.strides[lanes] == 0:
                found.append(((target.strides[lanes] == 1, n), Product(statement, lanes, across, down)))
    return max(found, key=lambda x: x[0])[1] if found else None


def with_adjacent_elements(statement: Statement) -> list[Statement]:
    """Return a statement of sums, behind copies of what it reads, by which one of its loops runs through neighbours.

    Weights of neurons are rows; as columns, they are what several neurons read for one input.
    """
    target, loops, value = statement
    if not isinstance(value, Sum):
        return [statement]
    found: list[tuple[int, int, dict[View, tuple[int, ...]]]] = []
    views = [(x, (*loops, *s.terms)) for s in value.segments for x in s.factors if isinstance(x, View)]
    for lanes, n in enumerate(loops):
        if n >= MOST_LANES:
            moved = {x: counts for x, counts in views if x.strides[lanes] not in ((0,) if x.table else (0, 1))}
            found.append((sum(prod(_rounds(x, counts)) for x, counts in moved.items()), lanes, moved))
    size, lanes, moved = min(found, key=lambda x: (x[0], target.strides[x[1]] != 1), default=(0, 0, {}))
    if size * TERMS_OF_A_COPY > prod(loops) * _terms(statement):
        return [statement]
    copies, new = list[Statement](), dict[View | float, View]()
    for x, counts in moved.items():
        order = [*(i for i, stride in enumerate(x.strides) if stride and i != lanes), lanes]
        shape = tuple(counts[i] for i in order)
        copy = View(Array("copy", prod(shape)), 0, row_major(shape))
        copies.append(Statement(copy, shape, x._replace(strides=tuple(x.strides[i] for i in order))))
        strides = dict(zip(order, copy.strides, strict=True))
        new[x] = copy._replace(strides=tuple(strides.get(i, 0) for i in range(len(counts))))
    segments = tuple([s._replace(factors=tuple([new.get(x, x) for x in s.factors])) for s in value.segments])
    return [*copies, statement._replace(value=value._replace(segments=segments))]


def _rounds(view: View, counts: Sequence[int]) -> list[int]:
    """Return the counts of the loops along which a view moves."""
    return [n for n, stride in zip(counts, view.strides, strict=True) if stride]


def is_argument(array: Array) -> bool:
    """Return True for a batched argument, which is rows of samples anyway."""
    return array.varies and array.name.startswith("a")


def is_tiled(statement: Statement) -> bool:
    """Return True for sums that are computed in tiles."""
    _, loops, value = statement
    return isinstance(value, Sum) and (loops != () or any(segment.terms for segment in value.segments))


def _terms(statement: Statement) -> int:
    """Return how many terms a round of a statement adds, or as many as take as long as its operations."""
    value = statement.value
    if isinstance(value, Sum):
        return sum(prod(segment.terms) for segment in value.segments)
    if isinstance(value, Fold):
        return sum(prod(segment.terms) for segments in value.lists for segment in segments)
    return _terms_of_calls(value)


def _terms_of_calls(value: Expression) -> int:
    if not isinstance(value, Call):
        return 1
    own = 1 if spelling_of(value.op).vector else TERMS_OF_A_FUNCTION
    return own + sum(map(_terms_of_calls, value.operands))


def _parts(statements: Iterable[Statement]) -> Iterator[list[Statement]]:
    """Yield the statements in parts."""
    statements = list(statements)
    lines = list(map(_lines, statements))
    straight = not any(s.loops or s.target.array.varies for s in statements)
    most = LINES_IN_A_PART
    if straight and sum(lines) > most:
        most = min(most, LINES_IN_A_STRAIGHT_PART)
    part, size = list[Statement](), 0
    for statement, own in zip(statements, lines, strict=True):
        if part and size + own > most:
            yield part
            part, size = [], 0
        part.append(statement)
        size += own
    if part:
        yield part


def _lines(statement: Statement) -> int:
    """Return how many lines take the compiler as long as a statement.

    A loop costs it as much as many lines, four terms of a long sum about as much as one; sums in tiles are calls of
    functions.
    """
    segments = len(statement.value.segments) if isinstance(statement.value, Sum) else 0
    return 2 if is_tiled(statement) else 20 if statement.loops else 1 + segments // 4


def entries(program: ArrayProgram) -> int:
    """Return the number of elements that a program reads through tables."""
    return sum(len(view.table) for s in program.statements for view in views_of(s.value) if view.table)


def straight(program: Program, signature: Signature) -> ArrayProgram:
    """Return the program with one statement for each step, and for each sum over the samples."""
    arguments, at = list[Array](), dict[Operand, View]()
    for k, (tree, varies) in enumerate(zip(signature.inputs, signature.batched, strict=True)):
        leaves = tree_leaves(tree)
        arguments.append(Array(f"a{k}", len(leaves), varies))
        at.update((i, View(arguments[k], place, ())) for place, i in enumerate(leaves))
    varying, statements = varying_values(program, signature), list[Statement]()

    def element(x: Operand) -> View | float:
        return at[x] if type(x) is int else float(x)

    for i, (op, operands) in enumerate(program.steps, start=program.inputs):
        at[i] = View(Array(f"v{i - program.inputs}", 1, i in varying), 0, ())
        xs = list(map(element, operands))
        if op.adds:
            value: Sum | Fold | Call = Sum(0.0, tuple([Segment((), xs) for xs in zip(*op.lists(xs), strict=True)]))
        elif op.variadic:
            value = Fold(op, tuple([tuple([Segment((), (x,)) for x in own]) for own in op.lists(xs)]))
        else:
            value = Call(op, tuple(xs))
        statements.append(Statement(at[i], (), value))
    outputs: list[Output] = [(at[x].array, at[x].start) if type(x) is int else float(x) for x in program.outputs]
    totals = [k for k, x in enumerate(program.outputs) if signature.reduce and type(x) is int and x in varying]
    total = Array("s", len(totals), total=True)
    for place, k in enumerate(totals):
        statements.append(Statement(View(total, place, ()), (), at[program.outputs[k]]))
        outputs[k] = total, place
    return ArrayProgram(arguments, [], statements, outputs)
