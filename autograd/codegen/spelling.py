r"""Define how each target writes each operation: one row per operation, one column per target.

A cell is a template in the names of the row's operands: `{x} > {y} ? {x} : {y}`. Operands are names and constants
(negative ones in parentheses), so a cell needs no parentheses around them. Only in a spreadsheet are they formulas
themselves; there `{x:2}` puts parentheses around those that bind less tightly than 2. The operands of a variadic
operation are lists: `max({xs})` becomes `max(a, b, c)`. But the cells of `sum` and `dot` spell one term: every target
adds the terms strictly left to right, from 0.0.

An empty cell means the target's function of the operation's name:

    Python        a call of the row's own `computes`
    arrays        `xp.name(...)`, where `xp` is NumPy, jax.numpy, torch or another module with NumPy's names
    C             the C library's `name(...)`
    C vector      a loop over the lanes of a vector, with the cell for C in each
    JavaScript    `Math.name(...)`
    spreadsheet   `NAME(...)`

unless the row ends in `formula=`, which gives the operation in terms of other operations of the table. Then an empty
cell of any target but Python means this formula: `program.expanded` replaces the operation by those of the formula. A
formula must give the row's own bits. So a target spells only what it cannot derive, or can do faster. The
formula of a variadic operation is a function of all its operands, `lambda *xs: ...`.

Code that does not fit in a cell (JavaScript's error function, C's power) is a helper of that name in the target's own
file; so is the arrays' `pow` whose exponent is not a constant. Constants among the operands may allow a shorter form,
which is in the target's own file: Python's `div` by a constant other than 0 (`python.py`), and the spreadsheet's `pow`
of a positive base or to a constant exponent (`spreadsheet.py`). Everywhere else `x ** 2` and `x ** -1` become a product
and a quotient (`program.expanded`). `array_module.py` replaces `cbrt` for modules that lack it (torch), and for those
that differentiate what has other derivatives there at a tie (`abs`, `max`, `min`).
Operations that users add have no row: `program.expanded` replaces them by what their functions record on Values.

`latex=` says how the operation looks in a textbook: LaTeX in the names of the operands, `\frac{x}{y}`. It needs no
parentheses around operands: `typesetting.py` reads the cell, puts them where they are needed, and writes MathML as well.
An empty cell means a call of the operation's name.

To add an operation to the table in `ops.py`, add its row here. A test for each column runs it through the real target.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from autograd import ops
from autograd.floats import SQRT_HALF
from autograd.ops import Op, abs, erfc, exp, expm1, log1p, relu, sigmoid, sign, softplus, where
from autograd.text import quoted

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
"""Binding strengths of spreadsheet formulas: `a+b`, `a*b`, `a^b`; a cell or a call. A leading minus binds like a sum
here; to a spreadsheet it binds tighter than `^` (`-2^2` is 4), so what follows it is always an atom."""

TARGETS = ("python", "arrays", "c", "javascript", "spreadsheet")
"""The columns that name a target. The second one of C, `vector`, has only the cells that help its compiler."""

TERMS_IN_A_STATEMENT = 40
"""The longest sum in one expression: compilers recurse into each of its terms."""


@dataclass(eq=False)
class SpellingRow:
    """The spelling of one operation: a template for each target, and the binding strength of the spreadsheet's."""

    op: Op
    python: str = ""
    arrays: str = ""
    c: str = ""
    vector: str = ""
    javascript: str = ""
    binds: int = ATOM
    spreadsheet: str = ""
    latex: str = ""
    formula: Callable[..., Any] | None = field(default=None, kw_only=True)
    operands: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Fill in the empty cells as the module's docstring says."""
        op = self.op
        if op.variadic:
            self.operands = (("x", "y") if op.adds else ("xs", "ys"))[: op.reads.count("{}")]
        else:
            self.operands = tuple(op.__signature__.parameters)
        call = f"{op.name}({', '.join(f'{{{x}}}' for x in self.operands)})"
        cells = {"python": call, "latex": rf"\operatorname{{{op.name}}}({', '.join(self.operands)})"}
        if self.formula is None:
            cells |= {"arrays": f"xp.{call}", "c": call, "javascript": f"Math.{call}"}
            cells["spreadsheet"] = call.replace(op.name, op.name.upper(), 1)
        for column, cell in cells.items():
            setattr(self, column, getattr(self, column) or cell)

    def write(self, column: str, operands: Sequence[str]) -> str:
        """Return the cell of a column with its operands put in, lists joined by commas; for `sum` and `dot`, one term.

        >>> SPELLINGS["where"].write("javascript", ["a", "b", "c"])
        'a > 0 ? b : c'
        """
        template: str = getattr(self, column)
        if self.op.variadic and not self.op.adds:
            operands = list(map(", ".join, self.op.lists(operands)))
        return template.format(**dict(zip(self.operands, operands, strict=True)))

    def terms(self, column: str, operands: Sequence[str]) -> list[str]:
        """Return the terms of a `sum` or `dot` of these operands.

        >>> SPELLINGS["dot"].terms("c", ["x1", "x2", "w1", "w2"])
        ['x1 * w1', 'x2 * w2']
        """
        return [self.write(column, term) for term in zip(*self.op.lists(operands), strict=True)]


def spelling_of(op: Op) -> SpellingRow:
    """Return the row of an operation.

    Raises:
        LookupError: it has none.
    """
    found = SPELLINGS.get(op.name)
    if found is None:
        raise LookupError(f"no target knows how to write {op.name}: add its row to autograd/codegen/spelling.py")
    return found


def sized_name(op: Op, operands: int) -> str:
    """Return the name of the operation's function of that many operands, in a target whose functions take a fixed number.

    >>> sized_name(ops.tanh, 1), sized_name(ops.sum, 3)
    ('tanh', 'sum3')
    """
    return f"{op.name}{operands}" if op.variadic else op.name


def float_literal(x: float, inf: str = "inf", nan: str = "nan") -> str:
    """Write a constant, exact to the bit; in parentheses if its sign bit is set, because -2.0 ** 2 is -4.0.

    Arguments:
        inf, nan: names of infinity and nan in the target.

    >>> float_literal(0.1), float_literal(-2.0), float_literal(-0.0), float_literal(-math.inf, inf="INFINITY")
    ('0.1', '(-2.0)', '(-0.0)', '(-INFINITY)')
    """
    text = repr(x).replace("inf", inf).replace("nan", nan)
    return f"({text})" if math.copysign(1, x) < 0 else text


def is_spelled(op: Op, target: str) -> bool:
    """Return True if a target writes the operation itself. For operations that users added, only Python does.

    Arguments:
        target: the column of a target, one of `TARGETS`.

    Raises:
        LookupError: there is no such column, or an operation of the table has no row.
    """
    if target not in TARGETS:
        raise LookupError(
            f"no target {quoted(target)} in the table of spellings: there are {', '.join(map(repr, TARGETS))}"
        )
    if not op.built_in:
        return target == "python"
    cell: str = getattr(spelling_of(op), target)
    return cell != ""


# Formulas that JAX and PyTorch differentiate: a branch that is not taken is finite, and at a tie the derivatives of the
# parts add up to those of the row.


def _minus_abs(x: Any) -> Any:
    return where(x, -x, x)


def _sigmoid(x: Any) -> Any:
    z = exp(where(-x, x, -x))  # never overflows, and keeps the digits of results near 0
    return ops.div(where(-x, z, 1.0), 1.0 + z)


def _logaddexp(x: Any, y: Any) -> Any:
    lead = x - y
    known = 1.0 + abs(lead)  # nan: of the same infinity
    return where(known, where(lead, x, y), ops.max(x, y)) + log1p(exp(where(known, _minus_abs(lead), 0.0)))


def _gelu(x: Any) -> Any:
    x = ops.max(x, -40.0)
    return 0.5 * x * erfc(-SQRT_HALF * x)


def _silu(x: Any) -> Any:
    x = ops.max(x, -800.0)
    return x * sigmoid(x)


# fmt: off

SPELLINGS: dict[str, SpellingRow] = {row.op.name: row for row in (
    #           operation      Python                                  arrays                   C                       C vector                             JavaScript           spreadsheet
    SpellingRow(ops.add,       "{x} + {y}",                            "{x} + {y}",             "{x} + {y}",            "{x} + {y}",                         "{x} + {y}",         SUM,      "{x:1}+{y:2}", latex="x + y"),
    SpellingRow(ops.sub,       "{x} - {y}",                            "{x} - {y}",             "{x} - {y}",            "{x} - {y}",                         "{x} - {y}",         SUM,      "{x:1}-{y:2}", latex="x - y"),
    SpellingRow(ops.mul,       "{x} * {y}",                            "{x} * {y}",             "{x} * {y}",            "{x} * {y}",                         "{x} * {y}",         PRODUCT,  "{x:2}*{y:3}", latex=r"x \times y"),
    SpellingRow(ops.div,       "{x} / {y} if {y} else div({x}, {y})",  "{x} / {y}",             "{x} / {y}",            "{x} / {y}",                         "{x} / {y}",         PRODUCT,  "{x:2}/{y:3}", latex=r"\frac{x}{y}"),
    SpellingRow(ops.mod,       "{x} % {y} if {y} else nan",            "xp.where((z := xp.remainder({x}, {y})) == 0, xp.copysign(xp.stop_gradient(z), {y}) - (xp.stop_gradient(z) - z), z)", "mod({x}, {y})", "", "mod({x}, {y})", SUM, "{x:1}-{y:3}*INT({x:2}/{y:3})", latex=r"x \bmod y"),  # MOD is an error of -1 and 1e22. 0 with the sign of y, and the gradient of z
    SpellingRow(ops.floordiv,  "{x} // {y} if {y} else div({x}, {y})", "xp.stop_gradient(xp.where({y} == 0, {x} / {y}, xp.copysign(xp.floor_divide({x}, {y}), {x} / {y})))", "floordiv({x}, {y})", "", "floordiv({x}, {y})", ATOM, "INT({x:2}/{y:3})", latex=r"\lfloor\frac{x}{y}\rfloor"),
    SpellingRow(ops.neg,       "-{x}",                                 "-{x}",                  "-{x}",                 "-{x}",                              "-{x}",              SUM,      "-{x:4}", latex="-x"),
    SpellingRow(ops.pow,       "",                                     "{x} ** {y}",            "power({x}, {y})",      "",                                  "pow({x}, {y})",     ATOM,     "IF({y}=0,1,IF(AND({x}<0,{y}<>INT({y})),SQRT({x}),{x:4}^{y:4}))", latex="x^{y}"),  # 0^0 is an error in Excel
    SpellingRow(ops.abs,       "",                                     "",                      "__builtin_fabs({x})",  "(V)((M){x} & 0x7fffffffffffffff)",  "",                  ATOM,     "", latex="|x|"),

    SpellingRow(ops.exp,       "",                                     "",                      "",                     "",                                  "",                  ATOM,     "", latex="e^{x}"),
    SpellingRow(ops.expm1,     "",                                     "",                      "",                     "",                                  "",                  PRODUCT,  "TANH({x:2}/2)*(EXP({x})+1)", latex="e^{x} - 1"),  # EXP(x)-1 has no digits left near 0
    SpellingRow(ops.exp2,      "",                                     "",                      "",                     "",                                  "Math.pow(2, {x})",  POWER,    "2^{x:4}", latex="2^{x}"),
    SpellingRow(ops.log,       "",                                     "",                      "",                     "",                                  "",                  ATOM,     "LN({x})", latex=r"\ln(x)"),
    SpellingRow(ops.log1p,     "",                                     "",                      "",                     "",                                  "",                  ATOM,     "IF(ABS({x})<0.5,2*ATANH({x:2}/(2+{x:2})),LN(1+{x:2}))", latex=r"\ln(1 + x)"),
    SpellingRow(ops.log2,      "",                                     "",                      "",                     "",                                  "",                  PRODUCT,  "LN({x})/LN(2)", latex=r"\log_{2}(x)"),
    SpellingRow(ops.log10,     "",                                     "",                      "",                     "",                                  "",                  ATOM,     "", latex=r"\log_{10}(x)"),
    SpellingRow(ops.sqrt,      "",                                     "",                      "__builtin_sqrt({x})",  "",                                  "",                  ATOM,     "", latex=r"\sqrt{x}"),
    SpellingRow(ops.cbrt,      "",                                     "",                      "",                     "",                                  "",                  PRODUCT,  "SIGN({x})*ABS({x})^(1/3)", latex=r"\sqrt[3]{x}"),

    SpellingRow(ops.sin,       "",                                     "",                      "",                     "",                                  "",                  ATOM,     "", latex=r"\sin(x)"),
    SpellingRow(ops.cos,       "",                                     "",                      "",                     "",                                  "",                  ATOM,     "", latex=r"\cos(x)"),
    SpellingRow(ops.tan,       "",                                     "",                      "",                     "",                                  "",                  ATOM,     "", latex=r"\tan(x)"),
    SpellingRow(ops.asin,      "",                                     "xp.arcsin({x})",        "",                     "",                                  "",                  ATOM,     "", latex=r"\arcsin(x)"),
    SpellingRow(ops.acos,      "",                                     "xp.arccos({x})",        "",                     "",                                  "",                  ATOM,     "", latex=r"\arccos(x)"),
    SpellingRow(ops.atan,      "",                                     "xp.arctan({x})",        "",                     "",                                  "",                  ATOM,     "", latex=r"\arctan(x)"),
    SpellingRow(ops.atan2,     "",                                     "xp.arctan2({y}, {x})",  "",                     "",                                  "",                  ATOM,     "IF(AND({y}=0,{x}=0),0,ATAN2({x},{y}))"),  # x comes first; an error at the origin
    SpellingRow(ops.hypot,     "",                                     "",                      "",                     "",                                  "",                  ATOM,     "IF(AND({x}=0,{y}=0),0,MAX(ABS({x}),ABS({y}))*SQRT(SUMSQ(1,MIN(ABS({x}),ABS({y}))/MAX(ABS({x}),ABS({y})))))", latex=r"\sqrt{x^{2} + y^{2}}"),  # SQRT(x*x+y*y) overflows

    SpellingRow(ops.sinh,      "",                                     "",                      "",                     "",                                  "",                  ATOM,     "", latex=r"\sinh(x)"),
    SpellingRow(ops.cosh,      "",                                     "",                      "",                     "",                                  "",                  ATOM,     "", latex=r"\cosh(x)"),
    SpellingRow(ops.tanh,      "",                                     "",                      "",                     "",                                  "",                  ATOM,     "", latex=r"\tanh(x)"),
    SpellingRow(ops.asinh,     "",                                     "xp.arcsinh({x})",       "",                     "",                                  "",                  ATOM,     "", latex=r"\operatorname{arsinh}(x)"),
    SpellingRow(ops.acosh,     "",                                     "xp.arccosh({x})",       "",                     "",                                  "",                  ATOM,     "", latex=r"\operatorname{arcosh}(x)"),
    SpellingRow(ops.atanh,     "",                                     "xp.arctanh({x})",       "",                     "",                                  "",                  ATOM,     "", latex=r"\operatorname{artanh}(x)"),

    SpellingRow(ops.erf,       "",                                     "",                      "",                     "",                                  "erf({x})",          ATOM,     ""),
    SpellingRow(ops.erfc,      "",                                     "",                      "",                     "",                                  "erfc({x})",         ATOM,     ""),
    SpellingRow(ops.sigmoid,   "",                                     "",                      "",                     "",                                  "",                  ATOM,     "IF({x}>=0,1/(1+EXP(-{x:4})),EXP({x})/(1+EXP({x})))", latex=r"\sigma(x)", formula=_sigmoid),
    SpellingRow(ops.softplus,  "",                                     "",                      "",                     "",                                  "",                  SUM,      "MAX({x},0)+2*ATANH(EXP(-ABS({x}))/(2+EXP(-ABS({x}))))", formula=lambda x: relu(x) + log1p(exp(_minus_abs(x)))),
    SpellingRow(ops.log_sigmoid, "",                                   "",                      "",                     "",                                  "",                  SUM,      "MIN({x},0)-2*ATANH(EXP(-ABS({x}))/(2+EXP(-ABS({x}))))", latex=r"\ln(\sigma(x))", formula=lambda x: -softplus(-x)),
    SpellingRow(ops.logaddexp, "",                                     "",                      "",                     "",                                  "",                  SUM,      "MAX({x},{y})+2*ATANH(EXP(-ABS({x:1}-{y:2}))/(2+EXP(-ABS({x:1}-{y:2}))))", latex=r"\ln(e^{x} + e^{y})", formula=_logaddexp),

    #           operation   Python                         arrays                                               C                                       C vector                                             JavaScript                               spreadsheet
    SpellingRow(ops.relu,   "0.0 if {x} <= 0.0 else {x}",  "xp.where({x} <= 0, 0.0, {x})",                      "{x} <= 0 ? 0.0 : {x}",                 "(V)(~(M)({x} <= 0.0) & (M){x})",                    "{x} <= 0 ? 0 : {x}",                    ATOM,     "MAX({x},0)", latex=r"\operatorname{ReLU}(x)"),
    SpellingRow(ops.leaky_relu, "{x} if {x} > 0.0 else {slope} * {x}", "xp.where({x} > 0, {x}, {slope} * {x})",         "",                                     "",                                                  "",                                      ATOM,     "", latex=r"\operatorname{LeakyReLU}_{slope}(x)", formula=lambda x, slope: where(x, x, slope * x)),
    SpellingRow(ops.elu,    "",                            "",                                                  "",                                     "",                                                  "",                                      ATOM,     "", latex=r"\operatorname{ELU}_{alpha}(x)", formula=lambda x, alpha: where(x, x, alpha * expm1(where(x, 0.0, x)))),
    SpellingRow(ops.gelu,   "",                            "",                                                  "",                                     "",                                                  "",                                      ATOM,     "", latex=r"\operatorname{GELU}(x)", formula=_gelu),
    SpellingRow(ops.silu,   "",                            "",                                                  "",                                     "",                                                  "",                                      ATOM,     "", latex=r"\operatorname{SiLU}(x)", formula=_silu),
    SpellingRow(ops.sign,   "",                            "xp.where(xp.isnan({x}), {x}, xp.sign({x}) + 0.0)",  "",                                     "",                                                  "Math.sign({x}) + 0",                    ATOM,     "SIGN({x})", latex=r"\operatorname{sgn}(x)", formula=lambda x: where(x, 1.0, where(-x, -1.0, abs(x)))),  # + 0 makes 0 of -0
    SpellingRow(ops.step,   "",                            "xp.where(xp.isnan({x}), {x}, xp.sign({x}) > 0)",    "",                                     "",                                                  "",                                      ATOM,     "IF({x}>0,1,0)", formula=lambda x: relu(sign(x))),
    SpellingRow(ops.floor,  "",                            "",                                                  "__builtin_floor({x})",                 "",                                                  "",                                      ATOM,     "INT({x})", latex=r"\lfloor x\rfloor"),
    SpellingRow(ops.ceil,   "",                            "",                                                  "__builtin_ceil({x})",                  "",                                                  "",                                      SUM,      "-INT(-{x:4})", latex=r"\lceil x\rceil"),
    SpellingRow(ops.round,  "",                            "",                                                  "__builtin_rint({x})",                  "",                                                  "round({x})",                            ATOM,     "IF(ABS({x:1}-TRUNC({x}))=0.5,2*ROUND({x:2}/2,0),ROUND({x},0))"),
    SpellingRow(ops.max,    "",                            "xp.where(({x} > {y}) | xp.isnan({x}), {x}, {y})",   "{x} > {y} || {x} != {x} ? {x} : {y}",  "pick((M)({x} > {y}) | (M)({x} != {x}), {x}, {y})",  "{x} > {y} || {x} !== {x} ? {x} : {y}",  ATOM,     "", latex=r"\max(x, y)"),
    SpellingRow(ops.min,    "",                            "xp.where(({x} < {y}) | xp.isnan({x}), {x}, {y})",   "{x} < {y} || {x} != {x} ? {x} : {y}",  "pick((M)({x} < {y}) | (M)({x} != {x}), {x}, {y})",  "{x} < {y} || {x} !== {x} ? {x} : {y}",  ATOM,     "", latex=r"\min(x, y)"),
    SpellingRow(ops.clip,   "",                            "xp.where(((z := xp.where(({low} > {x}) | xp.isnan({low}), {low}, {x})) > {high}) | xp.isnan({high}), {high}, z)", "", "",           "",                                                  ATOM,     "", formula=lambda x, low, high: ops.min(high, ops.max(low, x))),
    SpellingRow(ops.where,  "{x} if {c} > 0.0 else {y}",   "xp.where({c} > 0, {x}, {y})",                       "{c} > 0 ? {x} : {y}",                  "pick({c} > 0.0, {x}, {y})",                         "{c} > 0 ? {x} : {y}",                   ATOM,     "IF({c}>0,{x},{y})", latex=r"\begin{cases}x & \text{if } c > 0 \\ y & \text{otherwise}\end{cases}"),

    SpellingRow(ops.stop_gradient, "{x}",                  "xp.stop_gradient({x})",                             "",                                     "",                                                  "",                                      ATOM,     "{x:4}", formula=lambda x: x),

    SpellingRow(ops.sum,    "{x}",                         "{x}",                                               "{x}",                                  "{x}",                                               "{x}",                                   ATOM,     "{x}", latex="x"),
    SpellingRow(ops.dot,    "{x} * {y}",                   "{x} * {y}",                                         "{x} * {y}",                            "{x} * {y}",                                         "{x} * {y}",                             PRODUCT,  "{x:2}*{y:3}", latex=r"x \times y"),
    SpellingRow(ops.largest, "",                           "xp.largest({xs})",                                  "",                                     "",                                                  "",                                      ATOM,     "MAX({xs})", latex=r"\max(xs)", formula=lambda *xs: reduce(ops.max, xs)),
    SpellingRow(ops.smallest, "",                          "xp.smallest({xs})",                                 "",                                     "",                                                  "",                                      ATOM,     "MIN({xs})", latex=r"\min(xs)", formula=lambda *xs: reduce(ops.min, xs)),
)}
"""The rows by the operations' names."""

# fmt: on
