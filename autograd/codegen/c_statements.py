"""Write a program's steps as C statements: one for each step, and loops for groups of repeated steps.

The arrays and variables that they read and write are described in `c.py`.
"""

from collections.abc import Iterable, Iterator, Sequence

from autograd.codegen.arguments import Signature
from autograd.codegen.array_program import index_text
from autograd.codegen.loops import LoopOrStep
from autograd.codegen.memory import (
    LoopOperand,
    MemoryLayout,
    Slot,
    StridedRun,
    equal_runs,
    run_through,
    strided_runs,
    terms_of,
)
from autograd.codegen.program import Operand, Step
from autograd.codegen.spelling import TERMS_IN_A_STATEMENT, float_literal, sized_name, spelling_of
from autograd.ops import Op

_SHORTEST_RUN = 8  # of outputs that are the same, to be written by a loop
_COPYING_LOOPS = 16  # at most, if their runs of outputs are short; more become one loop over tables
SUMS_SIDE_BY_SIDE = 8  # in one loop: additions within a sum are serial; interleaving sums hides their latency


HELPERS = {
    "pow": "static inline double power(double x, double y)"  # pow(x, 1) is x
    " { return y == 2 ? x * x : y == 1 ? x : y == -1 ? 1 / x : pow(x, y); }",
    "mod": "static inline double mod(double x, double y)"  # as CPython's float_rem
    " { double r = fmod(x, y); return r == 0 ? copysign(r, y) : (r < 0) != (y < 0) ? r + y : r; }",
    "floordiv": "static inline double floordiv(double x, double y)"  # as CPython's _float_div_mod
    " { double r = fmod(x, y), q = (x - r) / y - (r != 0 && (r < 0) != (y < 0)), z = floor(q);"
    " return y == 0 ? x / y : q == 0 ? copysign(q, x / y) : q - z > 0.5 ? z + 1 : z; }",
}
"""Functions that do not fit in a cell of the table of spellings, by the operation whose cell calls them."""


class CSpelling:
    """The spelling of operations in C, on doubles or on vectors of them; collects the functions that they need."""

    def __init__(self) -> None:
        self._by_lanes: dict[str, tuple[Op, int]] = {}  # functions that compute lane by lane, in order of first use
        self._helpers: dict[str, None] = {}  # those of the operations written so far

    def expression(self, op: Op, names: Sequence[str], vectors: Sequence[bool] | None) -> str:
        """Return one operation other than `sum` and `dot` as an expression.

        Arguments:
            names: the operands as written.
            vectors: for an operation on vectors, True for each operand that is one; None for an operation on doubles.
        """
        row = spelling_of(op)
        if op.name in HELPERS:
            self._helpers[HELPERS[op.name]] = None
        if vectors is None or row.c == row.vector:  # an operator accepts a number with a vector
            return row.write("c", names)
        names = [name if vector else f"all({name})" for name, vector in zip(names, vectors, strict=True)]
        if row.vector:
            return row.write("vector", names)
        function = f"{sized_name(op, len(names))}_each"
        self._by_lanes[function] = op, len(names)
        return f"{function}({', '.join(names)})"

    def definitions(self) -> Iterator[str]:
        """Yield the functions called by the expressions so far."""
        yield from self._helpers
        for function, (op, operands) in self._by_lanes.items():
            names = [f"x{i}" for i in range(operands)]
            lanes = for_loop("i", "LANES", f"z[i] = {spelling_of(op).write('c', [f'{x}[i]' for x in names])};")
            yield f"static inline V {function}({', '.join(f'V {x}' for x in names)})"
            yield from ["{", "V z;", lanes, "return z;", "}"]


def _element(operand: LoopOperand, variables: Sequence[str]) -> str:
    """Return an element of an array; `variables` are those of the loops and, in a sum, of its terms."""
    loops = variables[: len(operand.strides)]
    term = variables[len(loops)] if len(variables) > len(loops) else "0"
    if operand.table:
        at = f"{operand.table}[{index_text(0, (len(operand.indices[0]), loops[0]), (1, term))}]"
    else:
        at = index_text(operand.start, *zip(operand.strides, loops, strict=True), (operand.stride or 0, term))
    return f"{operand.array}[{at}]"


class CStatements:
    """Writes the units of a memory layout.

    Arguments:
        layout: the program in units, and its arrays.
        signature: its arguments and result, which determine where outputs are written.
        outputs: the number of outputs that the statements write; the program's others are terms added to them later.
    """

    def __init__(self, layout: MemoryLayout, signature: Signature, outputs: int) -> None:
        self.layout, self.outputs, self.operations = layout, outputs, CSpelling()
        self.batch, self.reduce = signature.batch, signature.reduce
        self.tables: list[str] = []
        """Declarations of the index tables that the statements read."""

    def name(self, x: Operand) -> str:
        if type(x) is float:
            return literal(x)
        slot = self.layout.slots.get(int(x))
        return f"{slot.array}[{slot.at}]" if slot else f"v{int(x) - self.layout.program.inputs}"

    def _varies(self, x: Operand) -> bool:
        return type(x) is int and x in self.layout.varying

    def lines(self, units: Iterable[LoopOrStep]) -> list[str]:
        """Return the statements of some units."""
        return [
            line
            for unit in units
            for line in (self._loop(unit.steps) if unit.is_loop else self._statement(unit.steps[0]))
        ]

    def _statement(self, place: int) -> Iterator[str]:
        step, varies = self.layout.step(place), self._varies(place)
        target = self.name(place)
        declared = target if place in self.layout.slots else f"{'V' if varies else 'double'} {target}"
        if step.op.adds:
            terms = spelling_of(step.op).terms("c", list(map(self.name, step.operands)))
            for i in range(0, len(terms), TERMS_IN_A_STATEMENT):
                start = self._zero(varies) if i == 0 else target
                yield f"{declared} = {' + '.join([start, *terms[i : i + TERMS_IN_A_STATEMENT]])};"
                declared = target
        else:
            yield f"{declared} = {self._expression(step, list(map(self.name, step.operands)), varies)};"
        if self.layout.leaves_when_made(place):
            for i in self.layout.exits.get(place, ()):
                yield self._leaves(str(i), target)

    def _expression(self, step: Step, names: Sequence[str], varies: bool) -> str:
        return self.operations.expression(step.op, names, list(map(self._varies, step.operands)) if varies else None)

    def _leaves(self, index: str, value: str) -> str:
        """Return the statement that writes a value to an output, or adds it."""
        if not self.batch:
            return f"out[{index}] = {value};"
        return f"s[{index}] {'+=' if self.reduce else '='} {value};"

    def other_outputs(self) -> Iterator[str]:
        """Yield the statements for outputs that are constants, inputs, or batch-invariant results."""
        stored, others = list[tuple[int, Slot]](), list[tuple[int, str]]()
        for i, x in enumerate(self.layout.program.outputs[: self.outputs]):
            if type(x) is int and x >= self.layout.program.inputs and self.layout.leaves_when_made(x):
                continue
            if type(x) is int and x in self.layout.slots:
                stored.append((i, self.layout.slots[x]))
            else:
                others.append((i, self._spread(self.name(x), varies=False)))
        for same in equal_runs(others):  # such as the many zeros of a Hessian: compilers take long for one by one
            if same.length < _SHORTEST_RUN:
                yield from (self._leaves(str(same.first + i), same.text) for i in range(same.length))
            else:
                yield for_loop("i", same.length, self._leaves(index_text(same.first, (1, "i")), same.text))
        yield from self._copied(stored)

    def _copied(self, pairs: Iterable[tuple[int, Slot]]) -> Iterator[str]:
        pairs = list(pairs)
        runs = list(strided_runs(pairs))
        if (
            len(runs) > _COPYING_LOOPS
            and len(pairs) < _COPYING_LOOPS / 4 * len(runs)
            and len({slot.array for _, slot in pairs}) == 1
        ):
            array = pairs[0][1].array
            index, at = self._index_table(i for i, _ in pairs), self._index_table(slot.at for _, slot in pairs)
            yield for_loop(
                "i", len(pairs), self._leaves(f"{index}[i]", self._spread(f"{array}[{at}[i]]", array in "xv"))
            )
            return
        for run in runs:
            index, value = along(run)
            yield for_loop("i", run.length, self._leaves(index, self._spread(value, run.slot.array in "xv")))

    def _index_table(self, numbers: Iterable[int]) -> str:
        """Declare an index table and return its name."""
        name = f"t{len(self.tables)}"
        self.tables.append(f"static const int {name}[] = {{{', '.join(map(str, numbers))}}};")
        return name

    def _spread(self, value: str, varies: bool) -> str:
        return value if varies or self.reduce or not self.batch else f"all({value})"

    # Loops ------------------------------------------------------------------------------------------------------------

    def _loop(self, places: Sequence[int]) -> Iterator[str]:
        """Yield the loop, or nested loops, for all steps of a group."""
        layout, first = self.layout, self.layout.step(places[0])
        varies, sums = self._varies(places[0]), first.op.adds
        members = [layout.step(place) for place in places]
        # For each operand, the list of terms of each member (one term unless it is a sum); None for a constant.
        positions: list[LoopOperand | None] = []
        for p in range(len(first.op.lists(first.operands)) if sums else len(first.operands)):
            lists = [step.op.lists(step.operands)[p] if sums else step.operands[p : p + 1] for step in members]
            constant = type(lists[0][0]) is float
            positions.append(None if constant else LoopOperand([[layout.slots[int(x)] for x in xs] for xs in lists]))
        results = [LoopOperand([[layout.slots[place]] for place in places])] if places[0] in layout.slots else []
        if layout.leaves_directly(places):
            results.append(LoopOperand([[Slot("", layout.exits[place][0])] for place in places]))
        running = [r for r in (*positions, *results) if r]
        loops = run_through(running, lambda operand: self._index_table(i for row in operand.indices for i in row))
        counts = loops.counts if loops else [len(places)]

        def value(variables: Sequence[str]) -> str:
            names = [
                _element(position, variables) if position else self.name(x)
                for position, x in zip(positions, first.operands, strict=False)
            ]
            return spelling_of(first.op).write("c", names) if sums else self._expression(first, names, varies)

        def leave(variables: Sequence[str], result: str) -> Iterator[str]:
            for r in results:
                at = _element(r, variables)
                yield f"{at} = {result};" if at[0] != "[" else self._leaves(at[1:-1], result)

        outer = [f"for (int {v} = 0; {v} < {n}; {v}++) {{" for v, n in zip("ij", counts[:-1], strict=False)]
        variables = [*"ij"[: len(counts) - 1]]
        kind, n = "V" if varies else "double", counts[-1]
        yield from outer
        if not sums:
            yield f"for (int k = 0; k < {n}; k++) {{"
            yield f"const {kind} z = {value([*variables, 'k'])};"
            yield from leave([*variables, "k"], "z")
            yield "}"
        else:
            together = SUMS_SIDE_BY_SIDE if n >= SUMS_SIDE_BY_SIDE else 1
            for start, end, stride in ((0, n - n % together, together), (n - n % together, n, 1)):
                if start == end:
                    continue
                yield f"for (int k = {start}; k < {end}; k += {stride}) {{"
                shifted = [[*variables, f"(k + {i})" if i else "k"] for i in range(stride)]
                yield f"{kind} {', '.join(f'z{i} = {self._zero(varies)}' for i in range(stride))};"
                yield f"for (int t = 0; t < {terms_of(first)}; t++) {{"
                yield from (f"z{i} = z{i} + {value([*vs, 't'])};" for i, vs in enumerate(shifted))
                yield "}"
                for i, vs in enumerate(shifted):
                    yield from leave(vs, f"z{i}")
                yield "}"
        yield from "}" * len(outer)
        if self.layout.leaves_when_made(places[0]) and not self.layout.leaves_directly(places):
            yield from self._copied((i, layout.slots[place]) for place in places for i in layout.exits.get(place, ()))

    def _zero(self, varies: bool) -> str:
        return "all(0.0)" if varies else "0.0"


def along(run: StridedRun) -> tuple[str, str]:
    """Return the index and the array element of a run at position i."""
    return index_text(run.first, (1, "i")), f"{run.slot.array}[{index_text(run.slot.at, (run.stride, 'i'))}]"


def literal(x: float) -> str:
    """Return a constant as C, exact to the bit; in parentheses if its sign bit is set."""
    return float_literal(x, "INFINITY", "NAN")


def for_loop(variable: str, count: int | str, statement: str) -> str:
    """Return a loop of one statement."""
    return f"for (int {variable} = 0; {variable} < {count}; {variable}++) {statement}"
