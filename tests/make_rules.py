"""Write the table of operations as C, `autograd/_native/rules.h`, for the native core: `python tests/make_rules.py`.

Each derivative rule is called on Values, and what it records is written as a C function; the functions of the rows are
written from the spelling of C that compiled functions have. So the core computes what the table says, to the bit. A
test fails when the file is stale.

A choice, `where(c, x, y)`, becomes `c > 0.0 ? x : y`, which computes the branch that is taken alone. What is used once
is written in its place, what is used several times has a name, `t1`, in the branch that uses it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from string import Formatter

import autograd
from autograd import Value
from autograd._native import table_hash
from autograd.codegen.c_statements import CSpelling, literal
from autograd.codegen.program import Operand, Program, ProgramBuilder, Step, expanded, lower
from autograd.codegen.spelling import spelling_of
from autograd.ops import TABLE, Op, where
from autograd.ops import abs as abs_

RULES = Path(autograd.__file__).parent / "_native" / "rules.h"
ROWS = [op for op in TABLE.values() if op.built_in]
PLACES = 3
"""The most operands of a row that are not variadic: every function takes that many."""
PYTHON_COMPUTES = {"hypot"}
"""Rows whose function is Python's own: C's is within 2 ulp of it only."""
WIDTH = 110

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
   itself (gcc and clang: -ffp-contract=off -fno-builtin). */

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

typedef double Computes(double, double, double);             /* x, y, ... */
typedef double Pulls(double, double, double, double, double); /* g, z, x, y, ... */

typedef struct {{
    const char *name;
    int operands;        /* 0: any number of them, and no functions here */
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

{undefined}

#endif
"""


# From a row to a program ----------------------------------------------------------------------------------------------


def function_of(op: Op) -> Program:
    """Return what a row computes, as steps that C has."""
    operands = tuple(range(len(op.rules)))
    return expanded(Program(len(operands), [Step(op, operands)], [len(operands)]), "c")


def rule_of(op: Op, place: int) -> Program:
    """Return the rule for one operand, as steps that C has, on g, z, x, y, ..."""
    leaves = [Value(float("nan")) for _ in range(2 + len(op.rules))]  # nan: there is no number to go by
    rule = op.rules[place]
    assert rule is not None
    pull = rule(*leaves)
    if (op.name, place) == ("pow", 0):
        # On floats the rule takes 1 for the power if y is 0, whose sign x would change. A graph keeps the power, which
        # the derivative by y needs; here nothing is differentiated.
        g, _, _, y = leaves
        pull = where(abs_(y), pull, g * y)
    outputs = [pull if type(pull) is Value else Value(pull)]
    return simplified(expanded(lower(outputs, leaves), "c"))


def simplified(program: Program) -> Program:
    """Simplify choices, as only code that is not differentiated allows.

    Within a branch, a choice by the same condition is decided. A power of a choice between a number and 1 becomes a
    choice between its power and 1, so that the number's power is computed once.
    """
    builder, inputs = ProgramBuilder(program.inputs), program.inputs

    def add(op: Op, operands: tuple[Operand, ...]) -> Operand:
        if op.name == "pow":
            base, exponent = operands
            if type(base) is float:
                return 1.0 if base == 1.0 else builder.add(op, operands)
            cases = chosen(base)
            if len(cases) == 2 and [x for x in cases if type(x) is float] == [1.0]:
                c, x, y = builder.steps[int(base) - inputs].operands
                return add(where, (c, add(op, (x, exponent)), add(op, (y, exponent))))
        return builder.add(op, operands)

    def chosen(x: Operand) -> list[Operand]:
        """Return the values among which choices choose."""
        step = step_of(builder.steps, inputs, x)
        if step and step.op is where:
            return without_repeats([*chosen(step.operands[1]), *chosen(step.operands[2])])
        return [x]

    def opposite(x: Operand) -> Operand | None:
        step = step_of(program.steps, inputs, x)
        return step.operands[0] if step and step.op.name == "neg" else None

    def copied(x: Operand, above: frozenset[object], others: frozenset[object]) -> Operand:
        return x if type(x) is float else copied_value(int(x), above, others)

    @cache
    def copied_value(x: int, above: frozenset[object], others: frozenset[object]) -> Operand:
        """Return a value where some are known to be above 0, and others are known not to be."""
        if x < inputs:
            return x
        op, operands = program.steps[x - inputs]
        if op is where:
            c, y, z = operands
            if c in above:
                return copied(y, above, others)
            if c in others or opposite(c) in above:
                return copied(z, above, others)
            branches = copied(y, above | {c}, others | {opposite(c)}), copied(z, above, others | {c})
            return add(where, (copied(c, above, others), *branches))
        return add(op, tuple(copied(operand, above, others) for operand in operands))

    nothing = frozenset[object]()
    return builder.program([copied(x, nothing, nothing) for x in program.outputs])


def step_of(steps: Sequence[Step], inputs: int, x: Operand) -> Step | None:
    """Return the step that makes a value; None for an input and a constant."""
    return steps[x - inputs] if type(x) is int and x >= inputs else None


def without_repeats(xs: Sequence[Operand]) -> list[Operand]:
    return list({(type(x), x): x for x in xs}.values())  # 1.0 is a constant, 1 a value


# From a program to C --------------------------------------------------------------------------------------------------

Region = tuple[tuple[int, bool], ...]
"""Where a value is computed: the choices around it, from the outermost, and the branch of each."""


class Body:
    """The statements of a C function.

    Arguments:
        program: what it returns.
        names: those of the inputs.
        spelling: of the operations.
    """

    def __init__(self, program: Program, names: Sequence[str], spelling: CSpelling) -> None:
        self.inputs, self.steps, (self.output,) = program
        self.names: dict[int, str] = dict(enumerate(names))
        self.spelling, self.temporaries = spelling, 0
        self.regions: dict[int, list[Region]] = {}  # of each textual use
        self.home: dict[int, Region] = {}  # of values that have names, the region that declares them
        self._place()

    def lines(self) -> Iterator[str]:
        yield from self._declarations(())
        yield from self._ending_with("return ", self.output)

    def _step(self, x: Operand) -> Step | None:
        return step_of(self.steps, self.inputs, x)

    # Which values have names, and where -------------------------------------------------------------------------------

    def _place(self) -> None:
        if type(self.output) is int:
            self.regions[self.output] = [()]
        used = {x for step in self.steps for x in step.operands[step.op is where :] if type(x) is int}
        self.as_values = used  # not only as conditions of choices
        for i in reversed(range(len(self.steps))):
            x, step = self.inputs + i, self.steps[i]
            uses = self.regions.get(x, [])
            if not uses:
                continue
            common = _common(uses)
            repeats = len(uses) > 1
            if repeats and self._calls(x) and common not in uses and len(uses) == 2:
                repeats = False  # in two branches of which at most one is taken: written in both
            elif repeats:
                uses = [common]
            if repeats:
                self.home[x] = common
            for operand, region in self._textual_uses(x, step):
                if type(operand) is int:
                    self.regions.setdefault(operand, []).extend([use + region for use in uses])
        # A choice with declarations in a branch is a statement.
        for region in [*self.home.values()]:
            for depth, (choice, _) in enumerate(region):
                self.home.setdefault(choice, region[:depth])

    def _textual_uses(self, x: int, step: Step) -> Iterator[tuple[Operand, Region]]:
        if step.op is where:
            c, y, z = step.operands
            yield from ((operand, ()) for operand in self._compared(c))
            yield y, ((x, True),)
            yield z, ((x, False),)
        else:
            row = spelling_of(step.op)
            fields = [field for _, field, _, _ in Formatter().parse(row.c) if field]
            yield from ((step.operands[row.operands.index(field)], ()) for field in fields)

    def _calls(self, x: Operand) -> bool:
        """Return True if a value takes a call of the C library: more than some arithmetic."""
        step = self._step(x)
        if step is None:
            return False
        cell = spelling_of(step.op).c
        return ("(" in cell and "builtin" not in cell) or any(map(self._calls, step.operands))

    def _compared(self, c: Operand) -> tuple[Operand, ...]:
        """Return what is compared for a condition: x and y for x - y > 0, x for x > 0 and -x > 0."""
        step = self._step(c)
        if step and step.op.name == "neg":
            return self._compared(step.operands[0])
        if step is None or step.op.name != "sub":
            return (c,)
        simple = all(self._step(x) is None for x in step.operands)
        return step.operands if simple or c not in self.as_values else (c,)

    # Writing ----------------------------------------------------------------------------------------------------------

    def _declarations(self, region: Region) -> Iterator[str]:
        for x in sorted(x for x, home in self.home.items() if home == region):
            step = self._step(x)
            assert step is not None
            branches = [(*region, (int(x), taken)) for taken in (True, False)]
            if any(branch == home[: len(branch)] for branch in branches for home in self.home.values()):
                name = self._new_name()
                yield f"double {name};"
                for branch, operand in zip(branches, step.operands[1:]):
                    yield f"if ({self._condition(step.operands[0])}) {{" if branch[-1][1] else "} else {"
                    yield from self._declarations(branch)
                    yield from self._ending_with(f"{name} = ", operand)
                yield "}"
                self.names[x] = name
            else:
                text = self._operation(step)[0]
                self.names[x] = self._new_name()
                yield from _broken(f"const double {self.names[x]} = ", text)

    def _new_name(self) -> str:
        self.temporaries += 1
        return f"t{self.temporaries}"

    def _ending_with(self, start: str, x: Operand) -> Iterator[str]:
        yield from _broken(start, self._text(x))

    def _text(self, x: Operand, needed: int = CHOICE) -> str:
        """Return a value as an expression, in parentheses if it binds less than needed."""
        if type(x) is float:
            text = literal(x)
            return text[1:-1] if text.startswith("(") and needed <= SIGN else text
        if x in self.names:
            return self.names[int(x)]
        step = self._step(x)
        assert step is not None
        text, strength = self._operation(step)
        return text if strength >= needed else f"({text})"

    def _operation(self, step: Step) -> tuple[str, int]:
        op, operands = step
        if op is where:
            c, x, y = operands
            return f"{self._condition(c)} ? {self._text(x, COMPARISON)} : {self._text(y)}", CHOICE
        strength, needed = STRENGTHS.get(op.name, (ATOM, (ATOM,) * len(operands)))
        cell = spelling_of(op).c
        if re.fullmatch(r"\w+\([^()]*\)", cell):
            needed = (CHOICE,) * len(operands)
        elif op.name not in STRENGTHS:
            strength = CHOICE
        texts = [self._text(x, n) for x, n in zip(operands, needed)]
        if strength in (SUM, PRODUCT) and texts[1].startswith("-"):
            texts[1] = f"({texts[1]})"
        text = self.spelling.expression(op, texts, None).replace("__builtin_", "")
        for constant in (t for x, t in zip(operands, texts) if type(x) is float):
            text = text.replace(f" || {constant} != {constant}", "")  # it is not nan
        return text, strength

    def _condition(self, c: Operand) -> str:
        compared, sign = self._compared(c), ">"
        step = self._step(c)
        while step and step.op.name == "neg":
            sign = "<" if sign == ">" else ">"
            step = self._step(step.operands[0])
        x, y = compared if len(compared) == 2 else (compared[0], 0.0)
        if type(x) is float:
            x, y, sign = y, x, "<" if sign == ">" else ">"
        return f"{self._text(x, SUM)} {sign} {self._text(y, SUM)}"


def _common(regions: Sequence[Region]) -> Region:
    """Return the innermost region around all of these."""
    first, last = min(regions), max(regions)
    depth = 0
    while depth < min(len(first), len(last)) and first[depth] == last[depth]:
        depth += 1
    return first[:depth]


def _broken(start: str, text: str) -> Iterator[str]:
    """Yield a statement, a long one in a line for each case of its choices."""
    line = f"{start}{text};"
    if len(line) <= WIDTH or " : " not in line:
        yield line
        return
    first, *others = re.split(r" (?=: )", line)
    yield first
    yield from (f"    {other}" for other in others)


# The file -------------------------------------------------------------------------------------------------------------


def parameters(op: Op) -> list[str]:
    """Return the names of a row's operands in C, filled up to `PLACES`."""
    names = list(op.__signature__.parameters)
    return [*names, *(name for name in "xyw" if name not in names)][:PLACES]


def functions(op: Op, spelling: CSpelling) -> Iterator[str]:
    """Yield the C functions of a row."""
    if op.variadic:
        return
    names = parameters(op)
    operands = names[: len(op.rules)]
    if op.name not in PYTHON_COMPUTES:
        yield from function(f"{op.name}_computes", names, Body(function_of(op), operands, spelling))
    for place, rule in enumerate(op.rules):
        if rule is not None:
            body = Body(rule_of(op, place), ["g", "z", *operands], spelling)
            yield from function(f"{op.name}_pulls_{names[place]}", ["g", "z", *names], body)


def function(name: str, names: Sequence[str], body: Body) -> Iterator[str]:
    yield f"static double {name}({', '.join(f'double {x}' for x in names)})"
    yield "{"
    depth = 1
    for line in body.lines():
        depth -= line.startswith("}")
        yield "    " * depth + line
        depth += line.endswith("{")
    yield "}"


def row(op: Op) -> str:
    """Return the initializer of a row of ROWS."""
    names = parameters(op)
    pulls = ["NULL" if rule is None else f"{op.name}_pulls_{x}" for x, rule in zip(names, op.rules)]
    if op.variadic:
        return f'    {{"{op.name}", 0, NULL, {{NULL}}}},'
    computes = "NULL" if op.name in PYTHON_COMPUTES else f"{op.name}_computes"
    return f'    {{"{op.name}", {len(op.rules)}, {computes}, {{{", ".join(pulls)}}}}},'


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
            written += [f"/* {op.name}: {op.read(*parameters(op)[: len(op.rules)])} */", "", *lines, ""]
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
        undefined="\n".join(f"#undef {name}" for name in builtins),
    )
    return head + "\n".join(written) + "\n" + tail


if __name__ == "__main__":
    RULES.write_text(rules())
    print("wrote", RULES)
