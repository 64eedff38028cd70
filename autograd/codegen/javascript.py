"""A program as JavaScript: what a page in a browser computes with.

JavaScript's numbers are Python's floats, and most of the table's operations are in its `Math`. The rest is written out
below: what `Math` lacks, and where it differs from C and Python (`Math.pow(1, NaN)` is NaN, `Math.sign(-0)` is -0).
The functions of `Math` may differ from Python's in the last digits, the four operations of arithmetic do not.

Nothing that a user wrote reaches the source, except numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from autograd.codegen.program import Operand, Program
from autograd.ops import TABLE, Op

SPELLINGS = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "{} / {}",
    "neg": "-{}",
    "exp2": "Math.pow(2, {})",
    "atan2": "Math.atan2({}, {})",
    "hypot": "Math.hypot({}, {})",
    **{
        name: f"Math.{name}({{}})"
        for name in "abs exp expm1 log log1p log2 log10 sqrt cbrt sin cos tan asin acos atan "
        "sinh cosh tanh asinh acosh atanh".split()
    },
}
"""How JavaScript writes an operation. Those in `HELPERS` are called by their name."""

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

HELPERS = {
    "pow": "const pow = (x, y) => x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);",
    "erf": _ERF,
    "erfc": _ERF,
    "sigmoid": """
const sigmoid = x => {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const z = Math.exp(x);
  return z / (1 + z);
};""",
    "softplus": "const softplus = x => (x <= 0 ? 0 : x) + Math.log1p(Math.exp(-Math.abs(x)));",
    "relu": "const relu = x => x <= 0 ? 0 : x;",
    "sign": "const sign = x => x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : NaN;",
    "step": "const step = x => x > 0 ? 1 : x <= 0 ? 0 : NaN;",
    "max": "const max = (x, y) => x > y || x !== x ? x : y;",
    "min": "const min = (x, y) => x < y || x !== x ? x : y;",
    "where": "const where = (c, x, y) => c > 0 ? x : y;",
    "sum": """
const sum = (...xs) => {
  let total = 0;
  for (const x of xs) total += x;
  return total;
};""",
    "dot": """
const dot = (...xys) => {
  const half = xys.length / 2;
  let total = 0;
  for (let i = 0; i < half; i++) total += xys[i] * xys[half + i];
  return total;
};""",
}
"""The functions that `Math` lacks. Each is what the row computes, in the same order."""


def constant(x: float) -> str:
    """A float as JavaScript reads it, to the last bit.

    >>> constant(0.1), constant(-2.0), constant(float("-inf")), constant(-0.0)
    ('0.1', '(-2.0)', '(-Infinity)', '(-0.0)')
    """
    text = repr(x).replace("inf", "Infinity").replace("nan", "NaN")
    return f"({text})" if math.copysign(1, x) < 0 else text  # -2 ** 2 is an error, - -2 reads badly


def expression(op: Op, operands: Iterable[str]) -> str:
    """One operation on operands that are names or constants.

    Raises:
        ValueError: an operation that somebody added: its Python cannot be written as JavaScript.

    >>> expression(TABLE["mul"], ["x0", "2.0"]), expression(TABLE["where"], ["c", "x", "y"])
    ('x0 * 2.0', 'where(c, x, y)')
    """
    if op is TABLE.get(op.name):
        if op.name in HELPERS:
            return f"{op.name}({', '.join(operands)})"
        if op.name in SPELLINGS:
            return SPELLINGS[op.name].format(*operands)
    raise ValueError(
        f"{op.name}() has no JavaScript: it is an operation of your own, whose Python a browser cannot run; "
        "write this graph with the table's operations"
    )


def function(program: Program, name: str) -> str:
    """A program as a function from an array of its inputs to an array of its outputs.

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

    def named(x: Operand) -> str:
        if type(x) is int:
            return f"x[{x}]" if x < program.inputs else f"v{x - program.inputs}"
        return constant(x)

    lines = [f"function {name}(x) {{"]
    for i, step in enumerate(program.steps):
        lines.append(f"  const v{i} = {expression(step.op, map(named, step.operands))};")
    return "\n".join([*lines, f"  return [{', '.join(map(named, program.outputs))}];", "}"])


def helpers(ops: Iterable[Op]) -> str:
    """The functions that expressions of these operations call, each once."""
    names = sorted({op.name for op in ops} & HELPERS.keys())
    return "\n".join(dict.fromkeys(HELPERS[name].strip() for name in names))
