"""Write a program as JavaScript, for pages that compute in a browser.

JavaScript's numbers are Python's floats, and most of the table's operations are in its `Math`. Others have a helper
here: the error function, which `Math` lacks; powers (squares and reciprocals are exact, and where `Math.pow(1, NaN)` is
NaN, C and Python have 1); rounding, whose ties go to the even integer; `%` and `//` with Python's signs. The functions
of `Math` may differ from Python's in the last digits; arithmetic and rounding do not.

Nothing that a user wrote reaches the source, except numbers.
"""

from collections.abc import Iterable, Sequence

from autograd.codegen.program import Operand, Program
from autograd.codegen.spelling import float_literal, spelling_of
from autograd.ops import Op

_POW = """
const pow = (x, y) => {
  if (y === 2) return x * x;
  if (y === -1) return 1 / x;
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
};"""

_ERF = """
const erf = x => {
  if (!(Math.abs(x) < 1)) return x < 0 ? erfc(-x) - 1 : 1 - erfc(x);
  let term = x, sum = x;  // DLMF 7.6.2: all terms have one sign, so nothing cancels
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) sum += term *= 2 * x * x / (2 * n + 1);
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
};
const erfc = x => {
  if (x < 1) return 1 - erf(x);
  let tail = x;  // DLMF 7.9.1, from the inside out; at 1 it needs 180 levels, above fewer
  for (let n = 200; n > 0; n--) tail = x + n / 2 / tail;
  const high = Math.min(Math.fround(x), 30), low = x - high;  // exp(-x * x) without the rounding of x * x
  return Math.exp(-high * high) * Math.exp(-low * (x + high)) / Math.sqrt(Math.PI) / tail;
};"""

_ROUND = "const round = x => Math.abs(x) < 2 ** 52 ? Math.sign(x) * (Math.abs(x) + 2 ** 52 - 2 ** 52) : x;"

_MOD = """
const mod = (x, y) => {
  const r = x % y;
  return r === 0 ? 0 * Math.sign(y) : (r < 0) !== (y < 0) ? r + y : r;
};"""

_FLOORDIV = """
const floordiv = (x, y) => {  // as CPython's _float_div_mod
  if (y === 0) return x / y;
  const r = x % y, q = (x - r) / y - (r !== 0 && (r < 0) !== (y < 0)), z = Math.floor(q);
  return q === 0 ? 0 * Math.sign(x / y) : q - z > 0.5 ? z + 1 : z;
};"""

HELPERS = {
    "pow": _POW,
    "mod": _MOD,
    "floordiv": _FLOORDIV,
    "round": _ROUND,
    "erf": _ERF,
    "erfc": _ERF,
}
"""Functions that do not fit in a cell of the table of spellings, by the operation whose cell calls them."""


def number_literal(x: float) -> str:
    """Write a float, exact to the bit.

    >>> number_literal(0.1), number_literal(-2.0), number_literal(float("-inf")), number_literal(-0.0)
    ('0.1', '(-2.0)', '(-Infinity)', '(-0.0)')
    """
    return float_literal(x, "Infinity", "NaN")


def expression(op: Op, operands: Sequence[str]) -> str:
    """Write one operation of the table on operands that are names or constants.

    >>> from autograd.ops import TABLE
    >>> expression(TABLE["mul"], ["x0", "2.0"]), expression(TABLE["sum"], ["x", "y"])
    ('x0 * 2.0', '0.0 + x + y')
    """
    row = spelling_of(op)
    return " + ".join(["0.0", *row.terms("javascript", operands)]) if op.adds else row.write("javascript", operands)


def function(program: Program, name: str) -> str:
    """Write a program as a function from an array of its inputs to an array of its outputs.

    >>> from autograd import Value
    >>> from autograd.codegen.program import lower
    >>> x, y = Value(2.0), Value(3.0)
    >>> print(function(lower([x * y + 1, y], [x, y]), "compute"))
    function compute(x) {
      const v0 = x[0] * x[1];
      const v1 = v0 + 1.0;
      return [v1, x[1]];
    }
    """
    statements, outputs = _statements(program)
    return "\n".join([f"function {name}(x) {{", *statements, f"  return [{', '.join(outputs)}];", "}"])


def arrow(program: Program) -> str:
    """Write a program with one output as an arrow function from an array of its inputs to a number.

    >>> from autograd import Value
    >>> from autograd.codegen.program import lower
    >>> x = Value(2.0)
    >>> arrow(lower([x * x], [x])), arrow(lower([x], [x]))
    ('x => x[0] * x[0]', 'x => x[0]')
    >>> print(arrow(lower([x * x + 1], [x])))
    x => {
      const v0 = x[0] * x[0];
      return v0 + 1.0;
    }
    """
    statements, (output,) = _statements(program)
    if statements and output == f"v{len(program.steps) - 1}":
        output = statements.pop().partition(" = ")[2].removesuffix(";")
    if not statements:
        return f"x => {output}"
    return "\n".join(["x => {", *statements, f"  return {output};", "}"])


def _statements(program: Program) -> tuple[list[str], list[str]]:
    """Return the statements that compute a program's steps, and the names or constants that are its outputs."""

    def named(x: Operand) -> str:
        if type(x) is int:
            return f"x[{x}]" if x < program.inputs else f"v{x - program.inputs}"
        return number_literal(x)

    steps = enumerate(program.steps)
    statements = [f"  const v{i} = {expression(step.op, [*map(named, step.operands)])};" for i, step in steps]
    return statements, [*map(named, program.outputs)]


def helpers(ops: Iterable[Op]) -> str:
    """Return the definitions of the functions that expressions of these operations call, each once."""
    names = sorted({op.name for op in ops} & HELPERS.keys())
    return "\n".join(dict.fromkeys(HELPERS[name].strip() for name in names))
