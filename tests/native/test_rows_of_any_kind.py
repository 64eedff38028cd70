"""Rows that the table may have one day: the core is built for a table with one of each kind, and does as Python.

Kinds are: the number of operands, which of them have no rule (`None`), and a rule for any number of operands. All of
them are added to a copy of the package, once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from core_builds import build, copied, environment
from make_rules import PLACES
from needs import need_a_build
from two_engines import NATIVE, PURE, need_core

OPERANDS = "xyuvw"[: PLACES + 2]


def rows() -> Iterator[str]:
    """Yield rows of `ops.py`; each rule has another factor, and its own operand, so that none can stand for another."""
    for n in range(1, len(OPERANDS) + 1):
        names = OPERANDS[:n]
        for has_rule in product((1, 0), repeat=n):
            rules = [f"lambda g, z, {', '.join(names)}: g * ({i}.5 * z - {x})" for i, x in enumerate(names)]
            written = ", ".join(rule if there else "None" for rule, there in zip(rules, has_rule))
            places = ", ".join(["{}"] * n)
            name = "kind_" + "".join(map(str, has_rule))
            yield f'Op("{name}({places})", lambda {", ".join(names)}: {" * ".join(names)}, {written})'
    yield 'Op("kind_any([{}])", lambda *xs: dot(xs, xs), lambda g, z, *xs: [g * 2 * x for x in xs], variadic=True)'


COMPARED = """
import gc, sys, itertools, random
from autograd import Value, engine, grad, ops
assert "autograd/ops.py" in ops.__file__.replace("\\\\", "/") and engine.NATIVE == (sys.argv[1] == "native")
numbers = random.Random(1)
kinds = [op for name, op in ops.TABLE.items() if name.startswith("kind_")]
for op in kinds:
    n = op.arity or 3
    for constant in [*itertools.product((False, True), repeat=n)][:-1]:  # at least one is a Value
        leaves = [Value(numbers.uniform(-2, 2)) for _ in range(n)]
        operands = [v.data if is_constant else v for v, is_constant in zip(leaves, constant)]
        y = op(*([operands] if op.variadic else operands))
        (y * y).backward(3.0)
        seen = [y.data, y.grad, [v.grad for v in leaves]]
        y._backward()
        seen += [engine.local_gradients(y), [v.grad for v in leaves], grad(y, leaves)]
        for v in leaves:
            v.data = 0.5
        seen.append(y.forward().data)
        print(op.name, constant, seen)
    x = Value(0.75)
    y = op(*([[x, x]] if op.variadic else [x] * n))
    y.backward()
    method = "" if op.variadic else getattr(x, op.name)(*[x] * (n - 1)).data
    print(op.name, "of one Value", y.data, x.grad, method)
    if engine.NATIVE and not op.variadic:  # what is computed by rules in Python is the garbage collector's, too
        assert gc.is_tracked(y) == (n > int(sys.argv[2])), op
print(len(kinds))
"""


GENERATED = "import make_rules; make_rules.RULES.write_text(make_rules.rules())\n"


@pytest.fixture
def copy_with_rows(tmp_path: Path) -> Path:
    """Return the folder of a copy of the package with these rows, without a core."""
    need_core()
    need_a_build()
    copy = copied(tmp_path)
    table, spelling = copy / "autograd/ops.py", copy / "autograd/codegen/spelling.py"
    end = "BUILT_IN.update(TABLE)\n"
    before, found, after = table.read_text(encoding="utf-8").partition(end)
    assert found and not after
    table.write_text(before + "".join(f"{row}\n" for row in rows()) + end, encoding="utf-8")
    with spelling.open("a", encoding="utf-8") as file:
        file.write(
            "for _op in ops.TABLE.values():\n"
            "    if _op.name.startswith('kind_'):\n"
            "        SPELLINGS[_op.name] = SpellingRow(_op, formula=_op.function)\n"
        )
    return copy


@pytest.mark.campaign
def test_rows_of_any_kind_do_in_c_what_they_do_in_python(copy_with_rows: Path) -> None:
    def said(script: str, name: str, variables: dict[str, str]) -> list[str]:
        path = os.pathsep.join([str(copy_with_rows), str(copy_with_rows / "tests")])
        return subprocess.check_output(
            [sys.executable, "-X", "faulthandler", "-c", script, name, str(PLACES)],
            env=environment(**{"PYTHONPATH": path, "AUTOGRAD_REQUIRE_NATIVE": "", **variables}),
            cwd=copy_with_rows,
            text=True,
        ).splitlines()

    in_python = said(GENERATED + COMPARED, "pure", PURE)
    build(copy_with_rows, CFLAGS="-O0", LD_PRELOAD="")
    assert said(COMPARED, "native", NATIVE) == in_python
    assert in_python[-1] == str(len([*rows()]))
