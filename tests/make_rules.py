"""Write the table of operations as C, `autograd/_native/rules.h`, for the native core: `python tests/make_rules.py`.

Each derivative rule is called on Values, and what it records is written as a C function; the functions of the rows are
written from the spelling of C that compiled functions have. So the core computes what the table says, to the bit. A
test fails when the file is stale.

A choice, `where(c, x, y)`, becomes `c > 0.0 ? x : y`, which computes the branch that is taken alone. What is used once
is written in its place, what is used several times has a name, `t1`, in the branch that uses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from math import nan
from pathlib import Path
from string import Formatter

import autograd
from autograd import Value
from autograd._native.hashes import table_hash
from autograd.codegen.c_spelling import CSpelling, literal
from autograd.codegen.program import Operand, Program, ProgramBuilder, Step, expanded, lower
from autograd.codegen.spelling import spelling_of
from autograd.ops import TABLE, Op, mul, neg, sub, where
from autograd.ops import abs as abs_
from autograd.ops import pow as pow_

RULES = Path(autograd.__file__).parent / "_native" / "rules.h"
ROWS = [op for op in TABLE.values() if op.built_in]
PLACES = 3
"""The most operands of a row in C: every function takes that many. A row of more is Python's, as a variadic one is."""
PYTHON_COMPUTES = {"hypot"}
"""Rows whose function is Python's own, because that of C has other bits: hypot's differs by up to 2 ulp."""
WIDTH = 110
"""The longest line of choices."""

CHOICE, COMPARISON, SUM, PRODUCT, SIGN, ATOM = range(6)
"""How strongly an expression binds: `c ? x : y`, `x > y`, `x + y`, `x * y`, `-x`; a name or a call."""
STRENGTHS = {  # of the operators, and what their operands need
    "add": (SUM, (SUM, PRODUCT)),
    "sub": (SUM, (SUM, PRODUCT)),
    "mul": (PRODUCT, (PRODUCT, SIGN)),
    "div": (PRODUCT, (PRODUCT, SIGN)),
    "neg": (SIGN, (ATOM,)),
}

HEAD = """\
/* Generated from the table of operations by tests/make_rules.py: do not edit.

   Each row of autograd/ops.py: what it computes, and its derivative rules, which pull a gradient g of the result z back
   to one operand. All functions have one type, and ignore the operands that their row does not have. They have the bits
   of Python's, if no product and sum are contracted to one operation, and if the compiler does not compute functions by
   itself (gcc and clang: -ffp-contract=off -fno-builtin).

   1.0 + 0.0 * x > 0.0 says that x is finite; x != x, that it is nan. */

#ifndef AUTOGRAD_RULES_H
#define AUTOGRAD_RULES_H

#include <math.h>
#include <stddef.h>

#define TABLE_HASH "{hash}" /* of the table's code */

#if defined _MSC_VER
#pragma fp_contract(off)
#elif defined __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#if defined __GNUC__ /* and clang: one instruction each, which is exact, in spite of -fno-builtin */
{builtins}
#endif

typedef double Computes(double, double, double);              /* x, y, ... */
typedef double Pulls(double, double, double, double, double); /* g, z, x, y, ... */

typedef struct {{
    const char *name;
    int operands;        /* 0: any number of them, or more than {places}, and no functions here */
    Computes *computes;  /* NULL: Python's function is called */
    Pulls *pulls[{places}];     /* NULL: no gradient passes */
}} Row;

{helpers}
"""

TAIL = """\
enum {{
{indices}
    ROWS_COUNT
}};

static const Row ROWS[ROWS_COUNT] = {{
{rows}
}};

#define ROWS_OF_ONE(ROW) /* those of one operand */ \\
{of_one}

{undefined}

#endif
"""


# From a row to a program ----------------------------------------------------------------------------------------------


def function_of(op: Op) -> Program:
    """Return what a row computes, as steps that C has."""
    operands = tuple(range(len(op.rules)))
    return simplified(expanded(Program(len(operands), [Step(op, operands)], [len(operands)]), "c"))


def rule_of(op: Op, place: int) -> Program:
    """Return the rule for one operand, as steps that C has, on g, z, x, y, ..."""
    leaves = [Value(nan) for _ in range(2 + len(op.rules))]  # nan: there is no number to go by
    rule = op.rules[place]
    assert rule is not None
    pull = rule(*leaves)
    if (op.name, place) == ("pow", 0):
        # On floats the rule takes 1 for the power if y is 0, whose sign x would change. A graph keeps the power, which
        # the derivative by y needs; here nothing is differentiated.
        g, _, _, y = leaves
        pull = where(abs_(y), pull, g * y)
    return simplified(expanded(lower([pull if type(pull) is Value else Value(pull)], leaves), "c"))


Region = tuple[tuple[int, bool], ...]
"""Where a value is used: the choices around it, from the outermost, with the branch of each."""


def regions_of_uses(
    program: Program,
    uses: Callable[[int, Step], Iterable[tuple[Operand, Region]]],
    written_out: Callable[[int, Sequence[Region]], bool],
) -> dict[int, list[Region]]:
    """Return for each value the regions of its uses.

    Arguments:
        uses: returns the operands that a step uses, each with the region of its use within the step.
        written_out: True for a value that is computed at each of its uses; others are, once, in the innermost region
            around all.
    """
    found: dict[int, list[Region]] = {int(x): [()] for x in program.outputs}
    for i in reversed(range(len(program.steps))):
        x = program.inputs + i
        if x in found:
            outer = found[x] if written_out(x, found[x]) else [around(found[x])]
            for operand, inner in uses(x, program.steps[i]):
                if type(operand) is int:
                    found.setdefault(operand, []).extend([region + inner for region in outer])
    return found


def around(regions: Sequence[Region]) -> Region:
    """Return the innermost region around all of these."""
    first, last = min(regions), max(regions)
    depth = 0
    while depth < min(len(first), len(last)) and first[depth] == last[depth]:
        depth += 1
    return first[:depth]


def uses_of(x: int, step: Step) -> Iterator[tuple[Operand, Region]]:
    inner: list[Region] = [(), ((x, True),), ((x, False),)] if step.op is where else [()] * len(step.operands)
    yield from zip(step.operands, inner)


class Steps:
    """The steps of a program, by what they make."""

    def __init__(self, inputs: int, steps: Sequence[Step]) -> None:
        self.inputs, self.steps = inputs, steps

    def __call__(self, x: Operand) -> Step | None:
        """Return the step that makes a value; None for an input and a constant."""
        return self.steps[x - self.inputs] if type(x) is int and x >= self.inputs else None

    def under(self, x: Operand, op: Op) -> tuple[Operand, ...]:
        """Return the operands of a value that this operation makes, else nothing."""
        step = self(x)
        return step.operands if step and step.op is op else ()


def simplified(program: Program) -> Program:
    """Simplify choices, as only code that is not differentiated allows.

    A choice by a condition that a choice around it has decided is that branch. The gradient from above, times a choice,
    is a choice between products. A power of a choice between a number and 1 is a choice between its power and 1, so
    that the power is computed once.
    """
    if type(program.outputs[0]) is float:
        return program
    builder = ProgramBuilder(program.inputs)
    old, new = Steps(program.inputs, program.steps), Steps(program.inputs, builder.steps)
    regions = regions_of_uses(program, uses_of, lambda x, uses: False)
    places: dict[int, Operand] = {i: i for i in range(program.inputs)}

    def place(x: Operand) -> Operand:
        return x if type(x) is float else places[int(x)]

    def cases(x: Operand) -> list[Operand]:
        branches = new.under(x, where)[1:]
        return [case for branch in branches for case in cases(branch)] or [x]

    def over_cases(x: Operand, f: Callable[[Operand], Operand]) -> Operand:
        c, *branches = new.under(x, where) or (x,)
        return builder.add(where, (c, *[over_cases(branch, f) for branch in branches])) if branches else f(x)

    def power(y: Operand, x: Operand) -> Operand:
        return 1.0 if type(x) is float and x == 1 else builder.add(pow_, (x, y))

    def is_1_or_a_number(x: Operand) -> bool:
        constants, values = ({case for case in cases(x) if type(case) is kind} for kind in (float, int))
        return constants == {1.0} and len(values) == 1

    def product(g: Operand, x: Operand) -> Operand:
        return builder.add(neg, (g,)) if type(x) is float and x == -1 else builder.add(mul, (g, x))

    for x, step in enumerate(program.steps, start=program.inputs):
        op, operands = step.op, tuple(map(place, step.operands))
        known: dict[Operand, bool] = {}
        for choice, taken in around(regions[x]):
            c = program.steps[choice - program.inputs].operands[0]
            known[c] = taken
            if taken:
                known.update(dict.fromkeys(old.under(c, neg), False))
        if op is where and step.operands[0] in known:
            places[x] = operands[1] if known[step.operands[0]] else operands[2]
        elif op is neg and new.under(operands[0], neg):
            places[x] = new.under(operands[0], neg)[0]
        elif op is pow_ and is_1_or_a_number(operands[0]):
            places[x] = over_cases(operands[0], partial(power, operands[1]))
        elif op is mul and x == program.outputs[0]:
            places[x] = over_cases(operands[1], partial(product, operands[0]))
        else:
            places[x] = builder.add(op, operands)
    return builder.program([place(x) for x in program.outputs])


# From a program to C --------------------------------------------------------------------------------------------------


class Body:
    """The statements of a C function.

    Arguments:
        program: what it returns.
        names: those of the inputs.
        spelling: of the operations.
    """

    def __init__(self, program: Program, names: Sequence[str], spelling: CSpelling) -> None:
        self.output, self.step = program.outputs[0], Steps(program.inputs, program.steps)
        self.names: dict[int, str] = dict(enumerate(names))
        self.spelling, self.temporaries = spelling, 0
        self.values = {x for step in program.steps for x in step.operands[step.op is where :] if type(x) is int}
        """What is not only the condition of a choice."""
        self.home: dict[int, Region] = {}
        """The region that declares a value, for those that are declared."""
        if type(self.output) is int:
            regions = regions_of_uses(program, self._textual_uses, self._is_written_out)
            self._declare(regions)

    def lines(self) -> Iterator[str]:
        yield from self._block((), "return ", self.output)

    # Which values are declared, and where -----------------------------------------------------------------------------

    def _declare(self, regions: dict[int, list[Region]]) -> None:
        made = [x for x in sorted(regions) if self.step(x)]
        for x in made:
            if len(regions[x]) > 1 and not self._is_written_out(x, regions[x]):
                self.home[x] = around(regions[x])
        for region in [*self.home.values()]:  # a choice with declarations in a branch is a statement
            for depth, (choice, _) in enumerate(region):
                self.home.setdefault(choice, region[:depth])
        blocks = {(), *self.home.values()}
        for x in made:  # long choices within an operation
            inner = [y for y in self._branches(x) if self._branches(y) and y not in self.home]
            if inner and x != self.output and len(regions[x]) == 1 and regions[x][0] in blocks:
                self.home.setdefault(x, regions[x][0])

    def _branches(self, x: Operand) -> tuple[Operand, ...]:
        return self.step.under(x, where)[1:]

    def _is_written_out(self, x: int, uses: Sequence[Region]) -> bool:
        """Return True for -x, and for a long computation in two branches of which at most one is taken."""
        return bool(self.step.under(x, neg)) or (len(uses) == 2 and around(uses) not in uses and self._calls(x))

    def _calls(self, x: Operand) -> bool:
        """Return True if a value takes a call of the C library."""
        step = self.step(x)
        if step is None:
            return False
        cell = spelling_of(step.op).c
        return ("(" in cell and "builtin" not in cell) or any(map(self._calls, step.operands))

    def _textual_uses(self, x: int, step: Step) -> Iterator[tuple[Operand, Region]]:
        """Yield what the text of a step names, each as often as it does."""
        if step.op is where:
            condition, *branches = uses_of(x, step)
            yield from ((operand, ()) for operand in self._compared(condition[0]))
            yield from branches
        else:
            row = spelling_of(step.op)
            for _, field, _, _ in Formatter().parse(row.c):
                if field:
                    yield step.operands[row.operands.index(field)], ()

    def _compared(self, c: Operand) -> tuple[Operand, ...]:
        """Return what is compared for a condition: x and y for x - y > 0, x for x > 0 and -x > 0."""
        for x in self.step.under(c, neg):
            return self._compared(x)
        operands = self.step.under(c, sub)
        simple = not any(map(self.step, operands))
        return operands if operands and (simple or c not in self.values) else (c,)

    # Writing ----------------------------------------------------------------------------------------------------------

    def _block(self, region: Region, start: str, end: Operand) -> Iterator[str]:
        """Yield the statements of a region, of which the last starts like this, `return ` or `t1 = `, with a value."""
        declared = sorted(x for x, home in self.home.items() if home == region)
        for x in declared:
            step = self.step(x)
            assert step is not None
            if not self._is_statement(x):
                text = self._operation(step)[0]
                self.names[x] = self._new_name()
                yield from broken(f"const double {self.names[x]} = {text};")
            elif x != end:
                name = self._new_name()
                yield f"double {name};"
                yield from self._choice(x, region, f"{name} = ")
                self.names[x] = name
        if type(end) is int and end in declared and self._is_statement(end):
            yield from self._choice(end, region, start)
        else:
            yield from broken(f"{start}{self._text(end)};")

    def _is_statement(self, choice: int) -> bool:
        """Return True if something is declared in a branch."""
        return any((choice, taken) in region for region in self.home.values() for taken in (True, False))

    def _choice(self, x: int, region: Region, start: str) -> Iterator[str]:
        """Yield a choice as a statement, each of whose branches ends with a statement that starts like this."""
        c, *branches = self.step.under(x, where)
        yield f"if ({self._condition(c)}) {{"
        yield from self._block((*region, (x, True)), start, branches[0])
        if start != "return ":
            yield "} else {"
            yield from self._block((*region, (x, False)), start, branches[1])
        yield "}"
        if start == "return ":
            yield from self._block((*region, (x, False)), start, branches[1])

    def _new_name(self) -> str:
        self.temporaries += 1
        return f"t{self.temporaries}"

    def _text(self, x: Operand, needed: int = CHOICE) -> str:
        """Return a value as an expression, in parentheses if it binds less than needed."""
        if type(x) is float:
            text = literal(x)
            return text[1:-1] if text.startswith("(") and needed <= SIGN else text
        if x in self.names:
            return self.names[int(x)]
        step = self.step(x)
        assert step is not None
        text, strength = self._operation(step)
        return text if strength >= needed else f"({text})"

    def _operation(self, step: Step) -> tuple[str, int]:
        """Return an operation, and how strongly it binds."""
        op, operands = step
        if op is where:
            c, x, y = operands
            return f"{self._condition(c)} ? {self._text(x, COMPARISON)} : {self._text(y)}", CHOICE
        strength, needed = STRENGTHS.get(op.name, (CHOICE, (SIGN,) * len(operands)))
        if re.fullmatch(r"\w+\([^()]*\)", spelling_of(op).c):
            strength, needed = ATOM, (CHOICE,) * len(operands)
        texts = [self._text(x, n) for x, n in zip(operands, needed)]
        if strength in (SUM, PRODUCT) and texts[1].startswith("-"):
            texts[1] = f"({texts[1]})"
        text = self.spelling.expression(op, texts, None).replace("__builtin_", "")
        for constant in (text for x, text in zip(operands, texts) if type(x) is float):
            text = text.replace(f" || {constant} != {constant}", "")  # it is not nan
        return text, strength

    def _condition(self, c: Operand) -> str:
        """Return what a choice asks, whether c is above 0, as a comparison."""
        (x, y), greater = (*self._compared(c), 0.0)[:2], True
        while self.step.under(c, neg):
            (c,), greater = self.step.under(c, neg), not greater
        if type(x) is float:
            x, y, greater = y, x, not greater
        return f"{self._text(x, SUM)} {'>' if greater else '<'} {self._text(y, SUM)}"


def broken(statement: str) -> Iterator[str]:
    """Yield a statement, a long one in a line for each case of its choice."""
    lines = [statement]
    if len(statement) > WIDTH:
        first, *others = re.split(r" (?=: )", statement)
        lines = [first]
        for part in others:
            if lines[-1].count("(") == lines[-1].count(")"):
                lines.append(f"    {part}")
            else:  # of a choice within parentheses
                lines[-1] += f" {part}"
    yield from lines


# The file -------------------------------------------------------------------------------------------------------------


def parameters(op: Op) -> list[str]:
    """Return the names of a row's operands in C, filled up to `PLACES`."""
    names = list(op.__signature__.parameters)
    return [*names, *(name for name in "xyw" if name not in names)][:PLACES]


def is_in_c(op: Op) -> bool:
    """Return True for a row whose functions are in C: it has a number of operands, and not too many."""
    return not op.variadic and len(op.rules) <= PLACES


def functions(op: Op, spelling: CSpelling) -> Iterator[str]:
    """Yield the C functions of a row."""
    names = parameters(op)
    operands = names[: len(op.rules)]
    if computes(op):
        yield from function(computes(op), names, Body(function_of(op), operands, spelling))
    for place, name in enumerate(pulls(op)):
        if name:
            yield from function(name, ["g", "z", *names], Body(rule_of(op, place), ["g", "z", *operands], spelling))


def computes(op: Op) -> str:
    """Return the name of the function in C; nothing if there is none."""
    return "" if not is_in_c(op) or op.name in PYTHON_COMPUTES else f"{op.name}_computes"


def pulls(op: Op) -> list[str]:
    """Return the names of the rules in C; nothing for an operand to which no gradient passes."""
    return [f"{op.name}_pulls_{x}" if rule else "" for x, rule in zip(parameters(op), op.rules)] * is_in_c(op)


def function(name: str, names: Sequence[str], body: Body) -> Iterator[str]:
    yield f"static double {name}({', '.join(f'double {x}' for x in names)})"
    yield "{"
    depth = 1
    for line in body.lines():
        depth -= line.startswith("}")
        yield "    " * depth + line
        depth += line.endswith("{")
    yield from ["}", ""]


def row(op: Op) -> str:
    """Return the initializer of a row of ROWS."""
    rules = ", ".join(name or "NULL" for name in pulls(op) or [""])
    operands = len(op.rules) if is_in_c(op) else 0
    return f'    {{"{op.name}", {operands}, {computes(op) or "NULL"}, {{{rules}}}}},'


def helper(text: str) -> str:
    """Return a function of one line as one with a line for each statement."""
    start, body = text.split(" { ", 1)
    statements = body.removesuffix(" }").replace("; ", ";\n    ")
    return f"{start}\n{{\n    {statements}\n}}\n"


def rules() -> str:
    """Return `rules.h`."""
    spelling = CSpelling()
    written = []
    for op in ROWS:
        lines = list(functions(op, spelling))
        if lines:
            formula = op.read(*parameters(op)[: len(op.rules)])
            written += [f"/* {formula if '(' in formula else f'{op.name}: {formula}'} */", "", *lines]
    builtins = sorted({name for op in ROWS for name in re.findall(r"__builtin_(\w+)", spelling_of(op).c)})
    head = HEAD.format(
        hash=table_hash(),
        builtins="\n".join(f"#define {name}(x) __builtin_{name}(x)" for name in builtins),
        places=PLACES,
        helpers="\n".join(map(helper, spelling.definitions())),
    )
    tail = TAIL.format(
        indices="\n".join(f"    ROW_{op.name}," for op in ROWS),
        rows="\n".join(map(row, ROWS)),
        of_one=" \\\n".join(f"    ROW({op.name})" for op in ROWS if op.arity == 1),
        undefined="\n".join(f"#undef {name}" for name in builtins),
    )
    return head + "\n".join(written) + "\n" + tail


if __name__ == "__main__":
    RULES.write_text(rules())
    print("wrote", RULES)
