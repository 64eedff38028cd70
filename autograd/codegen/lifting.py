"""Lift programs to programs on arrays: find the few kinds of steps that thousands of steps are of.

This is the heart of the folder: a network recorded neuron by neuron becomes the handful of statements on vectors and
matrices that one would write by hand. It takes three passes.

1. `_Kinds` puts each step into a kind: steps with the same operation, on operands of the same kinds. A chain of
   additions, `sum`, `dot` and a product are all one sort of step, a sum of products; so the length of a sum is not
   part of its kind, nor are the numbers of constants, other than exponents. A factor of 1 may be missing: what has been
   folded away for a sample with the label 1 is there for one with the label -1.
2. `_Arrangement` gives each kind an array, and its members places in it, such that nested loops run through the places
   of the members and of all their operands (`nests.py`). What does not fit becomes several statements, then a table.
3. `_fused` puts what only one other statement reads, element by element, into that statement.

The statements compute the same numbers as the steps, added in the same order, to the bit. For targets that keep no bits
(`exact=False`) terms may go in another order, and stand beside products with 0.
"""

from array import array
from collections import Counter
from collections.abc import Container, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, groupby
from math import inf, prod
from typing import Any, NamedTuple

from autograd.codegen.arguments import Signature
from autograd.codegen.array_program import (
    REPEATED,
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
    views_of,
)
from autograd.codegen.nests import MOST_PIECES, Nest, longest_nest, nests_of, nests_through
from autograd.codegen.program import Operand, Program, bits_of, uses_of
from autograd.folds import folded
from autograd.ops import TABLE, Op
from autograd.trees import tree_leaves

ADD, MUL = TABLE["add"], TABLE["mul"]
MOST_PATTERNS = 9  # of terms among the members of a kind, each a statement of its own; more become tables
DEEPEST = 8  # calls within calls of one statement
MOST_RUNS = 8  # of each kind in a sum whose terms alternate between kinds; with more, all terms are of one kind
MOST_LENGTHS = 3  # of the lists that members of a kind have; more are made equally long
MOST_EQUAL = 4  # terms that are each written out


def lifted(program: Program, signature: Signature, *, exact: bool = True) -> ArrayProgram:
    """Return the program on arrays that computes the same as a program.

    Arguments:
        program: the program, with operations that the target spells.
        signature: which inputs belong to which argument and differ between samples, and whether samples are added.
            The program may have more outputs than the signature.
        exact: False if sums may have products with 0 among their terms, for targets that do not keep the bits anyway.

    >>> from autograd import Value
    >>> from autograd.codegen.program import lower
    >>> rows, xs = [[Value(0.1) for _ in range(4)] for _ in range(2)], [Value(1.0) for _ in range(3)]
    >>> outputs = [sum((w * x for w, x in zip(weights, xs)), b).tanh() for *weights, b in rows]
    >>> program = lower(outputs, [*sum(rows, []), *xs])
    >>> print(lifted(program, Signature([list(range(8)), [8, 9, 10]], program.outputs, [False, False], None)))
    v0[i] = a0[4 * i + 3] + sum(a0[4 * i + j] * a1[j] for j < 3) for i < 2
    v1[i] = tanh(v0[i]) for i < 2
    return out[i] = v1[i] for i < 2
    """
    return _Arrangement(_Kinds(program, signature, exact), signature).program()


def lifted_if_few(program: Program, signature: Signature, most: int) -> ArrayProgram | None:
    """Return the exact program on arrays; None if there are more kinds of steps than `most`, which is soon found.

    Sums are as long as they are: no padding makes them equally long.
    """
    kinds = _Kinds(program, signature, exact=True, padded=False)
    return _Arrangement(kinds, signature).program() if len(kinds.kinds) <= most else None


# 1. Kinds ------------------------------------------------------------------------------------------------------------


_Term = tuple[Any, ...]
"""A constant and up to two values, whose product it is; in other operations than sums, an operand."""

_Columns = list[list[Any]]
"""Terms with factors of the same kinds: the constants, then the values of each factor."""


class _Run:
    """Terms that the members of a kind have in the same place of a sum: the columns of all members, joined.

    Arguments:
        width: the number of columns.
    """

    __slots__ = ("columns", "lengths")

    def __init__(self, width: int) -> None:
        self.columns: _Columns = [[] for _ in range(width)]
        self.lengths: list[int] = []  # of each member: how many terms it has

    def rows(self, column: list[Any]) -> list[list[Any]]:
        """Return a column as one list for each member."""
        return [column[end - n : end] for n, end in zip(self.lengths, accumulate(self.lengths), strict=True)]


class _Kind:
    """Steps that one array holds.

    Arguments:
        op: the operation; None for a sum of products and for an argument.
        varies: True if the numbers differ between samples.
        root: the kind that it is multiples of, or a collection of; its own number if it is of none.
        order: kinds sorted by it come after those that they read.
    """

    def __init__(self, op: Op | None, varies: bool, root: int, order: tuple[float, ...]) -> None:
        self.op, self.varies, self.root, self.order = op, varies, root, order
        self.head, self.total = -0.0, False
        self.lists: list[int] = []  # of a Fold: the number of runs in each list
        self.members: list[int] = []
        self.runs: list[_Run] = []  # of terms; in other operations than sums, one for each operand
        self.copied: list[Operand] = []  # in a collection: what each member is a copy of

    @property
    def collects(self) -> bool:
        return inf in self.order


class _Chain:
    """A sum of products that nothing has read yet: until then, it may become a part of a longer one."""

    __slots__ = ("head", "kinds", "runs", "size")

    def __init__(
        self, head: float = -0.0, kinds: Iterable[tuple[int, ...]] = (), runs: Iterable[Iterable[Iterable[Any]]] = ()
    ) -> None:
        self.head, self.kinds = head, list(kinds)  # of the factors of each run
        self.runs: list[_Columns] = [list(map(list, run)) for run in runs]
        self.size = sum(len(run[0]) for run in self.runs)

    def terms(self) -> Iterator[_Term]:
        return chain.from_iterable(zip(*run, strict=True) for run in self.runs)


class _Kinds:
    """The kinds of a program's values, each with its members."""

    def __init__(self, program: Program, signature: Signature, exact: bool, padded: bool = True) -> None:
        self.exact, self.padded = exact, padded
        self.kinds: list[_Kind] = []
        self.kind_of: list[int] = [0] * program.inputs + [-1] * len(program.steps)  # -1: not read yet
        self._root_of = list(self.kind_of)
        self._numbers: dict[Hashable, int] = {}
        self._chains: dict[int, _Chain] = {}
        self._products: dict[int, _Term] = {}  # values that are products
        self._copies: dict[Hashable, int] = {}  # values times the constant 1, values and constants in collections
        self._uses = uses_of(program)
        added = Counter([x for step in program.steps if step.op is ADD for x in step.operands if type(x) is int])
        added.update([x for x in program.outputs if type(x) is int])
        self._only_added = {x for x, n in added.items() if n > 1 and n == self._uses[x]}
        self._copied = 2 * len(program.steps)  # terms at most that may be computed again
        for k, tree in enumerate(signature.inputs):
            self.kinds.append(_Kind(None, signature.batched[k], k, (k,)))
            self.kinds[k].members = tree_leaves(tree)
            for i in self.kinds[k].members:
                self.kind_of[i] = self._root_of[i] = k
        for place, (op, operands) in enumerate(program.steps, start=program.inputs):
            if op is MUL:
                self._products[place] = self._product(*operands)
            elif op is ADD:
                self._chains[place] = self._longer(*operands)
            else:
                self._add(place, op, operands)
        self.outputs = list(self._outputs(program.outputs, signature.reduce))
        steps = self.kinds[len(signature.inputs) :]
        for kind in steps:
            self._pad(kind)
        for kind in steps:
            self._complete(kind)

    def _add(self, place: int, op: Op, operands: tuple[Operand, ...]) -> None:
        if op.adds:
            lists = op.lists(operands)
            added = map(self._term, lists[0]) if len(lists) == 1 else map(self._product, *lists)
            self._chains[place] = (len(lists) == 2 and self._dot(*lists)) or self._sum(0.0, added)
        elif op.variadic:
            chains = [self._of_few_runs(self._sum(-0.0, map(self._operand, xs))) for xs in op.lists(operands)]
            key = (op, *(tuple(x.kinds) for x in chains))
            kind = self._join([place], op, key, [run for x in chains for run in x.runs])
            kind.lists = [len(x.runs) for x in chains]
        else:
            terms = list(map(self._operand, operands))
            key = (op, *[self._root_of[t[1]] if len(t) == 2 else self._constant(op, t[0]) for t in terms])
            self._join([place], op, key, [[[part] for part in term] for term in terms])

    @staticmethod
    def _constant(op: Op, x: float) -> Hashable:
        return bits_of(x) if op is TABLE["pow"] else "constant"

    # Sums of products ------------------------------------------------------------------------------------------------

    def _product(self, x: Operand, y: Operand) -> _Term:
        if isinstance(x, float):
            return (x * y,) if isinstance(y, float) else (x, self._read(y))
        return (y, self._read(x)) if isinstance(y, float) else self._in_order(self._read(x), self._read(y))

    def _in_order(self, x: int, y: int) -> _Term:
        return (1.0, x, y) if self._root_of[x] <= self._root_of[y] else (1.0, y, x)

    def _term(self, x: Operand) -> _Term:
        """Return a value as a term: a product that nothing else reads, or that of a constant, as this product."""
        if isinstance(x, float):
            return (x,)
        product = self._products.get(x)
        return product if product and (len(product) == 2 or self._uses[x] == 1) else (1.0, self._read(x))

    def _operand(self, x: Operand) -> _Term:
        return (x,) if isinstance(x, float) else (1.0, self._read(x))

    def _sum(self, head: float, terms: Iterable[_Term]) -> _Chain:
        chain = _Chain(head)
        for term in terms:
            self._append(chain, term)
        return chain

    def _append(self, chain: _Chain, term: _Term) -> None:
        kind = tuple([self._root_of[x] for x in term[1:]])
        if not chain.kinds or chain.kinds[-1] != kind:
            chain.kinds.append(kind)
            chain.runs.append([[] for _ in term])
        for column, part in zip(chain.runs[-1], term, strict=True):
            column.append(part)
        chain.size += 1

    def _dot(self, xs: Sequence[Any], ys: Sequence[Any]) -> _Chain | None:
        """Return the sum of products of values, all columns at once; None if they are of several kinds."""
        if float in map(type, xs) or float in map(type, ys):
            return None
        for x in [x for x in chain.from_iterable(zip(xs, ys, strict=True)) if self.kind_of[x] < 0]:
            self._read(x)
        roots = [set(map(self._root_of.__getitem__, column)) for column in (xs, ys)]
        if any(len(own) != 1 for own in roots):
            return None
        (x,), (y,) = roots
        return _Chain(0.0, [(min(x, y), max(x, y))], [[[1.0] * len(xs), *((xs, ys) if x <= y else (ys, xs))]])

    def _longer(self, x: Operand, y: Operand) -> _Chain:
        """Return the sum of two values: the chain that one of them is, if nothing else needs it, with one more term.

        Two chains of the same kinds, such as the losses of two samples, are terms themselves.
        """
        one, other = self._open(x, y), self._open(y, x)
        if one and other and one.kinds == other.kinds:
            return self._sum(-0.0, [self._operand(x), self._operand(y)])
        for opened, own, rest in ((one, x, y), (other, y, x)):
            if opened:
                longer = self._taken(int(own))
                self._append(longer, self._term(rest))
                return longer
        return self._sum(-0.0, [self._term(x), self._term(y)])

    def _open(self, x: Operand, y: Operand) -> _Chain | None:
        """Return the chain that x is in x + y, if it may become a part of that."""
        chain = self._chains.get(x) if isinstance(x, int) and (isinstance(y, float) or x != y) else None
        if chain and not (self._uses[int(x)] == 1 or self._may_be_copied(int(x), chain)):
            return None
        return chain

    def _may_be_copied(self, x: int, chain: _Chain) -> bool:
        """Return True for a sum of multiples that is only added to, or returned, several times.

        Equal pixels of a sample make beginnings of sums equal, and `lower` merges these: computed apart, they are of
        one kind again.
        """
        return x in self._only_added and chain.size <= self._copied and all(len(kind) <= 1 for kind in chain.kinds)

    def _taken(self, x: int) -> _Chain:
        if self._uses[x] == 1:
            return self._chains.pop(x)
        self._uses[x] -= 1
        taken = self._chains[x]
        self._copied -= taken.size
        return _Chain(taken.head, taken.kinds, taken.runs)

    def _with_zeros(self, chain: _Chain) -> _Chain:
        """Write factors 0, such as those around an image, as elements of the array of the other factors."""
        partners = {a: b for kind in chain.kinds if len(kind) == 2 for a, b in (kind, kind[::-1])}
        runs = zip(chain.kinds, chain.runs, strict=True)
        if not any(len(kind) == 1 and kind[0] in partners and 0.0 in run[0] for kind, run in runs):
            return chain
        new = _Chain(chain.head)
        for term in chain.terms():
            root = partners.get(self._root_of[term[1]]) if len(term) == 2 and term[0] == 0 else None
            self._append(new, term if root is None else self._in_order(term[1], self._collected(term[0], root)))
        return new

    def _of_few_runs(self, chain: _Chain) -> _Chain:
        """Let terms that alternate between kinds read copies of their values, in one array for each factor."""
        kinds = set(chain.kinds)
        if len(chain.kinds) <= MOST_RUNS * len(kinds):
            return chain
        width = max(map(len, kinds))
        roots = [sorted({kind[f] for kind in kinds if len(kind) > f}) for f in range(width)]
        new = _Chain(chain.head)
        for term in chain.terms():
            constant, *values = term if len(term) > width else (1.0, *term[1:], term[0], 1.0)  # c * x is x * c
            self._append(new, (constant, *[self._collected(x, *own) for x, own in zip(values, roots)]))
        return new

    # Values and kinds ------------------------------------------------------------------------------------------------

    def _read(self, x: int) -> int:
        """See to it that a value has a kind."""
        if self.kind_of[x] < 0:
            self._commit(x, self._chains.pop(x) if x in self._chains else self._products[x])
        return x

    def _outputs(self, outputs: Sequence[Operand], reduce: str | None) -> Iterator[Operand]:
        """Yield the outputs, for which values may have been added; products that nothing else needs, many at once."""
        for kinds, group in groupby(outputs, self._kinds_of_product):
            if kinds is None:
                yield from (x if isinstance(x, float) else self._output(x, reduce) for x in group)
                continue
            places: Sequence[int] = list(map(int, group))
            products = _Chain(-0.0, [kinds], [zip(*map(self._products.__getitem__, places), strict=True)])
            total = reduce is not None and any(self.kinds[k].varies for k in kinds)
            if total:
                places = self._new(len(places))
            self._join_sums(places, products, total)
            yield from places

    def _kinds_of_product(self, x: Operand) -> tuple[int, ...] | None:
        """Return the kinds of the factors, if it is a product of values that one output needs and nothing else."""
        product = self._products.get(x) if isinstance(x, int) and self._uses[x] == 1 else None
        return (self._root_of[product[1]], self._root_of[product[2]]) if product and len(product) == 3 else None

    def _output(self, x: int, reduce: str | None) -> int:
        """See to it that an output has a kind; with a `reduce`, one that varies becomes a total."""
        chain, product = self._chains.get(x), self._products.get(x)
        own: _Chain | _Term | None = None  # what is computed for this output alone
        again = self._uses[x] > 1
        if chain and not (again and not self._may_be_copied(x, chain)):
            own = self._taken(x)
        elif product and (not again or (x in self._only_added and len(product) < 3)):
            own = product
        added = own or (1.0, self._read(x))
        kinds = added.kinds if isinstance(added, _Chain) else [[self._root_of[v] for v in added[1:]]]
        total = reduce is not None and any(self.kinds[kind].varies for own_kinds in kinds for kind in own_kinds)
        if not total and (own is None or self.kind_of[x] >= 0):
            return x
        place = self._new()[0] if total or again else x
        self._commit(place, added, total)
        return place

    def _new(self, n: int = 1) -> range:
        """Return the numbers of new values."""
        first = len(self.kind_of)
        self.kind_of += [-1] * n
        self._root_of += [-1] * n
        return range(first, first + n)

    def _commit(self, place: int, of: _Chain | _Term, total: bool = False) -> None:
        if not isinstance(of, _Chain):
            if len(of) == 2 and not total:
                self._join_multiples(place, of)
                return
            of = self._sum(-0.0, [of])
        self._join_sums([place], self._of_few_runs(self._with_zeros(of)) if len(of.kinds) > 1 else of, total)

    def _join_sums(self, places: Sequence[int], of: _Chain, total: bool) -> None:
        """Make values members of the kind of such a sum, that of the same part of its terms each."""
        kind = self._join(places, None, (total, bits_of(of.head), *of.kinds), of.runs)
        kind.head, kind.total, kind.varies = of.head, total, kind.varies and not total

    def _join_multiples(self, place: int, of: _Term) -> None:
        base = self.kind_of[of[1]]
        family = self.kinds[base].root, self.kinds[base].order
        self._join([place], None, ("multiple", base), [[[part] for part in of]], family)

    def _join(
        self,
        places: Sequence[int],
        op: Op | None,
        key: Hashable,
        runs: list[_Columns],
        family: tuple[int | None, tuple[float, ...]] = (None, ()),
    ) -> _Kind:
        """Make values members of the kind with this key.

        Arguments:
            runs: their terms; if there are several values, as many of each.
            family: the root of that kind, None for itself, and what its order starts with.
        """
        number = self._numbers.setdefault(key, len(self.kinds))
        if number == len(self.kinds):
            read = [self.kinds[self.kind_of[column[0]]] for run in runs for column in run[1:]]
            root, order = family
            varies = any(kind.varies for kind in read)
            self.kinds.append(_Kind(op, varies, number if root is None else root, (*order, number)))
            self.kinds[number].runs = [_Run(len(run)) for run in runs]
        kind = self.kinds[number]
        for place in places:
            self.kind_of[place], self._root_of[place] = number, kind.root
        kind.members += places
        for whole, run in zip(kind.runs, runs, strict=True):
            whole.lengths += [len(run[0]) // len(places)] * len(places)
            for column, own in zip(whole.columns, run, strict=True):
                column.extend(own)
        return kind

    # The same array for all members ----------------------------------------------------------------------------------

    def _multiple(self, x: int) -> int:
        """Return the value times 1, as a new value."""
        if ("multiple", x) not in self._copies:
            (place,) = self._new()
            self._copies["multiple", x] = place
            self._join_multiples(place, (1.0, x))
        return self._copies["multiple", x]

    def _collected(self, x: Operand, *roots: int) -> int:
        """Return the value or constant as an element of an array that collects some of the values of these roots."""
        key = (roots, x if type(x) is int else bits_of(x))
        if key not in self._copies:
            (place,) = self._new()
            self._copies[key] = place
            root = None if len(roots) > 1 else roots[0]
            kind = self._join([place], None, ("collected", roots), [], (root, (max(roots), inf)))
            kind.copied.append(x)
            kind.varies = any(self.kinds[root].varies for root in roots)
        return self._copies[key]

    def _pad(self, kind: _Kind) -> None:
        """Make lists equally long, if they have many lengths, as those of a causal mask have.

        What is added changes no number: -0.0 times 1.0, and -inf for the largest.
        """
        if not (kind.op in REPEATED or (kind.op is None and self.padded)):
            return
        for run in kind.runs:
            most = max(run.lengths)
            if min(run.lengths) == most or most * len(run.lengths) > 4 * sum(run.lengths):
                continue
            if not self.exact and self._align(run):
                continue
            if len(set(run.lengths)) <= MOST_LENGTHS or 2 * run.lengths.count(most) > len(run.lengths):
                continue
            numbers = [REPEATED[kind.op][1]] if kind.op else [-0.0, 1.0]
            roots = [self._root_of[column[0]] for column in run.columns[1:]]
            padding = (1.0 if roots else numbers[0], *map(self._collected, numbers, roots))
            for column, part in zip(run.columns, padding, strict=True):
                column[:] = [x for row in run.rows(column) for x in row + [part] * (most - len(row))]
            run.lengths = [most] * len(run.lengths)

    def _align(self, run: _Run) -> bool:
        """Make lists of products as long as those that they are parts of, by products with 0; False if there are none.

        The products at the edge of an image are then those in the middle of it, with zeros around the image. Where the
        other factor is negative, infinite or nan, that is exact but for a zero's sign, or not exact.
        """
        _, *factors = run.columns
        for f in range(len(factors) if len(factors) == 2 else 0):
            rows = list(map(tuple, run.rows(factors[f])))
            wholes = _wholes(set(rows))
            longer = sum(len(wholes[row]) for row in rows)
            if 2 * len(set(wholes.values())) > len(wholes) or longer > 4 * sum(map(len, rows)):
                continue
            zero = self._collected(0.0, self._root_of[factors[1 - f][0]])
            others = [dict(zip(row, other, strict=True)) for row, other in zip(rows, run.rows(factors[1 - f]))]
            factors[f][:] = [x for row in rows for x in wholes[row]]
            factors[1 - f][:] = [other.get(x, zero) for row, other in zip(rows, others) for x in wholes[row]]
            run.columns[0][:] = [1.0] * longer
            run.lengths = [len(wholes[row]) for row in rows]
            return True
        return False

    def _complete(self, kind: _Kind) -> None:
        """Where the members of a kind read several kinds of one root, let them read copies of one kind.

        Some read multiples, others what had the factor 1; some a collection.
        """
        for column in (column for run in kind.runs for column in run.columns[1:]):
            found = set(map(self.kind_of.__getitem__, column))
            if len(found) > 1:
                wanted = max(found, key=lambda k: (self.kinds[k].collects, len(self.kinds[k].order)))
                column[:] = [self._of_kind(wanted, x) for x in column]

    def _of_kind(self, wanted: int, x: int) -> int:
        """Return a value as one of this kind, which has the same root."""
        while self.kind_of[x] != wanted:
            kind = self.kinds[wanted]
            x = self._collected(x, kind.root) if kind.collects else self._multiple(x)
        return x


def _wholes(rows: Iterable[tuple[int, ...]]) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Return for each list the longest one of which it is a part, in order; itself if there is none.

    Lists in which a value comes twice are left as they are, and are no whole for others.

    >>> _wholes([(1, 2, 3), (1, 3), (4, 5)])
    {(1, 2, 3): (1, 2, 3), (1, 3): (1, 2, 3), (4, 5): (4, 5)}
    >>> _wholes([(1, 1, 2), (1, 2)])
    {(1, 1, 2): (1, 1, 2), (1, 2): (1, 2)}
    """
    found: dict[tuple[int, ...], tuple[int, ...]] = {}
    with_value: dict[int, tuple[int, ...]] = {}
    for row in sorted(rows, key=lambda row: (-len(row), row)):
        whole = with_value.get(row[0], ())
        left = iter(whole)
        if len(set(row)) < len(row):
            whole = row
        elif not all(x in left for x in row):
            whole = row
            with_value |= dict.fromkeys(row, row)
        found[row] = whole
    return found


# 2. Places and loops -------------------------------------------------------------------------------------------------


class _Factor(NamedTuple):
    """A factor of the terms of a run: for each member, the places of its values in their array."""

    array: Array
    rows: list[list[int]]


class _Terms(NamedTuple):
    """A run whose values have places; `constants` has those of each member's terms, nothing if all are 1."""

    factors: list[_Factor]
    constants: list[list[float]]


class _Arrangement:
    """The arrays of all kinds, and the statements that fill them."""

    def __init__(self, kinds: _Kinds, signature: Signature) -> None:
        self._kinds, self._outputs = kinds, kinds.outputs
        self._place = [0] * len(kinds.kind_of)
        self._arrays: dict[int, Array] = {}
        self._constants: dict[bytes, Array] = {}
        self._collections: set[Array] = set()
        self._gathers: dict[tuple[Array, bytes], Array] = {}
        self._statements: list[Statement] = []
        self._arguments: list[Array] = []
        for k, kind in enumerate(kinds.kinds[: len(signature.inputs)]):
            self._arguments.append(self._allot(k, kind.members))
            self._arguments[k].varies = kind.varies
        for k in sorted(range(len(signature.inputs), len(kinds.kinds)), key=lambda k: kinds.kinds[k].order):
            self._collect(k) if kinds.kinds[k].collects else self._arrange(k)

    def program(self) -> ArrayProgram:
        outputs: list[Output] = [
            (self._arrays[self._kinds.kind_of[x]], self._place[x]) if type(x) is int else x for x in self._outputs
        ]
        constants = list(self._constants.values())
        statements = _fused(self._statements, outputs)
        results = dict.fromkeys(statement.target.array for statement in statements)
        for letter, named in (("c", constants), ("v", results)):
            for n, own in enumerate(named):
                own.name = f"{letter}{n}"
        return ArrayProgram(self._arguments, constants, statements, outputs)

    def _allot(self, k: int, members: Sequence[int]) -> Array:
        self._arrays[k] = Array(f"a{k}", len(members))
        for place, member in enumerate(members):
            self._place[member] = place
        return self._arrays[k]

    def _add(self, k: int, start: int, strides: tuple[int, ...], loops: tuple[int, ...], value: Expression) -> None:
        """Add a statement for members of a kind, whose array varies if what it reads does, after folds."""
        target, total = self._arrays[k], self._kinds.kinds[k].total
        varies = target.varies or target.total or any(view.array.varies for view in views_of(value))
        target.varies, target.total = varies and not total, varies and total
        self._statements.append(Statement(View(target, start, strides), loops, value))

    def _collect(self, k: int) -> None:
        """Give the members of a collection places, and add the statements that copy values, and constants, there."""
        kind, of, place = self._kinds.kinds[k], self._kinds.kind_of, self._place
        constants = {m: x for m, x in zip(kind.members, kind.copied, strict=True) if isinstance(x, float)}
        copied = {x: m for m, x in zip(kind.members, kind.copied, strict=True) if isinstance(x, int)}
        sources = sorted(copied, key=lambda x: (of[x], place[x]))
        self._collections.add(self._allot(k, [*map(copied.__getitem__, sources), *constants]))
        for source, group in groupby(sources, key=of.__getitem__):
            xs = list(group)
            for piece, nest in nests_through([list(map(place.__getitem__, xs))], [place[copied[x]] for x in xs]):
                places = _Factor(self._arrays[source], [[place[x]] for x in xs])
                slot = (nest.starts[1], nest.strides[1])
                (segment,) = self._segments(nest.counts, _Terms([places], []), piece, [slot])
                self._add(k, nest.starts[0], nest.strides[0], nest.counts, segment.factors[0])
        if constants:
            loops = (len(constants),) if len(constants) > 1 else ()
            numbers = self._constant(loops, list(constants.values()))
            self._add(k, len(sources), (1,) * len(loops), loops, numbers)

    def _arrange(self, k: int) -> None:
        """Give the members of a kind their places, and add the statements that compute them."""
        kind, place = self._kinds.kinds[k], self._place
        members = kind.members
        if len(members) == 1 and all(run.lengths == [1] for run in kind.runs):
            self._arrange_one(k)
            return
        runs = list(map(self._terms, kind.runs))
        factors = [factor for run in runs for factor in run.factors]
        groups, alike = _by_pattern(kind, factors, exact=all(f.array not in self._collections for f in factors))
        if kind.op is None and not self._kinds.exact:
            for group in groups:
                for run in runs:
                    _put_in_order(run, group, self._collections)
        starts = [[row[0] for row in f.rows] for f in factors]
        regular = [alike or all(_one_pattern([f.rows[m] for m in group]) for group in groups) for f in factors]
        order = _best_order([s for s, fits in zip(starts, regular, strict=True) if fits], groups, len(members))
        self._allot(k, [members[m] for m in order])
        rank = [place[member] for member in members]
        for group in groups:
            group.sort(key=rank.__getitem__)
            slots = [[s[m] for m in group] if fits else None for s, fits in zip(starts, regular, strict=True)]
            tables = [[tuple(f.rows[m]) for m in group] for f, fits in zip(factors, regular, strict=True) if not fits]
            for piece, nest in nests_through(slots, [rank[m] for m in group], tables):
                part, own = [group[i] for i in piece], iter(zip(nest.starts[1:], nest.strides[1:], strict=True))
                segments = [self._segments(nest.counts, run, part, [next(own) for _ in run.factors]) for run in runs]
                value = _value(kind, list(map(list, segments)))
                self._add(k, nest.starts[0], nest.strides[0], nest.counts, value)

    def _terms(self, run: _Run) -> _Terms:
        constants, *factors = run.columns
        arrays = [self._arrays[self._kinds.kind_of[values[0]]] for values in factors]
        places = [run.rows(list(map(self._place.__getitem__, values))) for values in factors]
        fixed = not factors or constants.count(1.0) < len(constants)
        return _Terms(list(map(_Factor, arrays, places)), run.rows(constants) if fixed else [])

    def _arrange_one(self, k: int) -> None:
        """Do the same for a kind of one member, which has no loops."""
        kind, kind_of = self._kinds.kinds[k], self._kinds.kind_of
        segments = []
        for run in kind.runs:
            (constant,), *values = run.columns
            factors: list[View | float] = [View(self._arrays[kind_of[x]], self._place[x], ()) for (x,) in values]
            if constant != 1.0 or not factors:
                factors.append(constant)
            segments.append([Segment((), tuple(factors))])
        self._allot(k, kind.members)
        self._add(k, 0, (), (), _value(kind, segments))

    def _segments(
        self,
        loops: tuple[int, ...],
        run: _Terms,
        part: Sequence[int],
        slots: Sequence[tuple[int, tuple[int, ...] | None]],
    ) -> Iterator[Segment]:
        """Yield the segments that a run becomes in one statement.

        Arguments:
            loops: the statement's.
            part: its members.
            slots: for each factor, the place of its first member's first term, and the stride of each loop; None for
                the strides if there are none.
        """
        first = [f.rows[part[0]] for f in run.factors]
        alike = [by is not None or _one_pattern([f.rows[m] for m in part]) for f, (_, by) in zip(run.factors, slots)]
        inner = [[x - row[0] for x in row] if fits else None for row, fits in zip(first, alike, strict=True)]
        begin, length = 0, len(first[0] if first else run.constants[part[0]])
        while begin < length:
            followed = [x[begin:] for x in inner if x is not None]
            nest = longest_nest(followed) if followed else Nest((length,) if length > 1 else (), (), ())
            n = prod(nest.counts)
            if n <= MOST_EQUAL and len(followed) == len(inner) and not any(map(any, nest.strides)):  # x + x is no loop
                nest, n = Nest((), nest.starts, ((),) * len(followed)), 1
            elif n * MOST_PIECES < length - begin:  # too many pieces: a table
                nest, n = Nest((length - begin,), (), ()), length - begin
            offsets = iter(zip(nest.starts, nest.strides, strict=True)) if nest.starts else None
            factors: list[View | float] = []
            for f, fits, (start, strides) in zip(run.factors, alike, slots, strict=True):
                offset, steps = next(offsets) if offsets and fits else (0, None)
                if strides is None or (steps is None and n > 1):
                    table = [x for m in part for x in f.rows[m][begin : begin + n]]
                    factors.append(self._gathered(f.array, (*loops, *nest.counts), table))
                else:
                    factors.append(View(f.array, start + offset, (*strides, *(steps or ()))))
            if run.constants:
                numbers = [x for m in part for x in run.constants[m][begin : begin + n]]
                factors.append(self._constant((*loops, *nest.counts), numbers))
            yield Segment(nest.counts, tuple(factors))
            begin += n

    def _constant(self, shape: Sequence[int], numbers: list[float]) -> View | float:
        """Return constants as a view, or as one number."""
        found, strides = _without_repeats(shape, array("d", numbers))
        if len(found) == 1:
            return float(found[0])
        key = found.tobytes()
        if key not in self._constants:
            self._constants[key] = Array("c", len(found), constants=found.tolist())
        return View(self._constants[key], 0, strides)

    def _gathered(self, source: Array, shape: Sequence[int], table: list[int]) -> View:
        """Return a view of a new array of those elements of another one that the table lists.

        Of an array that is there, if its last loops are the first ones here: windows on an image, and in the gradients
        of weights what these saw of it, are one matrix and its transpose.
        """
        found, strides = _without_repeats(shape, array("q", table))
        inner = len(found)
        for n, stride in zip(shape, strides, strict=True):
            inner //= n if stride else 1
            outer = len(found) // inner
            if inner > 1 and outer > 1:
                turned = array("q", chain.from_iterable(found[k::inner] for k in range(inner)))
                there = self._gathers.get((source, turned.tobytes()))
                if there:
                    return View(there, 0, tuple(s // inner if s >= inner else s * outer for s in strides))
        key = (source, found.tobytes())
        if key not in self._gathers:
            self._gathers[key] = Array("v", len(found), source.varies)
            loops = tuple(n for n, stride in zip(shape, strides, strict=True) if stride)
            target = View(self._gathers[key], 0, row_major(loops))
            self._statements.append(Statement(target, loops, View(source, 0, target.strides, tuple(found))))
        return View(self._gathers[key], 0, strides)


def _put_in_order(run: _Terms, group: Sequence[int], collections: Container[Array]) -> None:
    """Put the terms of these members, which have as many, in the order of the first member's first factors.

    The order of those in collections says least.
    """
    rows = [f.rows[group[0]] for f in sorted(run.factors, key=lambda f: f.array in collections)]
    firsts = list(zip(*rows, strict=True))
    if firsts != sorted(firsts):
        order = sorted(range(len(firsts)), key=firsts.__getitem__)
        for column in (*[f.rows for f in run.factors], *[run.constants] * bool(run.constants)):
            for m in group:
                column[m] = [column[m][t] for t in order]  # type: ignore[index]


def _without_repeats(shape: Sequence[int], numbers: "array[Any]") -> tuple["array[Any]", tuple[int, ...]]:
    """Return an array of this shape without the loops along which it does not change, and the stride of each loop."""
    bits, kept, size = numbers.tobytes(), list(shape), numbers.itemsize
    for axis in range(len(shape)):
        inner = size * prod(kept[axis + 1 :])
        blocks = [bits[i : i + inner] for i in range(0, len(bits), inner)]
        rows = [blocks[i : i + kept[axis]] for i in range(0, len(blocks), kept[axis])]
        if all(row.count(row[0]) == len(row) for row in rows):
            bits, kept[axis] = b"".join(row[0] for row in rows), 1
    strides = tuple(0 if n == 1 else by for n, by in zip(kept, row_major(kept), strict=True))
    return array(numbers.typecode, bits), strides


def _one_pattern(rows: Sequence[list[int]]) -> bool:
    """Return True if all rows are the first one, shifted."""
    first = rows[0]
    if len(first) == 1:
        return True
    return all(row == [x + row[0] - first[0] for x in first] for row in rows)


def _by_pattern(kind: _Kind, factors: Sequence[_Factor], exact: bool) -> tuple[list[list[int]], bool]:
    """Return the members in groups: those whose terms lie in the same pattern, and True.

    If these are too many, those that have as many terms, and False.
    """
    lengths = [run.lengths for run in kind.runs]
    if all(own.count(1) == len(own) for own in lengths):
        return [list(range(len(kind.members)))], True
    for by_offsets in (True, False) if exact else (False,):
        groups: dict[Hashable, list[int]] = {}
        for m in range(len(kind.members)):
            pattern: list[Hashable] = [own[m] for own in lengths]
            if by_offsets:
                pattern += [tuple([x - f.rows[m][0] for x in f.rows[m]]) for f in factors]
            groups.setdefault(tuple(pattern), []).append(m)
        if len(groups) <= MOST_PATTERNS:
            break
    return list(groups.values()), by_offsets


def _best_order(slots: Sequence[Sequence[int]], groups: Sequence[Sequence[int]], members: int) -> Sequence[int]:
    """Return the order of members in which groups are the fewest nests, with the fewest loops that run backwards."""
    if members == 1:
        return range(members)
    fewest: tuple[float, int] = (inf, 0)
    best: Sequence[int] = range(members)
    for order in chain(_orders(slots, members) if slots else [range(members)], [[*chain.from_iterable(groups)]]):
        rank = [0] * members
        for place, m in enumerate(order):
            rank[m] = place
        pieces = backwards = 0
        for group in groups:
            own = sorted(group, key=rank.__getitem__)
            target = [rank[m] for m in own]
            nests = nests_of([target, *([s[m] for m in own] for s in slots)])
            pieces += MOST_PIECES + len(nests_of([target]) or target) if nests is None else len(nests)
            for nest in nests or ():
                backwards += sum(min(by) < 0 >= max(by) for by in zip(*nest.strides[1:], strict=True))
        if (pieces, backwards) < fewest:
            fewest, best = (pieces, backwards), order
        if fewest == (len(groups), 0):
            break
    return best


def _orders(starts: Sequence[Sequence[int]], members: int) -> Iterator[Sequence[int]]:
    yield range(members)
    yield range(members)[::-1]
    for keys in (starts, starts[::-1]):
        rows = list(zip(*keys, strict=True))
        yield sorted(range(members), key=rows.__getitem__)


def _value(kind: _Kind, runs: Sequence[list[Segment]]) -> Expression:
    """Return what a statement computes, from the segments that the runs of a kind became."""
    if kind.op is None:
        return _sum(kind, list(chain.from_iterable(runs)))
    if kind.op.variadic:
        left = iter(runs)
        return Fold(kind.op, tuple(tuple(chain.from_iterable(next(left) for _ in range(n))) for n in kind.lists))
    operands = tuple([operand.factors[0] for (operand,) in runs])
    fold: Expression | None = folded(kind.op, operands)  # of a constant that is the same for all members
    return Call(kind.op, operands) if fold is None else fold


def _sum(kind: _Kind, segments: list[Segment]) -> Expression:
    """Return a sum. One of single terms becomes calls of mul and add, unless these can be added over samples apart."""
    apart = kind.total and sum(isinstance(segment.factors[0], View) for segment in segments) > 1
    if apart or len(segments) > DEEPEST or any(segment.terms for segment in segments):
        return Sum(kind.head, tuple(segments))
    value: Expression | None = None if bits_of(kind.head) == bits_of(-0.0) else kind.head
    for segment in segments:
        product = segment.factors[0] if len(segment.factors) == 1 else Call(MUL, segment.factors)
        value = product if value is None else Call(ADD, (value, product))
    return kind.head if value is None else value


# 3. Fusion -----------------------------------------------------------------------------------------------------------


def _fused(statements: Sequence[Statement], outputs: Iterable[Output]) -> list[Statement]:
    """Return the statements, where what only one of them reads, element by element, is a part of it."""
    read = Counter(view.array for statement in statements for view in views_of(statement.value))
    read.update(output[0] for output in outputs if isinstance(output, tuple))
    made = Counter(statement.target.array for statement in statements)
    parts: dict[Array, Statement] = {}  # what can be a part of another statement
    depths: dict[Array, int] = {}  # of calls in calls
    gone: set[Array] = set()

    found = []
    for statement in statements:
        array = statement.target.array
        depths[array] = 0
        new = statement._replace(value=_with_parts(statement.value, statement, parts, depths, gone))
        depths[array] += 1
        alone = read[array] == made[array] == 1 and not array.total
        if alone and isinstance(new.value, (Call, View)) and new.target == View(array, 0, row_major(new.loops)):
            parts[array] = new
        found.append(new)
    return [s for s in found if s.target.array not in gone]


def _with_parts(
    value: Expression, reader: Statement, parts: Mapping[Array, Statement], depths: dict[Array, int], gone: set[Array]
) -> Expression:
    """Return a value of `reader` with the parts that can be in it; within `_fused` it would be a cycle for garbage."""
    if isinstance(value, Call):
        return value._replace(operands=tuple([_with_parts(x, reader, parts, depths, gone) for x in value.operands]))
    part, array = parts.get(value.array) if isinstance(value, View) else None, reader.target.array
    if part is None or value != part.target or reader.loops != part.loops:
        return value
    inner = part.target.array
    if inner.varies != (array.varies or array.total) or depths[inner] >= DEEPEST:
        return value
    depths[array] = max(depths[array], depths[inner])
    gone.add(inner)
    return part.value
