"""Spell operations in C, on doubles and on vectors of them."""

from collections.abc import Iterator, Sequence

from autograd.codegen.c_functions import FEWEST_LANES, HELPERS, LANES_TOGETHER, WITHIN, lanes_together
from autograd.codegen.spelling import float_literal, sized_name, spelling_of
from autograd.ops import Op

_ROW = """
static void {name}_row(const double *x, double *z, int n) /* at least LANES numbers; the last vector may overlap */
{{
    int i = 0;
    for (; i + LANES <= n; i += LANES) put(z + i, 1, {function}(get(x + i, 1), 0), 0);
    if (i < n) put(z + n - LANES, 1, {function}(get(x + n - LANES, 1), i - n + LANES), i - n + LANES);
}}
"""


class CSpelling:
    """The spelling of operations in C, on doubles or on vectors of them; collects the functions that they need."""

    def __init__(self) -> None:
        self._by_lanes: dict[str, tuple[Op, int]] = {}  # functions that compute lane by lane, in order of first use
        self._rows: dict[str, str] = {}  # names of operations on adjacent doubles, by their functions of lanes
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
        return f"{self._each(op, len(names))}({', '.join(names)}, from)"

    def _each(self, op: Op, operands: int) -> str:
        function = f"{sized_name(op, operands)}_each"
        self._by_lanes[function] = op, operands
        return function

    def row(self, op: Op, numbers: str, results: str, count: int) -> str:
        """Return a statement that writes the results of a unary operation on adjacent doubles, through vectors."""
        self._rows[self._each(op, 1)] = op.name
        return f"{op.name}_row({numbers}, {results}, {count});"

    @property
    def has_vectors(self) -> bool:
        """True if functions of vectors are among the definitions."""
        return bool(self._by_lanes)

    def definitions(self) -> Iterator[str]:
        """Yield the functions called by the expressions so far."""
        yield from self._helpers
        together = [op.name for op, _ in self._by_lanes.values() if op.name in LANES_TOGETHER]
        if any(LANES_TOGETHER[name].usual for name in together):
            yield from WITHIN.strip().splitlines()
        for function, (op, operands) in self._by_lanes.items():
            names = [f"x{i}" for i in range(operands)]
            one = spelling_of(op).write("c", [f"{x}[i]" for x in names])
            first = "0" if "__builtin_" in one else "from"  # a few more lanes of a vector instruction are cheaper
            declared = f"V {function}({', '.join(f'V {x}' for x in names)}, int from)"
            if op.name in together:
                lanes = f"lanes_of_{op.name}"
                conditions = [lanes, f"from <= LANES - {FEWEST_LANES}", LANES_TOGETHER[op.name].usual]
                yield from [f"static V (*{lanes})(V); /* or NULL */", f"static __attribute__((noinline)) {declared}"]
                yield from ["{", "V z = x0;", f"if ({' && '.join(filter(None, conditions))}) return {lanes}(x0);"]
            else:
                yield from [f"static inline {declared}", "{", "V z = x0;"]
            yield from [f"for (int i = {first}; i < LANES; i++) z[i] = {one};", "return z;", "}"]
        for text in lanes_together(together) if together else ():
            yield from text.strip().splitlines()
        for function, name in self._rows.items():
            yield from _ROW.format(name=name, function=function).strip().splitlines()


def literal(x: float) -> str:
    """Return a constant as C, exact to the bit; in parentheses if its sign bit is set."""
    return float_literal(x, "INFINITY", "NAN")


def for_loop(variable: str, count: int | str, statement: str, start: int | str = 0) -> str:
    """Return a loop of one statement."""
    return f"for (int {variable} = {start}; {variable} < {count}; {variable}++) {statement}"
