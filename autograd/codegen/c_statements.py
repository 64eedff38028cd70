"""Write the statements of a program on arrays in C.

Sums are where the time goes. They are written as *tiles*: a few of them at once, each in a register, so that additions
do not wait for each other, and what they read together is loaded once. A tile has rows, each of them

    a vector of samples      for what differs between samples
    a vector of a loop       for other sums, along a loop through adjacent elements; so for `Product`
    a number                 where no loop is like that

Nothing is reassociated: the terms of each sum are added one after the other. What follows of each sum alone, such as
an activation, is computed while it is in its register.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from autograd.codegen.array_program import (
    REPEATED,
    Array,
    Call,
    Expression,
    Fold,
    Segment,
    Statement,
    Sum,
    View,
    index_text,
    views_of,
)
from autograd.codegen.c_functions import LANES_TOGETHER
from autograd.codegen.c_layout import Layout, Place, Product, is_argument, is_tiled
from autograd.codegen.c_library import MOST_LANES
from autograd.codegen.c_spelling import CSpelling, for_loop, literal
from autograd.codegen.spelling import TERMS_IN_A_STATEMENT, spelling_of

ROWS = 12  # of a tile at most: with two operands and a product, they fit in the 16 registers of AVX
LINES_IN_A_TILE = 96  # about as many: rows times segments
ROUNDS_AFTER = 4  # of a statement with each sum, at most: more are loops of their own, which a compiler takes long for


class _Text(NamedTuple):
    """An expression, and True if it is a vector."""

    text: str
    vector: bool = False


class _Tile(NamedTuple):
    """Sums with a target, for each round of loops.

    Arguments:
        rows: the loop whose rounds are the rows; None for a single one.
        lanes: the loop that vectors run along; None if they are of samples, or numbers.
        vector: True if sums are vectors.
        added: True if the sums are added to what is there, False if they take its place; None for those of a product,
            whose terms are one for each sample of a block: `fresh` says it.
        after: statements that are computed for each sum while it is in a register.
    """

    target: View
    loops: tuple[int, ...]
    head: float
    segments: tuple[Segment, ...]
    rows: int | None
    lanes: int | None
    vector: bool
    added: bool | None
    after: tuple[Statement, ...] = ()

    @property
    def height(self) -> int:
        """The number of rows: as equal as possible in all tiles."""
        if self.rows is None:
            return 1
        tables = max(sum(isinstance(x, View) and x.table is not None for x in s.factors) for s in self.segments)
        n, most = self.loops[self.rows], min(ROWS // (1 + tables), LINES_IN_A_TILE // len(self.segments))
        return -(-n // -(-n // max(1, most)))

    def views(self) -> Iterator[View]:
        for segment in self.segments:
            yield from (x for x in segment.factors if isinstance(x, View))

    def of_rows(self, begin: int, n: int) -> "_Tile":
        """Return the tile for some of the rounds of its loop over rows."""
        rows = self.rows or 0

        def moved(x: View | float) -> View | float:
            return x._replace(start=x.start + begin * x.strides[rows]) if isinstance(x, View) else x

        segments = tuple([s._replace(factors=tuple(map(moved, s.factors))) for s in self.segments])
        loops = (*self.loops[:rows], n, *self.loops[rows + 1 :])
        return self._replace(target=moved(self.target), loops=loops, segments=segments)  # type: ignore[arg-type]


class _Tables(dict[tuple[int, ...], str]):
    """The names of the index tables that statements read, by their entries."""

    def of(self, table: tuple[int, ...]) -> str:
        return self.setdefault(table, f"t{len(self)}")


class _Parameters:
    """The parameters of a function: pointers to the first elements of views, local variables, and numbers.

    They are named in order, so that equal functions have equal texts.

    Arguments:
        places: those of the arrays.
        tables: those of all statements.
        shared: True if the lengths and strides of loops are parameters, too: layers of any size then have the same
            functions. Those that know their numbers are a tenth faster for small layers, and easier to read.
    """

    def __init__(self, places: Mapping[Array, Place], tables: _Tables, *, shared: bool) -> None:
        self.places, self.tables, self.shared = places, tables, shared
        self._names: dict[tuple[str, str, Hashable], str] = {}  # by type, argument, and what a number is for

    def add(self, kind: str, argument: str, use: Hashable = None) -> str:
        return self._names.setdefault((kind, argument, use), f"p{len(self._names)}")

    def number(self, n: int, use: Hashable) -> int | str:
        """Return the parameter for a number, but 0 and 1 as they are: adjacent elements are no matter of a stride."""
        return self.add("const int ", str(n), use) if self.shared and n not in (0, 1) else n

    def array(self, view: View, *, written: bool = False) -> str:
        place = self.places[view.array]
        kind = f"{'' if written else 'const '}{kind_of(place.vector)} *restrict "
        return self.add(kind, index_of(place.name, place.start + view.start))

    def index(self, array: str, strides: Sequence[int], variables: Sequence[str], start: int = 0) -> str:
        """Return the index of an element of an array."""
        factors = [f"({x})" if " " in x and by != 1 else x for by, x in zip(strides, variables, strict=True)]
        if not self.shared:
            return index_text(start, *zip(strides, factors, strict=True))
        uses = [(by, (array, i, by), x) for i, (by, x) in enumerate(zip(strides, factors, strict=True)) if by]
        terms = [x if by == 1 else f"{self.number(by, use)} * {x}" for by, use, x in uses]
        return " + ".join([*terms, str(self.number(start, array))] if start else terms) or "0"

    def element(self, view: View, variables: Sequence[str], lanes: int | None, rows: int | None, row: str) -> _Text:
        """Return an element of a view, `row` rounds of the loop `rows` later; a vector of them along `lanes`."""
        place = self.places[view.array]
        if place.local:
            return _Text(self.add(f"const {kind_of(place.vector)} ", place.name), place.vector)
        if place.apart:
            k, array = variables[-1], self.add("const double *restrict ", place.name)
            strides, own = (*view.strides, place.apart), (*variables, f"vector_of({k})")
            at = f"({self.index(array, strides, own, place.start + view.start)}) * LANES + lane_of({k})"
            # All rows have this index, plus a constant: an index for each took more time than the sums.
            by = self.index(array, [view.strides[rows]], [row]) if rows is not None and row else "0"
            return _Text(f"{array}[{at}]" if by == "0" else f"{array}[{at} + {by} * LANES]")
        array, moved = self.array(view._replace(start=0) if view.table else view), later(variables, rows, row)
        if view.table:
            table = self.add("const int *restrict ", index_of(self.tables.of(view.table), view.start))
            return _Text(f"{array}[{table}[{self.index(table, view.strides, moved)}]]", place.vector)
        element = f"{array}[{self.index(array, view.strides, moved)}]"
        if lanes is not None and view.strides[lanes]:
            return _Text(f"*(const U *)&{element}", vector=True)
        return _Text(element, place.vector)

    @property
    def declared(self) -> str:
        return ", ".join(f"{kind}{name}" for (kind, *_), name in self._names.items())

    @property
    def passed(self) -> str:
        return ", ".join(argument for _, argument, _ in self._names)


class CStatements:
    """Writes the statements of a layout.

    Arguments:
        layout: the program, and the places of its arrays.
        shared: True if functions are to be the same for layers of any size.
    """

    def __init__(self, layout: Layout, *, shared: bool) -> None:
        self.layout, self.places, self.shared = layout, layout.places, shared
        self.operations = CSpelling()
        self.tables = _Tables()
        self.functions: dict[str, str] = {}
        """The names of functions, by their parameters and bodies."""
        self._variables = 0
        self._readers = Counter(array for s in layout.statements() for array in _read(s))

    def lines(self, statements: Sequence[Statement]) -> list[str]:
        lines = list[str]()
        for x in self._joined(statements):
            lines += self._tiles(x, self.places) if isinstance(x, _Tile) else self._statement(x)
        return lines

    def _joined(self, statements: Sequence[Statement]) -> Iterator[_Tile | Statement]:
        """Yield each statement; sums as a tile, with the statements that compute with each sum alone.

        As passes of their own through memory, these took a tenth of the time of micrograd's demo.
        """
        last, readers = dict[Array, int](), dict[Array, list[int]]()
        for i, statement in enumerate(statements):
            last[statement.target.array] = i
            for array in _read(statement):
                readers.setdefault(array, []).append(i)
        taken = set[int]()
        for i, statement in enumerate(statements):
            if i in taken:
                continue
            if not is_tiled(statement):
                yield statement
                continue
            tile, made, array = self._tile(statement), [statement.target], statement.target.array
            after = list[Statement]()
            if statement.loops and self.places[array].vector and not array.total:
                waiting = readers.get(array, [])[:]
                for k in waiting:
                    if k > i and k not in taken and self._is_of_each(statements[k], tile, made, last, i):
                        taken.add(k)
                        after.append(statements[k])
                        made.append(statements[k].target)
                        waiting += readers.get(statements[k].target.array, [])
            yield tile._replace(after=tuple(after))

    def _is_of_each(
        self, statement: Statement, tile: _Tile, made: Sequence[View], last: Mapping[Array, int], i: int
    ) -> bool:
        """Return True if each round needs one round's sum, what is made of it, and what is known before the sums.

        Arguments:
            made: the sums, and what statements make of each of them.
            last: the last statement that writes to an array; the sums are number `i`.
        """
        (array, _, _, table), loops, value = statement
        n, arrays = len(tile.loops), [view.array for view in made]
        if table or loops[:n] != tile.loops or prod(loops[n:]) > ROUNDS_AFTER or not _is_quick(value):
            return False
        if self.places[array].local or (array.total and tile.loops[tile.rows or 0] % tile.height):
            return False  # nothing is added twice
        return all(
            _in_loops(view, n) in made if view.array in arrays else not view.table and last.get(view.array, -1) < i
            for view in views_of(value)
        )

    def _statement(self, statement: Statement) -> Iterator[str]:
        target, loops, value = statement
        variables = letters(len(loops))
        if self._is_row(statement):
            assert isinstance(value, Call)
            yield from heads(variables[:-1], loops[:-1])
            first = [*variables[:-1], "0"]
            numbers, results = (f"&{self.value(x, first)[1].text}" for x in (*value.operands, target))
            yield self.operations.row(value.op, numbers, results, loops[-1])
            yield from "}" * (len(loops) - 1)
            return
        yield from heads(variables, loops)
        if self._is_lane_by_lane(statement):
            yield from self._lanes_of(statement, variables)
            yield from "}" * len(loops)
            return
        before, (text, vector) = self.value(value, variables)
        yield from before
        place = self.places[target.array]
        text = text if vector or not place.vector else f"all({text})"
        if place.local:
            yield f"const {kind_of(place.vector)} {place.name} = {text};"
        else:
            to = self._element(target, variables).text
            yield f"{to} {'+=' if target.array.total else '='} {text};"
        yield from "}" * len(loops)

    def _is_row(self, statement: Statement) -> bool:
        """Return True for adjacent doubles, of a function that computes all lanes of a vector together."""
        target, loops, value = statement
        if not isinstance(value, Call) or value.op.name not in LANES_TOGETHER or target.array.total:
            return False
        views = [target, *(x for x in value.operands if isinstance(x, View))]
        places = [self.places[x.array] for x in views]
        return (
            len(views) == 2
            and bool(loops)
            and loops[-1] >= MOST_LANES
            and all(x.table is None and x.strides[-1] == 1 for x in views)
            and not any(place.vector or place.local for place in places)
        )

    def _is_lane_by_lane(self, statement: Statement) -> bool:
        """Return True for a call of a function of the C library on vectors in memory, if no other takes all lanes."""
        target, _, value = statement
        if not isinstance(value, Call) or target.array.total:
            return False
        row = spelling_of(value.op)
        if row.vector or "__builtin_" in row.c or value.op.name in LANES_TOGETHER:
            return False
        known = [target, *(x for x in value.operands if isinstance(x, View))]
        places = [self.places[x.array] for x in known]
        simple = all(isinstance(x, (View, float)) for x in value.operands)
        return simple and places[0].vector and not any(place.local for place in places)

    def _lanes_of(self, statement: Statement, variables: Sequence[str]) -> Iterator[str]:
        """Yield a loop over the lanes. It takes four fifths of the time of one between vector registers."""
        target, _, value = statement
        assert isinstance(value, Call)
        operands = [self.value(x, variables)[1] for x in value.operands]
        texts = [f"{text}[lane]" if vector else text for text, vector in operands]
        text = self.operations.expression(value.op, texts, None)
        to = self._element(target, variables).text
        # What happens to be in memory may be subnormal numbers, with which vectors compute slowly: 64-32-10 with one
        # sample took 14 instead of 3 µs.
        yield f"if (from) {to} = all(0.0);"
        yield for_loop("lane", "LANES", f"{to}[lane] = {text};", "from")

    # Expressions ------------------------------------------------------------------------------------------------------

    def _element(self, view: View, variables: Sequence[str]) -> _Text:
        place = self.places[view.array]
        if place.local:
            return _Text(place.name, place.vector)
        at = index_text(view.start + (0 if view.table else place.start), *zip(view.strides, variables, strict=True))
        if view.table:
            at = index_text(place.start, (1, f"{self.tables.of(view.table)}[{at}]"))
        return _Text(f"{place.name}[{at}]", place.vector)

    def value(
        self,
        value: Expression,
        variables: Sequence[str],
        element: Callable[[View], _Text] | None = None,
    ) -> tuple[list[str], _Text]:
        """Return a value as an expression, and the lines before it, which declare variables.

        Arguments:
            element: how the elements of views are written, if not as elements of their arrays.
        """
        if isinstance(value, float):
            return [], _Text(literal(value))
        if isinstance(value, View):
            return [], element(value) if element else self._element(value, variables)
        if isinstance(value, Sum):
            return self._chain(value, variables)
        if isinstance(value, Fold):
            return self._fold(value, variables)
        lines, operands = list[str](), list[_Text]()
        for x in value.operands:
            before, operand = self.value(x, variables, element)
            lines += before
            if not isinstance(x, (View, float)):  # a cell may write an operand twice, and binds as it likes
                name = self._variable()
                lines.append(f"const {kind_of(operand.vector)} {name} = {operand.text};")
                operand = operand._replace(text=name)
            operands.append(operand)
        texts, vectors = [x.text for x in operands], [x.vector for x in operands]
        text = self.operations.expression(value.op, texts, vectors if any(vectors) else None)
        return lines, _Text(text, any(vectors))

    def _variable(self) -> str:
        self._variables += 1
        return f"z{self._variables}"

    def _chain(self, value: Sum, variables: Sequence[str]) -> tuple[list[str], _Text]:
        """Return a sum of single terms."""
        factors = [[self._factor(x, variables) for x in segment.factors] for segment in value.segments]
        terms = [" * ".join(x.text for x in xs) for xs in factors]
        vector = any(x.vector for xs in factors for x in xs)
        total = f"all({literal(value.head)})" if vector else literal(value.head)
        lines, name = list[str](), ""
        for i in range(0, len(terms), TERMS_IN_A_STATEMENT):
            if i:
                declared = "" if name else f"{kind_of(vector)} "
                name = name or self._variable()
                lines.append(f"{declared}{name} = {total};")
                total = name
            total = " + ".join([total, *terms[i : i + TERMS_IN_A_STATEMENT]])
        return lines, _Text(total, vector)

    def _fold(self, value: Fold, variables: Sequence[str]) -> tuple[list[str], _Text]:
        """Return an operation on lists: with all their numbers, if C spells it, or repeated in loops over them."""
        segments = [segment for own in value.lists for segment in own]
        vector = any(isinstance(x, View) and self.places[x.array].vector for s in segments for x in s.factors)
        lines, elements = list[str](), list[_Text]()
        name, (op, first) = self._variable(), REPEATED.get(value.op, (value.op, 0.0))
        if op is not value.op:
            lines = [f"{kind_of(vector)} {name} = {f'all({literal(first)})' if vector else literal(first)};"]
        for terms, (x,) in segments:
            inner = letters(len(variables) + len(terms))[len(variables) :]
            if op is not value.op:
                text, own = self._factor(x, [*variables, *inner])
                text = self.operations.expression(op, [name, text], [True, own] if vector else None)
                lines += [*heads(inner, terms), f"{name} = {text};", *"}" * len(terms)]
            else:
                rounds = product(*map(range, terms))
                elements += [self._factor(x, [*variables, *map(str, at)]) for at in rounds]
        if op is value.op:
            flags = [x.vector for x in elements] if vector else None
            return [], _Text(self.operations.expression(op, [x.text for x in elements], flags), vector)
        return lines, _Text(name, vector)

    def _factor(self, x: View | float, variables: Sequence[str]) -> _Text:
        return _Text(literal(x)) if isinstance(x, float) else self._element(x, variables)

    # Sums -------------------------------------------------------------------------------------------------------------

    def _tile(self, statement: Statement) -> _Tile:
        target, loops, value = statement
        assert isinstance(value, Sum)
        total = target.array.total
        vector = self.places[target.array].vector
        tile = _Tile(target, loops, value.head, value.segments, None, None, vector, added=total)
        lanes = None if vector else _lanes(tile)
        tile = tile._replace(lanes=lanes, vector=vector or lanes is not None)
        return tile._replace(rows=_rows(tile))

    def products(self, of: Product) -> Iterator[str]:
        """Yield the statements for the samples of a block.

        These are from `block` + `known` to `block` + `samples`; `fresh` is true for the first block of all.
        """
        target, loops, _ = of.statement
        lengths, places, factors = self.layout.lengths, dict(self.places), list[View | float]()
        for x in (of.across, of.down):
            array, by = Array(x.array.name, x.array.length, x.array.varies), 0
            if is_argument(array):
                places[array], by = Place(f"{array.name} + block * {array.length}"), array.length
            elif not array.varies:
                places[array] = self.places[x.array]
            elif x is of.across:
                places[array], by = Place("r", self.layout.row[x.array]), lengths["r"]
            else:
                places[array] = Place("(const double *)w", self.places[x.array].start, apart=lengths["y"])
            factors.append(x._replace(array=array, strides=(*x.strides, by)))
        segment = Segment((0,), tuple(factors))
        tile = _Tile(target, loops, 0.0, (segment,), None, of.lanes, vector=True, added=None)
        yield from self._tiles(tile._replace(rows=_rows(tile)), places)

    def _tiles(self, tile: _Tile, places: Mapping[Array, Place]) -> Iterator[str]:
        """Yield the calls of a function that computes the sums."""
        height, n = tile.height, tile.loops[tile.rows] if tile.rows is not None else 1
        if tile.added is not False and n % height:  # nothing is added twice
            yield from self._call(tile.of_rows(0, n - n % height), places, height)
            yield from self._call(tile.of_rows(n - n % height, n % height), places, n % height)
        else:
            yield from self._call(tile, places, height)

    def _call(self, tile: _Tile, places: Mapping[Array, Place], height: int) -> Iterator[str]:
        shared = self.shared or any(view.table for view in tile.views())  # such sums have many lengths
        parameters = _Parameters(places, self.tables, shared=shared)
        body = list(self._body(tile, parameters, height))
        text = "\n".join([f"({parameters.declared})", "{", *body, "}"])
        name = self.functions.setdefault(text, f"sums{len(self.functions)}")
        yield f"{name}({parameters.passed});"

    def _body(self, tile: _Tile, parameters: _Parameters, height: int) -> Iterator[str]:
        loops = [parameters.number(n, i) for i, n in enumerate(tile.loops)]
        variables, closing = letters(len(loops)), 0
        outer = [i for i in range(len(loops)) if i not in (tile.rows, tile.lanes)]
        for line in heads([variables[i] for i in outer], [loops[i] for i in outer]):
            yield line
            closing += 1
        for loop, by in ((tile.lanes, "LANES"), (tile.rows, str(height))):
            if loop is None:
                continue
            i, n = variables[loop], loops[loop]
            if loop == tile.rows and isinstance(n, int) and n % height == 0:
                yield f"for (int {i} = 0; {i} < {n}; {i} += {by}) {{"
            else:
                yield f"for (int {i}0 = 0; {i}0 < {n}; {i}0 += {by}) {{"
                yield f"const int {i} = {i}0 < {n} - {by} ? {i}0 : {n} - {by}; /* the last may overlap */"
            closing += 1
        kind, zero = kind_of(tile.vector), f"all({literal(tile.head)})" if tile.vector else literal(tile.head)
        row, z, each = ("row", "z[row]", f"ROWS({height}) ") if height > 1 else ("", "z", "")
        stored = not self._is_only_read_by(tile.target.array, tile.after)
        get, put = self._target(tile, parameters, later(variables, tile.rows, row)) if stored else ("", "")
        if tile.added is None:
            zero = f"{parameters.add('const int ', 'fresh')} ? {zero} : {get}"
        yield f"{kind} z[{height}];" if row else f"{kind} z;"
        yield f"{each}{z} = {zero};"
        for s, segment in enumerate(tile.segments):
            inner = letters(len(loops) + len(segment.terms))[len(loops) :]
            if tile.added is None:
                first, last = (parameters.add("const int ", name) for name in ("known", "samples"))
                yield f"for (int {inner[0]} = {first}; {inner[0]} < {last}; {inner[0]}++) {{"
            else:
                yield from heads(inner, [parameters.number(n, ("terms", s, i)) for i, n in enumerate(segment.terms)])
            own = [*variables, *inner]
            factors = [
                literal(x) if isinstance(x, float) else parameters.element(x, own, tile.lanes, tile.rows, row).text
                for x in segment.factors
            ]
            yield f"{each}{z} = {z} + {' * '.join(factors)};"
            yield from "}" * len(segment.terms)
        result = z
        if tile.added is None and self.layout.signature.reduce == "mean":
            result = f"scaled({z}, {parameters.add('const double ', 'scale')})"
        if stored:
            yield each + put.format(result)
        if tile.after:
            known, self._variables = self._variables, 0  # the names of equal functions are equal
            yield f"{each}{{"
            yield from self._after(tile, parameters, variables, row, z)
            yield "}"
            self._variables = known
        yield from "}" * closing

    def _after(self, tile: _Tile, parameters: _Parameters, variables: list[str], row: str, z: str) -> Iterator[str]:
        """Yield the statements that follow the sum `z` of a row."""
        known: dict[View | None, _Text] = {tile.target: _Text(z, vector=True)}
        for target, loops, value in tile.after:
            inner = letters(len(loops))[len(variables) :]

            def element(view: View, own: Sequence[str] = (*variables, *inner)) -> _Text:
                made = known.get(_in_loops(view, len(variables)))
                return made or parameters.element(view, own, None, tile.rows, row)

            yield from heads(inner, loops[len(variables) :])
            before, (text, _) = self.value(value, (), element)
            yield from before
            if not target.array.total:
                known[target] = _Text(self._variable(), vector=True)
                yield f"const V {known[target].text} = {text};"
                text = known[target].text
            if not self._is_only_read_by(target.array, tile.after):
                array = parameters.array(target, written=True)
                index = parameters.index(array, target.strides, later([*variables, *inner], tile.rows, row))
                yield f"{array}[{index}] {'+=' if target.array.total else '='} {text};"
            yield from "}" * len(inner)

    def _is_only_read_by(self, array: Array, statements: Iterable[Statement]) -> bool:
        """Return True if an array need not be in memory: what reads it are these statements, and it is no output."""
        return 0 < self._readers[array] == sum(array in _read(s) for s in statements)

    @staticmethod
    def _target(tile: _Tile, parameters: _Parameters, variables: Sequence[str]) -> tuple[str, str]:
        """Return the expression that loads a row's sum so far, and the statement that stores it."""
        array = parameters.array(tile.target, written=True)
        element = f"{array}[{parameters.index(array, tile.target.strides, variables)}]"
        if tile.lanes is None:
            return element, f"{element} {'+=' if tile.added else '='} {{}};"
        stride, i = parameters.number(tile.target.strides[tile.lanes], (array, "lanes")), variables[tile.lanes]
        known = f"{i}0 - {i}" if tile.added is None else "0"  # lanes of the tile before, which has stored them
        return f"get(&{element}, {stride})", f"put(&{element}, {stride}, {{}}, {known});"


def _read(statement: Statement) -> set[Array]:
    return {view.array for view in views_of(statement.value)}


def _is_quick(value: Expression) -> bool:
    """Return True for numbers, and operations on them that a processor has for vectors."""
    if isinstance(value, Call):
        return bool(spelling_of(value.op).vector) and all(map(_is_quick, value.operands))
    return isinstance(value, (View, float))


def _in_loops(view: View, loops: int) -> View | None:
    """Return the view as one in the outermost loops, if it stays in the others."""
    return None if any(view.strides[loops:]) else view._replace(strides=view.strides[:loops])


def _rows(tile: _Tile) -> int | None:
    """Return the loop whose rounds have most in common; the longest of these."""
    costs = {
        loop: (sum(view.strides[loop] != 0 for view in tile.views()), -n)
        for loop, n in enumerate(tile.loops)
        if n > 1 and loop != tile.lanes
    }
    return min(costs, key=costs.__getitem__) if costs else None


def _lanes(tile: _Tile) -> int | None:
    """Return a loop through adjacent elements, or those that stay, of all views; None if there is none."""
    found = [
        (tile.target.strides[loop] == 1, n, loop)
        for loop, n in enumerate(tile.loops)
        if n >= MOST_LANES and {1} <= {view.strides[loop] * (2 if view.table else 1) for view in tile.views()} <= {0, 1}
    ]
    return max(found)[-1] if found else None


def index_of(name: str, start: int | str) -> str:
    """Return the address of an element."""
    return f"{name} + {start}" if start and start != "0" else name


def kind_of(vector: bool) -> str:
    return "V" if vector else "double"


def letters(loops: int) -> list[str]:
    """Return the variables of loops, the outermost first."""
    return [*"ijklm", *(f"i{n}" for n in range(5, loops))][:loops]


def later(variables: Sequence[str], loop: int | None, rounds: str) -> list[str]:
    """Return the variables of loops, some rounds of one of them later."""
    return [f"{x} + {rounds}" if i == loop and rounds else x for i, x in enumerate(variables)]


def heads(variables: Sequence[str], counts: Sequence[int | str]) -> Iterator[str]:
    """Yield the first lines of loops."""
    for i, n in zip(variables, counts, strict=True):
        yield f"for ({'int' if isinstance(n, int) else 'long long'} {i} = 0; {i} < {n}; {i}++) {{"
