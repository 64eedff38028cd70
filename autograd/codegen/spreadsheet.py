"""Write the steps of a program as spreadsheet formulas, in functions that both Excel and LibreOffice have.

Spreadsheets have no infinity and no nan: where Python has one, a cell shows an error (`#NUM!`, `#DIV/0!`), and so does
every cell computed from it, even where Python gets a number again (`1 / inf`). Sine, cosine and tangent of huge numbers
are errors too, and in LibreOffice so is a power closer to 0 than 1e-308.

To a spreadsheet, the difference of two numbers that agree to about 15 digits is 0. So no formula depends on the
difference of close numbers: `log1p(x)` is not `LN(1+x)`.
"""

import math
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Self

from autograd.codegen.program import Operand, Program, Step
from autograd.codegen.spelling import ATOM, POWER, PRODUCT, SUM, spelling_of
from autograd.ops import TABLE, Op

_ENDLESS = 100_000  # characters; a spreadsheet takes less than a tenth of that


class Formula(str):
    """A formula without its `=`, and how tightly it binds.

    In templates and f-strings, `{x:3}` puts x in parentheses if it binds less tightly than 3.

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


def number_formula(x: float) -> Formula:
    """Write a number.

    >>> number_formula(2.0), number_formula(-0.5), number_formula(1e-20)
    ('2', '-0.5', '1E-20')
    """
    if not math.isfinite(x):
        return Formula("NA()") if math.isnan(x) else Formula(f"{math.copysign(1, x):.0f}/0", PRODUCT if x > 0 else SUM)
    if abs(x) < sys.float_info.min:  # subnormal: 0 to Excel, an error to LibreOffice
        return Formula("0")
    text = f"{x:.0f}" if x == int(x) and abs(x) < 1e15 else repr(x).upper().replace("E+", "E")
    return Formula(text, SUM if text.startswith("-") else ATOM)


def spelled(op: Op, operands: Sequence[Formula], constants: Sequence[float | None] = ()) -> Formula:
    """Write an operation of the table on these operands.

    Arguments:
        constants: the numbers of those operands that are constants, None for the others; they make some forms shorter.

    >>> a, b = Formula("A1"), Formula("B1")
    >>> spelled(TABLE["mul"], [spelled(TABLE["add"], [a, b]), spelled(TABLE["neg"], [a])])
    '(A1+B1)*(-A1)'
    >>> spelled(TABLE["dot"], [a, b, b, a])
    'A1*B1+B1*A1'
    """
    row = spelling_of(op)
    if op is TABLE["sum"]:
        return _sum_formula(operands)
    if op is TABLE["dot"]:
        return _sum_formula([Formula(term, row.binds) for term in row.terms("spreadsheet", operands)])
    if op is TABLE["pow"] and constants:
        base, exponent = constants
        x, y = operands
        whole = exponent is not None and exponent != 0 and exponent % 1 == 0
        if whole or (base is not None and base > 0):
            return Formula(f"{x:4}^{y:4}", POWER)
        if exponent is not None and exponent != 0:  # LibreOffice takes odd roots of negative numbers; Python has nan
            return Formula(f"IF({x}<0,SQRT({x}),{x:4}^{y:4})")
    return Formula(row.write("spreadsheet", operands), row.binds)


def _sum_formula(terms: Sequence[Formula]) -> Formula:
    if len(terms) < 2:
        return terms[0] if terms else number_formula(0.0)
    return Formula("+".join([f"{terms[0]:1}", *(f"{term:2}" for term in terms[1:])]), SUM)


def formulas(program: Program, cells: Mapping[int, str]) -> list[Formula]:
    """Return the formula of every value of the program, inputs included; `cells` names the values that have a cell.

    Raises:
        ValueError: a formula is far longer than any spreadsheet takes.

    >>> from autograd.engine import Value
    >>> from autograd.codegen.program import lower
    >>> x, w, b = Value(0.4), Value(0.5), Value(0.6)
    >>> net = x * w + b
    >>> formulas(lower([net, net.tanh()], [x, w, b]), {0: "A2", 1: "B2", 2: "C2", 4: "D2"})
    ['A2', 'B2', 'C2', 'A2*B2', 'A2*B2+C2', 'TANH(D2)']
    """
    found = [Formula(cells.get(i, "")) for i in range(program.inputs)]
    for step in program.steps:
        found.append(_step_formula(step, found, cells))
        if len(found[-1]) > _ENDLESS:  # a value used twice doubles it; thirty of them make a billion
            raise ValueError(
                f"a formula would have more than {_ENDLESS:,} characters: some Value, or a step of your own operation, "
                "is used too often for that; write a smaller graph"
            )
    return found


def _step_formula(step: Step, found: Sequence[Formula], cells: Mapping[int, str]) -> Formula:
    """Write a step on earlier values, by their cells where they have one."""
    constants = [x if type(x) is float else None for x in step.operands]
    return spelled(step.op, [operand(x, found, cells) for x in step.operands], constants)


def operand(x: Operand, found: Sequence[Formula], cells: Mapping[int, str]) -> Formula:
    """Return an operand or an output of a program as a formula: its cell, else its formula; or a constant's digits."""
    if type(x) is int:
        return Formula(cells[x]) if x in cells else found[x]
    return number_formula(x)


def places_with_cells(program: Program, named: Collection[int], longest: int = 200) -> list[int]:
    """Return the values that need cells so that the `named` ones have short formulas.

    Those are the named ones, values used more than once on the way to them, and values that would make a formula longer
    than `longest` characters. (The formula of a sum of many cells may still exceed it.) They come in program order.
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
            text = _step_formula(step, found, cells)
            if len(text) > longest:
                cells |= {x: cell for x in step.operands if type(x) is int}
                text = _step_formula(step, found, cells)
        found.append(text)
    return sorted(cells)
