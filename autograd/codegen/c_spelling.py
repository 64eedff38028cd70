"""Spell operations in C, on doubles and on vectors of them."""

from collections.abc import Iterator, Sequence

from autograd.codegen.c_functions import FEWEST_LANES, HELPERS, LANES_TOGETHER
from autograd.codegen.spelling import float_literal, sized_name, spelling_of
from autograd.ops import Op


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
        return f"{function}({', '.join(names)}, from)"

    def definitions(self) -> Iterator[str]:
        """Yield the functions called by the expressions so far."""
        yield from self._helpers
        for function, (op, operands) in self._by_lanes.items():
            names = [f"x{i}" for i in range(operands)]
            one = spelling_of(op).write("c", [f"{x}[i]" for x in names])
            first = "0" if "__builtin_" in one else "from"  # a few more lanes of a vector instruction are cheaper
            yield from LANES_TOGETHER.get(op.name, "").strip().splitlines()
            yield f"static inline V {function}({', '.join(f'V {x}' for x in names)}, int from)"
            yield from ["{", "V z = x0;"]
            if op.name in LANES_TOGETHER:
                together = f"lanes_of_{op.name}"
                yield f"if ({together} && from <= LANES - {FEWEST_LANES}) return {together}({', '.join(names)});"
            yield from [f"for (int i = {first}; i < LANES; i++) z[i] = {one};", "return z;", "}"]


def literal(x: float) -> str:
    """Return a constant as C, exact to the bit; in parentheses if its sign bit is set."""
    return float_literal(x, "INFINITY", "NAN")


def for_loop(variable: str, count: int | str, statement: str, start: int | str = 0) -> str:
    """Return a loop of one statement."""
    return f"for (int {variable} = {start}; {variable} < {count}; {variable}++) {statement}"
