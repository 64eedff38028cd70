"""Steps of a program as spreadsheet formulas, in functions that Excel and LibreOffice both have.

Spreadsheets have no infinity and no nan: where Python has one, a cell shows an error (`#NUM!`, `#DIV/0!`), and so does
every cell computed from it, also where Python comes back to a number (`1 / inf`). Sine, cosine and tangent of huge
numbers are an error too, and in LibreOffice a power nearer to 0 than 1e-308.

Sums and differences are taken as the spreadsheet takes them: a difference of two numbers that agree to some 15 digits
is 0 there. So formulas avoid them where a difference of neighbours would decide: `log1p(x)` is not `LN(1+x)`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Self

from autograd.codegen.program import Operand, Program
from autograd.ops import TABLE, Op

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4
"""How tightly a formula binds: `a+b`, `a*b`, `a^b`; a cell or a call. A leading minus binds like a sum here; to a
spreadsheet it binds tighter than `^` (`-2^2` is 4), so what follows it is always an atom."""


class Formula(str):
    """A formula without its `=`, and how tightly it binds. In f-strings, `{x:3}` is x in parentheses if it binds less.

    >>> x = Formula("A1+B1", SUM)
    >>> f"{x:2}*2, EXP({x})"
    '(A1+B1)*2, EXP(A1+B1)'
    """

    __slots__ = ("binds",)
    binds: int

    def __new__(cls, text: str, binds: int = ATOM) -> Self:
        formula = super().__new__(cls, text)
        formula.binds = binds
        return formula

    def __format__(self, least: str) -> str:
        return "(" + self + ")" if least and self.binds < int(least) else str(self)


# fmt: off
SPELLINGS: dict[str, tuple[str, int]] = {
    "add":      ("{0:1}+{1:2}",    SUM),
    "sub":      ("{0:1}-{1:2}",    SUM),
    "mul":      ("{0:2}*{1:3}",    PRODUCT),
    "div":      ("{0:2}/{1:3}",    PRODUCT),
    "neg":      ("-{0:4}",         SUM),
    "abs":      ("ABS({0})",       ATOM),
    "exp":      ("EXP({0})",       ATOM),
    "expm1":    ("TANH({0:2}/2)*(EXP({0})+1)", PRODUCT),  # EXP(x)-1 has no digits left near 0
    "exp2":     ("2^{0:4}",        POWER),
    "log":      ("LN({0})",        ATOM),
    "log1p":    ("IF(ABS({0})<0.5,2*ATANH({0:2}/(2+{0:2})),LN(1+{0:2}))", ATOM),
    "log2":     ("LN({0})/LN(2)",  PRODUCT),
    "log10":    ("LOG10({0})",     ATOM),
    "sqrt":     ("SQRT({0})",      ATOM),
    "cbrt":     ("SIGN({0})*ABS({0})^(1/3)", PRODUCT),
    "sin":      ("SIN({0})",       ATOM),
    "cos":      ("COS({0})",       ATOM),
    "tan":      ("TAN({0})",       ATOM),
    "asin":     ("ASIN({0})",      ATOM),
    "acos":     ("ACOS({0})",      ATOM),
    "atan":     ("ATAN({0})",      ATOM),
    "atan2":    ("IF(AND({0}=0,{1}=0),0,ATAN2({1},{0}))", ATOM),  # the x first, and nothing at the origin
    "hypot":    ("IF(AND({0}=0,{1}=0),0,MAX(ABS({0}),ABS({1}))"  # SQRT(x*x+y*y) overflows
                 "*SQRT(1+(MIN(ABS({0}),ABS({1}))/MAX(ABS({0}),ABS({1})))^2))", ATOM),
    "sinh":     ("SINH({0})",      ATOM),
    "cosh":     ("COSH({0})",      ATOM),
    "tanh":     ("TANH({0})",      ATOM),
    "asinh":    ("ASINH({0})",     ATOM),
    "acosh":    ("ACOSH({0})",     ATOM),
    "atanh":    ("ATANH({0})",     ATOM),
    "erf":      ("ERF({0})",       ATOM),
    "erfc":     ("ERFC({0})",      ATOM),
    "sigmoid":  ("IF({0}>=0,1/(1+EXP(-{0:4})),EXP({0})/(1+EXP({0})))", ATOM),
    "softplus": ("MAX({0},0)+2*ATANH(EXP(-ABS({0}))/(2+EXP(-ABS({0}))))", SUM),  # log1p(t) as above
    "relu":     ("MAX({0},0)",     ATOM),
    "sign":     ("SIGN({0})",      ATOM),
    "step":     ("IF({0}>0,1,0)",  ATOM),
    "max":      ("MAX({0},{1})",   ATOM),
    "min":      ("MIN({0},{1})",   ATOM),
    "where":    ("IF({0}>0,{1},{2})", ATOM),
    "pow":      ("IF({1}=0,1,IF(AND({0}<0,{1}<>INT({1})),SQRT({0}),{0:4}^{1:4}))", ATOM),  # 0^0 is an error in Excel
}
# fmt: on
"""How each operation is spelled, and how tightly that binds. (`sum` and `dot`: in `spelled`.) To write an operation of
your own into spreadsheets, add a line: `SPELLINGS["cube"] = ("{0:4}^3", POWER)`."""


def is_spelled(op: Op) -> bool:
    return op.name in SPELLINGS or op in (TABLE["sum"], TABLE["dot"])


def constant(x: float) -> Formula:
    """A number as a formula has it.

    >>> constant(2.0), constant(-0.5), constant(1e-20)
    ('2', '-0.5', '1E-20')
    """
    if not math.isfinite(x):
        return Formula("NA()") if math.isnan(x) else Formula(f"{math.copysign(1, x):.0f}/0", PRODUCT if x > 0 else SUM)
    if abs(x) < sys.float_info.min:  # subnormal: 0 to Excel, an error to LibreOffice
        return Formula("0")
    text = f"{x:.0f}" if x == int(x) and abs(x) < 1e15 else repr(x).upper().replace("E+", "E")
    return Formula(text, SUM if text.startswith("-") else ATOM)


def spelled(op: Op, operands: Sequence[Formula], constants: Sequence[float | None] = ()) -> Formula:
    """The operation on these operands.

    Arguments:
        constants: the numbers of those operands that are constants, None for the others; they make some forms shorter.

    >>> a, b = Formula("A1"), Formula("B1")
    >>> spelled(TABLE["mul"], [spelled(TABLE["add"], [a, b]), spelled(TABLE["neg"], [a])])
    '(A1+B1)*(-A1)'
    >>> spelled(TABLE["dot"], [a, b, b, a])
    'A1*B1+B1*A1'
    """
    if op is TABLE["sum"]:
        return _added(operands)
    if op is TABLE["dot"]:
        half = len(operands) // 2
        return _added([spelled(TABLE["mul"], pair) for pair in zip(operands[:half], operands[half:], strict=True)])
    if op is TABLE["pow"] and constants:
        base, exponent = constants
        x, y = operands
        whole = exponent is not None and exponent != 0 and exponent % 1 == 0
        if whole or (base is not None and base > 0):
            return Formula(f"{x:4}^{y:4}", POWER)
        if exponent is not None and exponent != 0:  # LibreOffice finds odd roots of negative numbers, we have nan
            return Formula(f"IF({x}<0,SQRT({x}),{x:4}^{y:4})")
    text, binds = SPELLINGS[op.name]
    return Formula(text.format(*operands), binds)


def _added(terms: Sequence[Formula]) -> Formula:
    if len(terms) < 2:
        return terms[0] if terms else constant(0.0)
    return Formula("+".join([f"{terms[0]:1}", *(f"{term:2}" for term in terms[1:])]), SUM)


def formulas(program: Program, cells: Mapping[int, str]) -> list[Formula]:
    """The formula of every value of the program, inputs included; a value that has a cell is referred to by it.

    >>> from autograd.engine import Value
    >>> from autograd.codegen.program import lower
    >>> x, w, b = Value(0.4), Value(0.5), Value(0.6)
    >>> net = x * w + b
    >>> formulas(lower([net, net.tanh()], [x, w, b]), {0: "A2", 1: "B2", 2: "C2", 4: "D2"})
    ['A2', 'B2', 'C2', 'A2*B2', 'A2*B2+C2', 'TANH(D2)']
    """
    found = [Formula(cells.get(i, "")) for i in range(program.inputs)]
    for step in program.steps:
        operands = [_operand(x, found, cells) for x in step.operands]
        found.append(spelled(step.op, operands, [x if type(x) is float else None for x in step.operands]))
    return found


def _operand(x: Operand, found: Sequence[Formula], cells: Mapping[int, str]) -> Formula:
    if type(x) is float:
        return constant(x)
    place = int(x)
    return Formula(cells[place]) if place in cells else found[place]


def places_with_cells(program: Program, named: Collection[int], longest: int = 200) -> list[int]:
    """The values that need a cell of their own so that those `named` can be written as short formulas.

    Those are the named ones, what is used more than once on the way to them, and what would make a formula longer than
    `longest` characters. (Of a sum of many cells the formula may still be longer.) Returned in the program's order.
    """
    needed = set(named)
    uses = dict.fromkeys(range(program.inputs + len(program.steps)), 0)
    for place in range(program.inputs + len(program.steps) - 1, program.inputs - 1, -1):
        if place in needed:
            for x in program.steps[place - program.inputs].operands:
                if type(x) is int:
                    needed.add(x)
                    uses[x] += 1
    cell = "XX10000"
    cells = {place: cell for place in needed if place in named or place < program.inputs or uses[place] > 1}
    found = [Formula(cell)] * program.inputs
    for place, step in enumerate(program.steps, start=program.inputs):
        text = Formula("")
        if place in needed:
            constants = [x if type(x) is float else None for x in step.operands]
            text = spelled(step.op, [_operand(x, found, cells) for x in step.operands], constants)
            if len(text) > longest:
                cells |= {x: cell for x in step.operands if type(x) is int}
                text = spelled(step.op, [_operand(x, found, cells) for x in step.operands], constants)
        found.append(text)
    return sorted(cells)
